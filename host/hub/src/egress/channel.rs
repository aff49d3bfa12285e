//! One connection's use of the egress: its endpoints, grants, credentials, budgets.
//!
//! A call passes, in this order: endpoint, address, method and path, headers, quota (nothing has been sent and no secret
//! has been touched); credential; rate and a free connection; the wire; scrubbing. Every refusal is audited once per run.

mod authorize;
mod aws;
mod envelope;
mod rotate;
mod sign_in;
mod signature;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Uri};
use nave_core::budget::Budget;
use nave_core::catalog::{Connection, Credential};
use nave_core::grant::{Grant, Grants, check_call, check_sign_in, path_under};
use nave_core::limits::AUDIT_DENIALS_PER_RUN_MAX;
use nave_core::manifest::{EndpointRequest, Manifest};
use nave_runtime::Blob;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until, timeout_at};
use url::{Position, Url};

use super::account::{Account, Accounts, Ledger};
use super::body::Source;
use super::bounds::Quota;
use super::credential::{self, Applied};
use super::dial::Dialer;
use super::error::EgressError;
use super::exchange::{Broken, exchange, read_body, read_to_file};
use super::headers;
use super::oauth::Authorizations;
use super::pool::Pool;
use super::scrub::Known;
use super::target::Base;
use super::token::TokenState;
use super::{AuditNote, AuditSink, BlobResponse, Request, Response};
use crate::secrets::SecretSource;
pub use authorize::DeviceAnswer;
pub(crate) use sign_in::AWAY;

/// By this header some systems say with every answer what the token may, comma-separated.
const TOKEN_SCOPES: &str = "x-oauth-scopes";

/// What a channel is made from.
#[derive(Clone)]
pub struct ChannelConfig {
    /// Name of the connection, for audit and messages.
    pub connection: String,
    /// Who is refused what is refused, for the audit: `plugin:NAME`.
    pub actor: String,
    /// What the manifest asks.
    pub endpoints: BTreeMap<String, EndpointRequest>,
    /// What the operator granted.
    pub grants: Grants,
    /// Credential slot → how, and which secret.
    pub credentials: BTreeMap<String, Credential>,
    /// Credential slot → scopes that a person is asked to agree to.
    pub scopes: BTreeMap<String, Vec<String>>,
    /// The account that its calls count for.
    pub account: String,
    /// Requests per second on this account; none: no limit of ours.
    pub requests_per_second: Option<u32>,
    /// Calls that the account may take.
    pub budget: Budget,
    /// Remembers calls across restarts.
    pub ledger: Arc<dyn Ledger>,
    /// Headers of the hub's own on every request, log-ins as well; none of a plugin's choosing.
    pub headers: Vec<(String, String)>,
    /// Secrets, at the moment of sending.
    pub secrets: Arc<dyn SecretSource>,
    /// Refusals and found secrets.
    pub audit: Arc<dyn AuditSink>,
}

impl ChannelConfig {
    /// From a plugin's manifest and a connection of the catalog.
    pub fn new(
        manifest: &Manifest,
        connection: &Connection,
        secrets: Arc<dyn SecretSource>,
        audit: Arc<dyn AuditSink>,
        ledger: Arc<dyn Ledger>,
    ) -> Self {
        Self {
            connection: connection.name.clone(),
            actor: format!("plugin:{}", manifest.name),
            endpoints: concrete(&manifest.endpoints, &connection.settings),
            grants: connection.grants.clone(),
            credentials: connection.credentials.clone(),
            scopes: connection
                .credentials
                .iter()
                .map(|(slot, credential)| {
                    (slot.clone(), nave_core::scopes::asked(manifest, &connection.grants, slot, &credential.kind))
                })
                .collect(),
            account: connection.account.clone(),
            requests_per_second: connection.requests_per_second,
            budget: connection.budget.clone(),
            ledger,
            headers: Vec::new(),
            secrets,
            audit,
        }
    }
}

/// What the manifest asks, with the addresses that a connection's settings make.
fn concrete(asked: &BTreeMap<String, EndpointRequest>, settings: &serde_json::Value) -> BTreeMap<String, EndpointRequest> {
    let mut asked = asked.clone();
    for endpoint in asked.values_mut() {
        if let Some(base) = nave_core::catalog::filled(&endpoint.base, settings) {
            endpoint.base = base;
        }
    }
    asked
}

