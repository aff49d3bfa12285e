//! What connections are granted, as it was last in force: an edit of their files that changes it is noted, whoever made it.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::Connection;
use nave_core::model::{Cause, Time};
use nave_store::{KeyedRow, Store, StoreError};
use tokio::task::block_in_place;

use super::{audit_entry, listed, pasted};
use crate::api::ApiError;
use crate::hub::Hub;

/// Rows: what each connection was granted, a line each.
const SPACE: &str = "granted";
/// Rows: since when each connection has what it was granted, as JSON: `{"endpoint api": milliseconds}`.
const SINCE_SPACE: &str = "granted-since";
/// Lines of one kind that are told in one audit line.
const TOLD_MAX: usize = 10;

/// Everything that a connection may reach, a line each.
fn lines(connection: &Connection) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (name, grant) in &connection.grants.endpoints {
        let mut add = |what: String| lines.insert(format!("endpoint {name}: {what}"));
        add(format!("at {}", without_query(&grant.base)));
        for allow in &grant.allow {
            add(format!("{} {}", allow.methods.join(","), allow.paths.join(",")));
        }
        if grant.allow.is_empty() {
            add("all that its plugin asks for".to_owned());
        }
        for network in &grant.networks {
            add(format!("network {network}"));
        }
        if grant.insecure {
            add("without encryption".to_owned());
        }
        if !grant.read_only {
            add("writing".to_owned());
        }
    }
    for (name, grant) in &connection.grants.folders {
        lines.insert(format!("folder {name}: {} {:?}", grant.path, grant.access).to_lowercase());
    }
    for (slot, credential) in &connection.credentials {
        let endpoints = credential.endpoints.as_ref().map_or("those of its plugin".to_owned(), |names| names.join(","));
        lines.insert(format!("secret {} as {slot} on {endpoints}", credential.secret));
    }
    lines
}

/// What one connection was granted, each by the name under which it is revoked: `endpoint api`, `secret key`, `folder drop`.
fn named(connection: &Connection) -> BTreeSet<String> {
    let endpoints = connection.grants.endpoints.keys().map(|name| format!("endpoint {name}"));
    let secrets = connection.credentials.keys().map(|slot| format!("secret {slot}"));
    let folders = connection.grants.folders.keys().map(|name| format!("folder {name}"));
    endpoints.chain(secrets).chain(folders).collect()
}

/// Since when a connection has each of its grants, by the grant's name; as far as it was noted.
pub(super) fn since(store: &dyn Store, connection: &str) -> Result<BTreeMap<String, Time>, StoreError> {
    let row = store.row(SINCE_SPACE, connection)?;
    Ok(row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
}

/// Notes since when connections have their grants: those that are new from now on, and those that are gone no more.
async fn note_since(hub: &Hub) -> Result<(), ApiError> {
    let catalog = hub.engine.catalog();
    let (mut rows, now) = (Vec::new(), hub.engine.now());
    block_in_place(|| {
        for (name, connection) in &catalog.connections {
            let (before, named) = (since(hub.store.as_ref(), name)?, named(connection));
            if before.keys().ne(&named) {
                let after: BTreeMap<&String, Time> =
                    named.iter().map(|what| (what, before.get(what).copied().unwrap_or(now))).collect();
                let value = serde_json::to_vec(&after).map_err(|error| ApiError::failed(error.to_string()))?;
                rows.push(KeyedRow { space: SINCE_SPACE.into(), key: name.clone(), value: Some(value) });
            }
        }
        let gone = hub.store.rows(SINCE_SPACE)?.into_iter().filter(|(name, _)| !catalog.connections.contains_key(name));
        rows.extend(gone.map(|(key, _)| KeyedRow { space: SINCE_SPACE.into(), key, value: None }));
        Ok::<(), ApiError>(())
    })?;
    if !rows.is_empty() {
        hub.engine
            .write(Cause::default(), |draft| {
                draft.batch.rows.extend(rows.iter().cloned());
                Ok(())
            })
            .await?;
    }
    Ok(())
}

/// An address without what may be a key in it: its query, its fragment and who signs in.
pub(super) fn without_query(address: &str) -> String {
    let end = address.find(['?', '#']).unwrap_or(address.len());
    let cut = if end < address.len() { "?…" } else { "" };
    match address[..end].split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.find('/').unwrap_or(rest.len());
            let from = rest[..host].rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}{cut}", &rest[from..])
        }
        None => format!("{}{cut}", &address[..end]),
    }
}

