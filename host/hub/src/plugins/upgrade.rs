//! Another build of an installed plugin: compared with the one that runs, put in force, or held until somebody agrees.
//!
//! Held is what asks for more or declares something else, what reads or writes something else when recorded traffic is played through
//! both, and a plugin that connections write through and of whose traffic nothing was recorded. While it is held the old build runs.

use std::path::Path;

use nave_core::catalog::{Connection, HeldPlugin, LockedPlugin};
use nave_core::manifest::{CredentialKind, Manifest, PluginKind};
use nave_core::trust::Distrust;
use nave_runtime::{Engine, Inspection, Plugin};
use nave_store::KeyedRow;

use super::install::{forget, is_used, same_author, unclear};
use super::obtain::{Line, Parts, offer};
use super::record::{self, Part, differences, play};
use super::{
    InstallOptions, Judge, Offer, PluginsError, inspect_file, install_offer, is_address, powers, results, serials, signature,
};
use crate::api::{ApiError, BuildLine, FetchReach, UpgradeAnswer, UpgradeHow};
use crate::project::{self, place, read_lock};
use crate::workers::off_the_workers;

/// What to upgrade to, and how.
pub(crate) struct Upgrade<'a> {
    pub(crate) target: &'a str,
    pub(crate) how: UpgradeHow,
    pub(crate) options: InstallOptions,
    pub(crate) reach: &'a FetchReach,
}

/// What it came to: the answer, more audit lines, rows for the store.
pub(crate) struct Upgraded {
    pub(crate) answer: UpgradeAnswer,
    pub(crate) lines: Vec<Line>,
    pub(crate) rows: Vec<KeyedRow>,
}

/// Compares, then does what is asked.
///
/// # Errors
/// [`ApiError`] where the plugin is not installed, the other build cannot be had, or is not trusted.
pub(crate) async fn upgrade(dir: &Path, upgrade: &Upgrade<'_>, parts: &Parts) -> Result<Upgraded, ApiError> {
    let place = place(dir)?;
    let locks = read_lock(dir)?;
    let named = locks.get(upgrade.target);
    if let (Some(locked), UpgradeHow::Decline) = (named, upgrade.how) {
        return decline(dir, upgrade.target, locked);
    }
    let held = named.and_then(|locked| locked.held.as_ref());
    let (offer, mut lines) = match (named, held) {
        (Some(_), Some(held)) => (from_held(&place.plugin(&held.digest), held)?, Vec::new()),
        (Some(locked), None) if is_address(&locked.source) => offer(dir, &locked.source, upgrade.reach, parts).await?,
        (Some(locked), None) => {
            let message =
                format!("`{}` was installed from the file {}, and no other build of it waits", upgrade.target, locked.source);
            return Err(ApiError::usage(message).help("name the new file: `nave plugin upgrade FILE.wasm`"));
        }
        (None, _) => offer(dir, upgrade.target, upgrade.reach, parts).await?,
    };
    let found = nave_runtime::inspect(&offer.bytes).map_err(PluginsError::from)?;
    let (name, digest) = (found.manifest.name.clone(), found.digest.to_string());
    let Some(locked) = locks.get(&name) else {
        return Err(ApiError::not_found(format!("`{name}` is not installed, so there is nothing to compare with"))
            .help("`nave plugin install SOURCE`"));
    };
    // Who vouches for it is asked before anything of it runs.
    Judge::of(dir).judge(&found, offer.signature.as_deref(), jiff::Timestamp::now())?;
    off_the_workers(|| (parts.compile)(&offer.bytes))?;
    let mut answer = begun(locked, &found);
    if digest == locked.digest {
        answer.state = "same".to_owned();
        return Ok(Upgraded { answer, lines, rows: Vec::new() });
    }
    nave_runtime::check_powers(&found.manifest).map_err(PluginsError::from)?;
    let (old, old_manifest, old_digest) = inspect_file(&place.plugin(&locked.digest))?;
    if old_digest != locked.digest {
        return Err(ApiError::failed(format!("the file of the installed `{name}` is not the one that nave.lock pins"))
            .help("install it again: `nave plugin install SOURCE`"));
    }
    let unseen = compared(dir, (locked, &old_manifest, &old), (&found.manifest, &offer), parts, &mut answer).await?;
    answer.waits = waits(&answer, unseen);
    let mut rows = Vec::new();
    match upgrade.how {
        UpgradeHow::Check => answer.state = "checked".to_owned(),
        UpgradeHow::Unless if answer.waits => {
            older(&found, locked, parts, upgrade.options)?;
            hold(dir, locked, &offer, &found)?;
            lines.push(("plugin.held", name, format!("{} (serial {}), {digest}", answer.to.version, answer.to.serial)));
            answer.state = "held".to_owned();
        }
        UpgradeHow::Unless | UpgradeHow::Approve => {
            let highest = match &parts.store {
                Some(store) => serials::highest(store.as_ref(), &name)?,
                None => None,
            };
            let options = InstallOptions { moved: true, highest, ..upgrade.options };
            let installed = install_offer(dir, &offer, options)?;
            rows.push(serials::row(&name, installed.plugin.serial));
            let what =
                if upgrade.how == UpgradeHow::Approve { ", as it was agreed to" } else { ", which changes nothing that matters" };
            lines.push(("plugin.upgraded", name, format!("{} → {}, {digest}{what}", answer.from.version, answer.to.version)));
            lines.extend(
                installed.pinned.iter().map(|file| ("grants.written", file.clone(), "as they were granted so far".to_owned())),
            );
            answer.state = "in-force".to_owned();
            answer.installed = Some(installed);
        }
        UpgradeHow::Decline => {
            return Err(ApiError::usage("only what is held can be declined: name the plugin")
                .help("`nave plugin list` shows what is held"));
        }
    }
    Ok(Upgraded { answer, lines, rows })
}

