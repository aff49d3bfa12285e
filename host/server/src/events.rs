//! Server-sent events: the status of every flow, whenever it changed.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::{Extension, Router, routing::get};
use bytes::Bytes;
use nave_hub::api::{Answer, Request};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc;

use crate::auth::Person;
use crate::body::Pipe;
use crate::limits::{LINES_QUEUE_MAX, LIVE_INTERVAL_MS};
use crate::pages::health_rows;
use crate::state::State;

pub(crate) fn router() -> Router<State> {
    Router::new().route("/events", get(events))
}

async fn events(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let Ok(place) = state.live_views.clone().try_acquire_owned() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "too many live views are open; reload the page instead\n").into_response();
    };
    let (sender, receiver) = mpsc::channel(LINES_QUEUE_MAX);
    tokio::spawn(async move {
        let _place = place;
        tokio::select! {
            () = watch(&state, &person, &sender) => {}
            () = sender.closed() => {}
            () = crate::until(state.stopped.clone()) => {}
        }
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::new(Pipe(receiver))).into_response()
}

/// Sends what a page shows, each time that it differs from the last. Ends when nobody listens, or the token is no longer good.
async fn watch(state: &State, person: &Person, sender: &mpsc::Sender<Bytes>) {
    let mut before = String::new();
    let mut tick = tokio::time::interval(Duration::from_millis(LIVE_INTERVAL_MS));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        if !state.still(person).unwrap_or(false) {
            return;
        }
        let Ok(Answer::Status(status)) = state.call(Request::Status).await else { continue };
        let rows: Vec<Json> = health_rows(&status)
            .into_iter()
            .map(|row| {
                json!({ "flow": row.flow, "health": row.health, "linked": row.linked, "pending": row.pending, "waiting": row.waiting, "failed": row.failed,
                        "last_in": row.last_in, "last_out": row.last_out, "error": row.error })
            })
            .collect();
        let text =
            json!({ "flows": rows, "records": status.records, "reviews": status.reviews, "dead_letters": status.dead_letters,
                    "failing": status.failing() })
            .to_string();
        // A comment keeps the connection alive where nothing changed.
        let event = if text == before { ":\n\n".to_owned() } else { format!("event: status\ndata: {text}\n\n") };
        before = text;
        if sender.send(Bytes::from(event)).await.is_err() {
            return;
        }
    }
}
