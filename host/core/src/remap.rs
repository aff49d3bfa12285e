//! What a changed mapping makes of what is stored: claims are spelled anew from the shadow, which is the system's own spelling.
//!
//! Only what the system said itself is spelled anew: where the shadow holds what the hub wrote, the claim stays. A value that
//! only the mapping changed keeps the time at which it was said. What is not mapped any more is no longer said.

use std::collections::{BTreeMap, BTreeSet};

use crate::Text;
use crate::catalog::{Entity, FieldMapping, Mapping};
use crate::intake::{list_path, paths};
use crate::mapping::{Env, MapError};
use crate::matching::key_hash;
use crate::model::{Claim, Contribution};
use crate::survivorship::consent;
use crate::value::Value;

/// How a mapping reads: canonical field → hash of path and expression.
pub type Reading = BTreeMap<String, u64>;

/// How a mapping reads now.
pub fn reading(mapping: &Mapping) -> Reading {
    let scalar = mapping.fields.iter().filter(|field| field.direction.reads());
    // What a plugin's function has a part in is read otherwise where that function is another build's.
    let builds = |field: &FieldMapping| match &field.read {
        Some(read) if read.calls() => format!(" {:?}", mapping.transforms),
        _ => String::new(),
    };
    let scalar = scalar.filter_map(|field| {
        let text = format!("{} {:?} {:?}{}", field.remote, field.inputs, field.read, builds(field));
        Some((field.canonical.clone()?, text))
    });
    let lists = mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list)).filter(|list| list.direction.reads());
    let lists = lists.map(|list| {
        let fields: Vec<String> =
            list.fields.iter().map(|field| format!("{} {:?} {:?}", field.remote, field.canonical, field.read)).collect();
        (list.canonical.clone(), format!("{} {:?} {:?} {:?} {fields:?}", list.remote, list.id, list.split, list.only))
    });
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, text) in scalar.chain(lists) {
        // Several fields there may be read into one list: it is read otherwise where one of them is.
        all.entry(name).and_modify(|known| *known = format!("{known}; {text}")).or_insert(text);
    }
    all.into_iter().map(|(name, text)| (name, key_hash(&[&text]))).collect()
}

/// What differs between two ways to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changed {
    /// Fields that are read otherwise, or newly.
    pub fields: BTreeSet<String>,
    /// Fields that are not read any more.
    pub gone: BTreeSet<String>,
}

impl Changed {
    /// From `before` to `now`.
    pub fn between(before: &Reading, now: &Reading) -> Self {
        let fields = now.iter().filter(|(name, hash)| before.get(*name) != Some(hash)).map(|(name, _)| name.clone()).collect();
        Self { fields, gone: before.keys().filter(|name| !now.contains_key(*name)).cloned().collect() }
    }

    /// Nothing does.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.gone.is_empty()
    }
}

/// The entity's rules by which values are chosen: a hash, so that a change of them is noticed.
pub fn rules(entity: &Entity) -> u64 {
    let rules: Vec<String> =
        entity.fields.iter().map(|(name, field)| format!("{name} {:?} {:?}", field.survivorship, field.kind)).collect();
    key_hash(&rules.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Spells a contribution's claims anew. `body` is its shadow as a body, `externals` what transform plugins made of it. Says whether
/// anything changed. What cannot be spelled stays as it was; the next read says why.
pub fn remap(
    mapping: &Mapping,
    entity: &Entity,
    row: &mut Contribution,
    changed: &Changed,
    body: &Value,
    externals: &[Result<Value, MapError>],
    region: Option<&str>,
) -> bool {
    let mut moved = false;
    let stale = row.claims.iter().filter(|(name, _)| changed.gone.contains(list_of(name)));
    // A refusal is not lifted by reading no more of it.
    let stale = stale.filter(|(name, claim)| !consent::stays(entity, name, Some(claim), &Value::Null));
    let stale: Vec<Text> = stale.map(|(name, _)| name.clone()).collect();
    for name in stale {
        row.claims.remove(&name);
        moved = true;
    }
    let env = Env { body, externals, connection: &mapping.connection, region };
    for field in mapping.fields.iter().filter(|field| field.direction.reads()) {
        let Some(canonical) = field.canonical.as_ref().filter(|name| changed.fields.contains(*name)) else { continue };
        let theirs = |path: &str| row.shadow.contains_key(path) && row.sent.get(path).is_none();
        let Some(read) = field.read.as_ref().filter(|_| paths(field).all(theirs)) else { continue };
        let Ok(value) = read.evaluate(&env) else { continue };
        match row.claims.get(canonical) {
            Some(claim) if claim.value == value || consent::stays(entity, canonical, Some(claim), &value) => {}
            Some(claim) => {
                let claim = Claim { value, ..claim.clone() };
                row.claims.insert(Text::from(canonical.as_str()), claim);
                moved = true;
            }
            None if value.is_empty() => {}
            None => {
                let claimed_at = row.modified_at.unwrap_or(row.read_at);
                row.claims
                    .insert(Text::from(canonical.as_str()), Claim { value, claimed_at, observed_at: row.read_at, base: None });
                moved = true;
            }
        }
    }
    // Of a list's elements only the shadow of those that are mapped is known: the next read takes it in anew.
    for list in mapping.lists.iter().filter(|list| changed.fields.contains(&list.canonical)) {
        moved |= row.shadow.remove(&list_path(list)).is_some();
    }
    moved
}

/// A list's name for its elements.
fn list_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(list, _)| list)
}
