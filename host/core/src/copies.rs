//! Whether a text is a copy of an old value, or has one in it.

use crate::value::Value;

/// Letters and digits below which a value is no sign of a copy by itself: `DE` or `12` stand in many fields that nobody copied.
pub const COPY_CHARS_MIN: usize = 4;

/// How a value there is like the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Likeness {
    /// It is the old value, in this spelling or another.
    Whole,
    /// The old value is a part of it, as words of their own.
    Part,
}

/// An old value, and what it became.
#[derive(Clone, Debug)]
pub struct Sought {
    old: Value,
    now_value: Option<Value>,
    plain: String,
    bare: String,
    now: String,
    now_bare: String,
}

impl Sought {
    /// Looks for `old` where `now` should be.
    pub fn new(old: &Value, now: Option<&Value>) -> Self {
        let now_value = now.cloned();
        let now = now.map(text).unwrap_or_default();
        let plain = text(old);
        Self { old: old.clone(), now_value, bare: bare(&plain), now_bare: bare(&now), plain, now }
    }

    /// The old value.
    pub fn old(&self) -> &Value {
        &self.old
    }

    /// What it became.
    pub fn now(&self) -> Option<&Value> {
        self.now_value.as_ref().filter(|now| !now.is_empty())
    }

    /// Old values of a field, each with what it became; of an object (an element of a list) those of its parts that changed.
    pub fn all(old: &[Value], now: Option<&Value>) -> Vec<Self> {
        let mut all = Vec::new();
        for old in old {
            match old {
                Value::Object(parts) => {
                    let changed = parts
                        .iter()
                        .filter(|(part, value)| !value.is_empty() && now.and_then(|now| now.at(part)) != Some(*value));
                    all.extend(changed.map(|(part, value)| Self::new(value, now.and_then(|now| now.at(part)))));
                }
                old => all.push(Self::new(old, now)),
            }
        }
        all
    }

    /// Whether it is long enough to be looked for in fields that are not the one it stood in.
    pub fn telling(&self) -> bool {
        self.bare.chars().count() >= COPY_CHARS_MIN
    }

    /// Whether a canonical value, or one in a system's own spelling, is the old one or has it in it.
    pub fn like(&self, there: &Value) -> Option<Likeness> {
        if there.is_empty() {
            return None;
        }
        if *there == self.old {
            return Some(Likeness::Whole);
        }
        if matches!(there, Value::Object(_) | Value::List(_) | Value::Reference(_) | Value::Bool(_)) || self.plain.is_empty() {
            return None;
        }
        let there = text(there);
        if there == self.now {
            return None;
        }
        if there == self.plain {
            return Some(Likeness::Whole);
        }
        // Spaces and points are how a system spells it, unless they are what was corrected.
        let spelled = self.telling() && self.bare != self.now_bare;
        let there_bare = bare(&there);
        if spelled && there_bare == self.now_bare {
            return None;
        }
        if spelled && there_bare == self.bare {
            return Some(Likeness::Whole);
        }
        let without_now = if self.now.is_empty() { there } else { there.replace(&self.now, "\u{1f}") };
        (self.telling() && stands_in(&without_now, &self.plain)).then_some(Likeness::Part)
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(_) | Value::Number(_) => value.display().trim().to_lowercase(),
        _ => String::new(),
    }
}

fn bare(text: &str) -> String {
    text.chars().filter(|letter| letter.is_alphanumeric()).collect()
}

/// Whether the words stand in a text, not in the middle of another word.
fn stands_in(text: &str, words: &str) -> bool {
    text.match_indices(words).any(|(at, found)| {
        let before = text[..at].chars().next_back();
        let after = text[at + found.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(old: &str, now: &str, there: &str, expected: Option<Likeness>) {
        let sought = Sought::new(&Value::text(old), Some(&Value::text(now)));
        assert_eq!(sought.like(&Value::text(there)), expected, "{old} → {now}, there {there}");
    }

    #[test]
    fn what_is_a_copy() {
        use Likeness::{Part, Whole};
        check("DE123456789", "DE987654321", "DE123456789", Some(Whole));
        check("DE123456789", "DE987654321", " de 123 456 789", Some(Whole));
        check("DE123456789", "DE987654321", "VAT: DE123456789, due in May", Some(Part));
        check("DE123456789", "DE987654321", "DE1234567890", None);
        check("DE123456789", "DE987654321", "DE987654321", None);
        check("DE123456789", "DE987654321", "", None);
        // Only the spelling was corrected.
        check("DE 123 456", "DE123456", "DE123456", None);
        check("DE 123 456", "DE123456", "DE 123 456", Some(Whole));
        // The new value has the old one in it.
        check("Schmidt", "Schmidt-Meyer", "Schmidt-Meyer", None);
        check("Schmidt", "Schmidt-Meyer", "Anna Schmidt-Meyer", None);
        check("Schmidt", "Schmidt-Meyer", "Anna Schmidt", Some(Part));
        check("Schmidt", "Meyer", "Goldschmidt", None);
        check("Schmidt", "Meyer", "anna.schmidt@x.test", Some(Part));
        // Too short to be looked for inside of other texts.
        check("DE", "AT", "DE", Some(Whole));
        check("DE", "AT", "Bremen, DE", None);
    }

    #[test]
    fn what_is_no_text_is_the_same_or_nothing() {
        let old = Value::Bool(true);
        assert_eq!(Sought::new(&old, Some(&Value::Bool(false))).like(&Value::Bool(true)), Some(Likeness::Whole));
        assert_eq!(Sought::new(&old, Some(&Value::Bool(false))).like(&Value::text("yes")), None);
        assert_eq!(Sought::new(&Value::text("1234"), None).like(&Value::Number("1234".into())), Some(Likeness::Whole));
        assert!(!Sought::new(&old, None).telling(), "true stands in many fields");
    }
}
