//! Looks for secrets in files that are about to be kept, and puts the look before every commit.
//!
//! Owns which files are looked at and git's hook. What looks like a secret is decided in `core::leak`; whether one of the
//! vault's is there, the hub says, which alone can open it.

mod files;
mod hook;

use std::path::PathBuf;

pub use files::{FILE_BYTES_MAX, Text, Texts, staged, under};
pub use hook::{Hook, install as install_hook};

/// Why files could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The disk.
    #[error("{path}: {source}", path = path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// Cause.
        source: std::io::Error,
    },
    /// Git.
    #[error("git: {0}")]
    Git(String),
}

impl From<ScanError> for crate::api::ApiError {
    fn from(error: ScanError) -> Self {
        let help = match &error {
            ScanError::Io { .. } => "name a file or folder that you may read",
            ScanError::Git(_) => {
                "`nave scan --staged` works in the work tree of a git repository; without --staged it looks at files"
            }
        };
        Self::failed(error.to_string()).help(help)
    }
}
