//! A request and an answer, as the simulated systems see them.
//!
//! Promises that a path arrives split and decoded and a query decoded in order. Must not know sockets, nor which vendor asks.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::Value;
use std::borrow::Cow;

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// The path as it came, for the log.
    pub(crate) path: String,
    /// The path's parts, decoded.
    pub(crate) segments: Vec<String>,
    /// The query as it came, for the log.
    pub(crate) query_text: String,
    /// The query's pairs, decoded, in order.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, path: &str, query: &str, headers: HeaderMap, body: Bytes) -> Self {
        let segments = path
            .split('/')
            .filter(|part| !part.is_empty())
            .map(|part| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned())
            .collect();
        let pairs = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { method, path: path.to_owned(), segments, query_text: query.to_owned(), query: pairs, headers, body }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The token of `Authorization: Bearer …`.
    pub(crate) fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.header("authorization")?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    }

    /// The last value given for a parameter.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.query.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// All values given for a parameter, comma-separated ones taken apart.
    pub(crate) fn list(&self, name: &str) -> Vec<String> {
        self.query
            .iter()
            .filter(|(key, _)| key == name)
            .flat_map(|(_, value)| value.split(','))
            .map(|part| part.trim().to_owned())
            .filter(|part| !part.is_empty())
            .collect()
    }

    /// The first parameter that is not among those known.
    pub(crate) fn unknown_param(&self, known: &[&str]) -> Option<&str> {
        self.query.iter().map(|(key, _)| key.as_str()).find(|key| !known.contains(key))
    }

    /// The body as a form.
    pub(crate) fn form(&self) -> Vec<(String, String)> {
        url::form_urlencoded::parse(&self.body).into_owned().collect()
    }
}

/// One answer, with what has to be remembered before it is given.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// What this request changed, in the form that [`crate::journal`] replays.
    pub(crate) entries: Vec<Value>,
    /// Whether an object of the system is now different.
    pub(crate) changed: bool,
    /// Headers beside the content's type, names in lower case.
    pub(crate) headers: Vec<(&'static str, String)>,
}

/// An answer's body.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Empty,
    Json(Value),
    /// JSON that was made before: an answer given again.
    Text(String),
    /// A page for people.
    Html(String),
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Body::Json(body), entries: Vec::new(), changed: false, headers: Vec::new() }
    }

    /// What a gateway in front of the system says when it has no answer.
    pub(crate) fn gateway(status: u16) -> Self {
        let title = if status == 504 { "504 Gateway Time-out" } else { "502 Bad Gateway" };
        let page = format!("<html><head><title>{title}</title></head><body><center><h1>{title}</h1></center></body></html>");
        Self { body: Body::Html(page), ..Self::empty(status) }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: Body::Empty, entries: Vec::new(), changed: false, headers: Vec::new() }
    }

    /// The answer to a write; `changed` where there is something to remember.
    pub(crate) fn with_entries(mut self, entries: Vec<Value>) -> Self {
        self.changed = !entries.is_empty();
        self.entries = entries;
        self
    }

    pub(crate) fn body_text(&self) -> Cow<'_, str> {
        match &self.body {
            Body::Empty => Cow::Borrowed(""),
            Body::Json(value) => Cow::Owned(value.to_string()),
            Body::Text(text) | Body::Html(text) => Cow::Borrowed(text),
        }
    }

    /// The body as JSON, where it is some.
    pub(crate) fn json_body(&self) -> Option<Value> {
        match &self.body {
            Body::Json(value) => Some(value.clone()),
            Body::Text(text) => serde_json::from_str(text).ok(),
            Body::Empty | Body::Html(_) => None,
        }
    }
}
