//! Merges of records: how far each system is, and the way back.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use nave_hub::api::{ApiError, Asked, MergeAnswer, MergeLine, RecordRef, Request};
use serde::Deserialize;

use super::{Frame, error_page, other_session, page, want};
use crate::auth::Person;
use crate::state::State;

/// Merges on the page.
const ROWS: usize = 200;

#[derive(Template)]
#[template(path = "merges.html")]
struct MergesPage {
    frame: Frame,
    /// Under each heading; one with nothing below it is left out.
    groups: Vec<(&'static str, Vec<MergeLine>)>,
}

#[derive(Template)]
#[template(path = "merge.html")]
struct MergePage {
    frame: Frame,
    id: u64,
    merge: MergeAnswer,
}

/// What merging two records would come to, and the form that does it.
#[derive(Template)]
#[template(path = "merging.html")]
struct MergingPage {
    frame: Frame,
    merge: MergeAnswer,
}

/// The form that starts one: two records as people name them.
#[derive(Deserialize)]
struct Starting {
    #[serde(default)]
    form_token: String,
    one: String,
    other: String,
    /// Empty: the older one.
    #[serde(default)]
    into: String,
    /// `plan` or `do`.
    #[serde(default)]
    what: String,
    #[serde(default)]
    reason: String,
}

impl MergePage {
    /// How it stands, and what there is to do about it.
    fn stands(&self) -> String {
        let merge = &self.merge;
        let with = |outcome: &str| {
            let mut named: Vec<&str> =
                merge.steps.iter().filter(|step| step.outcome == outcome).map(|step| step.connection.as_str()).collect();
            named.dedup();
            named.join(", ")
        };
        let (refused, asked, waiting) = (with("refused"), with("asked"), with("waiting"));
        let mut told = Vec::new();
        if !refused.is_empty() {
            told.push(format!("Refused by {refused}: put right there what is said below, then go on with it."));
        }
        if !asked.is_empty() {
            told.push(format!("A review asks before something goes in {asked}: decide it, and it goes on by itself."));
        }
        if !waiting.is_empty() {
            told.push(format!("Still to go to {waiting}: what it waits for is said below."));
        }
        let end = match (merge.state.as_str(), &merge.undone) {
            ("done", _) => "It is done in every system.",
            ("undone", _) => "It was taken back in every system: they are two again, and nothing but a person merges them again.",
            ("planned", _) => "It is planned, and nothing is sent yet.",
            (_, Some(_)) => "In Nave they are two again; systems that are not done yet hold what they held.",
            _ => "In Nave it is one record; systems that are not done yet hold what they held. Nothing is lost.",
        };
        told.push(end.to_owned());
        told.join(" ")
    }
}

/// A state for people, and the class of its badge.
fn state(word: &str) -> (&str, &'static str) {
    match word {
        "done" => ("done", "ok"),
        "partial" => ("not everywhere", "failing"),
        "running" => ("on its way", "waiting"),
        "undone" => ("taken back", ""),
        other => (other, "waiting"),
    }
}

/// An outcome for people, and the class of its badge.
fn outcome(word: &str) -> (&str, &'static str) {
    match word {
        "done" => ("done", "ok"),
        "refused" => ("refused", "failing"),
        "asked" => ("asks first", "waiting"),
        other => (other, "waiting"),
    }
}

/// The form that takes one back, or goes on with it.
#[derive(Deserialize)]
struct Asking {
    #[serde(default)]
    form_token: String,
    /// `plan` or `do`.
    #[serde(default)]
    what: String,
    #[serde(default)]
    reason: String,
}

pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/merges", get(list).post(start))
        .route("/merges/{id}", get(show))
        .route("/merges/{id}/unmerge", post(unmerge))
        .route("/merges/{id}/resume", post(resume))
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let found = want!(state.call(Request::MergeList { all: true, limit: ROWS }).await, Merges, &person, "merges");
    let is_over = |merge: &MergeLine| matches!(merge.state.as_str(), "done" | "undone");
    let (over, open): (Vec<MergeLine>, Vec<MergeLine>) = found.merges.into_iter().partition(is_over);
    let groups = [("Not done everywhere", open), ("Done", over)].into_iter().filter(|(_, merges)| !merges.is_empty());
    page(&MergesPage { frame: Frame::new(&person, "merges"), groups: groups.collect() })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(id): Path<u64>) -> Response {
    let merge = want!(state.call(Request::MergeShow { id }).await, Merge, &person, "merges");
    page(&MergePage { frame: Frame::new(&person, "merges"), id, merge })
}

