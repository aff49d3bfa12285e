//! Carries out a steward's decision. Decisions are appended and never overridden by automation (I12).

use nave_core::model::{
    Cause, ChangeKind, Decision, DecisionChoice, Reason, RecordId, RecordState, Review, ReviewId, ReviewKind, Time,
};

use super::draft::Draft;
use super::matched::{self, Said};
use super::{Engine, EngineError};

impl Engine {
    /// Decides a review, once.
    pub async fn decide(&self, id: ReviewId, choice: DecisionChoice, by: &str, reason: &str) -> Result<Review, EngineError> {
        let _one_at_a_time = self.deciding.lock().await;
        let review = self
            .store
            .review(id)?
            .ok_or_else(|| EngineError::NotFound(format!("there is no review {id}; `nave review list` shows the open ones")))?;
        if review.closed_at.is_some() {
            return Err(EngineError::Refused(format!("review {id} is decided already; `nave review show {id}` tells by whom")));
        }
        self.hold_for_renames(&review.entity).await?;
        if let (ReviewKind::Alike { record, .. }, DecisionChoice::Existing(other)) = (&review.kind, &choice) {
            // Told to every system as any merge is; where it is one already (the hub died in between), only the review is left.
            let (one, other) = (self.carries_on(*record)?, self.carries_on(*other)?);
            if one != other {
                self.merge(one, other, None, by, reason).await?;
            }
        }
        let cause = Cause { person: Some(by.to_owned()), rule: Some(format!("review {id}")), ..Cause::default() };
        let decided = self
            .write(cause, |draft| {
                match (&review.kind, &choice) {
                    (ReviewKind::Match { contribution, candidates, .. }, choice) => {
                        let decision = Said { review: id, entity: &review.entity, steward: &review.steward, by, reason };
                        if let Some(again) = matched::answer(draft, &self.linker, *contribution, candidates, choice, &decision)? {
                            draft.batch.reviews.push(again);
                        }
                    }
                    (ReviewKind::Alike { record, candidates, .. }, choice) => {
                        let decision = Said { review: id, entity: &review.entity, steward: &review.steward, by, reason };
                        matched::answer_alike(draft, &self.linker, *record, candidates, choice, &decision)?;
                    }
                    (ReviewKind::Delete { record, .. }, DecisionChoice::Approve) => {
                        let record = draft.surviving(*record)?;
                        if let Some(system) = changed_since(draft, record, review.opened_at)? {
                            // Asked once more, of what it is now.
                            draft.batch.reviews.push(Review { opened_at: draft.now, ..review.clone() });
                            return Ok(Decided::ChangedSince(system));
                        }
                        let at = draft.now;
                        draft.set_state(record, RecordState::Deleted { at }, ChangeKind::Deleted)?;
                    }
                    (ReviewKind::Delete { .. }, DecisionChoice::Refuse) => {}
                    (
                        ReviewKind::UnknownOutcome { destination, record },
                        DecisionChoice::Approve | DecisionChoice::Refuse | DecisionChoice::Remote(_),
                    ) => self.decide_unknown(draft, &review, destination, *record, &choice)?,
                    (
                        ReviewKind::Remove { destination, record, contribution, into },
                        DecisionChoice::Approve | DecisionChoice::Refuse,
                    ) => {
                        let record = draft.surviving(*record)?;
                        let yes = choice == DecisionChoice::Approve;
                        super::agreed::answer(draft, destination, record, *contribution, into.as_deref(), yes)?;
                        draft.enter(destination, record, Reason::Resync);
                    }
                    (
                        ReviewKind::Frozen { destination, record, contribution, path },
                        DecisionChoice::Approve | DecisionChoice::Refuse,
                    ) => {
                        let yes = choice == DecisionChoice::Approve;
                        super::frozen::answer(draft, destination, *record, *contribution, path, yes)?;
                    }
                    (ReviewKind::Conflict { record, field }, choice) => {
                        super::conflict::answer(draft, *record, field, id, choice)?;
                    }
                    (ReviewKind::Volume { connection, stream, what, .. }, DecisionChoice::Approve | DecisionChoice::Refuse) => {
                        super::volume::answer(draft, connection, stream, what, choice == DecisionChoice::Approve)?;
                    }
                    (ReviewKind::DeadLetter { letter, .. }, DecisionChoice::Approve | DecisionChoice::Refuse) => {
                        super::escalate::answer(draft, self.store.as_ref(), *letter, choice == DecisionChoice::Approve)?;
                    }
                    (
                        ReviewKind::Delete { .. }
                        | ReviewKind::DeadLetter { .. }
                        | ReviewKind::Remove { .. }
                        | ReviewKind::Volume { .. }
                        | ReviewKind::Frozen { .. }
                        | ReviewKind::UnknownOutcome { .. },
                        _,
                    ) => {
                        return Err(EngineError::Refused(format!("review {id} is answered with `approve` or `refuse`")));
                    }
                }
                let mut closed = review.clone();
                closed.closed_at = Some(draft.now);
                draft.batch.reviews.push(closed.clone());
                draft.batch.decisions.push(Decision {
                    review: id,
                    choice: choice.clone(),
                    by: by.to_owned(),
                    reason: reason.to_owned(),
                    at: draft.now,
                });
                draft.batch.audit.push(nave_core::model::AuditEntry {
                    at: draft.now,
                    actor: by.to_owned(),
                    action: "review.decided".into(),
                    subject: format!("review {id}"),
                    detail: reason.to_owned(),
                });
                Ok(Decided::Closed(closed))
            })
            .await;
        self.surges.forget();
        match decided? {
            Decided::Closed(review) => Ok(review),
            Decided::ChangedSince(system) => Err(EngineError::Refused(format!(
                "nothing was deleted: it was changed in {system} after this was asked; `nave review show {id}` shows what it is \
                 now, and the same decision holds the next time"
            ))),
        }
    }
}

/// What became of a decision.
enum Decided {
    Closed(Review),
    /// In this system; it is asked once more.
    ChangedSince(String),
}

/// Where somebody said something about a record after a time.
fn changed_since(draft: &mut Draft<'_>, record: RecordId, since: Time) -> Result<Option<String>, EngineError> {
    for id in draft.record(record)?.contributions.clone() {
        let row = draft.contribution(id)?;
        if row.is_active() && row.claims.iter().any(|(_, claim)| claim.observed_at > since) {
            return Ok(Some(row.key.connection.to_string()));
        }
    }
    Ok(None)
}
