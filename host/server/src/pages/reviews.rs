//! What waits for a person, and the form that decides it.

use askama::Template;
use axum::extract::{Form, Path, Query, State as Shared};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::get;
use axum::{Extension, Router};
use nave_core::model::{DecisionChoice, RecordId, RemoteKey};
use nave_hub::api::{
    Answer, ApiError, Asked, BulkAnswer, BulkChoice, BulkRule, DeadLetterLine, RecordRef, Request, ReviewAnswer, ReviewLine, exit,
};
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

/// Kinds of reviews that a rule may be about.
pub(crate) const KINDS: &[&str] =
    &["match", "conflict", "delete", "remove", "merge", "volume", "frozen", "unknown-outcome", "dead-letter"];
/// What a rule may decide, and how that is put.
pub(crate) const CHOICES: &[(&str, &str)] = &[
    ("existing", "the one that fits"),
    ("new", "a new one"),
    ("approve", "yes, do it"),
    ("refuse", "no, do not; leave it as it is"),
];

#[derive(Template)]
#[template(path = "many.html")]
struct ManyPage {
    frame: Frame,
    asked: Many,
    answer: Option<BulkAnswer>,
    problem: Option<String>,
}

/// A rule as a form sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Many {
    form_token: String,
    kind: String,
    agree: String,
    differ: String,
    from: String,
    choice: String,
    reason: String,
}

impl Many {
    fn request(&self, reason: &str, dry_run: bool) -> Request {
        let names =
            |text: &str| text.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let rule = BulkRule {
            kind: self.kind.clone(),
            entity: None,
            from: Some(self.from.trim().to_owned()).filter(|from| !from.is_empty()),
            agree: names(&self.agree),
            differ: names(&self.differ),
            choice: match self.choice.as_str() {
                "new" => BulkChoice::New,
                "approve" => BulkChoice::Approve,
                "refuse" => BulkChoice::Refuse,
                _ => BulkChoice::Existing,
            },
        };
        Request::ReviewBulk { rule, reason: reason.to_owned(), dry_run }
    }
}

/// Which reviews a rule fits, before anything is decided.
async fn preview(Shared(state): Shared<State>, Extension(person): Extension<Person>, Query(asked): Query<Many>) -> Response {
    let frame = Frame::new(&person, "reviews");
    if asked.kind.is_empty() {
        return page(&ManyPage { frame, asked, answer: None, problem: None });
    }
    let (answer, problem) = match state.call(asked.request("not decided yet", true)).await {
        Ok(Answer::Bulk(answer)) => (Some(answer), None),
        Ok(_) => (None, None),
        Err(error) => (None, Some([Some(error.message), error.help].into_iter().flatten().collect::<Vec<_>>().join(": "))),
    };
    page(&ManyPage { frame, asked, answer, problem })
}

async fn decide_many(Shared(state): Shared<State>, Extension(person): Extension<Person>, Form(form): Form<Many>) -> Response {
    if person.form_token.as_deref().is_some_and(|token| token != form.form_token) {
        return error_page(&person, "reviews", &other_session());
    }
    match state.call_by(Asked::by(&person.name, form.request(&form.reason, false))).await {
        Ok(_) => Redirect::to("/reviews").into_response(),
        Err(error) => error_page(&person, "reviews", &error),
    }
}

fn other_session() -> ApiError {
    ApiError::new("forbidden", exit::FAILED, "the form is of another session").help("open the review again")
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
    Router::new()
        .route("/reviews", get(list))
        .route("/reviews/many", get(preview).post(decide_many))
        .route("/reviews/{id}", get(show).post(decide))
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
        return error_page(&person, "reviews", &other_session());
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
