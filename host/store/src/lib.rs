//! Remembers. One interface of intents ([`Store`]), redb inside ([`Redb`]), and a second
//! implementation in memory ([`Memory`]) that injects conflicts and fencing for tests.
//!
//! No transaction and no iterator crosses the interface; [`Store::commit`] is the only way data is written.

mod batch;
mod format;
#[doc(hidden)]
pub mod index;
mod interface;
#[doc(hidden)]
pub mod kill;
mod memory;
mod redb_store;
mod rules;
mod seal;

pub use batch::{Batch, CheckpointMove, Expected, IndexEntry, IndexSpace, InputRow, KeyedRow, NOBODY, SealedRow};
pub use format::FormatError;
pub use interface::{AUDIT_DIGEST_BYTES, AuditHead, AuditRow, CommitError, Heads, ObjectCount, OpenedRow, Store, StoreError};
pub use memory::Memory;
pub use redb_store::{
    BackupKey, EntriesOf, FORMAT, FileCheck, FloorCommits, FloorFigures, IndexCheck, OpenError, Options, Redb, Rekey,
    SalvagedAudit, SalvagedRows, floor_bench, put_in_place, restore,
};
pub use rules::subject_key;
pub use seal::StoreKey;
