//! What of a promotion waits for a connection that the other environment does not have yet.
//!
//! Connections are each environment's own, so a file that names one which is missing there cannot go, and neither can a mapping that
//! feeds an entity which waits. All else goes: a new environment gets its plugins, its connections come next, and the rest follows.

use std::collections::BTreeSet;

use nave_core::catalog::{Severity, SourceFile};

use super::super::edit::Edit;
use super::super::load::Sources;
use super::word;
use crate::api::ApiError;

/// Takes out of the edits what has to wait for connections, given those that are there, and gives their paths.
///
/// # Errors
/// [`ApiError`] where the configuration cannot be read at all.
pub(super) fn hold(target: &Sources, there: &BTreeSet<String>, edits: &mut Vec<Edit>) -> Result<Vec<String>, ApiError> {
    let mut held = BTreeSet::new();
    loop {
        let mut tried = target.clone();
        for edit in edits.iter() {
            tried.files.retain(|file| file.path != edit.path);
            tried.files.push(SourceFile { path: edit.path.clone(), text: edit.after.clone() });
        }
        let found = tried.check()?.err().unwrap_or_default();
        let dangling = |edit: &Edit| {
            let names_it = |code: &str| matches!(code, "unknown-connection" | "unknown-entity");
            found.iter().any(|one| one.path == edit.path && one.severity == Severity::Error && names_it(one.code))
        };
        let before = held.len();
        edits.retain(|edit| {
            let stays = !mapping_waits(edit, there, &held) && !dangling(edit);
            if !stays {
                held.insert(edit.path.clone());
            }
            stays
        });
        if held.len() == before {
            return Ok(held.into_iter().collect());
        }
    }
}

/// Whether a mapping's connection is not there, or its entity waits.
fn mapping_waits(edit: &Edit, there: &BTreeSet<String>, held: &BTreeSet<String>) -> bool {
    let names = |key: &str| word(&edit.after, key);
    edit.path.starts_with("mappings/")
        && (names("connection").is_some_and(|name| !there.contains(&name))
            || names("entity").is_some_and(|name| held.contains(&format!("entities/{name}.toml"))))
}
