//! Who is let in: addresses, tokens, sessions, signatures of systems, lists of networks.

use super::*;

#[tokio::test]
async fn on_every_address_it_answers_to_each_and_to_names_that_were_given() {
    let everywhere = Server::on([0, 0, 0, 0]);
    for (host, status) in [
        ("192.168.1.7:6283", 200),
        ("[fd00::7]:6283", 200),
        ("hub.example.com", 200),
        ("evil.example.com", 421),
        ("192.168.1.7.evil.example.com", 421),
    ] {
        let (found, _, page) = everywhere.ask("GET /login", &[&format!("host: {host}")], "").await;
        assert_eq!(found.as_u16(), status, "{host}");
        assert_eq!(page.contains("nave serve --host evil.example.com"), host == "evil.example.com", "{page}");
    }
    let (found, ..) = Server::new().ask("GET /login", &["host: 192.168.1.7:6283"], "").await;
    assert_eq!(found.as_u16(), 421, "listening on one address only, another is not ours");
    let (_, _, page) = everywhere.ask("GET /login", &["host: <b>x</b>"], "").await;
    assert!(!page.contains("<b>"), "{page}");
}

#[tokio::test]
async fn doors_are_closed() {
    let bearer = format!("authorization: Bearer {TOKEN}");
    // Request, headers, status.
    let cases: &[(&str, &[&str], u16)] = &[
        ("GET /v1/status", &[HOST], 401),
        ("GET /v1/status", &[HOST, "authorization: Bearer wrong"], 401),
        ("GET /v1/status", &[HOST, "authorization: Basic YTpi"], 401),
        ("GET /v1/status", &[HOST, "cookie: nave_session=guessed"], 401),
        ("GET /v1/status?token=a-good-token", &[HOST], 401),
        ("GET /v1/status?access_token=a-good-token", &[HOST], 401),
        ("GET /v1/status", &[HOST, "cookie: nave_session=a-good-token"], 401),
        ("GET /v1/status", &[HOST, &bearer], 200),
        ("GET /v1/status", &["host: HUB.example.com", &bearer], 200),
        ("GET /v1/status", &["host: [::1]:6283", &bearer], 200),
        ("GET /v1/status", &["host: evil.example.com", &bearer], 421),
        ("GET /v1/status", &["host: localhost.evil.example.com", &bearer], 421),
        ("GET /v1/status", &[&bearer], 421),
        ("GET /v1/status", &[HOST, "host: evil.example.com", &bearer], 421),
        ("GET /v1/status", &["host: localhost:6283@evil.example.com", &bearer], 400),
        ("GET /v1/status", &["host: localhost:x", &bearer], 400),
        ("GET /v1/status", &["host: localhost:", &bearer], 400),
        ("GET /v1/status", &["host: [localhost]:6283", &bearer], 400),
        ("GET /v1/status", &["host: evil/localhost", &bearer], 400),
        ("GET /v1/status", &["host: ", &bearer], 400),
        ("GET http://evil.example.com/v1/status", &[HOST, &bearer], 400),
        ("GET http://localhost:6283/v1/status", &[HOST, &bearer], 400),
        ("POST /v1/sync", &[HOST, &bearer, JSON, "transfer-encoding: chunked"], 400),
        ("POST /v1/sync", &[HOST, &bearer, JSON, "transfer-encoding: chunked", "content-length: 3"], 400),
        ("GET /login", &["host: evil.example.com"], 421),
        ("GET /login", &[HOST], 200),
        ("GET /", &[HOST], 303),
        ("GET /records", &[HOST], 303),
        ("GET /events", &[HOST], 401),
        ("GET /nothing", &[HOST], 404),
        ("GET /v1/nothing", &[HOST], 404),
        ("GET /v1/runs/abc", &[HOST, &bearer], 400),
        ("POST /v1/sync", &[HOST, &bearer, FORM], 400),
        ("GET /assets/style.css", &[HOST], 200),
        ("GET /assets/../Cargo.toml", &[HOST], 404),
        ("GET /assets/..%2f..%2fCargo.toml", &[HOST], 404),
        ("GET /assets/%2e%2e/Cargo.toml", &[HOST], 404),
        ("GET /assets/style.css%00", &[HOST], 404),
        ("GET //etc/passwd", &[HOST], 404),
    ];
    for (line, headers, expected) in cases {
        let body = if line.starts_with("POST") { "x=1" } else { "" };
        let (status, answer_headers, text) = Server::new().ask(line, headers, body).await;
        assert_eq!(status.as_u16(), *expected, "{line} {headers:?}: {text}");
        for header in ["default-src 'none'", "frame-ancestors 'none'", "nosniff", "no-store"] {
            assert!(answer_headers.contains(header), "{line} {headers:?} lacks {header}: {answer_headers}");
        }
    }
}

