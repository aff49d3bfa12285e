//! Secrets at rest, and the key that everything sealed hangs on.
//!
//! Owns the master key's file, the keys derived from it, and the rows of the space `secret`. Promises: nothing readable
//! is stored; a row opens only under its own name, environment and version; bytes leave only towards the egress, and only
//! for the origins that the secret was given for; no command, error or debug print shows them. Must not know what a
//! secret is for.
//!
//! A secret is sealed with AES-256-GCM under a data key of its own, made new for every version; the data key is sealed
//! under the key that HKDF derives from the master key for this purpose alone. Names, versions, times and (roughly)
//! lengths are readable to whoever has the file.

mod authorization;
mod bound;
mod hygiene;
mod known;
pub(crate) mod leases;
mod marks;
mod master;
mod references;
#[cfg(test)]
mod references_tests;
mod reseal;
mod rotation;
mod seal;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use nave_core::grant::Grant;
use nave_core::limits::SECRET_BYTES_MAX;
use nave_core::model::Time;
use nave_core::secret_reference::SecretReference;
use nave_store::{Batch, CommitError, KeyedRow, Store, StoreError};

pub use hygiene::harden_process;
pub use master::{MASTER_KEY_FILE, MASTER_KEY_FILE_VARIABLE, MasterKey, MasterKeyError, Purpose};

pub(crate) use marks::Marker;
pub(crate) use references::References;
pub use reseal::Held;
pub(crate) use reseal::{Reseal, as_store_error};
pub(crate) use rotation::ROTATION_SPACE;
pub use rotation::Rotation;

use crate::audit::StoreAudit;
use crate::secrets::{SecretBytes, SecretError, SecretSource};
use crate::spoke::BoxFuture;
use leases::Leases;
use seal::{Row, Sealer};

/// Space of the store with the sealed secrets, by name.
const SPACE: &str = "secret";
/// Space with the time of last use, by name.
const USED_SPACE: &str = "secret-used";
/// A use is made durable at most once in this time, unless somebody asks.
const USED_NOTED_EVERY_MS: i64 = 3_600_000;
/// Where the vault says whose it is.
const CHECK: (&str, &str) = ("hub", "vault-check");

/// Why the vault refused. No message holds a part of a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The master key itself.
    #[error(transparent)]
    Key(#[from] MasterKeyError),
    /// Another master key made this vault.
    #[error("this data folder was made with another master key; bring its `master.key` back (or set NAVE_MASTER_KEY_FILE)")]
    WrongKey,
    /// Another environment's.
    #[error("this data folder belongs to environment `{0}`; `environment` in nave.toml must say so, or use another data folder")]
    OtherEnvironment(String),
    /// A row was changed, or moved from elsewhere.
    #[error(
        "the secret `{0}` does not open: its row is damaged or was moved here from another name, environment or version; store it anew with `nave secret set {0}`"
    )]
    Damaged(String),
    /// The name.
    #[error("`{0}` is not a name for a secret; use 1 to 64 of a-z, 0-9, `-`, `_` and `.`")]
    BadName(String),
    /// Where it would be kept.
    #[error("{0}")]
    BadReference(String),
    /// It is kept elsewhere, and so is its successor.
    #[error(
        "the secret `{0}` is kept in {1}: change it there, and the hub takes the new one by itself; `nave secret set {0}` keeps one here instead"
    )]
    Elsewhere(String, String),
    /// The size.
    #[error("a secret has 1 to {SECRET_BYTES_MAX} bytes, this has {0}")]
    BadSize(usize),
    /// What a system granted to a connection was changed, or moved from elsewhere.
    #[error(
        "what the system granted to `{0}` does not open: its row is damaged or was moved here; `nave connection authorize {1}`"
    )]
    DamagedAuthorization(String, String),
    /// There is none.
    #[error("there is no secret `{0}`; `nave secret list` shows the names")]
    Missing(String),
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store did not commit.
    #[error("the secret was not stored: {0}")]
    NotStored(#[from] CommitError),
}

