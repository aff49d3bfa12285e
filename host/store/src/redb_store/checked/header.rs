//! The engine's header: which of its bytes may be other ones than when it was last written, and why.
//!
//! Offsets are those of redb's file format 3 (its `header.rs`). A commit fills the slot that does not count, and then turns
//! one bit that says which one does; a bit that turns by itself would bring back the commit before the last, whole and
//! without any checksum amiss.

use std::io::Read;
use std::path::Path;

/// All of it.
pub(super) const HEADER_BYTES: usize = 320;
/// Which slot counts, and flags.
const FLAGS: usize = 9;
const SECOND_COUNTS: u8 = 1;
const OPEN: u8 = 2;
/// How long the file is: written anew whenever that changes, with no checksum.
const REGIONS: std::ops::Range<usize> = 24..32;
const SLOTS: [std::ops::Range<usize>; 2] = [64..192, 192..320];
/// Of a slot: its commit's number.
const COMMIT: std::ops::Range<usize> = 104..112;

/// As it is in the file; empty where it is too short to have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Header(pub(super) Vec<u8>);

/// The header of a file.
pub(super) fn read(path: &Path) -> std::io::Result<Header> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    std::fs::File::open(path)?.take(HEADER_BYTES as u64).read_to_end(&mut bytes)?;
    Ok(Header(bytes))
}

impl Header {
    fn flags(&self) -> u8 {
        self.0.get(FLAGS).copied().unwrap_or_default()
    }

    /// Whether whoever had the store open has closed it.
    pub(super) fn is_clean(&self) -> bool {
        self.0.len() == HEADER_BYTES && self.flags() & OPEN == 0
    }

    fn slots(&self) -> Option<&[u8]> {
        self.0.get(SLOTS[0].start..SLOTS[1].end)
    }

    /// Whether the slot that counts is the newer one; `None` where there is no header.
    fn newest_counts(&self) -> Option<bool> {
        let number = |slot: usize| {
            let bytes = self.0.get(SLOTS[slot].clone())?.get(COMMIT)?;
            Some(u64::from_le_bytes(bytes.try_into().ok()?))
        };
        let counts = usize::from(self.flags() & SECOND_COUNTS != 0);
        Some(number(counts)? >= number(1 - counts)?)
    }

    /// Takes over what is written at an offset.
    pub(super) fn written(&mut self, from: usize, data: &[u8]) {
        if from >= HEADER_BYTES {
            return;
        }
        self.0.resize(HEADER_BYTES, 0);
        let length = data.len().min(HEADER_BYTES - from);
        self.0[from..from + length].copy_from_slice(&data[..length]);
    }

    /// What nobody writes was changed since the journal's last copy, or what only a commit changes, without one. Whatever else
    /// differs may have been written by somebody who was killed, or by another version.
    pub(super) fn altered_since(&self, last: &Self) -> Option<String> {
        if self.slots().is_none() || self.slots() != last.slots() {
            return None;
        }
        if self.newest_counts() == Some(false) && last.newest_counts() == Some(true) {
            return Some("its header names the commit before the last".to_owned());
        }
        let differs = |at: &usize| *at != FLAGS && !REGIONS.contains(at) && self.0[*at] != last.0[*at];
        (0..SLOTS[0].start).find(differs).map(|at| format!("byte {at} of its header is not what was written there"))
    }
}
