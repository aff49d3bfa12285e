//! Two records merged and made two again, by the command line, over real plugins: the CRM merges its two objects, which it never
//! takes back, the books are told what is left; then all is as it was (S4.17, I12).

use std::collections::BTreeMap;
use std::sync::Arc;

use nave_sim::{SimConfig, System};
use nave_tests::project::Project;
use nave_tests::systems::{Clock, Sim};
use serde_json::{Value, json};

use super::connected::connect;

pub(crate) struct Two {
    pub(crate) project: Project,
    pub(crate) crm: Sim,
    pub(crate) books: Sim,
}

impl Two {
    /// The same person, once entered in the CRM and once in the books, each since carried to the other.
    pub(crate) fn start() -> Self {
        // Two customers of one name cannot both be in use there: the second is put away.
        let away =
            "archive = { ContactStatus = \"ARCHIVED\" }\nrestore = { ContactStatus = \"ACTIVE\" }\nduplicates = \"archive\"";
        Self::start_with("duplicates = \"merge\"", away)
    }

    /// The same, with these lines in the mappings.
    pub(crate) fn start_with(of_crm: &str, of_books: &str) -> Self {
        Self::start_of(of_crm, of_books, &json!({}), &json!({}))
    }

    /// The same, of whom the CRM knows this of the one and the books that of the other besides.
    fn start_of(of_crm: &str, of_books: &str, one: &Value, other: &Value) -> Self {
        let with = |mut object: Value, more: &Value| {
            let fields = object.as_object_mut().expect("an object");
            fields.extend(more.as_object().expect("an object").clone());
            object
        };
        let clock = Clock::default();
        let config = || {
            let clock = clock.clone();
            SimConfig { clock: Arc::new(move || clock.now()), date: Some(nave_sim::system_clock()), ..SimConfig::new(5) }
        };
        let (crm, books) = (Sim::start(System::Crm, config()), Sim::start(System::Books, config()));
        let project = Project::init();
        connect(&project, &[("crm", &crm), ("books", &books)]);
        for (path, lines) in [("mappings/crm-contacts.toml", of_crm), ("mappings/books-contacts.toml", of_books)] {
            project.write(path, &format!("{lines}\n{}", project.read(path)));
        }
        let two = Self { project, crm, books };
        let ada = json!({ "firstname": "Ada", "lastname": "Lovelace", "email": "ada@x.example", "jobtitle": "Countess" });
        let ada = json!({ "properties": with(ada, one) });
        two.crm.call("POST", "/crm/v3/objects/contacts", Some(ada));
        two.project.agree();
        two.settle();
        let king =
            json!({ "Name": "Augusta King", "FirstName": "Augusta", "LastName": "King", "EmailAddress": "king@y.example" });
        two.books.call("PUT", "/api.xro/2.0/Contacts", Some(json!({ "Contacts": [with(king, other)] })));
        two.settle();
        two
    }

    pub(crate) fn settle(&self) {
        for _ in 0..6 {
            let runs = self.project.sync(&["--retry"]);
            if runs.iter().all(|run| run["delivered"].as_u64().unwrap_or(0) == 0) {
                return;
            }
        }
        panic!("still moving: {}", self.project.json(&["status"]));
    }

    /// What each system holds, by its own state, without ids, times and the hub's marks: each thing's name and what it holds.
    pub(crate) fn there(&self) -> BTreeMap<String, Vec<String>> {
        let crm = self.crm.control("GET", "/_sim/state", None)["contacts"].as_array().cloned().unwrap_or_default();
        let alive = crm.iter().filter(|row| row["archived"] != true && row["merged_into"].is_null());
        let own = |row: &Value| -> String {
            let names = ["firstname", "lastname", "email", "jobtitle", "phone"];
            names.map(|name| row["properties"][name].as_str().unwrap_or_default().to_owned()).join(" ")
        };
        let mut people: Vec<String> = alive.map(own).collect();
        people.sort();
        let books = self.books.control("GET", "/_sim/state", None)["Contacts"].as_array().cloned().unwrap_or_default();
        let alive = books.iter().filter(|row| row["ContactStatus"] == "ACTIVE");
        let own = |row: &Value| -> String {
            ["Name", "FirstName", "LastName", "EmailAddress"]
                .map(|name| row[name].as_str().unwrap_or_default().to_owned())
                .join(" ")
        };
        let mut customers: Vec<String> = alive.map(own).collect();
        customers.sort();
        BTreeMap::from([("crm".to_owned(), people), ("books".to_owned(), customers)])
    }

