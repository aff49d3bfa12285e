//! Installed plugins: `plugins/<digest>.wasm`, pinned in `nave.lock`.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use nave_core::catalog::LockedPlugin;
use nave_core::limits::PLUGIN_SIZE_BYTES_MAX;
use nave_core::manifest::{Manifest, PluginKind};
use nave_core::trust::{Distrust, not_older, short_key};
use nave_runtime::Inspection;

use super::{Judge, PluginsError, Vouched, beside, digest, is_address, manifest_of, powers, signature};
use crate::api::{ApiError, InstalledAnswer, PluginLine, PowersView};
use crate::project::{self, Place, ProjectError, place, read_lock};

/// How to install.
#[derive(Clone, Copy, Debug, Default)]
pub struct InstallOptions {
    /// Accepts an older serial than the highest that was ever accepted.
    pub rollback: bool,
    /// Accepts another author, or where there is none another place, than the installed one's.
    pub other_source: bool,
    /// Accepts another file from the same address: an upgrade, that was looked at.
    pub moved: bool,
    /// The highest serial that the store remembers.
    pub highest: Option<u64>,
}

/// A plugin that is offered for installation.
#[derive(Clone, Debug)]
pub struct Offer {
    /// The file.
    pub bytes: Vec<u8>,
    /// The signature that came with it.
    pub signature: Option<String>,
    /// Where it came from, as `nave.lock` has it: a file's name, or an address.
    pub source: String,
}

impl Offer {
    /// A file of this machine, with the signature beside it.
    ///
    /// # Errors
    /// [`PluginsError`] where it cannot be read.
    pub fn file(file: &Path) -> Result<Self, PluginsError> {
        let source = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let bytes = read_plain(file)?;
        beside::same(file, &bytes)?;
        Ok(Self { bytes, signature: signature::read_beside(file)?, source })
    }
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

/// Copies a plugin's file in and pins it. Grants nothing: connections do that.
///
/// # Errors
/// As [`install_offer`].
pub fn install(dir: &Path, file: &Path, options: InstallOptions) -> Result<InstalledAnswer, PluginsError> {
    install_offer(dir, &Offer::file(file)?, options)
}

/// Copies a plugin in and pins it, where somebody vouches for it or the project needs nobody to. Grants nothing.
///
/// # Errors
/// [`PluginsError`] where it is not a plugin, is not trusted, or is older than what was installed.
pub fn install_offer(dir: &Path, offer: &Offer, options: InstallOptions) -> Result<InstalledAnswer, PluginsError> {
    let place = place(dir)?;
    let found = nave_runtime::inspect(&offer.bytes)?;
    let (manifest, digest) = (&found.manifest, found.digest.to_string());
    let vouched = Judge::of(dir).judge(&found, offer.signature.as_deref(), jiff::Timestamp::now())?;
    let locks = read_lock(dir)?;
    let before = locks.get(&manifest.name);
    if before.is_none_or(|before| before.digest != digest) {
        nave_runtime::check_powers(manifest)?;
    }
    let highest = options.highest.max(before.map(|before| before.serial));
    if !options.rollback {
        not_older(&manifest.name, &manifest.version, manifest.serial, highest)?;
    }
    if let Some(before) = before {
        same_author(&manifest.name, before, offer, &digest, &vouched, options)?;
        not_held(&manifest.name, before, &digest, options)?;
    }
    let asked = powers::asked(manifest);
    let mut notes = Vec::from_iter(unvouched(&vouched));
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
        project::write_whole(&target, &offer.bytes)?;
    }
    let beside = place.signature(&digest);
    match &offer.signature {
        Some(text) => project::write_whole(&beside, text.as_bytes())?,
        None => _ = std::fs::remove_file(&beside),
    }
    let locked = LockedPlugin {
        source: offer.source.clone(),
        digest: digest.clone(),
        serial: manifest.serial,
        version: manifest.version.clone(),
        key: vouched.key().map(str::to_owned),
        functions: if manifest.kind == PluginKind::Transform { manifest.functions.clone() } else { Vec::new() },
        held: None,
    };
    project::lock_plugin(dir, &manifest.name, &locked)?;
    let replaced = before.filter(|before| before.digest != digest).map(|before| before.version.clone());
    if let Some(before) = before
        && before.digest != digest
    {
        // The pin is what counts; a file that stays behind does no harm.
        forget(&place, &before.digest);
    }
    if let Some(held) = before.and_then(|before| before.held.as_ref()).filter(|held| held.digest != digest) {
        forget(&place, &held.digest);
    }
    let flows = callers(dir, &manifest.name);
    if before.is_some_and(|before| before.digest != digest) && !flows.is_empty() {
        notes.push(format!(
            "what is stored is read anew by this build when its flows run next: {}; what such a flow writes waits until that is agreed to: `nave plan`, `nave apply`",
            flows.join(", ")
        ));
    }
    let plugin = line(&manifest.name, &locked, Some(&found), &users(dir), flows);
    let not_granted = not_granted(dir, &plugin.connections, manifest)?;
    let signed_by = match vouched {
        Vouched::By { key, owner } if owner.is_empty() => Some(key),
        Vouched::By { owner, .. } => Some(owner),
        Vouched::Nobody(_) => None,
    };
    Ok(InstalledAnswer { plugin, powers: asked, new_powers, replaced, not_granted, pinned, notes, signed_by })
}

