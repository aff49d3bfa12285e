//! Single things and writes: what the operations on a list's path and on one thing's path say.

use std::fmt::Write as _;

use serde_json::Value;

use super::document::{Document, kind};
use super::fields::Known;
use super::stream::List;
use super::text::{folded, quoted, step, todo};

/// Where a thing is within a schema.
pub(super) fn place(document: &Document, schema: &Value, thing: &Value) -> Option<String> {
    if is(document, schema, thing) {
        return Some(String::new());
    }
    for property in document.properties(schema) {
        let pointer = format!("/{}", step(property.name));
        if document.elements(property.schema).is_some_and(|element| is(document, element, thing)) {
            return Some(format!("{pointer}/0"));
        }
        if document.is_object(property.schema) && is(document, property.schema, thing) {
            return Some(pointer);
        }
    }
    None
}

/// Whether a schema is that thing's: the same, or most of its names.
fn is(document: &Document, schema: &Value, thing: &Value) -> bool {
    if schema == thing {
        return true;
    }
    let own = document.properties(schema);
    let names: Vec<&str> = document.properties(thing).iter().map(|property| property.name).collect();
    let shared = own.iter().filter(|property| names.contains(&property.name)).count();
    !own.is_empty() && shared * 2 > own.len()
}

/// `[streams.NAME.get]`, and what writes.
pub(super) fn tables(document: &Document, list: &List<'_>, thing: &Value, known: &Known) -> String {
    let name = &list.name;
    let Some((one, parameter)) = &list.one else {
        return todo("No path reads one of these by its id: nothing can be written.", &[]);
    };
    let path = list.filled(one, Some(parameter));
    let mut lines = String::new();
    let get = document.operation(one, "get");
    let Some(shown) = get.and_then(|get| document.answer(get)) else {
        return todo(&format!("What does GET {one} answer? The document does not say, so nothing can be written."), &[]);
    };
    let _ = write!(lines, "\n[streams.{name}.get]\npath = {}\n", quoted(&path));
    match place(document, shown, thing) {
        Some(place) if place.is_empty() => {}
        Some(place) => drop(writeln!(lines, "record = {}", quoted(&place))),
        None => {
            let candidates: Vec<String> = document.properties(shown).iter().map(|p| format!("/{}", step(p.name))).collect();
            lines.push_str(&todo("Where is the thing in the answer? Taken to be the answer.", &candidates));
        }
    }
    let parameters = get.map(|get| document.parameters(one, get)).unwrap_or_default();
    lines.push_str(&list.required(&parameters));
    lines.push_str(&finds(list, known));
    if let Some(create) = document.operation(&list.path, "post") {
        lines.push_str(&create_table(document, list, create, thing, known));
    }
    let update = ["patch", "put", "post"].iter().find_map(|method| Some((*method, document.operation(one, method)?)));
    if let Some((method, update)) = update {
        lines.push_str(&update_table(document, list, (one, &path), (method, update), thing));
    }
    if document.operation(one, "delete").is_some() {
        let _ = write!(lines, "\n[streams.{name}.delete]\npath = {}\n", quoted(&path));
    }
    lines
}

/// Fields that the list can be narrowed to, among those by which things are known.
fn finds(list: &List<'_>, known: &Known) -> String {
    let mut lines = String::new();
    for parameter in list.parameters.iter().filter(|parameter| parameter.place == "query") {
        let own = folded(parameter.name);
        if !matches!(own.as_str(), "email" | "emailaddress" | "name" | "externalid" | "code" | "sku" | "number" | "username") {
            continue;
        }
        let path = known.paths.iter().find(|path| folded(path.rsplit('.').next().unwrap_or(path)) == own && !path.contains('.'));
        if let Some(path) = path {
            let _ = write!(
                lines,
                "\n[streams.{}.find.{}]\npath = {}\nquery = {{ {} = \"{{value}}\" }}\n",
                list.name,
                super::text::key(path),
                quoted(&list.filled(&list.path, None)),
                super::text::key(parameter.name)
            );
        }
    }
    lines
}

/// A body that is JSON; else why not.
fn body<'d>(document: &'d Document, operation: &'d Value, what: &str) -> Result<&'d Value, String> {
    let node = document.deref(&operation["requestBody"]);
    document.content(node).ok_or_else(|| {
        let kinds: Vec<String> = node["content"].as_object().into_iter().flatten().map(|(kind, _)| kind.clone()).collect();
        let said = if kinds.is_empty() { "nothing".to_owned() } else { kinds.join(", ") };
        todo(&format!("{what}: it takes {said}, and a description sends JSON."), &[])
    })
}

