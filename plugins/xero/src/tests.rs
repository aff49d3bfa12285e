//! The connector as the hub uses it, against scripted answers.

use std::cell::RefCell;
use std::rc::Rc;

use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::testing::{FakeHost, ODD, path, reply};

use crate::Xero;

const TENANT: &str = r#"{"tenant":"t1"}"#;

fn header<'a>(request: &'a RawRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

fn parameter<'a>(request: &'a RawRequest, name: &str) -> Option<&'a str> {
    let (_, query) = request.path.split_once('?')?;
    query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Answers as the vendor does: oldest change first, from a second on, by pages.
fn list(all: &[(u64, i64)], request: &RawRequest) -> Result<Response, Error> {
    assert_eq!(header(request, "xero-tenant-id"), Some("t1"));
    let since =
        header(request, "If-Modified-Since").map_or(0, |text| nave_sdk::time::parse_rfc3339(text).expect("a time") / 1000);
    let number = |name: &str| parameter(request, name).and_then(|text| text.parse::<usize>().ok()).expect("a number");
    let mut rows: Vec<_> = all.iter().filter(|(_, ms)| *ms >= since).collect();
    rows.sort_by_key(|(id, ms)| (*ms, *id));
    let total = rows.len();
    let rows: Vec<Value> = rows
        .into_iter()
        .skip((number("page") - 1) * number("pageSize"))
        .take(number("pageSize"))
        .map(|(id, ms)| json!({"ContactID": id.to_string(), "Name": "n", "UpdatedDateUTC": format!("/Date({ms}+0000)/")}))
        .collect();
    reply(200, &json!({"pagination": {"itemCount": total}, "Contacts": rows}).to_string())
}

#[test]
fn a_row_without_an_id_is_handed_on() {
    let host = FakeHost::new().settings(TENANT).answer(|_, request| {
        let rows = r#"{"Contacts":[{"Name":"Nobody","UpdatedDateUTC":"/Date(1000+0000)/"},{"ContactID":"1"}]}"#;
        reply(200, if parameter(request, "page") == Some("1") { rows } else { r#"{"Contacts":[]}"# })
    });
    host.run(|| {
        let page = Xero::read("contacts", None, 2).expect("a page");
        let ids: Vec<&str> = page.records.iter().map(|record| record.remote_id.as_str()).collect();
        assert_eq!((ids, page.more), (vec!["", "1"], true));
        let last = (0..3).try_fold(page, |page, _| if page.more { Xero::read("contacts", Some(page.next), 3) } else { Ok(page) });
        assert_eq!(last.map(|page| (page.more, page.complete_scan)), Ok((false, false)));
    });
}

#[test]
fn contacts_of_one_second_are_all_read() {
    let all: Vec<(u64, i64)> =
        (1..=300).map(|id| (id, if (50..250).contains(&id) { 100_000_400 } else { id as i64 * 1_500 })).collect();
    let of_host = all.clone();
    let host = FakeHost::new().settings(TENANT).answer(move |_, request| list(&of_host, request));
    host.run(|| {
        let mut checkpoint = None;
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let begins = checkpoint.is_none();
            let page = Xero::read("contacts", checkpoint.take(), 40).expect("a page");
            assert_eq!(page.total, begins.then_some(300), "later questions count what is left");
            for record in &page.records {
                assert!(seen.insert(record.remote_id.clone()), "each row is counted once");
            }
            if !page.more {
                assert!(page.complete_scan);
                assert_eq!(seen.len(), all.len());
                let again = Xero::read("contacts", Some(page.next), 1000).expect("a page");
                assert!(!again.complete_scan && again.records.len() <= 200, "only the last seconds are read again");
                return;
            }
            checkpoint = Some(page.next);
        }
        panic!("it never ended");
    });
}

fn delivery(id: &str, operation: WriteOperation, changed: &Value) -> Delivery {
    let bytes = changed.to_string().into_bytes();
    Delivery { id: id.into(), operation, if_version: None, changed: bytes.clone(), desired: bytes }
}

#[test]
fn each_element_answers_for_itself() {
    let keys = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&keys);
    let host = FakeHost::new().settings(TENANT).answer(move |_, request| {
        let body: Value = nave_sdk::serde_json::from_slice(request.body.as_deref().unwrap_or(b"null")).expect("JSON");
        if request.method == "GET" {
            // Read back: nothing is known of it, and the answer stands.
            return Err(Error::NoAnswer("cut".into()));
        }
        seen.borrow_mut().push(header(request, "Idempotency-Key").unwrap_or_default().to_owned());
        match request.method.as_str() {
            "POST" => {
                assert_eq!(
                    body,
                    json!({"Contacts": [
                        {"ContactNumber": "nave-1", "Name": "Ada"},
                        {"ContactID": "c2", "EmailAddress": ""},
                        {"ContactID": "c3", "ContactStatus": "ARCHIVED"},
                    ]})
                );
                reply(200, &json!({"Contacts": [
                    {"ContactID": "c1", "Name": "Ada", "ContactStatus": "ACTIVE", "StatusAttributeString": "OK"},
                    {"ContactID": "c2", "StatusAttributeString": "ERROR", "HasValidationErrors": true, "ValidationErrors": [{"Message": "Email address must be valid."}]},
                    {"ContactID": "c3", "ContactStatus": "ARCHIVED", "StatusAttributeString": "OK"},
                ]}).to_string())
            }
            _ => Err(Error::NoAnswer("cut".into())),
        }
    });
    host.run(|| {
        let batch = vec![
            delivery("d1", WriteOperation::Create, &json!({"Name": "Ada", "ContactNumber": "nave-1", "FirstName": null})),
            delivery("d2", WriteOperation::Update("c2".into()), &json!({"EmailAddress": null})),
            delivery("d3", WriteOperation::Delete("c3".into()), &json!({})),
            delivery("d4", WriteOperation::Create, &json!({"Name": "Bo"})),
        ];
        for _ in 0..2 {
            let outcomes = Xero::write("contacts", batch.clone()).expect("outcomes");
            assert!(matches!(&outcomes[0], Outcome::Written(written) if written.remote_id == "c1"));
            assert_eq!(
                outcomes[1],
                Outcome::Rejected(Rejection::new("format", "Email address must be valid.").field("EmailAddress"))
            );
            assert!(matches!(&outcomes[2], Outcome::Written(written) if written.remote_id == "c3"));
            assert_eq!(outcomes[3], Outcome::Unknown("cut".into()));
        }
    });
    let keys = keys.borrow();
    assert_eq!((&keys[0], &keys[1]), (&keys[2], &keys[3]), "the same bytes go under the same key");
    assert_ne!(keys[0], keys[1]);
}

