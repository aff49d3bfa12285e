//! How the desk says no: Zendesk's error bodies.

use crate::wire::Reply;
use serde_json::{Map, Value, json};

/// An error, before it is written.
#[derive(Clone, Debug)]
pub(crate) enum Refusal {
    /// A status, a word and a sentence.
    Plain(u16, &'static str, String),
    /// A status, a title and a message: refused before the objects were looked at.
    Title(u16, &'static str, String),
    /// 422 with what is wrong, by field: a sentence and a word.
    Invalid(Vec<(String, String, &'static str)>),
}

impl Refusal {
    pub(crate) fn not_found() -> Self {
        Self::Plain(404, "RecordNotFound", "Not found".to_owned())
    }

    pub(crate) fn no_path() -> Self {
        Self::Plain(404, "InvalidEndpoint", "Not found".to_owned())
    }

    pub(crate) fn method(method: &str) -> Self {
        Self::Plain(405, "MethodNotAllowed", format!("{method} is not allowed on this path"))
    }

    pub(crate) fn attribute(name: &str, why: &str) -> Self {
        Self::Title(400, "Invalid attribute", format!("You passed an invalid value for the {name} attribute. {why}"))
    }

    pub(crate) fn invalid(field: &str, sentence: String, word: &'static str) -> Self {
        Self::Invalid(vec![(field.to_owned(), sentence, word)])
    }

    /// What it comes to in one line, as jobs say it.
    pub(crate) fn line(&self) -> (&'static str, String) {
        match self {
            Self::Plain(_, word, sentence) | Self::Title(_, word, sentence) => (word, sentence.clone()),
            Self::Invalid(wrong) => {
                let all: Vec<&str> = wrong.iter().map(|(_, sentence, _)| sentence.as_str()).collect();
                ("RecordInvalid", all.join(" "))
            }
        }
    }

    pub(crate) fn reply(self) -> Reply {
        match self {
            Self::Plain(status, word, sentence) => Reply::json(status, json!({"error": word, "description": sentence})),
            Self::Title(status, title, message) => Reply::json(status, json!({"error": {"title": title, "message": message}})),
            Self::Invalid(wrong) => {
                let mut details: Map<String, Value> = Map::new();
                for (field, sentence, word) in wrong {
                    let list = details.entry(field).or_insert_with(|| json!([]));
                    if let Some(list) = list.as_array_mut() {
                        list.push(json!({"description": sentence, "error": word}));
                    }
                }
                let body = json!({"error": "RecordInvalid", "description": "Record validation errors", "details": details});
                Reply::json(422, body)
            }
        }
    }
}
