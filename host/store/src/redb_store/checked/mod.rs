//! Every block of the store's file is what was written there, or reading it is an error (never other bytes).
//!
//! The engine keeps checksums of its pages, but reads them at a repair only. Here each block of the file has a checksum of
//! its own, set when it is written and compared whenever it is read: a bit that flipped in a value, a key or a page gives an
//! error that says where, and the store is closed. The checksums are in memory (8 bytes for 4 KiB) and in a journal beside
//! the file ([`journal`]), appended at each sync. Where the journal does not fit the file (there is none yet, the machine
//! lost power, another version wrote), the file is read whole when it is opened and compared with the engine's own tree of
//! checksums; what was read there is what is trusted from then on.
//!
//! The first block is the engine's header: it has checksums of its own, but for a few flags, and is compared with the
//! journal's copy as the file is opened ([`header`]).

mod header;
mod journal;
#[cfg(test)]
mod tests;

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use redb::{BackendError, StorageBackend};

use header::{HEADER_BYTES, Header};
use journal::{Journal, Loaded};

/// What has one checksum: a page of the engine.
pub(super) const BLOCK_BYTES: usize = 4096;
/// Blocks that a walk over the file reads at once: bounds how long a write waits for it.
const WALK_BLOCKS: usize = 64;
/// Instead of a checksum where nothing is known of a block: it was never written, or not read since the file was opened.
const UNKNOWN: u64 = 0;

/// The file below the engine.
#[derive(Debug)]
pub(super) struct Checked {
    file: Box<dyn StorageBackend>,
    /// How the file is called in errors.
    shown: String,
    known: RwLock<Known>,
    /// The first block that was not what was written there.
    fault: OnceLock<String>,
}

/// What is known of the file.
#[derive(Debug)]
struct Known {
    /// By block.
    sums: Vec<u64>,
    /// Blocks whose checksum the journal does not have yet.
    fresh: Vec<u32>,
    header: Header,
    /// The header that the journal was compared with: still there once the file is locked, or nothing is opened.
    expected: Option<Header>,
    /// `None`: nothing is kept beside the file.
    journal: Option<Journal>,
}

/// What the engine holds of it.
#[derive(Clone, Debug)]
pub(super) struct Handle(pub(super) Arc<Checked>);

/// What a walk over the file found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileCheck {
    /// Bytes that were read and compared.
    pub bytes: u64,
    /// Where the file is not what was written: first byte of each such block, at most [`FileCheck::SHOWN_MAX`].
    pub damaged: Vec<u64>,
}

impl FileCheck {
    /// Damaged blocks that are named.
    pub const SHOWN_MAX: usize = 100;
}

/// Whether a file is read whole before anything in it is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Every page is compared with the engine's tree of checksums.
    Whole,
    /// Each block is compared with the journal as it is read.
    AsRead,
}

fn sum(block: &[u8]) -> u64 {
    // A block whose checksum is that of an unknown one gets its neighbour.
    xxhash_rust::xxh3::xxh3_64(block).max(UNKNOWN + 1)
}

fn damaged(text: String) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, text)
}

impl Checked {
    /// Over a store file that exists: with what its journal knows of it, if that fits. `Err` says what was changed in the
    /// file's first bytes.
    pub(super) fn over(path: &Path, file: Box<dyn StorageBackend>, keep: bool) -> std::io::Result<(Arc<Self>, First)> {
        let shown = path.display().to_string();
        let header = header::read(path)?;
        let place = journal_of(path);
        let loaded = if keep { journal::load(&place) } else { Loaded::Nothing };
        let (sums, first) = match loaded {
            Loaded::Nothing => (Vec::new(), First::Whole),
            Loaded::Fits { last, sums, length, boot } => {
                if let Some(why) = header.altered_since(&last) {
                    return Err(damaged(why));
                }
                let whole = std::fs::metadata(path)?.len() == length && header == last;
                // Who died with the machine may have lost what was written last, in any order.
                let alive = last.is_clean() || boot == journal::boot();
                if whole && alive { (sums, First::AsRead) } else { (Vec::new(), First::Whole) }
            }
        };
        let expected = (first == First::AsRead).then(|| header.clone());
        let journal = keep.then(|| Journal::beside(place));
        let known = Known { sums, fresh: Vec::new(), header, expected, journal };
        Ok((Arc::new(Self { file, shown, known: RwLock::new(known), fault: OnceLock::new() }), first))
    }

    /// Over another place to keep bytes; nothing is kept beside it.
    pub(super) fn plain(file: Box<dyn StorageBackend>) -> Arc<Self> {
        let known = Known { sums: Vec::new(), fresh: Vec::new(), header: Header::default(), expected: None, journal: None };
        Arc::new(Self { file, shown: "(backend)".to_owned(), known: RwLock::new(known), fault: OnceLock::new() })
    }

    /// What was found not to be as it was written, if anything was.
    pub(super) fn fault(&self) -> Option<&str> {
        self.fault.get().map(String::as_str)
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        // Changed by assignments that do not panic half way.
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, block: usize) -> std::io::Error {
        let from = block * BLOCK_BYTES;
        let text = format!("bytes {from} to {} of {} are not what was written there", from + BLOCK_BYTES - 1, self.shown);
        // Whatever came first is the reason.
        let _ = self.fault.set(text.clone());
        damaged(text)
    }

