//! Cuts records out of a vendor's answer without decoding them: one pass, bodies stay the vendor's bytes.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::MESSAGE_CHARS_MAX;
use crate::types::{Failure, SourceRecord};

/// The elements of the array under `path` (keys with dots between them; empty: the text itself is the array).
/// Missing or null is no elements; an answer that is no object has no keys that could be missing, and is not the one expected.
pub fn array<'a>(json: &'a [u8], path: &str) -> Result<Vec<&'a RawValue>, Failure> {
    let Some(raw) = at(json, path)? else {
        return match json.trim_ascii_start().first() {
            Some(b'{') => Ok(Vec::new()),
            _ => Err(Failure::Unavailable(format!("the answer is no object, and `{path}` of it was expected"))),
        };
    };
    if raw.get().starts_with("null") {
        return Ok(Vec::new());
    }
    serde_json::from_str(raw.get()).map_err(|error| misfit(path, &error))
}

/// The value under `path`, undecoded.
pub fn at<'a>(json: &'a [u8], path: &str) -> Result<Option<&'a RawValue>, Failure> {
    let mut keys = path.split('.').filter(|key| !key.is_empty());
    let mut whole = serde_json::Deserializer::from_slice(json);
    // An object is looked through once; whatever else the text is, it is read as it is.
    let object = json.trim_ascii_start().first() == Some(&b'{');
    let mut current: &'a RawValue = match keys.next().filter(|_| object) {
        Some(key) => {
            let found = whole.deserialize_map(Pick(key)).and_then(|found| whole.end().map(|()| found));
            match found.map_err(|error| misfit("", &error))? {
                Some(next) => next,
                None => return Ok(None),
            }
        }
        None if path.is_empty() => serde_json::from_slice(json).map_err(|error| misfit("", &error))?,
        None => {
            let _: &RawValue = serde_json::from_slice(json).map_err(|error| misfit("", &error))?;
            return Ok(None);
        }
    };
    for key in keys {
        match key_of(current, key).map_err(|error| misfit(path, &error))? {
            Some(next) => current = next,
            None => return Ok(None),
        }
    }
    Ok(Some(current))
}

/// Text of the value under `path`: a string's content, a number or a boolean as it is spelled; none for null,
/// missing, lists and objects.
pub fn text(raw: &RawValue, path: &str) -> Option<String> {
    let [found] = texts(raw, [path]);
    found
}

/// Texts under several paths, as [`text`] answers for each, in one pass: a connector that needs three of a row's fields
/// should not read the row three times.
pub fn texts<const N: usize>(raw: &RawValue, paths: [&str; N]) -> [Option<String>; N] {
    let mut found = [const { None }; N];
    let wanted: Vec<(usize, &str)> = paths.into_iter().enumerate().collect();
    pick_texts(raw, &wanted, &mut found);
    found
}

fn pick_texts(raw: &RawValue, wanted: &[(usize, &str)], found: &mut [Option<String>]) {
    for (index, _) in wanted.iter().filter(|(_, path)| path.is_empty()) {
        found[*index] = own_text(raw.get());
    }
    if raw.get().starts_with('{') && wanted.iter().any(|(_, path)| !path.is_empty()) {
        // What is a value of JSON already cannot fail; of two equal keys the last one counts, as everywhere.
        let _ = serde_json::Deserializer::from_str(raw.get()).deserialize_map(PickTexts { wanted, found });
    }
}

/// A string's content, a number or a boolean as it is spelled.
fn own_text(json: &str) -> Option<String> {
    match json.as_bytes().first()? {
        b'"' => serde_json::from_str(json).ok(),
        b'n' | b'[' | b'{' => None,
        _ => Some(json.to_owned()),
    }
}

/// A row as a record, its bytes untouched, its id the text or number under `id`.
///
/// A row without one (missing, null, empty) becomes a record with an empty id: the hub sets it aside with its body, where
/// a person finds it, and the rest of the page goes on. Never leave such a row out: nobody would miss it.
pub fn record(row: &RawValue, id: &str) -> SourceRecord {
    SourceRecord::upsert(text(row, id).unwrap_or_default(), row.get())
}

/// As [`record`], where a row without an id is of no use: the answer to a look-up, or to a write. It is an error that
/// shows the row: what was found, and cannot be named, must not pass for nothing found.
pub fn found(row: &RawValue, id: &str) -> Result<SourceRecord, Failure> {
    let record = record(row, id);
    if record.remote_id.is_empty() {
        let start: String = row.get().chars().take(MESSAGE_CHARS_MAX).collect();
        return Err(Failure::rejected("format", format!("the answer has a row without `{id}`: {start}")));
    }
    Ok(record)
}

fn misfit(path: &str, error: &serde_json::Error) -> Failure {
    let place = if path.is_empty() { "the answer" } else { path };
    Failure::Unavailable(format!("{place} is not the JSON that was expected: {error}"))
}

fn key_of<'a>(raw: &'a RawValue, key: &str) -> serde_json::Result<Option<&'a RawValue>> {
    if !raw.get().starts_with('{') {
        return Ok(None);
    }
    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Pick(key))
}

