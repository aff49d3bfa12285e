//! What changed since a time: what is asked for, and where the next question begins.

use nave_sdk::http::RawRequest;
use nave_sdk::time;
use serde_json::{Value, json};

use super::{parameter, read_all, reply, under};

fn tables(since: &str, page: &str) -> String {
    format!(
        "[streams.things]\nmodified = \"changed\"\ndeleted = {{ path = \"state\", is = [\"trashed\", \"gone\"] }}\n\n[streams.things.read]\npath = \"/things\"\nrecords = \"\"\n\n{since}\n\n{page}\n"
    )
}

/// Twelve hours: the system's clock is not the hub's.
const DATE: (&str, &str) = ("Date", "Tue, 24 Nov 2026 14:00:00 GMT");

/// First and second question of a system where one thing changed at 13:30 and nothing afterwards.
#[track_caller]
fn check(since: &str, expected: &str) {
    let answer = |_: &RawRequest| reply(200, &[DATE], &json!([{ "id": 1, "changed": "2026-11-24T13:30:00Z" }]));
    let (came, asked) = under(&tables(since, ""), answer, || {
        let first = read_all(None, 9).expect("read");
        assert!(first.complete);
        let second = read_all(Some(first.next), 9).expect("read");
        assert!(!second.complete);
        second
    });
    assert_eq!(came.ids, ["1"]);
    assert_eq!(asked[0].path, "/things");
    let headers: Vec<String> = asked[1].headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    let asked = format!("{} {}", asked[1].path, headers.join(", "));
    assert!(asked.contains(expected), "{since}: {asked} has no {expected}");
}

#[test]
fn a_time_is_written_as_the_system_wants_it() {
    for (since, expected) in [
        ("[streams.things.since]\nparameter = \"since\"\n", "?since=2026-11-24T13%3A29%3A00Z "),
        ("[streams.things.since]\nparameter = \"since\"\noverlap-s = 0\n", "?since=2026-11-24T13%3A30%3A00Z "),
        ("[streams.things.since]\nparameter = \"since\"\nformat = \"unix\"\noverlap-s = 0\n", "?since=1795527000 "),
        (
            "[streams.things.since]\nparameter = \"q\"\nvalue = \"changed>={since}\"\nformat = \"date\"\nquery = { sort = \"changed\" }\n",
            "?q=changed%3E%3D2026-11-24&sort=changed ",
        ),
        (
            "[streams.things.since]\nparameter = \"header:If-Modified-Since\"\nformat = \"http-date\"\n",
            "If-Modified-Since: Tue, 24 Nov 2026 13:29:00 GMT",
        ),
    ] {
        check(since, expected);
    }
}

#[test]
fn the_next_question_begins_where_nothing_can_be_missed() {
    let since = "[streams.things.since]\nparameter = \"since\"\noverlap-s = 60\n";
    let page = "[streams.things.page]\nstyle = \"cursor\"\nparameter = \"cursor\"\ncursor = \"/next\"\n";
    let tables = tables(since, page).replace("records = \"\"", "records = \"/data\"");
    // While the list ran another thing changed: the next question begins when the list began, not at the newest change that it showed.
    let answer = |request: &RawRequest| {
        let row = |id: u32, changed: &str| json!({ "id": id, "changed": changed });
        let (row, next) = match parameter(request, "cursor") {
            None => (row(1, "2026-11-24T13:00:00Z"), json!("c")),
            Some(_) => (row(2, "2026-11-24T14:05:00Z"), Value::Null),
        };
        reply(200, &[DATE], &json!({ "data": [row], "next": next }))
    };
    let (came, _) = under(&tables, answer, || read_all(None, 9).expect("read"));
    let next: Value = serde_json::from_slice(&came.next).expect("a checkpoint of ours");
    let us = next["since"].as_i64().expect("a time");
    assert_eq!(time::rfc3339(us), "2026-11-24T13:59:00Z");
    // Nothing changed: the same time again. Never back.
    let none = |_: &RawRequest| reply(200, &[DATE], &json!({ "data": [], "next": null }));
    let (again, _) = under(&tables, none, || read_all(Some(came.next.clone()), 9).expect("read"));
    assert_eq!(again.next, came.next);
    let old =
        |_: &RawRequest| reply(200, &[DATE], &json!({ "data": [{ "id": 1, "changed": "2026-11-24T13:59:30Z" }], "next": null }));
    let (again, _) = under(&tables, old, || read_all(Some(came.next.clone()), 9).expect("read"));
    assert_eq!(again.next, came.next);
}

#[test]
fn not_modified_is_an_empty_list() {
    let since = "[streams.things.since]\nparameter = \"header:If-Modified-Since\"\nformat = \"http-date\"\n";
    let unchanged = |_: &RawRequest| reply(304, &[DATE], &Value::Null);
    let from = serde_json::to_vec(&json!({ "since": 1_795_527_000_000_000_i64 })).expect("JSON");
    let (came, _) = under(&tables(since, ""), unchanged, || read_all(Some(from), 9).expect("read"));
    assert!(came.ids.is_empty() && !came.complete);
    // Who did not ask with a time is sent elsewhere, as by every other redirect.
    assert!(under(&tables(since, ""), unchanged, || read_all(None, 9)).0.is_err());
}

#[test]
fn deletions_are_told_by_a_mark() {
    let rows = json!([{ "id": 1, "state": "gone" }, { "id": 2, "state": "here" }, { "id": 3 }, { "id": 4, "state": "trashed" }]);
    let (came, _) = under(&tables("", ""), move |_| reply(200, &[], &rows), || read_all(None, 9).expect("read"));
    assert_eq!(came.ids, ["-1", "2", "3", "-4"]);
}

/// Rows come oldest change first, and one that changes moves to the end while the list is read: nothing is skipped, nothing comes twice
/// in the same state.
#[test]
fn rows_that_move_to_the_end_are_not_skipped() {
    let since = "[streams.things.since]\nparameter = \"since\"\noverlap-s = 0\nascending = true\n";
    let page = "[streams.things.page]\nstyle = \"page\"\nparameter = \"page\"\nsize = 2\n";
    // Second of the last change, by id; 1 to 3 share a moment.
    let mut things: Vec<(u64, u32)> = vec![(1, 10), (2, 10), (3, 10), (4, 11), (5, 12), (6, 13), (7, 14)];
    let mut requests = 0;
    let answer = move |request: &RawRequest| {
        requests += 1;
        if requests == 2 {
            things[0].1 = 20;
        }
        things.sort_by_key(|(id, second)| (*second, *id));
        let from = parameter(request, "since").unwrap_or_default();
        let time = |second: u32| format!("2026-11-24T13:00:{second:02}Z");
        let page: usize = parameter(request, "page").expect("a page").parse().expect("a number");
        let rows = things.iter().filter(|(_, second)| time(*second) >= from).skip((page - 1) * 2).take(2);
        let rows: Vec<Value> = rows.map(|(id, second)| json!({ "id": id, "changed": time(*second) })).collect();
        reply(200, &[DATE], &json!(rows))
    };
    let (came, asked) = under(&tables(since, page), answer, || read_all(None, 9).expect("read"));
    let mut ids = came.ids.clone();
    ids.sort();
    // The first was read before and after its change.
    assert_eq!(ids, ["1", "1", "2", "3", "4", "5", "6", "7"], "{asked:#?}");
    assert!(came.complete);
}
