//! The server against a hub that answers from a script.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::{Request as HttpRequest, StatusCode};
use nave_core::model::{DecisionChoice, RecordId, Time, TokenRow};
use nave_core::network::Network;
use nave_hub::api::{
    AnomaliesAnswer, AnomalyLine, Answer, ApiError, Asked, AssessAnswer, AssessmentsAnswer, AuthorizationLine,
    AuthorizationsAnswer, BoxFuture, Candidate, Claimed, FlowStatus, MergeAnswer, MergeFieldLine, PluginsAnswer, ProgressSender,
    Recommended, Request, ReviewAnswer, ReviewLine, Service, SetAside, Showed, SignInAnswer, StatusAnswer, StreamAssessment,
    WrittenAssessment,
};
use nave_hub::sign_in::{SignInCallback, SignInStart, SignedIn};
use nave_hub::webhook::{HookAnswer, HookCall};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::state::State;

mod builds;
mod filled;
mod scripts;

const TOKEN: &str = "a-good-token";

#[derive(Default)]
struct Fake {
    asked: Mutex<Vec<Asked>>,
    /// Tokens that are good; none: [`TOKEN`].
    tokens: Mutex<Option<Vec<&'static str>>>,
    refused: Mutex<Vec<(String, u64)>>,
}

impl Service for Fake {
    fn call(&self, asked: Asked, progress: ProgressSender) -> BoxFuture<'_, Result<Answer, ApiError>> {
        let request = asked.request.clone();
        self.asked.lock().unwrap().push(asked);
        Box::pin(async move {
            progress.report("reading", 1, Some(2));
            match request {
                Request::Status => {
                    let flow = FlowStatus {
                        flow: "crm-contacts".into(),
                        connection: "<script>alert(1)</script>".into(),
                        reads: true,
                        ..FlowStatus::default()
                    };
                    Ok(Answer::Status(StatusAnswer {
                        flows: vec![flow, books()],
                        set_aside: set_aside(),
                        ..StatusAnswer::default()
                    }))
                }
                Request::ReviewShow { id: 7 } => {
                    let closed_at = Some("2026-11-29T08:00:00Z".to_owned());
                    let review = ReviewLine { id: 7, kind: "volume".into(), closed_at, ..ReviewLine::default() };
                    Ok(Answer::Review(ReviewAnswer { review, subject: "crm/contacts".into(), ..ReviewAnswer::default() }))
                }
                Request::Anomalies => {
                    let line = |subject: &str, changed| AnomalyLine {
                        kind: "refused".into(),
                        subject: subject.into(),
                        what: "<script>alert(4)</script>".into(),
                        changed,
                        ..AnomalyLine::default()
                    };
                    let unknown =
                        AnomalyLine { kind: "unknown-writer".into(), subject: "crm/contacts".into(), ..line("", false) };
                    let anomalies =
                        vec![line("crm/contacts", false), line("crm/contacts", true), line("crm/deals", false), unknown];
                    Ok(Answer::Anomalies(AnomaliesAnswer { anomalies }))
                }
                Request::SurgeRelease { .. } => Ok(Answer::done("let in", 1)),
                Request::ReviewShow { id } => {
                    let review = ReviewLine { id, title: "\"><img src=x>".into(), ..ReviewLine::default() };
                    let candidate = Candidate { id: 12, record: "contact/12".into(), ..Candidate::default() };
                    let choices = vec!["existing".into(), "new".into()];
                    Ok(Answer::Review(ReviewAnswer { review, candidates: vec![candidate], choices, ..ReviewAnswer::default() }))
                }
                Request::Assessments { .. } => {
                    let by_search = Some(Showed { after_ms: 90_670, not_before_ms: Some(86_000) });
                    let stream = StreamAssessment {
                        stream: "<script>alert(2)</script>".into(),
                        claimed: Claimed { read_lag_ms: 5_000, ..Claimed::default() },
                        written: Some(WrittenAssessment { by_search, ..WrittenAssessment::default() }),
                        ..StreamAssessment::default()
                    };
                    let line =
                        Recommended { section: "settings".into(), line: "lag-seconds = 100".into(), ..Recommended::default() };
                    let assessment = AssessAnswer {
                        streams: vec![stream],
                        disagreements: vec!["<b>late</b>".into()],
                        settings: vec![line],
                        ..AssessAnswer::default()
                    };
                    Ok(Answer::Assessments(AssessmentsAnswer { assessments: vec![assessment.clone(), assessment] }))
                }
                Request::ReviewDecide { .. } => Ok(Answer::done("decided", 1)),
                Request::ReviewList { .. } => Ok(Answer::Reviews(Default::default())),
                Request::DlqList { .. } => Ok(Answer::DeadLetters(Default::default())),
                Request::PluginList => Ok(Answer::Plugins(PluginsAnswer { plugins: vec![builds::plugin()] })),
                Request::PluginGrants { .. } => Ok(Answer::Grants(builds::grants())),
                Request::PluginUpgrade { how, .. } => Ok(Answer::Upgrade(Box::new(builds::upgrade(how)))),
                Request::Authorizations { .. } => {
                    let line = AuthorizationLine {
                        state: "needs-reauth".into(),
                        slot: "token".into(),
                        why: Some("the system said <script>alert(4)</script>".into()),
                        excess: vec!["<b>admin</b>".into()],
                        ways: vec!["browser".into()],
                        ..AuthorizationLine::default()
                    };
                    Ok(Answer::Authorizations(AuthorizationsAnswer { authorizations: vec![line] }))
                }
                Request::ConnectionAuthorize { name, device, .. } => Ok(Answer::SignIn(SignInAnswer {
                    connection: name,
                    address: "http://localhost:6283/oauth/start/t1cket".into(),
                    code: device.then(|| "<script>AB</script>".into()),
                    ..SignInAnswer::default()
                })),
                Request::MergeRecords { plan, .. } => Ok(Answer::Merge(MergeAnswer {
                    id: (!plan).then_some(4),
                    planned: plan,
                    survivor: "contact/12".into(),
                    survivor_title: "<script>alert(3)</script>".into(),
                    loser: "contact/15".into(),
                    fields: vec![MergeFieldLine {
                        label: "E-mail".into(),
                        value: Some("ada@x.test".into()),
                        ..MergeFieldLine::default()
                    }],
                    ..MergeAnswer::default()
                })),
                _ => Err(ApiError::not_found("not in the script")),
            }
        })
    }

    fn hook(&self, call: HookCall) -> BoxFuture<'_, HookAnswer> {
        Box::pin(async move {
            match call.connection.as_str() {
                "crm" if call.body == b"secret" => HookAnswer::Taken(1),
                "crm" => HookAnswer::Refused,
                "flooded" => HookAnswer::TooMany,
                _ => HookAnswer::Unknown,
            }
        })
    }

    fn sign_in_start<'a>(&'a self, ticket: &'a str) -> BoxFuture<'a, Result<SignInStart, String>> {
        Box::pin(async move {
            match ticket {
                "good" => Ok(SignInStart { address: "https://login.example/authorize?a=b".into(), binding: "m4rk".into() }),
                _ => Err("used <b>already</b>".into()),
            }
        })
    }

    fn sign_in_callback(&self, call: SignInCallback) -> BoxFuture<'_, Result<SignedIn, String>> {
        Box::pin(async move {
            match (call.state.as_str(), call.binding.as_deref(), call.code.as_deref(), call.issuer.as_deref()) {
                ("st4te", Some("m4rk"), Some("c0de"), Some("https://login.example")) => {
                    Ok(SignedIn { connection: "<i>crm</i>".into(), scopes: vec!["<u>read</u>".into()] })
                }
                _ => Err(format!("{:?} {:?}", call.error.unwrap_or_default(), call.error_description.unwrap_or_default())),
            }
        })
    }

    fn run(&self, _shutdown: watch::Receiver<bool>) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, ApiError> {
        let row = |token: &&str| {
            let hash = ring::digest::digest(&ring::digest::SHA256, token.as_bytes());
            let hash = hash.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            TokenRow { name: "ada".into(), hash, created_at: Time(0), until: None, reason: "a test".into() }
        };
        Ok(self.tokens.lock().unwrap().as_deref().unwrap_or(&[TOKEN]).iter().map(row).collect())
    }

    fn refused(&self, address: &str, count: u64) {
        self.refused.lock().unwrap().push((address.to_owned(), count));
    }
}