/// A record as a person named it.
fn record(text: &str) -> Result<RecordRef, ApiError> {
    text.trim().parse().map_err(|error| {
        ApiError::usage(format!("`{}` names no record: {error}", text.trim())).help("write contact/12, or crm:5432")
    })
}

/// First what it would come to, then it is done.
async fn start(Shared(state): Shared<State>, Extension(person): Extension<Person>, Form(form): Form<Starting>) -> Response {
    if let Some(refused) = other_session(&person, "merges", &form.form_token, "merge") {
        return refused;
    }
    let into = Some(form.into.as_str()).filter(|into| !into.trim().is_empty());
    let named = record(&form.one).and_then(|one| Ok((one, record(&form.other)?, into.map(record).transpose()?)));
    let (one, other, into) = match named {
        Ok(named) => named,
        Err(error) => return error_page(&person, "merges", &error),
    };
    let plan = form.what != "do";
    let request = Request::MergeRecords { one, other, into, plan, reason: form.reason };
    let merge = want!(state.call_by(Asked::by(&person.name, request)).await, Merge, &person, "merges");
    match merge.id.filter(|_| !plan) {
        Some(id) => Redirect::to(&format!("/merges/{id}")).into_response(),
        None => page(&MergingPage { frame: Frame::new(&person, "merges"), merge }),
    }
}

/// First what it would come to, then it is done.
async fn unmerge(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(id): Path<u64>,
    Form(form): Form<Asking>,
) -> Response {
    if let Some(refused) = other_session(&person, "merges", &form.form_token, "merge") {
        return refused;
    }
    let plan = form.what != "do";
    let request = Request::Unmerge { which: id.to_string(), assign: BTreeMap::new(), plan, reason: form.reason };
    let merge = want!(state.call_by(Asked::by(&person.name, request)).await, Merge, &person, "merges");
    if plan {
        return page(&MergePage { frame: Frame::new(&person, "merges"), id, merge });
    }
    Redirect::to(&format!("/merges/{id}")).into_response()
}

async fn resume(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(id): Path<u64>,
    Form(form): Form<Asking>,
) -> Response {
    if let Some(refused) = other_session(&person, "merges", &form.form_token, "merge") {
        return refused;
    }
    want!(state.call_by(Asked::by(&person.name, Request::MergeResume { id })).await, Merge, &person, "merges");
    Redirect::to(&format!("/merges/{id}")).into_response()
}

#[cfg(test)]
mod tests {
    use nave_hub::api::MergeStepLine;

    use super::*;

    #[test]
    fn a_merge_says_whose_turn_it_is() {
        let steps = [("books", "refused"), ("crm", "done"), ("desk", "refused"), ("desk", "asked"), ("mail", "waiting")];
        let step = |(connection, outcome): (&str, &str)| MergeStepLine {
            connection: connection.into(),
            outcome: outcome.into(),
            ..MergeStepLine::default()
        };
        let told = |state: &str, of: &[(&str, &str)]| {
            let steps = of.iter().map(|one| step(*one)).collect();
            let frame = Frame { person: String::new(), form_token: String::new(), here: "merges" };
            MergePage { frame, id: 1, merge: MergeAnswer { state: state.into(), steps, ..MergeAnswer::default() } }.stands()
        };
        let partial = told("partial", &steps);
        for part in ["Refused by books, desk:", "something goes in desk:", "Still to go to mail:", "In Nave it is one record"] {
            assert!(partial.contains(part), "{part}: {partial}");
        }
        assert_eq!(told("done", &steps[1..2]), "It is done in every system.");
    }
}
