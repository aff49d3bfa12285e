//! One grant taken out of a connection's file; the rest of it stays as it was written.

use std::path::Path;

use toml_edit::{DocumentMut, TableLike};

use super::edit::{Edit, present, try_edits, write_edits};
use super::load::Sources;
use crate::api::{ApiError, Finding};

/// Takes `endpoint NAME`, `folder NAME` or `secret SLOT` from a connection. Answers what the project's check says of the file
/// then: flows that cannot run without it, for example.
///
/// # Errors
/// [`ApiError`] where there is no such connection or grant, or the configuration would have an error without it.
pub(crate) fn revoke_grant(dir: &Path, connection: &str, what: &str) -> Result<Vec<Finding>, ApiError> {
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
    let mut sources = Sources::read(dir)?;
    let path = format!("connections/{connection}.toml");
    let missing = || {
        ApiError::not_found(format!("`{connection}` was not granted `{what}`")).help("`nave plugin grants` shows what there is")
    };
    let before = present(&sources, &path).ok_or_else(missing)?;
    let mut document: DocumentMut =
        before.parse().map_err(|error: toml_edit::TomlError| ApiError::failed(format!("{path}: {error}")))?;
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for key in at {
        table = table.get_mut(key).and_then(toml_edit::Item::as_table_like_mut).ok_or_else(missing)?;
    }
    table.remove(name).ok_or_else(missing)?;
    let edits = [Edit { path, before: Some(before), after: document.to_string() }];
    let (_, findings) = try_edits(&mut sources, &edits)?;
    write_edits(dir, &edits)?;
    Ok(findings)
}
