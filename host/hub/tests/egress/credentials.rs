//! Lines 73 to 75 and 86 to 90: credentials go where they belong, and nowhere else.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use nave_core::manifest::CredentialKind;
use nave_hub::egress::Request;

use crate::server::{Captured, Server, Step, ok, status};
use crate::setup::{CANARY, Setup, get, outcome, post, request};

fn bearer() -> CredentialKind {
    CredentialKind::Bearer { scheme: None }
}

/// The part of the canary after the colon.
fn password() -> &'static str {
    CANARY.split_once(':').unwrap().1
}

#[tokio::test]
async fn each_kind_puts_the_secret_where_it_belongs() {
    let basic = format!("Basic {}", STANDARD.encode(CANARY));
    for (kind, header, value) in [
        (bearer(), "authorization", format!("Bearer {CANARY}")),
        (CredentialKind::Bearer { scheme: Some("bcrm".into()) }, "authorization", format!("bcrm {CANARY}")),
        (CredentialKind::Basic {}, "authorization", basic),
        (CredentialKind::Header { name: "X-Api-Key".into() }, "x-api-key", CANARY.to_owned()),
    ] {
        let server = Server::start(|_| ok("{}")).await;
        let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
        setup.credential(kind);
        assert_eq!(outcome(&get(&setup.channel(), "/x?a=b").await), "200");
        assert_eq!(server.requests()[0].header(header), [value.as_str()]);
        assert_eq!(server.requests()[0].line(), "GET /x?a=b HTTP/1.1");
        // The guest cannot set it, and cannot put another beside it.
        let own = Request { headers: vec![(header.to_uppercase(), "mine".into())], ..request("GET", "/x") };
        assert_eq!(outcome(&setup.channel().send("api", own).await), "net.header-denied");
        assert_eq!(server.requests().len(), 1);
    }
    let server = Server::start(|_| ok("{}")).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.credential(CredentialKind::Query { name: "key".into() });
    assert_eq!(outcome(&get(&setup.channel(), "/x?a=b").await), "200");
    assert_eq!(outcome(&get(&setup.channel(), "/y").await), "200");
    assert_eq!(outcome(&get(&setup.channel(), "/y?key=mine").await), "net.query-denied");
    let encoded = "c4nary%3AS3cret%2F%2Bval%3D%22ue%22";
    assert_eq!(server.requests()[0].line(), format!("GET /x?a=b&key={encoded} HTTP/1.1"));
    assert_eq!(server.requests()[1].line(), format!("GET /y?key={encoded} HTTP/1.1"));
}

/// Line 73: an endpoint without the credential does not get it, wherever it leads.
#[tokio::test]
async fn the_secret_goes_to_its_endpoint_only() {
    let server = Server::start(|_| ok("{}")).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.credential(bearer());
    setup.endpoint("files", &format!("http://files.test:{}", server.port()));
    setup.names.set("files.test", &[&["127.0.0.1"]]);
    let channel = setup.channel();
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert_eq!(outcome(&channel.send("files", request("GET", "/x")).await), "200");
    assert!(server.requests()[1].header("authorization").is_empty());
    // Line 74: nothing of the guest's is a template.
    for text in ["{{secret}}", "{secret}", "${crm-key}", "{credential.key}", "{password}"] {
        let path = format!("/x?a={}", text.replace('{', "%7B").replace('}', "%7D"));
        let request = Request { headers: vec![("X-Own".into(), text.into())], body: Some(text.into()), ..request("POST", &path) };
        channel.send("files", request).await.unwrap();
        let seen = server.requests().pop().unwrap();
        assert_eq!((seen.body.as_slice(), seen.header("x-own")), (text.as_bytes(), vec![text]));
    }
    assert!(server.requests().iter().skip(1).all(|seen| !format!("{} {:?}", seen.head, seen.body).contains("c4nary")));
}

/// What came back, as text.
async fn echoed(kind: CredentialKind, body: impl Fn(&Captured) -> String + Send + Sync + 'static) -> (String, Setup) {
    let server = Server::start(move |request| {
        let echo = body(request);
        status(200, &format!("X-Echo: {echo}\r\nX-Clean: yes\r\n"), &echo)
    })
    .await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.credential(kind);
    let channel = setup.channel();
    let response = get(&channel, "/x").await.unwrap();
    let blob = channel.fetch("api", request("GET", "/x")).await.unwrap();
    let held = blob.body.read(0, 100_000).await.unwrap();
    let text = format!(
        "{:?} {} {:?} {}",
        response.headers,
        String::from_utf8_lossy(&response.body),
        blob.headers,
        String::from_utf8_lossy(&held)
    );
    assert!(text.contains("x-clean"));
    (text, setup)
}

