//! What systems granted to connections (tokens, with what is known of them), sealed as secrets are.
//!
//! A row in the space `authorization`, by `connection/slot`, sealed under a name that no secret can have, so that it opens in
//! its own place only.

use super::{Vault, VaultError, commit, keyed, now};
use crate::secrets::SecretBytes;
use crate::vault::seal::Row;

/// Space of the store with what systems granted.
pub(super) const AUTHORIZATION_SPACE: &str = "authorization";

/// The colon and the slash keep it apart from every secret's own name.
pub(super) fn sealed_name(place: &str) -> String {
    format!("authorization:{place}")
}

impl Vault {
    /// What was kept for this place (`connection/slot`), if anything was.
    ///
    /// # Errors
    /// [`VaultError`] where the row was changed, or the store cannot be read.
    pub(super) fn authorization(&self, place: &str) -> Result<Option<SecretBytes>, VaultError> {
        let Some(bytes) = self.store.row(AUTHORIZATION_SPACE, place)? else { return Ok(None) };
        let connection = place.split('/').next().unwrap_or_default();
        let damaged = || VaultError::DamagedAuthorization(place.to_owned(), connection.to_owned());
        let row = Row::decode(&bytes).ok_or_else(damaged)?;
        self.sealer.open(&self.environment, &sealed_name(place), &row).map(Some).ok_or_else(damaged)
    }

    /// Keeps it, or forgets it. Durable when it returns.
    ///
    /// # Errors
    /// [`VaultError`] where nothing could be stored.
    pub(crate) fn keep_authorization(&self, place: &str, what: Option<&SecretBytes>) -> Result<(), VaultError> {
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let row = what.map(|what| self.sealer.seal(&self.environment, &sealed_name(place), 1, now(), what.expose()).encode());
        commit(&*self.store, vec![keyed(AUTHORIZATION_SPACE, place, row)])
    }

    /// Places for which something is kept.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read.
    pub fn authorization_places(&self) -> Result<Vec<String>, VaultError> {
        Ok(self.store.rows(AUTHORIZATION_SPACE)?.into_iter().map(|(place, _)| place).collect())
    }
}
