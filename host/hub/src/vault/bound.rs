//! Where a secret may be sent: the origins that it was given for, sealed as the secret is.
//!
//! A row in the space `secret-bound`, sealed under a name that no secret can have, so that neither opens in the other's
//! place. What was given for one host is never revealed for another, whatever the configuration says by then. The proxy and
//! the authorities on the way there are entries among the origins: a secret that was given without is held from them.

use std::collections::BTreeSet;

use nave_core::model::Time;

use super::{Vault, VaultError, check_name, commit, keyed, now};
use crate::secrets::{Lapsed, SecretError};
use crate::vault::seal::Row;

/// Space of the store with the sealed origins, by the secret's name.
pub(super) const BOUND_SPACE: &str = "secret-bound";

/// Space of the store with what lapsed last, by the secret's name: it is told, and decides nothing.
pub(super) const LAPSED_SPACE: &str = "secret-lapsed";

/// The name under which a secret's origins are sealed; the colon keeps it apart from every secret's own.
pub(super) fn sealed_name(name: &str) -> String {
    format!("bound:{name}")
}

impl Vault {
    /// The origins that a secret was given for; none where nobody has said so yet.
    ///
    /// # Errors
    /// [`VaultError`] where the row was changed, or the store cannot be read.
    pub fn bound(&self, name: &str) -> Result<Option<BTreeSet<String>>, VaultError> {
        let Some(bytes) = self.store.row(BOUND_SPACE, name)? else { return Ok(None) };
        let damaged = || VaultError::Damaged(name.to_owned());
        let row = Row::decode(&bytes).ok_or_else(damaged)?;
        let text = self.sealer.open(&self.environment, &sealed_name(name), &row).ok_or_else(damaged)?;
        let text = std::str::from_utf8(text.expose()).map_err(|_| damaged())?;
        Ok(Some(text.lines().map(str::to_owned).collect()))
    }

    /// Secrets that somebody gave for a host, stored or not.
    ///
    /// # Errors
    /// [`VaultError`] where the store cannot be read.
    pub fn bound_names(&self) -> Result<Vec<String>, VaultError> {
        Ok(self.store.rows(BOUND_SPACE)?.into_iter().map(|(name, _)| name).collect())
    }

    /// Everything that any secret was given for.
    ///
    /// # Errors
    /// As [`Vault::bound`].
    pub fn all_bound(&self) -> Result<BTreeSet<String>, VaultError> {
        let mut all = BTreeSet::new();
        for (name, _) in self.store.rows(BOUND_SPACE)? {
            all.extend(self.bound(&name)?.unwrap_or_default());
        }
        Ok(all)
    }

    /// Gives a secret for these origins, whether or not it is stored yet. Of those that it was given for before, only the
    /// ones in `used` stay; all, where nobody can say which are. Durable when it returns.
    ///
    /// # Errors
    /// [`VaultError`] where the name is none, or nothing could be stored.
    pub fn bind(&self, name: &str, origins: &BTreeSet<String>, used: Option<&BTreeSet<String>>) -> Result<(), VaultError> {
        check_name(name)?;
        let _one = self.changing.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut all = self.bound(name)?.unwrap_or_default();
        let before = all.clone();
        all.retain(|known| used.is_none_or(|used| used.contains(known)));
        all.extend(origins.iter().cloned());
        let text: Vec<&str> = all.iter().map(String::as_str).collect();
        let row = self.sealer.seal(&self.environment, &sealed_name(name), 1, now(), text.join("\n").as_bytes());
        let mut rows = vec![keyed(BOUND_SPACE, name, Some(row.encode()))];
        let gone: Vec<String> = before.difference(&all).cloned().collect();
        if !gone.is_empty() {
            let since = self.store.row(BOUND_SPACE, name)?.and_then(|row| Row::decode(&row)).map_or(0, |row| row.created);
            let lapsed = Lapsed { given: Time(since).to_string(), at: Time(now()).to_string(), origins: gone };
            rows.push(keyed(LAPSED_SPACE, name, serde_json::to_vec(&lapsed).ok()));
        } else if self.lapsed(name)?.is_some_and(|lapsed| lapsed.origins.iter().all(|one| all.contains(one))) {
            rows.push(keyed(LAPSED_SPACE, name, None));
        }
        commit(&*self.store, rows)
    }

    /// What a secret was given for until it lapsed the last time.
    fn lapsed(&self, name: &str) -> Result<Option<Lapsed>, VaultError> {
        Ok(self.store.row(LAPSED_SPACE, name)?.and_then(|row| serde_json::from_slice(&row).ok()))
    }

    /// Whether a secret may be sent to all of these origins. One that is neither stored nor bound is merely missing.
    pub(super) fn bounds(&self, name: &str, origins: &BTreeSet<String>) -> Result<(), SecretError> {
        let unreadable = |error: VaultError| SecretError::Unreadable { name: name.to_owned(), why: error.to_string() };
        let bound = self.bound(name).map_err(unreadable)?;
        if bound.is_none() && !self.contains(name).map_err(unreadable)? {
            return Err(SecretError::Missing(name.to_owned()));
        }
        let bound = bound.unwrap_or_default();
        let other: Vec<String> = origins.difference(&bound).cloned().collect();
        if other.is_empty() {
            return Ok(());
        }
        let lapsed = self.lapsed(name).map_err(unreadable)?.filter(|lapsed| lapsed.origins.iter().any(|one| other.contains(one)));
        Err(SecretError::Held {
            name: name.to_owned(),
            to: other,
            given_for: bound.into_iter().collect(),
            lapsed: lapsed.map(Box::new),
        })
    }
}
