//! Comparisons of two systems by schedule: when the next is due, and what each came to, with the difference to the one before.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::model::{AuditEntry, Cause, Time};
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};

use super::compare::{Apart, Compared};
use super::{Engine, EngineError};

/// A row by pair: when, and what came of it.
const SPACE: &str = "compared";
/// Results kept of a pair: four years of weeks.
const RESULTS_MAX: usize = 208;
/// The first comparison of a pair, after it was first seen: what is read first is read by then.
const FIRST_MS: i64 = 3_600_000;
/// Fewer findings than this that are new are nothing to wake anybody for, whatever share they are.
const ALERT_MIN: u64 = 5;

/// Two connections and what they both have.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Connection.
    pub left: String,
    /// The other.
    pub right: String,
    /// Entity.
    pub entity: String,
}

impl Pair {
    /// Of two connections, in whichever order they are named: the first by its name stands left.
    pub fn new(mut connections: [&str; 2], entity: &str) -> Self {
        connections.sort_unstable();
        let [left, right] = connections.map(str::to_owned);
        Self { left, right, entity: entity.to_owned() }
    }

    fn key(&self) -> String {
        format!("{}\t{}\t{}", self.left, self.right, self.entity)
    }

    fn of(key: &str) -> Option<Self> {
        let mut parts = key.split('\t').map(str::to_owned);
        Some(Self { left: parts.next()?, right: parts.next()?, entity: parts.next()? })
    }
}

/// What one comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// When.
    pub at: Time,
    /// Things of each system.
    pub things: [u64; 2],
    /// Records that agree.
    pub same: u64,
    /// Findings by [`super::compare::Apart::ALL`].
    pub counts: [u64; 5],
    /// Findings that were not there the time before.
    pub new: u64,
    /// Those of the time before that are gone.
    pub gone: u64,
    /// Those that are still there.
    pub still: u64,
}

impl Outcome {
    /// Findings in all.
    pub fn apart(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The same of the two in the other order: what is missing in the one is extra in the other.
    fn turn(&mut self) {
        self.things.reverse();
        self.counts.swap(Apart::Missing as usize, Apart::Extra as usize);
    }

    /// What is compared: records in both, and findings.
    fn compared(&self) -> u64 {
        self.same + self.apart()
    }
}

/// What is kept of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The next comparison.
    pub due: Time,
    /// Oldest first.
    pub outcomes: Vec<Outcome>,
    /// The findings of the last, by their numbers.
    last: BTreeSet<u64>,
}

impl Kept {
    /// By how much what differs has grown with the last comparison, where that is more than `percent` of what is compared.
    pub fn grew(&self, percent: u64) -> Option<u64> {
        let [.., before, last] = &self.outcomes[..] else { return None };
        let more = last.apart().saturating_sub(before.apart());
        (more >= ALERT_MIN && more * 100 > percent * last.compared()).then_some(more)
    }
}

impl Engine {
    /// Every two connections that have an entity in common, with that entity.
    pub fn pairs(&self) -> Vec<Pair> {
        let catalog = self.catalog();
        let mut pairs = Vec::new();
        for entity in catalog.entities.keys() {
            let connections: Vec<String> = self.connections_of(entity).into_iter().collect();
            for (at, left) in connections.iter().enumerate() {
                for right in &connections[at + 1..] {
                    pairs.push(Pair { left: left.clone(), right: right.clone(), entity: entity.clone() });
                }
            }
        }
        pairs
    }

