//! S4.19: an e-mail was corrected in the CRM; the books and a ticket in the desk still show the old one. They are listed with what can
//! be done, those that are chosen are written there, and nothing else is.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use nave_sim::{SimConfig, System};
use nave_tests::http;
use nave_tests::project::{Project, until};
use nave_tests::systems::{Clock, Sim};
use serde_json::{Value, json};

use super::connected::connect;

/// An export of the desk holds back the last minute.
const MINUTE_MS: i64 = 61_000;
const OLD: &str = "ada@old.example";
const NEW: &str = "ada@new.example";

struct Three {
    project: Project,
    crm: Sim,
    books: Sim,
    desk: Sim,
    ahead: Arc<AtomicI64>,
    ada: String,
    ticket: String,
}

impl Three {
    fn start() -> Self {
        let (clock, ahead) = (Clock::default(), Arc::new(AtomicI64::new(0)));
        let config = |ahead: Option<Arc<AtomicI64>>| {
            let clock = clock.clone();
            let now = move || clock.now() + ahead.as_ref().map_or(0, |ahead| ahead.load(Ordering::SeqCst));
            SimConfig { clock: Arc::new(now), date: Some(nave_sim::system_clock()), ..SimConfig::new(61) }
        };
        let crm = Sim::start(System::Crm, config(None));
        let books = Sim::start(System::Books, config(None));
        let desk = Sim::start(System::Desk, config(Some(Arc::clone(&ahead))));
        let project = Project::init();
        connect(&project, &[("crm", &crm), ("books", &books), ("desk", &desk)]);
        for connection in ["crm", "books", "desk"] {
            project.json(&["connection", "discover", connection, "--save"]);
        }
        // Subjects of tickets may be written; descriptions are what somebody wrote, and stay.
        let tickets = project.read("mappings/desk-tickets.toml");
        let subject = "remote = \"subject\"\ncanonical = \"subject\"\ndirection = \"in\"\n";
        assert!(tickets.contains(subject), "{tickets}");
        let both = subject.replace("\"in\"", "\"both\"\nbecause = \"support names tickets by the customer's mailbox\"");
        let tickets = tickets.replace(subject, &both).replace(
            "[[field]]\nremote = \"id\"",
            "[flow.out]\nfreshness = \"15m\"\nprocess = \"support\"\nbecause = \"a corrected mailbox is corrected there\"\n\n\
             [[field]]\nremote = \"id\"",
        );
        let tickets = tickets.replacen("[flow.in]", "create = false\n\n[flow.in]", 1);
        project.write("mappings/desk-tickets.toml", &tickets);
        project.ok(&["mapping", "lint"]);
        project.agree();

        let person = json!({ "properties": { "firstname": "Ada", "lastname": "Lovelace", "email": OLD } });
        let ada = crm.call("POST", "/crm/v3/objects/contacts", Some(person)).json()["id"].as_str().expect("an id").to_owned();
        let mut three = Self { project, crm, books, desk, ahead, ada, ticket: String::new() };
        three.settle();
        let users = three.desk.call("GET", &format!("/api/v2/users/search?query={OLD}"), None).json();
        let ticket = json!({
            "subject": OLD, "comment": { "body": format!("Nothing reaches {OLD} any more") }, "requester_id": users["users"][0]["id"],
        });
        let ticket = three.desk.call("POST", "/api/v2/tickets", Some(json!({ "ticket": ticket }))).json();
        three.ticket = ticket["ticket"]["id"].to_string();
        three.settle();
        three
    }

    #[track_caller]
    fn settle(&self) {
        until("all systems agree", || {
            self.ahead.fetch_add(MINUTE_MS, Ordering::SeqCst);
            let runs = self.project.sync(&["--retry"]);
            runs.iter().all(|run| run["delivered"].as_u64().unwrap_or(0) == 0).then_some(())
        });
    }

    fn in_books(&self) -> String {
        let state = self.books.control("GET", "/_sim/state", None);
        let all = state["Contacts"].as_array().cloned().unwrap_or_default();
        let ada = all.iter().find(|one| one["LastName"] == "Lovelace").expect("Ada in the books");
        ada["EmailAddress"].as_str().unwrap_or_default().to_owned()
    }

    fn ticket(&self) -> Value {
        self.desk.call("GET", &format!("/api/v2/tickets/{}", self.ticket), None).json()["ticket"].clone()
    }

