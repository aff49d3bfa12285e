//! CSV rows (RFC 4180: quotes, doubled quotes, line ends in quotes) to JSON objects of strings, without a buffer per cell.

use crate::limits::COLUMNS_MAX;
use crate::settings::Encoding;

/// Where a cell is in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    start: usize,
    end: usize,
    /// Has doubled quotes.
    doubled: bool,
}

impl Cell {
    /// The cell's text.
    pub(crate) fn text(self, buffer: &[u8], encoding: Encoding) -> Option<String> {
        let raw = &buffer[self.start..self.end];
        let raw = if self.doubled { undouble(raw) } else { raw.to_vec() };
        match encoding {
            Encoding::Utf8 => String::from_utf8(raw).ok(),
            Encoding::Windows1252 => Some(raw.iter().map(|&byte| windows_1252(byte)).collect()),
        }
    }

    /// The cell's text for a message, whatever its bytes mean.
    pub(crate) fn lossy(self, buffer: &[u8]) -> String {
        String::from_utf8_lossy(&buffer[self.start..self.end]).into_owned()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// Where a row ends, and what is wrong with its quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Where the next row begins.
    pub(crate) next: usize,
    /// The quote at fault.
    pub(crate) quote: Option<(usize, Quote)>,
}

/// What is wrong with a quote. Either way, where the cells end is a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quote {
    /// It is never closed: the rest of the file is the cell.
    Open,
    /// More text follows after the closing one.
    Followed,
}

/// Finds the cells of the row at `start`; none when the row is not complete in this buffer. An empty line has no
/// cells.
pub(crate) fn row(buffer: &[u8], start: usize, delimiter: u8, at_end: bool, cells: &mut Vec<Cell>) -> Option<Row> {
    cells.clear();
    let mut at = start;
    let mut quote = None;
    let row = |next, quote| Row { next, quote };
    if matches!(buffer.get(at), Some(b'\r' | b'\n')) {
        return line_end(buffer, at, at_end).map(|next| row(next, None));
    }
    loop {
        let opened = at;
        let mut cell = Cell { start: at, end: at, doubled: false };
        if buffer.get(at) == Some(&b'"') {
            cell.start = at + 1;
            at += 1;
            loop {
                match memchr::memchr(b'"', &buffer[at..]) {
                    None if at_end => {
                        cell.end = buffer.len();
                        cells.push(cell);
                        return Some(row(buffer.len(), Some((opened, Quote::Open))));
                    }
                    None => return None,
                    Some(offset) => at += offset + 1,
                }
                match buffer.get(at) {
                    Some(b'"') => {
                        cell.doubled = true;
                        at += 1;
                    }
                    None if !at_end => return None,
                    _ => {
                        cell.end = at - 1;
                        break;
                    }
                }
            }
        }
        let from = at;
        while buffer.get(at).is_some_and(|&byte| byte != delimiter && byte != b'\n' && byte != b'\r') {
            at += 1;
        }
        if cell.start == from {
            cell.end = at;
        } else if !buffer[from..at].trim_ascii().is_empty() {
            quote = quote.or(Some((opened, Quote::Followed)));
        }
        if cells.len() < COLUMNS_MAX {
            cells.push(cell);
        }
        match buffer.get(at) {
            Some(&byte) if byte == delimiter => at += 1,
            Some(_) => return line_end(buffer, at, at_end).map(|next| row(next, quote)),
            None => return at_end.then(|| row(at, quote)),
        }
    }
}

fn line_end(buffer: &[u8], at: usize, at_end: bool) -> Option<usize> {
    match (buffer[at], buffer.get(at + 1)) {
        (b'\r', Some(b'\n')) => Some(at + 2),
        (b'\r', None) if !at_end => None,
        _ => Some(at + 1),
    }
}

/// Line ends in these bytes, whichever way they are spelled.
pub(crate) fn lines(bytes: &[u8]) -> u64 {
    let count = |end: u8| memchr::memchr_iter(end, bytes).count() as u64;
    match count(b'\n') {
        0 => count(b'\r'),
        some => some,
    }
}

/// The columns of a file, ready to write objects.
#[derive(Clone, Debug)]
pub(crate) struct Header {
    pub(crate) names: Vec<String>,
    /// Columns whose name another one has already: the name, and what it is called instead.
    pub(crate) repeated: Vec<(String, String)>,
    /// `{"name":"`, `","name":"`, …
    keys: Vec<Vec<u8>>,
}

