//! What a plugin keeps between calls: a few bytes per stream, each stream with a quota of its own.
//!
//! The host knows which stream a call is about; a guest names only its key, so one stream never sees or crowds out
//! another. Calls about no stream (check, discover) have a place of their own.

use std::sync::{Arc, Mutex, PoisonError};

use nave_core::limits::{GUEST_STATE_BYTES_MAX, GUEST_STATE_ENTRIES_MAX};
use nave_store::{Batch, KeyedRow, Store};

use crate::clock::now;

/// Space of the store.
const SPACE: &str = "state";

/// One connection's state.
pub(super) struct State {
    connection: String,
    store: Arc<dyn Store>,
    /// Beginning of the keys of the stream that the call under way is about.
    prefix: Mutex<String>,
}

impl State {
    pub(super) fn new(connection: &str, store: Arc<dyn Store>) -> Self {
        let state = Self { connection: connection.to_owned(), store, prefix: Mutex::default() };
        state.begin(None);
        state
    }

    /// A call begins, about this stream. Calls of one connection are made one at a time.
    pub(super) fn begin(&self, stream: Option<&str>) {
        // The length before it keeps streams apart whatever their names hold.
        let prefix = match stream {
            Some(stream) => format!("{}/{}:{stream}/", self.connection, stream.len()),
            None => format!("{}/-/", self.connection),
        };
        *self.prefix.lock().unwrap_or_else(PoisonError::into_inner) = prefix;
    }

    fn prefix(&self) -> String {
        self.prefix.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.store.row(SPACE, &format!("{}{key}", self.prefix())).ok().flatten()
    }

    pub(super) fn set(&self, key: &str, value: Vec<u8>) -> Result<(), String> {
        let prefix = self.prefix();
        let key = format!("{prefix}{key}");
        let rows = self.store.rows(SPACE).map_err(|error| error.to_string())?;
        let others = rows.iter().filter(|(known, _)| known.starts_with(&prefix) && *known != key);
        let others = others.map(|(known, row)| known.len() - prefix.len() + row.len());
        fits(others, key.len() - prefix.len() + value.len())?;
        let row = KeyedRow { space: SPACE.into(), key, value: Some(value) };
        self.store.commit(Batch { at: now(), rows: vec![row], ..Batch::default() }).map(drop).map_err(|error| error.to_string())
    }
}

/// Keys take room as values do, and each entry takes more than its bytes.
fn fits(others: impl Iterator<Item = usize>, own: usize) -> Result<(), String> {
    let (entries, bytes) = others.fold((1, own), |(entries, bytes), other| (entries + 1, bytes + other));
    if bytes > GUEST_STATE_BYTES_MAX {
        return Err(format!("quota.state: a stream keeps at most {GUEST_STATE_BYTES_MAX} bytes of keys and values"));
    }
    if entries > GUEST_STATE_ENTRIES_MAX {
        return Err(format!("quota.state: a stream keeps at most {GUEST_STATE_ENTRIES_MAX} entries"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_is_bounded_in_bytes_and_entries() {
        let fits = |entries: usize, each: usize, own: usize| fits(std::iter::repeat_n(each, entries), own).is_ok();
        assert!(fits(0, 0, GUEST_STATE_BYTES_MAX));
        assert!(!fits(0, 0, GUEST_STATE_BYTES_MAX + 1));
        assert!(!fits(2, GUEST_STATE_BYTES_MAX / 2, 1));
        assert!(fits(GUEST_STATE_ENTRIES_MAX - 1, 0, 0));
        assert!(!fits(GUEST_STATE_ENTRIES_MAX, 0, 0));
    }

    /// A key that one call stores, and whether a call about another stream finds it, or is kept from storing its own.
    #[track_caller]
    fn check(one: (&str, Option<&str>, &str), other: (&str, Option<&str>, &str), same: bool) {
        let store: Arc<dyn Store> = Arc::new(nave_store::Memory::new());
        let (first, second) = (State::new(one.0, store.clone()), State::new(other.0, store));
        first.begin(one.1);
        second.begin(other.1);
        let full = GUEST_STATE_BYTES_MAX - one.2.len();
        first.set(one.2, vec![1; full]).unwrap();
        assert_eq!(second.get(other.2).is_some(), same, "{one:?} {other:?}");
        assert_eq!(second.set("a key that is longer", vec![2]).is_err(), same, "{one:?} {other:?}");
        assert_eq!(first.get(one.2).map(|value| value.len()), Some(full), "it is still there");
    }

    #[test]
    fn each_stream_has_its_own_state_and_quota() {
        check(("crm", Some("contacts"), "k"), ("crm", Some("contacts"), "k"), true);
        check(("crm", Some("contacts"), "k"), ("crm", Some("companies"), "k"), false);
        check(("crm", Some("contacts"), "k"), ("books", Some("contacts"), "k"), false);
        check(("crm", Some("contacts"), "k"), ("crm", None, "k"), false);
        check(("crm", None, "k"), ("crm", None, "k"), true);
        check(("crm", Some("a"), "b/k"), ("crm", Some("a/b"), "k"), false);
        check(("crm", Some(""), "k"), ("crm", None, "k"), false);
        check(("crm", None, "1:a/k"), ("crm", Some("a"), "k"), false);
    }
}