    /// What can be done about the copy in a system's field; `Null` where there is none.
    fn copy(list: &Value, system: &str, path: &str) -> Value {
        let copies = list["copies"].as_array().expect("copies");
        let found = copies.iter().find(|copy| copy["system"] == system && copy["path"] == path);
        found.cloned().unwrap_or(Value::Null)
    }
}

#[test]
fn an_old_mailbox_is_found_and_corrected_where_it_is_chosen() {
    let all = Three::start();
    let project = &all.project;
    let change = json!({ "properties": { "email": NEW } });
    all.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{}", all.ada), Some(change));
    project.sync(&["crm-contacts"]);

    // Nothing is written by a list. The record is named as a system names it.
    let marks = [all.books.last_request(), all.desk.last_request()];
    let of = format!("crm:{}", all.ada);
    let list = project.json(&["record", "correct", &of, ".email"]);
    assert_eq!((&list["now"], &list["old"][0]), (&json!(NEW), &json!(OLD)), "{list}");
    let can = |list: &Value, system: &str, path: &str| Three::copy(list, system, path)["can"].clone();
    assert_eq!(can(&list, "books", "EmailAddress"), "write", "{list}");
    assert_eq!(can(&list, "desk", "email"), "write", "{list}");
    assert_eq!(can(&list, "desk", "subject"), "write", "{list}");
    let description = Three::copy(&list, "desk", "description");
    assert_eq!(description["can"], "cannot", "{list}");
    assert!(description["why"].as_str().expect("why").contains("one way"), "{list}");
    assert!(description["remote_id"] == all.ticket.as_str() && description["part"] == true, "{list}");
    for (sim, mark) in [(&all.books, marks[0]), (&all.desk, marks[1])] {
        assert_eq!(sim.changes_since(mark), Vec::<Value>::new());
    }

    // Two of them are chosen, the third waits.
    let number = |system: &str, path: &str| Three::copy(&list, system, path)["number"].to_string();
    let chosen = format!("{},{}", number("books", "EmailAddress"), number("desk", "subject"));
    let why = project.run(&["record", "correct", &of, ".email", "--apply", &chosen]);
    assert_ne!(why.code, Some(0), "it is not said why: {why:?}");
    let done = project.json(&["record", "correct", &of, ".email", "--apply", &chosen, "--because", "the mailbox was closed"]);
    assert_eq!(can(&done, "books", "EmailAddress"), "corrected", "{done}");
    assert_eq!(can(&done, "desk", "subject"), "corrected", "{done}");
    assert_eq!(can(&done, "desk", "email"), "left", "{done}");
    assert_eq!(all.in_books(), NEW);
    let ticket = all.ticket();
    assert_eq!(ticket["subject"], NEW);
    assert!(ticket["description"].as_str().expect("a text").contains(OLD), "what somebody wrote stays");
    let old = all.desk.call("GET", &format!("/api/v2/users/search?query={OLD}"), None).json();
    assert_eq!(old["users"].as_array().map(Vec::len), Some(1), "the user of the desk was not chosen");

    // Who, what and why is kept, without the values.
    let audit = project.json(&["audit", "--limit", "20"]).to_string();
    assert!(audit.contains("record.corrected") && audit.contains("the mailbox was closed"), "{audit}");
    assert!(!audit.contains(NEW), "{audit}");
    let tickets = project.json(&["record", "list", "ticket"]);
    let record = tickets["records"][0]["record"].as_str().expect("a record").to_owned();
    let why = project.json(&["record", "why", &record, "subject"]);
    assert_eq!((&why["fields"][0]["from"], &why["fields"][0]["value"]), (&json!("steward"), &json!(NEW)), "{why}");

    // By the API: the numbers are those of the list that it shows.
    let serving = project.serve();
    let token = format!("Bearer {}", serving.token.clone().expect("its first token"));
    let path = format!("/v1/records/{}/correct", list["record"].as_str().expect("a record"));
    let ask = |body: Value| {
        let headers = [("authorization", token.as_str())];
        http::request(serving.addr, "POST", &path, &headers, Some(&body)).expect("an answer")
    };
    let list = ask(json!({ "field": "email" })).json();
    assert_eq!(can(&list, "books", "EmailAddress"), Value::Null, "{list}");
    serving.stop();

    // What was left goes as ever, and then there is nothing more to write.
    all.settle();
    let list = project.json(&["record", "correct", &of, ".email"]);
    let left = list["copies"].as_array().cloned().unwrap_or_default();
    assert!(left.iter().all(|copy| copy["can"] != "write"), "{list}");
    assert_eq!(can(&list, "desk", "description"), "cannot", "{list}");
}
