//! Mappings as sheets, with the same legend as the exported workbook.

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_hub::api::{LEGEND, MappingSheet, Request, SheetLine};

use super::{Frame, page, want};
use crate::auth::Person;
use crate::state::State;

/// One line of the legend: class of the cell, name of the colour, word.
struct Legend {
    colour: &'static str,
    word: &'static str,
}

fn legend() -> Vec<Legend> {
    LEGEND.iter().map(|(_, word, colour, _)| Legend { colour, word }).collect()
}

#[derive(Template)]
#[template(path = "mappings.html")]
struct MappingsPage {
    frame: Frame,
    mappings: Vec<MappingSheet>,
    legend: Vec<Legend>,
}

#[derive(Template)]
#[template(path = "mapping.html")]
struct MappingPage {
    frame: Frame,
    mapping: MappingSheet,
    legend: Vec<Legend>,
}

/// What a line's explanation says beside what its other cells do: names and direction are the first sentence.
fn explained(line: &SheetLine) -> &str {
    match line.explanation.split_once("). ") {
        Some((_, rest)) => rest,
        None => &line.because,
    }
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/mappings", get(list)).route("/mappings/{mapping}", get(show))
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let answer = want!(state.call(Request::MappingSheet { mapping: None }).await, Sheet, &person, "mappings");
    page(&MappingsPage { frame: Frame::new(&person, "mappings"), mappings: answer.mappings, legend: legend() })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(mapping): Path<String>) -> Response {
    let answer = want!(state.call(Request::MappingSheet { mapping: Some(mapping) }).await, Sheet, &person, "mappings");
    match answer.mappings.into_iter().next() {
        Some(mapping) => page(&MappingPage { frame: Frame::new(&person, "mappings"), mapping, legend: legend() }),
        None => super::not_found("/mappings".parse().unwrap_or_default()).await,
    }
}

impl MappingsPage {
    /// How many of a mapping's fields have each line of the legend.
    fn counts(&self, mapping: &MappingSheet) -> Vec<usize> {
        self.legend.iter().map(|one| mapping.lines.iter().filter(|line| line.word() == one.word).count()).collect()
    }
}

#[cfg(test)]
mod tests {
    use nave_hub::api::LEGEND;

    /// The page's colours are those of the workbook.
    #[test]
    fn the_style_sheet_has_the_legends_colours() {
        let style = include_str!("../../assets/style.css");
        for (_, _, colour, rgb) in LEGEND {
            let rule = format!(".way.{colour} {{ background: #{rgb:06x};");
            assert!(style.contains(&rule), "no `{rule}` in style.css");
        }
    }
}
