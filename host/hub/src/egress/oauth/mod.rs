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
