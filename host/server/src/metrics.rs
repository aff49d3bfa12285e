//! `GET /metrics`: the numbers of the status, as Prometheus reads them; with a token, as every route.

use axum::Router;
use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use nave_hub::api::{Answer, ApiError, Request};
use nave_hub::metrics;

use crate::state::State;
use crate::v1;

pub(crate) fn router() -> Router<State> {
    Router::new().route("/metrics", get(show))
}

async fn show(Shared(state): Shared<State>) -> Response {
    let failed = |error: ApiError| v1::failure(&error);
    match state.call(Request::Status).await {
        Ok(Answer::Status(status)) => match metrics::text(&status) {
            Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
            Err(error) => failed(ApiError::failed(format!("the metrics could not be written: {error}"))),
        },
        Ok(_) => failed(ApiError::failed("the hub answered something else")),
        Err(error) => failed(error),
    }
}