    /// Reads whole blocks from the first one on, and compares them.
    fn read_blocks(&self, first: usize, out: &mut [u8]) -> std::io::Result<()> {
        let mut learned = Vec::new();
        {
            // A block that is written meanwhile waits: what is compared is what was read.
            let known = self.known();
            self.file.read((first * BLOCK_BYTES) as u64, out)?;
            for (block, bytes) in (first..).zip(out.chunks_exact(BLOCK_BYTES)).filter(|(block, _)| *block > 0) {
                let found = sum(bytes);
                match known.sums.get(block).copied().unwrap_or(UNKNOWN) {
                    UNKNOWN => learned.push((block, found)),
                    written if written == found => {}
                    _ => return Err(self.refuse(block)),
                }
            }
        }
        if !learned.is_empty() {
            let mut known = self.change();
            for (block, found) in learned {
                // Whoever wrote it since knows better.
                if known.sums.get(block).copied().unwrap_or(UNKNOWN) == UNKNOWN {
                    known.set(block, found);
                }
            }
        }
        Ok(())
    }

    /// Reads the whole file and compares what is known of it. Others read and write meanwhile.
    pub(super) fn walk(&self) -> std::io::Result<FileCheck> {
        let mut check = FileCheck::default();
        let mut buffer = vec![0; WALK_BLOCKS * BLOCK_BYTES];
        let note = |check: &mut FileCheck, block: usize| {
            if check.damaged.len() < FileCheck::SHOWN_MAX {
                check.damaged.push((block * BLOCK_BYTES) as u64);
            }
        };
        {
            let known = self.known();
            let mut header = [0; HEADER_BYTES];
            self.file.read(0, &mut header)?;
            if Header(header.to_vec()) != known.header {
                note(&mut check, 0);
            }
            check.bytes += HEADER_BYTES as u64;
        }
        let mut at = 1;
        loop {
            let known = self.known();
            let end = known.sums.len().min(self.file.len()? as usize / BLOCK_BYTES).min(at + WALK_BLOCKS);
            if at >= end {
                return Ok(check);
            }
            let bytes = &mut buffer[..(end - at) * BLOCK_BYTES];
            self.file.read((at * BLOCK_BYTES) as u64, bytes)?;
            for (block, bytes) in
                (at..end).zip(bytes.chunks_exact(BLOCK_BYTES)).filter(|(block, _)| known.sums[*block] != UNKNOWN)
            {
                check.bytes += BLOCK_BYTES as u64;
                if sum(bytes) != known.sums[block] {
                    note(&mut check, block);
                }
            }
            at = end;
        }
    }
}

impl Known {
    fn set(&mut self, block: usize, sum: u64) {
        if self.sums.len() <= block {
            self.sums.resize(block + 1, UNKNOWN);
        }
        self.sums[block] = sum;
        if self.journal.is_some()
            && let Ok(block) = u32::try_from(block)
        {
            self.fresh.push(block);
        }
    }
}

/// The journal of a store file.
pub(super) fn journal_of(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".sums");
    path.with_file_name(name)
}

impl StorageBackend for Handle {
    fn len(&self) -> Result<u64, std::io::Error> {
        self.0.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let checked = &self.0;
        let (from, length) = (offset as usize, out.len());
        if from + length <= HEADER_BYTES {
            checked.file.read(offset, out)?;
            // Whoever had it open until now may have written after the journal was read.
            let expected = checked.known().expected.clone();
            return match expected {
                Some(header) if header.0.get(from..from + length).is_some_and(|known| known != out) => {
                    checked.change().expected = None;
                    Err(std::io::Error::other("another process wrote to it meanwhile; try again"))
                }
                _ => Ok(()),
            };
        }
        if from.is_multiple_of(BLOCK_BYTES) && length.is_multiple_of(BLOCK_BYTES) {
            return checked.read_blocks(from / BLOCK_BYTES, out);
        }
        // The engine reads pages; whoever reads less of one has the whole compared.
        let first = from / BLOCK_BYTES;
        let end = (from + length).div_ceil(BLOCK_BYTES) * BLOCK_BYTES;
        let end = end.min(checked.file.len()? as usize);
        let mut blocks = vec![0; end.saturating_sub(first * BLOCK_BYTES)];
        checked.read_blocks(first, &mut blocks)?;
        let part = blocks.get(from - first * BLOCK_BYTES..).and_then(|rest| rest.get(..length));
        out.copy_from_slice(part.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        let mut known = self.0.change();
        self.0.file.set_len(len)?;
        let blocks = len as usize / BLOCK_BYTES;
        if blocks < known.sums.len() {
            known.sums.truncate(blocks);
            known.fresh.retain(|block| (*block as usize) < blocks);
        }
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        {
            let mut known = self.0.change();
            let length = self.0.file.len()?;
            let Known { sums, fresh, header, expected, journal } = &mut *known;
            *expected = None;
            if let Some(journal) = journal {
                journal.append(length, header, sums, fresh);
                fresh.clear();
            }
        }
        self.0.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        let from = offset as usize;
        let whole = from.is_multiple_of(BLOCK_BYTES) && data.len().is_multiple_of(BLOCK_BYTES);
        let sums: Vec<u64> = if whole { data.chunks_exact(BLOCK_BYTES).map(sum).collect() } else { Vec::new() };
        let mut known = self.0.change();
        self.0.file.write(offset, data)?;
        known.header.written(from, data);
        if whole {
            for (block, sum) in (from / BLOCK_BYTES..).zip(sums) {
                known.set(block, sum);
            }
        } else {
            // The header; the engine writes nothing else in part.
            for block in (from / BLOCK_BYTES).max(1)..(from + data.len()).div_ceil(BLOCK_BYTES) {
                known.set(block, UNKNOWN);
            }
        }
        Ok(())
    }

    fn close(&self) -> Result<(), std::io::Error> {
        self.0.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.file.query_lock_range(start, end)
    }
}
