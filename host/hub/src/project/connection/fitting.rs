//! Starter mappings, fitted to what a system turns out to offer: a plugin's starter knows more columns than one export has.
//!
//! When a stream's fields are saved for the first time, what is still as the plugin brought it and names a field that is not
//! there is commented out. What a person wrote or changed stays, and is an error: a typo is a typo. A field that is lost later
//! is never commented out either: it may have been renamed.

use std::collections::BTreeSet;
use std::ops::Range;
use std::path::Path;

use nave_core::catalog::{Diagnostic, SourceFile, StreamInfo};
use toml_edit::DocumentMut;

use super::super::load::Sources;
use super::super::write;
use super::reading::reading_only;
use crate::api::ApiError;

/// Fits a connection's starter mappings to the streams that were just saved; `before` is what was saved before. Answers a
/// sentence per file that changed.
///
/// # Errors
/// [`ApiError`] where a file cannot be read or written.
pub(crate) fn fit_starters(dir: &Path, connection: &str, before: &[StreamInfo]) -> Result<Vec<String>, ApiError> {
    let sources = Sources::read(dir)?;
    let Err(found) = sources.check()? else { return Ok(Vec::new()) };
    let text_of = |path: &str| sources.files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let table = |text: &str| text.parse::<toml::Table>().ok();
    let word = |table: &toml::Table, key: &str| table.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let plugin = text_of(&format!("connections/{connection}.toml")).and_then(table).and_then(|table| word(&table, "plugin"));
    let Some(plugin) = plugin.and_then(|plugin| sources.plugins.get(&plugin)) else { return Ok(Vec::new()) };
    let starters = starter_blocks(plugin.manifest.mappings.values(), connection);
    let mut said = Vec::new();
    for file in sources.files.iter().filter(|file| file.path.starts_with("mappings/")) {
        let Some(mapping) = table(&file.text).filter(|table| word(table, "connection").as_deref() == Some(connection)) else {
            continue;
        };
        let stream = word(&mapping, "stream").unwrap_or_default();
        if before.iter().any(|known| known.name == stream && !known.fields.is_empty()) {
            continue;
        }
        if let Some((text, names)) = fitted(file, &stream, &starters, &found) {
            write::whole(&dir.join(&file.path), text.as_bytes())?;
            let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
            said.push(format!(
                "{}: `{stream}` has no {}, so what the starter mapping says of them is commented out",
                file.path,
                names.join(", ")
            ));
        }
    }
    Ok(said)
}

/// The blocks of all starter mappings, as a connection gets them.
fn starter_blocks<'m>(mappings: impl Iterator<Item = &'m String>, connection: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for text in mappings {
        let text = text.replace("{connection}", connection);
        let reading = reading_only(&text).unwrap_or_default();
        for text in [text, reading] {
            all.extend(blocks(&text).into_iter().map(|block| text[block].trim().to_owned()));
        }
    }
    all
}

/// The file with its unfitting blocks commented out, and the names that do not fit; none where there is nothing to do.
fn fitted(
    file: &SourceFile,
    stream: &str,
    starters: &BTreeSet<String>,
    found: &[Diagnostic],
) -> Option<(String, BTreeSet<String>)> {
    let unknown: Vec<&Diagnostic> =
        found.iter().filter(|found| found.path == file.path && found.code == "unknown-remote-field").collect();
    let (mut text, mut names) = (String::new(), BTreeSet::new());
    let mut done = 0;
    for block in blocks(&file.text) {
        let inside = || unknown.iter().filter(|found| block.contains(&found.span.0));
        if inside().next().is_none() || !starters.contains(file.text[block.clone()].trim()) {
            continue;
        }
        names.extend(inside().filter_map(|found| {
            let name = file.text.get(found.span.0..found.span.0 + found.span.1)?;
            Some(name.trim_matches(['"', '\'']).to_owned())
        }));
        text.push_str(&file.text[done..block.start]);
        done = block.end;
        if let Some(without) = without_country(&file.text[block.clone()], inside().map(|found| found.span.0 - block.start)) {
            text.push_str(&without);
            continue;
        }
        text.push_str(&format!("# Not in `{stream}` when it was asked; take the marks away once it is there.\n"));
        for line in file.text[block.clone()].split_inclusive('\n') {
            text.push_str(if line.trim().is_empty() { "" } else { "# " });
            text.push_str(line);
        }
    }
    text.push_str(&file.text[done..]);
    // A block that was cut in the wrong place is left to the check.
    (!names.is_empty() && text.parse::<DocumentMut>().is_ok()).then_some((text, names))
}

