//! Where notes about what plugins tried go: lines of the audit, durable when the call returns.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::model::{AuditEntry, Time};
use nave_store::{Batch, KeyedRow, Store, StoreError};

use crate::clock::now;
use crate::egress::{AuditNote, AuditSink};

/// The same note is written once in this time: a guest in a loop must not fill the disk.
const REPEAT_MS: i64 = 60_000;
/// Rows: when what a connection was granted was used.
const USED_SPACE: &str = "grant-used";
/// Uses of a grant are noted by the hour: what matters is whether it is used at all.
const USED_NOTED_EVERY_MS: i64 = 3_600_000;
/// Notes remembered for that.
const REMEMBERED_MAX: usize = 10_000;

/// Writes audit notes to the store.
pub struct StoreAudit {
    store: Arc<dyn Store>,
    used: Mutex<HashMap<String, i64>>,
    written: Mutex<HashMap<(String, &'static str, String), i64>>,
}

impl StoreAudit {
    /// Into this store.
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self { store, used: Mutex::default(), written: Mutex::default() }
    }
}

impl AuditSink for StoreAudit {
    fn note(&self, note: AuditNote) {
        let at = now();
        tracing::warn!(actor = note.actor, action = note.action, subject = note.subject, detail = note.detail, "audit");
        let key = (note.subject.clone(), note.action, note.detail.clone());
        {
            let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
            if written.get(&key).is_some_and(|last| at.0 - last < REPEAT_MS) {
                return;
            }
            if written.len() >= REMEMBERED_MAX {
                written.clear();
            }
            written.insert(key.clone(), at.0);
        }
        let entry =
            AuditEntry { at, actor: note.actor, action: note.action.to_owned(), subject: note.subject, detail: note.detail };
        if let Err(error) = self.store.commit(Batch { at, audit: vec![entry], ..Batch::default() }) {
            // The store is closed by this: nothing is changed any more until somebody has looked. The next note is tried all the same.
            tracing::error!(%error, "an audit line could not be written");
            self.written.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
        }
    }

    fn used(&self, connection: &str, what: &str) {
        let at = now();
        let hour = at.0 - at.0.rem_euclid(USED_NOTED_EVERY_MS);
        let key = format!("{connection}/{what}");
        {
            let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
            if used.insert(key.clone(), hour) == Some(hour) {
                return;
            }
        }
        let value = hour.to_le_bytes().to_vec();
        // Another process may have noted it.
        if self.store.row(USED_SPACE, &key).is_ok_and(|noted| noted.as_ref() == Some(&value)) {
            return;
        }
        let row = KeyedRow { space: USED_SPACE.to_owned(), key, value: Some(value) };
        // A full disk keeps no call from being made.
        if let Err(error) = self.store.commit(Batch { at, rows: vec![row], ..Batch::default() }) {
            tracing::warn!(%error, "when a grant was used could not be noted");
        }
    }
}

/// When a connection used what it was granted last, by what that was; to the hour.
pub(crate) fn used(store: &dyn Store, connection: &str) -> Result<BTreeMap<String, Time>, StoreError> {
    let prefix = format!("{connection}/");
    let line = |(key, value): (String, Vec<u8>)| {
        let time = i64::from_le_bytes(value.get(..8)?.try_into().ok()?);
        Some((key.strip_prefix(&prefix)?.to_owned(), Time(time)))
    };
    Ok(store.rows(USED_SPACE)?.into_iter().filter_map(line).collect())
}

#[cfg(test)]
mod tests {
    use nave_store::Memory;

    use super::*;

    /// T30: what a guest had a hand in is a field of one entry, however much it looks like another one; nothing else reaches the audit.
    #[test]
    fn what_a_guest_says_is_a_field_of_one_entry() {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let audit = StoreAudit::new(store.clone());
        let forged =
            "x\n2026-11-29T20:00:00Z\tada\taccess.revoked\ttoken bo\n{\"actor\":\"ada\",\"action\":\"access.revoked\"}\0\u{202e}";
        let note = |subject: &str, detail: &str| AuditNote {
            actor: "plugin:evil".to_owned(),
            action: "net.denied",
            subject: subject.to_owned(),
            detail: detail.to_owned(),
        };
        audit.note(note("crm/api", forged));
        audit.note(note(forged, "a path that is not granted"));
        // The same again within a minute is not written again.
        audit.note(note("crm/api", forged));
        let entries = store.audit(10).unwrap();
        let found: Vec<_> = entries
            .iter()
            .map(|entry| (entry.actor.as_str(), entry.action.as_str(), entry.subject.as_str(), entry.detail.as_str()))
            .collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&("plugin:evil", "net.denied", "crm/api", forged)), "{found:?}");
        assert!(found.contains(&("plugin:evil", "net.denied", forged, "a path that is not granted")), "{found:?}");
    }
}
