//! A system answers a step of a merge with each thing that a system can answer: what passes is waited for, for a while; anything else
//! is told at once, and is a person's task until it is put right (S4.17). Invariants attacked: I4, I6.

use nave_core::limits::MERGE_WAIT_MS_MAX;
use nave_hub::alerts::{Message, Outlet, Watch};
use nave_hub::engine::merges::{Merge, MergeState};
use nave_hub::spoke::{BoxFuture, SpokeError};

use super::bench::{Bench, Kind};
use super::merges::{STEP, bench, outcomes, twice};
use super::policies::check_quiet;

on_both_stores!(
    a_system_that_answers_nothing_else,
    a_system_that_answers_writes_so,
    a_system_that_does_not_let_read_back,
    a_credential_that_is_refused_is_not_merely_a_system_that_is_down,
    what_waits_for_too_long_is_told,
    an_unmerge_is_told_too,
);

fn why() -> String {
    "403, says the system".into()
}

/// Every answer but a good one, and how a merge stands then: where nothing else is answered, where writes are, and where it is after
/// the writes.
fn answers() -> Vec<(SpokeError, [MergeState; 3])> {
    use MergeState::{Done, Partial, Running};
    vec![
        (SpokeError::RetryAfter(60_000), [Running; 3]),
        (SpokeError::Unavailable(why()), [Running; 3]),
        // What the plugin had sent by then is looked up first, in either case.
        (SpokeError::Guest(why()), [Running; 3]),
        // Nothing that an answer to a write can mean.
        (SpokeError::CheckpointExpired, [Running, Partial, Running]),
        (SpokeError::Unauthorized(why()), [Partial; 3]),
        (SpokeError::Misconfigured(why()), [Partial; 3]),
        (SpokeError::Held(why()), [Partial; 3]),
        // Only what is asked for by its id is refused then: that is set aside, and what was written is known by its answer.
        (SpokeError::Rejected(why()), [Partial, Partial, Done]),
    ]
}

fn alerts(bench: &Bench) -> Vec<String> {
    let wrong = nave_hub::alerts::wrong_now(&bench.engine).unwrap();
    wrong.into_iter().filter(|alert| alert.kind == "merge-partial").map(|alert| alert.what).collect()
}

/// It stands so, and is told exactly where somebody has to do something.
#[track_caller]
fn check_stands(bench: &Bench, merge: &Merge, expected: MergeState, case: &str) {
    assert_eq!(merge.state, expected, "{case}: {:?}", outcomes(merge));
    assert_eq!(*merge, bench.engine.merge_of(merge.id).unwrap(), "{case}: as it is kept");
    let alerts = alerts(bench);
    match expected {
        MergeState::Partial => {
            assert_eq!(alerts.len(), 1, "{case}");
            assert!(alerts[0].contains("is not done everywhere; crm: "), "{case}: {alerts:?}");
        }
        _ => assert_eq!(alerts, [""; 0], "{case}"),
    }
}

/// All is well over there again: what is left is sent when somebody says so, and what was told is not true any more.
async fn check_resumes(bench: &Bench, merge: &Merge, case: &str) {
    {
        let mut state = bench.system("crm").state.lock().unwrap();
        (state.down, state.unwritable, state.down_after) = (None, None, None);
    }
    // A system that was not answering is tried again after a while.
    bench.pass(3_600_000);
    let merge = bench.engine.resume_merge(merge.id, "vera").await.unwrap();
    let done = if merge.undo.is_some() { MergeState::Undone } else { MergeState::Done };
    check_stands(bench, &merge, done, case);
    check_quiet(bench).await;
}

async fn check(kind: Kind, position: usize, set: impl Fn(&mut super::system::State, SpokeError)) {
    for (answer, expected) in answers() {
        let case = format!("{answer:?}");
        let bench = bench(kind, STEP, STEP).await;
        let (ada, augusta) = twice(&bench).await;
        set(&mut bench.system("crm").state.lock().unwrap(), answer);
        let merge = bench.engine.merge(ada, augusta, None, "vera", "the same person").await.unwrap();
        check_stands(&bench, &merge, expected[position], &case);
        if merge.state == MergeState::Done {
            let seen = merge.steps.iter().filter(|step| step.verified.is_some()).map(|step| step.connection.as_str());
            assert_eq!(seen.collect::<Vec<_>>(), ["books", "books"], "{case}: done, and not seen to be so");
            continue;
        }
        let refused = outcomes(&merge).into_iter().filter(|(.., outcome)| outcome.starts_with("refused")).count();
        assert_eq!(refused > 0, merge.state == MergeState::Partial, "{case}: {:?}", outcomes(&merge));
        // The flow's own run hears the same, that of another flow nothing: it stands as it stood.
        for flow in ["crm-contacts", "books-contacts", "crm-contacts"] {
            let _failed = bench.engine.run_out(flow).await.unwrap();
            check_stands(&bench, &bench.engine.merge_of(merge.id).unwrap(), expected[position], &format!("{case}, {flow} ran"));
        }
        check_resumes(&bench, &merge, &case).await;
    }
}

