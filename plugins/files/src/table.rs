//! One file as rows: opens it (header, delimiter, id columns) and turns a piece of it into source records.

use std::cell::RefCell;

use nave_sdk::folder::{self, Entry};
use nave_sdk::types::{Failure, SourceRecord};

use crate::csv::{self, Cell, Header};
use crate::jsonl;
use crate::limits::SAMPLE_BYTES;
use crate::settings::{Columns, Encoding, Folder, Format, StreamSetting};
use crate::streams;

/// What is known of a file before its first row.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) shape: Shape,
    /// Where the first row begins.
    pub(crate) first: u64,
    encoding: Encoding,
    /// Keys that make the id.
    pub(crate) ids: Vec<String>,
}

#[derive(Clone, Debug)]
pub(crate) enum Shape {
    Csv { delimiter: u8, header: Header, id_columns: Vec<usize> },
    Jsonl,
}

/// What a piece of a file gave.
#[derive(Debug, Default)]
pub(crate) struct Taken {
    /// Bytes of the piece that are dealt with.
    pub(crate) bytes: usize,
    /// Rows seen, empty lines not counted.
    pub(crate) rows: usize,
}

/// A file's name, time and size: while they are the same, so is its header.
type Known = (&'static str, String, String, u64, Table);

thread_local! {
    static LAST: RefCell<Option<Known>> = const { RefCell::new(None) };
}

impl Table {
    /// Looks at the beginning of a file.
    pub(crate) fn open(stream: &StreamSetting, file: &Entry) -> Result<Self, Failure> {
        let folder = stream.folder.name();
        let known = LAST.with_borrow(|last| match last {
            Some((at, name, time, size, table))
                if *at == folder && *name == file.name && *time == file.modified_at && *size == file.size =>
            {
                Some(table.clone())
            }
            _ => None,
        });
        if let Some(table) = known {
            return Ok(table);
        }
        let sample = folder::read(folder, &file.name, 0, SAMPLE_BYTES)?;
        let table = Self::from_sample(stream, &file.name, &sample, file.size)?;
        LAST.set(Some((folder, file.name.clone(), file.modified_at.clone(), file.size, table.clone())));
        Ok(table)
    }

    pub(crate) fn from_sample(stream: &StreamSetting, name: &str, sample: &[u8], size: u64) -> Result<Self, Failure> {
        let bom = if sample.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let encoding = stream.encoding;
        let wanted = stream.id.as_ref().map(Columns::names);
        if streams::format(stream, name) == Format::Jsonl {
            let ids = wanted.map_or_else(|| guess_json_id(&sample[bom..], stream.folder), <[String]>::to_vec);
            return Ok(Self { shape: Shape::Jsonl, first: bom as u64, encoding, ids });
        }
        let mut start = bom;
        let mut delimiter = stream.delimiter.map(|delimiter| delimiter as u8);
        // A first line `sep=;` is Excel's way to say it.
        if sample[start..].starts_with(b"sep=") && sample.len() > start + 5 {
            delimiter = delimiter.or(Some(sample[start + 4]));
            start += memchr::memchr(b'\n', &sample[start..]).map_or(sample.len() - start, |at| at + 1);
        }
        let delimiter = delimiter.unwrap_or_else(|| csv::guess_delimiter(&sample[start..]));
        let (header, first) = match &stream.columns {
            Some(columns) => (Header::new(columns.iter().cloned()), start),
            None => {
                let mut cells = Vec::new();
                let whole = sample.len() as u64 >= size;
                let next = csv::row(sample, start, delimiter, whole, &mut cells).ok_or_else(|| {
                    Failure::Misconfigured(format!(
                        "{name}: the header row has more than {SAMPLE_BYTES} bytes; is it a CSV file?"
                    ))
                })?;
                let names = cells.iter().map(|cell| cell.text(sample, encoding).unwrap_or_default());
                (Header::new(names), next)
            }
        };
        let ids = match wanted {
            Some(names) => names.to_vec(),
            None => guess_id(&header.names).into_iter().collect(),
        };
        let mut id_columns = Vec::new();
        for id in &ids {
            let Some(column) = header.names.iter().position(|name| name == id) else {
                return Err(Failure::Misconfigured(format!(
                    "{name} has no column {id:?} for the id; its columns are {}. Set `id` of the stream {} in the connection's settings",
                    header.names.join(", "),
                    stream.name
                )));
            };
            id_columns.push(column);
        }
        Ok(Self { shape: Shape::Csv { delimiter, header, id_columns }, first: first as u64, encoding, ids })
    }

    /// Hands every whole row of a piece of the file, which begins at `offset`, to `each`, until it says stop.
    pub(crate) fn rows(
        &self,
        file: &Entry,
        offset: u64,
        piece: &[u8],
        at_end: bool,
        mut each: impl FnMut(SourceRecord) -> bool,
    ) -> Taken {
        let mut taken = Taken::default();
        let mut cells: Vec<Cell> = Vec::new();
        let mut body = Vec::new();
        while taken.bytes < piece.len() {
            let start = taken.bytes;
            let (next, record) = match &self.shape {
                Shape::Jsonl => {
                    let (end, next) = match memchr::memchr(b'\n', &piece[start..]) {
                        Some(length) => (start + length, start + length + 1),
                        None if at_end => (piece.len(), piece.len()),
                        None => break,
                    };
                    let line = piece[start..end].trim_ascii();
                    if line.is_empty() {
                        taken.bytes = next;
                        continue;
                    }
                    (next, self.line(line, file, offset + start as u64))
                }
                Shape::Csv { delimiter, header, id_columns } => {
                    let Some(next) = csv::row(piece, start, *delimiter, at_end, &mut cells) else {
                        break;
                    };
                    if cells.is_empty() || (cells.len() == 1 && cells[0].is_empty() && header.names.len() > 1) {
                        taken.bytes = next;
                        continue;
                    }
                    body.clear();
                    let record = if cells.len() > header.names.len() {
                        let problem = format!("{} cells where the header has {}", cells.len(), header.names.len());
                        bad(file, offset + start as u64, &problem, &piece[start..next])
                    } else if !header.object(piece, &cells, self.encoding, &mut body) {
                        let problem =
                            "a cell that is not UTF-8; set `encoding` of the stream to windows-1252 if that is what it is";
                        bad(file, offset + start as u64, problem, &piece[start..next])
                    } else {
                        let id = join_id(id_columns.iter().map(|&column| cells.get(column)?.text(piece, self.encoding)));
                        match id {
                            Some(id) => SourceRecord::upsert(id, body.as_slice()),
                            None => bad(file, offset + start as u64, "no id", &piece[start..next]),
                        }
                    };
                    (next, record)
                }
            };
            taken.bytes = next;
            taken.rows += 1;
            let record = record.modified_at(Some(file.modified_at.clone()));
            if !each(record) {
                break;
            }
        }
        taken
    }

    fn line(&self, line: &[u8], file: &Entry, offset: u64) -> SourceRecord {
        match join_id(self.ids.iter().map(|id| jsonl::cut(line, id))) {
            Some(id) => SourceRecord::upsert(id, line),
            None if line.starts_with(b"{") => bad(file, offset, &format!("no {}", self.ids.join(", ")), line),
            None => SourceRecord::upsert(place(file, offset), line),
        }
    }
}

/// The id from its parts; several are joined with `/`, escaped, so that no two rows share one by accident.
pub(crate) fn join_id(parts: impl Iterator<Item = Option<String>>) -> Option<String> {
    let mut parts: Vec<String> = parts.collect::<Option<_>>()?;
    if parts.len() > 1 {
        for part in &mut parts {
            *part = part.replace('%', "%25").replace('/', "%2F");
        }
    } else if let Some(only) = parts.first_mut() {
        let trimmed = only.trim();
        if trimmed.len() != only.len() {
            *only = trimmed.to_owned();
        }
    }
    let id = parts.join("/");
    (!id.is_empty()).then_some(id)
}

/// A row that cannot be a record still must be counted and shown: it goes to the hub under its place in the file,
/// with a body that is not JSON but says what is wrong, and the hub sets it aside.
fn bad(file: &Entry, offset: u64, problem: &str, row: &[u8]) -> SourceRecord {
    let row = String::from_utf8_lossy(row);
    SourceRecord::upsert(place(file, offset), format!("! {problem}: {}", row.trim_end()).into_bytes())
}

fn place(file: &Entry, offset: u64) -> String {
    format!("{}@{offset}", file.name)
}

/// `id` in any case, else the first column.
fn guess_id(names: &[String]) -> Option<String> {
    names.iter().find(|name| name.eq_ignore_ascii_case("id")).or(names.first()).cloned()
}

fn guess_json_id(sample: &[u8], folder: Folder) -> Vec<String> {
    let line = sample.split(|&byte| byte == b'\n').find(|line| !line.trim_ascii().is_empty()).unwrap_or_default();
    let usual = ["id", "Id", "ID"].iter().find(|key| jsonl::cut(line, key).is_some());
    let id = match (usual, folder) {
        (Some(key), _) => (*key).to_owned(),
        (None, Folder::Export) => "id".to_owned(),
        (None, Folder::Drop) => jsonl::first_key(line).unwrap_or_else(|| "id".to_owned()),
    };
    vec![id]
}
