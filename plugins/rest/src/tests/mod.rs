//! The connector as the hub uses it, under small descriptions, against scripted answers.

mod more;
mod odd;
mod paging;
mod refusals;
mod since;
mod writing;

use nave_sdk::http::{Error, RawRequest, Response};
use nave_sdk::prelude::*;
use nave_sdk::testing::FakeHost;
use serde_json::{Value, json};

use crate::{Rest, described};

/// A description with these tables below a usual top.
pub(super) fn description(tables: &str) -> String {
    format!(
        "name = \"shop\"\nversion = \"0.1.0\"\nserial = 1\ntitle = \"Shop\"\ndescription = \"d\"\n\n\
         [settings.tenant]\nlabel = \"Tenant\"\ndefault = \"t1\"\n\n\
         [endpoints.api]\nbase = \"https://shop.example/v1\"\nreason = \"r\"\n\n{tables}"
    )
}

/// Runs plugin code under a description, with this function answering.
pub(super) fn under<T>(
    tables: &str,
    mut answer: impl FnMut(&RawRequest) -> Result<Response, Error> + 'static,
    code: impl FnOnce() -> T,
) -> (T, Vec<RawRequest>) {
    let host = FakeHost::new().at("2026-11-24T02:00:00Z").answer(move |endpoint, request| {
        assert_eq!(endpoint, "api");
        answer(request)
    });
    let text = description(tables);
    let (result, host) = host.run(|| {
        described::use_text(&text);
        code()
    });
    (result, host.requests().iter().map(|(_, request)| request.clone()).collect())
}

/// An answer with headers.
pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: &Value) -> Result<Response, Error> {
    Ok(Response {
        status,
        headers: headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
    })
}

/// A parameter of a request's address, decoded as far as these tests need it.
pub(super) fn parameter(request: &RawRequest, name: &str) -> Option<String> {
    let (_, query) = request.path.split_once('?')?;
    let pair = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name)?;
    Some(pair.1.replace("%3A", ":").replace("%2B", "+").replace("%20", " "))
}

/// The JSON of a request's body.
pub(super) fn body(request: &RawRequest) -> Value {
    request.body.as_deref().map_or(Value::Null, |body| serde_json::from_slice(body).expect("JSON"))
}

/// Rows with these numbers as ids.
pub(super) fn numbered(ids: impl IntoIterator<Item = u64>) -> Vec<Value> {
    ids.into_iter().map(|id| json!({ "id": id })).collect()
}

/// What a whole reading came to.
#[derive(Debug, PartialEq)]
pub(super) struct Came {
    pub(super) ids: Vec<String>,
    pub(super) complete: bool,
    /// Of the last page.
    pub(super) total: Option<u64>,
    pub(super) pages: usize,
    pub(super) next: Vec<u8>,
}

/// Reads until nothing more comes; each checkpoint is asked for twice, as after a crash.
pub(super) fn read_all(from: Option<Vec<u8>>, limit: u32) -> Result<Came, Failure> {
    let (mut ids, mut checkpoint, mut pages) = (Vec::new(), from, 0);
    loop {
        let page = Rest::read("things", checkpoint.clone(), limit)?;
        assert!(page.records.len() <= limit as usize, "{} rows where {limit} were wanted", page.records.len());
        ids.extend(page.records.into_iter().map(|record| match record.operation {
            Operation::Upsert => record.remote_id,
            Operation::Delete => format!("-{}", record.remote_id),
            Operation::MergedInto(winner) => format!("{}>{winner}", record.remote_id),
        }));
        pages += 1;
        assert!(pages < 100, "it does not end");
        if !page.more {
            return Ok(Came { ids, complete: page.complete_scan, total: page.total, pages, next: page.next });
        }
        checkpoint = Some(page.next);
    }
}

