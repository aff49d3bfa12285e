//! Nothing is made in a system while a person is asked whether it is there already: who waits for an answer may be the very thing,
//! and what is made meanwhile is a double that nobody wanted.
//!
//! Asked before each create alone. Open questions are read once and then as they come; whether one is open still is looked up when
//! it matters.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use nave_core::catalog::{Catalog, Mapping};
use nave_core::model::{RecordId, RecordState, Review, ReviewId, ReviewKind, WriteKind};

use super::deliver::{Current, Need, Subject};
use super::parts::ChildrenKnown;
use super::{Engine, EngineError};

/// Reviews read at once.
const CHUNK: usize = 1_000;

/// Which questions name a record.
#[derive(Default)]
pub(super) struct Asked(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// Up to here they were read.
    read: ReviewId,
    of: BTreeMap<RecordId, BTreeSet<ReviewId>>,
}

/// Records that a question may be about.
fn named(kind: &ReviewKind) -> Vec<RecordId> {
    match kind {
        ReviewKind::Match { candidates, .. } => candidates.clone(),
        ReviewKind::Alike { record, candidates, .. } => candidates.iter().chain([record]).copied().collect(),
        _ => Vec::new(),
    }
}

impl Engine {
    /// A record that is to be made at a destination waits while it is asked about.
    ///
    /// # Errors
    /// Those of the store.
    pub(super) fn asked_first(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        subject: &Subject,
        known: &ChildrenKnown,
        need: Need,
    ) -> Result<Need, EngineError> {
        if subject.synthetic.is_some() || !makes(&need) {
            return Ok(need);
        }
        if let Some(why) = self.may_be_unreadable(catalog, mapping, &subject.record)? {
            return Ok(Need::Held(why));
        }
        for review in self.questions(subject.record.id)? {
            let there = match &review.kind {
                ReviewKind::Match { contribution, .. } => {
                    let waiting = self.store.contributions(&[*contribution])?.pop().flatten();
                    let waiting = waiting.filter(|row| row.is_active() && row.record.is_none());
                    let here = waiting.filter(|row| row.key.connection == mapping.connection && row.key.stream == mapping.alias);
                    here.map(|row| format!("`{}`", row.key.remote_id))
                }
                ReviewKind::Alike { .. } => self.alike_there(catalog, mapping, subject, known, &review)?,
                _ => None,
            };
            if let Some(there) = there {
                return Ok(Need::Held(format!(
                    "{there} in {} may be it, and a person is asked first: `nave review show {}`",
                    mapping.connection, review.id
                )));
            }
        }
        Ok(need)
    }

    /// What a record that is to be written by a flow waits for, from what is stored.
    ///
    /// # Errors
    /// Those of the store.
    pub fn waits_for(&self, mapping: &Mapping, record: RecordId) -> Result<Option<String>, EngineError> {
        let catalog = self.catalog();
        let Some(subject) = self.subjects(mapping, &[record])?.remove(&record) else { return Ok(None) };
        match self.need(&catalog, mapping, &subject, &Current::new(), &self.children_known(mapping)?)? {
            Need::Held(why) => Ok(Some(why)),
            _ => Ok(None),
        }
    }

    /// Another record of the question that is there already, or is made there before this one.
    fn alike_there(
        &self,
        catalog: &Catalog,
        mapping: &Mapping,
        subject: &Subject,
        known: &ChildrenKnown,
        review: &Review,
    ) -> Result<Option<String>, EngineError> {
        let others: Vec<RecordId> = named(&review.kind).into_iter().filter(|id| *id != subject.record.id).collect();
        for other in self.subjects(mapping, &others)?.into_values() {
            if other.record.state != RecordState::Active {
                continue;
            }
            let name = format!("{}/{}", other.record.entity, other.record.id);
            if other.there.iter().any(nave_core::model::Contribution::is_active) {
                return Ok(Some(name));
            }
            // Neither is there: one of them goes first.
            if other.record.id < subject.record.id
                && makes(&self.compared_with_record(catalog, mapping, &other, &Current::new(), known)?)
            {
                return Ok(Some(format!("{name}, which is to be")));
            }
        }
        Ok(None)
    }

    /// Open questions that name a record.
    fn questions(&self, record: RecordId) -> Result<Vec<Review>, EngineError> {
        let ids: Vec<ReviewId> = {
            let mut known = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
            loop {
                let new = self.store.reviews(true, known.read, CHUNK)?;
                let Some(last) = new.iter().map(|review| review.id).max() else { break };
                for review in new {
                    for record in named(&review.kind) {
                        known.of.entry(record).or_default().insert(review.id);
                    }
                }
                known.read = last;
            }
            known.of.get(&record).into_iter().flatten().copied().collect()
        };
        let mut open = Vec::new();
        for id in ids {
            match self.store.review(id)?.filter(|review| review.closed_at.is_none()) {
                Some(review) => open.push(review),
                None => {
                    let mut known = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
                    if let Some(of) = known.of.get_mut(&record) {
                        of.remove(&id);
                    }
                }
            }
        }
        Ok(open)
    }
}

/// Whether a new thing would be made.
fn makes(need: &Need) -> bool {
    let Need::Writes(wanted) = need else { return false };
    wanted.writes.iter().any(|write| write.child_of.is_none() && write.kind == WriteKind::Create)
}
