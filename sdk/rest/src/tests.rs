//! What is taken, and what is refused with which words at which place.

use proptest::prelude::*;
use serde_json::json;

use crate::description::{Means, Parameter, Style};
use crate::{keys, limits, manifest, parse, slot};

const GOOD: &str = r#"name = "shop"
version = "0.1.0"
serial = 1
title = "Shop"
description = "Keeps customers."

[settings.url]
label = "Address"
type = "url"

[settings.tenant]
label = "Tenant"

[endpoints.api]
base = "{settings.url}/v1"
credential = "key"
reason = "to read and write customers"

[credentials.key]
kinds = [{ kind = "bearer" }]
reason = "the shop asks for a key"

[request]
headers = { X-Tenant = "{settings.tenant}" }
query = { v = 2 }

[check]
path = "/me"
account = "/user/name"

[errors]
code = ["/errors/0/code", "/code"]
wait = { header = "X-Reset", unit = "epoch-seconds" }
refused = { at = "/ok", is = ["false"] }

[[errors.rules]]
status = [400, "4xx"]
means = "format"

[streams.customers]
modified = "updated_at"
version = "etag"
deleted = { path = "gone", is = ["true"] }

[streams.customers.fields]
email = "email"
"address.city" = { type = "text", max-length = 50 }
orders = { type = "reference", target = "orders" }

[streams.customers.read]
path = "/customers"
records = "/data"

[streams.customers.page]
style = "cursor"
parameter = "after"
cursor = "/next"
size = 100
size-parameter = "limit"

[streams.customers.since]
parameter = "since"
format = "unix"

[streams.customers.get]
path = "/customers/{id}"
record = "/data"

[streams.customers.find.email]
method = "POST"
path = "/customers/search"
body = { filter = { email = "{value}" } }

[streams.customers.create]
path = "/customers"
put-at = "/data"
returns = "/data"
upsert-by = ["email"]

[streams.customers.update]
path = "/customers/{id}"
if-match = "header:If-Match"

[streams.customers.delete]
path = "/customers/{id}"

[streams.orders.read]
path = "/orders/{settings.tenant}/all"
records = ""
"#;

#[test]
fn a_good_description_is_taken() {
    let description = parse(GOOD).expect("good");
    let customers = description.stream("customers").expect("there");
    let read = customers.read.as_ref().expect("a list");
    assert_eq!(read.page.parameter, Some(Parameter::Query("after".to_owned())));
    assert!(matches!(&read.page.style, Style::Cursor(next) if next.text() == "/next"));
    let headers: Vec<&str> = read.request.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(headers, ["X-Tenant"]);
    assert_eq!(description.errors.rules[0].means, Means::Rejected("format"));
    assert_eq!(description.errors.rules[0].status, [(400, 400), (400, 499)]);
    let fields: Vec<&str> = customers.fields.iter().map(|field| field.path.as_str()).collect();
    assert_eq!(fields, ["address.city", "email", "orders", "id", "updated_at", "etag"]);
    assert_eq!(customers.label, "Customers");
    assert!(!customers.update.as_ref().expect("an update").send_all);
}

/// No more is asked for than is used.
#[test]
fn the_manifest_allows_what_is_used() {
    let manifest = manifest(&parse(GOOD).expect("good"));
    assert_eq!(
        manifest["endpoints"]["api"],
        json!({
            "base": "{settings.url}/v1", "credential": "key", "reason": "to read and write customers",
            "allow": [
                { "methods": ["DELETE", "GET", "PATCH", "POST"], "paths": ["/customers"] },
                { "methods": ["GET"], "paths": ["/me", "/orders"] },
                { "methods": ["POST"], "paths": ["/customers/search"], "reads": true },
            ],
        })
    );
    assert_eq!((&manifest["kind"], &manifest["name"]), (&json!("connector"), &json!("shop")));
}

