//! HubSpot's calls: paths, error bodies, and objects cut out of answers as they are.

use nave_sdk::http::{self, Answer, Request};
use nave_sdk::serde::Serialize;
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::slice;
use nave_sdk::types::{Failure, Rejection, SourceRecord};
use nave_sdk::write::{self, Stop};

use crate::limits::WINDOW_MS;
use crate::schema::Object;

const ENDPOINT: &str = "api";

pub(crate) fn get(path: String) -> Request {
    http::get(ENDPOINT, path)
}

pub(crate) fn post(path: String, body: &impl Serialize) -> Request {
    http::post_json(ENDPOINT, path, body)
}

pub(crate) fn request(method: &str, path: String) -> Request {
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
        403 => {
            Failure::Misconfigured(format!("{}. Give the app the scopes that the README of this plugin lists", answer.message()))
        }
        429 => Failure::RetryAfter(answer.retry_after_ms().unwrap_or(WINDOW_MS)),
        400 | 404 | 405 | 409 => Failure::Rejected(rejection(answer)),
        _ => answer.failure(),
    }
}

/// What a refusing answer to a write means.
pub(crate) fn refused(answer: &Answer) -> Stop {
    match answer.status {
        400 | 403 | 405 | 409 | 413 | 415 => Stop::settled(nave_sdk::types::Outcome::Rejected(rejection(answer))),
        429 => Stop::NotSent(failure(answer)),
        _ => write::refused(answer),
    }
}

/// The refusal in the vendor's words, classed by its own code.
pub(crate) fn rejection(answer: &Answer) -> Rejection {
    let body: Value = answer.json().unwrap_or_default();
    let first = &body["errors"][0];
    let code = first["code"].as_str().or(body["category"].as_str()).unwrap_or_default();
    let message = first["message"].as_str().or(body["message"].as_str()).map_or_else(|| answer.message(), str::to_owned);
    let lower = message.to_lowercase();
    let class = match code {
        _ if answer.status == 403 => "forbidden",
        _ if answer.status == 409
            || code == "CONFLICT"
            || lower.contains("already exist")
            || lower.contains("already has that value") =>
        {
            "duplicate"
        }
        "READ_ONLY_VALUE" => "read-only",
        "REQUIRED_FIELD" | "REQUIRED_PROPERTIES_MISSING" | "MISSING_REQUIRED_PROPERTY" => "required",
        "OBJECT_NOT_FOUND" => "reference",
        _ if lower.contains("too long") || lower.contains("too large") || code.contains("LENGTH") => "length",
        _ if lower.contains("read only") || lower.contains("read-only") => "read-only",
        _ if code.starts_with("INVALID") || code == "VALIDATION_ERROR" || code == "PROPERTY_DOESNT_EXIST" => "format",
        _ => "other",
    };
    let rejection = Rejection::new(class, message);
    match first["context"]["propertyName"][0].as_str() {
        Some(name) => rejection.field(format!("properties.{name}")),
        None => rejection,
    }
}

/// A vendor's object as a record: its bytes as they are, with `company_id` put in front where the object has one.
/// The second part is the losers of merges that it carries. What has no id is handed on too: the hub sets it aside.
pub(crate) fn record(object: &Object, raw: &RawValue) -> (SourceRecord, Vec<SourceRecord>) {
    let company = object.company_property().map_or_else(String::new, |property| format!("properties.{property}"));
    let [id, modified, merged, company] = slice::texts(raw, ["id", "updatedAt", "properties.hs_merged_object_ids", &company]);
    let (id, merged) = (id.unwrap_or_default(), merged.unwrap_or_default());
    let text = raw.get();
    let body = match object.company_property() {
        Some(_) => {
            let company = company.filter(|id| !id.is_empty() && id != "0");
            match text.trim_start().strip_prefix('{') {
                Some(rest) => format!("{{\"company_id\":{},{rest}", json!(company)),
                None => text.to_owned(),
            }
        }
        None => text.to_owned(),
    };
    let losers = merged
        .split([';', ','])
        .map(str::trim)
        .filter(|loser| !loser.is_empty() && *loser != id)
        .map(|loser| SourceRecord::merged_into(loser, &id))
        .collect();
    (SourceRecord::upsert(id, body).modified_at(modified), losers)
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
    fn refusals_are_classed_by_their_code() {
        check(
            400,
            r#"{"message":"Property values were not valid: []","category":"VALIDATION_ERROR","errors":[{"message":"Email address x is invalid","code":"INVALID_EMAIL","context":{"propertyName":["email"]}}]}"#,
            "format",
            Some("properties.email"),
        );
        check(409, r#"{"message":"Contact already exists. Existing ID: 5","category":"CONFLICT"}"#, "duplicate", None);
        check(
            400,
            r#"{"message":"x","category":"VALIDATION_ERROR","errors":[{"message":"\"a\" is a read only property","code":"READ_ONLY_VALUE","context":{"propertyName":["a"]}}]}"#,
            "read-only",
            Some("properties.a"),
        );
        check(
            403,
            r#"{"message":"This app hasn't been granted all required scopes","category":"MISSING_SCOPES"}"#,
            "forbidden",
            None,
        );
        check(400, "nonsense", "other", None);
    }

    #[test]
    fn objects_keep_their_bytes() {
        let raw: &RawValue = nave_sdk::serde_json::from_str(
            r#"{"id":"7","properties":{"email":"a@x","associatedcompanyid":"9","hs_merged_object_ids":"3;5"},"updatedAt":"2026-01-02T03:04:05.678Z"}"#,
        )
        .expect("JSON");
        let (record, losers) = record(&Object::new("contacts"), raw);
        assert_eq!(
            String::from_utf8(record.body).expect("UTF-8"),
            r#"{"company_id":"9","id":"7","properties":{"email":"a@x","associatedcompanyid":"9","hs_merged_object_ids":"3;5"},"updatedAt":"2026-01-02T03:04:05.678Z"}"#
        );
        assert_eq!(record.modified_at.as_deref(), Some("2026-01-02T03:04:05.678Z"));
        assert_eq!(losers, [SourceRecord::merged_into("3", "7"), SourceRecord::merged_into("5", "7")]);
    }
}
