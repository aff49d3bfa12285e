//! A description of a JSON API (`rest.toml`) made of the API's own OpenAPI document.
//!
//! Owns the guesses: which lists are streams, how they go on, what is an id. Promises that what it writes is a good description, and that
//! whatever the document does not say stands there as a `TODO` with the candidates. Asks nobody and reaches nothing: references to
//! other files are not followed.

mod document;
mod fields;
mod paging;
mod signing;
mod stream;
#[cfg(test)]
mod tests;
mod text;
mod writes;
mod yaml;

use std::fs;
use std::path::Path;

use nave_rest::limits::{DESCRIPTION_BYTES_MAX, STREAMS_MAX};

use super::PluginsError;
use crate::project::ProjectError;
use document::Document;

/// Largest document that is read: the largest known ones have some ten megabytes.
const DOCUMENT_BYTES_MAX: u64 = 32 << 20;
/// Names of lists that a comment tells.
const TOLD_MAX: usize = 40;

/// A description that was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// The text of `rest.toml`.
    pub text: String,
    /// Names of its streams.
    pub streams: Vec<String>,
    /// Lines that ask what the document does not say.
    pub open: usize,
}

/// Makes the description of the API in an OpenAPI 3 document, JSON or YAML; of the streams in `only`, where any are named.
///
/// # Errors
/// [`PluginsError`] where the file cannot be read, is no such document, or has no list.
pub fn from_openapi(name: &str, file: &Path, only: &[String]) -> Result<Made, PluginsError> {
    let size = fs::metadata(file).map_err(ProjectError::io(file))?.len();
    if size > DOCUMENT_BYTES_MAX {
        return Err(ProjectError::TooLarge { path: file.to_owned(), size, max: DOCUMENT_BYTES_MAX }.into());
    }
    let text = String::from_utf8(fs::read(file).map_err(ProjectError::io(file))?).map_err(|error| ProjectError::Malformed {
        path: file.to_owned(),
        message: format!("it is not UTF-8 from byte {}; save it as UTF-8", error.utf8_error().valid_up_to()),
    })?;
    make(name, &text, only).map_err(|wrong| PluginsError::Crate {
        file: file.to_owned(),
        message: wrong.message,
        help: wrong.help,
    })
}

/// Why no description came of a document.
#[derive(Debug)]
struct Wrong {
    message: String,
    help: String,
}

fn wrong(message: impl Into<String>, help: impl Into<String>) -> Wrong {
    Wrong { message: message.into(), help: help.into() }
}

fn make(name: &str, text: &str, only: &[String]) -> Result<Made, Wrong> {
    let document = Document::parse(text).map_err(|why| {
        wrong(why, "give the API's OpenAPI 3 document, as JSON or YAML; `nave plugin new NAME --rest` needs none")
    })?;
    let found = stream::lists(&document);
    let wanted: Vec<&stream::List<'_>> = match only {
        // Things below other things need to know which: only where they are asked for.
        [] => found.iter().filter(|list| list.parents.is_empty()).collect(),
        _ => found.iter().filter(|list| only.contains(&list.name)).collect(),
    };
    let names: Vec<&str> = found.iter().map(|list| list.name.as_str()).collect();
    if let Some(missing) = only.iter().find(|name| !names.contains(&name.as_str())) {
        return Err(wrong(
            format!("the document has no list called {missing}"),
            format!("--only takes of these: {}", names.join(", ")),
        ));
    }
    if wanted.is_empty() {
        return Err(match names.as_slice() {
            [] => wrong(
                "no list is found in the document: no GET that answers with a list of objects",
                "`nave plugin new NAME --rest` makes a description to be filled in by hand",
            ),
            _ => wrong(
                "all lists of the document lie below other things",
                format!("name those that you need: --only {}", names.join(",")),
            ),
        });
    }
    let mut top = signing::top(name, &document, &wanted);
    top.push_str(&signing::errors(&document));
    let mut body = String::new();
    let (mut streams, mut left) = (Vec::new(), Vec::new());
    for list in &wanted {
        let written = stream::written(&document, list);
        // What our own guesses made must be a good description; and the whole must fit.
        let faults = nave_rest::parse(&format!("{top}{written}")).err();
        if let Some(faults) = faults {
            let why = faults.first().map(|fault| fault.message.clone()).unwrap_or_default();
            left.push(format!("{}: {}", list.name, text::plain(&why)));
        } else if streams.len() == STREAMS_MAX || top.len() + body.len() + written.len() > DESCRIPTION_BYTES_MAX / 4 * 3 {
            left.push(format!("{}: there is no more room", list.name));
        } else {
            body.push_str(&written);
            streams.push(list.name.clone());
        }
    }
    if streams.is_empty() {
        return Err(wrong(
            format!("no list of the document can be described: {}", left.join("; ")),
            "`nave plugin new NAME --rest` makes a description to be filled in by hand",
        ));
    }
    let others: Vec<&str> =
        found.iter().filter(|list| !wanted.iter().any(|own| own.name == list.name)).map(|list| list.name.as_str()).collect();
    let told = others.iter().take(TOLD_MAX).copied().collect::<Vec<_>>().join(", ");
    if !told.is_empty() {
        body.push_str(&format!(
            "\n# Not described, {} lists (`--only NAME,NAME` makes a description of those): {told}\n",
            others.len()
        ));
    }
    for line in &left {
        body.push_str(&format!("# TODO not described: {line}\n"));
    }
    let text = format!("{top}{body}");
    let open = text.lines().filter(|line| line.contains("TODO")).count();
    Ok(Made { text, streams, open })
}
