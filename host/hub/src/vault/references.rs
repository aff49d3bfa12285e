//! Secrets that are kept elsewhere: the vault has where, sealed as a secret is, and hands on what is fetched from there.
//!
//! A row in the space `secret-reference`, sealed under a name that no secret can have: nobody who writes to the store's file can
//! lead a secret to another place. What is fetched goes where the secret was given for, and nowhere else.

use std::collections::BTreeSet;

use nave_core::secret_reference::SecretReference;

use super::leases::{Fetch, Standing};
use super::seal::Row;
use super::{SPACE, Stored, USED_SPACE, Vault, VaultError, check_name, commit, keyed, now, rotation};
use crate::secrets::{SecretBytes, SecretError};

/// Space of the store with the sealed references, by the secret's name.
pub(super) const REFERENCE_SPACE: &str = "secret-reference";

/// The colon keeps it apart from every secret's own name.
pub(super) fn sealed_name(name: &str) -> String {
    format!("reference:{name}")
}

/// What there is of references.
#[derive(Default)]
pub(crate) struct References {
    /// By name.
    pub(crate) found: Vec<(String, SecretReference)>,
    /// Names of those that cannot be read.
    pub(crate) damaged: Vec<String>,
}

impl Vault {
    /// A secret is kept elsewhere from now on, in place of what was stored under this name. Durable when it returns.
    ///
    /// # Errors
    /// [`VaultError`] where the name or the reference is none, or nothing could be stored.
    pub fn refer(&self, name: &str, reference: &SecretReference) -> Result<Stored, VaultError> {
        check_name(name)?;
        reference.check().map_err(VaultError::BadReference)?;
        let text = serde_json::to_vec(reference).unwrap_or_default();
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let version = self.version(name)?.map_or(1, |version| version.saturating_add(1));
        let row = self.sealer.seal(&self.environment, &sealed_name(name), version, now(), &text);
        let mut rows =
            vec![keyed(REFERENCE_SPACE, name, Some(row.encode())), keyed(SPACE, name, None), keyed(USED_SPACE, name, None)];
        rows.extend(rotation::SPACES.map(|space| keyed(space, name, None)));
        commit(&*self.store, rows)?;
        self.used.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(name);
        self.leases.forget(name);
        Ok(Stored { version, same_as: self.referred_alike(name, reference)? })
    }

    /// Other names that lead to the very same place.
    fn referred_alike(&self, name: &str, reference: &SecretReference) -> Result<Vec<String>, VaultError> {
        let mut alike = Vec::new();
        for (other, _) in self.store.rows(REFERENCE_SPACE)? {
            if other != name && self.reference(&other)?.is_some_and(|(found, _)| found == *reference) {
                alike.push(other);
            }
        }
        Ok(alike)
    }

    /// Where a secret is kept, and the version of that; none where it is sealed here, or not at all.
    ///
    /// # Errors
    /// [`VaultError`] where the row was changed, or the store cannot be read.
    pub fn reference(&self, name: &str) -> Result<Option<(SecretReference, u32)>, VaultError> {
        let Some(bytes) = self.store.row(REFERENCE_SPACE, name)? else { return Ok(None) };
        let damaged = || VaultError::Damaged(name.to_owned());
        let row = Row::decode(&bytes).ok_or_else(damaged)?;
        let text = self.sealer.open(&self.environment, &sealed_name(name), &row).ok_or_else(damaged)?;
        Ok(Some((serde_json::from_slice(text.expose()).map_err(|_| damaged())?, row.version)))
    }

    /// Every reference, by name.
    ///
    /// # Errors
    /// As [`Vault::reference`].
    pub fn references(&self) -> Result<Vec<(String, SecretReference)>, VaultError> {
        let References { found, damaged } = self.all_references()?;
        damaged.into_iter().next().map_or(Ok(found), |name| Err(VaultError::Damaged(name)))
    }

