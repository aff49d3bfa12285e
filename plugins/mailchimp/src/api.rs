//! Mailchimp's calls, and what its problem documents mean.

use nave_sdk::http::{self, Answer, Request};
use nave_sdk::serde::Deserialize;
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Failure, Outcome, Rejection};
use nave_sdk::write::{self, Stop};

const ENDPOINT: &str = "api";

/// The connection's settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(crate = "nave_sdk::serde", rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// Id of the audience.
    pub(crate) audience: String,
    /// What new members are.
    #[serde(default = "unsubscribed")]
    pub(crate) status_of_new: String,
    /// How long a write may stay unseen by the list of members.
    #[serde(default)]
    pub(crate) lag_seconds: u32,
}

fn unsubscribed() -> String {
    "unsubscribed".to_owned()
}

impl Settings {
    pub(crate) fn load() -> Result<Self, Failure> {
        nave_sdk::host::settings()
    }

    /// Path of the audience's members, or of the one that is called so: by its contact id or by its mailbox.
    pub(crate) fn members(&self, name: Option<&str>) -> String {
        let list = format!("/lists/{}/members", http::segment(&self.audience));
        match name {
            Some(name) => format!("{list}/{}", http::segment(name)),
            None => list,
        }
    }
}

pub(crate) fn get(path: impl Into<String>) -> Request {
    request("GET", path)
}

pub(crate) fn request(method: &str, path: impl Into<String>) -> Request {
    http::request(method, ENDPOINT, path)
}

/// Sends a reading request; anything but success is a failure.
pub(crate) fn read(request: Request) -> Result<Answer, Failure> {
    let answer = request.send()?;
    if answer.is_success() { Ok(answer) } else { Err(failure(&answer)) }
}

/// What a refusing answer to a reading call means.
pub(crate) fn failure(answer: &Answer) -> Failure {
    match answer.status {
        401 => Failure::Unauthorized(words(answer)),
        403 => Failure::Misconfigured(format!("{}: this key may not do that", words(answer))),
        404 => Failure::Misconfigured(format!("{}: correct the setting `audience` of the connection", words(answer))),
        400 | 405 | 422 => Failure::Rejected(rejection(answer)),
        _ => answer.failure(),
    }
}

/// What a refusing answer to a write means.
pub(crate) fn refused(answer: &Answer) -> Stop {
    match answer.status {
        401 => Stop::NotSent(Failure::Unauthorized(words(answer))),
        400 | 403 | 405 | 413 | 422 => Stop::settled(Outcome::Rejected(rejection(answer))),
        _ => write::refused(answer),
    }
}

/// Status and the vendor's own words.
fn words(answer: &Answer) -> String {
    let body: Value = answer.json().unwrap_or_default();
    match body["detail"].as_str().or(body["title"].as_str()) {
        Some(said) => format!("HTTP {}: {said}", answer.status),
        None => answer.message(),
    }
}

/// The refusal in the vendor's words, with the first field that it names.
pub(crate) fn rejection(answer: &Answer) -> Rejection {
    let body: Value = answer.json().unwrap_or_default();
    let first = &body["errors"][0];
    let said = first["message"].as_str().map_or_else(|| words(answer), str::to_owned);
    let title = body["title"].as_str().unwrap_or_default();
    let lower = said.to_lowercase();
    let class = match title {
        "Member Exists" => "duplicate",
        // A mailbox that was deleted for good, or that Mailchimp will not write to.
        "Forgotten Email Not Subscribed" | "Member In Compliance State" => "forbidden",
        _ if answer.status == 403 => "forbidden",
        _ if lower.contains("not be blank") || lower.contains("required") => "required",
        _ if lower.contains("no longer than") || lower.contains("too long") => "length",
        _ if answer.status == 405 || lower.contains("cannot be changed") => "read-only",
        "Invalid Resource" => "format",
        _ if answer.status == 400 || answer.status == 422 => "format",
        _ => "other",
    };
    let rejection = Rejection::new(class, said);
    match first["field"].as_str().filter(|field| !field.is_empty()) {
        // Merge fields are named by their tag.
        Some(tag) if tag.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_') => {
            rejection.field(format!("merge_fields.{tag}"))
        }
        Some(field) => rejection.field(field),
        None if matches!(title, "Member Exists" | "Forgotten Email Not Subscribed") => rejection.field("email_address"),
        None => rejection,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, class: &str, field: Option<&str>) {
        let rejection = rejection(&Answer { status, headers: vec![], body: body.as_bytes().to_vec() });
        assert_eq!((rejection.class.as_str(), rejection.field.as_deref()), (class, field), "{body}");
    }

    #[test]
    fn refusals_are_classed_by_their_title_and_words() {
        check(400, r#"{"title":"Member Exists","detail":"a@x is already a list member."}"#, "duplicate", Some("email_address"));
        check(400, r#"{"title":"Forgotten Email Not Subscribed","detail":"x"}"#, "forbidden", Some("email_address"));
        let invalid = |field: &str, said: &str| {
            format!(r#"{{"title":"Invalid Resource","detail":"d","errors":[{{"field":"{field}","message":"{said}"}}]}}"#)
        };
        check(400, &invalid("FNAME", "Please enter a value no longer than 255 characters"), "length", Some("merge_fields.FNAME"));
        check(400, &invalid("email_address", "Please provide a valid email address."), "format", Some("email_address"));
        check(400, &invalid("status", "This value should not be blank."), "required", Some("status"));
        check(400, &invalid("vip", "This field cannot be changed"), "read-only", Some("vip"));
        check(403, r#"{"title":"Forbidden","detail":"You are not permitted."}"#, "forbidden", None);
    }
}
