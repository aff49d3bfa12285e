//! Bodies as JSON values: the few look-ups that connectors need when a body must be taken apart.

use serde_json::{Map, Value};

use crate::types::Failure;

/// A delivery's body as an object.
pub fn object(bytes: &[u8]) -> Result<Map<String, Value>, Failure> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::rejected("format", format!("the delivery's body is not a JSON object: {error}")))
}

/// The text at a path with dots; numbers and booleans as they are spelled.
pub fn text(body: &Value, path: &str) -> Option<String> {
    match at(body, path)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The value at a path with dots.
pub fn at<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(body, |value, key| value.get(key))
}

/// Bytes of a value.
#[expect(clippy::missing_panics_doc, reason = "a JSON value always has a JSON text")]
pub fn bytes(value: &Value) -> Vec<u8> {
    serde_json::to_vec(value).expect("a JSON value always has a JSON text")
}
