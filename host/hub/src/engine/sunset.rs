//! What a system says of the end of its own API, by the headers `Deprecation` (RFC 9745) and `Sunset` (RFC 8594) of its answers: noted
//! with the end of the run that heard it, so that it is told also after a restart.

use nave_core::model::Run;
use nave_store::{KeyedRow, StoreError};

use super::Engine;
use crate::egress::Sunset;

/// Rows: what was last heard, by connection.
const SPACE: &str = "sunset";
/// What was not heard again for so long is not told any more.
const FORGOTTEN_MS: i64 = 7 * 86_400_000;

impl Engine {
    /// What is to be noted with the end of a run: only what is news, or was last noted a day ago.
    pub(super) fn sunset_row(&self, run: &Run) -> Result<Option<KeyedRow>, StoreError> {
        let catalog = self.catalog();
        let Some(mapping) = catalog.mappings.get(&run.flow) else { return Ok(None) };
        let Some(heard) = self.talk(&mapping.connection).sunset().cloned().filter(|heard| heard.heard >= run.started_at) else {
            return Ok(None);
        };
        let known = self.sunset(&mapping.connection)?;
        let same = |known: &Sunset| {
            (known.deprecated, known.goes) == (heard.deprecated, heard.goes) && heard.heard.0 - known.heard.0 < 86_400_000
        };
        if known.as_ref().is_some_and(same) {
            return Ok(None);
        }
        let since = known.map_or(heard.since, |known| known.since);
        let value = serde_json::to_vec(&Sunset { since, ..heard }).map_err(|error| StoreError::Damaged(error.to_string()))?;
        Ok(Some(KeyedRow { space: SPACE.into(), key: mapping.connection.clone(), value: Some(value) }))
    }

    /// What a connection's system said of the end of its API, in the last days.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub fn sunset(&self, connection: &str) -> Result<Option<Sunset>, StoreError> {
        let row = self.store.row(SPACE, connection)?;
        let found: Option<Sunset> = row.and_then(|row| serde_json::from_slice(&row).ok());
        Ok(found.filter(|found| self.now().0 - found.heard.0 < FORGOTTEN_MS))
    }
}