/// One connection's use of the egress; cheap to clone, clones share everything. Make a new one when grants change.
#[derive(Clone)]
pub struct Channel {
    inner: Arc<Inner>,
}

struct Inner {
    config: ChannelConfig,
    dialer: Arc<Dialer>,
    bases: BTreeMap<String, Result<Base, EgressError>>,
    pool: Pool,
    permits: Semaphore,
    account: Arc<Account>,
    known: Known,
    tokens: BTreeMap<String, tokio::sync::Mutex<TokenState>>,
    authorizations: Arc<Authorizations>,
    usage: Mutex<Option<Quota>>,
    audited: Mutex<BTreeSet<String>>,
}

impl std::fmt::Debug for Channel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Channel({})", self.inner.config.connection)
    }
}

/// A request that may be sent, without its credential.
struct Prepared<'a> {
    /// That it may be.
    granted: Grant,
    endpoint: &'a str,
    base: &'a Base,
    url: Url,
    method: Method,
    headers: HeaderMap,
    /// Slot and credential of the endpoint.
    credential: Option<(&'a str, &'a Credential)>,
}

impl Prepared<'_> {
    /// For people; the credential's place is starred.
    fn shown(&self) -> String {
        format!("{} {}", self.method, credential::shown(&self.url, self.credential.map(|(_, credential)| &credential.kind)))
    }
}

/// How an answer's body is wanted.
#[derive(Clone, Copy)]
enum Want {
    /// At most this many bytes.
    Memory(usize),
    File,
}

enum Got {
    Memory(Bytes),
    File(Arc<dyn Blob>),
}

/// An answer, its body scrubbed if it is in a file.
struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Got,
    found: bool,
}

impl Channel {
    pub(super) fn new(
        dialer: Arc<Dialer>,
        accounts: &Accounts,
        authorizations: Arc<Authorizations>,
        config: ChannelConfig,
    ) -> Self {
        let bases = config.grants.endpoints.iter().map(|(name, grant)| (name.clone(), Base::parse(name, grant))).collect();
        let tokens = config.credentials.keys().map(|slot| (slot.clone(), tokio::sync::Mutex::default())).collect();
        Self {
            inner: Arc::new(Inner {
                permits: Semaphore::new(dialer.bounds.connections.max(1)),
                account: accounts.get(&config.account, config.requests_per_second, &config.budget, &config.ledger),
                dialer,
                bases,
                pool: Pool::default(),
                known: Known::new(),
                tokens,
                authorizations,
                usage: Mutex::new(None),
                audited: Mutex::default(),
                config,
            }),
        }
    }

    /// How far the system's clock is ahead of ours, by its answers.
    pub fn skew_ms(&self) -> Option<i64> {
        self.inner.dialer.talks.of(&self.inner.config.connection).skew_ms()
    }

