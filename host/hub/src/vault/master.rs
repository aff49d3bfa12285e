//! The master key: one file that only its owner can read, and the keys derived from it, one per purpose.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use ring::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::seal::random;

/// Name of the file in the data folder.
pub const MASTER_KEY_FILE: &str = "master.key";
/// Names another file, outside of the data folder. It must exist: the hub makes only its own.
pub const MASTER_KEY_FILE_VARIABLE: &str = "NAVE_MASTER_KEY_FILE";

const KEY_BYTES: usize = 32;
/// Enough that no two keys of one hub have the same.
const FINGERPRINT_BYTES: usize = 8;
/// As hexadecimal text with a line end: survives editors, printers and password managers.
const TEXT_BYTES: usize = KEY_BYTES * 2 + 1;

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// Others could have read or replaced it.
    #[error("the master key {path} is refused: {why}")]
    Unsafe {
        /// File.
        path: PathBuf,
        /// What is wrong, and what to type.
        why: String,
    },
    /// The data that it sealed are there, and it is not.
    #[error("the master key {path} is missing, and {sealed} was sealed with it: no other key opens it")]
    Lost {
        /// File.
        path: PathBuf,
        /// What it sealed.
        sealed: PathBuf,
    },
    /// Not a key.
    #[error("{path} is not a master key: it must hold 64 hexadecimal digits; bring back the right file from your safe")]
    Malformed {
        /// File.
        path: PathBuf,
    },
    /// The disk.
    #[error("the master key {path} cannot be used: {why}")]
    Io {
        /// File.
        path: PathBuf,
        /// What the operating system said.
        why: std::io::Error,
    },
}

/// What a derived key is for. Keys of different purposes say nothing about one another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Sealing secrets.
    Vault,
    /// Sealing personal values and inputs in the store.
    Store,
    /// Authenticating compiled plugins on disk.
    CompileCache,
    /// Signing what the audit said, outside of the store.
    Audit,
    /// Sealing backups as a whole.
    Backup,
    /// Marks of secrets, for the other environments of a project.
    Marks,
    /// A name for the key that says nothing of it.
    Fingerprint,
}

impl Purpose {
    /// Never change one: what was sealed would not open again.
    fn label(self) -> &'static [u8] {
        match self {
            Self::Vault => b"vault",
            Self::Store => b"store",
            Self::CompileCache => b"compile-cache",
            Self::Audit => b"audit",
            Self::Backup => b"backup",
            Self::Marks => b"marks",
            Self::Fingerprint => b"fingerprint",
        }
    }
}

/// The key under everything that is sealed. Forgotten when dropped, never printed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct MasterKey([u8; KEY_BYTES]);

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

impl MasterKey {
    /// The key that `NAVE_MASTER_KEY_FILE` names; else the one in the data folder, made on first use. It is never made
    /// where `sealed` is there already: that was sealed with the key that is lost.
    pub fn load_or_create(dir: &Path, sealed: &Path) -> Result<Self, MasterKeyError> {
        match Self::named() {
            Some(path) => Self::load(&path),
            None => Self::load_or_create_beside(dir, sealed),
        }
    }

    /// The key of a data folder that is there already: as [`MasterKey::load_or_create`], but none is made.
    pub(crate) fn load_existing(dir: &Path) -> Result<Self, MasterKeyError> {
        Self::load(&Self::named().unwrap_or_else(|| dir.join(MASTER_KEY_FILE)))
    }

