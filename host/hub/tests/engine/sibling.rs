//! Two flows read one stream, people and organisations, and tell them apart by a filter. Invariants attacked: I2, I7.

use nave_core::Value;
use nave_core::model::RecordId;

use super::bench::{Bench, Kind};
use super::system::System;

on_both_stores!(what_a_thing_was_taken_for_it_stays, elsewhere_a_filter_is_asked_each_time);

fn mapping(file: &str, connection: &str, entity: &str, filter: &str, name: &str) -> (String, String) {
    let text = format!(
        "connection = \"{connection}\"\nstream = \"contacts\"\nentity = \"{entity}\"\nsteward = \"ops\"\nmarker = \"marker\"\n\n\
         [flow.in]\nfreshness = \"1h\"\n{filter}[flow.out]\nfreshness = \"5m\"\n\
         [[field]]\nremote = \"{name}\"\ncanonical = \"{}\"\ndirection = \"both\"\nbecause = \"anywhere\"\n\
         [[field]]\nremote = \"email\"\ncanonical = \"email\"\ndirection = \"both\"\nbecause = \"anywhere\"\n",
        if entity == "company" { "name" } else { "last_name" }
    );
    (format!("mappings/{file}.toml"), text)
}

async fn bench(kind: Kind, once: &str) -> Bench {
    let files = [
        mapping("books-people", "books", "contact", &format!("filter = \"kind = person\"\n{once}"), "last"),
        mapping("books-firms", "books", "company", &format!("filter = \"kind = firm\"\n{once}"), "name"),
        mapping("crm-people", "crm", "contact", "", "last"),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(kind, ["books", "crm"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    bench
}

fn entities(bench: &Bench) -> Vec<String> {
    bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.entity.to_string()).collect()
}

async fn what_a_thing_was_taken_for_it_stays(kind: Kind) {
    let bench = bench(kind, "filter-once = true\n").await;
    let books = bench.system("books");
    let ada = books.create("contacts", r#"{"kind":"person","last":"King","email":"ada@x.test"}"#);
    bench.quiet().await;
    assert_eq!(entities(&bench), ["contact"]);
    // It looks like a firm now, and somebody corrects it besides.
    books.edit("contacts", &ada, |body| {
        body.put("kind", Value::text("firm"));
        body.put("last", Value::text("Lovelace"));
    });
    bench.quiet().await;
    assert_eq!(entities(&bench), ["contact"], "it is no second thing");
    let crm = bench.system("crm");
    assert_eq!(crm.at("contacts", &crm.only_id("contacts"), "last"), "Lovelace", "what was typed is heard");
    books.put("contacts", &ada, "kind", "person");
    bench.quiet().await;
    assert_eq!(entities(&bench), ["contact"]);
    assert!(bench.store.dead_letters(0, 10).unwrap().is_empty(), "nobody has to see to it");
    // What was a firm from the beginning is one.
    books.create("contacts", r#"{"kind":"firm","name":"Lovelace Ltd","email":"office@y.test"}"#);
    bench.quiet().await;
    assert_eq!(entities(&bench), ["contact", "company"]);
}

/// What is won is an order, and no open deal any more.
async fn elsewhere_a_filter_is_asked_each_time(kind: Kind) {
    let bench = bench(kind, "").await;
    let books = bench.system("books");
    let ada = books.create("contacts", r#"{"kind":"person","last":"King","email":"ada@x.test","name":"King Ltd"}"#);
    bench.quiet().await;
    books.put("contacts", &ada, "kind", "firm");
    bench.quiet().await;
    assert_eq!(entities(&bench), ["contact", "company"]);
}
