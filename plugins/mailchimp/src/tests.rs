//! The connector as the hub uses it, against scripted answers.

use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::serde_json::{self, Value, json};
use nave_sdk::testing::{FakeHost, ODD, reply};
use nave_sdk::time;

use crate::Mailchimp;

const SETTINGS: &str = r#"{"url":"https://us1.api.mailchimp.com","audience":"a1"}"#;
const MEMBERS: &str = "/lists/a1/members";

fn parameter<'a>(request: &'a RawRequest, name: &str) -> Option<&'a str> {
    let (_, query) = request.path.split_once('?')?;
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn path(request: &RawRequest) -> &str {
    request.path.split('?').next().unwrap_or_default()
}

fn member(id: u64, second: i64, status: &str) -> Value {
    let changed = time::rfc3339(second * 1_000_000).replace('Z', "+00:00");
    json!({"contact_id": format!("c{id}"), "email_address": format!("{id}@x.test"), "status": status, "last_changed": changed})
}

/// Answers as the vendor does: sorted by the time of the last change, those after a time, counted pages, archived ones apart.
fn listing(all: &[(u64, i64, &str)], request: &RawRequest) -> Result<Response, Error> {
    assert_eq!((path(request), parameter(request, "sort_field")), (MEMBERS, Some("last_changed")));
    let number = |name: &str| parameter(request, name).and_then(|text| text.parse::<usize>().ok()).expect("a number");
    let since = parameter(request, "since_last_changed").map(|text| text.replace("%3A", ":").replace("%2B", "+"));
    let since = since.map(|text| time::parse_rfc3339(&text).expect("a time") / 1_000_000);
    let archived = parameter(request, "status") == Some("archived");
    let mut found: Vec<_> = all
        .iter()
        .filter(|(_, second, status)| (*status == "archived") == archived && since.is_none_or(|since| *second > since))
        .collect();
    found.sort_by_key(|(id, second, _)| (*second, *id));
    let page: Vec<Value> = found
        .iter()
        .skip(number("offset"))
        .take(number("count"))
        .map(|(id, second, status)| member(*id, *second, status))
        .collect();
    reply(200, &json!({"members": page, "total_items": found.len()}).to_string())
}

/// Reads to the end of a round; answers id and operation of all that came, the checkpoint, and whether it was complete.
fn round(mut checkpoint: Option<Vec<u8>>) -> (Vec<(String, bool)>, Vec<u8>, bool) {
    let mut seen = Vec::new();
    for _ in 0..200 {
        let page = Mailchimp::read("members", checkpoint.take(), 50).expect("a page");
        assert!(page.records.len() <= 50);
        seen.extend(page.records.iter().map(|record| (record.remote_id.clone(), record.operation == Operation::Delete)));
        if !page.more {
            return (seen, page.next, page.complete_scan);
        }
        checkpoint = Some(page.next);
    }
    panic!("it never ended");
}

#[test]
fn members_of_one_second_are_all_read_and_each_once() {
    // 120 of one import share a second, with others before and after.
    let all: Vec<(u64, i64, &str)> =
        (0..300).map(|id| (id, if (60..180).contains(&id) { 5_000 } else { 4_000 + id as i64 * 10 }, "subscribed")).collect();
    let host = FakeHost::new().settings(SETTINGS).answer(move |_, request| listing(&all, request));
    host.run(|| {
        let (seen, _, complete) = round(None);
        let different: std::collections::BTreeSet<_> = seen.iter().collect();
        assert_eq!((seen.len(), different.len(), complete), (300, 300, true));
    });
}

#[test]
fn everything_then_changes_then_who_was_archived() {
    let now = 1_763_949_600;
    let all = [
        (1, now - 900, "subscribed"),
        (2, now - 800, "cleaned"),
        (3, now - 700, "archived"),
        (4, now - 3, "archived"),
        (5, now - 2, "pending"),
    ];
    let host = FakeHost::new().settings(SETTINGS).at("2025-11-24T02:00:00Z").answer(move |_, request| listing(&all, request));
    host.run(|| {
        let (seen, next, complete) = round(None);
        let of = |ids: &[(&str, bool)]| ids.iter().map(|(id, gone)| ((*id).to_owned(), *gone)).collect::<Vec<_>>();
        assert_eq!((seen, complete), (of(&[("c1", false), ("c2", false), ("c5", false)]), true));
        let (seen, _, complete) = round(Some(next));
        assert_eq!((seen, complete), (of(&[("c5", false), ("c4", true)]), false));
    });
}

