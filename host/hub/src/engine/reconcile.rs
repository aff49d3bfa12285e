//! Rolling reconciliation: each hour the things that were longest not looked at are asked for by themselves and compared with
//! what is known of them. What differs is taken in as everything that is read.
//!
//! Things are gone through in the order of their numbers. A mark says up to which one, and when: so many numbers stand for all of
//! them, and the oldest mark is the age of what was longest not verified.

use nave_core::accounting::Counts;
use nave_core::catalog::Mapping;
use nave_core::limits::{VERIFY_PER_HOUR_MAX, VERIFY_PER_HOUR_MIN};
use nave_core::model::{AuditEntry, Cause, Contribution, ContributionId, Time};
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};

use super::{Engine, EngineError};

/// Rows by flow.
const SPACE: &str = "reconcile";
/// Rows read at once.
const ROWS_AT_ONCE: usize = 1_000;
/// Rows looked through for one batch: things of other streams lie between.
const ROWS_LOOKED_AT_MAX: usize = 200_000;
/// Marks of one flow; above it, two become one with the older's time.
const MARKS_MAX: usize = 4_000;
/// And for how a flow stands, which `status` asks for each time.
const ROWS_ASKED_AFTER_MAX: usize = 10_000;
/// From one batch of a flow to its next.
const EVERY_MS: i64 = 3_600_000;

/// How far a flow is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// Last thing that was verified in this round.
    after: u64,
    /// (number of the last thing, when), ascending by number.
    marks: Vec<(u64, Time)>,
    /// The next batch.
    due: Time,
    /// Things that differed, since the beginning.
    differed: u64,
    /// And were verified.
    verified: u64,
}

impl State {
    /// Everything after `from` up to `to` was verified.
    fn mark(&mut self, from: u64, to: u64, at: Time) {
        self.marks.retain(|(upto, _)| *upto <= from || *upto > to);
        let place = self.marks.partition_point(|(upto, _)| *upto < to);
        self.marks.insert(place, (to, at));
        if self.marks.len() > MARKS_MAX {
            let pairs = self.marks.chunks(2).map(|pair| {
                let upto = pair.last().map_or(0, |(upto, _)| *upto);
                (upto, pair.iter().map(|(_, at)| *at).min().unwrap_or_default())
            });
            self.marks = pairs.collect();
        }
    }
}

/// What one batch came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// Things that were asked for.
    pub verified: u64,
    /// Those that differed.
    pub differed: u64,
    /// Its run.
    pub run: Option<u64>,
    /// Everything was gone through: the next one begins from the start.
    pub round_done: bool,
}

/// How a flow stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Things over there that belong to the flow.
    pub things: u64,
    /// When the one was last verified that was longest not; none where there is nothing.
    pub oldest: Option<Time>,
    /// Verified so far, and what differed.
    pub verified: u64,
    /// Those that differed.
    pub differed: u64,
    /// When the next batch is due; none before the first one.
    pub due: Option<Time>,
    /// Each thing is to be verified at least so often, milliseconds.
    pub every_ms: u64,
    /// Why it cannot be.
    pub cannot: Option<String>,
}

fn speaks_for(mapping: &Mapping, row: &Contribution) -> bool {
    row.is_active() && row.record.is_some() && row.key.connection == mapping.connection && row.key.stream == mapping.alias
}

impl Engine {
    fn reconcile_state(&self, flow: &str) -> Result<Option<State>, EngineError> {
        Ok(self.store.row(SPACE, flow)?.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    async fn put_reconcile(&self, flow: &str, state: &State, audit: Option<AuditEntry>) -> Result<(), EngineError> {
        let value = serde_json::to_vec(state).map_err(|error| EngineError::Refused(error.to_string()))?;
        self.write(Cause::default(), |draft| {
            draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: flow.to_owned(), value: Some(value.clone()) });
            draft.batch.audit.extend(audit.clone());
            Ok(())
        })
        .await
    }

