//! `nave.lock`: every plugin that is installed, pinned by digest; and the numbers of what was agreed to.
//!
//! Written anew each time, in one order, so that two people's files differ only where they mean different things. Comments
//! that people wrote stay with the line that they stand above.

use std::collections::BTreeMap;
use std::path::Path;

use nave_core::catalog::{LockedPlugin, Numbers, lock_text};

use super::{ProjectError, read, write};

const FILE: &str = "nave.lock";

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Lock {
    plugins: BTreeMap<String, LockedPlugin>,
    numbers: Numbers,
}

fn stored(dir: &Path) -> Result<(Lock, String), ProjectError> {
    let path = dir.join(FILE);
    if !path.is_file() {
        return Ok((Lock::default(), String::new()));
    }
    let text = read::text(&path)?;
    let lock = toml::from_str(&text).map_err(|error| ProjectError::Malformed { path, message: error.message().to_owned() })?;
    Ok((lock, text))
}

/// Installed plugins by name. Nothing where there is no lock yet.
///
/// # Errors
/// [`ProjectError`] where the file is not what was written.
pub fn read_lock(dir: &Path) -> Result<BTreeMap<String, LockedPlugin>, ProjectError> {
    Ok(stored(dir)?.0.plugins)
}

/// Pins a plugin, replacing what was pinned under its name.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read or written.
pub fn lock_plugin(dir: &Path, name: &str, plugin: &LockedPlugin) -> Result<(), ProjectError> {
    edit(dir, |lock| _ = lock.plugins.insert(name.to_owned(), plugin.clone()))
}

/// Takes a plugin's pin out.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read or written.
pub fn unlock_plugin(dir: &Path, name: &str) -> Result<(), ProjectError> {
    edit(dir, |lock| _ = lock.plugins.remove(name))
}

/// Writes the numbers.
///
/// # Errors
/// [`ProjectError`] where the file cannot be read or written.
pub fn lock_numbers(dir: &Path, numbers: &Numbers) -> Result<(), ProjectError> {
    edit(dir, |lock| lock.numbers = numbers.clone())
}

fn edit(dir: &Path, change: impl FnOnce(&mut Lock)) -> Result<(), ProjectError> {
    let (mut lock, before) = stored(dir)?;
    change(&mut lock);
    let text = with_comments(&before, &lock_text(&lock.plugins, &lock.numbers));
    write::whole(&dir.join(FILE), text.as_bytes())
}

/// The new text with the comments of the old one: each above the line that it stood above, or behind the value that it stood
/// behind; those at the end at the end. A comment about a line that is gone goes with it.
fn with_comments(before: &str, text: &str) -> String {
    let own: Vec<&str> = text.lines().filter(|line| line.starts_with('#')).collect();
    let mut above: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
    let mut behind: BTreeMap<(String, String), &str> = BTreeMap::new();
    let mut waiting = Vec::new();
    let mut section = String::new();
    for line in before.lines().map(str::trim).filter(|line| !line.is_empty() && !own.contains(line)) {
        if line.starts_with('#') {
            waiting.push(line);
            continue;
        }
        let place = place(&mut section, line);
        if let Some(at) = comment(line) {
            behind.insert(place.clone(), &line[at..]);
        }
        above.entry(place).or_default().append(&mut waiting);
    }
    let mut out = String::with_capacity(before.len().max(text.len()));
    let mut section = String::new();
    for line in text.lines() {
        let place = (!line.is_empty() && !line.starts_with('#')).then(|| place(&mut section, line));
        for comment in place.iter().filter_map(|place| above.get(place)).flatten() {
            out.push_str(comment);
            out.push('\n');
        }
        out.push_str(line);
        if let Some(comment) = place.and_then(|place| behind.get(&place).copied()) {
            out.push_str("  ");
            out.push_str(comment);
        }
        out.push('\n');
    }
    for comment in waiting {
        out.push_str(comment);
        out.push('\n');
    }
    out
}

/// Section and key of a line. A section's own line has no key.
fn place(section: &mut String, line: &str) -> (String, String) {
    let line = comment(line).map_or(line, |at| line[..at].trim_end());
    if line.starts_with('[') {
        *section = line.to_owned();
        return (section.clone(), String::new());
    }
    // Names have no equals sign: the catalog sees to that.
    (section.clone(), line.split('=').next().unwrap_or_default().trim().to_owned())
}

/// Where a comment behind a value begins: at the first `#` before which the line is whole.
fn comment(line: &str) -> Option<usize> {
    line.match_indices('#').map(|(at, _)| at).find(|at| line[..*at].parse::<toml::Table>().is_ok())
}
