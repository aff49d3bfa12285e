//! `nave test sample`: fixtures of real data that keep its shape and distribution, in which nothing is left that anybody said, and
//! that a hub can be fed with.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use nave_sim::SimConfig;
use nave_tests::project::Project;
use nave_tests::systems::{Crm, Sim, System as _};
use serde_json::{Value, json};

use super::connected::connect;

const PEOPLE: usize = 300;

/// A CRM with people in it, connected with the mappings that its plugin brings, and read.
fn start() -> (Project, Crm) {
    let crm = Crm::start("crm", SimConfig { records: PEOPLE, ..SimConfig::new(29) });
    let project = Project::init();
    let sim = crm.sim().expect("a simulator");
    connect(&project, &[("crm", sim)]);
    project.json(&["connection", "discover", "crm", "--save"]);
    project.sync(&[]);
    (project, crm)
}

/// Rows of a fixture, as a tree each.
fn rows(folder: &Path, name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join(name)).expect("a fixture");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Texts of a thing by path; lists are one text.
fn texts(thing: &Value, path: &str, found: &mut BTreeMap<String, String>) {
    match thing {
        Value::Object(map) => {
            for (name, inner) in map {
                texts(inner, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, found);
            }
        }
        Value::Null => {}
        Value::String(text) => drop(found.insert(path.to_owned(), text.clone())),
        other => drop(found.insert(path.to_owned(), other.to_string())),
    }
}

fn columns(things: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for thing in things {
        let mut found = BTreeMap::new();
        texts(thing, "", &mut found);
        found.into_iter().for_each(|(path, text)| columns.entry(path).or_default().push(text));
    }
    columns
}

/// How often each value occurs, without saying which it is.
fn frequencies(values: &[String]) -> Vec<usize> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    values.iter().for_each(|value| *counts.entry(value.to_lowercase()).or_default() += 1);
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable();
    counts
}

/// What sort of letter stands where, without saying which; how many of each.
fn shapes(values: &[String]) -> BTreeMap<String, usize> {
    let sort = |c: char| match c {
        c if c.is_uppercase() => 'A',
        c if c.is_alphabetic() => 'a',
        c if c.is_numeric() => '0',
        c => c,
    };
    let mut counts = BTreeMap::new();
    values.iter().for_each(|value| *counts.entry(value.chars().map(sort).collect::<String>()).or_default() += 1);
    counts
}

/// Mails, numbers of at least seven digits and words of at least four letters of everybody in the CRM, in lower case.
fn originals(sim: &Sim) -> BTreeSet<String> {
    let state = sim.control("GET", "/_sim/state", None);
    let mut found = BTreeSet::new();
    for person in state["contacts"].as_array().into_iter().flatten() {
        for (name, value) in person["properties"].as_object().into_iter().flatten() {
            let text = value.as_str().unwrap_or_default().to_lowercase();
            match name.as_str() {
                "email" => drop(found.insert(text)),
                "firstname" | "lastname" | "address" => {
                    let words = text.split(|c: char| !c.is_alphabetic()).filter(|word| word.chars().count() >= 4);
                    found.extend(words.map(str::to_owned));
                }
                "phone" | "mobilephone" => {
                    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
                    found.extend((digits.len() >= 7).then_some(digits));
                }
                _ => {}
            }
        }
    }
    assert!(found.len() > PEOPLE, "the CRM has people in it");
    found
}

/// Everything that stands in the cells, in lower case; mails and addresses without the end that they all have.
fn cells(things: &[Value]) -> Vec<String> {
    let all = columns(things).into_values().flatten();
    all.flat_map(|text| {
        let lower = text.to_lowercase().replace(".example", "");
        let digits = lower.chars().filter(char::is_ascii_digit).collect();
        [lower, digits]
    })
    .collect()
}

