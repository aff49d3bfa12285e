//! What two systems hold and how that went: the numbers of `nave reconcile history`, with a trend, and one pair with its findings.

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_core::schedule::span;
use nave_hub::api::{CompareAnswer, CompareOutcome, ComparedPair, Request};

use super::{Frame, page, segment, want};
use crate::auth::Person;
use crate::state::State;

/// Findings of each kind on the page of a pair.
const FINDINGS: usize = 50;
/// Comparisons in a trend: half a year of weeks.
const TREND_MAX: usize = 26;
/// Size of a trend's picture.
const WIDTH: f64 = 200.0;
const HEIGHT: f64 = 32.0;

/// One pair as the page shows it.
struct Pair {
    line: ComparedPair,
    href: String,
    last: Option<CompareOutcome>,
    /// Points of the trend's line; empty where there are fewer than two comparisons.
    points: String,
    /// The trend in words, for who does not see it.
    words: String,
}

impl Pair {
    fn of(line: ComparedPair) -> Self {
        let recent = &line.outcomes[line.outcomes.len().saturating_sub(TREND_MAX)..];
        let numbers: Vec<u64> = recent.iter().map(|outcome| outcome.apart).collect();
        let words = numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Self {
            href: format!("/reconcile/{}/{}/{}", segment(&line.left), segment(&line.right), segment(&line.entity)),
            last: line.outcomes.last().cloned(),
            points: points(&numbers),
            words,
            line,
        }
    }
}

/// A line through numbers, the largest at the top, nothing at the bottom.
fn points(numbers: &[u64]) -> String {
    if numbers.len() < 2 {
        return String::new();
    }
    let most = numbers.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = WIDTH / (numbers.len() - 1) as f64;
    let point = |(at, number): (usize, &u64)| {
        format!("{:.1},{:.1}", at as f64 * step, 1.0 + (HEIGHT - 2.0) * (1.0 - *number as f64 / most))
    };
    numbers.iter().enumerate().map(point).collect::<Vec<_>>().join(" ")
}

#[derive(Template)]
#[template(path = "reconcile.html")]
struct ReconcilePage {
    frame: Frame,
    pairs: Vec<Pair>,
    every: String,
}

#[derive(Template)]
#[template(path = "compared.html")]
struct ComparedPage {
    frame: Frame,
    answer: CompareAnswer,
    ages: [String; 2],
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/reconcile", get(all)).route("/reconcile/{left}/{right}/{entity}", get(one))
}

async fn all(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let request = Request::CompareHistory { left: None, right: None };
    let answer = want!(state.call(request).await, CompareHistory, &person, "reconcile");
    page(&ReconcilePage {
        frame: Frame::new(&person, "reconcile"),
        pairs: answer.pairs.into_iter().map(Pair::of).collect(),
        every: span(answer.every_ms),
    })
}

async fn one(
    Shared(state): Shared<State>,
    Extension(person): Extension<Person>,
    Path((left, right, entity)): Path<(String, String, String)>,
) -> Response {
    let request = Request::Compare { left, right, entity, limit: FINDINGS, read: false, keep: false };
    let answer = want!(state.call(request).await, Compare, &person, "reconcile");
    let age = |seconds: i64| span(u64::try_from(seconds.max(1)).unwrap_or(1) * 1_000);
    let ages = answer.oldest_age_s.map(|seconds| seconds.map(age).unwrap_or_default());
    page(&ComparedPage { frame: Frame::new(&person, "reconcile"), answer, ages })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trend_goes_from_left_to_right_and_up_with_the_number() {
        assert_eq!(points(&[]), "");
        assert_eq!(points(&[7]), "");
        assert_eq!(points(&[0, 10, 5]), "0.0,31.0 100.0,1.0 200.0,16.0");
        assert_eq!(points(&[0, 0]), "0.0,31.0 200.0,31.0", "nothing is at the bottom");
    }
}
