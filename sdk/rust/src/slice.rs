//! Cuts records out of a vendor's answer without decoding them: one pass, bodies stay the vendor's bytes.

use std::fmt;

use serde::Deserializer as _;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::limits::MESSAGE_CHARS_MAX;
use crate::types::{Failure, SourceRecord};

/// The elements of the array under `path` (keys with dots between them; empty: the text itself is the array).
/// Missing or null is no elements.
pub fn array<'a>(json: &'a [u8], path: &str) -> Result<Vec<&'a RawValue>, Failure> {
    let Some(raw) = at(json, path)? else {
        return Ok(Vec::new());
    };
    if raw.get().starts_with("null") {
        return Ok(Vec::new());
    }
    serde_json::from_str(raw.get()).map_err(|error| misfit(path, &error))
}

/// The value under `path`, undecoded.
pub fn at<'a>(json: &'a [u8], path: &str) -> Result<Option<&'a RawValue>, Failure> {
    let mut current: &'a RawValue = serde_json::from_slice(json).map_err(|error| misfit("", &error))?;
    for key in path.split('.').filter(|key| !key.is_empty()) {
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
    let found = at(raw.get().as_bytes(), path).ok()??.get();
    match found.as_bytes().first()? {
        b'"' => serde_json::from_str(found).ok(),
        b'n' | b'[' | b'{' => None,
        _ => Some(found.to_owned()),
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
