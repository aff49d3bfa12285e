//! When a system told of which thing, for whoever measures how long that takes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::model::Time;
use nave_runtime::contract::Event;

/// Things that are remembered of one connection: more were told while somebody measured than belong to one test record.
const THINGS_MAX: usize = 10_000;

/// By connection, as long as somebody watches: by thing, when it was first told of.
#[derive(Debug, Default)]
pub(super) struct Watched(Mutex<BTreeMap<String, BTreeMap<String, Time>>>);

/// Ends when it is dropped.
pub(crate) struct Watch {
    connection: String,
    watched: Arc<Watched>,
}

impl Watched {
    /// From now on what a connection's system tells is remembered.
    pub(super) fn begin(self: &Arc<Self>, connection: &str) -> Watch {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.to_owned(), BTreeMap::new());
        Watch { connection: connection.to_owned(), watched: self.clone() }
    }

    /// A call was believed, and is about these.
    pub(super) fn told(&self, connection: &str, events: &[Event], at: Time) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(things) = all.get_mut(connection) else { return };
        for id in events.iter().flat_map(|event| &event.remote_ids) {
            if things.len() < THINGS_MAX {
                things.entry(id.clone()).or_insert(at);
            }
        }
    }
}

impl Watch {
    /// When the system first told of a thing since this began.
    pub(crate) fn told_at(&self, id: &str) -> Option<Time> {
        let all = self.watched.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(&self.connection)?.get(id).copied()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.watched.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.connection);
    }
}
