//! What lies where, and the texts that the catalog is checked from.

use std::fs;
use std::path::{Path, PathBuf};

use nave_core::catalog::{ANCHOR, SourceFile, allows_unsigned as allows};
use nave_core::limits::CONFIG_FILE_BYTES_MAX;

use super::ProjectError;

/// Folders whose `.toml` files are configuration.
const FOLDERS: [&str; 4] = ["entities", "lookups", "connections", "mappings"];
/// Files of the directory itself.
const FILES: [&str; 3] = ["nave.toml", "systems.toml", "nave.lock"];

/// Where a project keeps its things, known before its configuration is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The project's directory.
    pub dir: PathBuf,
    /// Its data folder.
    pub data: PathBuf,
    /// The file of the audit's anchors.
    pub anchor: PathBuf,
}

impl Place {
    /// The local socket of a hub that serves this project.
    pub fn socket(&self) -> PathBuf {
        self.data.join("nave.sock")
    }

    /// The store's file.
    pub fn store(&self) -> PathBuf {
        self.data.join("nave.redb")
    }

    /// An installed plugin's file.
    pub fn plugin(&self, digest: &str) -> PathBuf {
        self.dir.join("plugins").join(format!("{digest}.wasm"))
    }

    /// The signature that an installed plugin came with.
    pub fn signature(&self, digest: &str) -> PathBuf {
        self.dir.join("plugins").join(format!("{digest}.wasm.sig"))
    }
}

/// The way to the network that nave.toml names now, as entries of what a secret is given for. A file that cannot be read
/// is left out: no hub starts with it.
pub(crate) fn way(dir: &Path, hub: &nave_core::catalog::Hub) -> std::collections::BTreeSet<String> {
    let authorities = hub.ca_file.as_ref().and_then(|file| std::fs::read(dir.join(file)).ok());
    crate::egress::way(hub.proxy.as_deref(), authorities.as_deref())
}

/// As [`way`], as far as `nave.toml` can be read.
pub(crate) fn way_of(dir: &Path) -> std::collections::BTreeSet<String> {
    let (proxy, ca_file) = network(dir);
    let authorities = ca_file.and_then(|file| std::fs::read(dir.join(file)).ok());
    crate::egress::way(proxy.as_deref(), authorities.as_deref())
}

/// Proxy and file with authorities, as far as `nave.toml` can be read.
pub(crate) fn network(dir: &Path) -> (Option<String>, Option<String>) {
    let table = text(&dir.join("nave.toml")).ok().and_then(|text| text.parse::<toml::Table>().ok()).unwrap_or_default();
    let word = |key: &str| table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    (word("proxy"), word("ca-file"))
}

/// Finds the data folder of a project.
///
/// # Errors
/// [`ProjectError::NotAProject`] without `nave.toml`. A `nave.toml` that is not TOML gets the default folder here; the
/// catalog's check says what is wrong with it.
pub fn place(dir: &Path) -> Result<Place, ProjectError> {
    let file = dir.join("nave.toml");
    if !file.is_file() {
        return Err(ProjectError::NotAProject(dir.to_owned()));
    }
    let text = text(&file)?;
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let named = |key: &str, otherwise: &str| dir.join(table.get(key).and_then(toml::Value::as_str).unwrap_or(otherwise));
    Ok(Place { dir: dir.to_owned(), data: named("data", "data"), anchor: named("audit-anchor", ANCHOR) })
}

/// All configuration texts, in a stable order.
///
/// # Errors
/// [`ProjectError`] where one cannot be read, is too large or is not UTF-8.
pub fn sources(dir: &Path) -> Result<Vec<SourceFile>, ProjectError> {
    place(dir)?;
    let mut files = Vec::new();
    for name in FILES {
        let path = dir.join(name);
        if path.is_file() {
            files.push(SourceFile { path: name.to_owned(), text: text(&path)? });
        }
    }
    for folder in FOLDERS {
        let path = dir.join(folder);
        if !path.is_dir() {
            continue;
        }
        let mut names = Vec::new();
        for entry in fs::read_dir(&path).map_err(ProjectError::io(&path))? {
            let entry = entry.map_err(ProjectError::io(&path))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Editors leave hidden and half-written files beside the real ones.
            if name.ends_with(".toml") && !name.starts_with('.') {
                names.push(name);
            }
        }
        names.sort();
        for name in names {
            files.push(SourceFile { path: format!("{folder}/{name}"), text: text(&path.join(&name))? });
        }
    }
    Ok(files)
}

/// As [`sources`], as far as the files can be read; of those that cannot be, which and why.
pub(crate) fn readable(dir: &Path) -> (Vec<SourceFile>, Vec<Unreadable>) {
    let (mut files, mut unreadable) = (Vec::new(), Vec::new());
    let mut take = |path: String| match text(&dir.join(&path)) {
        Ok(text) => files.push(SourceFile { path, text }),
        Err(error) => unreadable.push(Unreadable { path, why: error.to_string() }),
    };
    FILES.iter().filter(|name| dir.join(name).is_file()).for_each(|name| take((*name).to_owned()));
    for folder in FOLDERS {
        let entries = fs::read_dir(dir.join(folder)).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.ends_with(".toml") && !name.starts_with('.')).collect();
        names.sort();
        names.into_iter().for_each(|name| take(format!("{folder}/{name}")));
    }
    (files, unreadable)
}

/// A file of the configuration that cannot be read as text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// Relative to the project.
    pub(crate) path: String,
    /// With the file's name.
    pub(crate) why: String,
}

/// A text file within the bound of configuration files.
pub(crate) fn text(path: &Path) -> Result<String, ProjectError> {
    let size = fs::metadata(path).map_err(ProjectError::io(path))?.len();
    if size > CONFIG_FILE_BYTES_MAX {
        return Err(ProjectError::TooLarge { path: path.to_owned(), size, max: CONFIG_FILE_BYTES_MAX });
    }
    let bytes = fs::read(path).map_err(ProjectError::io(path))?;
    String::from_utf8(bytes).map_err(|error| ProjectError::Malformed {
        path: path.to_owned(),
        message: format!("it is not UTF-8 from byte {}; save it as UTF-8", error.utf8_error().valid_up_to()),
    })
}

/// The environment that `nave.toml` names, as far as that can be read.
pub fn environment(dir: &Path) -> Option<String> {
    let table = text(&dir.join("nave.toml")).ok()?.parse::<toml::Table>().ok()?;
    table.get("environment")?.as_str().map(str::to_owned)
}

/// Whether plugins that nobody vouches for are accepted, as far as `nave.toml` can be read; otherwise they are not.
pub(crate) fn allows_unsigned(dir: &Path) -> bool {
    let Some(table) = text(&dir.join("nave.toml")).ok().and_then(|text| text.parse::<toml::Table>().ok()) else { return false };
    let environment = table.get("environment").and_then(toml::Value::as_str);
    let word = table.get("plugins").and_then(|plugins| plugins.get("unsigned")).map(|word| word.as_str().unwrap_or_default());
    allows(environment, word)
}
