//! A file of records and a file of pairs, as people have them: any delimiter, with or without a mark at the beginning, in UTF-8,
//! UTF-16 or Windows-1252.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use nave_core::codec::{CsvOptions, QuoteFault, faulty_quote};
use nave_hub::api::ApiError;

/// Delimiters that are tried; the one that divides the first line most often is taken.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];
/// Bytes of a file.
const BYTES_MAX: u64 = 4 << 30;

/// Records: headings without that of the ids, ids, and rows of as many values as headings.
pub(super) struct Records {
    pub(super) headings: Vec<String>,
    pub(super) ids: Vec<String>,
    pub(super) rows: Vec<Vec<String>>,
    /// How its bytes were read, for people.
    pub(super) encoding: String,
}

/// Reads the records of a file.
pub(super) fn records(path: &Path) -> Result<Records, ApiError> {
    let (lines, encoding) = lines(path)?;
    let mut lines = lines.into_iter();
    let headings =
        lines.next().ok_or_else(|| wrong(path, "it is empty", "the first line holds headings, the first column ids"))?;
    let mut records = Records { headings: headings.into_iter().skip(1).collect(), ids: Vec::new(), rows: Vec::new(), encoding };
    if records.headings.is_empty() {
        return Err(wrong(path, "it has one column", "the first column holds ids, the others what is compared"));
    }
    let mut known: HashMap<String, usize> = HashMap::new();
    for (at, mut line) in lines.enumerate() {
        let line_number = at + 2;
        if line.len() == 1 && line[0].trim().is_empty() {
            continue;
        }
        line.resize(records.headings.len() + 1, String::new());
        let id = line.remove(0).trim().to_owned();
        if let Some(before) = known.insert(id.clone(), line_number) {
            let what =
                format!("the records before lines {before} and {line_number} end have the same id `{}`", id.escape_debug());
            return Err(wrong(path, &what, "the first column must be different in every record"));
        }
        records.ids.push(id);
        records.rows.push(line);
    }
    Ok(records)
}

/// Pairs of rows, and how the bytes of the file were read, for people.
type Pairs = (BTreeSet<(u32, u32)>, String);

/// Reads pairs of ids: as rows of these records, the smaller number first. A first line that names none is a heading.
pub(super) fn pairs(path: &Path, records: &Records) -> Result<Pairs, ApiError> {
    let rows: HashMap<&str, u32> = records.ids.iter().enumerate().map(|(row, id)| (id.as_str(), row as u32)).collect();
    let mut pairs = BTreeSet::new();
    let (lines, encoding) = lines(path)?;
    for (at, line) in lines.into_iter().enumerate() {
        let [left, right, ..] = line.as_slice() else {
            if line.iter().all(|value| value.trim().is_empty()) {
                continue;
            }
            return Err(wrong(path, &format!("line {} has one value", at + 1), "every line holds two ids"));
        };
        let (left, right) = (left.trim(), right.trim());
        match (rows.get(left), rows.get(right)) {
            (Some(one), Some(other)) if one != other => _ = pairs.insert((*one.min(other), *one.max(other))),
            (Some(_), Some(_)) => {
                let what = format!("line {} pairs `{}` with itself", at + 1, left.escape_debug());
                return Err(wrong(path, &what, "every line holds two different ids"));
            }
            (None, None) if at == 0 => {}
            (one, _) => {
                let unknown = if one.is_none() { left } else { right };
                let what = format!("line {}: no record has the id `{}`", at + 1, unknown.escape_debug());
                return Err(wrong(path, &what, "ids are in the first column of the file of records"));
            }
        }
    }
    Ok((pairs, encoding))
}

fn lines(path: &Path) -> Result<(Vec<Vec<String>>, String), ApiError> {
    let failed = |error: &dyn std::fmt::Display| ApiError::usage(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > BYTES_MAX {
        return Err(wrong(path, &format!("it has {size} bytes"), &format!("at most {BYTES_MAX} are read")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let (text, encoding) = decoded(path, &bytes)?;
    let bytes = text.as_bytes();
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',');
    if let Some((at, fault)) = faulty_quote(bytes, CsvOptions { delimiter, ..CsvOptions::default() }) {
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        let what = match fault {
            QuoteFault::Open => format!("the quote that opens a cell on line {line} is never closed"),
            QuoteFault::Followed => {
                format!("the quote that opens a cell on line {line} is closed, and more text follows in the cell")
            }
        };
        let help = "where its cells end would be a guess: close the quote there, and write a quote within a cell twice (\"\")";
        return Err(wrong(path, &what, help));
    }
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bytes);
    let mut lines = Vec::new();
    for line in reader.records() {
        lines.push(line.map_err(|error| failed(&error))?.iter().map(str::to_owned).collect());
    }
    Ok((lines, encoding))
}

/// The text of these bytes, and how they were read. A mark at the beginning says it; else every line that is UTF-8 is taken for
/// that, and the others for Windows-1252, in which any byte is a character (what is not text at all is refused).
fn decoded<'b>(path: &Path, bytes: &'b [u8]) -> Result<(Cow<'b, str>, String), ApiError> {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes).filter(|(encoding, _)| *encoding != UTF_8) {
        let name = encoding.name();
        return match encoding.decode_without_bom_handling_and_without_replacement(&bytes[mark..]) {
            Some(text) => Ok((text, name.to_owned())),
            None => Err(wrong(path, &format!("its first bytes say {name}, and the rest is not"), "save it as UTF-8")),
        };
    }
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        return Err(wrong(path, &format!("line {line} holds a zero byte, which no text has"), "save it as CSV in UTF-8"));
    }
    let marked = bytes.strip_prefix(b"\xef\xbb\xbf");
    let bytes = marked.unwrap_or(bytes);
    let at = match std::str::from_utf8(bytes) {
        Ok(text) => return Ok((text.into(), UTF_8.name().to_owned())),
        Err(error) => error.valid_up_to(),
    };
    if marked.is_some() {
        let line = 1 + bytes[..at].iter().filter(|byte| **byte == b'\n').count();
        let what = format!("its first bytes say UTF-8, and line {line} is not");
        return Err(wrong(path, &what, "it may be damaged or cut off there: save it as UTF-8 again"));
    }
    let (mut text, mut old, mut new) = (String::with_capacity(bytes.len() + bytes.len() / 8), 0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match std::str::from_utf8(line) {
            Ok(line) => {
                new += usize::from(!line.is_ascii());
                text.push_str(line);
            }
            Err(_) => {
                old += 1;
                text.push_str(&WINDOWS_1252.decode_without_bom_handling(line).0);
            }
        }
    }
    let both = if new > 0 { format!(", and {new} with UTF-8") } else { String::new() };
    let lines = if old == 1 { "line" } else { "lines" };
    Ok((text.into(), format!("{} ({old} {lines} with characters of it{both})", WINDOWS_1252.name())))
}

