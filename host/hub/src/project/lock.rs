//! `nave.lock`: every plugin that is installed, pinned by digest.

use std::collections::BTreeMap;
use std::path::Path;

use nave_core::catalog::LockedPlugin;
use toml_edit::{DocumentMut, Item, Table, value};

use super::{ProjectError, read, write};

const FILE: &str = "nave.lock";
const TABLE: &str = "plugins";
const HEADER: &str = "# Written by `nave plugin install`: every plugin, pinned by the SHA-256 of its file. Keep it under version control.\n\n";

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
    edit(dir, |plugins| {
        let mut table = Table::new();
        table["source"] = value(&plugin.source);
        table["digest"] = value(&plugin.digest);
        table["serial"] = value(i64::try_from(plugin.serial).unwrap_or(i64::MAX));
        table["version"] = value(&plugin.version);
        plugins.insert(name, Item::Table(table));
        plugins.sort_values();
    })
}

/// Takes a plugin's pin out.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read or written.
pub fn unlock_plugin(dir: &Path, name: &str) -> Result<(), ProjectError> {
    edit(dir, |plugins| {
        plugins.remove(name);
    })
}

fn edit(dir: &Path, change: impl FnOnce(&mut Table)) -> Result<(), ProjectError> {
    let path = dir.join(FILE);
    let text = if path.is_file() { read::text(&path)? } else { HEADER.to_owned() };
    let malformed = |message: String| ProjectError::Malformed { path: path.clone(), message };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| malformed(error.message().to_owned()))?;
    let plugins = document.entry(TABLE).or_insert_with(|| {
        let mut table = Table::new();
        table.set_implicit(true);
        Item::Table(table)
    });
    change(plugins.as_table_mut().ok_or_else(|| malformed(format!("`{TABLE}` is not a table")))?);
    write::whole(&path, document.to_string().as_bytes())
}