    /// A run begins: from now on it may use up this much, and refusals are audited anew.
    pub fn begin_run(&self, quota: Quota) {
        *self.inner.usage.lock().unwrap_or_else(PoisonError::into_inner) = Some(quota);
        self.inner.audited.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One request, the answer in memory. Any status is an answer; redirects are not followed.
    pub async fn send(&self, endpoint: &str, request: Request) -> Result<Response, EgressError> {
        self.send_within(endpoint, request, self.inner.dialer.bounds.body_bytes).await
    }

    /// As [`Channel::send`], with an answer of at most this many bytes.
    pub(crate) async fn send_within(&self, endpoint: &str, mut request: Request, cap: usize) -> Result<Response, EgressError> {
        let body = Source::Bytes(request.body.take().unwrap_or_default());
        let want = Want::Memory(cap);
        let (status, headers, body) = self.inner.call(endpoint, &request, body, want).await?;
        let body = match body {
            Got::Memory(bytes) => bytes,
            Got::File(_) => Bytes::new(),
        };
        Ok(Response { status, headers, body })
    }

    /// As [`Channel::send`], with the answer's body kept in a temporary file.
    pub async fn fetch(&self, endpoint: &str, mut request: Request) -> Result<BlobResponse, EgressError> {
        let body = Source::Bytes(request.body.take().unwrap_or_default());
        self.blob_call(endpoint, &request, body).await
    }

    /// As [`Channel::fetch`], sending a held body; `request.body` is not looked at.
    pub async fn send_blob(&self, endpoint: &str, request: Request, body: Arc<dyn Blob>) -> Result<BlobResponse, EgressError> {
        self.blob_call(endpoint, &request, Source::Blob(body)).await
    }

    async fn blob_call(&self, endpoint: &str, request: &Request, body: Source) -> Result<BlobResponse, EgressError> {
        let (status, headers, body) = self.inner.call(endpoint, request, body, Want::File).await?;
        let body: Arc<dyn Blob> = match body {
            Got::File(blob) => blob,
            Got::Memory(bytes) => Arc::new(bytes),
        };
        Ok(BlobResponse { status, headers, body })
    }
}

impl Inner {
    /// A whole call, with audit and scrubbing around it.
    async fn call(
        self: &Arc<Self>,
        endpoint: &str,
        request: &Request,
        body: Source,
        want: Want,
    ) -> Result<(u16, Vec<(String, String)>, Got), EgressError> {
        let outcome = self.try_call(endpoint, request, &body, want).await;
        let scrubber = self.known.scrubber();
        let mut answer = match outcome {
            Ok(answer) => answer,
            Err(error) => {
                let error = error.map_text(|text| scrubber.clean_text(text));
                if let EgressError::Denied { code, message } = &error {
                    self.note(endpoint, code, message);
                }
                return Err(error);
            }
        };
        if let Got::Memory(bytes) = &mut answer.body
            && let std::borrow::Cow::Owned(clean) = scrubber.clean(bytes)
        {
            *bytes = clean.into();
            answer.found = true;
        }
        let mut headers = Vec::with_capacity(answer.headers.len());
        for (name, value) in headers::to_guest(&answer.headers) {
            // A secret can also come back as a header's name.
            let clean_name = scrubber.clean(name.as_bytes());
            let clean = scrubber.clean(&value);
            let whole = matches!((&clean_name, &clean), (std::borrow::Cow::Borrowed(_), std::borrow::Cow::Borrowed(_)));
            answer.found |= !whole;
            headers.push((String::from_utf8_lossy(&clean_name).into_owned(), String::from_utf8_lossy(&clean).into_owned()));
        }
        if !matches!(answer.body, Got::Memory(_)) || answer.found {
            // The length that was received is not the length that is handed on.
            headers.retain(|(name, _)| name != "content-length");
        }
        if answer.found {
            let detail = format!(
                "the system sent a secret of this connection back in an answer to {}; it was taken out",
                request.method.escape_debug()
            );
            self.note(endpoint, "net.secret-scrubbed", &detail);
        }
        Ok((answer.status, headers, answer.body))
    }

    /// What was granted and is of use: an endpoint that answered, and what was sent to it.
    fn used(&self, prepared: &Prepared<'_>) {
        let secret = prepared.credential.map(|(slot, _)| format!("secret {slot}"));
        crate::workers::off_the_workers(|| {
            self.config.audit.used(&self.config.connection, &format!("endpoint {}", prepared.endpoint));
            if let Some(secret) = &secret {
                self.config.audit.used(&self.config.connection, secret);
            }
        });
    }

    fn note(&self, endpoint: &str, action: &'static str, detail: &str) {
        let mut audited = self.audited.lock().unwrap_or_else(PoisonError::into_inner);
        if audited.len() >= AUDIT_DENIALS_PER_RUN_MAX || !audited.insert(format!("{action} {endpoint} {detail}")) {
            return;
        }
        drop(audited);
        let endpoint: String = endpoint.escape_debug().take(64).collect();
        self.config.audit.note(AuditNote {
            actor: self.config.actor.clone(),
            action,
            subject: format!("{}/{endpoint}", self.config.connection),
            detail: detail.to_owned(),
        });
    }

