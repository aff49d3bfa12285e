//! How the mail system says no: Mailchimp's problem documents.

use crate::wire::Reply;
use serde_json::{Value, json};

/// An error, before it is written.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    title: &'static str,
    pub(crate) detail: String,
    /// Field and message.
    errors: Vec<(String, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into(), errors: Vec::new() }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(404, "Resource Not Found", "The requested resource could not be found.")
    }

    pub(crate) fn method() -> Self {
        Self::new(
            405,
            "Method Not Allowed",
            "The requested method and resource are not compatible. See the Allow header for this resource's available methods.",
        )
    }

    /// 400, one field.
    pub(crate) fn field(name: &str, message: impl Into<String>) -> Self {
        let detail = "The resource submitted could not be validated. For field-specific details, see the 'errors' array.";
        Self { errors: vec![(name.to_owned(), message.into())], ..Self::new(400, "Invalid Resource", detail) }
    }

    /// In one line: the field, and what is wrong.
    pub(crate) fn line(&self) -> (String, String) {
        self.errors.first().cloned().unwrap_or_else(|| (String::new(), self.detail.clone()))
    }

    pub(crate) fn reply(self, instance: &str) -> Reply {
        let mut body = json!({
            "type": "https://mailchimp.com/developer/marketing/docs/errors/", "title": self.title, "status": self.status,
            "detail": self.detail, "instance": instance,
        });
        if !self.errors.is_empty() {
            let errors: Vec<Value> =
                self.errors.iter().map(|(field, message)| json!({"field": field, "message": message})).collect();
            body["errors"] = errors.into();
        }
        Reply::json(self.status, body)
    }
}
