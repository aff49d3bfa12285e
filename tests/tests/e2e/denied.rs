//! I10: what was not granted is refused with a type, and the audit says which grant would allow it.

use nave_sim::SimConfig;
use nave_tests::project::Project;
use nave_tests::systems::{Clock, Crm, Drop, System};
use serde_json::Value;

use super::contacts::connect_crm;

fn audit(project: &Project) -> Vec<Value> {
    let answer = project.json(&["audit", "--limit", "200"]);
    answer["entries"].as_array().cloned().unwrap_or_default()
}

/// A connector that tries something, under a connection's file that was changed by `change`.
#[track_caller]
fn check(change: impl Fn(&str) -> String, function: &[&str], code: &str, grant: &str) {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 3, ..SimConfig::new(5) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    let before = project.read("connections/crm.toml");
    let changed = change(&before);
    assert_ne!(before, changed, "the change must change something");
    project.write("connections/crm.toml", &changed);
    let requests = crm.sim().expect("a simulator").last_request();
    let mut arguments = vec!["plugin", "call", "crm"];
    arguments.extend(function);
    let ran = project.run(&arguments);
    assert_ne!(ran.code, Some(0), "it must be refused: {ran:?}");
    assert!(ran.out.contains(grant) || ran.err.contains(grant), "the answer names the grant `{grant}`: {ran:?}");
    let lines = audit(&project);
    let line = lines.iter().find(|line| line["action"] == code).unwrap_or_else(|| panic!("no `{code}` in the audit: {lines:?}"));
    assert!(line["detail"].as_str().unwrap_or_default().contains(grant), "the audit names the grant `{grant}`: {line}");
    let sim = crm.sim().expect("a simulator");
    let sent = sim.control("GET", &format!("/_sim/requests?since={requests}"), None);
    assert_eq!(sent["requests"], serde_json::json!([]), "nothing may be sent");
}

/// Takes a table, header to next header, out of a file.
pub(super) fn without(text: &str, header: &str) -> String {
    let mut skipping = false;
    let keep = |line: &&str| {
        if line.starts_with('[') {
            skipping = line.starts_with(header);
        }
        !skipping
    };
    text.lines().filter(keep).map(|line| format!("{line}\n")).collect()
}

#[test]
fn a_host_that_was_not_granted() {
    check(|text| without(text, "[grants.endpoints.api]"), &["check"], "net.denied", "grants.endpoints.api");
}

#[test]
fn a_method_that_was_not_granted() {
    let narrow = |text: &str| text.replace("paths = [\"/crm/v3/objects\"]", "paths = [\"/crm/v3/objects/nothing\"]");
    check(narrow, &["check"], "net.method-denied", "grants.endpoints.api");
}

#[test]
fn writing_where_only_reading_was_granted() {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 3, ..SimConfig::new(5) });
    let folder = project.dir().parent().expect("a folder").join("exports");
    let mut drop = Drop::start("drop", folder.clone(), &["LastName", "Email"], Clock::default());
    drop.create(&[("LastName".to_owned(), "Lee".to_owned()), ("Email".to_owned(), "lee@example.org".to_owned())].into());
    project.install("hubspot");
    project.install("files");
    connect_crm(&project, &crm);
    project.connect_drop("drop", &folder);
    let table = |remote: &str, canonical: &str, rest: &str| {
        format!("\n[[field]]\nremote = {remote:?}\ncanonical = {canonical:?}\n{rest}\n")
    };
    let head = |name: &str, rest: &str| {
        format!("connection = {name:?}\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n{rest}\n")
    };
    let both = "direction = \"out\"";
    let crm_toml = head("crm", "marker = \"properties.nave_id\"\n[flow.out]\n") + &table("properties.email", "email", both);
    let drop_toml = head("drop", "[flow.in]\n") + &table("Email", "email", "direction = \"in\"");
    project.write("mappings/crm.toml", &crm_toml);
    project.write("mappings/drop.toml", &drop_toml);
    project.write("connections/crm.toml", &format!("{}read-only = true\n", project.read("connections/crm.toml")));
    project.agree();
    let before = crm.show().len();
    let ran = project.run(&["sync"]);
    let lines = audit(&project);
    let line = lines
        .iter()
        .find(|line| line["action"] == "net.read-only")
        .unwrap_or_else(|| panic!("not in the audit: {lines:?}\n{ran:?}"));
    assert!(line["detail"].as_str().unwrap_or_default().contains("grants.endpoints.api"), "{line}");
    assert_eq!(crm.show().len(), before, "nothing was made");
}

#[test]
fn a_private_network_that_was_not_granted() {
    let public = |text: &str| {
        text.lines().filter(|line| !line.starts_with("networks")).map(|line| format!("{line}\n")).collect::<String>()
    };
    check(public, &["check"], "net.address-denied", "networks");
}

/// The address stands twice in a connection's file: the grant's counts, and a setting that says otherwise is told.
#[test]
fn a_setting_that_names_another_address_than_the_grant() {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 3, ..SimConfig::new(5) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    assert!(!project.ok(&["connection", "check", "crm"]).out.contains("is not used"));
    let text = project.read("connections/crm.toml");
    let elsewhere =
        |line: &str| if line.starts_with("url = ") { "url = \"https://elsewhere.test\"" } else { line }.to_owned() + "\n";
    project.write("connections/crm.toml", &text.lines().map(elsewhere).collect::<String>());
    for command in [&["mapping", "lint"][..], &["connection", "check", "crm"]] {
        let said = project.ok(command);
        assert!(said.out.contains("`settings.url` is not used") && said.out.contains("elsewhere.test"), "{said:?}");
    }
}
