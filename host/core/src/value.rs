//! The one value type: what a system spelled, and what a canonical field holds.
//!
//! Numbers stay text, so that nothing is lost between a vendor's `19.9900` and ours. A canonical
//! value is in the one spelling its field type prescribes, so equality is structural everywhere.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{RecordId, RemoteKey};
use crate::{NameMap, Text};

/// A JSON-like value. Absent is the absence of a `Value`; `Null` and empty text are two others.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Value {
    /// Known to be empty.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number as its source spelled it; canonical decimals and integers in canonical spelling.
    Number(Text),
    /// Text; also dates, timestamps, phones and the like in canonical spelling.
    Text(Text),
    /// An ordered list.
    List(Vec<Value>),
    /// Named values; order carries no meaning.
    Object(NameMap<Value>),
    /// An edge to another record.
    Reference(Reference),
}

/// Where an edge points.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Reference {
    /// A canonical record.
    Record(RecordId),
    /// A remote object, not yet known to be a record: resolved late, when its cross-reference exists.
    /// Connection that asserted it, stream that the id belongs to, the system's own id.
    Remote(Arc<RemoteKey>),
}

impl Value {
    /// Text from anything that borrows.
    pub fn text(text: impl Into<Text>) -> Self {
        Self::Text(text.into())
    }

    /// The text of a text, else nothing.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Null, empty text, an empty list and an empty object hold nothing a survivorship rule would keep.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Text(text) => text.is_empty(),
            Self::List(list) => list.is_empty(),
            Self::Object(map) => map.is_empty(),
            Self::Bool(_) | Self::Number(_) | Self::Reference(_) => false,
        }
    }

    /// The value at a dotted path; `None` when a level is missing. `""` is the value itself.
    pub fn at(&self, path: &str) -> Option<&Value> {
        if path.is_empty() {
            return Some(self);
        }
        let mut here = self;
        for part in path.split('.') {
            match here {
                Self::Object(map) => here = map.get(part)?,
                _ => return None,
            }
        }
        Some(here)
    }

    /// The value under a name that may hold dots itself (canonical fields are flat), else at the path.
    pub fn at_flat(&self, name: &str) -> Option<&Value> {
        match self {
            Self::Object(map) => map.get(name).or_else(|| self.at(name)),
            _ => None,
        }
    }

    /// Puts a value at a dotted path, making the objects in between. What is not an object on the way is replaced.
    pub fn put(&mut self, path: &str, value: Value) {
        let mut here = self;
        let mut parts = path.split('.').peekable();
        while let Some(part) = parts.next() {
            if !matches!(here, Self::Object(_)) {
                *here = Self::Object(NameMap::new());
            }
            let Self::Object(map) = here else { return };
            if parts.peek().is_none() {
                map.insert(part, value);
                return;
            }
            here = map.or_default(part);
        }
    }

    /// Takes what is at a dotted path away; objects on the way stay.
    pub fn remove(&mut self, path: &str) {
        let (parent, last) = path.rsplit_once('.').unwrap_or(("", path));
        let mut here = self;
        for part in parent.split('.').filter(|part| !part.is_empty()) {
            match here {
                Self::Object(map) => match map.get_mut(part) {
                    Some(next) => here = next,
                    None => return,
                },
                _ => return,
            }
        }
        if let Self::Object(map) = here {
            map.remove(last);
        }
    }

    /// The value as a person would write it in one line; used in tables and messages.
    pub fn display(&self) -> String {
        match self {
            Self::Null => "–".to_owned(),
            Self::Bool(true) => "yes".to_owned(),
            Self::Bool(false) => "no".to_owned(),
            Self::Number(text) | Self::Text(text) => text.to_string(),
            Self::List(list) => list.iter().map(Value::display).collect::<Vec<_>>().join(", "),
            Self::Object(map) => map
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}: {}", value.display()))
                .collect::<Vec<_>>()
                .join("; "),
            Self::Reference(Reference::Record(id)) => format!("#{id}"),
            Self::Reference(Reference::Remote(key)) => format!("{}:{} (not here yet)", key.stream, key.remote_id),
        }
    }

    /// As JSON for answers and bodies. A record reference is its number, a remote one its remote id.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value as Json;
        match self {
            Self::Null => Json::Null,
            Self::Bool(flag) => Json::Bool(*flag),
            Self::Number(text) => serde_json::from_str(text).unwrap_or_else(|_| Json::String(text.to_string())),
            Self::Text(text) => Json::String(text.to_string()),
            Self::List(list) => Json::Array(list.iter().map(Value::to_json).collect()),
            Self::Object(map) => Json::Object(map.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect()),
            Self::Reference(Reference::Record(id)) => Json::from(id.0),
            Self::Reference(Reference::Remote(key)) => Json::String(key.remote_id.to_string()),
        }
    }

    /// From JSON already parsed; number spelling is kept.
    pub fn from_json(json: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match json {
            Json::Null => Self::Null,
            Json::Bool(flag) => Self::Bool(*flag),
            Json::Number(number) => Self::Number(number.as_str().into()),
            Json::String(text) => Self::Text(text.into()),
            Json::Array(list) => Self::List(list.iter().map(Value::from_json).collect()),
            Json::Object(map) => Self::Object(map.iter().map(|(name, value)| (name, Self::from_json(value))).collect()),
        }
    }
}