    async fn try_call(
        self: &Arc<Self>,
        endpoint: &str,
        request: &Request,
        body: &Source,
        want: Want,
    ) -> Result<Answer, EgressError> {
        let total = Instant::now() + self.dialer.bounds.total;
        let prepared = self.prepare(endpoint, request)?;
        let body_max = match body {
            Source::Bytes(_) => self.dialer.bounds.body_bytes as u64,
            Source::Blob(_) => self.dialer.bounds.blob_bytes,
        };
        if body.size() > body_max {
            return Err(EgressError::denied("net.bad-request", format!("the body is larger than {body_max} bytes")));
        }
        self.count(1, body.size())?;
        if let Some(answer) = self.by_successor(&prepared, body, want, total).await? {
            return Ok(answer);
        }
        // What is sent as it is is had once: a refusal is about this value, whatever is held by then.
        let as_it_is =
            prepared.credential.map(|(_, credential)| credential).filter(|one| credential::is_sent_as_it_is(&one.kind));
        let sent = match as_it_is {
            Some(credential) => Some(self.secret(&prepared.granted, credential, prepared.base).await?),
            None => None,
        };
        let (applied, generation) = match (as_it_is, &sent) {
            (Some(credential), Some(secret)) => (self.carried(&prepared, body, credential, secret).await?, None),
            _ => self.credential(&prepared, body, None, total).await?,
        };
        let answer = self.run(&prepared, &applied, body, want, total).await?;
        let (Some(generation), Some((slot, _))) = (generation, prepared.credential) else {
            // A refused request was not done, so it may be sent again with what is kept elsewhere by now.
            let Some(sent) = sent.filter(|_| rotate::refused(&prepared, &answer)) else { return Ok(answer) };
            return Ok(self.by_another(&prepared, body, want, &sent, total).await?.unwrap_or(answer));
        };
        if answer.status != 401 {
            self.proved(slot, generation).await;
            return Ok(answer);
        }
        // A refused request was not done, so it may be sent again with a new token.
        match self.credential(&prepared, body, Some(generation), total).await? {
            (_, Some(same)) if same == generation => Ok(answer),
            (applied, new) => {
                drop(answer);
                let answer = self.run(&prepared, &applied, body, want, total).await?;
                if let Some(new) = new.filter(|_| answer.status != 401) {
                    self.proved(slot, new).await;
                }
                Ok(answer)
            }
        }
    }

    /// Checks everything that can be checked without sending or knowing a secret.
    fn prepare<'a>(&'a self, endpoint: &'a str, request: &Request) -> Result<Prepared<'a>, EgressError> {
        let (asked, base) = self.endpoint(endpoint)?;
        let method = Method::from_bytes(request.method.as_bytes()).map_err(|_| {
            EgressError::denied("net.bad-request", format!("`{}` is not a method", request.method.escape_debug()))
        })?;
        if ["CONNECT", "TRACE", "TRACK"].iter().any(|never| request.method.eq_ignore_ascii_case(never)) {
            return Err(EgressError::denied("net.method-denied", format!("{method} is never sent; no grant allows it")));
        }
        let target = base.target(endpoint, &request.path)?;
        let grant = self.config.grants.endpoints.get(endpoint).ok_or_else(|| self.not_granted(endpoint, asked))?;
        let granted = check_call(endpoint, &asked.allow, grant, method.as_str(), &target.below)?;
        let credential = match asked.credential.as_deref() {
            None => None,
            Some(slot) => Some((
                slot,
                self.config.credentials.get(slot).ok_or_else(|| {
                    EgressError::denied(
                        "net.credential-missing",
                        format!(
                            "endpoint `{endpoint}` is called with the credential `{slot}`, and connection `{}` has none; add [credentials.{slot}]",
                            self.config.connection
                        ),
                    )
                })?,
            )),
        };
        if let Some((slot, credential)) = credential {
            self.may_sign_in(slot, credential, endpoint)?;
            self.may_sign_in_at(slot, credential, &target.below)?;
        }
        let kind = credential.map(|(_, credential)| &credential.kind);
        if let Some(own) = kind.and_then(credential::query_of)
            && target.url.query_pairs().any(|(name, _)| name.eq_ignore_ascii_case(own))
        {
            return Err(EgressError::denied(
                "net.query-denied",
                format!("the parameter `{own}` carries this connection's credential; the hub sets it"),
            ));
        }
        let own = kind.map(credential::headers_of).unwrap_or_default();
        let headers = headers::from_guest(&request.headers, &own, &asked.headers)?;
        Ok(Prepared { granted, endpoint, base, url: target.url, method, headers, credential })
    }

    /// Whether a secret may be used on this endpoint: an update of the plugin cannot move it to another.
    fn may_sign_in(&self, slot: &str, credential: &Credential, endpoint: &str) -> Result<Grant, EgressError> {
        Ok(check_sign_in(&self.config.connection, slot, credential.endpoints.as_deref(), endpoint)?)
    }

