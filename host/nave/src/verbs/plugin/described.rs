//! Plugins without a crate: a description of a JSON API, from its OpenAPI document or from an example.

use std::path::PathBuf;

use nave_hub::api::{ApiError, exit};
use nave_hub::plugins::{self, NewDescription};
use serde_json::json;

use crate::context::Context;
use crate::output::{self, clean, say};
use crate::verbs::Outcome;

/// Which description.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Described {
    /// No crate and no code: a description of a JSON API (rest.toml), to be filled in
    #[arg(long, conflicts_with_all = ["sdk", "lang", "kind"])]
    rest: bool,
    /// That description made of the API's OpenAPI document (3.x; JSON or YAML)
    #[arg(long, value_name = "FILE", conflicts_with = "sdk")]
    from: Option<PathBuf>,
    /// With --from: only these streams
    #[arg(long, value_name = "STREAM", requires = "from", value_delimiter = ',')]
    only: Vec<String>,
}

impl Described {
    /// Whether one is wanted, not a crate.
    pub(crate) fn is_wanted(&self) -> bool {
        self.rest || self.from.is_some()
    }
}

/// Writes the folder and says what is left to be decided.
pub(crate) fn new(name: String, parent: PathBuf, described: &Described, context: &Context) -> Outcome {
    let (text, told) = match &described.from {
        None => (plugins::example(&name), None),
        Some(file) => {
            let made = plugins::from_openapi(&name, file, &described.only).map_err(ApiError::from)?;
            (made.text.clone(), Some(made))
        }
    };
    let dir = plugins::new_description(&NewDescription { name, parent, text }).map_err(ApiError::from)?;
    if context.json {
        let (streams, open) = told.map(|made| (made.streams, made.open)).unwrap_or_default();
        output::json(&json!({ "dir": dir.display().to_string(), "streams": streams, "open": open }));
        return Ok(exit::OK);
    }
    say(format_args!("Made {}/rest.toml.", dir.display()));
    if let Some(made) = told {
        say(format_args!("  streams: {}", clean(&made.streams.join(", "))));
        say(format_args!("  {} questions that the document does not answer: look for TODO in the file", made.open));
    }
    say(format_args!("\nNext: edit it, then nave plugin build {}", dir.display()));
    say("It has no starter mapping: once a connection uses it, `nave mapping suggest CONNECTION --apply` begins one.");
    Ok(exit::OK)
}
