//! One column that is a field and an element of a list too, as `nave mapping suggest` proposes a mailbox: what the hub writes to the
//! field is nobody's word about the list. Invariants attacked: I7.

use nave_core::Value;

use super::bench::{Bench, Kind};
use super::merges::STEP;
use super::policies::{ADA, check_quiet, mapping, only_record};
use super::system::System;

on_both_stores!(what_is_written_to_a_field_is_no_word_about_the_list_that_reads_it);

/// Mailboxes of the only record, with the system whose word each is.
fn mailboxes(bench: &Bench) -> Vec<(String, String)> {
    let record = only_record(bench);
    let mut all = Vec::new();
    for (number, element) in record.elements("emails").filter(|(_, element)| !element.is_empty()) {
        let winner = record.fields.get(format!("emails/{number}").as_str()).unwrap().winner;
        let row = bench.store.contributions(&[winner]).unwrap().remove(0).unwrap();
        all.push((element.at("address").map(Value::display).unwrap_or_default(), row.key.connection.to_string()));
    }
    all.sort();
    all
}

async fn what_is_written_to_a_field_is_no_word_about_the_list_that_reads_it(kind: Kind) {
    let list = "[[list]]\nremote = \"email\"\ncanonical = \"emails\"\ndirection = \"in\"\nsplit = \";\"\n\
                [[list.field]]\nremote = \"\"\ncanonical = \"address\"\n";
    let files = ["crm", "books"].map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, STEP, "") + list));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let bench = Bench::new(kind, ["crm", "books"].map(|name| System::new(name, &["contacts"])).into(), &files);
    bench.approve_all().await;
    let id = bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    let of = |address: &str, system: &str| (address.to_owned(), system.to_owned());
    assert_eq!(mailboxes(&bench), [of("ada@x.test", "crm")]);
    let there = bench.system("books").only_id("contacts");
    bench.system("books").state.lock().unwrap().clock = 1_000_000;
    bench.system("books").put("contacts", &there, "email", "ada@work.test");
    bench.quiet().await;
    assert_eq!(bench.system("crm").at("contacts", &id, "email"), "ada@work.test", "the newer one is written there");
    assert_eq!(mailboxes(&bench), [of("ada@work.test", "books"), of("ada@x.test", "crm")]);
    check_quiet(&bench).await;
    // Somebody types another one there: it is his word, in place of what he had said before.
    bench.system("crm").state.lock().unwrap().clock = 2_000_000;
    bench.system("crm").put("contacts", &id, "email", "ada@home.test");
    bench.quiet().await;
    assert_eq!(mailboxes(&bench), [of("ada@home.test", "crm"), of("ada@work.test", "books")]);
    check_quiet(&bench).await;
}
