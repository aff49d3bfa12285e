//! A secret on its way from the vault to the wire: bytes that are forgotten when dropped and never printed (I10).
//!
//! Only this crate can look at the bytes; everybody else can make one (to store it) or pass one on.

use zeroize::{Zeroize, ZeroizeOnDrop};

/// A secret's bytes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SecretBytes(Vec<u8>);

impl SecretBytes {
    /// Takes over the bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
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
}

/// Gives secrets by name, at the moment they are sent. Calls are short and may block on the disk.
pub trait SecretSource: Send + Sync {
    /// The secret of this name.
    fn secret(&self, name: &str) -> Result<SecretBytes, SecretError>;
}
