//! What waits for a person, and the form that decides it.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Form, Path, Query, State as Shared};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use nave_hub::api::{
    AnomalyLine, Answer, ApiError, Asked, BulkAnswer, BulkChoice, BulkRule, Candidate, DeadLetterLine, PluginLine, Request,
    ReviewAnswer, ReviewLine, decision,
};
use serde::Deserialize;

use super::{Frame, error_page, other_session, page, plugins, want};
use crate::auth::Person;
use crate::state::State;

#[derive(Template)]
#[template(path = "reviews.html")]
struct ReviewsPage {
    frame: Frame,
    /// Those of each kind that there are any of.
    kinds: Vec<(Kind, Vec<ReviewLine>)>,
    letters: Vec<DeadLetterLine>,
    /// What came at once, was refused, and is still here.
    refused: Vec<AnomalyLine>,
    /// Plugins of which another build waits.
    builds: Vec<PluginLine>,
}

#[derive(Template)]
#[template(path = "review.html")]
struct ReviewPage {
    frame: Frame,
    review: ReviewAnswer,
    /// Of a review of what came at once that was refused: what is still here of it.
    refused: Vec<AnomalyLine>,
}

impl ReviewPage {
    /// What is asked, without what the heading says already.
    fn question(&self) -> &str {
        self.review.question.strip_prefix(self.review.review.title.as_str()).unwrap_or(&self.review.question)
    }

    /// Whether it has a page of its own; a thing over there has none.
    fn is_record(&self, candidate: &Candidate) -> bool {
        !candidate.record.contains(':')
    }
}

/// A kind of reviews: its word, and how it is put to people.
type Kind = (&'static str, &'static str);

/// Kinds of reviews that a rule may be about, and in which order they are listed.
const KINDS: [Kind; 9] = [
    ("match", "Which one is it?"),
    ("conflict", "Systems disagree"),
    ("volume", "Unusually many at once"),
    ("delete", "Deleted in one system"),
    ("remove", "No longer to be there"),
    ("merge", "More than once in one system"),
    ("unknown-outcome", "Did it arrive?"),
    ("frozen", "Written back again and again"),
    ("dead-letter", "Set aside, and not mended"),
];

/// Reviews under their kinds; a kind of which there are none is left out. One that this page does not know comes last, by itself.
fn by_kind(reviews: Vec<ReviewLine>) -> Vec<(Kind, Vec<ReviewLine>)> {
    let mut groups: Vec<(Kind, Vec<ReviewLine>)> = KINDS.into_iter().map(|kind| (kind, Vec::new())).collect();
    let mut others = Vec::new();
    for review in reviews {
        match groups.iter_mut().find(|((word, _), _)| *word == review.kind) {
            Some((_, of_kind)) => of_kind.push(review),
            None => others.push(review),
        }
    }
    groups.push((("", "Others"), others));
    groups.retain(|(_, of_kind)| !of_kind.is_empty());
    groups
}

/// Reviews of a kind that are looked at for the fields that a rule can be about.
const FIELDS_OF: usize = 10;

#[derive(Template)]
#[template(path = "many.html")]
struct ManyPage {
    frame: Frame,
    /// Kinds that reviews wait of, and how many.
    kinds: Vec<(Kind, usize)>,
    /// Fields that matches are compared in: name and label.
    fields: Vec<(String, String)>,
    connections: Vec<String>,
    asked: Many,
    answer: Option<BulkAnswer>,
    problem: Option<String>,
}

impl ManyPage {
    /// What a rule may decide about this kind, and how that is put.
    fn choices(&self) -> &'static [(&'static str, &'static str)] {
        match self.asked.kind.as_str() {
            "match" => &[("existing", "It is the one that fits"), ("new", "It is none of those: a new one")],
            "conflict" => &[("existing", "This system is right"), ("refuse", "Leave all as they are")],
            _ => &[("approve", "Yes, do it"), ("refuse", "No, leave it as it is")],
        }
    }

    /// How the rule wants a field: `agree`, `differ`, or empty.
    fn wants(&self, field: &str) -> &'static str {
        if names(&self.asked.agree).any(|name| name == field) {
            "agree"
        } else if names(&self.asked.differ).any(|name| name == field) {
            "differ"
        } else {
            ""
        }
    }
}

