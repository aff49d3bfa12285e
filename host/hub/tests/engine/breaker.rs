//! A system that does not answer is left alone for a while, and the others go on. Invariants attacked: I4, I5, I6, I14.

use nave_core::limits::BREAKER_FAILED_CALLS;
use nave_core::model::{ReviewId, RunStatus};
use nave_hub::spoke::SpokeError;

use super::bench::{Bench, Kind};
use super::policies::{bench, check_quiet};

on_both_stores!(
    a_system_that_is_down_for_an_hour_loses_nothing_and_holds_nobody_up,
    a_restart_does_not_forget_that_a_system_is_down,
    a_system_that_is_down_when_the_hub_starts_is_left_alone,
    a_system_that_asks_for_patience_is_left_alone,
    one_bad_record_does_not_close_a_system_that_answers,
);

const PEOPLE: usize = 60;
const MINUTE: i64 = 60_000;

/// Sixty people of the CRM are to be made in two systems.
async fn people(kind: Kind) -> Bench {
    let bench = bench(kind, &[("crm", "", ""), ("books", "", ""), ("desk", "", "")]).await;
    for at in 0..PEOPLE {
        let person = format!(r#"{{"first":"P{at}","last":"Ek","email":"p{at}@x.test","title":"pilot"}}"#);
        bench.system("crm").create("contacts", &person);
    }
    bench.engine.run_in("crm-contacts", false).await.unwrap();
    bench
}

fn set_down(bench: &Bench, down: Option<SpokeError>) {
    let mut state = bench.system("books").state.lock().unwrap();
    (state.down, state.calls) = (down, 0);
}

fn calls(bench: &Bench) -> usize {
    bench.system("books").state.lock().unwrap().calls
}

/// What the hub's scheduler does every minute.
async fn minutes(bench: &Bench, count: usize) {
    for _ in 0..count {
        bench.pass(MINUTE);
        for connection in ["books", "desk"] {
            let name = format!("{connection}-contacts");
            if bench.engine.may_send(connection) {
                bench.engine.run_in(&name, false).await.unwrap();
            }
            if bench.engine.may_send(connection) {
                let run = bench.engine.run_out(&name).await.unwrap();
                assert!(run.counts.balances(), "{run:?}");
            }
        }
    }
}

async fn a_system_that_is_down_for_an_hour_loses_nothing_and_holds_nobody_up(kind: Kind) {
    let bench = people(kind).await;
    set_down(&bench, Some(SpokeError::Unavailable("503".into())));
    minutes(&bench, 60).await;
    assert_eq!(bench.system("desk").dump("contacts").len(), PEOPLE, "the other one has everything");
    assert!(calls(&bench) <= 8, "{} calls in an hour", calls(&bench));
    let (since, until, why) = bench.engine.unanswered("books").unwrap();
    assert!(since < until && why == "503", "{since} {until} {why}");
    set_down(&bench, None);
    // A person need not wait for the next try.
    assert!(!bench.engine.may_send("books"));
    bench.engine.retry_parked("books-contacts").await.unwrap();
    bench.engine.run_in("books-contacts", false).await.unwrap();
    bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!(bench.system("books").dump("contacts").len(), PEOPLE, "what waited included");
    minutes(&bench, 1).await;
    assert_eq!(bench.system("books").dump("contacts").len(), PEOPLE);
    assert_eq!(bench.engine.unanswered("books"), None);
    assert_eq!(bench.store.dead_letters(0, 10).unwrap(), []);
    bench.quiet().await;
    check_quiet(&bench).await;
}

async fn a_restart_does_not_forget_that_a_system_is_down(kind: Kind) {
    let mut bench = people(kind).await;
    set_down(&bench, Some(SpokeError::Unauthorized("401".into())));
    minutes(&bench, 4).await;
    let before = calls(&bench);
    assert!(!bench.engine.may_send("books"));
    bench.restart();
    assert!(!bench.engine.may_send("books"));
    minutes(&bench, 1).await;
    assert_eq!(calls(&bench), before);
}

async fn a_system_that_is_down_when_the_hub_starts_is_left_alone(kind: Kind) {
    let mut bench = people(kind).await;
    set_down(&bench, Some(SpokeError::Unavailable("503".into())));
    bench.system("books").state.lock().unwrap().dumb = true;
    bench.restart();
    // It cannot even be asked what it has.
    minutes(&bench, 10).await;
    let (_, _, why) = bench.engine.unanswered("books").unwrap();
    assert_eq!((why.as_str(), bench.engine.may_send("books")), ("503", false));
}

async fn a_system_that_asks_for_patience_is_left_alone(kind: Kind) {
    let bench = people(kind).await;
    set_down(&bench, Some(SpokeError::RetryAfter(10 * MINUTE as u64)));
    bench.pass(MINUTE);
    let run = bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!((run.status, calls(&bench)), (RunStatus::Success, 1), "{run:?}");
    minutes(&bench, 9).await;
    assert_eq!(calls(&bench), 1);
    set_down(&bench, None);
    minutes(&bench, 3).await;
    assert_eq!(bench.system("books").dump("contacts").len(), PEOPLE);
    assert_eq!(bench.store.reviews(true, ReviewId(0), 10).unwrap(), []);
}

/// Whatever a single record makes of a system, as long as it answers in between it is not down.
async fn one_bad_record_does_not_close_a_system_that_answers(kind: Kind) {
    let bench = people(kind).await;
    for _ in 0..2 * BREAKER_FAILED_CALLS {
        set_down(&bench, Some(SpokeError::Unavailable("500".into())));
        bench.engine.run_in("books-contacts", false).await.unwrap();
        set_down(&bench, None);
        bench.engine.run_in("books-contacts", false).await.unwrap();
    }
    assert!(bench.engine.may_send("books"));
    bench.engine.run_out("books-contacts").await.unwrap();
    assert_eq!(bench.system("books").dump("contacts").len(), PEOPLE);
}
