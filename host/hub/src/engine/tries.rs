//! When a delivery that waits was tried, and when it is tried next: so that a person sees the ladder of 1, 5 and 30 minutes. Kept until
//! the delivery arrives, or its dead letter is tried again or given up.

use nave_core::model::{Intent, RecordId, Time};
use nave_store::{KeyedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Engine, EngineError};

/// Rows: tries by destination and record.
const SPACE: &str = "tries";
/// Tries kept of one delivery: a system may ask to wait many times without a rung being used up.
const TRIES_KEPT: usize = 16;

/// One try that came to nothing for now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// Run in which it was sent.
    pub run: u64,
    /// When it came to nothing.
    pub at: Time,
    /// When it is tried next; none: the ladder was used up.
    pub next: Option<Time>,
    /// In the system's words.
    pub why: String,
}

fn key(destination: &str, record: RecordId) -> String {
    format!("{destination} {:020}", record.0)
}

/// One more.
pub(super) fn note(draft: &mut Draft<'_>, run: u64, intent: &Intent, next: Option<Time>, why: &str) {
    let key = key(&intent.destination, intent.record);
    let known = draft.row(SPACE, &key).ok().flatten();
    let mut tries: Vec<Try> = known.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default();
    tries.push(Try { run, at: draft.now, next, why: why.to_owned() });
    if tries.len() > TRIES_KEPT {
        tries.remove(0);
    }
    let value = serde_json::to_vec(&tries).ok();
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key, value });
}

/// It arrived, or nobody waits for it any more.
pub(crate) fn forget(draft: &mut Draft<'_>, destination: &str, record: RecordId) {
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(destination, record), value: None });
}

impl Engine {
    /// All tries of the deliveries that a run tried and that have not arrived yet: record and try, oldest first.
    pub fn tries_of_run(&self, run: u64) -> Result<Vec<(RecordId, Try)>, StoreError> {
        let mut found = Vec::new();
        for (key, row) in self.store.rows(SPACE)? {
            let Some(record) = key.rsplit_once(' ').and_then(|(_, record)| record.parse().ok()) else { continue };
            let tries: Vec<Try> = serde_json::from_slice(&row).unwrap_or_default();
            if tries.iter().any(|one| one.run == run) {
                found.extend(tries.into_iter().map(|one| (RecordId(record), one)));
            }
        }
        found.sort_by_key(|(record, one)| (one.at, *record));
        Ok(found)
    }

    /// Tries of one delivery, oldest first.
    pub fn tries(&self, destination: &str, record: RecordId) -> Result<Vec<Try>, EngineError> {
        let row = self.store.row(SPACE, &key(destination, record))?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
    }
}
