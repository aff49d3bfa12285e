//! The dashboard: pages made on the server, usable without a script, by keyboard and on a phone.
//!
//! Templates escape everything; nothing that came from a system is ever marked safe.

mod census;
mod connections;
mod correction;
mod governance;
mod health;
mod login;
mod mappings;
mod merges;
mod plugins;
mod reconcile;
mod records;
mod reviews;
mod runbooks;
mod schedule;

use askama::Template;
use axum::Router;
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use nave_hub::api::{ApiError, RecordRef, exit};

use crate::auth::{self, Person};
use crate::state::State;
pub(crate) use health::rows as health_rows;

/// What every page shows around its own content.
pub(crate) struct Frame {
    /// Who is signed in.
    person: String,
    /// What forms send along.
    form_token: String,
    /// Word of the current page in the navigation.
    here: &'static str,
}

impl Frame {
    fn new(person: &Person, here: &'static str) -> Self {
        Self { person: person.name.clone(), form_token: person.form_token.clone().unwrap_or_default(), here }
    }
}

/// Pages behind the log-in.
pub(crate) fn closed() -> Router<State> {
    Router::new()
        .merge(health::router())
        .merge(census::router())
        .merge(governance::router())
        .merge(connections::router())
        .merge(mappings::router())
        .merge(records::router())
        .merge(correction::router())
        .merge(merges::router())
        .merge(plugins::router())
        .merge(reviews::router())
        .merge(runbooks::router())
        .merge(reconcile::router())
        .merge(schedule::router())
        .merge(login::closed())
}

/// The log-in page and what it needs.
pub(crate) fn open() -> Router<State> {
    Router::new()
        .merge(login::open())
        .route("/assets/style.css", get(|| async { asset("text/css; charset=utf-8", include_str!("../../assets/style.css")) }))
        .route("/assets/live.js", get(|| async { asset("text/javascript; charset=utf-8", include_str!("../../assets/live.js")) }))
        .route("/assets/wheel.svg", get(|| async { asset("image/svg+xml", include_str!("../../assets/wheel.svg")) }))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

#[derive(Template)]
#[template(path = "not_found.html")]
struct NotFoundPage;

/// There is no such page.
pub(crate) async fn not_found(uri: Uri) -> Response {
    if crate::v1::is_api(uri.path()) {
        return crate::v1::failure(&ApiError::not_found("there is no such route").help("GET /v1 lists them"));
    }
    (StatusCode::NOT_FOUND, page(&NotFoundPage)).into_response()
}

/// A page from its template.
pub(crate) fn page(template: &impl Template) -> Response {
    match template.render() {
        Ok(text) => Html(text).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            (StatusCode::INTERNAL_SERVER_ERROR, "The page could not be made.\n").into_response()
        }
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage {
    frame: Frame,
    message: String,
    help: String,
}

/// An error as a page.
fn error_page(person: &Person, here: &'static str, error: &ApiError) -> Response {
    let page = page(&ErrorPage {
        frame: Frame::new(person, here),
        message: error.message.clone(),
        help: error.help.clone().unwrap_or_default(),
    });
    (auth::status(error), page).into_response()
}

/// The answer to a form that was made for another session, which somebody else may have made; none where it is of this one. `what`
/// is to be opened again.
fn other_session(person: &Person, here: &'static str, form_token: &str, what: &str) -> Option<Response> {
    let is_other = person.form_token.as_deref().is_some_and(|own| own != form_token);
    let error =
        || ApiError::new("forbidden", exit::FAILED, "the form is of another session").help(format!("open the {what} again"));
    is_other.then(|| error_page(person, here, &error()))
}

/// The variant that a request answers with, or an error page.
macro_rules! want {
    ($answer:expr, $variant:ident, $person:expr, $here:expr) => {
        match $answer {
            Ok(nave_hub::api::Answer::$variant(answer)) => answer,
            Ok(_) => {
                let error = nave_hub::api::ApiError::failed("the hub answered something else");
                return $crate::pages::error_page($person, $here, &error);
            }
            Err(error) => return $crate::pages::error_page($person, $here, &error),
        }
    };
}
use want;

/// Address of a record's page: `contact/12` → `/records/contact/12`.
fn record_href(record: &str) -> String {
    match record.parse::<RecordRef>() {
        Ok(RecordRef::Record { entity: Some(entity), id }) => format!("/records/{}/{id}", segment(&entity)),
        _ => "/records".to_owned(),
    }
}

/// Address of the review that a command shows: `nave review show 39` → `/reviews/39`.
fn review_href(command: &str) -> Option<String> {
    let id = command.strip_prefix("nave review show ")?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| format!("/reviews/{id}"))
}

/// One path segment, percent-encoded.
fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Prose in parts: what stands between backticks is a command or a name (true). An odd backtick is only a character.
fn spans(text: &str) -> Vec<(bool, &str)> {
    let mut spans = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`')
        && let Some((command, after)) = after.split_once('`')
    {
        spans.extend([(false, before), (true, command)]);
        rest = after;
    }
    spans.push((false, rest));
    spans.retain(|(_, part)| !part.is_empty());
    spans
}

/// A time without its fraction, for people; the script makes it relative.
fn short_time(time: &str) -> String {
    let text = time.split('.').next().unwrap_or(time).trim_end_matches('Z');
    text.replace('T', " ")
}
