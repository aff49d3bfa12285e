//! A person stops a flow while it runs: no further call is made, and nothing is lost. Invariants attacked: I1, I4, I14.

use std::sync::Arc;

use nave_core::catalog::ChangeDetection;
use nave_core::model::{Run, RunStatus, Time};
use nave_store::Batch;

use super::bench::{Bench, Kind};
use super::policies::{bench, check_quiet};

on_both_stores!(sending_stops, reading_stops, no_call_after_the_answer);

const PEOPLE: usize = 60;

async fn people(kind: Kind) -> Bench {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", "")]).await;
    for at in 0..PEOPLE {
        let person = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot"}}"#);
        bench.system("crm").create("contacts", &person);
    }
    bench.system("crm").state.lock().unwrap().page = 10;
    bench
}

fn set_paused(bench: &Bench, flow: &str, paused: bool) {
    let store = bench.store.clone();
    let state = nave_core::model::FlowState { paused, ..store.flow(flow).unwrap() };
    store.commit(Batch { at: Time(1), flows: vec![(flow.to_owned(), state)], ..Batch::default() }).unwrap();
}

/// Somebody stops the flow as soon as it has come so far.
fn stop_at(bench: &Bench, flow: &'static str, at: u64) {
    let store = bench.store.clone();
    bench.engine.set_progress(Some(Arc::new(move |stage, done, _| {
        if stage == flow && done >= at {
            let state = nave_core::model::FlowState { paused: true, ..store.flow(flow).unwrap() };
            store.commit(Batch { at: Time(1), flows: vec![(flow.to_owned(), state)], ..Batch::default() }).unwrap();
        }
    })));
}

#[track_caller]
fn check_whole(run: &Run) {
    assert!(run.counts.balances() && run.status == RunStatus::Success, "{run:?}");
}

async fn sending_stops(kind: Kind) {
    let bench = people(kind).await;
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    stop_at(&bench, "books-contacts", 20);
    let run = bench.engine.run_out("books-contacts").await.unwrap();
    check_whole(&run);
    assert_eq!(bench.system("books").dump("contacts").len(), 20, "two batches of ten");
    assert!(bench.store.intents("books-contacts").unwrap().is_empty(), "nothing is open that was not sent");
    assert_eq!(bench.store.dirty_count("books-contacts").unwrap(), PEOPLE as u64 - 20);
    bench.engine.set_progress(None);
    set_paused(&bench, "books-contacts", false);
    bench.quiet().await;
    assert_eq!(bench.system("books").dump("contacts").len(), PEOPLE);
    check_quiet(&bench).await;
}

async fn reading_stops(kind: Kind) {
    for full in [false, true] {
        let bench = people(kind).await;
        assert_eq!(bench.system("crm").capabilities.changes, ChangeDetection::FullScan);
        stop_at(&bench, "crm-contacts", 20);
        let run = bench.engine.run_in("crm-contacts", full).await.unwrap();
        check_whole(&run);
        assert_eq!(bench.store.objects().unwrap()[0].active, 20, "two pages of ten");
        bench.engine.set_progress(None);
        set_paused(&bench, "crm-contacts", false);
        bench.quiet().await;
        assert_eq!(bench.system("books").dump("contacts").len(), PEOPLE);
        check_quiet(&bench).await;
    }
}

/// Somebody stops a flow with ten thousand entries queued: after the answer no call is made, and nothing is lost.
async fn no_call_after_the_answer(kind: Kind) {
    const QUEUED: usize = 10_000;
    let bench = Arc::new(bench(kind, &[("crm", "", ""), ("books", "", "")]).await);
    for at in 0..QUEUED {
        let person = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot"}}"#);
        bench.system("crm").create("contacts", &person);
    }
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    assert_eq!(bench.store.dirty_count("books-contacts").unwrap(), QUEUED as u64);
    // Said from within the run, as a person does while it is under way.
    let (asked, heard) = tokio::sync::oneshot::channel::<()>();
    let asked = std::sync::Mutex::new(Some(asked));
    bench.engine.set_progress(Some(Arc::new(move |stage, done, _| {
        if stage == "books-contacts"
            && done >= 700
            && let Some(asked) = asked.lock().unwrap().take()
        {
            let _ = asked.send(());
        }
    })));
    let running = {
        let bench = bench.clone();
        tokio::spawn(async move { bench.engine.run_out("books-contacts").await.unwrap() })
    };
    heard.await.unwrap();
    set_paused(&bench, "books-contacts", true);
    bench.engine.still(&["books-contacts".to_owned()]).await;
    let calls = bench.system("books").state.lock().unwrap().calls;
    let run = running.await.unwrap();
    check_whole(&run);
    // Whoever starts it now does not get through either.
    bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!(bench.system("books").state.lock().unwrap().calls, calls, "no call after the answer");
    let there = bench.system("books").dump("contacts").len();
    assert!((700..QUEUED).contains(&there), "{there}");
    assert!(bench.store.intents("books-contacts").unwrap().is_empty(), "nothing is open that was not sent");
    assert_eq!(bench.store.dirty_count("books-contacts").unwrap(), (QUEUED - there) as u64);
    bench.engine.set_progress(None);
    set_paused(&bench, "books-contacts", false);
    bench.quiet().await;
    assert_eq!(bench.system("books").dump("contacts").len(), QUEUED);
}
