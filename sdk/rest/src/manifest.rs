//! The manifest that comes of a description: what it says itself, and as `allow` the methods and paths that it uses.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::description::{Description, Request};
use crate::template::Piece;

/// The manifest, as strict JSON has it. What a person wrote in it is checked by who reads it.
pub fn manifest(description: &Description) -> Value {
    let mut manifest = description.manifest.clone();
    manifest.insert("kind".to_owned(), json!("connector"));
    let allowed = allowed(description);
    if let Some(Value::Object(endpoints)) = manifest.get_mut("endpoints") {
        for (name, endpoint) in endpoints {
            let own = allowed.get(name).into_iter().flatten();
            let mut lines: Vec<Value> = own.map(line).collect();
            match endpoint.get("allow") {
                Some(Value::Array(more)) => lines.extend(more.iter().cloned()),
                Some(one) => lines.push(one.clone()),
                None => {}
            }
            if let Value::Object(endpoint) = endpoint {
                endpoint.insert("allow".to_owned(), Value::Array(lines));
            }
        }
    }
    Value::Object(manifest)
}

/// Methods, whether they only read → paths.
type Lines = BTreeMap<(Vec<String>, bool), Vec<String>>;

fn line(((methods, reads), paths): (&(Vec<String>, bool), &Vec<String>)) -> Value {
    let mut line = json!({ "methods": methods, "paths": paths });
    if *reads {
        line["reads"] = json!(true);
    }
    line
}

/// What is used of each endpoint: paths with the same methods share a line.
fn allowed(description: &Description) -> BTreeMap<String, Lines> {
    let mut used: BTreeMap<(String, String, bool), Vec<String>> = BTreeMap::new();
    let mut add = |request: &Request, reads: bool| {
        // GET only reads anyway; what writes is never said to.
        let reads = reads && !matches!(request.method.as_str(), "GET" | "HEAD" | "PUT" | "PATCH" | "DELETE");
        let methods = used.entry((request.endpoint.clone(), prefix(request), reads)).or_default();
        if !methods.contains(&request.method) {
            methods.push(request.method.clone());
            methods.sort();
        }
    };
    description.check.iter().for_each(|check| add(&check.request, true));
    for stream in &description.streams {
        stream.read.iter().for_each(|read| add(&read.request, true));
        stream.get.iter().for_each(|get| add(&get.request, true));
        stream.find.iter().for_each(|find| add(&find.request, true));
        [&stream.create, &stream.update, &stream.delete].into_iter().flatten().for_each(|write| add(&write.request, false));
    }
    let mut lines: BTreeMap<String, Lines> = BTreeMap::new();
    for ((endpoint, path, reads), methods) in used {
        lines.entry(endpoint).or_default().entry((methods, reads)).or_default().push(path);
    }
    lines
}

/// The steps of a path before the first that is filled in.
fn prefix(request: &Request) -> String {
    let beginning = match request.path.pieces.as_slice() {
        [] => "/",
        [Piece::Text(whole)] => whole,
        _ => {
            let text = request.path.beginning();
            &text[..text.rfind('/').unwrap_or(0)]
        }
    };
    let path = beginning.trim_end_matches('/');
    if path.is_empty() { "/".to_owned() } else { path.to_owned() }
}