async fn a_system_that_answers_nothing_else(kind: Kind) {
    check(kind, 0, |state, answer| state.down = Some(answer)).await;
}

async fn a_system_that_answers_writes_so(kind: Kind) {
    check(kind, 1, |state, answer| state.unwritable = Some(answer)).await;
}

/// Both objects are written, and it cannot be seen that they are.
async fn a_system_that_does_not_let_read_back(kind: Kind) {
    check(kind, 2, |state, answer| state.down_after = Some((2, answer))).await;
}

/// A system that refuses a credential is not asked again for a while: that it does not answer then is not why it waits.
async fn a_credential_that_is_refused_is_not_merely_a_system_that_is_down(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    let down = |answer| bench.system("crm").state.lock().unwrap().down = Some(answer);
    down(SpokeError::Unauthorized(why()));
    let merge = bench.engine.merge(ada, augusta, None, "vera", "the same person").await.unwrap();
    down(SpokeError::Unavailable("down".into()));
    bench.engine.run_out("crm-contacts").await.unwrap();
    check_stands(&bench, &bench.engine.merge_of(merge.id).unwrap(), MergeState::Partial, "down since");
    // Somebody says that it is put right: then it is down, and no more.
    let merge = bench.engine.resume_merge(merge.id, "vera").await.unwrap();
    check_stands(&bench, &merge, MergeState::Running, "resumed");
    check_resumes(&bench, &merge, "put right").await;
}

/// Nobody is to be told of anything.
struct Nobody;

impl Outlet for Nobody {
    fn tell<'a>(&'a self, _: &'a str, _: &'a Message) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn beat(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

/// Also where no flow runs in the meantime, as none does of a system that does not answer.
async fn what_waits_for_too_long_is_told(kind: Kind) {
    for runs in [true, false] {
        let bench = bench(kind, STEP, STEP).await;
        let (ada, augusta) = twice(&bench).await;
        bench.system("crm").state.lock().unwrap().down = Some(SpokeError::Unavailable("down".into()));
        let merge = bench.engine.merge(ada, augusta, None, "vera", "the same person").await.unwrap();
        let watch = Watch::new(bench.another(), std::sync::Arc::new(Nobody));
        let look = async || {
            if runs {
                bench.engine.run_out("crm-contacts").await.unwrap();
            }
            for told in watch.look().await.unwrap() {
                told.await.unwrap();
            }
            bench.engine.merge_of(merge.id).unwrap()
        };
        bench.pass(MERGE_WAIT_MS_MAX - 60_000);
        check_stands(&bench, &look().await, MergeState::Running, "nearly");
        bench.pass(60_000);
        let stuck = look().await;
        check_stands(&bench, &stuck, MergeState::Partial, "too long");
        assert!(alerts(&bench)[0].contains("it has waited since 1970-"), "{:?}", alerts(&bench));
        // Somebody knows, and lets it wait on.
        let merge = bench.engine.resume_merge(merge.id, "vera").await.unwrap();
        check_stands(&bench, &merge, MergeState::Running, "resumed");
        bench.pass(MERGE_WAIT_MS_MAX - 60_000);
        check_stands(&bench, &look().await, MergeState::Running, "nearly again");
        check_resumes(&bench, &merge, "up again").await;
    }
}

async fn an_unmerge_is_told_too(kind: Kind) {
    let bench = bench(kind, STEP, STEP).await;
    let (ada, augusta) = twice(&bench).await;
    let merge = super::merges::merged(&bench, ada, augusta).await;
    bench.system("crm").state.lock().unwrap().down = Some(SpokeError::Misconfigured(why()));
    let undone = bench.engine.unmerge(merge.id, &[], "vera", "two people").await.unwrap();
    check_stands(&bench, &undone, MergeState::Partial, "taken back");
    check_resumes(&bench, &undone, "taken back").await;
}