/// A flow of which something failed.
fn books() -> FlowStatus {
    let mut flow = FlowStatus {
        flow: "books-contacts".into(),
        connection: "books".into(),
        writes: true,
        process: "invoicing".into(),
        because: Some("an invoice to an old address is <not> paid".into()),
        ..FlowStatus::default()
    };
    flow.meter.attempts = 41;
    flow.meter.failures = [("length".to_owned(), 7), ("unavailable".to_owned(), 2)].into();
    flow
}

fn set_aside() -> Vec<SetAside> {
    vec![SetAside { flow: "books-contacts".into(), class: "length".into(), count: 5 }]
}

struct Server {
    fake: Arc<Fake>,
    router: Router,
    _stop: watch::Sender<bool>,
}

impl Server {
    fn new() -> Self {
        Self::on([127, 0, 0, 1])
    }

    fn on(address: [u8; 4]) -> Self {
        Self::asked_from(address, &[])
    }

    /// One that may be asked from these networks.
    fn asked_from(address: [u8; 4], networks: &[&str]) -> Self {
        let allow_from = networks.iter().map(|text| Network::parse(text).unwrap()).collect();
        let fake = Arc::new(Fake::default());
        let (stop, stopped) = watch::channel(false);
        let addr = SocketAddr::from((address, 6283));
        let router = crate::router(State::new(fake.clone(), addr, &["hub.example.com".into()], allow_from, stopped));
        Self { fake, router, _stop: stop }
    }

