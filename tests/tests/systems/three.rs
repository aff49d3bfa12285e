//! Tryton, BottleCRM and Request Tracker in agreement, through the mappings that the plugins bring. People make, change and put away
//! contacts in each system's own interface; a ticket finds its contact; what a system refuses is set aside in its own words.

use nave_tests::project::Project;
use serde_json::json;

use super::hub::{self, settle, settle_with};
use super::real::{self, BottleCrm, Person, Tryton};
use super::tracker::Tracker;

/// The three systems and the hub between them.
pub(crate) struct Three {
    pub(crate) project: Project,
    pub(crate) tryton: Tryton,
    pub(crate) crm: BottleCrm,
    pub(crate) tracker: Tracker,
}

impl Three {
    /// The running systems, emptied; none where one of them is not there.
    pub(crate) fn open() -> Option<(Tryton, BottleCrm, Tracker)> {
        Some((Tryton::open()?, BottleCrm::open()?, Tracker::open()?))
    }

    /// All three hold exactly these, each once, by their own word.
    #[track_caller]
    pub(crate) fn hold(&self, persons: &[Person]) {
        let persons = persons.iter().cloned().collect();
        assert_eq!(self.tryton.persons(), persons, "persons in Tryton");
        assert_eq!(self.crm.persons(), persons, "contacts in BottleCRM");
        assert_eq!(self.tracker.persons(), persons, "users in Request Tracker");
    }
}

/// A person as all three know one.
pub(crate) fn person(name: &str, email: &str, address: [&str; 3]) -> Person {
    Person { name: name.to_owned(), email: email.to_owned(), address: address.map(str::to_owned), company: String::new() }
}

/// Somebody enters a person in Tryton.
pub(crate) fn in_tryton(tryton: &Tryton, person: &Person) -> i64 {
    tryton.create(json!({
        "name": person.name,
        "contact_mechanisms": [["create", [{ "type": "email", "value": person.email }]]],
        "addresses": [["create", [{ "street": person.address[0], "postal_code": person.address[1], "city": person.address[2] }]]],
    }))
}

/// Somebody enters a person in BottleCRM.
pub(crate) fn in_crm(crm: &BottleCrm, person: &Person) -> String {
    let (first, last) = person.name.split_once(' ').expect("two names");
    let [street, zip, city] = &person.address;
    let body = json!({ "first_name": first, "last_name": last, "email": person.email, "address_line": street, "postcode": zip, "city": city });
    crm.create("contacts", body)
}

/// Somebody enters a person in Request Tracker.
pub(crate) fn in_tracker(tracker: &Tracker, person: &Person) -> u64 {
    let [street, zip, city] = &person.address;
    tracker.create(json!({ "Name": person.email, "RealName": person.name, "EmailAddress": person.email, "Address1": street, "Zip": zip, "City": city }))
}

