//! One record put right everywhere, asked for by a person. Invariants attacked: I4, I7, I14.

use nave_core::Value;
use nave_core::accounting::Counts;
use nave_core::model::{Reason, RecordId};

use super::bench::{Bench, Kind};
use super::policies::{ADA, bench, check_quiet, only_record, set};

on_both_stores!(
    what_no_read_shows_is_taken_in_and_written,
    a_plan_keeps_nothing,
    doing_it_again_changes_nothing,
    only_the_record_that_was_asked_for,
);

async fn ada(kind: Kind) -> (Bench, String, String) {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    let crm = bench.system("crm").create("contacts", ADA);
    bench.quiet().await;
    let books = bench.system("books").only_id("contacts");
    (bench, crm, books)
}

/// Somebody changes a thing in a way that no read of changes shows.
fn behind(bench: &Bench, id: &str, value: &str) {
    set(bench.system("crm"), id, "title", Value::text(value));
    bench.system("crm").state.lock().unwrap().unlisted.insert(id.to_owned());
}

async fn what_no_read_shows_is_taken_in_and_written(kind: Kind) {
    let (bench, crm, books) = ada(kind).await;
    behind(&bench, &crm, "captain");
    bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!(bench.system("books").at("contacts", &books, "title"), "pilot", "no read showed it");

    let done = bench.engine.resync(only_record(&bench).id, "ann").await.unwrap();
    assert_eq!(bench.system("books").at("contacts", &books, "title"), "captain");
    let looked = done.looked.iter().find(|looked| looked.remote.starts_with("crm/")).unwrap();
    assert_eq!(looked.state, "differs");
    assert_eq!(looked.fields, [("title".to_owned(), Some(Value::text("pilot")), Value::text("captain"))]);
    assert!(done.runs.iter().all(|run| run.counts.balances()), "{:?}", done.runs);
    let audit = bench.store.audit(10).unwrap();
    assert!(audit.iter().any(|line| line.action == "record.resync" && line.actor == "ann"), "{audit:?}");
}

async fn a_plan_keeps_nothing(kind: Kind) {
    let (bench, crm, books) = ada(kind).await;
    behind(&bench, &crm, "captain");
    let (record, writes) = (only_record(&bench), bench.system("books").writes());
    let plan = bench.engine.plan_resync(record.id).await.unwrap();
    let towards = plan.towards.iter().find(|towards| towards.flow == "books-contacts").unwrap();
    assert_eq!(towards.writes.len(), 1, "{plan:?}");
    assert_eq!(towards.writes[0].fields, [("title".to_owned(), Some(Value::text("pilot")), Value::text("captain"))]);
    assert!(plan.runs.is_empty());
    assert_eq!((only_record(&bench), bench.system("books").writes()), (record, writes), "nothing was taken in or written");
    assert_eq!(bench.system("books").at("contacts", &books, "title"), "pilot");
}

async fn doing_it_again_changes_nothing(kind: Kind) {
    let (bench, crm, _) = ada(kind).await;
    behind(&bench, &crm, "captain");
    let id = only_record(&bench).id;
    bench.engine.resync(id, "ann").await.unwrap();
    let (record, writes) = (only_record(&bench), bench.system("books").writes());
    let again = bench.engine.resync(id, "ann").await.unwrap();
    assert!(again.looked.iter().all(|looked| looked.state == "as known"), "{again:?}");
    assert!(again.towards.iter().all(|towards| towards.writes.is_empty()), "{again:?}");
    assert_eq!((only_record(&bench), bench.system("books").writes()), (record, writes));
    bench.system("crm").state.lock().unwrap().unlisted.clear();
    check_quiet(&bench).await;
}

/// What else waits for a destination goes on waiting, and the flow's own last success is not that of this run.
async fn only_the_record_that_was_asked_for(kind: Kind) {
    let (bench, crm, books) = ada(kind).await;
    let ada = only_record(&bench).id;
    behind(&bench, &crm, "captain");
    bench.system("crm").create("contacts", r#"{"first":"Bea","last":"Ek","email":"bea@x.test","title":"cook"}"#);
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    let last = bench.store.flow("books-contacts").unwrap().last_out;
    let done = bench.engine.resync(ada, "ann").await.unwrap();
    assert_eq!(bench.system("books").dump("contacts").len(), 1, "the other one was not asked for");
    assert_eq!(bench.system("books").at("contacts", &books, "title"), "captain");
    let dirty = bench.store.dirty("books-contacts", RecordId(0), 10).unwrap();
    assert_eq!(dirty.len(), 1, "{dirty:?}");
    assert!(dirty[0].reasons.iter().all(|reason| reason != Reason::Resync));
    assert_eq!(bench.store.flow("books-contacts").unwrap().last_out, last);
    let out = done.runs.iter().filter_map(|run| match run.counts {
        Counts::Out(counts) => Some(counts),
        Counts::In(_) => None,
    });
    assert_eq!(out.map(|counts| counts.delivered).sum::<u64>(), 1, "{:?}", done.runs);
}