    /// What each system holds of places and telephones, as it is spelled there: the mailbox, the telephone, the city.
    fn spelled(&self) -> BTreeMap<&'static str, Vec<String>> {
        let text = |of: &Value| of.as_str().unwrap_or_default().to_owned();
        let crm = self.crm.control("GET", "/_sim/state", None)["contacts"].as_array().cloned().unwrap_or_default();
        let alive = crm.iter().filter(|row| row["archived"] != true && row["merged_into"].is_null());
        let own = |row: &Value| ["email", "phone", "city"].map(|name| text(&row["properties"][name])).join(" | ");
        let mut people: Vec<String> = alive.map(own).collect();
        people.sort();
        let books = self.books.control("GET", "/_sim/state", None)["Contacts"].as_array().cloned().unwrap_or_default();
        let part = |row: &Value, parts: &str, which: (&str, &str), name: &str| {
            let parts = row[parts].as_array().cloned().unwrap_or_default();
            parts.iter().find(|part| part[which.0] == which.1).map(|part| text(&part[name])).unwrap_or_default()
        };
        let own = |row: &Value| {
            let phone = part(row, "Phones", ("PhoneType", "DEFAULT"), "PhoneNumber");
            let city = part(row, "Addresses", ("AddressType", "STREET"), "City");
            [text(&row["EmailAddress"]), phone, city].join(" | ")
        };
        let mut customers: Vec<String> = books.iter().filter(|row| row["ContactStatus"] == "ACTIVE").map(own).collect();
        customers.sort();
        BTreeMap::from([("crm", people), ("books", customers)])
    }

    /// A record's fields, and where each comes from.
    fn record(&self, record: &str) -> BTreeMap<String, (String, String)> {
        let shown = self.project.json(&["record", "show", record]);
        let fields = shown["fields"].as_array().cloned().unwrap_or_default();
        let text = |field: &Value, name: &str| field[name].as_str().unwrap_or_default().to_owned();
        fields.iter().map(|field| (text(field, "field"), (text(field, "display"), text(field, "from")))).collect()
    }
}

pub(crate) fn outcomes(merge: &Value) -> Vec<String> {
    let steps = merge["steps"].as_array().cloned().unwrap_or_default();
    steps.iter().map(|step| format!("{} {} {}", step["connection"], step["what"], step["outcome"]).replace('"', "")).collect()
}

