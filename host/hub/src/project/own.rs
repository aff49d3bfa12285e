//! Folders that are the hub's own: no plugin is granted one.

use std::path::{Path, PathBuf};

/// Folders of the project that hold what the hub is told, and its plugins.
const OWN: [&str; 6] = ["connections", "entities", "lookups", "mappings", "plugins", "streams"];

/// Files of a hub's data folder: its key, its store, its socket. The folder of one is a hub's data, whatever `data` in
/// nave.toml says by now.
pub(crate) const DATA_FILES: [&str; 3] = ["master.key", "nave.redb", "nave.sock"];

/// The hub's own files are nobody's to read or write: its data holds the master key, its project what it is told to do.
/// A folder of its own within the project is a drop like any other.
///
/// # Errors
/// Why the folder is refused, as the rest of a sentence about it.
pub(crate) fn refuse_own(project: &Path, data: &Path, path: &Path) -> Result<(), String> {
    let (path, project) = (real(path), real(project));
    if project.starts_with(&path) {
        return Err("holds the hub's project directory".to_owned());
    }
    for own in OWN.iter().map(|name| project.join(name)).chain([data.to_owned()]) {
        let own = real(&own);
        if path.starts_with(&own) || own.starts_with(&path) {
            return Err(format!("is, holds or lies in {}, which is the hub's own", own.display()));
        }
    }
    match path.ancestors().find_map(data_file).or_else(|| folders_in(&path).iter().find_map(|folder| data_file(folder))) {
        Some(file) => {
            Err(format!("is, holds or lies in a hub's data folder: {} lies there, and no plugin may read it", file.display()))
        }
        None => Ok(()),
    }
}

/// The path without links and dots. What is not there yet is there by its name.
fn real(path: &Path) -> PathBuf {
    for known in path.ancestors() {
        if let (Ok(real), Ok(rest)) = (known.canonicalize(), path.strip_prefix(known)) {
            // Nothing is put after a whole path: that would say it is a folder.
            return if rest.as_os_str().is_empty() { real } else { real.join(rest) };
        }
    }
    path.to_owned()
}

/// The file that makes a folder a hub's data.
fn data_file(folder: &Path) -> Option<PathBuf> {
    DATA_FILES.iter().map(|name| folder.join(name)).find(|file| file.symlink_metadata().is_ok())
}

fn folders_in(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|entry| entry.path()).collect()
}
