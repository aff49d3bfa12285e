//! The sums of every flow: counted in memory as things happen, kept with the end of each run. A crash loses what was counted
//! since; a monitoring system takes that for a counter that began anew.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};

use nave_core::catalog::Mapping;
use nave_core::meter::Meter;
use nave_core::model::{Intent, Reason, RecordId, Run, Time, WriteKind};
use nave_runtime::contract::Outcome;
use nave_store::{KeyedRow, Store};

use super::Engine;
use super::draft::Draft;
use crate::runbooks::counted_as;

/// Rows: meters by flow.
const SPACE: &str = "meter";
/// Changes of one record looked at for the first that was not delivered.
const CHANGES_LOOKED_AT: usize = 32;
/// Records that wait looked at for the oldest change of a flow: a status stays quick, and above it the age is at least this.
const WAITING_LOOKED_AT: usize = 200;

/// The meters of all flows.
pub(super) struct Meters(Mutex<HashMap<String, Meter>>);

impl Meters {
    pub(super) fn new(store: &dyn Store) -> Self {
        let rows = store.rows(SPACE).unwrap_or_default();
        Self(Mutex::new(rows.into_iter().filter_map(|(flow, row)| Some((flow, serde_json::from_slice(&row).ok()?))).collect()))
    }

    fn with<T>(&self, flow: &str, change: impl FnOnce(&mut Meter) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(flow.to_owned()).or_default())
    }

    /// A run ended: its sums, as they are to be kept with it.
    pub(super) fn ran(&self, run: &Run) -> Option<KeyedRow> {
        let value = self.with(&run.flow, |meter| {
            meter.ran(run);
            serde_json::to_vec(meter).ok()
        })?;
        Some(KeyedRow { space: SPACE.into(), key: run.flow.clone(), value: Some(value) })
    }

    /// Deliveries were sent, and this came of them.
    pub(super) fn sent(&self, flow: &str, outcomes: &[Outcome]) {
        self.with(flow, |meter| {
            meter.attempts += outcomes.len() as u64;
            for outcome in outcomes {
                match outcome {
                    Outcome::Rejected(no) => meter.failed(counted_as(&no.class)),
                    Outcome::Unknown(_) => meter.failed("unknown"),
                    Outcome::RetryAfter(_) => meter.failed("asked-to-wait"),
                    Outcome::Written(_) | Outcome::Conflict(_) | Outcome::Gone | Outcome::MergedInto(_) => {}
                }
            }
        });
    }

    /// Deliveries could not be sent.
    pub(super) fn not_sent(&self, flow: &str, count: usize) {
        self.with(flow, |meter| {
            meter.attempts += count as u64;
            *meter.failures.entry("unavailable".to_owned()).or_default() += count as u64;
        });
    }

    /// Changes that were made at these times arrived.
    pub(super) fn landed(&self, flow: &str, claimed: &[Time], now: Time) {
        self.with(flow, |meter| claimed.iter().for_each(|claimed| meter.landed(*claimed, now)));
    }
}

/// When the change that a write carries was made, as its source says: the newest of the fields that it sends.
pub(super) fn claimed(draft: &mut Draft<'_>, mapping: &Mapping, intent: &Intent) -> Option<Time> {
    let changed = intent.reasons.iter().any(|reason| matches!(reason, Reason::Changed | Reason::Retry));
    if !changed || !matches!(intent.kind, WriteKind::Create | WriteKind::Update(_)) {
        return None;
    }
    let record = draft.record(intent.record).ok()?;
    let sent = mapping.fields.iter().filter(|field| intent.values.contains_key(field.remote.as_str()));
    sent.flat_map(|field| &field.outputs).filter_map(|name| Some(record.fields.get(name.as_str())?.claimed_at)).max()
}

impl Engine {
    /// The sums of every flow.
    pub fn meters(&self) -> BTreeMap<String, Meter> {
        let all = self.meters.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().map(|(flow, meter)| (flow.clone(), meter.clone())).collect()
    }

    /// When the oldest change was made that a flow has not delivered; none where nothing waits.
    pub fn oldest_pending(&self, mapping: &Mapping) -> Result<Option<Time>, nave_store::StoreError> {
        if mapping.flow_out.is_none() {
            return Ok(None);
        }
        let mut waiting: Vec<RecordId> = Vec::new();
        let dirty = self.store.dirty(&mapping.name, RecordId(0), WAITING_LOOKED_AT)?;
        // What a new mapping or a person asks for is no change of the record.
        let changed = |reason: Reason| matches!(reason, Reason::Changed | Reason::LosingEdit | Reason::Reference | Reason::Retry);
        waiting.extend(dirty.iter().filter(|entry| entry.reasons.iter().any(changed)).map(|entry| entry.record));
        waiting.extend(self.store.parked(&mapping.name)?.iter().take(WAITING_LOOKED_AT).map(|row| row.record));
        waiting.extend(self.store.intents(&mapping.name)?.iter().take(WAITING_LOOKED_AT).map(|row| row.record));
        waiting.sort_unstable();
        waiting.dedup();
        let mut oldest: Option<Time> = None;
        for record in waiting {
            if let Some(since) = self.pending_since(mapping, record)? {
                oldest = Some(oldest.map_or(since, |known| known.min(since)));
            }
        }
        Ok(oldest)
    }

    /// Since when a record holds something that a flow has not delivered.
    pub(crate) fn pending_since(&self, mapping: &Mapping, record: RecordId) -> Result<Option<Time>, nave_store::StoreError> {
        let row = self.store.records(&[record])?.pop().flatten();
        let rows = self.store.contributions(&row.map(|row| row.contributions).unwrap_or_default())?;
        let there =
            rows.iter().flatten().filter(|row| row.key.connection == mapping.connection && row.key.stream == mapping.alias);
        let delivered = there.filter_map(|row| row.attempted_at).max();
        let changes = self.store.record_changes(record, CHANGES_LOOKED_AT)?;
        let since =
            changes.iter().map(|change| change.at).take_while(|at| delivered.is_none_or(|delivered| *at > delivered)).min();
        Ok(since.or_else(|| changes.first().map(|change| change.at)))
    }
}
