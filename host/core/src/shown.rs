//! What a thing over there shows of each canonical field, in the hub's spelling: for people who compare two systems.
//!
//! What the hub would write no difference to shows what the record says: another spelling of the same value, or one that was
//! cut on its way, is no other value. Everything else is read as the mapping reads it; what only goes out, as it is there.

use std::collections::BTreeMap;

use crate::catalog::{Entity, FieldMapping, ListMapping, Mapping};
use crate::difference::{Locate, difference};
use crate::intake::{element_value, list_path, paths, shadow_body};
use crate::mapping::Env;
use crate::model::{Contribution, Record};
use crate::value::Value;

/// Canonical field → what the thing shows of it. A field of which nothing was read yet is not in it.
pub fn shown(
    mapping: &Mapping,
    entity: &Entity,
    record: &Record,
    row: &Contribution,
    locate: Locate<'_>,
    region: Option<&str>,
) -> BTreeMap<String, Value> {
    // What is refused by us is refused as a whole: then each field is read.
    let written = difference(mapping, entity, record, Some(row), None, locate, region).ok();
    let agrees = |path: &str| {
        let Some(wanted) = &written else { return false };
        !wanted.values.contains_key(path) && wanted.skipped.iter().all(|(skipped, _)| skipped != path)
    };
    let body = shadow_body(mapping, row);
    let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
    let mut found = BTreeMap::new();
    for field in &mapping.fields {
        let Some(name) = &field.canonical else { continue };
        if paths(field).any(|path| !row.shadow.contains_key(path)) {
            continue;
        }
        let value = match record.value(name).filter(|_| field.direction.writes() && agrees(&field.remote)) {
            Some(value) => value.clone(),
            None => read(field, &env, row),
        };
        found.insert(name.clone(), value);
    }
    for list in &mapping.lists {
        let path = list_path(list);
        let Some(Value::List(elements)) = row.shadow.get(&path) else { continue };
        let value = match list.direction.writes() && agrees(&path) {
            true => elements_of(record, &list.canonical),
            false => sorted(elements.iter().map(|element| read_element(mapping, list, element, region))),
        };
        found.insert(list.canonical.clone(), value);
    }
    found
}

/// A record's value of a field; of a list, its elements.
pub fn canonical(record: &Record, field: &str) -> Value {
    record.value(field).cloned().unwrap_or_else(|| elements_of(record, field))
}

fn read(field: &FieldMapping, env: &Env<'_>, row: &Contribution) -> Value {
    let own = || env.body.at(&field.remote).cloned().unwrap_or_default();
    match &field.read {
        None => own(),
        Some(read) => read.evaluate(env).unwrap_or_else(|_| {
            // It needs a transform plugin, or cannot be read: what it said last, where it said anything.
            let said = field.canonical.as_deref().and_then(|name| row.claims.get(name));
            said.map_or_else(own, |claim| claim.value.clone())
        }),
    }
}

fn read_element(mapping: &Mapping, list: &ListMapping, element: &Value, region: Option<&str>) -> Value {
    element_value(mapping, list, element, region).unwrap_or_else(|_| element.clone())
}

fn elements_of(record: &Record, list: &str) -> Value {
    sorted(record.elements(list).map(|(_, value)| value.clone()))
}

/// The order of elements says nothing.
fn sorted(elements: impl Iterator<Item = Value>) -> Value {
    let mut elements: Vec<Value> = elements.filter(|element| !element.is_empty()).collect();
    elements.sort_by_cached_key(Value::display);
    if elements.is_empty() { Value::Null } else { Value::List(elements) }
}
