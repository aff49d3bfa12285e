//! Entries that a run outwards looked at and left where they are, since a person or an earlier write comes first. They alone are no
//! reason to run again: only when a question is answered, the flow was read, or a while has passed.
//!
//! Kept in memory: after a start every entry is looked at once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use nave_core::model::{Dirty, RecordId, Time};

/// Milliseconds after which what waits is looked at again, whatever happened: no wait is for ever.
const AGAIN_MS: i64 = 5 * 60 * 1_000;

/// What waits, by flow.
#[derive(Default)]
pub(super) struct Waiting(Mutex<HashMap<String, Flow>>);

/// Of one flow.
struct Flow {
    /// When its run began.
    since: Time,
    /// The entry as it was looked at: entered once more, it is another.
    stamps: HashMap<RecordId, u64>,
}

impl Waiting {
    /// A run looks at every entry of a flow from here on.
    pub(super) fn begin(&self, flow: &str, since: Time) {
        let started = Flow { since, stamps: HashMap::new() };
        self.flows().insert(flow.to_owned(), started);
    }

    /// An entry was looked at and stays.
    pub(super) fn note(&self, entry: &Dirty) {
        if let Some(flow) = self.flows().get_mut(&entry.destination) {
            flow.stamps.insert(entry.record, entry.stamp);
        }
    }

    /// Whether nothing came to pass for an entry since it was looked at.
    pub(super) fn waits(&self, entry: &Dirty, now: Time) -> bool {
        let flows = self.flows();
        let flow = flows.get(&entry.destination).filter(|flow| (0..AGAIN_MS).contains(&(now.0 - flow.since.0)));
        flow.is_some_and(|flow| flow.stamps.get(&entry.record) == Some(&entry.stamp))
    }

    /// Everything of a flow may be different now.
    pub(super) fn forget(&self, flow: &str) {
        self.flows().remove(flow);
    }

    /// Everything may be.
    pub(super) fn forget_all(&self) {
        self.flows().clear();
    }

    fn flows(&self) -> std::sync::MutexGuard<'_, HashMap<String, Flow>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nave_core::model::Reason;

    #[test]
    fn what_was_looked_at_waits_until_something_is_different() {
        let entry = |record, stamp| Dirty {
            destination: "books".to_owned(),
            record: RecordId(record),
            reasons: Reason::Changed.into(),
            stamp,
        };
        let waiting = Waiting::default();
        waiting.note(&entry(1, 1));
        assert!(!waiting.waits(&entry(1, 1), Time(0)), "no run began");
        let looked = || {
            waiting.begin("books", Time(1_000));
            waiting.note(&entry(1, 7));
        };
        for (what, asked, now, expected) in [
            ("as it was", entry(1, 7), 1_000, true),
            ("entered again", entry(1, 8), 1_000, false),
            ("another record", entry(2, 7), 1_000, false),
            ("just before it is time", entry(1, 7), 1_000 + AGAIN_MS - 1, true),
            ("a while has passed", entry(1, 7), 1_000 + AGAIN_MS, false),
            ("the clock was put back", entry(1, 7), 999, false),
        ] {
            looked();
            assert_eq!(waiting.waits(&asked, Time(now)), expected, "{what}");
        }
        waiting.forget("crm");
        assert!(waiting.waits(&entry(1, 7), Time(1_000)), "another flow was read");
        let forgets: [fn(&Waiting); 3] =
            [|waiting| waiting.forget("books"), Waiting::forget_all, |waiting| waiting.begin("books", Time(2))];
        for forget in forgets {
            looked();
            forget(&waiting);
            assert!(!waiting.waits(&entry(1, 7), Time(1_000)));
        }
    }
}
