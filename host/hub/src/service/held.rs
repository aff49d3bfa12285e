//! Secrets that would go where they were not given for: found, said, and given by a person.
//!
//! What is looked at is the configuration as its files are now, so that an edit is seen before it is in force.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Connection, Diagnostic, Severity};
use tokio::task::block_in_place;

use super::{audit, listed, unknown};
use crate::api::{Answer, ApiError, HeldAnswer, HeldSecret};
use crate::egress::{destinations_of, origin};
use crate::hub::Hub;
use crate::project::{self, Project};
use crate::secrets::{SecretError, SecretSource as _};

/// Secret → origins that a connection sends it to; nothing where its plugin's file is not there.
fn destinations(project: &Project, connection: &Connection) -> BTreeMap<String, BTreeSet<String>> {
    match project.plugins.get(&connection.plugin) {
        Some(plugin) => destinations_of(&plugin.manifest.endpoints, connection),
        None => BTreeMap::new(),
    }
}

/// The origins that any connection sends a secret to; none where the file of a plugin is missing, so that nobody knows.
fn used(project: &Project, secret: &str) -> Option<BTreeSet<String>> {
    let mut all = BTreeSet::new();
    for connection in project.catalog.connections.values() {
        if connection.credentials.values().any(|credential| credential.secret == secret) {
            project.plugins.get(&connection.plugin)?;
            all.extend(destinations(project, connection).remove(secret).unwrap_or_default());
        }
    }
    Some(all)
}

fn of_project(hub: &Hub, project: &Project, only: Option<&str>) -> Vec<HeldSecret> {
    let mut found = Vec::new();
    for (name, connection) in project.catalog.connections.iter().filter(|(name, _)| only.is_none_or(|only| only == *name)) {
        for (secret, origins) in destinations(project, connection) {
            if let Err(SecretError::Held { to, given_for, .. }) = hub.vault.may_go(&secret, &origins) {
                found.push(HeldSecret { connection: name.clone(), secret, to, given_for });
            }
        }
    }
    found
}

/// What is held, of one connection or of all.
pub(super) fn list(hub: &Hub, only: Option<&str>) -> Result<Answer, ApiError> {
    let project = project::load(&hub.dir)?;
    if let Some(name) = only
        && !project.catalog.connections.contains_key(name)
    {
        return Err(unknown("connection", name, project.catalog.connections.keys()));
    }
    Ok(Answer::Held(HeldAnswer { held: of_project(hub, &project, only) }))
}

/// The same as findings, each where the file names the host.
pub(super) fn findings(hub: &Hub) -> Vec<Diagnostic> {
    // Where the configuration has errors, those are said instead.
    let Ok(project) = project::load(&hub.dir) else { return Vec::new() };
    of_project(hub, &project, None).iter().map(|held| finding(&project, held)).collect()
}

fn finding(project: &Project, held: &HeldSecret) -> Diagnostic {
    let path = format!("connections/{}.toml", held.connection);
    let bases = project.catalog.connections.get(&held.connection).into_iter().flat_map(|found| found.grants.endpoints.values());
    let base = bases.map(|grant| &grant.base).find(|base| origin(base).is_some_and(|origin| held.to.contains(&origin)));
    let text = project::text(&project.place.dir.join(&path)).unwrap_or_default();
    let (start, length) = base.and_then(|base| Some((text.find(base.as_str())?, base.len()))).unwrap_or_default();
    let before = text.get(..start).unwrap_or_default();
    Diagnostic {
        path,
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        span: (start, length),
        message: format!("the connection is held: {held}"),
        help: Some(format!("if that is right: `nave connection approve {}`; if not, correct the file", held.connection)),
        severity: Severity::Warning,
        code: "secret-held",
    }
}

