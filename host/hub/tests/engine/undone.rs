//! Merges that are taken back in another order than they were made: each person is again who that person was. Invariants attacked: I5, I12.

use nave_core::Value;
use nave_core::model::{RecordId, RecordState};
use nave_hub::engine::EngineError;
use nave_hub::engine::merges::MergeState;

use super::bench::{Bench, Kind};
use super::merges::{MANUAL, MERGE, STEP, SWITCH, bench, bench_where, merged, outcomes, there, twice};
use super::policies::check_quiet;

on_both_stores!(
    in_whatever_order_merges_are_taken_back_nothing_of_them_is_left,
    what_the_system_merged_before_is_no_news_after,
    an_object_that_came_between_keeps_nothing_of_who_left,
    merged_the_other_way_round_elsewhere_it_is_done,
    what_the_other_object_took_over_is_taken_off_it_first,
);

/// What records say, by record: fields and values, elements of lists without their numbers.
fn say(bench: &Bench, ids: &[RecordId]) -> Vec<Vec<String>> {
    let all = bench.store.records(ids).unwrap();
    let of = |record: nave_core::model::Record| {
        let field = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
        // What an object has no more of a list is said to be empty.
        let held = record.fields.iter().filter(|(_, held)| !held.value.is_empty());
        let mut fields: Vec<String> = held.map(|(name, held)| format!("{} {}", field(name), held.value.display())).collect();
        fields.sort();
        fields
    };
    all.into_iter().map(|record| of(record.unwrap())).collect()
}

/// Draws below a number, the same at every run.
fn dice(mut seed: u64) -> impl FnMut(usize) -> usize {
    move |below| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    }
}

