//! How the books say no: Xero's error bodies.

use crate::wire::Reply;
use serde_json::{Value, json};

/// An error, before it is written.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// 400 with Xero's own number and type.
    Number(u16, &'static str, String),
    /// 405 or 404 in the same form.
    Status(u16, u16, &'static str, String),
    /// Refused before the request was looked at: title, status, detail.
    Title(&'static str, u16, String),
    /// 400 with the elements that did not pass.
    Elements(Vec<Value>),
}

impl Refusal {
    pub(crate) fn data(message: impl Into<String>) -> Self {
        Self::Number(14, "PostDataInvalidException", message.into())
    }

    pub(crate) fn query(message: impl Into<String>) -> Self {
        Self::Number(16, "QueryParseException", message.into())
    }

    pub(crate) fn method(method: &str) -> Self {
        Self::Status(405, 21, "ApiMethodInvalidException", format!("The method {method} is not supported on this resource"))
    }

    pub(crate) fn not_found() -> Self {
        Self::Title("NotFound", 404, "The resource you're looking for cannot be found".to_owned())
    }

    pub(crate) fn reply(self, instance: &str) -> Reply {
        match self {
            Self::Number(number, kind, message) => {
                Reply::json(400, json!({"ErrorNumber": number, "Type": kind, "Message": message}))
            }
            Self::Status(status, number, kind, message) => {
                Reply::json(status, json!({"ErrorNumber": number, "Type": kind, "Message": message}))
            }
            Self::Title(title, status, detail) => Reply::json(
                status,
                json!({"Type": null, "Title": title, "Status": status, "Detail": detail, "Instance": instance, "Extensions": {}}),
            ),
            Self::Elements(elements) => Reply::json(
                400,
                json!({"ErrorNumber": 10, "Type": "ValidationException", "Message": "A validation exception occurred", "Elements": elements}),
            ),
        }
    }
}
