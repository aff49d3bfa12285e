//! An OpenAPI document: references followed, schemas looked into. Knows nothing of descriptions.

use serde_json::{Map, Value};

use super::yaml;

/// References that are followed one after another; more is a circle.
const HOPS_MAX: usize = 16;
/// Parts of a schema that is put together of others.
const PARTS_DEPTH_MAX: usize = 6;

/// Methods that a path may have.
pub(super) const METHODS: [&str; 5] = ["get", "post", "put", "patch", "delete"];

/// A document.
#[derive(Debug)]
pub(super) struct Document {
    root: Value,
}

/// A property of an object.
#[derive(Clone, Copy, Debug)]
pub(super) struct Property<'d> {
    pub(super) name: &'d str,
    pub(super) schema: &'d Value,
    pub(super) required: bool,
}

/// A parameter of an operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parameter<'d> {
    pub(super) name: &'d str,
    pub(super) place: &'d str,
    pub(super) required: bool,
    pub(super) schema: &'d Value,
}

impl Document {
    /// Reads JSON or YAML.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let begins = text.trim_start_matches('\u{feff}').trim_start();
        let root: Value = match begins.starts_with('{') {
            true => {
                serde_json::from_str(begins).or_else(|error| yaml::parse(text).map_err(|_| format!("it is no JSON: {error}")))?
            }
            false => yaml::parse(text)?,
        };
        match root["openapi"].as_str() {
            Some(version) if version.starts_with("3.") && root["paths"].is_object() => Ok(Self { root }),
            Some(version) if version.starts_with("3.") => Err("the document has no `paths`".to_owned()),
            Some(version) => Err(format!("it is OpenAPI {version}; versions 3.0 and 3.1 are read")),
            None if root["swagger"].is_string() => Err("it is Swagger 2; convert it to OpenAPI 3 first".to_owned()),
            None => Err("it is no OpenAPI document: `openapi` is missing".to_owned()),
        }
    }

    pub(super) fn root(&self) -> &Value {
        &self.root
    }

    /// Follows references within the document.
    pub(super) fn deref<'d>(&'d self, node: &'d Value) -> &'d Value {
        let mut at = node;
        for _ in 0..HOPS_MAX {
            let Some(reference) = at.get("$ref").and_then(Value::as_str) else { return at };
            let Some(found) = reference.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) else {
                return &Value::Null;
            };
            at = found;
        }
        &Value::Null
    }

    /// Paths and what they have.
    pub(super) fn paths(&self) -> impl Iterator<Item = (&str, &Map<String, Value>)> {
        let all = self.root["paths"].as_object().into_iter().flatten();
        all.filter_map(|(path, item)| Some((path.as_str(), self.deref(item).as_object()?)))
    }

    /// An operation.
    pub(super) fn operation(&self, path: &str, method: &str) -> Option<&Value> {
        let item = self.deref(self.root["paths"].get(path)?);
        Some(self.deref(item.get(method)?))
    }

    /// The parameters of an operation, its path's with it.
    pub(super) fn parameters<'d>(&'d self, path: &str, operation: &'d Value) -> Vec<Parameter<'d>> {
        let item = self.root["paths"].get(path).map_or(&Value::Null, |item| self.deref(item));
        let all = [&item["parameters"], &operation["parameters"]].into_iter().filter_map(Value::as_array).flatten();
        let mut found: Vec<Parameter<'d>> = Vec::new();
        for node in all.map(|node| self.deref(node)) {
            let (Some(name), Some(place)) = (node["name"].as_str(), node["in"].as_str()) else { continue };
            found.retain(|other| (other.name, other.place) != (name, place));
            let schema = self.deref(&node["schema"]);
            found.push(Parameter { name, place, required: node["required"] == true, schema });
        }
        found
    }

    /// The JSON schema of a body or an answer.
    pub(super) fn content<'d>(&'d self, node: &'d Value) -> Option<&'d Value> {
        let content = self.deref(node)["content"].as_object()?;
        let json = content.iter().find(|(kind, _)| {
            let kind = kind.split(';').next().unwrap_or_default().trim();
            kind == "application/json" || kind.ends_with("+json") || kind == "*/*"
        });
        Some(self.deref(&json?.1["schema"])).filter(|schema| schema.is_object())
    }

    /// The name under which a request's JSON is sent, where it is not the plain one: `application/merge-patch+json`.
    pub(super) fn json_kind<'d>(&'d self, node: &'d Value) -> Option<&'d str> {
        let content = self.deref(node)["content"].as_object()?;
        let mut kinds = content.keys().map(|kind| kind.split(';').next().unwrap_or_default().trim());
        let plain = kinds.clone().any(|kind| kind == "application/json" || kind == "*/*");
        if plain { None } else { kinds.find(|kind| kind.ends_with("+json")) }
    }

    /// The JSON schema of an operation's success.
    pub(super) fn answer<'d>(&'d self, operation: &'d Value) -> Option<&'d Value> {
        let responses = operation["responses"].as_object()?;
        let codes = ["200", "201", "202", "2XX", "2xx", "default"];
        codes.iter().filter_map(|code| responses.get(*code)).find_map(|response| self.content(response))
    }

    /// The properties of an object, of all its parts.
    pub(super) fn properties<'d>(&'d self, schema: &'d Value) -> Vec<Property<'d>> {
        let mut all = Vec::new();
        self.collect(schema, 0, &mut all);
        all
    }

    fn collect<'d>(&'d self, schema: &'d Value, depth: usize, all: &mut Vec<Property<'d>>) {
        let schema = self.deref(schema);
        if depth > PARTS_DEPTH_MAX {
            return;
        }
        let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            if !all.iter().any(|other| other.name == name) {
                all.push(Property { name, schema: self.deref(property), required: required.contains(&name.as_str()) });
            }
        }
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(part, depth + 1, all);
        }
        // Of alternatives the first that is an object: what all have, nobody can say.
        for key in ["oneOf", "anyOf"] {
            let alternatives = schema[key].as_array().into_iter().flatten();
            if let Some(first) = alternatives.map(|part| self.deref(part)).find(|part| self.is_object(part)) {
                self.collect(first, depth + 1, all);
            }
        }
    }

    /// Whether a schema is an object's.
    pub(super) fn is_object(&self, schema: &Value) -> bool {
        let schema = self.deref(schema);
        ["properties", "allOf"].iter().any(|key| schema.get(key).is_some()) || kind(schema) == "object" || {
            let parts = ["oneOf", "anyOf"].iter().filter_map(|key| schema[*key].as_array()).flatten();
            parts.map(|part| self.deref(part)).any(|part| part.get("properties").is_some())
        }
    }

    /// The schema of a list's elements, where they are objects.
    pub(super) fn elements<'d>(&'d self, schema: &'d Value) -> Option<&'d Value> {
        let items = self.deref(schema.get("items")?);
        (kind(schema) == "array" && self.is_object(items)).then_some(items)
    }
}

/// The type of a schema; of several the one that is not null.
pub(super) fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or_default(),
        _ => "",
    }
}
