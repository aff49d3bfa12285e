//! Where notes about what plugins tried go: lines of the audit, durable when the call returns.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::model::AuditEntry;
use nave_store::{Batch, Store};

use crate::clock::now;
use crate::egress::{AuditNote, AuditSink};

/// The same note is written once in this time: a guest in a loop must not fill the disk.
const REPEAT_MS: i64 = 60_000;
/// Notes remembered for that.
const REMEMBERED_MAX: usize = 10_000;

/// Writes audit notes to the store.
pub struct StoreAudit {
    store: Arc<dyn Store>,
    written: Mutex<HashMap<(String, &'static str, String), i64>>,
}

impl StoreAudit {
    /// Into this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, written: Mutex::default() }
    }
}

impl AuditSink for StoreAudit {
    fn note(&self, note: AuditNote) {
        let at = now();
        tracing::warn!(actor = note.actor, action = note.action, subject = note.subject, detail = note.detail, "audit");
        {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (note.subject.clone(), note.action, note.detail.clone());
            if written.get(&key).is_some_and(|last| at.0 - last < REPEAT_MS) {
                return;
            }
            if written.len() >= REMEMBERED_MAX {
                written.clear();
            }
            written.insert(key, at.0);
        }
        let entry =
            AuditEntry { at, actor: note.actor, action: note.action.to_owned(), subject: note.subject, detail: note.detail };
        if let Err(error) = self.store.commit(Batch { at, audit: vec![entry], ..Batch::default() }) {
            tracing::error!(%error, "an audit line could not be written");
        }
    }
}
