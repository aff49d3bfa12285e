//! Reading a stream: a scan over its files, page by page; nothing at all while no file has changed.
//!
//! The checkpoint holds the place of the next row and a fingerprint of the files (names, sizes, times). A file that
//! changes under a scan begins it again; when that happens too often the scan goes on and is not called complete.

use nave_sdk::checkpoint;
use nave_sdk::folder::{self, Entry};
use nave_sdk::serde::{Deserialize, Serialize};
use nave_sdk::types::{Failure, LogLevel, Page, SourceRecord};

use crate::formulas;
use crate::limits::{CHUNK_BYTES_MAX, CHUNK_BYTES_MIN, PAGE_BYTES_MAX, RESTARTS_MAX, ROW_BYTES_GUESS, ROW_BYTES_MAX};
use crate::settings::{Folder, Settings, StreamSetting};
use crate::table::{Place, Table, not_yet};
use crate::{repeats, streams};

/// The checkpoint.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Position {
    /// Fingerprint of the files at the last finished scan.
    done: Option<String>,
    /// The scan that is running.
    scan: Option<Scan>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(crate = "nave_sdk::serde", deny_unknown_fields)]
struct Scan {
    files: String,
    /// File of the next row; empty at the beginning.
    file: String,
    /// Byte of the next row in it; 0 is before its header.
    offset: u64,
    /// And its line, counted from 1.
    #[serde(default)]
    line: u64,
    /// A row could not be read: it may be any of those that seem to be missing.
    #[serde(default)]
    unread: bool,
    restarts: u8,
    /// A file changed under the scan: it has perhaps not seen everything.
    torn: bool,
    /// Mean size of a row so far.
    row_bytes: u64,
}

/// The page after a checkpoint.
pub(crate) fn read(settings: &Settings, stream: &StreamSetting, from: Option<&[u8]>, limit: u32) -> Result<Page, Failure> {
    let position: Position = checkpoint::decode(from)?;
    let files = streams::files(settings, stream)?;
    // Our own exports may hold nothing.
    if let Some(file) = files.iter().find(|file| file.size == 0 && stream.folder == Folder::Drop) {
        return Err(not_yet(stream, &file.name));
    }
    let now = fingerprint(&files);
    let mut scan = match position.scan {
        None if files.is_empty() || position.done.as_ref() == Some(&now) => {
            return Ok(Page::end(Vec::new(), checkpoint::encode(&position)));
        }
        None => Scan { files: now, row_bytes: ROW_BYTES_GUESS, ..Scan::default() },
        Some(scan) if scan.files == now => scan,
        Some(scan) if scan.restarts < RESTARTS_MAX => {
            Scan { files: now, restarts: scan.restarts + 1, row_bytes: scan.row_bytes, ..Scan::default() }
        }
        Some(scan) => Scan { files: now, torn: true, ..scan },
    };
    let mut page = Filling { records: Vec::new(), bytes: 0, limit: limit.max(1) as usize };
    while let Some(file) = files.iter().find(|file| file.name >= scan.file) {
        if scan.file != file.name || scan.offset > file.size {
            scan.file.clone_from(&file.name);
            scan.offset = 0;
        }
        take(stream, file, &mut scan, &mut page)?;
        if page.is_full() && scan.offset < file.size {
            return Ok(Page::more(page.records, checkpoint::encode(&Position { done: position.done, scan: Some(scan) })));
        }
        match files.iter().find(|next| next.name > file.name) {
            Some(next) => {
                scan.file.clone_from(&next.name);
                scan.offset = 0;
            }
            None => break,
        }
        if page.is_full() {
            return Ok(Page::more(page.records, checkpoint::encode(&Position { done: position.done, scan: Some(scan) })));
        }
    }
    if scan.torn {
        nave_sdk::host::log(LogLevel::Warn, &format!("stream {}: its files changed while they were read", stream.name));
    }
    let done = Position { done: (!scan.torn).then_some(scan.files), scan: None };
    let next = checkpoint::encode(&done);
    let complete = !scan.torn && !scan.unread && !stream.partial && !files.is_empty();
    Ok(if complete { Page::scan_end(page.records, next) } else { Page::end(page.records, next) })
}

