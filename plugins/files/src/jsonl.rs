//! Lines of JSON: passed through as they are, with the id cut out by one cheap walk.
//! Whether a line is good JSON is the host's to say; it decodes it anyway.

/// The text of a top-level key of the object in this line: a string's content, a number or boolean as it is spelled.
pub(crate) fn cut(line: &[u8], key: &str) -> Option<String> {
    let mut walk = Walk { bytes: line, at: 0 };
    walk.blanks();
    walk.expect(b'{')?;
    loop {
        walk.blanks();
        let name = walk.string()?;
        walk.blanks();
        walk.expect(b':')?;
        walk.blanks();
        let value = walk.value()?;
        if name == key.as_bytes() {
            return text(value);
        }
        walk.blanks();
        walk.expect(b',')?;
    }
}

/// The first top-level key.
pub(crate) fn first_key(line: &[u8]) -> Option<String> {
    let mut walk = Walk { bytes: line, at: 0 };
    walk.blanks();
    walk.expect(b'{')?;
    walk.blanks();
    String::from_utf8(walk.string()?.to_vec()).ok()
}

fn text(value: &[u8]) -> Option<String> {
    match value.first()? {
        b'"' if !value.contains(&b'\\') => String::from_utf8(value[1..value.len() - 1].to_vec()).ok(),
        b'"' => serde_json::from_slice(value).ok(),
        b'{' | b'[' | b'n' => None,
        _ => String::from_utf8(value.to_vec()).ok(),
    }
    .filter(|text| !text.is_empty())
}

struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Walk<'a> {
    fn blanks(&mut self) {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        (*self.bytes.get(self.at)? == byte).then(|| self.at += 1)
    }

    /// Content of a string, escapes as they are.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let start = self.at;
        loop {
            match *self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(&self.bytes[start..self.at - 1]);
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }

    /// A value as it is spelled.
    fn value(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        match *self.bytes.get(self.at)? {
            b'"' => {
                self.string()?;
            }
            b'{' | b'[' => {
                let mut depth = 0_usize;
                loop {
                    match *self.bytes.get(self.at)? {
                        b'"' => {
                            self.string()?;
                            continue;
                        }
                        b'{' | b'[' => depth += 1,
                        b'}' | b']' => depth -= 1,
                        _ => {}
                    }
                    self.at += 1;
                    if depth == 0 {
                        break;
                    }
                }
            }
            _ => {
                while self.bytes.get(self.at).is_some_and(|byte| !matches!(byte, b',' | b'}' | b' ' | b'\t' | b'\r' | b'\n')) {
                    self.at += 1;
                }
            }
        }
        Some(&self.bytes[start..self.at])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<&str>) {
        assert_eq!(cut(line.as_bytes(), "id").as_deref(), expected, "{line}");
    }

    #[test]
    fn the_id_is_cut_out() {
        check(r#"{"id":"a1","x":1}"#, Some("a1"));
        check(r#"  {"x":{"id":"inner","l":["}",{"y":"\"]"}]}, "id" : 42 }"#, Some("42"));
        check(r#"{"x":"\"id\":1","id":"a\"b\u00fc"}"#, Some("a\"bü"));
        check(r#"{"x":true,"id":-1.5e3}"#, Some("-1.5e3"));
        check(r#"{"id":null}"#, None);
        check(r#"{"id":""}"#, None);
        check(r#"{"id":{}}"#, None);
        check(r#"{"x":1}"#, None);
        check("{}", None);
        check("", None);
        check("[1]", None);
        check(r#"{"x":"open"#, None);
        check(r#"{"x":"open\"#, None);
        check(r#"{"x":[[}"#, None);
        assert_eq!(first_key(br#" { "key": 1}"#).as_deref(), Some("key"));
    }
}
