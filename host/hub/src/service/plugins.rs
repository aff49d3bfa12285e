//! Plugins put in and taken out while the hub works, and one function of a plugin called by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use nave_core::catalog::Connection;
use nave_core::model::{AuditEntry, Cause, DATA_READ, DATA_SENT, Time};
use serde_json::Value as Json;
use tokio::task::block_in_place;

use super::access::{QUARTER_DAYS, days};
use super::configuration::from_directory;
use super::{audit, audit_entry};
use crate::api::{Answer, ApiError, CallAnswer, DenialLine, DeniedAnswer, GrantUse, RecordingAnswer, Request, UpgradeHow};
use crate::guest::record::Recorded;
use crate::hub::Hub;
use crate::plugins::obtain::{Parts, obtain};
use crate::plugins::upgrade::{Upgrade, Upgraded, upgrade};
use crate::plugins::{InstallOptions, PluginsError, record};

/// Functions that would go past the plan, the journal and the checkpoints.
const REFUSED: [&str; 2] = ["write", "acknowledge"];

/// Audit lines about an answer to a request that changed plugins: action, subject, detail.
pub(crate) fn lines(answer: &Answer, request: &Request) -> Vec<(&'static str, String, String)> {
    match (answer, request) {
        (Answer::Installed(installed), _) => {
            let plugin = &installed.plugin;
            let replaced = installed.replaced.as_ref().map(|version| format!(", in place of {version}")).unwrap_or_default();
            let by = installed.signed_by.as_ref().map_or_else(|| ", unsigned".to_owned(), |by| format!(", signed by {by}"));
            let detail =
                format!("{} (serial {}), {}{replaced}, from {}{by}", plugin.version, plugin.serial, plugin.digest, plugin.source);
            let mut lines = vec![("plugin.installed", plugin.name.clone(), detail)];
            lines.extend(
                installed.pinned.iter().map(|file| ("grants.written", file.clone(), "as they were granted so far".to_owned())),
            );
            lines
        }
        (_, Request::PluginTrust { change }) => {
            let (action, detail) = change.told();
            vec![(action, change.key().to_owned(), detail)]
        }
        (_, Request::PluginRemove { name }) => vec![("plugin.removed", name.clone(), String::new())],
        _ => Vec::new(),
    }
}

/// What an installation uses of an open hub.
fn parts(hub: &Hub) -> Parts {
    let guests = hub.guests.clone();
    Parts {
        store: Some(hub.store.clone()),
        vault: Some(hub.vault.clone()),
        egress: Some(hub.guests.egress().clone()),
        compile: Arc::new(move |bytes| guests.compile_ahead(bytes).map_err(|error| PluginsError::from(error).into())),
    }
}

/// Installs or removes, then puts the configuration in force that results. Where that has errors (a mapping that the
/// new version does not fit) the old one stays in force, as with every edit; `nave mapping lint` says what is wrong.
pub(super) async fn change(hub: &Hub, request: &Request, by: &str) -> Result<Answer, ApiError> {
    let (mut more, mut rows) = (Vec::new(), Vec::new());
    let answer = match request {
        Request::PluginInstall { source, rollback, other_source, reach } => {
            let options = InstallOptions { rollback: *rollback, other_source: *other_source, ..InstallOptions::default() };
            let (answer, lines, more_rows) = obtain(&hub.dir, source, reach, options, &parts(hub)).await?.parts();
            (more, rows) = (lines, more_rows);
            answer
        }
        Request::PluginUpgrade { target, how, rollback, other_source, reach } => {
            let options = InstallOptions { rollback: *rollback, other_source: *other_source, ..InstallOptions::default() };
            let asked = Upgrade { target, how: *how, options, reach };
            let Upgraded { answer, lines, rows: more_rows } = upgrade(&hub.dir, &asked, &parts(hub)).await?;
            (more, rows) = (lines, more_rows);
            if *how == UpgradeHow::Check {
                return Ok(Answer::Upgrade(Box::new(answer)));
            }
            Answer::Upgrade(Box::new(answer))
        }
        Request::PluginRecord { connection, records } => {
            let Recorded { recording, masked, open } =
                hub.guests.record(connection, *records).await.map_err(|error| super::configuration::broken(connection, error))?;
            let file = record::keep(&hub.dir, &recording)?;
            more.push(("plugin.recorded", connection.clone(), format!("{} exchanges", recording.exchanges.len())));
            Answer::Recording(RecordingAnswer {
                connection: connection.clone(),
                file: file.display().to_string(),
                calls: recording.calls.len() as u64,
                exchanges: recording.exchanges.len() as u64,
                masked: masked as u64,
                open,
            })
        }
        request => from_directory(hub, request)?,
    };
    more.extend(lines(&answer, request));
    hub.engine
        .write(Cause::default(), |draft| {
            let lines = more.iter().map(|(action, subject, detail)| audit_entry(draft.now, by, action, subject, detail));
            draft.batch.audit.extend(lines);
            draft.batch.rows.extend(rows.iter().cloned());
            Ok(())
        })
        .await?;
    if let Err(error) = block_in_place(|| hub.reload()) {
        tracing::warn!(%error, "the plugin changed, but the configuration was not put in force");
    }
    Ok(answer)
}

