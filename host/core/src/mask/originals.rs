//! What must not be in what comes out: mails, phone numbers and words of the originals.

use std::collections::BTreeSet;
use std::collections::HashSet;

use super::text::{NOWHERE, Part, parts, prefix, time_in};
use super::{Kind, Shape};
use crate::value::{Reference, Value};

/// Characters from which on a word is somebody's: shorter ones occur in other words by themselves.
const WORD_CHARS_MIN: usize = 4;
/// Digits from which on a number is somebody's: of shorter ones there are not enough to avoid those that occur.
const DIGITS_MIN: usize = 7;

/// Letters and digits from which on a text with an `@` is a mailbox: `a@b.c` has as many.
const MAIL_LETTERS_MIN: usize = 3;

/// Words, numbers and mails that occur in what is to be masked, in lower case.
#[derive(Clone, Debug, Default)]
pub struct Originals {
    found: HashSet<String>,
    /// Lengths of those, in bytes.
    lengths: BTreeSet<usize>,
    /// Words of the configuration: they are in every fixture.
    known: HashSet<String>,
}

impl Originals {
    /// Notes what a thing says.
    pub fn note(&mut self, shape: &Shape, thing: &Value) {
        let mut said = Vec::new();
        walk(shape, "", thing, &mut |text, kind| match kind {
            Kind::Words(words) if words.contains(text) => self.known.extend(words_of(text)),
            _ if says_nothing(kind, text) => {}
            _ => said.push((text.to_lowercase(), *kind == Kind::Phone)),
        });
        for (text, phone) in said {
            // Signs alone are nobody's mailbox, and stay as they are; a letter or two among them may be masked as themselves.
            if text.contains('@') && text.chars().filter(|letter| letter.is_alphanumeric()).count() >= MAIL_LETTERS_MIN {
                self.add(text.clone());
            }
            if phone {
                let digits = digits_of(&text);
                self.add(digits[prefix(&text).min(digits.len())..].to_owned());
                self.add(digits);
            }
            words_of(&text).for_each(|word| self.add(word));
        }
    }

    fn add(&mut self, text: String) {
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        let counts = if digits { text.len() >= DIGITS_MIN } else { text.chars().count() >= WORD_CHARS_MIN };
        if counts {
            self.lengths.insert(text.len());
            self.found.insert(text);
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.found.len()
    }

    /// Whether one of them stands anywhere in a text in lower case.
    pub(super) fn stands_in(&self, text: &str) -> bool {
        self.first_in(text).is_some()
    }

    fn first_in<'t>(&self, text: &'t str) -> Option<&'t str> {
        let starts = text.char_indices().map(|(at, _)| at);
        starts
            .flat_map(|start| self.lengths.iter().filter_map(move |length| text.get(start..start + length)))
            .find(|part| self.found.contains(*part) && !self.known.contains(*part))
    }

    /// One that stands in a text that was masked so.
    pub(super) fn standing_in(&self, text: &str, kind: &Kind) -> Option<String> {
        if says_nothing(kind, text) {
            return None;
        }
        // What every mail and address gets is nobody's.
        let lower = text.to_lowercase().replace(&format!(".{NOWHERE}"), "");
        let words = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://")).unwrap_or(&lower);
        let digits = if *kind == Kind::Phone { digits_of(words) } else { String::new() };
        self.first_in(words).or_else(|| self.first_in(&digits)).map(str::to_owned)
    }
}

/// Words of a closed set, times and country codes: what they are masked as may be what somebody else's were.
fn says_nothing(kind: &Kind, text: &str) -> bool {
    match kind {
        Kind::Words(words) if words.contains(text) => true,
        Kind::Country if is_code(text) => true,
        Kind::Phone | Kind::Email | Kind::Url => false,
        _ => matches!(text, "true" | "false") || time_in(text).is_some(),
    }
}

fn is_code(text: &str) -> bool {
    crate::mapping::country_codes().any(|code| code == text)
}

fn digits_of(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

fn words_of(text: &str) -> impl Iterator<Item = String> {
    parts(text).into_iter().filter_map(|part| match part {
        Part::Word(word) => Some(word.to_lowercase()),
        Part::Between(_) => None,
    })
}

/// Every text of a thing, with how it is masked; names that are nobody's words are left out.
pub(super) fn walk(shape: &Shape, path: &str, value: &Value, visit: &mut impl FnMut(&str, &Kind)) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(text) | Value::Text(text) => visit(text, shape.kind(path)),
        Value::List(list) => list.iter().for_each(|inner| walk(shape, path, inner, visit)),
        Value::Object(map) => {
            for (name, inner) in map.iter() {
                let below = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                if !shape.names(&below) {
                    visit(name, &Kind::Text);
                }
                walk(shape, &below, inner, visit);
            }
        }
        Value::Reference(Reference::Record(_)) => {}
        Value::Reference(Reference::Remote(key)) => visit(&key.remote_id, &Kind::Text),
    }
}
