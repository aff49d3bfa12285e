//! A secret is bound to the host that it was given for: an edited file holds the connection until somebody approves.

use nave_sim::SimConfig;
use nave_tests::project::Project;
use nave_tests::systems::{Crm, System};

use super::contacts::connect_crm;

const FIELD: &str = "[[field]]\nremote = \"properties.email\"\ncanonical = \"email\"\ndirection = \"in\"\n";

fn sim(name: &str) -> Crm {
    Crm::start(name, SimConfig { records: 2, ..SimConfig::new(5) })
}

fn address(crm: &Crm) -> String {
    crm.sim().expect("a simulator").running.base_url()
}

fn asked(crm: &Crm) -> u64 {
    crm.sim().expect("a simulator").last_request()
}

/// A connected CRM, and another that the secret was not given for; then `change` makes a file of the first one's.
#[track_caller]
fn check(change: impl Fn(&Project, &str, &str), connection: &str) {
    let project = Project::init();
    let (crm, other) = (sim("crm"), sim("other"));
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.ok(&["connection", "check", "crm"]);
    assert_eq!(project.json(&["connection", "approve"])["held"], serde_json::json!([]), "adding it has said where");
    let (before, file) = (asked(&other), project.read("connections/crm.toml"));
    change(&project, &address(&crm), &address(&other));

    project.write(
        "mappings/work.toml",
        &format!(
            "connection = {connection:?}\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.in]\n{FIELD}"
        ),
    );
    let approve = format!("nave connection approve {connection}");
    let says = |arguments: &[&str]| {
        let ran = project.run(arguments);
        let all = format!("{}{}", ran.out, ran.err);
        assert!(all.contains(&approve), "`nave {}` says what to type: {ran:?}", arguments.join(" "));
        assert!(all.contains(&address(&crm)) && all.contains(&address(&other)), "and what changed: {ran:?}");
        ran.code
    };
    assert_eq!(says(&["connection", "check", connection]), Some(4));
    assert_eq!(says(&["doctor"]), Some(1));
    assert_eq!(says(&["mapping", "lint"]), Some(0));
    assert_eq!(says(&["plan"]), Some(0));
    assert_eq!(says(&["sync"]), Some(1));
    let refused = project.run(&["connection", "approve", connection]);
    assert_eq!(refused.code, Some(4), "nobody has approved: {refused:?}");
    // A new version of the secret is not given for more than the one before.
    let token = project.dir().parent().expect("a folder").join("token.txt");
    std::fs::write(&token, &crm.sim().expect("a simulator").running.credential.token).expect("a token");
    project.ok(&["secret", "set", "crm", "--from-file", &token.display().to_string()]);
    assert_eq!(says(&["connection", "check", connection]), Some(4));
    assert_eq!(asked(&other), before, "nothing was sent");

    project.ok(&["connection", "approve", connection, "--yes"]);
    project.run(&["connection", "check", connection]);
    assert!(asked(&other) > before, "what was approved is sent");
    let audit = project.json(&["audit", "--limit", "200"])["entries"].to_string();
    assert!(audit.contains("secret.given") && audit.contains(&address(&other)), "{audit}");
    // A host that nobody uses any more is forgotten; the other connection's stays.
    project.write("connections/crm.toml", &file);
    let back = project.run(&["connection", "check", "crm"]);
    assert_eq!(back.code, Some(if connection == "crm" { 4 } else { 0 }), "{back:?}");
}

#[test]
fn a_host_that_was_changed_by_hand() {
    check(
        |project, from, to| project.write("connections/crm.toml", &project.read("connections/crm.toml").replace(from, to)),
        "crm",
    );
}

#[test]
fn another_connection_that_names_the_secret() {
    let copy = |project: &Project, from: &str, to: &str| {
        project.write("connections/thief.toml", &project.read("connections/crm.toml").replace(from, to));
    };
    check(copy, "thief");
}

/// A secret that is stored when its connection is there already goes where that sends it; one that nobody gave is held.
#[test]
fn a_connection_written_by_hand() {
    let project = Project::init();
    let crm = sim("crm");
    project.install("hubspot");
    connect_crm(&project, &crm);
    let token = project.dir().parent().expect("a folder").join("token.txt");
    std::fs::write(&token, &crm.sim().expect("a simulator").running.credential.token).expect("a token");
    let file = project.read("connections/crm.toml");
    project.write("connections/mine.toml", &file.replace("secret = \"crm\"", "secret = \"mine\""));
    let stored = project.ok(&["secret", "set", "mine", "--from-file", &token.display().to_string()]);
    assert!(stored.out.contains(&format!("It may go to {} and nowhere else", address(&crm))), "{stored:?}");
    project.ok(&["connection", "check", "mine"]);

    project.ok(&["secret", "set", "early", "--from-file", &token.display().to_string()]);
    project.write("connections/late.toml", &file.replace("secret = \"crm\"", "secret = \"early\""));
    let held = project.run(&["connection", "check", "late"]);
    assert!(held.code == Some(4) && held.out.contains("was never given for any host"), "{held:?}");
    project.ok(&["connection", "approve", "--yes"]);
    project.ok(&["connection", "check", "late"]);
}
