//! Connected systems: which there are, and what was measured of one.

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use nave_hub::api::{Asked, AssessAnswer, AuthorizationLine, ConnectionLine, GrantUse, Request, Showed, SignInAnswer};
use serde::Deserialize;

use super::{Frame, other_session, page, segment, want};
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
    /// What its plugin was granted, and when that was used last.
    grants: Vec<GrantUse>,
    /// What its system granted, by credential slot.
    authorizations: Vec<AuthorizationLine>,
    /// The newest.
    assessment: Option<AssessAnswer>,
    earlier: Vec<AssessAnswer>,
}

#[derive(Template)]
#[template(path = "revoke.html")]
struct RevokePage {
    frame: Frame,
    name: String,
    what: String,
    /// Flows that go through the connection.
    flows: Vec<String>,
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

/// The form: asks whether, and then for it.
#[derive(Deserialize)]
struct Revoke {
    #[serde(default)]
    form_token: String,
    what: String,
    #[serde(default)]
    reason: String,
    /// The person has seen what it means.
    sure: Option<String>,
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
        .route("/connections/{name}/revoke", post(revoke))
}

/// Takes a grant away: first the question, with what depends on it, then the deed with its reason.
async fn revoke(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    Form(form): Form<Revoke>,
) -> Response {
    if let Some(refused) = other_session(&person, HERE, &form.form_token, "connection") {
        return refused;
    }
    if form.sure.is_none() {
        let all = want!(state.call(Request::ConnectionList).await, Connections, &person, HERE).connections;
        let flows = all.into_iter().find(|one| one.name == name).map(|one| one.flows).unwrap_or_default();
        return page(&RevokePage { frame: Frame::new(&person, HERE), name, what: form.what, flows });
    }
    let grant = format!("{name}/{}", form.what);
    let request = Request::AccessRevoke { what: "grant".to_owned(), name: grant, reason: form.reason };
    want!(state.call_by(Asked::by(&person.name, request)).await, Done, &person, HERE);
    Redirect::to(&format!("/connections/{}", segment(&name))).into_response()
}

/// Begins a sign-in. The page that answers has the address to open: a form may not lead to another site by itself.
async fn authorize(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(name): Path<String>,
    Form(form): Form<Authorize>,
) -> Response {
    if let Some(refused) = other_session(&person, HERE, &form.form_token, "connection") {
        return refused;
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
    let request = Request::PluginGrants { name: Some(name.clone()) };
    // One whose plugin is not there has no grants that are of use.
    let grants = match state.call(request).await {
        Ok(nave_hub::api::Answer::Grants(answer)) => {
            answer.connections.into_iter().filter(|view| view.name == name).flat_map(|view| view.uses).collect()
        }
        _ => Vec::new(),
    };
    page(&ConnectionPage {
        frame: Frame::new(&person, HERE),
        name,
        grants,
        authorizations,
        assessment: all.next(),
        earlier: all.collect(),
    })
}
