//! The hub's part of a sign-in at a system: the address that begins one, and the one that systems send people back to.
//!
//! Neither needs a token: a browser that comes from another site sends no session with it. The first is good once and marks the
//! browser with a cookie of its own; the second is believed with that mark alone. Nothing is sent anywhere but to the system
//! that the hub names, and what a system says is shown as text.

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use nave_hub::sign_in::{CALLBACK, START, SignInCallback};
use serde::Deserialize;

use crate::pages::page;
use crate::state::State;

/// Name of the mark. Sent with navigations from other sites, which a session never is, and to these addresses alone.
const COOKIE: &str = "nave_sign_in";
/// Seconds that it lives: as long as a sign-in.
const COOKIE_S: u64 = nave_core::limits::SIGN_IN_MS / 1_000;

#[derive(Template)]
#[template(path = "signed_in.html")]
struct SignedInPage {
    /// Connection; empty where it came to nothing.
    connection: String,
    scopes: String,
    /// Why it came to nothing.
    why: String,
}

/// What a system sends back; everything else is not looked at.
#[derive(Default, Deserialize)]
struct Back {
    #[serde(default)]
    state: String,
    code: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route(&format!("{START}{{ticket}}"), get(start)).route(CALLBACK, get(callback))
}

async fn start(Shared(state): Shared<State>, Path(ticket): Path<String>) -> Response {
    let begun = match state.service.sign_in_start(&ticket).await {
        Ok(begun) => begun,
        Err(why) => return failed(why),
    };
    let Ok(location) = HeaderValue::from_str(&begun.address) else {
        return failed("the system's address cannot be sent".to_owned());
    };
    let mark = format!("{COOKIE}={}; Path=/oauth; Max-Age={COOKIE_S}; HttpOnly; SameSite=Lax", begun.binding);
    (StatusCode::SEE_OTHER, [(header::SET_COOKIE, mark)], [(header::LOCATION, location)]).into_response()
}

async fn callback(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    back: Result<Query<Back>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(back)) = back else { return failed("what came back is not what a system sends".to_owned()) };
    let call = SignInCallback {
        state: back.state,
        code: back.code,
        issuer: back.iss,
        error: back.error,
        error_description: back.error_description,
        binding: mark(&headers).map(str::to_owned),
    };
    let mut response = match state.service.sign_in_callback(call).await {
        Ok(done) => page(&SignedInPage { connection: done.connection, scopes: done.scopes.join(", "), why: String::new() }),
        Err(why) => failed(why),
    };
    let gone = format!("{COOKIE}=; Path=/oauth; Max-Age=0; HttpOnly; SameSite=Lax");
    if let Ok(gone) = HeaderValue::from_str(&gone) {
        response.headers_mut().insert(header::SET_COOKIE, gone);
    }
    response
}

fn failed(why: String) -> Response {
    (StatusCode::BAD_REQUEST, page(&SignedInPage { connection: String::new(), scopes: String::new(), why })).into_response()
}

/// The mark that the browser got when it was sent to the system.
fn mark(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(name, _)| *name == COOKIE)
        .map(|(_, mark)| mark)
}