/// What is known of a secret without opening it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretInfo {
    /// Name.
    pub name: String,
    /// Grows with every `set`.
    pub version: u32,
    /// When this version was stored.
    pub created: Time,
    /// When the egress last asked for it.
    pub last_used: Option<Time>,
    /// Where it is kept, if not here.
    pub reference: Option<SecretReference>,
}

/// What `set` has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Version that it has now.
    pub version: u32,
    /// Other names under which the very same secret is stored: changing one does not change them.
    pub same_as: Vec<String>,
}

/// The vault of one data folder and environment.
pub struct Vault {
    store: Arc<dyn Store>,
    environment: String,
    sealer: Sealer,
    marker: Marker,
    /// One change at a time; and uses that are not stored yet.
    used: Mutex<BTreeMap<String, Time>>,
    changing: Mutex<()>,
    /// Values that are kept elsewhere.
    leases: Leases,
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Vault({})", self.environment)
    }
}

impl Vault {
    /// The vault in `data_dir`, with the master key found there (made, if there is none) or named by
    /// `NAVE_MASTER_KEY_FILE`.
    pub fn open(data_dir: &Path, environment: &str, store: Arc<dyn Store>) -> Result<Self, VaultError> {
        Self::with_key(&MasterKey::load_or_create(data_dir, &data_dir.join("nave.redb"))?, environment, store)
    }

    /// The vault under a master key that was loaded before (to open the store).
    pub fn with_key(key: &MasterKey, environment: &str, store: Arc<dyn Store>) -> Result<Self, VaultError> {
        let sealer = Sealer::new(&key.derive(Purpose::Vault));
        match store.row(CHECK.0, CHECK.1)? {
            Some(row) => {
                let owner = sealer.open_check(&row).ok_or(VaultError::WrongKey)?;
                if owner != environment {
                    return Err(VaultError::OtherEnvironment(owner));
                }
            }
            // Rows without the check: somebody took it out. They would be refused one by one; say it at once.
            None if !store.rows(SPACE)?.is_empty() => return Err(VaultError::WrongKey),
            None => {
                let row = sealer.seal_check(environment);
                commit(&*store, vec![keyed(CHECK.0, CHECK.1, Some(row))])?;
            }
        }
        let (environment, marker) = (environment.to_owned(), Marker::new(key));
        let leases = Leases::new(Arc::new(StoreAudit::new(store.clone())));
        Ok(Self { store, environment, sealer, marker, used: Mutex::default(), changing: Mutex::new(()), leases })
    }

    /// Stores a secret under a name, in place of an older version. Durable when it returns.
    pub fn set(&self, name: &str, secret: &SecretBytes) -> Result<Stored, VaultError> {
        check_name(name)?;
        if secret.is_empty() || secret.len() > SECRET_BYTES_MAX {
            return Err(VaultError::BadSize(secret.len()));
        }
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let digest = self.sealer.digest(secret.expose().trim_ascii());
        let version = self.version(name)?.map_or(1, |version| version.saturating_add(1));
        let mut same_as = Vec::new();
        for (other, bytes) in self.store.rows(SPACE)? {
            let Some(row) = Row::decode(&bytes) else { continue };
            if other != name
                && let Some(stored) = self.sealer.open(&self.environment, &other, &row)
                && self.sealer.is_digest_of(&digest, stored.expose().trim_ascii())
            {
                same_as.push(other);
            }
        }
        let row = self.sealer.seal(&self.environment, name, version, now(), secret.expose());
        // Whoever sets it says what it is: a successor that waits is none any more.
        let mut rows = vec![keyed(SPACE, name, Some(row.encode())), keyed(USED_SPACE, name, None)];
        rows.push(keyed(references::REFERENCE_SPACE, name, None));
        rows.extend(rotation::SPACES.map(|space| keyed(space, name, None)));
        commit(&*self.store, rows)?;
        self.used.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        self.leases.forget(name);
        Ok(Stored { version, same_as })
    }

