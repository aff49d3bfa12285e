//! Real input: persons of two public data sets, many of them twice or more, with mistakes, through `files` into the hub and on into
//! Tryton and BottleCRM. Every row and every write is accounted for, and the systems hold what the accounts say (I14).
//! A part of each set by default; `NAVE_FEBRL=all` takes both whole, `NAVE_FEBRL=febrl2.csv` that one alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nave_tests::project::Project;
use serde_json::Value;

use super::folder::Folder;
use super::hub::{self, run_of, settle};
use super::real::{BottleCrm, Tryton};

/// Persons that are taken of each set, in the order of their numbers: in the first each is there twice, in the second a quarter is.
const SETS: [(&str, u32); 2] = [("febrl1.csv", 100), ("febrl2.csv", 80)];

/// The number of a person is not always copied well: a second field must agree.
const ENTITY: &str = r#"
[[match]]
key = "tax_id"
agree = ["last_name", "address.postal_code"]
"#;

const CONTACTS: &str = r#"
connection = "old"
stream = "contacts"
entity = "contact"
steward = "ops"

[flow.in]
freshness = "1h"

[[field]]
remote = "given_name"
canonical = "first_name"
direction = "in"
in = "trim"

[[field]]
remote = "surname"
canonical = "last_name"
direction = "in"
in = "trim"

[[field]]
remote = "address_1"
canonical = "address.street"
direction = "in"
in = 'template("{street_number} {address_1}") | trim'

[[field]]
remote = "suburb"
canonical = "address.city"
direction = "in"
in = "trim"

[[field]]
remote = "postcode"
canonical = "address.postal_code"
direction = "in"
in = "trim"

[[field]]
remote = "state"
canonical = "address.region"
direction = "in"
in = "trim"

[[field]]
remote = "date_of_birth"
canonical = "birth_date"
direction = "in"
in = "trim | null_if('') | date('%Y%m%d')"

[[field]]
remote = "soc_sec_id"
canonical = "tax_id"
direction = "in"
in = "trim"
"#;

/// A row of the file by column.
type Row = BTreeMap<String, String>;

/// A file of `$NAVE_DATA`; by default beside the repository.
fn rows(name: &str, persons: u32) -> Option<(Vec<String>, Vec<Row>)> {
    let folder = std::env::var_os("NAVE_DATA").map_or_else(|| nave_tests::binary::root().join("../shared/data"), PathBuf::from);
    let file = folder.join(name);
    let Ok(mut reader) = csv::Reader::from_path(&file) else {
        println!("skipped: there is no {}; NAVE_DATA names a folder with it", file.display());
        return None;
    };
    let header: Vec<String> = reader.headers().expect("a header").iter().map(|name| name.trim().to_owned()).collect();
    let row =
        |cells: csv::StringRecord| header.iter().cloned().zip(cells.iter().map(|cell| cell.trim().to_owned())).collect::<Row>();
    let all = reader.records().map(|cells| row(cells.expect("a row")));
    let asked = std::env::var("NAVE_FEBRL").unwrap_or_default();
    if !["", "all", name].contains(&asked.as_str()) {
        return None;
    }
    let whole = !asked.is_empty();
    let some: Vec<Row> = all.filter(|row| number(row).is_some_and(|number| whole || number < persons)).collect();
    Some((header, some))
}

/// What a system holds of a person.
struct Place<'a> {
    name: &'a str,
    postal_code: &'a str,
}

#[test]
fn febrl() {
    for (file, persons) in SETS {
        set(file, persons);
    }
}

