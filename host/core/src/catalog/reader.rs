//! A TOML file, read key by key: every mistake is noted with its place, and reading goes on.

use std::cell::RefCell;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{Diagnostic, Severity, SourceFile};
use crate::limits::CONFIG_FILE_BYTES_MAX;
use crate::mapping::nearest;
use crate::reason::is_blank;

/// Keys that are easily written a level too high: folder, key, where it belongs.
const ELSEWHERE: [(&str, &str, &str); 5] = [
    ("connections/", "read-only", "[grants.endpoints.NAME]"),
    ("connections/", "insecure", "[grants.endpoints.NAME]"),
    ("connections/", "networks", "[grants.endpoints.NAME]"),
    ("connections/", "allow", "[grants.endpoints.NAME]"),
    ("connections/", "base", "[grants.endpoints.NAME]"),
];

/// One file and what was found in it.
pub(super) struct File<'f> {
    pub(super) source: &'f SourceFile,
    found: &'f RefCell<Vec<Diagnostic>>,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Range<usize>,
}

impl<'f> File<'f> {
    pub(super) fn new(source: &'f SourceFile, found: &'f RefCell<Vec<Diagnostic>>) -> Self {
        Self { source, found }
    }

    /// File name without folder and ending.
    pub(super) fn stem(&self) -> &'f str {
        let name = self.source.path.rsplit('/').next().unwrap_or(&self.source.path);
        name.strip_suffix(".toml").unwrap_or(name)
    }

    pub(super) fn error(&self, span: Range<usize>, code: &'static str, message: impl Into<String>, help: Option<String>) {
        self.note(Severity::Error, span, code, message.into(), help);
    }

    /// The line that a byte stands in.
    pub(super) fn line(&self, at: usize) -> &str {
        let text = &self.source.text;
        let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
        text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or_default()
    }

    /// A message without the secrets that were found in this file.
    fn hushed(&self, message: String) -> String {
        let found = self.found.borrow();
        let secrets = found.iter().filter(|one| one.code == super::secrets::CODE && one.path == self.source.path);
        let values = secrets.filter_map(|one| self.source.text.get(one.span.0..one.span.0 + one.span.1));
        values
            .map(|value| value.trim_matches(['"', '\'']))
            .filter(|value| !value.is_empty())
            .fold(message, |message, value| message.replace(value, "…"))
    }

    pub(super) fn warning(&self, span: Range<usize>, code: &'static str, message: impl Into<String>, help: Option<String>) {
        self.note(Severity::Warning, span, code, message.into(), help);
    }

    fn note(&self, severity: Severity, span: Range<usize>, code: &'static str, message: String, help: Option<String>) {
        let text = &self.source.text;
        let mut start = span.start.min(text.len());
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let (message, help) = (self.hushed(message), help.map(|help| self.hushed(help)));
        self.found.borrow_mut().push(Diagnostic {
            path: self.source.path.clone(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            span: (start, span.end.saturating_sub(start)),
            message,
            help,
            severity,
            code,
        });
    }

    /// Parses the whole file; syntax errors are noted.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'f>>> {
        if self.source.text.len() as u64 > CONFIG_FILE_BYTES_MAX {
            self.error(0..0, "file-too-large", format!("more than {CONFIG_FILE_BYTES_MAX} bytes"), None);
            return None;
        }
        let (table, errors) = DeTable::parse_recoverable(&self.source.text);
        for error in &errors {
            self.error(error.span().unwrap_or(0..0), "syntax", error.message().to_owned(), None);
        }
        errors.is_empty().then_some(table)
    }

    pub(super) fn root<'t>(&'t self, table: &'t Spanned<DeTable<'f>>) -> Table<'t> {
        Table { file: self, map: table.get_ref(), span: 0..0, asked: Vec::new() }
    }

    /// Where a part of a text value stands: exactly, when the text is written without escapes.
    pub(super) fn within(&self, value: &At<String>, offset: usize, length: usize) -> Range<usize> {
        let raw = self.source.text.get(value.span.clone()).unwrap_or_default();
        match raw.find(value.value.as_str()) {
            Some(at) if !value.value.is_empty() => {
                let start = value.span.start + at + offset;
                start..start + length
            }
            _ => value.span.clone(),
        }
    }
}

