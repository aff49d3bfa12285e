//! What the credentials of connections may over there, as far as anybody said it: the system with a token or an answer, the plugin
//! with its check. Kept from one check to the next, compared with what the connection and its flows need.

use std::collections::BTreeMap;

use nave_core::catalog::{Catalog, Connection};
use nave_core::manifest::{CredentialKind, Manifest};
use nave_core::model::{Cause, Time};
use nave_core::scopes;
use nave_store::KeyedRow;
use serde::{Deserialize, Serialize};
use tokio::task::block_in_place;

use super::listed;
use crate::api::ApiError;
use crate::hub::Hub;

/// Rows: connection → what was said, per credential slot.
const SPACE: &str = "scopes";
/// In place of a slot: what the plugin's check says, which knows no slots.
const BY_THE_PLUGIN: &str = "";

/// What was said of one credential, and when first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Said {
    scopes: Vec<String>,
    since: Time,
    /// Mark of the secret that it was said of; none where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    of: Option<String>,
}

/// What one credential may.
pub(super) struct May {
    /// Connection.
    pub(super) connection: String,
    /// Credential slot.
    pub(super) slot: String,
    /// Nothing is written with it here.
    pub(super) reads: bool,
    /// What it may over there; none: nobody says.
    pub(super) granted: Option<Vec<String>>,
    /// Of that, what nothing here needs.
    pub(super) beyond: Vec<String>,
    /// Scopes that the manifest lists, without those that write where nothing is written.
    needed: Vec<String>,
    /// Where a person finds such a secret, as the manifest says.
    help: String,
}

impl May {
    /// What it may, for people.
    pub(super) fn said(&self) -> String {
        match &self.granted {
            Some(granted) if granted.is_empty() => "it has no scopes over there".to_owned(),
            Some(granted) => format!("it may over there: {}", listed(granted)),
            None if self.reads => format!("{UNKNOWN}; it may write as far as the hub knows, and nothing is written with it here"),
            None => UNKNOWN.to_owned(),
        }
    }

    /// What is to be looked at, where there is something: more than is needed. What nobody knows is a note, and no finding.
    pub(super) fn too_much(&self) -> Option<String> {
        let why = if self.reads { ", and nothing is written with it here" } else { "" };
        (!self.beyond.is_empty()).then(|| format!("it may more than is needed: {}{why}", listed(&self.beyond)))
    }

    /// What to do about it.
    pub(super) fn advice(&self) -> String {
        let kind = if self.reads { "a read-only token" } else { "a token with what is needed alone" };
        let scopes = if self.needed.is_empty() { String::new() } else { format!(", with the scopes {}", listed(&self.needed)) };
        let help = Some(self.help.trim()).filter(|help| !help.is_empty()).map(|help| format!(" ({help})")).unwrap_or_default();
        format!("ask over there for {kind}{scopes}{help}")
    }
}

/// Neither the system nor the plugin says anything.
const UNKNOWN: &str = "nobody says what it may over there";

/// Keeps what was said of a connection's credentials until now. The same again is not written again. What was said of a secret that
/// another one has taken the place of is forgotten: of that one nobody said it.
pub(super) async fn remember(hub: &Hub, connection: &str, by_the_plugin: &[String]) -> Result<(), ApiError> {
    let before = block_in_place(|| kept(hub, connection))?;
    let mut heard = hub.guests.egress().talk(connection).granted().clone();
    if !by_the_plugin.is_empty() {
        heard.insert(BY_THE_PLUGIN.to_owned(), by_the_plugin.to_vec());
    }
    let marks = block_in_place(|| marks(hub, connection));
    let after = merged(&before, heard, |slot| marks.get(slot).cloned(), hub.engine.now());
    if after == before {
        return Ok(());
    }
    let value = serde_json::to_vec(&after).map_err(|error| ApiError::failed(error.to_string()))?;
    hub.engine
        .write(Cause::default(), |draft| {
            let (space, key) = (SPACE.to_owned(), connection.to_owned());
            draft.batch.rows.push(KeyedRow { space, key, value: Some(value.clone()) });
            Ok(())
        })
        .await?;
    Ok(())
}

/// What is kept after a check: what was heard now, and of what was kept before that which is of the same secret still.
fn merged(
    before: &BTreeMap<String, Said>,
    heard: BTreeMap<String, Vec<String>>,
    mark: impl Fn(&str) -> Option<String>,
    now: Time,
) -> BTreeMap<String, Said> {
    let other = |slot: &str, said: &Said| matches!((&said.of, mark(slot)), (Some(before), Some(now)) if *before != now);
    let mut after: BTreeMap<String, Said> =
        before.iter().filter(|(slot, said)| !other(slot, said)).map(|(slot, said)| (slot.clone(), said.clone())).collect();
    for (slot, scopes) in heard {
        let since = before.get(&slot).filter(|before| before.scopes == scopes).map_or(now, |before| before.since);
        let of = mark(&slot);
        after.insert(slot, Said { scopes, since, of });
    }
    after
}

