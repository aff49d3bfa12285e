//! Where an old value of a record's field still stands, and the form that puts places right.

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::Response;
use axum::routing::post;
use axum::{Extension, Router};
use nave_hub::api::{Asked, CorrectionAnswer, RecordRef, Request};
use serde::Deserialize;

use super::{Frame, other_session, page, want};
use crate::auth::Person;
use crate::state::State;

#[derive(Template)]
#[template(path = "correction.html")]
struct CorrectionPage {
    frame: Frame,
    correction: CorrectionAnswer,
    from: String,
    /// Some of them can be put right from here.
    writable: bool,
}

/// The form: asks for the list, or for what was chosen of it.
#[derive(Deserialize)]
struct Asking {
    #[serde(default)]
    form_token: String,
    field: String,
    #[serde(default)]
    from: String,
    #[serde(default)]
    apply: String,
    #[serde(default)]
    reason: String,
    /// Fields that no mapping reads too: a box that was ticked.
    unmapped: Option<String>,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/records/{entity}/{id}/correct", post(correct))
}

async fn correct(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path((entity, id)): Path<(String, u64)>,
    Form(form): Form<Asking>,
) -> Response {
    if let Some(refused) = other_session(&person, "records", &form.form_token, "record") {
        return refused;
    }
    let given = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    let request = Request::RecordCorrect {
        record: RecordRef::Record { entity: Some(entity), id },
        field: form.field,
        from: given(&form.from),
        apply: given(&form.apply),
        reason: form.reason,
        unmapped: form.unmapped.is_some(),
    };
    let correction = want!(state.call_by(Asked::by(&person.name, request)).await, Correction, &person, "records");
    let writable = correction.copies.iter().any(|copy| copy.can == "write");
    page(&CorrectionPage { frame: Frame::new(&person, "records"), correction, from: form.from, writable })
}
