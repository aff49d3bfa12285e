//! A system whose clock is off says wrong times of its changes; `newest` would choose by them. They are put right as they are read,
//! by how far the clock is off as measured on its answers. Where that is not known they stand as they are, and the rule compares
//! what it has; an `owner` or `priority` does not depend on clocks.

use nave_core::limits::{CLOCK_NOTES_MAX, SKEW_MS_MIN};
use nave_core::model::{Run, Time};
use nave_runtime::contract::{Outcome, SourceRecord};
use nave_store::{KeyedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::Engine;

/// Rows: how far a system's clock was off and since when, by connection.
const SPACE: &str = "clock";

/// From a time on, a system's clock was so far ahead; none: it showed it nowhere, or it was right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ClockNote {
    since: Time,
    ahead_ms: Option<i64>,
}

impl Engine {
    /// What is to be noted of a system's clock with the end of a run: only what is news.
    pub(super) fn clock_row(&self, run: &Run) -> Result<Option<KeyedRow>, StoreError> {
        let catalog = self.catalog();
        let Some(mapping) = catalog.mappings.get(&run.flow) else { return Ok(None) };
        let Ok(spoke) = self.spoke(&mapping.connection) else { return Ok(None) };
        let mut notes = self.clock_notes(&mapping.connection)?;
        let (now, known) = (worth(spoke.skew_ms()), notes.last().and_then(|note| note.ahead_ms));
        if now.unwrap_or_default().abs_diff(known.unwrap_or_default()) < SKEW_MS_MIN.unsigned_abs() {
            return Ok(None);
        }
        notes.push(ClockNote { since: run.started_at, ahead_ms: now });
        let surplus = notes.len().saturating_sub(CLOCK_NOTES_MAX);
        let value = serde_json::to_vec(&notes[surplus..]).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(Some(KeyedRow { space: SPACE.into(), key: mapping.connection.clone(), value: Some(value) }))
    }

    fn clock_notes(&self, connection: &str) -> Result<Vec<ClockNote>, StoreError> {
        let row = self.store.row(SPACE, connection)?;
        Ok(row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
    }

    /// How far a system's clock was ahead when something was read, milliseconds; its times were put right by that. None where it was
    /// right, or showed nowhere that it was not.
    pub(crate) fn clock_was(&self, connection: &str, at: Time) -> Result<Option<i64>, StoreError> {
        Ok(self.clock_notes(connection)?.iter().rev().find(|note| note.since <= at).and_then(|note| note.ahead_ms))
    }
}

/// Times of records as they would be by our clock.
pub(super) fn put_right(records: &mut [SourceRecord], skew_ms: Option<i64>) {
    let Some(skew_ms) = worth(skew_ms) else { return };
    for record in records {
        record.modified_at.iter_mut().for_each(|time| right(time, skew_ms));
        record.field_times.iter_mut().for_each(|(_, time)| right(time, skew_ms));
    }
}

/// The same of what came of writes.
pub(super) fn put_outcomes_right(outcomes: &mut [Outcome], skew_ms: Option<i64>) {
    let Some(skew_ms) = worth(skew_ms) else { return };
    for outcome in outcomes {
        match outcome {
            Outcome::Written(written) => written.modified_at.iter_mut().for_each(|time| right(time, skew_ms)),
            Outcome::Conflict(current) => put_right(std::slice::from_mut(current), Some(skew_ms)),
            _ => {}
        }
    }
}

fn worth(skew_ms: Option<i64>) -> Option<i64> {
    skew_ms.filter(|skew| skew.abs() >= SKEW_MS_MIN)
}

fn right(text: &mut String, skew_ms: i64) {
    if let Some(time) = Time::parse(text) {
        *text = time.plus_ms(-skew_ms).to_string();
    }
}
