//! Ids that one file has more than once. Taken one after the other such rows would never settle: the last one counts,
//! and the others are set aside.
//!
//! A file is walked for its ids before its first row is taken, and remembered while it stays the same.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use nave_sdk::folder::{self, Entry};
use nave_sdk::types::{Failure, LogLevel};

use crate::limits::{CHUNK_BYTES_MAX, REPEATS_MAX, REPEATS_ROWS_MAX, ROW_BYTES_MAX};
use crate::settings::StreamSetting;
use crate::table::{Place, Table};

/// Ids that come more than once, and where each comes last.
pub(crate) type Repeats = HashMap<String, Place>;

/// A file's folder, name, time and size.
type Known = (&'static str, String, String, u64, Rc<Repeats>);

thread_local! {
    static LAST: RefCell<Option<Known>> = const { RefCell::new(None) };
}

/// What a file has more than once.
pub(crate) fn of(stream: &StreamSetting, file: &Entry, table: &Table) -> Result<Rc<Repeats>, Failure> {
    let folder = stream.folder.name();
    let known = LAST.with_borrow(|last| match last {
        Some((at, name, time, size, found))
            if *at == folder && *name == file.name && *time == file.modified_at && *size == file.size =>
        {
            Some(found.clone())
        }
        _ => None,
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let found = Rc::new(look(folder, file, table)?);
    LAST.set(Some((folder, file.name.clone(), file.modified_at.clone(), file.size, found.clone())));
    Ok(found)
}

/// Looks by hash first, since most files repeat nothing; then for what the hashes of these are.
fn look(folder: &str, file: &Entry, table: &Table) -> Result<Repeats, Failure> {
    let mut hashes: Vec<u64> = Vec::new();
    let whole = walk(folder, file, table, false, |id, _| {
        hashes.push(hash(&id));
        hashes.len() < REPEATS_ROWS_MAX
    })?;
    if !whole {
        let message = format!(
            "{}: ids that come twice are looked for in the first {REPEATS_ROWS_MAX} rows only; split the file to have all of them looked at",
            file.name
        );
        nave_sdk::host::log(LogLevel::Warn, &message);
    }
    hashes.sort_unstable();
    let mut twice: Vec<u64> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    drop(hashes);
    twice.dedup();
    twice.truncate(REPEATS_MAX);
    let mut found: HashMap<String, (Place, bool)> = HashMap::new();
    if !twice.is_empty() {
        walk(folder, file, table, true, |id, place| {
            if twice.binary_search(&hash(&id)).is_ok() {
                found.entry(id).and_modify(|last| *last = (place, true)).or_insert((place, false));
            }
            true
        })?;
    }
    Ok(found.into_iter().filter_map(|(id, (last, again))| again.then_some((id, last))).collect())
}

/// Hands every id of a file to `each` ([`Table::ids`]), until it says stop. Answers whether the end was reached.
fn walk(
    folder: &str,
    file: &Entry,
    table: &Table,
    strict: bool,
    mut each: impl FnMut(String, Place) -> bool,
) -> Result<bool, Failure> {
    let mut place = Place { offset: table.first, line: table.line };
    let mut length = CHUNK_BYTES_MAX;
    while place.offset < file.size {
        let left = file.size - place.offset;
        let piece = folder::read(folder, &file.name, place.offset, u32::try_from(length.min(left)).unwrap_or(u32::MAX))?;
        if piece.is_empty() {
            break;
        }
        let at_end = piece.len() as u64 >= left;
        let Some(bytes) = table.ids(place, &piece, at_end, strict, &mut each) else { return Ok(false) };
        if bytes == 0 {
            if piece.len() as u64 >= ROW_BYTES_MAX {
                break; // Taking the rows tells what is wrong here.
            }
            length = ROW_BYTES_MAX;
            continue;
        }
        place = Place { offset: place.offset + bytes as u64, line: place.line + crate::csv::lines(&piece[..bytes]) };
    }
    Ok(true)
}

fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
