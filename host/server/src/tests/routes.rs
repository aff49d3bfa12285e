//! What of the API becomes which request, and how it refuses.

use super::*;

#[tokio::test]
async fn routes_become_requests() {
    let bearer = format!("authorization: Bearer {TOKEN}");
    let record = |text: &str| text.parse().unwrap();
    let cases: Vec<(&str, &str, Request)> = vec![
        (
            "GET /v1/records?entity=contact&query=a%40b.c&limit=3",
            "",
            Request::Records { entity: Some("contact".into()), query: "a@b.c".into(), after: 0, limit: 3 },
        ),
        ("GET /v1/records/contact/12", "", Request::RecordShow { record: record("contact/12"), at: None }),
        (
            "GET /v1/records/contact/12?at=2026-10-01",
            "",
            Request::RecordShow { record: record("contact/12"), at: Some("2026-10-01".into()) },
        ),
        (
            "POST /v1/records/contact/12/correct",
            r#"{"field":"tax_id","apply":"1,3","reason":"typing error"}"#,
            Request::RecordCorrect {
                record: record("contact/12"),
                field: "tax_id".into(),
                from: None,
                apply: Some("1,3".into()),
                reason: "typing error".into(),
                unmapped: false,
            },
        ),
        (
            "GET /v1/records/contact/12/why?field=email",
            "",
            Request::RecordWhy { record: record("contact/12"), field: Some("email".into()) },
        ),
        ("GET /v1/xref/crm/contacts/a%2Fb", "", Request::Xref { record: record("crm/contacts:a/b") }),
        (
            "POST /v1/sync",
            r#"{"flows":["crm-contacts"],"full":true}"#,
            Request::Sync { flows: vec!["crm-contacts".into()], full: true, once: false, retry: false, shadow: false },
        ),
        (
            "POST /v1/apply",
            r#"{"reason":"pilot","by":"somebody else"}"#,
            Request::Apply { flow: None, limit: None, schema: false, reason: "pilot".into() },
        ),
        (
            "POST /v1/reviews/3/decide",
            r#"{"choice":{"existing":12}}"#,
            Request::ReviewDecide { id: 3, choice: DecisionChoice::Existing(RecordId(12)), other: false, reason: String::new() },
        ),
        (
            "POST /v1/dead-letters/retry",
            r#"{"which":{"ids":[1,2]}}"#,
            Request::DlqRetry { which: nave_hub::api::DeadLetters::Ids(vec![1, 2]) },
        ),
        (
            "POST /v1/connections/crm/assess",
            r#"{"write-test-records":true,"wait-s":60}"#,
            Request::Assess { name: "crm".into(), write_test_records: true, wait_s: 60 },
        ),
        ("GET /v1/connections/crm/assessments", "", Request::Assessments { name: Some("crm".into()), limit: 50 }),
        (
            "POST /v1/tests/sample",
            r#"{"source":"contact"}"#,
            Request::TestSample { source: "contact".into(), records: 500, mask: "pii".into(), allow_unmasked: false },
        ),
        ("GET /v1/reviews?all=true", "", Request::ReviewList { all: true }),
    ];
    for (line, body, expected) in cases {
        let server = Server::new();
        let (_, _, text) = server.ask(line, &[HOST, &bearer, JSON], body).await;
        assert!(!server.fake.asked.lock().unwrap().is_empty(), "{line}: {text}");
        assert_eq!(server.last(), Asked::by("ada", expected), "{line}");
    }
    for line in ["POST /v1/sync", "PUT /v1/secrets/x"] {
        let server = Server::new();
        let (status, ..) = server.ask(line, &[HOST, &bearer, JSON], r#"{"unknown":1}"#).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{line}");
        assert!(server.fake.asked.lock().unwrap().is_empty());
    }
}

/// What is refused before a command is made of it: with its status, and as the API says everything.
#[tokio::test]
async fn refusals_of_the_api_are_json() {
    let bearer = format!("authorization: Bearer {TOKEN}");
    let large = format!("{{\"reason\":\"{}\"}}", "x".repeat(2 << 20));
    for (line, with, body, status, code) in [
        ("GET /v1", None, "", StatusCode::UNAUTHORIZED, "unauthorized"),
        ("GET /v1/status", None, "", StatusCode::UNAUTHORIZED, "unauthorized"),
        ("DELETE /v1/status", Some(&bearer), "", StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
        ("POST /v1", Some(&bearer), "", StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed"),
        ("POST /v1/apply", Some(&bearer), large.as_str(), StatusCode::PAYLOAD_TOO_LARGE, "too-large"),
        ("GET /v1/nothing", Some(&bearer), "", StatusCode::NOT_FOUND, "not-found"),
    ] {
        let mut headers = vec![HOST, JSON];
        headers.extend(with.map(String::as_str));
        let (found, headers, text) = Server::new().ask(line, &headers, body).await;
        assert_eq!(found, status, "{line}: {text}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{line}: {error}: {text}"));
        assert!(
            json["error"]["code"] == code && json["error"]["help"].is_string() && headers.contains("application/json"),
            "{text}"
        );
    }
    // A page of that name there is none; a form without its token is one of another session.
    let server = Server::new();
    let (cookie, _) = server.sign_in().await;
    let from_us = [HOST, &cookie, "origin: http://localhost:6283", FORM];
    let (status, _, text) = server.ask("DELETE /reviews", &from_us, "").await;
    assert!(status == StatusCode::METHOD_NOT_ALLOWED && text.contains("DELETE"), "{status}: {text}");
    let (status, _, page) = server.ask("POST /reviews/3", &from_us, "choice=new").await;
    assert!(status == StatusCode::FORBIDDEN && page.contains("another session"), "{status}: {page}");
}
