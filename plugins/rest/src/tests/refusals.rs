//! What answers mean: the description's rules and what statuses usually say, for reading and for writing.

use nave_sdk::prelude::*;
use serde_json::{Value, json};

use super::{reply, under};
use crate::Rest;

const TABLES: &str = r#"
[errors]
code = ["/errors/0/code", "/details/*/0/error", "/code"]
message = ["/errors/0/detail", "/details/*/*/description", "/message", "/words"]
field = ["/errors/0/field", "/fields", "/details"]
field-prefix = "props."
refused = { at = "/ok", is = ["false"] }
wait = { header = "X-Reset", unit = "epoch-seconds" }

[[errors.rules]]
status = 422
code = "taken"
means = "duplicate"

[[errors.rules]]
contains = "Is Required"
means = "required"

[[errors.rules]]
code = ["throttled", "busy"]
means = "retry-after"
wait-s = 7

[[errors.rules]]
status = 418
on = "write"
means = "conflict"

[[errors.rules]]
code = "token_expired"
means = "unauthorized"

[[errors.rules]]
code = "sync_token_invalid"
means = "checkpoint-expired"

[[errors.rules]]
code = "archived"
means = "gone"

[[errors.rules]]
status = "52x"
means = "unavailable"

[[errors.rules]]
code = "no_scope"
means = "misconfigured"

[[streams.things.errors.rules]]
code = "own"
means = "read-only"

[streams.things.read]
path = "/things"
records = "/data"

[streams.things.get]
path = "/things/{id}"

[streams.things.create]
path = "/things"
returns = ""
"#;

fn rejection(class: &str, field: Option<&str>, message: &str) -> Rejection {
    let rejection = Rejection::new(class, message);
    match field {
        Some(field) => rejection.field(field),
        None => rejection,
    }
}

fn tables() -> String {
    // A range of hundreds is all that there is.
    TABLES.replace("\"52x\"", "[520, 521]")
}

/// What an answer means to who reads, and to who writes.
#[track_caller]
fn check(
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    body: Value,
    read: Failure,
    wrote: Result<Outcome, Failure>,
) {
    let answer = body.clone();
    let (got, _) = under(&tables(), move |_| reply(status, headers, &answer), || Rest::read("things", None, 9));
    assert_eq!(got.expect_err("refused"), read, "reading: {status} {body}");
    let answer = body.clone();
    let create = Delivery {
        id: "d".into(),
        operation: WriteOperation::Create,
        if_version: None,
        changed: b"{}".to_vec(),
        desired: b"{}".to_vec(),
    };
    let (got, _) = under(&tables(), move |_| reply(status, headers, &answer), || Rest::write("things", vec![create]));
    assert_eq!(got.map(|mut all| all.remove(0)), wrote, "writing: {status} {body}");
}

#[test]
fn answers_mean_what_the_description_says() {
    let both = |rejection: Rejection| (Failure::Rejected(rejection.clone()), Ok(Outcome::Rejected(rejection)));
    let (read, wrote) = both(rejection("duplicate", Some("props.mail"), "in use"));
    check(422, &[], json!({"errors": [{"code": "taken", "detail": "in use", "field": "mail"}]}), read, wrote);
    // The same code with another status is not that rule's.
    let (read, wrote) = both(rejection("format", None, "in use"));
    check(400, &[], json!({"errors": [{"code": "taken", "detail": "in use"}]}), read, wrote);
    let (read, wrote) = both(rejection("required", Some("props.name"), "This is required."));
    check(400, &[], json!({"message": "This is required.", "fields": {"name": ["x"]}}), read, wrote);
    let (read, wrote) = both(rejection("read-only", None, "HTTP 400: {\"code\":\"own\"}"));
    check(400, &[], json!({"code": "own"}), read, wrote);
    // By field, each with a list of verdicts: what comes first.
    let (read, wrote) = both(rejection("duplicate", Some("props.name"), "is taken"));
    check(422, &[], json!({"details": {"name": [{"error": "taken", "description": "is taken"}]}}), read, wrote);
    // A success that is none.
    let (read, wrote) = both(rejection("other", None, "nope"));
    check(200, &[], json!({"ok": false, "words": "nope", "data": []}), read, wrote);
    let later = |ms| (Failure::RetryAfter(ms), Err(Failure::RetryAfter(ms)));
    let (read, wrote) = later(7_000);
    check(403, &[], json!({"code": "throttled"}), read, wrote);
    // The clock stands at 02:00:00.
    let (read, wrote) = later(90_000);
    check(429, &[("X-Reset", "1795485690")], json!({}), read, wrote);
    let (read, wrote) = later(3_000);
    check(429, &[("Retry-After", "3")], json!({}), read, wrote);
    let (read, wrote) = later(1);
    check(429, &[("X-Reset", "12")], json!({}), read, wrote);
    let words = |code: &str| format!("HTTP 400: {{\"code\":\"{code}\"}}");
    let unauthorized = Failure::Unauthorized(words("token_expired"));
    check(400, &[], json!({"code": "token_expired"}), unauthorized.clone(), Err(unauthorized));
    let misconfigured = Failure::Misconfigured(words("no_scope"));
    check(400, &[], json!({"code": "no_scope"}), misconfigured.clone(), Err(misconfigured));
    check(
        400,
        &[],
        json!({"code": "sync_token_invalid"}),
        Failure::CheckpointExpired,
        Ok(Outcome::Unknown(words("sync_token_invalid"))),
    );
    check(
        400,
        &[],
        json!({"code": "archived"}),
        Failure::Rejected(rejection("reference", None, &words("archived"))),
        Ok(Outcome::Gone),
    );
    // Who was not available may have done it.
    check(520, &[], json!({"message": "down"}), Failure::Unavailable("down".into()), Ok(Outcome::Unknown("down".into())));
}

#[test]
fn without_a_rule_statuses_mean_what_they_usually_do() {
    let both = |class: &str, status: u16| {
        let rejection = rejection(class, None, &format!("HTTP {status}"));
        (Failure::Rejected(rejection.clone()), Ok(Outcome::Rejected(rejection)))
    };
    for (status, class) in
        [(400, "format"), (403, "forbidden"), (409, "duplicate"), (413, "length"), (422, "format"), (405, "read-only")]
    {
        let (read, wrote) = both(class, status);
        check(status, &[], Value::Null, read, wrote);
    }
    let unauthorized = Failure::Unauthorized("HTTP 401".into());
    check(401, &[], Value::Null, unauthorized.clone(), Err(unauthorized));
    check(500, &[], Value::Null, Failure::Unavailable("HTTP 500".into()), Ok(Outcome::Unknown("HTTP 500".into())));
    check(404, &[], Value::Null, Failure::Rejected(rejection("reference", None, "HTTP 404")), Ok(Outcome::Gone));
    check(503, &[("Retry-After", "2")], Value::Null, Failure::RetryAfter(2_000), Err(Failure::RetryAfter(2_000)));
}