async fn in_whatever_order_merges_are_taken_back_nothing_of_them_is_left(kind: Kind) {
    let rounds = if matches!(kind, Kind::Memory) { 60 } else { 6 };
    for round in 0..rounds {
        let mut draw = dice(round as u64 * 7_919 + 11);
        let policy = [STEP, MERGE, SWITCH][round % 3];
        let bench = bench_where(kind, policy, policy, if draw(2) == 0 { MANUAL } else { "" }).await;
        for person in 0..4 {
            let mut body = format!(r#"{{"email":"p{person}@x.test""#);
            for (field, values) in
                [("first", ["Ada", "Ava", "Ida"]), ("last", ["King", "Ek", "Ok"]), ("title", ["cook", "pilot", "boss"])]
            {
                if draw(3) > 0 {
                    body += &format!(r#","{field}":"{}""#, values[draw(3)]);
                }
            }
            let phones: Vec<String> = (0..draw(3)).map(|_| format!(r#"{{"value":"+4930{}"}}"#, draw(4))).collect();
            let system = bench.system(["crm", "books"][draw(2)]);
            system.state.lock().unwrap().clock = 10_000 * (person + 1);
            system.create("contacts", &format!("{body},\"phones\":[{}]}}", phones.join(",")));
        }
        bench.quiet().await;
        let ids: Vec<RecordId> = bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.id).collect();
        assert_eq!(ids.len(), 4);
        let before = (say(&bench, &ids), there(&bench));

        let (mut open, mut made) = (Vec::new(), Vec::new());
        for _ in 0..3 {
            let records = bench.store.records(&ids).unwrap().into_iter().flatten();
            let standing: Vec<RecordId> =
                records.filter(|record| record.state == RecordState::Active).map(|record| record.id).collect();
            let one = draw(standing.len());
            let other = (one + 1 + draw(standing.len() - 1)) % standing.len();
            let merge = merged(&bench, standing[one], standing[other]).await;
            made.push((merge.survivor, merge.loser));
            open.push(merge.id);
        }
        let mut undone = Vec::new();
        while !open.is_empty() {
            let at = draw(open.len());
            match bench.engine.unmerge(open[at], &[], "vera", "two people").await {
                Ok(_) => undone.push(open.remove(at)),
                Err(EngineError::Refused(why)) => assert!(why.contains("take that back first"), "{why}"),
                Err(error) => panic!("{error}"),
            }
        }
        bench.quiet().await;
        let said = format!("round {round}: {policy} {made:?}, taken back {undone:?}");
        assert_eq!(say(&bench, &ids), before.0, "{said}");
        assert_eq!(there(&bench), before.1, "{said}");
        check_quiet(&bench).await;
        let all = bench.engine.merges().unwrap();
        let left: Vec<_> =
            all.iter().filter(|merge| merge.state != MergeState::Undone).map(|merge| (merge.id, outcomes(merge))).collect();
        assert!(left.is_empty() && all.len() == 3, "{said}: {left:?} of {}", all.len());
    }
}

/// The system tells of its merges for ever, also along a chain; the one that was taken back here is not made again with a third.
async fn what_the_system_merged_before_is_no_news_after(kind: Kind) {
    let bench = bench(kind, MERGE, MERGE).await;
    for person in ["ada", "augusta", "carla"] {
        bench.system("crm").create("contacts", &format!(r#"{{"first":"{person}","email":"{person}@x.test"}}"#));
        bench.quiet().await;
    }
    let ids: Vec<RecordId> = bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.id).collect();
    let before = say(&bench, &ids);
    let object = |record| bench.engine.locate(record, "crm", "contacts").unwrap();
    let (ada, carla) = (object(ids[0]), object(ids[2]));
    // Carla into Augusta, both into Ada.
    let inner = merged(&bench, ids[1], ids[2]).await;
    let outer = merged(&bench, ids[0], ids[1]).await;
    for id in [outer.id, inner.id] {
        bench.engine.unmerge(id, &[], "vera", "three people").await.unwrap();
    }
    bench.quiet().await;
    bench.system("crm").merge("contacts", &carla, &ada);
    bench.quiet().await;
    assert_eq!(bench.engine.merges().unwrap().len(), 2, "nothing is merged again");
    assert_eq!(say(&bench, &ids), before);
    let apart = |one, other| nave_hub::engine::apart::kept_apart(bench.store.as_ref(), one, other).unwrap().is_some();
    assert!(apart(ids[0], ids[1]) && apart(ids[1], ids[2]) && apart(ids[0], ids[2]), "who looked at both, looked at each");
}

/// An object that is made for both holds what both said; it stays with one of them.
async fn an_object_that_came_between_keeps_nothing_of_who_left(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    bench.system("crm").create("contacts", r#"{"first":"Ada","email":"ada@x.test"}"#);
    bench.quiet().await;
    bench.system("crm").create("contacts", r#"{"last":"King","email":"king@x.test","title":"pilot"}"#);
    bench.quiet().await;
    let ids: Vec<RecordId> = bench.store.records_after(RecordId(0), 10).unwrap().iter().map(|record| record.id).collect();
    let merge = merged(&bench, ids[0], ids[1]).await;
    // One more object of theirs, which comes to hold what both say.
    let new = bench.system("books").create("contacts", r#"{"first":"Ada","last":"King","email":"king@x.test"}"#);
    bench.quiet().await;
    let key = nave_core::model::RemoteKey::new("books", "contacts", &new);
    assert_eq!(bench.engine.record_of(&key).unwrap(), Some(ids[0]));
    assert_eq!(bench.system("books").at("contacts", &new, "title"), "pilot");
    bench.engine.unmerge(merge.id, &[], "vera", "two people").await.unwrap();
    bench.quiet().await;
    assert_eq!(bench.system("books").at("contacts", &new, "title"), "–", "it is Ada's, and hers has none");
    let title = bench.store.records(&[ids[1]]).unwrap().pop().flatten().unwrap();
    assert_eq!(title.value("job_title").map(Value::display).as_deref(), Some("pilot"));
    check_quiet(&bench).await;
}

/// Somebody merges the two in one system, and somebody in the other, the other way round.
async fn merged_the_other_way_round_elsewhere_it_is_done(kind: Kind) {
    let bench = bench(kind, MERGE, MERGE).await;
    let (ada, augusta) = super::merges::twice(&bench).await;
    let object = |system: &str, record| bench.engine.locate(record, system, "contacts").unwrap();
    let (in_crm, in_books) = ([ada, augusta].map(|of| object("crm", of)), [ada, augusta].map(|of| object("books", of)));
    bench.system("crm").merge("contacts", &in_crm[1], &in_crm[0]);
    bench.system("books").merge("contacts", &in_books[0], &in_books[1]);
    bench.quiet().await;
    let all = bench.engine.merges().unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].state, MergeState::Done, "{:?}", outcomes(&all[0]));
    check_quiet(&bench).await;
}

/// The system gave the other object's address to the one that stayed when it merged the two, and gives it to no other.
async fn what_the_other_object_took_over_is_taken_off_it_first(kind: Kind) {
    let bench = bench(kind, MERGE, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    let merge = merged(&bench, ada, augusta).await;
    // It is not shown: no field of the object that stayed has it.
    let hidden = bench.system("crm").create("contacts", r#"{"email":"augusta@y.test"}"#);
    bench.system("crm").state.lock().unwrap().unique = ["email".to_owned()].into();
    let undone = bench.engine.unmerge(merge.id, &[], "vera", "two people").await.unwrap();
    assert_eq!(undone.state, MergeState::Partial, "{:?}", outcomes(&undone));
    let letters = bench.store.dead_letters(0, 10).unwrap();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    for fix in [letter.fix.clone(), format!("{:?}", outcomes(&undone))] {
        assert!(fix.contains("the other") || fix.contains("another object of crm"), "{fix}");
        assert!(fix.contains("then `nave match merges resume 1`") && !fix.contains("  "), "{fix}");
    }
    bench.system("crm").state.lock().unwrap().things.get_mut("contacts").unwrap().remove(&hidden);
    let undone = bench.engine.resume_merge(merge.id, "vera").await.unwrap();
    assert_eq!(undone.state, MergeState::Undone, "{:?}", outcomes(&undone));
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
    check_quiet(&bench).await;
}
