//! How the engine's errors become the store's.

use crate::format::FormatError;
use crate::index::IndexFault;
use crate::{CommitError, StoreError};

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A newer hub wrote it; it is left alone.
    #[error(
        "the store has format {found}, this hub knows up to {known}; use the newer hub, or restore a backup made by this one"
    )]
    Newer {
        /// Of the file.
        found: u64,
        /// Of this hub.
        known: u64,
    },
    /// Another process has it open.
    #[error("the store {0} is open in another process")]
    Busy(String),
    /// It was made under another store key.
    #[error("the store was sealed with another master key")]
    WrongKey,
    /// It is not a store, or no longer.
    #[error("{0} is not a store of the hub, or damaged: {1}; bring back a backup with `nave restore FILE --replace`")]
    Damaged(String, String),
    /// The disk or the engine said no.
    #[error("the store {0} could not be opened: {1}")]
    Engine(String, String),
    /// A backup was sealed under another key.
    #[error(
        "the backup {0} was sealed under another master key; name the file of the key that it was made under: `nave restore FILE --key-file KEY`"
    )]
    WrongBackupKey(String),
    /// A sealed backup is not what was written.
    #[error("the backup {0} is damaged: {1}; use another copy")]
    BackupAltered(String, String),
    /// There is something already where a new store should be.
    #[error("{0} exists; nothing was overwritten: move it away first")]
    Exists(String),
}

impl From<FormatError> for StoreError {
    fn from(error: FormatError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<IndexFault> for StoreError {
    fn from(fault: IndexFault) -> Self {
        match fault {
            IndexFault::Engine(error) => error.into(),
            IndexFault::Gone | IndexFault::Damaged(_) | IndexFault::Format(_) => Self::Damaged(format!("index: {fault}")),
        }
    }
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Corrupted(what) => Self::Damaged(what),
            redb::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => Self::Damaged(error.to_string()),
            other => Self::Engine(other.to_string()),
        }
    }
}

macro_rules! through_redb {
    ($($error:ty),*) => {
        $(
            impl From<$error> for StoreError {
                fn from(error: $error) -> Self {
                    redb::Error::from(error).into()
                }
            }
            impl From<$error> for CommitError {
                fn from(error: $error) -> Self {
                    Self::Store(error.into())
                }
            }
        )*
    };
}

through_redb!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::CursorError);

impl From<FormatError> for CommitError {
    fn from(error: FormatError) -> Self {
        Self::Store(error.into())
    }
}

impl From<IndexFault> for CommitError {
    fn from(fault: IndexFault) -> Self {
        Self::Store(fault.into())
    }
}
