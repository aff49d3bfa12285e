//! Files that appear whole or not at all, for the hub's user only.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

/// A name beside a path for what is not complete yet.
pub(super) fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".partial-{}", std::process::id()));
    path.with_file_name(name)
}

/// A new file that only this user reads; nothing is opened that exists, no link is followed.
pub(super) fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// A file in this folder that has no name: it is gone when it is closed, also after a crash.
pub(super) fn nameless(folder: &Path) -> std::io::Result<File> {
    let path = folder.join(format!("nave.partial-{}-backup", std::process::id()));
    // Left by a process of the same number that was killed right between the two steps.
    let _ = std::fs::remove_file(&path);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

/// Gives a complete file its name, durably, and only if nothing has it.
pub(super) fn move_new(partial: &Path, to: &Path) -> std::io::Result<()> {
    File::open(partial)?.sync_all()?;
    match std::fs::hard_link(partial, to) {
        Ok(()) => std::fs::remove_file(partial)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => return Err(error),
        // Not every file system has links; whoever called has looked that the name is free.
        Err(_) => std::fs::rename(partial, to)?,
    }
    let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}
