//! A secret's successor: stored beside it, tried, and put in its place once it has worked.
//!
//! A row in the space `secret-next`, sealed under a name that no secret can have. Whoever sends asks for it first; a system that
//! refuses it gets the old one, so that no call fails. What came of it is a readable row in `secret-rotation`: times and words,
//! never a part of a secret.

use nave_core::limits::SECRET_BYTES_MAX;
use nave_core::model::Time;
use serde::{Deserialize, Serialize};

use super::{SPACE, USED_SPACE, Vault, VaultError, commit, keyed, now};
use crate::secrets::SecretBytes;
use crate::vault::seal::Row;

/// Space with successors, by the secret's name.
pub(super) const NEXT_SPACE: &str = "secret-next";
/// Space with what came of them.
pub(crate) const ROTATION_SPACE: &str = "secret-rotation";

/// All that there is about a rotation.
pub(super) const SPACES: [&str; 2] = [NEXT_SPACE, ROTATION_SPACE];

/// How the rotation of a secret stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum Rotation {
    /// The successor waits for its first use; the old one is good until it has worked.
    Waiting {
        /// Since when.
        at: Time,
    },
    /// It worked, and is the secret now.
    Done {
        /// When.
        at: Time,
    },
    /// The system refused it while it took the old one, which stays.
    Refused {
        /// When.
        at: Time,
        /// For people.
        why: String,
    },
}

/// The colon keeps it apart from every secret's own name.
pub(super) fn sealed_name(name: &str) -> String {
    format!("next:{name}")
}

impl Vault {
    /// Stores the successor of a secret that is there. Durable when it returns; an earlier one that waited is gone.
    ///
    /// # Errors
    /// [`VaultError`] where there is no such secret, or nothing could be stored.
    pub fn succeed(&self, name: &str, next: &SecretBytes) -> Result<(), VaultError> {
        if next.is_empty() || next.len() > SECRET_BYTES_MAX {
            return Err(VaultError::BadSize(next.len()));
        }
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((reference, _)) = self.reference(name)? {
            return Err(VaultError::Elsewhere(name.to_owned(), reference.to_string()));
        }
        if self.store.row(SPACE, name)?.is_none() {
            return Err(VaultError::Missing(name.to_owned()));
        }
        let row = self.sealer.seal(&self.environment, &sealed_name(name), 1, now(), next.expose());
        let state = Rotation::Waiting { at: Time(now()) };
        commit(&*self.store, vec![keyed(NEXT_SPACE, name, Some(row.encode())), keyed(ROTATION_SPACE, name, Some(text(&state)))])
    }

    /// How a secret's rotation stands; none where there never was one.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read.
    pub fn rotation(&self, name: &str) -> Result<Option<Rotation>, VaultError> {
        Ok(self.store.row(ROTATION_SPACE, name)?.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// The successor, where one waits.
    pub(super) fn successor(&self, name: &str) -> Result<Option<SecretBytes>, VaultError> {
        let Some(bytes) = self.store.row(NEXT_SPACE, name)? else { return Ok(None) };
        let damaged = || VaultError::Damaged(name.to_owned());
        let row = Row::decode(&bytes).ok_or_else(damaged)?;
        self.sealer.open(&self.environment, &sealed_name(name), &row).map(Some).ok_or_else(damaged)
    }

    /// The successor that waits is `tried`, and worked: it is the secret now. Says whether that was so.
    pub(super) fn inherit(&self, name: &str, tried: &SecretBytes) -> Result<bool, VaultError> {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.successor(name)?.as_ref() != Some(tried) {
            return Ok(false);
        }
        let old = self.store.row(SPACE, name)?.and_then(|bytes| Row::decode(&bytes));
        let version = old.map_or(1, |row| row.version.saturating_add(1));
        let row = self.sealer.seal(&self.environment, name, version, now(), tried.expose());
        let done = Rotation::Done { at: Time(now()) };
        commit(
            &*self.store,
            vec![
                keyed(SPACE, name, Some(row.encode())),
                keyed(USED_SPACE, name, None),
                keyed(NEXT_SPACE, name, None),
                keyed(ROTATION_SPACE, name, Some(text(&done))),
            ],
        )?;
        Ok(true)
    }

    /// The successor that waits is `tried`, and was refused where the old one was taken: it is destroyed. Says whether it was so.
    pub(super) fn disown(&self, name: &str, tried: &SecretBytes, why: &str) -> Result<bool, VaultError> {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.successor(name)?.as_ref() != Some(tried) {
            return Ok(false);
        }
        let refused = Rotation::Refused { at: Time(now()), why: why.to_owned() };
        let rows = vec![keyed(NEXT_SPACE, name, None), keyed(ROTATION_SPACE, name, Some(text(&refused)))];
        commit(&*self.store, rows)?;
        Ok(true)
    }
}

fn text(rotation: &Rotation) -> Vec<u8> {
    serde_json::to_vec(rotation).unwrap_or_default()
}
