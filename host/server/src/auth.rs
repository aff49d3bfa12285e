//! Who asks: a bearer token, or a session that a token opened.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Redirect, Response};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use nave_hub::api::{ApiError, exit};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom as _, SystemRandom};

use crate::guard::from_our_page;
use crate::limits::{FAILING_ADDRESSES_MAX, FAILURES_MAX, FAILURES_WINDOW_S, FAILURES_WINDOW_S_MAX, SESSION_S, SESSIONS_MAX};
use crate::state::State;
use crate::v1;

/// Name of the cookie.
const COOKIE: &str = "nave_session";

/// Who asks, put into the request for the routes.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    /// Name of the token.
    pub(crate) name: String,
    /// Hash of the token that stands behind it: when that goes, so does everything that it opened.
    pub(crate) token: String,
    /// What a form must send along; none for a bearer token, which no browser sends by itself.
    pub(crate) form_token: Option<String>,
}

/// Lets a request through whose token or session is good; asks for one otherwise.
pub(crate) async fn required(Shared(state): Shared<State>, mut request: Request, next: Next) -> Response {
    let wants_page = !v1::is_api(request.uri().path()) && !matches!(request.uri().path(), "/events" | "/metrics");
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let person = match bearer(request.headers()) {
        Some(token) => match state.person_of(token, peer) {
            Ok(person) => Some(person),
            Err(error) => return v1::failure(&error),
        },
        None => match session(request.headers()).map(|id| state.person_in(id)).transpose() {
            Ok(person) => person.flatten(),
            Err(error) => return v1::failure(&error),
        },
    };
    let Some(person) = person else {
        if wants_page {
            return Redirect::to("/login").into_response();
        }
        return v1::failure(&unauthorized("a token is needed: Authorization: Bearer …"));
    };
    if person.form_token.is_some() && !from_our_page(request.method(), request.headers()) {
        return v1::failure(&ApiError::new("forbidden", exit::FAILED, "this did not come from the hub's own page"));
    }
    request.extensions_mut().insert(person);
    next.run(request).await
}

fn unauthorized(message: &str) -> ApiError {
    ApiError::new("unauthorized", exit::FAILED, message)
        .help("`nave token reset NAME --because TEXT` on the hub's machine makes one")
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The session's id in the cookie header.
pub(crate) fn session(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, id)| id)
}

/// `Set-Cookie` for a session; none ends it.
pub(crate) fn cookie(id: Option<&str>) -> String {
    match id {
        Some(id) => format!("{COOKIE}={id}; Path=/; Max-Age={SESSION_S}; HttpOnly; SameSite=Strict"),
        None => format!("{COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict"),
    }
}

impl State {
    /// Whose token it is. Wrong ones count against the address that sent them; a good one is never refused.
    pub(crate) fn person_of(&self, token: &str, peer: Option<IpAddr>) -> Result<Person, ApiError> {
        let given = hex(digest(&SHA256, token.as_bytes()).as_ref());
        let mut found = None;
        // All of them are looked at, whole: the time tells nothing.
        for row in self.service.tokens()? {
            if same(row.hash.as_bytes(), given.as_bytes()) {
                found = Some(Person { name: row.name, token: row.hash, form_token: None });
            }
        }
        if let Some(person) = &found {
            self.service.used(&person.token);
        }
        found.ok_or_else(|| {
            let refused = unauthorized("the token is not known");
            let Some(peer) = peer else { return refused };
            let noted = self.failures.note(peer);
            if noted.worth_a_line() {
                self.service.refused(&peer.to_string(), noted.all);
            }
            match noted.wait {
                None => refused,
                Some(wait) => {
                    let seconds = wait.as_secs().max(1);
                    let mut error = ApiError::new("too-many-failures", exit::FAILED, "too many wrong tokens from this address")
                        .help(format!("wait {seconds} s; a good token is taken at any time"));
                    error.retry_after_s = Some(seconds);
                    error
                }
            }
        })
    }

    /// Whose session it is, if it is open and its token is still good.
    pub(crate) fn person_in(&self, session: &str) -> Result<Option<Person>, ApiError> {
        let Some(person) = self.sessions.find(session) else { return Ok(None) };
        if self.still(&person)? {
            return Ok(Some(person));
        }
        self.sessions.close(session);
        Ok(None)
    }