/// A build that is about to be installed over another one which connections use or mappings call: held where an upgrade to it would be, and
/// where it declares otherwise. None where it may be installed as it is, or is refused there.
///
/// # Errors
/// [`ApiError`] where it is not trusted, or is older than what was installed.
pub(crate) async fn instead(
    dir: &Path,
    offer: &Offer,
    options: InstallOptions,
    parts: &Parts,
) -> Result<Option<Upgraded>, ApiError> {
    let found = nave_runtime::inspect(&offer.bytes).map_err(PluginsError::from)?;
    let (name, digest) = (found.manifest.name.clone(), found.digest.to_string());
    let locks = read_lock(dir)?;
    let Some(locked) = locks.get(&name).filter(|locked| locked.digest != digest) else { return Ok(None) };
    nave_runtime::check_powers(&found.manifest).map_err(PluginsError::from)?;
    let is_held = locked.held.as_ref().is_some_and(|held| held.digest == digest);
    if is_held || !is_used(dir, &name, locked)? {
        return Ok(None);
    }
    let vouched = Judge::of(dir).judge(&found, offer.signature.as_deref(), jiff::Timestamp::now())?;
    older(&found, locked, parts, options)?;
    same_author(&name, locked, offer, &digest, &vouched, options)?;
    // Without the file that runs there is nothing to compare with, and nothing that runs.
    let before = inspect_file(&place(dir)?.plugin(&locked.digest));
    let Some((old, old_manifest, _)) = before.ok().filter(|(.., digest)| *digest == locked.digest) else { return Ok(None) };
    off_the_workers(|| (parts.compile)(&offer.bytes))?;
    let mut answer = begun(locked, &found);
    let unseen = compared(dir, (locked, &old_manifest, &old), (&found.manifest, offer), parts, &mut answer).await?;
    answer.waits = waits(&answer, unseen);
    if !answer.waits {
        return Ok(None);
    }
    hold(dir, locked, offer, &found)?;
    answer.state = "held".to_owned();
    let lines = vec![("plugin.held", name, format!("{} (serial {}), {digest}", answer.to.version, answer.to.serial))];
    Ok(Some(Upgraded { answer, lines, rows: Vec::new() }))
}

/// Whether a person is asked: it would have, declare or do something else, or what it would do nobody has seen.
fn waits(answer: &UpgradeAnswer, unseen: bool) -> bool {
    unseen || [&answer.powers_added, &answer.schema, &answer.reads, &answer.writes].iter().any(|lines| !lines.is_empty())
}

fn begun(locked: &LockedPlugin, found: &Inspection) -> UpgradeAnswer {
    let (manifest, digest) = (&found.manifest, found.digest.to_string());
    UpgradeAnswer {
        plugin: manifest.name.clone(),
        from: BuildLine { version: locked.version.clone(), serial: locked.serial, digest: locked.digest.clone() },
        to: BuildLine { version: manifest.version.clone(), serial: manifest.serial, digest },
        ..UpgradeAnswer::default()
    }
}

