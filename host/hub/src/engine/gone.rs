//! Takes in what a system says is gone: deleted, or merged into another.

use nave_core::catalog::DeletePolicy;
use nave_core::intake::{FieldError, Pulled};
use nave_core::model::{ChangeKind, ContributionState, Reason, RecordId, RecordState, Review, ReviewKind};
use nave_core::value::Value;
use nave_store::StoreError;

use super::draft::Draft;
use super::take::{Happened, Intake, title};

impl Intake<'_> {
    /// The system says that it is gone.
    pub(super) fn delete(
        &mut self,
        draft: &mut Draft<'_>,
        remote_id: &str,
        evidence: &'static str,
    ) -> Result<Happened, StoreError> {
        let key = self.key(remote_id);
        let Some(id) = draft.contribution_of(&key)? else { return Ok(Happened::Filtered) };
        if !draft.contribution(id)?.is_active() {
            return Ok(Happened::Unchanged);
        }
        let now = draft.now;
        draft.contribution_mut(id)?.state = ContributionState::Deleted { evidence: evidence.into(), at: now };
        let Some(record) = draft.contribution(id)?.record else { return Ok(Happened::Deleted) };
        let record = draft.surviving(record)?;
        let (mut others, mut here) = (0, 0);
        for other in draft.record(record)?.contributions.clone() {
            let other = draft.contribution(other)?;
            others += u32::from(other.is_active());
            here += u32::from(other.is_active() && other.key.connection == key.connection && other.key.stream == key.stream);
        }
        if self.mapping.delete == DeletePolicy::Archive && here == 0 {
            // It keeps what it holds: claims of things that are gone count for an archived record.
            if draft.record(record)?.state == RecordState::Active {
                draft.set_state(record, RecordState::Archived, ChangeKind::Archived)?;
            }
            draft.recompute(record)?;
            return Ok(Happened::Deleted);
        }
        draft.recompute(record)?;
        if here > 0 {
            // Another object of the record stands for it there now.
            draft.enter_own(self.mapping, record, Reason::Changed);
        }
        if others == 0 {
            draft.set_state(record, RecordState::Deleted { at: now }, ChangeKind::Deleted)?;
        } else if self.mapping.delete == DeletePolicy::Propagate {
            let name = title(self.entity, |field| draft_value(draft, record, field));
            let review = Review {
                id: draft.next_review(),
                title: format!("{name} was deleted in {}: delete it in {others} other place(s) too?", self.mapping.connection),
                kind: ReviewKind::Delete { contribution: id, record },
                entity: self.entity.name.clone(),
                steward: self.mapping.steward.clone(),
                opened_at: now,
                closed_at: None,
            };
            draft.batch.reviews.push(review);
        }
        Ok(Happened::Deleted)
    }

    /// Whether a record that was archived because of a deletion has a thing that was made or changed after that.
    pub(super) fn in_use_since(&self, draft: &mut Draft<'_>, record: RecordId, pulled: &Pulled) -> Result<bool, StoreError> {
        if draft.record(record)?.state != RecordState::Archived {
            return Ok(false);
        }
        let mut gone = None;
        for id in draft.record(record)?.contributions.clone() {
            if let ContributionState::Deleted { at, .. } = draft.contribution(id)?.state {
                gone = gone.max(Some(at));
            }
        }
        Ok(pulled.modified_at.is_none_or(|modified| gone.is_none_or(|gone| modified > gone)))
    }

    /// The system merged it into another.
    pub(super) fn merged(&mut self, draft: &mut Draft<'_>, loser: &str, winner: &str) -> Result<Happened, StoreError> {
        let Some(losing) = draft.contribution_of(&self.key(loser))? else { return Ok(Happened::Filtered) };
        if self.comes_back_to(draft, loser, winner)? {
            let message = format!("it says that it was merged into `{winner}`, which is itself: what it held is kept");
            let error = FieldError { path: "merged-into".into(), class: "other".into(), message };
            self.quarantine(draft, loser, vec![error], Vec::new());
            return Ok(Happened::Quarantined);
        }
        let Some(winning) = draft.contribution_of(&self.key(winner))? else {
            // The survivor has not been read yet; what the loser said stays until it has.
            return Ok(Happened::Held);
        };
        if matches!(&draft.contribution(losing)?.state, ContributionState::MergedInto(into) if into == winner) {
            return Ok(Happened::Unchanged);
        }
        draft.contribution_mut(losing)?.state = ContributionState::MergedInto(winner.to_owned());
        let from = draft.contribution(losing)?.record;
        let to = draft.contribution(winning)?.record;
        match (from, to) {
            (Some(from), Some(to)) => {
                let (from, to) = (draft.surviving(from)?, draft.surviving(to)?);
                if from == to {
                    draft.recompute(to)?;
                } else {
                    draft.merge(to, from)?;
                }
            }
            (Some(from), None) => {
                draft.attach(winning, from)?;
                draft.recompute(from)?;
            }
            (None, _) => {}
        }
        Ok(Happened::Merged)
    }

    /// Whether what is merged into `winner` would be merged into itself, at once or around a corner.
    fn comes_back_to(&self, draft: &mut Draft<'_>, loser: &str, winner: &str) -> Result<bool, StoreError> {
        let mut next = winner.to_owned();
        for _ in 0..64 {
            if next == loser {
                return Ok(true);
            }
            let Some(id) = draft.contribution_of(&self.key(&next))? else { return Ok(false) };
            let ContributionState::MergedInto(into) = &draft.contribution(id)?.state else { return Ok(false) };
            next = into.clone();
        }
        Ok(true)
    }
}

fn draft_value<'d>(draft: &'d Draft<'_>, record: RecordId, field: &str) -> Option<&'d Value> {
    draft.loaded(record)?.value(field)
}
