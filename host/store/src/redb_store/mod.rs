//! The store in one redb file.
//!
//! One commit is one write transaction, durable when it returns (I1). After a failure whose outcome nobody knows the
//! store refuses everything until it is opened again. Nothing of redb crosses the interface.

mod backup;
mod checked;
mod commit;
mod erase;
mod errors;
mod files;
mod floor;
mod objects;
mod open;
mod read;
mod rebuild;
mod rekey;
mod salvage;
mod sealed;
mod tables;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};

pub use backup::restore;
pub use checked::FileCheck;
pub use errors::OpenError;
pub use floor::{FloorCommits, FloorFigures, floor_bench};
pub use open::{FORMAT, Options};
pub use rebuild::{EntriesOf, IndexCheck};
pub use rekey::{Rekey, put_in_place};
pub use salvage::{SalvagedAudit, SalvagedRows};
pub use sealed::BackupKey;

use redb::{Database, ReadTransaction, ReadableDatabase};

use crate::format::names::Names;
use crate::index::{Index, IndexFigures};
use crate::seal::Keys;
use crate::{Heads, StoreError};

/// The store on disk.
#[derive(Debug)]
pub struct Redb {
    database: Database,
    /// The file below the database: each block as it was written, or an error.
    checked: Arc<checked::Checked>,
    index: Index,
    names: RwLock<Names>,
    keys: Keys,
    writer: Mutex<Writer>,
    closed: OnceLock<String>,
    options: Options,
    /// Where its file lies.
    folder: PathBuf,
}

/// What the one writer knows between commits.
#[derive(Clone, Debug, Default)]
struct Writer {
    heads: Heads,
    /// Last dirty stamp.
    stamp: u64,
    /// Last audit line and the digest that the next one continues.
    audit: u64,
    audit_digest: [u8; 32],
    /// Last input.
    input: u64,
    /// `record contact/active`, `dirty crm-contacts`, `active crm/contacts` → how many.
    counts: BTreeMap<String, u64>,
    /// Commits of the index alone since one was made durable.
    loose: u32,
}

impl Redb {
    fn writer(&self) -> MutexGuard<'_, Writer> {
        // Changed only after a commit succeeded; a panic before that leaves it as it was.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn names(&self) -> std::sync::RwLockReadGuard<'_, Names> {
        self.names.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse_closed(&self) -> Result<(), StoreError> {
        if let Some(why) = self.checked.fault() {
            return Err(StoreError::Damaged(why.to_owned()));
        }
        match self.closed.get() {
            Some(why) => Err(StoreError::Closed(why.clone())),
            None => Ok(()),
        }
    }

    /// Closes the store for good: what happened is unknown or the disk is not to be trusted.
    fn close(&self, error: &StoreError) {
        tracing::error!(%error, "the store is closed");
        // Whoever was first is the reason.
        let _ = self.closed.set(error.to_string());
    }

    fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        self.refuse_closed()?;
        Ok(self.database.begin_read()?)
    }

    /// Bytes of rows and keys, without the pages' slack and what is free in the file. Walks the file: for benchmarks.
    pub fn stored_bytes(&self) -> Result<u64, StoreError> {
        let transaction = self.begin_write()?;
        let stats = transaction.stats()?;
        transaction.abort()?;
        Ok(stats.stored_bytes())
    }

    /// Reads the whole file and compares every block with what was written there. Others read and write meanwhile.
    pub fn check_file(&self) -> Result<FileCheck, StoreError> {
        self.refuse_closed()?;
        self.checked.walk().map_err(|error| StoreError::Engine(error.to_string()))
    }

    /// How large the index is.
    pub fn index_figures(&self) -> IndexFigures {
        self.index.figures()
    }
}
