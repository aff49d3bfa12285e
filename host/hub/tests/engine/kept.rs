//! A write that the system says it made, and that is not to be seen: never taken for its spelling. Invariants attacked: I4, I14.

use nave_core::Value;

use super::bench::{Bench, Kind};
use super::frozen::{bench, title};
use super::policies::{open_reviews, set};
use super::system::Fault;

on_both_stores!(what_was_not_stored_is_written_again, what_is_never_stored_is_a_persons);

/// The ERP says another title, and the CRM, which is told, says yes and keeps its own, so often.
async fn kept(kind: Kind, times: usize) -> (Bench, String) {
    let (bench, crm, erp) = bench(kind).await;
    set(bench.system("erp"), &erp, "title", Value::text("captain"));
    (0..times).for_each(|_| bench.system("crm").fault(Fault::Keep));
    (bench, crm)
}

/// Rounds until nothing waits any more, two hours apart.
async fn rounds(bench: &Bench) {
    for _ in 0..6 {
        bench.pass(7_200_000);
        bench.round().await;
    }
}

async fn what_was_not_stored_is_written_again(kind: Kind) {
    let (bench, crm) = kept(kind, 1).await;
    bench.round().await;
    assert_eq!(title(&bench, &crm), "pilot", "said to be written");
    let parked = bench.store.parked("crm-contacts").unwrap();
    let why = parked.first().map_or("", |row| row.reason.as_str());
    assert!(parked.len() == 1 && why.contains("`title` is there as it was before"), "{parked:?}");
    rounds(&bench).await;
    assert_eq!(title(&bench, &crm), "captain");
    assert!(bench.store.parked("crm-contacts").unwrap().is_empty() && open_reviews(&bench).is_empty());
}

async fn what_is_never_stored_is_a_persons(kind: Kind) {
    let (bench, crm) = kept(kind, 50).await;
    let before = bench.system("crm").writes();
    rounds(&bench).await;
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert!(letters.len() == 1 && letters[0].message.contains("`title` is there as it was before"), "{letters:?}");
    let tried = bench.system("crm").writes() - before;
    rounds(&bench).await;
    assert_eq!((bench.system("crm").writes() - before, title(&bench, &crm).as_str()), (tried, "pilot"), "it ends by itself");
}
