//! Request Tracker's calls, and what its words mean.

use nave_sdk::http::{self, Answer, Request};
use nave_sdk::types::{Failure, Outcome, Rejection};
use nave_sdk::write::{self, Stop};

use crate::kind::Kind;

const ENDPOINT: &str = "api";

pub(crate) fn get(path: impl Into<String>) -> Request {
    request("GET", path)
}

pub(crate) fn request(method: &str, path: impl Into<String>) -> Request {
    http::request(method, ENDPOINT, path)
}

/// One object's path.
pub(crate) fn path(kind: Kind, id: &str) -> Result<String, Failure> {
    Ok(format!("/{}/{}", kind.singular(), http::id(id)?))
}

/// A request with the fields that a body has.
pub(crate) fn with_fields(request: Request, kind: Kind) -> Request {
    let mut request = request.query("fields", kind.fields().join(","));
    for (name, fields) in kind.deeper() {
        request = request.query(&format!("fields[{name}]"), *fields);
    }
    request
}

/// Sends a reading request; anything but success is a failure.
pub(crate) fn read(request: Request) -> Result<Answer, Failure> {
    let answer = request.send()?;
    if answer.is_success() { Ok(answer) } else { Err(failure(&answer)) }
}

/// What a refusing answer to a reading call means.
pub(crate) fn failure(answer: &Answer) -> Failure {
    match answer.status {
        403 => Failure::Misconfigured(format!("{}: the user of this token lacks a right for it", answer.message())),
        _ => answer.failure(),
    }
}

/// What a refusing answer to a write means. An unknown queue is a 403 here, like a missing right.
pub(crate) fn refused(answer: &Answer) -> Stop {
    match answer.status {
        400 | 403 | 409 | 422 => {
            let said = answer.text("message");
            let said = if said.is_empty() { answer.message() } else { said };
            let rejection = rejection(&said);
            let other = if answer.status == 403 { "forbidden" } else { "format" };
            let class = if rejection.class == "other" { other.to_owned() } else { rejection.class.clone() };
            Stop::settled(Outcome::Rejected(Rejection { class, ..rejection }))
        }
        _ => write::refused(answer),
    }
}

/// A refusal in the system's words, classed by them.
pub(crate) fn rejection(said: &str) -> Rejection {
    let lower = said.to_lowercase();
    let has = |words: &str| lower.contains(words);
    let (class, field) = if has("email address in use") {
        ("duplicate", Some("EmailAddress"))
    } else if has("name in use") {
        ("duplicate", Some("Name"))
    } else if has("invalid syntax for email address") {
        ("format", Some("EmailAddress"))
    } else if has("isn't a valid status") {
        ("format", Some("Status"))
    } else if has("in the queue '") || has("queue not set") || lower.contains("queue ") && has("does not exist") {
        ("reference", Some("Queue"))
    } else if has("that user does not exist") || has("couldn't load user") {
        ("reference", None)
    } else if has("permission denied") || has("no permission") {
        ("forbidden", None)
    } else if has("invalid value") || has("isn't a valid") || has("illegal value") {
        ("format", None)
    } else {
        ("other", None)
    };
    Rejection { class: class.to_owned(), field: field.map(str::to_owned), message: said.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, said: &str, class: &str, field: Option<&str>) {
        let body = nave_sdk::serde_json::json!({ "message": said }).to_string().into_bytes();
        let Stop::Settled(outcome) = refused(&Answer { status, headers: vec![], body }) else { panic!("{said}") };
        let Outcome::Rejected(rejection) = *outcome else { panic!("{said}") };
        assert_eq!(
            (rejection.class.as_str(), rejection.field.as_deref(), rejection.message.as_str()),
            (class, field, said),
            "{said}"
        );
    }

    #[test]
    fn refusals_are_classed_by_their_words() {
        check(400, "Email address in use", "duplicate", Some("EmailAddress"));
        check(400, "Name in use", "duplicate", Some("Name"));
        check(400, "Invalid syntax for email address", "format", Some("EmailAddress"));
        check(400, "Status 'zzz' isn't a valid status for tickets in this queue.", "format", Some("Status"));
        check(403, "No permission to create tickets in the queue 'Nope'", "reference", Some("Queue"));
        check(400, "Could not create ticket. Queue not set", "reference", Some("Queue"));
        check(403, "Forbidden", "forbidden", None);
        check(400, "Could not create user", "format", None);
    }
}
