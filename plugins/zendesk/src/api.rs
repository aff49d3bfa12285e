//! Zendesk's calls, and what its refusals mean.

use nave_sdk::http::{self, Answer, Request};
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Failure, Outcome, Rejection};
use nave_sdk::write::{self, Stop};

use crate::limits::COLLISION_MS;

const ENDPOINT: &str = "api";

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
        403 => Failure::Misconfigured(format!("{}: the agent whose token this is may not do that", words(answer))),
        400 | 404 | 405 | 409 | 422 => Failure::Rejected(rejection(answer)),
        _ => answer.failure(),
    }
}

/// What a refusing answer to a write means.
pub(crate) fn refused(answer: &Answer) -> Stop {
    match answer.status {
        401 => Stop::NotSent(Failure::Unauthorized(words(answer))),
        // Two requests met: the vendor did neither of what this one asked for.
        409 => Stop::NotSent(Failure::RetryAfter(answer.retry_after_ms().unwrap_or(COLLISION_MS))),
        400 | 403 | 405 | 413 | 415 | 422 => Stop::settled(Outcome::Rejected(rejection(answer))),
        _ => write::refused(answer),
    }
}

/// Status and the vendor's own words, in whichever of its three forms they come.
pub(crate) fn words(answer: &Answer) -> String {
    let body: Value = answer.json().unwrap_or_default();
    let said = [&body["error"]["message"], &body["description"], &body["error"]["title"], &body["error"]];
    match said.iter().find_map(|said| said.as_str().filter(|text| !text.is_empty())) {
        Some(said) => format!("HTTP {}: {said}", answer.status),
        None => answer.message(),
    }
}

/// The refusal in the vendor's words, with the field that it names.
pub(crate) fn rejection(answer: &Answer) -> Rejection {
    let body: Value = answer.json().unwrap_or_default();
    if let Some((field, first)) = body["details"].as_object().and_then(|details| details.iter().next()) {
        let (word, sentence) = (&first[0]["error"], &first[0]["description"]);
        let said = sentence.as_str().map_or_else(|| first.to_string(), str::to_owned);
        let rejection = Rejection::new(class(word.as_str().unwrap_or_default(), &said, field), said);
        return if field == "base" { rejection } else { rejection.field(field) };
    }
    let said = words(answer);
    let class = match answer.status {
        403 => "forbidden",
        413 => "length",
        404 => "reference",
        405 => "read-only",
        _ if said.contains("cannot be changed") => "read-only",
        400 | 422 => "format",
        _ => "other",
    };
    let rejection = Rejection::new(class, said.clone());
    let named = said.split_once("invalid value for the ").and_then(|(_, rest)| rest.split_once(" attribute"));
    match named {
        Some((field, _)) => rejection.field(field),
        None => rejection,
    }
}

/// Class of one detail, by the vendor's word for it.
fn class(word: &str, said: &str, field: &str) -> &'static str {
    let lower = said.to_lowercase();
    match word {
        "DuplicateValue" => "duplicate",
        "BlankValue" => "required",
        "ValueTooLong" => "length",
        "Closed" => "read-only",
        _ if lower.contains("already being used") || lower.contains("already been taken") => "duplicate",
        _ if lower.contains("too long") => "length",
        _ if lower.contains("blank") => "required",
        _ if lower.contains("closed prevents") => "read-only",
        _ if lower.contains("does not exist") || lower.contains("not found") || field.ends_with("_id") => "reference",
        "InvalidFormat" | "InvalidValue" => "format",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, body: &str, class: &str, field: Option<&str>, message: &str) {
        let rejection = rejection(&Answer { status, headers: vec![], body: body.as_bytes().to_vec() });
        assert_eq!(
            (rejection.class.as_str(), rejection.field.as_deref(), rejection.message.as_str()),
            (class, field, message),
            "{body}"
        );
    }

    #[test]
    fn refusals_are_classed_by_the_vendors_word() {
        let detail = |field: &str, word: &str, said: &str| {
            format!(
                r#"{{"error":"RecordInvalid","description":"Record validation errors","details":{{"{field}":[{{"description":"{said}","error":"{word}"}}]}}}}"#
            )
        };
        let used = "Email: a@x is already being used by another user";
        check(422, &detail("email", "DuplicateValue", used), "duplicate", Some("email"), used);
        check(422, &detail("name", "BlankValue", "Name: cannot be blank"), "required", Some("name"), "Name: cannot be blank");
        check(
            422,
            &detail("base", "BlankValue", "Description: cannot be blank"),
            "required",
            None,
            "Description: cannot be blank",
        );
        let closed = "Status: closed prevents ticket update";
        check(422, &detail("status", "Closed", closed), "read-only", Some("status"), closed);
        let lost = "Organization: 5 does not exist";
        check(422, &detail("organization_id", "InvalidValue", lost), "reference", Some("organization_id"), lost);
        let odd = "You passed an invalid value for the phone attribute. It must be a string.";
        let body = format!(r#"{{"error":{{"title":"Invalid attribute","message":"{odd}"}}}}"#);
        check(400, &body, "format", Some("phone"), &format!("HTTP 400: {odd}"));
        let body = r#"{"error":"Forbidden","description":"You cannot delete yourself"}"#;
        check(403, body, "forbidden", None, "HTTP 403: You cannot delete yourself");
    }
}