/// What waits for somebody's agreement is not put in force by installing it.
fn not_held(name: &str, before: &LockedPlugin, digest: &str, options: InstallOptions) -> Result<(), PluginsError> {
    match &before.held {
        Some(held) if held.digest == digest && !options.moved => Err(PluginsError::Usage {
            message: format!("this build of `{name}` ({}, {}…) waits for somebody to agree to it", held.version, short(digest)),
            help: format!(
                "`nave plugin upgrade {name} --check` shows what it changes; `nave plugin upgrade {name} --approve` puts it in force"
            ),
        }),
        _ => Ok(()),
    }
}

/// A build's files that are not pinned any more.
pub(super) fn forget(place: &Place, digest: &str) {
    let _ = std::fs::remove_file(place.plugin(digest));
    let _ = std::fs::remove_file(place.signature(digest));
}

/// What is said of a file that nobody vouches for and that is accepted all the same.
fn unvouched(vouched: &Vouched) -> Option<String> {
    match vouched {
        Vouched::By { .. } => None,
        Vouched::Nobody(why) => Some(format!("{}; this project accepts that, a production environment would not", why.message)),
    }
}

/// A plugin is who signed it; one that nobody signed is where it came from. Neither changes without being told so.
pub(super) fn same_author(
    name: &str,
    before: &LockedPlugin,
    offer: &Offer,
    digest: &str,
    vouched: &Vouched,
    options: InstallOptions,
) -> Result<(), PluginsError> {
    if offer.source == before.source && is_address(&before.source) && before.digest != digest && !options.moved {
        let message = format!(
            "{} now gives another file ({}…) than the one that nave.lock pins ({}…)",
            offer.source,
            short(digest),
            short(&before.digest)
        );
        return Err(Distrust::new("plugin.moved", message).into());
    }
    let other = match (&before.key, vouched.key()) {
        (Some(old), Some(new)) if old == new => None,
        (Some(old), Some(new)) => {
            Some(format!("the installed {name} is signed with {}, and this one with {}", short_key(old), short_key(new)))
        }
        (Some(old), None) => Some(format!("the installed {name} is signed with {}, and this one is not", short_key(old))),
        (None, Some(_)) => None,
        (None, None) if origin_of(&before.source) == origin_of(&offer.source) => None,
        (None, None) => Some(format!("the installed {name} is from {}, and this one is from {}", before.source, offer.source)),
    };
    match other {
        Some(message) if !options.other_source => Err(Distrust::new("plugin.other-source", message).into()),
        _ => Ok(()),
    }
}

