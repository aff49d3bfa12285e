//! Which files are looked at: what is staged, or what lies under a path.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::ScanError;

/// Of a file so much is looked at; where it has more, that is said.
pub const FILE_BYTES_MAX: u64 = 256 << 20;
/// Folders that hold nobody's text.
const PASSED_OVER: [&str; 4] = [".git", "target", "node_modules", ".venv"];
/// Nested deeper is a circle.
const DEPTH_MAX: usize = 64;

/// A file's bytes, and what to call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    /// As git or the caller names it.
    pub path: String,
    /// At most [`FILE_BYTES_MAX`] of it; what is text in another encoding is in UTF-8 here.
    pub bytes: Vec<u8>,
    /// The file has more than that.
    pub cut: bool,
}

impl Text {
    fn new(path: String, bytes: Vec<u8>) -> Self {
        Self { path, bytes: in_utf8(bytes), cut: false }
    }

    /// What comes from there, of it at most so many bytes.
    fn read(path: String, from: impl Read, most: u64) -> std::io::Result<Self> {
        let mut bytes = Vec::new();
        from.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
        let cut = bytes.len() as u64 > most;
        if cut {
            bytes.pop();
            // Not within a character: what is left of it is text still.
            if let Err(error) = std::str::from_utf8(&bytes)
                && error.error_len().is_none()
            {
                bytes.truncate(error.valid_up_to());
            }
        }
        Ok(Self { cut, ..Self::new(path, bytes) })
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

/// Files one after another: each is read when it is asked for.
pub type Texts = Box<dyn Iterator<Item = Result<Text, ScanError>> + Send>;

/// What the next commit would bring, from this folder or any other of the work tree: added and changed files as they are staged, named
/// from the top of it.
///
/// # Errors
/// [`ScanError::Git`] where this is no work tree.
pub fn staged(dir: &Path) -> Result<Texts, ScanError> {
    let names = git(dir, &["diff", "--cached", "--name-only", "-z", "--diff-filter=ACMRT", "--no-renames"])?;
    let names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let paths: Vec<String> = names.map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    let dir = dir.to_owned();
    Ok(Box::new(paths.into_iter().filter_map(move |path| match blob(&dir, &path, FILE_BYTES_MAX) {
        // Another repository within this one: it has a hook of its own.
        Err(ScanError::Git(why)) if why.contains("bad file") || why.contains("not a valid object") => None,
        other => Some(other),
    })))
}

/// A file as it is staged.
fn blob(dir: &Path, path: &str, most: u64) -> Result<Text, ScanError> {
    let failed = |error: std::io::Error| ScanError::Git(format!("it could not be started: {error}"));
    // `:` is the index's version, from the top on.
    let mut command = Command::new("git");
    command.arg("-C").arg(dir).args(["cat-file", "blob", &format!(":{path}")]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let read = match child.stdout.take() {
        Some(out) => Text::read(path.to_owned(), out, most),
        None => Err(std::io::ErrorKind::BrokenPipe.into()),
    };
    // Where it was cut, git cannot write on and ends by itself: its end of the pipe is the only one now.
    let output = child.wait_with_output().map_err(failed)?;
    let text = read.map_err(io(Path::new(path)))?;
    if text.cut || output.status.success() {
        return Ok(text);
    }
    Err(ScanError::Git(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
}

/// A file, or every file under a folder that git does not ignore; `without` is passed over.
///
/// # Errors
/// [`ScanError::Io`] where it cannot be read.
pub fn under(path: &Path, without: &Path) -> Result<Texts, ScanError> {
    let about = std::fs::metadata(path).map_err(io(path))?;
    if about.is_file() {
        return Ok(Box::new(std::iter::once(read(path, path.display().to_string()))));
    }
    let listed = git(path, &["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let files: Vec<PathBuf> = match listed {
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
    let (path, without) = (path.to_owned(), without.to_owned());
    Ok(Box::new(files.into_iter().filter(move |file| !file.starts_with(&without)).filter_map(move |file| {
        // A link leads to what is looked at under its own name, or lies elsewhere; a file that was deleted is not there.
        let is_file = std::fs::symlink_metadata(&file).is_ok_and(|about| about.is_file());
        is_file.then(|| read(&file, file.strip_prefix(&path).unwrap_or(&file).display().to_string()))
    })))
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
    let file = File::open(path).map_err(io(path))?;
    Text::read(name, file, FILE_BYTES_MAX).map_err(io(path))
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
        let names = |texts: Texts| texts.map(|text| text.unwrap().path).collect::<Vec<_>>();
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
    fn what_is_too_large_is_said_to_be_cut() {
        for (bytes, most, expected, cut) in [
            ("four", 5, "four", false),
            ("four", 4, "four", false),
            ("four", 3, "fou", true),
            ("fürs", 2, "f", true),
            ("", 0, "", false),
        ] {
            let text = Text::read("x".to_owned(), bytes.as_bytes(), most).unwrap();
            assert_eq!((text.text(), text.cut), (Some(expected), cut), "{bytes} {most}");
        }
        let top = tempfile::tempdir().unwrap();
        git(top.path(), &["init", "--quiet"]).unwrap();
        // More than a pipe holds: git still has to write when nobody reads any more.
        std::fs::write(top.path().join("large.txt"), "x".repeat(1 << 20)).unwrap();
        git(top.path(), &["add", "large.txt"]).unwrap();
        for (most, length, cut) in [(1 << 20, 1 << 20, false), (1_000, 1_000, true)] {
            let text = blob(top.path(), "large.txt", most).unwrap();
            assert_eq!((text.bytes.len(), text.cut), (length, cut));
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
            let found: Vec<Text> = staged(from).unwrap().map(Result::unwrap).collect();
            assert_eq!(found.iter().map(|text| text.path.as_str()).collect::<Vec<_>>(), expected);
            assert_eq!(found.iter().map(|text| text.text().unwrap()).collect::<Vec<_>>(), expected);
        }
    }
}
