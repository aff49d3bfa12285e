//! A line as it was before it was put into a string: what a recording holds of a call is a text within a text.

use std::borrow::Cow;

/// A text within a text within a text: deeper is nobody's.
const DEPTH_MAX: usize = 3;

/// A line without the escapes of JSON and XML, and where each byte of it stood.
pub(super) struct Plain<'l> {
    pub(super) text: Cow<'l, str>,
    /// For each byte, and for the end; empty where nothing was escaped.
    places: Vec<usize>,
}

impl Plain<'_> {
    /// Where in the line a byte of the text stood.
    pub(super) fn place(&self, at: usize) -> usize {
        if self.places.is_empty() { at } else { self.places.get(at).copied().unwrap_or_default() }
    }
}

/// Takes the escapes of strings off a line, as deep as they go.
pub(super) fn plain(line: &str) -> Plain<'_> {
    let mut plain = Plain { text: Cow::Borrowed(line), places: Vec::new() };
    for _ in 0..DEPTH_MAX {
        let Some((text, from)) = once(&plain.text) else { break };
        plain.places = from.into_iter().map(|at| plain.place(at)).collect();
        plain.text = Cow::Owned(text);
    }
    plain
}

/// One level less; none where nothing is escaped. A backslash that escapes nothing stays.
fn once(text: &str) -> Option<(String, Vec<usize>)> {
    let quotes = ["\\\"", "\\/", "\\n", "\\u00", "&quot;", "&lt;", "&gt;", "&amp;", "&#34;", "&#39;", "&apos;"];
    if !quotes.iter().any(|quote| text.contains(quote)) {
        return None;
    }
    let (mut out, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        let (becomes, taken) = escape(&text[at..]).unwrap_or((next, next.len_utf8()));
        out.push(becomes);
        places.resize(out.len(), at);
        at += taken;
    }
    places.push(text.len());
    Some((out, places))
}

/// What stands here for another character, and in how many bytes.
fn escape(text: &str) -> Option<(char, usize)> {
    if let Some(rest) = text.strip_prefix('\\') {
        return match rest.chars().next()? {
            quote @ ('"' | '\\' | '/') => Some((quote, 2)),
            'n' | 'r' | 't' => Some((' ', 2)),
            'u' => {
                let code = u32::from_str_radix(rest.get(1..5)?, 16).ok()?;
                Some((char::from_u32(code)?, 6))
            }
            _ => None,
        };
    }
    let entities =
        [("&quot;", '"'), ("&#34;", '"'), ("&apos;", '\''), ("&#39;", '\''), ("&lt;", '<'), ("&gt;", '>'), ("&amp;", '&')];
    entities.into_iter().find(|(spelled, _)| text.starts_with(spelled)).map(|(spelled, becomes)| (becomes, spelled.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_in_a_string_is_read_and_every_byte_has_its_place() {
        for (line, expected) in [
            (r#"plain "text""#, r#"plain "text""#),
            (r#""text": "{\"a\":\"b\"}""#, r#""text": "{"a":"b"}""#),
            (r#"{\\\"a\\\":\\\"ü\\\"}"#, r#"{"a":"ü"}"#),
            (r"a\nb \u0022c\u0022 C:\Users", r#"a b "c" C:\Users"#),
            ("&lt;Token&gt;x&amp;lt;y", "<Token>x<y"),
        ] {
            let found = plain(line);
            assert_eq!(found.text, expected, "{line}");
            for (at, c) in found.text.char_indices().filter(|(_, c)| c.is_ascii_lowercase()) {
                assert!(line[found.place(at)..].starts_with(c), "{line}: {at}");
            }
        }
    }
}
