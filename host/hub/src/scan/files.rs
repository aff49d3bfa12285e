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
    /// At most 16 MiB of it; what is text in another encoding is in UTF-8 here.
    pub bytes: Vec<u8>,
}

impl Text {
    fn new(path: String, bytes: Vec<u8>) -> Self {
        Self { path, bytes: in_utf8(bytes) }
    }

    /// As text; none where it is none.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.bytes).ok().filter(|text| !text.contains('\0'))
    }
}

/// UTF-16, as Windows writes it, with its mark or without; and one byte a character, of which only the letters without accents can hold
/// a secret, whichever of those encodings it is. Anything else as it is.
fn in_utf8(bytes: Vec<u8>) -> Vec<u8> {
    let zeros = |odd: usize| bytes.iter().take(4096).skip(odd).step_by(2).filter(|byte| **byte == 0).count();
    let (even, odd, half) = (zeros(0), zeros(1), bytes.len().min(4096) / 2);
    let (little, start) = match bytes.as_slice() {
        [0xff, 0xfe, ..] => (Some(true), 2),
        [0xfe, 0xff, ..] => (Some(false), 2),
        // Letters of Latin have a zero each, in one place of the two.
        _ if odd > half / 2 && even == 0 => (Some(true), 0),
        _ if even > half / 2 && odd == 0 => (Some(false), 0),
        _ => (None, 0),
    };
    match little {
        Some(little) => {
            let read = if little { u16::from_le_bytes } else { u16::from_be_bytes };
            let units: Vec<u16> = bytes[start..].as_chunks::<2>().0.iter().map(|pair| read(*pair)).collect();
            String::from_utf16_lossy(&units).into_bytes()
        }
        None if std::str::from_utf8(&bytes).is_err() && !bytes.contains(&0) => {
            bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into_bytes()
        }
        None => bytes,
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
                texts.push(Text::new(path, bytes));
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
    Ok(Text::new(name, bytes))
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
    fn text_in_another_encoding_is_text() {
        let utf16 = |mark: bool, bytes: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let mark = if mark { "\u{feff}" } else { "" };
            format!("{mark}token = ü\r\n").encode_utf16().flat_map(bytes).collect()
        };
        for (what, bytes, expected) in [
            ("UTF-8", "token = ü".as_bytes().to_vec(), Some("token = ü")),
            ("UTF-16 of Windows", utf16(true, u16::to_le_bytes), Some("token = ü\r\n")),
            ("UTF-16, big end first", utf16(true, u16::to_be_bytes), Some("token = ü\r\n")),
            ("UTF-16 without its mark", utf16(false, u16::to_le_bytes), Some("token = ü\r\n")),
            ("UTF-16 without its mark, big end first", utf16(false, u16::to_be_bytes), Some("token = ü\r\n")),
            ("Latin-1", b"token = \xfc".to_vec(), Some("token = ü")),
            ("no text", vec![0x7f, 0, 0, 1, 0xff, 0xfe, 9], None),
            ("nothing", vec![], Some("")),
        ] {
            assert_eq!(Text::new("x".to_owned(), bytes).text(), expected, "{what}");
        }
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
