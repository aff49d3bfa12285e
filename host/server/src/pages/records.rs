//! Looking for a record, and one record with everything said about it.

use askama::Template;
use axum::extract::{Form, Path, Query, State as Shared};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Extension, Router};
use nave_hub::api::{
    Asked, FieldWhy, HistoryAnswer, Loser, PastAnswer, RecordAnswer, RecordLine, RecordRef, Request, ResyncAnswer,
};
use serde::Deserialize;

use super::{Frame, other_session, page, segment, want};
use crate::auth::Person;
use crate::state::State;

/// Records on one page of the list.
const ROWS: usize = 50;

#[derive(Default, Deserialize)]
struct Search {
    #[serde(default)]
    q: String,
    #[serde(default)]
    entity: String,
    #[serde(default)]
    after: u64,
}

#[derive(Template)]
#[template(path = "records.html")]
struct RecordsPage {
    frame: Frame,
    q: String,
    entity: String,
    entities: Vec<String>,
    records: Vec<RecordLine>,
    next: String,
}

#[derive(Template)]
#[template(path = "record.html")]
struct RecordPage {
    frame: Frame,
    record: RecordAnswer,
    why: Vec<FieldWhy>,
    history: HistoryAnswer,
}

#[derive(Template)]
#[template(path = "past.html")]
struct PastPage {
    frame: Frame,
    past: PastAnswer,
}

/// Which time is asked for.
#[derive(Default, Deserialize)]
struct When {
    #[serde(default)]
    at: String,
}

#[derive(Template)]
#[template(path = "resync.html")]
struct ResyncPage {
    frame: Frame,
    resync: ResyncAnswer,
}

/// The form that asks for a resync.
#[derive(Deserialize)]
struct Asking {
    #[serde(default)]
    form_token: String,
    /// `look` or `do`.
    #[serde(default)]
    what: String,
}

/// Claims that did not win and say something else; many a loser says the same.
pub(crate) fn others(field: &FieldWhy) -> Vec<&Loser> {
    field.losers.iter().filter(|loser| loser.display != field.display).collect()
}

pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/records", get(list))
        .route("/records/{entity}/{id}", get(show))
        .route("/records/{entity}/{id}/resync", post(resync))
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>, Query(search): Query<Search>) -> Response {
    let status = want!(state.call(Request::Status).await, Status, &person, "records");
    let entity = Some(search.entity.clone()).filter(|entity| !entity.is_empty());
    let request = Request::Records { entity, query: search.q.clone(), after: search.after, limit: ROWS };
    let found = want!(state.call(request).await, Records, &person, "records");
    let next =
        found.next.map(|after| format!("/records?q={}&entity={}&after={after}", segment(&search.q), segment(&search.entity)));
    page(&RecordsPage {
        frame: Frame::new(&person, "records"),
        q: search.q,
        entity: search.entity,
        entities: status.records.into_iter().map(|count| count.entity).collect(),
        records: found.records,
        next: next.unwrap_or_default(),
    })
}

async fn show(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path((entity, id)): Path<(String, u64)>,
    Query(when): Query<When>,
) -> Response {
    let record = RecordRef::Record { entity: Some(entity), id };
    if !when.at.is_empty() {
        let past = want!(state.call(Request::RecordShow { record, at: Some(when.at) }).await, Past, &person, "records");
        return page(&PastPage { frame: Frame::new(&person, "records"), past });
    }
    let shown = want!(state.call(Request::RecordShow { record: record.clone(), at: None }).await, Record, &person, "records");
    let why = want!(state.call(Request::RecordWhy { record: record.clone(), field: None }).await, Why, &person, "records");
    let history = want!(state.call(Request::RecordHistory { record, limit: 20 }).await, History, &person, "records");
    page(&RecordPage { frame: Frame::new(&person, "records"), record: shown, why: why.fields, history })
}

/// One record put right: first what it would take, then it is done.
async fn resync(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path((entity, id)): Path<(String, u64)>,
    Form(form): Form<Asking>,
) -> Response {
    if let Some(refused) = other_session(&person, "records", &form.form_token, "record") {
        return refused;
    }
    let record = RecordRef::Record { entity: Some(entity), id };
    let request = Request::RecordResync { record, plan: form.what != "do" };
    let resync = want!(state.call_by(Asked::by(&person.name, request)).await, Resync, &person, "records");
    page(&ResyncPage { frame: Frame::new(&person, "records"), resync })
}
