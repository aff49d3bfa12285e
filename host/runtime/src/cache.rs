//! Compiled code on disk. Machine code is trusted by whoever loads it, so every file carries an HMAC under a key
//! that only the hub has, over the code, the plugin's digest and everything that decides whether the code fits.
//!
//! A file that does not verify is never loaded: it is reported and the plugin compiled again. The cache is an
//! optimisation; nothing fails because it cannot be written.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    hash::{Hash, Hasher},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use ring::hmac;
use zeroize::Zeroizing;

use crate::{compile::ARTIFACT_BYTES_MAX, engine::Engine, inspect::Digest, limits::CACHE_FILES_MAX};

const MAGIC: &[u8; 8] = b"navecc01";
const TAG_BYTES: usize = 32;
/// Code, and what stands before it.
const FILE_BYTES_MAX: u64 = ARTIFACT_BYTES_MAX + 64;
const EXTENSION: &str = "navecc";

/// Why a directory cannot hold compiled code.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Somebody else could put code there.
    #[error("{path}: {why}; compiled code is loaded from there, so it must be a directory of your own that nobody else writes to: `rm -r {path}`, and the hub makes it anew", path = path.display())]
    Unsafe {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The disk said so.
    #[error("the directory of compiled code, {path}: {source}", path = path.display())]
    Io {
        /// The directory.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
}

/// A directory of compiled code and the key that it is authenticated with.
pub struct CompileCache {
    dir: PathBuf,
    key: hmac::Key,
}

impl CompileCache {
    /// Opens the directory, making it (mode 0700) if it is missing. Refuses a symbolic link, another user's directory,
    /// and one that others may write to.
    pub fn open(dir: impl Into<PathBuf>, key: [u8; 32]) -> Result<Self, CacheError> {
        let dir = dir.into();
        let key = Zeroizing::new(key);
        let io = |source| CacheError::Io { path: dir.clone(), source };
        match DirBuilder::new().mode(0o700).create(&dir) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(io(error)),
        }
        let found = fs::symlink_metadata(&dir).map_err(io)?;
        let refused = |why: String| Err(CacheError::Unsafe { path: dir.clone(), why });
        if found.file_type().is_symlink() {
            return refused("it is a symbolic link".into());
        }
        if !found.is_dir() {
            return refused("it is not a directory".into());
        }
        if found.mode() & 0o022 != 0 {
            return refused(format!("others may write to it (mode {:o})", found.mode() & 0o777));
        }
        let own = own_user(&dir).map_err(io)?;
        if found.uid() != own {
            return refused(format!("it belongs to user {}, this process is user {own}", found.uid()));
        }
        Ok(CompileCache { key: hmac::Key::new(hmac::HMAC_SHA256, &*key), dir })
    }

    fn path(&self, engine: &Engine, digest: &Digest) -> PathBuf {
        self.dir.join(format!("{digest}-{:016x}.{EXTENSION}", fingerprint(engine)))
    }

    /// What is signed: everything that this code is for, and the code by its digest.
    fn signed(engine: &Engine, digest: &Digest, artifact: &[u8]) -> [u8; 80] {
        let mut message = [0; 80];
        message[..8].copy_from_slice(MAGIC);
        message[8..16].copy_from_slice(&fingerprint(engine).to_le_bytes());
        message[16..48].copy_from_slice(&digest.0);
        message[48..].copy_from_slice(&Digest::of(artifact).0);
        message
    }

    /// The compiled code of this plugin, if it is there and ours: what is answered was verified, and is nobody else's now.
    pub(crate) fn load(&self, engine: &Engine, digest: &Digest) -> Option<Vec<u8>> {
        let path = self.path(engine, digest);
        let file = match read(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "compiled code cannot be read; compiling again");
                return None;
            }
        };
        match self.open_sealed(engine, digest, file) {
            Some(artifact) => Some(artifact),
            None => {
                tracing::warn!(
                    code = "plugin.cache-altered",
                    path = %path.display(),
                    "compiled code was altered, or written with another key; it was not loaded, compiling again"
                );
                None
            }
        }
    }

    fn open_sealed(&self, engine: &Engine, digest: &Digest, mut file: Vec<u8>) -> Option<Vec<u8>> {
        let (tag, artifact) = file.strip_prefix(MAGIC)?.split_at_checked(TAG_BYTES)?;
        hmac::verify(&self.key, &Self::signed(engine, digest, artifact), tag).ok()?;
        file.drain(..MAGIC.len() + TAG_BYTES);
        Some(file)
    }

    /// Keeps compiled code; a reader sees all of it or nothing.
    pub(crate) fn store(&self, engine: &Engine, digest: &Digest, artifact: &[u8]) {
        let path = self.path(engine, digest);
        let tag = hmac::sign(&self.key, &Self::signed(engine, digest, artifact));
        let result = self.write(&path, &tag, artifact).and_then(|()| self.prune());
        if let Err(error) = result {
            tracing::warn!(path = %path.display(), %error, "compiled code was not kept; the next start compiles again");
        }
    }

    fn write(&self, path: &Path, tag: &hmac::Tag, artifact: &[u8]) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let temporary = self.dir.join(format!(".{}-{count}.tmp", std::process::id()));
        let _ = fs::remove_file(&temporary);
        let written = (|| {
            let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
            file.write_all(MAGIC)?;
            file.write_all(tag.as_ref())?;
            file.write_all(artifact)?;
            fs::rename(&temporary, path)
        })();
        if written.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    fn prune(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == EXTENSION) {
                files.push((fs::symlink_metadata(&path)?.modified()?, path));
            }
        }
        files.sort();
        let spare = files.len().saturating_sub(CACHE_FILES_MAX);
        files.iter().take(spare).try_for_each(|(_, path)| fs::remove_file(path))
    }
}

/// Everything that decides whether compiled code fits this engine: version, target, settings.
fn fingerprint(engine: &Engine) -> u64 {
    // not for security: a wrong match would fail wasmtime's own check of the same data when loading
    let mut hasher = std::hash::DefaultHasher::new();
    engine.inner.precompile_compatibility_hash().hash(&mut hasher);
    hasher.finish()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    // Nobody else can put anything there, so looking first is enough: a pipe would be waited for for ever.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let file = File::open(path)?;
    let size = file.metadata()?.len();
    if size > FILE_BYTES_MAX {
        return Err(io::Error::other(format!("{size} bytes, at most {FILE_BYTES_MAX} are read")));
    }
    let mut bytes = Vec::with_capacity(size as usize);
    file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The user that this process makes files as.
fn own_user(dir: &Path) -> io::Result<u32> {
    let probe = dir.join(format!(".{}-probe.tmp", std::process::id()));
    let _ = fs::remove_file(&probe);
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&probe)?;
    let user = file.metadata()?.uid();
    let _ = fs::remove_file(&probe);
    Ok(user)
}
