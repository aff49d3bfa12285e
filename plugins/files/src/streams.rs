//! From files to streams: described ones by their pattern, others by the file's name.
//!
//! `contacts.csv`, `contacts-2026-11-24.csv` and `old/contacts_2.jsonl` are all the stream `contacts`.
//! A stream named `export-…` is a file in the export folder.

use nave_sdk::folder::{self, Entry, Error};
use nave_sdk::types::Failure;

use crate::settings::{Folder, Format, Settings, StreamSetting};

/// Streams that are offered for export when none are described.
const EXPORTS: [&str; 2] = ["export-contacts", "export-companies"];

/// The setting of a stream: described, or found.
pub(crate) fn setting(settings: &Settings, name: &str) -> StreamSetting {
    let described = settings.streams.iter().find(|stream| stream.name == name);
    let mut found = described.cloned().unwrap_or_else(|| {
        let folder = if name.starts_with("export-") { Folder::Export } else { Folder::Drop };
        StreamSetting::found(name, folder)
    });
    found.readers = found.readers.or(Some(settings.export_for));
    found
}

/// The files of a stream, sorted by name. A missing export file is no files.
pub(crate) fn files(settings: &Settings, stream: &StreamSetting) -> Result<Vec<Entry>, Failure> {
    let mut files = match folder::list(stream.folder.name()) {
        Ok(files) => files,
        Err(Error::NotFound) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if stream.folder == Folder::Export {
        let name = export_file(settings, stream);
        files.retain(|file| file.name == name);
    } else {
        files.retain(|file| belongs(settings, stream, &file.name));
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// The one file of an export.
pub(crate) fn export_file(settings: &Settings, stream: &StreamSetting) -> String {
    stream.file.clone().unwrap_or_else(|| {
        let format = stream.format.or(settings.export_format).unwrap_or(Format::Jsonl);
        format!("{}.{}", stream.name.strip_prefix("export-").unwrap_or(&stream.name), format.ending())
    })
}

/// Spelling of a file: as described, else by its ending.
pub(crate) fn format(stream: &StreamSetting, file: &str) -> Format {
    stream.format.or_else(|| Format::of(file)).unwrap_or(Format::Csv)
}

/// All streams that there are: described, found in the drop folder, and exports if that folder is granted.
pub(crate) fn all(settings: &Settings) -> Result<Vec<StreamSetting>, Failure> {
    let mut streams = settings.streams.clone();
    let mut names: Vec<String> = folder::list("drop")?
        .iter()
        .filter(|file| !settings.streams.iter().any(|stream| described(stream, &file.name)))
        .filter_map(|file| stream_of(&file.name))
        .collect();
    names.sort();
    names.dedup();
    names.retain(|name| !streams.iter().any(|stream| stream.name == *name));
    streams.extend(names.iter().map(|name| StreamSetting::found(name, Folder::Drop)));
    let exports_described = streams.iter().any(|stream| stream.folder == Folder::Export);
    if !exports_described && folder::list("export").is_ok() {
        streams.extend(EXPORTS.map(|name| StreamSetting::found(name, Folder::Export)));
    }
    Ok(streams)
}

fn described(stream: &StreamSetting, file: &str) -> bool {
    stream.folder == Folder::Drop && stream.file.as_ref().is_some_and(|pattern| fits(pattern, file))
}

fn belongs(settings: &Settings, stream: &StreamSetting, file: &str) -> bool {
    match &stream.file {
        Some(pattern) => fits(pattern, file),
        None => {
            stream_of(file).as_deref() == Some(stream.name.as_str())
                && !settings.streams.iter().any(|other| other.name != stream.name && described(other, file))
        }
    }
}

/// The stream of a file that nobody described: its name without folders, ending, and a date or number at its end.
pub(crate) fn stream_of(file: &str) -> Option<String> {
    Format::of(file)?;
    let name = file.rsplit('/').next()?;
    if name.starts_with('.') {
        return None;
    }
    let (mut stem, _) = name.rsplit_once('.')?;
    while let Some(cut) = stem.rfind(['-', '_', '.', ' ']) {
        let tail = &stem[cut + 1..];
        let is_number = !tail.is_empty() && tail.bytes().all(|byte| byte.is_ascii_digit() || byte == b'T' || byte == b'Z');
        if !is_number || !tail.as_bytes()[0].is_ascii_digit() || cut == 0 {
            break;
        }
        stem = &stem[..cut];
    }
    Some(stem.to_owned())
}

/// Whether a name fits a pattern with `*` (any text, folders included).
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(file: &str, expected: Option<&str>) {
        assert_eq!(stream_of(file).as_deref(), expected, "{file}");
    }

    #[test]
    fn a_file_names_its_stream() {
        check("contacts.csv", Some("contacts"));
        check("contacts-2026-11-24.csv", Some("contacts"));
        check("old/contacts_2.jsonl", Some("contacts"));
        check("contacts.20261124T101500Z.csv", Some("contacts"));
        check("febrl1.csv", Some("febrl1"));
        check("new-contacts.csv", Some("new-contacts"));
        check("2026.csv", Some("2026"));
        check("contacts.csv.part", None);
        check("notes.txt", None);
        check("old/.contacts.csv", None);
    }

    #[test]
    fn patterns_fit() {
        for (pattern, name, expected) in [
            ("contacts*.csv", "contacts.csv", true),
            ("contacts*.csv", "contacts-1.csv", true),
            ("contacts*.csv", "contacts.jsonl", false),
            ("*", "anything", true),
            ("a*b*c", "axxbyyc", true),
            ("a*b*c", "axxcyyb", false),
            ("a.csv", "a.csv", true),
            ("a.csv", "a.csv2", false),
            ("ab*ba", "aba", false),
        ] {
            assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
        }
    }
}
