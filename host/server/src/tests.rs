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
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::state::State;

mod access;
mod builds;
mod connections;
mod filled;
mod pages;
mod routes;
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
