//! What one number of `nave governance` counts: a row each, linked to its record or its question.

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_hub::api::{GovernanceEntry, GovernanceListAnswer, RecordRef, Request};

use super::{Frame, page, record_href, review_href, segment, want};
use crate::auth::Person;
use crate::state::State;

/// Entries on the page.
const ENTRIES: usize = 200;

#[derive(Template)]
#[template(path = "governance.html")]
struct GovernancePage {
    frame: Frame,
    list: GovernanceListAnswer,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/governance/{line}", get(governance))
}

async fn governance(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(line): Path<String>) -> Response {
    let request = Request::GovernanceList { line, limit: ENTRIES };
    let list = want!(state.call(request).await, GovernanceList, &person, "health");
    page(&GovernancePage { frame: Frame::new(&person, "health"), list })
}

/// Where an entry leads: its question, its record, what finds its record; none for a field.
fn href(entry: &GovernanceEntry) -> Option<String> {
    if let Some(review) = review_href(&entry.command) {
        return Some(review);
    }
    match entry.subject.parse::<RecordRef>().ok()? {
        RecordRef::Record { .. } => Some(record_href(&entry.subject)),
        RecordRef::Remote { .. } => Some(format!("/records?q={}", segment(&entry.subject))),
    }
}