/// What stays the same from one version to the next: a registry's repository, a server's name; of files nothing.
fn origin_of(source: &str) -> &str {
    match source.split_once("://") {
        None => "",
        Some(("oci", rest)) => {
            let bare = rest.split('@').next().unwrap_or(rest);
            let tag = bare.rfind(':').filter(|at| bare.rfind('/').is_some_and(|slash| slash < *at));
            tag.map_or(bare, |at| &bare[..at])
        }
        Some((_, rest)) => rest.split('/').next().unwrap_or(rest),
    }
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
            views.push(PowersView {
                pending: false,
                name: name.clone(),
                powers: powers::granted_in(&text, manifest),
                not_granted,
                uses: Vec::new(),
            });
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
    let users = users(dir);
    let mut lines = Vec::new();
    for (name, locked) in read_lock(dir)? {
        let found = read_plain(&place.plugin(&locked.digest)).ok().and_then(|bytes| nave_runtime::inspect(&bytes).ok());
        let found = found.filter(|found| found.digest.to_string() == locked.digest);
        lines.push(line(&name, &locked, found.as_ref(), &users, callers(dir, &name)));
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
    if let Some(users) = users(dir).get(name) {
        return Err(PluginsError::Usage {
            message: format!("`{name}` is used by {}", users.join(", ")),
            help: format!(
                "remove {} first",
                users.iter().map(|user| format!("connections/{user}.toml")).collect::<Vec<_>>().join(", ")
            ),
        });
    }
    let flows = callers(dir, name);
    if !flows.is_empty() {
        let flows: Vec<String> = flows.iter().map(|flow| format!("mappings/{flow}.toml")).collect();
        return Err(PluginsError::Usage {
            message: format!("functions of `{name}` are called by {}", flows.join(", ")),
            help: "take the calls out of these mappings first, or the whole configuration would be refused".to_owned(),
        });
    }
    project::unlock_plugin(dir, name)?;
    let _ = std::fs::remove_file(place.signature(&locked.digest));
    if let Some(held) = &locked.held {
        forget(&place, &held.digest);
    }
    let file = place.plugin(&locked.digest);
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(ProjectError::io(&file)(error).into()),
        _ => Ok(locked),
    }
}

/// Mappings that call a transform, as far as they are in order; what is not runs nowhere, and there it breaks nothing more.
fn callers(dir: &Path, name: &str) -> Vec<String> {
    let Ok(catalog) = project::load_leniently(dir) else { return Vec::new() };
    catalog.callers(name).map(|mapping| mapping.name.clone()).collect()
}

/// Whether something works through an installed plugin: a connection, or a mapping that calls it. True also where a file that has
/// errors names it, or does not even say what it uses.
///
/// # Errors
/// [`ApiError`] where it is no project.
pub(super) fn is_used(dir: &Path, name: &str, locked: &LockedPlugin) -> Result<bool, ApiError> {
    let catalog = project::load_leniently(dir)?;
    if users(dir).contains_key(name) || catalog.callers(name).next().is_some() {
        return Ok(true);
    }
    if locked.functions.is_empty() {
        return Ok(!unclear(dir).is_empty());
    }
    Ok(!unclear_callers(dir, locked)?.is_empty())
}

/// Files of mappings that are not in order and name a function of a transform.
///
/// # Errors
/// [`ApiError`] where one cannot be read at all.
pub(super) fn unclear_callers(dir: &Path, locked: &LockedPlugin) -> Result<Vec<String>, ApiError> {
    let catalog = project::load_leniently(dir)?;
    let names = |text: &str| {
        let mut words = text.split(|c: char| !(c.is_alphanumeric() || c == '_'));
        words.any(|word| locked.functions.iter().any(|function| function.name == word))
    };
    let broken = |path: &str| {
        path.strip_prefix("mappings/")
            .and_then(|file| file.strip_suffix(".toml"))
            .is_some_and(|file| !catalog.mappings.contains_key(file))
    };
    let (files, unreadable) = project::readable(dir);
    // A name stays one in a file that is no text; one that cannot even be read may have any.
    let may_name = |path: &str| std::fs::read(dir.join(path)).map_or(true, |bytes| names(&String::from_utf8_lossy(&bytes)));
    let named = files.into_iter().filter(|file| broken(&file.path) && names(&file.text)).map(|file| file.path);
    let unreadable = unreadable.into_iter().map(|file| file.path).filter(|path| broken(path) && may_name(path));
    Ok(named.chain(unreadable).collect())
}

