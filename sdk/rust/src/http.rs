//! Requests to the endpoints of the manifest, and what an answer means.
//!
//! A guest names an endpoint and a path; host, credential and limits are the host's. [`Answer::ok`] turns a status
//! into a [`Failure`] by the next move it asks for; a connector that knows better looks at [`Answer::status`] first.

use std::fmt::Write as _;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

pub use crate::bindings::connector::nave::plugin::http::{Error, Request as RawRequest, Response};

use crate::limits::{MESSAGE_CHARS_MAX, RETRY_AFTER_DEFAULT_MS, RETRY_AFTER_MS_MAX};
use crate::types::{Failure, Rejection};
use crate::{host, time};

/// A request being made.
#[derive(Clone, Debug)]
#[must_use]
pub struct Request {
    endpoint: String,
    raw: RawRequest,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Name and value, as they came.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Vec<u8>,
}

/// A request with any method.
pub fn request(method: &str, endpoint: &str, path: impl Into<String>) -> Request {
    Request {
        endpoint: endpoint.to_owned(),
        raw: RawRequest {
            method: method.to_owned(),
            path: path.into(),
            headers: vec![("Accept".to_owned(), "application/json".to_owned())],
            body: None,
        },
    }
}

/// `GET`.
pub fn get(endpoint: &str, path: impl Into<String>) -> Request {
    request("GET", endpoint, path)
}

/// `DELETE`.
pub fn delete(endpoint: &str, path: impl Into<String>) -> Request {
    request("DELETE", endpoint, path)
}

/// `POST` with a JSON body.
pub fn post_json(endpoint: &str, path: impl Into<String>, body: &impl Serialize) -> Request {
    request("POST", endpoint, path).json(body)
}

/// `PUT` with a JSON body.
pub fn put_json(endpoint: &str, path: impl Into<String>, body: &impl Serialize) -> Request {
    request("PUT", endpoint, path).json(body)
}

/// `PATCH` with a JSON body.
pub fn patch_json(endpoint: &str, path: impl Into<String>, body: &impl Serialize) -> Request {
    request("PATCH", endpoint, path).json(body)
}

impl Request {
    /// Adds a query parameter, percent-encoded.
    pub fn query(mut self, name: &str, value: impl AsRef<str>) -> Self {
        let path = &mut self.raw.path;
        path.push(if path.contains('?') { '&' } else { '?' });
        percent_encode(name, path);
        path.push('=');
        percent_encode(value.as_ref(), path);
        self
    }

    /// Adds a header. Authorization, Cookie, Host and the transfer headers belong to the host.
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.raw.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets a JSON body.
    #[expect(
        clippy::missing_panics_doc,
        reason = "only a map with keys that are no text fails, which is a mistake in the plugin's type"
    )]
    pub fn json(mut self, body: &impl Serialize) -> Self {
        self.raw.body = Some(serde_json::to_vec(body).expect("a request's body is plain data with text keys"));
        self.header("Content-Type", "application/json")
    }

    /// Sets the body's bytes.
    pub fn body(mut self, body: Vec<u8>, content_type: &str) -> Self {
        self.raw.body = Some(body);
        self.header("Content-Type", content_type)
    }

    /// Path and query as they will be sent.
    pub fn path(&self) -> &str {
        &self.raw.path
    }

    /// Sends it. For a write, look at [`Error::NoAnswer`]: the system may have done it
    /// ([`crate::write::lost`] knows what to answer then).
    pub fn send(self) -> Result<Answer, Error> {
        let response = host::http::send(&self.endpoint, &self.raw)?;
        Ok(Answer { status: response.status, headers: response.headers, body: response.body })
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            // The path was made of an id: that thing is at fault, and the others go on.
            Error::Denied(message) if message.starts_with("net.bad-path") => Self::rejected("other", message),
            Error::Denied(message) => Self::Misconfigured(message),
            Error::Unreachable(message) | Error::NoAnswer(message) => Self::Unavailable(message),
            Error::TooLarge(bytes) => {
                Self::rejected("length", format!("the answer has more than {bytes} bytes, which the host accepts at most"))
            }
            Error::Quota(_) => Self::RetryAfter(RETRY_AFTER_DEFAULT_MS),
        }
    }
}

