//! Every style of paging, as a table: what is asked for, what comes, whether the list is called complete.

use nave_sdk::prelude::*;
use serde_json::{Value, json};

use super::{Came, body, numbered, parameter, read_all, reply, under};
use crate::Rest;

fn tables(page: &str, method: &str) -> String {
    format!(
        "[streams.things.read]\nmethod = \"{method}\"\npath = \"/things\"\nrecords = \"/data\"\nquery = {{ kind = \"x\" }}\n\n[streams.things.page]\n{page}\n"
    )
}

/// A list of so many things, read so many at a time: all of them, each once; in this many pages, complete or not. The last entry is a
/// part of the second request.
#[track_caller]
fn check(style: &str, page: &str, count: u64, expected_pages: usize, complete: bool, second: &str) {
    let method = if page.contains("\"/") && page.contains("parameter = \"/") { "POST" } else { "GET" };
    let style = style.to_owned();
    let (came, asked) = under(
        &tables(page, method),
        move |request| {
            let own = body(request);
            let number = |name: &str| {
                let of_body = own.get(name).and_then(Value::as_u64);
                of_body.or_else(|| parameter(request, name).and_then(|text| text.parse::<u64>().ok()))
            };
            let size = number("limit").unwrap_or(10);
            let from = match style.as_str() {
                "page" => (number("page").expect("a page is asked for") - 1) * size,
                "page-from-0" => number("page").expect("a page is asked for") * size,
                "offset" => number("offset").expect("an offset is asked for"),
                "keyset" => number("after").map_or(0, |last| last + 1),
                _ => parameter(request, "cursor")
                    .or_else(|| own["at"]["cursor"].as_str().map(str::to_owned))
                    .map_or(0, |cursor| cursor.trim_start_matches("c").parse().expect("a cursor of ours")),
            };
            let rows = numbered(from..(from + size).min(count));
            let after = from + rows.len() as u64;
            let more = after < count;
            let cursor = if more { json!(format!("c{after}")) } else { Value::Null };
            let address = |front: &str| if more { json!(format!("{front}/things?cursor=c{after}")) } else { Value::Null };
            let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
            let link = format!(
                "<{}>; rel=\"next\", <https://shop.example/v1/things?cursor=c0>; rel=\"first\"",
                text(&address("https://shop.example/v1"))
            );
            let headers = match style.as_str() {
                "link" if more => vec![("Link", link.as_str())],
                _ => vec![],
            };
            let header_cursor = text(&cursor);
            let headers = if style == "header-cursor" && more { vec![("X-Next", header_cursor.as_str())] } else { headers };
            reply(
                200,
                &headers,
                &json!({
                    "data": rows, "count": count, "has_more": more, "next": cursor, "next_url": address("https://shop.example/v1"),
                    "next_path": address("/v1"), "next_query": if more { json!(format!("?cursor=c{after}")) } else { Value::Null },
                }),
            )
        },
        || read_all(None, 100),
    );
    let came = came.unwrap_or_else(|failure| panic!("{page}: {failure:?}"));
    let expected: Vec<String> = (0..count).map(|id| id.to_string()).collect();
    assert_eq!((came.ids, came.pages, came.complete), (expected, expected_pages, complete), "{page}: {asked:#?}");
    assert_eq!(came.total, page.contains("total =").then_some(count), "{page}");
    if let Some(request) = asked.get(1) {
        let text = format!("{} {}", request.path, body(request));
        assert!(text.contains(second), "{page}: {text} has no {second}");
    }
}

