//! Fields of a stream, and which of them are its id, its time, its mark of deletion.

use std::fmt::Write as _;

use serde_json::Value;

use super::document::{Document, Property, kind};
use super::text::{folded, key, quoted, todo};

/// Fields of one stream; the rest is told in a comment.
const FIELDS_MAX: usize = 120;
/// Values of an enum.
const VALUES_MAX: usize = 60;

/// Names of a time of the last change, folded.
const MODIFIED: [&str; 17] = [
    "updatedat",
    "modifiedat",
    "lastmodifiedat",
    "lastmodified",
    "lastmodifieddate",
    "updateddateutc",
    "updatedon",
    "modifiedon",
    "lastchanged",
    "changedat",
    "dateupdated",
    "datemodified",
    "updated",
    "modified",
    "lastupdated",
    "updatetime",
    "updatedtime",
];

/// What is known about the things of a stream.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) id: Option<String>,
    pub(super) modified: Option<String>,
    /// Paths of fields.
    pub(super) paths: Vec<String>,
    /// What a create must name.
    required: Vec<String>,
    /// Lines under the stream's heading.
    pub(super) head: String,
    /// Lines of its fields.
    pub(super) lines: String,
}

/// Looks into the schema of a thing. `parameter` is what the path of one calls its id.
/// `required` is what a create must name.
pub(super) fn known(document: &Document, schema: &Value, singular: &str, parameter: Option<&str>, required: &[&str]) -> Known {
    let mut known = Known { required: required.iter().map(|name| (*name).to_owned()).collect(), ..Known::default() };
    let properties = document.properties(schema);
    id(&mut known, &properties, singular, parameter);
    modified(&mut known, &properties);
    deleted(&mut known, &properties);
    let mut left = 0;
    for property in &properties {
        field(document, &mut known, property, "", 0, &mut left);
    }
    if left > 0 {
        let _ = writeln!(known.lines, "# {left} more fields of the document are left out");
    }
    known
}

