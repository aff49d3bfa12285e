//! S6.17: the desk's clock is seven minutes ahead. Who was last is still known where its answers show that clock; where they do not, the
//! rule says who decides, and `why` says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use nave_sim::{SimConfig, System, system_clock};
use nave_tests::project::{PATIENCE, Project};
use nave_tests::systems::Sim;
use serde_json::{Value, json};

use super::connected::connect;
use super::support::people;

const AHEAD_MS: i64 = 420_000;
/// An export of the desk holds back the last minute.
const MINUTE_MS: i64 = 61_000;

struct Two {
    project: Project,
    crm: Sim,
    desk: Sim,
    /// Added to the desk's clock: what is edited there was edited then.
    shift: Arc<AtomicI64>,
}

impl Two {
    /// Ada, in both systems.
    fn start() -> Self {
        let shift = Arc::new(AtomicI64::new(0));
        let crm = Sim::start(System::Crm, SimConfig::new(17));
        let moved = Arc::clone(&shift);
        let clock = Arc::new(move || system_clock()() + moved.load(Ordering::SeqCst));
        // Its answers show the clock on the wall, until the switch puts both on.
        let desk = Sim::start(System::Desk, SimConfig { clock, date: Some(system_clock()), ..SimConfig::new(17) });
        let project = Project::init();
        connect(&project, &[("crm", &crm), ("desk", &desk)]);
        for connection in ["crm", "desk"] {
            project.json(&["connection", "discover", connection, "--save"]);
        }
        project.agree();
        let two = Self { project, crm, desk, shift };
        let ada = json!({ "properties": { "firstname": "Ada", "lastname": "Old", "email": "ada@x.example" } });
        two.crm.call("POST", "/crm/v3/objects/contacts", Some(ada));
        two.settle();
        two
    }

    #[track_caller]
    fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.shift.fetch_add(MINUTE_MS, Ordering::SeqCst);
            let runs = self.project.sync(&[]);
            if runs.iter().all(|run| run["delivered"].as_u64().unwrap_or(0) == 0) {
                return;
            }
            assert!(Instant::now() < end, "writes go on: {runs:?}");
        }
    }

    /// The desk renames her, by a clock that is shifted so far; a minute later somebody renames her in the CRM.
    fn both_rename(&self, shift: i64) {
        self.shift.store(shift - 60_000, Ordering::SeqCst);
        let found = self.desk.call("GET", "/api/v2/users/search?query=ada@x.example", None).json();
        let id = found["users"][0]["id"].as_u64().expect("Ada in the desk");
        self.desk.call("PUT", &format!("/api/v2/users/{id}"), Some(json!({ "user": { "name": "Ada Desk" } })));
        let state = self.crm.control("GET", "/_sim/state", None);
        let id = state["contacts"][0]["id"].as_str().expect("an id").to_owned();
        let change = json!({ "properties": { "lastname": "Later" } });
        self.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{id}"), Some(change));
        self.shift.store(shift + 1_000, Ordering::SeqCst);
    }

    fn why(&self) -> Value {
        self.project.json(&["record", "why", "contact/1", "last_name"])["fields"][0].clone()
    }

    #[track_caller]
    fn agree_on(&self, name: &str) {
        let expected = vec![(name.to_owned(), "ada@x.example".to_owned())];
        assert_eq!((people("crm", &self.crm), people("desk", &self.desk)), (expected.clone(), expected), "{}", self.why());
    }
}

#[test]
fn a_clock_that_its_answers_show_is_put_right() {
    let two = Two::start();
    two.desk.fault(json!({ "switch": "clock-offset", "offset_ms": AHEAD_MS }));
    two.both_rename(0);
    two.project.sync(&[]);
    let why = two.why();
    assert_eq!((why["value"].as_str(), why["rule"].as_str()), (Some("Later"), Some("newest")), "{why}");
    let notes = why["notes"].to_string();
    assert!(["419", "420"].iter().any(|s| notes.contains(&format!("the clock of desk was {s} s ahead"))), "{notes}");
    assert!(notes.contains("put right"), "{notes}");
    // Each of the three times: as its source says, when it was heard, when the hub took it.
    for time in ["claimed_at", "observed_at", "committed_at"] {
        assert!(why[time].as_str().is_some_and(|time| time.starts_with("20")), "{time}: {why}");
    }
    assert!(why["sequence"].as_u64().is_some() && why["losers"][0]["observed_at"].is_string(), "{why}");
    two.settle();
    two.agree_on("Ada Later");
}

#[test]
fn where_a_clock_is_shown_nowhere_the_rule_says_who_decides() {
    let two = Two::start();
    two.both_rename(AHEAD_MS);
    two.project.sync(&[]);
    // The desk's word counts as said when it was read: that it is newer is not known, and is said.
    let why = two.why();
    assert_eq!(why["value"], "Desk", "{why}");
    let notes = why["notes"].to_string();
    assert!(notes.contains("desk said a time that was not over yet") && notes.contains("survivorship = { newest = "), "{notes}");

    two.project.write("entities/contact.toml", "[fields.last_name]\nsurvivorship = { newest = \"crm\" }\n");
    two.project.agree();
    two.settle();
    let why = two.why();
    assert_eq!((why["value"].as_str(), why["rule"].as_str()), (Some("Later"), Some("owner")), "{why}");
    assert!(why["notes"].to_string().contains("crm decides"), "{why}");
    assert!(why["sentence"].as_str().is_some_and(|text| text.contains("cannot be relied on")), "{why}");
    two.agree_on("Ada Later");
}
