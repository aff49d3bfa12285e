//! Carries configuration from one environment to another: shown as a difference, checked as it would be, then written.
//!
//! Carried are entities, lookups, mappings, the inventory, the plugins that are missing, and what nave.toml says of the business.
//! Connections are each environment's own, with their hosts, credentials and grants; so are addresses and data. What names a
//! connection that is not there yet waits for it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nave_core::catalog::{Catalog, SourceFile};
use toml_edit::DocumentMut;

use super::super::edit::{Edit, try_edits, write_edits};
use super::super::load::Sources;
use super::super::{init, lock_plugin, read, read_lock, write};
use super::{Environment, waiting, word};
use crate::api::{ApiError, EditsAnswer};
use crate::plugins::{InstallOptions, TRUST_FILE, install};

/// Folders that are carried file by file.
const FOLDERS: [&str; 3] = ["entities", "lookups", "mappings"];
/// What nave.toml says of the business; the rest is of the machine and the network that the hub runs in.
const OF_THE_BUSINESS: [&str; 4] = ["processes", "region", "ownership", "reconcile"];

/// What a promotion is, or would be.
#[derive(Clone, Debug)]
pub struct Promotion {
    /// Files, what waits, and what is to be done next.
    pub answer: EditsAnswer,
    /// Plugins that are missing there, as files of the environment that has them.
    pub plugins: Vec<PathBuf>,
    /// Why it cannot be written: a plugin that is not to be trusted there. What would go is shown all the same, unchecked.
    pub refused: Option<ApiError>,
    edits: Vec<Edit>,
}

impl Promotion {
    /// Whether there is anything to carry.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty() && self.plugins.is_empty()
    }

    /// Writes the files. The plugins must be installed before.
    ///
    /// # Errors
    /// [`ApiError`] where one cannot be written.
    pub fn write(&mut self, to: &Environment) -> Result<(), ApiError> {
        write_edits(&to.dir, &self.edits)?;
        self.answer.written = true;
        Ok(())
    }
}

/// Looks at what would be carried from one environment to another. Nothing is written.
///
/// # Errors
/// [`ApiError`] where either has errors in its configuration, or would have them then. A plugin that is not to be trusted there is no
/// error: the answer says that it is refused.
pub fn promote(from: &Environment, to: &Environment) -> Result<Promotion, ApiError> {
    if from.dir == to.dir {
        return Err(ApiError::usage(format!("{} is promoted to itself", from.name))
            .help("name another environment: nave promote --from staging --to production"));
    }
    let source = Sources::read(&from.dir)?;
    let (catalog, _) = source.check()?.map_err(|found| {
        let refused = ApiError::configuration(&found);
        ApiError { message: format!("in {}: {}", from.name, refused.message), ..refused }
    })?;
    let mut target = Sources::read(&to.dir)?;
    let mut notes = Vec::new();
    let missing = plugins(from, to, &mut notes)?;
    let mut edits = edits(&source, &target, from, to, &mut notes)?;

    // Tried in a copy, with the plugins that it needs: what is refused there changes nothing here.
    let mut refused = None;
    let tried = tempfile::tempdir().map_err(|error| ApiError::failed(format!("no folder to try it in: {error}")))?;
    let mut plugins = Vec::new();
    if !missing.is_empty() {
        copy(to, &target.files, tried.path())?;
        for (name, file) in missing {
            match install(tried.path(), &file, InstallOptions::default()).map_err(ApiError::from) {
                Ok(_) => plugins.push(file),
                Err(error) if !is_used(&catalog, &name) => notes.push(format!(
                    "plugin `{name}` stays in {}, where no connection and no mapping uses it: {}",
                    from.name, error.message
                )),
                Err(error) => {
                    plugins.push(file);
                    refused = refused.or(Some(ApiError { message: format!("in {}: {}", to.name, error.message), ..error }));
                }
            }
        }
        let with_them = Sources::read(tried.path())?;
        target.plugins = with_them.plugins;
        target.files = with_them.files;
    }
    let held = waiting::hold(&target, &connections(&target), &mut edits)?;
    // Without a plugin that it needs it cannot be checked.
    let findings = if refused.is_some() { Vec::new() } else { try_edits(&mut target, &edits)?.1 };
    let mut next = Vec::new();
    next.extend(lacking(&source, &target, to));
    if !held.is_empty() {
        let names = held.join(", ");
        notes.push(format!("what names a connection that {} has not yet waits for it: {names}", to.name));
        next.push(format!("`nave promote --from {} --to {}` again, for what waits", from.name, to.name));
    }
    if !edits.is_empty() && refused.is_none() {
        next.push(format!("`nave --env {} plan` says what would be written to its systems; nothing is, before `apply`", to.name));
    }
    let what = match edits.len() {
        0 if plugins.is_empty() && !held.is_empty() => format!("{} holds all of {} that can go yet", to.name, from.name),
        0 if plugins.is_empty() => format!("{} holds all that {} holds", to.name, from.name),
        count => format!("from {} to {}: {count} files, {} plugins", from.name, to.name, plugins.len()),
    };
    let files = edits.iter().map(Edit::shown).collect();
    Ok(Promotion { answer: EditsAnswer { what, files, findings, written: false, next, notes }, plugins, refused, edits })
}

