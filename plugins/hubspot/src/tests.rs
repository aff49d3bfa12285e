//! The connector as the hub uses it, against scripted answers.

use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{Value, json};
use nave_sdk::testing::{FakeHost, ODD, reply};

use crate::HubSpot;

const PROPERTIES: &str = r#"{"results":[
    {"name":"email","label":"Email","type":"string","hasUniqueValue":true,"hubspotDefined":true},
    {"name":"nave_id","label":"Nave","type":"string","hasUniqueValue":true},
    {"name":"lastmodifieddate","label":"Changed","type":"datetime","modificationMetadata":{"readOnlyValue":true}}]}"#;

fn body(request: &RawRequest) -> Value {
    nave_sdk::serde_json::from_slice(request.body.as_deref().unwrap_or(b"null")).expect("JSON")
}

/// A host whose CRM answers so; the properties are always the same.
fn host(mut answer: impl FnMut(&str, &str, &Value) -> Result<Response, Error> + 'static) -> FakeHost {
    FakeHost::new().answer(move |_, request| {
        if request.path.starts_with("/crm/v3/properties/") {
            return reply(200, PROPERTIES);
        }
        answer(&request.method, &request.path, &body(request))
    })
}

fn contact(id: u64, ms: i64) -> Value {
    let at = nave_sdk::time::rfc3339(ms * 1000);
    json!({"id": id.to_string(), "properties": {"email": format!("{id}@x"), "lastmodifieddate": at}, "updatedAt": at})
}

/// Answers searches over these contacts as the vendor does, one sort, no offsets.
fn search(all: &[(u64, i64)], query: &Value) -> Value {
    let value = |filter: &Value| filter["value"].as_str().and_then(|text| text.parse::<i64>().ok()).unwrap_or(0);
    let filters = query["filterGroups"][0]["filters"].as_array().cloned().unwrap_or_default();
    let mut found: Vec<(u64, i64)> = all
        .iter()
        .copied()
        .filter(|(id, ms)| {
            filters.iter().all(|filter| match (filter["propertyName"].as_str(), filter["operator"].as_str()) {
                (Some("lastmodifieddate"), Some("GTE")) => *ms >= value(filter),
                (Some("lastmodifieddate"), Some("EQ")) => *ms == value(filter),
                (Some("hs_object_id"), Some("GT")) => i64::try_from(*id).unwrap_or(0) > value(filter),
                other => panic!("{other:?}"),
            })
        })
        .collect();
    if query["sorts"][0]["propertyName"] == "hs_object_id" {
        found.sort_by_key(|(id, _)| *id);
    } else {
        found.sort_by_key(|(_, ms)| *ms);
    }
    if query["sorts"][0]["direction"] == "DESCENDING" {
        found.reverse();
    }
    let total = found.len();
    found.truncate(query["limit"].as_u64().unwrap_or(10) as usize);
    json!({"total": total, "results": found.iter().map(|(id, ms)| contact(*id, *ms)).collect::<Vec<_>>()})
}

