//! Two connections that sign in with the same secret share what that account may be asked: the rate, also across kill -9 and a
//! restart, and the calls of a day.

use std::collections::BTreeMap;

use nave_sim::SimConfig;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Crm, System as _};
use serde_json::{Value, json};

use super::contacts::connect_crm;

const RATE: usize = 7;
/// Requests leave a second apart, and may arrive nearer on a busy machine. That no second exceeds the rate where they leave is
/// what the tests of `egress/account.rs` hold, by a clock of their own; a rate that is not shared, or forgotten, is twice as many here.
const NEARER: usize = 4;

fn mapping(connection: &str) -> String {
    format!(
        "connection = \"{connection}\"\nstream = \"contacts\"\nentity = \"contact\"\n\n[flow.in]\nfreshness = \"1s\"\n\n\
         [[field]]\nremote = \"properties.email\"\ncanonical = \"email\"\ndirection = \"in\"\n\n\
         [[field]]\nremote = \"properties.lastname\"\ncanonical = \"last_name\"\ndirection = \"in\"\n"
    )
}

/// A CRM with two connections to it that name the same secret.
fn twice(budget: &str) -> (Project, Crm) {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 300, ..SimConfig::new(31) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    // A key that belongs to the whole file stands before its first table, a table may stand at its end.
    let file = project.read("connections/crm.toml");
    let text = if budget.starts_with('[') { format!("{file}\n{budget}") } else { format!("{budget}\n{file}") };
    project.write("connections/crm.toml", &text);
    project.write("connections/also.toml", &text);
    for name in ["crm", "also"] {
        project.write(&format!("mappings/{name}.toml"), &mapping(name));
    }
    project.ok(&["connection", "approve", "also", "--reason", "a test", "--yes"]);
    (project, crm)
}

/// When each request came, in milliseconds.
fn times(crm: &Crm) -> Vec<i64> {
    let all = crm.sim().expect("a simulator").control("GET", "/_sim/requests?since=0", None);
    let times = all["requests"].as_array().expect("requests").iter().map(|request| request["at_ms"].as_i64().expect("a time"));
    times.collect()
}

/// The most requests within any second.
fn most(times: &[i64]) -> usize {
    times.iter().map(|from| times.iter().filter(|at| (*from..*from + 1_000).contains(*at)).count()).max().unwrap_or_default()
}

#[test]
fn a_rate_is_shared_and_outlives_a_kill() {
    let (project, crm) = twice(&format!("requests-per-second = {RATE}"));
    for _ in 0..3 {
        let seen = times(&crm).len();
        let serving = project.serve();
        until("both have read", || (times(&crm).len() >= seen + 20).then_some(()));
        // With -9, in the middle of a second.
        drop(serving);
    }
    let times = times(&crm);
    assert!(most(&times) <= RATE + NEARER, "{} in one second: {times:?}", most(&times));
    let accounts = project.json(&["budget"]);
    let line = &accounts["accounts"][0];
    assert_eq!((&line["connections"], &line["requests_per_second"]), (&json!(["also", "crm"]), &json!(RATE)), "{accounts}");
    assert!(line["today"].as_u64().expect("a number") >= times.len() as u64, "{accounts}");
}

#[test]
fn what_a_day_may_take_is_kept_for_those_who_matter() {
    const BUDGET: u64 = 40;
    let budget = format!("[budget]\nper-day = {BUDGET}\nperson-percent = 10\ncanary-percent = 0\ncost-per-call = \"0.5 EUR\"\n");
    let (project, crm) = twice(&budget);
    let counted = |project: &Project| project.json(&["budget"])["accounts"][0].clone();
    let codes: BTreeMap<usize, Option<i32>> =
        (0..BUDGET as usize).map(|nth| (nth, project.run(&["sync", "--full", "--once"]).code)).collect();
    let sent = times(&crm).len() as u64;
    assert!(sent <= BUDGET * 9 / 10, "{sent} were sent: {codes:?}");
    let last = project.run(&["sync", "crm"]);
    assert_eq!(last.code, Some(1), "{last:?}");
    assert!(last.out.contains("are used up") && last.out.contains("critical = true"), "{last:?}");
    let line: Value = counted(&project);
    assert!(line["because"].as_str().expect("a reason").contains("kept for people"), "{line}");
    assert_eq!((&line["warning"], &line["currency"]), (&json!(true), &json!("EUR")), "{line}");
    assert_eq!(times(&crm).len() as u64, sent, "nothing more is sent");

    // A flow that is critical goes on.
    project.write("mappings/crm.toml", &format!("critical = true\n{}", mapping("crm")));
    project.sync(&["crm"]);
    assert!(times(&crm).len() as u64 > sent);
}
