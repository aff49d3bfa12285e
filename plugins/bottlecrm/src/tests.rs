//! The connector as the hub uses it, against scripted answers.

use std::cell::Cell;

use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::testing::{FakeHost, ODD, path, reply};

use crate::BottleCrm;

fn number(request: &RawRequest, name: &str) -> usize {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0)
}

/// A list of so many contacts, newest first.
fn list(count: usize, request: &RawRequest) -> Result<Response, Error> {
    let rows: Vec<Value> = (0..count)
        .rev()
        .skip(number(request, "offset"))
        .take(number(request, "limit"))
        .map(|id| json!({"id": format!("c{id}")}))
        .collect();
    reply(200, &json!({"count": count, "results": rows, "contact_obj_list": rows}).to_string())
}

/// Scans with so many contacts at the nth request; answers how many different ones were seen, and whether it was complete.
fn scan(counts: impl Fn(usize) -> usize + 'static) -> (usize, bool) {
    let asked = Cell::new(0);
    let host = FakeHost::new().answer(move |_, request| {
        asked.set(asked.get() + 1);
        list(counts(asked.get()), request)
    });
    let (result, _) = host.run(|| {
        let mut seen = std::collections::BTreeSet::new();
        let mut checkpoint = None;
        loop {
            let page = BottleCrm::read("contacts", checkpoint, 50).expect("a page");
            for record in page.records {
                assert!(seen.insert(record.remote_id), "each row is counted once");
            }
            if !page.more {
                return (seen.len(), page.complete_scan);
            }
            checkpoint = Some(page.next);
        }
    });
    result
}

#[test]
fn a_scan_that_may_have_missed_a_row_is_not_complete() {
    assert_eq!(scan(|_| 200), (200, true));
    assert_eq!(scan(|_| 0), (0, true));
    assert_eq!(scan(|_| 1), (1, true));
    // Some are made while it runs: rows move down, none is missed, and we cannot know.
    assert_eq!(scan(|nth| if nth < 3 { 200 } else { 210 }), (200, false));
    // Ten are deleted: rows move up; the overlap still sees those that are left.
    let (seen, complete) = scan(|nth| if nth < 3 { 200 } else { 190 });
    assert!(seen >= 190 && !complete);
}

