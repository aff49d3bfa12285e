//! The highest serial of every plugin that was ever accepted here, in the store: `nave.lock` is a file that can be put back.

use nave_core::trust::{Distrust, not_older};
use nave_store::{Batch, KeyedRow, Store};

use crate::clock::now;

/// Space of the rows: name → serial, as decimal digits.
const SPACE: &str = "plugin-serials";

/// The highest serial that was accepted.
///
/// # Errors
/// [`nave_store::StoreError`] where the store cannot be read.
pub(crate) fn highest(store: &dyn Store, name: &str) -> Result<Option<u64>, nave_store::StoreError> {
    Ok(store.row(SPACE, name)?.and_then(|row| std::str::from_utf8(&row).ok()?.parse().ok()))
}

/// The row that makes this the highest serial, also where a person went back to it.
pub(crate) fn row(name: &str, serial: u64) -> KeyedRow {
    KeyedRow { space: SPACE.into(), key: name.to_owned(), value: Some(serial.to_string().into_bytes()) }
}

/// A plugin is about to be run: refused below the highest serial, and remembered above it.
///
/// # Errors
/// `plugin.rollback`; where the store fails, a sentence under `store`.
pub(crate) fn accept(store: &dyn Store, name: &str, version: &str, serial: u64) -> Result<(), Distrust> {
    let highest = highest(store, name).map_err(|error| Distrust::new("store", error.to_string()))?;
    not_older(name, version, serial, highest)?;
    if highest == Some(serial) {
        return Ok(());
    }
    let batch = Batch { at: now(), rows: vec![row(name, serial)], ..Batch::default() };
    store.commit(batch).map(drop).map_err(|error| Distrust::new("store", error.to_string()))
}
