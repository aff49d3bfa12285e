//! How rows are spelled: our own format for what is hot, JSON behind a version byte for what is not.
//!
//! Every row opens with its format's version. Names are numbers of the [`names::Names`] table. Reading never trusts
//! a length. Knows nothing of redb.

mod bytes;
mod change;
mod contribution;
mod directory;
mod intent;
pub(crate) mod names;
mod record;
#[cfg(test)]
mod tests;
mod value;

pub use bytes::FormatError;
pub(crate) use bytes::{Reader, put_bytes, put_u64};
pub(crate) use change::{Key, Place, change_head, put_change, read_change, resealed_change};
pub(crate) use contribution::{active, is_of, put_contribution, read_contribution, read_glimpse};
pub(crate) use intent::{put_intent, read_intent};
pub(crate) use record::{RecordHead, put_record, read_record, record_head, record_value, with_last_change};

/// Version of rows that are JSON.
const JSON_VERSION: u8 = 1;

/// A cold row.
pub(crate) fn put_json<T: serde::Serialize>(row: &T) -> Vec<u8> {
    let mut out = vec![JSON_VERSION];
    serde_json::to_writer(&mut out, row).expect("rows have text keys and memory does not fail");
    out
}

/// A cold row back.
pub(crate) fn read_json<T: serde::de::DeserializeOwned>(row: &[u8]) -> Result<T, FormatError> {
    let mut reader = Reader(row);
    reader.version(JSON_VERSION)?;
    serde_json::from_slice(reader.0).map_err(|_| FormatError::Unknown("JSON of another shape"))
}
