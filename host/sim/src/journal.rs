//! The state file: everything a system knows, as lines of JSON that are only ever appended.
//!
//! First line: which system and seed. Then one line per write, holding the changed objects as they are afterwards; a later line
//! replaces an earlier one. A line is handed to the operating system before the write is answered, so a killed process loses nothing
//! that it answered (a power cut may). A torn last line is a write that was never answered: it is dropped. At start the file is
//! rewritten where more than half of it is superseded. Must not know what an entry means.

use crate::StartError;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead, BufReader, BufWriter, Seek, Write},
    path::{Path, PathBuf},
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Version of the format; 1.
    pub(crate) nave_sim: u32,
    pub(crate) system: String,
    pub(crate) seed: u64,
}

#[derive(Debug)]
pub(crate) struct Journal {
    file: File,
}

/// What a state file held.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// Entries that were replayed.
    pub(crate) entries: usize,
    /// Bytes up to the last whole line.
    bytes: u64,
}

/// Reads a file of this system and seed, handing each entry on. `None` where there is no file, or none that got past its first line.
pub(crate) fn load(
    path: &Path,
    expected: &Header,
    mut replay: impl FnMut(Value) -> Result<(), String>,
) -> Result<Option<Loaded>, StartError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(StartError::state(path, error)),
    };
    let broken = |line: usize, why: String| StartError::StateFile { path: path.to_owned(), line, why };
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut text = Vec::new();
    let mut known = false;
    let (mut entries, mut bytes, mut line) = (0, 0u64, 0);
    loop {
        text.clear();
        let read = reader.read_until(b'\n', &mut text).map_err(|error| StartError::state(path, error))?;
        if read == 0 || !text.ends_with(b"\n") {
            break;
        }
        line += 1;
        if !known {
            let found: Header = serde_json::from_slice(&text).map_err(|error| broken(line, error.to_string()))?;
            if found.nave_sim != expected.nave_sim {
                return Err(broken(line, format!("format {} is not known to this version", found.nave_sim)));
            }
            if (&found.system, found.seed) != (&expected.system, expected.seed) {
                let (is, not) = (found, expected);
                return Err(broken(
                    line,
                    format!(
                        "this is the state of `{}` with seed {}, not of `{}` with seed {}",
                        is.system, is.seed, not.system, not.seed
                    ),
                ));
            }
            known = true;
        } else {
            let found: Vec<Value> = serde_json::from_slice(&text).map_err(|error| broken(line, error.to_string()))?;
            for entry in found {
                replay(entry).map_err(|why| broken(line, why))?;
                entries += 1;
            }
        }
        bytes += read as u64;
    }
    Ok(known.then_some(Loaded { entries, bytes }))
}

impl Journal {
    /// Goes on where a loaded file ended; a torn line at its end is cut off.
    pub(crate) fn reopen(path: &Path, loaded: &Loaded) -> Result<Self, StartError> {
        let open = || -> io::Result<File> {
            let mut file = OpenOptions::new().write(true).open(path)?;
            file.set_len(loaded.bytes)?;
            file.seek(io::SeekFrom::End(0))?;
            Ok(file)
        };
        open().map(|file| Self { file }).map_err(|error| StartError::state(path, error))
    }

    /// Writes a whole state to a new file and puts it in place of the old one.
    pub(crate) fn create(path: &Path, header: &Header, state: impl FnOnce(&mut dyn FnMut(Value))) -> Result<Self, StartError> {
        let write = || -> io::Result<File> {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder)?;
            }
            let mut new = PathBuf::from(path);
            new.as_mut_os_string().push(".new");
            let mut out = BufWriter::with_capacity(1 << 20, File::create(&new)?);
            writeln!(out, "{}", serde_json::to_string(header)?)?;
            let mut failed = None;
            state(&mut |entry| {
                if failed.is_none() {
                    failed = writeln!(out, "[{entry}]").err();
                }
            });
            if let Some(error) = failed {
                return Err(error);
            }
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.sync_all()?;
            std::fs::rename(&new, path)?;
            Ok(file)
        };
        write().map(|file| Self { file }).map_err(|error| StartError::state(path, error))
    }

    /// Appends one write; returns after the operating system has it.
    pub(crate) fn append(&mut self, entries: Vec<Value>) -> io::Result<()> {
        let mut line = Value::Array(entries).to_string();
        line.push('\n');
        self.file.write_all(line.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header() -> Header {
        Header { nave_sim: 1, system: "crm".into(), seed: 7 }
    }

    fn replayed(path: &Path) -> (Option<Loaded>, Vec<Value>) {
        let mut seen = Vec::new();
        let loaded = load(path, &header(), |entry| {
            seen.push(entry);
            Ok(())
        });
        (loaded.unwrap(), seen)
    }

    #[test]
    fn a_torn_line_is_dropped_and_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/state.jsonl");
        assert!(replayed(&path).0.is_none());
        let mut journal = Journal::create(&path, &header(), |emit| emit(json!(1))).unwrap();
        journal.append(vec![json!(2), json!(3)]).unwrap();
        drop(journal);
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"[{\"torn\":").unwrap();

        let (loaded, seen) = replayed(&path);
        let loaded = loaded.unwrap();
        assert_eq!(loaded.entries, 3);
        assert_eq!(seen, [json!(1), json!(2), json!(3)]);
        Journal::reopen(&path, &loaded).unwrap().append(vec![json!(4)]).unwrap();
        assert_eq!(replayed(&path).1, [json!(1), json!(2), json!(3), json!(4)]);
    }

    #[test]
    fn a_damaged_line_says_where() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.jsonl");
        std::fs::write(&path, "{\"nave_sim\":1,\"system\":\"crm\",\"seed\":7}\n[1]\nnonsense\n").unwrap();
        let error = load(&path, &header(), |_| Ok(())).unwrap_err().to_string();
        assert!(error.contains("line 3"), "{error}");
    }
}
