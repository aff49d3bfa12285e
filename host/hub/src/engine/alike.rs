//! A record that was here before and comes to say something else of itself may be another one now: it is compared again, by the
//! rules and by score, as something new would be. What is alike is asked about, and nothing is merged: both have a history of their
//! own. So is what waited for a person while others like it came ([`waiting`]).
//!
//! A pair is asked about once: a row for each of its two records names the review, for as long as that is open. Two that a steward
//! said are not the same are never asked about again (I12). Nothing is looked up where no field changed that a rule or the score
//! looks at.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use nave_core::catalog::Entity;
use nave_core::linkage::entity::{self, row, row_of};
use nave_core::linkage::{self, Candidate, Judge, Term};
use nave_core::matching::{self, Facts, MatchDecision};
use nave_core::model::{Contribution, Record, RecordId, RecordState, Review, ReviewId, ReviewKind};
use nave_core::value::{Reference, Value};
use nave_store::{KeyedRow, StoreError};

use super::apart::kept_apart_in;
use super::draft::{Draft, Moved};
use super::linker::{Linker, scoring};
use super::returned;
use super::take::title;

/// Rows of a record: which other one it is asked about with → number of the review.
fn space(record: RecordId) -> String {
    format!("alike {:020}", record.0)
}

fn key(record: RecordId) -> String {
    format!("{:020}", record.0)
}

/// Looks at what this decision makes of records that were here before: asks about those that are like others now, and takes questions
/// back that are none any more.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub(super) fn look(draft: &mut Draft<'_>, linker: &Linker) -> Result<(), StoreError> {
    let moved = draft.moved();
    if moved.is_empty() {
        return Ok(());
    }
    let mut due = BTreeSet::new();
    for (id, moved) in moved {
        match moved {
            Moved::Gone => {
                gone(draft, id)?;
                returned::note(draft, id)?;
            }
            Moved::Back => _ = due.insert(id),
            Moved::Changed(names) => {
                let entity = draft.record(id)?.entity.clone();
                let Some(entity) = draft.catalog.entities.get(entity.as_str()) else { continue };
                let scoring = scoring(entity);
                let counts = |name: &str| {
                    matching::looks_at(entity, name) || scoring.is_some_and(|scoring| entity::looks_at(entity, scoring, name))
                };
                if names.iter().any(|name| counts(name)) {
                    due.insert(id);
                }
            }
        }
    }
    compare(draft, linker, &due)
}

/// Compares records with all others, and asks about those that are alike.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub(super) fn compare(draft: &mut Draft<'_>, linker: &Linker, due: &BTreeSet<RecordId>) -> Result<(), StoreError> {
    let mut things = Vec::new();
    for id in due {
        let record = draft.record(*id)?.clone();
        if let Some(entity) = draft.catalog.entities.get(record.entity.as_str())
            && record.state == RecordState::Active
        {
            let thing = Thing::of(entity, record.fields.iter().map(|(name, field)| (name.as_str().into(), &field.value)));
            things.push((entity.as_ref(), record, thing));
        }
    }
    // Looked up at once, then one by one.
    let keys: Vec<u64> =
        things.iter().flat_map(|(entity, _, thing)| matching::keys(entity, &thing.facts)).map(|key| key.hash).collect();
    draft.prefetch_candidates(&keys)?;
    draft.prefetch_terms(things.iter().map(|(.., thing)| thing.terms.as_slice()))?;
    let mut judges = Judges::default();
    for (entity, record, thing) in things {
        let mut others = thing.candidates(draft, entity)?;
        others.retain(|other| *other != record.id);
        let mut open = Vec::new();
        for other in others {
            if asked(draft, (record.id, other))?.is_none() && kept_apart_in(draft, record.id, other)?.is_none() {
                open.push(other);
            }
        }
        let alike = thing.alike(draft, linker, entity, &open, &mut judges, |fields| row_of(fields, &record))?;
        if !alike.is_empty() {
            ask(draft, entity, &record, alike);
        }
    }
    Ok(())
}

