//! S3.14: a name of 300 characters, and a field that takes 100. By each policy what the mapping says is done, counted and shown; what
//! was cut never comes back as the books' word.

use std::time::Instant;

use nave_sim::{SimConfig, System};
use nave_tests::http;
use nave_tests::project::{PATIENCE, Project};
use nave_tests::systems::Sim;
use serde_json::{Value, json};

use super::connected::connect;

const CONTACTS: &str = "mappings/books-contacts.toml";
const FLOW: &str = "books-contacts";

struct Pair {
    project: Project,
    crm: Sim,
    books: Sim,
    id: String,
}

/// 300 characters.
fn long() -> String {
    let name = "Maximiliana ".repeat(25);
    assert_eq!(name.chars().count(), 300);
    name.trim_end().to_owned() + "e"
}

impl Pair {
    /// A CRM with one person of a long first name, and empty books whose field takes 100 characters and whose mapping has these lines
    /// for a longer one.
    fn start(policy: &str) -> Self {
        let (crm, books) = (Sim::start(System::Crm, SimConfig::new(41)), Sim::start(System::Books, SimConfig::new(41)));
        let project = Project::init();
        connect(&project, &[("crm", &crm), ("books", &books)]);
        for connection in ["crm", "books"] {
            project.json(&["connection", "discover", connection, "--save"]);
        }
        let text = project.read(CONTACTS);
        let head = "remote = \"FirstName\"\n";
        let (before, after) = text.split_once(head).expect("the field");
        let (own, rest) = after.split_once("misfit = \"reject\"\n").expect("its policy");
        // What it is called by there is a last name only: that fits.
        let rest =
            rest.replacen("out = \"coalesce(template(\\\"{first_name} {last_name}\\\"), name)\"", "out = \"last_name\"", 1);
        project.write(CONTACTS, &format!("{before}{head}max-length = 100\n{own}{policy}{rest}"));
        let lint = project.json(&["mapping", "lint"]);
        assert!(!lint.to_string().contains("longer-source"), "the mapping says what is done: {lint}");
        project.agree();
        let person = json!({ "properties": { "firstname": long(), "lastname": "Berg", "email": "max@x.example" } });
        let id = crm.call("POST", "/crm/v3/objects/contacts", Some(person)).json()["id"].as_str().expect("an id").to_owned();
        Self { project, crm, books, id }
    }

    /// The first name in the books; none where nobody is there.
    fn in_books(&self) -> Option<String> {
        let state = self.books.control("GET", "/_sim/state", None);
        let all = state["Contacts"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|one| one["LastName"] == "Berg")?;
        Some(found["FirstName"].as_str().unwrap_or_default().to_owned())
    }

    fn in_crm(&self) -> String {
        let shown = self.crm.call("GET", &format!("/crm/v3/objects/contacts/{}?properties=firstname", self.id), None).json();
        shown["properties"]["firstname"].as_str().unwrap_or_default().to_owned()
    }

    fn books_id(&self) -> String {
        let state = self.books.control("GET", "/_sim/state", None);
        let all = state["Contacts"].as_array().cloned().unwrap_or_default();
        let found = all.iter().find(|one| one["LastName"] == "Berg").expect("in the books");
        found["ContactID"].as_str().expect("an id").to_owned()
    }

    /// What the hub holds, and what it says beside it.
    fn why(&self) -> (String, String) {
        let why = self.project.json(&["record", "why", "contact/1", "first_name"]);
        let field = &why["fields"][0];
        (field["value"].as_str().expect("a text").to_owned(), field["notes"].to_string())
    }

    /// Syncs until nothing is written. Answers how many values the runs say were treated by this policy.
    #[track_caller]
    fn settle(&self, word: &str) -> u64 {
        let end = Instant::now() + PATIENCE;
        let mut counted = 0;
        loop {
            let runs = self.project.sync(&["--full"]);
            counted += runs.iter().map(|run| run[word].as_u64().unwrap_or(0)).sum::<u64>();
            if runs.iter().all(|run| run["delivered"].as_u64().unwrap_or(0) == 0) {
                return counted;
            }
            assert!(Instant::now() < end, "writes go on: {runs:?}");
        }
    }