    /// What is kept of a pair, in whichever order it is named.
    ///
    /// # Errors
    /// Those of the store.
    pub fn kept_of(&self, pair: &Pair) -> Result<Option<Kept>, EngineError> {
        Ok(self.store.row(SPACE, &pair.key())?.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// What is kept of every pair that was ever compared, also of those that are configured no more.
    ///
    /// # Errors
    /// Those of the store.
    pub fn kept_of_all(&self) -> Result<Vec<(Pair, Kept)>, EngineError> {
        let rows = self.store.rows(SPACE)?.into_iter();
        let rows = rows.filter_map(|(key, row)| Some((Pair::of(&key)?, serde_json::from_slice::<Kept>(&row).ok()?)));
        let mut all: BTreeMap<Pair, Kept> = BTreeMap::new();
        for (pair, mut kept) in rows {
            let sorted = Pair::new([&pair.left, &pair.right], &pair.entity);
            let turned = sorted != pair;
            if turned {
                // From before the order did not matter.
                kept.outcomes.iter_mut().for_each(Outcome::turn);
            }
            let known = all.entry(sorted).or_default();
            known.outcomes.append(&mut kept.outcomes);
            known.outcomes.sort_by_key(|outcome| outcome.at);
            if !turned || known.due == Time::default() {
                (known.due, known.last) = (kept.due, kept.last);
            }
        }
        Ok(all.into_iter().collect())
    }

    /// Whether a pair is to be compared now. The first time an hour after it was first seen.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn compare_due(&self, pair: &Pair) -> Result<bool, EngineError> {
        if let Some(kept) = self.kept_of(pair)? {
            return Ok(kept.due <= self.now());
        }
        let kept = Kept { due: self.now().plus_ms(FIRST_MS), ..Kept::default() };
        self.put_kept(pair, &kept, None).await?;
        Ok(false)
    }

    /// Puts the next comparison of a pair off before it is tried: what fails is not tried again at once.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn put_off_compare(&self, pair: &Pair) -> Result<(), EngineError> {
        let mut kept = self.kept_of(pair)?.unwrap_or_default();
        let every = i64::try_from(self.catalog().hub.reconcile.every_ms).unwrap_or(i64::MAX / 2);
        kept.due = self.now().plus_ms(every);
        self.put_kept(pair, &kept, None).await
    }

    /// Keeps what a comparison came to, with the difference to the one before.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn keep_compared(&self, pair: &Pair, compared: &Compared, by: &str) -> Result<Outcome, EngineError> {
        let mut kept = self.kept_of(pair)?.unwrap_or_default();
        let now: BTreeSet<u64> = compared.keys.iter().copied().collect();
        let still = now.intersection(&kept.last).count() as u64;
        let outcome = Outcome {
            at: self.now(),
            things: compared.things,
            same: compared.same,
            counts: compared.counts,
            new: now.len() as u64 - still,
            gone: kept.last.len() as u64 - still,
            still,
        };
        kept.last = now;
        kept.outcomes.push(outcome.clone());
        let too_many = kept.outcomes.len().saturating_sub(RESULTS_MAX);
        kept.outcomes.drain(..too_many);
        if kept.due == Time::default() {
            let every = i64::try_from(self.catalog().hub.reconcile.every_ms).unwrap_or(i64::MAX / 2);
            kept.due = self.now().plus_ms(every);
        }
        let audit = AuditEntry {
            at: self.now(),
            actor: by.to_owned(),
            action: "reconciled".into(),
            subject: format!("{} {} {}", pair.left, pair.right, pair.entity),
            detail: format!("{} differ: {} new, {} gone, {still} still", outcome.apart(), outcome.new, outcome.gone),
        };
        self.put_kept(pair, &kept, Some(audit)).await?;
        Ok(outcome)
    }

    async fn put_kept(&self, pair: &Pair, kept: &Kept, audit: Option<AuditEntry>) -> Result<(), EngineError> {
        let value = serde_json::to_vec(kept).map_err(|error| EngineError::Refused(error.to_string()))?;
        self.write(Cause::default(), |draft| {
            draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: pair.key(), value: Some(value.clone()) });
            draft.batch.audit.extend(audit.clone());
            Ok(())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grew_is_told_above_a_share_and_a_few() {
        let grew = |before: u64, last: u64, same: u64| {
            let outcome = |apart| Outcome { same, counts: [0, 0, apart, 0, 0], ..Outcome::default() };
            Kept { outcomes: vec![outcome(before), outcome(last)], ..Kept::default() }.grew(5)
        };
        assert_eq!(grew(0, 4, 10), None, "a few");
        assert_eq!(grew(0, 5, 10), Some(5));
        assert_eq!(grew(10, 20, 1_000), None, "a small share");
        assert_eq!(grew(10, 90, 1_000), Some(80));
        assert_eq!(grew(90, 10, 10), None, "it shrank");
        let first = Kept { outcomes: vec![Outcome { counts: [9, 0, 0, 0, 0], ..Outcome::default() }], ..Kept::default() };
        assert_eq!(first.grew(5), None, "nothing to compare it with");
    }
}
