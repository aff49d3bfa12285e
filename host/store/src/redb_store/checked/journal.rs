//! The checksums of a store file, beside it: appended at each sync, made anew when it has grown much longer than they are.
//!
//! A record: `NVSM | bytes u32 | boot u64 | length of the file u64 | header 320 | (block u32, checksum u64)… | xxh3 u64`,
//! numbers little endian; the checksum at the end is of everything before it. It is written before the file is synced, and is
//! not synced itself: a killed process leaves both as they were, and after a lost machine it is not believed unless the store
//! had been closed. It is derived: without it the file is read whole when it is opened. What cannot be written is therefore
//! thrown away and not an error.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::OnceLock;

use xxhash_rust::xxh3::xxh3_64;

use super::UNKNOWN;
use super::header::{HEADER_BYTES, Header};

const MAGIC: &[u8; 4] = b"NVSM";
const FRONT_BYTES: usize = MAGIC.len() + 4 + 8 + 8 + HEADER_BYTES;
const ENTRY_BYTES: usize = 12;
const SUM_BYTES: usize = 8;
/// It may be as long as this many times its checksums before it is made anew, and always as long as the next bound.
const GROWTH: u64 = 4;
const ALWAYS_BYTES: u64 = 1 << 20;

/// Which start of the machine this is; 0 where nobody says.
pub(super) fn boot() -> u64 {
    static BOOT: OnceLock<u64> = OnceLock::new();
    let read = || std::fs::read("/proc/sys/kernel/random/boot_id").map_or(0, |id| xxh3_64(&id).max(1));
    *BOOT.get_or_init(read)
}

/// What a journal says.
pub(super) enum Loaded {
    /// It is not there, cut off or altered.
    Nothing,
    /// The file was this long and had this header and these checksums, when this start of the machine was.
    Fits { last: Header, sums: Vec<u64>, length: u64, boot: u64 },
}

pub(super) fn load(path: &std::path::Path) -> Loaded {
    let parsed = std::fs::read(path).ok().and_then(|bytes| parse(&bytes));
    parsed.unwrap_or(Loaded::Nothing)
}

fn parse(mut rest: &[u8]) -> Option<Loaded> {
    let number = |bytes: &[u8]| Some(u64::from_le_bytes(bytes.try_into().ok()?));
    let (mut sums, mut last) = (Vec::<u64>::new(), None);
    while !rest.is_empty() {
        let bytes = u32::from_le_bytes(rest.get(MAGIC.len()..MAGIC.len() + 4)?.try_into().ok()?);
        let (record, after) = rest.split_at_checked(usize::try_from(bytes).ok()?)?;
        rest = after;
        let (record, end) = record.split_at_checked(record.len().checked_sub(SUM_BYTES)?)?;
        let (front, entries) = record.split_at_checked(FRONT_BYTES)?;
        if !front.starts_with(MAGIC) || number(end)? != xxh3_64(record) {
            return None;
        }
        let (boot, length) = (number(&front[8..16])?, number(&front[16..24])?);
        for entry in entries.as_chunks::<ENTRY_BYTES>().0 {
            let (block, sum) = entry.split_first_chunk::<4>()?;
            let block = u32::from_le_bytes(*block) as usize;
            if sums.len() <= block {
                sums.resize(block + 1, UNKNOWN);
            }
            sums[block] = number(sum)?;
        }
        sums.truncate(usize::try_from(length).ok()? / super::BLOCK_BYTES);
        last = Some((Header(front[24..].to_vec()), length, boot));
    }
    let (last, length, boot) = last?;
    Some(Loaded::Fits { last, sums, length, boot })
}

fn record(length: u64, header: &Header, entries: impl Iterator<Item = (u32, u64)>) -> Option<Vec<u8>> {
    let mut out = MAGIC.to_vec();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(&boot().to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(header.0.get(..HEADER_BYTES)?);
    for (block, sum) in entries {
        out.extend_from_slice(&block.to_le_bytes());
        out.extend_from_slice(&sum.to_le_bytes());
    }
    let bytes = u32::try_from(out.len() + SUM_BYTES).ok()?;
    out[MAGIC.len()..MAGIC.len() + 4].copy_from_slice(&bytes.to_le_bytes());
    let sum = xxh3_64(&out);
    out.extend_from_slice(&sum.to_le_bytes());
    Some(out)
}

/// The journal that is being written.
#[derive(Debug)]
pub(super) struct Journal {
    path: PathBuf,
    /// `None` until the first sync: before, somebody else may have the store open.
    file: Option<File>,
    bytes: u64,
    /// It could not be written.
    given_up: bool,
}

impl Journal {
    pub(super) fn beside(path: PathBuf) -> Self {
        Self { path, file: None, bytes: 0, given_up: false }
    }

    /// Notes the file as it is about to be synced.
    pub(super) fn append(&mut self, length: u64, header: &Header, sums: &[u64], fresh: &[u32]) {
        if self.given_up {
            return;
        }
        if let Err(error) = self.try_append(length, header, sums, fresh) {
            tracing::warn!(%error, path = %self.path.display(), "the store's checksums are not kept; it is read whole when it is opened next");
            self.given_up = true;
            self.file = None;
            // Gone, or not believed: its last header is not that of the file any more.
            let _ = std::fs::remove_file(&self.path);
        }
    }

    fn try_append(&mut self, length: u64, header: &Header, sums: &[u64], fresh: &[u32]) -> std::io::Result<()> {
        let whole = (sums.len() * ENTRY_BYTES) as u64;
        let long = || std::io::Error::other("they are too many");
        match &mut self.file {
            Some(file) if self.bytes < ALWAYS_BYTES.max(whole.saturating_mul(GROWTH)) => {
                let entry = |block: &u32| (*block, sums.get(*block as usize).copied().unwrap_or(UNKNOWN));
                let record = record(length, header, fresh.iter().map(entry)).ok_or_else(long)?;
                file.write_all(&record)?;
                self.bytes += record.len() as u64;
            }
            file => {
                let all = (0..).zip(sums.iter().copied()).filter(|(_, sum)| *sum != UNKNOWN);
                let record = record(length, header, all).ok_or_else(long)?;
                let mut partial = self.path.clone().into_os_string();
                partial.push(".partial");
                let partial = PathBuf::from(partial);
                let _ = std::fs::remove_file(&partial);
                let mut options = OpenOptions::new();
                options.append(true).create_new(true);
                #[cfg(unix)]
                std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
                let mut made = options.open(&partial)?;
                made.write_all(&record)?;
                std::fs::rename(&partial, &self.path)?;
                *file = Some(made);
                self.bytes = record.len() as u64;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Rewrites a journal as if the machine had been started again since.
    pub(in super::super) fn of_another_start(path: &std::path::Path) {
        let (mut rest, mut out) = (std::fs::read(path).unwrap(), Vec::new());
        while !rest.is_empty() {
            let bytes = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
            let mut record: Vec<u8> = rest.drain(..bytes).collect();
            record[8] ^= 1;
            let sum = xxh3_64(&record[..bytes - SUM_BYTES]);
            record[bytes - SUM_BYTES..].copy_from_slice(&sum.to_le_bytes());
            out.extend(record);
        }
        std::fs::write(path, out).unwrap();
    }
}
