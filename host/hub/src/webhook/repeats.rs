//! Which calls were taken already. Kept with what they told, in one commit, so that a restart forgets none.

use std::collections::{HashMap, VecDeque};

use nave_core::model::Time;
use nave_store::{KeyedRow, Store, StoreError};
use ring::digest::{SHA256, digest};

use crate::plugins::hex;

/// Space of the store: when each mark was taken.
const SPACE: &str = "hook-mark";

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
    /// Forgotten here, and still in the store.
    gone: Vec<Mark>,
}

impl Repeats {
    /// With what was taken before a restart.
    pub(super) fn open(store: &dyn Store) -> Result<Self, StoreError> {
        let mut kept: Vec<(Time, Mark)> = store.rows(SPACE)?.into_iter().filter_map(|(key, at)| read(&key, at)).collect();
        kept.sort_unstable();
        Ok(Self { at: kept.iter().map(|(at, mark)| (*mark, *at)).collect(), order: kept.into(), gone: Vec::new() })
    }

    /// What is to be committed for these marks, with what the store still has and nobody needs.
    pub(super) fn rows(&mut self, marks: &[Mark], now: Time) -> Vec<KeyedRow> {
        let row = |mark: &Mark, value| KeyedRow { space: SPACE.into(), key: hex(mark), value };
        let forgotten = std::mem::take(&mut self.gone);
        // What was taken anew since it was forgotten is there again.
        let forgotten = forgotten.iter().filter(|mark| !self.at.contains_key(*mark) && !marks.contains(mark));
        let taken = marks.iter().map(|mark| row(mark, Some(now.0.to_le_bytes().to_vec())));
        forgotten.map(|mark| row(mark, None)).chain(taken).collect()
    }

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
                self.gone.push(mark);
            }
        }
    }
}

fn read(key: &str, at: Vec<u8>) -> Option<(Time, Mark)> {
    let mut mark = Mark::default();
    for (byte, digits) in mark.iter_mut().zip(key.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some((Time(i64::from_le_bytes(at.try_into().ok()?)), mark)).filter(|_| key.len() == 2 * mark.len())
}

#[cfg(test)]
mod tests {
    use nave_store::{Batch, Memory};

    use super::*;

    /// T94: what was taken is known after a restart, for as long as before it, and the store does not grow.
    #[test]
    fn a_restart_forgets_no_call() {
        let store = Memory::new();
        let take = |repeats: &mut Repeats, body: &str, at: i64| {
            let marks = marks("desk", Some("/id"), body.as_bytes());
            let known = repeats.known(&marks, Time(at));
            if !known {
                let rows = repeats.rows(&marks, Time(at));
                store.commit(Batch { at: Time(at), rows, ..Batch::default() }).unwrap();
                repeats.note(marks, Time(at));
            }
            known
        };
        let kept = || store.rows(SPACE).unwrap().len();
        let mut repeats = Repeats::open(&store).unwrap();
        assert!(!take(&mut repeats, r#"{"id": "a", "n": 1}"#, 0));
        assert!(!take(&mut repeats, r#"{"id": "b", "n": 1}"#, 5));
        let mut repeats = Repeats::open(&store).unwrap();
        assert!(take(&mut repeats, r#"{"id": "a", "n": 1}"#, 10));
        assert!(take(&mut repeats, r#"{"id": "b", "n": 9}"#, REMEMBERED_MS + 4), "by its id");
        assert!(!take(&mut repeats, r#"{"id": "a", "n": 1}"#, REMEMBERED_MS), "long ago");
        assert_eq!(kept(), 4);
        for number in 0..50 {
            let mut repeats = Repeats::open(&store).unwrap();
            assert!(!take(&mut repeats, &number.to_string(), (2 + number) * REMEMBERED_MS));
            assert!(!take(&mut repeats, &format!("{number} again"), (2 + number) * REMEMBERED_MS));
        }
        assert!(kept() <= 6, "{}", kept());
        assert!(read("zz", vec![0; 8]).is_none() && read(&"00".repeat(33), vec![0; 8]).is_none());
    }

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