#[tokio::test]
async fn systems_are_believed_by_their_signature_alone() {
    let server = Server::new();
    let large = "x".repeat(crate::limits::REQUEST_BODY_BYTES_MAX + 1);
    for (line, body, status) in [
        ("POST /hooks/crm", large.as_str(), 413),
        ("POST /hooks/books", &large, 413),
        ("HEAD /hooks/crm", "", 200),
        ("HEAD /hooks/books", "", 200),
        ("GET /hooks/books", "", 200),
        ("DELETE /hooks/crm", "secret", 405),
        ("POST /hooks/..%2fcrm", "secret", 401),
        ("POST /hooks/..%2f..%2fv1%2fstatus", "secret", 401),
        ("POST /hooks/%252e%252e%252fcrm", "secret", 401),
        ("POST /hooks/crm%00", "secret", 401),
        ("POST /hooks/flooded", "secret", 429),
        ("POST /hooks/crm", "secret", 200),
        ("POST /hooks/crm?a=1&a=2&%ff", "secret", 200),
        ("POST /hooks/crm", "guessed", 401),
        ("POST /hooks/books", "secret", 401),
        ("POST /hooks", "secret", 404),
        ("POST /hooks/crm/more", "secret", 404),
        ("GET /hooks/crm", "", 200),
        ("PUT /hooks/crm", "secret", 405),
    ] {
        let (found, _, text) = server.ask(line, &[HOST], body).await;
        assert_eq!(found.as_u16(), status, "{line} {body}: {text}");
        assert!(!text.contains("secret"), "{text}");
    }
    // Who is connected is not to be learnt: what is not believed and what nobody listens to are one answer.
    let (guessed, guessed_headers, guessed_text) = server.ask("POST /hooks/crm", &[HOST], "guessed").await;
    let (nobody, nobody_headers, nobody_text) = server.ask("POST /hooks/nobody", &[HOST], "guessed").await;
    assert_eq!((guessed, guessed_headers, guessed_text), (nobody, nobody_headers, nobody_text));
    let (found, ..) = server.ask("POST /hooks/crm", &["host: evil.example.com"], "secret").await;
    assert_eq!(found, StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test]
async fn wrong_tokens_are_slowed_down() {
    let server = Server::new();
    for _ in 0..crate::limits::FAILURES_MAX {
        let (status, ..) = server.ask("GET /v1/status", &[HOST, "authorization: Bearer wrong"], "").await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
    }
    for expected in ["60", "120", "240"] {
        let (status, headers, text) = server.ask("GET /v1/status", &[HOST, "authorization: Bearer wrong"], "").await;
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        assert!(headers.contains(&format!("\"retry-after\": \"{expected}\"")), "{headers}");
        assert!(!text.contains("Bearer wrong"), "{text}");
    }
    // A good token is taken at any time, from the same address too.
    let (status, ..) = server.ask("GET /v1/status", &[HOST, &format!("authorization: Bearer {TOKEN}")], "").await;
    assert_eq!(status, StatusCode::OK);
    for _ in 0..100 {
        server.ask("GET /v1/status", &[HOST, "authorization: Bearer wrong"], "").await;
    }
    let noted = server.fake.refused.lock().unwrap().clone();
    assert_eq!(noted, [("127.0.0.1".to_owned(), 6), ("127.0.0.1".to_owned(), 60)], "a count now and then, no values");
}

/// Line 111: what a token opened ends with it.
#[tokio::test]
async fn a_session_ends_with_its_token() {
    let server = Server::new();
    let (cookie, _) = server.sign_in().await;
    assert_eq!(server.ask("GET /v1/status", &[HOST, &cookie], "").await.0, StatusCode::OK);
    // Another token of the same name: the one before was reset.
    *server.fake.tokens.lock().unwrap() = Some(vec!["another"]);
    assert_eq!(server.ask("GET /v1/status", &[HOST, &cookie], "").await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(server.ask("GET /", &[HOST, &cookie], "").await.0, StatusCode::SEE_OTHER);
    // It does not come back with the token either.
    *server.fake.tokens.lock().unwrap() = None;
    assert_eq!(server.ask("GET /v1/status", &[HOST, &cookie], "").await.0, StatusCode::UNAUTHORIZED);
}

/// Line 111: an id that somebody else chose is never a session, and one that was left is none any more.
#[tokio::test]
async fn a_session_is_the_hubs_own_and_ends_when_it_is_left() {
    let server = Server::new();
    let ours = "origin: http://localhost:6283";
    let planted = "cookie: nave_session=chosen-by-somebody-else";
    let (_, headers, _) = server.ask("POST /login", &[HOST, ours, FORM, planted], &format!("token={TOKEN}")).await;
    assert!(headers.contains("nave_session=") && !headers.contains("chosen-by-somebody-else"), "{headers}");
    assert_eq!(server.ask("GET /v1/status", &[HOST, planted], "").await.0, StatusCode::UNAUTHORIZED);

    let (cookie, form_token) = server.sign_in().await;
    let leave = |token: String| format!("form_token={token}");
    let guessed = server.ask("POST /logout", &[HOST, &cookie, ours, FORM], &leave("guessed".into())).await;
    assert_eq!((guessed.0, server.ask("GET /v1/status", &[HOST, &cookie], "").await.0), (StatusCode::SEE_OTHER, StatusCode::OK));
    server.ask("POST /logout", &[HOST, &cookie, ours, FORM], &leave(form_token)).await;
    assert_eq!(server.ask("GET /v1/status", &[HOST, &cookie], "").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_secret_in_the_address_is_not_taken() {
    let server = Server::new();
    let bearer = format!("authorization: Bearer {TOKEN}");
    for body in ["", r#"{"value":"from-the-body"}"#] {
        let (status, _, text) = server.ask("PUT /v1/secrets/x?value=canary", &[HOST, &bearer, JSON], body).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{text}");
        assert!(text.contains("never taken from the address") && !text.contains("canary"), "{text}");
    }
    assert!(server.fake.asked.lock().unwrap().is_empty());
}

/// Who may ask is a matter of where from, before anything else; what systems tell is not asked for that here.
#[tokio::test]
async fn only_who_is_on_the_list_may_ask() {
    for (networks, expected) in
        [(&[][..], 200), (&["127.0.0.0/8"], 200), (&["10.0.0.0/8", "127.0.0.1"], 200), (&["10.0.0.0/8", "::1"], 403)]
    {
        let server = Server::asked_from([127, 0, 0, 1], networks);
        let token = format!("authorization: Bearer {TOKEN}");
        for target in ["GET /v1/status", "GET /login"] {
            let (status, headers, text) = server.ask(target, &[HOST, &token], "").await;
            assert_eq!(status.as_u16(), expected, "{target} {networks:?}: {text}");
            assert!(headers.contains("nosniff"), "{headers}");
        }
        let (status, ..) = server.ask("POST /hooks/crm", &[HOST], "secret").await;
        assert_eq!(status.as_u16(), 200, "{networks:?}");
    }
}
