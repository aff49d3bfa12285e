//! A flow that is read more often for a while, and then as before: nobody has to remember to take it back.

use nave_core::model::Time;
use nave_store::{KeyedRow, Store, StoreError};
use serde::{Deserialize, Serialize};

/// Space of the store.
const SPACE: &str = "boost";

/// How often, until when, and who said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Boost {
    /// Milliseconds between two reads.
    pub every_ms: u64,
    /// Not any more after this.
    pub until: i64,
    /// Who.
    pub by: String,
}

/// The boost of a flow, where one holds at this time.
pub(crate) fn boost_of(store: &dyn Store, flow: &str, now: Time) -> Result<Option<Boost>, StoreError> {
    let row = store.row(SPACE, flow)?;
    Ok(row.and_then(|row| serde_json::from_slice::<Boost>(&row).ok()).filter(|boost| boost.until > now.0))
}

/// The row that puts a boost in place, or takes it back.
pub(crate) fn boost_row(flow: &str, boost: Option<&Boost>) -> KeyedRow {
    let value = boost.and_then(|boost| serde_json::to_vec(boost).ok());
    KeyedRow { space: SPACE.into(), key: flow.to_owned(), value }
}
