//! CRM, books, support desk and mailing lists in agreement, through the mappings that the plugins bring: what somebody enters in one
//! is in all, also when a fault hits the desk or the lists, and nothing is anywhere twice (X.1, I6, I7).

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Instant;

use nave_sim::{SimConfig, System};
use nave_tests::project::{PATIENCE, Project};
use nave_tests::systems::{Clock, Sim};
use serde_json::{Value, json};

use super::connected::{AUDIENCE, connect};

/// An export of the desk holds back the last minute: its clock is put on by more than that before the hub reads.
const MINUTE_MS: i64 = 61_000;

/// Name and mailbox.
pub(crate) type Person = (String, String);

struct All {
    project: Project,
    crm: Sim,
    books: Sim,
    desk: Sim,
    mail: Sim,
    ahead: Arc<AtomicI64>,
}

impl All {
    /// Empty systems, connected as a user connects them.
    fn start() -> Self {
        let clock = Clock::default();
        let ahead = Arc::new(AtomicI64::new(0));
        let config = |ahead: Option<Arc<AtomicI64>>| {
            let clock = clock.clone();
            let now = move || clock.now() + ahead.as_ref().map_or(0, |ahead| ahead.load(Ordering::SeqCst));
            // The hub goes by the clock on the wall: what runs ahead is no skew.
            SimConfig { clock: Arc::new(now), date: Some(nave_sim::system_clock()), ..SimConfig::new(5) }
        };
        let crm = Sim::start(System::Crm, config(None));
        let books = Sim::start(System::Books, config(None));
        let desk = Sim::start(System::Desk, config(Some(Arc::clone(&ahead))));
        let mail = Sim::start(System::Mail, config(None));
        let project = Project::init();
        connect(&project, &[("crm", &crm), ("books", &books), ("desk", &desk), ("mail", &mail)]);
        for connection in ["crm", "books", "desk", "mail"] {
            project.json(&["connection", "check", connection]);
            project.json(&["connection", "discover", connection, "--save"]);
        }
        project.ok(&["mapping", "lint"]);
        project.agree();
        Self { project, crm, books, desk, mail, ahead }
    }

    fn sims(&self) -> [(&'static str, &Sim); 4] {
        [("crm", &self.crm), ("books", &self.books), ("desk", &self.desk), ("mail", &self.mail)]
    }

    /// Syncs until nothing is open and nothing was written.
    #[track_caller]
    fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            self.ahead.fetch_add(MINUTE_MS, Ordering::SeqCst);
            let runs = self.project.sync(&["--retry"]);
            let status = self.project.json(&["status"]);
            let flows = status["flows"].as_array().into_iter().flatten();
            let open: u64 =
                flows.flat_map(|flow| ["open", "pending", "parked"].map(|name| flow[name].as_u64().unwrap_or(0))).sum();
            let wrote = runs.iter().any(|run| run["delivered"].as_u64().unwrap_or(0) > 0);
            if open == 0 && !wrote {
                assert_eq!(status["dead_letters"], 0, "{}", self.project.json(&["dlq", "list"]));
                return;
            }
            assert!(Instant::now() < end, "still open: {status}");
        }
    }

    /// Every system holds exactly these, each once.
    #[track_caller]
    fn agree_on(&self, expected: &[(&str, &str)]) {
        self.settle();
        let expected: BTreeSet<Person> = expected.iter().map(|(name, email)| ((*name).to_owned(), (*email).to_owned())).collect();
        for (name, sim) in self.sims() {
            let people = people(name, sim);
            assert_eq!(people.iter().cloned().collect::<BTreeSet<_>>(), expected, "people in {name}");
            assert_eq!(people.len(), expected.len(), "somebody is twice in {name}: {people:?}");
        }
    }

    /// Where a member is in the mailing list.
    fn member(&self, mailbox: &str) -> String {
        format!("/3.0/lists/{AUDIENCE}/members/{mailbox}")
    }

    fn desk_user(&self, email: &str) -> u64 {
        let found = self.desk.call("GET", &format!("/api/v2/users/search?query={email}"), None).json();
        found["users"][0]["id"].as_u64().unwrap_or_else(|| panic!("nobody is {email} in the desk"))
    }
}

