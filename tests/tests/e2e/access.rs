//! Who has access to what, and how it ends.

use nave_sim::SimConfig;
use nave_tests::http;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Books, Crm, System};
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
    let unsaid = project.run(&["token", "reset", "ann"]);
    assert!(unsaid.code == Some(2) && unsaid.out.contains("--because"), "none without a reason: {unsaid:?}");
    let token = project.json(&["token", "reset", "ann", "--because", "a wall in the office"])["token"]
        .as_str()
        .expect("a token")
        .to_owned();
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

    let hers = all["access"].as_array().expect("lines").iter().find(|line| line["what"] == "token" && line["name"] == "ann");
    assert_eq!(hers.expect("a line")["reasons"], serde_json::json!(["a wall in the office"]), "{all}");

    let me = secret["who"].as_str().expect("somebody").trim_start_matches("local:").to_owned();
    let leaver = lines(&project.json(&["access", "leaver", &me]));
    let names: Vec<&str> = leaver.iter().map(|(_, _, name)| name.as_str()).collect();
    assert!(names.contains(&"crm") && names.contains(&"spare"), "{leaver:?}");
    assert!(names.contains(&"master key"), "who worked on the machine may have read it: {leaver:?}");
    assert!(names.contains(&"ann"), "whoever made a token was shown it: {leaver:?}");
    assert_eq!(lines(&project.json(&["access", "leaver", "ann"])).len(), 1, "her token is hers too");
    let nobody = project.run(&["access", "leaver", "nobody"]);
    assert!(nobody.code == Some(2) && nobody.out.contains("ann"), "{nobody:?}");
    let removed = project.run(&["secret", "remove", "crm"]);
    assert!(removed.code == Some(2) && removed.out.contains("nave access revoke secret crm"), "{removed:?}");

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
    // What nobody uses can be told from what somebody does.
    let last = until("a use is noted", || {
        let all = project.json(&["access", "list"]);
        let hers = all["access"].as_array()?.iter().find(|line| line["what"] == "token" && line["name"] == "ann")?.clone();
        hers["last-used"].as_str().map(str::to_owned)
    });
    assert!(last.ends_with('Z'), "{last}");
    project.ok(&["access", "revoke", "token", "ann", "--reason", "left"]);
    assert_eq!(asked(), 401, "the next use is refused");
    assert!(!lines(&project.json(&["access", "list"])).iter().any(|(_, _, name)| name == "ann"), "what was revoked is no access");
    assert_eq!(lines(&project.json(&["access", "leaver", "ann"])), [], "she is known, and has nothing");
    let twice = project.run(&["access", "revoke", "token", "ann", "--reason", "left"]);
    assert!(twice.code == Some(2) && twice.out.contains("was revoked already"), "{twice:?}");
    project.ok(&["access", "revoke", "secret", "crm", "--reason", "left"]);
    let refused = project.run(&["connection", "check", "crm"]);
    assert!(refused.code != Some(0) && refused.out.contains("net.secret-missing"), "{refused:?}");
    let audit = project.json(&["audit", "--limit", "50"]).to_string();
    assert!(audit.contains("access.revoked") && audit.contains("access.reviewed"), "{audit}");
    assert_eq!(project.run(&["access", "revoke", "secret", "crm", "--reason", "left"]).code, Some(2), "it is gone");
    serving.stop();
}

