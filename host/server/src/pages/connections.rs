//! Connected systems: which there are, and what was measured of one.

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use nave_hub::api::{ApiError, Asked, AssessAnswer, AuthorizationLine, ConnectionLine, Request, Showed, SignInAnswer, exit};
use serde::Deserialize;

use super::{Frame, error_page, page, want};
use crate::auth::Person;
use crate::state::State;

const HERE: &str = "connections";
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
    /// What its system granted, by credential slot.
    authorizations: Vec<AuthorizationLine>,
    /// The newest.
    assessment: Option<AssessAnswer>,
    earlier: Vec<AssessAnswer>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    frame: Frame,
    sign_in: SignInAnswer,
}

#[derive(Deserialize)]
struct Authorize {
    #[serde(default)]
    form_token: String,
    #[serde(default)]
    slot: String,
    /// `browser` or `device`.
    #[serde(default)]
    way: String,
}

impl ConnectionPage {
    fn seconds(&self, showed: &Showed) -> String {
        format!("{}.{:02} s", showed.after_ms / 1_000, showed.after_ms % 1_000 / 10)
    }
}

pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/connections", get(list))
        .route("/connections/{name}", get(show))
        .route("/connections/{name}/authorize", post(authorize))
}

/// Begins a sign-in. The page that answers has the address to open: a form may not lead to another site by itself.
async fn authorize(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    Form(form): Form<Authorize>,
) -> Response {
    if person.form_token.as_deref().is_some_and(|token| token != form.form_token) {
        let error = ApiError::new("forbidden", exit::FAILED, "the form is of another session").help("open the connection again");
        return error_page(&person, HERE, &error);
    }
    let slot = Some(form.slot).filter(|slot| !slot.is_empty());
    let request = Request::ConnectionAuthorize { name, slot, device: form.way == "device" };
    let sign_in = want!(state.call_by(Asked::by(&person.name, request)).await, SignIn, &person, HERE);
    page(&SignInPage { frame: Frame::new(&person, HERE), sign_in })
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let answer = want!(state.call(Request::ConnectionList).await, Connections, &person, HERE);
    page(&ConnectionsPage { frame: Frame::new(&person, HERE), connections: answer.connections })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(name): Path<String>) -> Response {
    let request = Request::Assessments { name: Some(name.clone()), limit: LISTED };
    let answer = want!(state.call(request).await, Assessments, &person, HERE);
    let mut all = answer.assessments.into_iter();
    let request = Request::Authorizations { name: Some(name.clone()) };
    let authorizations = want!(state.call(request).await, Authorizations, &person, HERE).authorizations;
    page(&ConnectionPage {
        frame: Frame::new(&person, HERE),
        name,
        authorizations,
        assessment: all.next(),
        earlier: all.collect(),
    })
}