/// A line as it may be kept for ever. What is stored under no name may be a secret that was pasted for one.
fn shown(line: &str, stored: impl Fn(&str) -> bool, pasted: impl Fn(&str) -> bool) -> String {
    let name = line.strip_prefix("secret ").and_then(|rest| rest.split_once(' '));
    match name {
        _ if pasted(line) => "a line that holds a secret of the vault".to_owned(),
        Some((name, rest)) if !stored(name) => format!("a secret that is not stored {rest}"),
        _ => line.to_owned(),
    }
}

/// The lines of before, without what an earlier version kept of an address.
fn kept_before(text: &str) -> BTreeSet<String> {
    let kept = |line: &str| match line.split_once(": at ") {
        Some((endpoint, address)) if line.starts_with("endpoint ") => format!("{endpoint}: at {}", without_query(address)),
        _ => line.to_owned(),
    };
    text.lines().map(kept).collect()
}

/// Compares what is granted now with what was in force before, and notes what is different.
pub(crate) async fn note(hub: &Hub) -> Result<(), ApiError> {
    note_since(hub).await?;
    let catalog = hub.engine.catalog();
    for (name, connection) in &catalog.connections {
        let now = lines(connection);
        let text = now.iter().cloned().collect::<Vec<_>>().join("\n");
        let before = block_in_place(|| hub.store.row(SPACE, name))?.map(|row| String::from_utf8_lossy(&row).into_owned());
        if before.as_ref() == Some(&text) {
            continue;
        }
        let finder = block_in_place(|| pasted::finder(hub))?;
        // The first time it is noted as it is: who added the connection is in the audit already.
        let before = before.map(|before| kept_before(&before)).filter(|before| *before != now);
        let said = before.map(|before| {
            let stored = |name: &str| hub.vault.contains(name).unwrap_or(false);
            let pasted = |line: &str| !finder.find(line.as_bytes()).is_empty();
            let told = |lines: Vec<String>| {
                listed(&lines.iter().take(TOLD_MAX).map(|line| shown(line, stored, pasted)).collect::<Vec<_>>())
            };
            let (more, less) =
                (told(now.difference(&before).cloned().collect()), told(before.difference(&now).cloned().collect()));
            match (more.is_empty(), less.is_empty()) {
                (false, false) => format!("now also {more}; no more {less}"),
                (false, true) => format!("now also {more}"),
                _ => format!("no more {less}"),
            }
        });
        if let Some(said) = &said {
            tracing::warn!(connection = name, "what connections/{name}.toml grants was changed: {said}");
        }
        hub.engine
            .write(Cause::default(), |draft| {
                draft.batch.rows.push(KeyedRow {
                    space: SPACE.into(),
                    key: name.clone(),
                    value: Some(text.clone().into_bytes()),
                });
                draft.batch.audit.extend(said.as_ref().map(|said| audit_entry(draft.now, "hub", "grants.changed", name, said)));
                Ok(())
            })
            .await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_query_and_no_user_is_kept() {
        for (address, kept) in [
            ("https://api.example.com/v2", "https://api.example.com/v2"),
            ("https://api.example.com/v2?api_key=zX8q1", "https://api.example.com/v2?…"),
            ("https://me:word@api.example.com#zX8q1", "https://api.example.com?…"), // nave:no-secret
            ("https://api.example.com/@me", "https://api.example.com/@me"),
            ("nothing?x", "nothing?…"),
        ] {
            assert_eq!(without_query(address), kept, "{address}");
        }
    }

    #[test]
    fn what_an_earlier_version_kept_of_an_address_is_not_told() {
        for (line, kept) in [
            ("endpoint api: at https://api.x/v2?api_key=zX8q1", "endpoint api: at https://api.x/v2?…"),
            ("endpoint api: at https://api.x/v2?…", "endpoint api: at https://api.x/v2?…"),
            ("endpoint api: at https://api.x/v2", "endpoint api: at https://api.x/v2"),
            ("folder drop: a: at b?c read", "folder drop: a: at b?c read"),
        ] {
            assert_eq!(kept_before(line), BTreeSet::from([kept.to_owned()]), "{line}");
        }
    }

    #[test]
    fn only_the_name_of_a_secret_that_is_stored_is_told() {
        for (line, told) in [
            ("secret crm as token on api", "secret crm as token on api"),
            ("secret k-123 as token on api", "a secret that is not stored as token on api"),
            ("endpoint api: at https://x/tulips", "a line that holds a secret of the vault"),
            ("endpoint api: writing", "endpoint api: writing"),
        ] {
            assert_eq!(shown(line, |name| name == "crm", |line| line.contains("tulips")), told, "{line}");
        }
    }
}