#[test]
fn three_systems_agree() {
    let Some((tryton, crm, tracker)) = Three::open() else { return };
    // Disabled, and still nobody else may have his mailbox.
    let old = in_tracker(&tracker, &person("Olli Old", "taken@three.test", ["", "", ""]));
    tracker.disable(old);
    let project = Project::init();
    hub::connect_tryton(&project, &tryton, tryton.api.addr);
    hub::connect_crm(&project, &crm);
    hub::connect_tracker(&project, &tracker, tracker.api.addr);
    project.ok(&["mapping", "lint"]);
    let all = Three { project, tryton, crm, tracker };

    let ann = person("Ann Albers", "ann@three.test", ["Ring 1", "50667", "Köln"]);
    let ben = person("Ben Brandt", "ben@three.test", ["Weg 2", "50668", "Köln"]);
    let cem = person("Cem van der Berg", "cem@three.test", ["Lane 3", "LS1", "Leeds"]);
    in_tryton(&all.tryton, &ann);
    in_crm(&all.crm, &ben);
    in_tracker(&all.tracker, &cem);
    // He is in two of them, and is one.
    in_crm(&all.crm, &person("Cem van der Berg", "cem@three.test", ["", "", ""]));
    let ticket = all.tracker.ticket("Broken spoke", "cem@three.test");
    all.project.agree();
    settle(&all.project);
    all.hold(&[ann.clone(), ben, cem.clone()]);
    let record = all.project.json(&["record", "show", &format!("desk/tickets:{ticket}")]);
    let said = record.to_string();
    assert!(said.contains("Broken spoke") && said.contains("Cem van der Berg"), "the ticket names who wrote: {record:#}");

    // An answer is an interaction; what else was done to the ticket is none.
    let interactions = || {
        let status = all.project.json(&["status"]);
        let counts = status["records"].as_array().cloned().unwrap_or_default();
        counts.iter().find(|count| count["entity"] == "interaction").and_then(|count| count["active"].as_u64()).unwrap_or(0)
    };
    let before = interactions();
    all.tracker.answer(&ticket, "On its way");

    // Each is changed in another system than it came from.
    all.tracker.edit(all.tracker.user("Ann Albers"), json!({ "City": "Bonn", "Zip": "53111" }));
    let party = all.tryton.party("Ben Brandt");
    all.tryton.edit(real::id(&party), json!({ "name": "Benno Brandt" }));
    let contact = all.crm.contacts().into_iter().find(|contact| contact["email"] == "cem@three.test").expect("Cem");
    all.crm.edit("contacts", &real::text(&contact["id"]), json!({ "email": "c.berg@three.test" }));
    settle(&all.project);
    let ann = person("Ann Albers", "ann@three.test", ["Ring 1", "53111", "Bonn"]);
    let ben = person("Benno Brandt", "ben@three.test", ["Weg 2", "50668", "Köln"]);
    let cem = person("Cem van der Berg", "c.berg@three.test", cem.address.each_ref().map(String::as_str));
    all.hold(&[ann.clone(), ben.clone(), cem.clone()]);
    assert_eq!(interactions(), before + 1, "messages in Request Tracker");

    refused(&all);
    all.hold_after_refusal(&ann, &ben, &cem);

    // Disabled in Request Tracker: nobody is deleted elsewhere by itself, and he does not come back.
    all.tracker.disable(all.tracker.user("Benno Brandt"));
    settle(&all.project);
    let contact = all.crm.contact("Brandt");
    all.crm.edit("contacts", &contact, json!({ "city": "Mainz" }));
    settle(&all.project);
    let names: Vec<String> = all.tracker.persons().into_iter().map(|person| person.name).collect();
    assert_eq!(names, ["Ann Albers", "Cem van der Berg"]);
    assert!(all.tryton.persons().contains(&person("Benno Brandt", "ben@three.test", ["Weg 2", "50668", "Mainz"])));
    hub::nothing_to_write(&all.project);
}

/// Request Tracker answers 200 and says in words that it did not: the write is set aside with those words.
fn refused(all: &Three) {
    let party = all.tryton.party("Ann Albers");
    let row = party["contact_mechanisms"][0]["id"].as_i64().expect("a mailbox");
    all.tryton.edit_mechanism(row, "taken@three.test");
    let output = all.project.command(&["sync"]).output().expect("nave runs");
    assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
    let letters = all.project.json(&["dlq", "list"]);
    assert!(letters.to_string().contains("Email address in use"), "{letters:#}");
    // A person puts it right where it came from, and has it tried again.
    all.tryton.edit_mechanism(row, "ann@three.test");
    let output = all.project.command(&["sync"]).output().expect("nave runs");
    assert!(matches!(output.status.code(), Some(0 | 1 | 4)), "{}", String::from_utf8_lossy(&output.stderr));
}

impl Three {
    #[track_caller]
    fn hold_after_refusal(&self, ann: &Person, ben: &Person, cem: &Person) {
        settle_with(&self.project, &["--retry"]);
        self.hold(&[ann.clone(), ben.clone(), cem.clone()]);
        assert_eq!(hub::status(&self.project).dead_letters, 0);
    }
}

/// More customers than a page of Request Tracker's holds: all are read, each once, and afterwards only who changed.
#[test]
fn more_users_than_a_page() {
    const COUNT: u64 = 105;
    let Some(tracker) = Tracker::open() else { return };
    let mut last = 0;
    for number in 0..COUNT {
        last = in_tracker(&tracker, &person(&format!("Pat Page{number}"), &format!("p{number}@page.test"), ["", "", ""]));
    }
    let project = Project::init();
    hub::connect_tracker(&project, &tracker, tracker.api.addr);
    let runs = project.sync(&[]);
    let run = hub::run_of(&runs, "desk-users", "in");
    assert_eq!((&run["created"], &run["read"]), (&json!(COUNT), &json!(COUNT)), "{run}");
    tracker.edit(last, json!({ "City": "Bonn" }));
    let runs = project.sync(&[]);
    let run = hub::run_of(&runs, "desk-users", "in");
    assert_eq!(run["updated"], 1, "{run}");
    assert!(run["read"].as_u64() < Some(COUNT), "not everybody is read again: {run}");
}
