//! Xero's calls: the tenant in a header, error bodies in three shapes.

use nave_sdk::http::{self, Answer, Request};
use nave_sdk::serde::Deserialize;
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Failure, Outcome, Rejection};
use nave_sdk::write::{self, Stop};

const ENDPOINT: &str = "api";

/// The connection's settings.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(crate = "nave_sdk::serde", rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Id of the organisation; empty for a custom connection, which has only one.
    pub(crate) tenant: String,
    /// How long a write may stay unseen by lists.
    pub(crate) lag_seconds: u32,
}

impl Settings {
    pub(crate) fn load() -> Result<Self, Failure> {
        nave_sdk::host::settings()
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        let request = http::request(method, ENDPOINT, path);
        if self.tenant.is_empty() { request } else { request.header("xero-tenant-id", &self.tenant) }
    }
}

/// Sends a reading request; anything but success (or "not modified") is a failure.
pub(crate) fn read(request: Request) -> Result<Answer, Failure> {
    passed(request.send()?)
}

/// The answer to a reading request, where it is one.
pub(crate) fn passed(answer: Answer) -> Result<Answer, Failure> {
    if answer.is_success() || answer.status == 304 { Ok(answer) } else { Err(failure(&answer)) }
}

/// What a refusing answer to a reading call means.
pub(crate) fn failure(answer: &Answer) -> Failure {
    match answer.status {
        403 => Failure::Misconfigured(format!(
            "{}. Is the setting `tenant` an organisation that this credential may open, and does the app have the scope accounting.contacts?",
            answer.message()
        )),
        400 | 404 | 405 | 415 => Failure::Rejected(rejection(&words(answer), answer.status)),
        _ => answer.failure(),
    }
}

/// What a refusing answer to a write means.
pub(crate) fn refused(answer: &Answer) -> Stop {
    match answer.status {
        400 | 405 | 413 | 415 => Stop::settled(Outcome::Rejected(rejection(&words(answer), answer.status))),
        403 => Stop::NotSent(failure(answer)),
        404 => Stop::settled(Outcome::Gone),
        _ => write::refused(answer),
    }
}

/// The vendor's own words: validation messages where there are some.
fn words(answer: &Answer) -> String {
    let body: Value = answer.json().unwrap_or_default();
    let messages = messages(&body["Elements"][0]);
    if messages.is_empty() { answer.message() } else { messages }
}

/// All validation messages of an element, in one text.
pub(crate) fn messages(element: &Value) -> String {
    let list = element["ValidationErrors"].as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().filter_map(|error| error["Message"].as_str()).collect::<Vec<_>>().join(" ")
}

/// A refusal classed by its words; Xero has no codes for fields.
pub(crate) fn rejection(message: &str, status: u16) -> Rejection {
    let lower = message.to_lowercase();
    let has = |words: &str| lower.contains(words);
    let class = if has("already assigned") || has("already exists") || has("must be unique") {
        "duplicate"
    } else if has("must be specified") || has("is required") || has("is mandatory") {
        "required"
    } else if has("maximum length") || has("too long") {
        "length"
    } else if has("could not be found") || has("not subscribed") || has("does not exist") && status == 404 {
        "reference"
    } else if has("archived") && has("cannot") || has("read only") || has("read-only") {
        "read-only"
    } else if status == 403 || has("not permitted") {
        "forbidden"
    } else if has("must be") || has("valid") || has("does not exist") {
        "format"
    } else {
        "other"
    };
    let rejection = Rejection::new(class, message);
    let named = message.split_once("The field ").and_then(|(_, rest)| rest.split(' ').next()).filter(|name| !name.is_empty());
    let field = match named {
        Some(name) => Some(name.to_owned()),
        None if has("contact name") => Some("Name".to_owned()),
        None if has("contact number") => Some("ContactNumber".to_owned()),
        None if has("email") => Some("EmailAddress".to_owned()),
        None if has("currency") => Some("DefaultCurrency".to_owned()),
        None if has("phone") => Some("phone".to_owned()),
        None if has("address") => Some("address".to_owned()),
        None => None,
    };
    match field {
        Some(field) => rejection.field(field),
        None => rejection,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(message: &str, class: &str, field: Option<&str>) {
        let rejection = rejection(message, 400);
        assert_eq!((rejection.class.as_str(), rejection.field.as_deref()), (class, field), "{message}");
    }

    #[test]
    fn refusals_are_classed_by_their_words() {
        check(
            "The contact name Ada is already assigned to another contact. The contact name must be unique across all active contacts.",
            "duplicate",
            Some("Name"),
        );
        check("The contact name must be specified", "required", Some("Name"));
        check("The field FirstName must be a string with a maximum length of 255.", "length", Some("FirstName"));
        check("Email address must be valid.", "format", Some("EmailAddress"));
        check("Currency XXX is not subscribed to by this organisation", "reference", Some("DefaultCurrency"));
        check("Something happened", "other", None);
    }
}
