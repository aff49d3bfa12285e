//! Signing in with a token, and out.

use std::net::SocketAddr;

use askama::Template;
use axum::extract::{ConnectInfo, Form, State as Shared};
use axum::http::{HeaderMap, Method, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use serde::Deserialize;

use super::page;
use crate::auth::{self, Person, cookie, session};
use crate::guard::from_our_page;
use crate::state::State;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    error: String,
}

#[derive(Deserialize)]
struct Login {
    #[serde(default)]
    token: String,
}

#[derive(Deserialize)]
struct Logout {
    #[serde(default)]
    form_token: String,
}

pub(crate) fn open() -> Router<State> {
    Router::new().route("/login", get(|| async { page(&LoginPage { error: String::new() }) }).post(login))
}

pub(crate) fn closed() -> Router<State> {
    Router::new().route("/logout", post(logout))
}

async fn login(
    Shared(state): Shared<State>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    method: Method,
    headers: HeaderMap,
    Form(form): Form<Login>,
) -> Response {
    if !from_our_page(&method, &headers) {
        return (axum::http::StatusCode::FORBIDDEN, page(&LoginPage { error: "Open this page in the browser itself.".into() }))
            .into_response();
    }
    let opened = state.person_of(form.token.trim(), Some(peer.ip())).and_then(|person| state.sessions.open(&person));
    match opened {
        Ok(id) => ([(header::SET_COOKIE, cookie(Some(&id)))], Redirect::to("/")).into_response(),
        Err(error) => {
            let text = match &error.help {
                Some(help) => format!("{}; {help}", error.message),
                None => error.message.clone(),
            };
            (auth::status(&error), page(&LoginPage { error: text })).into_response()
        }
    }
}

async fn logout(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    headers: HeaderMap,
    Form(form): Form<Logout>,
) -> Response {
    if person.form_token.as_deref() == Some(form.form_token.as_str())
        && let Some(id) = session(&headers)
    {
        state.sessions.close(id);
    }
    ([(header::SET_COOKIE, cookie(None))], Redirect::to("/login")).into_response()
}