impl Header {
    /// Names as they are; empty ones are called by their place, repeated ones get a number.
    pub(crate) fn new(names: impl Iterator<Item = String>) -> Self {
        let mut unique: Vec<String> = Vec::new();
        let mut repeated = Vec::new();
        for (index, name) in names.enumerate() {
            let name = name.trim();
            let base = if name.is_empty() { format!("column_{}", index + 1) } else { name.to_owned() };
            let mut name = base.clone();
            let mut count = 1;
            while unique.contains(&name) {
                count += 1;
                name = format!("{base}_{count}");
            }
            if name != base {
                repeated.push((base, name.clone()));
            }
            unique.push(name);
        }
        let keys = unique
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let mut key = if index == 0 { b"{\"".to_vec() } else { b"\",\"".to_vec() };
                escape(name.as_bytes(), &mut key);
                key.extend_from_slice(b"\":\"");
                key
            })
            .collect();
        Self { names: unique, repeated, keys }
    }

    /// Writes a row as a JSON object; `false` when a cell is not text in this encoding.
    /// A row with fewer cells than columns has fewer fields.
    pub(crate) fn object(&self, buffer: &[u8], cells: &[Cell], encoding: Encoding, out: &mut Vec<u8>) -> bool {
        if cells.is_empty() {
            out.extend_from_slice(b"{}");
            return true;
        }
        if encoding == Encoding::Utf8 {
            let row = &buffer[cells[0].start..cells[cells.len() - 1].end];
            if std::str::from_utf8(row).is_err() {
                return false;
            }
        }
        for (key, &cell) in self.keys.iter().zip(cells) {
            out.extend_from_slice(key);
            let raw = &buffer[cell.start..cell.end];
            if encoding == Encoding::Utf8 && !cell.doubled {
                escape(raw, out);
            } else if let Some(text) = cell.text(buffer, encoding) {
                escape(text.as_bytes(), out);
            } else {
                return false;
            }
        }
        out.extend_from_slice(b"\"}");
        true
    }
}

/// The delimiter that a header row uses most.
pub(crate) fn guess_delimiter(sample: &[u8]) -> u8 {
    let line = &sample[..memchr::memchr(b'\n', sample).unwrap_or(sample.len())];
    let count = |delimiter: u8| line.iter().filter(|&&byte| byte == delimiter).count();
    let mut best = b',';
    for candidate in [b';', b'\t', b'|'] {
        if count(candidate) > count(best) {
            best = candidate;
        }
    }
    best
}

/// Bytes that JSON does not take as they are.
const SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = true;
        byte += 1;
    }
    table[b'"' as usize] = true;
    table[b'\\' as usize] = true;
    table
};

/// Appends the content of a JSON string.
pub(crate) fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut from = 0;
    for (at, &byte) in text.iter().enumerate() {
        if !SPECIAL[byte as usize] {
            continue;
        }
        out.extend_from_slice(&text[from..at]);
        from = at + 1;
        match byte {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
    }
    out.extend_from_slice(&text[from..]);
}

/// Appends a cell, quoted where it must be.
pub(crate) fn write_cell(text: &str, out: &mut Vec<u8>) {
    let quote =
        text.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) || text.starts_with(' ') || text.ends_with(' ');
    if quote {
        out.push(b'"');
        out.extend_from_slice(text.replace('"', "\"\"").as_bytes());
        out.push(b'"');
    } else {
        out.extend_from_slice(text.as_bytes());
    }
}

fn undouble(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter();
    while let Some(&byte) = bytes.next() {
        out.push(byte);
        if byte == b'"' {
            bytes.next();
        }
    }
    out
}

