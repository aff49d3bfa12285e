//! One file as rows: opens it (header, delimiter, id columns) and turns a piece of it into source records.

use std::cell::RefCell;

use nave_sdk::folder::{self, Entry};
use nave_sdk::serde::de::IgnoredAny;
use nave_sdk::types::{Coverage, Failure, SourceRecord};

use crate::csv::{self, Cell, Header, Quote};
use crate::jsonl;
use crate::limits::{BAD_ROW_BYTES_MAX, ID_BYTES_MAX, SAMPLE_BYTES};
use crate::repeats::Repeats;
use crate::settings::{Columns, Encoding, Folder, Format, StreamSetting};
use crate::streams;

const NOT_TEXT: &str = "a cell that is not UTF-8; set `encoding` of the stream to windows-1252 if that is what it is";
const LONG_ID: &str = "an id of more than 1024 bytes; is `id` of the stream the right column?";

/// What is known of a file before its first row.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    pub(crate) shape: Shape,
    /// Where the first row begins.
    pub(crate) first: u64,
    /// And in which line, counted from 1.
    pub(crate) line: u64,
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
    /// A row could not be read: whatever it and its neighbours say is unknown, so nothing may be called missing.
    pub(crate) unread: bool,
}

/// Where a piece of a file begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// In bytes.
    pub(crate) offset: u64,
    /// In lines, counted from 1.
    pub(crate) line: u64,
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
            return Ok(Self { shape: Shape::Jsonl, first: bom as u64, line: 1, encoding, ids });
        }
        let mut start = bom;
        let mut delimiter = stream.delimiter.map(|delimiter| delimiter as u8);
        // A first line `sep=;` is Excel's way to say it.
        if sample[start..].starts_with(b"sep=") && sample.len() > start + 5 {
            delimiter = delimiter.or(Some(sample[start + 4]));
            start += memchr::memchr(b'\n', &sample[start..]).map_or(sample.len() - start, |at| at + 1);
        }
        start += blank(&sample[start..]);
        let delimiter = delimiter.unwrap_or_else(|| csv::guess_delimiter(&sample[start..]));
        let (header, first) = match &stream.columns {
            Some(columns) => (Header::new(columns.iter().cloned()), start),
            None => {
                let mut cells = Vec::new();
                let whole = sample.len() as u64 >= size;
                if start >= sample.len() {
                    return Err(not_yet(stream, name));
                }
                let row = csv::row(sample, start, delimiter, whole, &mut cells).ok_or_else(|| {
                    Failure::Misconfigured(format!(
                        "{name}: the header row has more than {SAMPLE_BYTES} bytes; is it a CSV file?"
                    ))
                })?;
                if let Some((_, quote)) = row.quote {
                    return Err(Failure::Misconfigured(format!("{name}: {} in the header row; correct the file", why(quote))));
                }
                let names = cells.iter().enumerate().map(|(index, cell)| {
                    cell.text(sample, encoding).ok_or_else(|| {
                        Failure::Misconfigured(format!(
                            "{name}: the name of column {} ({}) is not UTF-8. Set `encoding` of the stream {} in the connection's settings to windows-1252 if that is what it is, or export the file as UTF-8",
                            index + 1,
                            cell.lossy(sample),
                            stream.name
                        ))
                    })
                });
                (Header::new(names.collect::<Result<Vec<_>, _>>()?.into_iter()), row.next)
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
        let line = 1 + csv::lines(&sample[..first]);
        Ok(Self { shape: Shape::Csv { delimiter, header, id_columns }, first: first as u64, line, encoding, ids })
    }

    /// Columns whose name another one has already, and what each is called.
    pub(crate) fn repeated(&self) -> &[(String, String)] {
        match &self.shape {
            Shape::Csv { header, .. } => &header.repeated,
            Shape::Jsonl => &[],
        }
    }

    /// Hands every whole row of a piece of the file to `each`, until it says stop.
    pub(crate) fn rows(
        &self,
        file: &Entry,
        place: Place,
        piece: &[u8],
        at_end: bool,
        repeats: &Repeats,
        mut each: impl FnMut(SourceRecord) -> bool,
    ) -> Taken {
        let mut taken = Taken::default();
        let mut cells: Vec<Cell> = Vec::new();
        let mut body = Vec::new();
        while taken.bytes < piece.len() {
            let start = taken.bytes;
            let bad = |problem: &str, at: usize, row: &[u8]| {
                let line = place.line + csv::lines(&piece[..at]);
                bad(file, place.offset + start as u64, &format!("line {line} of {}: {problem}", file.name), row)
            };
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
                    (next, self.line(line).map_err(|problem| bad(&problem, start, line)))
                }
                Shape::Csv { delimiter, header, id_columns } => {
                    let Some(row) = csv::row(piece, start, *delimiter, at_end, &mut cells) else {
                        break;
                    };
                    let next = row.next;
                    if row.quote.is_none()
                        && (cells.is_empty() || (cells.len() == 1 && cells[0].is_empty() && header.names.len() > 1))
                    {
                        taken.bytes = next;
                        continue;
                    }
                    body.clear();
                    let text = &piece[start..next];
                    let cut_off = at_end && next == piece.len() && !text.ends_with(b"\n") && !text.ends_with(b"\r");
                    let record = match self.id(piece, &cells, header, id_columns, row.quote, cut_off) {
                        Err(problem) => Err(bad(&problem, row.quote.map_or(start, |(at, _)| at), text)),
                        Ok(_) if !header.object(piece, &cells, self.encoding, &mut body) => Err(bad(NOT_TEXT, start, text)),
                        // A column that is not there says nothing, and neither does a cell (I11).
                        Ok(id) => Ok(SourceRecord {
                            coverage: Coverage::Only(header.names[..cells.len()].to_vec()),
                            ..SourceRecord::upsert(id, body.as_slice())
                        }),
                    };
                    (next, record)
                }
            };
            taken.bytes = next;
            taken.rows += 1;
            taken.unread |= record.is_err();
            let record = match record {
                Ok(record) => match repeats.get(&record.remote_id) {
                    // It was read, and its id is there: nothing is missing for it.
                    Some(last) if last.offset != place.offset + start as u64 => {
                        let problem = format!("the id {} comes again in line {}, which counts", record.remote_id, last.line);
                        bad(&problem, start, &piece[start..next])
                    }
                    _ => record,
                },
                Err(bad) => bad,
            };
            let record = record.modified_at(Some(file.modified_at.clone()));
            if !each(record) {
                break;
            }
        }
        taken
    }

    /// Hands the id of every whole row of a piece of the file to `each`, until it says stop (then none). Answers how
    /// many bytes are dealt with. `strict`: of rows only that [`Table::rows`] takes; costs more.
    pub(crate) fn ids(
        &self,
        place: Place,
        piece: &[u8],
        at_end: bool,
        strict: bool,
        mut each: impl FnMut(String, Place) -> bool,
    ) -> Option<usize> {
        let mut cells: Vec<Cell> = Vec::new();
        let (mut start, mut line) = (0, place.line);
        while start < piece.len() {
            let (id, next) = match &self.shape {
                Shape::Jsonl => {
                    let next = match memchr::memchr(b'\n', &piece[start..]) {
                        Some(length) => start + length + 1,
                        None if at_end => piece.len(),
                        None => break,
                    };
                    let line = piece[start..next].trim_ascii();
                    let id = if strict {
                        self.line(line).ok().map(|record| record.remote_id)
                    } else {
                        join_id(self.ids.iter().map(|id| jsonl::cut(line, id)))
                    };
                    (id, next)
                }
                Shape::Csv { delimiter, header, id_columns } => {
                    let Some(row) = csv::row(piece, start, *delimiter, at_end, &mut cells) else { break };
                    let text = &piece[start..row.next];
                    let cut_off = at_end && row.next == piece.len() && !text.ends_with(b"\n") && !text.ends_with(b"\r");
                    let id = self.id(piece, &cells, header, id_columns, row.quote, cut_off).ok();
                    (id.filter(|_| !strict || header.object(piece, &cells, self.encoding, &mut Vec::new())), row.next)
                }
            };
            if let Some(id) = id
                && !each(id, Place { offset: place.offset + start as u64, line })
            {
                return None;
            }
            line += csv::lines(&piece[start..next]);
            start = next;
        }
        Some(start)
    }

    /// The id of a CSV row, or why it is none. `cut_off`: the file ends in it.
    fn id(
        &self,
        piece: &[u8],
        cells: &[Cell],
        header: &Header,
        columns: &[usize],
        quote: Option<(usize, Quote)>,
        cut_off: bool,
    ) -> Result<String, String> {
        let (have, want) = (cells.len(), header.names.len());
        if let Some((_, quote)) = quote {
            return Err(why(quote).to_owned());
        }
        if have > want {
            return Err(format!("{have} cells where the header has {want}"));
        }
        if have < want && cut_off {
            return Err(format!("the file ends in this line, after {have} of {want} cells"));
        }
        match join_id(columns.iter().map(|&column| cells.get(column)?.text(piece, self.encoding))) {
            Some(id) if id.len() > ID_BYTES_MAX => Err(LONG_ID.to_owned()),
            Some(id) => Ok(id),
            None if columns
                .iter()
                .any(|&column| cells.get(column).is_some_and(|cell| cell.text(piece, self.encoding).is_none())) =>
            {
                Err(NOT_TEXT.to_owned())
            }
            None => Err("no id".to_owned()),
        }
    }

    /// A line of JSON as a record, or what is wrong with it.
    fn line(&self, line: &[u8]) -> Result<SourceRecord, String> {
        if std::str::from_utf8(line).is_err() {
            return Err("not UTF-8".to_owned());
        }
        if let Err(error) = nave_sdk::serde_json::from_slice::<IgnoredAny>(line) {
            return Err(format!("not JSON: {error}"));
        }
        if !line.starts_with(b"{") {
            return Err("not a JSON object".to_owned());
        }
        match join_id(self.ids.iter().map(|id| jsonl::cut(line, id))) {
            Some(id) if id.len() > ID_BYTES_MAX => Err(LONG_ID.to_owned()),
            Some(id) => Ok(SourceRecord::upsert(id, line)),
            None => Err(format!("no {}", self.ids.join(", "))),
        }
    }
}

