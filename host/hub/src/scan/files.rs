//! Which files are looked at: what is staged, or what lies under a path.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ScanError;

/// Of a file so much is looked at.
const FILE_BYTES_MAX: u64 = 16 << 20;
/// Folders that hold nobody's text.
const PASSED_OVER: [&str; 4] = [".git", "target", "node_modules", ".venv"];
/// Nested deeper is a circle.
const DEPTH_MAX: usize = 64;

/// A file's bytes, and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// As git or the caller names it.
    pub path: String,
    /// At most 16 MiB of it.
    pub bytes: Vec<u8>,
}

impl Text {
    /// As text; none where it is none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains('\0'))
    }
}

/// What the next commit would bring, from this folder or any other of the work tree: added and changed files as they are staged, named
/// from the top of it.
///
/// # Errors
/// [`ScanError::Git`] where this is no work tree.
pub fn staged(dir: &Path) -> Result<Vec<Text>, ScanError> {
    let names = git(dir, &["diff", "--cached", "--name-only", "-z", "--diff-filter=ACMRT", "--no-renames"])?;
    let mut texts = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let path = String::from_utf8_lossy(name).into_owned();
        // `:` is the index's version, from the top on.
        match git(dir, &["cat-file", "blob", &format!(":{path}")]) {
            Ok(mut bytes) => {
                bytes.truncate(FILE_BYTES_MAX as usize);
                texts.push(Text { path, bytes });
            }
            // Another repository within this one: it has a hook of its own.
            Err(ScanError::Git(why)) if why.contains("bad file") || why.contains("not a valid object") => {}
            Err(error) => return Err(error),
        }
    }
    Ok(texts)
}

/// A file, or every file under a folder that git does not ignore; `without` is passed over.
///
/// # Errors
/// [`ScanError::Io`] where it cannot be read.
pub fn under(path: &Path, without: &Path) -> Result<Vec<Text>, ScanError> {
    let about = std::fs::metadata(path).map_err(io(path))?;
    if about.is_file() {
        return Ok(vec![read(path, path.display().to_string())?]);
    }
    let listed = git(path, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files = match listed {
        Ok(names) => {
            let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
            names.map(|name| path.join(String::from_utf8_lossy(name).as_ref())).collect()
        }
        Err(_) => {
            let mut found = Vec::new();
            walk(path, DEPTH_MAX, &mut found)?;
            found
        }
    };
    let mut texts = Vec::new();
    for file in files.into_iter().filter(|file| !file.starts_with(without)) {
        // A link leads to what is looked at under its own name, or lies elsewhere; a file that was deleted is not there.
        if std::fs::symlink_metadata(&file).is_ok_and(|about| about.is_file()) {
            let name = file.strip_prefix(path).unwrap_or(&file).display().to_string();
            texts.push(read(&file, name)?);
        }
    }
    Ok(texts)
}

fn walk(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<(), ScanError> {
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io(folder))? {
        entries.push(entry.map_err(io(folder))?);
    }
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let kind = entry.file_type().map_err(io(&entry.path()))?;
        if kind.is_file() {
            found.push(entry.path());
        } else if kind.is_dir() && depth > 0 && !PASSED_OVER.iter().any(|name| entry.file_name() == *name) {
            walk(&entry.path(), depth - 1, found)?;
        }
    }
    Ok(())
}

fn read(path: &Path, name: String) -> Result<Text, ScanError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(io(path))?;
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes).map_err(io(path))?;
    Ok(Text { path: name, bytes })
}

fn io(path: &Path) -> impl FnOnce(std::io::Error) -> ScanError + '_ {
    |source| ScanError::Io { path: path.to_owned(), source }
}

/// What git says. Its hooks' environment (which index is the one of this commit) is its own.
pub(super) fn git(dir: &Path, arguments: &[&str]) -> Result<Vec<u8>, ScanError> {
    let output = Command::new("git").arg("-C").arg(dir).args(arguments).stdin(Stdio::null()).output();
    let output = output.map_err(|error| ScanError::Git(format!("it could not be started: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(ScanError::Git(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_but_what_nobody_wrote() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "text").unwrap();
        };
        for path in ["nave.toml", "a/b/c.txt", "target/x", "a/node_modules/y", "data/nave.redb", ".git-is-none/z"] {
            write(path);
        }
        std::os::unix::fs::symlink("nave.toml", folder.path().join("link")).unwrap();
        let names = |texts: Vec<Text>| texts.into_iter().map(|text| text.path).collect::<Vec<_>>();
        let found = under(folder.path(), &folder.path().join("data")).unwrap();
        assert_eq!(names(found), [".git-is-none/z", "a/b/c.txt", "nave.toml"]);
        let one = folder.path().join("data/nave.redb");
        assert_eq!(
            names(under(&one, &folder.path().join("data")).unwrap()),
            [one.display().to_string()],
            "what was named is looked at"
        );
        assert!(matches!(under(&folder.path().join("missing"), Path::new("")), Err(ScanError::Io { .. })));
        assert!(matches!(staged(folder.path()), Err(ScanError::Git(_))), "no work tree");
    }

    #[test]
    fn a_commit_is_looked_at_as_a_whole() {
        let top = tempfile::tempdir().unwrap();
        let project = top.path().join("hub");
        std::fs::create_dir(&project).unwrap();
        git(top.path(), &["init", "--quiet"]).unwrap();
        for path in ["hub/nave.toml", "outside.txt", "not-staged.txt"] {
            std::fs::write(top.path().join(path), path).unwrap();
        }
        git(top.path(), &["add", "hub/nave.toml", "outside.txt"]).unwrap();
        let expected = ["hub/nave.toml", "outside.txt"];
        for from in [top.path(), &project] {
            let found = staged(from).unwrap();
            assert_eq!(found.iter().map(|text| text.path.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(found.iter().map(|text| text.text().unwrap()).collect::<Vec<_>>(), expected);
        }
    }
}