/// More than is used, in either way to write it.
#[test]
fn what_is_allowed_besides_is_asked_for() {
    let reason = "reason = \"to read and write customers\"\n";
    assert!(GOOD.contains(reason));
    let one = "{ methods = [\"GET\"], paths = [\"/next\"] }";
    for (allow, expected) in [(one.to_owned(), 1), (format!("[{one}]"), 1), (format!("[{one}, {one}]"), 2)] {
        let text = GOOD.replacen(reason, &format!("{reason}allow = {allow}\n"), 1);
        let manifest = manifest(&parse(&text).expect("good"));
        let lines = manifest["endpoints"]["api"]["allow"].as_array().expect("lines").clone();
        let next = json!({ "methods": ["GET"], "paths": ["/next"] });
        assert_eq!(lines.iter().filter(|line| **line == next).count(), expected, "{allow}: {lines:?}");
    }
}

/// The good description with one text replaced must fail, saying this at this place.
#[track_caller]
fn check(from: &str, to: &str, says: &str) {
    assert!(GOOD.contains(from), "{from} is not in the good description");
    let faults = parse(&GOOD.replacen(from, to, 1)).expect_err(says);
    let all: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert!(all.iter().any(|fault| fault.contains(says)), "{to}: {all:#?}");
}

#[test]
fn mistakes_are_told_with_their_place_and_what_to_write() {
    for (from, to, says) in [
        ("name = ", "nane = ", "line 1, column 1: `nane` is no key of the top of the file; did you mean `name`?"),
        ("name = ", "nane = ", "the top of the file needs `name`; write: name = \"shop\""),
        ("records = \"/data\"", "recrods = \"/data\"", "did you mean `records`?"),
        ("records = \"/data\"", "zzz = \"/data\"", "write one of: endpoint, method"),
        ("records = \"/data\"", "records = \"data\"", "write \"/data\""),
        ("records = \"/data\"", "", "where is the list in the answer?"),
        ("path = \"/customers\"", "path = \"customers\"", "write \"/customers\""),
        ("path = \"/customers\"", "path = \"/a/../customers\"", "does not climb"),
        ("path = \"/customers\"", "path = \"/customers?x=1\"", "belong into `query`"),
        ("path = \"/customers\"", "path = \"/customers/{cursor}\"", "`{cursor}` means nothing here"),
        ("path = \"/customers/{id}\"", "path = \"/customers\"", "Put {id} into the path"),
        ("{settings.tenant}", "{settings.tenat}", "did you mean `tenant`?"),
        ("X-Tenant", "Authorization", "the header `Authorization` cannot be set here"),
        ("\"cursor\"", "\"curser\"", "`style` cannot be `curser`; did you mean `cursor`?"),
        ("parameter = \"after\"\n", "", "needs `parameter`; write: parameter = \"cursor\""),
        ("parameter = \"after\"", "parameter = 7", "`parameter` is a text: put it in quotes"),
        ("parameter = \"after\"", "parameter = \"header:Host\"", "the header `Host` cannot be set here"),
        ("size = 100", "size = 0", "a whole number from 1 to 10000"),
        ("size = 100", "", "write size = 100"),
        ("size = 100", "size = 100\nfirst = 1", "`first` means nothing with style = \"cursor\""),
        ("format = \"unix\"", "format = \"epoch\"", "`format` cannot be `epoch`"),
        ("format = \"unix\"", "value = \"x\"", "write {since} into it"),
        ("email = \"email\"", "email = \"e-mail\"", "did you mean `email`?"),
        ("target = \"orders\"", "target = \"order\"", "there is no stream `order`; did you mean `orders`?"),
        ("\"address.city\"", "\"/address/city\"", "write \"address.city\""),
        ("\"address.city\"", "\"address..city\"", "is no path in a record"),
        ("means = \"format\"", "means = \"fromat\"", "did you mean `format`?"),
        ("status = [400, \"4xx\"]\n", "", "this rule fits every answer"),
        ("status = [400, \"4xx\"]", "status = 42", "`42` is no status"),
        ("header = \"X-Reset\"", "at = \"/wait\", header = \"X-Reset\"", "either a header or a place in the body"),
        ("returns = \"/data\"", "", "how does the new one call itself?"),
        ("returns = \"/data\"", "returns = \"/data\"\nbatch = 10\nidempotency-header = \"K\"", "one key stands for one thing"),
        ("version = \"etag\"\n", "", "`if-match` needs a version"),
        ("[streams.customers.get]\npath = \"/customers/{id}\"\nrecord = \"/data\"", "", "write [streams.customers.get]"),
        ("[streams.customers.read]\npath = \"/customers\"\nrecords = \"/data\"", "", "[streams.customers.page] goes with a list"),
        ("[streams.orders.read]", "[streams.\"or ders\".read]", "is no name of a stream"),
        ("reason = \"to read and write customers\"\n", "", "[endpoints.NAME] needs `reason`"),
        (
            "[endpoints.api]",
            "[endpoints.b]\nbase = \"https://b\"\nreason = \"r\"\n\n[endpoints.api]",
            "which endpoint? There are api, b",
        ),
        ("method = \"POST\"", "method = \"post\"", "write it in large letters"),
        ("serial = 1", "serial = 1\nserial = 2", "line 4, column 1: duplicate key"),
        ("serial = 1", "serial = ", "line 3"),
        ("query = { v = 2 }", "query = 7", "`query` is a table"),
        ("[check]", "[chek]", "did you mean `check`?"),
    ] {
        check(from, to, says);
    }
}

