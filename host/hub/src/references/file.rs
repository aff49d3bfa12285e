//! A secret in a file: a mounted secret of Kubernetes or Docker, or what an agent writes and writes again.
//!
//! Read only where nobody else could have put it or can read it: no others' rights, owned by this user or root, no link out of its
//! folder, outside of the project and its data. Links within the folder are how Kubernetes exchanges all of a folder at once.

use std::fs::{File, Metadata};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use nave_core::limits::SECRET_BYTES_MAX;
use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::secrets::SecretBytes;

/// Rights of everybody, and of the group but to read.
const TOO_MUCH: u32 = 0o027;

/// The secret in a file, and how the file looked. One line end belongs to the file, not to the secret.
///
/// # Errors
/// Why it is not taken, and what to type.
pub(super) fn read(path: &Path, forbidden: &[PathBuf]) -> Result<(SecretBytes, String), String> {
    let real = real(path, forbidden)?;
    let io = |error: std::io::Error| format!("{}: {error}", path.display());
    // Neither a link that was put there since, nor a pipe that nobody writes to.
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC).bits();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags as i32).open(&real).map_err(io)?;
    let found = file.metadata().map_err(io)?;
    safe(path, &found)?;
    let secret = whole(file).map_err(io)?;
    if secret.len() > SECRET_BYTES_MAX {
        return Err(format!("{} is larger than {SECRET_BYTES_MAX} bytes: that is no secret", path.display()));
    }
    let text = secret.strip_suffix(b"\n").map_or(&secret[..], |text| text.strip_suffix(b"\r").unwrap_or(text));
    if text.is_empty() {
        return Err(format!("{} is empty: is it being written at this moment?", path.display()));
    }
    Ok((SecretBytes::new(text), look(&found)))
}

/// How the file that a path leads to looks now; none where there is none.
pub(super) fn looks(path: &Path) -> Option<String> {
    std::fs::metadata(path).ok().map(|found| look(&found))
}

/// Changes with every exchange and every writing, also one of the same length within one second.
fn look(found: &Metadata) -> String {
    let (mtime, ctime) = ((found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec()));
    format!("{} {} {} {}.{} {}.{}", found.dev(), found.ino(), found.len(), mtime.0, mtime.1, ctime.0, ctime.1)
}

/// Where a path leads, if it may lead there.
fn real(path: &Path, forbidden: &[PathBuf]) -> Result<PathBuf, String> {
    let io = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("there is no file {}", path.display()),
        _ => format!("{}: {error}", path.display()),
    };
    let real = path.canonicalize().map_err(io)?;
    let folder = path.parent().unwrap_or(Path::new("/")).canonicalize().map_err(io)?;
    if !real.starts_with(&folder) {
        return Err(format!(
            "{} is a link out of its folder, to {}; name the file itself: `--file {}`",
            path.display(),
            real.display(),
            crate::shell::word(&real.display().to_string())
        ));
    }
    // What the hub keeps itself is no secret of a system: the master key would go out as one.
    if forbidden.iter().any(|inside| inside.canonicalize().is_ok_and(|inside| real.starts_with(inside))) {
        return Err(format!(
            "{} lies within the project or its data, which are kept, copied and committed; put it outside, or `nave secret set NAME` keeps it sealed",
            path.display()
        ));
    }
    Ok(real)
}

/// Nobody else may read it, or have put it there.
fn safe(path: &Path, found: &Metadata) -> Result<(), String> {
    if !found.is_file() {
        return Err(format!("{} is no file", path.display()));
    }
    if found.mode() & TOO_MUCH != 0 {
        return Err(format!(
            "others may read or change {} (mode {:04o}); `chmod 600 {}`, in Kubernetes `defaultMode: 0400` (0440 with `fsGroup`), in Docker `mode: 0400`",
            path.display(),
            found.mode() & 0o7777,
            crate::shell::word(&path.display().to_string())
        ));
    }
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me && found.uid() != 0 {
        return Err(format!("{} belongs to user {}, neither to this one ({me}) nor to root", path.display(), found.uid()));
    }
    Ok(())
}

