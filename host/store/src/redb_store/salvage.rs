//! The audit of a file that is damaged, as far as it can be read: to name the line that a changed byte is in.
//!
//! Reads past the checksums that keep everybody else away from such a file, and so promises nothing of what it answers: whoever asks
//! holds it against the audit's own chain. Writes nothing: what the engine writes as it opens a file stays in memory. Needs no key,
//! since the audit's lines are not sealed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use redb::{Database, ReadableDatabase as _, StorageBackend};

use super::read::audit_row;
use super::tables::AUDIT;
use crate::AuditRow;

/// What is written is kept by blocks of this many bytes.
const BLOCK_BYTES: u64 = 4_096;
/// Where a line cannot be read, the next that can is looked for so many times, twice as far each time: over a million lines.
const PROBES: u32 = 21;

/// The audit of a store's file, whatever else the file is.
pub struct SalvagedAudit(Database);

/// Lines that were read, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SalvagedRows {
    /// Those that could be.
    pub rows: Vec<AuditRow>,
    /// What comes behind them cannot.
    pub broken: bool,
}

impl SalvagedAudit {
    /// Of this file, which is read alone.
    ///
    /// # Errors
    /// Why not even its engine makes anything of it.
    pub fn open(path: &Path) -> Result<Self, String> {
        let file = File::open(path).map_err(|error| error.to_string())?;
        let length = file.metadata().map_err(|error| error.to_string())?.len();
        let layered = Layered { file, state: Mutex::new(State { length, written: BTreeMap::new() }) };
        let opened = guarded(|| Database::builder().create_with_backend(layered).map_err(|error| error.to_string()))?;
        opened.map(Self)
    }

    /// Lines after a number, at most so many.
    pub fn rows(&self, after: u64, at_most: usize) -> SalvagedRows {
        let mut found = SalvagedRows::default();
        let read = guarded(|| self.read(after, at_most, &mut found.rows));
        found.broken = !matches!(read, Ok(Ok(())));
        found
    }

    /// The first line that can be read behind this one, which cannot.
    pub fn next_after(&self, number: u64) -> Option<u64> {
        let at = |probe: u32| self.rows(number.saturating_add((1_u64 << probe) - 1), 1).rows.first().map(|row| row.number);
        let far = (0..PROBES).find_map(|probe| Some((probe, at(probe)?)));
        let (probe, found) = far?;
        // Between the last step that found nothing and this one.
        let further = |by: u64| number.saturating_add(by);
        let (mut low, mut high, mut best) = (further((1_u64 << probe) / 2), further((1_u64 << probe) - 1), found);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.rows(middle, 1).rows.first() {
                Some(row) => (high, best) = (middle, row.number),
                None => low = middle + 1,
            }
        }
        Some(best)
    }

    fn read(&self, after: u64, at_most: usize, rows: &mut Vec<AuditRow>) -> Result<(), redb::Error> {
        let table = self.0.begin_read()?.open_table(AUDIT)?;
        let mut last = after;
        let Some(first) = after.checked_add(1) else { return Ok(()) };
        for row in table.range(first..)?.take(at_most) {
            let (number, row) = row?;
            let number = number.value();
            if number <= last {
                return Err(redb::Error::Corrupted("its keys do not ascend".to_owned()));
            }
            last = number;
            rows.push(audit_row(number, row.value()));
        }
        Ok(())
    }
}

/// The engine takes what it reads for its own, and may panic over anything else.
fn guarded<T>(act: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(act)).map_err(|_| "the engine gave up over it".to_owned())
}

/// A file, and in memory what was written over it.
#[derive(Debug)]
struct Layered {
    file: File,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    length: u64,
    /// By block.
    written: BTreeMap<u64, Vec<u8>>,
}

impl Layered {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A block of the file; zeros where it is shorter.
    fn below(&self, block: u64) -> std::io::Result<Vec<u8>> {
        let mut bytes = vec![0; BLOCK_BYTES as usize];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], block * BLOCK_BYTES + filled as u64)? {
                0 => break,
                read => filled += read,
            }
        }
        Ok(bytes)
    }
}

/// Runs over the blocks of a range: block, from where in it, and how many bytes.
fn blocks(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize)> {
    let end = offset + length as u64;
    (offset / BLOCK_BYTES..end.div_ceil(BLOCK_BYTES)).map(move |block| {
        let from = offset.max(block * BLOCK_BYTES);
        let to = end.min((block + 1) * BLOCK_BYTES);
        (block, (from - block * BLOCK_BYTES) as usize, (to - from) as usize)
    })
}

impl StorageBackend for Layered {
    fn len(&self) -> Result<u64, std::io::Error> {
        Ok(self.state().length)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let state = self.state();
        if offset.checked_add(out.len() as u64).is_none_or(|end| end > state.length) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = 0;
        for (block, from, count) in blocks(offset, out.len()) {
            let part = &mut out[at..at + count];
            match state.written.get(&block) {
                Some(bytes) => part.copy_from_slice(&bytes[from..from + count]),
                None => part.copy_from_slice(&self.below(block)?[from..from + count]),
            }
            at += count;
        }
        Ok(())
    }

    fn set_len(&self, length: u64) -> Result<(), std::io::Error> {
        self.state().length = length;
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        let mut state = self.state();
        let mut at = 0;
        for (block, from, count) in blocks(offset, data.len()) {
            let bytes = match state.written.entry(block) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => place.insert(self.below(block)?),
            };
            bytes[from..from + count].copy_from_slice(&data[at..at + count]);
            at += count;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use redb::backends::InMemoryBackend;

    use super::super::read::rows_after;
    use super::*;

    /// A damaged file may say anything of a number.
    #[test]
    fn nothing_lies_behind_the_largest_number() {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let write = database.begin_write().unwrap();
        for number in [1, u64::MAX - 3, u64::MAX] {
            write.open_table(AUDIT).unwrap().insert(number, &[0_u8; 64][..]).unwrap();
        }
        write.commit().unwrap();
        let table = database.begin_read().unwrap().open_table(AUDIT).unwrap();
        let audit = SalvagedAudit(database);
        for (after, expected) in [
            (0, vec![1, u64::MAX - 3, u64::MAX]),
            (u64::MAX - 3, vec![u64::MAX]),
            (u64::MAX - 1, vec![u64::MAX]),
            (u64::MAX, vec![]),
        ] {
            let found = audit.rows(after, 9);
            assert_eq!((found.rows.iter().map(|row| row.number).collect::<Vec<_>>(), found.broken), (expected.clone(), false));
            assert_eq!(rows_after(&table, after, 9, |number, _| Ok(number)).unwrap(), expected);
        }
        for (number, expected) in [
            (1, Some(u64::MAX - 3)),
            (u64::MAX - 40, Some(u64::MAX - 3)),
            (u64::MAX - 4, Some(u64::MAX - 3)),
            (u64::MAX - 1, Some(u64::MAX)),
            (u64::MAX, None),
        ] {
            assert_eq!(audit.next_after(number), expected, "{number}");
        }
    }
}
