//! The connector as the hub uses it, against scripted answers.

use nave_sdk::http::{Error, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{self, Value, json};
use nave_sdk::testing::{FakeHost, ODD, path, reply};

use crate::Zendesk;

fn host(mut answer: impl FnMut(&str, &str, &Value) -> Result<Response, Error> + 'static) -> FakeHost {
    FakeHost::new().answer(move |_, request| {
        let sent = request.body.as_deref().map_or(Value::Null, |body| serde_json::from_slice(body).expect("JSON"));
        answer(&request.method, &request.path, &sent)
    })
}

fn user(id: u64) -> Value {
    json!({"id": id, "name": "Ada van der Berg", "email": format!("{id}@x.test"), "active": true, "updated_at": "2026-11-24T02:00:00Z"})
}

fn ids(page: &Page) -> Vec<&str> {
    page.records.iter().map(|record| record.remote_id.as_str()).collect()
}

#[test]
fn users_come_by_the_list_and_then_by_the_export() {
    let host = host(|_, path, _| match path {
        "/users?page%5Bsize%5D=2" => {
            reply(200, &json!({"users": [user(1), user(2)], "meta": {"has_more": true, "after_cursor": "c2"}}).to_string())
        }
        "/users?page%5Bsize%5D=2&page%5Bafter%5D=c2" => {
            reply(200, &json!({"users": [user(3)], "meta": {"has_more": false, "after_cursor": "c3"}}).to_string())
        }
        // Five minutes before the list began.
        "/incremental/users/cursor?start_time=1763949300&per_page=2" => reply(
            200,
            &json!({"users": [user(2), {"id": 9, "active": false}], "after_cursor": "e1", "end_of_stream": true}).to_string(),
        ),
        "/incremental/users/cursor?cursor=e1&per_page=2" => {
            reply(200, &json!({"users": [], "after_cursor": "e1", "end_of_stream": true}).to_string())
        }
        "/incremental/users/cursor?cursor=old&per_page=2" => {
            reply(422, r#"{"error":"InvalidValue","description":"The cursor has expired"}"#)
        }
        other => panic!("{other}"),
    })
    .at("2025-11-24T02:00:00Z");
    host.run(|| {
        let first = Zendesk::read("users", None, 2).expect("a page");
        assert_eq!((ids(&first), first.more, first.complete_scan), (vec!["1", "2"], true, false));
        let body: Value = serde_json::from_slice(&first.records[0].body).expect("JSON");
        assert_eq!((&body["first_name"], &body["last_name"]), (&json!("Ada"), &json!("van der Berg")));
        let second = Zendesk::read("users", Some(first.next), 2).expect("a page");
        assert_eq!((ids(&second), second.more, second.complete_scan), (vec!["3"], false, true));
        let third = Zendesk::read("users", Some(second.next), 2).expect("a page");
        assert_eq!((ids(&third), third.more, third.complete_scan), (vec!["2", "9"], false, false));
        assert_eq!(third.records[1].operation, Operation::Delete);
        let fourth = Zendesk::read("users", Some(third.next), 2).expect("a page");
        assert_eq!((ids(&fourth).len(), fourth.more), (0, false));
        let old = br#"{"after":null,"since":7,"unnamed":false,"export":"old","listed":true}"#.to_vec();
        assert_eq!(Zendesk::read("users", Some(old), 2), Err(Failure::CheckpointExpired));
    });
}

#[test]
fn a_list_with_a_row_that_has_no_id_is_not_complete() {
    let host = host(|_, _, _| reply(200, r#"{"organizations":[{"id":null,"name":"X"},{"id":1}],"meta":{"has_more":false}}"#));
    host.run(|| {
        let page = Zendesk::read("organizations", None, 100).expect("a page");
        assert_eq!((ids(&page), page.complete_scan), (vec!["", "1"], false));
        let again = Zendesk::read("organizations", Some(page.next), 100).expect("a page");
        assert_eq!(again.records.len(), 2, "their list is read each time");
    });
}

#[test]
fn what_is_passed_over_is_asked_for() {
    let host = host(|_, path, _| match path {
        "/users/show_many?ids=1%2C8%2C9" => reply(200, &json!({"users": [user(1)]}).to_string()),
        "/users/8" => reply(200, r#"{"user":{"id":8,"active":false}}"#),
        "/users/9" => reply(403, "{}"),
        other => panic!("{other}"),
    });
    host.run(|| {
        let records = Zendesk::get("users", vec!["1".into(), "8".into(), "9".into()]).expect("records");
        let found: Vec<_> = records.iter().map(|record| (record.remote_id.as_str(), &record.operation)).collect();
        assert_eq!(found, [("1", &Operation::Upsert), ("8", &Operation::Delete)], "of what is not ours nothing is said");
    });
}

fn delivery(operation: WriteOperation, changed: &Value, desired: &Value, version: Option<&str>) -> Delivery {
    let bytes = |value: &Value| value.to_string().into_bytes();
    let if_version = version.map(str::to_owned);
    Delivery { id: "d1".into(), operation, if_version, changed: bytes(changed), desired: bytes(desired) }
}

fn one(stream: &str, delivery: Delivery) -> Outcome {
    Zendesk::write(stream, vec![delivery]).expect("outcomes").remove(0)
}

#[test]
fn a_create_goes_under_its_key_and_its_names_together() {
    let host = FakeHost::new().answer(|_, request| {
        let sent: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
        match request.path.as_str() {
            "/users" => {
                let wanted =
                    json!({"name": "Ada Lovelace", "organization_id": 7, "external_id": "12", "skip_verify_email": true});
                assert_eq!(sent, json!({ "user": wanted }));
                reply(201, &json!({"user": user(5)}).to_string())
            }
            "/tickets" => {
                assert_eq!(sent, json!({"ticket": {"subject": "S", "comment": {"body": "D"}}}));
                assert!(request.headers.contains(&("Idempotency-Key".to_owned(), "d1".to_owned())));
                reply(201, r#"{"ticket":{"id":6,"status":"new","updated_at":"2026-11-24T02:00:00Z"}}"#)
            }
            other => panic!("{other}"),
        }
    });
    host.run(|| {
        let body =
            json!({"first_name": "Ada", "last_name": "Lovelace", "organization_id": "7", "external_id": "12", "phone": null});
        let made = one("users", delivery(WriteOperation::Create, &body, &body, None));
        assert!(matches!(made, Outcome::Written(written) if written.remote_id == "5" && written.version.is_none()));
        let body = json!({"subject": "S", "description": "D"});
        let made = one("tickets", delivery(WriteOperation::Create, &body, &body, None));
        assert!(matches!(made, Outcome::Written(written) if written.version.as_deref() == Some("2026-11-24T02:00:00Z")));
    });
}

/// As Zendesk does it: an update adds a mailbox, and the first one stays the user's until it is told otherwise.
#[test]
fn a_new_mailbox_becomes_the_primary_one() {
    let host = host(|method, path, sent| match (method, path) {
        ("PUT", "/users/5") => {
            assert_eq!(*sent, json!({"user": {"email": "New@x.test"}}));
            reply(200, &json!({"user": user(5)}).to_string())
        }
        ("GET", "/users/5/identities") => reply(
            200,
            r#"{"identities":[{"id":1,"type":"email","value":"5@x.test","primary":true},{"id":2,"type":"email","value":"new@x.test","primary":false}]}"#,
        ),
        ("PUT", "/users/5/identities/2/make_primary") => reply(200, r#"{"identities":[]}"#),
        ("GET", "/users/5") => reply(200, r#"{"user":{"id":5,"name":"A","email":"new@x.test","active":true}}"#),
        other => panic!("{other:?}"),
    });
    host.run(|| {
        let body = json!({"email": "New@x.test"});
        let outcome = one("users", delivery(WriteOperation::Update("5".into()), &body, &body, None));
        assert!(
            matches!(&outcome, Outcome::Written(written) if String::from_utf8_lossy(&written.body).contains("new@x.test")),
            "{outcome:?}"
        );
    });
}

#[test]
fn a_ticket_that_somebody_changed_is_a_conflict() {
    let host = host(|method, path, sent| match (method, path) {
        ("PUT", "/tickets/6") => {
            let wanted = json!({"status": "open", "safe_update": true, "updated_stamp": "2026-11-24T02:00:00Z"});
            assert_eq!(*sent, json!({ "ticket": wanted }));
            reply(
                409,
                r#"{"error":"UpdateConflict","description":"Safe Update prevented the update due to outdated ticket data."}"#,
            )
        }
        ("GET", "/tickets/6") => reply(200, r#"{"ticket":{"id":6,"status":"solved","updated_at":"2026-11-24T03:00:00Z"}}"#),
        other => panic!("{other:?}"),
    });
    host.run(|| {
        let body = json!({"status": "open"});
        let outcome = one("tickets", delivery(WriteOperation::Update("6".into()), &body, &body, Some("2026-11-24T02:00:00Z")));
        assert!(matches!(outcome, Outcome::Conflict(current) if current.version.as_deref() == Some("2026-11-24T03:00:00Z")));
        let body = json!({"description": "other"});
        let outcome = one("tickets", delivery(WriteOperation::Update("6".into()), &body, &body, None));
        assert!(matches!(outcome, Outcome::Rejected(refusal) if refusal.class == "read-only"));
    });
}

/// A create, with this answer.
#[track_caller]
fn check(answer: Result<Response, Error>, expected: Result<Vec<Outcome>, Failure>) {
    let host = host(move |_, _, _| answer.clone());
    let body = json!({"name": "A"});
    let (got, _) = host.run(|| Zendesk::write("organizations", vec![delivery(WriteOperation::Create, &body, &body, None)]));
    assert_eq!(got, expected);
}

#[test]
fn what_became_of_a_write_is_never_guessed() {
    let unknown = |words: &str| Ok(vec![Outcome::Unknown(words.into())]);
    check(Err(Error::NoAnswer("cut".into())), unknown("cut"));
    check(reply(502, ""), unknown("HTTP 502"));
    check(reply(201, "{}"), unknown("the answer to the write has no organization"));
    check(
        reply(401, r#"{"error":"Couldn't authenticate you"}"#),
        Err(Failure::Unauthorized("HTTP 401: Couldn't authenticate you".into())),
    );
    check(reply(409, r#"{"error":"DatabaseConflict"}"#), Err(Failure::RetryAfter(1_000)));
    check(Err(Error::Unreachable("refused".into())), Err(Failure::Unavailable("refused".into())));
    let taken = "Name: A has already been taken";
    check(
        reply(
            422,
            &json!({"error": "RecordInvalid", "details": {"name": [{"description": taken, "error": "DuplicateValue"}]}})
                .to_string(),
        ),
        Ok(vec![Outcome::Rejected(Rejection::new("duplicate", taken).field("name"))]),
    );
}

#[test]
fn fields_of_the_account_are_found() {
    let host = host(|_, path, _| match path.split('?').next() {
        Some("/user_fields") => reply(
            200,
            r#"{"user_fields":[{"key":"tier","title":"Tier","type":"dropdown","active":true,"custom_field_options":[{"value":"gold"}]}]}"#,
        ),
        _ => reply(403, "{}"),
    });
    host.run(|| {
        let streams = Zendesk::discover().expect("streams");
        let tier = streams[0].fields.iter().find(|field| field.path == "user_fields.tier").expect("the account's field");
        assert_eq!((tier.type_, tier.values.as_slice(), tier.custom), (FieldType::Enum, &["gold".to_owned()][..], true));
    });
}

#[test]
fn comments_of_tickets_that_changed_each_once() {
    let comment = |id: u64| json!({"id": id, "author_id": 5, "plain_body": "x", "created_at": "2026-11-24T02:00:00Z"});
    let host = host(move |_, path, _| match path {
        "/incremental/tickets/cursor?start_time=0&per_page=100" => reply(
            200,
            r#"{"tickets":[{"id":1,"status":"open"},{"id":2,"status":"deleted"},{"id":3,"status":"new"}],"after_cursor":"e1","end_of_stream":true}"#,
        ),
        "/incremental/tickets/cursor?cursor=e1&per_page=100" => {
            reply(200, r#"{"tickets":[],"after_cursor":"e1","end_of_stream":true}"#)
        }
        "/tickets/1/comments" => {
            reply(200, &json!({"comments": [comment(10), comment(11), comment(12)], "next_page": "https://x/2"}).to_string())
        }
        "/tickets/1/comments?page=2" => reply(200, &json!({"comments": [comment(13)], "next_page": null}).to_string()),
        "/tickets/3/comments" => reply(404, "{}"),
        other => panic!("{other}"),
    });
    host.run(|| {
        let (mut seen, mut checkpoint) = (Vec::new(), None);
        for more in [true, true, false] {
            let page = Zendesk::read("comments", checkpoint.take(), 2).expect("a page");
            assert!(page.records.len() <= 2);
            seen.extend(page.records.into_iter().map(|record| record.remote_id));
            assert_eq!(page.more, more, "{seen:?}");
            checkpoint = Some(page.next);
        }
        assert_eq!(seen, ["1/10", "1/11", "1/12", "1/13"]);
        let page = Zendesk::read("comments", checkpoint, 2).expect("a page");
        assert_eq!((page.records.len(), page.more), (0, false));
        let got = Zendesk::get("comments", vec!["1/13".into()]).expect("a comment");
        assert!(String::from_utf8_lossy(&got[0].body).starts_with(r#"{"ticket_id":1,"#));
    });
}

#[test]
fn comments_that_were_read_are_kept_when_the_next_ticket_fails() {
    let host = host(|_, path, _| match path {
        "/incremental/tickets/cursor?start_time=0&per_page=100" => {
            reply(200, r#"{"tickets":[{"id":1},{"id":2}],"after_cursor":"e1","end_of_stream":true}"#)
        }
        "/tickets/1/comments" => reply(200, r#"{"comments":[{"id":10}],"next_page":null}"#),
        "/tickets/2/comments" => reply(429, "{}"),
        other => panic!("{other}"),
    });
    host.run(|| {
        let page = Zendesk::read("comments", None, 100).expect("a page");
        assert_eq!((ids(&page), page.more), (vec!["1/10"], true));
        assert_eq!(Zendesk::read("comments", Some(page.next), 100), Err(Failure::RetryAfter(30_000)));
    });
}

/// Line 117 of the attack list: the search language says nothing but that one mailbox, an id is one id, a ticket's number is one in a
/// comment's body, and fields are named ones.
#[test]
fn no_value_changes_a_search() {
    for odd in ODD {
        let host = FakeHost::new().answer(move |_, request| match path(request) {
            "/users/search" => {
                assert_eq!(nave_sdk::testing::parameter(request, "query"), Some(format!("email:\"{odd}\"")));
                assert!(!odd.contains(['"', '\\', '\n', '\0']), "{odd:?} was asked for");
                reply(200, r#"{"users":[{"id":1,"email":"somebody@x.test"}]}"#)
            }
            "/organizations/search" => {
                assert_eq!(nave_sdk::testing::parameter(request, "name").as_deref(), Some(odd));
                reply(200, r#"{"organizations":[{"id":1,"name":"somebody"}]}"#)
            }
            other => panic!("{odd:?} asks for {other}"),
        });
        host.run(|| {
            for (stream, field) in [("users", "email"), ("organizations", "name")] {
                assert_eq!(Zendesk::find(stream, field, vec![odd.to_owned()]), Ok(vec![]), "{odd:?}");
                assert!(Zendesk::find(stream, odd, vec!["1".to_owned()]).is_err(), "{odd:?} as a field");
                for ids in [vec![odd.to_owned()], vec![odd.to_owned(), "1".to_owned()]] {
                    assert!(Zendesk::get(stream, ids).is_err(), "{odd:?} as an id");
                }
                let named = odd.to_owned();
                for operation in [WriteOperation::Update(named.clone()), WriteOperation::Delete(named.clone())] {
                    let body = br#"{"name":"n"}"#.to_vec();
                    let delivery =
                        Delivery { id: "d1".into(), operation, if_version: None, changed: body.clone(), desired: body };
                    let outcomes = Zendesk::write(stream, vec![delivery]).expect("outcomes");
                    assert!(matches!(&outcomes[..], [Outcome::Rejected(_)]), "{odd:?}: {outcomes:?}");
                }
            }
            assert!(Zendesk::get("comments", vec![format!("{odd}/1")]).is_err(), "{odd:?} as a ticket");
        });
    }
}

/// A ticket whose id is a text is named by that text, and says nothing else in its comments.
#[test]
fn a_ticket_of_another_name_writes_nothing_into_its_comments() {
    let host = FakeHost::new().answer(|_, request| match path(request) {
        "/tickets/a-1/comments" => reply(200, r#"{"comments":[{"id":5,"body":"b"}],"next_page":null}"#),
        other => panic!("{other}"),
    });
    host.run(|| {
        let found = Zendesk::get("comments", vec!["a-1/5".to_owned()]).expect("a comment");
        let body: Value = nave_sdk::serde_json::from_slice(&found[0].body).expect("JSON");
        assert_eq!(body, json!({"ticket_id": "a-1", "id": 5, "body": "b"}));
    });
}
