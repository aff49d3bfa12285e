//! Holds what comes at once for a person: far more new things in a day than a flow usually brings, or far more changed ones. They
//! are taken in, so that they can be looked at; nothing of them is written anywhere before somebody says that it is right.
//!
//! What is usual is decided in `core::surge`; what came is counted per day and committed with the page that brought it. Once
//! agreed is agreed once: what comes later that day is judged anew.

use std::sync::{Arc, Mutex, PoisonError};

use nave_core::Text;
use nave_core::catalog::{Entity, Mapping};
use nave_core::model::{Reason, RecordId, RemoteKey, Review, ReviewId, ReviewKind, Went};
use nave_core::surge;
use nave_store::{KeyedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::pull::Reading;
use super::{Engine, EngineError};

/// How much came, a row by stream.
const PACE: &str = "pace";
/// What is held, a row by stream and by what it is.
pub(super) const SPACE: &str = "surge";
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;
/// Fewer changed things than this in a day are never held: an edit is not as easily made for nothing as a record.
const CHANGED_MIN: u64 = 500;

/// What came of a stream by day, UTC.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Pace {
    /// (number of the day since 1970, new, changed), ascending.
    days: Vec<(i64, u64, u64)>,
}

impl Pace {
    fn of(row: Option<Vec<u8>>) -> Self {
        row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default()
    }

    fn today(&mut self, day: i64) -> &mut (i64, u64, u64) {
        if self.days.last().is_none_or(|(last, ..)| *last < day) {
            self.days.push((day, 0, 0));
            let old = self.days.len().saturating_sub(surge::DAYS + 1);
            self.days.drain(..old);
        }
        let last = self.days.len() - 1;
        &mut self.days[last]
    }

    fn before(&self, day: i64, what: impl Fn(&(i64, u64, u64)) -> u64) -> Vec<u64> {
        self.days.iter().filter(|(known, ..)| *known < day).map(what).collect()
    }
}

/// Numbers of records, as ranges: what comes at once is numbered in a row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub(super) fn add(&mut self, id: u64) {
        let at = self.0.partition_point(|(_, to)| *to + 1 < id);
        match self.0.get_mut(at) {
            Some((from, to)) if id + 1 >= *from => (*from, *to) = ((*from).min(id), (*to).max(id)),
            _ => self.0.insert(at, (id, id)),
        }
        if let Some((from, to)) = self.0.get(at + 1).copied().filter(|(from, _)| self.0[at].1 + 1 >= *from) {
            self.0[at].1 = self.0[at].1.max(to);
            debug_assert!(from <= to);
            self.0.remove(at + 1);
        }
    }

    fn holds(&self, id: u64) -> bool {
        let at = self.0.partition_point(|(_, to)| *to < id);
        self.0.get(at).is_some_and(|(from, _)| *from <= id)
    }

    pub(super) fn count(&self) -> u64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }

    pub(super) fn ids(&self) -> impl Iterator<Item = u64> + '_ {
        self.0.iter().flat_map(|(from, to)| *from..=*to)
    }

    fn join(&mut self, other: &Self) {
        other.ids().for_each(|id| self.add(id));
    }
}

/// What came of one kind, and what is held of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Surge {
    /// The day that is counted.
    day: i64,
    /// What came that day and is not held: it is, once there is too much.
    today: Ranges,
    review: Option<ReviewId>,
    held: Ranges,
    /// Somebody said that they are not right: they go nowhere.
    pub(super) refused: Ranges,
    /// Refused, and nobody's record any more: nothing of them is told anywhere, their end neither.
    #[serde(default)]
    pub(super) detached: Ranges,
}

fn key(connection: &str, stream: &str) -> String {
    format!("{connection}/{stream}")
}

pub(super) fn surge_key(connection: &str, stream: &str, what: &Went) -> String {
    format!("{connection}/{stream} {}", if *what == Went::Changed { "changed" } else { "arrived" })
}

pub(super) fn surge_of(row: Option<Vec<u8>>) -> Surge {
    row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default()
}

fn row<T: Serialize>(space: &str, key: String, of: &T) -> Result<KeyedRow, StoreError> {
    let value = serde_json::to_vec(of).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(KeyedRow { space: space.into(), key, value: Some(value) })
}

