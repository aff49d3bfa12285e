//! Calls from connected systems. They carry no token of ours: the hub believes them by their signature alone, and what comes of
//! one tells a stranger nothing.

use std::net::SocketAddr;

use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, State as Shared};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::{Extension, Router};
use bytes::Bytes;
use nave_hub::webhook::{HookAnswer, HookCall};

use crate::listen::is_late;
use crate::state::State;

/// When a system should tell it again that could not be told now.
const AGAIN_S: &str = "30";

pub(crate) fn router() -> Router<State> {
    // Vendors look whether somebody is there before they send anything.
    Router::new().route("/hooks/{connection}", post(told).get(there).head(there))
}

async fn there() -> StatusCode {
    StatusCode::OK
}

/// The body could not be had.
fn unread(error: &BytesRejection) -> Response {
    match error.status() {
        _ if is_late(error) => (StatusCode::REQUEST_TIMEOUT, "The body did not come in time.\n").into_response(),
        StatusCode::PAYLOAD_TOO_LARGE => (StatusCode::PAYLOAD_TOO_LARGE, "Too large for a webhook.\n").into_response(),
        status => (status, "The body could not be read.\n").into_response(),
    }
}

async fn told(
    Shared(state): Shared<State>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    Path(connection): Path<String>,
    uri: Uri,
    query: Result<Query<Vec<(String, String)>>, QueryRejection>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let body = match body {
        Ok(body) => body,
        Err(error) => return unread(&error),
    };
    let text = |value: &axum::http::HeaderValue| value.to_str().map(str::to_owned).ok();
    let host = headers.get(header::HOST).and_then(text).unwrap_or_default();
    let path = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let query = query.map(|Query(pairs)| pairs).unwrap_or_default();
    // What is no text is nothing that a signature could be.
    let headers = headers.iter().filter_map(|(name, value)| Some((name.as_str().to_owned(), text(value)?))).collect();
    let call = HookCall {
        connection,
        caller: peer.map(|Extension(ConnectInfo(peer))| peer.ip()),
        method: Method::POST.to_string(),
        origin: format!("http://{host}"),
        path,
        query,
        headers,
        body: body.to_vec(),
    };
    match state.service.hook(call).await {
        HookAnswer::Taken(_) | HookAnswer::Repeated => StatusCode::OK.into_response(),
        // Alike, so that nobody learns which systems are connected.
        HookAnswer::Unknown | HookAnswer::Refused => {
            (StatusCode::UNAUTHORIZED, "Not believed; the hub's audit says why.\n").into_response()
        }
        HookAnswer::TooMany => {
            (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, AGAIN_S)], "Too many at once.\n").into_response()
        }
        HookAnswer::Odd(_) => (StatusCode::BAD_REQUEST, "Believed, and not understood.\n").into_response(),
        HookAnswer::Later(why) => {
            tracing::warn!(why, "a webhook was put off");
            (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, AGAIN_S)], "Not now.\n").into_response()
        }
    }
}