#[test]
fn objects_of_one_millisecond_are_all_read() {
    // 700 of one import share a millisecond, with others before and after.
    let all: Vec<(u64, i64)> =
        (1..=900).map(|id| (id, if (100..800).contains(&id) { 50_000_000 } else { 40_000_000 + id as i64 * 20_000 })).collect();
    let all_for_host = all.clone();
    let host = host(move |_, path, query| {
        if path.ends_with("/search") {
            reply(200, &search(&all_for_host, query).to_string())
        } else {
            reply(200, r#"{"results":[]}"#)
        }
    });
    host.run(|| {
        let mut checkpoint = Some(br#"{"at":"changes","since":0,"tie":null,"archived":0}"#.to_vec());
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..50 {
            let page = HubSpot::read("contacts", checkpoint.take(), 250).expect("a page");
            assert!(page.records.len() <= 250);
            seen.extend(page.records.iter().map(|record| record.remote_id.clone()));
            checkpoint = Some(page.next);
            if !page.more {
                assert_eq!(seen.len(), all.len());
                return;
            }
        }
        panic!("it never ended");
    });
}

#[test]
fn an_object_without_an_id_is_handed_on() {
    let host = host(|_, path, query| match path {
        _ if path.ends_with("/search") => reply(200, &search(&[(1, 5_000_000)], query).to_string()),
        _ => reply(200, r#"{"results":[{"id":null,"properties":{}},{"id":"1","properties":{}}]}"#),
    });
    host.run(|| {
        let page = HubSpot::read("contacts", None, 1000).expect("a page");
        let ids: Vec<&str> = page.records.iter().map(|record| record.remote_id.as_str()).collect();
        assert_eq!((ids, page.more, page.complete_scan), (vec!["", "1"], false, false));
    });
}

#[test]
fn everything_then_changes_then_the_archive() {
    let host = host(|_, path, query| match path {
        _ if path.ends_with("/search") => reply(200, &search(&[(1, 5_000_000), (2, 4_000_000)], query).to_string()),
        _ if path.contains("archived=true") => reply(
            200,
            r#"{"results":[{"id":"8","archivedAt":"1970-01-01T01:23:30Z"},{"id":"9","archivedAt":"1970-01-01T00:00:10Z"}]}"#,
        ),
        _ if path.contains("after=1") => reply(200, &json!({"results": [contact(2, 4_000_000)]}).to_string()),
        _ => reply(200, &json!({"results": [contact(1, 5_000_000)], "paging": {"next": {"after": "1"}}}).to_string()),
    });
    host.run(|| {
        let first = HubSpot::read("contacts", None, 1).expect("a page");
        assert_eq!((first.records.len(), first.more, first.complete_scan, first.total), (1, true, false, Some(2)));
        let second = HubSpot::read("contacts", Some(first.next), 1).expect("a page");
        assert_eq!((second.more, second.complete_scan), (false, true));
        let third = HubSpot::read("contacts", Some(second.next), 1000).expect("a page");
        let deleted: Vec<_> = third
            .records
            .iter()
            .filter(|record| record.operation == Operation::Delete)
            .map(|record| record.remote_id.as_str())
            .collect();
        assert_eq!((third.more, deleted), (false, vec!["8"]), "what was archived before we began is no news");
    });
}

/// The account has no searches by time, and gets them back: all is read each time meanwhile, and the checkpoint expires with
/// each turn.
#[test]
fn without_searches_by_time_everything_is_read_each_time() {
    use std::cell::Cell;
    use std::rc::Rc;
    let searches = Rc::new(Cell::new(false));
    let offered = Rc::clone(&searches);
    let host = host(move |_, path, query| match path {
        _ if path.ends_with("/search") && !offered.get() => {
            reply(400, r#"{"category":"VALIDATION_ERROR","message":"Property lastmodifieddate is not searchable"}"#)
        }
        _ if path.ends_with("/search") => reply(200, &search(&[(1, 5_000_000)], query).to_string()),
        _ if path.contains("archived=true") => reply(200, r#"{"results":[{"id":"8","archivedAt":"1970-01-01T01:23:30Z"}]}"#),
        _ if path.contains("after=1") => reply(200, &json!({"results": [contact(2, 4_000_000)]}).to_string()),
        _ => reply(200, &json!({"results": [contact(1, 5_000_000)], "paging": {"next": {"after": "1"}}}).to_string()),
    });
    let host = host.settings(r#"{"objects":["contacts"]}"#);
    host.run(|| {
        let changes = || HubSpot::discover().expect("streams")[0].capabilities.changes;
        let round = |checkpoint: Option<Vec<u8>>| {
            let first = HubSpot::read("contacts", checkpoint, 1).expect("a page");
            assert!(first.more);
            let last = HubSpot::read("contacts", Some(first.next), 1).expect("a page");
            assert_eq!((last.more, last.complete_scan), (false, true));
            let ids = first.records.iter().chain(&last.records).map(|record| record.remote_id.clone()).collect::<Vec<_>>();
            (ids, last.next)
        };
        assert_eq!(changes(), ChangeDetection::FullScan);
        let (ids, next) = round(None);
        assert_eq!(ids, ["1", "2"]);
        let (ids, next) = round(Some(next));
        assert_eq!(ids, ["1", "2", "8"], "all of it, and what was archived");
        searches.set(true);
        assert_eq!(HubSpot::read("contacts", Some(next), 1), Err(Failure::CheckpointExpired));
        assert_eq!(changes(), ChangeDetection::Incremental);
        let (_, next) = round(None);
        assert_eq!(HubSpot::read("contacts", Some(next.clone()), 1000).expect("a page").records.len(), 2);
        searches.set(false);
        assert_eq!(HubSpot::read("contacts", Some(next), 1000), Err(Failure::CheckpointExpired));
    });
}

#[test]
fn merged_and_archived_are_told_apart() {
    let host = host(|method, path, _| match (method, path) {
        ("POST", "/crm/v3/objects/contacts/batch/read") => {
            reply(207, &json!({"results": [contact(1, 1), contact(5, 1)], "errors": [{"context": {"ids": ["9"]}}]}).to_string())
        }
        ("GET", _) if path.starts_with("/crm/v3/objects/contacts/3?") => reply(200, r#"{"id":"5","properties":{}}"#),
        ("GET", _) => reply(404, r#"{"category":"OBJECT_NOT_FOUND","message":"resource not found"}"#),
        other => panic!("{other:?}"),
    });
    host.run(|| {
        let records = HubSpot::get("contacts", vec!["1".into(), "3".into(), "9".into()]).expect("records");
        assert_eq!(records[0].operation, Operation::Upsert);
        assert_eq!(records[1..], [SourceRecord::merged_into("3", "5"), SourceRecord::deleted("9")]);
    });
}

fn delivery(id: &str, operation: WriteOperation, changed: &Value) -> Delivery {
    let bytes = changed.to_string().into_bytes();
    Delivery { id: id.into(), operation, if_version: None, changed: bytes.clone(), desired: bytes }
}

#[test]
fn one_bad_value_spoils_only_its_own_delivery() {
    let host = host(|method, path, sent| match (method, path) {
        ("POST", "/crm/v3/objects/contacts/batch/update") => {
            assert_eq!(sent["inputs"].as_array().map(Vec::len), Some(2));
            reply(400, r#"{"message":"bad","category":"VALIDATION_ERROR"}"#)
        }
        ("PATCH", "/crm/v3/objects/contacts/1") => reply(200, &contact(1, 1).to_string()),
        ("PATCH", "/crm/v3/objects/contacts/2") => reply(
            400,
            r#"{"message":"bad","category":"VALIDATION_ERROR","errors":[{"code":"INVALID_EMAIL","message":"no e-mail","context":{"propertyName":["email"]}}]}"#,
        ),
        ("POST", "/crm/v3/objects/contacts/batch/read") => reply(200, &json!({"results": [contact(1, 1)]}).to_string()),
        other => panic!("{other:?}"),
    });
    host.run(|| {
        let update =
            |id: &str, email: Value| delivery(id, WriteOperation::Update(id.into()), &json!({"properties": {"email": email}}));
        let outcomes = HubSpot::write("contacts", vec![update("1", Value::Null), update("2", json!("x"))]).expect("outcomes");
        assert!(matches!(&outcomes[0], Outcome::Written(written) if !written.body.is_empty()));
        assert_eq!(outcomes[1], Outcome::Rejected(Rejection::new("format", "no e-mail").field("properties.email")));
    });
}

#[test]
fn creates_go_by_their_marker_and_get_their_company() {
    let host = host(|method, path, sent| match (method, path) {
        ("POST", "/crm/v3/objects/contacts/batch/upsert") => {
            assert_eq!(
                *sent,
                json!({"inputs": [{"id": "m1", "idProperty": "nave_id", "objectWriteTraceId": "d1", "properties": {"email": "a@x", "nave_id": "m1"}}]})
            );
            reply(200, r#"{"results":[{"id":"7","new":true,"objectWriteTraceId":"d1","properties":{}}]}"#)
        }
        ("GET", "/crm/v4/objects/contacts/7/associations/companies") => reply(
            200,
            r#"{"results":[{"toObjectId":8,"associationTypes":[{"typeId":1}]},{"toObjectId":6,"associationTypes":[{"typeId":279}]}]}"#,
        ),
        ("DELETE", "/crm/v4/objects/contacts/7/associations/companies/8") => reply(204, ""),
        ("PUT", "/crm/v4/objects/contacts/7/associations/companies/9") => reply(201, "{}"),
        ("POST", "/crm/v3/objects/contacts/batch/read") => reply(200, &json!({"results": [contact(7, 1)]}).to_string()),
        other => panic!("{other:?}"),
    });
    host.run(|| {
        let create = delivery(
            "d1",
            WriteOperation::Create,
            &json!({"properties": {"email": "a@x", "nave_id": "m1", "phone": null}, "company_id": "9"}),
        );
        let outcomes = HubSpot::write("contacts", vec![create]).expect("outcomes");
        assert!(matches!(&outcomes[0], Outcome::Written(written) if written.remote_id == "7"));
    });
}

/// Two updates, with this answer to their batch.
#[track_caller]
fn check(answer: Result<Response, Error>, expected: Result<Vec<Outcome>, Failure>) {
    let host = host(move |_, _, _| answer.clone());
    let update = |id: &str| delivery(id, WriteOperation::Update(id.into()), &json!({"properties": {"email": "a@x"}}));
    let (got, _) = host.run(|| HubSpot::write("contacts", vec![update("1"), update("2")]));
    assert_eq!(got, expected);
}

#[test]
fn what_became_of_a_batch_is_never_guessed() {
    let unknown = |words: &str| Ok(vec![Outcome::Unknown(words.into()), Outcome::Unknown(words.into())]);
    check(Err(Error::NoAnswer("cut".into())), unknown("cut"));
    check(reply(502, ""), unknown("HTTP 502"));
    check(reply(401, ""), Err(Failure::Unauthorized("HTTP 401".into())));
    check(reply(429, ""), Err(Failure::RetryAfter(10_000)));
    check(Err(Error::Unreachable("refused".into())), Err(Failure::Unavailable("refused".into())));
}

/// Line 117 of the attack list: a value is one of a list in JSON, a property is one that the account has, and ids are ids.
#[test]
fn no_value_changes_a_search() {
    for odd in ODD {
        let host = FakeHost::new().answer(move |_, request| match request.path.as_str() {
            "/crm/v3/properties/contacts" => reply(200, r#"{"results":[{"name":"lastname"}]}"#),
            "/crm/v3/objects/contacts/search" => {
                let asked: Value = nave_sdk::serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
                let expected = json!([{"filters": [{"propertyName": "lastname", "operator": "IN", "values": [odd]}]}]);
                assert_eq!(asked["filterGroups"], expected);
                reply(200, r#"{"results":[]}"#)
            }
            "/crm/v3/objects/contacts/batch/read" => reply(200, r#"{"results":[]}"#),
            other => panic!("{odd:?} asks for {other}"),
        });
        host.run(|| {
            assert_eq!(HubSpot::find("contacts", "properties.lastname", vec![odd.to_owned()]), Ok(vec![]), "{odd:?}");
            for field in [odd.to_owned(), format!("properties.{odd}")] {
                assert!(HubSpot::find("contacts", &field, vec!["1".to_owned()]).is_err(), "{field:?} as a field");
            }
            assert!(HubSpot::get("contacts", vec![odd.to_owned()]).is_err(), "{odd:?} as an id");
            assert!(HubSpot::read(odd, None, 10).is_err(), "{odd:?} as a stream");
        });
    }
}