    /// Whether a secret may be used on this path below its endpoint's base.
    fn may_sign_in_at(&self, slot: &str, credential: &Credential, path: &str) -> Result<(), EgressError> {
        if credential.paths.is_empty() || credential.paths.iter().any(|prefix| path_under(prefix, path)) {
            return Ok(());
        }
        Err(EgressError::denied(
            "net.credential-denied",
            format!(
                "the secret of `{slot}` is not granted for this path; add a prefix of it to `paths` under [credentials.{slot}] in connections/{}.toml",
                self.config.connection
            ),
        ))
    }

    /// An endpoint that is asked for and granted.
    fn endpoint(&self, endpoint: &str) -> Result<(&EndpointRequest, &Base), EgressError> {
        let asked = self.config.endpoints.get(endpoint).ok_or_else(|| {
            EgressError::denied(
                "net.not-requested",
                format!(
                    "endpoint `{}` is not asked for by the plugin's manifest; only its author can add it",
                    endpoint.escape_debug()
                ),
            )
        })?;
        match self.bases.get(endpoint) {
            None => Err(self.not_granted(endpoint, asked)),
            Some(Err(error)) => Err(error.clone()),
            Some(Ok(base)) => Ok((asked, base)),
        }
    }

    fn not_granted(&self, endpoint: &str, asked: &EndpointRequest) -> EgressError {
        EgressError::denied(
            "net.denied",
            format!(
                "endpoint `{endpoint}` ({}) is not granted; [grants.endpoints.{endpoint}] with base = \"{}\" and because = \"…\" in connections/{}.toml would allow it, once `nave plan` has read it",
                asked.reason, asked.base, self.config.connection
            ),
        )
    }

    /// What a token may, as its system says; nothing of a secret stays in it.
    fn granted<'a>(&self, slot: &str, scopes: impl Iterator<Item = &'a str>) {
        let scrubber = self.known.scrubber();
        let clean: Vec<String> = scopes.map(|scope| scrubber.clean_text(scope.to_owned())).collect();
        self.dialer.talks.granted(&self.config.connection, slot, clean.iter().map(String::as_str));
    }

    /// Takes from what the run may still use.
    fn count(&self, requests: u64, bytes: u64) -> Result<(), EgressError> {
        let mut usage = self.usage.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(left) = usage.as_mut() else { return Ok(()) };
        let (Some(requests), Some(bytes)) = (left.requests.checked_sub(requests), left.bytes.checked_sub(bytes)) else {
            return Err(EgressError::Quota("quota.http: this run has used up its requests or bytes".into()));
        };
        *left = Quota { requests, bytes };
        Ok(())
    }