/// Compares what two builds ask for, declare, read and write. True where something that is written through was not compared.
async fn compared(
    dir: &Path,
    (locked, old_manifest, old): (&LockedPlugin, &Manifest, &[u8]),
    (new_manifest, new): (&Manifest, &Offer),
    parts: &Parts,
    answer: &mut UpgradeAnswer,
) -> Result<bool, ApiError> {
    declared(old_manifest, new_manifest, answer);
    let name = &new_manifest.name;
    let mut unseen = behaviour(dir, name, old, new, answer).await?;
    if old_manifest.kind == PluginKind::Transform {
        unseen |= results::compare(dir, (name, locked), parts.store.as_ref(), (old, &new.bytes), answer).await?;
    } else {
        for (file, why) in unclear(dir) {
            answer.not_compared.push(format!(
                "{file}: it cannot be read, so nobody can say whether it uses this plugin ({why}); mend it, and this can be compared"
            ));
            unseen = true;
        }
    }
    answer.changed = !(answer.powers_added.is_empty()
        && answer.powers_removed.is_empty()
        && answer.schema.is_empty()
        && answer.reads.is_empty()
        && answer.writes.is_empty());
    Ok(unseen)
}

/// A build that is held: its file is the one that nave.lock names.
fn from_held(file: &Path, held: &HeldPlugin) -> Result<Offer, PluginsError> {
    let offer = Offer { source: held.source.clone(), ..Offer::file(file)? };
    match super::digest(&offer.bytes) == held.digest {
        true => Ok(offer),
        false => {
            Err(Distrust::new("plugin.bad-signature", format!("{} is not the file that nave.lock names", file.display())).into())
        }
    }
}

fn decline(dir: &Path, name: &str, locked: &LockedPlugin) -> Result<Upgraded, ApiError> {
    let Some(held) = &locked.held else {
        return Err(
            ApiError::not_found(format!("no other build of `{name}` waits")).help("`nave plugin list` shows what is held")
        );
    };
    project::lock_plugin(dir, name, &LockedPlugin { held: None, ..locked.clone() })?;
    forget(&place(dir)?, &held.digest);
    let answer = UpgradeAnswer {
        plugin: name.to_owned(),
        from: BuildLine { version: locked.version.clone(), serial: locked.serial, digest: locked.digest.clone() },
        to: BuildLine { version: held.version.clone(), serial: held.serial, digest: held.digest.clone() },
        state: "declined".to_owned(),
        ..UpgradeAnswer::default()
    };
    let lines = vec![("plugin.declined", name.to_owned(), format!("{}, {}", held.version, held.digest))];
    Ok(Upgraded { answer, lines, rows: Vec::new() })
}

/// What would be refused when it is agreed to is not held.
fn older(found: &Inspection, locked: &LockedPlugin, parts: &Parts, options: InstallOptions) -> Result<(), ApiError> {
    let known = match &parts.store {
        Some(store) => serials::highest(store.as_ref(), &found.manifest.name)?,
        None => None,
    };
    if options.rollback {
        return Ok(());
    }
    let (manifest, highest) = (&found.manifest, known.max(Some(locked.serial)));
    nave_core::trust::not_older(&manifest.name, &manifest.version, manifest.serial, highest)
        .map_err(|no| PluginsError::from(no).into())
}

fn hold(dir: &Path, locked: &LockedPlugin, offer: &Offer, found: &Inspection) -> Result<(), PluginsError> {
    let place = place(dir)?;
    let digest = found.digest.to_string();
    project::write_whole(&place.plugin(&digest), &offer.bytes)?;
    if let Some(text) = &offer.signature {
        project::write_whole(&signature::beside(&place.plugin(&digest)), text.as_bytes())?;
    }
    if let Some(before) = locked.held.as_ref().filter(|before| before.digest != digest) {
        forget(&place, &before.digest);
    }
    let held = HeldPlugin {
        source: offer.source.clone(),
        digest,
        serial: found.manifest.serial,
        version: found.manifest.version.clone(),
    };
    Ok(project::lock_plugin(dir, &found.manifest.name, &LockedPlugin { held: Some(held), ..locked.clone() })?)
}

/// What the two manifests say.
fn declared(old: &Manifest, new: &Manifest, answer: &mut UpgradeAnswer) {
    let all = |manifest: &Manifest| {
        let mut lines = powers::asked(manifest);
        lines.retain(|line| !line.starts_with("It asks for nothing"));
        lines.extend(ways_in(manifest));
        lines
    };
    let (before, after) = (all(old), all(new));
    answer.powers_added = after.iter().filter(|line| !before.contains(line)).cloned().collect();
    answer.powers_removed = before.iter().filter(|line| !after.contains(line)).cloned().collect();
    let mut say = |line: String| answer.schema.push(line);
    if old.kind != new.kind {
        say(format!("it is a {:?} now, and was a {:?}", new.kind, old.kind).to_lowercase());
    }
    for (name, setting) in &new.settings {
        match old.settings.get(name) {
            None if setting.required && setting.default.is_none() => say(format!("setting `{name}` is new and must be given")),
            None => say(format!("setting `{name}` is new")),
            Some(before) if before != setting => say(format!("setting `{name}` is declared otherwise")),
            Some(_) => {}
        }
    }
    old.settings
        .keys()
        .filter(|name| !new.settings.contains_key(*name))
        .for_each(|name| say(format!("setting `{name}` is gone")));
    for function in &new.functions {
        match old.functions.iter().find(|known| known.name == function.name) {
            None => say(format!("function `{}` is new", function.name)),
            Some(before) if (&before.inputs, &before.output) != (&function.inputs, &function.output) => say(format!(
                "function `{}` takes ({}) and gives {}, and took ({}) and gave {}",
                function.name,
                function.inputs.join(", "),
                function.output,
                before.inputs.join(", "),
                before.output
            )),
            Some(_) => {}
        }
    }
    let gone = |name: &str| !new.functions.iter().any(|function| function.name == name);
    old.functions.iter().filter(|one| gone(&one.name)).for_each(|one| say(format!("function `{}` is gone", one.name)));
    if old.webhook != new.webhook {
        say("webhooks are declared otherwise".to_owned());
    }
}

