//! Secrets that would go where, or by a way that, they were not given for: found, said, and given by a person.
//!
//! What is looked at is the configuration as its files are now, so that an edit is seen before it is in force.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Connection, Diagnostic, Severity};
use nave_core::reason::is_blank;
use tokio::task::block_in_place;

use super::{audit, listed, unknown};
use crate::alerts::OWN;
use crate::api::{Answer, ApiError, HeldAnswer, HeldSecret};
use crate::egress::{destinations_of, is_proxy, is_way, origin, said};
use crate::hub::Hub;
use crate::project::{self, Project};
use crate::secrets::{SecretError, SecretSource as _};

/// Secret → origins that a connection sends it to, and the way there; nothing where its plugin's file is not there.
fn destinations(project: &Project, connection: &Connection) -> BTreeMap<String, BTreeSet<String>> {
    match project.plugins.get(&connection.plugin) {
        Some(plugin) => {
            destinations_of(&plugin.manifest.endpoints, connection, &project::way(&project.place.dir, &project.catalog.hub))
        }
        None => BTreeMap::new(),
    }
}

/// Every name under which secrets go somewhere, with where: the connections, and the hub's own alerts and vaults.
fn places(project: &Project) -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let connections = project.catalog.connections.iter();
    let mut all: BTreeMap<_, _> =
        connections.map(|(name, connection)| (name.clone(), destinations(project, connection))).collect();
    let way = project::way(&project.place.dir, &project.catalog.hub);
    let mut own = crate::alerts::destinations(&project.catalog.hub, &way);
    for (secret, origins) in crate::references::destinations(&project.catalog.hub, &way) {
        own.entry(secret).or_default().extend(origins);
    }
    all.insert(OWN.to_owned(), own);
    all
}

/// The origins that any connection sends a secret to, and the ways there, in force or from the next start on; none where
/// the file of a plugin is missing, so that nobody knows.
fn used(hub: &Hub, project: &Project, secret: &str) -> Option<BTreeSet<String>> {
    let mut all = hub.guests.way().clone();
    for connection in project.catalog.connections.values() {
        if connection.credentials.values().any(|credential| credential.secret == secret) {
            project.plugins.get(&connection.plugin)?;
            all.extend(destinations(project, connection).remove(secret).unwrap_or_default());
        }
    }
    all.extend(places(project).remove(OWN).and_then(|mut own| own.remove(secret)).unwrap_or_default());
    Some(all)
}

fn of_project(hub: &Hub, project: &Project, only: Option<&str>) -> Vec<HeldSecret> {
    let mut found = Vec::new();
    for (name, sent) in places(project).into_iter().filter(|(name, _)| only.is_none_or(|only| only == name)) {
        for (secret, origins) in sent {
            if let Err(SecretError::Held { to, given_for, lapsed, .. }) = hub.vault.may_go(&secret, &origins) {
                found.push(HeldSecret { connection: name.clone(), secret, to, given_for, lapsed: lapsed.map(|lapsed| *lapsed) });
            }
        }
    }
    found
}

/// What is held, of one connection or of all.
pub(super) fn list(hub: &Hub, only: Option<&str>) -> Result<Answer, ApiError> {
    let project = project::load(&hub.dir)?;
    if let Some(name) = only.filter(|name| *name != OWN)
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
    let hub = &project.catalog.hub;
    let bases = project.catalog.connections.get(&held.connection).into_iter().flat_map(|found| found.grants.endpoints.values());
    let base = bases.map(|grant| &grant.base).find(|base| origin(base).is_some_and(|origin| held.to.contains(&origin)));
    let (path, cause) = match held.to.iter().any(|entry| !is_way(entry)) {
        true if held.connection == OWN => ("nave.toml".to_owned(), None),
        true => (format!("connections/{}.toml", held.connection), base),
        false if held.to.iter().any(|entry| is_proxy(entry)) => ("nave.toml".to_owned(), hub.proxy.as_ref()),
        false => ("nave.toml".to_owned(), hub.ca_file.as_ref()),
    };
    let text = project::text(&project.place.dir.join(&path)).unwrap_or_default();
    let (start, length) = cause.and_then(|cause| Some((text.find(cause.as_str())?, cause.len()))).unwrap_or_default();
    let before = text.get(..start).unwrap_or_default();
    Diagnostic {
        path,
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or_default().chars().count() + 1,
        span: (start, length),
        message: format!("the connection `{}` is held: {held}", held.connection),
        help: Some(format!("if that is right: `nave connection approve {}`; if not, correct the file", held.connection)),
        severity: Severity::Warning,
        code: "secret-held",
    }
}