    /// Method and path, headers as `name: value`, body; status, headers as text, body.
    async fn ask(&self, line: &str, headers: &[&str], body: &str) -> (StatusCode, String, String) {
        let (method, path) = line.split_once(' ').unwrap();
        let mut request = HttpRequest::builder().method(method).uri(path);
        for header in headers {
            let (name, value) = header.split_once(": ").unwrap();
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(body.to_owned())).unwrap();
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4000))));
        let response = self.router.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let headers = format!("{:?}", response.headers());
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, headers, String::from_utf8(body.to_vec()).unwrap())
    }

    #[track_caller]
    fn last(&self) -> Asked {
        self.fake.asked.lock().unwrap().last().cloned().unwrap()
    }

    /// Signs in; the cookie as a header, and the form token.
    async fn sign_in(&self) -> (String, String) {
        let headers = [HOST, "origin: http://localhost:6283", FORM];
        let (status, headers, _) = self.ask("POST /login", &headers, &format!("token={TOKEN}")).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{headers}");
        assert!(headers.contains("HttpOnly; SameSite=Strict"), "{headers}");
        let id = headers.split("nave_session=").nth(1).unwrap().split(';').next().unwrap();
        let cookie = format!("cookie: other=1; nave_session={id}");
        let (_, _, page) = self.ask("GET /reviews/3", &[HOST, &cookie], "").await;
        let form_token = page.split("name=\"form_token\" value=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        assert!(form_token.len() > 30, "{form_token}");
        (cookie, form_token)
    }
}

const HOST: &str = "host: localhost:6283";
const FORM: &str = "content-type: application/x-www-form-urlencoded";
const JSON: &str = "content-type: application/json";

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