    /// Names, versions and times, sorted by name. Never a value. Stores the times of last use, as a side effect.
    pub fn list(&self) -> Result<Vec<SecretInfo>, VaultError> {
        self.save_usage()?;
        let used: BTreeMap<String, Time> =
            self.store.rows(USED_SPACE)?.into_iter().filter_map(|(name, bytes)| Some((name, time_of(&bytes)?))).collect();
        let mut list = Vec::new();
        for space in [SPACE, references::REFERENCE_SPACE] {
            for (name, bytes) in self.store.rows(space)? {
                let row = Row::decode(&bytes).ok_or_else(|| VaultError::Damaged(name.clone()))?;
                // One that cannot be read is listed all the same: it can be set anew, or removed. `nave doctor` names it.
                let reference = self.reference(&name).ok().flatten().map(|(reference, _)| reference);
                let (version, created, last_used) = (row.version, Time(row.created), used.get(&name).copied());
                list.push(SecretInfo { version, created, last_used, reference, name });
            }
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(list)
    }

    /// Whether the secret of this name is stored here, sealed.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read.
    pub(crate) fn is_sealed(&self, name: &str) -> Result<bool, VaultError> {
        Ok(self.store.row(SPACE, name)?.is_some())
    }

    /// Whether a secret of this name is stored, or referred to.
    pub fn contains(&self, name: &str) -> Result<bool, VaultError> {
        Ok(self.store.row(SPACE, name)?.is_some() || self.store.row(references::REFERENCE_SPACE, name)?.is_some())
    }

    /// Forgets a secret and what it was given for. Its data key goes with it.
    pub fn remove(&self, name: &str) -> Result<(), VaultError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.contains(name)? {
            return Err(VaultError::Missing(name.to_owned()));
        }
        self.used.lock().unwrap_or_else(PoisonError::into_inner).remove(name);
        let spaces =
            [SPACE, references::REFERENCE_SPACE, USED_SPACE, bound::BOUND_SPACE, bound::LAPSED_SPACE, known::KNOWN_SPACE];
        let spaces = spaces.into_iter().chain(rotation::SPACES);
        commit(&*self.store, spaces.map(|space| keyed(space, name, None)).collect())?;
        self.leases.forget(name);
        Ok(())
    }

    /// Stores the times of last use that are only in memory yet. Cheap when there are none; call it at the end of a run.
    pub fn save_usage(&self) -> Result<(), VaultError> {
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let used = std::mem::take(&mut *self.used.lock().unwrap_or_else(PoisonError::into_inner));
        if used.is_empty() {
            return Ok(());
        }
        let rows = used.iter().map(|(name, time)| keyed(USED_SPACE, name, Some(time.0.to_le_bytes().to_vec()))).collect();
        commit(&*self.store, rows)
    }

    /// Every secret of the vault that opens, and every fetched value that is held, to look for it where it should not be. It goes nowhere, so it is no use of it.
    pub(crate) fn to_look_for(&self) -> Result<Vec<(String, SecretBytes)>, VaultError> {
        let opened = self.store.rows(SPACE)?.into_iter().filter_map(|(name, bytes)| {
            let secret = self.sealer.open(&self.environment, &name, &Row::decode(&bytes)?)?;
            Some((name, secret))
        });
        // What is held of those that are kept elsewhere is as secret.
        Ok(opened.chain(self.leases.held()).collect())
    }

    /// The secret itself, for whoever has asked whether it may go there.
    fn reveal(&self, name: &str) -> Result<SecretBytes, VaultError> {
        let bytes = self.store.row(SPACE, name)?.ok_or_else(|| VaultError::Missing(name.to_owned()))?;
        let damaged = || VaultError::Damaged(name.to_owned());
        let row = Row::decode(&bytes).ok_or_else(damaged)?;
        let secret = self.sealer.open(&self.environment, name, &row).ok_or_else(damaged)?;
        self.note_use(name)?;
        Ok(secret)
    }

    /// Notes that a secret is used now.
    fn note_use(&self, name: &str) -> Result<(), VaultError> {
        let now = Time(now());
        self.used.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), now);
        // Short commands end without a run: what matters is the day, so once an hour is enough.
        let noted = self.store.row(USED_SPACE, name)?.and_then(|bytes| time_of(&bytes));
        if noted.is_none_or(|noted| now.0 - noted.0 >= USED_NOTED_EVERY_MS) {
            // A full disk keeps no call from being made.
            let _ = commit(&*self.store, vec![keyed(USED_SPACE, name, Some(now.0.to_le_bytes().to_vec()))]);
        }
        Ok(())
    }
}

