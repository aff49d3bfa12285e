//! A list that goes on by the system's own word is never called complete: whatever it did not show would be deleted everywhere.

use serde_json::{Value, json};

use super::{numbered, read_all, reply, under};

/// Two rows come, with these headers and this beside them. The page block is that of the description. Expected: complete, or these words
/// in the error.
#[track_caller]
fn check(page: &str, headers: &[(&str, &str)], beside: Value, expected: Result<(), &str>) {
    let read = "[streams.things.read]\npath = \"/things\"\nrecords = \"/data\"\n\n";
    let page = if page.is_empty() { String::new() } else { format!("[streams.things.page]\n{page}\n") };
    let mut body = beside;
    body["data"] = json!(numbered(0..2));
    let answer = reply(200, headers, &body).expect("an answer");
    let (came, _) = under(&format!("{read}{page}"), move |_| Ok(answer.clone()), || read_all(None, 100));
    match (came, expected) {
        (Ok(came), Ok(())) => assert!(came.complete, "{page} {headers:?} {body}"),
        (Err(failure), Err(words)) => {
            let said = format!("{failure:?}");
            assert!(said.contains("Misconfigured") && said.contains(words), "{page} {headers:?} {body}: {said}");
        }
        (came, _) => panic!("{page} {headers:?} {body}: {:?}", came.map(|came| (came.ids, came.complete))),
    }
}

#[test]
fn a_list_that_goes_on_is_not_called_complete() {
    let none = json!({});
    let next = [("Link", "<https://shop.example/v1/things?p=2>; rel=\"next\"")];
    let last = [("Link", "<https://shop.example/v1/things?p=1>; rel=\"first\"")];
    let paged = "style = \"page\"\nparameter = \"p\"\nsize = 10";
    for (page, headers, beside, expected) in [
        // Nothing is said of how it goes on.
        ("", &[][..], none.clone(), Ok(())),
        ("", &next[..], none.clone(), Err("write [streams.things.page] with the style that the system has")),
        ("", &last[..], none.clone(), Ok(())),
        ("", &[("X-Total-Count", "23")][..], none.clone(), Err("X-Total-Count: 23, and 2 came")),
        ("", &[("X-Total-Count", "2")][..], none.clone(), Ok(())),
        ("", &[("Content-Range", "items 0-1/23")][..], none.clone(), Err("Content-Range: 23")),
        ("", &[("Content-Range", "items 0-1/*")][..], none.clone(), Ok(())),
        ("", &[][..], json!({ "has_more": true }), Err("/has_more is true")),
        ("", &[][..], json!({ "has_more": false, "next": null, "next_page": 0, "nextCursor": "" }), Ok(())),
        ("", &[][..], json!({ "meta": { "next_page": 2 } }), Err("/meta/next_page")),
        ("", &[][..], json!({ "paging": { "next": { "after": "x" } } }), Err("/paging/next")),
        ("", &[][..], json!({ "_links": { "next": { "href": "/things?p=2" } } }), Err("/_links/next")),
        ("", &[][..], json!({ "@odata.nextLink": "https://shop.example/x" }), Err("@odata.nextLink")),
        ("", &[][..], json!({ "total": 1200.5, "meta": [1], "links": "x", "next": { "x": 1 } }), Ok(())),
        // The author has said that one answer has all.
        ("style = \"none\"", &next[..], json!({ "has_more": true }), Ok(())),
        ("style = \"none\"\ntotal = \"/count\"", &[][..], json!({ "count": 2 }), Ok(())),
        ("style = \"none\"\ntotal = \"/count\"", &[][..], json!({ "count": 3 }), Err("of 3 rows 2 came")),
        ("style = \"none\"\nsize = 3\nsize-parameter = \"limit\"", &[][..], none.clone(), Ok(())),
        ("style = \"none\"\nsize = 2\nsize-parameter = \"limit\"", &[][..], none.clone(), Err("2 rows were asked for and came")),
        ("style = \"none\"\nsize = 3\nsize-parameter = \"limit\"", &next[..], none.clone(), Err("rel=")),
        // A page that is short of what the description thinks, and not the last one.
        (paged, &[][..], none.clone(), Ok(())),
        (paged, &next[..], none.clone(), Err("the `size` that the system really answers with")),
        (paged, &[][..], json!({ "meta": { "hasMore": true } }), Err("/meta/hasMore is true")),
        (paged, &[][..], json!({ "next": "https://shop.example/v1/things?p=2" }), Ok(())),
    ] {
        check(page, headers, beside, expected);
    }
}