/// Talks to one connection, on a clock that moves on when everybody waits. Answers everything that came back.
async fn talk(text: &str) -> String {
    let server = Server::new();
    let (mut ours, theirs) = tokio::io::duplex(1 << 20);
    let (_stop, stopped) = watch::channel(false);
    let app = server.router.clone().layer(axum::Extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 4000)))));
    let answered = tokio::spawn(crate::listen::answer(theirs, app, Default::default(), Default::default(), stopped));
    ours.write_all(text.as_bytes()).await.unwrap();
    let mut back = Vec::new();
    ours.read_to_end(&mut back).await.unwrap();
    answered.await.unwrap();
    String::from_utf8_lossy(&back).into_owned()
}

/// Lines 95, 109 and 110: a head or body that does not come ends the connection, and so does a head without end.
#[tokio::test(start_paused = true)]
async fn connections_that_do_not_come_to_the_point_are_closed() {
    let none = talk("").await;
    assert_eq!(none, "");
    for half in ["GET /v1/status HTTP/1.1\r\nHo", "GET /login HTTP/1.1\r\nhost: localhost\r\n\r\nGET /lo"] {
        let closed = talk(half).await;
        assert!(closed.is_empty() || closed.starts_with("HTTP/1.1 "), "{closed}");
    }
    let login = "POST /login HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\n\
                 content-type: application/x-www-form-urlencoded\r\ncontent-length: 100\r\n\r\ntoken=a";
    let late = talk(login).await;
    assert!(late.starts_with("HTTP/1.1 4"), "{late}");
    let long = format!("GET /login HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n", "a".repeat(64 << 10));
    assert!(talk(&long).await.starts_with("HTTP/1.1 431 "));
    let many = format!("GET /login HTTP/1.1\r\nhost: localhost\r\n{}\r\n", "x: a\r\n".repeat(1_000));
    assert!(talk(&many).await.starts_with("HTTP/1.1 431 "));
    let twice = "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n\
                 0\r\n\r\nGET /login HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let once = talk(twice).await;
    assert!(once.starts_with("HTTP/1.1 400 ") && once.matches("HTTP/1.1 ").count() == 1, "{once}");
}

