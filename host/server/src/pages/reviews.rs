//! What waits for a person, and the form that decides it.

use askama::Template;
use axum::extract::{Form, Path, State as Shared};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use nave_core::model::{DecisionChoice, RecordId, RemoteKey};
use nave_hub::api::{ApiError, Asked, DeadLetterLine, RecordRef, Request, ReviewAnswer, ReviewLine, exit};
use serde::Deserialize;

use super::{Frame, error_page, page, want};
use crate::auth::Person;
use crate::state::State;

#[derive(Template)]
#[template(path = "reviews.html")]
struct ReviewsPage {
    frame: Frame,
    reviews: Vec<ReviewLine>,
    letters: Vec<DeadLetterLine>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    review: ReviewAnswer,
}

impl ReviewPage {
    /// Whether this word is a choice here.
    fn offers(&self, choice: &str) -> bool {
        self.review.choices.iter().any(|offered| offered == choice)
    }
}

#[derive(Deserialize)]
struct Decision {
    #[serde(default)]
    form_token: String,
    /// `existing-12`, `remote-crm/contacts:17`, `new`, `approve`, `refuse`.
    #[serde(default)]
    choice: String,
    #[serde(default)]
    reason: String,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/reviews", get(list)).route("/reviews/{id}", get(show).post(decide))
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let reviews = want!(state.call(Request::ReviewList { all: false }).await, Reviews, &person, "reviews");
    let letters = Request::DlqList { flow: None, class: None, limit: 100 };
    let letters = want!(state.call(letters).await, DeadLetters, &person, "reviews");
    page(&ReviewsPage { frame: Frame::new(&person, "reviews"), reviews: reviews.reviews, letters: letters.dead_letters })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(id): Path<u64>) -> Response {
    let review = want!(state.call(Request::ReviewShow { id }).await, Review, &person, "reviews");
    page(&ReviewPage { frame: Frame::new(&person, "reviews"), review })
}

async fn decide(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(id): Path<u64>,
    Form(form): Form<Decision>,
) -> Response {
    if person.form_token.as_deref().is_some_and(|token| token != form.form_token) {
        let error = ApiError::new("forbidden", exit::FAILED, "the form is of another session").help("open the review again");
        return error_page(&person, "reviews", &error);
    }
    let choice = match form.choice.as_str() {
        "new" => Some(DecisionChoice::New),
        "approve" => Some(DecisionChoice::Approve),
        "refuse" => Some(DecisionChoice::Refuse),
        other => match (other.strip_prefix("existing-"), other.strip_prefix("remote-").map(str::parse)) {
            (Some(id), _) => id.parse().ok().map(|id| DecisionChoice::Existing(RecordId(id))),
            (None, Some(Ok(RecordRef::Remote { connection, stream: Some(stream), remote_id }))) => {
                Some(DecisionChoice::Remote(RemoteKey::new(connection, stream, remote_id)))
            }
            _ => None,
        },
    };
    let Some(choice) = choice else {
        return error_page(&person, "reviews", &ApiError::usage("choose one of the answers"));
    };
    let request = Request::ReviewDecide { id, choice, other: false, reason: form.reason };
    match state.call_by(Asked::by(&person.name, request)).await {
        Ok(_) => Redirect::to("/reviews").into_response(),
        Err(error) => error_page(&person, "reviews", &error),
    }
}
