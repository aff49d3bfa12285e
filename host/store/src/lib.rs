//! Remembers. One interface of intents ([`Store`]), redb inside ([`Redb`]), and a second
//! implementation in memory ([`Memory`]) that injects conflicts and fencing for tests.
//!
//! No transaction and no iterator crosses the interface; [`Store::commit`] is the only way data is written.

mod batch;
mod interface;
mod memory;
mod rules;

pub use batch::{Batch, CheckpointMove, Expected, IndexEntry, IndexSpace, InputRow, KeyedRow};
pub use interface::{CommitError, Heads, Store, StoreError};
pub use memory::Memory;
pub use rules::subject_key;