fn edits(
    source: &Sources,
    target: &Sources,
    from: &Environment,
    to: &Environment,
    notes: &mut Vec<String>,
) -> Result<Vec<Edit>, ApiError> {
    let before: BTreeMap<&str, &str> = target.files.iter().map(|file| (file.path.as_str(), file.text.as_str())).collect();
    let mut edits = Vec::new();
    let mut put = |path: &str, after: String| {
        let before = before.get(path).map(|text| (*text).to_owned());
        if before.as_deref() != Some(after.as_str()) {
            edits.push(Edit { path: path.to_owned(), before, after });
        }
    };
    for file in &source.files {
        let folder = file.path.split_once('/').map(|(folder, _)| folder);
        match (folder, file.path.as_str()) {
            (Some(folder), path) if FOLDERS.contains(&folder) => put(path, file.text.clone()),
            (None, "systems.toml") => put("systems.toml", file.text.clone()),
            (None, "nave.toml") => put("nave.toml", business(&file.text, before.get("nave.toml").copied().unwrap_or_default())?),
            _ => {}
        }
    }
    let known: BTreeSet<&str> = source.files.iter().map(|file| file.path.as_str()).collect();
    for file in &target.files {
        if FOLDERS.iter().any(|folder| file.path.starts_with(&format!("{folder}/"))) && !known.contains(file.path.as_str()) {
            notes.push(format!("{} is in {} alone and stays; remove it there if {} gave it up", file.path, to.name, from.name));
        }
    }
    Ok(edits)
}

/// Names of its connections.
fn connections(sources: &Sources) -> BTreeSet<String> {
    let name = |file: &SourceFile| Some(file.path.strip_prefix("connections/")?.strip_suffix(".toml")?.to_owned());
    sources.files.iter().filter_map(name).collect()
}

/// What adds each connection that the target lacks.
fn lacking(source: &Sources, target: &Sources, to: &Environment) -> Vec<String> {
    let (have, there) = (connections(source), connections(target));
    let adds = |name: &String| {
        let file = source.files.iter().find(|file| file.path == format!("connections/{name}.toml"));
        let plugin = file.and_then(|file| word(&file.text, "plugin")).unwrap_or_else(|| name.clone());
        format!("`nave --env {} connection add {plugin} --name {name}` with the host and the credential of {}", to.name, to.name)
    };
    have.difference(&there).map(adds).collect()
}

/// Whether a connection runs it or a mapping calls it.
fn is_used(catalog: &Catalog, plugin: &str) -> bool {
    catalog.connections.values().any(|connection| connection.plugin == plugin) || catalog.callers(plugin).next().is_some()
}

/// The target's nave.toml with what the source's says of the business.
fn business(source: &str, target: &str) -> Result<String, ApiError> {
    let parse = |text: &str| -> Result<DocumentMut, ApiError> {
        text.parse().map_err(|error: toml_edit::TomlError| ApiError::failed(format!("nave.toml: {}", error.message())))
    };
    let (source, mut target) = (parse(source)?, parse(target)?);
    for key in OF_THE_BUSINESS {
        let same = match (source.get(key), target.get(key)) {
            (Some(one), Some(other)) => one.to_string() == other.to_string(),
            (None, None) => true,
            _ => false,
        };
        if same {
            continue;
        }
        match source.get(key) {
            Some(item) => _ = target.insert(key, item.clone()),
            None => _ = target.remove(key),
        }
    }
    Ok(target.to_string())
}

/// Files of plugins that the target lacks. Another build of one that it has is an upgrade, which is looked at by itself.
fn plugins(from: &Environment, to: &Environment, notes: &mut Vec<String>) -> Result<Vec<(String, PathBuf)>, ApiError> {
    let (have, there) = (read_lock(&from.dir)?, read_lock(&to.dir)?);
    let place = read::place(&from.dir)?;
    let mut missing = Vec::new();
    for (name, locked) in have {
        let file = place.plugin(&locked.digest);
        match there.get(&name) {
            None => missing.push((name, file)),
            Some(other) if other.digest != locked.digest => notes.push(format!(
                "plugin `{name}`: {} runs {} and {} another build, {}: `nave --env {} plugin upgrade {}` compares them first",
                to.name,
                other.version,
                from.name,
                locked.version,
                to.name,
                file.display()
            )),
            Some(_) => {}
        }
    }
    Ok(missing)
}

/// The configuration of an environment, and whom it trusts, without data and plugins' files but those that it has.
fn copy(of: &Environment, files: &[SourceFile], to: &Path) -> Result<(), ApiError> {
    init(to, true, &of.name)?;
    for file in files {
        write::whole(&to.join(&file.path), file.text.as_bytes())?;
    }
    let here = read::place(&of.dir)?;
    if let Ok(bytes) = std::fs::read(of.dir.join(TRUST_FILE)) {
        write::whole(&to.join(TRUST_FILE), &bytes)?;
    }
    for (name, locked) in read_lock(&of.dir)? {
        for file in [here.plugin(&locked.digest), here.signature(&locked.digest)] {
            if let (Ok(bytes), Some(base)) = (std::fs::read(&file), file.file_name()) {
                write::whole(&to.join("plugins").join(base), &bytes)?;
            }
        }
        lock_plugin(to, &name, &locked)?;
    }
    // What connections offer is known from there.
    if let Ok(known) = std::fs::read_dir(of.dir.join("streams")) {
        for file in known.flatten() {
            if let Ok(bytes) = std::fs::read(file.path()) {
                write::whole(&to.join("streams").join(file.file_name()), &bytes)?;
            }
        }
    }
    Ok(())
}
