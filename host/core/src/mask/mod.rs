//! Fixtures from real data: every value is replaced by one of the same shape, so that what is left says how the data is, and not
//! what it says.
//!
//! Promises: equal values have equal masks within one run, and different ones different masks (short words of one or two letters may
//! meet); what is empty stays empty; lengths, upper and lower case, digits and what stands between them stay; mails lead nowhere
//! (`.example`); dates and times stay valid. Denies by default: what is not known to be a closed set of words is masked. The digest
//! is keyed with a secret of the run's own, which nobody keeps; this module has neither the key nor randomness.
//!
//! What it does not promise: frequencies stay, as they must; who knows how often a name occurs may guess what became of it.

mod originals;
#[cfg(test)]
mod tests;
mod text;
mod word;

use std::collections::{BTreeMap, BTreeSet};

pub use originals::Originals;

use crate::model::RecordId;
use crate::value::{Reference, Value};
use word::Words;

/// A keyed digest of some bytes; the same for the same bytes within one run.
pub type Digest<'d> = &'d dyn Fn(&[u8]) -> [u8; 32];

/// How the values under a path are masked. Truth values are never masked, and neither is emptiness.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// These words stay, being a closed set that says nothing of a person; any other is masked as text.
    Words(BTreeSet<String>),
    /// Word by word; what looks like a mail, an address or a time is masked as one.
    Text,
    /// Name and domain, word by word, below `.example`.
    Email,
    /// Digits, but for those that say the country or the trunk.
    Phone,
    /// Host, path and query, word by word.
    Url,
    /// Another date within half a year.
    Date,
    /// Another country, by its code.
    Country,
    /// A tree whose inner names may be anybody's words.
    Tree,
}

/// What is known of the values of one kind of thing: by path, dots between levels, without positions in lists.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    /// How each is masked; what is not named is masked as text.
    pub kinds: BTreeMap<String, Kind>,
}

impl Shape {
    fn kind(&self, path: &str) -> &Kind {
        // The nearest one above, where it holds trees.
        let mut here = path;
        loop {
            if let Some(kind) = self.kinds.get(here) {
                return if here == path || *kind == Kind::Tree { kind } else { &Kind::Text };
            }
            match here.rsplit_once('.') {
                Some((above, _)) => here = above,
                None => return &Kind::Text,
            }
        }
    }

    /// Names that at least half of the things have are the system's, not anybody's.
    pub fn learn(&mut self, things: &[Value]) {
        let mut counts: BTreeMap<String, usize> = BTreeMap::new();
        for thing in things {
            let mut paths = BTreeSet::new();
            paths_of("", thing, &mut paths);
            paths.into_iter().for_each(|path| *counts.entry(path).or_default() += 1);
        }
        for (path, count) in counts {
            if count * 2 >= things.len() && !self.names(&path) {
                let kind = self.kind(&path).clone();
                self.kinds.insert(path, kind);
            }
        }
    }

    /// A name that the configuration or the system's schema has, and no thing of its own.
    fn names(&self, path: &str) -> bool {
        let below = format!("{path}.");
        self.kinds.contains_key(path)
            || self.kinds.range(below.clone()..).next().is_some_and(|(known, _)| known.starts_with(&below))
    }
}

fn paths_of(path: &str, value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (name, inner) in map.iter() {
                let below = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                found.insert(below.clone());
                paths_of(&below, inner, found);
            }
        }
        Value::List(list) => list.iter().for_each(|inner| paths_of(path, inner, found)),
        _ => {}
    }
}

/// One run: everything that is masked with one key.
pub struct Masker<'d> {
    digest: Digest<'d>,
    originals: Originals,
    words: Words,
    ids: BTreeMap<RecordId, u64>,
    countries: BTreeMap<&'static str, &'static str>,
}

impl<'d> Masker<'d> {
    /// With a keyed digest, and everything that must not be in what comes out.
    pub fn new(digest: Digest<'d>, originals: Originals) -> Self {
        let mut codes: Vec<&'static str> = crate::mapping::country_codes().collect();
        codes.sort_unstable_by_key(|code| digest(code.as_bytes()));
        let next = codes.iter().cycle().skip(1);
        let countries = codes.iter().copied().zip(next.copied()).collect();
        Self { digest, originals, words: Words::default(), ids: BTreeMap::new(), countries }
    }

    /// Numbers records anew, in no order that says anything. To be told of all before the first is masked.
    pub fn number(&mut self, ids: impl IntoIterator<Item = RecordId>) {
        let mut ids: Vec<RecordId> = ids.into_iter().chain(self.ids.keys().copied()).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.sort_by_key(|id| (self.digest)(&id.0.to_be_bytes()));
        self.ids = ids.into_iter().zip(1..).collect();
    }

    /// The new number of a record; 0 where nobody told of it.
    pub fn number_of(&self, id: RecordId) -> u64 {
        self.ids.get(&id).copied().unwrap_or(0)
    }

    /// A thing as it may be shown.
    pub fn mask(&mut self, shape: &Shape, thing: &Value) -> Value {
        self.value(shape, "", thing)
    }

    fn value(&mut self, shape: &Shape, path: &str, value: &Value) -> Value {
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Number(number) => Value::Number(self.number_text(number).into()),
            Value::Text(text) => Value::text(self.text(shape.kind(path), text)),
            Value::List(list) => Value::List(list.iter().map(|inner| self.value(shape, path, inner)).collect()),
            Value::Object(map) => {
                let mut out = Value::Object(Default::default());
                for (name, inner) in map.iter() {
                    let below = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                    let masked = self.value(shape, &below, inner);
                    let name = if shape.names(&below) { name.to_string() } else { self.plain(name) };
                    if let Value::Object(out) = &mut out {
                        out.insert(name.as_str(), masked);
                    }
                }
                out
            }
            Value::Reference(Reference::Record(id)) => Value::text(self.number_of(*id).to_string()),
            Value::Reference(Reference::Remote(key)) => Value::text(self.plain(&key.remote_id)),
        }
    }

    fn number_text(&mut self, number: &str) -> String {
        // An exponent is no digit of the number: `1e9` must not become `4e7000`.
        let (digits, exponent) = match number.find(['e', 'E']) {
            Some(at) => number.split_at(at),
            None => (number, ""),
        };
        let masked: String = digits
            .split('.')
            .map(|part| {
                let sign = if part.starts_with('-') { "-" } else { "" };
                format!("{sign}{}", self.word(part.trim_start_matches('-')))
            })
            .collect::<Vec<_>>()
            .join(".");
        format!("{masked}{exponent}")
    }

    fn word(&mut self, word: &str) -> String {
        self.words.mask(self.digest, &self.originals, word)
    }

    fn code(&self, code: &str) -> Option<&'static str> {
        self.countries.get(code).copied()
    }
}

/// What of the originals stands in a thing that was masked: nothing, where masking works.
pub fn leftovers(originals: &Originals, shape: &Shape, thing: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    originals::walk(shape, "", thing, &mut |text, kind| found.extend(originals.standing_in(text, kind)));
    found
}