/// Mark of each slot's secret as it is now, and of all of them for what the plugin says; none of what cannot be read.
fn marks(hub: &Hub, connection: &str) -> BTreeMap<String, String> {
    let catalog = hub.engine.catalog();
    let Some(connection) = catalog.connections.get(connection) else { return BTreeMap::new() };
    let mark = |secret: &str| hub.vault.mark_of(secret).ok().flatten();
    let mut marks: BTreeMap<String, String> =
        connection.credentials.iter().filter_map(|(slot, one)| Some((slot.clone(), mark(&one.secret)?))).collect();
    if marks.len() == connection.credentials.len() {
        let all = marks.values().cloned().collect::<Vec<_>>().join(" ");
        marks.insert(BY_THE_PLUGIN.to_owned(), all);
    }
    marks
}

fn kept(hub: &Hub, connection: &str) -> Result<BTreeMap<String, Said>, ApiError> {
    let row = hub.store.row(SPACE, connection)?;
    Ok(row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default())
}

/// Every credential of every connection, but those that a person agreed to over there: what they may is kept with them.
pub(super) fn list(hub: &Hub) -> Result<Vec<May>, ApiError> {
    let catalog = hub.engine.catalog();
    let mut all = Vec::new();
    for connection in catalog.connections.values() {
        all.extend(of(hub, &catalog, connection)?);
    }
    Ok(all)
}

/// As [`list`], of one connection.
pub(super) fn of(hub: &Hub, catalog: &Catalog, connection: &Connection) -> Result<Vec<May>, ApiError> {
    let Ok(manifest) = hub.guests.manifest(&connection.plugin) else { return Ok(Vec::new()) };
    let said = kept(hub, &connection.name)?;
    let of = |slot: &String| granted(&said, slot, connection.credentials.len());
    let slots = connection.credentials.iter().filter(|(_, one)| !matches!(one.kind, CredentialKind::Oauth2 { .. }));
    Ok(slots.map(|(slot, one)| judged(catalog, &manifest, connection, slot, &one.kind, of(slot))).collect())
}

/// What was said of a slot. What the plugin says is of the one credential that there is.
fn granted(said: &BTreeMap<String, Said>, slot: &str, slots: usize) -> Option<Vec<String>> {
    let by_the_plugin = || said.get(BY_THE_PLUGIN).filter(|_| slots == 1);
    said.get(slot).or_else(by_the_plugin).map(|said| said.scopes.clone())
}

fn judged(
    catalog: &Catalog,
    manifest: &Manifest,
    connection: &Connection,
    slot: &str,
    kind: &CredentialKind,
    granted: Option<Vec<String>>,
) -> May {
    let reads = scopes::only_reads(catalog, manifest, connection, slot);
    let beyond = scopes::beyond(manifest, slot, kind, reads, granted.as_deref().unwrap_or_default());
    let asked = manifest.credentials.get(slot);
    let help = asked.map(|slot| slot.help.clone()).unwrap_or_default();
    let listed = asked.map(|slot| slot.scopes.as_slice()).unwrap_or_default().iter();
    let needed = listed.filter(|scope| !(reads && scope.writes)).map(|scope| scope.name.clone()).collect();
    May { connection: connection.name.clone(), slot: slot.to_owned(), reads, granted, beyond, needed, help }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was kept and what is heard, each as slot, scopes and mark of the secret; and what is kept then.
    #[track_caller]
    fn check(before: &[(&str, &str, Option<&str>)], heard: &[(&str, &str)], marks: &[(&str, &str)], expected: &[(&str, &str)]) {
        let said = |(slot, scopes, of): &(&str, &str, Option<&str>)| {
            let scopes = scopes.split_whitespace().map(str::to_owned).collect();
            ((*slot).to_owned(), Said { scopes, since: Time(1), of: of.map(str::to_owned) })
        };
        let before = before.iter().map(said).collect();
        let heard =
            heard.iter().map(|(slot, scopes)| ((*slot).to_owned(), scopes.split_whitespace().map(str::to_owned).collect()));
        let mark = |slot: &str| marks.iter().find(|(known, _)| *known == slot).map(|(_, mark)| (*mark).to_owned());
        let after = merged(&before, heard.collect(), mark, Time(2));
        let found: Vec<(String, String)> = after.iter().map(|(slot, said)| (slot.clone(), said.scopes.join(" "))).collect();
        let found: Vec<(&str, &str)> = found.iter().map(|(slot, scopes)| (slot.as_str(), scopes.as_str())).collect();
        assert_eq!(found, expected, "{before:?}");
    }

    /// S7.5: of a token that was swapped nobody says what the one before might.
    #[test]
    fn what_was_said_of_another_secret_is_forgotten() {
        check(&[("token", "read write", Some("a"))], &[], &[("token", "a")], &[("token", "read write")]);
        check(&[("token", "read write", Some("a"))], &[], &[("token", "b")], &[]);
        check(&[("token", "read write", Some("a"))], &[("token", "read")], &[("token", "b")], &[("token", "read")]);
        // What the plugin said is of its secrets as well.
        check(&[("", "read write", Some("a"))], &[], &[("", "b")], &[]);
        // One slot's secret says nothing of another's.
        check(&[("one", "x", Some("a")), ("two", "y", Some("b"))], &[], &[("one", "c"), ("two", "b")], &[("two", "y")]);
        // Where the secret is not known, as in rows of before and for what cannot be fetched now, nothing is forgotten.
        check(&[("token", "read", None)], &[], &[("token", "b")], &[("token", "read")]);
        check(&[("token", "read", Some("a"))], &[], &[], &[("token", "read")]);
    }
}
