//! Which lists a document has, and a stream's text.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::{Document, METHODS, Parameter};
use super::text::{folded, key, plain, quoted, slug, step, todo};
use super::{fields, paging, writes};

/// A list of things.
#[derive(Debug)]
pub(super) struct List<'d> {
    /// Name of the stream.
    pub(super) name: String,
    /// Its path, as the document has it.
    pub(super) path: String,
    /// Its `get`.
    pub(super) operation: &'d Value,
    /// Parameters of that.
    pub(super) parameters: Vec<Parameter<'d>>,
    /// Where its rows may be, and their schemas.
    pub(super) places: Vec<(String, &'d Value)>,
    /// Parameters of its path: which thing's these are.
    pub(super) parents: Vec<String>,
    /// Path of one thing, and what that calls the id.
    pub(super) one: Option<(String, String)>,
}

impl List<'_> {
    /// A path with its parameters filled in: `{id}`, and settings for the rest.
    pub(super) fn filled(&self, path: &str, id: Option<&str>) -> String {
        let mut filled = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            filled.push('/');
            let mut rest = part;
            while let Some((before, (name, after))) =
                rest.split_once('{').and_then(|(before, rest)| Some((before, rest.split_once('}')?)))
            {
                filled.push_str(before);
                match id == Some(name) {
                    true => filled.push_str("{id}"),
                    false => filled.push_str(&format!("{{settings.{}}}", slug(name))),
                }
                rest = after;
            }
            filled.push_str(rest);
        }
        // Some systems answer only to a slash at the end.
        if path.ends_with('/') || filled.is_empty() {
            filled.push('/');
        }
        filled
    }

    /// What a request must carry besides: settings.
    pub(super) fn required(&self, parameters: &[Parameter<'_>]) -> String {
        let query: Vec<String> = parameters
            .iter()
            .filter(|parameter| parameter.required && parameter.place == "query")
            .map(|parameter| format!("{} = \"{{settings.{}}}\"", key(parameter.name), slug(parameter.name)))
            .collect();
        if query.is_empty() { String::new() } else { format!("query = {{ {} }}\n", query.join(", ")) }
    }

    /// Names of settings that its requests need.
    pub(super) fn settings(&self, document: &Document) -> Vec<String> {
        let mut names: Vec<String> = self.parents.iter().map(|name| slug(name)).collect();
        let paths = [Some(self.path.as_str()), self.one.as_ref().map(|(one, _)| one.as_str())];
        for path in paths.into_iter().flatten() {
            for operation in METHODS.iter().filter_map(|method| document.operation(path, method)) {
                let all = document.parameters(path, operation);
                names.extend(all.iter().filter(|p| p.required && p.place == "query").map(|p| slug(p.name)));
            }
        }
        names
    }
}

/// All lists of a document, each under a name of its own.
pub(super) fn lists(document: &Document) -> Vec<List<'_>> {
    let mut found: Vec<List<'_>> = Vec::new();
    for (path, item) in document.paths() {
        let Some(operation) = item.get("get").map(|node| document.deref(node)) else { continue };
        let Some(last) = path.trim_end_matches('/').rsplit('/').next().filter(|last| !last.is_empty() && !last.contains('{'))
        else {
            continue;
        };
        if path.contains(['?', '#', '%', '\\']) {
            continue;
        }
        // A version or a number at the end of a path is no name: what stands before it is.
        let nameless =
            |step: &&str| step.trim_start_matches('v').bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'.'));
        let before =
            path.trim_end_matches('/').rsplit('/').find(|step| !step.contains('{') && !step.is_empty() && !nameless(step));
        let last = if nameless(&last) { before.unwrap_or(last) } else { last };
        let Some(schema) = document.answer(operation) else { continue };
        let mut places = Vec::new();
        rows(document, schema, "", 0, &mut places);
        if places.is_empty() {
            continue;
        }
        let prefix = path.trim_end_matches('/');
        let one = document.paths().find_map(|(other, _)| {
            let rest = other.trim_end_matches('/').strip_prefix(prefix)?.strip_prefix("/{")?.strip_suffix('}')?;
            (!rest.contains(['/', '{'])).then(|| (other.to_owned(), rest.to_owned()))
        });
        let parents = path.split('{').skip(1).filter_map(|rest| rest.split('}').next()).map(str::to_owned).collect();
        let parameters = document.parameters(path, operation);
        found.push(List { name: last.to_owned(), path: path.to_owned(), operation, parameters, places, parents, one });
    }
    named(&mut found);
    found
}

