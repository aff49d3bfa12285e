//! A secret on its way from the vault to the wire: bytes that are forgotten when dropped and never printed (I10).
//!
//! Only this crate can look at the bytes; everybody else can make one (to store it) or pass one on.

use std::collections::BTreeSet;
use std::sync::Arc;

use nave_core::grant::Grant;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::spoke::BoxFuture;

/// A secret's bytes: clones share them, and the last one overwrites them.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretBytes(Arc<Zeroizing<Vec<u8>>>);

impl SecretBytes {
    /// Takes over the bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Arc::new(Zeroizing::new(bytes.into())))
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Who has them, this one included.
    pub(crate) fn held_by(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// The bytes, for the one line that seals or sends them.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecretBytes(…)")
    }
}

/// Why a secret cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// Nothing is stored under this name.
    #[error("there is no secret `{0}`; store it with `nave secret set {0}`")]
    Missing(String),
    /// It is there and cannot be opened.
    #[error("the secret `{name}` cannot be opened: {why}")]
    Unreadable {
        /// Name.
        name: String,
        /// Without any part of the secret.
        why: String,
    },
    /// It is kept elsewhere, and cannot be fetched from there now. Trying again later is the thing to do.
    #[error(
        "the secret `{name}` is kept in {place}, and could not be fetched: {why}; `nave secret check {name}` tries it at once, and calls go on by themselves when it can be had again"
    )]
    Away {
        /// Name.
        name: String,
        /// Where it is kept.
        place: String,
        /// What happened there, without any part of a secret.
        why: String,
    },
    /// It was not given for where it would go. Nothing was sent.
    #[error("the secret `{name}` {}", crate::egress::held(to, given_for, lapsed.as_deref()))]
    Held {
        /// Name.
        name: String,
        /// Origins (scheme, host, port) that it was not given for, and the way there, if it is another one.
        to: Vec<String>,
        /// Those that it was given for; empty where nobody has ever said so, or that has lapsed.
        given_for: Vec<String>,
        /// Where some of `to` was given, and lapsed.
        lapsed: Option<Box<Lapsed>>,
    },
}

/// What a secret was given for once, and is no more: for a while no connection sent it there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lapsed {
    /// When it was given last, RFC 3339.
    pub given: String,
    /// Since when it is not, RFC 3339.
    pub at: String,
    /// Origins, and the way there.
    pub origins: Vec<String>,
}

/// Gives secrets by name, at the moment they are sent. Calls are short and may block on the disk.
pub trait SecretSource: Send + Sync {
    /// Whether the secret of this name may be sent to all of these origins; asked before anything is sent.
    fn may_go(&self, name: &str, origins: &BTreeSet<String>) -> Result<(), SecretError>;

    /// The secret of this name, to be sent to these origins and to no other, for the use that was granted.
    fn secret(&self, name: &str, origins: &BTreeSet<String>, granted: &Grant) -> Result<SecretBytes, SecretError>;

    /// The same for the hub itself, where no plugin is: what tells people of alerts, signatures of calls that came in.
    fn own(&self, name: &str, _origins: &BTreeSet<String>) -> Result<SecretBytes, SecretError> {
        Err(SecretError::Missing(name.to_owned()))
    }

    /// The value of a secret that is kept elsewhere, fetched where that is due, to be sent to these origins and to no other; none
    /// where it is kept here: then [`SecretSource::secret`] has it. With `refused`, its system refused this value: where another
    /// one is there by now, that is the answer.
    fn referred<'a>(
        &'a self,
        _name: &'a str,
        _origins: &'a BTreeSet<String>,
        _granted: &'a Grant,
        _refused: Option<&'a SecretBytes>,
    ) -> BoxFuture<'a, Result<Option<SecretBytes>, SecretError>> {
        Box::pin(async { Ok(None) })
    }

    /// As [`SecretSource::own`], wherever it is kept.
    fn own_value<'a>(&'a self, name: &'a str, origins: &'a BTreeSet<String>) -> BoxFuture<'a, Result<SecretBytes, SecretError>> {
        Box::pin(async move { self.own(name, origins) })
    }

    /// The successor of this secret, where one waits, to be sent to these origins and to no other.
    fn next(&self, _name: &str, _origins: &BTreeSet<String>, _granted: &Grant) -> Result<Option<SecretBytes>, SecretError> {
        Ok(None)
    }

    /// The successor that was tried has worked, or was refused where the old one was taken: why. Says whether it still waited.
    fn settle(&self, _name: &str, _tried: &SecretBytes, _refused: Option<&str>) -> Result<bool, SecretError> {
        Ok(false)
    }

    /// What is kept for a connection's credential slot (`connection/slot`) besides its secret: what its system granted.
    fn kept(&self, _place: &str) -> Result<Option<SecretBytes>, SecretError> {
        Ok(None)
    }

    /// Keeps it, or forgets it. Durable when it returns.
    fn keep(&self, place: &str, _what: Option<&SecretBytes>) -> Result<(), SecretError> {
        Err(SecretError::Unreadable { name: place.to_owned(), why: "nothing can be kept here".to_owned() })
    }
}