/// Gives secrets of a connection for origins that it sends them to. What was not shown is not given: each origin is named.
pub(super) async fn give(
    hub: &Hub,
    name: &str,
    secrets: &BTreeMap<String, BTreeSet<String>>,
    added: bool,
    by: &str,
) -> Result<Answer, ApiError> {
    let project = block_in_place(|| {
        hub.reload()?;
        project::load(&hub.dir)
    })?;
    let connections = &project.catalog.connections;
    let connection = connections.get(name).ok_or_else(|| unknown("connection", name, connections.keys()))?;
    let known = destinations(&project, connection);
    for (secret, origins) in secrets {
        let sent = known.get(secret).cloned().unwrap_or_default();
        if let Some(other) = origins.iter().find(|origin| !sent.contains(*origin)) {
            return Err(ApiError::usage(format!("connection `{name}` does not send the secret `{secret}` to {other}"))
                .help(format!("`nave connection approve {name}` shows where it does")));
        }
    }
    if added {
        audit(&hub.engine, by, "connection.added", name, &connection.plugin).await?;
    }
    let mut said = Vec::new();
    for (secret, origins) in secrets {
        bind(hub, secret, origins, used(&project, secret).as_ref(), name, by).await?;
        let hosts: Vec<String> = origins.iter().cloned().collect();
        said.push(format!("`{secret}` may go to {} (connection {name})", listed(&hosts)));
    }
    Ok(Answer::done(
        if said.is_empty() { "Nothing was held.".to_owned() } else { format!("{}.", said.join("; ")) },
        said.len() as u64,
    ))
}

async fn bind(
    hub: &Hub,
    secret: &str,
    origins: &BTreeSet<String>,
    used: Option<&BTreeSet<String>>,
    connections: &str,
    by: &str,
) -> Result<(), ApiError> {
    block_in_place(|| hub.vault.bind(secret, origins, used)).map_err(super::operations::refused)?;
    let hosts: Vec<String> = origins.iter().cloned().collect();
    audit(&hub.engine, by, "secret.given", secret, &format!("for {} (connection {connections})", listed(&hosts))).await
}

/// Where a secret may go, and who would send it elsewhere; a sentence or two, empty where nobody said anything yet.
pub(super) fn goes(hub: &Hub, secret: &str) -> Result<String, ApiError> {
    let bound = hub.vault.bound(secret).map_err(super::operations::refused)?.unwrap_or_default();
    let hosts: Vec<String> = bound.into_iter().collect();
    let mut said = if hosts.is_empty() { String::new() } else { format!(" It may go to {} and nowhere else.", listed(&hosts)) };
    let Ok(project) = project::load(&hub.dir) else { return Ok(said) };
    for held in of_project(hub, &project, None).iter().filter(|held| held.secret == secret) {
        said += &format!(" Held: {held}; if that is right, `nave connection approve {}`.", held.connection);
    }
    Ok(said)
}

/// Forgets the hosts that no connection sends a secret to any more, so that nothing that was taken out can be brought back by
/// an edit. Where one is held, an edit is under way: then all stay as they are.
pub(crate) async fn lapse(hub: &Hub) -> Result<(), ApiError> {
    let refused = super::operations::refused;
    let names = block_in_place(|| hub.vault.bound_names()).map_err(refused)?;
    if names.is_empty() {
        return Ok(());
    }
    let Ok(project) = block_in_place(|| project::load(&hub.dir)) else { return Ok(()) };
    for name in names {
        let bound = block_in_place(|| hub.vault.bound(&name)).map_err(refused)?.unwrap_or_default();
        let Some(used) = used(&project, &name) else { continue };
        let gone: Vec<String> = bound.difference(&used).cloned().collect();
        if !gone.is_empty() && used.is_subset(&bound) {
            block_in_place(|| hub.vault.bind(&name, &BTreeSet::new(), Some(&used))).map_err(refused)?;
            audit(&hub.engine, "hub", "secret.lapsed", &name, &format!("for {}: no connection goes there", listed(&gone)))
                .await?;
        }
    }
    Ok(())
}

/// A secret that was just stored, and that nobody has given for any host: it is given for those that its connection sends
/// it to now. Connections that differ are left to a person. Answers a sentence about those.
pub(super) async fn give_new(hub: &Hub, secret: &str, by: &str) -> Result<String, ApiError> {
    if block_in_place(|| hub.vault.bound(secret)).map_err(super::operations::refused)?.is_some() {
        return Ok(String::new());
    }
    let Ok(project) = block_in_place(|| project::load(&hub.dir)) else { return Ok(String::new()) };
    let (mut sets, mut users) = (BTreeSet::new(), Vec::new());
    for (name, connection) in &project.catalog.connections {
        if let Some(found) = destinations(&project, connection).remove(secret).filter(|found| !found.is_empty()) {
            sets.insert(found);
            users.push(name.clone());
        }
    }
    match (sets.pop_first(), sets.is_empty()) {
        (None, _) => Ok(String::new()),
        (Some(origins), true) => {
            bind(hub, secret, &origins, None, &listed(&users), by).await?;
            Ok(String::new())
        }
        (Some(_), false) => {
            Ok(format!(" {} send it to different hosts: `nave connection approve` says which, and asks.", listed(&users)))
        }
    }
}