/// Places of lists of objects.
fn rows<'d>(document: &'d Document, schema: &'d Value, front: &str, depth: usize, all: &mut Vec<(String, &'d Value)>) {
    if let Some(element) = document.elements(schema) {
        all.push((front.to_owned(), element));
        return;
    }
    if depth > 1 {
        return;
    }
    for property in document.properties(schema) {
        let name = folded(property.name);
        if !matches!(name.as_str(), "errors" | "warnings" | "links" | "included" | "messages") {
            rows(document, property.schema, &format!("{front}/{}", step(property.name)), depth + 1, all);
        }
    }
}

/// Names of streams: the last step of the path; where several share it, the steps before it too.
fn named(lists: &mut [List<'_>]) {
    let clean = |text: &str| -> String {
        let fits = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c.to_ascii_lowercase() } else { '-' };
        text.chars().map(fits).take(60).collect()
    };
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    lists.iter().for_each(|list| *count.entry(clean(&list.name)).or_default() += 1);
    let mut used: Vec<String> = Vec::new();
    for list in lists {
        let mut name = clean(&list.name);
        if count.get(&name).is_some_and(|count| *count > 1) && !list.parents.is_empty() || used.contains(&name) {
            let steps: Vec<&str> = list.path.split('/').filter(|step| !step.is_empty() && !step.contains('{')).collect();
            name = clean(&steps[steps.len().saturating_sub(2)..].join("_"));
        }
        let mut nth = 2;
        let plain = name.clone();
        while used.contains(&name) {
            name = format!("{plain}_{nth}");
            nth += 1;
        }
        used.push(name.clone());
        list.name = name;
    }
}

/// `companies` → `company`.
fn singular(plural: &str) -> String {
    match plural {
        _ if plural.ends_with("ies") => format!("{}y", &plural[..plural.len() - 3]),
        _ if plural.ends_with("sses") => plural[..plural.len() - 2].to_owned(),
        _ if plural.ends_with('s') && !plural.ends_with("ss") => plural[..plural.len() - 1].to_owned(),
        _ => plural.to_owned(),
    }
}

/// The tables of a stream.
pub(super) fn written(document: &Document, list: &List<'_>) -> String {
    let name = key(&list.name);
    let last = list.path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let own = |(pointer, _): &&(String, &Value)| {
        let step = folded(pointer.rsplit('/').next().unwrap_or_default());
        step == folded(last) || matches!(step.as_str(), "data" | "results" | "items" | "records" | "values" | "value" | "")
    };
    let (records, thing) = list
        .places
        .iter()
        .find(own)
        .or(list.places.first())
        .map_or_else(|| (String::new(), &Value::Null), |(pointer, schema)| (pointer.clone(), *schema));
    let required = writes::required(document, list, thing);
    let known =
        fields::known(document, thing, &singular(last), list.one.as_ref().map(|(_, parameter)| parameter.as_str()), &required);
    let mut text = String::new();
    let about = list.operation["summary"].as_str().map(plain).filter(|about| !about.is_empty());
    text.push_str(&about.map_or_else(|| "\n".to_owned(), |about| format!("\n# {about}\n")));
    text.push_str(&format!("[streams.{name}]\n{}", known.head));
    if !known.lines.is_empty() {
        text.push_str(&format!("\n[streams.{name}.fields]\n{}", known.lines));
    }
    text.push_str(&format!("\n[streams.{name}.read]\npath = {}\n", quoted(&list.filled(&list.path, None))));
    if list.places.len() > 1 {
        let places: Vec<String> = list.places.iter().map(|(pointer, _)| pointer.clone()).collect();
        text.push_str(&todo("Which list is it?", &places));
    }
    text.push_str(&format!("records = {}\n", quoted(&records)));
    text.push_str(&list.required(&list.parameters));
    let id = known.id.as_deref().unwrap_or("id");
    text.push_str(&paging::page(document, &name, list.operation, &list.parameters, id));
    text.push_str(&paging::since(&name, &list.parameters));
    let quoted_name = List { name: name.clone(), ..copy(list) };
    text.push_str(&writes::tables(document, &quoted_name, thing, &known));
    text
}

fn copy<'d>(list: &List<'d>) -> List<'d> {
    List {
        name: list.name.clone(),
        path: list.path.clone(),
        operation: list.operation,
        parameters: list.parameters.clone(),
        places: list.places.clone(),
        parents: list.parents.clone(),
        one: list.one.clone(),
    }
}
