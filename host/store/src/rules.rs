//! What a commit checks and how numbers move: the part of [`crate::Store::commit`] that is the same wherever the rows live.
//!
//! Knows no tables; whoever calls passes the look-ups in.

use std::collections::{HashMap, HashSet};

use nave_core::model::{DeadLetter, DeadLetterSubject, Intent, RecordId};

use crate::Batch;
use crate::interface::{Heads, StoreError};

/// Heads of an empty store: every number starts at 1, so that 0 can say "none yet".
pub(crate) const FIRST_HEADS: Heads = Heads { record: 1, contribution: 1, sequence: 1, review: 1, dead_letter: 1, run: 1 };

/// What two failures of the same thing have in common. Parts are length-prefixed where a name could hold a separator.
pub fn subject_key(subject: &DeadLetterSubject) -> String {
    match subject {
        DeadLetterSubject::SourceRecord { connection, stream, mapping, remote_id, .. } => {
            let (c, s, m) = (connection.len(), stream.len(), mapping.len());
            format!("source {c} {connection} {s} {stream} {m} {mapping} {remote_id}")
        }
        DeadLetterSubject::Delivery { destination, record } => format!("delivery {record} {destination}"),
    }
}

/// Name of an entity's count: `contact/active`, `contact/other`.
pub(crate) fn count_name(entity: &str, active: bool) -> String {
    format!("{entity}/{}", if active { "active" } else { "other" })
}

/// Ids of records that are not what the batch was decided from. `version` answers for stored records.
pub(crate) fn record_conflicts(
    batch: &Batch,
    head: u64,
    mut version: impl FnMut(RecordId) -> Result<Option<u64>, StoreError>,
) -> Result<Vec<u64>, StoreError> {
    let mut conflicts = Vec::new();
    for (id, expected) in &batch.expected.records {
        if version(*id)?.unwrap_or(0) != *expected {
            conflicts.push(id.0);
        }
    }
    // A record may be in a batch twice (two pages in one group): then the second follows the first.
    let ascending = batch.records.windows(2).all(|pair| pair[0].id < pair[1].id);
    let mut earlier: HashMap<u64, u64> = HashMap::new();
    for record in &batch.records {
        let before = match earlier.get(&record.id.0) {
            Some(version) => Some(*version),
            None if record.id.0 >= head => None,
            None => version(record.id)?,
        };
        let fits = match before {
            Some(before) => record.version == before.wrapping_add(1),
            None => record.id.0 >= head,
        };
        if !fits {
            conflicts.push(record.id.0);
        }
        if !ascending {
            earlier.insert(record.id.0, record.version);
        }
    }
    Ok(conflicts)
}

/// Whether the checkpoint is not where the batch was decided from, or would not move one forward (I1).
pub(crate) fn checkpoint_conflict(
    batch: &Batch,
    mut generation: impl FnMut(&str, &str) -> Result<u64, StoreError>,
) -> Result<bool, StoreError> {
    let Some(moved) = &batch.checkpoint else { return Ok(false) };
    let forgotten =
        batch.forget_checkpoints.iter().any(|(connection, stream)| *connection == moved.connection && *stream == moved.stream);
    let stored = if forgotten { 0 } else { generation(&moved.connection, &moved.stream)? };
    Ok(stored != moved.from || moved.from.checked_add(1) != Some(moved.to.generation))
}

/// I5: at most one intent per (destination, record); I6: an idempotency key always carries the same bytes. Whoever
/// breaks this would send twice, so it is a panic, before anything is written.
pub(crate) fn assert_journal(
    batch: &Batch,
    mut stored: impl FnMut(&str, RecordId) -> Result<Option<Intent>, StoreError>,
) -> Result<(), StoreError> {
    let mut seen = HashSet::new();
    for intent in &batch.intents {
        let (destination, record) = (intent.destination.as_str(), intent.record);
        assert!(seen.insert((destination, record)), "I5: two intents for record {record} to {destination} in one batch");
        if batch.settled.iter().any(|(name, id)| name == destination && *id == record) {
            continue;
        }
        if let Some(known) = stored(destination, record)? {
            assert!(known.key == intent.key, "I5: record {record} has a delivery to {destination} in flight");
            assert!(
                known.changed == intent.changed && known.desired == intent.desired,
                "I6: the idempotency key {} would carry other bytes",
                intent.key
            );
        }
    }
    Ok(())
}

/// A change is about a record that is in the batch or stored: its history hangs on the record's row.
pub(crate) fn assert_changes(
    batch: &Batch,
    mut stored: impl FnMut(RecordId) -> Result<bool, StoreError>,
) -> Result<(), StoreError> {
    if batch.changes.is_empty() {
        return Ok(());
    }
    let mut in_batch: Vec<u64> = batch.records.iter().map(|record| record.id.0).collect();
    in_batch.sort_unstable();
    for change in &batch.changes {
        let known = in_batch.binary_search(&change.record.0).is_ok() || stored(change.record)?;
        assert!(known, "a change names record {}, which is neither stored nor in the batch", change.record);
    }
    Ok(())
}

/// Moves heads past the numbers that the batch brings itself. Sequences and dead letters are counted where they are assigned.
pub(crate) fn advance(heads: &mut Heads, batch: &Batch) {
    fn past(head: &mut u64, ids: impl Iterator<Item = u64>) {
        for id in ids {
            *head = (*head).max(id.saturating_add(1));
        }
    }
    past(&mut heads.record, batch.records.iter().map(|row| row.id.0));
    past(&mut heads.contribution, batch.contributions.iter().map(|row| row.id.0));
    past(&mut heads.review, batch.reviews.iter().map(|row| row.id.0));
    past(&mut heads.dead_letter, batch.dead_letters.iter().map(|row| row.id));
    past(&mut heads.run, batch.runs.iter().map(|row| row.id));
}

/// The letter as it is stored: the second failure of the same thing replaces the first, keeps its number and first time, and counts.
pub(crate) fn dead_letter(mut letter: DeadLetter, known: Option<DeadLetter>, head: &mut u64) -> DeadLetter {
    letter.count = letter.count.max(1);
    if let Some(known) = known {
        letter.id = known.id;
        letter.first_at = known.first_at;
        letter.count = letter.count.saturating_add(known.count);
    } else if letter.id == 0 {
        letter.id = *head;
        *head += 1;
    }
    letter
}