/// The row of what is held of a stream.
pub(super) fn surge_row(key: String, surge: &Surge) -> Result<KeyedRow, StoreError> {
    row(SPACE, key, surge)
}

/// Records of which nothing is written, as they were last read from the store; forgotten with each change.
#[derive(Default)]
pub(super) struct Surges(Mutex<Option<Arc<Ranges>>>);

impl Surges {
    /// To be called after each commit that may have changed what is held.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A person's answer.
pub(super) fn answer(draft: &mut Draft<'_>, connection: &str, stream: &str, what: &Went, yes: bool) -> Result<(), StoreError> {
    let key = surge_key(connection, stream, what);
    let mut surge = surge_of(draft.row(SPACE, &key)?);
    let held = std::mem::take(&mut surge.held);
    surge.review = None;
    if yes {
        for id in held.ids() {
            let record = draft.surviving(RecordId(id))?;
            draft.enter_all(record, Reason::Resync)?;
        }
    } else {
        surge.refused.join(&held);
    }
    draft.batch.rows.push(row(SPACE, key, &surge)?);
    Ok(())
}

/// What a page brought of a flow's stream.
pub(super) struct Brought<'a> {
    pub mapping: &'a Mapping,
    pub entity: &'a Entity,
    /// Remote ids that were taken in for the first time.
    pub arrived: &'a [Text],
    /// Records that a known thing said something new of.
    pub changed: &'a [RecordId],
    /// It is a page of the flow's own reading: a day on which it brought nothing is a day, too.
    pub ordinary: bool,
}