#[test]
fn one_that_spoils_a_request_keeps_no_other_waiting() {
    let host = FakeHost::new().settings(TENANT).answer(move |_, request| {
        let body: Value = nave_sdk::serde_json::from_slice(request.body.as_deref().unwrap_or(b"null")).expect("JSON");
        let bad = body["Contacts"].as_array().is_some_and(|all| all.iter().any(|one| one["Name"] == "Bad"));
        match (request.method.as_str(), bad) {
            ("GET", _) => Err(Error::NoAnswer("cut".into())),
            (_, true) => reply(400, r#"{"Message":"The field Name cannot be updated"}"#),
            _ => reply(200, &json!({"Contacts": [{"ContactID": body["Contacts"][0]["ContactID"]}]}).to_string()),
        }
    });
    host.run(|| {
        let update = |id: &str, name: &str| delivery(id, WriteOperation::Update(id.into()), &json!({ "Name": name }));
        let outcomes = Xero::write("contacts", vec![update("c1", "Ada"), update("c2", "Bad"), update("c3", "Bo")]);
        let outcomes = outcomes.expect("outcomes");
        assert!(matches!(&outcomes[0], Outcome::Written(written) if written.remote_id == "c1"), "{outcomes:?}");
        assert!(matches!(&outcomes[1], Outcome::Rejected(why) if why.message.contains("cannot be updated")), "{outcomes:?}");
        assert!(matches!(&outcomes[2], Outcome::Written(written) if written.remote_id == "c3"), "{outcomes:?}");
    });
}

#[test]
fn a_time_that_lies_too_far_back_is_an_expired_checkpoint() {
    let host = FakeHost::new().settings(TENANT).answer(|_, request| match header(request, "If-Modified-Since") {
        Some(_) => reply(400, r#"{"Message":"If-Modified-Since lies too far in the past"}"#),
        None => list(&[(1, 1_000)], request),
    });
    host.run(|| {
        let first = Xero::read("contacts", None, 10).expect("a page");
        assert_eq!(Xero::read("contacts", Some(first.next), 10), Err(Failure::CheckpointExpired));
    });
    let refused = FakeHost::new().settings(TENANT).answer(|_, _| reply(400, r#"{"Message":"no"}"#));
    refused.run(|| assert!(matches!(Xero::read("contacts", None, 10), Err(Failure::Rejected(_)))));
}

#[test]
fn what_is_said_to_be_made_and_is_not_there_is_unknown() {
    let made = r#"{"Contacts": [{"ContactID": "c1", "Name": "Ada", "ContactStatus": "ACTIVE"}]}"#;
    for (there, expected) in [(Some(made), None), (None, Some("c1 was said to be made, and is not there"))] {
        let host = FakeHost::new().settings(TENANT).answer(move |_, request| match (request.method.as_str(), there) {
            ("POST", _) | ("GET", Some(_)) => reply(200, made),
            _ if request.path.starts_with("/Contacts/c1") => reply(404, ""),
            _ => reply(200, r#"{"Contacts": []}"#),
        });
        host.run(|| {
            let create = delivery("d1", WriteOperation::Create, &json!({"Name": "Ada", "ContactNumber": "nave-1"}));
            let outcome = Xero::write("contacts", vec![create]).expect("outcomes").remove(0);
            match expected {
                None => assert!(matches!(&outcome, Outcome::Written(written) if written.remote_id == "c1"), "{outcome:?}"),
                Some(why) => assert_eq!(outcome, Outcome::Unknown(why.into())),
            }
        });
    }
}

/// One update, with this answer.
#[track_caller]
fn check(answer: Result<Response, Error>, expected: Result<Vec<Outcome>, Failure>) {
    let host = FakeHost::new().settings(TENANT).answer(move |_, _| answer.clone());
    let (got, _) =
        host.run(|| Xero::write("contacts", vec![delivery("d1", WriteOperation::Update("c1".into()), &json!({"Name": "x"}))]));
    assert_eq!(got, expected);
}

#[test]
fn what_became_of_a_write_is_never_guessed() {
    check(Err(Error::NoAnswer("cut".into())), Ok(vec![Outcome::Unknown("cut".into())]));
    check(reply(500, ""), Ok(vec![Outcome::Unknown("HTTP 500".into())]));
    check(
        reply(200, r#"{"Contacts":[]}"#),
        Ok(vec![Outcome::Unknown("the answer to the write has another number of contacts".into())]),
    );
    check(reply(401, ""), Err(Failure::Unauthorized("HTTP 401".into())));
    check(Err(Error::Unreachable("refused".into())), Err(Failure::Unavailable("refused".into())));
    let gone = r#"{"Contacts":[{"ContactID":"c1","StatusAttributeString":"ERROR","ValidationErrors":[{"Message":"The contact c1 could not be found"}]}]}"#;
    check(reply(200, gone), Ok(vec![Outcome::Gone]));
}

#[test]
fn long_markers_are_shortened_the_same_way_when_writing_and_searching() {
    let long = "nave-".to_owned() + &"x".repeat(60);
    let short = crate::pages::number(&long);
    assert!(short.len() <= 50);
    let wanted = short.clone();
    let host = FakeHost::new().settings(TENANT).answer(move |_, request| {
        assert!(request.path.contains(&wanted), "{}", request.path);
        reply(200, &json!({"Contacts": [{"ContactID": "c1", "Name": "Ada", "ContactNumber": wanted}]}).to_string())
    });
    host.run(|| {
        let found = Xero::find("contacts", "ContactNumber", vec![long.clone()]).expect("records");
        assert_eq!(found.len(), 1);
    });
}

/// Line 117 of the attack list: the filter language says nothing but that one text, an id is one id, and fields are named ones.
#[test]
fn no_value_changes_a_filter() {
    for odd in ODD {
        let host = FakeHost::new().settings(TENANT).answer(move |_, request| {
            let filter = nave_sdk::testing::parameter(request, "where").expect("a filter");
            assert_eq!((path(request), filter), ("/Contacts", format!("Name==\"{odd}\"")));
            assert!(!odd.contains(['"', '\\', '\n', '\0']), "{odd:?} was asked for");
            reply(200, r#"{"Contacts":[]}"#)
        });
        host.run(|| {
            assert_eq!(Xero::find("contacts", "Name", vec![odd.to_owned()]), Ok(vec![]), "{odd:?}");
            assert!(Xero::find("contacts", odd, vec!["1".to_owned()]).is_err(), "{odd:?} as a field");
            assert!(Xero::get("contacts", vec![odd.to_owned(), "1".to_owned()]).is_err(), "{odd:?} as an id");
        });
    }
}
