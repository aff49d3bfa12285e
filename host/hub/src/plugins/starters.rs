//! The starter mappings of a plugin that was just built, checked as a project would check them.

use nave_core::catalog::Severity;
use nave_core::manifest::PluginKind;
use serde_json::{Map, Value as Json};

use super::Built;
use super::call::streams_of;
use crate::api::{ApiError, Finding};
use crate::project::check_starters;

/// What was found, and whether the streams were known to compare with.
#[derive(Clone, Debug, Default)]
pub struct Starters {
    /// Warnings.
    pub findings: Vec<Finding>,
    /// `discover` answered without a network: streams and fields were compared with what it said.
    pub discovered: bool,
}

/// Checks the starter mappings of a built connector against what its `discover` says, where that needs no network.
/// A plugin with errors in them is taken away again: each connection made from it would be refused.
///
/// # Errors
/// [`ApiError`] with every error.
pub async fn lint(built: &Built) -> Result<Starters, ApiError> {
    if built.manifest.kind != PluginKind::Connector || built.manifest.mappings.is_empty() {
        return Ok(Starters::default());
    }
    let settings: Map<String, Json> =
        built.manifest.settings.iter().filter_map(|(name, setting)| Some((name.clone(), setting.default.clone()?))).collect();
    let streams = streams_of(&built.file, Json::Object(settings)).await?;
    let discovered = streams.is_some();
    let found = check_starters(&built.manifest, streams);
    if found.iter().any(|found| found.severity == Severity::Error) {
        let _ = std::fs::remove_file(&built.file);
        let mut error = ApiError::configuration(&found);
        error.message = "the starter mappings have errors, so no plugin was made".to_owned();
        return Err(error.help("mend the files in the crate's mappings/ and build again"));
    }
    Ok(Starters { findings: found.iter().map(Finding::from).collect(), discovered })
}
