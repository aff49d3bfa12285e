//! Installed plugins: `plugins/<digest>.wasm`, pinned in `nave.lock`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nave_core::catalog::LockedPlugin;
use nave_core::limits::PLUGIN_SIZE_BYTES_MAX;
use nave_core::manifest::{Manifest, PluginKind};

use super::{PluginsError, digest, manifest_of, powers};
use crate::api::{InstalledAnswer, PluginLine, PowersView};
use crate::project::{self, ProjectError, place, read_lock};

/// How to install.
#[derive(Clone, Copy, Debug, Default)]
pub struct InstallOptions {
    /// Accepts an older serial than the one that is installed.
    pub rollback: bool,
}

/// Reads and checks a plugin's file: its bytes, its manifest, its digest. Runs nothing.
///
/// # Errors
/// [`PluginsError`] where it cannot be read, is too large, or is not a plugin.
pub fn inspect_file(file: &Path) -> Result<(Vec<u8>, Manifest, String), PluginsError> {
    let bytes = read_plain(file)?;
    let manifest = manifest_of(&bytes)?;
    let digest = digest(&bytes);
    Ok((bytes, manifest, digest))
}

/// A regular file, whole. Anything else is refused before a byte is read: a pipe would never end, a link leads elsewhere.
pub(crate) fn read_plain(file: &Path) -> Result<Vec<u8>, PluginsError> {
    let refuse = |code, what: &str| {
        let message = format!("{} {what}", file.display());
        PluginsError::Refused(nave_runtime::PluginError { code, message })
    };
    // A pipe is opened without waiting for its other end, and a link not at all.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let opened = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(file);
    let opened = opened.map_err(|error| match rustix::io::Errno::from_io_error(&error) {
        Some(rustix::io::Errno::LOOP) => refuse("plugin.not-a-file", "is a symbolic link; name the file that it leads to"),
        Some(rustix::io::Errno::NXIO) => refuse("plugin.not-a-file", "is not a regular file"),
        _ => ProjectError::io(file)(error).into(),
    })?;
    let about = opened.metadata().map_err(ProjectError::io(file))?;
    if !about.is_file() {
        return Err(refuse("plugin.not-a-file", "is not a regular file: a plugin is one .wasm file"));
    }
    let too_large =
        || refuse("plugin.too-large", &format!("is larger than {PLUGIN_SIZE_BYTES_MAX} bytes, the most that a plugin may have"));
    if about.len() > PLUGIN_SIZE_BYTES_MAX {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // It may grow while it is read.
    opened.take(PLUGIN_SIZE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(ProjectError::io(file))?;
    if bytes.len() as u64 > PLUGIN_SIZE_BYTES_MAX { Err(too_large()) } else { Ok(bytes) }
}

/// Copies a plugin in and pins it. Grants nothing: connections do that.
///
/// # Errors
/// [`PluginsError`] where it is not a plugin, or is older than the installed one.
pub fn install(dir: &Path, file: &Path, options: InstallOptions) -> Result<InstalledAnswer, PluginsError> {
    let place = place(dir)?;
    let (bytes, manifest, digest) = inspect_file(file)?;
    let locks = read_lock(dir)?;
    let before = locks.get(&manifest.name);
    if let Some(before) = before
        && before.serial > manifest.serial
        && !options.rollback
    {
        return Err(PluginsError::Rollback(format!(
            "{} {} (serial {}) is older than the installed {} (serial {})",
            manifest.name, manifest.version, manifest.serial, before.version, before.serial
        )));
    }
    let asked = powers::asked(&manifest);
    let mut notes = Vec::new();
    let (mut new_powers, mut pinned) = (Vec::new(), Vec::new());
    if let Some(before) = before.filter(|before| before.digest != digest) {
        if before.serial == manifest.serial {
            notes.push(format!(
                "{} {} has the serial {} of the installed one and other bytes: {}… in place of {}…; its author should raise the serial with every build",
                manifest.name,
                manifest.version,
                manifest.serial,
                short(&digest),
                short(&before.digest)
            ));
        }
        let old = inspect_file(&place.plugin(&before.digest)).ok().filter(|(_, _, digest)| *digest == before.digest);
        match old {
            Some((_, old, _)) => {
                // Before the new build is in force: what the connections may do is written down as it was.
                for file in project::pin_all(dir, &old)? {
                    notes.push(format!("{file} now says what was granted so far: another build does not change it"));
                    pinned.push(file);
                }
                let old = powers::asked(&old);
                new_powers = asked.iter().filter(|power| !old.contains(power)).cloned().collect();
            }
            None => refuse_unpinned(dir, &manifest.name)?,
        }
    }
    let target = place.plugin(&digest);
    if !target.is_file() {
        project::write_whole(&target, &bytes)?;
    }
    let source = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let locked = LockedPlugin {
        source,
        digest: digest.clone(),
        serial: manifest.serial,
        version: manifest.version.clone(),
        functions: if manifest.kind == PluginKind::Transform { manifest.functions.clone() } else { Vec::new() },
    };
    project::lock_plugin(dir, &manifest.name, &locked)?;
    let replaced = before.filter(|before| before.digest != digest).map(|before| before.version.clone());
    if let Some(before) = before
        && before.digest != digest
    {
        // The pin is what counts; a file that stays behind does no harm.
        let _ = std::fs::remove_file(place.plugin(&before.digest));
    }
    let plugin = line(&manifest.name, &locked, Some(&manifest), &users(dir)?);
    let not_granted = not_granted(dir, &plugin.connections, &manifest)?;
    Ok(InstalledAnswer { plugin, powers: asked, new_powers, replaced, not_granted, pinned, notes })
}

fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Where nobody can say any more what a connection was granted, a new build must not decide it.
fn refuse_unpinned(dir: &Path, plugin: &str) -> Result<(), PluginsError> {
    match project::unpinned(dir, plugin)?.as_slice() {
        [] => Ok(()),
        files => Err(PluginsError::Usage {
            message: format!(
                "the file of the installed `{plugin}` is missing or was changed, and {} grants whatever that asked for",
                files.join(", ")
            ),
            help: "write `allow` under each [grants.endpoints.…] and `endpoints` under each [credentials.…] there, then install again"
                .to_owned(),
        }),
    }
}

/// Per connection, what this manifest asks for and is not granted.
fn not_granted(dir: &Path, connections: &[String], manifest: &Manifest) -> Result<Vec<PowersView>, PluginsError> {
    let mut views = Vec::new();
    for name in connections {
        let text = project::text(&dir.join("connections").join(format!("{name}.toml")))?;
        let not_granted = powers::not_granted_in(name, &text, manifest);
        if !not_granted.is_empty() {
            views.push(PowersView { name: name.clone(), powers: powers::granted_in(&text, manifest), not_granted });
        }
    }
    Ok(views)
}

/// Installed plugins, by name.
///
/// # Errors
/// [`PluginsError`] where the project cannot be read.
pub fn list(dir: &Path) -> Result<Vec<PluginLine>, PluginsError> {
    let place = place(dir)?;
    let users = users(dir)?;
    let mut lines = Vec::new();
    for (name, locked) in read_lock(dir)? {
        let manifest = inspect_file(&place.plugin(&locked.digest))
            .ok()
            .filter(|(_, _, digest)| *digest == locked.digest)
            .map(|(_, manifest, _)| manifest);
        lines.push(line(&name, &locked, manifest.as_ref(), &users));
    }
    Ok(lines)
}

/// Takes a plugin out.
///
/// # Errors
/// [`PluginsError::Usage`] where it is not installed, or connections use it.
pub fn remove(dir: &Path, name: &str) -> Result<LockedPlugin, PluginsError> {
    let place = place(dir)?;
    let Some(locked) = read_lock(dir)?.remove(name) else {
        return Err(PluginsError::Usage {
            message: format!("no plugin `{name}` is installed"),
            help: "`nave plugin list` shows those that are".to_owned(),
        });
    };
    if let Some(users) = users(dir)?.get(name) {
        return Err(PluginsError::Usage {
            message: format!("`{name}` is used by {}", users.join(", ")),
            help: format!(
                "remove {} first",
                users.iter().map(|user| format!("connections/{user}.toml")).collect::<Vec<_>>().join(", ")
            ),
        });
    }
    project::unlock_plugin(dir, name)?;
    let file = place.plugin(&locked.digest);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ProjectError::io(&file)(error).into()),
        _ => Ok(locked),
    }
}