/// The characters of 0x80 to 0x9F; the rest of Windows-1252 is Latin-1.
fn windows_1252(byte: u8) -> char {
    const UPPER: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘', '’', '“',
        '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    if (0x80..0xa0).contains(&byte) { UPPER[usize::from(byte - 0x80)] } else { char::from(byte) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(row_text: &str, at_end: bool, expected: Option<(&str, usize)>) {
        let header = Header::new(["a", "b", "c"].iter().map(|name| (*name).to_owned()));
        let mut cells = Vec::new();
        let got = row(row_text.as_bytes(), 0, b',', at_end, &mut cells).map(|Row { next, quote }| {
            assert_eq!(quote, None, "{row_text:?}");
            let mut out = Vec::new();
            assert!(header.object(row_text.as_bytes(), &cells, Encoding::Utf8, &mut out));
            (String::from_utf8(out).unwrap(), next)
        });
        assert_eq!(got.as_ref().map(|(text, next)| (text.as_str(), *next)), expected, "{row_text:?}");
        if let Some((text, _)) = got {
            serde_json::from_str::<serde_json::Value>(&text).expect("well formed");
        }
    }

    #[test]
    fn rows_become_objects() {
        check("1,2,3\nrest", false, Some((r#"{"a":"1","b":"2","c":"3"}"#, 6)));
        check("1,2,3\r\nrest", false, Some((r#"{"a":"1","b":"2","c":"3"}"#, 7)));
        check("1,2,3\r", false, None);
        check("1,2,3\r", true, Some((r#"{"a":"1","b":"2","c":"3"}"#, 6)));
        check("1,2,3", false, None);
        check("1,2,3", true, Some((r#"{"a":"1","b":"2","c":"3"}"#, 5)));
        check("1,\n", false, Some((r#"{"a":"1","b":""}"#, 3)));
        check(",,\n", false, Some((r#"{"a":"","b":"","c":""}"#, 3)));
        check("\"a,\"\"b\"\"\n c\",2,\"\"\n", false, Some((r#"{"a":"a,\"b\"\n c","b":"2","c":""}"#, 18)));
        check("\"open", false, None);
        check("\"open\"", false, None);
        check("\"x\" ,2\n", false, Some((r#"{"a":"x","b":"2"}"#, 7)));
        check("a\"b,\\,\u{1}\n", false, Some((r#"{"a":"a\"b","b":"\\","c":"\u0001"}"#, 8)));
        check("\n", false, Some(("{}", 1)));
        check("ü,€\n", false, Some((r#"{"a":"ü","b":"€"}"#, 7)));
    }

    #[track_caller]
    fn check_quote(text: &str, expected: Option<(usize, Quote)>) {
        let found = row(text.as_bytes(), 0, b',', true, &mut Vec::new()).expect("a row");
        assert_eq!(found.quote, expected, "{text:?}");
    }

    #[test]
    fn quotes_that_do_not_fit_are_told() {
        check_quote("\"open", Some((0, Quote::Open)));
        check_quote("1,\"open,2\n3,4\n", Some((2, Quote::Open)));
        check_quote("1,\"a \"\" b", Some((2, Quote::Open)));
        check_quote("1,\"open,2\n3,\"x\",4\n", Some((2, Quote::Followed)));
        check_quote("\"x\"junk,2\n", Some((0, Quote::Followed)));
        check_quote("\"x\",\"\"\n", None);
        check_quote("a\"b,2\n", None);
    }

    #[test]
    fn lines_are_counted() {
        assert_eq!((lines(b"a\r\nb\r\n"), lines(b"a\nb"), lines(b"a\rb\r"), lines(b"a")), (2, 1, 2, 0));
    }

    #[test]
    fn old_encodings_are_read() {
        let header = Header::new(["a".to_owned()].into_iter());
        let mut cells = Vec::new();
        let mut out = Vec::new();
        row(b"K\xf6ln \x80\n", 0, b',', true, &mut cells).expect("a row");
        assert!(!header.object(b"K\xf6ln \x80\n", &cells, Encoding::Utf8, &mut Vec::new()));
        assert!(header.object(b"K\xf6ln \x80\n", &cells, Encoding::Windows1252, &mut out));
        assert_eq!(String::from_utf8(out).unwrap(), "{\"a\":\"Köln €\"}");
    }

    #[test]
    fn headers_are_made_unique() {
        let header = Header::new(["id", " name ", "", "name", "name_2"].iter().map(|name| (*name).to_owned()));
        assert_eq!(header.names, ["id", "name", "column_3", "name_2", "name_2_2"]);
        let repeated = [("name", "name_2"), ("name_2", "name_2_2")];
        assert_eq!(header.repeated, repeated.map(|(name, now)| (name.to_owned(), now.to_owned())));
        assert_eq!(guess_delimiter(b"a;b;c,d\n1,2,3,4,5"), b';');
        assert_eq!(guess_delimiter(b"single"), b',');
    }
}