/// Gives secrets of a connection for origins that it sends them to. What was not shown is not given: each origin is named.
/// Nothing is given without a reason.
pub(super) async fn give(
    hub: &Hub,
    name: &str,
    secrets: &BTreeMap<String, BTreeSet<String>>,
    added: bool,
    reason: Option<&str>,
    by: &str,
) -> Result<Answer, ApiError> {
    let Some(reason) = reason.map(str::trim).filter(|reason| !is_blank(reason)) else {
        return Err(ApiError::usage("nothing was granted: a grant has a reason, and none was given")
            .help("give one with --reason TEXT: the audit keeps it, and `nave access list` shows it"));
    };
    let because = format!(": {reason}");
    let project = block_in_place(|| {
        hub.reload()?;
        project::load(&hub.dir)
    })?;
    let connections = &project.catalog.connections;
    let plugin = match connections.get(name) {
        Some(connection) => connection.plugin.as_str(),
        None if name == OWN => OWN,
        None => return Err(unknown("connection", name, connections.keys())),
    };
    let known = places(&project).remove(name).unwrap_or_default();
    for (secret, origins) in secrets {
        let sent = known.get(secret).cloned().unwrap_or_default();
        if let Some(other) = origins.iter().find(|origin| !sent.contains(*origin)) {
            return Err(ApiError::usage(format!("connection `{name}` does not send the secret `{secret}` to {other}"))
                .help(format!("`nave connection approve {name}` shows where it does")));
        }
    }
    if added {
        audit(&hub.engine, by, "connection.added", name, &format!("{plugin}{because}")).await?;
    }
    let mut lines = Vec::new();
    for (secret, origins) in secrets {
        let mut origins = origins.clone();
        if added {
            // The way was not asked about: it goes along where it is agreed to already.
            let sent = known.get(secret).into_iter().flatten();
            origins.extend(sent.filter(|entry| is_way(entry)).cloned());
            origins = agreed(hub, origins)?;
        }
        bind(hub, secret, &origins, used(hub, &project, secret).as_ref(), &format!("{name}{because}"), by).await?;
        lines.push(format!("`{secret}` may go {} (connection {name})", said(&origins)));
    }
    Ok(Answer::done(
        if lines.is_empty() { "Nothing was held.".to_owned() } else { format!("{}.", lines.join("; ")) },
        lines.len() as u64,
    ))
}

/// Without the proxy and the authorities that no secret was given for so far: a person is asked about those. The first
/// secret of all is given for the way that is there.
fn agreed(hub: &Hub, mut origins: BTreeSet<String>) -> Result<BTreeSet<String>, ApiError> {
    let others = block_in_place(|| hub.vault.all_bound()).map_err(super::operations::refused)?;
    if !others.is_empty() {
        origins.retain(|entry| !is_way(entry) || others.contains(entry));
    }
    Ok(origins)
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
    let mut goes = if bound.is_empty() { String::new() } else { format!(" It may go {} and nowhere else.", said(&bound)) };
    let Ok(project) = project::load(&hub.dir) else { return Ok(goes) };
    for held in of_project(hub, &project, None).iter().filter(|held| held.secret == secret) {
        goes += &format!(" Held: {held}; if that is right, `nave connection approve {}`.", held.connection);
    }
    Ok(goes)
}

/// Forgets the hosts that no connection sends a secret to any more, so that nothing that was taken out can be brought back by
/// an edit. Where one is held, an edit is under way: then all stay as they are.
pub(crate) async fn lapse(hub: &Hub) -> Result<(), ApiError> {
    let refused = super::operations::refused;
    let names = block_in_place(|| hub.vault.bound_names()).map_err(refused)?;
    let places = block_in_place(|| hub.vault.authorization_places()).map_err(refused)?;
    if names.is_empty() && places.is_empty() {
        return Ok(());
    }
    let Ok(project) = block_in_place(|| project::load(&hub.dir)) else { return Ok(()) };
    for place in places {
        let (connection, slot) = place.split_once('/').unwrap_or((&place, ""));
        let there = |found: &std::sync::Arc<Connection>| found.credentials.contains_key(slot);
        if !project.catalog.connections.get(connection).is_some_and(there) {
            block_in_place(|| hub.vault.keep(&place, None))
                .map_err(|error| ApiError::failed(error.to_string()).help("`nave doctor` looks at the data folder"))?;
            hub.guests.egress().forget_authorization(&place);
            audit(
                &hub.engine,
                "hub",
                "connection.forgotten",
                connection,
                &format!("{slot}: there is no such credential any more"),
            )
            .await?;
        }
    }
    for name in names {
        let bound = block_in_place(|| hub.vault.bound(&name)).map_err(refused)?.unwrap_or_default();
        let Some(used) = used(hub, &project, &name) else { continue };
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
    for (name, mut sent) in places(&project) {
        if let Some(found) = sent.remove(secret).filter(|found| !found.is_empty()) {
            sets.insert(found);
            users.push(name.clone());
        }
    }
    match (sets.pop_first(), sets.is_empty()) {
        (None, _) => Ok(String::new()),
        (Some(origins), true) => {
            let origins = agreed(hub, origins)?;
            bind(hub, secret, &origins, None, &listed(&users), by).await?;
            Ok(String::new())
        }
        (Some(_), false) => {
            Ok(format!(" {} send it to different hosts: `nave connection approve` says which, and asks.", listed(&users)))
        }
    }
}
