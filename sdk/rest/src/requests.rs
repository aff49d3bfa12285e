//! Requests: what all tables that make one share.

use serde_json::Value;
use toml::de::DeValue;

use crate::description::{Body, Parameter, Request};
use crate::fault::instead;
use crate::limits::ENTRIES_MAX;
use crate::pointer::Pointer;
use crate::reader::{Node, Table, Text, entries, json, text};
use crate::template::{Allowed, Template};

/// What the top of the file says for all requests.
pub(crate) struct Context<'a> {
    pub(crate) settings: &'a [String],
    pub(crate) endpoints: &'a [String],
    pub(crate) endpoint: Option<String>,
    pub(crate) query: Vec<(String, Template)>,
    pub(crate) headers: Vec<(String, Template)>,
}

impl Context<'_> {
    /// The endpoint that a table names, if one does.
    pub(crate) fn endpoint_of(&self, table: &Table<'_, '_>) -> Option<String> {
        let (name, span) = table.text("endpoint")?;
        if !self.endpoints.contains(&name) {
            let known = self.endpoints.iter().map(String::as_str);
            table.faults.say(&span, format!("there is no endpoint `{name}`; {}", instead(&name, known)));
        }
        Some(name)
    }
}

/// Headers that belong to the host.
const HOSTS_HEADERS: [&str; 6] = ["authorization", "cookie", "host", "content-length", "transfer-encoding", "connection"];

/// The request of a table, with what all requests have.
pub(crate) fn request(
    table: &Table<'_, '_>,
    context: &Context<'_>,
    method: &str,
    words: &'static [&'static str],
    record: bool,
) -> Request {
    let faults = table.faults;
    let allowed = Allowed { settings: context.settings, words, record };
    let endpoint = context.endpoint_of(table).or_else(|| context.endpoint.clone()).or_else(|| context.endpoints.first().cloned());
    if context.endpoints.len() > 1 && context.endpoint.is_none() && !table.has("endpoint") {
        let all = context.endpoints.join(", ");
        faults.say(&table.span, format!("which endpoint? There are {all}; write one under [request]: endpoint = \"…\""));
    }
    let method = table.text("method").map_or_else(
        || method.to_owned(),
        |(method, span)| {
            if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
                faults.say(&span, format!("`{method}` is no method; write it in large letters: GET"));
            }
            method
        },
    );
    let (path, span) = table.needed("path", "\"/customers\"");
    let template = Template::parse(&path, allowed).unwrap_or_else(|why| {
        faults.say(&span, why);
        Template::default()
    });
    if table.has("path") && !path.starts_with('/') {
        faults.say(&span, format!("a path begins with a slash; write \"/{path}\""));
    }
    if path.contains(['?', '#', '\\', '%']) {
        faults.say(&span, "a path has no ?, #, % or \\; parameters belong into `query`, and what is put in is encoded by itself");
    }
    if path.split('/').any(|step| step == "." || step == "..") {
        faults.say(&span, "a path does not climb: take the steps `.` and `..` out");
    }
    let mut query = context.query.clone();
    merge(&mut query, templates(table, "query", allowed));
    let mut headers = context.headers.clone();
    merge(&mut headers, templates(table, "headers", allowed));
    let body = table.node("body").map(|node| body(node, allowed, table));
    Request { endpoint: endpoint.unwrap_or_default(), method, path: template, query, headers, body }
}

/// Own entries take the place of those of the same name.
fn merge(all: &mut Vec<(String, Template)>, own: Vec<(String, Template)>) {
    all.retain(|(name, _)| !own.iter().any(|(other, _)| other.eq_ignore_ascii_case(name)));
    all.extend(own);
}

/// A table of names and templates; numbers and flags are their spelling.
pub(crate) fn templates(table: &Table<'_, '_>, key: &str, allowed: Allowed<'_>) -> Vec<(String, Template)> {
    let faults = table.faults;
    let all = table.entries(key);
    if let Some(((_, span), _)) = all.get(ENTRIES_MAX) {
        faults.say(span, format!("`{key}` has more than {ENTRIES_MAX} entries; take some out"));
    }
    let mut made = Vec::new();
    for ((name, at), node) in all.into_iter().take(ENTRIES_MAX) {
        let value = match node.get_ref() {
            DeValue::Boolean(_) | DeValue::Integer(_) | DeValue::Float(_) => Some((json(node, faults).to_string(), node.span())),
            _ => text(node, faults, &name),
        };
        let Some((value, span)) = value else { continue };
        if key == "headers" && !header_fits(&name) {
            faults.say(&at, format!("the header `{name}` cannot be set here: it is the hub's, or no header's name"));
        }
        match Template::parse(&value, allowed) {
            Ok(template) => made.push((name, template)),
            Err(why) => faults.say(&span, why),
        }
    }
    made
}

/// A header's name that a plugin may set.
pub(crate) fn header_fits(name: &str) -> bool {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !name.is_empty() && name.bytes().all(token) && !HOSTS_HEADERS.contains(&name.to_ascii_lowercase().as_str())
}

fn body(node: &Node<'_>, allowed: Allowed<'_>, table: &Table<'_, '_>) -> Body {
    match node.get_ref() {
        DeValue::String(text) => match Template::parse(text, allowed) {
            Ok(template) => Body::Text(template),
            Err(why) => {
                table.faults.say(&node.span(), why);
                Body::Plain(Value::Null)
            }
        },
        DeValue::Array(list) => Body::List(list.iter().map(|node| body(node, allowed, table)).collect()),
        DeValue::Table(_) => {
            let all = entries(node, table.faults, "body");
            Body::Object(all.into_iter().map(|((name, _), node)| (name, body(node, allowed, table))).collect())
        }
        _ => Body::Plain(json(node, table.faults)),
    }
}

/// Where a request carries something: a name, `/a/place/in/the/body`, or `header:NAME`.
pub(crate) fn parameter(table: &Table<'_, '_>, key: &str) -> Option<Parameter> {
    let (text, span) = table.text(key)?;
    match parameter_of(&text) {
        Ok(parameter) => Some(parameter),
        Err(why) => {
            table.faults.say(&span, why);
            None
        }
    }
}

fn parameter_of(text: &str) -> Result<Parameter, String> {
    if let Some(name) = text.strip_prefix("header:") {
        return match header_fits(name) {
            true => Ok(Parameter::Header(name.to_owned())),
            false => Err(format!("the header `{name}` cannot be set here: it is the hub's, or no header's name")),
        };
    }
    if text.starts_with('/') {
        return Pointer::parse(text).map(Parameter::Body);
    }
    if text.is_empty() {
        return Err("write the parameter's name".to_owned());
    }
    Ok(Parameter::Query(text.to_owned()))
}

/// A path in a record: keys with dots between them.
pub(crate) fn path((text, span): Text, table: &Table<'_, '_>) -> String {
    let steps = text.split('.').count();
    if text.starts_with('/') {
        let guess = text.trim_start_matches('/').replace('/', ".");
        table.faults.say(&span, format!("a path in a record has dots; write \"{guess}\""));
    } else if text.split('.').any(str::is_empty) || steps > crate::limits::STEPS_MAX {
        table.faults.say(&span, format!("`{text}` is no path in a record; write keys with dots between them: properties.email"));
    }
    text
}
