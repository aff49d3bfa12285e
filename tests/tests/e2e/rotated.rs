//! Secrets that are replaced while they are used, a drill with a stolen one, and lists of who may call.

use nave_sim::SimConfig;
use nave_tests::http;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Crm, System};
use serde_json::Value;

use super::contacts::connect_crm;

fn connected() -> (Project, Crm) {
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(5) });
    let project = Project::init();
    project.install("hubspot");
    connect_crm(&project, &crm);
    (project, crm)
}

fn secret(project: &Project) -> Value {
    project.json(&["secret", "list"])["secrets"][0].clone()
}

fn rotation(project: &Project) -> String {
    secret(project)["rotation"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn a_secret_is_replaced_once_the_new_one_has_worked() {
    let (project, crm) = connected();
    let token = crm.sim().expect("a simulator").running.credential.token.clone();
    project.ok(&["connection", "check", "crm"]);
    assert_eq!(secret(&project)["version"], 1);
    // A wrong one: no call fails, and somebody is told.
    project.tell(&["secret", "rotate", "crm", "--from-file", "-"], "a-wr0ng-token");
    assert!(rotation(&project).contains("waits"), "{}", rotation(&project));
    project.ok(&["connection", "check", "crm"]);
    let said = rotation(&project);
    assert!(said.contains("was refused") && said.contains("401") && !said.contains("wr0ng"), "{said}");
    assert_eq!(secret(&project)["version"], 1, "the old one stays");
    let serving = project.serve();
    until("it is told", || {
        let alerts = project.json(&["alert", "list"])["alerts"].clone();
        alerts.as_array()?.iter().any(|alert| alert["kind"] == "rotation-refused" && alert["subject"] == "crm").then_some(())
    });
    serving.stop();
    // A good one takes its place.
    project.tell(&["secret", "rotate", "crm", "--from-file", "-"], &token);
    project.ok(&["connection", "check", "crm"]);
    assert!(rotation(&project).starts_with("rotated"), "{}", rotation(&project));
    assert_eq!(secret(&project)["version"], 2);
    let audit = project.json(&["audit", "--limit", "100"]).to_string();
    for action in ["secret.rotating", "secret.not-rotated", "secret.rotated"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    assert!(!audit.contains("wr0ng") && !audit.contains(&token), "no secret is in the audit");
    let none = project.run(&["secret", "rotate", "nobody", "--from-file", "/dev/null"]);
    assert_ne!(none.code, Some(0), "{none:?}");
}

#[test]
fn a_drill_shows_what_a_thief_reaches_and_sends_nothing() {
    let (project, crm) = connected();
    let sim = crm.sim().expect("a simulator");
    let before = sim.last_request();
    let ran = project.run(&["drill", "stolen-credential", "crm"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let drill = ran.json();
    let cases = drill["cases"].as_array().expect("cases");
    assert!(cases.len() >= 6 && cases.iter().all(|case| case["passed"] == true), "{drill}");
    for code in ["net.secret-held", "net.denied", "net.bad-path", "net.not-requested", "net.header-denied"] {
        let found = |case: &Value| case["found"] == code;
        // A header is tried where a call would be allowed without it.
        assert!(code == "net.header-denied" || cases.iter().any(found), "{code}: {drill}");
    }
    let reach = drill["reach"][0].to_string();
    assert!(reach.contains("/crm/v3/objects") && reach.contains("DELETE"), "{reach}");
    assert_eq!(sim.last_request(), before, "nothing was sent");
    // Without TLS nobody is shown less: a connection that only reads reaches less.
    let file = project.read("connections/crm.toml");
    project
        .write("connections/crm.toml", &file.replacen("[grants.endpoints.api]", "[grants.endpoints.api]\nread-only = true", 1));
    let ran = project.run(&["drill", "stolen-credential", "crm"]);
    let drill = ran.json();
    let reach = drill["reach"][0]["through-the-hub"].to_string();
    assert!(ran.code == Some(0) && !reach.contains("DELETE") && !reach.contains("PATCH"), "{drill}");
    assert!(drill["cases"].to_string().contains("net.read-only"), "{drill}");
    assert_eq!(sim.last_request(), before, "nothing was sent");
    assert_eq!(project.run(&["drill", "stolen-credential", "nobody"]).code, Some(2));
}

#[test]
fn who_is_not_on_the_list_is_not_heard() {
    let (project, _crm) = connected();
    let file = project.read("connections/crm.toml");
    let toml = project.read("nave.toml");
    project.tell(&["secret", "set", "hooks"], "whsec-4e1f");
    for (networks, hook, api) in [
        ("", "its header", 401),
        ("allow-from = [\"10.0.0.0/8\"]\n", "allow-from", 403),
        ("allow-from = [\"127.0.0.1\"]\n", "its header", 401),
        ("allow-from = [\"::ffff:127.0.0.1\"]\n", "its header", 401),
    ] {
        project.write("connections/crm.toml", &format!("{file}\n[webhook]\nsecret = \"hooks\"\n{networks}"));
        project.write("nave.toml", &format!("{networks}{toml}"));
        let serving = project.serve();
        let call = |method: &str, path: &str| http::request(serving.addr, method, path, &[], None).expect("an answer").status;
        assert_eq!(call("POST", "/hooks/crm"), 401, "{networks}");
        assert_eq!(call("GET", "/v1/status"), api, "{networks}");
        // The command line comes by the local socket.
        let audit = project.json(&["audit", "--limit", "5"])["entries"].clone();
        let line =
            audit.as_array().expect("lines").iter().find(|line| line["action"] == "webhook.refused").cloned().unwrap_or_default();
        assert!(line["detail"].as_str().is_some_and(|detail| detail.contains(hook)), "{networks}: {audit}");
        serving.stop();
    }
    project.write("nave.toml", &format!("allow-from = [\"everywhere\"]\n{toml}"));
    let wrong = project.run(&["mapping", "lint"]);
    assert!(wrong.out.contains("allow-from = [\\\"203.0.113.0/24\\\"]"), "{wrong:?}");
}
