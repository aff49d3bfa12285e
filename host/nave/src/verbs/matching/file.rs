//! A file of records and a file of pairs, as people have them: any delimiter, with or without a mark at the beginning.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

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
}

/// Reads the records of a file.
pub(super) fn records(path: &Path) -> Result<Records, ApiError> {
    let mut lines = lines(path)?.into_iter();
    let headings =
        lines.next().ok_or_else(|| wrong(path, "it is empty", "the first line holds headings, the first column ids"))?;
    let mut records = Records { headings: headings.into_iter().skip(1).collect(), ids: Vec::new(), rows: Vec::new() };
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

/// Reads pairs of ids: as rows of these records, the smaller number first. A first line that names none is a heading.
pub(super) fn pairs(path: &Path, records: &Records) -> Result<BTreeSet<(u32, u32)>, ApiError> {
    let rows: HashMap<&str, u32> = records.ids.iter().enumerate().map(|(row, id)| (id.as_str(), row as u32)).collect();
    let mut pairs = BTreeSet::new();
    for (at, line) in lines(path)?.into_iter().enumerate() {
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
    Ok(pairs)
}

fn lines(path: &Path) -> Result<Vec<Vec<String>>, ApiError> {
    let failed = |error: &dyn std::fmt::Display| ApiError::usage(format!("{}: {error}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| failed(&error))?.len();
    if size > BYTES_MAX {
        return Err(wrong(path, &format!("it has {size} bytes"), &format!("at most {BYTES_MAX} are read")));
    }
    let bytes = std::fs::read(path).map_err(|error| failed(&error))?;
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    let delimiter = DELIMITERS.into_iter().rev().max_by_key(|delimiter| count(*delimiter)).unwrap_or(b',');
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).flexible(true).from_reader(bytes);
    let mut lines = Vec::new();
    let mut line = csv::ByteRecord::new();
    while reader.read_byte_record(&mut line).map_err(|error| failed(&error))? {
        lines.push(line.iter().map(|value| String::from_utf8_lossy(value).into_owned()).collect());
    }
    Ok(lines)
}

fn wrong(path: &Path, what: &str, help: &str) -> ApiError {
    ApiError::usage(format!("{}: {what}", path.display())).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
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
    fn what_is_wrong_is_said_with_its_line() {
        let refused = |text: &str| records(file(text).path()).err().map(|error| error.message).unwrap_or_default();
        assert!(refused("").contains("it is empty"));
        assert!(refused("id\na\n").contains("one column"));
        assert!(refused("id,n\na,1\na,2\n").contains("lines 2 and 3"));
        let known = records(file("id,n\na,1\nb,2\nc,3\n").path()).unwrap();
        let read = |text: &str| pairs(file(text).path(), &known);
        assert_eq!(read("x,y\nb,a\nb,c\n").unwrap(), BTreeSet::from([(0, 1), (1, 2)]));
        assert_eq!(read("b,a\n").unwrap(), BTreeSet::from([(0, 1)]));
        for (text, expected) in
            [("a,b\na,z\n", "line 2: no record has the id `z`"), ("a,a\n", "with itself"), ("a,b\nc\n", "one value")]
        {
            assert!(read(text).err().is_some_and(|error| error.message.contains(expected)), "{text}");
        }
    }
}
