//! The connector as the hub uses it, against scripted answers spelled as Tryton 8.0 spells them.

use std::cell::RefCell;
use std::rc::Rc;

use base64::Engine as _;
use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::testing::{FakeHost, ODD, path, reply};

use crate::Tryton;

/// The decoded domain of a request.
fn domain(request: &RawRequest) -> String {
    let query = request.path.split_once('?').map_or("", |(_, query)| query);
    let text = query.split('&').find_map(|pair| pair.strip_prefix("d=")).unwrap_or_default().replace("%3D", "=");
    let bytes = base64::engine::general_purpose::URL_SAFE.decode(text).expect("base64url");
    String::from_utf8(bytes).expect("UTF-8")
}

fn dated(mut response: Response) -> Response {
    response.headers.push(("Date".to_owned(), "Tue, 24 Nov 2026 02:00:00 GMT".to_owned()));
    response
}

fn delivery(operation: WriteOperation, changed: &Value) -> Delivery {
    let bytes = changed.to_string().into_bytes();
    Delivery { id: "nave-h-1-1".into(), operation, if_version: None, changed: bytes.clone(), desired: bytes }
}

#[test]
fn everything_then_what_changed() {
    let host = FakeHost::new().answer(|_, request| {
        let asked = domain(request);
        let body = if request.path.starts_with("/ir.model.log") || request.path.starts_with("/party.relation?") {
            "[]".to_owned()
        } else if asked.contains("\"write_date\"") {
            assert!(asked.contains("contact_mechanisms.write_date"), "a child's change counts: {asked}");
            assert!(
                asked.contains("\"hour\":1,\"microsecond\":0,\"minute\":59,\"month\":11,\"second\":30"),
                "by the server's clock: {asked}"
            );
            json!([{"id": 2, "name": "B2"}]).to_string()
        } else if asked.contains("[\"id\",\">\",0]") {
            json!([{"id": 1, "name": "A"}, {"id": 2, "name": "B"}]).to_string()
        } else {
            json!([{"id": 3, "name": "Acme", "categories": [{"name": "Organisation"}]}]).to_string()
        };
        reply(200, &body).map(dated)
    });
    host.run(|| {
        let first = Tryton::read("persons", None, 2).expect("a page");
        assert_eq!((first.records.len(), first.more, first.complete_scan), (2, true, false));
        let second = Tryton::read("persons", Some(first.next.clone()), 2).expect("a page");
        assert_eq!((second.records.len(), second.more, second.complete_scan), (0, false, true), "the third is no person");
        assert_eq!(Tryton::read("persons", Some(first.next), 2).expect("again"), second, "repeatable");
        let third = Tryton::read("persons", Some(second.next), 2).expect("a page");
        assert_eq!((third.records.len(), third.more, third.complete_scan), (1, false, false));
        assert_eq!(Tryton::read("persons", Some(b"{}x".to_vec()), 2), Err(Failure::CheckpointExpired));
        assert!(matches!(Tryton::read("people", None, 2), Err(Failure::Misconfigured(_))));
    });
}

#[test]
fn a_deletion_in_the_log_makes_two_full_scans() {
    let host = FakeHost::new().answer(|_, request| {
        let asked = domain(request);
        let body = if request.path.starts_with("/ir.model.log") {
            if asked.contains("[\"id\",\">\",0]") { json!([{"id": 9, "event": "delete"}]).to_string() } else { "[]".to_owned() }
        } else {
            "[]".to_owned()
        };
        reply(200, &body).map(dated)
    });
    host.run(|| {
        let from = br#"{"since":1,"pass":null,"log":0,"again":false}"#.to_vec();
        let first = Tryton::read("parties", Some(from), 10).expect("a page");
        assert!(first.complete_scan);
        let second = Tryton::read("parties", Some(first.next), 10).expect("a page");
        assert!(second.complete_scan);
        let third = Tryton::read("parties", Some(second.next), 10).expect("a page");
        assert!(!third.complete_scan);
    });
}