fn id(known: &mut Known, properties: &[Property<'_>], singular: &str, parameter: Option<&str>) {
    let own = format!("{}id", folded(singular));
    let named = parameter.map(folded);
    let fits = |wanted: &dyn Fn(&str) -> bool| {
        properties.iter().find(|property| wanted(&folded(property.name))).map(|p| p.name.to_owned())
    };
    let found = fits(&|name| name == "id")
        .or_else(|| fits(&|name| name == own))
        .or_else(|| named.as_ref().and_then(|named| fits(&|name| name == named)));
    match &found {
        Some(id) if id == "id" => {}
        Some(id) => drop(writeln!(known.head, "id = {}", quoted(id))),
        None => {
            let like =
                |name: &str| ["id", "key", "uuid", "guid", "code", "number", "slug"].iter().any(|word| name.ends_with(word));
            let candidates: Vec<String> =
                properties.iter().filter(|p| like(&folded(p.name))).map(|p| p.name.to_owned()).collect();
            known.head.push_str(&todo("Which field is the id? None is called so.", &candidates));
            let first = candidates.first().map_or("id", String::as_str);
            let _ = writeln!(known.head, "id = {}", quoted(first));
            known.id = candidates.into_iter().next();
            return;
        }
    }
    known.id = found;
}

fn modified(known: &mut Known, properties: &[Property<'_>]) {
    let found = MODIFIED.iter().find_map(|name| properties.iter().find(|property| folded(property.name) == *name));
    let Some(property) = found else {
        let times = properties.iter().filter(|p| matches!(p.schema["format"].as_str(), Some("date-time" | "date")));
        let candidates: Vec<String> = times.map(|p| p.name.to_owned()).collect();
        if !candidates.is_empty() {
            known.head.push_str(&todo("Which is the time of the last change? Write: modified = \"…\"", &candidates));
        }
        return;
    };
    let _ = writeln!(known.head, "modified = {}", quoted(property.name));
    let example = property.schema["example"].as_str().unwrap_or_default();
    let format = match (kind(property.schema), property.schema["format"].as_str()) {
        ("integer" | "number", Some("int64" | "unix-ms")) if example.len() > 11 => Some("unix-ms"),
        ("integer" | "number", _) => Some("unix"),
        _ if example.starts_with("/Date(") || property.schema["x-is-msdate"] == true => Some("dotnet"),
        _ => None,
    };
    if let Some(format) = format {
        let _ = writeln!(known.head, "modified-format = {}", quoted(format));
    }
    known.modified = Some(property.name.to_owned());
}

fn deleted(known: &mut Known, properties: &[Property<'_>]) {
    let flag = |names: &[&str]| {
        properties
            .iter()
            .find(|p| kind(p.schema) == "boolean" && names.contains(&folded(p.name).as_str()))
            .map(|p| p.name.to_owned())
    };
    if let Some(name) = flag(&["deleted", "isdeleted"]) {
        let _ = writeln!(known.head, "deleted = {{ path = {} }}", quoted(&name));
    } else if let Some(name) = flag(&["archived", "isarchived", "trashed", "intrash"]) {
        let _ =
            writeln!(known.head, "# TODO Is one with this mark deleted? Then write: deleted = {{ path = {} }}", quoted(&name));
    }
}

fn field(document: &Document, known: &mut Known, property: &Property<'_>, front: &str, depth: usize, left: &mut usize) {
    let schema = property.schema;
    // A dot in a name would be another path.
    if property.name.is_empty() || property.name.contains('.') {
        return;
    }
    let path = format!("{front}{}", property.name);
    let below = if kind(schema) == "array" { Vec::new() } else { document.properties(schema) };
    if depth < 1 && !below.is_empty() {
        let front = format!("{path}.");
        below.iter().for_each(|property| field(document, known, property, &front, depth + 1, left));
        return;
    }
    if known.paths.len() == FIELDS_MAX {
        *left += 1;
        return;
    }
    let values: Vec<&str> =
        schema["enum"].as_array().into_iter().flatten().filter_map(Value::as_str).filter(|v| !v.is_empty()).collect();
    let word = match (kind(schema), schema["format"].as_str().unwrap_or_default()) {
        ("boolean", _) => "boolean",
        ("integer", _) => "integer",
        ("number", _) => "decimal",
        ("array", _) => "list",
        _ if !values.is_empty() && values.len() <= VALUES_MAX => "enum",
        ("string", "email") => "email",
        ("string", "uri" | "url") => "url",
        ("string", "date-time") => "timestamp",
        ("string", "date") => "date",
        ("string", "phone") => "phone",
        ("object", _) => "object",
        ("string", _) if folded(property.name).ends_with("email") || folded(property.name) == "emailaddress" => "email",
        ("string", _) => "text",
        _ if !below.is_empty() => "object",
        _ => "json",
    };
    let mut more = String::new();
    if word == "enum" {
        let _ = write!(more, ", values = [{}]", values.iter().map(|value| quoted(value)).collect::<Vec<_>>().join(", "));
    }
    if let Some(length) = schema["maxLength"].as_u64().and_then(|length| u32::try_from(length).ok()).filter(|length| *length > 0)
    {
        let _ = write!(more, ", max-length = {length}");
    }
    if schema["readOnly"] == true || Some(&path) == known.id.as_ref() || Some(&path) == known.modified.as_ref() {
        more.push_str(", read-only = true");
    } else if known.required.contains(&path) {
        more.push_str(", required = true");
    }
    let line = match more.is_empty() {
        true => format!("{} = {}\n", key(&path), quoted(word)),
        false => format!("{} = {{ type = {}{more} }}\n", key(&path), quoted(word)),
    };
    known.lines.push_str(&line);
    if word == "object" && schema.get("additionalProperties").is_some_and(|more| *more != Value::Bool(false)) {
        let _ = writeln!(
            known.lines,
            "# TODO {path} has fields that the document does not name; list those that you map: {} = \"text\"",
            quoted(&format!("{path}.NAME"))
        );
    }
    known.paths.push(path);
}