    /// Takes what came in. It has been paid for with a request, so the answer is handed on; the next request is refused.
    fn charge(&self, bytes: u64) {
        if let Some(left) = self.usage.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            left.bytes = left.bytes.saturating_sub(bytes);
        }
    }

    /// Sends, when the rate and the number of connections allow, and reads the answer.
    async fn run(
        &self,
        prepared: &Prepared<'_>,
        applied: &Applied,
        body: &Source,
        want: Want,
        total: Instant,
    ) -> Result<Answer, EgressError> {
        let place = |error: EgressError| match error {
            EgressError::Unreachable(why) => EgressError::Unreachable(format!("{}: {why}; nothing was sent", prepared.shown())),
            EgressError::NoAnswer(why) => EgressError::NoAnswer(format!("{}: {why}", prepared.shown())),
            other => other,
        };
        self.wire(prepared, applied, body, want, total).await.map_err(place)
    }

    async fn wire(
        &self,
        prepared: &Prepared<'_>,
        applied: &Applied,
        body: &Source,
        want: Want,
        total: Instant,
    ) -> Result<Answer, EgressError> {
        let now = Instant::now();
        // A mark goes to the disk at most once a second.
        let due = crate::workers::off_the_workers(|| self.account.reserve(now, (self.dialer.clock)()))?;
        if due >= total {
            return Err(EgressError::Unreachable("the connection's `requests-per-second` leaves no room in time".into()));
        }
        if due > now {
            sleep_until(due).await;
        }
        let _permit = match timeout_at(total, self.permits.acquire()).await {
            Ok(Ok(permit)) => permit,
            _ => return Err(EgressError::Unreachable("all connections were busy all the time".into())),
        };
        let safe = matches!(prepared.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let mut pooled = self.pool.take(prepared.endpoint, !safe);
        loop {
            let mut live = match pooled.take() {
                Some(live) => live,
                None => self.dialer.connect(&prepared.granted, prepared.base, prepared.endpoint, total).await?,
            };
            let reused = live.reused;
            let mut request = build(prepared, applied, body)?;
            for (name, value) in &self.config.headers {
                let bad = |_| EgressError::denied("net.bad-request", format!("the header `{name}` cannot be sent"));
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|error| bad(error.to_string()))?;
                let value = HeaderValue::from_str(value).map_err(|error| bad(error.to_string()))?;
                request.headers_mut().insert(name, value);
            }
            let began = (self.dialer.clock)();
            let response = exchange(&mut live, request, &self.dialer.bounds, total).await;
            let headers = response.as_ref().ok().map(http::Response::headers);
            self.dialer.talks.heard(&self.config.connection, began, (self.dialer.clock)(), headers);
            let response = match response {
                Ok(response) => response,
                // The other side had closed it: nothing was sent, or nothing that changes anything.
                Err(Broken::NotSent(_)) if reused => continue,
                Err(Broken::NoAnswer { begun: false, .. }) if reused && safe => continue,
                Err(Broken::NotSent(why)) => return Err(EgressError::Unreachable(why)),
                Err(Broken::NoAnswer { why, .. }) => return Err(EgressError::NoAnswer(why)),
                Err(Broken::TooLarge(bytes)) => return Err(EgressError::TooLarge(bytes)),
            };
            let (head, incoming) = response.into_parts();
            let header = |name: &str| head.headers.get(name).and_then(|value| value.to_str().ok());
            if let Some(ms) = nave_core::budget::heard(head.status.as_u16(), header, (self.dialer.clock)().0) {
                self.account.hold((self.dialer.clock)(), ms);
            }
            if let (Some((slot, _)), Some(said)) = (prepared.credential, header(TOKEN_SCOPES)) {
                self.granted(slot, said.split(','));
            }
            let (got, received, found) = match want {
                Want::Memory(cap) => {
                    let bytes = read_body(incoming, &self.dialer.bounds, total, cap).await?;
                    let received = bytes.len() as u64;
                    (Got::Memory(bytes), received, false)
                }
                Want::File => {
                    let (blob, received, found) =
                        read_to_file(incoming, &self.dialer.bounds, total, &self.known.scrubber()).await?;
                    (Got::File(Arc::new(blob) as Arc<dyn Blob>), received, found)
                }
            };
            self.pool.put(prepared.endpoint, live);
            self.charge(received);
            self.used(prepared);
            return Ok(Answer { status: head.status.as_u16(), headers: head.headers, body: got, found });
        }
    }
}

/// The request as it goes out: our framing, our Host, our credential.
fn build(prepared: &Prepared<'_>, applied: &Applied, body: &Source) -> Result<http::Request<super::body::Outgoing>, EgressError> {
    let bad = |what: &str| EgressError::denied("net.bad-path", format!("the {what} cannot be sent"));
    let url = applied.url(&prepared.url);
    let uri: Uri = url[Position::BeforePath..Position::AfterQuery].parse().map_err(|_| bad("path"))?;
    let host = &url[Position::BeforeHost..Position::AfterPort];
    let mut request = http::Request::new(match applied {
        Applied::Body(filled) => Source::Bytes(filled.clone()).body(),
        _ => body.body(),
    });
    *request.method_mut() = prepared.method.clone();
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(HOST, HeaderValue::from_str(host).map_err(|_| bad("host"))?);
    headers.extend(prepared.headers.iter().map(|(name, value): (&HeaderName, &HeaderValue)| (name.clone(), value.clone())));
    match applied {
        Applied::Nothing | Applied::Query(..) | Applied::Body(_) => {}
        Applied::Header(name, value) => drop(headers.insert(name.clone(), value.clone())),
        Applied::Headers(all) => {
            for (name, value) in all {
                headers.insert(name.clone(), value.clone());
            }
        }
    }
    Ok(request)
}