impl SecretSource for Vault {
    fn may_go(&self, name: &str, origins: &BTreeSet<String>) -> Result<(), SecretError> {
        self.bounds(name, origins)
    }

    fn secret(&self, name: &str, origins: &BTreeSet<String>, _granted: &Grant) -> Result<SecretBytes, SecretError> {
        self.own(name, origins)
    }

    fn referred<'a>(
        &'a self,
        name: &'a str,
        origins: &'a BTreeSet<String>,
        _granted: &'a Grant,
        refused: Option<&'a SecretBytes>,
    ) -> BoxFuture<'a, Result<Option<SecretBytes>, SecretError>> {
        Box::pin(self.fetched(name, origins, refused))
    }

    fn own_value<'a>(&'a self, name: &'a str, origins: &'a BTreeSet<String>) -> BoxFuture<'a, Result<SecretBytes, SecretError>> {
        Box::pin(async move {
            match self.fetched(name, origins, None).await? {
                Some(value) => Ok(value),
                None => self.own(name, origins),
            }
        })
    }

    fn own(&self, name: &str, origins: &BTreeSet<String>) -> Result<SecretBytes, SecretError> {
        self.bounds(name, origins)?;
        self.reveal(name).map_err(|error| match error {
            VaultError::Missing(name) => SecretError::Missing(name),
            other => SecretError::Unreadable { name: name.to_owned(), why: other.to_string() },
        })
    }

    fn next(&self, name: &str, origins: &BTreeSet<String>, _granted: &Grant) -> Result<Option<SecretBytes>, SecretError> {
        let unreadable = |error: VaultError| SecretError::Unreadable { name: name.to_owned(), why: error.to_string() };
        match self.successor(name).map_err(unreadable)? {
            None => Ok(None),
            Some(next) => self.bounds(name, origins).map(|()| Some(next)),
        }
    }

    fn settle(&self, name: &str, tried: &SecretBytes, refused: Option<&str>) -> Result<bool, SecretError> {
        let settled = match refused {
            None => self.inherit(name, tried),
            Some(why) => self.disown(name, tried, why),
        };
        settled.map_err(|error| SecretError::Unreadable { name: name.to_owned(), why: error.to_string() })
    }

    fn kept(&self, place: &str) -> Result<Option<SecretBytes>, SecretError> {
        self.authorization(place).map_err(|error| SecretError::Unreadable { name: place.to_owned(), why: error.to_string() })
    }

    fn keep(&self, place: &str, what: Option<&SecretBytes>) -> Result<(), SecretError> {
        self.keep_authorization(place, what)
            .map_err(|error| SecretError::Unreadable { name: place.to_owned(), why: error.to_string() })
    }
}

/// When the oldest secret was stored that is still in use as it is; none where there is none.
pub(crate) fn oldest(store: &dyn Store) -> Result<Option<Time>, StoreError> {
    Ok(store.rows(SPACE)?.iter().filter_map(|(_, bytes)| Row::decode(bytes)).map(|row| Time(row.created)).min())
}

fn check_name(name: &str) -> Result<(), VaultError> {
    let good = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'));
    if good { Ok(()) } else { Err(VaultError::BadName(name.escape_debug().take(80).collect())) }
}

fn keyed(space: &str, key: &str, value: Option<Vec<u8>>) -> KeyedRow {
    KeyedRow { space: space.to_owned(), key: key.to_owned(), value }
}

fn commit(store: &dyn Store, rows: Vec<KeyedRow>) -> Result<(), VaultError> {
    store.commit(Batch { at: Time(now()), rows, ..Batch::default() })?;
    Ok(())
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

fn time_of(bytes: &[u8]) -> Option<Time> {
    Some(Time(i64::from_le_bytes(bytes.try_into().ok()?)))
}