/// People in a system, by its own state.
pub(crate) fn people(name: &str, sim: &Sim) -> Vec<Person> {
    let state = sim.control("GET", "/_sim/state", None);
    let rows = |kind: &str| state[kind].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let both = |first: &Value, last: &Value| format!("{} {}", text(first), text(last)).trim().to_owned();
    match name {
        "crm" => {
            let alive = rows("contacts").into_iter().filter(|row| row["archived"] != true).map(|row| row["properties"].clone());
            alive.map(|own| (both(&own["firstname"], &own["lastname"]), text(&own["email"]))).collect()
        }
        "books" => {
            let alive = rows("Contacts").into_iter().filter(|row| row["ContactStatus"] == "ACTIVE");
            let person = |row: &Value| !text(&row["LastName"]).is_empty();
            alive.filter(person).map(|row| (both(&row["FirstName"], &row["LastName"]), text(&row["EmailAddress"]))).collect()
        }
        "mail" => {
            let alive = rows("members").into_iter().filter(|row| row["list_id"] == AUDIENCE && row["status"] != "archived");
            let own = |row: &Value| row["merge_fields"].clone();
            alive.map(|row| (both(&own(&row)["FNAME"], &own(&row)["LNAME"]), text(&row["email_address"]))).collect()
        }
        _ => {
            let alive = rows("users").into_iter().filter(|row| row["deleted"] != true && row["role"] == "end-user");
            alive.map(|row| (text(&row["name"]), text(&row["email"]))).collect()
        }
    }
}

fn contact(first: &str, last: &str, email: &str) -> Value {
    json!({ "properties": { "firstname": first, "lastname": last, "email": email } })
}

#[test]
fn four_systems_agree() {
    let all = All::start();
    // Somebody enters one in each.
    let ada = all.crm.call("POST", "/crm/v3/objects/contacts", Some(contact("Ada", "Lovelace", "ada@x.example"))).json();
    let bob = json!({ "Name": "Bob Berg", "FirstName": "Bob", "LastName": "Berg", "EmailAddress": "bob@x.example" });
    all.books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [bob] })));
    let acme = all.desk.call("POST", "/api/v2/organizations", Some(json!({ "organization": { "name": "Acme AG" } }))).json();
    let cleo =
        json!({ "name": "Cleo van der Berg", "email": "cleo@acme.example", "organization_id": acme["organization"]["id"] });
    all.desk.call("POST", "/api/v2/users", Some(json!({ "user": cleo })));
    // An agent is no contact.
    all.desk.call(
        "POST",
        "/api/v2/users",
        Some(json!({ "user": { "name": "Rob In", "email": "rob@x.example", "role": "agent" } })),
    );
    let dan =
        json!({ "email_address": "dan@x.example", "status": "subscribed", "merge_fields": { "FNAME": "Dan", "LNAME": "Drake" } });
    all.mail.call("POST", &format!("/3.0/lists/{AUDIENCE}/members"), Some(dan));
    let [ada_is, bob_is, cleo_is] =
        [("Ada Lovelace", "ada@x.example"), ("Bob Berg", "bob@x.example"), ("Cleo van der Berg", "cleo@acme.example")];
    all.agree_on(&[ada_is, bob_is, cleo_is, ("Dan Drake", "dan@x.example")]);
    // Only who asked for it gets mail.
    let status = |mailbox: &str| all.mail.call("GET", &all.member(mailbox), None).json()["status"].clone();
    assert_eq!((status("dan@x.example"), status("ada@x.example")), (json!("subscribed"), json!("unsubscribed")));
    let companies = all.crm.control("GET", "/_sim/state", None)["companies"].clone();
    assert_eq!(companies[0]["properties"]["name"], "Acme AG", "{companies}");

    // Somebody changes one in each, and a ticket comes in.
    let id = ada["id"].as_str().expect("an id");
    all.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{id}"), Some(json!({ "properties": { "lastname": "King" } })));
    let bob = all.desk_user("bob@x.example");
    all.desk.call("PUT", &format!("/api/v2/users/{bob}"), Some(json!({ "user": { "name": "Bobby Berg" } })));
    let ticket = json!({ "subject": "Late", "comment": { "body": "Where is it?" }, "requester_id": bob });
    all.desk.call("POST", "/api/v2/tickets", Some(json!({ "ticket": ticket })));
    let books = all.books.control("GET", "/_sim/state", None)["Contacts"].as_array().cloned().expect("contacts");
    let cleo = books.iter().find(|contact| contact["EmailAddress"] == "cleo@acme.example").expect("Cleo in the books");
    let change = json!({ "ContactID": cleo["ContactID"], "EmailAddress": "cleo@acme-group.example" });
    all.books.call("POST", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [change] })));
    let change = json!({ "email_address": "dd@x.example", "merge_fields": { "FNAME": "Daniel" } });
    all.mail.call("PATCH", &all.member("dan@x.example"), Some(change));
    let [ada_is, bob_is, cleo_is] =
        [("Ada King", "ada@x.example"), ("Bobby Berg", "bob@x.example"), ("Cleo van der Berg", "cleo@acme-group.example")];
    all.agree_on(&[ada_is, bob_is, cleo_is, ("Daniel Drake", "dd@x.example")]);
    let tickets = all.project.json(&["record", "list", "ticket"]);
    assert!(tickets.to_string().contains("Late"), "{tickets}");

    // Nothing is left to do, by the systems' own logs.
    let marks: Vec<u64> = all.sims().iter().map(|(_, sim)| sim.last_request()).collect();
    all.project.sync(&["--full"]);
    for ((name, sim), mark) in all.sims().into_iter().zip(marks) {
        assert_eq!(sim.changes_since(mark), Vec::<Value>::new(), "{name}");
    }
}

