//! One grant taken out of a connection's file; the rest of it stays as it was written.

use std::path::Path;

use toml_edit::{DocumentMut, TableLike};

use super::edit::{Edit, try_edits, write_edits};
use super::load::Sources;
use super::read;
use crate::api::{ApiError, Finding};

/// A grant as people call it: `endpoint NAME`, `folder NAME` or `secret SLOT`.
pub(crate) struct Granted<'a> {
    /// Tables that it stands in.
    at: &'static [&'static str],
    /// Its own name there.
    name: &'a str,
}

impl<'a> Granted<'a> {
    /// # Errors
    /// [`ApiError`] where it is none of the three.
    pub(crate) fn parse(what: &'a str) -> Result<Self, ApiError> {
        let (kind, name) = what.split_once(' ').unwrap_or((what, ""));
        let at: &[&str] = match kind {
            "endpoint" => &["grants", "endpoints"],
            "folder" => &["grants", "folders"],
            "secret" => &["credentials"],
            _ => {
                return Err(ApiError::usage(format!("`{what}` is no grant"))
                    .help("`endpoint NAME`, `folder NAME` or `secret SLOT`, as `nave plugin grants CONNECTION` shows them"));
            }
        };
        Ok(Self { at, name })
    }

    /// The head of its table: `[grants.endpoints.api]`.
    pub(crate) fn table(&self) -> String {
        format!("[{}.{}]", self.at.join("."), self.name)
    }
}

/// Takes a grant out of a connection's file. Answers what the project's check says of the file then: flows that cannot run without it,
/// for example; nothing where the project cannot be checked. None where the file does not grant it.
///
/// # Errors
/// [`ApiError`] where the file cannot be read or written, or the configuration would have an error without the grant.
pub(crate) fn revoke_grant(dir: &Path, connection: &str, granted: &Granted<'_>) -> Result<Option<Vec<Finding>>, ApiError> {
    let path = format!("connections/{connection}.toml");
    // Others are no connections, and some lead out of the folder.
    if connection.starts_with('.') || connection.contains('/') || !dir.join(&path).is_file() {
        return Ok(None);
    }
    let before = read::text(&dir.join(&path))?;
    let mut document: DocumentMut =
        before.parse().map_err(|error: toml_edit::TomlError| ApiError::failed(format!("{path}: {}", error.message())))?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in granted.at {
        match table.get_mut(key).and_then(toml_edit::Item::as_table_like_mut) {
            Some(inner) => table = inner,
            None => return Ok(None),
        }
    }
    if table.remove(granted.name).is_none() {
        return Ok(None);
    }
    let edits = [Edit { path, before: Some(before), after: document.to_string() }];
    // What keeps the project from being checked keeps nobody's power.
    let checked = Sources::read(dir).and_then(|sources| sources.check().map(|_| sources));
    let findings = match checked {
        Ok(mut sources) => try_edits(&mut sources, &edits)?.1,
        Err(_) => Vec::new(),
    };
    write_edits(dir, &edits)?;
    Ok(Some(findings))
}