#[test]
fn merged_in_both_systems_and_taken_back() {
    let two = Two::start();
    let before = two.there();
    let records = (two.record("contact/1"), two.record("contact/2"));
    assert_eq!(before["crm"], ["Ada Lovelace ada@x.example Countess ", "Augusta King king@y.example  "], "{before:#?}");
    assert_eq!(before["books"].len(), 2, "{before:#?}");

    // Nothing is done without a reason, and nothing by a plan.
    let ran = two.project.command(&["match", "merge", "contact/1", "contact/2"]).output().expect("nave runs");
    assert_eq!(ran.status.code(), Some(2));
    let plan = two.project.json(&["match", "merge", "contact/2", "contact/1", "--dry-run"]);
    assert_eq!((plan["survivor"].as_str(), plan["loser"].as_str()), (Some("contact/1"), Some("contact/2")), "{plan}");
    let email = plan["fields"].as_array().unwrap().iter().find(|field| field["field"] == "email").cloned().unwrap();
    assert_eq!((&email["survivor"], &email["loser"]), (&json!("ada@x.example"), &json!("king@y.example")));
    assert_eq!(two.there(), before);

    let merge = two.project.json(&["match", "merge", "contact/1", "contact/2", "--reason", "the same person"]);
    assert_eq!(merge["state"], "done", "{merge}");
    let done = outcomes(&merge);
    assert_eq!(done, ["books update done", "books archive done", "crm update done", "crm merge done"], "{merge}");
    let mut steps = merge["steps"].as_array().unwrap().iter();
    assert!(steps.all(|step| step["verified"].is_string()), "read back: {merge}");
    two.settle();
    let now = two.there();
    assert_eq!(now["crm"], ["Augusta King king@y.example Countess "], "{now:#?}");
    assert_eq!(now["books"], ["Augusta King Augusta King king@y.example"], "{now:#?}");
    let shown = two.project.json(&["record", "show", "contact/2"]);
    assert_eq!((&shown["state"], &shown["merged_into"]), (&json!("merged"), &json!("contact/1")));
    assert_eq!(two.project.json(&["record", "show", "contact/1"])["merged_from"], json!([{ "record": "contact/2", "merge": 1 }]));
    // Of everything that is this record now it is known since when, by whom and why: of what came with the other one by the merge.
    let known = |which: &str| -> Vec<(String, String)> {
        let xref = two.project.json(&["xref", which]);
        assert_eq!(xref["record"], "contact/1", "{xref}");
        let remotes = xref["remotes"].as_array().cloned().unwrap_or_default();
        assert!(remotes.iter().all(|remote| remote["since"].is_string()), "{xref:#}");
        remotes
            .iter()
            .map(|remote| ["because", "by"].map(|name| remote[name].as_str().unwrap_or_default().to_owned()).into())
            .collect()
    };
    for which in ["contact/1", "contact/2"] {
        let known = known(which);
        assert!(known.iter().all(|(because, by)| !because.is_empty() && !by.is_empty()), "{which}: {known:?}");
        let came = known.iter().filter(|(because, _)| because == "it came with contact/2 by merge 1: the same person");
        assert_eq!(came.filter(|(_, by)| by.starts_with("local:")).count(), 2, "{which}: {known:?}");
    }

    let back = two.project.json(&["match", "unmerge", "contact/2", "--dry-run"]);
    assert!(back["left"].to_string().contains("under a new id"), "{back}");
    assert_eq!(two.there(), now);
    let undone = two.project.json(&["match", "unmerge", "contact/2", "--reason", "mother and daughter"]);
    assert_eq!(undone["state"], "undone", "{undone}");
    two.settle();
    assert_eq!(two.there(), before);
    let without_ids = |fields: &BTreeMap<String, (String, String)>| -> BTreeMap<String, String> {
        fields.iter().map(|(name, (value, _))| (name.clone(), value.clone())).collect()
    };
    let after = (two.record("contact/1"), two.record("contact/2"));
    assert_eq!((without_ids(&after.0), without_ids(&after.1)), (without_ids(&records.0), without_ids(&records.1)));
    let apart = two.project.json(&["xref", "contact/1"]).to_string();
    assert!(!apart.contains("by merge"), "nothing came with a merge any more: {apart}");
    let history = two.project.json(&["record", "history", "contact/2"]).to_string();
    assert!(history.contains("merged into contact/1") && history.contains("unmerged from contact/1"), "{history}");
    let audit = two.project.json(&["audit"]).to_string();
    assert!(audit.contains("record.merged") && audit.contains("record.unmerged"), "{audit}");

    // Nothing is left to do, by the systems' own logs, also when everything is read again: they stay two.
    let marks = [two.crm.last_request(), two.books.last_request()];
    two.project.sync(&["--full"]);
    for (sim, mark) in [&two.crm, &two.books].into_iter().zip(marks) {
        assert_eq!(sim.changes_since(mark), Vec::<Value>::new());
    }
    assert_eq!(two.project.json(&["record", "show", "contact/2"])["state"], "active");
}

