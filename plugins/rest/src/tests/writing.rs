//! Writes: what is sent, and what an answer says about each thing.

use nave_sdk::http::{Error, RawRequest};
use nave_sdk::prelude::*;
use nave_sdk::write;
use serde_json::{Value, json};

use super::{body, reply, under};
use crate::Rest;

pub(super) fn delivery(operation: WriteOperation, changed: Value, desired: Value) -> Delivery {
    Delivery {
        id: "delivery-1".into(),
        operation,
        if_version: Some("v1".into()),
        changed: changed.to_string().into_bytes(),
        desired: desired.to_string().into_bytes(),
    }
}

fn create(thing: Value) -> Delivery {
    delivery(WriteOperation::Create, thing.clone(), thing)
}

fn update(changed: Value, desired: Value) -> Delivery {
    delivery(WriteOperation::Update("7".into()), changed, desired)
}

const READ: &str = "[streams.things.get]\npath = \"/things/{id}\"\nrecord = \"/thing\"\n\n[streams.things.fields]\n\"made.by\" = { type = \"text\", read-only = true }\norg = { type = \"reference\", target = \"things\", number = true }\n\n";

/// What one delivery sends: method, path, headers that count, body.
#[track_caller]
fn sends(tables: &str, delivery: Delivery, expected: &str) {
    let answer = |request: &RawRequest| match request.method.as_str() {
        "GET" => reply(200, &[], &json!({ "thing": { "id": 7, "read": "back" } })),
        _ => reply(
            200,
            &[("Location", "https://shop.example/v1/things/7?x=1")],
            &json!({ "thing": { "id": 7, "name": "there" }, "new": 7 }),
        ),
    };
    let (outcomes, asked) = under(&format!("{READ}{tables}"), answer, || Rest::write("things", vec![delivery]));
    let outcome = outcomes.expect("outcomes").remove(0);
    assert!(matches!(&outcome, Outcome::Written(written) if written.remote_id == "7"), "{outcome:?}");
    let first = &asked[0];
    let kinds = first.headers.iter().filter(|(name, _)| name == "Content-Type").count();
    assert_eq!(kinds, usize::from(first.body.is_some()), "{:?}", first.headers);
    // JSON by its plain name is not worth a word.
    let counts = |(name, value): &(&String, &String)| match name.as_str() {
        "Content-Type" => *value != "application/json",
        name => matches!(name, "Idempotency-Key" | "If-Match"),
    };
    let headers = first.headers.iter().map(|(name, value)| (name, value)).filter(counts);
    let headers: String = headers.map(|(name, value)| format!("{name}={value} ")).collect();
    let shown = format!("{} {} {headers}{}", first.method, first.path, body(first));
    assert_eq!(shown, expected, "{tables}");
}

#[test]
fn a_thing_is_sent_as_the_system_wants_it() {
    let thing = || json!({ "name": "Ada", "note": null, "org": "12", "made": { "by": "x", "at": "y" } });
    for (tables, delivery, expected) in [
        (
            "[streams.things.create]\npath = \"/things\"\nreturns = \"/thing\"\nput-at = \"/thing\"\nidempotency-header = \"Idempotency-Key\"\nadd = { quiet = true }\n",
            create(thing()),
            r#"POST /things Idempotency-Key=delivery-1 {"thing":{"made":{"at":"y"},"name":"Ada","org":12,"quiet":true}}"#,
        ),
        (
            "[streams.things.create]\nmethod = \"PUT\"\npath = \"/things/by-name/{record.name}\"\nnew-id = \"/new\"\nsend-nulls = true\nput-at = \"/Things/0\"\n",
            create(json!({ "name": "a b", "note": null })),
            r#"PUT /things/by-name/a%20b {"Things":[{"name":"a b","note":null}]}"#,
        ),
        (
            "[streams.things.create]\npath = \"/things\"\nnew-id = \"header:Location\"\nbody = { kind = \"{settings.tenant}\" }\n",
            create(json!({ "name": "Ada" })),
            r#"POST /things {"kind":"t1","name":"Ada"}"#,
        ),
        (
            "[streams.things.update]\npath = \"/things/{id}\"\n",
            update(json!({ "name": "Ada", "note": null }), json!({ "name": "Ada", "note": null, "org": "12" })),
            r#"PATCH /things/7 {"name":"Ada","note":null}"#,
        ),
        (
            "[streams.things.update]\npath = \"/things/{id}\"\nheaders = { Content-Type = \"application/merge-patch+json\" }\n",
            update(json!({ "name": "Ada" }), json!({ "name": "Ada" })),
            r#"PATCH /things/7 Content-Type=application/merge-patch+json {"name":"Ada"}"#,
        ),
        (
            "[streams.things.update]\nmethod = \"PUT\"\npath = \"/things/{id}\"\nreturns = \"/thing\"\nput-at = \"/thing\"\nsend-nulls = false\n",
            update(json!({ "name": "Ada" }), thing()),
            r#"PUT /things/7 {"thing":{"made":{"at":"y"},"name":"Ada","org":12}}"#,
        ),
        (
            "[streams.things.update]\nmethod = \"POST\"\npath = \"/things\"\nreturns = \"/thing\"\nput-at = \"/Things/0\"\nid-at = \"key.id\"\n",
            update(json!({ "name": "Ada" }), thing()),
            r#"POST /things {"Things":[{"key":{"id":"7"},"name":"Ada"}]}"#,
        ),
        (
            "[streams.things]\nversion = \"etag\"\n\n[streams.things.update]\npath = \"/things/{id}\"\nif-match = \"header:If-Match\"\n",
            update(json!({ "name": "Ada" }), thing()),
            r#"PATCH /things/7 If-Match=v1 {"name":"Ada"}"#,
        ),
        (
            "[streams.things]\nversion = \"etag\"\n\n[streams.things.update]\npath = \"/things/{id}\"\nput-at = \"/thing\"\nif-match = \"/thing/stamp\"\n",
            update(json!({ "name": "Ada" }), thing()),
            r#"PATCH /things/7 {"thing":{"name":"Ada","stamp":"v1"}}"#,
        ),
        (
            "[streams.things.delete]\npath = \"/things/{id}\"\n",
            delivery(WriteOperation::Delete("7".into()), json!({}), json!({})),
            "DELETE /things/7 null",
        ),
        (
            "[streams.things.delete]\nmethod = \"POST\"\npath = \"/things\"\nbody = { Things = [{ id = \"{id}\", state = \"ARCHIVED\", n = 1 }] }\n",
            delivery(WriteOperation::Delete("7".into()), json!({}), json!({})),
            r#"POST /things {"Things":[{"id":"7","n":1,"state":"ARCHIVED"}]}"#,
        ),
    ] {
        sends(tables, delivery, expected);
    }
}

