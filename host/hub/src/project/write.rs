//! Files that appear whole or not at all.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use super::ProjectError;

/// Writes a file under a temporary name beside it, makes it durable, then gives it its name. Folders are made.
pub(crate) fn whole(path: &Path, bytes: &[u8]) -> Result<(), ProjectError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(ProjectError::io(folder))?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let draft = folder.join(format!(".{name}.{}.new", std::process::id()));
    let result = (|| {
        let mut file = fs::File::create(&draft)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&draft, path)
    })();
    if result.is_err() {
        let _ = fs::remove_file(&draft);
    }
    result.map_err(ProjectError::io(path))
}

/// Writes a file only where there is none. Says whether it did.
pub(crate) fn if_missing(path: &Path, bytes: &[u8]) -> Result<bool, ProjectError> {
    if path.exists() {
        return Ok(false);
    }
    whole(path, bytes).map(|()| true)
}
