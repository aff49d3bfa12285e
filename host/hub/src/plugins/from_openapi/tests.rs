//! Small documents in the manner of real ones, and what comes of them.

use super::make;

const DESK: &str = include_str!("../../../../../tests/data/openapi/desk.yaml");

/// A document with one list: parameters, what its answer holds besides the rows, more paths.
fn document(parameters: &str, beside: &str, more: &str) -> String {
    format!(
        r#"{{"openapi": "3.0.1", "info": {{"title": "Shop", "version": "1"}}, "servers": [{{"url": "https://api.shop.example/v1/"}}],
        "components": {{"securitySchemes": {{"key": {{"type": "apiKey", "in": "header", "name": "X-Key"}}}}}},
        "paths": {{"/customers": {{"get": {{"parameters": [{parameters}], "responses": {{"200": {{"content": {{"application/json": {{"schema":
            {{"type": "object", "properties": {{"data": {{"type": "array", "items": {{"type": "object", "properties": {{
                "customerCode": {{"type": "string"}}, "name": {{"type": "string"}}, "email": {{"type": "string", "format": "email"}}
            }}}}}}{beside}}}}}}}}}}}}}}}}}{more}}}}}"#
    )
}

fn query(name: &str, kind: &str) -> String {
    format!(r#"{{"name": "{name}", "in": "query", "schema": {{"type": "{kind}"}}}}"#)
}

/// The description of such a document, which must be a good one.
#[track_caller]
fn made(text: &str) -> String {
    let made = make("shop", text, &[]).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    nave_rest::parse(&made.text).unwrap_or_else(|faults| panic!("{faults:#?}\n{}", made.text));
    assert_eq!(made.open, made.text.lines().filter(|line| line.contains("TODO")).count());
    made.text
}

#[track_caller]
fn check(parameters: &[String], beside: &str, expected: &[&str]) {
    let text = made(&document(&parameters.join(","), beside, ""));
    for part in expected {
        assert!(text.contains(part), "{part}\n{text}");
    }
}

#[test]
fn the_way_a_list_goes_on_is_found_or_asked_for() {
    let (text, number) = ("string", "integer");
    check(
        &[],
        "",
        &[
            "# TODO How does this list go on? The document names no such parameter; it is taken to come whole, and reading stops where an answer shows that it goes on.\n",
        ],
    );
    check(
        &[query("sort", text)],
        r#", "meta": {"properties": {"seen": {"type": "integer"}}}"#,
        &["Candidates: sort (string), answer /meta/seen"],
    );
    check(
        &[query("page", number), query("per_page", number)],
        r#", "total": {"type": "integer"}"#,
        &["style = \"page\"\nparameter = \"page\"\ntotal = \"/total\"\nsize = 100\nsize-parameter = \"per_page\""],
    );
    check(&[query("page", number)], "", &["style = \"page\"\nparameter = \"page\"\n# TODO Is the number of all rows told?"]);
    check(
        &[query("skip", number), query("$top", number)],
        "",
        &["style = \"offset\"\nparameter = \"skip\"\n", "size-parameter = \"$top\""],
    );
    check(
        &[query("cursor", text)],
        r#", "meta": {"properties": {"next_cursor": {"type": "string"}, "hasMore": {"type": "boolean"}}}"#,
        &["style = \"cursor\"\nparameter = \"cursor\"\ncursor = \"/meta/next_cursor\"\nmore = \"/meta/hasMore\""],
    );
    check(
        &[query("starting_after", text)],
        r#", "has_more": {"type": "boolean"}"#,
        &["style = \"keyset\"\nparameter = \"starting_after\"\nfield = \"customerCode\"\nmore = \"/has_more\""],
    );
    check(
        &[query("after", text)],
        "",
        &["# TODO Where does an answer hold what `after` carries next? Taken to be the last row's id.\nstyle = \"keyset\""],
    );
    check(
        &[],
        r#", "links": {"properties": {"next": {"type": "string", "format": "uri"}}}"#,
        &["style = \"next-url\"\nnext = \"/links/next\""],
    );
    check(
        &[query("updated_since", text)],
        "",
        &["[streams.customers.since]\nparameter = \"updated_since\"\n# TODO How is the time written?"],
    );
    check(
        &[query("modified_after", number), query("created_after", number)],
        "",
        &["parameter = \"modified_after\"\nformat = \"unix\""],
    );
    // What lies beside the documents' own words is asked for with its candidates.
    check(&[], "", &["# TODO Which field is the id? None is called so. Candidates: customerCode\nid = \"customerCode\""]);
    check(
        &[],
        r#", "rows": {"type": "array", "items": {"type": "object"}}"#,
        &["# TODO Which list is it? Candidates: /data, /rows\nrecords = \"/data\""],
    );
}

#[test]
fn a_whole_document_is_carried_over() {
    let text = made(DESK);
    let expected = "\
[streams.organizations.read]
path = \"/organizations\"
records = \"/organizations\"

[streams.organizations.page]
style = \"cursor\"
parameter = \"page[after]\"
cursor = \"/meta/after_cursor\"
more = \"/meta/has_more\"
size = 100
size-parameter = \"page[size]\"

[streams.organizations.get]
path = \"/organizations/{id}\"
record = \"/organization\"

[streams.organizations.create]
path = \"/organizations\"
put-at = \"/organization\"
returns = \"/organization\"

[streams.organizations.update]
method = \"PUT\"
path = \"/organizations/{id}\"
# TODO Does PUT replace the whole thing (send = \"all\", the default), or change what is named (send = \"changed\")?
put-at = \"/organization\"
returns = \"/organization\"

[streams.organizations.delete]
path = \"/organizations/{id}\"
";
    assert!(text.contains(expected), "{text}");
    for part in [
        "default = \"https://example.zendesk.com/api/v2\"",
        "kinds = [\n  { kind = \"basic\" },\n]",
        "modified = \"updated_at\"",
        "created_at = { type = \"timestamp\", read-only = true }",
        "name = { type = \"text\", max-length = 255, required = true }",
        "# TODO organization_fields has fields that the document does not name",
        "code = [\"/error\"]",
        "1 lists (`--only NAME,NAME` makes a description of those): users",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // What lies below another thing asks for it as a setting.
    let users = make("desk", DESK, &["users".to_owned()]).expect("users").text;
    assert!(
        users.contains("[settings.organization-id]")
            && users.contains("path = \"/organizations/{settings.organization-id}/users\""),
        "{users}"
    );
}

#[test]
fn what_is_no_document_says_what_one_is() {
    let listless = r#"{"openapi": "3.1.0", "paths": {"/me": {"get": {"responses": {}}}}}"#;
    for (text, says) in [
        ("", "it is empty"),
        ("hello", "`openapi` is missing"),
        ("{\"openapi\": ", "it is no JSON"),
        ("{\"swagger\": \"2.0\"}", "Swagger 2"),
        ("{\"openapi\": \"2.5\"}", "versions 3.0 and 3.1"),
        ("{\"openapi\": \"3.0.0\"}", "no `paths`"),
        (listless, "no list is found"),
    ] {
        let wrong = make("shop", text, &[]).expect_err(says);
        assert!(wrong.message.contains(says), "{}", wrong.message);
    }
    let wrong = make("desk", DESK, &["usrs".to_owned()]).expect_err("no such list");
    assert!(wrong.help.contains("organizations, users"), "{}", wrong.help);
}

/// What a vendor wrote never ends a comment or a text; circles and references that lead nowhere end.
#[test]
fn hostile_documents_stay_text() {
    let evil = DESK
        .replace("summary: List Organizations", "summary: \"List\\n[endpoints.evil]\\nbase = 'https://evil.example'\"")
        .replace("title: Desk", "title: \"De\\\"sk\\n\\u202e[x]\"")
        .replace("external_id: {", "'ex\"ter\\n[streams.evil]': { description: x }\n            external_id: {")
        .replace(
            "domain_names: { type: array, items: { type: string } }",
            "domain_names: { $ref: '#/components/schemas/Organization' }",
        )
        .replace("shared_tickets: { type: boolean }", "shared_tickets: { $ref: 'other.yaml#/x' }");
    let text = made(&evil);
    let description = nave_rest::parse(&text).expect("good");
    assert_eq!(description.streams.len(), 1);
    assert_eq!(nave_rest::manifest(&description)["endpoints"].as_object().map(serde_json::Map::len), Some(1), "{text}");
}

/// JSON that the document gives a name of its own is sent under that name.
#[test]
fn a_body_is_sent_as_what_the_document_says() {
    let taking = |kinds: &[&str]| {
        let content: Vec<String> = kinds
            .iter()
            .map(|kind| format!(r#""{kind}": {{"schema": {{"type": "object", "properties": {{"name": {{"type": "string"}}, "email": {{"type": "string"}}}}}}}}"#))
            .collect();
        let one = format!(
            r#", "/customers/{{id}}": {{"get": {{"responses": {{"200": {{"content": {{"application/json": {{"schema": {{"type": "object", "properties": {{"id": {{"type": "string"}}, "name": {{"type": "string"}}, "email": {{"type": "string"}}}}}}}}}}}}}}}}, "patch": {{"requestBody": {{"content": {{{}}}}}, "responses": {{"204": {{}}}}}}}}"#,
            content.join(", ")
        );
        made(&document("", "", &one))
    };
    for (kinds, expected) in [
        (&["application/merge-patch+json"][..], Some("headers = { Content-Type = \"application/merge-patch+json\" }")),
        (&["application/merge-patch+json", "application/json"][..], None),
        (&["application/json"][..], None),
    ] {
        let text = taking(kinds);
        assert!(text.contains("[streams.customers.update]"), "{text}");
        match expected {
            Some(line) => assert!(text.contains(line), "{text}"),
            None => assert!(!text.contains("Content-Type"), "{text}"),
        }
    }
}
