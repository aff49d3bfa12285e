//! A steward says which record a thing is, or that it is another one. That holds for good: what he told apart is not made one, nor
//! asked about, by itself (I12).

use std::collections::BTreeSet;

use nave_core::catalog::Entity;
use nave_core::matching::Facts;
use nave_core::model::{ContributionId, DecisionChoice, Reason, RecordId, Review, ReviewId, ReviewKind};
use nave_store::{KeyedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::apart::{self, Apart};
use super::draft::Draft;
use super::linker::Linker;
use super::take::title;
use super::{Engine, EngineError, alike, returned};

/// Rows by thing: who it is not, where somebody said that, and which review asks about others since.
const SPACE: &str = "not one of";

fn key(object: ContributionId) -> String {
    format!("{:020}", object.0)
}

/// What was said of a thing that still waits.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Not {
    /// The review that asks now.
    asked: u64,
    /// Records that it is not.
    records: BTreeSet<RecordId>,
}

/// A decision, as it was made.
pub(super) struct Said<'a> {
    pub(super) review: ReviewId,
    pub(super) entity: &'a str,
    pub(super) steward: &'a str,
    pub(super) by: &'a str,
    pub(super) reason: &'a str,
}

impl Said<'_> {
    /// From now on these two are kept apart.
    fn apart(&self, draft: &mut Draft<'_>, one: RecordId, other: RecordId) -> Result<(), StoreError> {
        let (one, other) = (draft.surviving(one)?, draft.surviving(other)?);
        if one == other {
            return Ok(());
        }
        let (by, reason) = (self.by.to_owned(), self.reason.to_owned());
        let why = Apart { merge: None, review: Some(self.review.0), by, reason, at: draft.now };
        apart::keep(draft, one, other, &why)
    }

    /// Refuses what is no answer.
    fn unanswered(&self, candidates: &[RecordId]) -> EngineError {
        let (id, entity) = (self.review, self.entity);
        let known = candidates.iter().map(|record| format!("{entity}/{record}")).collect::<Vec<_>>().join(", ");
        let first = candidates.first().map_or_else(String::new, |record| format!("{entity}/{record}"));
        EngineError::Refused(format!(
            "say which record it is ({known}), or `new`: `nave review decide {id} {first} --reason TEXT`"
        ))
    }
}

/// Carries out what was said of a thing that waited. Where it is another one than those that were named, and like others that came
/// since, it goes on waiting: the review that asks about those.
pub(super) fn answer(
    draft: &mut Draft<'_>,
    linker: &Linker,
    object: ContributionId,
    candidates: &[RecordId],
    choice: &DecisionChoice,
    said: &Said<'_>,
) -> Result<Option<Review>, EngineError> {
    let told = draft.row(SPACE, &key(object))?;
    let told: Option<Not> = told.map(|row| serde_json::from_slice(&row)).transpose().map_err(damaged)?;
    let mut not = told.as_ref().map(|not| not.records.clone()).unwrap_or_default();
    let record = match choice {
        DecisionChoice::Existing(record) => {
            let record = draft.surviving(*record)?;
            if draft.record(record)?.entity != said.entity {
                return Err(EngineError::Refused(format!("{0}/{record} is not a {0}", said.entity)));
            }
            record
        }
        DecisionChoice::New => {
            for candidate in candidates {
                not.insert(draft.surviving(*candidate)?);
            }
            if let Some(entity) = draft.catalog.entities.get(said.entity)
                && let Some(review) = others(draft, linker, entity, object, &not, said)?
            {
                let not = Not { asked: review.id.0, records: not };
                let value = serde_json::to_vec(&not).map_err(damaged)?;
                draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(object), value: Some(value) });
                return Ok(Some(review));
            }
            draft.new_record(said.entity)
        }
        _ => return Err(said.unanswered(candidates)),
    };
    if told.is_some() {
        draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(object), value: None });
    }
    for other in not {
        said.apart(draft, record, other)?;
    }
    draft.attach(object, record)?;
    if let Some(entity) = draft.catalog.entities.get(said.entity) {
        let claims = draft.contribution(object)?.claims.clone();
        let facts = Facts::new(entity, claims.iter().map(|(name, claim)| (name.as_str().into(), &claim.value)));
        returned::refuses_still(draft, entity, &facts, record)?;
    }
    draft.linked(record, object, said.reason);
    draft.recompute(record)?;
    draft.enter_all(record, Reason::Changed)?;
    if let Some(entity) = draft.catalog.entities.get(said.entity) {
        super::conflict::note(draft, entity, record, said.steward)?;
    }
    Ok(None)
}

/// A review about records that a thing is like, and that it was not told apart from: they came, or changed, while it waited.
fn others(
    draft: &mut Draft<'_>,
    linker: &Linker,
    entity: &Entity,
    object: ContributionId,
    not: &BTreeSet<RecordId>,
    said: &Said<'_>,
) -> Result<Option<Review>, StoreError> {
    let row = draft.contribution(object)?.clone();
    let not: Vec<RecordId> = not.iter().copied().collect();
    let found = alike::waiting(draft, linker, entity, &row, &not)?;
    if found.is_empty() {
        return Ok(None);
    }
    let called = title(entity, |field| row.claims.get(field).map(|claim| &claim.value));
    let label = entity.label.to_lowercase();
    let (candidates, reasons) = found.into_iter().unzip();
    Ok(Some(Review {
        id: draft.next_review(),
        kind: ReviewKind::Match { contribution: object, candidates, reasons },
        entity: entity.name.clone(),
        steward: said.steward.to_owned(),
        opened_at: draft.now,
        closed_at: None,
        title: format!("{called} from {}: others came while it waited. Which {label} is it?", row.key.connection),
    }))
}

/// Carries out what was said of a record that is like others. That it is one of them was carried out before, as a merge.
pub(super) fn answer_alike(
    draft: &mut Draft<'_>,
    linker: &Linker,
    record: RecordId,
    candidates: &[RecordId],
    choice: &DecisionChoice,
    said: &Said<'_>,
) -> Result<(), EngineError> {
    alike::settled(draft, said.review, record, candidates)?;
    match choice {
        DecisionChoice::Existing(_) => {
            // The others are still there, and nothing was said of them.
            let survivor = draft.surviving(record)?;
            alike::compare(draft, linker, &BTreeSet::from([survivor]))?;
        }
        DecisionChoice::New => {
            for candidate in candidates {
                said.apart(draft, record, *candidate)?;
            }
        }
        _ => return Err(said.unanswered(candidates)),
    }
    Ok(())
}

fn damaged(error: serde_json::Error) -> StoreError {
    StoreError::Damaged(error.to_string())
}

impl Engine {
    /// The review that asks about a thing once more, since others like it came while it waited; none: it is decided.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub fn asked_again(&self, review: &Review) -> Result<Option<ReviewId>, StoreError> {
        let ReviewKind::Match { contribution, .. } = &review.kind else { return Ok(None) };
        let Some(row) = self.store.row(SPACE, &key(*contribution))? else { return Ok(None) };
        let not: Not = serde_json::from_slice(&row).map_err(damaged)?;
        Ok(Some(ReviewId(not.asked)))
    }
}