/// Asks whether a record is the same as one of these.
fn ask(draft: &mut Draft<'_>, entity: &Entity, record: &Record, alike: Vec<(RecordId, String)>) {
    let review = draft.next_review();
    for (other, _) in &alike {
        note(draft, (record.id, *other), Some(review));
    }
    let called = title(entity, |field| record.value(field));
    let of_flow = || draft.catalog.mappings.values().find(|m| m.entity == entity.name && !m.steward.is_empty());
    let steward = match entity.steward.as_str() {
        "" => of_flow().map(|mapping| mapping.steward.clone()).unwrap_or_default(),
        steward => steward.to_owned(),
    };
    let (candidates, reasons) = alike.into_iter().unzip();
    draft.batch.reviews.push(Review {
        id: review,
        kind: ReviewKind::Alike { record: record.id, candidates, reasons },
        entity: entity.name.clone(),
        steward,
        opened_at: draft.now,
        closed_at: None,
        title: format!("{called} changed: which {} is it the same as?", entity.label.to_lowercase()),
    });
}

/// Two records are asked about in this review; none: not any more.
fn note(draft: &mut Draft<'_>, (one, other): (RecordId, RecordId), review: Option<ReviewId>) {
    for (of, with) in [(one, other), (other, one)] {
        let value = review.map(|review| review.0.to_string().into_bytes());
        draft.batch.rows.push(KeyedRow { space: space(of), key: key(with), value });
    }
}

/// A review of records that are alike is over: its pairs may be asked about again, where nobody said that they are two.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub(super) fn settled(
    draft: &mut Draft<'_>,
    review: ReviewId,
    record: RecordId,
    candidates: &[RecordId],
) -> Result<(), StoreError> {
    let carries_on = draft.surviving(record)?;
    for candidate in candidates {
        let standing = draft.surviving(*candidate)?;
        for pair in BTreeSet::from([(record, *candidate), (carries_on, *candidate), (record, standing), (carries_on, standing)]) {
            if asked(draft, pair)? == Some(review) {
                note(draft, pair, None);
            }
        }
    }
    Ok(())
}

/// The review that asks about two records.
fn asked(draft: &Draft<'_>, (one, other): (RecordId, RecordId)) -> Result<Option<ReviewId>, StoreError> {
    Ok(draft.row(&space(one), &key(other))?.as_deref().and_then(number))
}

/// A record is no more, or another one carries on for it: so are the questions about it.
fn gone(draft: &mut Draft<'_>, id: RecordId) -> Result<(), StoreError> {
    for (other, review) in draft.store().rows(&space(id))? {
        let (Ok(other), Some(review)) = (other.parse().map(RecordId), number(&review)) else { continue };
        note(draft, (id, other), None);
        let written = draft.batch.reviews.iter().rev().find(|written| written.id == review).cloned();
        let review = match written {
            Some(review) => Some(review),
            None => draft.store().review(review)?,
        };
        let Some(mut review) = review.filter(|review| review.closed_at.is_none()) else { continue };
        let ReviewKind::Alike { record, candidates, .. } = &review.kind else { continue };
        if still_asks(draft, *record, candidates)? {
            let carries_on = draft.surviving(id)?;
            if carries_on != other
                && draft.record(carries_on)?.state == RecordState::Active
                && asked(draft, (carries_on, other))?.is_none()
            {
                note(draft, (carries_on, other), Some(review.id));
            }
        } else {
            review.closed_at = Some(draft.now);
            draft.batch.reviews.push(review);
        }
    }
    Ok(())
}