#[test]
fn a_row_without_an_id_is_handed_on() {
    let host =
        FakeHost::new().answer(|_, _| reply(200, r#"{"count":2,"results":[{"id":null,"first_name":"Nobody"},{"id":"c1"}]}"#));
    host.run(|| {
        let page = BottleCrm::read("contacts", None, 50).expect("a page");
        let ids: Vec<&str> = page.records.iter().map(|record| record.remote_id.as_str()).collect();
        assert_eq!((ids, page.more, page.complete_scan), (vec!["", "c1"], false, false));
        let found = BottleCrm::find("contacts", "email", vec![String::new()]);
        assert!(matches!(found, Err(Failure::Rejected(_))), "{found:?}");
    });
}

#[test]
fn accounts_come_in_two_lists() {
    let host = FakeHost::new().answer(|_, request| {
        let page = |count: usize, name: &str| -> Vec<Value> {
            (0..count)
                .skip(number(request, "offset"))
                .take(number(request, "limit"))
                .map(|id| json!({"id": format!("{name}{id}")}))
                .collect()
        };
        let body = json!({
            "active_accounts": {"open_accounts": page(70, "a"), "open_accounts_count": 70},
            "closed_accounts": {"close_accounts": page(3, "c"), "close_accounts_count": 3},
        });
        reply(200, &body.to_string())
    });
    host.run(|| {
        let mut seen = std::collections::BTreeSet::new();
        let mut checkpoint = None;
        loop {
            let page = BottleCrm::read("accounts", checkpoint, 60).expect("a page");
            assert!(page.records.len() <= 60 && page.total == Some(73));
            seen.extend(page.records.into_iter().map(|record| record.remote_id));
            if !page.more {
                assert_eq!((seen.len(), page.complete_scan), (73, true));
                return;
            }
            checkpoint = Some(page.next);
        }
    });
}

fn delivery(operation: WriteOperation, changed: &Value) -> Delivery {
    let bytes = changed.to_string().into_bytes();
    Delivery { id: "d1".into(), operation, if_version: None, changed: bytes.clone(), desired: bytes }
}

#[test]
fn writes_are_read_back() {
    let host = FakeHost::new().answer(|_, request| match (request.method.as_str(), request.path.as_str()) {
        ("POST", "/contacts/") => {
            assert_eq!(request.body.as_deref(), Some(br#"{"custom_fields":{"nave_id":"m1"},"first_name":"Ada"}"#.as_slice()));
            reply(200, r#"{"error":false,"id":"c1"}"#)
        }
        ("PATCH", "/contacts/c1/") => reply(200, r#"{"error":false}"#),
        ("GET", "/contacts/c1/") => {
            reply(200, r#"{"contact_obj":{"id":"c1","updated_at":"2026-11-24T02:10:18.637965Z"},"countries":[]}"#)
        }
        ("GET", "/contacts/c9/") | ("PATCH", "/contacts/c9/") => {
            reply(404, r#"{"detail":"No Contact matches the given query."}"#)
        }
        other => panic!("{other:?}"),
    });
    host.run(|| {
        let outcomes = BottleCrm::write(
            "contacts",
            vec![
                delivery(
                    WriteOperation::Create,
                    &json!({"first_name": "Ada", "email": null, "custom_fields": {"nave_id": "m1"}}),
                ),
                delivery(WriteOperation::Update("c1".into()), &json!({"title": null})),
                delivery(WriteOperation::Update("c9".into()), &json!({"title": "x"})),
            ],
        )
        .expect("outcomes");
        for outcome in &outcomes[..2] {
            assert!(
                matches!(outcome, Outcome::Written(written) if written.remote_id == "c1" && !written.body.is_empty()),
                "{outcome:?}"
            );
        }
        assert_eq!(outcomes[2], Outcome::Gone);
        assert_eq!(BottleCrm::get("contacts", vec!["c9".into()]), Ok(vec![SourceRecord::deleted("c9")]));
    });
}

#[test]
fn parts_of_texts_are_not_found() {
    let host = FakeHost::new()
        .answer(|_, _| reply(200, r#"{"count":2,"results":[{"id":"1","email":"Ada@x.test"},{"id":"2","email":"nada@x.test"}]}"#));
    host.run(|| {
        let found = BottleCrm::find("contacts", "email", vec!["ada@x.test".into()]).expect("records");
        assert_eq!(found.iter().map(|record| record.remote_id.as_str()).collect::<Vec<_>>(), ["1"]);
        assert!(BottleCrm::find("contacts", "phone", vec!["1".into()]).is_err());
    });
}

#[track_caller]
fn check(answer: Result<Response, Error>, expected: Result<Vec<Outcome>, Failure>) {
    let host = FakeHost::new().answer(move |_, _| answer.clone());
    let (got, _) =
        host.run(|| BottleCrm::write("contacts", vec![delivery(WriteOperation::Create, &json!({"first_name": "Ada"}))]));
    assert_eq!(got, expected);
}

#[test]
fn what_became_of_a_write_is_never_guessed() {
    check(Err(Error::NoAnswer("cut".into())), Ok(vec![Outcome::Unknown("cut".into())]));
    // Two creates of one e-mail at once: the second may answer 500, made or not.
    check(reply(500, "<h1>Server Error</h1>"), Ok(vec![Outcome::Unknown("HTTP 500: Server Error".into())]));
    check(reply(200, "{}"), Ok(vec![Outcome::Unknown("the answer to the create has no id".into())]));
    let wrong = r#"{"detail":"Organization context is required. Please login again."}"#;
    check(
        reply(403, wrong),
        Err(Failure::Unauthorized("HTTP 403: Organization context is required. Please login again.".into())),
    );
    check(Err(Error::Unreachable("refused".into())), Err(Failure::Unavailable("refused".into())));
}

/// Line 117 of the attack list: a value is one parameter, what is found has it, ids are ids, and fields are named ones.
#[test]
fn no_value_changes_a_question() {
    for odd in ODD {
        let host = FakeHost::new().answer(move |_, request| {
            assert_eq!(path(request), "/contacts/");
            assert_eq!(nave_sdk::testing::parameter(request, "email").as_deref(), Some(odd));
            assert_eq!(request.path.matches(['&', '?']).count(), 3, "{}", request.path);
            reply(200, r#"{"count":1,"results":[{"id":"1","email":"somebody@x.test"}]}"#)
        });
        host.run(|| {
            assert_eq!(BottleCrm::find("contacts", "email", vec![odd.to_owned()]), Ok(vec![]), "{odd:?}");
            assert!(BottleCrm::find("contacts", odd, vec!["1".to_owned()]).is_err(), "{odd:?} as a field");
            assert!(BottleCrm::get("contacts", vec![odd.to_owned()]).is_err(), "{odd:?} as an id");
            for operation in [WriteOperation::Update(odd.to_owned()), WriteOperation::Delete(odd.to_owned())] {
                let body = br#"{"title":"t"}"#.to_vec();
                let delivery = Delivery { id: "d1".into(), operation, if_version: None, changed: body.clone(), desired: body };
                let outcomes = BottleCrm::write("contacts", vec![delivery]).expect("outcomes");
                assert!(!matches!(&outcomes[..], [Outcome::Written(_) | Outcome::Gone]), "{odd:?}: {outcomes:?}");
            }
        });
    }
}