    /// Whether the token that somebody came with is still good.
    pub(crate) fn still(&self, person: &Person) -> Result<bool, ApiError> {
        Ok(self.service.tokens()?.iter().any(|row| row.name == person.name && same(row.hash.as_bytes(), person.token.as_bytes())))
    }
}

/// Whether two texts are the same, in a time that depends on their lengths only.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (a, b)| difference | (a ^ b)) == 0
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A text that nobody guesses.
fn random() -> Result<String, ApiError> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| ApiError::failed("the machine gives no randomness"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// People who are signed in.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<HashMap<String, Session>>);

struct Session {
    name: String,
    token: String,
    form_token: String,
    opened: Instant,
}

impl Sessions {
    /// Opens one; answers its id.
    pub(crate) fn open(&self, person: &Person) -> Result<String, ApiError> {
        let (id, form_token) = (random()?, random()?);
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|_, session| session.is_open());
        if sessions.len() >= SESSIONS_MAX
            && let Some(oldest) = sessions.iter().min_by_key(|(_, session)| session.opened).map(|(id, _)| id.clone())
        {
            sessions.remove(&oldest);
        }
        sessions.insert(
            id.clone(),
            Session { name: person.name.clone(), token: person.token.clone(), form_token, opened: Instant::now() },
        );
        Ok(id)
    }

    /// Whose it is, if it is open.
    pub(crate) fn find(&self, id: &str) -> Option<Person> {
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.get(id).filter(|session| session.is_open())?;
        Some(Person { name: session.name.clone(), token: session.token.clone(), form_token: Some(session.form_token.clone()) })
    }

    pub(crate) fn close(&self, id: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
    }
}

impl Session {
    fn is_open(&self) -> bool {
        self.opened.elapsed() < Duration::from_secs(SESSION_S)
    }
}

/// Wrong tokens by address.
#[derive(Default)]
pub(crate) struct Failures(Mutex<HashMap<IpAddr, Failing>>);

/// One address.
struct Failing {
    /// In this window.
    count: u32,
    /// Since it was first seen.
    all: u64,
    window: Duration,
    until: Instant,
}

/// What a wrong token leads to.
pub(crate) struct Noted {
    /// Wrong tokens of this address since it was first seen.
    all: u64,
    /// How long it should wait, if these were too many.
    wait: Option<Duration>,
}

impl Noted {
    /// The audit gets a line when there are too many, and then one for each power of ten.
    fn worth_a_line(&self) -> bool {
        let mut mark = u64::from(FAILURES_MAX) + 1;
        while mark < self.all {
            mark *= 10;
        }
        self.wait.is_some() && mark == self.all
    }
}

impl Failures {
    fn note(&self, peer: IpAddr) -> Noted {
        let first = Duration::from_secs(FAILURES_WINDOW_S);
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, failing| failing.until > now);
        if all.len() >= FAILING_ADDRESSES_MAX && !all.contains_key(&peer) {
            // So many addresses at once are one attacker.
            return Noted { all: 0, wait: Some(first) };
        }
        let failing = all.entry(peer).or_insert(Failing { count: 0, all: 0, window: first, until: now + first });
        failing.count += 1;
        failing.all += 1;
        if failing.count <= FAILURES_MAX {
            return Noted { all: failing.all, wait: None };
        }
        let wait = failing.window;
        failing.until = now + wait;
        failing.window = (wait * 2).min(Duration::from_secs(FAILURES_WINDOW_S_MAX));
        Noted { all: failing.all, wait: Some(wait) }
    }
}

/// Status of a refusal by [`State::person_of`].
pub(crate) fn status(error: &ApiError) -> StatusCode {
    if error.code == "too-many-failures" {
        return StatusCode::TOO_MANY_REQUESTS;
    }
    match error.code.as_str() {
        v1::METHOD_NOT_ALLOWED => return StatusCode::METHOD_NOT_ALLOWED,
        v1::TOO_LARGE => return StatusCode::PAYLOAD_TOO_LARGE,
        _ => {}
    }
    StatusCode::from_u16(error.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}
