//! Lookup tables: remote spelling → canonical value, and back.

use std::collections::BTreeMap;

use crate::value::Value;

/// A table of a project's `lookups/` folder, or written inline by `enum_map`.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// File stem, or `enum_map`.
    pub name: String,
    forward: BTreeMap<String, Value>,
    back: BTreeMap<Value, String>,
    /// A value that two keys share, if any: such a table has no inverse.
    pub shared: Option<Value>,
}

impl Table {
    /// From its lines.
    pub fn new(name: impl Into<String>, lines: impl IntoIterator<Item = (String, Value)>) -> Self {
        let forward: BTreeMap<String, Value> = lines.into_iter().collect();
        let mut back = BTreeMap::new();
        let mut shared = None;
        for (key, value) in &forward {
            if back.insert(value.clone(), key.clone()).is_some() && shared.is_none() {
                shared = Some(value.clone());
            }
        }
        Self { name: name.into(), forward, back, shared }
    }

    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.forward.get(key)
    }

    pub(super) fn key(&self, value: &Value) -> Option<&str> {
        self.back.get(value).map(String::as_str)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &str> {
        self.forward.keys().map(String::as_str)
    }

    /// Keys and values, in the order of keys.
    pub fn lines(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.forward.iter().map(|(key, value)| (key.as_str(), value))
    }
}
