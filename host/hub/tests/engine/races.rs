//! Two people do the same in one moment: one of them is told that it is done. Invariant attacked: I12.

use std::sync::Arc;

use nave_core::model::{DecisionChoice, RecordId};
use nave_hub::engine::EngineError;
use nave_hub::engine::merges::MergeState;
use tokio::sync::Barrier;

use super::bench::Kind;
use super::merges::{STEP, bench, twice};

on_both_stores!(of_two_decisions_one_counts, of_two_merges_of_a_pair_one_is_left);

/// Often enough that two are in one another's way.
const ROUNDS: usize = 8;

/// Both at once; of the two exactly one comes through, and the other's reason.
async fn both<T, F>(one: F, other: F) -> String
where
    T: std::fmt::Debug + Send + 'static,
    F: Future<Output = Result<T, EngineError>> + Send + 'static,
{
    let start = Arc::new(Barrier::new(2));
    let [one, other] = [one, other].map(|doing| {
        let start = start.clone();
        tokio::spawn(async move {
            start.wait().await;
            doing.await
        })
    });
    let (one, other) = (one.await.unwrap(), other.await.unwrap());
    assert_eq!(usize::from(one.is_ok()) + usize::from(other.is_ok()), 1, "{one:?} {other:?}");
    one.err().or(other.err()).unwrap().to_string()
}

async fn of_two_decisions_one_counts(kind: Kind) {
    for _ in 0..ROUNDS {
        // Bob comes with Ada's e-mail.
        let (bench, reviews) = super::alike::waiting(kind).await;
        let (review, engine) = (reviews[0].id, bench.another());
        let decide = |choice: DecisionChoice, by: &'static str| {
            let engine = engine.clone();
            async move { engine.decide(review, choice, by, "asked him").await }
        };
        let refused = both(decide(DecisionChoice::New, "ann"), decide(DecisionChoice::Existing(RecordId(1)), "ben")).await;
        assert!(refused.contains("decided already"), "{refused}");
        assert_eq!(bench.store.decisions(review).unwrap().len(), 1);
    }
}

async fn of_two_merges_of_a_pair_one_is_left(kind: Kind) {
    for _ in 0..ROUNDS {
        let bench = bench(kind, STEP, STEP).await;
        let (ada, augusta) = twice(&bench).await;
        let engine = bench.another();
        let merge = |one: RecordId, other: RecordId, by: &'static str| {
            let engine = engine.clone();
            async move { engine.merge(one, other, Some(one), by, "the same").await }
        };
        let refused = both(merge(ada, augusta, "ann"), merge(augusta, ada, "ben")).await;
        assert!(refused.contains("was merged into"), "{refused}");
        bench.quiet().await;
        let all = bench.engine.merges().unwrap();
        assert!(all.len() == 1 && all[0].state == MergeState::Done, "{all:?}");
        assert!(bench.engine.open_merges().unwrap().is_empty());
    }
}