#[test]
fn a_masked_sample_keeps_its_shape_and_nothing_else() {
    let (project, crm) = start();
    let folder = |name: &str| project.dir().join(name);
    let sample = |source: &str, mask: &[&str], to: &str| {
        let out = folder(to).display().to_string();
        let mut arguments = vec!["test", "sample", source, "--records", "1000", "--out", out.as_str()];
        arguments.extend(mask);
        project.run(&arguments)
    };

    // As it is: refused, unless it is meant.
    let refused = sample("contact", &["--mask", "none"], "never");
    assert!(refused.code == Some(2) && refused.out.contains("--allow-unmasked"), "{refused:?}");
    assert!(!folder("never").exists());
    assert_eq!(sample("contact", &["--mask", "none", "--allow-unmasked"], "real").code, Some(0));
    let masked = sample("contact", &["--mask", "pii"], "masked");
    assert_eq!(masked.code, Some(0), "{masked:?}");
    let answer = masked.json();
    assert_eq!((&answer["things"]["contact"], &answer["seen"]), (&answer["seen"], &json!(answer["seen"].as_u64().unwrap_or(0))));
    assert!(answer["seen"].as_u64() > Some(200) && answer["searched"].as_u64() > Some(500), "{answer}");

    let (real, made) = (rows(&folder("real"), "contact.jsonl"), rows(&folder("masked"), "contact.jsonl"));
    assert_eq!(real.len(), made.len());
    let (before, after) = (columns(&real), columns(&made));
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "the same columns");
    for (path, values) in &before {
        assert_eq!(values.len(), after[path].len(), "{path}: as many are empty as were");
        // Of days and countries there are only so many: some may meet.
        if !path.contains("date") && !path.contains("country") {
            assert_eq!(frequencies(values), frequencies(&after[path]), "{path}: what was equal is equal, and nothing else");
        }
    }
    for path in ["first_name", "last_name", "phone", "mobile", "address.street", "address.postal_code", "job_title"] {
        assert_eq!(shapes(&before[path]), shapes(&after[path]), "{path}");
    }
    assert!(after["email"].iter().all(|mail| mail.ends_with(".example")), "mails lead nowhere");

    // Nothing of anybody is left: looked for by the test, not by the command.
    let originals = originals(crm.sim().expect("a simulator"));
    let found = cells(&made);
    for original in &originals {
        let left = found.iter().find(|cell| cell.contains(original.as_str()));
        assert!(left.is_none(), "{original} is left in {left:?}");
    }
    let shown = cells(&real);
    assert!(originals.iter().any(|original| shown.iter().any(|cell| cell.contains(original.as_str()))), "and could be found");

    // Edges lead to what came along.
    let companies: BTreeSet<String> = columns(&rows(&folder("masked"), "company.jsonl"))["id"].iter().cloned().collect();
    assert!(after["company"].iter().all(|company| companies.contains(company)) && !companies.is_empty());

    // Another run has other masks; who sampled what is in the audit.
    assert_eq!(sample("contact", &[], "again").code, Some(0));
    assert_ne!(columns(&rows(&folder("again"), "contact.jsonl"))["first_name"], after["first_name"]);
    assert!(project.json(&["audit"])["entries"].to_string().contains("test.sampled"));

    // As the system spells it, the same holds.
    assert_eq!(sample("crm/contacts", &["--format", "jsonl"], "spelled").code, Some(0));
    let spelled = rows(&folder("spelled"), "contacts.jsonl");
    assert!(spelled.len() >= PEOPLE && spelled[0]["properties"]["firstname"].is_string(), "{}", spelled[0]);
    let found = cells(&spelled);
    let left: Vec<&String> = originals.iter().filter(|one| found.iter().any(|cell| cell.contains(one.as_str()))).collect();
    assert_eq!(left, Vec::<&String>::new());
    assert!(!folder("spelled").join("contacts.csv").exists());

    // A hub takes it for data: no row is set aside.
    let test = Project::init();
    let drop = test.dir().parent().expect("a folder").join("drop");
    std::fs::create_dir_all(&drop).expect("a folder");
    std::fs::copy(folder("masked").join("contact.csv"), drop.join("people.csv")).expect("copied");
    test.install("files");
    test.connect_drop("drop", &drop);
    let field = |remote: &str, more: &str| {
        format!("[[field]]\nremote = \"{remote}\"\ncanonical = \"{remote}\"\ndirection = \"in\"\n{more}\n")
    };
    let fields = [
        field("first_name", ""),
        field("last_name", ""),
        field("email", "in = \"trim | lower\""),
        field("phone", "in = \"phone\""),
        field("address.country", ""),
    ];
    let mapping = "connection = \"drop\"\nstream = \"people\"\nentity = \"contact\"\nsteward = \"ops\"\n\n[flow.in]\nfreshness = \"1h\"\n\n";
    test.write("mappings/people.toml", &format!("{mapping}{}", fields.join("\n")));
    let runs = test.sync(&[]);
    let count = |name: &str| runs[0][name].as_u64();
    assert_eq!((count("read"), count("quarantined")), (Some(made.len() as u64), Some(0)), "{runs:?}");
}
