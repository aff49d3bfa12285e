//! Acts: what happens in a system once, without a client's doing. Unlike fault switches they change objects, and are remembered.
//!
//! Must not know what a vendor's objects look like: the system makes the change.

use crate::{
    auth::Credential,
    rng::Rng,
    simulated::{Amendment, SchemaChange, Simulated},
    wire::Call,
};
use http::{HeaderMap, HeaderValue, Method, header};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// An act.
#[derive(Debug)]
pub(crate) enum Act {
    /// A share or a number of the objects of a kind is deleted.
    MassDelete(MassDelete),
    /// Two objects become one. No interface of the system takes it back.
    Merge(Merge),
    /// A property is added, removed, renamed, or gets another type.
    Schema(SchemaChange),
    /// Somebody works in the system's own interface.
    Person(Person),
}

impl Act {
    /// An act as an object: its name under `act`, the rest is its own.
    pub(crate) fn read(text: &[u8]) -> Result<Self, String> {
        fn own<T: DeserializeOwned>(fields: Map<String, Value>) -> Result<T, String> {
            serde_json::from_value(fields.into()).map_err(|error| error.to_string())
        }
        let mut fields: Map<String, Value> = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        let name = fields.remove("act").unwrap_or_default();
        match name.as_str() {
            Some("mass-delete") => own(fields).map(Self::MassDelete),
            Some("merge") => own(fields).map(Self::Merge),
            Some("schema") => own(fields).map(Self::Schema),
            Some("person") => own(fields).map(Self::Person),
            _ => Err(format!("there is no act {name}")),
        }
    }
}

/// All acts, for people.
pub(crate) const ACTS: [(&str, &str, &[&str]); 4] = [
    (
        "mass-delete",
        "a share or a number of the objects is deleted (archived where the system cannot delete)",
        &["share", "count", "object"],
    ),
    ("merge", "two objects become one, those given or any two; it cannot be undone", &["object", "winner", "loser"]),
    ("schema", "change is add, remove, rename (to) or retype (type) of a field", &["change", "object", "field", "to", "type"]),
    (
        "person",
        "somebody does in the system's own interface what this request of its API does: no switch hits it, and it is in no log",
        &["method", "path", "body"],
    ),
];

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MassDelete {
    #[serde(default)]
    share: Option<f64>,
    #[serde(default)]
    count: Option<usize>,
    #[serde(default)]
    object: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Merge {
    #[serde(default)]
    object: Option<String>,
    #[serde(default)]
    winner: Option<String>,
    #[serde(default)]
    loser: Option<String>,
}

/// A request that stands for what somebody does at a screen.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Person {
    method: String,
    /// With its query, where it has one.
    path: String,
    #[serde(default)]
    body: Value,
}

/// The same, as the system is asked: with the credential that it gave out.
pub(crate) fn person(act: &Person, credential: &Credential) -> Result<Call, String> {
    let method = Method::from_bytes(act.method.as_bytes()).map_err(|_| format!("`{}` is no method", act.method))?;
    let value = |text: &str| HeaderValue::from_str(text).map_err(|error| error.to_string());
    let mut headers = HeaderMap::new();
    headers.insert(header::AUTHORIZATION, value(&format!("Bearer {}", credential.token))?);
    if let Some(tenant) = &credential.tenant_id {
        headers.insert("xero-tenant-id", value(tenant)?);
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let body = if act.body.is_null() { String::new() } else { act.body.to_string() };
    let (path, query) = act.path.split_once('?').unwrap_or((&act.path, ""));
    Ok(Call::new(method, path, query, headers, body.into()))
}

/// Carries an act out: what to remember, and what to tell. `nth` keeps two acts of the same kind apart.
pub(crate) fn carry_out(
    act: &Act,
    system: &mut dyn Simulated,
    seed: u64,
    nth: u64,
    now: i64,
) -> Result<(Vec<Value>, Value), String> {
    match act {
        Act::MassDelete(act) => mass_delete(act, system, seed, nth, now),
        Act::Merge(act) => merge(act, system, seed, nth, now),
        Act::Schema(change) => {
            let change = SchemaChange { object: Some(kind(change.object.as_ref(), system)?), ..change.clone() };
            Ok((system.alter(&change)?, json!({"object": change.object, "field": change.field})))
        }
        Act::Person(_) => Err("that is not done to a system, but in it".to_owned()),
    }
}

/// The kind that was named, or the first.
fn kind(named: Option<&String>, system: &dyn Simulated) -> Result<String, String> {
    let kinds = system.kinds();
    match named {
        None => kinds.first().cloned().ok_or_else(|| "there are no objects here".to_owned()),
        Some(name) if kinds.contains(name) => Ok(name.clone()),
        Some(name) => Err(format!("there are no `{name}` here; there are {}", kinds.join(", "))),
    }
}

/// All ids, in an order that follows from the seed.
fn shuffled(kind: &str, system: &dyn Simulated, seed: u64, nth: u64) -> Vec<String> {
    let mut ids = system.live(kind);
    let mut rng = Rng::new(seed, "act", nth);
    for at in (1..ids.len()).rev() {
        ids.swap(at, rng.below(at + 1));
    }
    ids
}

fn mass_delete(
    act: &MassDelete,
    system: &mut dyn Simulated,
    seed: u64,
    nth: u64,
    now: i64,
) -> Result<(Vec<Value>, Value), String> {
    let kind = kind(act.object.as_ref(), system)?;
    let ids = shuffled(&kind, system, seed, nth);
    let count = match (act.share, act.count) {
        (Some(share), None) if (0.0..=1.0).contains(&share) => (ids.len() as f64 * share).round() as usize,
        (Some(_), None) => return Err("share must be between 0 and 1".to_owned()),
        (None, Some(count)) if count <= ids.len() => count,
        (None, Some(_)) => return Err(format!("there are only {} of {kind}", ids.len())),
        _ => return Err("give share or count".to_owned()),
    };
    let mut entries = Vec::new();
    for id in &ids[..count] {
        entries.extend(system.amend(&kind, id, Amendment::Delete, now));
    }
    Ok((entries, json!({"object": kind, "deleted": ids[..count]})))
}

fn merge(act: &Merge, system: &mut dyn Simulated, seed: u64, nth: u64, now: i64) -> Result<(Vec<Value>, Value), String> {
    let kind = kind(act.object.as_ref(), system)?;
    let (winner, loser) = match (&act.winner, &act.loser) {
        (Some(winner), Some(loser)) => (winner.clone(), loser.clone()),
        (None, None) => match shuffled(&kind, system, seed, nth).as_slice() {
            [winner, loser, ..] => (winner.clone(), loser.clone()),
            _ => return Err(format!("there are not two of {kind}")),
        },
        _ => return Err("give winner and loser, or neither".to_owned()),
    };
    let entries = system.merge(&kind, &winner, &loser, now)?;
    Ok((entries, json!({"object": kind, "winner": winner, "loser": loser})))
}