/// At most one byte more than a secret has; no copy of it stays behind.
fn whole(file: File) -> std::io::Result<Zeroizing<Vec<u8>>> {
    let mut secret = Zeroizing::new(Vec::with_capacity(SECRET_BYTES_MAX + 2));
    file.take(SECRET_BYTES_MAX as u64 + 1).read_to_end(&mut secret)?;
    Ok(secret)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    struct Bench {
        dir: tempfile::TempDir,
    }

    impl Bench {
        fn new() -> Self {
            let bench = Self { dir: tempfile::tempdir().unwrap() };
            for folder in ["run", "project", "other"] {
                std::fs::create_dir(bench.at(folder)).unwrap();
            }
            bench
        }

        fn at(&self, path: &str) -> PathBuf {
            self.dir.path().canonicalize().unwrap().join(path)
        }

        fn put(&self, path: &str, text: &[u8], mode: u32) -> PathBuf {
            let file = self.at(path);
            std::fs::write(&file, text).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
            file
        }

        /// The secret, or a part of why there is none.
        #[track_caller]
        fn check(&self, path: &Path, expected: Result<&[u8], &str>) {
            match (read(path, &[self.at("project")]), expected) {
                (Ok((secret, _)), Ok(text)) => assert_eq!(secret.expose(), text),
                (Err(why), Err(part)) => assert!(why.contains(part), "{why}"),
                (found, expected) => panic!("{found:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn only_what_nobody_else_can_read_or_put_there_is_taken() {
        let bench = Bench::new();
        for (mode, expected) in [
            (0o400, true),
            (0o600, true),
            (0o440, true),
            (0o640, true),
            (0o604, false),
            (0o644, false),
            (0o620, false),
            (0o602, false),
            (0o601, false),
        ] {
            let file = bench.put("run/crm", b"s3cret-value\n", mode);
            let expected: Result<&[u8], _> = if expected { Ok(b"s3cret-value") } else { Err("chmod 600") };
            bench.check(&file, expected);
        }
        for (text, expected) in [
            (&b"two\nlines\n"[..], Ok(&b"two\nlines"[..])),
            (b"dos\r\n", Ok(b"dos")),
            (b"only one\n\n", Ok(b"only one\n")),
            (b"", Err("is empty")),
            (b"\n", Err("is empty")),
            (&vec![b'x'; SECRET_BYTES_MAX + 1], Err("is larger")),
        ] {
            bench.check(&bench.put("run/crm", text, 0o600), expected);
        }
        bench.check(&bench.at("run/none"), Err("there is no file"));
        bench.check(&bench.at("run"), Err("is no file"));
        let pipe = bench.at("run/pipe");
        let made = std::process::Command::new("mkfifo").arg("-m600").arg(&pipe).status().unwrap();
        assert!(made.success());
        bench.check(&pipe, Err("is no file"));
    }

    #[test]
    fn a_link_leads_nowhere_else_and_the_project_is_no_place() {
        let bench = Bench::new();
        let secret = bench.put("other/key", b"another-secret", 0o600);
        let link = bench.at("run/link");
        symlink(&secret, &link).unwrap();
        bench.check(&link, Err("a link out of its folder"));
        let inside = bench.put("project/key", b"the-master-key", 0o600);
        bench.check(&inside, Err("within the project"));
        // By a link to the folder it is the same place.
        symlink(bench.at("project"), bench.at("alias")).unwrap();
        bench.check(&bench.at("alias/key"), Err("within the project"));
    }

    /// As Kubernetes does it: `token` → `..data/token`, `..data` → a folder of its own for every version.
    #[test]
    fn a_mounted_folder_is_exchanged_at_once_and_seen() {
        let bench = Bench::new();
        let (path, data) = (bench.at("run/token"), bench.at("run/..data"));
        symlink("..data/token", &path).unwrap();
        for (version, text) in [("..1", "the-first"), ("..2", "the-secnd")] {
            std::fs::create_dir(bench.at(&format!("run/{version}"))).unwrap();
            bench.put(&format!("run/{version}/token"), text.as_bytes(), 0o400);
            let before = looks(&path);
            let next = bench.at("run/..tmp");
            symlink(version, &next).unwrap();
            std::fs::rename(&next, &data).unwrap();
            assert_ne!(looks(&path), before);
            bench.check(&path, Ok(text.as_bytes()));
        }
        assert_eq!(looks(&bench.at("run/none")), None);
        // Written in place, as long as before.
        let file = bench.put("run/plain", b"the-first", 0o600);
        let (_, before) = read(&file, &[]).unwrap();
        assert_eq!(looks(&file).as_ref(), Some(&before));
        let newer = bench.put("run/newer", b"the-secnd", 0o600);
        std::fs::rename(newer, &file).unwrap();
        assert_ne!(looks(&file).as_ref(), Some(&before));
    }
}