/// The header of a body whose JSON has a name of its own.
fn sent_as(document: &Document, operation: &Value) -> String {
    match document.json_kind(&operation["requestBody"]) {
        Some(kind) => format!("headers = {{ Content-Type = {} }}\n", quoted(kind)),
        None => String::new(),
    }
}

/// What a create must name.
pub(super) fn required<'d>(document: &'d Document, list: &List<'_>, thing: &Value) -> Vec<&'d str> {
    let node = document.operation(&list.path, "post").map_or(&Value::Null, |create| document.deref(&create["requestBody"]));
    let Some(body) = document.content(node) else { return Vec::new() };
    let whole = if is(document, body, thing) { Some(body) } else { None };
    let own = document.properties(body).into_iter().map(|property| property.schema);
    let inner = own.map(|schema| document.elements(schema).unwrap_or(schema)).find(|schema| is(document, schema, thing));
    let Some(schema) = whole.or(inner) else { return Vec::new() };
    document.properties(schema).into_iter().filter(|property| property.required).map(|property| property.name).collect()
}

fn put_at(document: &Document, schema: &Value, thing: &Value) -> String {
    match place(document, schema, thing) {
        Some(place) if place.is_empty() => String::new(),
        Some(place) => format!("put-at = {}\n", quoted(&place)),
        None => {
            let candidates: Vec<String> = document.properties(schema).iter().map(|p| format!("/{}", step(p.name))).collect();
            todo("Where does the thing stand in the body? Taken to be the body: put-at = \"\"", &candidates)
        }
    }
}

fn create_table(document: &Document, list: &List<'_>, operation: &Value, thing: &Value, known: &Known) -> String {
    let schema = match body(document, operation, "create") {
        Ok(schema) => schema,
        Err(why) => return why,
    };
    let mut lines = format!("\n[streams.{}.create]\npath = {}\n", list.name, quoted(&list.filled(&list.path, None)));
    lines.push_str(&sent_as(document, operation));
    lines.push_str(&put_at(document, schema, thing));
    let answer = document.answer(operation);
    match answer.and_then(|answer| place(document, answer, thing)) {
        Some(place) => drop(writeln!(lines, "returns = {}", quoted(&place))),
        None => {
            let id = known.id.as_deref().unwrap_or("id");
            let has = answer.is_some_and(|answer| document.properties(answer).iter().any(|property| property.name == id));
            if !has {
                let candidates: Vec<String> = answer
                    .map(|answer| document.properties(answer).iter().map(|p| format!("/{}", step(p.name))).collect())
                    .unwrap_or_default();
                lines.push_str(&todo("Where does the answer hold the new id? Or new-id = \"header:Location\"", &candidates));
            }
            let _ = writeln!(lines, "new-id = {}", quoted(&format!("/{}", step(id))));
        }
    }
    let parameters = document.parameters(&list.path, operation);
    if let Some(header) = parameters.iter().find(|p| p.place == "header" && folded(p.name).contains("idempotency")) {
        let _ = writeln!(lines, "idempotency-header = {}", quoted(header.name));
    }
    lines.push_str(&list.required(&parameters));
    lines
}

fn update_table(
    document: &Document,
    list: &List<'_>,
    (one, path): (&str, &str),
    (method, operation): (&str, &Value),
    thing: &Value,
) -> String {
    let schema = match body(document, operation, "update") {
        Ok(schema) => schema,
        Err(why) => return why,
    };
    let mut lines =
        format!("\n[streams.{}.update]\nmethod = {}\npath = {}\n", list.name, quoted(&method.to_uppercase()), quoted(path));
    if method == "put" {
        lines.push_str(&todo(
            "Does PUT replace the whole thing (send = \"all\", the default), or change what is named (send = \"changed\")?",
            &[],
        ));
    }
    lines.push_str(&sent_as(document, operation));
    lines.push_str(&put_at(document, schema, thing));
    match document.answer(operation).and_then(|answer| place(document, answer, thing)) {
        Some(place) if kind(schema) != "array" => drop(writeln!(lines, "returns = {}", quoted(&place))),
        // It is read back.
        _ => {}
    }
    lines.push_str(&list.required(&document.parameters(one, operation)));
    lines
}
