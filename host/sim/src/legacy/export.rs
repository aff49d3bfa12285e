//! The file that is dropped, and the ways in which it goes wrong.

use super::{Row, columns, seed::HEADER};
use crate::{
    faults::{FaultRule, Switch},
    time,
};
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    time::{Duration, UNIX_EPOCH},
};

/// The export's name.
pub(super) const NAME: &str = "contacts.csv";
/// Under this name it is there a second time. Sorted by name it comes first.
const SECOND: &str = "contacts-2020-01-01.csv";

/// A folder, and what was dropped into it.
#[derive(Debug)]
pub(super) struct Exports {
    folder: PathBuf,
    /// The newest rows, and those before the last change.
    last: Option<Table>,
    previous: Option<Table>,
    /// What `older-export` shows: as it was when the switch was set.
    older: Option<Table>,
}

/// Header and rows, as texts.
type Table = Vec<Vec<String>>;

impl Exports {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, last: None, previous: None, older: None }
    }

    /// Writes the file anew, spoilt as the switches say.
    pub(super) fn write<'r>(&mut self, rows: impl Iterator<Item = &'r Row>, faults: &[FaultRule], now: i64) -> io::Result<()> {
        let find = |switch| faults.iter().find(|rule| rule.switch == switch);
        let table = table(rows);
        if self.last.as_ref() != Some(&table) {
            self.previous = self.last.replace(table.clone());
        }
        fs::create_dir_all(&self.folder)?;
        let older = find(Switch::OlderExport);
        self.older = older.and_then(|_| self.older.take().or_else(|| self.previous.clone()));
        let (mut newest, mut second) = (table, None);
        if let (Some(rule), Some(older)) = (older, &self.older) {
            if rule.how.as_deref() == Some("instead") {
                newest = older.clone();
            } else {
                second = Some(spelled(older, faults)?);
            }
        }
        let bytes = spelled(&newest, faults)?;
        if find(Switch::Twice).is_some() {
            second = Some(bytes.clone());
        }
        match second {
            Some(bytes) => _ = put(&self.folder, SECOND, &bytes, Some(now))?,
            None => remove(&self.folder.join(SECOND))?,
        }
        if find(Switch::HalfWritten).is_some() {
            // In place, under its own name: as a program writes that knows nothing of readers.
            let path = self.folder.join(NAME);
            remove(&path)?;
            fs::write(&path, bytes)?;
            dated(&path, now)?;
        } else {
            put(&self.folder, NAME, &bytes, Some(now))?;
        }
        if find(Switch::Forbidden).is_some() {
            fs::set_permissions(self.folder.join(NAME), Permissions::from_mode(0o000))?;
        }
        Ok(())
    }
}

fn table<'r>(rows: impl Iterator<Item = &'r Row>) -> Table {
    let mut table = vec![HEADER.map(str::to_owned).to_vec()];
    for row in rows {
        let mut cells = vec![row.id.clone()];
        cells.extend(columns().iter().map(|name| row.cells.get(*name).cloned().unwrap_or_default()));
        cells.push(time::iso(row.modified));
        table.push(cells);
    }
    table
}

/// A table as bytes.
fn spelled(table: &Table, faults: &[FaultRule]) -> io::Result<Vec<u8>> {
    let find = |switch| faults.iter().find(|rule| rule.switch == switch);
    let mut table = table.clone();
    for rule in faults.iter().filter(|rule| rule.switch == Switch::FieldGone) {
        if let Some(at) = HEADER.iter().position(|name| Some(*name) == rule.field.as_deref()) {
            table.iter_mut().for_each(|row| _ = row.remove(at));
        }
    }
    let rows = (table.len() - 1) as f64;
    let kept = |rule: &FaultRule| 1 + (rows * rule.share.unwrap_or(0.5)) as usize;
    if let Some(rule) = find(Switch::CutOff) {
        table.truncate(kept(rule));
    }
    let half = find(Switch::HalfWritten).map(|rule| (kept(rule) + 1).min(table.len()));
    if let Some(rows) = half {
        table.truncate(rows);
    }
    match find(Switch::Emptied).map(|rule| rule.how.as_deref()) {
        None => {}
        Some(Some("rows")) => table.truncate(1),
        Some(_) => return Ok(Vec::new()),
    }
    let delimiter = find(Switch::Delimiter).and_then(|rule| rule.value.as_deref()?.bytes().next()).unwrap_or(b',');
    let mut out = csv::WriterBuilder::new().delimiter(delimiter).from_writer(Vec::new());
    for row in &table {
        out.write_record(row)?;
    }
    let mut bytes = out.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    if half.is_some() {
        // Within the last row: its line end and the second half of it are still to come.
        let line = bytes[..bytes.len().saturating_sub(1)].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        bytes.truncate(line + (bytes.len() - line) / 2);
    }
    Ok(match find(Switch::Encoding).and_then(|rule| rule.how.as_deref()) {
        Some("utf-16") => String::from_utf8_lossy(&bytes).encode_utf16().fold(vec![0xff, 0xfe], |mut out, unit| {
            out.extend(unit.to_le_bytes());
            out
        }),
        // What Latin-1 has is the same byte there; the rest it does not have.
        Some(_) => String::from_utf8_lossy(&bytes).chars().map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?')).collect(),
        None => bytes,
    })
}

/// A file that appears whole or not at all, at a time in milliseconds.
pub(super) fn put(folder: &Path, name: &str, bytes: &[u8], at: Option<i64>) -> io::Result<PathBuf> {
    let (new, path) = (folder.join(format!(".{name}.new")), folder.join(name));
    fs::write(&new, bytes)?;
    if let Some(at) = at {
        dated(&new, at)?;
    }
    fs::rename(&new, &path)?;
    Ok(path)
}

fn dated(path: &Path, at: i64) -> io::Result<()> {
    let time = UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or_default());
    File::options().append(true).open(path)?.set_modified(time)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}
