//! What to do about an error class or an alert, as pages.

use askama::Template;
use axum::extract::{Path, State as Shared};
use axum::response::Response;
use axum::routing::get;
use axum::{Extension, Router};
use nave_hub::api::{Request, RunbookLine};

use super::{Frame, page, want};
use crate::auth::Person;
use crate::state::State;

#[derive(Template)]
#[template(path = "runbooks.html")]
struct RunbooksPage {
    frame: Frame,
    runbooks: Vec<RunbookLine>,
}

#[derive(Template)]
#[template(path = "runbook.html")]
struct RunbookPage {
    frame: Frame,
    title: String,
    /// Heading, and the paragraphs below it.
    sections: Vec<(String, Vec<String>)>,
}

pub(crate) fn router() -> Router<State> {
    Router::new().route("/runbooks", get(list)).route("/runbooks/{class}", get(show))
}

async fn list(Shared(state): Shared<State>, Extension(person): Extension<Person>) -> Response {
    let answer = want!(state.call(Request::RunbookList).await, Runbooks, &person, "reviews");
    page(&RunbooksPage { frame: Frame::new(&person, "reviews"), runbooks: answer.runbooks })
}

async fn show(Shared(state): Shared<State>, Extension(person): Extension<Person>, Path(class): Path<String>) -> Response {
    let answer = want!(state.call(Request::RunbookShow { class }).await, Runbook, &person, "reviews");
    page(&RunbookPage { frame: Frame::new(&person, "reviews"), title: answer.title, sections: sections(&answer.text) })
}

/// The Markdown that runbooks are written in: headings of the second rank, and paragraphs.
fn sections(text: &str) -> Vec<(String, Vec<String>)> {
    let parts = text.split("\n## ").skip(1);
    let section = |part: &str| {
        let (heading, body) = part.split_once('\n').unwrap_or((part, ""));
        let paragraphs = body.split("\n\n").map(str::trim).filter(|paragraph| !paragraph.is_empty());
        (heading.trim().to_owned(), paragraphs.map(str::to_owned).collect())
    };
    parts.map(section).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn headings_and_their_paragraphs() {
        let expected =
            vec![("A".to_owned(), vec!["one `x`".to_owned(), "two".to_owned()]), ("B".to_owned(), vec!["three".to_owned()])];
        assert_eq!(super::sections("# t\n\n## A\n\none `x`\n\ntwo\n\n## B\n\nthree\n"), expected);
    }
}