/// Lines of the audit that are looked through for refusals.
const LOOKED_AT: usize = 10_000;
/// Refusals that are listed.
const DENIALS_MAX: usize = 50;

/// What a plugin was refused lately, with the grant that would allow it, and what it asks for and never was granted.
pub(super) fn denied(hub: &Hub, name: &str) -> Result<DeniedAnswer, ApiError> {
    let catalog = hub.engine.catalog();
    if !catalog.plugins.contains_key(name) {
        return Err(super::unknown("plugin", name, catalog.plugins.keys()));
    }
    let actor = format!("plugin:{name}");
    let mut denials: Vec<DenialLine> = Vec::new();
    // What it read and sent under its grants is noted under its name too, and is no refusal.
    let refused = |entry: &AuditEntry| entry.actor == actor && ![DATA_READ, DATA_SENT].contains(&entry.action.as_str());
    for entry in hub.store.audit(LOOKED_AT)?.into_iter().filter(refused) {
        let same = |known: &&mut DenialLine| {
            (known.code.as_str(), known.subject.as_str(), known.message.as_str())
                == (entry.action.as_str(), entry.subject.as_str(), entry.detail.as_str())
        };
        if let Some(known) = denials.iter_mut().find(same) {
            known.count += 1;
        } else if denials.len() < DENIALS_MAX {
            let connection = entry.subject.split('/').next().unwrap_or_default();
            denials.push(DenialLine {
                at: entry.at.to_string(),
                count: 1,
                fix: lifted_by(&entry.action, connection),
                code: entry.action,
                subject: entry.subject.clone(),
                message: entry.detail,
            });
        }
    }
    let request = Request::PluginGrants { name: Some(name.to_owned()) };
    // Where the files have errors, what was refused is told all the same.
    let not_granted = match from_directory(hub, &request) {
        Ok(Answer::Grants(grants)) => grants.connections.into_iter().filter(|view| !view.not_granted.is_empty()).collect(),
        _ => Vec::new(),
    };
    Ok(DeniedAnswer { plugin: name.to_owned(), denials, not_granted })
}

/// What a plugin is let near, and where the secrets are kept that the hub signs in with.
pub(super) fn exposure(hub: &Hub, request: &Request) -> Result<Answer, ApiError> {
    let mut answer = from_directory(hub, request)?;
    if let Answer::Exposure(exposure) = &mut answer {
        let finder = super::pasted::finder(hub)?;
        for secret in exposure.connections.iter_mut().flat_map(|connection| &mut connection.secrets) {
            let name = secret.secret.trim_start_matches("secret://").split('/').next().unwrap_or_default();
            let kept = hub.vault.reference(name).map_err(super::operations::refused)?;
            secret.kept = kept.map(|(reference, _)| reference.to_string());
            if !finder.find(secret.secret.as_bytes()).is_empty() {
                "a value of the vault, where its name goes: `nave mapping lint`".clone_into(&mut secret.secret);
            }
        }
    }
    Ok(answer)
}

/// What plugins ask for and connections were granted, and when each of that was used last.
pub(super) fn grants(hub: &Hub, request: &Request) -> Result<Answer, ApiError> {
    let mut answer = from_directory(hub, request)?;
    let Answer::Grants(grants) = &mut answer else { return Ok(answer) };
    let (catalog, now) = (hub.engine.catalog(), hub.engine.now());
    let files = crate::hub::load(&hub.dir).ok().map(|(files, _)| files);
    for view in &mut grants.connections {
        let in_file = files.as_ref().and_then(|files| files.connections.get(&view.name));
        let held = catalog.connections.get(&view.name);
        view.pending = in_file.is_some_and(|file| held.is_none_or(|held| held.grants != file.grants));
        let Some(connection) = held else { continue };
        view.uses = uses_of(hub, connection, now)?;
    }
    Ok(answer)
}

