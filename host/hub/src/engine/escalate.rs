//! A dead letter that nobody mends becomes somebody's task: a review with an owner, that closes by itself when the letter is gone.

use std::collections::BTreeMap;

use nave_core::escalation;
use nave_core::model::{Cause, DeadLetter, DeadLetterSubject, Reason, Review, ReviewId, ReviewKind};
use nave_store::Store;

use super::draft::Draft;
use super::{Engine, EngineError};

/// Dead letters or reviews read at once.
const CHUNK: usize = 1_000;

impl Engine {
    /// Opens a review for each dead letter that was tried too often or lies too long, and closes those whose letter is gone.
    /// Answers how many were opened.
    pub async fn escalate(&self) -> Result<u64, EngineError> {
        let policy = self.catalog().hub.alerts.escalation;
        let now = self.now();
        let mut letters: BTreeMap<u64, DeadLetter> = BTreeMap::new();
        let mut after = 0;
        loop {
            let some = tokio::task::block_in_place(|| self.store.dead_letters(after, CHUNK))?;
            let Some(last) = some.last() else { break };
            after = last.id;
            letters.extend(some.into_iter().map(|letter| (letter.id, letter)));
        }
        let mut open = self.escalated()?;
        let moot: Vec<Review> =
            open.iter().filter(|(id, _)| !letters.contains_key(id)).map(|(_, review)| review.clone()).collect();
        letters.retain(|id, letter| !open.contains_key(id) && escalation::is_due(letter, policy, now));
        open.clear();
        if letters.is_empty() && moot.is_empty() {
            return Ok(0);
        }
        self.write(Cause::default(), |draft| {
            for review in &moot {
                draft.batch.reviews.push(Review { closed_at: Some(draft.now), ..review.clone() });
            }
            for letter in letters.values() {
                let review = self.task(letter, draft.next_review(), draft.now);
                draft.batch.reviews.push(review);
            }
            Ok(letters.len() as u64)
        })
        .await
    }

    /// Open reviews about dead letters, by the letter's number.
    fn escalated(&self) -> Result<BTreeMap<u64, Review>, EngineError> {
        let mut open = BTreeMap::new();
        let mut after = ReviewId(0);
        loop {
            let some = tokio::task::block_in_place(|| self.store.reviews(true, after, CHUNK))?;
            let Some(last) = some.iter().map(|review| review.id).max() else { return Ok(open) };
            after = last;
            for review in some {
                if let ReviewKind::DeadLetter { letter, .. } = review.kind {
                    open.insert(letter, review);
                }
            }
        }
    }

    fn task(&self, letter: &DeadLetter, id: ReviewId, now: nave_core::model::Time) -> Review {
        let (flow, subject) = match &letter.subject {
            DeadLetterSubject::Delivery { destination, record } => (destination, format!("record {record}")),
            DeadLetterSubject::SourceRecord { mapping, connection, stream, remote_id, .. } => {
                (mapping, format!("{connection}/{stream}:{remote_id}"))
            }
        };
        let catalog = self.catalog();
        let mapping = catalog.mappings.get(flow);
        let steward = mapping.map(|mapping| mapping.steward_for(&catalog, letter.field.as_deref()));
        let tries = escalation::tries(letter);
        Review {
            id,
            kind: ReviewKind::DeadLetter { letter: letter.id, flow: flow.clone() },
            entity: mapping.map(|mapping| mapping.entity.clone()).unwrap_or_default(),
            steward: steward.unwrap_or_default().to_owned(),
            opened_at: now,
            closed_at: None,
            title: format!(
                "dead letter {}: {subject} of {flow} failed {tries} {} ({})",
                letter.id,
                if tries == 1 { "time" } else { "times" },
                letter.class
            ),
        }
    }
}

/// A person's answer: tried again, or given up.
pub(super) fn answer(draft: &mut Draft<'_>, store: &dyn Store, id: u64, again: bool) -> Result<(), EngineError> {
    let Some(letter) = store.dead_letters(id.saturating_sub(1), 1)?.pop().filter(|letter| letter.id == id) else {
        return Ok(()); // it is gone meanwhile
    };
    if again {
        let DeadLetterSubject::Delivery { destination, record } = &letter.subject else {
            return Err(EngineError::Refused(format!(
                "what was read is fetched again by `nave dlq retry {id}`; the review closes when that went well"
            )));
        };
        let record = draft.surviving(*record)?;
        draft.enter(destination, record, Reason::Retry);
    }
    draft.batch.revived.push(id);
    Ok(())
}
