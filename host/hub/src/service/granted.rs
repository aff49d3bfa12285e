//! What connections are granted, as it was last in force: an edit of their files that changes it is noted, whoever made it.

use std::collections::BTreeSet;

use nave_core::catalog::Connection;
use nave_core::model::Cause;
use nave_store::KeyedRow;
use tokio::task::block_in_place;

use super::{audit_entry, listed};
use crate::api::ApiError;
use crate::hub::Hub;

/// Rows: what each connection was granted, a line each.
const SPACE: &str = "granted";
/// Lines of one kind that are told in one audit line.
const TOLD_MAX: usize = 10;

/// Everything that a connection may reach, a line each.
fn lines(connection: &Connection) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for (name, grant) in &connection.grants.endpoints {
        let mut add = |what: String| lines.insert(format!("endpoint {name}: {what}"));
        add(format!("at {}", grant.base));
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

/// Compares what is granted now with what was in force before, and notes what is different.
pub(crate) async fn note(hub: &Hub) -> Result<(), ApiError> {
    let catalog = hub.engine.catalog();
    for (name, connection) in &catalog.connections {
        let now = lines(connection);
        let text = now.iter().cloned().collect::<Vec<_>>().join("\n");
        let before = block_in_place(|| hub.store.row(SPACE, name))?.map(|row| String::from_utf8_lossy(&row).into_owned());
        if before.as_ref() == Some(&text) {
            continue;
        }
        // The first time it is noted as it is: who added the connection is in the audit already.
        let said = before.map(|before| {
            let before: BTreeSet<String> = before.lines().map(str::to_owned).collect();
            let told = |lines: Vec<String>| listed(&lines.into_iter().take(TOLD_MAX).collect::<Vec<_>>());
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
