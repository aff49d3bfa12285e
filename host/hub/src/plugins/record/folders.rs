//! Folders in memory, as a recording has them: read as they were, and written without touching a disk.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use nave_runtime::{FolderEntry, FolderError};

use super::{Body, RecordedFile, Recording};

/// Times of files that are written while a recording is played.
const WRITTEN_AT: &str = "2026-11-24T02:00:00Z";

/// Folder and name → when it was written, and what is in it.
type Files = BTreeMap<(String, String), (String, Vec<u8>)>;

/// Folders that a plugin asks for, with their files.
pub(crate) struct Folders {
    granted: Vec<String>,
    files: Mutex<Files>,
}

impl Folders {
    /// Those of a recording; `granted` are the folders that the plugin asks for.
    pub(crate) fn new(recording: Option<&Recording>, granted: impl IntoIterator<Item = String>) -> Self {
        let files = recording.iter().flat_map(|recording| &recording.files).map(|file: &RecordedFile| {
            ((file.folder.clone(), file.name.clone()), (file.modified_at.clone(), Body::bytes(&file.body)))
        });
        Self { granted: granted.into_iter().collect(), files: Mutex::new(files.collect()) }
    }

    fn has(&self, folder: &str) -> Result<(), FolderError> {
        match self.granted.iter().any(|granted| granted == folder) {
            true => Ok(()),
            false => Err(FolderError::Denied(format!("folder `{folder}` is not in the manifest"))),
        }
    }

    fn named(name: &str) -> Result<(), FolderError> {
        let climbs = name.is_empty() || name.starts_with('/') || name.split('/').any(|part| part == "..");
        if climbs { Err(FolderError::BadName(name.to_owned())) } else { Ok(()) }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Files) -> T) -> T {
        act(&mut self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// As the contract's `list`.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<FolderEntry>, FolderError> {
        self.has(folder)?;
        Ok(self.with(|files| {
            let here = files.iter().filter(|((of, _), _)| of == folder);
            here.map(|((_, name), (at, bytes))| FolderEntry {
                name: name.clone(),
                size: bytes.len() as u64,
                modified_at: at.clone(),
            })
            .collect()
        }))
    }

    /// As the contract's `read`.
    pub(crate) fn read(&self, folder: &str, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, FolderError> {
        self.has(folder)?;
        Self::named(name)?;
        self.with(|files| {
            let (_, bytes) = files.get(&(folder.to_owned(), name.to_owned())).ok_or(FolderError::NotFound)?;
            let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
            let end = start.saturating_add(length as usize).min(bytes.len());
            Ok(bytes[start..end].to_vec())
        })
    }

    /// As the contract's `write`, or `append`.
    pub(crate) fn write(&self, folder: &str, name: &str, content: &[u8], append: bool) -> Result<(), FolderError> {
        self.has(folder)?;
        Self::named(name)?;
        self.with(|files| {
            let file = files.entry((folder.to_owned(), name.to_owned())).or_default();
            if !append {
                file.1.clear();
            }
            file.1.extend_from_slice(content);
            WRITTEN_AT.clone_into(&mut file.0);
        });
        Ok(())
    }

    /// As the contract's `remove`.
    pub(crate) fn remove(&self, folder: &str, name: &str) -> Result<(), FolderError> {
        self.has(folder)?;
        self.with(|files| files.remove(&(folder.to_owned(), name.to_owned()))).map(drop).ok_or(FolderError::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_in_pieces_and_no_name_climbs() {
        let folders = Folders::new(None, ["drop".to_owned()]);
        folders.write("drop", "a.csv", b"one", false).expect("written");
        folders.write("drop", "a.csv", b"two", true).expect("written");
        assert_eq!(folders.read("drop", "a.csv", 2, 3).expect("bytes"), b"etw");
        assert_eq!(folders.read("drop", "a.csv", 9, 3).expect("the end"), b"");
        assert_eq!(folders.list("drop").expect("a list")[0].size, 6);
        assert_eq!(folders.read("drop", "../a.csv", 0, 1), Err(FolderError::BadName("../a.csv".to_owned())));
        assert!(matches!(folders.list("else"), Err(FolderError::Denied(_))));
        folders.remove("drop", "a.csv").expect("removed");
        assert_eq!(folders.read("drop", "a.csv", 0, 1), Err(FolderError::NotFound));
    }
}
