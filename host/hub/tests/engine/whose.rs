//! Whoever answers for a field is asked about it, and told what is wrong with it: the steward of its policy line, else the mapping's,
//! else the entity's (S4.8).

use std::collections::BTreeSet;

use nave_core::Value;
use nave_core::catalog::ChangeDetection;
use nave_core::model::ReviewKind;

use super::bench::{Bench, Kind};
use super::policies::{ADA, mapping, open_reviews};
use super::system::System;

on_both_stores!(
    a_conflict_goes_to_the_steward_of_its_field,
    what_is_set_aside_is_told_to_the_steward_of_its_field,
    what_nobody_mends_becomes_the_task_of_the_steward_of_its_field,
);

/// Fields that only a person decides, one of which has a steward of its own; and a birthday that has one.
const FIELDS: &str = "[fields.job_title]\nsurvivorship = \"manual\"\nsteward = \"titles\"\nbecause = \"x\"\n\
    [fields.last_name]\nsurvivorship = \"manual\"\nbecause = \"x\"\n\
    [fields.birth_date]\nsurvivorship = \"newest\"\nsteward = \"birthdays\"\nbecause = \"x\"\n";

/// Columns that are read as days.
const DAYS: &str = "[[field]]\nremote = \"born\"\ncanonical = \"birth_date\"\ndirection = \"in\"\nin = \"date\"\n\
    [[field]]\nremote = \"seen\"\ncanonical = \"first_seen\"\ndirection = \"in\"\nin = \"date\"\n";

/// Who answers for a mapping and for the entity; who is asked about a field without a steward of its own.
const CASES: [(&str, &str, &str); 4] = [("ops", "data", "ops"), ("ops", "", "ops"), ("", "data", "data"), ("", "", "")];

/// Ada in both systems, with these stewards.
async fn ada(kind: Kind, of_mapping: &str, of_entity: &str) -> Bench {
    let line = |steward: &str| if steward.is_empty() { String::new() } else { format!("steward = \"{steward}\"\n") };
    let file = |system: &str| mapping(system, "", "").replace("steward = \"ops\"\n", &line(of_mapping)) + DAYS;
    let contact = format!("{}{FIELDS}", line(of_entity));
    let (crm, books) = (file("crm"), file("books"));
    let files = [
        ("mappings/crm-contacts.toml", crm.as_str()),
        ("mappings/books-contacts.toml", books.as_str()),
        ("entities/contact.toml", contact.as_str()),
    ];
    let systems = ["crm", "books"].map(|name| {
        let mut system = System::new(name, &["contacts"]);
        system.capabilities.changes = ChangeDetection::FullScan;
        system
    });
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    bench
}

/// Somebody types into the books.
async fn typed(bench: &Bench, fields: &[(&str, &str)]) {
    let books = bench.system("books");
    books.state.lock().unwrap().clock += 100_000;
    let id = books.only_id("contacts");
    books.edit("contacts", &id, |body| fields.iter().for_each(|(path, text)| body.put(path, Value::text(*text))));
    bench.engine.run_in("books-contacts", false).await.unwrap();
}

async fn a_conflict_goes_to_the_steward_of_its_field(kind: Kind) {
    for (of_mapping, of_entity, otherwise) in CASES {
        let bench = ada(kind, of_mapping, of_entity).await;
        typed(&bench, &[("title", "captain"), ("last", "King")]).await;
        let reviews = open_reviews(&bench);
        let asked: BTreeSet<(&str, &str)> = reviews
            .iter()
            .filter_map(|review| match &review.kind {
                ReviewKind::Conflict { field, .. } => Some((field.as_str(), review.steward.as_str())),
                _ => None,
            })
            .collect();
        assert_eq!(asked, [("job_title", "titles"), ("last_name", otherwise)].into(), "{of_mapping:?} {of_entity:?}");
        // Nobody answered within the day: each is told of his own.
        bench.pass(25 * 3_600_000);
        let wrong = nave_hub::alerts::wrong_now(&bench.engine).unwrap();
        let told = wrong.iter().filter(|alert| alert.kind == "review-overdue").map(|alert| alert.owner.as_str());
        assert_eq!(told.collect::<BTreeSet<_>>(), ["titles", otherwise].into(), "{of_mapping:?} {of_entity:?}");
    }
}

/// Who is told of what is set aside: subject and owner.
fn told(bench: &Bench) -> BTreeSet<(String, String, u64)> {
    let wrong = nave_hub::alerts::wrong_now(&bench.engine).unwrap();
    let letters = wrong.into_iter().filter(|alert| alert.kind == "dead-letter");
    letters.map(|alert| (alert.subject, alert.owner, alert.count)).collect()
}

async fn what_is_set_aside_is_told_to_the_steward_of_its_field(kind: Kind) {
    for (of_mapping, of_entity, otherwise) in CASES {
        let bench = ada(kind, of_mapping, of_entity).await;
        for (first, column) in [("Bo", "born"), ("Cy", "born"), ("Di", "seen")] {
            let body = format!(r#"{{"first":"{first}","email":"{first}@x.test","{column}":"no day"}}"#);
            bench.system("books").create("contacts", &body);
        }
        bench.engine.run_in("books-contacts", false).await.unwrap();
        let letters = bench.store.dead_letters(0, 10).unwrap();
        let found: Vec<_> = letters.iter().map(|letter| (letter.class.as_str(), letter.field.as_deref())).collect();
        let [born, seen] = ["born", "seen"].map(|field| {
            let of = letters.iter().find(|letter| letter.field.as_deref() == Some(field));
            of.unwrap_or_else(|| panic!("nothing of {field}: {found:?}")).class.clone()
        });
        let expected = [
            (format!("books-contacts {born} of birthdays"), "birthdays".to_owned(), 2),
            (format!("books-contacts {seen}"), otherwise.to_owned(), 1),
        ];
        assert_eq!(told(&bench), expected.into(), "{of_mapping:?} {of_entity:?}: {found:?}");
    }
}

async fn what_nobody_mends_becomes_the_task_of_the_steward_of_its_field(kind: Kind) {
    let bench = ada(kind, "ops", "data").await;
    bench.system("books").create("contacts", r#"{"first":"Bo","born":"no day"}"#);
    bench.engine.run_in("books-contacts", false).await.unwrap();
    bench.pass(8 * 24 * 3_600_000);
    assert_eq!(bench.engine.escalate().await.unwrap(), 1);
    let reviews = open_reviews(&bench);
    let stewards: Vec<&str> = reviews.iter().map(|review| review.steward.as_str()).collect();
    assert_eq!(stewards, ["birthdays"], "{reviews:?}");
}
