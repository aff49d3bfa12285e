//! One-way fields that were changed over there: noted per flow and record, never carried back.
//!
//! A note holds paths and no value: values are sealed per record, and a note is not. A record's newer note replaces its
//! older one, so that there are as many as records at most.

use nave_core::model::{RecordId, Time};
use nave_store::{Batch, KeyedRow};
use serde::{Deserialize, Serialize};

use super::{Engine, EngineError};

/// Where the notes of a flow are.
fn space(flow: &str) -> String {
    format!("{SPACE}{flow}")
}

const SPACE: &str = "drift ";

/// One record's one-way fields as they were last found changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Record.
    pub record: RecordId,
    /// Run that saw it.
    pub run: u64,
    /// When.
    pub at: Time,
    /// Paths over there.
    pub paths: Vec<String>,
}

/// The row that notes it; none where no one-way field was changed.
pub(super) fn row(flow: &str, record: RecordId, run: u64, at: Time, paths: &[String]) -> Option<KeyedRow> {
    if paths.is_empty() {
        return None;
    }
    let value = serde_json::to_vec(&Drift { record, run, at, paths: paths.to_vec() }).ok()?;
    Some(KeyedRow { space: space(flow), key: format!("{:020}", record.0), value: Some(value) })
}

/// How many records a batch notes.
pub(super) fn noted(batch: &Batch) -> u64 {
    batch.rows.iter().filter(|row| row.space.starts_with(SPACE)).count() as u64
}

impl Engine {
    /// What was noted for a flow, by record.
    pub fn drifts(&self, flow: &str) -> Result<Vec<Drift>, EngineError> {
        let rows = self.store.rows(&space(flow))?;
        Ok(rows.iter().filter_map(|(_, value)| serde_json::from_slice(value).ok()).collect())
    }
}