#[test]
fn every_style_reads_every_row_once() {
    for (style, page, count, pages, complete, second) in [
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 10\nsize-parameter = \"limit\"", 25, 3, false, "page=2"),
        (
            "page",
            "style = \"page\"\nparameter = \"page\"\nsize = 10\nsize-parameter = \"limit\"\nstable = true",
            25,
            3,
            true,
            "kind=x",
        ),
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 10\ntotal = \"/count\"", 25, 3, true, "page=2"),
        // The last page is full: the total says that nothing follows, without it one more is asked for.
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 10\ntotal = \"/count\"", 20, 2, true, "page=2"),
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 10\nstable = true", 20, 3, true, "page=2"),
        ("page", "style = \"page\"\nparameter = \"page\"\nmore = \"/has_more\"\nstable = true", 20, 2, true, "page=2"),
        ("page", "style = \"page\"\nparameter = \"page\"\nstable = true", 20, 3, true, "page=2"),
        ("page-from-0", "style = \"page\"\nfirst = 0\nparameter = \"page\"\nsize = 10\nstable = true", 25, 3, true, "page=1"),
        // One page tells everything, whatever the style, once the next one has nothing.
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 10", 7, 2, true, ""),
        // The system gives ten rows, whatever it is thought to give: no row is left out, and nothing is called complete that may not be.
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 100\ntotal = \"/count\"", 25, 3, true, "page=2"),
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 100", 25, 3, false, "page=2"),
        ("page", "style = \"page\"\nparameter = \"page\"\nsize = 100\nstable = true", 20, 3, true, "page=2"),
        ("offset", "style = \"offset\"\nparameter = \"offset\"\nsize = 100", 25, 3, false, "offset=10"),
        ("keyset", "style = \"keyset\"\nparameter = \"after\"\nsize = 100", 25, 3, true, "after=9"),
        (
            "offset",
            "style = \"offset\"\nparameter = \"offset\"\nsize = 10\nsize-parameter = \"limit\"\ntotal = \"/count\"",
            25,
            3,
            true,
            "offset=10",
        ),
        (
            "offset",
            "style = \"offset\"\nparameter = \"offset\"\nsize = 10\ntotal = \"/count\"\noverlap = 3",
            25,
            4,
            true,
            "offset=7",
        ),
        ("offset", "style = \"offset\"\nparameter = \"offset\"\nsize = 10", 25, 3, false, "offset=10"),
        (
            "offset",
            "style = \"offset\"\nparameter = \"/offset\"\nsize = 10\nsize-parameter = \"/limit\"\nstable = true",
            25,
            3,
            true,
            "{\"limit\":10,\"offset\":10}",
        ),
        ("cursor", "style = \"cursor\"\nparameter = \"cursor\"\ncursor = \"/next\"", 25, 3, true, "cursor=c10"),
        (
            "cursor",
            "style = \"cursor\"\nparameter = \"cursor\"\ncursor = \"/next\"\nmore = \"/has_more\"",
            25,
            3,
            true,
            "cursor=c10",
        ),
        (
            "cursor",
            "style = \"cursor\"\nparameter = \"/at/cursor\"\ncursor = \"/next\"",
            25,
            3,
            true,
            "{\"at\":{\"cursor\":\"c10\"}}",
        ),
        ("header-cursor", "style = \"header-cursor\"\nparameter = \"cursor\"\ncursor = \"X-Next\"", 25, 3, true, "cursor=c10"),
        ("link", "style = \"link\"", 25, 3, true, "https://shop.example/v1/things?cursor=c10"),
        ("url", "style = \"next-url\"\nnext = \"/next_url\"", 25, 3, true, "https://shop.example/v1/things?cursor=c10"),
        ("url", "style = \"next-url\"\nnext = \"/next_path\"\nstrip = \"/v1\"", 25, 3, true, "/things?cursor=c10"),
        ("url", "style = \"next-url\"\nnext = \"/next_query\"", 25, 3, true, "/things?cursor=c10"),
        ("keyset", "style = \"keyset\"\nparameter = \"after\"\nsize = 10", 25, 3, true, "after=9"),
        ("keyset", "style = \"keyset\"\nparameter = \"after\"\nfield = \"id\"\nmore = \"/has_more\"", 20, 2, true, "after=9"),
        ("none", "style = \"none\"", 10, 1, true, ""),
        ("none", "style = \"none\"", 0, 1, true, ""),
    ] {
        check(style, page, count, pages, complete, second);
    }
}

/// What the rows of each request are, and what comes of it at a limit.
#[track_caller]
fn scan(page: &str, limit: u32, answers: Vec<Value>) -> Result<Came, Failure> {
    let mut answers = answers.into_iter();
    let answer = move |_: &_| reply(200, &[], &answers.next().expect("no more is asked for"));
    under(&tables(page, "GET"), answer, || read_all(None, limit)).0
}

#[test]
fn a_list_whose_rows_moved_is_not_complete() {
    let paged = "style = \"offset\"\nparameter = \"offset\"\nsize = 2\ntotal = \"/count\"";
    let page = |ids: &[u64], count: u64| json!({ "data": numbered(ids.iter().copied()), "count": count });
    let complete = |answers| scan(paged, 9, answers).expect("read").complete;
    assert!(complete(vec![page(&[1, 2], 3), page(&[3], 3)]));
    assert!(!complete(vec![page(&[1, 2], 4), page(&[4], 3)]));
    // Whose id is missing, nobody knows who it is.
    assert!(!complete(vec![json!({ "data": [{ "id": null }], "count": 1 })]));
}

