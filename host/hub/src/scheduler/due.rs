//! Which flow is due, and when the next read is.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nave_core::catalog::{ChangeDetection, Mapping};
use nave_core::model::{Dirty, FlowState, Reason, RecordId, RunStatus, Time};
use nave_core::schedule::{EVERY_MS_MIN, Measured, Pace, pace, percentile_95, span};

use super::{Moments, boost_of};
use crate::engine::Engine;
use crate::hub::Hub;

/// Runs of a flow looked at for how long reading takes.
const RUNS_MEASURED_MAX: usize = 200;

/// How a flow is read.
#[derive(Clone, Debug)]
pub(crate) struct Scheduled {
    /// How often, and why.
    pub pace: Pace,
    /// The next read; none: at once.
    pub next: Option<Time>,
    /// Between two looks at the system, 95 of 100 were no longer apart than this (milliseconds), reading included.
    pub attained_ms: Option<u64>,
    /// How many reads that is measured over.
    pub reads: u64,
}

/// What the scheduler remembers between two looks.
#[derive(Default)]
pub(crate) struct Schedule {
    /// Measured from runs, with the read that it was measured after.
    measured: Mutex<HashMap<String, (Option<Time>, Measured)>>,
    held: Mutex<Moments>,
}

impl Schedule {
    /// Whether a flow is to be read now.
    pub(super) fn due(&self, hub: &Hub, mapping: &Mapping, flow: &FlowState, now: Time) -> bool {
        let Some(inward) = &mapping.flow_in else { return false };
        let Some(tried) = flow.tried_in.or(flow.last_in) else { return true };
        let since = u64::try_from(now.0.saturating_sub(tried.0)).unwrap_or(0);
        if since < EVERY_MS_MIN {
            return false;
        }
        let measured = self.measured(hub, &mapping.name, flow.last_in);
        since >= every(hub, mapping, inward.freshness_ms, measured, now).every_ms
    }

    fn measured(&self, hub: &Hub, flow: &str, last_in: Option<Time>) -> Measured {
        let mut known = self.measured.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(flow) {
            Some((at, measured)) if *at == last_in => *measured,
            _ => {
                let measured = measure(hub, flow).0;
                known.insert(flow.to_owned(), (last_in, measured));
                measured
            }
        }
    }

    /// What a connection's system told of is not read before this.
    pub(super) fn hold_told(&self, connection: &str, until: Time) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.to_owned(), until);
    }

    pub(super) fn may_read_told(&self, connection: &str, now: Time) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).get(connection).is_none_or(|until| *until <= now)
    }
}

impl Scheduled {
    /// How a flow that reads is scheduled now.
    pub(crate) fn of(hub: &Hub, mapping: &Mapping, now: Time) -> Option<Self> {
        let inward = mapping.flow_in.as_ref()?;
        let flow = hub.store.flow(&mapping.name).ok()?;
        let (measured, gaps) = measure(hub, &mapping.name);
        let pace = every(hub, mapping, inward.freshness_ms, measured, now);
        let every_ms = i64::try_from(pace.every_ms).unwrap_or(i64::MAX);
        let next = flow.tried_in.or(flow.last_in).map(|tried| tried.plus_ms(every_ms));
        Some(Self { pace, next, reads: gaps.len() as u64, attained_ms: percentile_95(gaps) })
    }
}

fn every(hub: &Hub, mapping: &Mapping, target_ms: u64, measured: Measured, now: Time) -> Pace {
    if let Ok(Some(boost)) = boost_of(hub.store.as_ref(), &mapping.name, now) {
        let because = format!("boosted to every {} by {} until {}", span(boost.every_ms), boost.by, Time(boost.until));
        return Pace { every_ms: boost.every_ms, because, attainable: true };
    }
    let connection = hub.engine.catalog().connections.get(&mapping.connection).cloned();
    let listens = connection.is_some_and(|connection| connection.webhook.is_some());
    // Where the system was not asked yet what its stream can do, it is when the flow is due.
    let known = hub.engine.known_capabilities(mapping);
    let (changes, webhooks) = known.map_or((ChangeDetection::Incremental, true), |known| (known.changes, known.webhooks));
    pace(target_ms, changes, listens && webhooks, measured)
}

/// How long reads took, and how far apart changes could have been seen: from the beginning of one read to the end of the next.
fn measure(hub: &Hub, flow: &str) -> (Measured, Vec<u64>) {
    let runs = hub.store.runs(Some(flow), RUNS_MEASURED_MAX).unwrap_or_default();
    let mut reads: Vec<(Time, Time)> = runs
        .iter()
        .filter(|run| run.direction == "in" && run.status == RunStatus::Success)
        .filter_map(|run| Some((run.started_at, run.ended_at?)))
        .collect();
    reads.sort_unstable();
    let between = |from: Time, to: Time| u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
    let run_ms = percentile_95(reads.iter().map(|(from, to)| between(*from, *to)).collect());
    let gaps = reads.windows(2).map(|pair| between(pair[0].0, pair[1].1)).collect();
    (Measured { run_ms }, gaps)
}

/// Entries looked at together.
const ENTRIES: usize = 1_000;

/// Something to compare, or a parked delivery whose time has come. What waits for a person or an earlier write alone is not work: it
/// is looked at again when something else is, when its question is answered, or after the next pull.
pub(crate) fn has_work(engine: &Engine, flow: &str) -> bool {
    let fresh = |entry: &Dirty| {
        !engine.waits(entry)
            && (entry.reasons.iter().any(|reason| reason != Reason::Retry)
                || !matches!(engine.store.intent(flow, entry.record), Ok(Some(_))))
    };
    let mut after = RecordId(0);
    loop {
        let dirty = engine.store.dirty(flow, after, ENTRIES).unwrap_or_default();
        let Some(last) = dirty.last() else { break };
        if dirty.iter().any(fresh) {
            return true;
        }
        after = last.record;
    }
    let now = crate::clock::now();
    engine.store.parked(flow).unwrap_or_default().iter().any(|row| row.until <= now)
}