    /// The sum that the status and the metrics have, which must be the same.
    fn counted(&self, policy: &str) -> u64 {
        let status = self.project.json(&["status"]);
        let flow = status["flows"].as_array().into_iter().flatten().find(|flow| flow["flow"] == FLOW).cloned().expect("the flow");
        let count = flow["meter"]["misfits"][policy].as_u64().unwrap_or(0);
        let serving = self.project.serve();
        let token = format!("Bearer {}", serving.token.clone().expect("its first token"));
        let metrics = http::request(serving.addr, "GET", "/metrics", &[("authorization", &token)], None).expect("an answer");
        serving.stop();
        let line = metrics.text.lines().find(|line| {
            line.starts_with("nave_misfits_total{")
                && line.contains(&format!("flow=\"{FLOW}\""))
                && line.contains(&format!("policy=\"{policy}\""))
        });
        let metric: u64 = line.and_then(|line| line.rsplit(' ').next()?.parse().ok()).unwrap_or(0);
        assert_eq!(metric, count, "{}", metrics.text);
        count
    }

    /// The CRM and the record keep the long name, whatever the books are read for; then a true edit there is taken.
    fn outlives(&self, given: &str, note: &str) {
        assert_eq!((self.in_books().as_deref(), self.in_crm()), (Some(given), long()));
        let (value, notes) = self.why();
        assert_eq!(value, long());
        assert!(notes.contains(note), "{notes}");
        // Another field of it is edited there: the thing comes in with the cut name.
        let change = |fields: Value| {
            let mut contact = fields;
            contact["ContactID"] = json!(self.books_id());
            self.books.call("POST", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [contact] })));
        };
        change(json!({ "EmailAddress": "maxi@x.example" }));
        self.settle("truncated");
        assert_eq!((self.in_books().as_deref(), self.in_crm(), self.why().0), (Some(given), long(), long()));
        let mark = (self.crm.last_request(), self.books.last_request());
        self.project.sync(&["--full"]);
        assert_eq!((self.crm.changes_since(mark.0), self.books.changes_since(mark.1)), (vec![], vec![]), "quiet");
        change(json!({ "FirstName": "Maxi" }));
        self.settle("truncated");
        assert_eq!((self.in_books().as_deref(), self.in_crm(), self.why().0), (Some("Maxi"), "Maxi".into(), "Maxi".into()));
    }
}

#[test]
fn what_is_too_long_is_set_aside() {
    let pair = Pair::start("misfit = \"reject\"\n");
    let counted = pair.settle("rejected");
    assert_eq!(pair.in_books(), None, "nothing of it is written");
    let letters = pair.project.json(&["dlq", "list"]);
    let letter = &letters["dead_letters"][0];
    assert_eq!(
        (letter["class"].as_str(), letters["dead_letters"].as_array().map(Vec::len)),
        (Some("length"), Some(1)),
        "{letters}"
    );
    let message = letter["message"].as_str().expect("a message");
    for part in ["300 characters", "`FirstName` takes 100", "misfit", CONTACTS] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert!(pair.why().1.contains("books is not given it: the value has 300 characters"), "{}", pair.why().1);
    assert_eq!((counted > 0, pair.counted("reject")), (true, counted));
    // Shortened at its source, it goes.
    let change = json!({ "properties": { "firstname": "Maxi" } });
    pair.crm.call("PATCH", &format!("/crm/v3/objects/contacts/{}", pair.id), Some(change));
    pair.settle("rejected");
    assert_eq!(pair.in_books().as_deref(), Some("Maxi"));
    assert_eq!(pair.project.json(&["status"])["dead_letters"], 0);
}

#[test]
fn what_is_too_long_is_cut_with_a_mark() {
    let pair = Pair::start("misfit = \"truncate\"\n");
    pair.project.sync(&["crm-contacts"]);
    let plan = pair.project.json(&["plan", "--flow", FLOW]);
    assert!(plan.to_string().contains("of 300 characters"), "the plan says it: {plan}");
    let counted = pair.settle("truncated");
    let given = pair.in_books().expect("in the books");
    assert!(given.chars().count() <= 100 && given.ends_with('…') && long().starts_with(given.trim_end_matches('…')), "{given}");
    assert_eq!((counted, pair.counted("truncate")), (1, 1));
    pair.outlives(&given, "of 300 characters in `FirstName`");
}

#[test]
fn what_is_too_long_is_transformed_as_the_mapping_says() {
    let pair = Pair::start("misfit = \"transform\"\ntransform = \"split(' ', 1) | upper\"\n");
    let counted = pair.settle("transformed");
    assert_eq!(pair.in_books().as_deref(), Some("MAXIMILIANA"));
    assert_eq!((counted, pair.counted("transform")), (1, 1));
    pair.outlives("MAXIMILIANA", "transformed to 11 of 300 characters");
}
