//! Which of a record's objects in one stream is the one that stands for it there, where it has several.
//!
//! By itself it is the oldest. After a merge it is the survivor's own, though the other may be older.

use nave_core::model::{Contribution, ContributionId, RecordId};
use nave_store::StoreError;

use super::row;
use crate::engine::Engine;
use crate::engine::draft::Draft;

/// Rows by record and stream.
const SPACE: &str = "primary";

fn key(record: RecordId, connection: &str, stream: &str) -> String {
    format!("{:020} {connection}/{stream}", record.0)
}

fn read(found: Option<Vec<u8>>) -> Option<ContributionId> {
    found.and_then(|row| String::from_utf8(row).ok()).and_then(|text| text.parse().ok()).map(ContributionId)
}

/// Brings the one that stands for the record to the front.
fn first(primary: Option<ContributionId>, active: &mut [&Contribution]) {
    if let Some(at) = primary.and_then(|id| active.iter().position(|row| row.id == id)) {
        active[..=at].rotate_right(1);
    }
}

/// As a draft leaves it: the one that stands for the record comes first.
pub(super) fn first_in(draft: &Draft<'_>, record: RecordId, active: &mut [&Contribution]) -> Result<(), StoreError> {
    if active.len() > 1 {
        let of = &active[0].key;
        first(read(draft.row(SPACE, &key(record, &of.connection, &of.stream))?), active);
    }
    Ok(())
}

/// The survivor's own object goes on standing for it in every stream where it has one; elsewhere the other's does.
pub(super) fn keep(
    draft: &mut Draft<'_>,
    survivor: (RecordId, &[Contribution]),
    loser: (RecordId, &[Contribution]),
) -> Result<(), StoreError> {
    let store = draft.store();
    let rows = || survivor.1.iter().chain(loser.1).filter(|row| row.is_active());
    let mut done: Vec<(&str, &str)> = Vec::new();
    for row_of in rows() {
        let stream = (row_of.key.connection.as_str(), row_of.key.stream.as_str());
        if done.contains(&stream) {
            continue;
        }
        done.push(stream);
        let in_stream = |row: &&Contribution| row.is_active() && (row.key.connection.as_str(), row.key.stream.as_str()) == stream;
        let of = |(record, rows): (RecordId, &[Contribution])| -> Result<Option<ContributionId>, StoreError> {
            let mut active: Vec<Contribution> = rows.iter().filter(|row| in_stream(row)).cloned().collect();
            active.sort_by_key(|row| row.id);
            let mut active: Vec<&Contribution> = active.iter().collect();
            first(read(store.row(SPACE, &key(record, stream.0, stream.1))?), &mut active);
            Ok(active.first().map(|row| row.id))
        };
        let stands = match of(survivor)? {
            Some(id) => Some(id),
            None => of(loser)?,
        };
        let oldest = rows().filter(|row| in_stream(row)).map(|row| row.id).min();
        let key = key(survivor.0, stream.0, stream.1);
        if stands != oldest || draft.row(SPACE, &key)?.is_some() {
            draft.batch.rows.push(row(SPACE, key, stands.map(|id| id.0.to_string().into_bytes())));
        }
    }
    Ok(())
}

impl Engine {
    /// Brings the object that stands for the record to the front of those that it has in one stream.
    pub(in crate::engine) fn primary_first(&self, record: RecordId, active: &mut [&Contribution]) -> Result<(), StoreError> {
        if active.len() > 1 {
            let of = &active[0].key;
            first(read(self.store.row(SPACE, &key(record, &of.connection, &of.stream))?), active);
        }
        Ok(())
    }
}