/// Walks all rows of a stream, whatever their number, until `each` says stop. Answers whether all of them were read.
pub(crate) fn walk(
    settings: &Settings,
    stream: &StreamSetting,
    mut each: impl FnMut(SourceRecord) -> bool,
) -> Result<bool, Failure> {
    let mut whole = true;
    for file in streams::files(settings, stream)? {
        let mut scan = Scan { file: file.name.clone(), row_bytes: ROW_BYTES_GUESS, ..Scan::default() };
        while scan.offset < file.size {
            let mut page = Filling { records: Vec::new(), bytes: 0, limit: usize::MAX };
            take(stream, &file, &mut scan, &mut page)?;
            for record in page.records {
                if !each(record) {
                    return Ok(false);
                }
            }
        }
        whole &= !scan.unread;
    }
    Ok(whole)
}

struct Filling {
    records: Vec<SourceRecord>,
    bytes: usize,
    limit: usize,
}

impl Filling {
    fn is_full(&self) -> bool {
        self.records.len() >= self.limit || self.bytes >= PAGE_BYTES_MAX
    }
}

/// Reads rows of one file until it ends or the page is full.
fn take(stream: &StreamSetting, file: &Entry, scan: &mut Scan, page: &mut Filling) -> Result<(), Failure> {
    if file.size == 0 {
        return Ok(());
    }
    let folder = stream.folder.name();
    let table = Table::open(stream, file)?;
    if scan.offset <= table.first {
        (scan.offset, scan.line) = (table.first, table.line);
        table.repeated().iter().for_each(|(column, called)| {
            let said = format!(
                "{} has the column {column} more than once: the later one is called {called} here. Map that name too, or take the column out",
                file.name
            );
            nave_sdk::host::log(LogLevel::Warn, &said);
        });
    }
    let repeats = repeats::of(stream, file, &table)?;
    let mut at_least = CHUNK_BYTES_MIN;
    let guarded = stream.is_guarded(&file.name);
    while !page.is_full() && scan.offset < file.size {
        let rows = (page.limit - page.records.len()) as u64;
        // A little more than what is wanted: reading twice costs less than asking twice.
        let wanted = rows.saturating_mul(scan.row_bytes + scan.row_bytes / 16).saturating_add(4096);
        let left = file.size - scan.offset;
        let length = wanted.clamp(at_least, CHUNK_BYTES_MAX.max(at_least)).min(left);
        let piece = folder::read(folder, &file.name, scan.offset, u32::try_from(length).unwrap_or(u32::MAX))?;
        if piece.is_empty() {
            // It became shorter; the fingerprint tells next time.
            scan.offset = file.size;
            break;
        }
        let at_end = piece.len() as u64 >= left;
        let place = Place { offset: scan.offset, line: scan.line };
        let taken = table.rows(file, place, &piece, at_end, &repeats, |mut record| {
            if guarded {
                formulas::unguard(&mut record);
            }
            page.bytes += record.body.len();
            page.records.push(record);
            !page.is_full()
        });
        if taken.bytes == 0 {
            if piece.len() as u64 >= ROW_BYTES_MAX {
                return Err(Failure::rejected(
                    "length",
                    format!(
                        "{} has a row of more than {ROW_BYTES_MAX} bytes in line {}; is a quote not closed there?",
                        file.name, scan.line
                    ),
                ));
            }
            at_least = (piece.len() as u64 * 4).clamp(CHUNK_BYTES_MIN, ROW_BYTES_MAX);
            continue;
        }
        if let Some(mean) = taken.bytes.checked_div(taken.rows) {
            scan.row_bytes = mean.max(1) as u64;
        }
        scan.offset += taken.bytes as u64;
        scan.line += crate::csv::lines(&piece[..taken.bytes]);
        scan.unread |= taken.unread;
        at_least = CHUNK_BYTES_MIN;
    }
    Ok(())
}

/// A number that changes when a file comes, goes, or changes (FNV-1a; nobody gains by making two alike).
fn fingerprint(files: &[Entry]) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    let mut add = |bytes: &[u8]| {
        for &byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for file in files {
        add(file.name.as_bytes());
        add(&[0]);
        add(&file.size.to_le_bytes());
        add(file.modified_at.as_bytes());
        add(&[0]);
    }
    format!("{hash:016x}")
}
