//! CSV with a header row ↔ objects of texts.
//!
//! Every row becomes an object of texts under the header's names. A row with too many or too few cells is an
//! error of that row alone. Reading goes on after it.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::{CodecError, Decoded};
use crate::NameMap;
use crate::limits::{RECORD_BYTES_MAX, RECORD_FIELDS_MAX};
use crate::value::Value;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CsvOptions {
    /// Between cells.
    pub delimiter: u8,
    /// Around cells that hold a delimiter, a quote or a line break.
    pub quote: u8,
    /// For exports that people open in a spreadsheet: a cell that a spreadsheet would run as a formula gets
    /// a `'` in front. Never for files that a system reads: it changes the data.
    pub formula_guard: bool,
}

impl Default for CsvOptions {
    fn default() -> Self {
        Self { delimiter: b',', quote: b'"', formula_guard: false }
    }
}

/// What is wrong with a quote. Either way, where the cells end is a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteFault {
    /// It is never closed: the rest of the text would be the cell.
    Open,
    /// It is closed, and more than blanks follows before the cell ends.
    Followed,
}

/// The first quote that opens a cell and is at fault, with the byte where it is. Readers of CSV take such a text without a word: a
/// quote that is missing somewhere turns all that follows inside out. A quote within a cell that none opened is text.
pub fn faulty_quote(bytes: &[u8], options: CsvOptions) -> Option<(usize, QuoteFault)> {
    let ends_cell = |byte: u8| byte == options.delimiter || byte == b'\n' || byte == b'\r';
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == options.quote {
            let opened = at;
            at += 1;
            loop {
                match memchr::memchr(options.quote, &bytes[at..]) {
                    None => return Some((opened, QuoteFault::Open)),
                    Some(offset) => at += offset + 1,
                }
                if bytes.get(at) != Some(&options.quote) {
                    break;
                }
                at += 1;
            }
            let rest = bytes[at..].iter().position(|byte| ends_cell(*byte)).map_or(bytes.len(), |length| at + length);
            if !bytes[at..rest].trim_ascii().is_empty() {
                return Some((opened, QuoteFault::Followed));
            }
        }
        at = bytes[at..].iter().position(|byte| ends_cell(*byte)).map_or(bytes.len(), |length| at + length + 1);
    }
    None
}

/// Reads rows one by one; an iterator of objects.
pub struct CsvReader<'a> {
    reader: Reader,
    bytes: &'a [u8],
    at: usize,
    header: Vec<String>,
    cells: Vec<u8>,
    ends: Vec<usize>,
    done: bool,
}

impl<'a> CsvReader<'a> {
    /// Reads the header. A byte-order mark in front is skipped.
    pub fn new(bytes: &'a [u8], options: CsvOptions) -> Result<Self, CodecError> {
        let start = if bytes.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
        let reader = ReaderBuilder::new().delimiter(options.delimiter).quote(options.quote).build();
        let mut this =
            Self { reader, bytes, at: start, header: Vec::new(), cells: vec![0; 1024], ends: vec![0; 64], done: false };
        let Some((offset, cells)) = this.row()? else {
            return Err(CodecError::new("syntax", "no header row", start));
        };
        let mut header: Vec<String> = Vec::with_capacity(cells);
        for cell in 0..cells {
            let name = this.cell(cell, offset)?.trim().to_owned();
            if name.is_empty() {
                return Err(CodecError::new("syntax", format!("column {} has no name in the header row", cell + 1), offset));
            }
            if header.contains(&name) {
                return Err(CodecError::new("duplicate-key", format!("two columns are named `{name}`"), offset));
            }
            header.push(name);
        }
        this.header = header;
        Ok(this)
    }

    /// Names of the columns.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// Byte where the next row begins.
    pub fn offset(&self) -> usize {
        self.at
    }