const WRITES: &str = "[streams.things]\nversion = \"v\"\n\n[streams.things.create]\npath = \"/things\"\nreturns = \"/thing\"\n\n[streams.things.update]\npath = \"/things/{id}\"\nreturns = \"/thing\"\nif-match = \"header:If-Match\"\n\n[streams.things.delete]\npath = \"/things/{id}\"\n";

/// What comes of one delivery, where the write is answered so, and what is read so.
#[track_caller]
fn comes(delivery: Delivery, wrote: Result<(u16, Value), Error>, get: (u16, Value), expected: &Outcome) {
    let answer = move |request: &RawRequest| match request.method.as_str() {
        "GET" => reply(get.0, &[], &get.1),
        _ => wrote.clone().and_then(|(status, body)| reply(status, &[], &body)),
    };
    let (outcomes, _) = under(&format!("{READ}{WRITES}"), answer, || Rest::write("things", vec![delivery]));
    assert_eq!(&outcomes.expect("outcomes")[0], expected);
}

#[test]
fn what_became_of_a_write_is_never_guessed() {
    let thing = || json!({ "thing": { "id": 7, "v": "v2", "name": "there" } });
    let none = (404, Value::Null);
    let written = Outcome::Written(nave_sdk::types::Written {
        remote_id: "7".into(),
        version: Some("v2".into()),
        modified_at: None,
        body: br#"{"id":7,"name":"there","v":"v2"}"#.to_vec(),
    });
    let change = || update(json!({ "name": "Ada" }), json!({ "name": "Ada" }));
    let one = || create(json!({ "name": "Ada" }));
    comes(one(), Ok((201, thing())), none.clone(), &written);
    comes(change(), Ok((200, thing())), none.clone(), &written);
    // Nothing differs: nothing is sent, what is there is read.
    comes(update(json!({}), json!({})), Err(Error::Unreachable("never sent".into())), (200, thing()), &written);
    // Sent, and no answer.
    comes(one(), Err(Error::NoAnswer("cut".into())), none.clone(), &Outcome::Unknown("cut".into()));
    comes(one(), Ok((502, Value::Null)), none.clone(), &Outcome::Unknown("HTTP 502".into()));
    let lost = "the answer to the write of things has nothing at \"/thing\"; correct `returns`";
    comes(one(), Ok((200, json!({}))), none.clone(), &Outcome::Unknown(lost.into()));
    comes(
        one(),
        Ok((200, json!({ "thing": { "name": "x" } }))),
        none.clone(),
        &Outcome::Unknown("the thing in the answer to the write has no `id`".into()),
    );
    // It is not what it was: what is there now comes with it.
    let current = SourceRecord::upsert("7", r#"{"id":7,"name":"there","v":"v2"}"#).version(Some("v2".into()));
    comes(change(), Ok((412, Value::Null)), (200, thing()), &Outcome::Conflict(current));
    comes(change(), Ok((412, Value::Null)), none.clone(), &Outcome::Gone);
    comes(change(), Ok((404, Value::Null)), none.clone(), &Outcome::Gone);
    comes(
        delivery(WriteOperation::Delete("7".into()), json!({}), json!({})),
        Ok((204, Value::Null)),
        none.clone(),
        &write::written_unread("7"),
    );
    comes(
        delivery(WriteOperation::Delete("7".into()), json!({}), json!({})),
        Ok((410, Value::Null)),
        none.clone(),
        &Outcome::Gone,
    );
    comes(
        delivery(WriteOperation::Merge(("7".into(), "8".into())), json!({}), json!({})),
        Ok((200, Value::Null)),
        none,
        &write::rejected("other", "a description cannot merge"),
    );
}

const BATCH: &str = "[streams.things.errors]\nmessage = [\"/why/0\", \"/message\"]\ncode = \"/code\"\n\n[[streams.things.errors.rules]]\ncode = \"DUP\"\nmeans = \"duplicate\"\n\n[streams.things.create]\nmethod = \"PUT\"\npath = \"/things\"\nput-at = \"/Things\"\nreturns = \"/Things\"\nbatch = 2\nitem-refused = \"/why\"\n";

#[test]
fn several_things_go_in_one_request() {
    let things = |names: &[&str]| names.iter().map(|name| create(json!({ "name": name }))).collect::<Vec<_>>();
    let answer = |request: &RawRequest| {
        let sent = body(request)["Things"].as_array().cloned().expect("a list");
        if sent.iter().any(|thing| thing["name"] == "spoils") {
            return reply(400, &[], &json!({ "message": "bad request" }));
        }
        let item = |thing: &Value| match thing["name"].as_str() {
            Some("twice") => json!({ "why": ["is there"], "code": "DUP" }),
            name => json!({ "id": name, "why": [] }),
        };
        reply(200, &[], &json!({ "Things": sent.iter().map(item).collect::<Vec<_>>() }))
    };
    let tables = format!("{READ}{BATCH}");
    let (outcomes, asked) = under(&tables, answer, || Rest::write("things", things(&["a", "twice", "b"])));
    let shown: Vec<String> = outcomes.expect("outcomes").iter().map(shown).collect();
    assert_eq!((shown.join(" "), asked.len()), ("a duplicate:is there b".to_owned(), 2));
    // One that spoils the request for all is found by sending each for itself.
    let (outcomes, asked) = under(&tables, answer, || Rest::write("things", things(&["a", "spoils"])));
    let shown: Vec<String> = outcomes.expect("outcomes").iter().map(self::shown).collect();
    assert_eq!((shown.join(" "), asked.len()), ("a format:bad request".to_owned(), 3));
    // An answer for one of two says nothing about either.
    let short = |_: &RawRequest| reply(200, &[], &json!({ "Things": [{ "id": 1 }] }));
    let (outcomes, _) = under(&tables, short, || Rest::write("things", things(&["a", "b"])));
    assert!(outcomes.expect("outcomes").iter().all(|outcome| matches!(outcome, Outcome::Unknown(_))));
    // Nothing was sent: the call failed. Something was: the rest comes later.
    let down = |_: &RawRequest| Err(Error::Unreachable("refused".into()));
    assert_eq!(
        under(&tables, down, || Rest::write("things", things(&["a", "b"]))).0,
        Err(Failure::Unavailable("refused".into()))
    );
    let mut nth = 0;
    let half = move |request: &RawRequest| {
        nth += 1;
        if nth == 1 { answer(request) } else { Err(Error::Unreachable("refused".into())) }
    };
    let (outcomes, _) = under(&tables, half, || Rest::write("things", things(&["a", "b", "c"])));
    let outcomes = outcomes.expect("outcomes");
    assert!(matches!(outcomes[2], Outcome::RetryAfter(_)) && matches!(outcomes[1], Outcome::Written(_)), "{outcomes:?}");
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Written(written) => written.remote_id.clone(),
        Outcome::Rejected(rejection) => format!("{}:{}", rejection.class, rejection.message),
        other => format!("{other:?}"),
    }
}

#[test]
fn a_header_stays_one_header() {
    let tables = format!(
        "{READ}[streams.things.create]\npath = \"/things\"\nreturns = \"/thing\"\nheaders = {{ X-Name = \"{{record.name}}\" }}\n"
    );
    let (outcomes, asked) = under(
        &tables,
        |_| panic!("nothing is sent"),
        || Rest::write("things", vec![create(json!({ "name": "a\r\nX-Evil: 1" }))]),
    );
    assert!(matches!(&outcomes.expect("outcomes")[0], Outcome::Rejected(rejection) if rejection.message.contains("line break")));
    assert!(asked.is_empty());
}