/// Both systems keep both objects and take a mailbox, or a name, only once: the one that has it keeps it, and the merge is done.
#[test]
fn merged_where_both_objects_stay_and_a_value_is_taken_only_once() {
    let step = "duplicates = \"keep-in-step\"";
    let two = Two::start_with(step, step);
    let before = two.there();
    let merge = two.project.json(&["match", "merge", "contact/1", "contact/2", "--reason", "the same person"]);
    assert_eq!(merge["state"], "done", "{merge}");
    let done = ["books update done", "books keep-in-step done", "crm update done", "crm keep-in-step done"];
    assert_eq!(outcomes(&merge), done, "{merge}");
    let left = |of: &Value| -> Vec<String> {
        let details = of.as_array().unwrap().iter().filter_map(|line| line["detail"].as_str());
        let mut left: Vec<String> = details
            .filter(|detail| detail.contains("stays as it is"))
            .map(|detail| detail[..detail.find(" of ").unwrap()].into())
            .collect();
        left.sort();
        left
    };
    assert_eq!(left(&merge["steps"]), ["`Name`", "`properties.email`"], "{merge}");
    two.settle();
    let now = two.there();
    assert_eq!(now["crm"], ["Augusta King ada@x.example Countess ", "Augusta King king@y.example Countess "], "{now:#?}");
    let king = "Augusta King king@y.example";
    assert_eq!(now["books"], [format!("Ada Lovelace {king}"), format!("Augusta King {king}")], "{now:#?}");
    assert_eq!(two.project.json(&["dlq", "list"])["dead_letters"], json!([]), "nothing failed");
    let shown = two.project.json(&["record", "show", "contact/1"]);
    assert_eq!(left(&shown["deliveries"]), ["`Name`", "`properties.email`"], "{shown}");
    assert_eq!(two.project.json(&["match", "merges", "show", "1"])["state"], "done");
    // It is not tried again.
    let marks = [two.crm.last_request(), two.books.last_request()];
    two.project.sync(&["--full"]);
    for (sim, mark) in [&two.crm, &two.books].into_iter().zip(marks) {
        assert_eq!(sim.changes_since(mark), Vec::<Value>::new());
    }

    let undone = two.project.json(&["match", "unmerge", "contact/2", "--reason", "mother and daughter"]);
    assert_eq!((&undone["state"], left(&undone["steps"])), (&json!("undone"), Vec::new()), "{undone}");
    two.settle();
    assert_eq!(two.there(), before);
}

/// Each system spells telephones its own way, and knows a city of one of the two only.
#[test]
fn taken_back_each_system_spells_it_as_before() {
    let away = "archive = { ContactStatus = \"ARCHIVED\" }\nrestore = { ContactStatus = \"ACTIVE\" }\nduplicates = \"archive\"";
    let step = "duplicates = \"keep-in-step\"";
    for (of_crm, of_books) in [("duplicates = \"merge\"", away), (step, step)] {
        let known = json!({ "phone": "+46 70 555 00 01" });
        let parts = json!({
            "Phones": [{ "PhoneType": "DEFAULT", "PhoneNumber": "+46-70-555-00-02" }],
            "Addresses": [{ "AddressType": "STREET", "City": "Lund" }],
        });
        let two = Two::start_of(of_crm, of_books, &known, &parts);
        let before = two.spelled();
        assert_eq!(before["crm"], ["ada@x.example | +46 70 555 00 01 | ", "king@y.example | +46705550002 | Lund"]);
        assert_eq!(before["books"], ["ada@x.example | +46705550001 | ", "king@y.example | +46-70-555-00-02 | Lund"]);
        let merge = two.project.json(&["match", "merge", "contact/1", "contact/2", "--reason", "the same person"]);
        assert_eq!(merge["state"], "done", "{merge}");
        two.settle();
        let now = two.spelled();
        assert!(now.values().flatten().all(|line| line.ends_with("02 | Lund")), "{now:#?}");
        let undone = two.project.json(&["match", "unmerge", "contact/2", "--reason", "mother and daughter"]);
        assert_eq!(undone["state"], "undone", "{undone}");
        two.settle();
        assert_eq!(two.spelled(), before, "{of_crm}");
        let marks = [two.crm.last_request(), two.books.last_request()];
        two.project.sync(&["--full"]);
        for (sim, mark) in [&two.crm, &two.books].into_iter().zip(marks) {
            assert_eq!(sim.changes_since(mark), Vec::<Value>::new());
        }
    }
}
