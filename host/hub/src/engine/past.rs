//! What a record was at a time, from the changelog that the store keeps.

use nave_core::limits::PAST_CHANGES_MAX;
use nave_core::model::{Record, RecordId, Time};
use nave_core::past::{self, NoPast, Past};

use super::{Engine, EngineError};

impl Engine {
    /// What a record was at a time; the record as it is now beside it.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] where there is no such record, or was none yet; it says since when there is.
    pub fn past(&self, record: RecordId, time: Time) -> Result<(Record, Past), EngineError> {
        let found = self.store.records(&[record])?.pop().flatten();
        let now = found.ok_or_else(|| EngineError::NotFound(format!("there is no record {record}")))?;
        let changes = self.store.record_changes(record, PAST_CHANGES_MAX)?;
        let all = changes.len() < PAST_CHANGES_MAX;
        match past::at(&now, &changes, all, time) {
            Ok(past) => Ok((now, past)),
            Err(NoPast::NotYet(first)) => Err(EngineError::NotFound(format!(
                "{0}/{record} was not there yet at {time}: it was first made here at {first}; `nave record history {0}/{record}` \
                 shows since when",
                now.entity
            ))),
            Err(NoPast::NoHistory) => Err(EngineError::NotFound(format!(
                "the history of {0}/{record} that is looked through does not reach back to {time}; `nave record history {0}/{record}` \
                 shows what there is",
                now.entity
            ))),
        }
    }
}
