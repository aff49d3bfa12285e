//! Who put a secret there, and so may know it: people, by version. Readable; no part of a secret.

use super::{Vault, VaultError, commit, keyed};

/// Space with who knows a secret, by its name.
pub(super) const KNOWN_SPACE: &str = "secret-known-to";

impl Vault {
    /// Somebody has put a version there. With `anew`, nobody knows the ones before any more for what they are worth.
    ///
    /// # Errors
    /// [`VaultError`] where nothing could be stored.
    pub fn note_known(&self, name: &str, by: &str, anew: bool) -> Result<(), VaultError> {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut people = if anew { Vec::new() } else { self.known_to(name)? };
        if !people.iter().any(|known| known == by) {
            people.push(by.to_owned());
        }
        commit(&*self.store, vec![keyed(KNOWN_SPACE, name, Some(serde_json::to_vec(&people).unwrap_or_default()))])
    }

    /// Who may know a secret; nobody where that was not noted.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read.
    pub fn known_to(&self, name: &str) -> Result<Vec<String>, VaultError> {
        Ok(self.store.row(KNOWN_SPACE, name)?.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
    }
}
