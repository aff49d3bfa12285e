//! Granted folders. A name can lead nowhere else: the directory is held open and every look-up stays below it,
//! links included (`cap-std` opens path by path under the kernel's own check).

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt as _};
use nave_core::grant::{FolderGrant, check_folder};
use nave_core::limits::HOSTCALL_BYTES_MAX;
use nave_core::manifest::FolderAccess;
use nave_runtime::{FolderEntry, FolderError};

use crate::project::{DATA_FILES, refuse_own};

/// Files listed of one folder.
const ENTRIES_MAX: usize = 100_000;
/// Depth of folders in folders.
const DEPTH_MAX: usize = 8;

/// The folders of one connection.
pub(crate) struct Folders {
    open: BTreeMap<String, (closed::Closed, FolderAccess)>,
    /// Where they lie, for people.
    paths: BTreeMap<String, PathBuf>,
}

/// Links that were told of: each once while the hub runs.
static TOLD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
/// Links of one listing that are told of; a folder may be full of them.
const LINKS_TOLD_MAX: usize = 16;

/// A folder that is held, and reached into with a grant alone.
mod closed {
    use cap_std::fs::Dir;
    use nave_core::grant::Grant;

    pub(super) struct Closed(Dir);

    impl Closed {
        pub(super) fn new(dir: Dir) -> Self {
            Self(dir)
        }

        /// The folder, for what was granted.
        pub(super) fn open(&self, _granted: &Grant) -> &Dir {
            &self.0
        }
    }
}

impl Folders {
    /// Opens what was granted. A granted folder that is missing is made, so that a drop can be set up before its first file.
    pub(crate) fn open(project: &Path, data: &Path, grants: &BTreeMap<String, FolderGrant>) -> Result<Self, String> {
        let (mut open, mut paths) = (BTreeMap::new(), BTreeMap::new());
        for (name, grant) in grants {
            let path = project.join(&grant.path);
            std::fs::create_dir_all(&path).map_err(|error| format!("folder `{name}` ({}): {error}", path.display()))?;
            // Once it is there: only then is it known where the name leads.
            refuse_own(project, data, &path).map_err(|why| {
                format!("folder `{name}` ({}) {why}; give another path under [grants.folders.{name}]", path.display())
            })?;
            let dir = Dir::open_ambient_dir(&path, ambient_authority())
                .map_err(|error| format!("folder `{name}` ({}): {error}", path.display()))?;
            open.insert(name.clone(), (closed::Closed::new(dir), grant.access));
            paths.insert(name.clone(), path);
        }
        Ok(Self { open, paths })
    }

    fn dir(&self, folder: &str, write: bool) -> Result<&Dir, FolderError> {
        let held = self.open.get(folder);
        let granted = check_folder(folder, held.map(|(_, access)| *access), write);
        match (held, granted) {
            (Some((dir, _)), Ok(granted)) => Ok(dir.open(&granted)),
            (_, Err(denied)) => Err(FolderError::Denied(denied.message)),
            (None, Ok(_)) => Err(FolderError::NotFound),
        }
    }

    pub(crate) fn list(&self, folder: &str) -> Result<Vec<FolderEntry>, FolderError> {
        let mut found = Vec::new();
        let mut links = Vec::new();
        walk(self.dir(folder, false)?, "", 0, &mut found, &mut links).map_err(io)?;
        for link in self.untold(folder, links) {
            tracing::warn!(
                "{} is a link, and is passed over: what it leads to was not granted. Put the file itself there",
                link.display()
            );
        }
        found.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(found)
    }

    /// Of these links in a folder, those that nobody was told of yet.
    fn untold(&self, folder: &str, links: Vec<String>) -> Vec<PathBuf> {
        let Some(path) = self.paths.get(folder) else { return Vec::new() };
        let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
        links.into_iter().map(|name| path.join(name)).filter(|link| told.insert(link.clone())).collect()
    }

    pub(crate) fn read(&self, folder: &str, name: &str, offset: u64, length: u32) -> Result<Vec<u8>, FolderError> {
        let dir = self.dir(folder, false)?;
        let mut options = OpenOptions::new();
        options.read(true);
        let mut file = regular(dir, checked(name)?, options)?;
        file.seek(SeekFrom::Start(offset)).map_err(io)?;
        let mut piece = Vec::new();
        file.take(u64::from(length).min(HOSTCALL_BYTES_MAX as u64 / 2)).read_to_end(&mut piece).map_err(io)?;
        Ok(piece)
    }

    /// Into a file beside it, made durable, then put in its place.
    pub(super) fn write(&self, folder: &str, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let dir = self.dir(folder, true)?;
        let name = checked(name)?;
        if let Some(parent) = Path::new(name).parent().filter(|parent| !parent.as_os_str().is_empty()) {
            dir.create_dir_all(parent).map_err(io)?;
        }
        let beside = format!("{name}.nave-new");
        // Whatever lies there, it is not written into: a pipe would be waited for, a link leads elsewhere.
        let _ = dir.remove_file(&beside);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        let mut file = regular(dir, &beside, options)?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(io)?;
        dir.rename(&beside, dir, name).map_err(io)
    }

