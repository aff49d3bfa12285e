//! The system's own log of requests: what a test asks when it wants to know that nothing was written.
//!
//! Bounded; the oldest go first. Not persisted: a restarted system starts a new log. Holds no header and no body, so no credential.

use crate::limits::REQUEST_LOG_ENTRIES_MAX;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// One request that reached the system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestEntry {
    /// Counts from 1.
    pub number: u64,
    /// When it was answered, milliseconds since 1970.
    pub at_ms: i64,
    /// GET, POST, …
    pub method: String,
    /// Path, as it came.
    pub path: String,
    /// Query, as it came, without the question mark.
    pub query: String,
    /// The answer's status; what it would have been where the connection was dropped after the commit, 0 where before it.
    pub status: u16,
    /// Size of the request's body, bytes.
    pub body_bytes: usize,
    /// Size of the answer's body, bytes.
    pub answer_bytes: usize,
    /// It was a call that writes (a search or a batch read is not).
    pub write: bool,
    /// It changed at least one object.
    pub changed: bool,
    /// The connection was dropped without an answer.
    pub dropped: bool,
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog {
    entries: VecDeque<RequestEntry>,
    last: u64,
}

impl RequestLog {
    pub(crate) fn push(&mut self, mut entry: RequestEntry) {
        self.last += 1;
        entry.number = self.last;
        if self.entries.len() == REQUEST_LOG_ENTRIES_MAX {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// The entries with a number above this one.
    pub(crate) fn since(&self, number: u64) -> impl Iterator<Item = &RequestEntry> {
        let first = self.last - self.entries.len() as u64;
        let skip = usize::try_from(number.saturating_sub(first)).unwrap_or(usize::MAX);
        self.entries.iter().skip(skip)
    }
}