    /// One row's offset and number of cells.
    fn row(&mut self) -> Result<Option<(usize, usize)>, CodecError> {
        let offset = self.at;
        let (mut written, mut ended) = (0, 0);
        loop {
            let (result, read, wrote, ends) =
                self.reader.read_record(&self.bytes[self.at..], &mut self.cells[written..], &mut self.ends[ended..]);
            self.at += read;
            written += wrote;
            ended += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.cells.len() >= RECORD_BYTES_MAX => {
                    self.done = true;
                    return Err(CodecError::new(
                        "too-large",
                        format!("a row of more than {RECORD_BYTES_MAX} bytes: is a quote not closed?"),
                        offset,
                    ));
                }
                ReadRecordResult::OutputFull => self.cells.resize(self.cells.len() * 2, 0),
                ReadRecordResult::OutputEndsFull if self.ends.len() >= RECORD_FIELDS_MAX => {
                    self.done = true;
                    return Err(CodecError::new(
                        "too-many-fields",
                        format!("a row of more than {RECORD_FIELDS_MAX} cells"),
                        offset,
                    ));
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => return Ok(Some((offset, ended))),
                ReadRecordResult::End => return Ok(None),
            }
        }
    }

    fn cell(&self, at: usize, offset: usize) -> Result<&str, CodecError> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        std::str::from_utf8(&self.cells[start..self.ends[at]]).map_err(|_| {
            let name = self.header.get(at).map_or_else(|| format!("column {}", at + 1), |name| format!("`{name}`"));
            CodecError::new("encoding", format!("{name} is not UTF-8 text"), offset)
        })
    }

    fn object(&self, offset: usize, cells: usize) -> Decoded {
        if cells != self.header.len() {
            let message = format!("the row has {cells} cells, the header {}", self.header.len());
            return Err(CodecError::new("ragged-row", message, offset));
        }
        let mut pairs = Vec::with_capacity(cells);
        for (at, name) in self.header.iter().enumerate() {
            pairs.push((name.into(), Value::text(self.cell(at, offset)?)));
        }
        // The header names each column once.
        Ok(Value::Object(NameMap::from_unsorted(pairs).unwrap_or_default()))
    }
}

impl Iterator for CsvReader<'_> {
    /// Byte where the row begins, and what it holds.
    type Item = (usize, Decoded);

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        match self.row() {
            Ok(Some((offset, cells))) => Some((offset, self.object(offset, cells))),
            Ok(None) => {
                self.done = true;
                None
            }
            Err(error) => Some((error.offset, Err(error))),
        }
    }
}

/// Writes rows under a header.
#[derive(Clone, Debug)]
pub struct CsvWriter {
    options: CsvOptions,
    columns: Vec<String>,
    out: Vec<u8>,
}

impl CsvWriter {
    /// Begins with the header row.
    pub fn new(columns: Vec<String>, options: CsvOptions) -> Self {
        let mut this = Self { options, columns, out: Vec::new() };
        let header: Vec<String> = this.columns.clone();
        this.cells(header.iter().map(String::as_str));
        this
    }

    /// One row: the columns' values, looked up by name. What is missing or null is an empty cell.
    pub fn row(&mut self, value: &Value) {
        let cells: Vec<String> = self
            .columns
            .iter()
            .map(|name| match crate::mapping::find(value, name) {
                None | Some(Value::Null) => String::new(),
                Some(Value::Text(text) | Value::Number(text)) => text.to_string(),
                Some(other) => String::from_utf8_lossy(&super::encode(other)).trim_matches('"').to_owned(),
            })
            .collect();
        self.cells(cells.iter().map(String::as_str));
    }

    /// The whole text.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    fn cells<'s>(&mut self, cells: impl Iterator<Item = &'s str>) {
        let quote = self.options.quote;
        let mut first = true;
        let start = self.out.len();
        for cell in cells {
            if !std::mem::take(&mut first) {
                self.out.push(self.options.delimiter);
            }
            let guarded = self.options.formula_guard && cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
            let special = |b: u8| b == quote || b == self.options.delimiter || b == b'\n' || b == b'\r';
            if guarded || cell.bytes().any(special) || cell.starts_with([' ', '\u{feff}']) {
                self.out.push(quote);
                if guarded {
                    self.out.push(b'\'');
                }
                for byte in cell.bytes() {
                    if byte == quote {
                        self.out.push(quote);
                    }
                    self.out.push(byte);
                }
                self.out.push(quote);
            } else {
                self.out.extend_from_slice(cell.as_bytes());
            }
        }
        if self.out.len() == start {
            // A row of one empty cell would read back as no row at all.
            self.out.extend([quote, quote]);
        }
        self.out.extend_from_slice(b"\r\n");
    }
}
