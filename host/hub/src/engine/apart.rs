//! Records that a steward said are not the same: nothing automatic makes one of them (I12).
//!
//! One row per pair. Whatever comes to the conclusion that two records are one asks [`kept_apart`] first: a system that says
//! that it merged two of its things, a rule, a score. A steward may: that is another decision, and takes the row away.

use nave_core::model::{RecordId, Time};
use nave_store::{KeyedRow, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;

/// Rows by pair, the lower number first.
const SPACE: &str = "apart";
/// Evidence that a thing is gone: its system merged it into one that is kept apart from it. What it said still counts.
pub(crate) const EVIDENCE: &str = "kept apart";

/// Why two records are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Apart {
    /// The merge that was taken back, if it was one.
    pub merge: Option<u64>,
    /// The review in which that was said, if it was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<u64>,
    /// Who said so.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Time,
}

fn key(one: RecordId, other: RecordId) -> String {
    format!("{:020} {:020}", one.min(other).0, one.max(other).0)
}

/// Whom a pair keeps apart from a record; none: it is not about that one.
fn beside(pair: &str, record: RecordId) -> Option<RecordId> {
    let (one, other) = pair.split_once(' ')?;
    let (one, other) = (RecordId(one.parse().ok()?), RecordId(other.parse().ok()?));
    match (one == record, other == record) {
        (true, false) => Some(other),
        (false, true) => Some(one),
        _ => None,
    }
}

fn read(row: Option<Vec<u8>>) -> Result<Option<Apart>, StoreError> {
    row.map(|row| serde_json::from_slice(&row).map_err(|error| StoreError::Damaged(error.to_string()))).transpose()
}

/// Whether a steward said that these two are not the same, and why. Both are the records that carry on, not merged ones.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub fn kept_apart(store: &dyn Store, one: RecordId, other: RecordId) -> Result<Option<Apart>, StoreError> {
    read(store.row(SPACE, &key(one, other))?)
}

/// The same, as a decision in the making leaves it.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub fn kept_apart_in(draft: &Draft<'_>, one: RecordId, other: RecordId) -> Result<Option<Apart>, StoreError> {
    read(draft.row(SPACE, &key(one, other))?)
}

/// From now on they are kept apart.
pub(super) fn keep(draft: &mut Draft<'_>, one: RecordId, other: RecordId, why: &Apart) -> Result<(), StoreError> {
    let value = serde_json::to_vec(why).map_err(|error| StoreError::Damaged(error.to_string()))?;
    draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(one, other), value: Some(value) });
    Ok(())
}

/// A record parts from one that it was merged into: whoever was kept apart from that one while the two were one is kept apart from it
/// too. Somebody looked at both together then.
pub(super) fn parted(draft: &mut Draft<'_>, survivor: RecordId, loser: RecordId, since: Time) -> Result<(), StoreError> {
    for (pair, row) in draft.store().rows(SPACE)? {
        let Some(third) = beside(&pair, survivor) else { continue };
        let why = read(Some(row.clone()))?;
        if third != loser && why.is_some_and(|why| why.at >= since) && kept_apart_in(draft, loser, third)?.is_none() {
            draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: key(loser, third), value: Some(row) });
        }
    }
    Ok(())
}

/// One record carries on for another: whoever was kept apart from the other is kept apart from it. That the two themselves
/// were is no longer so.
pub(super) fn carried_on(draft: &mut Draft<'_>, survivor: RecordId, loser: RecordId) -> Result<(), StoreError> {
    for (pair, row) in draft.store().rows(SPACE)? {
        let Some(third) = beside(&pair, loser) else { continue };
        let row = if third == survivor { None } else { Some(row) };
        let key = if third == survivor { pair } else { key(survivor, third) };
        draft.batch.rows.push(KeyedRow { space: SPACE.into(), key, value: row });
    }
    Ok(())
}