#[test]
fn discover_tells_what_the_description_can_do() {
    let tables = r#"
        [streams.things]
        modified = "changed"
        version = "etag"
        deleted = { path = "gone" }
        read-lag-ms = 500

        [streams.things.fields]
        name = { type = "text", required = true, max-length = 40 }
        state = { type = "enum", values = ["a", "b"] }
        parent = { type = "reference", target = "things", read-only = true }

        [streams.things.read]
        path = "/things"
        records = ""

        [streams.things.since]
        parameter = "since"

        [streams.things.get]
        path = "/things/{id}"

        [streams.things.find.name]
        path = "/things"
        query = { name = "{value}" }

        [streams.things.create]
        path = "/things"
        returns = ""
        idempotency-header = "Idempotency-Key"
        upsert-by = ["name"]

        [streams.things.update]
        method = "PUT"
        path = "/things/{id}"
        if-match = "header:If-Match"

        [streams.lists.read]
        path = "/lists"
        records = "/all"
    "#;
    let (streams, asked) = under(tables, |_| panic!("nothing is asked"), Rest::discover);
    assert!(asked.is_empty());
    let streams = streams.expect("streams");
    let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
    assert_eq!(names, ["lists", "things"]);
    let fields: Vec<(&str, FieldType)> = streams[1].fields.iter().map(|field| (field.path.as_str(), field.type_)).collect();
    assert_eq!(
        fields,
        [
            ("name", FieldType::Text),
            ("parent", FieldType::Reference),
            ("state", FieldType::Enum),
            ("id", FieldType::Text),
            ("changed", FieldType::Timestamp),
            ("etag", FieldType::Text)
        ]
    );
    assert_eq!(
        streams[1].capabilities,
        Capabilities {
            writable: true,
            changes: ChangeDetection::Incremental,
            deletes: DeleteDetection::Feed,
            upsert_by: vec!["name".into()],
            batch_max: 20,
            idempotency_key: true,
            conditional_write: true,
            write_mode: WriteMode::Replace,
            searchable: vec!["name".into()],
            read_lag_ms: 500,
            ..Capabilities::read_only()
        }
    );
    assert_eq!(streams[0].capabilities, Capabilities::read_only());
}

#[test]
fn a_connection_is_tried() {
    let tables = "[check]\npath = \"/me\"\naccount = \"/user/name\"\nmust-have = \"/user/id\"\nlimits = [\"X-Limit\"]\n\n[streams.things.read]\npath = \"/things\"\nrecords = \"\"\n";
    for (status, answer, expected) in [
        (200, json!({"user": {"id": 1, "name": "Ada"}}), Ok("Ada")),
        (200, json!({"user": {"id": null, "name": "visitor"}}), Err("stranger")),
        (401, json!({"message": "no"}), Err("HTTP 401: no")),
    ] {
        let (report, _) = under(tables, move |_| reply(status, &[("x-limit", "700")], &answer), Rest::check);
        match (report, expected) {
            (Ok(report), Ok(account)) => {
                assert_eq!((report.account.as_str(), report.limits), (account, vec![("X-Limit".to_owned(), "700".to_owned())]));
            }
            (Err(Failure::Unauthorized(said)), Err(part)) => assert!(said.contains(part), "{said}"),
            (report, _) => panic!("{report:?}"),
        }
    }
    let plain = "[streams.things.read]\npath = \"/things\"\nrecords = \"\"\n";
    let (report, asked) = under(plain, |_| reply(200, &[], &json!([{"id": 1}, {"id": 2}])), Rest::check);
    assert_eq!((report.expect("works").account.as_str(), asked.len()), ("an account of Shop", 1));
}

#[test]
fn a_file_without_a_description_says_what_to_do() {
    let (streams, _) =
        FakeHost::new().run(|| std::thread::spawn(|| FakeHost::new().run(Rest::discover).0).join().expect("it ends"));
    assert!(matches!(streams, Err(Failure::Misconfigured(said)) if said.contains("--rest")));
}

/// The reference is made of the parser's own keys: it cannot miss one, nor name one that is not there.
#[test]
fn the_readme_has_the_reference() {
    let readme = include_str!("../../README.md");
    let begin = "<!-- reference: cargo run -p nave-rest --example reference -->\n";
    let own = readme.split_once(begin).and_then(|(_, rest)| rest.split_once("<!-- end of the reference -->"));
    let reference = nave_rest::keys::reference();
    assert!(own.is_some_and(|(own, _)| own.trim() == reference.trim()), "put this into README.md:\n{reference}");
    for section in nave_rest::keys::ALL {
        for (key, _) in section.keys {
            assert!(readme.contains(&format!("| `{key}` |")), "{} {key}", section.place);
        }
    }
}