/// A table of a file. Keys that are asked for are the known ones; [`Table::finish`] refuses the others.
pub(super) struct Table<'t> {
    pub(super) file: &'t File<'t>,
    map: &'t DeTable<'t>,
    /// Of the table's content, as far as TOML has one.
    pub(super) span: Range<usize>,
    asked: Vec<&'static str>,
}

impl<'t> Table<'t> {
    /// Whether a table in it has a key. Asks for neither.
    pub(super) fn has_within(&self, table: &str, key: &str) -> bool {
        matches!(self.map.get(table).map(Spanned::get_ref), Some(DeValue::Table(inner)) if inner.get(key).is_some())
    }

    fn get(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.map.get(key)
    }

    fn wrong(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) {
        let found = match value.get_ref() {
            DeValue::Table(_) => "a table",
            DeValue::Array(_) => "a list",
            DeValue::String(_) => "a text",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number",
            DeValue::Boolean(_) => "true or false",
            DeValue::Datetime(_) => "a date",
        };
        self.file.error(value.span(), "wrong-type", format!("`{key}` must be {wanted}, not {found}"), None);
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    pub(super) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if key == "because" && is_blank(text) => {
                let help = "say why, for whoever reads it later: because = \"sales corrects it there\"";
                self.file.error(value.span(), "no-reason", "`because` says nothing".to_owned(), Some(help.to_owned()));
                None
            }
            DeValue::String(text) => Some(At { value: text.clone().into_owned(), span: value.span() }),
            _ => {
                self.wrong(key, value, "a text");
                None
            }
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, key: &'static str, help: &str) -> Option<At<String>> {
        if !self.has(key) {
            self.get(key);
            self.file.error(self.span.clone(), "missing-key", format!("`{key}` is missing"), Some(help.to_owned()));
            return None;
        }
        self.text(key)
    }

