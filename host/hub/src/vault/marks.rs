//! Marks of secrets, by which another environment of the project tells that a secret is taken. Worth nothing without the master key.

use ring::hmac;

use super::master::{MasterKey, Purpose};
use super::seal::Row;
use super::{SPACE, Vault, VaultError};

/// Makes marks under one master key.
pub(crate) struct Marker(hmac::Key);

impl Marker {
    pub(crate) fn new(key: &MasterKey) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key.derive(Purpose::Marks)))
    }

    /// In hexadecimal digits. Blanks around a secret make no other one of it.
    pub(crate) fn mark(&self, secret: &[u8]) -> String {
        hmac::sign(&self.0, secret.trim_ascii()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Vault {
    /// The mark of a secret's value as it is now: of what is kept elsewhere, while a value is held. Fetches nothing, and is no use of it.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read.
    pub(crate) fn mark_of(&self, name: &str) -> Result<Option<String>, VaultError> {
        let sealed = match self.store.row(SPACE, name)? {
            Some(bytes) => Row::decode(&bytes).and_then(|row| self.sealer.open(&self.environment, name, &row)),
            None => self.leases.held().into_iter().find(|(held, _)| held == name).map(|(_, value)| value),
        };
        Ok(sealed.map(|secret| self.marker.mark(secret.expose())))
    }

    /// The marks of every secret and of every successor that waits, sorted.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read. A secret that does not open has none.
    pub(crate) fn marks(&self) -> Result<Vec<String>, VaultError> {
        let mut marks = Vec::new();
        for (name, bytes) in self.store.rows(SPACE)? {
            let secret = Row::decode(&bytes).and_then(|row| self.sealer.open(&self.environment, &name, &row));
            marks.extend(secret.map(|secret| self.marker.mark(secret.expose())));
            marks.extend(self.successor(&name).ok().flatten().map(|next| self.marker.mark(next.expose())));
        }
        // Of what is kept elsewhere: the place, which is the same secret for whoever reads it, and the value while one is held.
        if let Some(fetch) = self.leases.fetcher() {
            let places = self.all_references()?.found.into_iter().map(|(_, reference)| fetch.place(&reference));
            marks.extend(places.map(|place| self.marker.mark(place.as_bytes())));
        }
        marks.extend(self.leases.held().into_iter().map(|(_, value)| self.marker.mark(value.expose())));
        marks.sort_unstable();
        marks.dedup();
        Ok(marks)
    }
}