    /// Every reference that can be read, and the names of those that cannot.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read.
    pub(crate) fn all_references(&self) -> Result<References, VaultError> {
        let References { mut found, mut damaged } = References::default();
        for (name, _) in self.store.rows(REFERENCE_SPACE)? {
            match self.reference(&name) {
                Ok(reference) => found.extend(reference.map(|(reference, _)| (name, reference))),
                Err(VaultError::Damaged(_)) => damaged.push(name),
                Err(error) => return Err(error),
            }
        }
        Ok(References { found, damaged })
    }

    /// The version of what is stored under a name, sealed or referred to.
    pub(crate) fn version(&self, name: &str) -> Result<Option<u32>, VaultError> {
        let of =
            |space| self.store.row(space, name).map(|bytes| bytes.and_then(|bytes| Row::decode(&bytes)).map(|row| row.version));
        Ok(of(SPACE)?.max(of(REFERENCE_SPACE)?))
    }

    /// Who fetches what is kept elsewhere, from now on.
    pub(crate) fn fetched_by(&self, fetch: std::sync::Arc<dyn Fetch>) {
        self.leases.fetched_by(fetch);
    }

    /// Ends the leases of what is kept elsewhere, since the hub ends.
    pub(crate) async fn end_leases(&self) {
        self.leases.end_all().await;
    }

    /// How a reference stands. Fetches nothing.
    pub(crate) fn standing(&self, name: &str) -> Standing {
        self.leases.standing(name)
    }

    /// Fetches a secret that is kept elsewhere now, whatever is held: whether that comes out well. The value goes nowhere.
    ///
    /// # Errors
    /// [`SecretError`], with why and what to type.
    pub(crate) async fn try_reference(&self, name: &str) -> Result<SecretReference, SecretError> {
        let (reference, version) = self.led(name)?.ok_or_else(|| SecretError::Missing(name.to_owned()))?;
        self.value(name, &reference, version, None, true).await?;
        Ok(reference)
    }

    /// Has the value of a reference held, to look for it in texts. It goes nowhere, so it is no use of it.
    ///
    /// # Errors
    /// As [`Vault::try_reference`].
    pub(crate) async fn looked_for(&self, name: &str) -> Result<(), SecretError> {
        let Some((reference, version)) = self.led(name)? else { return Ok(()) };
        self.value(name, &reference, version, None, false).await.map(drop)
    }

    /// Who fetches; none before the hub is open.
    pub(crate) fn fetcher(&self) -> Option<&std::sync::Arc<dyn Fetch>> {
        self.leases.fetcher()
    }

    /// Where a secret leads, where it leads anywhere.
    pub(super) fn led(&self, name: &str) -> Result<Option<(SecretReference, u32)>, SecretError> {
        self.reference(name).map_err(|error| SecretError::Unreadable { name: name.to_owned(), why: error.to_string() })
    }

    /// The value of a reference, for whoever has asked whether it may go there.
    pub(super) async fn value(
        &self,
        name: &str,
        reference: &SecretReference,
        version: u32,
        refused: Option<&SecretBytes>,
        at_once: bool,
    ) -> Result<SecretBytes, SecretError> {
        let value = self.leases.value(name, reference, version, refused, at_once).await;
        value.map_err(|why| SecretError::Away { name: name.to_owned(), place: reference.to_string(), why })
    }

    /// The value of a secret that is kept elsewhere, to be sent to these origins; none where it is sealed here.
    pub(super) async fn fetched(
        &self,
        name: &str,
        origins: &BTreeSet<String>,
        refused: Option<&SecretBytes>,
    ) -> Result<Option<SecretBytes>, SecretError> {
        let Some((reference, version)) = self.led(name)? else { return Ok(None) };
        self.bounds(name, origins)?;
        let value = self.value(name, &reference, version, refused, false).await?;
        self.note_use(name).map_err(|error| SecretError::Unreadable { name: name.to_owned(), why: error.to_string() })?;
        Ok(Some(value))
    }
}