impl Answer {
    /// 200 to 299.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// A header by name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// This answer when it is a success, else what its status asks for.
    pub fn ok(self) -> Result<Self, Failure> {
        if self.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// The body as JSON. Something else where JSON was promised is [`Failure::Unavailable`]: usually a proxy's page.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Failure::Unavailable(format!(
                "the answer is not the JSON that was expected: {error}; it begins {:?}",
                self.beginning()
            ))
        })
    }

    /// The text of one top-level field of a JSON body; empty when there is none.
    pub fn text(&self, field: &str) -> String {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match &value[field] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        }
    }

    /// What this status asks for next, as most systems use it.
    pub fn failure(&self) -> Failure {
        match self.status {
            401 => Failure::Unauthorized(self.message()),
            429 => Failure::RetryAfter(self.retry_after_ms().unwrap_or(RETRY_AFTER_DEFAULT_MS)),
            503 if self.retry_after_ms().is_some() => {
                Failure::RetryAfter(self.retry_after_ms().unwrap_or(RETRY_AFTER_DEFAULT_MS))
            }
            408 | 425 | 500..=599 => Failure::Unavailable(self.message()),
            300..=399 => Failure::Misconfigured(format!(
                "the system sends us elsewhere ({} to {}); correct the address in the connection's settings",
                self.status,
                self.header("location").unwrap_or("an unnamed place")
            )),
            _ => Failure::Rejected(self.rejection()),
        }
    }

    /// The refusal of this answer, classed by its status.
    pub fn rejection(&self) -> Rejection {
        let class = match self.status {
            403 => "forbidden",
            409 => "duplicate",
            404 | 410 => "reference",
            413 => "length",
            400 | 422 => "format",
            405 => "read-only",
            _ => "other",
        };
        Rejection::new(class, self.message())
    }

    /// The wait that the system asked for, from `Retry-After` (seconds or a date), bounded.
    pub fn retry_after_ms(&self) -> Option<u64> {
        let value = self.header("retry-after")?.trim();
        let wait = match value.parse::<f64>() {
            Ok(seconds) if seconds.is_finite() && seconds >= 0.0 => (seconds * 1000.0) as u64,
            _ => {
                let at = u64::try_from(time::parse_http_date(value)? / 1000).ok()?;
                at.saturating_sub(host::now_ms())
            }
        };
        Some(wait.clamp(1, RETRY_AFTER_MS_MAX))
    }

    /// Status and the system's own words: the usual fields of a JSON error, else the beginning of the text.
    pub fn message(&self) -> String {
        let mut message = format!("HTTP {}", self.status);
        let words = match serde_json::from_slice::<Value>(&self.body) {
            Ok(value) => ["message", "detail", "error_description", "Detail", "Message", "error", "title"]
                .iter()
                .find_map(|key| value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned))
                .unwrap_or_else(|| self.beginning()),
            Err(_) => self.beginning(),
        };
        if !words.is_empty() {
            let _ = write!(message, ": {words}");
        }
        message
    }

    /// The beginning of the body as text, without markup.
    fn beginning(&self) -> String {
        let text = String::from_utf8_lossy(&self.body[..self.body.len().min(4 * MESSAGE_CHARS_MAX)]);
        let mut words = String::new();
        let mut markup = false;
        for character in text.chars() {
            match character {
                '<' => markup = true,
                '>' => markup = false,
                _ if markup => {}
                _ if character.is_whitespace() || character.is_control() => {
                    if !words.ends_with(' ') && !words.is_empty() {
                        words.push(' ');
                    }
                }
                _ => words.push(character),
            }
            if words.len() >= MESSAGE_CHARS_MAX {
                break;
            }
        }
        words.trim_end().to_owned()
    }
}

/// Percent-encodes everything but unreserved characters.
pub fn percent_encode(text: &str, into: &mut String) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            into.push(byte as char);
        } else {
            let _ = write!(into, "%{byte:02X}");
        }
    }
}

