//! Records are found under what the configuration asks for, also those that were here before it asked for it.

use std::borrow::Cow;

use nave_core::Value;
use nave_core::catalog::{Catalog, Entity};
use nave_core::model::RecordId;
use nave_store::IndexSpace;

use super::bench::{Bench, Kind};
use super::system::System;

on_both_stores!(comparing_by_score_finds_what_was_here_before, another_match_key_finds_what_was_here_before);

const PEOPLE: &str = r#"
connection = "crm"
stream = "contacts"
entity = "contact"
steward = "ops"
[flow.in]
freshness = "1h"
[[field]]
remote = "first"
canonical = "first_name"
direction = "in"
[[field]]
remote = "last"
canonical = "last_name"
direction = "in"
[[field]]
remote = "mail"
canonical = "email"
direction = "in"
"#;

const OFF: &str = "[scored]\non = false\nbecause = \"not yet\"\n";

fn files<'f>(entity: &'f str, there: &'f str) -> [(&'f str, &'f str); 3] {
    [("entities/contact.toml", entity), ("mappings/crm-contacts.toml", PEOPLE), ("mappings/books-contacts.toml", there)]
}

/// Records that are found under what Ada is compared by.
fn found_by_score(bench: &Bench, entity: &Entity) -> Vec<u64> {
    let values = [("email", "ada.lovelace@x.test"), ("first_name", "Ada"), ("last_name", "Lovelace")];
    let values: Vec<(&str, Value)> = values.iter().map(|(name, text)| (*name, Value::text(*text))).collect();
    let terms = entity.scoring.as_ref().unwrap().roles.terms(values.iter().map(|(name, value)| (Cow::Borrowed(*name), value)));
    assert!(terms.len() > 1, "{terms:?}");
    let hashes: Vec<u64> = terms.iter().map(|term| term.hash).collect();
    let mut ids = bench.store.candidates(IndexSpace::Match, &hashes).unwrap().concat();
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// How often the index was made anew.
fn made_anew(bench: &Bench) -> usize {
    bench.store.audit(100).unwrap().iter().filter(|line| line.action == "store.rebuilt").count()
}

async fn comparing_by_score_finds_what_was_here_before(kind: Kind) {
    let there = PEOPLE.replace("\"crm\"", "\"books\"");
    let systems = vec![System::new("crm", &["contacts"]), System::new("books", &["contacts"])];
    let mut bench = Bench::new(kind, systems, &files(OFF, &there));
    let catalog: &Catalog = &bench.engine.catalog();
    let entity = catalog.entities["contact"].clone();
    bench.system("crm").create("contacts", r#"{"first":"Ada","last":"Lovelace","mail":"ada.lovelace@x.test"}"#);
    bench.quiet().await;
    let ada = bench.store.records_after(RecordId(0), 10).unwrap()[0].id.0;
    let before = made_anew(&bench);
    assert!(found_by_score(&bench, &entity).is_empty(), "nobody is looked up by score");
    bench.configure(&files("", &there));
    bench.quiet().await;
    assert_eq!((found_by_score(&bench, &entity), made_anew(&bench) - before), (vec![ada], 1));
    // Once: not with every run, nor with every start.
    bench.restart();
    bench.quiet().await;
    assert_eq!(made_anew(&bench) - before, 1);
    // Turned off again, nothing is left of it.
    bench.configure(&files(OFF, &there));
    bench.quiet().await;
    assert!(found_by_score(&bench, &entity).is_empty());
}

async fn another_match_key_finds_what_was_here_before(kind: Kind) {
    let there = PEOPLE.replace("\"crm\"", "\"books\"");
    let systems = vec![System::new("crm", &["contacts"]), System::new("books", &["contacts"])];
    let rule = |key: &str| format!("{OFF}[[match]]\nkey = \"{key}\"\nagree = []\n");
    let (by_mail, by_name) = (rule("email"), rule("last_name"));
    let mut bench = Bench::new(kind, systems, &files(&by_mail, &there));
    bench.system("crm").create("contacts", r#"{"first":"Ada","last":"Lovelace","mail":"ada@x.test"}"#);
    bench.quiet().await;
    bench.configure(&files(&by_name, &there));
    bench.system("books").create("contacts", r#"{"first":"A","last":"Lovelace","mail":"countess@x.test"}"#);
    bench.quiet().await;
    assert_eq!(bench.store.records_after(RecordId(0), 10).unwrap().len(), 1, "found by the key that was asked for later");
}
