//! Requests filled in.

use nave_rest::description::{Body, Parameter, Request};
use nave_rest::template::{Piece, Template};
use nave_sdk::body as bodies;
use nave_sdk::http;
use nave_sdk::types::{Failure, Rejection};
use serde_json::{Map, Value};

use crate::described::Settings;
use crate::guard::{self, Text};

/// What stands for the words of a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Words<'w> {
    pub(crate) id: &'w str,
    pub(crate) value: &'w str,
    pub(crate) since: &'w str,
    pub(crate) record: Option<&'w Value>,
}

/// A request that is being filled in.
#[derive(Debug)]
pub(crate) struct Asked {
    endpoint: String,
    method: String,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    body: Option<Value>,
}

/// Fills a request in.
pub(crate) fn filled(request: &Request, settings: &Settings, words: Words<'_>) -> Result<Asked, Failure> {
    let mut headers = Vec::new();
    for (name, template) in &request.headers {
        headers.push((name.clone(), header(fill(template, Text::Other, settings, words)?)?));
    }
    let mut query = Vec::new();
    for (name, template) in &request.query {
        query.push((name.clone(), fill(template, Text::Parameter, settings, words)?));
    }
    Ok(Asked {
        endpoint: request.endpoint.clone(),
        method: request.method.clone(),
        path: request.path.fill(|piece| {
            let text = one(piece, settings, words)?;
            // An empty step would be another path.
            // What comes from another system is one step; many servers decode a slash before they look for a route.
            if text.contains('/') && matches!(piece, Piece::Record(_) | Piece::Word("value")) {
                return Err(more_than_a_value(piece, "a path, where a slash would make another one"));
            }
            if text.is_empty() { Err(missing(piece)) } else { Ok(http::segment(&text)) }
        })?,
        query,
        headers: headers.into_iter().filter(|(_, value)| !value.is_empty()).collect(),
        body: request.body.as_ref().map(|body| filled_body(body, settings, words)).transpose()?,
    })
}

/// A template with its places filled in: a value stays a value there, or the request is not made.
pub(crate) fn fill(template: &Template, kind: Text, settings: &Settings, words: Words<'_>) -> Result<String, Failure> {
    let mut filled = String::new();
    for (piece, around) in template.pieces.iter().zip(guard::around(template)) {
        let text = one(piece, settings, words)?;
        let given = matches!(piece, Piece::Record(_) | Piece::Word("id" | "value"));
        if given && !guard::holds(around, kind, &text) {
            return Err(more_than_a_value(piece, "a text of the description, where it would end before its end"));
        }
        filled.push_str(&text);
    }
    Ok(filled)
}

/// The value is that thing's; the others go on.
fn more_than_a_value(piece: &Piece, place: &str) -> Failure {
    let rejection = |name: &str| Rejection::new("format", format!("`{name}` stands in {place}"));
    Failure::Rejected(match piece {
        Piece::Record(path) => rejection(path).field(path),
        Piece::Word(word) => rejection(word),
        _ => rejection("it"),
    })
}

fn one(piece: &Piece, settings: &Settings, words: Words<'_>) -> Result<String, Failure> {
    Ok(match piece {
        Piece::Text(text) => text.clone(),
        Piece::Setting(name) => settings.text(name),
        Piece::Record(path) => words.record.and_then(|record| bodies::text(record, path)).ok_or_else(|| missing(piece))?,
        Piece::Word("id") => words.id.to_owned(),
        Piece::Word("value") => words.value.to_owned(),
        Piece::Word(_) => words.since.to_owned(),
    })
}

fn missing(piece: &Piece) -> Failure {
    match piece {
        Piece::Setting(name) => Failure::Misconfigured(format!(
            "the setting `{name}` stands in a path and is empty; write it under [settings] of the connection"
        )),
        Piece::Record(path) => Failure::Rejected(
            Rejection::new("required", format!("the request's path needs `{path}`, and it is empty")).field(path),
        ),
        Piece::Word(word) => Failure::rejected("format", format!("the request's path needs {{{word}}}, and it is empty")),
        Piece::Text(_) => Failure::rejected("other", "an empty text"),
    }
}

