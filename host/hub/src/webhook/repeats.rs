//! Which calls were taken already. In memory: a repetition after a restart costs one read more, and nothing else.

use std::collections::{HashMap, VecDeque};

use nave_core::model::Time;
use ring::digest::{SHA256, digest};

/// A vendor repeats a call that it thinks was lost for about this long.
const REMEMBERED_MS: i64 = 10 * 60_000;
/// Marks remembered; the oldest go first.
const MARKS_MAX: usize = 20_000;

/// Digest of a call's id or content.
pub(super) type Mark = [u8; 32];

/// The marks of a call: the vendor's own id of it, where there is one, and its content.
pub(super) fn marks(connection: &str, id: Option<&str>, body: &[u8]) -> Vec<Mark> {
    let mark = |kind: &str, bytes: &[u8]| {
        let mut text = format!("{kind}\0{connection}\0").into_bytes();
        text.extend_from_slice(bytes);
        let mut mark = Mark::default();
        mark.copy_from_slice(digest(&SHA256, &text).as_ref());
        mark
    };
    let id = id.and_then(|pointer| {
        let body: serde_json::Value = serde_json::from_slice(body).ok()?;
        body.pointer(pointer).filter(|id| id.is_string() || id.is_number()).map(ToString::to_string)
    });
    id.iter().map(|id| mark("id", id.as_bytes())).chain([mark("body", body)]).collect()
}

/// Marks of calls that were taken.
#[derive(Default)]
pub(super) struct Repeats {
    at: HashMap<Mark, Time>,
    order: VecDeque<(Time, Mark)>,
}

impl Repeats {
    pub(super) fn known(&self, marks: &[Mark], now: Time) -> bool {
        marks.iter().any(|mark| self.at.get(mark).is_some_and(|at| now.0.saturating_sub(at.0) < REMEMBERED_MS))
    }

    pub(super) fn note(&mut self, marks: Vec<Mark>, now: Time) {
        for mark in marks {
            self.at.insert(mark, now);
            self.order.push_back((now, mark));
        }
        while let Some((at, mark)) = self.order.front().copied() {
            if self.order.len() <= MARKS_MAX && now.0.saturating_sub(at.0) < REMEMBERED_MS {
                break;
            }
            self.order.pop_front();
            if self.at.get(&mark) == Some(&at) {
                self.at.remove(&mark);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_id_or_the_same_content_is_the_same_call() {
        let mut repeats = Repeats::default();
        let note = |repeats: &mut Repeats, body: &str, at: i64| {
            let marks = marks("desk", Some("/id"), body.as_bytes());
            let known = repeats.known(&marks, Time(at));
            repeats.note(marks, Time(at));
            known
        };
        assert!(!note(&mut repeats, r#"{"id": "a", "n": 1}"#, 0));
        assert!(note(&mut repeats, r#"{"id": "a", "n": 2}"#, 1));
        assert!(!note(&mut repeats, r#"{"id": "b", "n": 1}"#, 2));
        assert!(!note(&mut repeats, "no JSON", 3));
        assert!(note(&mut repeats, "no JSON", 4));
        assert!(!repeats.known(&marks("crm", Some("/id"), br#"{"id": "a"}"#), Time(5)), "another connection's");
        assert!(!note(&mut repeats, r#"{"id": "a", "n": 1}"#, 3 + REMEMBERED_MS), "long ago");
        for number in 0..(MARKS_MAX as i64 * 2) {
            note(&mut repeats, &number.to_string(), 5 + REMEMBERED_MS);
        }
        assert_eq!((repeats.order.len(), repeats.at.len()), (MARKS_MAX, MARKS_MAX));
    }
}