/// The desk has one text for a name and divides it after its last blank but one; the CRM divides it elsewhere. Both are right.
#[test]
fn a_name_that_each_divides_in_its_own_way() {
    let all = All::start();
    let mut ana = contact("Ana Maria", "Silva Costa", "ana@x.example");
    ana["properties"]["phone"] = json!("+49 30 901820");
    all.crm.call("POST", "/crm/v3/objects/contacts", Some(ana));
    let user = json!({ "name": "Ana Maria Silva Costa", "email": "ana@x.example", "phone": "+49 30 901820" });
    all.desk.call("POST", "/api/v2/users", Some(json!({ "user": user })));
    all.agree_on(&[("Ana Maria Silva Costa", "ana@x.example")]);
}

/// One thing goes wrong at a time in the desk and in the mailing list while people are entered in the CRM and changed there:
/// afterwards all is as if nothing had.
#[test]
fn whatever_goes_wrong_in_the_desk_and_the_list() {
    let all = All::start();
    let both = [&all.desk, &all.mail];
    let cases = [
        (&both[..], json!({ "switch": "lost-response", "only": "writes" })),
        (&both, json!({ "switch": "lost-response", "share": 0.5 })),
        (&both, json!({ "switch": "timeout", "seconds": 1, "committed": true, "nth": 1, "only": "writes" })),
        (&both, json!({ "switch": "error", "status": 502, "committed": true, "only": "writes" })),
        (&both, json!({ "switch": "rate-limited", "share": 0.5, "retry_after": 1 })),
        (&both, json!({ "switch": "bad-token", "share": 0.3 })),
        (&both[..1], json!({ "switch": "expired-checkpoint", "seconds": 0 })),
        (&both[1..], json!({ "switch": "no-updated-since" })),
        (&both, json!({ "switch": "down" })),
    ];
    let mut expected: Vec<Person> = Vec::new();
    for (number, (sims, case)) in cases.iter().enumerate() {
        let (last, email) = (format!("Berg{number}"), format!("p{number}@x.example"));
        all.crm.call("POST", "/crm/v3/objects/contacts", Some(contact("Pat", &last, &email)));
        expected.push((format!("Pat {last}"), email));
        if number > 0 {
            let before = &mut expected[number - 1];
            before.0 = format!("Chris Berg{}", number - 1);
            if number % 2 == 0 {
                let id = all.desk_user(&before.1);
                all.desk.call("PUT", &format!("/api/v2/users/{id}"), Some(json!({ "user": { "name": before.0 } })));
            } else {
                let change = json!({ "merge_fields": { "FNAME": "Chris" } });
                all.mail.call("PATCH", &all.member(&before.1), Some(change));
            }
        }
        all.ahead.fetch_add(MINUTE_MS, Ordering::SeqCst);
        sims.iter().for_each(|sim| sim.fault(case.clone()));
        let output = all.project.command(&["sync"]).output().expect("nave runs");
        assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{case}: {}", String::from_utf8_lossy(&output.stderr));
        sims.iter().for_each(|sim| sim.fault(json!({ "switch": case["switch"], "on": false })));
        let people: Vec<(&str, &str)> = expected.iter().map(|(name, email)| (name.as_str(), email.as_str())).collect();
        all.agree_on(&people);
    }
}
