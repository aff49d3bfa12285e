//! A field that is written again and again because something over there writes it back: every call succeeds, and it never ends.
//!
//! What counts is a write to a field that the hub wrote before and that holds something else by now: few of them where it is the
//! same value each time, since nobody's edit is being carried on; more where two systems overwrite each other with ever new
//! ones, as two people may for a while. An ordinary edit that is carried on counts nothing, however often: the field still
//! holds what the hub sent last.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::difference::Difference;
use crate::limits::{FREEZE_AFTER_ANY, FREEZE_AFTER_SAME, FREEZE_WITHIN_MS};
use crate::model::{Contribution, ReviewId, Time};

/// What is known of one field of one thing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contested {
    /// When it was written though something else had been put there, and a hash of what was written; the latest last.
    pub writes: Vec<(Time, u64)>,
    /// The review that asks what to do; it is frozen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<ReviewId>,
    /// The value that would be written, while it is asked about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<String>,
    /// Somebody said that this value is not to be written there: it stays frozen until another one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

impl Contested {
    /// Whether it is written no more, at `now` and with this value.
    pub fn frozen(&self, now: Time, value: &Value) -> bool {
        if let Some(refused) = &self.refused {
            return *refused == spelled(value);
        }
        let since = now.plus_ms(-FREEZE_WITHIN_MS);
        let recent = || self.writes.iter().filter(|(at, _)| *at > since).rev();
        let same = recent().take_while(|(_, known)| *known == hash(value)).count();
        self.review.is_some() || same >= FREEZE_AFTER_SAME || recent().count() >= FREEZE_AFTER_ANY
    }

    /// It is written once more.
    fn written(&mut self, now: Time, value: &Value) {
        let since = now.plus_ms(-FREEZE_WITHIN_MS);
        self.writes.retain(|(at, _)| *at > since);
        self.writes.push((now, hash(value)));
        self.refused = None;
    }
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    spelled(value).hash(&mut hasher);
    hasher.finish()
}

/// As a refusal remembers a value.
pub fn spelled(value: &Value) -> String {
    String::from_utf8_lossy(&crate::codec::encode(value)).into_owned()
}

/// The contested fields of a thing, by remote path.
pub type Fields = BTreeMap<String, Contested>;

/// Takes what is frozen out of a difference. Answers the frozen paths.
pub fn hold(difference: &mut Difference, known: &Contribution, fields: &Fields, now: Time) -> Vec<String> {
    let contested: Vec<(String, Value)> = difference
        .values
        .iter()
        .filter(|(path, _)| contested(known, path))
        .map(|(path, value)| (path.to_string(), value.clone()))
        .collect();
    let mut frozen = Vec::new();
    for (path, value) in contested {
        if fields.get(&path).is_some_and(|field| field.frozen(now, &value)) {
            difference.give_up(&path, known.shadow.get(&path));
            frozen.push(path);
        }
    }
    frozen
}

/// Whether a write to this path is one in spite of somebody: the hub wrote to the thing before, and this field of it holds
/// something else by now.
pub fn contested(known: &Contribution, path: &str) -> bool {
    known.attempted_at.is_some() && known.sent.get(path).is_none()
}

/// Notes what was written in spite of somebody; `known` is the thing as it was before. A try that did not arrive is none.
pub fn note<'v>(fields: &mut Fields, known: &Contribution, values: impl Iterator<Item = (&'v str, &'v Value)>, now: Time) {
    for (path, value) in values.filter(|(path, _)| contested(known, path)) {
        fields.entry(path.to_owned()).or_default().written(now, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(writes: &[(i64, &str)], at: i64, wanted: &str, frozen: bool) {
        let mut field = Contested::default();
        writes.iter().for_each(|(at, value)| field.written(Time(*at), &Value::text(*value)));
        assert_eq!(field.frozen(Time(at), &Value::text(wanted)), frozen, "{writes:?} {wanted}");
    }

    #[test]
    fn frozen_after_so_many_within_a_day() {
        let same: Vec<(i64, &str)> = (0..FREEZE_AFTER_SAME as i64).map(|at| (at, "a")).collect();
        check(&same[1..], 100, "a", false);
        check(&same, 100, "a", true);
        check(&same, FREEZE_WITHIN_MS + 100, "a", false);
        check(&same, 100, "b", false);
        let names: Vec<String> = (0..FREEZE_AFTER_ANY).map(|at| at.to_string()).collect();
        let others: Vec<(i64, &str)> = names.iter().enumerate().map(|(at, name)| (at as i64, name.as_str())).collect();
        check(&others[1..], 100, "new", false);
        check(&others, 100, "new", true);
        check(&others, FREEZE_WITHIN_MS + 5, "new", false);
    }

    #[test]
    fn what_was_refused_stays_frozen() {
        let refused = Some(spelled(&Value::text("a")));
        let field = Contested { refused, ..Contested::default() };
        assert!(field.frozen(Time(5), &Value::text("a")));
        assert!(!field.frozen(Time(5), &Value::text("b")), "another value is wanted");
    }
}