/// S7.5: what a token may over there is compared with what its connection needs; what nobody says is said to be unknown.
#[test]
fn what_a_token_may_is_compared_with_what_is_needed() {
    let project = Project::init();
    let books = Books::start("books", SimConfig { records: 2, ..SimConfig::new(5) });
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(5) });
    project.install("xero");
    project.install("hubspot");
    let sim = &books.sim().expect("a simulator").running;
    let add = |plugin: &str, name: &str, sets: &[String], more: &[&str], secret: &str| {
        let mut all = vec!["connection", "add", plugin, "--name", name, "--grant-network", "127.0.0.0/8", "--insecure", "--yes"];
        all.extend(["--because", "a test", "--secret-from", "-"]);
        sets.iter().for_each(|set| all.extend(["--set", set]));
        all.extend(more);
        project.tell(&all, secret);
        for file in std::fs::read_dir(project.dir().join("mappings")).expect("a folder").flatten() {
            let _ = std::fs::remove_file(file.path());
        }
    };
    let base = sim.base_url();
    let tenant = sim.credential.tenant_id.clone().expect("an organisation");
    let sets = [format!("url={base}/api.xro/2.0"), format!("identity-url={base}"), format!("tenant={tenant}")];
    let client = format!("{}:{}", sim.credential.client_id, sim.credential.client_secret);
    let kind = ["--credential-kind", "token=oauth-client-credentials"];
    add("xero", "books", &sets, &kind, &client);
    let reading = [kind[0], kind[1], "--read-only", "--secret", "token=books"];
    add("xero", "reading", &sets, &reading, &client);
    let sim = &crm.sim().expect("a simulator").running;
    add("hubspot", "crm", &[format!("url={}", sim.base_url())], &["--read-only"], &sim.credential.token);

    let found = |answer: &Value, list: &str, name: &str| {
        let all = answer[list].as_array().unwrap_or_else(|| panic!("{answer}"));
        all.iter().find(|one| one["name"] == name).cloned().unwrap_or_else(|| panic!("no {name}: {answer}"))
    };
    let doctor = project.run(&["doctor"]).json();
    let line = |name: &str| {
        let check = found(&doctor, "checks", &format!("credential token of {name}"));
        (check["ok"] == true, check["detail"].as_str().unwrap_or_default().to_owned(), check["fix"].to_string())
    };
    let (well, detail, _) = line("books");
    assert!(well && detail.contains("accounting.contacts and accounting.transactions.read"), "{doctor}");
    let (well, detail, fix) = line("reading");
    assert!(!well && detail.contains("more than is needed: accounting.contacts, and nothing is written"), "{doctor}");
    assert!(fix.contains("read-only") && fix.contains("id:secret"), "the manifest says where it is: {doctor}");
    let (well, detail, fix) = line("crm");
    assert!(well && detail.contains("may write as far as the hub knows"), "a note: {doctor}");
    assert!(fix.contains("a read-only token, with the scopes crm.objects.contacts.read"), "{doctor}");

    let key = found(&doctor, "checks", "master key");
    assert!(key["ok"] == true && key["detail"].as_str().is_some_and(|text| text.starts_with("0 days old")), "{doctor}");

    // Kept from the check to the review, which asks nobody.
    let review = project.json(&["access", "review"]);
    let findings = |name: &str| found(&review, "access", name)["findings"].to_string();
    assert!(findings("reading").contains("more than is needed: accounting.contacts"), "{review}");
    assert!(!findings("books").contains("`token`"), "{review}");
    assert!(findings("crm").contains("nobody says what it may over there"), "{review}");
    let check = project.json(&["connection", "check", "reading"]);
    assert!(check["warnings"].to_string().contains("more than is needed: accounting.contacts"), "{check}");
}