    pub(super) fn append(&self, folder: &str, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let dir = self.dir(folder, true)?;
        let mut options = OpenOptions::new();
        options.append(true).create(true);
        let mut file = regular(dir, checked(name)?, options)?;
        file.write_all(content).and_then(|()| file.sync_all()).map_err(io)
    }

    pub(super) fn remove(&self, folder: &str, name: &str) -> Result<(), FolderError> {
        self.dir(folder, true)?.remove_file(checked(name)?).map_err(io)
    }
}

/// Opens a regular file, and nothing else; never waits for the other end of a pipe.
fn regular(dir: &Dir, name: &str, mut options: OpenOptions) -> Result<File, FolderError> {
    options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    let odd = || FolderError::BadName(format!("`{name}` is not a regular file"));
    let file = dir.open_with(name, &options).map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::NXIO) => odd(),
        _ => io(error),
    })?;
    if file.metadata().map_err(io)?.is_file() { Ok(file) } else { Err(odd()) }
}

/// A plain relative name; anything cleverer is refused before the disk is asked.
fn checked(name: &str) -> Result<&str, FolderError> {
    let plain = !name.is_empty()
        && name.len() <= 1_024
        && !name.contains(['\\', '\0'])
        && name.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !plain {
        return Err(FolderError::BadName(format!("`{}` is not a plain relative name", name.escape_debug())));
    }
    // However deep it lies, and whoever puts it there: such a file would be a hub's.
    match name.rsplit('/').next().filter(|last| DATA_FILES.contains(last)) {
        Some(last) => {
            Err(FolderError::BadName(format!("`{last}` is the name of a file of the hub's own data; take another name")))
        }
        None => Ok(name),
    }
}

fn walk(dir: &Dir, prefix: &str, depth: usize, found: &mut Vec<FolderEntry>, links: &mut Vec<String>) -> std::io::Result<()> {
    for entry in dir.entries()? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.ends_with(".nave-new") || found.len() >= ENTRIES_MAX {
            continue;
        }
        // Links are not followed: what they point to was not granted.
        let kind = entry.file_type()?;
        if kind.is_dir() && depth < DEPTH_MAX {
            walk(&entry.open_dir()?, &format!("{prefix}{name}/"), depth + 1, found, links)?;
        } else if kind.is_symlink() && links.len() < LINKS_TOLD_MAX {
            links.push(format!("{prefix}{name}"));
        } else if kind.is_file() {
            let data = entry.metadata()?;
            let modified = data.modified().ok().map(|time| time.into_std()).unwrap_or(std::time::UNIX_EPOCH);
            let ms = modified.duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
            found.push(FolderEntry {
                name: format!("{prefix}{name}"),
                size: data.len(),
                modified_at: nave_core::model::Time(ms).to_string(),
            });
        }
    }
    Ok(())
}