/// Sentences for the ways to sign in that a manifest offers: their scopes are powers.
fn ways_in(manifest: &Manifest) -> Vec<String> {
    let way = |kind: &CredentialKind| serde_json::to_string(kind).unwrap_or_default();
    let of = |(slot, asked): (&String, &nave_core::manifest::CredentialSlot)| {
        asked.kinds.iter().map(|kind| format!("It asks to sign in with `{slot}` in this way: {}.", way(kind))).collect::<Vec<_>>()
    };
    manifest.credentials.iter().flat_map(of).collect()
}

/// Plays what was recorded of each connection through both, or runs both over its files. True where something was not compared.
async fn behaviour(dir: &Path, name: &str, old: &[u8], new: &Offer, answer: &mut UpgradeAnswer) -> Result<bool, ApiError> {
    let mut unseen = false;
    let mut builds: Option<(Plugin, Plugin)> = None;
    let catalog = project::load_leniently(dir)?;
    for connection in super::install::users(dir).remove(name).unwrap_or_default() {
        let mut skip = |why: String| {
            answer.not_compared.push(format!("{connection}: {why}"));
            unseen = true;
        };
        let settings = catalog.connections.get(&connection);
        let by_files = settings.is_some_and(|settings| only_folders(settings));
        let kept = if by_files { None } else { record::read(dir, &connection)? };
        if builds.is_none() && (by_files || kept.is_some()) {
            builds = Some((compiled(old).await?, compiled(&new.bytes).await?));
        }
        let (recording, over) = match (settings, kept, &builds) {
            (Some(settings), None, Some((one, _))) if by_files => {
                let gathered = match record::of_files(dir, settings, one).await {
                    Ok(gathered) => gathered,
                    Err(error) => {
                        skip(error.to_string());
                        continue;
                    }
                };
                if gathered.recording.files.is_empty() {
                    skip("no file lies in its folders, so what this build makes of one nobody has seen".to_owned());
                    continue;
                }
                let over = format!("{} of {} files, ", gathered.recording.files.len(), gathered.there);
                (gathered.recording, over)
            }
            (_, Some(recording), _) if recording.plugin != name => {
                skip(format!("what is recorded is of the plugin `{}`", recording.plugin));
                continue;
            }
            (_, Some(recording), _) => (recording, String::new()),
            (Some(settings), None, _) if !settings.grants.folders.is_empty() => {
                skip("it has folders beside a system, and what it does with both is not recorded".to_owned());
                continue;
            }
            (_, None, _) => {
                skip(format!("nothing is recorded of it; `nave plugin record {connection}`"));
                continue;
            }
        };
        let Some((one, other)) = &builds else { continue };
        let (before, after) = (play(&recording, one).await, play(&recording, other).await);
        for stream in before.open(&recording) {
            skip(format!(
                "the end of `{stream}` is not recorded, and so not how what is new there is read; `nave plugin record {connection}`"
            ));
        }
        answer.compared.push(format!("{connection}: {over}{} calls", before.calls()));
        for found in differences(&before, &after) {
            let line = format!("{connection}: {}", found.text);
            match found.part {
                Part::Schema => answer.schema.push(line),
                Part::Reads => answer.reads.push(line),
                Part::Writes => answer.writes.push(line),
            }
        }
    }
    Ok(unseen)
}

/// Folders are all that it reaches.
fn only_folders(connection: &Connection) -> bool {
    connection.grants.endpoints.is_empty() && !connection.grants.folders.is_empty()
}

pub(super) async fn compiled(bytes: &[u8]) -> Result<Plugin, PluginsError> {
    let bytes = bytes.to_vec();
    tokio::task::spawn_blocking(move || Ok(Plugin::compile(&Engine::new()?, &bytes, None)?))
        .await
        .map_err(|error| PluginsError::Call(error.to_string()))?
}
