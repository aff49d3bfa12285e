//! Tables of TOML, read key by key: unknown keys are faults with a suggestion, wrong types are faults with what to write.

use std::ops::Range;

use serde_json::{Map, Number, Value};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::fault::{Faults, instead};
use crate::keys::Section;
use crate::limits::TEXT_CHARS_MAX;

/// A value with its place.
pub(crate) type Node<'d> = Spanned<DeValue<'d>>;
/// A text with its place.
pub(crate) type Text = (String, Range<usize>);

/// One table being read.
#[derive(Clone)]
pub(crate) struct Table<'d, 'f> {
    pub(crate) faults: &'f Faults<'d>,
    pub(crate) span: Range<usize>,
    table: Option<&'d DeTable<'d>>,
    section: Section,
}

impl<'d, 'f> Table<'d, 'f> {
    /// The top of a file.
    pub(crate) fn top(table: &'d Spanned<DeTable<'d>>, section: Section, faults: &'f Faults<'d>) -> Self {
        let made = Self { faults, span: 0..0, table: Some(table.get_ref()), section };
        made.refuse_unknown();
        made
    }

    /// A table below; something else there is a fault, and reads as an empty table.
    pub(crate) fn of(node: &'d Node<'d>, section: Section, faults: &'f Faults<'d>) -> Self {
        let table = node.get_ref().as_table();
        if table.is_none() {
            faults.say(&node.span(), format!("a table belongs here: {}", section.place));
        }
        let made = Self { faults, span: node.span(), table, section };
        made.refuse_unknown();
        made
    }

    fn refuse_unknown(&self) {
        for key in self.table.into_iter().flat_map(DeTable::keys) {
            let name = key.get_ref().as_ref();
            if !self.section.has(name) {
                let known = self.section.keys.iter().map(|(key, _)| *key);
                let place = self.section.place;
                self.faults.say(&key.span(), format!("`{name}` is no key of {place}; {}", instead(name, known)));
            }
        }
    }

