//! Forgetting a person: one small key is destroyed, and the record's history reads as null for ever (I2).
//!
//! The key's row is overwritten in the transaction; the page that held it before is free and is reused by the engine.
//! A backup is copied row by row, so it never holds such a page; a backup made *before* still holds the wrapped key
//! and has to be replaced, as the runbook of an erasure says.

use nave_core::model::{RecordId, Time};

use super::Redb;
use crate::{Batch, CommitError, Store};

impl Redb {
    /// Destroys the record's key. Its changes stay, without their values; what is written about it later is not kept.
    pub fn erase(&self, record: RecordId, at: Time) -> Result<(), CommitError> {
        self.commit(Batch { at, erased: vec![record], ..Batch::default() }).map(|_| ())
    }
}
