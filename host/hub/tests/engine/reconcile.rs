//! Everything is read back by itself in turn, so that what drifted silently is found. Invariants attacked: I14, I15.

use nave_core::Value;
use nave_core::catalog::ChangeDetection;
use nave_core::limits::VERIFY_PER_HOUR_MIN;
use nave_core::model::Time;

use super::bench::{Bench, Kind};
use super::policies::{check_quiet, mapping};
use super::system::System;

on_both_stores!(what_drifted_silently_is_found_in_time, the_oldest_is_the_one_that_was_longest_not_looked_at);

const DAYS: usize = 4;

/// A system that tells what changed, of which each thing is to be verified every few days.
async fn people(kind: Kind, count: usize) -> Bench {
    let verify = format!("freshness = \"1h\"\nverify = \"{DAYS}d\"\n[flow.out]");
    let crm = mapping("crm", "", "").replace("freshness = \"1h\"\n[flow.out]", &verify);
    let books = mapping("books", "", "");
    let files = [("mappings/crm-contacts.toml", crm.as_str()), ("mappings/books-contacts.toml", books.as_str())];
    let systems = ["crm", "books"].map(|name| {
        let mut system = System::new(name, &["contacts"]);
        system.capabilities.changes = ChangeDetection::Incremental;
        system
    });
    let bench = Bench::new(kind, systems.into(), &files);
    bench.approve_all().await;
    for at in 0..count {
        let person = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot"}}"#);
        bench.system("crm").create("contacts", &person);
    }
    bench.quiet().await;
    bench
}

async fn what_drifted_silently_is_found_in_time(kind: Kind) {
    let bench = people(kind, 3_000).await;
    let ids: Vec<String> = bench.system("crm").state.lock().unwrap().things["contacts"].keys().cloned().collect();
    let drifted: Vec<&String> = ids.iter().step_by(ids.len() / 10).take(10).collect();
    for id in &drifted {
        // Changed, and no read of what changed shows it.
        let mut state = bench.system("crm").state.lock().unwrap();
        let thing = state.things.get_mut("contacts").unwrap().get_mut(*id).unwrap();
        thing.body.put("title", Value::text("captain"));
    }
    bench.quiet().await;
    let found = || bench.system("books").dump("contacts").iter().filter(|body| body.contains("captain")).count();
    assert_eq!(found(), 0, "no read showed it");
    let (mut verified, mut differed) = (0, 0);
    for _ in 0..DAYS * 24 + 1 {
        bench.pass(3_600_000);
        if bench.engine.reconcile_due("crm-contacts").await.unwrap() {
            let batch = bench.engine.reconcile("crm-contacts", None, None).await.unwrap();
            assert!(batch.verified <= 3_000_u64.div_ceil(DAYS as u64 * 24).max(VERIFY_PER_HOUR_MIN as u64), "a bounded sample");
            (verified, differed) = (verified + batch.verified, differed + batch.differed);
        }
    }
    assert!(verified >= 3_000, "each had its turn: {verified}");
    assert_eq!(differed, 10);
    bench.quiet().await;
    assert_eq!(found(), 10, "and went the usual way");
    let standing = bench.engine.standing("crm-contacts").unwrap();
    assert_eq!(standing.differed, 10);
    let age = bench.engine.now().0 - standing.oldest.unwrap().0;
    // Two rounds of `quiet` have passed since.
    assert!(age <= (DAYS as i64 * 24 + 14) * 3_600_000, "{age}");
    check_quiet(&bench).await;
}

async fn the_oldest_is_the_one_that_was_longest_not_looked_at(kind: Kind) {
    let bench = people(kind, 30).await;
    let first = bench.engine.standing("crm-contacts").unwrap();
    assert_eq!((first.things, first.verified), (30, 0));
    bench.pass(5 * 24 * 3_600_000);
    let oldest = |bench: &Bench| bench.engine.standing("crm-contacts").unwrap().oldest.unwrap();
    assert_eq!(oldest(&bench), first.oldest.unwrap(), "nothing was looked at since it was read");
    let before = bench.engine.now();
    bench.engine.reconcile("crm-contacts", Some(20), Some("ann")).await.unwrap();
    assert!(oldest(&bench) < before, "ten are left");
    let batch = bench.engine.reconcile("crm-contacts", Some(20), Some("ann")).await.unwrap();
    assert_eq!((batch.verified, batch.round_done), (10, true));
    assert!(oldest(&bench) >= before && oldest(&bench) > Time(0), "all were looked at");
    let audit = bench.store.audit(5).unwrap();
    assert!(audit.iter().any(|line| line.action == "reconcile" && line.actor == "ann"), "{audit:?}");
}