impl Engine {
    /// Counts what a page brought, and holds it where it is too much; committed with the page.
    pub(super) fn note_surge(&self, draft: &mut Draft<'_>, brought: &Brought<'_>, known: u64) -> Result<(), StoreError> {
        let Brought { mapping, arrived, changed, .. } = *brought;
        if arrived.is_empty() && changed.is_empty() && !brought.ordinary {
            return Ok(());
        }
        let day = draft.now.0.div_euclid(DAY_MS);
        let pace_key = key(&mapping.connection, &mapping.alias);
        let stored = draft.row(PACE, &pace_key)?;
        let mut pace = Pace::of(stored.clone());
        let before = pace.clone();
        let today = pace.today(day);
        today.1 += arrived.len() as u64;
        today.2 += changed.len() as u64;
        if pace != before {
            draft.batch.rows.push(row(PACE, pace_key, &pace)?);
        }
        let mut new = Vec::new();
        for id in arrived {
            let key = RemoteKey::new(&mapping.connection, &mapping.alias, id.as_str());
            if let Some(contribution) = draft.contribution_of(&key)?
                && let Some(record) = draft.contribution(contribution)?.record
            {
                new.push(draft.surviving(record)?);
            }
        }
        let least = mapping.flow_in.as_ref().map_or(0, |flow| flow.hold_new_above);
        self.hold_surge(draft, brought, Went::Arrived, &new, &pace.before(day, |day| day.1), least, known)?;
        self.hold_surge(draft, brought, Went::Changed, changed, &pace.before(day, |day| day.2), CHANGED_MIN.max(least), known)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of `note_surge`, for each kind")]
    fn hold_surge(
        &self,
        draft: &mut Draft<'_>,
        brought: &Brought<'_>,
        what: Went,
        records: &[RecordId],
        before: &[u64],
        least: u64,
        known: u64,
    ) -> Result<(), StoreError> {
        let Brought { mapping, entity, .. } = *brought;
        let Some(limit) = surge::limit(before, least).filter(|_| !records.is_empty()) else { return Ok(()) };
        let day = draft.now.0.div_euclid(DAY_MS);
        let key = surge_key(&mapping.connection, &mapping.alias, &what);
        let mut surge = surge_of(draft.row(SPACE, &key)?);
        if surge.day != day {
            (surge.day, surge.today) = (day, Ranges::default());
        }
        let known_there =
            |record: &&RecordId| surge.held.holds(record.0) || surge.refused.holds(record.0) || surge.detached.holds(record.0);
        let new: Vec<u64> = records.iter().filter(|record| !known_there(record)).map(|record| record.0).collect();
        new.into_iter().for_each(|record| surge.today.add(record));
        let open = surge.review.is_some();
        if surge.today.count() > limit || open {
            let today = std::mem::take(&mut surge.today);
            surge.held.join(&today);
            let stored = match surge.review {
                Some(id) => self.store.review(id)?.filter(|review| review.closed_at.is_none()),
                None => None,
            };
            let id = stored.as_ref().map_or_else(|| draft.next_review(), |review| review.id);
            surge.review = Some(id);
            let things = surge.held.count();
            let usual = surge::median(before);
            draft.batch.reviews.push(Review {
                id,
                kind: ReviewKind::Volume {
                    connection: mapping.connection.clone(),
                    stream: mapping.alias.clone(),
                    what: what.clone(),
                    things,
                    known,
                },
                entity: mapping.entity.clone(),
                steward: mapping.steward.clone(),
                opened_at: stored.as_ref().map_or(draft.now, |review| review.opened_at),
                closed_at: None,
                title: title(entity, &mapping.connection, &what, things, usual),
            });
            // Before the commit: what runs outwards beside this does not send what is being held.
            let mut cached = self.surges.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(known) = cached.as_ref() {
                let mut known = known.as_ref().clone();
                known.join(&today);
                *cached = Some(Arc::new(known));
            }
        }
        draft.batch.rows.push(row(SPACE, key, &surge)?);
        Ok(())
    }

    /// Whether nothing of a record is written before somebody says that what came is right.
    pub(super) fn surged(&self, record: RecordId) -> Result<bool, StoreError> {
        let known = {
            let mut cached = self.surges.0.lock().unwrap_or_else(PoisonError::into_inner);
            match cached.as_ref() {
                Some(known) => known.clone(),
                None => {
                    let mut all = Ranges::default();
                    for (_, stored) in self.store.rows(SPACE)? {
                        let surge = surge_of(Some(stored));
                        all.join(&surge.held);
                        all.join(&surge.refused);
                        all.join(&surge.detached);
                    }
                    cached.insert(Arc::new(all)).clone()
                }
            }
        };
        Ok(known.holds(record.0))
    }

    /// What a run says of what is held.
    pub(super) fn said_of_surge(&self, reading: &Reading<'_>) -> Result<Vec<String>, EngineError> {
        let mut said = Vec::new();
        for what in [Went::Arrived, Went::Changed] {
            let key = surge_key(&reading.mapping.connection, &reading.mapping.alias, &what);
            let surge = surge_of(self.store.row(SPACE, &key)?);
            if let Some(review) = surge.review {
                let came = if what == Went::Changed { "changed" } else { "new" };
                said.push(format!(
                    "{} {came} at once, far more than usual; nothing of them is written anywhere until somebody says whether that is \
                     right: `nave review show {review}`",
                    surge.held.count()
                ));
            }
        }
        Ok(said)
    }

    /// Some of the records that a review of this kind is about.
    pub(super) fn surged_records(
        &self,
        connection: &str,
        stream: &str,
        what: &Went,
        at_most: usize,
    ) -> Result<Vec<RecordId>, StoreError> {
        let surge = surge_of(self.store.row(SPACE, &surge_key(connection, stream, what))?);
        Ok(surge.held.ids().take(at_most).map(RecordId).collect())
    }
}

fn title(entity: &Entity, connection: &str, what: &Went, things: u64, usual: u64) -> String {
    let came = if *what == Went::Changed { "changed" } else { "new" };
    format!(
        "{things} {came} ({}) in {connection} at once, where {usual} a day are usual: is that right?",
        entity.label.to_lowercase()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_hold_exactly_what_was_added() {
        let mut ranges = Ranges::default();
        let ids = [5, 7, 6, 1, 2, 9, 8, 3, 20];
        for (at, id) in ids.into_iter().enumerate() {
            ranges.add(id);
            ranges.add(id);
            let mut sorted: Vec<u64> = ids[..=at].to_vec();
            sorted.sort_unstable();
            assert_eq!(ranges.ids().collect::<Vec<_>>(), sorted);
        }
        assert_eq!(ranges.0, [(1, 3), (5, 9), (20, 20)]);
        assert_eq!((ranges.count(), ranges.holds(4), ranges.holds(9), ranges.holds(21)), (9, false, true, false));
    }
}