/// A telephone that is read in the country of its thing, where the system has no such column: read as it is. None where something
/// else is not there.
fn without_country(block: &str, mut unknown: impl Iterator<Item = usize>) -> Option<String> {
    const COUNTRY: &str = "in = \"phone(";
    let start = block.find(COUNTRY)? + COUNTRY.len();
    let end = start + block[start..].find(')')?;
    unknown.all(|at| (start..end).contains(&at)).then(|| format!("{}{}", &block[..start - 1], &block[end + 1..]))
}

/// `[[field]]`, and `[[list]]` with what belongs to it: from the header to the next one.
fn blocks(text: &str) -> Vec<Range<usize>> {
    let mut blocks: Vec<Range<usize>> = Vec::new();
    let (mut at, mut open) = (0, false);
    for line in text.split_inclusive('\n') {
        let head = line.trim();
        if head == "[[field]]" || head == "[[list]]" {
            blocks.push(at..at);
            open = true;
        } else if head.starts_with('[') && !head.starts_with("[[list.") {
            open = false;
        }
        at += line.len();
        if let Some(block) = blocks.last_mut().filter(|_| open) {
            block.end = at;
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    const STARTER: &str = "connection = \"drop\"\nstream = \"contacts\"\n\n[flow.in]\n\n[[field]]\nremote = \"Email\"\n\n\
        [[field]]\nremote = \"Status\"\nin = \"trim\"\n\n[[list]]\nremote = \"Phones\"\n[[list.field]]\nremote = \"No\"\n";

    #[track_caller]
    fn check(text: &str, unknown: &[&str], expected: Option<(&str, &[&str])>) {
        check_of(STARTER, text, unknown, expected);
    }

    /// The text with these names unknown: what it becomes without comments, and which names went.
    #[track_caller]
    fn check_of(starter: &str, text: &str, unknown: &[&str], expected: Option<(&str, &[&str])>) {
        let file = SourceFile { path: "mappings/drop.toml".into(), text: text.into() };
        let found = unknown.iter().map(|name| {
            // A column, or the country in which a telephone is.
            let country = format!("{name})");
            let quoted = if text.contains(&country) { name.to_string() } else { format!("\"{name}\"") };
            let from = text.find(&country).unwrap_or(0);
            let start = from + text[from..].find(&quoted).expect("it is there");
            Diagnostic {
                path: file.path.clone(),
                line: 1,
                column: 1,
                span: (start, quoted.len()),
                message: String::new(),
                help: None,
                severity: nave_core::catalog::Severity::Error,
                code: "unknown-remote-field",
            }
        });
        let starters = starter_blocks(std::iter::once(&starter.replace("drop", "{connection}")), "drop");
        let fitted = fitted(&file, "contacts", &starters, &found.collect::<Vec<_>>());
        let plain = fitted.map(|(text, names)| {
            let kept: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).collect();
            (kept.join("|"), names)
        });
        let expected = expected.map(|(text, names)| (text.to_owned(), names.iter().map(|name| (*name).to_owned()).collect()));
        assert_eq!(plain, expected, "{text}");
    }

    #[test]
    fn a_telephone_is_read_without_the_country_that_is_not_there() {
        let head = "connection = \"drop\"|stream = \"contacts\"|";
        let phone = "[[field]]\nremote = \"Phone\"\nin = \"phone(Country)\"\n\n";
        let text = format!("connection = \"drop\"\nstream = \"contacts\"\n\n{phone}[[field]]\nremote = \"Email\"\n");
        let without = format!("{head}[[field]]|remote = \"Phone\"|in = \"phone\"|[[field]]|remote = \"Email\"");
        check_of(&text, &text, &["Country"], Some((&without, &["Country"])));
        // Without the telephone itself there is nothing to be read.
        check_of(
            &text,
            &text,
            &["Country", "Phone"],
            Some((&format!("{head}[[field]]|remote = \"Email\""), &["Country", "Phone"])),
        );
    }

    #[test]
    fn what_the_starter_says_of_columns_that_are_not_there_is_commented_out() {
        let head = "connection = \"drop\"|stream = \"contacts\"|[flow.in]|[[field]]|remote = \"Email\"|";
        let phones = "[[list]]|remote = \"Phones\"|[[list.field]]|remote = \"No\"";
        let status = "[[field]]|remote = \"Status\"|in = \"trim\"";
        check(STARTER, &[], None);
        check(STARTER, &["Status"], Some((&format!("{head}{phones}"), &["Status"])));
        check(STARTER, &["No"], Some((&format!("{head}{status}"), &["No"])));
        // What a person changed is theirs, and a typo is an error.
        check(&STARTER.replace("\"Status\"", "\"Statsu\""), &["Statsu"], None);
        check(&STARTER.replace("trim", "lower"), &["Status"], None);
    }
}
