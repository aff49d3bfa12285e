//! The whole project, checked: configuration, installed plugins, and what their connections offer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nave_core::catalog::{self, Catalog, Diagnostic, PluginInfo};
use nave_core::manifest::Manifest;

use super::{Place, ProjectError, load_streams, place, read_lock, sources};
use crate::api::ApiError;
use crate::plugins;

/// A plugin that is installed: its file is there and is the one that was pinned.
#[derive(Clone, Debug)]
pub struct Installed {
    /// As embedded in the component.
    pub manifest: Manifest,
    /// Its file.
    pub file: PathBuf,
    /// SHA-256 of the file, hexadecimal.
    pub digest: String,
}

/// A checked project.
#[derive(Clone, Debug)]
pub struct Project {
    /// Where it keeps its things.
    pub place: Place,
    /// The configuration.
    pub catalog: Catalog,
    /// What is worth a look.
    pub warnings: Vec<Diagnostic>,
    /// Installed plugins by name.
    pub plugins: BTreeMap<String, Installed>,
}

/// Reads and checks everything. No network, and no plugin is run.
///
/// # Errors
/// [`ApiError`]: not a project, a file that cannot be read, or every error of the configuration at once.
pub fn load(dir: &Path) -> Result<Project, ApiError> {
    let place = place(dir)?;
    let files = sources(dir)?;
    let plugins = installed(&place)?;
    let mut known = BTreeMap::new();
    for (name, plugin) in &plugins {
        known.insert(name.clone(), PluginInfo { manifest: plugin.manifest.clone(), streams: BTreeMap::new() });
    }
    for file in &files {
        let Some(connection) = file.path.strip_prefix("connections/").and_then(|name| name.strip_suffix(".toml")) else {
            continue;
        };
        let plugin = file.text.parse::<toml::Table>().ok().and_then(|table| Some(table.get("plugin")?.as_str()?.to_owned()));
        if let Some(info) = plugin.and_then(|plugin| known.get_mut(&plugin))
            && let Some(streams) = load_streams(dir, connection)?
        {
            info.streams.insert(connection.to_owned(), streams);
        }
    }
    let (catalog, warnings) = catalog::check(&files, &known).map_err(|found| ApiError::configuration(&found))?;
    Ok(Project { place, catalog, warnings, plugins })
}

/// Plugins whose file is there and is the pinned one. A missing file is left to the catalog's check, which names
/// the connections that need it; a file that was exchanged is an error here.
fn installed(place: &Place) -> Result<BTreeMap<String, Installed>, ApiError> {
    let mut found = BTreeMap::new();
    for (name, locked) in read_lock(&place.dir)? {
        let file = place.plugin(&locked.digest);
        if !file.is_file() {
            continue;
        }
        let bytes = std::fs::read(&file).map_err(ProjectError::io(&file))?;
        if plugins::digest(&bytes) != locked.digest {
            return Err(ApiError::failed(format!("{} is not the file that nave.lock pins as `{name}`", file.display()))
                .help(format!("install the plugin again: `nave plugin install FILE.wasm`, or `nave plugin remove {name}`")));
        }
        let manifest = plugins::manifest_of(&bytes)?;
        found.insert(name, Installed { manifest, file, digest: locked.digest });
    }
    Ok(found)
}
