//! What every request over TCP passes first: is it meant for us, and what the answer's headers forbid.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request, State as Shared};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use crate::state::State;
use nave_core::network::may_call;

const HEADERS: [(HeaderName, &str); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         base-uri 'none'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    // Not `no-referrer`: with that, browsers say `Origin: null` with our own forms, which is then not our own page's.
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// A name that is not ours is somebody else's page pointed at us (DNS rebinding): misdirected.
pub(crate) async fn guard(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let mut response = match malformed(&request) {
        // Whoever sends that means another server too, in front of us or behind: nothing more is read from there.
        Some(why) => (StatusCode::BAD_REQUEST, [(header::CONNECTION, "close")], why).into_response(),
        None if !is_welcome(&state, &request) => {
            (StatusCode::FORBIDDEN, "This hub does not answer here: `allow-from` in nave.toml says where.\n").into_response()
        }
        None if host_is_ours(&state, request.headers()) => next.run(request).await,
        None => (StatusCode::MISDIRECTED_REQUEST, misdirected(request.headers())).into_response(),
    };
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Whether it comes from where this hub may be asked from. What systems tell has a list of its own for each connection.
fn is_welcome(state: &State, request: &Request) -> bool {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    may_call(&state.allow_from, peer) || request.uri().path().starts_with("/hooks/")
}

/// What two servers could read in two ways.
fn malformed(request: &Request) -> Option<&'static str> {
    if request.uri().scheme().is_some() || request.uri().authority().is_some() {
        return Some("The target of a request is a path here: this is no proxy.\n");
    }
    // Beside it a length says something else, and nothing that asks us needs it.
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return Some("Transfer-Encoding is not taken here: send the body with Content-Length.\n");
    }
    let hosts = request.headers().get_all(header::HOST);
    hosts.iter().any(|host| host.to_str().ok().and_then(name_of).is_none()).then_some("The header Host is no host and port.\n")
}

fn host_is_ours(state: &State, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Some(name) = host.to_str().ok().and_then(name_of) else { return false };
    let name = name.to_ascii_lowercase();
    state.hosts.contains(&name) || (state.any_address && is_address(&name))
}

fn is_address(name: &str) -> bool {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    bare.map_or_else(|| name.parse::<Ipv4Addr>().is_ok(), |name| name.parse::<Ipv6Addr>().is_ok())
}

/// What to write so that it answers, with the name where it is one.
fn misdirected(headers: &HeaderMap) -> String {
    let asked = headers.get(header::HOST).and_then(|host| host.to_str().ok()).and_then(name_of).unwrap_or_default();
    let name = if nave_core::catalog::is_host(asked) { asked } else { "hub.example.com" };
    format!(
        "This hub does not answer under that name. If the name is its own, write hosts = [\"{name}\"] in nave.toml, or start it \
         with `nave serve --host {name}`.\n"
    )
}

/// `[::1]:80` → `[::1]`, `localhost:80` → `localhost`; none for what is no host and port.
fn name_of(host: &str) -> Option<&str> {
    let (name, port) = match host.rfind(':') {
        Some(at) if !host[at..].contains(']') => (&host[..at], &host[at + 1..]),
        _ => (host, "0"),
    };
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let plain = match inner {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')),
    };
    let port_fits = (1..=5).contains(&port.len()) && port.bytes().all(|byte| byte.is_ascii_digit());
    (plain && !name.is_empty() && port_fits).then_some(name)
}

/// Whether a request that changes something comes from our own page, as the browser says. Both headers must agree where
/// they are there; a browser sends at least one with every form.
pub(crate) fn from_our_page(method: &Method, headers: &HeaderMap) -> bool {
    if method.is_safe() {
        return true;
    }
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let site = text("sec-fetch-site");
    let origin = text("origin");
    if site.is_none() && origin.is_none() {
        return false;
    }
    let site_fits = site.is_none_or(|site| matches!(site, "same-origin" | "none"));
    let origin_fits = origin.is_none_or(|origin| {
        let host = text("host").unwrap_or_default();
        origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|origin| origin.eq_ignore_ascii_case(host))
    });
    site_fits && origin_fits
}
