//! How systems are spoken to: requests counted, and how far their clocks are off, by the `Date` of their answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use http::HeaderValue;
use nave_core::model::Time;

/// Answers that a clock is judged by: one that was late says little, the middle of several does.
const ANSWERS_KEPT: usize = 9;
/// A `Date` says whole seconds: on average it was so much later.
const HALF_A_SECOND_MS: i64 = 500;

/// How one connection's system was spoken to since the hub started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talk {
    /// Requests that were sent.
    pub requests: u64,
    /// How far its clock was ahead, by its last answers; milliseconds.
    skews_ms: VecDeque<i64>,
}

impl Talk {
    /// How far its clock is ahead of ours, milliseconds: the middle of its last answers. None where none had a date. Exact to about
    /// a second, which is what a `Date` says.
    pub fn skew_ms(&self) -> Option<i64> {
        let mut sorted: Vec<i64> = self.skews_ms.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// A request that began and was answered at these times of ours.
    fn heard(&mut self, began: Time, ended: Time, date: Option<i64>) {
        self.requests += 1;
        let Some(date) = date else { return };
        let here = began.0 + (ended.0 - began.0) / 2;
        if self.skews_ms.len() == ANSWERS_KEPT {
            self.skews_ms.pop_front();
        }
        self.skews_ms.push_back(date + HALF_A_SECOND_MS - here);
    }
}

/// By connection.
#[derive(Debug, Default)]
pub(super) struct Talks(Mutex<BTreeMap<String, Talk>>);

impl Talks {
    pub(super) fn of(&self, connection: &str) -> Talk {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned().unwrap_or_default()
    }

    pub(super) fn heard(&self, connection: &str, began: Time, ended: Time, date: Option<&HeaderValue>) {
        let date = date.and_then(|date| milliseconds(date.to_str().ok()?));
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(connection) {
            all.insert(connection.to_owned(), Talk::default());
        }
        if let Some(talk) = all.get_mut(connection) {
            talk.heard(began, ended, date);
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in milliseconds since 1970.
fn milliseconds(date: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_middle_of_its_answers() {
        assert_eq!(milliseconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(milliseconds("yesterday"), None);
        let mut talk = Talk::default();
        talk.heard(Time(0), Time(100), None);
        assert_eq!((talk.requests, talk.skew_ms()), (1, None));
        // Seven minutes ahead; one answer that was very late says nothing.
        for (began, ended, date) in [(0, 1_000, 420_000), (10_000, 11_000, 430_000), (20_000, 90_000, 441_000)] {
            talk.heard(Time(began), Time(ended), Some(date));
        }
        assert_eq!((talk.requests, talk.skew_ms()), (4, Some(420_000)));
    }
}
