//! The derived index: compared with the tables, and made anew from them.

use nave_core::matching::SPELLING;
use nave_core::model::{Cause, Record};
use nave_store::{IndexEntry, KeyedRow};
use tokio::task::block_in_place;

use super::audit;
use crate::api::{ApiError, StoreCheckAnswer};
use crate::engine::Engine;
use crate::engine::rows::index_entries;

/// Where it is noted how the match keys in the index are spelled.
const SPELLED: (&str, &str) = ("hub", "match spelling");

/// Compares the index with the tables. Commits wait meanwhile.
pub(super) fn check(engine: &Engine) -> Result<StoreCheckAnswer, ApiError> {
    let catalog = engine.catalog();
    let of_record = |record: &Record| -> Vec<IndexEntry> {
        index_entries(catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref), record)
    };
    let found = engine.store.check_index(&of_record)?;
    let missing = found.missing.len() as u64;
    Ok(StoreCheckAnswer {
        sound: missing == 0 && found.surplus == 0,
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

/// Makes the index anew where an older hub spelled its match keys otherwise: under those nothing would be found any more,
/// and what is here already would be made a second time.
pub(crate) async fn respell(engine: &Engine) -> Result<(), ApiError> {
    let now = SPELLING.to_string().into_bytes();
    let before = block_in_place(|| engine.store.row(SPELLED.0, SPELLED.1))?;
    if before.as_ref() == Some(&now) {
        return Ok(());
    }
    let records = engine.store.heads()?.record > 1;
    if records {
        tracing::info!("match keys are spelled otherwise in this version: the index is made anew");
        rebuild(engine, "hub").await?;
    }
    engine
        .write(Cause::default(), |draft| {
            let (space, key) = SPELLED;
            draft.batch.rows.push(KeyedRow { space: space.into(), key: key.into(), value: Some(now.clone()) });
            Ok(())
        })
        .await?;
    Ok(())
}