fn io(error: std::io::Error) -> FolderError {
    match error.kind() {
        std::io::ErrorKind::NotFound => FolderError::NotFound,
        std::io::ErrorKind::PermissionDenied => {
            FolderError::BadName("it leads out of the granted folder, or may not be opened".into())
        }
        _ => FolderError::Io(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `r` and `w` are folders granted for reading and for writing; `secret.txt` lies outside of both.
    fn folders() -> (tempfile::TempDir, Folders) {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("secret.txt"), "secret").unwrap();
        let grants = [("r", FolderAccess::Read), ("w", FolderAccess::ReadWrite)]
            .map(|(name, access)| (name.to_owned(), FolderGrant { path: name.into(), access }));
        let folders = Folders::open(root.path(), &root.path().join("data"), &grants.into()).unwrap();
        std::fs::write(root.path().join("r/a.csv"), "id,name\n1,Ada\n").unwrap();
        std::os::unix::fs::symlink("../secret.txt", root.path().join("r/link")).unwrap();
        std::os::unix::fs::symlink("..", root.path().join("r/up")).unwrap();
        (root, folders)
    }

    #[track_caller]
    fn check(found: Result<Vec<u8>, FolderError>, expected: &str) {
        let found = match found {
            Ok(bytes) => format!("{} bytes", bytes.len()),
            Err(FolderError::Denied(_)) => "denied".into(),
            Err(FolderError::NotFound) => "not found".into(),
            Err(FolderError::BadName(_)) => "bad name".into(),
            Err(other) => format!("{other:?}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn nothing_leads_out() {
        let (root, folders) = folders();
        check(folders.read("r", "a.csv", 0, 100), "14 bytes");
        check(folders.read("r", "a.csv", 8, 100), "6 bytes");
        check(folders.read("r", "a.csv", 999, 100), "0 bytes");
        check(folders.read("other", "a.csv", 0, 100), "denied");
        for name in ["../secret.txt", "/etc/passwd", "a/../../secret.txt", "", ".", "..", "a\\b", "a\0b", "./a.csv"] {
            check(folders.read("r", name, 0, 100), "bad name");
        }
        check(folders.read("r", "link", 0, 100), "bad name");
        check(folders.read("r", "up/secret.txt", 0, 100), "bad name");
        check(folders.read("r", "missing", 0, 100), "not found");
        for place in ["r/pipe", "w/pipe", "w/y.nave-new"] {
            assert!(std::process::Command::new("mkfifo").arg(root.path().join(place)).status().unwrap().success());
        }
        check(folders.read("r", "pipe", 0, 100), "bad name");
        check(folders.append("w", "pipe", b"1").map(|()| vec![]), "bad name");
        check(folders.write("w", "y", b"1").map(|()| vec![]), "0 bytes");
        check(folders.read("w", "y", 0, 100), "1 bytes");
        check(folders.write("r", "x", b"1").map(|()| vec![]), "denied");
        check(folders.write("w", "../x", b"1").map(|()| vec![]), "bad name");
        check(folders.write("w", "sub/x", b"12").map(|()| vec![]), "0 bytes");
        check(folders.append("w", "sub/x", b"3").map(|()| vec![]), "0 bytes");
        check(folders.read("w", "sub/x", 0, 10), "3 bytes");
        let listed: Vec<String> = folders.list("r").unwrap().into_iter().map(|entry| entry.name).collect();
        assert_eq!(listed, ["a.csv"], "links are not listed");
        // They are told of, each once.
        let told = || TOLD.lock().unwrap().iter().filter(|link| link.starts_with(root.path())).cloned().collect::<Vec<_>>();
        let both = [root.path().join("r/link"), root.path().join("r/up")];
        assert_eq!(told(), both);
        assert_eq!(folders.untold("r", vec!["link".into(), "new".into()]), [root.path().join("r/new")]);
        drop(root);
    }

    #[test]
    fn the_hubs_own_folders_are_not_granted() {
        let root = tempfile::tempdir().unwrap();
        let project = root.path().join("project");
        std::fs::create_dir_all(project.join("connections")).unwrap();
        std::fs::create_dir_all(root.path().join("elsewhere/data")).unwrap();
        std::os::unix::fs::symlink("connections", project.join("alias")).unwrap();
        for (path, fine) in [
            ("inbox", true),
            ("../drop", true),
            (".", false),
            ("..", false),
            ("/", false),
            ("connections", false),
            ("connections/sub", false),
            ("alias", false),
            ("plugins", false),
            ("../elsewhere", false),
            ("../elsewhere/data", false),
            ("../elsewhere/data/compiled", false),
            ("inbox/../connections", false),
        ] {
            let grants = [("drop".to_owned(), FolderGrant { path: path.into(), access: FolderAccess::Read })].into();
            let opened = Folders::open(&project, &root.path().join("elsewhere/data"), &grants);
            assert_eq!(opened.is_ok(), fine, "{path}");
            if let Err(why) = opened {
                assert!(why.contains("hub's") && why.contains("[grants.folders.drop]"), "{why}");
            }
        }
    }

    /// `data` in nave.toml may have named another folder before: what a hub made there is no plugin's.
    #[test]
    fn a_folder_of_a_hubs_data_is_never_granted_whatever_data_says_now() {
        for marker in ["master.key", "nave.redb", "nave.sock"] {
            let root = tempfile::tempdir().unwrap();
            let project = root.path().join("project");
            for folder in ["data/compiled", "outside/hub", "near/deep/hub"] {
                std::fs::create_dir_all(project.join(folder)).unwrap();
            }
            for folder in ["data", "outside/hub", "near/deep/hub"] {
                std::fs::write(project.join(folder).join(marker), "KEY").unwrap();
            }
            std::os::unix::fs::symlink("data", project.join("alias")).unwrap();
            for path in ["data", "data/compiled", "data/new", "alias", "missing/../data", "outside", "outside/hub"] {
                let grants = [("drop".to_owned(), FolderGrant { path: path.into(), access: FolderAccess::ReadWrite })].into();
                let why = Folders::open(&project, &project.join("data2"), &grants).err().expect(path);
                assert!(why.contains(marker) && why.contains("[grants.folders.drop]"), "{why}");
            }
            // Deeper down, and in a folder that was fine when it was opened, the files themselves are refused.
            let grants = [("drop".to_owned(), FolderGrant { path: "near".into(), access: FolderAccess::ReadWrite })].into();
            let folders = Folders::open(&project, &project.join("data2"), &grants).unwrap();
            check(folders.read("drop", &format!("deep/hub/{marker}"), 0, 10), "bad name");
            check(folders.write("drop", marker, b"1").map(|()| vec![]), "bad name");
        }
    }
}
