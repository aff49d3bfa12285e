//! A project as it would be with files that are not written yet.
//!
//! Owns the check before the writing: what a new connection would make of a project, and what a plugin's starter mappings
//! are worth. Writes nothing and runs no plugin.

use std::collections::BTreeMap;
use std::path::Path;

use nave_core::catalog::{self, Diagnostic, PluginInfo, Severity, SourceFile, StreamInfo};
use nave_core::manifest::{Manifest, PluginKind};

use super::connection::{PlannedConnection, with_system};
use super::load::Sources;
use crate::api::ApiError;

/// What a new connection would make of the project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The project as it is has no errors: a hub can open it before the connection is there.
    pub before: bool,
    /// As it would be.
    pub after: bool,
}

/// Checks a planned connection against the project it goes into.
///
/// # Errors
/// [`ApiError`] with every error that it would add. Errors that are there already are not its fault.
pub fn try_connection(dir: &Path, planned: &PlannedConnection) -> Result<Trial, ApiError> {
    let mut sources = Sources::read(dir)?;
    let before = errors(&sources)?;
    for (file, text) in &planned.files {
        sources.files.push(SourceFile { path: path_text(file), text: text.clone() });
    }
    let systems = sources.files.iter().position(|file| file.path == "systems.toml");
    let text = systems.map(|at| sources.files.swap_remove(at).text).unwrap_or_default();
    // Where the inventory cannot be read, the check says so.
    let text = with_system(&text, &planned.name).ok().flatten().unwrap_or(text);
    sources.files.push(SourceFile { path: "systems.toml".into(), text });
    let after = errors(&sources)?;
    let added: Vec<Diagnostic> = after.iter().filter(|found| !before.contains(found)).cloned().collect();
    if added.is_empty() {
        return Ok(Trial { before: before.is_empty(), after: after.is_empty() });
    }
    // Of what would be written, the connection's own file is made of what was typed; the others are the plugin's.
    let own = |found: &Diagnostic| found.path.starts_with("connections/");
    let planned_here = |found: &Diagnostic| planned.files.iter().any(|(file, _)| path_text(file) == found.path);
    let (starter, typed) = (added.iter().all(|found| planned_here(found) && !own(found)), added.iter().any(own));
    let mut error = ApiError::configuration(&added);
    error.message = format!("nothing was written: with `{}`, {}", planned.name, error.message);
    Err(error.help(if starter {
        "these files come with the plugin: tell its author; a mapping of your own under the same name is left as it is and used instead"
    } else if typed {
        "that file is not written yet: do what each says, and type the command for the connection again"
    } else {
        "mend these, then add the connection"
    }))
}

fn errors(sources: &Sources) -> Result<Vec<Diagnostic>, ApiError> {
    let found = sources.check()?.err().unwrap_or_default();
    Ok(found.into_iter().filter(|found| found.severity == Severity::Error).collect())
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}

/// As long as the placeholder of starter mappings, so that places in the text stay what they are.
const PLACEHOLDER: (&str, &str) = ("{connection}", "connection-x");

/// What is wrong with a connector's starter mappings, by the paths that they have in the plugin: all that can be seen
/// without a project. Functions of other plugins are not known here, so they are only warned about.
pub fn check_starters(manifest: &Manifest, streams: Option<Vec<StreamInfo>>) -> Vec<Diagnostic> {
    if manifest.kind != PluginKind::Connector || manifest.mappings.is_empty() {
        return Vec::new();
    }
    let (placeholder, name) = PLACEHOLDER;
    let file = |path: String, text: String| SourceFile { path, text };
    let mut files = vec![
        file("nave.toml".into(), String::new()),
        file("systems.toml".into(), format!("[{name}]\n")),
        file(format!("connections/{name}.toml"), format!("plugin = \"{}\"\n", manifest.name)),
    ];
    files.extend(manifest.mappings.iter().map(|(stem, text)| file(format!("mappings/{stem}"), text.replace(placeholder, name))));
    let streams: BTreeMap<_, _> = streams.map(|streams| (name.to_owned(), streams)).into_iter().collect();
    let known = [(manifest.name.clone(), PluginInfo { manifest: manifest.clone(), streams })].into();
    let found = match catalog::check(&files, &known) {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    let of_mappings = found.into_iter().filter(|found| found.path.starts_with("mappings/"));
    of_mappings
        .map(|mut found| {
            if found.code == "unknown-operation" {
                found.severity = Severity::Warning;
                found.help =
                    Some("it is not built in; fine if a transform plugin has it: name that plugin in the README".to_owned());
            }
            found.message = found.message.replace(name, placeholder);
            found
        })
        .collect()
}
