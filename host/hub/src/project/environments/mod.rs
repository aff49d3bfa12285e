//! Environments of a project: one in the project's own directory, and one in each folder of `environments/`.
//!
//! Each is a project of its own, with its configuration, hosts, secrets and data; nothing but the executable is shared. What is
//! tried in one is carried to another as configuration, by [`promote`], and data never is.

mod apart;
mod make;
mod promote;
mod secrets;
#[cfg(test)]
mod tests;
mod waiting;

use std::path::{Path, PathBuf};

use nave_core::catalog::is_production;
use serde::Serialize;

use super::{ProjectError, read, write};
use crate::api::ApiError;

pub(super) use apart::faults;
pub use make::make;
pub use promote::{Promotion, promote};
pub(crate) use secrets::{mark, mark_too, refuse_others, refuse_productions};

/// What a project is for where nobody says: trying things out comes before people work in it.
pub const FIRST: &str = "staging";
/// Folder with the environments beside the project's own.
const FOLDER: &str = "environments";
/// File that says which one commands are about; of this working copy alone, so it is not kept under version control.
const USED: &str = ".environment";

/// One environment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Environment {
    /// As its nave.toml calls it.
    pub name: String,
    /// Its directory.
    pub dir: PathBuf,
    /// People work in it: nothing is tried out there.
    pub production: bool,
}

/// The project's own directory, from that of any of its environments.
pub fn root(dir: &Path) -> PathBuf {
    let dir = std::path::absolute(dir).map_or_else(|_| dir.to_owned(), |dir| dir.components().collect());
    let above = dir.parent().filter(|folder| folder.file_name().is_some_and(|name| name == FOLDER)).and_then(Path::parent);
    match above.filter(|above| above.join("nave.toml").is_file()) {
        Some(above) => above.to_owned(),
        None => dir,
    }
}

/// All of a project's environments: its own, then the others by their folders' names.
///
/// # Errors
/// [`ProjectError`] where the folder cannot be read.
pub fn all(dir: &Path) -> Result<Vec<Environment>, ProjectError> {
    let root = root(dir);
    let folder = root.join(FOLDER);
    let mut dirs = Vec::new();
    if folder.is_dir() {
        for entry in std::fs::read_dir(&folder).map_err(ProjectError::io(&folder))? {
            dirs.push(entry.map_err(ProjectError::io(&folder))?.path());
        }
    }
    dirs.sort();
    dirs.insert(0, root);
    dirs.retain(|dir| dir.join("nave.toml").is_file());
    Ok(dirs.into_iter().map(at).collect())
}

/// The environment in a directory.
fn at(dir: PathBuf) -> Environment {
    let name = read::environment(&dir).unwrap_or_else(|| nave_core::catalog::Hub::default().environment);
    Environment { production: is_production(&name), name, dir }
}

/// The environment of this name.
///
/// # Errors
/// [`ApiError`] where there is none, or two are called so.
pub fn named(dir: &Path, name: &str) -> Result<Environment, ApiError> {
    let all = all(dir)?;
    let mut found = all.iter().filter(|environment| environment.name == name);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one.clone()),
        (Some(one), Some(other)) => Err(ApiError::failed(format!(
            "two environments are called `{name}`: {} and {}",
            one.dir.display(),
            other.dir.display()
        ))
        .help("give each its own name: `environment` in nave.toml")),
        (None, _) => {
            let known: Vec<&str> = all.iter().map(|environment| environment.name.as_str()).collect();
            Err(ApiError::not_found(format!("there is no environment `{name}`"))
                .help(format!("there are: {}; `nave env new {name}` makes it", known.join(", "))))
        }
    }
}

/// The directory that a command given for `dir` is about: the environment that is asked for, else the one in use. Where there is no
/// project there are none: commands that need one say so, and others go on with `NAVE_ENV` set for another place.
///
/// # Errors
/// [`ApiError`] where that one is not there.
pub fn resolve(dir: &Path, wanted: Option<&str>) -> Result<PathBuf, ApiError> {
    if !dir.join("nave.toml").is_file() {
        return Ok(dir.to_owned());
    }
    if let Some(name) = wanted {
        return named(dir, name).map(|environment| environment.dir);
    }
    match used(dir) {
        Some(name) => named(dir, &name).map(|environment| environment.dir),
        None => Ok(dir.to_owned()),
    }
}

/// What `nave env use` said last; none where nothing was said, or where `dir` names an environment by itself.
fn used(dir: &Path) -> Option<String> {
    let text = read::text(&dir.join(USED)).ok()?;
    Some(text.trim().to_owned()).filter(|name| !name.is_empty())
}

/// The environment that commands given for this directory are about.
///
/// # Errors
/// As [`resolve`].
pub fn current(dir: &Path) -> Result<Environment, ApiError> {
    resolve(dir, None).map(at)
}

/// From now on, in this working copy, commands are about this environment.
///
/// # Errors
/// [`ApiError`] where there is none of that name, or nothing can be written.
pub fn take_up(dir: &Path, name: &str) -> Result<Environment, ApiError> {
    let environment = named(dir, name)?;
    let root = root(dir);
    super::init::ignore(&root, &format!("/{USED}"), "# which environment commands are about, here")?;
    write::whole(&root.join(USED), format!("{name}\n").as_bytes())?;
    Ok(environment)
}

/// A top-level text of a TOML file.
fn word(text: &str, key: &str) -> Option<String> {
    text.parse::<toml::Table>().ok()?.get(key)?.as_str().map(str::to_owned)
}