#[test]
fn a_page_that_says_nothing_by_its_length() {
    let page = |ids: std::ops::Range<u64>, count: u64| json!({ "data": numbered(ids), "count": count });
    let paged = "style = \"page\"\nparameter = \"page\"\nsize = 10";
    let counted = "style = \"page\"\nparameter = \"page\"\nsize = 10\ntotal = \"/count\"";
    for (table, answers, ids, complete) in [
        // It does not look at the number: the same page for ever is all that there is.
        (paged, vec![page(0..3, 3), page(0..3, 3)], "0,1,2", true),
        // A page shorter than one before is the last.
        (paged, vec![page(0..3, 5), page(3..5, 5)], "0,1,2,3,4", false),
        (counted, vec![page(0..3, 5), page(3..5, 5)], "0,1,2,3,4", true),
        // It ends before as many came as there are.
        (counted, vec![page(0..3, 9), page(3..5, 9), page(0..0, 9)], "0,1,2,3,4", false),
    ] {
        let came = scan(table, 100, answers).expect("read");
        assert_eq!((came.ids.join(","), came.complete), (ids.to_owned(), complete), "{table}");
    }
}

#[test]
fn more_rows_than_are_wanted_come_in_parts() {
    let all = json!({ "data": numbered(0..5) });
    let came = scan("style = \"none\"", 2, vec![all.clone(), all.clone(), all]).expect("read");
    assert_eq!((came.ids.join(","), came.pages, came.complete), ("0,1,2,3,4".to_owned(), 3, true));
    // One went while it was read in parts.
    let less = json!({ "data": numbered(1..5) });
    let came = scan("style = \"none\"", 2, vec![json!({ "data": numbered(0..5) }), less.clone(), less]).expect("read");
    assert!(!came.complete);
}

#[test]
fn what_would_end_wrongly_or_never_is_refused() {
    let again = json!({ "data": [{ "id": 1 }], "next": "same" });
    let cursor = "style = \"cursor\"\nparameter = \"cursor\"\ncursor = \"/next\"";
    for (page, answers, says) in [
        (cursor, vec![again.clone(), again], "never end"),
        ("style = \"none\"", vec![json!({ "items": [] })], "correct `records`"),
        ("style = \"none\"", vec![json!({ "data": {} })], "not the JSON that was expected"),
        ("style = \"none\"\ntotal = \"/count\"", vec![json!({ "data": [] })], "correct `total`"),
        ("style = \"keyset\"\nparameter = \"after\"\nfield = \"seq\"", vec![json!({ "data": [{ "id": 1 }] })], "correct `field`"),
        (cursor, vec![json!({ "data": [{ "id": 1 }], "next": "x".repeat(20_000) })], "at most 16384"),
    ] {
        let failure = scan(page, 9, answers).expect_err(says);
        let said = format!("{failure:?}");
        assert!(said.contains(says), "{said}");
    }
    // Null is an empty list.
    assert!(scan("style = \"none\"", 9, vec![json!({ "data": null })]).expect("read").complete);
    let may = "[streams.things.read]\npath = \"/things\"\nrecords = \"/data\"\nmay-be-missing = true\n";
    assert!(under(may, |_| reply(200, &[], &json!({})), || read_all(None, 9)).0.expect("read").complete);
}

/// The host refuses what does not lie under the endpoint: that is told as it is, and nothing is called complete.
#[test]
fn an_address_elsewhere_is_the_hosts_to_refuse() {
    let page = "style = \"next-url\"\nnext = \"/next\"";
    let answer = |request: &nave_sdk::http::RawRequest| match request.path.starts_with("https://evil.example") {
        true => Err(nave_sdk::http::Error::Denied("net.other-host: evil.example is not under the endpoint api".into())),
        false => reply(200, &[], &json!({ "data": [{ "id": 1 }], "next": "https://evil.example/things" })),
    };
    let (came, _) = under(&tables(page, "GET"), answer, || read_all(None, 9));
    assert!(matches!(came, Err(Failure::Misconfigured(said)) if said.contains("evil.example")));
}

#[test]
fn a_checkpoint_that_is_not_known_any_more_has_expired() {
    let cursor = "style = \"cursor\"\nparameter = \"cursor\"\ncursor = \"/next\"";
    let first = |request: &nave_sdk::http::RawRequest| match parameter(request, "cursor") {
        None => reply(200, &[], &json!({ "data": [{ "id": 1 }], "next": "c1" })),
        Some(_) => reply(400, &[], &json!({ "message": "unknown cursor" })),
    };
    assert_eq!(under(&tables(cursor, "GET"), first, || read_all(None, 9)).0, Err(Failure::CheckpointExpired));
    // The first page has nothing that could expire; and a place of another style is of no use.
    let over = |_: &_| reply(410, &[], &json!({}));
    assert!(matches!(under(&tables(cursor, "GET"), over, || read_all(None, 9)).0, Err(Failure::Rejected(_))));
    let refused = |_: &_| reply(400, &[], &json!({}));
    assert!(matches!(under(&tables(cursor, "GET"), refused, || read_all(None, 9)).0, Err(Failure::Rejected(_))));
    let other = b"{\"place\":{\"number\":3}}".to_vec();
    assert_eq!(under(&tables(cursor, "GET"), refused, || read_all(Some(other), 9)).0, Err(Failure::CheckpointExpired));
    assert_eq!(under(&tables(cursor, "GET"), refused, || read_all(Some(b"x".to_vec()), 9)).0, Err(Failure::CheckpointExpired));
}