/// Line 73: whatever the system reflects.
#[tokio::test]
async fn reflected_secrets_are_taken_out_and_flagged() {
    let spelled: Vec<String> = vec![
        CANARY.into(),
        STANDARD.encode(CANARY),
        URL_SAFE_NO_PAD.encode(CANARY),
        STANDARD.encode(format!("api:{CANARY}!")),
        "c4nary%3AS3cret%2F%2Bval%3D%22ue%22".into(),
        "c4nary%3aS3cret%2f%2bval%3d%22ue%22".into(),
        CANARY.replace('"', "\\\""),
        CANARY.bytes().map(|byte| format!("{byte:02x}")).collect(),
    ];
    for spelling in spelled {
        let copy = spelling.clone();
        let (text, setup) = echoed(bearer(), move |_| format!("<{copy}>")).await;
        assert!(!text.contains(&spelling), "{spelling}: {text}");
        assert!(text.contains("***"), "{text}");
        assert!(setup.audit.notes().iter().any(|note| note.action == "net.secret-scrubbed"));
        assert!(!setup.audit.text().contains(&spelling));
    }
    let (text, setup) = echoed(bearer(), |_| "<nothing to see>".into()).await;
    assert!(text.contains("<nothing to see>") && setup.audit.notes().is_empty());

    // The headers as they were sent, echoed; and the password of a pair alone.
    let (text, _) = echoed(CredentialKind::Basic {}, |request| request.header("authorization")[0].to_owned()).await;
    assert!(!text.contains(&STANDARD.encode(CANARY)), "{text}");
    // Encoded already as it is sent, and once more as it is echoed.
    for encode in [|sent: &str| STANDARD.encode(sent), |sent: &str| sent.bytes().map(|byte| format!("{byte:02x}")).collect()] {
        let (text, _) = echoed(CredentialKind::Basic {}, move |request| encode(request.header("authorization")[0])).await;
        assert!(text.contains("***"), "{text}");
    }
    let (text, _) = echoed(CredentialKind::Basic {}, |_| password().to_owned()).await;
    assert!(!text.contains("S3cret"), "{text}");
    let (text, _) = echoed(CredentialKind::Query { name: "key".into() }, |request| request.line().to_owned()).await;
    assert!(!text.contains("c4nary"), "{text}");
}

/// Line 75.
#[tokio::test]
async fn errors_show_stars_instead_of_a_credential() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let broken = Server::start(|_| vec![Step::Close]).await;
    let garbage =
        Server::start(|request| vec![Step::Send(format!("{}\r\n\r\n", request.line()).into_bytes()), Step::Close]).await;
    for base in [
        format!("http://api.test:{closed}"),
        format!("http://api.test:{}", broken.port()),
        format!("https://api.test:{}", broken.port()),
        format!("http://api.test:{}", garbage.port()),
        "http://unknown.test".into(),
    ] {
        let mut setup = Setup::new(&base);
        setup.bounds.connect = std::time::Duration::from_millis(300);
        setup.credential(CredentialKind::Query { name: "key".into() });
        let text = get(&setup.channel(), "/x?a=b").await.unwrap_err().to_string();
        assert!(text.contains("/x?key=***"), "{base}: {text}");
        assert!(!text.contains("S3cret"), "{text}");
        assert!(!setup.audit.text().contains("S3cret"));
        // Also where the guest itself wrote it, because the system had told it.
        setup.secrets.set("crm-key", "plain-S3cret");
        let text = get(&setup.channel(), "/plain-S3cret").await.unwrap_err().to_string();
        assert!(text.contains("/***?key=***"), "{text}");
    }
}

