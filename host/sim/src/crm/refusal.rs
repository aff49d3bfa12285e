//! How the CRM says no: HubSpot's error bodies.

use crate::wire::Reply;
use serde_json::{Map, Value, json};

/// An error, before it is written.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) category: &'static str,
    pub(crate) message: String,
    pub(crate) errors: Vec<Value>,
}

/// One value that was not accepted.
#[derive(Debug, Clone)]
pub(crate) struct BadValue {
    pub(crate) property: String,
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(status: u16, category: &'static str, message: impl Into<String>) -> Self {
        Self { status, category, message: message.into(), errors: Vec::new() }
    }

    /// 400, the request itself.
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "VALIDATION_ERROR", message)
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "OBJECT_NOT_FOUND", "resource not found")
    }

    pub(crate) fn method(method: &str) -> Self {
        Self::new(405, "METHOD_NOT_ALLOWED", format!("HTTP {method} is not allowed on this path"))
    }

    pub(crate) fn conflict(title: &str, id: u64) -> Self {
        Self::new(409, "CONFLICT", format!("{title} already exists. Existing ID: {id}"))
    }

    /// 400, a list of values.
    pub(crate) fn values(bad: &[BadValue]) -> Self {
        let list: Vec<Value> = bad
            .iter()
            .map(|b| json!({"isValid": false, "message": b.message, "error": b.code, "name": b.property, "localizedErrorMessage": b.message}))
            .collect();
        let mut refusal = Self::invalid(format!("Property values were not valid: {}", Value::Array(list)));
        refusal.errors = bad
            .iter()
            .map(|b| json!({"message": b.message, "code": b.code, "context": {"propertyName": [b.property]}}))
            .collect();
        refusal
    }

    /// 400, one property that does not exist.
    pub(crate) fn no_property(name: &str) -> Self {
        Self::values(&[BadValue {
            property: name.to_owned(),
            code: "PROPERTY_DOESNT_EXIST",
            message: format!("Property \"{name}\" does not exist"),
        }])
    }

    pub(crate) fn reply(self, correlation_id: &str) -> Reply {
        let mut body = Map::new();
        body.insert("status".into(), "error".into());
        body.insert("message".into(), self.message.into());
        body.insert("correlationId".into(), correlation_id.into());
        if !self.errors.is_empty() {
            body.insert("errors".into(), self.errors.into());
        }
        body.insert("category".into(), self.category.into());
        Reply::json(self.status, Value::Object(body))
    }
}