/// What a connection was granted, with when each was granted and used last.
pub(super) fn uses_of(hub: &Hub, connection: &Connection, now: Time) -> Result<Vec<GrantUse>, ApiError> {
    let store = hub.store.as_ref();
    let (used, since) = (crate::audit::used(store, &connection.name)?, super::granted::since(store, &connection.name)?);
    Ok(uses(connection, &used, &since, now))
}

/// Whole days since a grant was used, or given where that was later.
fn unused_days(now: Time, since: Option<Time>, last: Option<Time>) -> Option<u64> {
    since.max(last).map(|from| days(now, from))
}

/// A grant is unused when it is older than a quarter and nothing went through it for one.
fn uses(connection: &Connection, used: &BTreeMap<String, Time>, since: &BTreeMap<String, Time>, now: Time) -> Vec<GrantUse> {
    let line = |what: String, to: &str| {
        let (last, since) = (used.get(&what).copied(), since.get(&what).copied());
        let unused_days = unused_days(now, since, last);
        GrantUse {
            to: to.to_owned(),
            since: since.map(|since| since.to_string()),
            last_used: last.map(|last| last.to_string()),
            unused: unused_days.is_some_and(|unused| unused >= QUARTER_DAYS),
            unused_days,
            what,
        }
    };
    let endpoints = connection.grants.endpoints.iter().map(|(name, grant)| line(format!("endpoint {name}"), &grant.base));
    let secrets = connection.credentials.iter().map(|(slot, credential)| line(format!("secret {slot}"), &credential.secret));
    let folders = connection.grants.folders.iter().map(|(name, grant)| line(format!("folder {name}"), &grant.path));
    endpoints.chain(secrets).chain(folders).collect()
}

/// What lifts a refusal of this code.
fn lifted_by(code: &str, connection: &str) -> String {
    match code {
        "net.secret-held" => format!("nave connection approve {connection}"),
        "net.not-requested" => "nothing here: only the plugin's author can ask for it".to_owned(),
        "net.secret-scrubbed" => {
            "nothing was refused: a secret was taken out of an answer; ask whoever runs that system why it sends it".to_owned()
        }
        "net.denied"
        | "net.method-denied"
        | "net.read-only"
        | "net.insecure"
        | "net.address-denied"
        | "net.credential-denied"
        | "net.credential-missing" => format!("write what it says into connections/{connection}.toml, then: nave plan"),
        _ => "nothing: no grant allows that; the plugin must not do it".to_owned(),
    }
}

/// Runs one function of a connection's plugin under its grants, or of an installed transform under none.
pub(super) async fn call(
    hub: &Hub,
    connection: &str,
    function: String,
    arguments: &[Json],
    by: &str,
) -> Result<Answer, ApiError> {
    if REFUSED.contains(&function.as_str()) {
        return Err(ApiError::usage(format!(
            "`{function}` is the hub's own: by hand it would go past plan, journal and checkpoint"
        ))
        .help("`nave plan`, `nave apply` and `nave sync` write; `nave plugin call FILE.wasm FUNCTION` runs a file without any grants"));
    }
    let result = hub.guests.call(connection, &function, arguments).await?;
    audit(&hub.engine, by, "plugin.called", connection, &function).await?;
    Ok(Answer::Call(CallAnswer { function, result }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service::access::DAY_MS;

    /// Days since it was granted and since it was used; whole days without use.
    #[track_caller]
    fn check(granted: Option<i64>, used: Option<i64>, unused: Option<u64>) {
        let now = Time(1_000 * DAY_MS);
        let ago = |days: i64| Time(now.0 - days * DAY_MS);
        assert_eq!(unused_days(now, granted.map(ago), used.map(ago)), unused);
    }

    /// S7.13: what was granted today is not unused, though nothing ever went through it; nor what was given again.
    #[test]
    fn a_grant_is_unused_since_its_use_or_since_it_was_given() {
        check(Some(0), None, Some(0));
        check(Some(91), None, Some(91));
        check(Some(200), Some(3), Some(3));
        check(Some(3), Some(200), Some(3));
        check(None, Some(95), Some(95));
        check(None, None, None);
    }
}