/// S7.13: what was granted says when it was used last, in the register too, and can go by name. Nothing is unused that was granted just now.
#[test]
fn what_was_granted_and_is_not_used_can_go() {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(5) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    let uses = || {
        let answer = project.json(&["plugin", "grants", "crm"]);
        let uses = answer["connections"][0]["uses"].as_array().cloned().unwrap_or_else(|| panic!("{answer}"));
        let line = |one: &Value| format!("{} {}", one["what"].as_str().unwrap_or_default(), one["last_used"].is_null());
        assert!(uses.iter().all(|one| one["unused"] == false && one["unused_days"] == 0 && one["since"].is_string()), "{answer}");
        uses.iter().map(line).collect::<Vec<_>>()
    };
    // Somebody granted it more than it uses.
    let file = project.read("connections/crm.toml");
    let more = "[grants.endpoints.token]\nbase = \"https://api.hubapi.com\"\n";
    project.write("connections/crm.toml", &format!("{file}\n{more}"));
    assert_eq!(uses(), ["endpoint api true", "endpoint token true", "secret token true"], "nothing was asked yet");
    project.ok(&["connection", "check", "crm"]);
    assert_eq!(uses(), ["endpoint api false", "endpoint token true", "secret token false"]);
    // The register has a line for each, with what takes it away; there is nothing to look at yet.
    let all = project.json(&["access", "list"]);
    let line = |name: &str| {
        let all = all["access"].as_array().expect("lines");
        all.iter().find(|line| line["what"] == "grant" && line["name"] == name).cloned().unwrap_or_else(|| panic!("{all:?}"))
    };
    let (used, never) = (line("crm/endpoint api"), line("crm/endpoint token"));
    assert!(used["last-used"].is_string() && never["last-used"].is_null() && never["since"].is_string(), "{all}");
    assert_eq!(never["fix"], "nave access revoke grant 'crm/endpoint token' --reason TEXT");
    assert_eq!((&never["findings"], &line("crm/secret token")["unused-days"]), (&serde_json::json!([]), &0.into()));
    assert!(!lines(&project.json(&["access", "review"])).iter().any(|(_, what, _)| what == "grant"));
    // It goes by name, with a reason, and nothing else with it.
    let refused = project.run(&["access", "revoke", "grant", "crm/endpoint token"]);
    assert!(refused.code == Some(2) && refused.out.contains("--reason"), "{refused:?}");
    let unknown = project.run(&["access", "revoke", "grant", "crm/endpoint other", "--reason", "a test"]);
    assert!(unknown.out.contains("was not granted `endpoint other`"), "{unknown:?}");
    project.ok(&["access", "revoke", "grant", "crm/endpoint token", "--reason", "it was never used"]);
    assert_eq!(uses(), ["endpoint api false", "secret token false"]);
    assert_eq!(project.read("connections/crm.toml").trim(), file.trim(), "the rest of the file is as it was");
    let audit = project.json(&["audit", "--limit", "5"]).to_string();
    assert!(
        audit.contains("access.revoked") && audit.contains("it was never used") && audit.contains("grant crm/endpoint token"),
        "{audit}"
    );
    // A folder, as well; and while the hub serves.
    project.install("files");
    project.connect_drop("drop", std::path::Path::new("exports"));
    let drop = || project.json(&["plugin", "grants", "drop"])["connections"][0]["uses"][0].clone();
    assert_eq!((drop()["what"].clone(), drop()["last_used"].clone()), ("folder drop".into(), Value::Null));
    let serving = project.serve();
    project.ok(&["connection", "check", "drop"]);
    assert!(drop()["last_used"].is_string());

    // From its page: first a question, then the deed with its reason.
    let bearer = format!("Bearer {}", serving.token.as_deref().expect("the first token"));
    let headers = [("authorization", bearer.as_str())];
    let page = http::request(serving.addr, "GET", "/connections/drop", &headers, None).expect("a page");
    assert!(page.text.contains("Revoke folder drop") && page.text.contains("Used last"), "{}", page.text);
    let asked = http::form(serving.addr, "/connections/drop/revoke", &headers, &[("what", "folder drop")]).expect("a page");
    assert!(asked.status == 200 && asked.text.contains("Revoke it") && drop()["what"] == "folder drop", "{}", asked.text);
    let mut sure = vec![("what", "folder drop"), ("sure", "yes")];
    let refused = http::form(serving.addr, "/connections/drop/revoke", &headers, &sure).expect("a page");
    assert!(refused.text.contains("reason") && drop()["what"] == "folder drop", "{}", refused.text);
    sure.push(("reason", "the exports are over"));
    let done = http::form(serving.addr, "/connections/drop/revoke", &headers, &sure).expect("a page");
    assert_eq!((done.status, drop()), (303, Value::Null), "{}", done.text);
    assert!(!project.read("connections/drop.toml").contains("exports"));
    let audit = project.json(&["audit", "--limit", "5"]).to_string();
    assert!(audit.contains("the exports are over") && audit.contains("admin"), "{audit}");
    serving.stop();

    // Nothing is granted without a reason, and the reason is in the audit.
    let add = ["connection", "add", "files", "--name", "again", "--folder", "drop=again", "--yes"];
    for silent in [&[][..], &["--reason", "  "]] {
        let refused = project.run(&[&add[..], silent].concat());
        assert!(refused.code == Some(4) && refused.out.contains("--reason TEXT"), "{refused:?}");
        assert!(!project.dir().join("connections/again.toml").exists(), "nothing was written");
    }
    project.tell(&[&add[..], &["--reason", "for the auditors"]].concat(), "");
    let audit = project.json(&["audit", "--limit", "5"]).to_string();
    assert!(audit.contains("files: for the auditors"), "{audit}");
}

/// S7.12: how old a secret may become is the project's own policy.
#[test]
fn the_age_of_credentials_is_a_policy() {
    let project = Project::init();
    project.write("nave.toml", &format!("credential-age = \"180d\"\n{}", project.read("nave.toml")));
    project.ok(&["mapping", "lint"]);
    project.write("nave.toml", &project.read("nave.toml").replace("180d", "soon"));
    let refused = project.run(&["mapping", "lint"]);
    assert!(refused.code != Some(0) && refused.out.contains("bad-duration"), "{refused:?}");
}