/// Line 109: what two servers could read in two ways gets one refusal, and nothing more is read from there.
#[tokio::test(start_paused = true)]
async fn requests_that_two_servers_could_read_differently_end_the_connection() {
    const SECOND: &str = "GET /login HTTP/1.1\r\nhost: localhost\r\n\r\n";
    for head in [
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4, 5\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: -4\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 0x4\r\n\r\nabcd",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\nx: a\r\n folded\r\n\r\n",
        "GET /login HTTP/1.1\r\nhost: localhost\r\nx\0: a\r\n\r\n",
    ] {
        let back = talk(&format!("{head}{SECOND}")).await;
        assert!(back.starts_with("HTTP/1.1 400 ") && back.matches("HTTP/1.1 ").count() == 1, "{head:?}: {back}");
    }
    // A line that ends with LF alone, in the first head and in the second, and what somebody would hide behind it.
    for head in [
        "GET /login HTTP/1.1\nhost: localhost\n\n",
        "GET /login HTTP/1.1\r\nhost: localhost\n\r\n",
        "GET /login HTTP/1.1\r\nhost: localhost\r\n\n",
        "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\nx: a\ntransfer-encoding: chunked\r\ncontent-length: 4\r\n\r\nabcd",
    ] {
        let back = talk(&format!("{head}{SECOND}")).await;
        assert!(back.starts_with("HTTP/1.1 400 ") && back.matches("HTTP/1.1 ").count() == 1, "{head:?}: {back}");
        let back = talk(&format!("{SECOND}{head}{SECOND}")).await;
        assert!(back.starts_with("HTTP/1.1 200 ") && back.matches("HTTP/1.1 ").count() == 2, "{head:?}: {back}");
        assert!(back.contains("HTTP/1.1 400 "), "{head:?}: {back}");
    }
    // Good heads after one another are answered one by one; a body whose length is not said is the last thing that is read.
    let body = "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ncontent-length: 4\r\n\r\na\n\n\n";
    let back = talk(&format!("{SECOND}{body}{SECOND}{SECOND}")).await;
    assert_eq!((back.matches("HTTP/1.1 200 ").count(), back.matches("HTTP/1.1 ").count()), (3, 4), "{back}");
    let chunked = "POST /v1/sync HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n";
    let back = talk(&format!("{chunked}{SECOND}")).await;
    assert_eq!((back.matches("connection: close").count(), back.matches("HTTP/1.1 ").count()), (1, 1), "{back}");
    // Who begins with HTTP/2 is not even answered.
    assert_eq!(talk(&format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SECOND}")).await, "");
}

/// Line 110: with every place taken by silent connections, the next one is answered.
#[tokio::test]
async fn silent_connections_make_room() {
    let server = Server::new();
    let (stop, stopped) = watch::channel(false);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let router = server.router.clone();
    let app = move |peer: SocketAddr| router.clone().layer(axum::Extension(ConnectInfo(peer)));
    // They are not closed for their silence in this test.
    let long = std::time::Duration::from_secs(3_600);
    let bounds = crate::listen::Bounds { connections: 3, head: long, body_idle: long, body_total: long };
    let serving = tokio::spawn(crate::listen::serve(listener, app, bounds, stopped));
    let mut silent = Vec::new();
    for _ in 0..10 {
        let mut stream = tokio::net::TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET /v1/status HTTP/1.1\r\nHo").await.unwrap();
        silent.push(stream);
        let mut asking = tokio::net::TcpStream::connect(addr).await.unwrap();
        asking.write_all(b"GET /login HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        asking.read_to_string(&mut text).await.unwrap();
        assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
    }
    stop.send_replace(true);
    drop(silent);
    serving.await.unwrap();
}

#[tokio::test]
async fn pages_escape_everything() {
    let server = Server::new();
    let (cookie, _) = server.sign_in().await;
    let (status, _, page) = server.ask("GET /", &[HOST, &cookie], "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(page.contains("crm-contacts"), "{page}");
    assert!(!page.contains("<script>alert"), "{page}");
    let (_, _, page) = server.ask("GET /reviews/3", &[HOST, &cookie], "").await;
    assert!(!page.contains("<img src=x>"), "{page}");
    let (status, _, page) = server.ask("GET /connections/crm", &[HOST, &cookie], "").await;
    assert_eq!(status, StatusCode::OK);
    for part in ["90.67 s", "5000 ms", "[settings]\nlag-seconds = 100", "Not as claimed", "Earlier"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>alert") && !page.contains("<b>late"), "{page}");
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

/// Lines 91 and 92: a browser without a session is sent to the system with a mark, and is believed with that mark alone; what a
/// system says is text, and nothing of it is an address to go to.
#[tokio::test]
async fn a_browser_that_comes_back_from_a_system_shows_its_mark() {
    let server = Server::new();
    let (status, headers, _) = server.ask("GET /oauth/start/good", &[HOST], "").await;
    assert_eq!(status.as_u16(), 303);
    assert!(headers.contains("https://login.example/authorize?a=b"), "{headers}");
    for part in ["nave_sign_in=m4rk", "HttpOnly", "SameSite=Lax", "Path=/oauth", "Max-Age=600"] {
        assert!(headers.contains(part), "{part}: {headers}");
    }
    let (status, headers, text) = server.ask("GET /oauth/start/used", &[HOST], "").await;
    assert!(status.as_u16() == 400 && !headers.contains("nave_sign_in"), "{headers}");
    assert!(!text.contains("<b>already"), "{text}");
    let good = "GET /oauth/callback?state=st4te&code=c0de&iss=https%3A%2F%2Flogin.example&redirect=https%3A%2F%2Fevil.example";
    let script = "GET /oauth/callback?state=st4te&error=%3Cscript%3Ealert(1)%3C/script%3E&error_description=%22%3E%3Cscript%3E";
    for (target, headers, expected) in [
        (good, &[HOST, "cookie: nave_session=x; nave_sign_in=m4rk"][..], 200),
        (good, &[HOST], 400),
        (good, &[HOST, "cookie: nave_sign_in=other"], 400),
        (script, &[HOST, "cookie: nave_sign_in=m4rk"], 400),
        ("GET /oauth/callback", &[HOST, "cookie: nave_sign_in=m4rk"], 400),
        ("GET /oauth/callback?state=a&state=b", &[HOST], 400),
        ("GET /oauth/callback?state=%FF", &[HOST], 400),
    ] {
        let (status, answer, text) = server.ask(target, headers, "").await;
        assert_eq!(status.as_u16(), expected, "{target} {headers:?}: {text}");
        for tag in ["<script>", "<i>crm", "<u>read"] {
            assert!(!text.contains(tag), "{target}: {text}");
        }
        assert!(!format!("{answer}{text}").contains("evil.example") && !answer.contains("location"), "{target}: {answer}");
    }
    // The connection's page begins one; a form of another session does not.
    let (cookie, form_token) = server.sign_in().await;
    let ours = "origin: http://localhost:6283";
    let (status, _, text) = server.ask("GET /connections/crm", &[HOST, &cookie], "").await;
    assert!(status.is_success() && text.contains("Agree at the system") && text.contains("/connections/crm/authorize"), "{text}");
    assert!(!text.contains("<script>alert(4)") && !text.contains("<b>admin"), "{text}");
    for (way, shown) in [("browser", "/oauth/start/t1cket"), ("device", "script&#62;AB")] {
        let body = format!("form_token={form_token}&slot=token&way={way}");
        let (status, _, text) = server.ask("POST /connections/crm/authorize", &[HOST, &cookie, FORM, ours], &body).await;
        assert!(status.is_success() && text.contains(shown) && !text.contains("<script>AB"), "{text}");
        let forged = format!("form_token=guessed&slot=token&way={way}");
        let (status, ..) = server.ask("POST /connections/crm/authorize", &[HOST, &cookie, FORM, ours], &forged).await;
        assert_eq!(status.as_u16(), 403);
    }
    for method in ["POST", "PUT"] {
        let (status, ..) = server.ask(&format!("{method} /oauth/callback?state=st4te&code=c0de"), &[HOST], "").await;
        assert_eq!(status.as_u16(), 405);
    }
}

#[tokio::test]
async fn only_our_own_form_decides() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let body = format!("form_token={form_token}&choice=contact/12&reason=asked+her");
    let forged = "form_token=guessed&choice=new";
    let ours = "origin: http://localhost:6283";
    let cases: &[(&[&str], &str, u16)] = &[
        (&[HOST, &cookie, FORM], &body, 403),
        (&[HOST, &cookie, FORM, "origin: http://evil.example.com"], &body, 403),
        (&[HOST, &cookie, FORM, "origin: null"], &body, 403),
        (&[HOST, &cookie, FORM, ours, "sec-fetch-site: cross-site"], &body, 403),
        (&[HOST, &cookie, FORM, ours, "sec-fetch-site: same-site"], &body, 403),
        (&[HOST, &cookie, FORM, ours], forged, 403),
        (&[HOST, FORM, ours], &body, 303),
        (&[HOST, &cookie, FORM, ours, "sec-fetch-site: same-origin"], &body, 303),
    ];
    for (headers, body, expected) in cases {
        let (status, answer, text) = server.ask("POST /reviews/3", headers, body).await;
        assert_eq!(status.as_u16(), *expected, "{headers:?} {body}: {text}");
        let signed_in = headers.contains(&cookie.as_str());
        assert_eq!(answer.contains("\"/login\""), *expected == 303 && !signed_in, "{headers:?}: {answer}");
    }
    let asked = server.last();
    let choice = DecisionChoice::Existing(RecordId(12));
    let request = Request::ReviewDecide { id: 3, choice, other: false, reason: "asked her".into() };
    assert_eq!(asked, Asked::by("ada", request));
    let decided =
        server.fake.asked.lock().unwrap().iter().filter(|asked| matches!(asked.request, Request::ReviewDecide { .. })).count();
    assert_eq!(decided, 1);
}

/// What came at once and was refused is let in, or detached, from the review's page; what only changed is never detached.
#[tokio::test]
async fn what_was_refused_is_released_from_its_review() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let (_, _, page) = server.ask("GET /reviews/7", &[HOST, &cookie], "").await;
    let count = |part: &str| page.matches(part).count();
    assert_eq!((count("action=\"/reviews/release\""), count("value=\"let-in\""), count("value=\"detach\"")), (2, 2, 1), "{page}");
    assert_eq!((count("name=\"changed\" value=\"true\""), count("name=\"reason\" maxlength=\"500\" required")), (1, 2), "{page}");
    assert!(!page.contains("crm/deals") && !page.contains("<script>alert"), "{page}");
    let headers = [HOST, &cookie, FORM, "origin: http://localhost:6283"];
    for body in [
        "form_token=guessed&subject=crm/contacts&what=detach&reason=x".to_owned(),
        format!("form_token={form_token}&subject=crm/contacts&what=else&reason=x"),
        format!("form_token={form_token}&subject=crm&what=detach&reason=x"),
    ] {
        let (status, _, text) = server.ask("POST /reviews/release", &headers, &body).await;
        assert!(status.is_client_error(), "{body}: {status} {text}");
    }
    let is_release = |asked: &Asked| matches!(asked.request, Request::SurgeRelease { .. });
    assert!(!server.fake.asked.lock().unwrap().iter().any(is_release), "nothing was asked of the hub");
    for (more, changed, detach) in [("&what=let-in&changed=true", true, false), ("&what=detach", false, true)] {
        let body = format!("form_token={form_token}&subject=crm%2Fcontacts&reason=a+robot{more}");
        let (status, answer, _) = server.ask("POST /reviews/release", &headers, &body).await;
        assert_eq!(status, StatusCode::SEE_OTHER, "{answer}");
        let (connection, stream) = ("crm".to_owned(), "contacts".to_owned());
        let request = Request::SurgeRelease { connection, stream, changed, detach, reason: "a robot".into() };
        assert_eq!(server.last(), Asked::by("ada", request));
    }
}

#[tokio::test]
async fn a_merge_is_shown_before_it_is_started() {
    let server = Server::new();
    let (cookie, form_token) = server.sign_in().await;
    let headers = [HOST, &cookie, FORM, "origin: http://localhost:6283"];
    let merge = |one: &str, other: &str, into: Option<&str>, plan: bool, reason: &str| {
        let record = |text: &str| text.parse().unwrap();
        let (one, other, into) = (record(one), record(other), into.map(record));
        Asked::by("ada", Request::MergeRecords { one, other, into, plan, reason: reason.to_owned() })
    };
    let (status, _, page) =
        server.ask("POST /merges", &headers, "form_token=guessed&one=contact/12&other=contact/15&what=do&reason=x").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "{page}");
    let wrong = format!("form_token={form_token}&one=contact/12&other=+&what=plan");
    let (_, _, page) = server.ask("POST /merges", &headers, &wrong).await;
    assert!(page.contains("names no record") && page.contains("contact/12, or crm:5432"), "{page}");
    let asked = |asked: &Asked| matches!(asked.request, Request::MergeRecords { .. });
    assert!(!server.fake.asked.lock().unwrap().iter().any(asked), "nothing was asked of the hub");

    let body = format!("form_token={form_token}&one=contact%2F12&other=crm%3A5432&what=plan");
    let (status, _, page) = server.ask("POST /merges", &headers, &body).await;
    assert_eq!((status, server.last()), (StatusCode::OK, merge("contact/12", "crm:5432", None, true, "")), "{page}");
    for part in ["Nothing has been done yet", "ada@x.test", "name=\"reason\" required", "value=\"contact/15\""] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("<script>alert"), "{page}");

    let body = format!("form_token={form_token}&one=contact/12&other=contact/15&into=contact/12&what=do&reason=one+person");
    let (status, answer, _) = server.ask("POST /merges", &headers, &body).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(answer.contains("\"/merges/4\""), "{answer}");
    assert_eq!(server.last(), merge("contact/12", "contact/15", Some("contact/12"), false, "one person"));
}

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

#[cfg(unix)]
#[tokio::test]
async fn the_local_socket_answers_in_lines() {
    use std::os::unix::fs::PermissionsExt as _;

    let dir = tempfile::tempdir().unwrap();
    // Longer than a socket's path may be.
    let path = dir.path().join("d".repeat(120)).join("nave.sock");
    let (stop, stopped) = watch::channel(false);
    let options = crate::Options {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        socket: Some(path.clone()),
        hosts: Vec::new(),
        allow_from: Vec::new(),
    };
    let fake = Arc::new(Fake::default());
    let running = crate::start(fake.clone(), options.clone(), stopped.clone()).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(crate::start(Arc::new(Fake::default()), options, stopped).await.is_err(), "two hubs on one socket");
    let (short, _held) = crate::short_path(&path).unwrap();
    let mut stream = tokio::net::UnixStream::connect(&short).await.unwrap();
    let body = r#"{"command":"status","by":"local:mallory"}"#;
    let call = format!("POST /call HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let progress = text.find("{\"progress\":").unwrap();
    let answer = text.find("{\"answer\":").unwrap();
    assert!(progress < answer, "{text}");
    let by = fake.asked.lock().unwrap().last().unwrap().by.clone();
    assert_eq!(by, format!("local:{}", nave_hub::person::here()), "who it is, the kernel says");
    stop.send_replace(true);
    running.stopped().await;
    assert!(!path.exists(), "the socket's file stays behind");
}

/// S9.6: what fails, by system and class, with its runbook and what to type; the numbers are those of the status.
#[tokio::test]
async fn the_health_page_says_what_fails_and_what_a_flow_is_for() {
    let server = Server::new();
    let (cookie, _) = server.sign_in().await;
    let (status, _, page) = server.ask("GET /", &[HOST, &cookie], "").await;
    assert_eq!(status, StatusCode::OK);
    let section = page.split("id=\"failing\"").nth(1).and_then(|rest| rest.split("</table>").next()).expect("the section");
    let cells = |row: &str| -> Vec<String> {
        let cell = |cell: &str| cell.split_once('>').map(|(_, text)| plain(text)).filter(|text| !text.is_empty());
        row.split("<t").skip(1).filter(|part| part.starts_with('d') || part.starts_with('h')).filter_map(cell).collect()
    };
    let rows: Vec<Vec<String>> = section.split("<tr").skip(2).map(cells).collect();
    assert_eq!(
        rows,
        [
            vec!["books", "41", "all", "9", "5"],
            vec!["length", "7", "5", "nave dlq list --flow books-contacts --class length"],
            vec!["unavailable", "2", "0", "nave runbook breaker-open"],
        ]
    );
    for link in ["href=\"/runbooks/length\"", "href=\"/runbooks/breaker-open\""] {
        assert!(section.contains(link), "{link}: {section}");
    }
    assert!(page.contains("invoicing: an invoice to an old address is &#60;not&#62; paid"), "{page}");
}

/// Text without tags and ends.
fn plain(html: &str) -> String {
    let mut text = String::new();
    let mut tag = false;
    for c in html.chars() {
        match c {
            '<' => tag = true,
            '>' => tag = false,
            c if !tag => text.push(c),
            _ => {}
        }
    }
    text.trim().to_owned()
}