fn wrong(path: &Path, what: &str, help: &str) -> ApiError {
    ApiError::usage(format!("{}: {what}", path.display())).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: impl AsRef<[u8]>) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn files_as_people_have_them() {
        for text in [
            "id,name\na,Ada\nb,\"Lee, Bo\"\n",
            "\u{feff}id;name\r\na;Ada\r\nb;\"Lee, Bo\"\r\n\r\n",
            "id\tname\na\tAda\nb\tLee, Bo",
        ] {
            let records = records(file(text).path()).unwrap();
            assert_eq!(
                (records.ids, records.rows),
                (vec!["a".into(), "b".into()], vec![vec!["Ada".into()], vec!["Lee, Bo".into()]])
            );
        }
    }

    #[test]
    fn files_in_the_encodings_that_people_have() {
        let utf_16 = |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        for (bytes, name, encoding) in [
            ("id,n\na,K\u{f6}ln \u{20ac}\n".as_bytes().to_vec(), "K\u{f6}ln \u{20ac}", "UTF-8"),
            ("\u{feff}id,n\na,K\u{f6}ln\n".as_bytes().to_vec(), "K\u{f6}ln", "UTF-8"),
            (b"id,n\na,K\xf6ln \x80\n".to_vec(), "K\u{f6}ln \u{20ac}", "windows-1252 (1 line with characters of it)"),
            (
                b"id,Stra\xc3\x9fe\na,K\xf6ln\nb,\xdc\n".to_vec(),
                "K\u{f6}ln",
                "windows-1252 (2 lines with characters of it, and 1 with UTF-8)",
            ),
            (utf_16("\u{feff}id,n\na,K\u{f6}ln\n"), "K\u{f6}ln", "UTF-16LE"),
        ] {
            let records = records(file(&bytes).path()).unwrap();
            assert_eq!((records.rows[0][0].as_str(), records.encoding.as_str()), (name, encoding));
        }
        for (bytes, expected) in [
            (utf_16("id,n\na,K\u{f6}ln\n"), "line 1 holds a zero byte"),
            (b"\xef\xbb\xbfid,n\na,1\nb,K\xf6ln\n".to_vec(), "say UTF-8, and line 3 is not"),
            (b"\xff\xfei\0d".iter().copied().chain(*b"\0,\0\xd8").collect(), "say UTF-16LE, and the rest is not"),
        ] {
            let message = records(file(bytes).path()).err().map(|error| error.message).unwrap_or_default();
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        let refused = |text: &str| records(file(text).path()).err().map(|error| error.message).unwrap_or_default();
        assert!(refused("id,n\na,1\nb,\"2\nc,3\n").contains("line 3 is never closed"));
        assert!(refused("id;n\na;\"x\ny\"\nb;\"2\nc;\"3\"\n").contains("line 4 is closed, and more text follows"));
        assert!(refused("").contains("it is empty"));
        assert!(refused("id\na\n").contains("one column"));
        assert!(refused("id,n\na,1\na,2\n").contains("lines 2 and 3"));
        let known = records(file("id,n\na,1\nb,2\nc,3\n").path()).unwrap();
        let read = |text: &str| pairs(file(text).path(), &known);
        assert_eq!(read("x,y\nb,a\nb,c\n").unwrap().0, BTreeSet::from([(0, 1), (1, 2)]));
        assert_eq!(read("b,a\n").unwrap().0, BTreeSet::from([(0, 1)]));
        for (text, expected) in
            [("a,b\na,z\n", "line 2: no record has the id `z`"), ("a,a\n", "with itself"), ("a,b\nc\n", "one value")]
        {
            assert!(read(text).err().is_some_and(|error| error.message.contains(expected)), "{text}");
        }
    }
}
