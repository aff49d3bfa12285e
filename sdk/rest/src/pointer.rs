//! Places: JSON pointers into answers and bodies, and paths with dots into records.

use serde_json::{Map, Value};

use crate::limits::{INDEX_MAX, STEPS_MAX};

/// A JSON pointer (RFC 6901), taken apart. Empty: the whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointer {
    steps: Vec<String>,
}

impl Pointer {
    /// From its text: empty, or `/` before each step. The error says what a pointer looks like.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let Some(rest) = text.strip_prefix('/') else {
            let guess = text.replace('.', "/");
            return Err(format!("`{text}` is no JSON pointer: each step begins with a slash; write \"/{guess}\""));
        };
        let steps: Vec<String> = rest.split('/').map(|step| step.replace("~1", "/").replace("~0", "~")).collect();
        if steps.len() > STEPS_MAX {
            return Err(format!("a pointer has at most {STEPS_MAX} steps; this one has {}", steps.len()));
        }
        Ok(Self { steps })
    }

    /// Its steps, unescaped.
    pub fn steps(&self) -> &[String] {
        &self.steps
    }

    /// Whether it is the whole.
    pub fn is_whole(&self) -> bool {
        self.steps.is_empty()
    }

    /// Its text.
    pub fn text(&self) -> String {
        self.steps.iter().map(|step| format!("/{}", step.replace('~', "~0").replace('/', "~1"))).collect()
    }

    /// What is there.
    pub fn get<'v>(&self, value: &'v Value) -> Option<&'v Value> {
        self.steps.iter().try_fold(value, |value, step| match value {
            Value::Array(list) => list.get(step.parse::<usize>().ok()?),
            other => other.get(step),
        })
    }

    /// Puts a value there; objects and lists on the way are made. A step that is a number, or `-` (the end), makes a list.
    pub fn put(&self, body: &mut Value, value: Value) {
        let mut at = body;
        for step in &self.steps {
            let index = step.parse::<usize>().ok().filter(|index| *index <= INDEX_MAX);
            if at.is_null() {
                *at = if index.is_some() || step == "-" { Value::Array(Vec::new()) } else { Value::Object(Map::new()) };
            }
            if let Value::Array(list) = at {
                let index = index.unwrap_or(list.len()).min(INDEX_MAX);
                if list.len() <= index {
                    list.resize(index + 1, Value::Null);
                }
                at = &mut list[index];
            } else {
                if !at.is_object() {
                    *at = Value::Object(Map::new());
                }
                let Value::Object(map) = at else { return };
                at = map.entry(step.clone()).or_insert(Value::Null);
            }
        }
        *at = value;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pointers_are_read_and_spelled() {
        for text in ["", "/a", "/a/0/b", "/a~1b/c~0d", "/"] {
            assert_eq!(Pointer::parse(text).map(|pointer| pointer.text()).as_deref(), Ok(text));
        }
        let no = Pointer::parse("data.items").expect_err("no slash");
        assert!(no.contains("write \"/data/items\""), "{no}");
        assert!(Pointer::parse(&"/a".repeat(STEPS_MAX + 1)).is_err());
    }

    #[test]
    fn values_are_found_and_put() {
        for (pointer, body, expected) in [
            ("/user", json!(null), json!({"user": 7})),
            ("/Contacts/0", json!(null), json!({"Contacts": [7]})),
            ("/a/-", json!({"a": [1]}), json!({"a": [1, 7]})),
            ("", json!({"a": 1}), json!(7)),
            ("/a/b", json!({"a": 3, "c": 1}), json!({"a": {"b": 7}, "c": 1})),
        ] {
            let mut made = body;
            Pointer::parse(pointer).expect(pointer).put(&mut made, json!(7));
            assert_eq!(made, expected, "{pointer}");
        }
        let body = json!({"errors": [{"code": "X"}], "a/b": 1});
        let get = |pointer: &str| Pointer::parse(pointer).expect(pointer).get(&body).cloned();
        assert_eq!(get("/errors/0/code"), Some(json!("X")));
        assert_eq!(get("/a~1b"), Some(json!(1)));
        assert_eq!(get("/errors/1/code"), None);
        assert_eq!(get("/errors/x"), None);
    }
}