    fn load_or_create_beside(dir: &Path, sealed: &Path) -> Result<Self, MasterKeyError> {
        let path = dir.join(MASTER_KEY_FILE);
        let missing =
            |path: &Path| std::fs::symlink_metadata(path).is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound);
        if missing(&path) && !missing(sealed) {
            return Err(MasterKeyError::Lost { path, sealed: sealed.to_owned() });
        }
        Self::load_or_create_in(dir)
    }

    /// The key in this folder, made on first use; the folder too.
    pub fn load_or_create_in(dir: &Path) -> Result<Self, MasterKeyError> {
        let path = dir.join(MASTER_KEY_FILE);
        let io = |why| MasterKeyError::Io { path: path.clone(), why };
        match std::fs::symlink_metadata(&path) {
            Ok(_) => return Self::load(&path),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(io(error)),
        }
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        Self::make(&path)
    }

    /// A new key in this file; the one that is there, where somebody else made it first. Durable when it returns.
    pub(crate) fn make(path: &Path) -> Result<Self, MasterKeyError> {
        let io = |why| MasterKeyError::Io { path: path.to_owned(), why };
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Written whole beside its place, then linked there: two starts at once agree on one key, and a crash leaves
        // no half of one.
        let mut text = Zeroizing::new(String::with_capacity(TEXT_BYTES));
        for byte in random::<KEY_BYTES>().iter() {
            text.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            text.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        text.push('\n');
        let suffix = u64::from_le_bytes(*random::<8>());
        let fresh = dir.join(format!(".{MASTER_KEY_FILE}.{suffix:016x}"));
        let written = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            match std::fs::hard_link(&fresh, path) {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }
        });
        let removed = std::fs::remove_file(&fresh);
        written.and(removed).and_then(|()| File::open(dir)?.sync_all()).map_err(io)?;
        Self::load(path)
    }

    /// The key in this very file.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let io = |why| MasterKeyError::Io { path: path.to_owned(), why };
        let refuse = |why: &str| MasterKeyError::Unsafe { path: path.to_owned(), why: why.to_owned() };
        let nofollow = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        let mut file = match OpenOptions::new().read(true).custom_flags(nofollow.bits().cast_signed()).open(path) {
            Ok(file) => file,
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                return Err(refuse("it is a symbolic link; put the file itself there, or name it in NAVE_MASTER_KEY_FILE"));
            }
            Err(error) => return Err(io(error)),
        };
        // Asked of the open file, so that nobody swaps it between question and use.
        let about = file.metadata().map_err(io)?;
        if !about.is_file() {
            return Err(refuse("it is not a regular file"));
        }
        if about.uid() != rustix::process::geteuid().as_raw() {
            return Err(refuse("it belongs to another user; `chown` it to the one who runs the hub"));
        }
        if about.mode() & 0o077 != 0 {
            return Err(refuse(
                "other users may read or write it; `chmod 600` it, and change the secrets if that was so for long",
            ));
        }
        let mut text = Zeroizing::new(Vec::with_capacity(TEXT_BYTES + 1));
        Read::take(&mut file, TEXT_BYTES as u64 + 1).read_to_end(&mut text).map_err(io)?;
        decode(&text).map(Self).ok_or_else(|| MasterKeyError::Malformed { path: path.to_owned() })
    }

    /// The file that `NAVE_MASTER_KEY_FILE` names, if it names one.
    pub fn named() -> Option<PathBuf> {
        std::env::var_os(MASTER_KEY_FILE_VARIABLE).filter(|path| !path.is_empty()).map(PathBuf::from)
    }

    /// A name for this key: equal for equal keys, and nothing about them.
    pub fn fingerprint(&self) -> String {
        crate::plugins::hex(&self.derive(Purpose::Fingerprint)[..FINGERPRINT_BYTES])
    }

    /// The key for one purpose.
    pub fn derive(&self, purpose: Purpose) -> [u8; 32] {
        *hkdf(&self.0, purpose.label())
    }
}

fn decode(text: &[u8]) -> Option<[u8; KEY_BYTES]> {
    let digits = text.strip_suffix(b"\n").unwrap_or(text);
    if digits.len() != KEY_BYTES * 2 {
        return None;
    }
    let mut key = [0; KEY_BYTES];
    for (byte, pair) in key.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |at: usize| char::from(pair[at]).to_digit(16);
        *byte = (digit(0)? << 4 | digit(1)?) as u8;
    }
    Some(key)
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

/// HKDF-SHA256 with our salt; `label` separates what the result is for.
pub(super) fn hkdf(key: &[u8; KEY_BYTES], label: &[u8]) -> Zeroizing<[u8; KEY_BYTES]> {
    let mut out = Zeroizing::new([0; KEY_BYTES]);
    Salt::new(HKDF_SHA256, b"nave.keys.v1")
        .extract(key)
        .expand(&[label], Length)
        .and_then(|okm| okm.fill(&mut *out))
        .expect("one block can be derived");
    out
}
