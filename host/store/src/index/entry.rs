//! One index entry: a 64-bit key made of space and hash, and an id that was added or removed.

use super::IndexFault;
use crate::{IndexEntry, IndexSpace};

/// Bytes of a stored entry: key, then id and operation in 40 bits.
pub(crate) const ENTRY_BYTES: usize = 13;
/// Ids that 40 bits hold beside the operation: five hundred billion.
const ID_MAX: u64 = (1 << 39) - 1;

/// Space in the two highest bits, so that one look-up touches one space's blocks; the hash loses two bits.
pub(crate) fn key(space: IndexSpace, hash: u64) -> u64 {
    (space as u64) << 62 | hash >> 2
}

/// Sorted by key, then id; a set of entries holds each (key, id) at most once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) key: u64,
    /// Id and, in the lowest bit, whether it was added.
    pub(crate) op: u64,
}

impl Entry {
    pub(crate) fn new(entry: &IndexEntry, add: bool) -> Self {
        assert!(entry.id <= ID_MAX, "an index entry's id is beyond what the format holds");
        Self { key: key(entry.space, entry.hash), op: entry.id << 1 | u64::from(add) }
    }

    pub(crate) fn id(self) -> u64 {
        self.op >> 1
    }

    pub(crate) fn is_add(self) -> bool {
        self.op & 1 == 1
    }

    pub(crate) fn put(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.key.to_le_bytes());
        out.extend_from_slice(&self.op.to_le_bytes()[..5]);
    }

    /// The entry at a position of a block.
    pub(crate) fn at(block: &[u8], position: usize) -> Option<Self> {
        let bytes = block.get(position * ENTRY_BYTES..)?.first_chunk::<ENTRY_BYTES>()?;
        let (key, op) = bytes.split_first_chunk::<8>()?;
        let op = u64::from_le_bytes([op[0], op[1], op[2], op[3], op[4], 0, 0, 0]);
        Some(Self { key: u64::from_le_bytes(*key), op })
    }
}

/// Entries of a whole row.
pub(crate) fn read_entries(row: &[u8]) -> Result<impl Iterator<Item = Entry> + '_, IndexFault> {
    if !row.len().is_multiple_of(ENTRY_BYTES) {
        return Err(IndexFault::Damaged("an index block has a broken end"));
    }
    Ok((0..row.len() / ENTRY_BYTES).filter_map(|position| Entry::at(row, position)))
}

/// Sorts, older entries first; of one (key, id) the last one given stays.
pub(crate) fn settle(entries: &mut Vec<Entry>) {
    // Stable: two sorted halves are merged, not sorted again.
    entries.sort_by_key(|entry| (entry.key, entry.id()));
    let mut kept = 0;
    for at in 0..entries.len() {
        let entry = entries[at];
        if kept > 0 && entries[kept - 1].key == entry.key && entries[kept - 1].id() == entry.id() {
            entries[kept - 1] = entry;
        } else {
            entries[kept] = entry;
            kept += 1;
        }
    }
    entries.truncate(kept);
}