#[test]
fn one_thing_is_read_or_known_to_be_gone() {
    let tables = "[streams.things]\nmerged-into = \"into\"\n\n[streams.things.get]\npath = \"/{settings.tenant}/things/{id}\"\nrecord = \"/data/0\"\n";
    let answer = |request: &nave_sdk::http::RawRequest| {
        let id = request.path.rsplit('/').next().unwrap_or_default();
        match id {
            "1" => reply(200, &[], &json!({ "data": [{ "id": 1, "name": "Ada" }] })),
            "2" => reply(404, &[], &json!({})),
            "3" => reply(403, &[], &json!({})),
            "4" => reply(200, &[], &json!({ "data": [] })),
            "5" => reply(200, &[], &json!({ "data": [{ "id": 5, "into": 1 }] })),
            "6" => reply(200, &[], &json!({ "data": [{ "id": 1 }] })),
            "..%2Fadmin" => reply(404, &[], &json!({})),
            other => panic!("{other} was asked for"),
        }
    };
    let ids = ["1", "2", "3", "4", "5", "6", "../admin"].map(str::to_owned).to_vec();
    let (found, asked) = under(tables, answer, || Rest::get("things", ids));
    let found = found.expect("an answer");
    let shown: Vec<String> = found.iter().map(|record| format!("{} {:?}", record.remote_id, record.operation)).collect();
    assert_eq!(
        shown,
        [
            "1 Operation::Upsert",
            "2 Operation::Delete",
            "5 Operation::MergedInto(\"1\")",
            "6 Operation::MergedInto(\"1\")",
            "../admin Operation::Delete"
        ]
    );
    assert_eq!(found[0].body, br#"{"id":1,"name":"Ada"}"#);
    assert_eq!(asked[0].path, "/t1/things/1");
    let wrong = |_: &_| reply(200, &[], &json!({ "items": [] }));
    let (found, _) = under("[streams.things.get]\npath = \"/things/{id}\"\nrecord = \"/data\"\n", wrong, || {
        Rest::get("things", vec!["1".into()])
    });
    assert!(matches!(found, Err(Failure::Unavailable(said)) if said.contains("correct `record`")));
}

#[test]
fn what_is_found_is_compared() {
    let tables = "[streams.things.find.mail]\npath = \"/search\"\nquery = { q = \"mail:{value}\" }\nrecords = \"/data\"\nrecord = \"/thing\"\nany-case = true\n\n[streams.things.get]\npath = \"/things/{id}\"\n";
    let rows = json!({ "data": [{ "thing": { "id": 1, "mail": "Ada@x.example" } }, { "thing": { "id": 2, "mail": "not-ada@x.example" } }, { "thing": { "id": 1, "mail": "ada@x.example" } }] });
    let (found, asked) =
        under(tables, move |_| reply(200, &[], &rows), || Rest::find("things", "mail", vec!["ada@x.example".into()]));
    let ids: Vec<String> = found.expect("found").into_iter().map(|record| record.remote_id).collect();
    assert_eq!(ids, ["1"]);
    assert_eq!(asked[0].path, "/search?q=mail%3Aada%40x.example");
    let (found, _) = under(tables, |_| reply(404, &[], &json!({})), || Rest::find("things", "mail", vec!["a".into()]));
    assert_eq!(found, Ok(vec![]));
    // What was found and cannot be named is not nothing.
    let nameless = |_: &_| reply(200, &[], &json!({ "data": [{ "thing": { "mail": "a" } }] }));
    assert!(under(tables, nameless, || Rest::find("things", "mail", vec!["a".into()])).0.is_err());
    let (found, _) = under(tables, |_| reply(200, &[], &json!({})), || Rest::find("things", "mail", vec!["a".into()]));
    assert!(matches!(found, Err(Failure::Misconfigured(said)) if said.contains("correct `records`")));
    assert!(under(tables, |_| panic!("nothing is asked"), || Rest::find("things", "name", vec!["a".into()])).0.is_err());
}
