//! Exports that people open in a spreadsheet: a text that it would run as a formula gets an apostrophe in front, which a spreadsheet
//! shows as text, and loses it again where the export is read back. Nothing is lost by that: a text that begins with apostrophes before
//! such a sign gets one more.

use std::borrow::Cow;

use nave_sdk::body;
use nave_sdk::serde_json::{self, Value};
use nave_sdk::types::SourceRecord;

/// Whether a spreadsheet would run it, had it no apostrophes in front. A plain number is a number.
fn is_formula(text: &str) -> bool {
    let plain = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.starts_with(|c: char| c.is_ascii_digit()) && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    };
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r']) && !plain(text)
}

/// As it stands in the file.
pub(crate) fn guarded(text: &str) -> Cow<'_, str> {
    if is_formula(text) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

/// As it was before.
fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| is_formula(rest)).unwrap_or(text)
}

/// A row of such an export as it was before.
pub(crate) fn unguard(record: &mut SourceRecord) {
    record.remote_id = unguarded(&record.remote_id).to_owned();
    if let Ok(Value::Object(mut row)) = serde_json::from_slice(&record.body) {
        for value in row.values_mut() {
            if let Value::String(text) = value {
                *text = unguarded(text).to_owned();
            }
        }
        record.body = body::bytes(&Value::Object(row));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_guarded_comes_back() {
        for (text, expected) in [
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"https://evil.example\")", "'=HYPERLINK(\"https://evil.example\")"),
            ("+49 221 1", "'+49 221 1"),
            ("-cmd|' /C calc'!A0", "'-cmd|' /C calc'!A0"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\tx", "'\tx"),
            ("\rx", "'\rx"),
            ("'=1", "''=1"),
            ("''+1", "'''+1"),
            ("-3", "-3"),
            ("-3.50", "-3.50"),
            ("-3+1", "'-3+1"),
            ("-", "'-"),
            ("'tis", "'tis"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(guarded(text), expected);
            assert_eq!(unguarded(expected), text);
        }
    }
}
