//! OAuth 2 to which a person agreed: what is kept of it, what comes next with it, and how answers are read.
//!
//! One [`Cell`] per connection and slot for the whole hub, behind an asynchronous lock: whoever finds the token expired waits for
//! the one who renews it. What a system granted is durable before it is used for the first time.

mod answer;
mod kept;
mod pkce;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

pub use answer::Device;
pub(super) use answer::{Answered, Tokens, device, tokens};
pub use kept::Standing;
pub(super) use kept::{Authorization, Cell, Next};
pub(crate) use pkce::random;
pub use pkce::{Pkce, same};

/// All that people agreed to.
#[derive(Default)]
pub(super) struct Authorizations(Mutex<HashMap<String, Arc<tokio::sync::Mutex<Cell>>>>);

impl Authorizations {
    /// Forgets the cell of a place: what is kept is read anew.
    pub(super) fn forget(&self, place: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(place);
    }

    /// Ends what was granted to a place: it is forgotten where it is kept, by `forget`, and here. A renewal that is under way is waited
    /// for, and whoever holds the cell by then finds nothing in it to use or to keep again.
    pub(super) async fn end<T, E>(&self, place: &str, forget: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        let mut cell = self.cell(place).lock_owned().await;
        let done = forget()?;
        (cell.kept, cell.unsaved, cell.loaded) = (None, false, true);
        cell.turn();
        Ok(done)
    }

    /// The cell of a place ([`place`]); shared by every channel of the connection.
    pub(super) fn cell(&self, place: &str) -> Arc<tokio::sync::Mutex<Cell>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(place.to_owned()).or_default().clone()
    }
}

/// How what was kept stands; none for what is no authorization.
pub(crate) fn standing_of(sealed: &crate::secrets::SecretBytes) -> Option<Standing> {
    Authorization::read(sealed).map(|kept| kept.standing())
}

/// Where a connection's slot is kept in the vault.
pub(crate) fn place(connection: &str, slot: &str) -> String {
    format!("{connection}/{slot}")
}

#[cfg(test)]
mod tests {
    use nave_core::model::Time;

    use super::*;
    use crate::secrets::SecretBytes;

    fn authorization() -> Authorization {
        let body = br#"{"access_token":"t0ken-of-the-test","token_type":"bearer","expires_in":60,"refresh_token":"r"}"#;
        let Answered::Tokens(tokens) = tokens(200, body) else { panic!("tokens") };
        Authorization::new(&tokens, &[], "https://crm.example", "browser", "ann", Time(0))
    }

    /// A renewal that is under way keeps what it got, and the revocation comes after it: in the cell as in the vault.
    #[tokio::test]
    async fn what_was_revoked_is_brought_back_by_nobody_who_has_it_loaded() {
        let all = Arc::new(Authorizations::default());
        let kept = Arc::new(Mutex::new(Some(SecretBytes::new("sealed"))));
        let cell = all.cell("crm/token");
        let mut renewing = cell.clone().lock_owned().await;
        (renewing.kept, renewing.loaded) = (Some(authorization()), true);
        let revoking = tokio::spawn({
            let (all, kept) = (all.clone(), kept.clone());
            async move { all.end("crm/token", || Ok::<_, ()>(kept.lock().unwrap().take().is_some())).await }
        });
        tokio::task::yield_now().await;
        assert!(kept.lock().unwrap().is_some(), "the renewal is waited for");
        *kept.lock().unwrap() = Some(SecretBytes::new("renewed"));
        renewing.unsaved = true;
        drop(renewing);
        assert_eq!(revoking.await.unwrap(), Ok(true));
        assert!(kept.lock().unwrap().is_none(), "the vault has nothing");
        let cell = cell.lock().await;
        assert!(cell.kept.is_none() && !cell.unsaved && cell.loaded, "whoever had it has nothing to keep again");
    }

    /// What cannot be forgotten in the vault is not forgotten here: whoever revokes is told.
    #[tokio::test]
    async fn what_the_vault_keeps_is_not_said_to_be_gone() {
        let all = Authorizations::default();
        all.cell("crm/token").lock().await.kept = Some(authorization());
        assert_eq!(all.end("crm/token", || Err::<(), _>("the disk is full")).await, Err("the disk is full"));
        assert!(all.cell("crm/token").lock().await.kept.is_some());
    }
}