    /// Whether a flow's batch of this hour is due. The first is due an hour after the flow was first seen.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn reconcile_due(&self, flow: &str) -> Result<bool, EngineError> {
        match self.reconcile_state(flow)? {
            Some(state) => Ok(state.due <= self.now()),
            None => {
                let state = State { due: self.now().plus_ms(EVERY_MS), ..State::default() };
                self.put_reconcile(flow, &state, None).await?;
                Ok(false)
            }
        }
    }

    /// How many things are to be verified in an hour, so that each has its turn in time.
    fn budget(&self, mapping: &Mapping) -> Result<usize, EngineError> {
        let of = |count: &nave_store::ObjectCount| count.connection == mapping.connection && count.stream == mapping.alias;
        let things = self.store.objects()?.iter().find(|count| of(count)).map_or(0, |count| count.active);
        let hours = (mapping.verify_ms() / 3_600_000).max(1);
        let share = usize::try_from(things.div_ceil(hours)).unwrap_or(usize::MAX);
        Ok(share.clamp(VERIFY_PER_HOUR_MIN, VERIFY_PER_HOUR_MAX))
    }

    /// Asks for the things of a flow that were longest not verified, at most `budget`, or this hour's share.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where its things cannot be asked for by themselves, [`EngineError::Spoke`] where the system
    /// cannot be asked now.
    pub async fn reconcile(&self, flow: &str, budget: Option<usize>, by: Option<&str>) -> Result<Batch, EngineError> {
        let mapping = self.mapping(flow)?;
        let budget = budget.map_or_else(|| self.budget(&mapping), Ok)?;
        let mut state = self.reconcile_state(flow)?.unwrap_or_default();
        let from = state.after;
        let (mut at, mut ids, mut looked) = (from, Vec::new(), 0);
        let mut batch = Batch::default();
        'rows: while looked < ROWS_LOOKED_AT_MAX {
            let rows = self.store.contributions_after(ContributionId(at), ROWS_AT_ONCE)?;
            batch.round_done = rows.is_empty();
            if batch.round_done {
                break;
            }
            for row in rows {
                if ids.len() >= budget {
                    break 'rows;
                }
                looked += 1;
                at = row.id.0;
                if speaks_for(&mapping, &row) {
                    ids.push(row.key.remote_id.to_string());
                }
            }
        }
        // Put off before it is tried: a system that does not answer is not asked again at once.
        state.due = self.now().plus_ms(EVERY_MS);
        self.put_reconcile(flow, &state, None).await?;
        if !ids.is_empty() {
            let began = self.now();
            let run = self.refetch(flow, &mapping.stream, &ids, "refetch").await?.run;
            batch.run = Some(run);
            batch.verified = ids.len() as u64;
            let ran = self.store.runs(Some(flow), 16)?.into_iter().find(|known| known.id == run);
            if let Some(Counts::In(counts)) = ran.map(|run| run.counts) {
                batch.differed = counts.updated + counts.deleted + counts.merged + counts.drifted;
            }
            state.mark(from, at, began);
        }
        state.after = if batch.round_done { 0 } else { at };
        state.verified += batch.verified;
        state.differed += batch.differed;
        let audit = by.map(|by| AuditEntry {
            at: self.now(),
            actor: by.to_owned(),
            action: "reconcile".into(),
            subject: flow.to_owned(),
            detail: format!("{} verified, {} differed", batch.verified, batch.differed),
        });
        self.put_reconcile(flow, &state, audit).await?;
        Ok(batch)
    }

    /// How a flow stands: above all, how old the oldest look at one of its things is.
    ///
    /// # Errors
    /// Those of the store.
    pub fn standing(&self, flow: &str) -> Result<Standing, EngineError> {
        let mapping = self.mapping(flow)?;
        let stored = self.reconcile_state(flow)?;
        let known = stored.clone().unwrap_or_default();
        let of = |count: &nave_store::ObjectCount| count.connection == mapping.connection && count.stream == mapping.alias;
        let things = self.store.objects()?.iter().find(|count| of(count)).map_or(0, |count| count.active);
        let mut standing = Standing {
            things,
            verified: known.verified,
            differed: known.differed,
            due: stored.map(|state| state.due),
            every_ms: mapping.verify_ms(),
            cannot: mapping.id.is_some().then(|| "its things have ids of the mapping's own and cannot be asked for".to_owned()),
            ..Standing::default()
        };
        if things == 0 {
            return Ok(standing);
        }
        standing.oldest = known.marks.iter().map(|(_, at)| *at).min();
        // What no mark reaches was last read when it was last read.
        let mut after = known.marks.last().map_or(0, |(upto, _)| *upto);
        for _ in 0..ROWS_ASKED_AFTER_MAX / ROWS_AT_ONCE {
            let rows = self.store.contributions_after(ContributionId(after), ROWS_AT_ONCE)?;
            let Some(last) = rows.last() else { break };
            after = last.id.0;
            let found = rows.iter().filter(|row| speaks_for(&mapping, row)).map(|row| row.read_at).min();
            if let Some(found) = found {
                standing.oldest = Some(standing.oldest.map_or(found, |oldest| oldest.min(found)));
                break;
            }
        }
        Ok(standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_stand_for_everything_up_to_them() {
        let mut state = State::default();
        for (from, to, at) in [(0, 10, 1), (10, 20, 2), (20, 35, 3), (0, 15, 4), (15, 40, 5)] {
            state.mark(from, to, Time(at));
        }
        // What was verified first in the round before is the oldest for as long as the new round has not come to it.
        assert_eq!(state.marks, [(15, Time(4)), (40, Time(5))]);
        state.mark(0, 5, Time(6));
        assert_eq!(state.marks, [(5, Time(6)), (15, Time(4)), (40, Time(5))]);
        for at in 0..2 * MARKS_MAX as u64 {
            state.mark(40 + at, 41 + at, Time(7));
        }
        assert!(state.marks.len() <= MARKS_MAX + 1 && state.marks.is_sorted());
        assert_eq!(state.marks.iter().map(|(_, at)| *at).min(), Some(Time(4)));
    }
}