fn filled_body(body: &Body, settings: &Settings, words: Words<'_>) -> Result<Value, Failure> {
    Ok(match body {
        Body::Plain(value) => value.clone(),
        Body::Text(template) => Value::String(fill(template, Text::Other, settings, words)?),
        Body::List(list) => Value::Array(list.iter().map(|item| filled_body(item, settings, words)).collect::<Result<_, _>>()?),
        Body::Object(entries) => Value::Object(
            entries
                .iter()
                .map(|(name, item)| Ok((name.clone(), filled_body(item, settings, words)?)))
                .collect::<Result<Map<_, _>, Failure>>()?,
        ),
    })
}

/// What may not stand in a header would make two of one.
fn header(value: String) -> Result<String, Failure> {
    if value.chars().any(char::is_control) {
        return Err(Failure::rejected("format", "a header's value has a line break or another hidden character"));
    }
    Ok(value)
}

impl Asked {
    /// Sets a parameter, in place of one of that name.
    pub(crate) fn set(&mut self, parameter: &Parameter, text: &str, number: bool) -> Result<(), Failure> {
        match parameter {
            Parameter::Query(name) => {
                self.query.retain(|(other, _)| other != name);
                self.query.push((name.clone(), text.to_owned()));
            }
            Parameter::Header(name) => {
                let value = header(text.to_owned())?;
                self.headers.retain(|(other, _)| !other.eq_ignore_ascii_case(name));
                self.headers.push((name.clone(), value));
            }
            Parameter::Body(place) => {
                let value = text.parse::<u64>().ok().filter(|_| number).map_or_else(|| Value::from(text), Value::from);
                place.put(self.body.get_or_insert(Value::Null), value);
            }
        }
        Ok(())
    }

    /// Adds parameters of the address.
    pub(crate) fn add_query(&mut self, name: &str, text: String) {
        self.query.retain(|(other, _)| other != name);
        self.query.push((name.to_owned(), text));
    }

    /// Adds a header.
    pub(crate) fn add_header(&mut self, name: &str, text: &str) -> Result<(), Failure> {
        self.set(&Parameter::Header(name.to_owned()), text, false)
    }

    /// Goes to an address that the system handed out, instead of path and query. One that begins with `?` changes only the query.
    pub(crate) fn go_to(&mut self, address: &str, strip: &str) {
        if address.starts_with('?') {
            self.path.push_str(address);
        } else if let Some(rest) = address.strip_prefix(strip).filter(|rest| !strip.is_empty() && rest.starts_with('/')) {
            rest.clone_into(&mut self.path);
        } else {
            address.clone_into(&mut self.path);
        }
        self.query.clear();
    }

    /// The body.
    pub(crate) fn body_mut(&mut self) -> &mut Value {
        self.body.get_or_insert(Value::Null)
    }

    /// Ready to be sent.
    pub(crate) fn request(self) -> http::Request {
        let mut request = http::request(&self.method, &self.endpoint, self.path);
        for (name, value) in &self.query {
            if !value.is_empty() {
                request = request.query(name, value);
            }
        }
        // JSON has names of its own: the description's is sent in place of the plain one, not beside it.
        let is_kind = |(name, _): &(String, String)| name.eq_ignore_ascii_case("Content-Type");
        let (kinds, headers): (Vec<_>, Vec<_>) = self.headers.into_iter().partition(is_kind);
        for (name, value) in headers {
            request = request.header(&name, value);
        }
        match (&self.body, kinds.first()) {
            (Some(body), Some((_, kind))) => request.body(body.to_string().into_bytes(), kind),
            (Some(body), None) => request.json(body),
            (None, _) => request,
        }
    }
}