/// A remote id as a path segment, for a system whose ids are ASCII letters, digits, `-` and `_`.
///
/// # Errors
/// [`Failure::Rejected`] for any other text, the empty one included. Percent-encoding is not enough there: many servers decode `%2F`
/// before they look for a route, so that `7/notes` would be another thing's address, and nothing is the address of the list.
pub fn id(text: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if !text.is_empty() && text.bytes().all(plain) {
        return Ok(text);
    }
    let shown: String = text.escape_debug().take(MESSAGE_CHARS_MAX).collect();
    Err(Failure::rejected("reference", format!("\"{shown}\" is no id of this system's: its ids are letters, digits, - and _")))
}

/// A path segment, percent-encoded: a text never leaves its segment, where the server looks for a route before it decodes. What is a
/// remote id of letters and digits goes through [`id`].
pub fn segment(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    percent_encode(text, &mut out);
    // A segment of dots alone would climb.
    if out == "." || out == ".." { out.replace('.', "%2E") } else { out }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::FakeHost;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
        Answer {
            status,
            headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
            body: body.as_bytes().to_vec(),
        }
    }

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], body: &str, expected: Failure) {
        let host = FakeHost::new().at("2026-11-24T02:00:00Z");
        let (failure, _) = host.run(|| answer(status, headers, body).failure());
        assert_eq!(failure, expected);
    }

    #[test]
    fn a_status_names_the_next_move() {
        check(401, &[], r#"{"message":"wrong key"}"#, Failure::Unauthorized("HTTP 401: wrong key".into()));
        check(429, &[("Retry-After", "7")], "", Failure::RetryAfter(7_000));
        check(429, &[("retry-after", "0.5")], "", Failure::RetryAfter(500));
        check(429, &[("Retry-After", "Tue, 24 Nov 2026 02:00:09 GMT")], "", Failure::RetryAfter(9_000));
        check(429, &[("Retry-After", "Tue, 24 Nov 2026 01:00:00 GMT")], "", Failure::RetryAfter(1));
        check(429, &[("Retry-After", "99999999")], "", Failure::RetryAfter(RETRY_AFTER_MS_MAX));
        check(429, &[("Retry-After", "soon")], "", Failure::RetryAfter(RETRY_AFTER_DEFAULT_MS));
        check(503, &[("Retry-After", "2")], "", Failure::RetryAfter(2_000));
        check(503, &[], "<html><h1>Down</h1> now</html>", Failure::Unavailable("HTTP 503: Down now".into()));
        check(403, &[], r#"{"detail":"no"}"#, Failure::rejected("forbidden", "HTTP 403: no"));
        check(404, &[], "", Failure::rejected("reference", "HTTP 404"));
        check(409, &[], r#"{"error":"twice"}"#, Failure::rejected("duplicate", "HTTP 409: twice"));
    }

    /// The host counts up to its limit and stops: how long the answer was, nobody knows.
    #[test]
    fn a_limit_is_not_a_size() {
        let Failure::Rejected(rejection) = Error::TooLarge(33_554_432).into() else { panic!("it is refused for good") };
        assert_eq!(rejection.message, "the answer has more than 33554432 bytes, which the host accepts at most");
    }

    #[test]
    fn queries_are_encoded() {
        let request = get("api", "/a").query("q", "a b&c=ü").query("x", "1");
        assert_eq!(request.path(), "/a?q=a%20b%26c%3D%C3%BC&x=1");
        assert_eq!(segment("../x"), "..%2Fx");
        assert_eq!(segment(".."), "%2E%2E");
    }

    #[track_caller]
    fn check_id(text: &str, taken: bool) {
        assert_eq!(id(text).is_ok(), taken, "{text:?}");
    }

    /// Line 117 of the attack list.
    #[test]
    fn an_id_is_nothing_but_an_id() {
        for text in ["7", "c1a0-9F_b", "-1"] {
            check_id(text, true);
        }
        for text in [
            "",
            ".",
            "..",
            "7/notes",
            "7/../8",
            "7?x=1",
            "7#x",
            "7&x",
            "7;x",
            "7%2Fnotes",
            "7 ",
            "7\n",
            "7\0",
            "7'",
            "7\"",
            "7,8",
            "7*",
            "é",
        ] {
            check_id(text, false);
        }
    }
}