/// Whether the record and one of the candidates are still two, and in use.
fn still_asks(draft: &mut Draft<'_>, record: RecordId, candidates: &[RecordId]) -> Result<bool, StoreError> {
    let record = draft.surviving(record)?;
    let there = |draft: &mut Draft<'_>, id| Ok::<_, StoreError>(draft.record(id)?.state == RecordState::Active);
    if !there(draft, record)? {
        return Ok(false);
    }
    for candidate in candidates {
        let candidate = draft.surviving(*candidate)?;
        if candidate != record && there(draft, candidate)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn number(row: &[u8]) -> Option<ReviewId> {
    std::str::from_utf8(row).ok()?.parse().ok().map(ReviewId)
}

/// What waits for a person, compared with everything that is here now but these records.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub(super) fn waiting(
    draft: &mut Draft<'_>,
    linker: &Linker,
    entity: &Entity,
    object: &Contribution,
    but: &[RecordId],
) -> Result<Vec<(RecordId, String)>, StoreError> {
    let mut said: Vec<(String, Value)> = Vec::new();
    for (name, claim) in &object.claims {
        let value = match draft.referred(&claim.value)? {
            // What it refers to may have come since.
            Some(record) => Value::Reference(Reference::Record(record)),
            None => claim.value.clone(),
        };
        said.push((name.to_string(), value));
    }
    let values = || said.iter().map(|(name, value)| (Cow::Borrowed(name.as_str()), value));
    let thing = Thing::of(entity, values());
    let mut others = thing.candidates(draft, entity)?;
    others.retain(|other| !but.contains(other));
    thing.alike(draft, linker, entity, &others, &mut Judges::default(), |fields| row(fields, values()))
}

/// Ready to compare by score, by entity; none: nothing was learned yet.
type Judges = HashMap<String, Option<Judge>>;

/// What is known of something that is compared.
struct Thing {
    facts: Facts,
    terms: Vec<Term>,
}

impl Thing {
    fn of<'v>(entity: &Entity, values: impl Iterator<Item = (Cow<'v, str>, &'v Value)> + Clone) -> Self {
        let terms = scoring(entity).map(|scoring| scoring.roles.terms(values.clone())).unwrap_or_default();
        Self { facts: Facts::new(entity, values), terms }
    }

    /// Records in use that share a match key or a term with it.
    fn candidates(&self, draft: &mut Draft<'_>, entity: &Entity) -> Result<Vec<RecordId>, StoreError> {
        let mut found = draft.candidates(entity, &self.facts)?;
        draft.prefetch_terms(std::iter::once(self.terms.as_slice()))?;
        found.extend(draft.likely(&self.terms));
        found.sort_unstable();
        found.dedup();
        draft.load_records(&found)?;
        let in_use = |record: &Record| record.entity == entity.name.as_str() && record.state == RecordState::Active;
        found.retain(|id| draft.loaded(*id).is_some_and(in_use));
        Ok(found)
    }

    /// Which of these it is, or may be, with what speaks for each, likeliest first.
    fn alike(
        &self,
        draft: &Draft<'_>,
        linker: &Linker,
        entity: &Entity,
        others: &[RecordId],
        judges: &mut Judges,
        texts: impl FnOnce(&[String]) -> Vec<String>,
    ) -> Result<Vec<(RecordId, String)>, StoreError> {
        let others: Vec<&Record> = others.iter().filter_map(|id| draft.loaded(*id)).collect();
        if others.is_empty() {
            return Ok(Vec::new());
        }
        let mut decision = matching::decide(entity, &self.facts, others.iter().copied());
        if !matches!(decision, MatchDecision::Existing(..))
            && let Some(scoring) = scoring(entity)
        {
            if !judges.contains_key(&entity.name) {
                let learned = linker.learned(draft.store(), &entity.name)?;
                let judge = learned.map(|learned| learned.judge(scoring, draft.population()));
                judges.insert(entity.name.clone(), judge);
            }
            if let Some(judge) = judges.get(&entity.name).and_then(Option::as_ref) {
                let fields = judge.fields();
                let candidate = |record: &&Record| Candidate {
                    id: record.id,
                    prepared: Arc::new(judge.prepare(&row_of(fields, record))),
                    objects: record.contributions.len(),
                };
                let candidates = others.iter().map(candidate).collect();
                decision = linkage::decide(judge, scoring, &judge.prepare(&texts(fields)), candidates, decision);
            }
        }
        Ok(match decision {
            MatchDecision::New => Vec::new(),
            MatchDecision::Existing(id, why) => vec![(id, why)],
            MatchDecision::Ambiguous(named) => named,
        })
    }
}
