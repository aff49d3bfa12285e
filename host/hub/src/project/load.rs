//! The whole project, checked: configuration, installed plugins, and what their connections offer.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use nave_core::catalog::{self, Catalog, Diagnostic, LockedPlugin, PluginInfo, Severity, SourceFile};
use nave_core::manifest::Manifest;

use super::{Place, ProjectError, drops, environments, load_streams, place, read, read_lock, sources};
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

/// A catalog with its warnings, or everything that is wrong.
pub(super) type Checked = Result<(Catalog, Vec<Diagnostic>), Vec<Diagnostic>>;

/// Everything that is checked, as it lies in the directory.
#[derive(Clone)]
pub(super) struct Sources {
    pub(super) place: Place,
    pub(super) files: Vec<SourceFile>,
    pub(super) plugins: BTreeMap<String, Installed>,
}

impl Sources {
    pub(super) fn read(dir: &Path) -> Result<Self, ApiError> {
        let place = place(dir)?;
        let files = sources(dir)?;
        let plugins = installed(&place)?;
        Ok(Self { place, files, plugins })
    }

    /// As far as it can be read, and why the rest cannot be.
    fn readable(dir: &Path) -> Result<(Self, Vec<String>), ApiError> {
        let place = place(dir)?;
        let (files, unreadable) = read::readable(dir);
        let mut unreadable: Vec<String> = unreadable.into_iter().map(|file| file.why).collect();
        let plugins = installed(&place).unwrap_or_else(|error| {
            unreadable.push(error.message);
            BTreeMap::new()
        });
        Ok((Self { place, files, plugins }, unreadable))
    }

    /// The catalog's check of all of it.
    pub(super) fn check(&self) -> Result<Checked, ApiError> {
        let known = self.known()?;
        let checked = catalog::check(&self.files, &known);
        let apart = checked.as_ref().map(|(catalog, _)| environments::faults(&self.place.dir, catalog)).unwrap_or_default();
        if apart.is_empty() { Ok(checked) } else { Ok(Err(apart)) }
    }

    /// The installed plugins, with what their connections offer.
    fn known(&self) -> Result<BTreeMap<String, PluginInfo>, ApiError> {
        let mut known = BTreeMap::new();
        for (name, plugin) in &self.plugins {
            known.insert(name.clone(), PluginInfo { manifest: plugin.manifest.clone(), streams: BTreeMap::new() });
        }
        for file in &self.files {
            let Some(connection) = file.path.strip_prefix("connections/").and_then(|name| name.strip_suffix(".toml")) else {
                continue;
            };
            let plugin = file.text.parse::<toml::Table>().ok().and_then(|table| Some(table.get("plugin")?.as_str()?.to_owned()));
            if let Some(info) = plugin.and_then(|plugin| known.get_mut(&plugin))
                && let Some(streams) = load_streams(&self.place.dir, connection)?
            {
                info.streams.insert(connection.to_owned(), streams);
            }
        }
        Ok(known)
    }
}

/// What of a project is in order where not all of it is, for taking power away and for saying what is wrong; never for running. Left
/// out are connections and mappings whose file has an error, or that reach what is another environment's.
///
/// # Errors
/// [`ApiError`] where it is no project.
pub(crate) fn load_leniently(dir: &Path) -> Result<Catalog, ApiError> {
    let (sources, unreadable) = Sources::readable(dir)?;
    for why in &unreadable {
        tracing::warn!("left out: {why}");
    }
    let (mut catalog, _) = catalog::lenient(&sources.files, &sources.known().unwrap_or_default());
    let apart = environments::faults(dir, &catalog);
    let theirs = |name: &str| apart.iter().any(|fault| fault.path == format!("connections/{name}.toml"));
    catalog.connections.retain(|name, _| !theirs(name));
    catalog.mappings.retain(|_, mapping| !theirs(&mapping.connection));
    Ok(catalog)
}

/// Reads and checks everything. No network, and no plugin is run.
///
/// # Errors
/// [`ApiError`]: not a project, a file that cannot be read, or every error of the configuration at once.
pub fn load(dir: &Path) -> Result<Project, ApiError> {
    let sources = Sources::read(dir)?;
    let (catalog, mut warnings) = sources.check()?.map_err(|found| ApiError::configuration(&found))?;
    warnings.extend(drops::empty(dir, &catalog, &warnings));
    warnings.extend(sources.plugins.iter().filter_map(|(name, plugin)| unclear_powers(name, plugin)));
    Ok(Project { place: sources.place, catalog, warnings, plugins: sources.plugins })
}

/// Plugins whose file is there and is the pinned one. Any other file is as good as none: the catalog's check names the
/// connections that need it, and nothing of it is ever run.
fn installed(place: &Place) -> Result<BTreeMap<String, Installed>, ApiError> {
    let mut found = BTreeMap::new();
    for (name, locked) in read_lock(&place.dir)? {
        let file = place.plugin(&locked.digest);
        if fault(&file, &locked).is_some() {
            continue;
        }
        let bytes = std::fs::read(&file).map_err(ProjectError::io(&file))?;
        let manifest = plugins::manifest_of(&bytes)?;
        found.insert(name, Installed { manifest, file, digest: locked.digest });
    }
    Ok(found)
}

/// A warning about an installed plugin that would not be installed any more.
fn unclear_powers(name: &str, plugin: &Installed) -> Option<Diagnostic> {
    let why = nave_runtime::check_powers(&plugin.manifest).err()?;
    Some(Diagnostic {
        path: "nave.lock".to_owned(),
        line: 1,
        column: 1,
        span: (0, 0),
        message: format!("plugin `{name}` goes on, and this build of it would not be installed any more: {}", why.message),
        help: Some("ask its author for a build that says so, then `nave plugin upgrade SOURCE`".to_owned()),
        severity: Severity::Warning,
        code: "unclear-powers",
    })
}

/// What is wrong with the file of an installed plugin.
fn fault(file: &Path, locked: &LockedPlugin) -> Option<String> {
    match std::fs::read(file) {
        Ok(bytes) if plugins::digest(&bytes) == locked.digest => None,
        Ok(_) => Some(format!("{} is not the file that nave.lock pins", file.display())),
        Err(error) => Some(format!("{}: {error}", file.display())),
    }
}

/// Connections and flows that cannot work because the file of their plugin is missing or was exchanged: a sentence
/// each, with what to type.
///
/// # Errors
/// [`ApiError`] where it is not a project.
pub fn plugin_faults(dir: &Path, catalog: &Catalog) -> Result<Vec<String>, ApiError> {
    let place = place(dir)?;
    let mut faults = Vec::new();
    for (name, locked) in &catalog.plugins {
        let Some(why) = fault(&place.plugin(&locked.digest), locked) else { continue };
        let connections = catalog.connections.values().filter(|user| user.plugin == *name).map(|user| user.name.as_str());
        let flows = catalog.callers(name).map(|mapping| mapping.name.as_str());
        let users: Vec<&str> = connections.chain(flows).collect();
        let who = if users.is_empty() { String::new() } else { format!("{} cannot be read or written: ", users.join(", ")) };
        faults.push(format!("{who}plugin `{name}`: {why}; install it again: `nave plugin install FILE.wasm`"));
    }
    Ok(faults)
}