/// Files of connections of which nobody can say which plugin they use, each with why.
pub(super) fn unclear(dir: &Path) -> Vec<(String, String)> {
    let (files, unreadable) = project::readable(dir);
    let no_toml = files.into_iter().filter_map(|file| {
        let error = file.text.parse::<toml::Table>().err()?;
        Some((file.path, error.message().to_owned()))
    });
    let all = no_toml.chain(unreadable.into_iter().map(|file| (file.path, file.why)));
    all.filter(|(path, _)| path.starts_with("connections/")).collect()
}

fn line(
    name: &str,
    locked: &LockedPlugin,
    found: Option<&Inspection>,
    users: &BTreeMap<String, Vec<String>>,
    flows: Vec<String>,
) -> PluginLine {
    let manifest = found.map(|found| &found.manifest);
    PluginLine {
        name: name.to_owned(),
        version: locked.version.clone(),
        serial: locked.serial,
        kind: match manifest.map(|manifest| manifest.kind) {
            Some(PluginKind::Connector) => "connector".to_owned(),
            Some(PluginKind::Transform) => "transform".to_owned(),
            None => String::new(),
        },
        contract: found.map(|found| found.abi_version.to_string()).unwrap_or_default(),
        description: manifest.map(|manifest| manifest.description.clone()).unwrap_or_default(),
        digest: locked.digest.clone(),
        source: locked.source.clone(),
        key: locked.key.clone(),
        held: locked.held.as_ref().map(|held| held.version.clone()),
        connections: users.get(name).cloned().unwrap_or_default(),
        flows,
        present: manifest.is_some(),
    }
}

/// Plugin → connections that use it, as far as their files say so: [`unclear`] has the others.
pub(super) fn users(dir: &Path) -> BTreeMap<String, Vec<String>> {
    let mut users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in project::readable(dir).0 {
        let Some(name) = file.path.strip_prefix("connections/").and_then(|name| name.strip_suffix(".toml")) else { continue };
        if let Ok(table) = file.text.parse::<toml::Table>()
            && let Some(plugin) = table.get("plugin").and_then(toml::Value::as_str)
        {
            users.entry(plugin.to_owned()).or_default().push(name.to_owned());
        }
    }
    users
}

#[cfg(test)]
mod tests {
    use super::*;

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

    /// Line 60.
    #[test]
    fn a_source_is_the_same_by_its_registry_and_repository() {
        for (one, other, same) in [
            ("desk.wasm", "other.wasm", true),
            ("desk.wasm", "oci://a.example/desk:1", false),
            ("oci://a.example/desk:1", "oci://a.example/desk:2", true),
            ("oci://a.example/desk:1", "oci://a.example/desk@sha256:00", true),
            ("oci://a.example:5000/desk:1", "oci://a.example:5000/desk", true),
            ("oci://a.example:5000/desk", "oci://a.example/desk", false),
            ("oci://a.example/desk:1", "oci://b.example/desk:1", false),
            ("oci://a.example/x/desk:1", "oci://a.example/y/desk:1", false),
            ("https://a.example/1/desk.wasm", "https://a.example/2/desk.wasm", true),
            ("https://a.example/desk.wasm", "https://b.example/desk.wasm", false),
        ] {
            assert_eq!(origin_of(one) == origin_of(other), same, "{one} {other}");
        }
    }
}
