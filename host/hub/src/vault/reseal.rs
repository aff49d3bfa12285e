//! The vault under another master key: each of its rows opened under the one and sealed under the other, in its own place, with the
//! version and the time that it had.

use nave_store::{Store, StoreError};

use super::master::{MasterKey, Purpose};
use super::seal::{Row, Sealer};
use super::{CHECK, SPACE, Vault, VaultError, authorization, bound, references, rotation};

/// Under which name the row of a key is sealed.
type NameOf = fn(&str) -> String;

/// Spaces whose rows the vault seals, and under which name it seals the row of a key.
const SEALED: [(&str, NameOf); 5] = [
    (SPACE, str::to_owned),
    (rotation::NEXT_SPACE, rotation::sealed_name),
    (bound::BOUND_SPACE, bound::sealed_name),
    (references::REFERENCE_SPACE, references::sealed_name),
    (authorization::AUTHORIZATION_SPACE, authorization::sealed_name),
];

/// How much a vault holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Held {
    /// Secrets, successors that wait, and references to secrets that are kept elsewhere.
    pub secrets: u64,
    /// What systems granted to connections.
    pub authorizations: u64,
}

/// Opens under one master key, seals under another.
pub(crate) struct Reseal {
    environment: String,
    from: Sealer,
    to: Sealer,
}

impl Reseal {
    /// For the vault of this store.
    ///
    /// # Errors
    /// [`VaultError::WrongKey`] where `from` is not its key.
    pub(crate) fn new(store: &dyn Store, from: &MasterKey, to: &MasterKey) -> Result<Self, VaultError> {
        let sealer = |key: &MasterKey| Sealer::new(&key.derive(Purpose::Vault));
        let from = sealer(from);
        let environment = match store.row(CHECK.0, CHECK.1)? {
            Some(row) => from.open_check(&row).ok_or(VaultError::WrongKey)?,
            None if !store.rows(SPACE)?.is_empty() => return Err(VaultError::WrongKey),
            None => String::new(),
        };
        Ok(Self { environment, from, to: sealer(to) })
    }

    /// A row of the store under the other key; `None` where it is none of the vault's.
    ///
    /// # Errors
    /// [`VaultError`] where it is the vault's and does not open.
    pub(crate) fn row(&self, space: &str, key: &str, bytes: &[u8]) -> Result<Option<Vec<u8>>, VaultError> {
        if (space, key) == CHECK {
            return Ok(Some(self.to.seal_check(&self.environment)));
        }
        let Some((_, name)) = SEALED.iter().find(|(sealed, _)| *sealed == space) else { return Ok(None) };
        let name = name(key);
        let damaged = || match space {
            authorization::AUTHORIZATION_SPACE => {
                VaultError::DamagedAuthorization(key.to_owned(), key.split('/').next().unwrap_or_default().to_owned())
            }
            _ => VaultError::Damaged(key.to_owned()),
        };
        let row = Row::decode(bytes).ok_or_else(damaged)?;
        let text = self.from.open(&self.environment, &name, &row).ok_or_else(damaged)?;
        Ok(Some(self.to.seal(&self.environment, &name, row.version, row.created, text.expose()).encode()))
    }

    /// Whether everything that the vault holds opens; how much that is.
    ///
    /// # Errors
    /// [`VaultError`] of the first row that does not.
    pub(crate) fn try_all(&self, store: &dyn Store) -> Result<Held, VaultError> {
        let mut held = Held::default();
        for (space, _) in SEALED {
            for (key, bytes) in store.rows(space)? {
                self.row(space, &key, &bytes)?;
                match space {
                    SPACE | rotation::NEXT_SPACE | references::REFERENCE_SPACE => held.secrets += 1,
                    authorization::AUTHORIZATION_SPACE => held.authorizations += 1,
                    _ => {}
                }
            }
        }
        Ok(held)
    }
}

/// The vault's error, as one of the store that it lies in.
pub(crate) fn as_store_error(error: VaultError) -> StoreError {
    match error {
        VaultError::Store(error) => error,
        other => StoreError::Engine(other.to_string()),
    }
}

impl Vault {
    /// The vault of a store for whichever environment it is; none where there is no vault in it yet.
    ///
    /// # Errors
    /// As [`Vault::with_key`].
    pub(crate) fn of(key: &MasterKey, store: std::sync::Arc<dyn Store>) -> Result<Option<Self>, VaultError> {
        let Some(row) = store.row(CHECK.0, CHECK.1)? else { return Ok(None) };
        let owner = Sealer::new(&key.derive(Purpose::Vault)).open_check(&row).ok_or(VaultError::WrongKey)?;
        Self::with_key(key, &owner, store).map(Some)
    }
}