    /// Whether it has the key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.node(key).is_some()
    }

    /// The value of a key.
    pub(crate) fn node(&self, key: &str) -> Option<&'d Node<'d>> {
        debug_assert!(self.section.has(key), "`{key}` is not among the keys of {}", self.section.place);
        self.table?.get(key)
    }

    /// A text.
    pub(crate) fn text(&self, key: &str) -> Option<Text> {
        self.node(key).and_then(|node| text(node, self.faults, key))
    }

    /// A text that must be there.
    pub(crate) fn needed(&self, key: &str, example: &str) -> Text {
        if !self.has(key) {
            self.faults.say(&self.span, format!("{} needs `{key}`; write: {key} = {example}", self.section.place));
        }
        self.text(key).unwrap_or_else(|| (String::new(), self.span.clone()))
    }

    /// Yes or no; missing is no.
    pub(crate) fn flag(&self, key: &str) -> bool {
        self.maybe_flag(key).unwrap_or(false)
    }

    /// Yes, no, or not said.
    pub(crate) fn maybe_flag(&self, key: &str) -> Option<bool> {
        let node = self.node(key)?;
        let flag = node.get_ref().as_bool();
        if flag.is_none() {
            self.faults.say(&node.span(), format!("`{key}` is true or false"));
        }
        flag
    }

    /// A whole number within bounds.
    pub(crate) fn number(&self, key: &str, from: u32, to: u32) -> Option<u32> {
        let node = self.node(key)?;
        let number = integer(node).and_then(|number| u32::try_from(number).ok()).filter(|number| (from..=to).contains(number));
        if number.is_none() {
            self.faults.say(&node.span(), format!("`{key}` is a whole number from {from} to {to}"));
        }
        number
    }

    /// One text or a list of texts; whole numbers count as their digits.
    pub(crate) fn texts(&self, key: &str) -> Vec<Text> {
        let Some(node) = self.node(key) else { return Vec::new() };
        match node.get_ref() {
            DeValue::Array(list) => list.iter().filter_map(|node| text_or_number(node, self.faults, key)).collect(),
            _ => text_or_number(node, self.faults, key).into_iter().collect(),
        }
    }

    /// A word out of a list.
    pub(crate) fn choice<T: Copy>(&self, key: &str, choices: &[(&'static str, T)]) -> Option<T> {
        let (word, span) = self.text(key)?;
        choose(&word, &span, key, choices, self.faults)
    }

    /// The entries of a table below, in the order of their names.
    pub(crate) fn entries(&self, key: &str) -> Vec<(Text, &'d Node<'d>)> {
        let Some(node) = self.node(key) else { return Vec::new() };
        entries(node, self.faults, key)
    }

    /// The tables of a list.
    pub(crate) fn tables(&self, key: &str, section: Section) -> Vec<Self> {
        let Some(node) = self.node(key) else { return Vec::new() };
        let Some(list) = node.get_ref().as_array() else {
            self.faults.say(&node.span(), format!("`{key}` is a list of tables: {}", section.place));
            return Vec::new();
        };
        list.iter().map(|node| Table::of(node, section, self.faults)).collect()
    }
}

/// A word out of a list of words.
pub(crate) fn choose<T: Copy>(
    word: &str,
    span: &Range<usize>,
    key: &str,
    choices: &[(&'static str, T)],
    faults: &Faults<'_>,
) -> Option<T> {
    let found = choices.iter().find(|(known, _)| *known == word).map(|(_, choice)| *choice);
    if found.is_none() {
        faults.say(span, format!("`{key}` cannot be `{word}`; {}", instead(word, choices.iter().map(|(word, _)| *word))));
    }
    found
}

/// The entries of a table.
pub(crate) fn entries<'d>(node: &'d Node<'d>, faults: &Faults<'d>, key: &str) -> Vec<(Text, &'d Node<'d>)> {
    let Some(table) = node.get_ref().as_table() else {
        faults.say(&node.span(), format!("`{key}` is a table: {key} = {{ name = \"value\" }}"));
        return Vec::new();
    };
    let entry = |(name, node): (&'d Spanned<_>, &'d Node<'d>)| ((cow(name), name.span()), node);
    table.iter().map(entry).collect()
}

fn cow(name: &Spanned<std::borrow::Cow<'_, str>>) -> String {
    name.get_ref().to_string()
}

/// A text of a bounded length, without characters that hide.
pub(crate) fn text(node: &Node<'_>, faults: &Faults<'_>, key: &str) -> Option<Text> {
    let Some(text) = node.get_ref().as_str() else {
        faults.say(&node.span(), format!("`{key}` is a text: put it in quotes"));
        return None;
    };
    if text.chars().count() > TEXT_CHARS_MAX {
        faults.say(&node.span(), format!("`{key}` has more than {TEXT_CHARS_MAX} characters; make it shorter"));
        return None;
    }
    Some((text.to_owned(), node.span()))
}

fn text_or_number(node: &Node<'_>, faults: &Faults<'_>, key: &str) -> Option<Text> {
    match integer(node) {
        Some(number) => Some((number.to_string(), node.span())),
        None => text(node, faults, key),
    }
}

fn integer(node: &Node<'_>) -> Option<i64> {
    let number = node.get_ref().as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

/// A value as JSON. What JSON does not have is a fault.
pub(crate) fn json(node: &Node<'_>, faults: &Faults<'_>) -> Value {
    match node.get_ref() {
        DeValue::String(text) => Value::String(text.to_string()),
        DeValue::Boolean(flag) => Value::Bool(*flag),
        DeValue::Integer(_) => integer(node).map_or_else(
            || {
                faults.say(&node.span(), "this number is too large; put it in quotes");
                Value::Null
            },
            |number| Value::Number(number.into()),
        ),
        DeValue::Float(float) => float.as_str().parse().ok().and_then(Number::from_f64).map_or_else(
            || {
                faults.say(&node.span(), "JSON has no such number; put it in quotes");
                Value::Null
            },
            Value::Number,
        ),
        DeValue::Datetime(time) => Value::String(time.to_string()),
        DeValue::Array(list) => Value::Array(list.iter().map(|node| json(node, faults)).collect()),
        DeValue::Table(table) => {
            Value::Object(table.iter().map(|(name, node)| (cow(name), json(node, faults))).collect::<Map<_, _>>())
        }
    }
}
