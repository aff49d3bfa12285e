//! A log-in whose token is a cookie, and the two headers that a manifest may ask for.

use nave_core::manifest::CredentialKind;
use nave_hub::egress::Request;

use crate::server::{Captured, Server, Step, ok, status};
use crate::setup::{Setup, get, outcome, request};

const SESSION: &str = "s3ss1on-0123456789";

fn login(expires_in: Option<&str>) -> CredentialKind {
    CredentialKind::Login {
        endpoint: "auth".into(),
        path: "/login".into(),
        body: r#"{"name":"{user}","pass":"{password}"}"#.into(),
        token: "cookie:sid".into(),
        expires_in: expires_in.map(str::to_owned),
        header: None,
    }
}

fn is_auth(request: &Captured) -> bool {
    request.line().starts_with("POST /oauth/")
}

fn with_auth(server: &Server) -> Setup {
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.credential(login(None));
    setup.endpoint("auth", &format!("http://api.test:{}/oauth", server.port()));
    setup
}

/// A log-in that answers with these headers; every other call says what it was sent.
async fn serve(set: &'static str) -> Server {
    Server::start(move |request| {
        if is_auth(request) {
            return status(200, set, "{}");
        }
        status(200, "Set-Cookie: sid=another\r\n", &request.header("cookie").join("|"))
    })
    .await
}

#[tokio::test]
async fn a_cookie_of_the_log_in_goes_back_and_is_scrubbed() {
    let server = serve("Set-Cookie: theme=dark\r\nSet-Cookie: sid=s3ss1on-0123456789; Path=/; HttpOnly; Max-Age=600\r\n").await;
    let setup = with_auth(&server);
    let channel = setup.channel();
    for _ in 0..3 {
        let answer = get(&channel, "/x").await.unwrap();
        assert_eq!(&answer.body[..], b"sid=***", "the guest never sees it");
        assert!(!format!("{:?}", answer.headers).to_lowercase().contains("cookie"), "{:?}", answer.headers);
    }
    let seen = server.requests();
    assert_eq!(seen.iter().filter(|request| is_auth(request)).count(), 1, "one log-in for all");
    let sent: Vec<_> =
        seen.iter().filter(|request| !is_auth(request)).map(|request| request.header("cookie").join("|")).collect();
    assert_eq!(sent, vec![format!("sid={SESSION}"); 3], "nothing else that was set goes along");
    assert!(setup.audit.notes().iter().all(|note| note.action == "net.secret-scrubbed"), "{:?}", setup.audit.notes());
    assert!(!setup.audit.text().contains("s3ss1on"));
    let own = Request { headers: vec![("Cookie".into(), "sid=mine".into())], ..request("GET", "/x") };
    assert_eq!(outcome(&channel.send("api", own).await), "net.header-denied");
}

#[tokio::test]
async fn a_log_in_without_the_cookie_is_a_refusal() {
    for set in [
        "X: y\r\n",
        "Set-Cookie: xsid=abcdefgh\r\n",
        "Set-Cookie: sid=\r\n",
        "Set-Cookie: sid=abcdefgh; Max-Age=0\r\n",
        "Set-Cookie: sid=ab,cd=ef\r\n",
        "Set-Cookie: sid=ab cd\r\n",
    ] {
        let server = serve(set).await;
        let channel = with_auth(&server).channel();
        for _ in 0..2 {
            assert_eq!(outcome(&get(&channel, "/x").await), "net.login-refused", "{set}");
        }
        assert_eq!(server.requests().len(), 1, "accounts lock: {set}");
    }
}

#[tokio::test]
async fn a_cookie_that_is_no_longer_good_is_renewed_once() {
    let count = std::sync::Mutex::new(0);
    let server = Server::start(move |request| -> Vec<Step> {
        let mut count = count.lock().unwrap();
        if is_auth(request) {
            *count += 1;
            return status(200, &format!("Set-Cookie: sid=session-number-{count}\r\n"), "{}");
        }
        let good = request.header("cookie") == [format!("sid=session-number-{count}")];
        if good && (*count != 1 || request.line().contains("/first")) { ok("{}") } else { status(401, "", "expired") }
    })
    .await;
    let channel = with_auth(&server).channel();
    assert_eq!(outcome(&get(&channel, "/first").await), "200");
    assert_eq!(outcome(&get(&channel, "/second").await), "200");
    assert_eq!(server.requests().iter().filter(|request| is_auth(request)).count(), 2);
}

/// What the guest says, what the manifest asks, and what comes of it; refused before anything is sent.
async fn check(asked: &[&str], name: &str, expected: &str) {
    let server = Server::start(|_| ok("{}")).await;
    let mut setup = Setup::new(&format!("http://api.test:{}", server.port()));
    setup.config.endpoints.get_mut("api").unwrap().headers = asked.iter().map(|name| (*name).to_owned()).collect();
    setup.endpoint("other", &format!("http://api.test:{}", server.port()));
    let channel = setup.channel();
    let own = || Request { headers: vec![(name.to_owned(), "https://app.example".into())], ..request("GET", "/x") };
    assert_eq!(outcome(&channel.send("api", own()).await), expected, "{asked:?} {name}");
    assert_eq!(outcome(&channel.send("other", own()).await), "net.header-denied", "it was asked for on `api` alone");
    let seen = server.requests();
    let sent: Vec<_> = seen.iter().map(|request| request.header(&name.to_lowercase()).join("|")).collect();
    let wanted: &[&str] = if expected == "200" { &["https://app.example"] } else { &[] };
    assert_eq!(sent, wanted);
}

#[tokio::test]
async fn origin_and_referer_need_a_line_in_the_manifest() {
    check(&["Origin"], "Origin", "200").await;
    check(&["origin", "referer"], "Referer", "200").await;
    check(&["Origin"], "Referer", "net.header-denied").await;
    check(&[], "Origin", "net.header-denied").await;
    check(&["Host", "Cookie", "Authorization"], "Host", "net.header-denied").await;
    check(&["Host", "Cookie", "Authorization"], "Cookie", "net.header-denied").await;
    check(&["Host", "Cookie", "Authorization"], "Authorization", "net.header-denied").await;
}
