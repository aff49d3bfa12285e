//! Connected systems: which there are, and what was measured of one.

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_hub::api::{AssessAnswer, ConnectionLine, Request, Showed};

use super::{Frame, page, want};
use crate::auth::Person;
use crate::state::State;

/// Assessments that the page of a connection lists.
const LISTED: usize = 20;

#[derive(Template)]
#[template(path = "connections.html")]
struct ConnectionsPage {
    frame: Frame,
    connections: Vec<ConnectionLine>,
}

#[derive(Template)]
#[template(path = "connection.html")]
struct ConnectionPage {
    frame: Frame,
    name: String,
    /// The newest.
    assessment: Option<AssessAnswer>,
    earlier: Vec<AssessAnswer>,
}

impl ConnectionPage {
    fn seconds(&self, showed: &Showed) -> String {
        format!("{}.{:02} s", showed.after_ms / 1_000, showed.after_ms % 1_000 / 10)
    }
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/connections", get(list)).route("/connections/{name}", get(show))
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let answer = want!(state.call(Request::ConnectionList).await, Connections, &person, "health");
    page(&ConnectionsPage { frame: Frame::new(&person, "health"), connections: answer.connections })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(name): Path<String>) -> Response {
    let request = Request::Assessments { name: Some(name.clone()), limit: LISTED };
    let answer = want!(state.call(request).await, Assessments, &person, "health");
    let mut all = answer.assessments.into_iter();
    page(&ConnectionPage { frame: Frame::new(&person, "health"), name, assessment: all.next(), earlier: all.collect() })
}
