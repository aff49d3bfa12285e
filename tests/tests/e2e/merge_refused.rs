//! A permission is taken away in one system while two records are merged: the merge is `partial`, the command says so and does not
//! exit as if all were well, whoever watches is told, and once the permission is back it is gone on with (S4.17).

use nave_tests::project::until;
use serde_json::{Value, json};

use super::unmerge::{Two, outcomes};

/// What a system does while the merge is told to it, and how the merge stands then.
struct Case {
    /// In which system.
    system: &'static str,
    /// What goes wrong.
    fault: Value,
    /// How the command ends.
    exit: i32,
    /// How the merge stands.
    state: &'static str,
    /// What the system's steps say.
    says: &'static str,
}

fn alerts(two: &Two) -> Vec<String> {
    let listed = two.project.json(&["alert", "list"]);
    let lines = listed["alerts"].as_array().cloned().unwrap_or_default();
    let of = lines.iter().filter(|line| line["kind"] == "merge-partial");
    of.map(|line| format!("{} {}", line["what"], line["fix"])).collect()
}

#[track_caller]
fn check(case: &Case) {
    let two = Two::start();
    let about = format!("{} {}", case.system, case.fault);
    let sim = if case.system == "crm" { &two.crm } else { &two.books };
    sim.fault(case.fault.clone());
    let ran = two.project.run(&["match", "merge", "contact/1", "contact/2", "--reason", "the same person"]);
    let merge = ran.json();
    assert_eq!((ran.code, merge["state"].as_str()), (Some(case.exit), Some(case.state)), "{about}: {merge:#}");
    let steps = merge["steps"].as_array().cloned().unwrap_or_default();
    let mut open = steps.iter().filter(|step| step["outcome"] != "done");
    assert!(open.clone().all(|step| step["connection"] == case.system), "{about}: the other is told: {merge:#}");
    assert!(
        open.any(|step| step["detail"].as_str().unwrap_or_default().contains(case.says)),
        "{about}: {:?} {merge:#}",
        outcomes(&merge)
    );
    // In words, for who types it: what to do, and what to type then.
    let mut words = std::process::Command::new(nave_tests::binary::nave());
    words.arg("--dir").arg(two.project.dir()).args(["match", "merges", "show", "1"]);
    let said = String::from_utf8(words.output().expect("nave runs").stdout).expect("text");
    let stuck = said.contains("`nave match merges resume 1`");
    assert_eq!(stuck, case.state == "partial", "{about}: {said}");

    if stuck {
        let serving = two.project.serve();
        let told = until("an alert", || Some(alerts(&two)).filter(|told| !told.is_empty()));
        assert!(told[0].contains(case.says) && told[0].contains("nave match merges show 1"), "{about}: {told:?}");
        serving.stop();
    }
    sim.fault(json!({ "switch": case.fault["switch"], "on": false }));
    if stuck {
        let merge = two.project.run(&["match", "merges", "resume", "1"]);
        assert_eq!((merge.code, merge.json()["state"].as_str()), (Some(0), Some("done")), "{about}: {merge:?}");
    }
    two.settle();
    let merge = two.project.json(&["match", "merges", "show", "1"]);
    assert_eq!(merge["state"], "done", "{about}: {merge:#}");
    let there = two.there();
    assert_eq!(there["crm"], ["Augusta King king@y.example Countess "], "{about}: {there:#?}");
    assert_eq!(there["books"], ["Augusta King Augusta King king@y.example"], "{about}: {there:#?}");
}

#[test]
fn a_crm_that_may_not_be_read_any_more() {
    let fault = json!({ "switch": "forbidden", "path": "/crm/v3/objects/contacts" });
    check(&Case { system: "crm", fault, exit: 4, state: "partial", says: "scopes" });
}

#[test]
fn a_crm_that_may_not_be_written_any_more() {
    let fault = json!({ "switch": "forbidden", "path": "/crm/v3/objects/contacts", "only": "writes" });
    check(&Case { system: "crm", fault, exit: 4, state: "partial", says: "scopes" });
}

#[test]
fn books_that_refuse_the_token() {
    let fault = json!({ "switch": "bad-token" });
    check(&Case { system: "books", fault, exit: 4, state: "partial", says: "refused" });
}

#[test]
fn a_crm_that_asks_to_wait() {
    let fault = json!({ "switch": "rate-limited", "retry_after": 1 });
    check(&Case { system: "crm", fault, exit: 0, state: "running", says: "wait" });
}