/// Keeps one key of an object and skips the rest.
struct Pick<'k>(&'k str);

impl<'de> Visitor<'de> for Pick<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(matches) = map.next_key_seed(Equals(self.0))? {
            if matches {
                found = Some(map.next_value::<&'de RawValue>()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// Keeps the texts of some keys, and of keys below them.
struct PickTexts<'k, 'f> {
    wanted: &'k [(usize, &'k str)],
    found: &'f mut [Option<String>],
}

impl<'de> Visitor<'de> for PickTexts<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(below) = map.next_key_seed(Below(self.wanted))? {
            if below.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                pick_texts(map.next_value::<&'de RawValue>()?, &below, self.found);
            }
        }
        Ok(())
    }
}

/// What is wanted below a key: the rests of the paths that begin with it.
struct Below<'k>(&'k [(usize, &'k str)]);

impl<'de, 'k> DeserializeSeed<'de> for Below<'k> {
    type Value = Vec<(usize, &'k str)>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'k> Visitor<'_> for Below<'k> {
    type Value = Vec<(usize, &'k str)>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        let rest = |(index, path): &(usize, &'k str)| {
            let (first, rest) = path.split_once('.').unwrap_or((path, ""));
            (first == key).then_some((*index, rest))
        };
        Ok(self.0.iter().filter_map(rest).collect())
    }
}

/// Compares a key without keeping it.
struct Equals<'k>(&'k str);

impl<'de> DeserializeSeed<'de> for Equals<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Equals<'_> {
    type Value = bool;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a key")
    }

    fn visit_str<E>(self, key: &str) -> Result<bool, E> {
        Ok(key == self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, path: &str, expected: &[&str]) {
        let got: Vec<_> = array(json.as_bytes(), path).expect("well formed").iter().map(|raw| raw.get()).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn elements_keep_their_bytes() {
        check(
            r#"{"results":[{"id": 1 },{"id":"2","x":1.10}],"more":{}}"#,
            "results",
            &[r#"{"id": 1 }"#, r#"{"id":"2","x":1.10}"#],
        );
        check(r#"{"a":{"b":[1,[2]]}}"#, "a.b", &["1", "[2]"]);
        check("[{},null]", "", &["{}", "null"]);
        check(r#"{"results":null}"#, "results", &[]);
        check("{}", "results", &[]);
        assert!(array(b"<html>", "results").is_err());
        // Nothing that a system said of its rows: whoever is missing in it is not gone.
        assert!(array(b"42", "results").is_err() && array(br#""maintenance""#, "results").is_err());
        assert!(array(br#"{"results":{}}"#, "results").is_err());
    }

    #[test]
    fn text_is_cut_out() {
        let raw: &RawValue =
            serde_json::from_str(r#"{"id":12345678901234567890,"p":{"n":"a\"b","o":null,"l":[]},"b":true}"#).unwrap();
        assert_eq!(text(raw, "id").as_deref(), Some("12345678901234567890"));
        assert_eq!(text(raw, "p.n").as_deref(), Some("a\"b"));
        assert_eq!(text(raw, "b").as_deref(), Some("true"));
        assert_eq!(text(raw, "p.o"), None);
        assert_eq!(text(raw, "p.l"), None);
        assert_eq!(text(raw, "p.n.x"), None);
        assert_eq!(text(raw, ""), None);
    }

    #[test]
    fn several_texts_are_cut_out_at_once() {
        let raw: &RawValue =
            serde_json::from_str(r#"{"a":1,"p":{"b":"x","q":{"c":"y"}},"z":[{"a":2}],"p2":{"b":3},"a":"last"}"#).unwrap();
        let paths = ["p.q.c", "a", "p.b", "p", "p.q", "p2.b", "none", "p.none", "p.b", "z.a", ""];
        let found = texts(raw, paths);
        assert_eq!(found, paths.map(|path| text(raw, path)));
        let spelled: Vec<&str> = found.iter().map(|text| text.as_deref().unwrap_or("-")).collect();
        assert_eq!(spelled, ["y", "last", "x", "-", "-", "3", "-", "-", "x", "-", "-"]);
    }

    #[test]
    fn every_row_becomes_a_record() {
        let rows = array(br#"[{"id":7},{"id":null,"n":1},{"n":2},{"id":""},{"id":["x"]},3]"#, "").expect("well formed");
        let records: Vec<_> = rows.iter().map(|row| record(row, "id")).collect();
        let ids: Vec<&str> = records.iter().map(|record| record.remote_id.as_str()).collect();
        assert_eq!(ids, ["7", "", "", "", "", ""]);
        assert_eq!(records[1].body, br#"{"id":null,"n":1}"#);
        assert_eq!(found(rows[0], "id").map(|record| record.remote_id), Ok("7".to_owned()));
        let message = r#"the answer has a row without `id`: {"id":null,"n":1}"#;
        assert_eq!(found(rows[1], "id"), Err(Failure::rejected("format", message)));
    }
}
