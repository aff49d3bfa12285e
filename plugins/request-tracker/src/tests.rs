//! The connector as the hub uses it, against scripted answers.

use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{self, Value, json};
use nave_sdk::testing::{FakeHost, ODD, parameter, path, reply};

use crate::RequestTracker;

/// An answer with an ETag.
fn tagged(body: &Value, tag: &str) -> Result<Response, Error> {
    reply(200, &body.to_string()).map(|mut answer| {
        answer.headers.push(("ETag".to_owned(), tag.to_owned()));
        answer
    })
}

fn items(rows: &[Value]) -> Result<Response, Error> {
    reply(200, &json!({ "items": rows }).to_string())
}

/// Answers what is asked about agents: user 2 is one.
fn staff(request: &RawRequest) -> Option<Result<Response, Error>> {
    match path(request) {
        "/groups" => Some(items(&[json!({"id": 4, "Name": "Privileged"})])),
        "/group/4/members" => Some(items(&[json!({"id": 2})])),
        _ => None,
    }
}

fn ids(page: &Page) -> Vec<(&str, bool)> {
    page.records.iter().map(|record| (record.remote_id.as_str(), record.operation == Operation::Delete)).collect()
}

/// Lists of users pass over conditions: what page it is says the number alone.
fn users(pages: &[&[u64]], totals: &[u64], request: &RawRequest) -> Result<Response, Error> {
    let page = parameter(request, "page").and_then(|page| page.parse::<usize>().ok()).expect("a page") - 1;
    let rows: Vec<Value> =
        pages[page].iter().map(|id| json!({"id": id, "Name": if *id == 1 { "RT_System" } else { "x" }})).collect();
    reply(200, &json!({ "items": rows, "total": totals[page] }).to_string())
}

