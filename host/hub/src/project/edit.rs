//! Files of the configuration that are about to be changed: shown as a difference, checked as they would be, then written.
//!
//! Promises that nothing is written which adds an error to the configuration.

use std::path::Path;

use nave_core::catalog::{Catalog, Diagnostic, Severity, SourceFile};
use similar::TextDiff;

use super::load::Sources;
use super::write;
use crate::api::{ApiError, FileEdit, Finding};

/// One file as it would be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Edit {
    /// Relative to the project's directory, `/`-separated.
    pub(super) path: String,
    /// As it is; none: there is no such file yet.
    pub(super) before: Option<String>,
    /// As it would be.
    pub(super) after: String,
}

impl Edit {
    /// For people: a unified difference.
    pub(super) fn shown(&self) -> FileEdit {
        let before = self.before.as_deref().unwrap_or_default();
        let (from, to) = (if self.before.is_some() { self.path.as_str() } else { "/dev/null" }, self.path.as_str());
        let diff = TextDiff::from_lines(before, &self.after).unified_diff().context_radius(3).header(from, to).to_string();
        FileEdit { path: self.path.clone(), new: self.before.is_none(), diff }
    }
}

/// The text of a configuration file, where it is there.
pub(super) fn present(sources: &Sources, path: &str) -> Option<String> {
    sources.files.iter().find(|file| file.path == path).map(|file| file.text.clone())
}

/// Checks the project as it would be with these files. Edits that change nothing are left out.
///
/// # Errors
/// [`ApiError`] with every error that they would add.
pub(super) fn try_edits(sources: &mut Sources, edits: &[Edit]) -> Result<(Option<Catalog>, Vec<Finding>), ApiError> {
    let before = match sources.check()? {
        Ok((_, warnings)) => warnings,
        Err(found) => found,
    };
    for edit in edits {
        sources.files.retain(|file| file.path != edit.path);
        sources.files.push(SourceFile { path: edit.path.clone(), text: edit.after.clone() });
    }
    sources.files.sort_by(|a, b| a.path.cmp(&b.path));
    let (catalog, after) = match sources.check()? {
        Ok((catalog, warnings)) => (Some(catalog), warnings),
        Err(found) => (None, found),
    };
    // Places move with the text; what is said stays.
    let known = |found: &&Diagnostic| before.iter().any(|one| (one.code, &one.message) == (found.code, &found.message));
    let added: Vec<Diagnostic> = after.iter().filter(|found| !known(found)).cloned().collect();
    if added.iter().any(|found| found.severity == Severity::Error) {
        let mut error = ApiError::configuration(&added);
        error.message = format!("nothing was written: with this change {}", error.message);
        return Err(error.help("mend what is named, or change what was asked for"));
    }
    let touched = |found: &&Diagnostic| edits.iter().any(|edit| edit.path == found.path);
    Ok((catalog, after.iter().filter(touched).map(Finding::from).collect()))
}

/// Writes them, each whole.
pub(super) fn write_edits(dir: &Path, edits: &[Edit]) -> Result<(), ApiError> {
    for edit in edits.iter().filter(|edit| edit.before.as_deref() != Some(edit.after.as_str())) {
        write::whole(&dir.join(&edit.path), edit.after.as_bytes())?;
    }
    Ok(())
}