#[test]
fn bounds_are_kept() {
    let fields: String = (0..=limits::FIELDS_MAX).map(|n| format!("f{n} = \"text\"\n")).collect();
    check("email = \"email\"\n", &fields, "more than 1000 fields");
    let streams: String =
        (0..=limits::STREAMS_MAX).map(|n| format!("[streams.s{n}.read]\npath = \"/s\"\nrecords = \"\"\n")).collect();
    check("[streams.orders.read]", &format!("{streams}[streams.orders.read]"), "more than 200 streams");
    check("\"/me\"", &format!("\"/{}\"", "x".repeat(limits::TEXT_CHARS_MAX)), "more than 2000 characters");
    let large = format!("{}#{}", GOOD, "x".repeat(limits::DESCRIPTION_BYTES_MAX));
    assert!(parse(&large).expect_err("too large")[0].message.contains("at most 262144"));
    let wrong: String = (0..200).map(|n| format!("wrong{n} = 1\n")).collect();
    assert_eq!(parse(&wrong).expect_err("wrong").len(), limits::FAULTS_MAX);
}

#[test]
fn the_reference_names_every_key_once() {
    let reference = keys::reference();
    for section in keys::ALL {
        assert!(reference.contains(&format!("### {}\n", section.place)), "{}", section.place);
        for (key, _) in section.keys {
            assert_eq!(section.keys.iter().filter(|(other, _)| other == key).count(), 1, "{} {key}", section.place);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Whatever the text is, it is answered; what is taken fits into its place and gives a manifest.
    #[test]
    fn arbitrary_text_never_panics(text in "\\PC{0,300}") {
        let _ = parse(&text);
    }

    /// Nearly good descriptions go deeper than noise: pieces are cut out, put elsewhere, or replaced.
    #[test]
    fn spoilt_descriptions_never_panic(from in 0usize..3000, length in 0usize..60, to in 0usize..3000, noise in "[\\[\\]{}\"'=.,a-z0-9\n/\\\\é-]{0,12}") {
        let good = GOOD;
        let boundary = |at: usize| { let mut at = at.min(good.len()); while !good.is_char_boundary(at) { at -= 1; } at };
        let (from, end) = (boundary(from), boundary(from + length));
        let cut = &good[from..end.max(from)];
        let mut spoilt = format!("{}{noise}{}", &good[..from], &good[end.max(from)..]);
        let mut at = to.min(spoilt.len());
        while !spoilt.is_char_boundary(at) { at -= 1; }
        spoilt.insert_str(at, cut);
        match parse(&spoilt) {
            Ok(description) => {
                let _ = manifest(&description);
                let made = slot::put(&slot::empty(), &spoilt).expect("it fits");
                prop_assert_eq!(slot::take(&made), Ok(Some(spoilt.as_str())));
            }
            Err(faults) => prop_assert!(!faults.is_empty()),
        }
    }
}