#[tokio::test]
async fn a_missing_or_unusable_secret_is_a_denial_with_its_fix() {
    for (secret, kind, code) in [
        ("a\r\nX: y", bearer(), "net.credential-unusable"),
        ("a\nb", CredentialKind::Header { name: "X-Key".into() }, "net.credential-unusable"),
        ("no-colon", CredentialKind::Basic {}, "net.credential-unusable"),
        ("", bearer(), "net.credential-unusable"),
    ] {
        let mut setup = Setup::new("http://api.test:1");
        setup.credential(kind);
        setup.secrets.set("crm-key", secret);
        let result = get(&setup.channel(), "/x").await;
        assert_eq!(outcome(&result), code, "{secret:?}");
        assert!(result.unwrap_err().to_string().contains("nave secret set crm-key"));
        assert_eq!(setup.names.asked(), 0);
    }
    let mut setup = Setup::new("http://api.test:1");
    setup.credential(bearer());
    setup.config.credentials.get_mut("key").unwrap().secret = "other".into();
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.secret-missing");
    setup.config.credentials.clear();
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.credential-missing");
}

fn login() -> CredentialKind {
    CredentialKind::Login {
        endpoint: "auth".into(),
        path: "/login".into(),
        body: r#"{"name":"{user}","pass":"{password}"}"#.into(),
        token: "/data/token".into(),
        expires_in: None,
        header: Some("Authorization: Session".into()),
    }
}

fn client_credentials() -> CredentialKind {
    CredentialKind::OauthClientCredentials {
        endpoint: "auth".into(),
        path: "/token".into(),
        scopes: "contacts.read accounts".into(),
    }
}

/// An `api` with this credential, whose `auth` endpoint is the same server.
fn with_auth(server: &Server, kind: CredentialKind) -> Setup {
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.credential(kind);
    setup.endpoint("auth", &format!("http://auth.test:{}/oauth", server.port()));
    setup.names.set("auth.test", &[&["127.0.0.1"]]);
    setup
}

fn is_auth(request: &Captured) -> bool {
    request.line().starts_with("POST /oauth/")
}

/// Line 87.
#[tokio::test]
async fn many_calls_make_one_log_in() {
    let answer = |request: &Captured| {
        if is_auth(request) { ok(r#"{"data":{"token":"tok-en-0123456789"}}"#) } else { ok(request.header("authorization")[0]) } // nave:no-secret
    };
    let server = Server::start(answer).await;
    let setup = with_auth(&server, login());
    let channel = setup.channel();
    let calls: Vec<_> = (0..30)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { get(&channel, "/x").await.unwrap() })
        })
        .collect();
    for call in calls {
        assert_eq!(&call.await.unwrap().body[..], b"Session ***", "the token is scrubbed like a secret");
    }
    let seen = server.requests();
    let logins: Vec<&Captured> = seen.iter().filter(|request| is_auth(request)).collect();
    assert_eq!((logins.len(), seen.len()), (1, 31));
    let sent: serde_json::Value = serde_json::from_slice(&logins[0].body).unwrap();
    assert_eq!(sent, serde_json::json!({"name": "c4nary", "pass": password()}));
    assert!(
        seen.iter()
            .filter(|request| !is_auth(request))
            .all(|request| request.header("authorization") == ["Session tok-en-0123456789"])
    );
}