fn line(name: &str, locked: &LockedPlugin, manifest: Option<&Manifest>, users: &BTreeMap<String, Vec<String>>) -> PluginLine {
    PluginLine {
        name: name.to_owned(),
        version: locked.version.clone(),
        serial: locked.serial,
        kind: match manifest.map(|manifest| manifest.kind) {
            Some(PluginKind::Connector) => "connector".to_owned(),
            Some(PluginKind::Transform) => "transform".to_owned(),
            None => String::new(),
        },
        description: manifest.map(|manifest| manifest.description.clone()).unwrap_or_default(),
        digest: locked.digest.clone(),
        connections: users.get(name).cloned().unwrap_or_default(),
        present: manifest.is_some(),
    }
}

/// Plugin → connections that use it.
fn users(dir: &Path) -> Result<BTreeMap<String, Vec<String>>, PluginsError> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in project::sources(dir)? {
        let Some(name) = file.path.strip_prefix("connections/").and_then(|name| name.strip_suffix(".toml")) else { continue };
        if let Ok(table) = file.text.parse::<toml::Table>()
            && let Some(plugin) = table.get("plugin").and_then(toml::Value::as_str)
        {
            users.entry(plugin.to_owned()).or_default().push(name.to_owned());
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::ApiError;

    #[track_caller]
    fn check(file: &Path, expected: &str) {
        let refused = ApiError::from(inspect_file(file).unwrap_err());
        assert_eq!(refused.code, expected, "{}: {refused}", file.display());
    }

    /// Lines 1, 3 and 59: none of these is read to its end, and none is waited for.
    #[test]
    fn only_a_regular_file_of_the_right_size_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let file = |name: &str| dir.path().join(name);
        std::fs::write(file("text.wasm"), "this is a letter").unwrap();
        check(&file("text.wasm"), "plugin.not-wasm");
        std::os::unix::fs::symlink(file("text.wasm"), file("link.wasm")).unwrap();
        check(&file("link.wasm"), "plugin.not-a-file");
        let made = std::process::Command::new("mkfifo").arg(file("fifo.wasm")).status().unwrap();
        assert!(made.success());
        check(&file("fifo.wasm"), "plugin.not-a-file");
        check(dir.path(), "plugin.not-a-file");
        check(Path::new("/dev/zero"), "plugin.not-a-file");
        let _listening = std::os::unix::net::UnixListener::bind(file("socket.wasm")).unwrap();
        check(&file("socket.wasm"), "plugin.not-a-file");
        let large = std::fs::File::create(file("large.wasm")).unwrap();
        large.set_len(PLUGIN_SIZE_BYTES_MAX + 1).unwrap();
        check(&file("large.wasm"), "plugin.too-large");
    }
}