fn set(file: &str, persons: u32) {
    let Some((header, rows)) = rows(file, persons) else { return };
    let persons = rows.iter().map(number).collect::<BTreeSet<_>>().len() as u64;
    let again = rows.len() as u64 - persons;
    let (Some(tryton), Some(crm)) = (Tryton::open(), BottleCrm::open()) else { return };
    let project = connected(&header, &rows, &tryton, &crm);
    let by_id: BTreeMap<&str, &Row> = rows.iter().map(|row| (row["rec_id"].as_str(), row)).collect();

    // In: every row is read, and made, merged or waits for a person.
    let runs = project.sync(&[]);
    let count = |run: &Value, name: &str| run[name].as_u64().unwrap_or_else(|| panic!("no {name}: {run}"));
    let read = run_of(&runs, "old-contacts", "in");
    let (created, merged, held) = (count(read, "created"), count(read, "merged"), count(read, "held"));
    // A date that is none is set aside with its reason.
    let unreadable = count(read, "quarantined");
    assert!(unreadable * 50 <= rows.len() as u64, "{read}");
    assert_eq!(count(read, "read"), rows.len() as u64, "{read}");
    assert_eq!(created + merged + held + unreadable, rows.len() as u64, "{read}");
    assert!(created + unreadable >= persons, "two persons became one: {read}");
    assert!(merged * 2 >= again, "too few are found again: {read}");
    let records = all_records(&project);
    assert_eq!(records.len() as u64, created, "{read}");
    assert_eq!(project.json(&["review", "list"])["reviews"].as_array().map(Vec::len), usize::try_from(held).ok(), "{read}");

    // Out: every record is there, or was set aside because a name is missing.
    project.json(&["plan"]);
    project.json(&["apply", "--reason", "a test"]);
    let runs = project.sync(&[]);
    settle(&project);
    let parties: BTreeMap<String, Value> = tryton.persons_by_id();
    let contacts: BTreeMap<String, Value> = crm.contacts().into_iter().map(|row| (text(&row["id"]), row)).collect();
    assert_eq!(count(run_of(&runs, "erp-persons", "out"), "delivered"), parties.len() as u64, "persons in Tryton");
    assert_eq!(count(run_of(&runs, "crm-contacts", "out"), "delivered"), contacts.len() as u64, "contacts in BottleCRM");
    let letters = project.json(&["dlq", "list", "--limit", "100000"])["dead_letters"].as_array().cloned().unwrap_or_default();
    let aside =
        |flow: &str| letters.iter().filter(|letter| letter["flow"] == flow && letter["class"] == "required").count() as u64;
    assert_eq!(parties.len() as u64 + aside("erp-persons"), created, "{letters:#?}");
    assert_eq!(contacts.len() as u64 + aside("crm-contacts"), created, "{letters:#?}");

    // Every record is one person, and so are its party and its contact.
    let (mut seen_parties, mut seen_contacts) = (BTreeSet::new(), BTreeSet::new());
    for record in &records {
        let remotes = project.json(&["xref", record["record"].as_str().expect("a name")])["remotes"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let of = |name: &str| -> Vec<String> {
            remotes.iter().filter(|remote| remote["connection"] == name).map(|remote| text(&remote["remote_id"])).collect()
        };
        let own: Vec<&Row> = of("old").iter().map(|id| by_id[id.as_str()]).collect();
        let numbers: BTreeSet<Option<u32>> = own.iter().map(|row| number(row)).collect();
        assert_eq!(numbers.len(), 1, "two persons in {record}: {own:?}");
        for id in of("erp") {
            let party = &parties[&id];
            let postal_code = text(&party["addresses"][0]["postal_code"]);
            check(&own, Place { name: &text(&party["name"]), postal_code: &postal_code });
            seen_parties.insert(id);
        }
        for id in of("crm") {
            let contact = &contacts[&id];
            let name = format!("{} {}", text(&contact["first_name"]), text(&contact["last_name"]));
            check(&own, Place { name: &name, postal_code: &text(&contact["postcode"]) });
            seen_contacts.insert(id);
        }
    }
    assert_eq!((seen_parties.len(), seen_contacts.len()), (parties.len(), contacts.len()), "the hub knows them all");

    let before = (tryton.api.writes(), crm.api.writes());
    hub::nothing_to_write(&project);
    assert_eq!((tryton.api.writes(), crm.api.writes()), before, "writes by the systems' own logs");
    println!(
        "{file}: {} rows: {created} records, {merged} merged, {held} for a person; {} in Tryton, {} in BottleCRM",
        rows.len(),
        parties.len(),
        contacts.len()
    );
}

/// Every contact that the hub holds, answer after answer.
fn all_records(project: &Project) -> Vec<Value> {
    let mut all: Vec<Value> = Vec::new();
    loop {
        let last = all.last().and_then(|record| record["record"].as_str()?.rsplit('/').next()).unwrap_or("0").to_owned();
        let more = project.json(&["record", "list", "contact", "--limit", "1000", "--after", &last]);
        let more = more["records"].as_array().cloned().unwrap_or_default();
        if more.is_empty() {
            return all;
        }
        all.extend(more);
    }
}

fn connected(header: &[String], rows: &[Row], tryton: &Tryton, crm: &BottleCrm) -> Project {
    let project = Project::init();
    let drop = project.dir().parent().expect("a folder").join("drop");
    let mut old = Folder::new(&drop, &header.join(","));
    old.rows.extend(rows.iter().map(|row| header.iter().map(|name| row[name].clone()).collect()));
    old.write();
    hub::connect_tryton(&project, tryton, tryton.api.addr);
    hub::connect_crm(&project, crm);
    project.install("files");
    project.connect_drop("old", &drop);
    project.write("entities/contact.toml", ENTITY);
    project.write("mappings/old-contacts.toml", CONTACTS);
    project.ok(&["mapping", "lint"]);
    project
}

/// What a system holds was said by rows of this person.
#[track_caller]
fn check(own: &[&Row], place: Place<'_>) {
    let words = |field: &'static str| own.iter().map(move |row| row[field].as_str()).chain([""]);
    let said =
        words("given_name").any(|first| words("surname").any(|last| format!("{first} {last}").trim() == place.name.trim()));
    assert!(said, "nobody said {:?}: {own:#?}", place.name);
    assert!(words("postcode").any(|code| code == place.postal_code), "nobody said {:?}: {own:#?}", place.postal_code);
}

/// Which person a row is about: `rec-17-dup-0` is 17.
fn number(row: &Row) -> Option<u32> {
    row["rec_id"].split('-').nth(1)?.parse().ok()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