#[test]
fn a_create_is_marked_and_read_back() {
    let sent = Rc::new(RefCell::new(Value::Null));
    let seen = Rc::clone(&sent);
    let host = FakeHost::new().answer(move |_, request| {
        match (request.method.as_str(), request.path.split('?').next().unwrap_or_default()) {
            ("GET", "/party.category") => reply(200, "[]"),
            ("POST", "/party.category") => reply(200, r#"{"id":4,"name":"Organisation"}"#),
            ("POST", "/party.party") => {
                *seen.borrow_mut() = nave_sdk::serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
                reply(200, r#"{"id":12,"name":"Acme","active":1,"identifiers":[{"id":1,"type":null,"code":"nave-h-1-1"}]}"#)
            }
            other => panic!("{other:?}"),
        }
    });
    host.run(|| {
        let outcomes = Tryton::write(
            "organisations",
            vec![delivery(WriteOperation::Create, &json!({"name": "Acme", "marker": "nave-h-1-1"}))],
        );
        let outcome = &outcomes.expect("outcomes")[0];
        let Outcome::Written(written) = outcome else { panic!("{outcome:?}") };
        let body: Value = nave_sdk::serde_json::from_slice(&written.body).expect("JSON");
        assert_eq!((written.remote_id.as_str(), &body["marker"]), ("12", &json!("nave-h-1-1")));
    });
    assert_eq!(
        *sent.borrow(),
        json!({"name": "Acme", "identifiers": [["create", [{"type": null, "code": "nave-h-1-1"}]]], "categories": [["add", [4]]]})
    );
}

/// Runs one update with this answer to the PUT.
#[track_caller]
fn check(put: Result<Response, Error>, expected: Result<Vec<Outcome>, Failure>) {
    let host = FakeHost::new().answer(move |_, request| match request.method.as_str() {
        "GET" => reply(200, r#"{"id":3,"name":"Ada"}"#),
        _ => put.clone(),
    });
    let (got, _) =
        host.run(|| Tryton::write("persons", vec![delivery(WriteOperation::Update("3".into()), &json!({"name": "Bo"}))]));
    assert_eq!(got, expected);
}

#[test]
fn what_became_of_a_write_is_never_guessed() {
    check(Err(Error::NoAnswer("cut".into())), Ok(vec![Outcome::Unknown("cut".into())]));
    check(reply(502, "<h1>Bad gateway</h1>"), Ok(vec![Outcome::Unknown("HTTP 502: Bad gateway".into())]));
    check(reply(404, ""), Ok(vec![Outcome::Gone]));
    check(reply(401, ""), Err(Failure::Unauthorized("HTTP 401".into())));
    check(Err(Error::Unreachable("refused".into())), Err(Failure::Unavailable("refused".into())));
    let refused = r#"{"status":400,"message":"The code on party must be unique.","description":""}"#;
    let rejection = Rejection::new("duplicate", "The code on party must be unique.").field("code");
    check(reply(400, refused), Ok(vec![Outcome::Rejected(rejection)]));
}

#[test]
fn changes_that_are_not_ours_are_seen_first() {
    let host = FakeHost::new().answer(|_, request| match request.path.split('?').next().unwrap_or_default() {
        "/party.party/3" if request.method == "GET" => reply(200, r#"{"id":3,"name":"Somebody changed it"}"#),
        "/party.party/4" => reply(200, r#"{"id":4,"name":"x","replaced_by":5}"#),
        "/party.party/6" => reply(404, "<h1>Not found</h1>"),
        other => panic!("{other}"),
    });
    host.run(|| {
        let mut update = delivery(WriteOperation::Update("3".into()), &json!({"name": "Bo"}));
        update.if_version = Some("0000".into());
        let outcomes = Tryton::write(
            "persons",
            vec![
                update,
                delivery(WriteOperation::Update("4".into()), &json!({"name": "y"})),
                delivery(WriteOperation::Update("6".into()), &json!({"name": "y"})),
                delivery(WriteOperation::Update("3".into()), &json!({"name": "Somebody changed it"})),
            ],
        )
        .expect("outcomes");
        assert!(matches!(&outcomes[0], Outcome::Conflict(record) if record.remote_id == "3"));
        assert_eq!(outcomes[1..3], [Outcome::MergedInto("5".into()), Outcome::Gone]);
        assert!(matches!(outcomes[3], Outcome::Written(_)), "nothing to send, nothing sent");
    });
}

#[test]
fn a_lost_create_is_found_by_its_marker() {
    let host = FakeHost::new().answer(|_, request| {
        assert!(domain(request).contains(r#"["identifiers.code","in",["nave-h-1-1"]]"#));
        reply(200, r#"[{"id":12,"name":"Acme","identifiers":[{"id":1,"type":null,"code":"nave-h-1-1"}]}]"#)
    });
    host.run(|| {
        let found = Tryton::find("persons", "marker", vec!["nave-h-1-1".into()]).expect("records");
        assert_eq!(found.len(), 1);
        assert!(Tryton::find("persons", "phone", vec!["1".into()]).is_err());
    });
}

#[test]
fn only_its_own_row_proves_that_a_party_is_gone() {
    let host = FakeHost::new().answer(|_, request| {
        if request.path.starts_with("/party.party?") {
            return reply(200, "[]");
        }
        // Party 8 has a country that is not there: with addresses it answers 404 although it exists.
        let fields = request.path.matches("f=").count();
        let addresses = request.path.contains("addresses");
        match request.path.split('?').next().unwrap_or_default() {
            "/party.party/8" if fields > 1 && !addresses => reply(200, r#"{"id":8,"name":"There"}"#),
            _ => reply(404, ""),
        }
    });
    host.run(|| {
        let records = Tryton::get("persons", vec!["7".into(), "8".into()]).expect("records");
        assert_eq!(records[0], SourceRecord::deleted("7"));
        assert_eq!(records[1].operation, Operation::Upsert);
        assert!(matches!(records[1].coverage, Coverage::Only(_)));
    });
}

#[test]
fn a_party_of_the_other_kind_is_not_spoken_about() {
    let host = FakeHost::new().answer(|_, request| {
        assert!(request.path.starts_with("/party.party?"), "{}", request.path);
        let marked = json!([{"id": 1, "type": null, "code": "nave-h-1-1"}]);
        let rows = json!([{"id": 1, "name": "Ada"}, {"id": 2, "name": "Acme GmbH"}, {"id": 3, "name": "Ours GmbH", "identifiers": marked}]);
        reply(200, &rows.to_string())
    });
    host.run(|| {
        let ids = |stream: &str| -> Vec<String> {
            let asked = ["1", "2", "3"].map(str::to_owned).to_vec();
            Tryton::get(stream, asked).expect("records").into_iter().map(|record| record.remote_id).collect()
        };
        assert_eq!(ids("persons"), ["1", "3"], "what we made stays ours, whatever it looks like since");
        assert_eq!(ids("organisations"), ["2", "3"]);
        assert_eq!(ids("parties"), ["1", "2", "3"]);
    });
}

/// A contact mechanism as Tryton spells it.
fn mechanism(id: i64, value: &str) -> Value {
    let time = json!({"__class__": "datetime", "year": 2026, "month": 11, "day": 24, "hour": 1, "minute": 0, "second": 0, "microsecond": 0});
    json!({"id": id, "party": 3, "type": "phone", "value": value, "name": null, "active": 1, "write_date": time})
}

#[test]
fn contact_mechanisms_by_themselves() {
    let host = FakeHost::new().answer(|_, request| {
        let asked = domain(request);
        let body = if request.path.starts_with("/ir.model.log") {
            assert!(asked.contains("party.contact_mechanism,%"), "{asked}");
            if asked.contains("[\"id\",\">\",7]") { json!([{"id": 9, "event": "delete"}]).to_string() } else { "[]".to_owned() }
        } else {
            assert!(request.headers.iter().any(|(name, _)| name == "X-Tryton-Context"), "those that are not active too");
            let since = asked.contains("\"write_date\"");
            json!([mechanism(if since { 5 } else { 4 }, "+49 221 1")]).to_string()
        };
        reply(200, &body).map(dated)
    });
    host.run(|| {
        let read = |from: Option<&[u8]>| Tryton::read("contact-mechanisms", from.map(<[u8]>::to_vec), 10).expect("a page");
        let first = read(None);
        assert_eq!((first.records.len(), first.more, first.complete_scan), (1, false, true));
        let body: Value = nave_sdk::serde_json::from_slice(&first.records[0].body).expect("JSON");
        assert_eq!(
            (&body["party"], &body["value"], &body["active"]),
            (&json!("3"), &json!("+49 221 1"), &json!(true)),
            "the party's id is text, as remote ids are"
        );
        assert_eq!(first.records[0].version.as_deref(), Some("2026-11-24T01:00:00Z"));
        let second = read(Some(&first.next));
        assert_eq!((second.records[0].remote_id.as_str(), second.complete_scan), ("5", false), "what changed");
        let deleted = br#"{"since":1,"pass":null,"log":7,"again":false}"#;
        let third = read(Some(deleted));
        assert_eq!((third.records[0].remote_id.as_str(), third.complete_scan), ("4", true), "everything, since one was deleted");
        let fourth = read(Some(&third.next));
        assert!(!fourth.complete_scan, "once");
    });
}

/// One write of a mechanism, with this answer; what was sent.
#[track_caller]
fn check_mechanism(operation: WriteOperation, changed: &Value, answer: (u16, &str), expected: &str) {
    let (status, text) = (answer.0, answer.1.to_owned());
    let sent = Rc::new(RefCell::new(String::new()));
    let seen = Rc::clone(&sent);
    let host = FakeHost::new().answer(move |_, request| {
        if request.method == "GET" {
            return if text == "gone" { reply(404, "") } else { reply(200, &mechanism(4, "+49 221 1").to_string()) };
        }
        let body = request.body.as_deref().map(String::from_utf8_lossy).unwrap_or_default();
        *seen.borrow_mut() = format!("{} {} {body}", request.method, request.path.split('?').next().unwrap_or_default());
        reply(status, &text)
    });
    let (outcomes, _) = host.run(|| Tryton::write("contact-mechanisms", vec![delivery(operation, changed)]).expect("outcomes"));
    let outcome = match &outcomes[0] {
        Outcome::Written(written) => format!("written {}", written.remote_id),
        Outcome::Rejected(rejection) => format!("rejected {}", rejection.class),
        other => format!("{other:?}"),
    };
    assert_eq!(format!("{} → {outcome}", sent.borrow().trim()).trim(), expected);
}

#[test]
fn each_contact_mechanism_is_written_by_itself() {
    let there = mechanism(4, "+49 221 2").to_string();
    let update = || WriteOperation::Update("4".into());
    check_mechanism(
        WriteOperation::Create,
        &json!({"party": "3", "type": "phone", "value": "+49 221 2"}),
        (200, &there),
        r#"POST /party.contact_mechanism {"party":3,"type":"phone","value":"+49 221 2"} → written 4"#,
    );
    check_mechanism(
        update(),
        &json!({"value": "+49 221 2"}),
        (200, &there),
        r#"PUT /party.contact_mechanism/4 {"value":"+49 221 2"} → written 4"#,
    );
    check_mechanism(update(), &json!({"value": "+49 221 1"}), (200, &there), "→ written 4");
    check_mechanism(update(), &json!({"value": "x"}), (404, "gone"), "→ Outcome::Gone");
    check_mechanism(WriteOperation::Delete("4".into()), &json!({}), (204, ""), "DELETE /party.contact_mechanism/4 → written 4");
    check_mechanism(
        WriteOperation::Delete("4".into()),
        &json!({}),
        (404, ""),
        "DELETE /party.contact_mechanism/4 → Outcome::Gone",
    );
    let words = r#"{"status":400,"message":"The value \"phon\" for field \"Type\" in record \"x\" of \"Party Contact Mechanism\" is not one of the allowed options."}"#;
    check_mechanism(
        update(),
        &json!({"type": "phon"}),
        (400, words),
        r#"PUT /party.contact_mechanism/4 {"type":"phon"} → rejected format"#,
    );
    check_mechanism(WriteOperation::Create, &json!({"party": "x", "value": "1"}), (200, &there), "→ rejected reference");
}

/// Line 117 of the attack list: a value is one in JSON, what compares by pattern takes it literally, ids are numbers, and fields are
/// named ones.
#[test]
fn no_value_changes_a_domain() {
    for odd in ODD {
        let host = FakeHost::new().answer(move |_, request| {
            let asked: Value = nave_sdk::serde_json::from_str(&domain(request)).expect("JSON");
            let literally = odd.replace('\\', r"\\").replace('%', r"\%").replace('_', r"\_");
            let email = json!(["contact_mechanisms", "where", [["type", "=", "email"], ["value", "ilike", literally]]]);
            let active = json!(["active", "in", [true, false]]);
            match path(request) {
                "/party.party" => {
                    let expected = [
                        json!([["name", "in", [odd]], active]),
                        json!([["OR", email], active]),
                        json!([["identifiers.code", "in", [format!("nave:{odd}")]], active]),
                        json!([["id", "in", []], active]),
                    ];
                    assert!(expected.contains(&asked), "{odd:?}: {asked}");
                }
                "/party.contact_mechanism" => {
                    assert!([json!([["value", "in", [odd]]]), json!([["id", "in", []]])].contains(&asked), "{odd:?}: {asked}");
                }
                other => panic!("{odd:?} asks for {other}"),
            }
            reply(200, "[]")
        });
        host.run(|| {
            for (stream, field) in
                [("persons", "name"), ("persons", "email"), ("persons", "marker"), ("contact-mechanisms", "value")]
            {
                assert_eq!(Tryton::find(stream, field, vec![odd.to_owned()]), Ok(vec![]), "{odd:?}");
                assert!(Tryton::find(stream, odd, vec!["1".to_owned()]).is_err(), "{odd:?} as a field");
                assert_eq!(Tryton::get(stream, vec![odd.to_owned()]), Ok(vec![]), "{odd:?} as an id");
                let operations = [WriteOperation::Update(odd.to_owned()), WriteOperation::Delete(odd.to_owned())];
                for operation in operations {
                    let delivery = delivery(operation, &json!({"name": "n"}));
                    let outcomes = Tryton::write(stream, vec![delivery]).expect("outcomes");
                    assert!(matches!(&outcomes[..], [Outcome::Rejected(_)]), "{odd:?}: {outcomes:?}");
                }
            }
        });
    }
}
