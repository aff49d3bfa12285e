//! Who has access to what, and how it ends.

use nave_sim::SimConfig;
use nave_tests::http;
use nave_tests::project::Project;
use nave_tests::systems::Crm;
use serde_json::Value;

use super::contacts::connect_crm;

fn lines(answer: &Value) -> Vec<(String, String, String)> {
    let text = |line: &Value, name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let all = answer["access"].as_array().expect("lines");
    all.iter().map(|line| (text(line, "who"), text(line, "what"), text(line, "name"))).collect()
}

#[test]
fn access_is_listed_reviewed_and_ends_with_a_reason() {
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(5) });
    let project = Project::init();
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.tell(&["secret", "set", "spare"], "n0body-needs-it");
    let token = project.json(&["token", "reset", "ann"])["token"].as_str().expect("a token").to_owned();
    project.ok(&["connection", "check", "crm"]);

    let all = project.json(&["access", "list"]);
    let found = lines(&all);
    let has = |who: &str, what: &str, name: &str| {
        found.iter().any(|(one, kind, known)| one.starts_with(who) && kind == what && known == name)
    };
    assert!(has("local:", "secret", "crm") && has("ann", "token", "ann") && has("plugin:hubspot", "connection", "crm"), "{all}");
    let secret =
        all["access"].as_array().expect("lines").iter().find(|line| line["what"] == "secret" && line["name"] == "crm").cloned();
    let secret = secret.expect("the secret");
    assert_eq!((&secret["connections"], &secret["fix"]), (&serde_json::json!(["crm"]), &"nave secret rotate crm".into()));
    assert!(secret["reasons"].to_string().contains("a simulated system") && secret["last-used"].is_string(), "{secret}");
    assert!(!all.to_string().contains(&token) && !all.to_string().contains("n0body"), "no secret is in it");

    let me = secret["who"].as_str().expect("somebody").trim_start_matches("local:").to_owned();
    let leaver = lines(&project.json(&["access", "leaver", &me]));
    let names: Vec<&str> = leaver.iter().map(|(_, _, name)| name.as_str()).collect();
    assert!(names.contains(&"crm") && names.contains(&"spare") && !names.contains(&"ann"), "{leaver:?}");
    assert_eq!(lines(&project.json(&["access", "leaver", "nobody"])), []);

    let review = project.json(&["access", "review"]);
    assert!(lines(&review).iter().any(|(_, _, name)| name == "spare") && review["reviewed-at"].is_null(), "{review}");
    assert_eq!(project.run(&["access", "review", "--done"]).code, Some(2), "not without a word");
    let done = project.json(&["access", "review", "--done", "--reason", "looked"]);
    assert!(done["reviewed-at"].is_string(), "{done}");

    for (what, name) in [("secret", "crm"), ("token", "ann")] {
        assert_eq!(project.run(&["access", "revoke", what, name]).code, Some(2), "no reason, no end");
    }
    project.ok(&["connection", "check", "crm"]);
    let serving = project.serve();
    let header = format!("Bearer {token}");
    let asked =
        || http::request(serving.addr, "GET", "/v1/whoami", &[("authorization", &header)], None).expect("an answer").status;
    assert_eq!(asked(), 200);
    project.ok(&["access", "revoke", "token", "ann", "--reason", "left"]);
    assert_eq!(asked(), 401, "the next use is refused");
    project.ok(&["access", "revoke", "secret", "crm", "--reason", "left"]);
    let refused = project.run(&["connection", "check", "crm"]);
    assert!(refused.code != Some(0) && refused.out.contains("net.secret-missing"), "{refused:?}");
    let audit = project.json(&["audit", "--limit", "50"]).to_string();
    assert!(audit.contains("access.revoked") && audit.contains("access.reviewed"), "{audit}");
    assert_eq!(project.run(&["access", "revoke", "secret", "crm", "--reason", "left"]).code, Some(2), "it is gone");
    serving.stop();
}
