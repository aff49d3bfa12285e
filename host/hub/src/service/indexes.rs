//! The store's file compared with what was written there; the derived index compared with the tables, and made anew from them.

use nave_core::model::Record;
use nave_store::IndexEntry;
use tokio::task::block_in_place;

use super::audit;
use crate::api::{ApiError, StoreCheckAnswer};
use crate::engine::Engine;
use crate::engine::rows::index_entries;

/// Reads the file, and where that is whole compares the index with the tables. Commits wait meanwhile.
pub(super) fn check(engine: &Engine) -> Result<StoreCheckAnswer, ApiError> {
    let file = engine.store.check_file()?;
    if !file.damaged.is_empty() {
        // Reading on would close the store.
        return Ok(StoreCheckAnswer { bytes: file.bytes, damaged: file.damaged, ..StoreCheckAnswer::default() });
    }
    let catalog = engine.catalog();
    let of_record = |record: &Record| -> Vec<IndexEntry> {
        index_entries(catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref), record)
    };
    let found = engine.store.check_index(&of_record)?;
    let missing = found.missing.len() as u64;
    Ok(StoreCheckAnswer {
        sound: missing == 0 && found.surplus == 0,
        bytes: file.bytes,
        damaged: Vec::new(),
        agreed: found.agreed,
        missing,
        surplus: found.surplus,
        rebuilt: false,
    })
}

/// Drops the index and makes it anew, then compares.
pub(super) async fn rebuild(engine: &Engine, by: &str) -> Result<StoreCheckAnswer, ApiError> {
    let catalog = engine.catalog();
    let of_record = |record: &Record| -> Vec<IndexEntry> {
        index_entries(catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref), record)
    };
    block_in_place(|| engine.store.rebuild_index(&of_record))?;
    let found = block_in_place(|| check(engine))?;
    audit(engine, by, "store.rebuilt", "indexes", &format!("{} entries", found.agreed)).await?;
    Ok(StoreCheckAnswer { rebuilt: true, ..found })
}
