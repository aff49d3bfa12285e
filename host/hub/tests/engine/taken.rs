//! Two objects of one record in a system that takes a value only once: the one that has it keeps it, the other one is left as it is.
//! Invariants attacked: I4, I7, I14.

use nave_hub::engine::merges::{Merge, MergeState};

use super::bench::{Bench, Kind};
use super::merges::{STEP, bench, merged, outcomes, stands, there, twice};
use super::policies::check_quiet;

on_both_stores!(
    what_the_other_object_has_is_left_as_it_is,
    where_the_system_does_not_say_which_field_it_was_too,
    what_another_record_has_is_still_refused,
);

/// What the steps of a merge leave as it is.
fn left(merge: &Merge) -> Vec<(&str, &[String])> {
    merge.current().iter().filter(|step| !step.left.is_empty()).map(|step| (step.connection.as_str(), &step.left[..])).collect()
}

fn refused(bench: &Bench, system: &str) -> usize {
    bench.system(system).state.lock().unwrap().taken.len()
}

async fn check(kind: Kind, unnamed: bool) {
    let mut bench = bench(kind, STEP, STEP).await;
    for system in bench.systems.values() {
        let mut state = system.state.lock().unwrap();
        (state.unique, state.unnamed) = (["email".to_owned()].into(), unnamed);
    }
    // What it offers is asked once per process.
    bench.restart();
    let (ada, augusta) = twice(&bench).await;
    let before = (stands(&bench, ada), stands(&bench, augusta), there(&bench));
    let object = |system: &str, record| bench.engine.locate(record, system, "contacts").unwrap();
    let (of_ada, of_augusta) = (object("crm", ada), object("crm", augusta));

    let merge = merged(&bench, ada, augusta).await;
    let words = left(&merge);
    assert_eq!(words.iter().map(|(system, _)| *system).collect::<Vec<_>>(), ["books", "crm"], "{merge:?}");
    let sentence = format!(
        "`email` of {of_ada} stays as it is: crm takes a value of it only once, and {of_augusta} of the same record has it"
    );
    assert_eq!(words[1].1, [sentence]);
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), [], "nothing failed");
    let now = there(&bench);
    // Everything else arrived; each mailbox is where it was.
    let holds = |text: &str| now.iter().filter(|thing| thing.contains(text)).count();
    assert_eq!((holds("first: Augusta"), holds("title: pilot"), holds("ada@x.test"), holds("augusta@y.test")), (4, 4, 2, 2));
    check_quiet(&bench).await;
    assert_eq!((refused(&bench, "crm"), refused(&bench, "books"), there(&bench)), (1, 1, now), "it is asked once, not again");

    // Another value is another question; the object that has it now keeps it.
    bench.system("crm").state.lock().unwrap().clock += 100_000;
    bench.system("crm").put("contacts", &of_augusta, "email", "new@z.test");
    bench.quiet().await;
    assert_eq!(bench.system("crm").at("contacts", &of_augusta, "email"), "new@z.test");
    assert_eq!(bench.system("crm").at("contacts", &of_ada, "email"), "ada@x.test");
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
    bench.system("crm").put("contacts", &of_augusta, "email", "augusta@y.test");
    bench.quiet().await;

    let undone = bench.engine.unmerge(merge.id, &[], "vera", "two people").await.unwrap();
    assert_eq!((undone.state, left(&undone)), (MergeState::Undone, Vec::new()), "{:?}", outcomes(&undone));
    check_quiet(&bench).await;
    assert_eq!(there(&bench), before.2);
}

async fn what_the_other_object_has_is_left_as_it_is(kind: Kind) {
    check(kind, false).await;
}

async fn where_the_system_does_not_say_which_field_it_was_too(kind: Kind) {
    check(kind, true).await;
}

/// The same value in two records is still a refusal, and somebody's task.
async fn what_another_record_has_is_still_refused(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    let _ = twice(&bench).await;
    bench.system("books").state.lock().unwrap().unique = ["title".to_owned()].into();
    bench.system("crm").create("contacts", r#"{"first":"Zoe","title":"pilot"}"#);
    bench.quiet().await;
    let letters = bench.store.dead_letters(0, 10).unwrap();
    assert_eq!(letters.iter().map(|letter| letter.class.as_str()).collect::<Vec<_>>(), ["duplicate"], "{letters:?}");
}