#[test]
fn users_without_agents_then_who_changed_by_the_log() {
    let host = FakeHost::new().answer(|_, request| {
        if let Some(answer) = staff(request) {
            return answer;
        }
        let query = parameter(request, "query").unwrap_or_default();
        match (path(request), query.as_str()) {
            ("/users", _) => users(&[&[1, 2, 5], &[7]], &[4, 4], request),
            ("/transactions", "id > 0") => items(&[json!({"id": 100})]),
            ("/transactions", "id > 80 AND ObjectType = 'RT::User'") => {
                items(&[json!({"id": 101, "ObjectId": "2"}), json!({"id": 102, "ObjectId": "5"})])
            }
            ("/transactions", "id > 102 AND ObjectType = 'RT::User'") => items(&[json!({"id": 103, "ObjectId": "7"})]),
            ("/user/2", "") => reply(200, r#"{"id":2,"Privileged":1,"Disabled":"0"}"#),
            ("/user/5", "") => reply(200, r#"{"id":5,"Privileged":0,"Disabled":"1"}"#),
            ("/user/7", "") => reply(200, r#"{"id":7,"Privileged":0,"Disabled":"0"}"#),
            other => panic!("{other:?}"),
        }
    });
    host.run(|| {
        let first = RequestTracker::read("users", None, 3).expect("a page");
        assert_eq!((ids(&first), first.more, first.complete_scan, first.total), (vec![("5", false)], true, false, Some(4)));
        let second = RequestTracker::read("users", Some(first.next), 3).expect("a page");
        assert_eq!((ids(&second), second.more, second.complete_scan), (vec![("7", false)], false, true));
        let third = RequestTracker::read("users", Some(second.next), 2).expect("a page");
        assert_eq!((ids(&third), third.more), (vec![("5", true)], true), "who was disabled is gone, an agent is none of ours");
        let last = RequestTracker::read("users", Some(third.next), 2).expect("a page");
        assert_eq!((ids(&last), last.more, last.complete_scan), (vec![("7", false)], false, false));
    });
}

/// Since its security release of 2026 Request Tracker shows no group that it made itself: each user is asked who he is.
#[test]
fn agents_are_told_from_customers_where_their_group_is_not_shown() {
    let host = FakeHost::new().answer(|_, request| match path(request) {
        "/transactions" => items(&[json!({"id": 100})]),
        "/groups" => items(&[]),
        "/users" if parameter(request, "page").is_some() => {
            assert_eq!(parameter(request, "per_page").as_deref(), Some("25"), "as many as can be asked for in one call");
            users(&[&[1, 2, 5, 7]], &[4], request)
        }
        "/users" => items(&[json!({"id": 2, "Name": "ada"}), json!({"id": 5, "Name": "ada"})]),
        "/user/2" => reply(200, r#"{"id":2,"Privileged":1,"Disabled":"0"}"#),
        "/user/5" => reply(200, r#"{"id":5,"Name":"ada","Privileged":0,"Disabled":"0"}"#),
        "/user/7" => reply(403, ""),
        other => panic!("{other}"),
    });
    host.run(|| {
        let page = RequestTracker::read("users", None, 100).expect("a page");
        assert_eq!((ids(&page), page.more, page.complete_scan), (vec![("5", false)], false, true));
        let found = RequestTracker::find("users", "Name", vec!["ada".to_owned()]).expect("found");
        assert_eq!(found.iter().map(|record| record.remote_id.as_str()).collect::<Vec<_>>(), ["5"]);
    });
}

#[test]
fn a_list_of_users_that_changed_on_the_way_is_read_again() {
    let host = FakeHost::new().answer(|_, request| match (staff(request), path(request)) {
        (Some(answer), _) => answer,
        (None, "/transactions") => items(&[json!({"id": 100})]),
        _ => users(&[&[5, 6], &[8]], &[4, 3], request),
    });
    host.run(|| {
        let first = RequestTracker::read("users", None, 2).expect("a page");
        let second = RequestTracker::read("users", Some(first.next), 2).expect("a page");
        assert_eq!((second.more, second.complete_scan), (false, false));
        let again = RequestTracker::read("users", Some(second.next), 2).expect("a page");
        assert_eq!((ids(&again), again.more), (vec![("5", false), ("6", false)], true));
    });
}

#[test]
fn tickets_by_the_log_with_those_that_a_search_passes_over() {
    let host = FakeHost::new().answer(|_, request| {
        let query = parameter(request, "query").unwrap_or_default();
        match (path(request), query.as_str()) {
            ("/transactions", "id > 0") => items(&[json!({"id": 100})]),
            ("/tickets", "id > 0") => items(&[json!({"id": 1, "Status": "new"})]),
            ("/transactions", "id > 80 AND ObjectType = 'RT::Ticket'") => items(&[
                json!({"id": 101, "ObjectId": "1"}),
                json!({"id": 102, "ObjectId": "1"}),
                json!({"id": 103, "ObjectId": 2}),
                json!({"id": 104, "ObjectId": "3"}),
            ]),
            ("/tickets", "id = 1 OR id = 2 OR id = 3") => items(&[json!({"id": "1", "Status": "open"})]),
            ("/ticket/2", "") => reply(200, r#"{"id":2,"Status":"deleted","EffectiveId":{"id":"2"}}"#),
            ("/ticket/3", "") => reply(200, r#"{"id":1,"Status":"open","EffectiveId":{"id":"1"}}"#),
            // Twenty transactions are read again, and nothing older.
            ("/transactions", "id > 84 AND ObjectType = 'RT::Ticket'") => items(&[]),
            other => panic!("{other:?}"),
        }
    });
    host.run(|| {
        let first = RequestTracker::read("tickets", None, 100).expect("a page");
        assert_eq!((ids(&first), first.complete_scan), (vec![("1", false)], true));
        let second = RequestTracker::read("tickets", Some(first.next), 100).expect("a page");
        assert_eq!(ids(&second), [("1", false), ("2", true), ("3", false)]);
        assert_eq!(second.records[2], SourceRecord::merged_into("3", "1"));
        let third = RequestTracker::read("tickets", Some(second.next), 100).expect("a page");
        assert_eq!((third.records.len(), third.more), (0, false));
    });
}

fn update(changed: &Value, version: Option<String>) -> Delivery {
    let bytes = changed.to_string().into_bytes();
    let operation = WriteOperation::Update("5".into());
    Delivery { id: "d1".into(), operation, if_version: version, changed: bytes.clone(), desired: bytes }
}

/// An update of a user who is called Ada, whom the server answers so; after it she is `after`.
fn updated(sent: &'static str, answer: Result<Response, Error>, after: Value, delivery: Delivery) -> Outcome {
    let mut put = false;
    let host = FakeHost::new().answer(move |_, request| match (request.method.as_str(), path(request)) {
        ("GET", "/user/5") if put => tagged(&after, "\"8\""),
        ("GET", "/user/5") => tagged(&json!({"id": 5, "RealName": "Ada Lovelace", "City": "Köln"}), "\"7\""),
        ("PUT", "/user/5") => {
            put = true;
            assert!(request.headers.contains(&("If-Match".to_owned(), "\"7\"".to_owned())));
            assert_eq!(String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()), sent);
            answer.clone()
        }
        other => panic!("{other:?}"),
    });
    host.run(|| RequestTracker::write("users", vec![delivery]).expect("outcomes").remove(0)).0
}

#[test]
fn a_success_that_is_a_refusal_is_one() {
    let said = r#"["User ada: City changed from 'Köln' to 'Bonn'","User ada: Email address in use"]"#;
    let sent = r#"{"City":"Bonn","EmailAddress":"b@x.test"}"#;
    let after = json!({"id": 5, "RealName": "Ada Lovelace", "City": "Bonn"});
    let outcome = updated(sent, reply(200, said), after, update(&json!({"City": "Bonn", "EmailAddress": "b@x.test"}), None));
    let words = Rejection::new("duplicate", "User ada: Email address in use").field("EmailAddress");
    assert_eq!(outcome, Outcome::Rejected(words));
}

#[test]
fn what_is_ignored_without_a_word_is_refused() {
    let after = json!({"id": 5, "RealName": "Ada Lovelace", "City": "Köln"});
    let outcome = updated(r#"{"Gecos":"ada"}"#, reply(200, "[]"), after, update(&json!({"Gecos": "ada"}), None));
    let Outcome::Rejected(rejection) = outcome else { panic!("{outcome:?}") };
    assert_eq!((rejection.class.as_str(), rejection.field.as_deref()), ("read-only", Some("Gecos")));
    let after = json!({"id": 5, "RealName": "Ada Lovelace", "Zip": "50667"});
    let outcome = updated(r#"{"Zip":"50667-0001"}"#, reply(200, "[]"), after, update(&json!({"Zip": "50667-0001"}), None));
    assert!(matches!(&outcome, Outcome::Rejected(rejection) if rejection.class == "length"), "{outcome:?}");
}

#[test]
fn half_a_name_is_put_together_with_the_other_half() {
    let after = json!({"id": 5, "RealName": "Augusta Lovelace"});
    let said = r#"["User ada: RealName changed from 'Ada Lovelace' to 'Augusta Lovelace'"]"#;
    let sent = r#"{"City":"","RealName":"Augusta Lovelace"}"#;
    let outcome = updated(sent, reply(200, said), after, update(&json!({"first_name": "Augusta", "City": null}), None));
    assert!(matches!(&outcome, Outcome::Written(written) if written.remote_id == "5"), "{outcome:?}");
}

#[test]
fn what_somebody_changed_meanwhile_is_a_conflict() {
    // Before the request, by what it was computed from; during it, by the system's own condition.
    let delivery = || update(&json!({"City": "Bonn"}), Some("other".to_owned()));
    let outcome = updated("", reply(500, ""), Value::Null, delivery());
    assert!(matches!(&outcome, Outcome::Conflict(now) if now.remote_id == "5"), "{outcome:?}");
    let after = json!({"id": 5, "City": "Trier"});
    let late = updated(r#"{"City":"Bonn"}"#, reply(412, "{}"), after, update(&json!({"City": "Bonn"}), None));
    assert!(matches!(&late, Outcome::Conflict(now) if String::from_utf8_lossy(&now.body).contains("Trier")), "{late:?}");
}

/// A create, with this answer to it.
#[track_caller]
fn check(answer: Result<Response, Error>, found: &'static [u64], expected: Result<Vec<Outcome>, Failure>) {
    let host = FakeHost::new().answer(move |_, request| {
        if let Some(answer) = staff(request) {
            return answer;
        }
        match request.method.as_str() {
            "POST" => {
                let sent: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
                assert_eq!(sent, json!({"Name": "nave-1", "RealName": "Ada Lovelace", "Privileged": 0}));
                answer.clone()
            }
            _ => {
                items(&found.iter().map(|id| json!({"id": id, "Name": "nave-1", "RealName": "Ada Lovelace"})).collect::<Vec<_>>())
            }
        }
    });
    let body = json!({"Name": "nave-1", "first_name": "Ada", "last_name": "Lovelace", "City": null}).to_string().into_bytes();
    let delivery =
        Delivery { id: "d1".into(), operation: WriteOperation::Create, if_version: None, changed: body.clone(), desired: body };
    let (got, _) = host.run(|| RequestTracker::write("users", vec![delivery]));
    let without_body = got.map(|outcomes| {
        outcomes.into_iter().map(|outcome| match outcome {
            Outcome::Written(written) => nave_sdk::write::written_unread(written.remote_id),
            other => other,
        })
    });
    assert_eq!(without_body.map(Iterator::collect::<Vec<_>>), expected);
}

#[test]
fn what_became_of_a_create_is_never_guessed() {
    let unknown = |words: &str| Ok(vec![Outcome::Unknown(words.into())]);
    check(reply(201, r#"{"id":"nave-1"}"#), &[9], Ok(vec![nave_sdk::write::written_unread("9")]));
    check(reply(201, r#"{"id":"nave-1"}"#), &[], unknown("it was made, and could not be read back"));
    check(Err(Error::NoAnswer("cut".into())), &[], unknown("cut"));
    check(reply(500, ""), &[], unknown("HTTP 500"));
    let taken = Rejection::new("duplicate", "Email address in use").field("EmailAddress");
    check(reply(400, r#"{"message":"Email address in use"}"#), &[], Ok(vec![Outcome::Rejected(taken)]));
    check(reply(401, r#"{"message":"Unauthorized"}"#), &[], Err(Failure::Unauthorized("HTTP 401: Unauthorized".into())));
}

/// What one text of the query language says, where it is one text and nothing more.
fn one_text(query: &str) -> Option<String> {
    let mut rest = query.strip_prefix("Subject = '")?.strip_suffix('\'')?.chars();
    let mut said = String::new();
    while let Some(character) = rest.next() {
        said.push(match character {
            '\\' => rest.next()?,
            '\'' => return None,
            other => other,
        });
    }
    Some(said)
}

/// Line 117 of the attack list: a value stays a value, an id is a number, and only named fields are asked for.
#[test]
fn no_value_changes_a_query() {
    for odd in ODD {
        let log = move || [json!({"id": 101, "ObjectId": odd}), json!({"id": 102, "ObjectId": "3"})];
        let host = FakeHost::new().answer(move |_, request| {
            let query = parameter(request, "query").unwrap_or_default();
            match path(request) {
                "/users" => {
                    let asked: Value = serde_json::from_str(&query).expect("JSON");
                    assert_eq!(asked, json!([{"field": "Name", "operator": "=", "value": odd}]));
                }
                "/tickets" if query.starts_with("Subject") => assert_eq!(one_text(&query).as_deref(), Some(odd), "{query}"),
                "/tickets" => assert_eq!(query, "id = 3", "what the log calls {odd:?}"),
                "/transactions" => return items(&log()),
                "/ticket/3" => return reply(404, "{}"),
                other => panic!("{odd:?} asks for {other}"),
            }
            items(&[])
        });
        let (_, host) = host.run(|| {
            for (stream, path) in [("users", "Name"), ("tickets", "Subject")] {
                let found = RequestTracker::find(stream, path, vec![odd.to_owned()]);
                assert_eq!(found, Ok(vec![]), "{odd:?}");
                assert!(RequestTracker::find(stream, odd, vec!["1".to_owned()]).is_err(), "{odd:?} as a field");
                assert!(RequestTracker::get(stream, vec![odd.to_owned()]).is_err(), "{odd:?} as an id");
                for operation in [WriteOperation::Update(odd.to_owned()), WriteOperation::Delete(odd.to_owned())] {
                    let delivery = Delivery { operation, ..update(&json!({"Subject": "s"}), None) };
                    let outcomes = RequestTracker::write(stream, vec![delivery]).expect("outcomes");
                    assert!(matches!(&outcomes[..], [Outcome::Rejected(_)]), "{odd:?}: {outcomes:?}");
                }
            }
            let from = Some(br#"{"log":100,"pass":null}"#.to_vec());
            let page = RequestTracker::read("tickets", from, 100).expect("a page");
            assert_eq!(ids(&page), [("3", true)], "{odd:?}");
        });
        assert_eq!(host.requests().len(), 5, "two searches, and three about the log");
    }
}
