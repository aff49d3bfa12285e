//! What two systems have in common of an entity: the numbers of `nave census`, to be looked at before anything is written.

use askama::Template;
use axum::extract::{Query, State as Shared};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_core::linkage;
use nave_hub::api::{CandidateLine, CensusAnswer, CensusField, ComparedPair, ReasonLine, Request, StatusAnswer};
use serde::Deserialize;

use super::health::COUNTED_MAX;
use super::{Frame, page, want};
use crate::auth::Person;
use crate::state::State;

/// Likely pairs on the page.
const PAIRS: usize = 50;
/// Length of the whole bar, in its own units.
const BAR: u64 = 1_000;

/// Which two systems, as the form sends it.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Asked {
    /// `books/crm/contact`; empty: the pair that has most to tell.
    pair: String,
}

#[derive(Template)]
#[template(path = "census.html")]
struct CensusPage {
    frame: Frame,
    /// All that can be asked for.
    pairs: Vec<ComparedPair>,
    asked: String,
    census: Option<CensusAnswer>,
}

/// One piece of the bar.
struct Piece {
    /// Class of its colour.
    class: &'static str,
    count: u64,
    what: String,
    /// Where it begins, and how long it is.
    at: u64,
    length: u64,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/census", get(census))
}

async fn census(Shared(state): Shared<State>, Extension(person): Extension<Person>, Query(asked): Query<Asked>) -> Response {
    let request = Request::CompareHistory { left: None, right: None };
    let pairs = want!(state.call(request).await, CompareHistory, &person, "census").pairs;
    let mut asked = asked.pair;
    if asked.is_empty() {
        let status = want!(state.call(Request::Status).await, Status, &person, "census");
        asked = first(&pairs, &status).map(key).unwrap_or_default();
    }
    let mut census = None;
    if let [left, right, entity] = asked.split('/').collect::<Vec<_>>()[..] {
        let [left, right, entity] = [left, right, entity].map(str::to_owned);
        let request = Request::Census { left, right, entity, limit: PAIRS, read: false };
        census = Some(want!(state.call(request).await, Census, &person, "census"));
    }
    page(&CensusPage { frame: Frame::new(&person, "census"), pairs, asked, census })
}

/// The pair to begin with: of the entity that there is most of. None where there is too much to count unasked.
fn first<'a>(pairs: &'a [ComparedPair], status: &StatusAnswer) -> Option<&'a ComparedPair> {
    let of = |entity: &str| status.records.iter().find(|count| count.entity == entity).map_or(0, |count| count.active);
    let all: u64 = status.records.iter().map(|count| count.active).sum();
    // The first of the most: `max_by_key` gives the last.
    let most = pairs.iter().rev().max_by_key(|pair| of(&pair.entity));
    most.filter(|_| all <= COUNTED_MAX)
}

fn key(pair: &ComparedPair) -> String {
    format!("{}/{}/{}", pair.left, pair.right, pair.entity)
}

/// What all things of both systems come to, each counted once, and where each kind lies on the bar.
fn pieces(census: &CensusAnswer) -> Vec<Piece> {
    let kinds = [
        ("left", census.only_left, format!("only in {}", census.left)),
        ("both", census.exact, "in both".to_owned()),
        ("likely", census.likely, "likely in both".to_owned()),
        ("right", census.only_right, format!("only in {}", census.right)),
    ];
    let all: u64 = kinds.iter().map(|(_, count, _)| count).sum();
    let mut before = 0;
    let piece = |(class, count, what)| {
        let place = |count: u64| (count * BAR).checked_div(all).unwrap_or(0);
        let at = place(before);
        before += count;
        Piece { class, count, what, at, length: place(before) - at }
    };
    kinds.into_iter().map(piece).collect()
}

fn is_typed_twice(census: &CensusAnswer) -> bool {
    census.fields.iter().any(CensusField::typed_twice)
}

/// `1,024 to 1`.
fn odds(pair: &CandidateLine) -> String {
    if pair.is_asked() { "a person is asked".to_owned() } else { linkage::odds(pair.bits) }
}

/// What speaks for it (`true`), or against, strongest first: `mailbox the same, last name alike`.
fn reasons(pair: &CandidateLine, speaks_for: bool) -> String {
    let mut own: Vec<&ReasonLine> =
        pair.reasons.iter().filter(|reason| (reason.bits > 0.0 || pair.is_asked()) == speaks_for).collect();
    own.sort_by(|one, other| other.bits.abs().total_cmp(&one.bits.abs()));
    own.into_iter().map(|reason| format!("{} {}", linkage::spoken(&reason.what), reason.agreement)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use nave_hub::api::EntityCount;

    use super::*;

    #[test]
    fn the_bar_is_whole_and_each_piece_as_long_as_its_share() {
        let census = CensusAnswer { only_left: 1, exact: 0, likely: 2, only_right: 3, ..CensusAnswer::default() };
        let found: Vec<(u64, u64)> = pieces(&census).iter().map(|piece| (piece.at, piece.length)).collect();
        assert_eq!(found, [(0, 166), (166, 0), (166, 334), (500, 500)]);
        assert!(pieces(&CensusAnswer::default()).iter().all(|piece| piece.length == 0), "nothing anywhere is no error");
    }

    #[test]
    fn reasons_are_told_apart_by_what_they_say() {
        let reason = |what: &str, agreement: &str, bits| ReasonLine { what: what.into(), agreement: agreement.into(), bits };
        let all = vec![reason("city", "the same", 0.5), reason("phone", "different", -3.0), reason("mailbox", "the same", 9.0)];
        let pair = CandidateLine { reasons: all, ..CandidateLine::default() };
        assert_eq!(reasons(&pair, true), "mailbox the same, city the same");
        assert_eq!(reasons(&pair, false), "phone different");
    }

    #[test]
    fn it_begins_with_what_there_is_most_of_but_counts_no_more_than_a_look_is_worth() {
        let pair =
            |left: &str, entity: &str| ComparedPair { left: left.into(), entity: entity.into(), ..ComparedPair::default() };
        let pairs = [pair("a", "company"), pair("a", "contact"), pair("b", "contact")];
        let status = |contacts| {
            let count = |(entity, active): (&str, u64)| EntityCount { entity: entity.into(), active, other: 0 };
            StatusAnswer { records: [("company", 1), ("contact", contacts)].map(count).into(), ..StatusAnswer::default() }
        };
        assert_eq!(first(&pairs, &status(5)), Some(&pairs[1]));
        assert_eq!(first(&pairs, &status(COUNTED_MAX)), None);
        assert_eq!(first(&[], &status(5)), None);
    }
}
