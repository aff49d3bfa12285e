//! Changes of the master key, noted beside the store in the clear: what a person needs to know who has the wrong key and cannot
//! open anything. It says nothing of a key but its fingerprint, and nothing is decided by it.

use std::path::{Path, PathBuf};

use nave_core::model::Time;
use serde::{Deserialize, Serialize};

use crate::api::ApiError;
use crate::project::write_whole;

/// File in the data folder.
const FILE: &str = "key-changes.json";
/// Changes that are kept.
const KEPT_MAX: usize = 50;

/// One change of the master key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// When it began.
    pub at: Time,
    /// Fingerprint of the key before.
    pub before: String,
    /// Fingerprint of the key that came.
    pub key: String,
    /// Where the new key lies; none where it is the data folder's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<PathBuf>,
    /// Where the old key is kept, in the data folder; none where it lies outside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<String>,
}

/// All that are noted, oldest first. One that did not come to its end is among them: nothing has its key.
pub(super) fn all(data: &Path) -> Vec<Noted> {
    std::fs::read(data.join(FILE)).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
}

/// Notes one more.
pub(super) fn add(data: &Path, noted: Noted) -> Result<(), ApiError> {
    let mut all = all(data);
    all.push(noted);
    let from = all.len().saturating_sub(KEPT_MAX);
    let text = serde_json::to_vec_pretty(&all[from..]).map_err(|error| ApiError::failed(error.to_string()))?;
    Ok(write_whole(&data.join(FILE), &text)?)
}
