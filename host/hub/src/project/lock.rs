//! `nave.lock`: every plugin that is installed, pinned by digest.

use std::collections::BTreeMap;
use std::path::Path;

use nave_core::catalog::{LockedPlugin, lock_text};

use super::{ProjectError, read, write};

const FILE: &str = "nave.lock";
/// Installed plugins by name. Nothing where there is no lock yet.
///
/// # Errors
/// [`ProjectError`] where the file is not what was written.
pub fn read_lock(dir: &Path) -> Result<BTreeMap<String, LockedPlugin>, ProjectError> {
    #[derive(serde::Deserialize)]
    struct Lock {
        #[serde(default)]
        plugins: BTreeMap<String, LockedPlugin>,
    }
    let path = dir.join(FILE);
    if !path.is_file() {
        return Ok(BTreeMap::new());
    }
    let lock: Lock = toml::from_str(&read::text(&path)?)
        .map_err(|error| ProjectError::Malformed { path, message: error.message().to_owned() })?;
    Ok(lock.plugins)
}

/// Pins a plugin, replacing what was pinned under its name.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read or written.
pub fn lock_plugin(dir: &Path, name: &str, plugin: &LockedPlugin) -> Result<(), ProjectError> {
    edit(dir, |plugins| _ = plugins.insert(name.to_owned(), plugin.clone()))
}

/// Takes a plugin's pin out.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read or written.
pub fn unlock_plugin(dir: &Path, name: &str) -> Result<(), ProjectError> {
    edit(dir, |plugins| _ = plugins.remove(name))
}

fn edit(dir: &Path, change: impl FnOnce(&mut BTreeMap<String, LockedPlugin>)) -> Result<(), ProjectError> {
    let mut plugins = read_lock(dir)?;
    change(&mut plugins);
    write::whole(&dir.join(FILE), lock_text(&plugins).as_bytes())
}
