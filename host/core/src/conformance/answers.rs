//! Answers with the status of a success that are none.

/// What a page that was asked for may come back as.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Second half of the case's name.
    pub name: &'static str,
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// Levels of the deepest answer: more than any reader needs, and more than a stack of a mebibyte holds.
const DEEP: usize = 200_000;
/// Bytes of the largest: below the bound of the host.
const HUGE_BYTES: usize = 8 << 20;

fn answer(name: &'static str, status: u16, kind: &str, body: impl Into<Vec<u8>>) -> Answer {
    Answer { name, status, headers: vec![("content-type".to_owned(), kind.to_owned())], body: body.into() }
}

/// All of them, for a page that otherwise is `good`.
pub fn all(good: &[u8]) -> Vec<Answer> {
    let json = "application/json";
    let html = "<!doctype html><html><body><h1>Sign in</h1><p>to your company's proxy</p></body></html>";
    let half = if good.len() > 2 { &good[..good.len() / 2] } else { br#"{"results":[{"id":"1","na"#.as_slice() };
    let huge = [b"{\"x\":\"".as_slice(), &vec![b'x'; HUGE_BYTES], b"\"}"].concat();
    let mut moved = answer("redirect", 302, "text/html", "");
    moved.headers.push(("location".to_owned(), "https://elsewhere.example/sign-in".to_owned()));
    vec![
        answer("empty-body", 200, json, ""),
        answer("no-content", 204, json, ""),
        answer("truncated-json", 200, json, half),
        answer("html-page", 200, "text/html", html),
        answer("html-called-json", 200, json, html),
        answer("not-utf-8", 200, json, vec![0xff, 0xfe, b'{', 0x80, b'}']),
        answer("deep-nesting", 200, json, "[".repeat(DEEP)),
        answer("deep-objects", 200, json, "{\"a\":".repeat(DEEP / 2)),
        answer("huge-page", 200, json, huge),
        answer("a-number", 200, json, "42"),
        answer("a-text", 200, json, "\"maintenance\""),
        moved,
    ]
}