/// A rule as a form sends it.
#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Many {
    form_token: String,
    kind: String,
    /// Names of fields, with commas or blanks between.
    agree: String,
    differ: String,
    from: String,
    choice: String,
    reason: String,
    /// `is.email` → `agree` or `differ`, as the rows of the form send them.
    #[serde(flatten)]
    rows: BTreeMap<String, String>,
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ' ']).map(str::trim).filter(|name| !name.is_empty())
}

impl Many {
    /// With the rows of the form among the names.
    fn folded(mut self) -> Self {
        for (row, wanted) in std::mem::take(&mut self.rows) {
            let Some(field) = row.strip_prefix("is.") else { continue };
            let list = match wanted.as_str() {
                "agree" => &mut self.agree,
                "differ" => &mut self.differ,
                _ => continue,
            };
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(field);
        }
        self
    }

    fn request(&self, reason: &str, dry_run: bool) -> Request {
        let rule = BulkRule {
            kind: self.kind.clone(),
            entity: None,
            from: Some(self.from.trim().to_owned()).filter(|from| !from.is_empty()),
            agree: names(&self.agree).map(str::to_owned).collect(),
            differ: names(&self.differ).map(str::to_owned).collect(),
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
    let asked = asked.folded();
    if asked.choice.is_empty() {
        return many(&state, &person, asked, None, None).await;
    }
    match state.call(asked.request("not decided yet", true)).await {
        Ok(Answer::Bulk(answer)) => many(&state, &person, asked, Some(answer), None).await,
        Ok(_) => many(&state, &person, asked, None, None).await,
        Err(error) => many(&state, &person, asked, None, Some(said(error))).await,
    }
}

fn said(error: ApiError) -> String {
    [Some(error.message), error.help].into_iter().flatten().collect::<Vec<_>>().join(": ")
}

/// The page of a rule, with what it came to.
async fn many(state: &State, person: &Person, mut asked: Many, answer: Option<BulkAnswer>, problem: Option<String>) -> Response {
    let open = want!(state.call(Request::ReviewList { all: false }).await, Reviews, person, "reviews");
    let mut groups = by_kind(open.reviews);
    groups.retain(|((word, _), _)| !word.is_empty());
    if asked.kind.is_empty() {
        asked.kind = groups.first().map(|((word, _), _)| (*word).to_owned()).unwrap_or_default();
    }
    let mut fields: Vec<(String, String)> = Vec::new();
    let first = groups.iter().find(|((word, _), _)| *word == asked.kind && *word == "match").map(|(_, reviews)| reviews);
    for review in first.into_iter().flatten().take(FIELDS_OF) {
        if let Ok(Answer::Review(review)) = state.call(Request::ReviewShow { id: review.id }).await {
            fields.extend(review.fields.into_iter().map(|field| (field.field, field.label)));
        }
    }
    fields.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
    fields.dedup();
    let connections = want!(state.call(Request::ConnectionList).await, Connections, person, "reviews");
    page(&ManyPage {
        frame: Frame::new(person, "reviews"),
        kinds: groups.into_iter().map(|(kind, reviews)| (kind, reviews.len())).collect(),
        fields,
        connections: connections.connections.into_iter().map(|connection| connection.name).collect(),
        asked,
        answer,
        problem,
    })
}

async fn decide_many(Shared(state): Shared<State>, Extension(person): Extension<Person>, Form(form): Form<Many>) -> Response {
    if let Some(refused) = other_session(&person, "reviews", &form.form_token, "review") {
        return refused;
    }
    match state.call_by(Asked::by(&person.name, form.request(&form.reason, false))).await {
        // Somebody was quicker, or it changed since: that is said, not passed over.
        Ok(Answer::Bulk(answer)) if answer.fits.iter().any(|line| line.problem.is_some()) => {
            many(&state, &person, form, Some(answer), None).await
        }
        Ok(_) => Redirect::to("/reviews").into_response(),
        Err(error) => error_page(&person, "reviews", &error),
    }
}

#[derive(Deserialize)]
struct Decision {
    #[serde(default)]
    form_token: String,
    /// `contact/12`, `crm/contacts:17`, `new`, `approve`, `refuse`.
    #[serde(default)]
    choice: String,
    #[serde(default)]
    reason: String,
}

/// What came at once and was refused, and is still here. The page says the rest where the hub does not answer this.
async fn refused(state: &State) -> Vec<AnomalyLine> {
    match state.call(Request::Anomalies).await {
        Ok(Answer::Anomalies(answer)) => answer.anomalies.into_iter().filter(|line| line.kind == "refused").collect(),
        _ => Vec::new(),
    }
}

/// The form that lets in what was refused, or detaches it.
#[derive(Deserialize)]
struct Release {
    #[serde(default)]
    form_token: String,
    /// `crm/contacts`.
    subject: String,
    #[serde(default)]
    changed: bool,
    /// `let-in` or `detach`.
    what: String,
    #[serde(default)]
    reason: String,
}

async fn release(Shared(state): Shared<State>, Extension(person): Extension<Person>, Form(form): Form<Release>) -> Response {
    if let Some(refused) = other_session(&person, "reviews", &form.form_token, "review") {
        return refused;
    }
    let detach = match form.what.as_str() {
        "let-in" => false,
        "detach" => true,
        _ => return error_page(&person, "reviews", &ApiError::usage("choose whether they are let in or detached")),
    };
    let Some((connection, stream)) = form.subject.split_once('/') else {
        return error_page(&person, "reviews", &ApiError::usage("it is not said of which system and stream"));
    };
    let (connection, stream) = (connection.to_owned(), stream.to_owned());
    let request = Request::SurgeRelease { connection, stream, changed: form.changed, detach, reason: form.reason };
    match state.call_by(Asked::by(&person.name, request)).await {
        Ok(_) => Redirect::to("/reviews").into_response(),
        Err(error) => error_page(&person, "reviews", &error),
    }
}

pub(crate) fn router() -> Router<State> {
    Router::new()
        .route("/reviews", get(list))
        .route("/reviews/release", post(release))
        .route("/reviews/many", get(preview).post(decide_many))
        .route("/reviews/{id}", get(show).post(decide))
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let reviews = want!(state.call(Request::ReviewList { all: false }).await, Reviews, &person, "reviews");
    let letters = Request::DlqList { flow: None, class: None, limit: 100 };
    let letters = want!(state.call(letters).await, DeadLetters, &person, "reviews");
    page(&ReviewsPage {
        frame: Frame::new(&person, "reviews"),
        kinds: by_kind(reviews.reviews),
        letters: letters.dead_letters,
        refused: refused(&state).await,
        builds: plugins::held(&state).await,
    })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(id): Path<u64>) -> Response {
    let review = want!(state.call(Request::ReviewShow { id }).await, Review, &person, "reviews");
    let mut refused = match review.review.kind == "volume" && review.review.closed_at.is_some() {
        true => refused(&state).await,
        false => Vec::new(),
    };
    refused.retain(|line| line.subject == review.subject);
    page(&ReviewPage { frame: Frame::new(&person, "reviews"), review, refused })
}

async fn decide(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path(id): Path<u64>,
    Form(form): Form<Decision>,
) -> Response {
    if let Some(refused) = other_session(&person, "reviews", &form.form_token, "review") {
        return refused;
    }
    let choice = match decision(&form.choice) {
        Ok(choice) => choice,
        Err(_) => return error_page(&person, "reviews", &ApiError::usage("choose one of the answers")),
    };
    let request = Request::ReviewDecide { id, choice, other: false, reason: form.reason };
    match state.call_by(Asked::by(&person.name, request)).await {
        Ok(_) => Redirect::to("/reviews").into_response(),
        Err(error) => error_page(&person, "reviews", &error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reviews_stand_under_their_kinds_and_none_is_lost() {
        let line = |id, kind: &str| ReviewLine { id, kind: kind.into(), ..ReviewLine::default() };
        let groups = by_kind(vec![line(1, "conflict"), line(2, "match"), line(3, "of a later version"), line(4, "conflict")]);
        let found: Vec<(&str, Vec<u64>)> =
            groups.iter().map(|((word, _), reviews)| (*word, reviews.iter().map(|review| review.id).collect())).collect();
        assert_eq!(found, [("match", vec![2]), ("conflict", vec![1, 4]), ("", vec![3])]);
    }

    #[test]
    fn rows_of_the_form_are_fields_of_the_rule() {
        let rows =
            [("is.email", "agree"), ("is.phone", ""), ("is.last_name", "differ"), ("is.first_name", "differ"), ("x", "agree")];
        let rows = rows.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let asked = Many { agree: "birth_date".into(), rows, ..Many::default() }.folded();
        assert_eq!((asked.agree.as_str(), asked.differ.as_str()), ("birth_date,email", "first_name,last_name"));
    }
}
