//! What systems granted to connections, for people: how it stands, and whether it is more or less than is needed.

use nave_core::manifest::CredentialKind;
use nave_core::scopes;
use tokio::task::block_in_place;

use super::unknown;
use crate::api::{ApiError, AuthorizationLine, AuthorizationsAnswer};
use crate::egress::Standing;
use crate::hub::Hub;

/// Of one connection, or of all.
pub(super) fn list(hub: &Hub, only: Option<&str>) -> Result<AuthorizationsAnswer, ApiError> {
    let catalog = hub.engine.catalog();
    if let Some(name) = only.filter(|name| !catalog.connections.contains_key(*name)) {
        return Err(unknown("connection", name, catalog.connections.keys()));
    }
    let mut lines = Vec::new();
    for connection in catalog.connections.values().filter(|one| only.is_none_or(|only| only == one.name)) {
        for (slot, credential) in &connection.credentials {
            let CredentialKind::Oauth2 { authorization, device, .. } = &credential.kind else { continue };
            let manifest = block_in_place(|| hub.guests.manifest(&connection.plugin)).ok();
            let asked = manifest.as_ref().map(|manifest| scopes::asked(manifest, &connection.grants, slot, &credential.kind));
            let excess = |granted: &[String]| {
                let Some(manifest) = &manifest else { return Vec::new() };
                let reads = scopes::only_reads(&catalog, manifest, connection, slot);
                scopes::beyond(manifest, slot, &credential.kind, reads, granted)
            };
            let mut line = match block_in_place(|| hub.guests.standing(&connection.name, slot)) {
                Ok(Some(standing)) => of(&standing, &asked.unwrap_or_default(), excess(&standing.scopes)),
                Ok(None) => not_agreed("nobody has agreed to it over there yet"),
                Err(why) => not_agreed(&why.to_string()),
            };
            (line.connection, line.slot) = (connection.name.clone(), slot.clone());
            let ways = [(authorization.is_some(), "browser"), (device.is_some(), "device")];
            line.ways = ways.iter().filter(|(there, _)| *there).map(|(_, word)| (*word).to_owned()).collect();
            lines.push(line);
        }
    }
    Ok(AuthorizationsAnswer { authorizations: lines })
}

fn not_agreed(why: &str) -> AuthorizationLine {
    AuthorizationLine { state: "not-agreed".to_owned(), why: Some(why.to_owned()), ..AuthorizationLine::default() }
}

fn of(standing: &Standing, asked: &[String], excess: Vec<String>) -> AuthorizationLine {
    let over = standing.needs_reauth.as_ref();
    AuthorizationLine {
        state: if over.is_some() { "needs-reauth" } else { "good" }.to_owned(),
        why: over.map(|(_, why)| why.clone()),
        since: over.map(|(at, _)| at.to_string()),
        way: Some(standing.way.clone()),
        by: Some(standing.by.clone()),
        given_at: Some(standing.given_at.to_string()),
        renewed_at: Some(standing.renewed_at.to_string()),
        renewals: standing.renewals,
        excess,
        missing: scopes::missing(asked, &standing.scopes),
        scopes: standing.scopes.clone(),
        ..AuthorizationLine::default()
    }
}
