//! What a system has and the hub could not read in is not made there a second time. Invariants attacked: I2, I12.

use nave_core::Value;
use nave_core::model::Cause;

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, mapping, only_record};
use super::system::System;

on_both_stores!(
    what_was_set_aside_may_be_it,
    what_is_on_the_shelf_may_be_it,
    who_is_somebody_else_is_made,
    what_is_discarded_is_not_waited_for
);

/// A column that is read as a day.
const BORN: &str =
    "[[field]]\nremote = \"born\"\ncanonical = \"birth_date\"\ndirection = \"both\"\nin = \"date\"\nbecause = \"anywhere\"\n";
const UNREADABLE: &str = r#"{"first":"Ada","last":"Lovelace","email":"Ada@x.test","born":"in spring"}"#;
const READABLE: &str = r#"{"first":"Ada","last":"Lovelace","email":"ada@x.test","title":"pilot"}"#;

/// The CRM has somebody whose birthday is no day, and the books have somebody.
async fn bench(kind: Kind, archive: bool, in_books: &str) -> Bench {
    let files = ["crm", "books"].map(|name| (format!("mappings/{name}-contacts.toml"), mapping(name, "", "") + BORN));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let systems = ["crm", "books"].map(|name| System::new(name, &["contacts"]));
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    bench.system("crm").create("contacts", UNREADABLE);
    if archive {
        bench.engine.backfill("crm-contacts", true, "ann", "old").await.unwrap();
    }
    bench.system("books").create("contacts", in_books);
    rounds(&bench).await;
    bench
}

/// What is held stays to be looked at, so that it is never quiet.
async fn rounds(bench: &Bench) {
    for _ in 0..3 {
        bench.pass(3_600_000);
        bench.round().await;
    }
}

fn in_crm(bench: &Bench) -> usize {
    bench.system("crm").dump("contacts").len()
}

/// Why nothing is made in the CRM, as the record says.
fn held(bench: &Bench) -> String {
    let mapping = bench.engine.catalog().mappings["crm-contacts"].clone();
    bench.engine.waits_for(&mapping, only_record(bench).id).unwrap().unwrap_or_default()
}

/// Somebody puts the birthday right: the two are one, and the CRM hears what the books know.
async fn mended(bench: &Bench) {
    let id = bench.system("crm").only_id("contacts");
    bench.system("crm").edit("contacts", &id, |body| body.put("born", Value::text("1815-12-10")));
    bench.quiet().await;
    only_record(bench);
    assert_eq!(in_crm(bench), 1);
    assert_eq!(bench.system("crm").at("contacts", &id, "title"), "pilot");
    check_quiet(bench).await;
}

async fn what_was_set_aside_may_be_it(kind: Kind) {
    let mut bench = bench(kind, false, READABLE).await;
    assert_eq!(in_crm(&bench), 1);
    assert!(held(&bench).contains("could not be read in and may be it: `nave dlq show 1`"), "{}", held(&bench));
    bench.restart();
    rounds(&bench).await;
    assert_eq!(in_crm(&bench), 1, "a hub that starts anew knows it, too");
    mended(&bench).await;
}

async fn what_is_on_the_shelf_may_be_it(kind: Kind) {
    let bench = bench(kind, true, READABLE).await;
    assert_eq!(in_crm(&bench), 1);
    assert!(held(&bench).contains("may be it: `nave backfill crm-contacts --archived`"), "{}", held(&bench));
    mended(&bench).await;
}

async fn who_is_somebody_else_is_made(kind: Kind) {
    let bench = bench(kind, false, &READABLE.replace("ada@", "augusta@")).await;
    assert_eq!(in_crm(&bench), 2);
    check_quiet(&bench).await;
}

async fn what_is_discarded_is_not_waited_for(kind: Kind) {
    let bench = bench(kind, false, READABLE).await;
    assert_eq!(in_crm(&bench), 1);
    let letter = bench.store.dead_letters(0, 10).unwrap().remove(0);
    let given_up = bench.engine.write(Cause::default(), |draft| {
        draft.batch.revived.push(letter.id);
        Ok(())
    });
    given_up.await.unwrap();
    bench.quiet().await;
    assert_eq!(in_crm(&bench), 2);
}