    pub(super) fn plain(&mut self, key: &'static str) -> Option<String> {
        self.text(key).map(|text| text.value)
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, value, "true or false");
        }
        flag
    }

    pub(super) fn number(&mut self, key: &'static str) -> Option<At<u64>> {
        let value = self.get(key)?;
        let number = value.get_ref().as_integer().and_then(|number| u64::from_str_radix(number.as_str(), number.radix()).ok());
        if number.is_none() {
            self.wrong(key, value, "a whole number, 0 or more");
        }
        number.map(|number| At { value: number, span: value.span() })
    }

    /// A number, with or without a point.
    pub(super) fn decimal(&mut self, key: &'static str) -> Option<At<f64>> {
        let value = self.get(key)?;
        let number = decimal(value.get_ref());
        if number.is_none() {
            self.wrong(key, value, "a number");
        }
        number.map(|number| At { value: number, span: value.span() })
    }

    /// `"5m"`, `"1h"`, `"30s"`, `"2d"`, `"250ms"`; milliseconds.
    pub(super) fn duration(&mut self, key: &'static str) -> Option<u64> {
        let text = self.text(key)?;
        let parsed = crate::schedule::parse_span(&text.value);
        if parsed.is_none() {
            self.file.error(
                text.span,
                "bad-duration",
                format!("`{}` is no length of time", text.value),
                Some("write a number and s, m, h or d: \"5m\"".to_owned()),
            );
        }
        parsed
    }

    /// One of some words.
    pub(super) fn word<T: Copy>(&mut self, key: &'static str, words: &[(&str, T)]) -> Option<At<T>> {
        let text = self.text(key)?;
        match words.iter().find(|(word, _)| *word == text.value) {
            Some((_, value)) => Some(At { value: *value, span: text.span }),
            None => {
                let all: Vec<String> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
                let help =
                    nearest(&text.value, words.iter().map(|(word, _)| *word)).map(|near| format!("did you mean `{near}`?"));
                self.file.error(
                    text.span,
                    "unknown-word",
                    format!("`{key}` is one of {}, not `{}`", all.join(", "), text.value),
                    help,
                );
                None
            }
        }
    }

    /// A list of texts; one text alone is a list of one.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let one =
            |value: &Spanned<DeValue<'_>>| value.get_ref().as_str().map(|text| At { value: text.to_owned(), span: value.span() });
        match value.get_ref() {
            DeValue::Array(list) => list
                .iter()
                .filter_map(|element| {
                    let text = one(element);
                    if text.is_none() {
                        self.wrong(key, element, "a list of texts");
                    }
                    text
                })
                .collect(),
            _ => match one(value) {
                Some(text) => vec![text],
                None => {
                    self.wrong(key, value, "a list of texts");
                    Vec::new()
                }
            },
        }
    }

    pub(super) fn strings(&mut self, key: &'static str) -> Vec<String> {
        self.texts(key).into_iter().map(|text| text.value).collect()
    }

    pub(super) fn inner(&self, value: &'t Spanned<DeValue<'t>>, key: &str) -> Option<Table<'t>> {
        match value.get_ref() {
            DeValue::Table(map) => Some(Table { file: self.file, map, span: value.span(), asked: Vec::new() }),
            _ => {
                self.wrong(key, value, "a table");
                None
            }
        }
    }

    pub(super) fn table(&mut self, key: &'static str) -> Option<Table<'t>> {
        let value = self.get(key)?;
        self.inner(value, key)
    }

    /// `[[key]]`.
    pub(super) fn tables(&mut self, key: &'static str) -> Vec<Table<'t>> {
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(list) => list.iter().filter_map(|element| self.inner(element, key)).collect(),
            _ => {
                self.file.error(value.span(), "wrong-type", format!("`{key}` is written as [[{key}]]"), None);
                Vec::new()
            }
        }
    }

    /// All keys, whatever they are; for tables whose keys are names.
    pub(super) fn entries(&self) -> impl Iterator<Item = (At<&'t str>, &'t Spanned<DeValue<'t>>)> + use<'t> {
        let map = self.map;
        map.iter().map(|(key, value)| (At { value: key.get_ref().as_ref(), span: key.span() }, value))
    }

    /// All keys as tables.
    pub(super) fn named_tables(&self) -> Vec<(At<&'t str>, Table<'t>)> {
        self.entries().filter_map(|(key, value)| Some((key.clone(), self.inner(value, key.value)?))).collect()
    }

    /// Where a key stands; the table itself if it is not there.
    pub(super) fn key_span(&self, key: &str) -> Range<usize> {
        self.map.get_key_value(key).map_or(self.span.clone(), |(key, _)| key.span())
    }

    /// Refuses keys that nobody asked for.
    pub(super) fn finish(self) {
        for (key, _) in self.entries() {
            if !self.asked.contains(&key.value) {
                let elsewhere =
                    ELSEWHERE.iter().find(|(folder, known, _)| self.file.source.path.starts_with(folder) && *known == key.value);
                let help = match (nearest(key.value, self.asked.iter().copied()), elsewhere) {
                    (Some(near), _) => format!("did you mean `{near}`?"),
                    (None, Some((_, known, place))) => format!("`{known}` belongs under {place}"),
                    (None, None) => format!("known here: {}", self.asked.join(", ")),
                };
                self.file.error(key.span, "unknown-key", format!("`{}` is not a key here", key.value), Some(help));
            }
        }
    }
}

/// A TOML number, whole or not.
pub(super) fn decimal(value: &DeValue<'_>) -> Option<f64> {
    let text = value.as_float().map(|number| number.as_str()).or_else(|| value.as_integer().map(|number| number.as_str()))?;
    text.replace('_', "").parse().ok().filter(|number: &f64| number.is_finite())
}

/// A TOML value as JSON; dates become texts.
pub(super) fn json(value: &DeValue<'_>) -> serde_json::Value {
    use serde_json::Value as Json;
    match value {
        DeValue::String(text) => Json::String(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Json::from(number),
            Err(_) => Json::String(number.as_str().to_owned()),
        },
        DeValue::Float(number) => {
            serde_json::from_str(number.as_str()).unwrap_or_else(|_| Json::String(number.as_str().to_owned()))
        }
        DeValue::Boolean(flag) => Json::Bool(*flag),
        DeValue::Datetime(time) => Json::String(time.to_string()),
        DeValue::Array(list) => Json::Array(list.iter().map(|element| json(element.get_ref())).collect()),
        DeValue::Table(map) => {
            Json::Object(map.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect())
        }
    }
}