/// A server whose tokens are good for a few calls: `tok-1`, `tok-2`, …
fn rotating(good_for: usize) -> impl Fn(&Captured) -> Vec<Step> + Send + Sync {
    let state = std::sync::Mutex::new((0, 0));
    move |request| {
        let mut state = state.lock().unwrap();
        if is_auth(request) {
            *state = (state.0 + 1, good_for);
            return ok(&format!(
                r#"{{"access_token":"token-{}","token_type":"Bearer","expires_in":3600,"data":{{"token":"token-{}"}}}}"#,
                state.0, state.0
            ));
        }
        let current =
            request.header("authorization").first().is_some_and(|value| value.ends_with(&format!(" token-{}", state.0)));
        if current && state.1 > 0 {
            state.1 -= 1;
            ok("{}")
        } else {
            status(401, "", "expired")
        }
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_once_and_the_call_repeated() {
    for kind in [login(), client_credentials()] {
        let server = Server::start(rotating(2)).await;
        let setup = with_auth(&server, kind);
        let channel = setup.channel();
        for _ in 0..5 {
            assert_eq!(outcome(&post(&channel, "/x", "{\"a\":1}").await), "200");
        }
        let seen = server.requests();
        // 5 calls, 3 tokens, and 2 calls that were refused and repeated.
        assert_eq!(seen.iter().filter(|request| is_auth(request)).count(), 3);
        assert_eq!(seen.len(), 5 + 3 + 2);
        assert!(seen.iter().filter(|request| !is_auth(request)).all(|request| request.body == b"{\"a\":1}"));
    }
}

/// A token that was never accepted is not worth another log-in: accounts lock.
#[tokio::test]
async fn a_system_that_refuses_every_token_is_asked_once() {
    let server = Server::start(rotating(0)).await;
    let setup = with_auth(&server, client_credentials());
    let channel = setup.channel();
    for _ in 0..5 {
        assert_eq!(outcome(&get(&channel, "/x").await), "401");
    }
    assert_eq!(server.requests().iter().filter(|request| is_auth(request)).count(), 1);
}

#[tokio::test]
async fn client_credentials_are_asked_for_as_the_standard_says() {
    let server = Server::start(rotating(9)).await;
    let setup = with_auth(&server, client_credentials());
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "200");
    let token = &server.requests()[0];
    assert_eq!(token.line(), "POST /oauth/token HTTP/1.1");
    assert_eq!(token.body, b"grant_type=client_credentials&scope=contacts.read+accounts");
    let pair = STANDARD.encode("c4nary:S3cret%2F%2Bval%3D%22ue%22");
    assert_eq!(token.header("authorization"), [format!("Basic {pair}")]);
    assert_eq!(server.requests()[1].header("authorization"), ["Bearer token-1"]);
}

/// S7.5: what a token may is as its system says it: in the token's answer, by leaving it out (as it was asked for), or with any answer.
#[tokio::test]
async fn what_a_token_may_is_heard() {
    for (scope, header, expected) in [
        (r#""scope":"contacts.read admin","#, "", Some("contacts.read admin")),
        ("", "", Some("contacts.read accounts")),
        (r#""scope":"","#, "X-OAuth-Scopes: repo, user:email\r\n", Some("repo user:email")),
        ("", "X-OAuth-Scopes:\r\n", Some("")),
        (r#""scope":"a\u0007b c4nary:S3cret/+val=\"ue\" read","#, "", Some("*** read")),
    ] {
        let answer = move |request: &Captured| match is_auth(request) {
            true => ok(&format!(r#"{{"access_token":"t",{scope}"token_type":"Bearer"}}"#)),
            false => status(200, header, "{}"),
        };
        let server = Server::start(answer).await;
        let setup = with_auth(&server, client_credentials());
        let egress = setup.egress();
        assert_eq!(outcome(&get(&egress.channel(setup.config.clone()), "/x").await), "200");
        let heard = egress.talk("crm").granted().get("key").map(|scopes| scopes.join(" "));
        assert_eq!(heard.as_deref(), expected, "{scope} {header}");
    }
    // Of a key that is carried as it is, an answer may tell; one that does not leaves it unknown.
    for (header, expected) in [("X-OAuth-Scopes: repo\r\n", Some(vec!["repo".to_owned()])), ("", None)] {
        let server = Server::start(move |_| status(200, header, "{}")).await;
        let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
        setup.credential(bearer());
        let egress = setup.egress();
        assert_eq!(outcome(&get(&egress.channel(setup.config.clone()), "/x").await), "200");
        assert_eq!(egress.talk("crm").granted().get("key").cloned(), expected, "{header}");
    }
}

/// Lines 89 and 90.
#[tokio::test]
async fn a_refused_log_in_is_not_tried_again_until_the_secret_changes() {
    for answer in [
        (401, r#"{"error":"invalid_client"}"#),
        (400, r#"{"error":"invalid_grant"}"#),
        (302, ""),
        (200, "<html>"),
        (200, r#"{"error":"x"}"#),
        (200, r#"{"access_token":"a\r\nX-Evil: 1"}"#),
        (200, r#"{"access_token":""}"#),
    ] {
        let server = Server::start(move |_| status(answer.0, "Location: /elsewhere\r\n", answer.1)).await;
        let setup = with_auth(&server, client_credentials());
        let channel = setup.channel();
        for _ in 0..3 {
            let result = get(&channel, "/x").await;
            assert_eq!(outcome(&result), "net.login-refused", "{answer:?}");
            let text = result.unwrap_err().to_string();
            assert!(text.contains("nave secret set crm-key") && !text.contains("S3cret"), "{text}");
        }
        assert_eq!(server.requests().len(), 1, "{answer:?}");
        setup.secrets.set("crm-key", "other:secret");
        assert_eq!(outcome(&get(&channel, "/x").await), "net.login-refused");
        assert_eq!(server.requests().len(), 2, "{answer:?}");
    }
}

/// A log-in that fails on the way says nothing about the secret, and the guest's request was not sent.
#[tokio::test]
async fn a_log_in_that_breaks_leaves_the_call_unsent() {
    for script in [|| vec![Step::Close], || status(503, "", "busy"), || status(429, "", "slow down")] {
        let server = Server::start(move |_| script()).await;
        let setup = with_auth(&server, login());
        let channel = setup.channel();
        assert_eq!(outcome(&post(&channel, "/x", "{}").await), "net.unreachable");
        assert_eq!(outcome(&post(&channel, "/x", "{}").await), "net.unreachable");
        assert_eq!(server.requests().len(), 2);
        assert!(server.requests().iter().all(is_auth));
    }
    let server =
        Server::start(|_| vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 999999\r\n\r\n".to_vec()), Step::Hang]).await;
    assert_eq!(outcome(&get(&with_auth(&server, login()).channel(), "/x").await), "net.login-refused", "too large");
}

/// Line 43: a call that is given up in the middle of its log-in, as when its guest is stopped, keeps no other one waiting.
#[tokio::test]
async fn a_log_in_that_was_given_up_is_made_by_the_next_call() {
    let (arrived, mut arrives) = tokio::sync::watch::channel(0);
    let server = Server::start(move |request| {
        if !is_auth(request) {
            return ok("{}");
        }
        arrived.send_modify(|count| *count += 1);
        if *arrived.borrow() == 1 { vec![Step::Hang] } else { ok(r#"{"data":{"token":"tok-en-0123456789"}}"#) } // nave:no-secret
    })
    .await;
    let setup = with_auth(&server, login());
    let channel = setup.channel();
    tokio::select! {
        result = get(&channel, "/x") => panic!("{result:?}"),
        seen = arrives.wait_for(|count| *count == 1) => assert!(seen.is_ok()),
    }
    assert_eq!(outcome(&get(&channel, "/x").await), "200");
    assert_eq!(server.requests().iter().filter(|request| is_auth(request)).count(), 2);
}

#[tokio::test]
async fn a_log_in_endpoint_must_be_granted_too() {
    let server = Server::start(rotating(9)).await;
    let mut setup = with_auth(&server, login());
    setup.config.grants.endpoints.remove("auth");
    assert_eq!(outcome(&get(&setup.channel(), "/x").await), "net.denied");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn session_cookies_stay_in_the_hub() {
    let server = Server::start(|_| status(200, "Set-Cookie: session=abc\r\nX-Own: 1\r\n", "{}")).await;
    let setup = Setup::new(&format!("http://api.test:{}", server.port()));
    let response = get(&setup.channel(), "/x").await.unwrap();
    let names: Vec<&str> = response.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["x-own", "content-length"]);
}

/// An update that asks for the secret on another endpoint does not get it there, for requests and for log-ins.
#[tokio::test]
async fn a_secret_is_used_only_where_it_was_granted() {
    let server = Server::start(|_| ok(r#"{"token":"a-token-of-theirs"}"#)).await;
    let login = CredentialKind::Login {
        endpoint: "files".into(),
        path: "/login".into(),
        body: r#"{"user":"{user}","password":"{password}"}"#.into(),
        token: "/token".into(),
        expires_in: None,
        header: None,
    };
    for (kind, granted, expected) in [
        (bearer(), vec!["api"], "200"),
        (bearer(), vec!["files"], "net.credential-denied"),
        (bearer(), vec![], "net.credential-denied"),
        (login.clone(), vec!["api"], "net.credential-denied"),
        (login, vec!["api", "files"], "200"),
    ] {
        let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
        setup.endpoint("files", &format!("http://files.test:{}", server.port()));
        setup.names.set("files.test", &[&["127.0.0.1"]]);
        setup.credential(kind);
        setup.config.credentials.get_mut("key").unwrap().endpoints = Some(granted.iter().map(ToString::to_string).collect());
        let before = server.requests().len();
        let result = get(&setup.channel(), "/x").await;
        assert_eq!(outcome(&result), expected, "{granted:?}");
        if expected != "200" {
            assert_eq!(server.requests().len(), before, "nothing was sent");
            assert!(format!("{result:?}").contains("`endpoints` under [credentials.key] in connections/crm.toml"), "{result:?}");
        }
    }
}