/// The vendor takes the filter by time away, and gives it back: all is read each time meanwhile, and the checkpoint expires
/// with each turn.
#[test]
fn without_a_filter_by_time_everything_is_read_each_time() {
    use std::cell::Cell;
    use std::rc::Rc;
    let filters = Rc::new(Cell::new(false));
    let offered = Rc::clone(&filters);
    let all: Vec<(u64, i64, &str)> = (0..120).map(|id| (id, 5_000 + id as i64, "subscribed")).collect();
    let host = FakeHost::new().settings(SETTINGS).answer(move |_, request| {
        if parameter(request, "since_last_changed").is_some() && !offered.get() {
            return reply(400, r#"{"title":"Invalid Resource","detail":"Members cannot be filtered by this field"}"#);
        }
        match (path(request), parameter(request, "fields"), parameter(request, "sort_field")) {
            ("/lists/a1/merge-fields", ..) => reply(200, r#"{"merge_fields":[]}"#),
            (MEMBERS, Some("total_items"), _) => reply(200, r#"{"total_items":120}"#),
            (MEMBERS, None, Some("timestamp_opt")) => {
                let number = |name: &str| parameter(request, name).and_then(|text| text.parse::<usize>().ok()).expect("a number");
                let page = all.iter().skip(number("offset")).take(number("count"));
                let page: Vec<Value> = page.map(|(id, second, status)| member(*id, *second, status)).collect();
                reply(200, &json!({"members": page, "total_items": all.len()}).to_string())
            }
            _ => listing(&all, request),
        }
    });
    host.run(|| {
        let way = || Mailchimp::discover().expect("streams")[0].capabilities.clone();
        assert_eq!((way().changes, way().deletes), (ChangeDetection::FullScan, DeleteDetection::Get));
        let (seen, next, complete) = round(None);
        assert_eq!((seen.len(), complete), (120, true));
        let (seen, next, complete) = round(Some(next));
        assert_eq!((seen.len(), complete), (120, true), "once more, all of it");
        filters.set(true);
        assert_eq!(Mailchimp::read("members", Some(next), 50), Err(Failure::CheckpointExpired));
        assert_eq!(way().changes, ChangeDetection::Incremental);
        let (_, next, _) = round(None);
        let (seen, next, complete) = round(Some(next));
        assert!((seen.len(), complete) < (120, true), "only what changed");
        filters.set(false);
        assert_eq!(Mailchimp::read("members", Some(next), 50), Err(Failure::CheckpointExpired));
    });
}

fn delivery(operation: WriteOperation, changed: &Value) -> Delivery {
    let bytes = changed.to_string().into_bytes();
    Delivery { id: "d1".into(), operation, if_version: None, changed: bytes.clone(), desired: bytes }
}

#[test]
fn nobody_is_subscribed_unless_the_settings_say_so() {
    for (settings, status) in [(SETTINGS, "unsubscribed"), (r#"{"audience":"a1","status-of-new":"subscribed"}"#, "subscribed")] {
        let host = FakeHost::new().settings(settings).answer(move |_, request| {
            let sent: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
            assert_eq!((request.method.as_str(), path(request)), ("POST", MEMBERS));
            assert_eq!(sent, json!({"email_address": "7@x.test", "merge_fields": {"FNAME": "Ada"}, "status": status}));
            reply(200, &member(7, 1, status).to_string())
        });
        host.run(|| {
            let body = json!({"email_address": "7@x.test", "merge_fields": {"FNAME": "Ada", "PHONE": null}, "language": null});
            let outcomes = Mailchimp::write("members", vec![delivery(WriteOperation::Create, &body)]).expect("outcomes");
            assert!(matches!(&outcomes[0], Outcome::Written(written) if written.remote_id == "c7"), "{outcomes:?}");
        });
    }
}

#[test]
fn nothing_is_a_text_without_letters() {
    let host = FakeHost::new().settings(SETTINGS).answer(|_, request| {
        assert_eq!((request.method.as_str(), path(request)), ("PATCH", "/lists/a1/members/c7"));
        let sent: Value = serde_json::from_slice(request.body.as_deref().unwrap_or_default()).expect("JSON");
        assert_eq!(sent, json!({"merge_fields": {"PHONE": ""}, "language": ""}));
        {
            let mut found = member(7, 1, "subscribed");
            found["email_address"] = json!("Ada+X@x.test");
            reply(200, &found.to_string())
        }
    });
    host.run(|| {
        let body = json!({"merge_fields": {"PHONE": null}, "language": null});
        let outcomes = Mailchimp::write("members", vec![delivery(WriteOperation::Update("c7".into()), &body)]).expect("outcomes");
        assert!(matches!(&outcomes[0], Outcome::Written(_)), "{outcomes:?}");
    });
}

#[test]
fn members_are_found_by_their_mailbox() {
    let host = FakeHost::new().settings(SETTINGS).answer(|_, request| match path(request) {
        "/lists/a1/members/ada%2Bx%40x.test" => {
            let mut found = member(7, 1, "subscribed");
            found["email_address"] = json!("Ada+X@x.test");
            reply(200, &found.to_string())
        }
        "/lists/a1/members/old%40x.test" => reply(200, &member(8, 1, "archived").to_string()),
        _ => reply(404, r#"{"title":"Resource Not Found"}"#),
    });
    host.run(|| {
        let values = ["Ada+x@x.test", "old@x.test", "nobody@x.test"].map(str::to_owned).to_vec();
        let found = Mailchimp::find("members", "email_address", values).expect("members");
        let ids: Vec<_> = found.iter().map(|record| record.remote_id.as_str()).collect();
        assert_eq!(ids, ["c7"], "who is archived is not there");
    });
}

#[test]
fn a_listing_that_changed_on_the_way_is_not_complete() {
    for (totals, complete) in [([3_u64, 3], true), ([3, 4], false)] {
        let host = FakeHost::new().answer(move |_, request| {
            let second = parameter(request, "offset") == Some("2");
            let rows: &[Value] = if second { &[json!({"id": "c"})] } else { &[json!({"id": "a"}), json!({"id": "b"})] };
            reply(200, &json!({"campaigns": rows, "total_items": totals[usize::from(second)]}).to_string())
        });
        host.run(|| {
            let first = Mailchimp::read("campaigns", None, 2).expect("a page");
            let second = Mailchimp::read("campaigns", Some(first.next), 2).expect("a page");
            assert_eq!((first.more, second.more, second.complete_scan), (true, false, complete));
            assert_eq!([first.total, second.total], totals.map(Some));
        });
    }
}

/// A create, with this answer.
#[track_caller]
fn check(answer: Result<Response, Error>, expected: Result<Vec<Outcome>, Failure>) {
    let host = FakeHost::new().settings(SETTINGS).answer(move |_, _| answer.clone());
    let body = json!({"email_address": "7@x.test"});
    let (got, _) = host.run(|| Mailchimp::write("members", vec![delivery(WriteOperation::Create, &body)]));
    assert_eq!(got, expected);
}

#[test]
fn what_became_of_a_write_is_never_guessed() {
    let unknown = |words: &str| Ok(vec![Outcome::Unknown(words.into())]);
    check(Err(Error::NoAnswer("cut".into())), unknown("cut"));
    check(reply(502, ""), unknown("HTTP 502"));
    check(reply(200, "{}"), unknown("the answer to the write is not a member"));
    check(reply(429, ""), Err(Failure::RetryAfter(30_000)));
    check(reply(401, r#"{"title":"API Key Invalid","detail":"no"}"#), Err(Failure::Unauthorized("HTTP 401: no".into())));
    check(Err(Error::Unreachable("refused".into())), Err(Failure::Unavailable("refused".into())));
    check(
        reply(400, r#"{"title":"Member Exists","detail":"7@x.test is already a list member."}"#),
        Ok(vec![Outcome::Rejected(
            Rejection::new("duplicate", "HTTP 400: 7@x.test is already a list member.").field("email_address"),
        )]),
    );
}

/// Line 117 of the attack list: only mailboxes are looked for, by themselves, and only who has that mailbox is found; ids are ids.
#[test]
fn no_value_names_another_member() {
    // What would be an id, or something below a member, with and without the look of a mailbox.
    for odd in ODD.into_iter().chain(["c7", "7/notes@x.test", "@/../c7"]) {
        let host = FakeHost::new().settings(SETTINGS).answer(move |_, request| panic!("{odd:?} asks for {}", request.path));
        host.run(|| {
            assert_eq!(Mailchimp::find("members", "email_address", vec![odd.to_owned()]), Ok(vec![]), "{odd:?}");
            assert!(Mailchimp::find("members", odd, vec!["a@x.test".to_owned()]).is_err(), "{odd:?} as a field");
            if odd == "c7" {
                return;
            }
            for stream in ["members", "audiences", "campaigns"] {
                assert!(Mailchimp::get(stream, vec![odd.to_owned()]).is_err(), "{odd:?} as an id");
            }
            for operation in [WriteOperation::Update(odd.to_owned()), WriteOperation::Delete(odd.to_owned())] {
                let body = br#"{"language":"de"}"#.to_vec();
                let delivery = Delivery { id: "d1".into(), operation, if_version: None, changed: body.clone(), desired: body };
                let outcomes = Mailchimp::write("members", vec![delivery]).expect("outcomes");
                assert!(matches!(&outcomes[..], [Outcome::Rejected(_)]), "{odd:?}: {outcomes:?}");
            }
        });
    }
    let host = FakeHost::new().settings(SETTINGS).answer(|_, _| reply(200, &member(7, 1, "subscribed").to_string()));
    host.run(|| {
        let found = Mailchimp::find("members", "email_address", vec!["o'brien@x.test".to_owned()]).expect("an answer");
        assert_eq!(found, [], "the answer is about another mailbox");
    });
}