/// A file with nothing in it is no export of nothing: a CSV file has a header row at least, and whoever writes a file
/// makes an empty one first. Nothing may be taken for deleted because of it (I11).
pub(crate) fn not_yet(stream: &StreamSetting, name: &str) -> Failure {
    let (what, none) = match streams::format(stream, name) {
        Format::Jsonl => ("nothing in it, not even a line end", "a line end alone"),
        Format::Csv if stream.columns.is_some() => ("nothing in it, not even a line end", "a line end alone"),
        Format::Csv => ("no header row", "its header row alone"),
    };
    Failure::Unavailable(format!(
        "{name} is not readable yet: there is {what}. Is it still being written? Nothing is taken for deleted. Export it again \
         and run `nave sync`; an export that holds nothing is {none}"
    ))
}

/// Bytes of the blank lines that it begins with. A line of delimiters is not blank.
fn blank(sample: &[u8]) -> usize {
    let lines = sample.split_inclusive(|byte| *byte == b'\n');
    lines.take_while(|line| line.iter().all(|byte| matches!(byte, b' ' | b'\r' | b'\n'))).map(<[u8]>::len).sum()
}

/// What is wrong with a quote, for a person.
fn why(quote: Quote) -> &'static str {
    match quote {
        Quote::Open => "a quote opens here and is never closed; all that follows may belong to it",
        Quote::Followed => "text follows a closing quote; is a quote missing here?",
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
/// with what is wrong, and the hub sets it aside.
fn bad(file: &Entry, offset: u64, problem: &str, row: &[u8]) -> SourceRecord {
    let row = String::from_utf8_lossy(&row[..row.len().min(BAD_ROW_BYTES_MAX)]);
    SourceRecord::unreadable(format!("{}@{offset}", file.name), &format!("{problem}: {}", row.trim_end()))
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
