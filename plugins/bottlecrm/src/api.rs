//! BottleCRM's calls: every path ends with a slash, a wrong token is a 403, errors are lists by field.

use nave_sdk::http::{self, Answer, Request};
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Failure, Outcome, Rejection};
use nave_sdk::write::{self, Stop};

const ENDPOINT: &str = "api";

/// A request to a list (no id) or a thing.
pub(crate) fn request(method: &str, stream: &str, id: Option<&str>) -> Result<Request, Failure> {
    let path = match id {
        Some(id) => format!("/{stream}/{}/", http::id(id)?),
        // Without the final slash a POST would be redirected, and become a list.
        None => format!("/{stream}/"),
    };
    Ok(http::request(method, ENDPOINT, path))
}

/// What a refusing answer to a reading call means.
pub(crate) fn failure(answer: &Answer) -> Failure {
    match answer.status {
        403 if wrong_token(answer) => Failure::Unauthorized(answer.message()),
        403 => Failure::Misconfigured(format!("{}: this token may not do that", answer.message())),
        400 | 404 | 405 => Failure::Rejected(rejection(answer)),
        _ => answer.failure(),
    }
}

/// What a refusing answer to a write means.
pub(crate) fn refused(answer: &Answer) -> Stop {
    match answer.status {
        403 if wrong_token(answer) => Stop::NotSent(Failure::Unauthorized(answer.message())),
        400 | 403 | 405 => Stop::settled(Outcome::Rejected(rejection(answer))),
        _ => write::refused(answer),
    }
}

fn wrong_token(answer: &Answer) -> bool {
    String::from_utf8_lossy(&answer.body).contains("Organization context is required")
}

/// The refusal in the system's words.
pub(crate) fn rejection(answer: &Answer) -> Rejection {
    let body: Value = answer.json().unwrap_or_default();
    let first = body["errors"].as_object().and_then(|errors| errors.iter().next());
    let Some((field, words)) = first else {
        return answer.rejection();
    };
    let message = match words {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let has = |text: &str| message.contains(text);
    let class = if has("is required") || has("may not be null") || has("may not be blank") {
        "required"
    } else if has("already exists") {
        "duplicate"
    } else if has("no more than") {
        "length"
    } else if has("No such") || has("does not exist") || has("is not a valid UUID") {
        "reference"
    } else if has("valid") || has("Choose one") || has("not allowed") {
        "format"
    } else {
        "other"
    };
    Rejection::new(class, message).field(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(body: &str, class: &str, field: &str) {
        let rejection = rejection(&Answer { status: 400, headers: vec![], body: body.as_bytes().to_vec() });
        assert_eq!((rejection.class.as_str(), rejection.field.as_deref()), (class, Some(field)), "{body}");
    }

    #[test]
    fn refusals_are_classed_by_their_words() {
        check(r#"{"error":true,"errors":{"email":["Contact already exists with this email"]}}"#, "duplicate", "email");
        check(r#"{"error":true,"errors":{"last_name":["This field may not be null."]}}"#, "required", "last_name");
        check(r#"{"error":true,"errors":{"account":["No such account."]}}"#, "reference", "account");
        check(r#"{"error":true,"errors":{"country":["\"XX\" is not a valid choice."]}}"#, "format", "country");
        check(
            r#"{"error":true,"errors":{"first_name":["Ensure this field has no more than 255 characters."]}}"#,
            "length",
            "first_name",
        );
    }

    #[test]
    fn a_wrong_token_is_a_403_here() {
        let answer = |body: &str| Answer { status: 403, headers: vec![], body: body.as_bytes().to_vec() };
        assert!(matches!(
            failure(&answer(r#"{"detail":"Organization context is required. Please login again."}"#)),
            Failure::Unauthorized(_)
        ));
        assert!(matches!(failure(&answer(r#"{"detail":"API tokens cannot do this."}"#)), Failure::Misconfigured(_)));
    }
}
