//! Edges between objects: the v4 routes, `associations=` when reading, and `associations` when creating.
//!
//! An edge is kept at both ends and changes both ends' modification time, as there. The first company of a contact is its primary one,
//! and is then shown twice, with the primary and with the unlabelled type, as there.

use super::{Changes, Crm, Refusal, batch_answer, body, known_params, object::Object};
use crate::{
    limits::CRM_ASSOCIATIONS_PAGE_MAX,
    wire::{Call, Reply},
};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToAssociate {
    to: To,
    types: Vec<TypeSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    id: Value,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct TypeSpec {
    association_category: String,
    association_type_id: u32,
}

/// The numbers of an edge's types: primary, where there is such a thing, and unlabelled.
fn types(crm: &Crm, from: usize, to: usize) -> (Option<u32>, u32) {
    match (crm.tables[from].schema.type_id.as_str(), crm.tables[to].schema.type_id.as_str()) {
        ("0-1", "0-2") => (Some(1), 279),
        ("0-2", "0-1") => (Some(2), 280),
        _ => (None, u32::try_from(1_000 + from * 100 + to).unwrap_or(u32::MAX)),
    }
}

/// Whether this edge is the primary one of the contact at either end.
fn is_primary(crm: &Crm, from: usize, object: &Object, to: usize, other: u64) -> bool {
    let (Some(_), _) = types(crm, from, to) else {
        return false;
    };
    let first =
        |object: &Object, kind: usize| object.links.get(&crm.tables[kind].schema.name).and_then(|ids| ids.first()).copied();
    if crm.tables[from].schema.type_id == "0-1" {
        first(object, to) == Some(other)
    } else {
        crm.tables[to].get(other).and_then(|contact| first(contact, from)) == Some(object.id)
    }
}

/// The edges of an object to one kind, for `associations=`; `None` where there are none.
pub(crate) fn of_object(crm: &Crm, from: usize, object: &Object, to: usize) -> Option<(String, Value)> {
    let (schema, other) = (&crm.tables[from].schema, &crm.tables[to].schema);
    let ids = object.links.get(&other.name).filter(|ids| !ids.is_empty())?;
    let name = format!("{}_to_{}", schema.singular, other.singular);
    let has_primary = types(crm, from, to).0.is_some();
    let mut results = Vec::new();
    for id in ids {
        if !has_primary || is_primary(crm, from, object, to, *id) {
            results.push(json!({"id": id.to_string(), "type": name}));
        }
        if has_primary {
            results.push(json!({"id": id.to_string(), "type": format!("{name}_unlabeled")}));
        }
    }
    Some((other.name.clone(), json!({"results": results})))
}

/// `/crm/v4/objects/{from}/{id}/associations/…`
pub(crate) fn route(crm: &mut Crm, call: &Call, (from, id): (&str, &str), rest: &[&str], now: i64) -> Result<Reply, Refusal> {
    let from = crm.kind(from)?;
    let object = |crm: &Crm| {
        id.parse().ok().and_then(|id| crm.tables[from].live(id)).map(|object| object.id).ok_or_else(Refusal::not_found)
    };
    match (call.method.as_str(), rest) {
        ("GET", [to]) => list(crm, call, (from, object(crm)?), crm.kind(to)?),
        ("PUT", ["default", to, other]) => {
            known_params(call, &[])?;
            let ends = (from, object(crm)?);
            let others = target(crm, to, other)?;
            default(crm, ends, others, now)
        }
        ("PUT", [to, other]) => {
            known_params(call, &[])?;
            let ends = (from, object(crm)?);
            let others = target(crm, to, other)?;
            labelled(crm, call, ends, others, now)
        }
        ("DELETE", [to, other]) => {
            known_params(call, &[])?;
            let ends = (from, object(crm)?);
            let others = target(crm, to, other)?;
            let mut changes = Changes::new();
            let (from_name, to_name) = (crm.tables[ends.0].schema.name.clone(), crm.tables[others.0].schema.name.clone());
            plan_forget(crm, &from_name, ends.1, others, &mut changes, now);
            plan_forget(crm, &to_name, others.1, ends, &mut changes, now);
            let entries = crm.commit(changes);
            Ok(Reply::empty(204).with_entries(entries))
        }
        (method, [_] | [_, _] | ["default", _, _]) => Err(Refusal::method(method)),
        _ => Err(Refusal::new(404, "OBJECT_NOT_FOUND", format!("No path {} is known here", call.path))),
    }
}

fn target(crm: &Crm, to: &str, other: &str) -> Result<(usize, u64), Refusal> {
    let kind = crm.kind(to)?;
    let object = other.parse().ok().and_then(|id| crm.tables[kind].live(id)).ok_or_else(Refusal::not_found)?;
    Ok((kind, object.id))
}

fn list(crm: &Crm, call: &Call, (from, id): (usize, u64), to: usize) -> Result<Reply, Refusal> {
    known_params(call, &["limit", "after"])?;
    let number = |name: &str, default: usize| match call.param(name) {
        None => Ok(default),
        Some(text) => text.parse::<usize>().map_err(|_| Refusal::invalid(format!("{name} \"{text}\" is not a number"))),
    };
    let (limit, after) = (number("limit", CRM_ASSOCIATIONS_PAGE_MAX)?, number("after", 0)?);
    if limit == 0 || limit > CRM_ASSOCIATIONS_PAGE_MAX {
        return Err(Refusal::invalid(format!("limit must be between 1 and {CRM_ASSOCIATIONS_PAGE_MAX}, not {limit}")));
    }
    let object = crm.tables[from].live(id).ok_or_else(Refusal::not_found)?;
    let ids = object.links.get(&crm.tables[to].schema.name).map_or(&[][..], Vec::as_slice);
    let (primary, plain) = types(crm, from, to);
    let results: Vec<Value> = ids
        .iter()
        .skip(after)
        .take(limit)
        .map(|other| {
            let mut list = vec![json!({"category": "HUBSPOT_DEFINED", "typeId": plain})];
            if let Some(primary) = primary.filter(|_| is_primary(crm, from, object, to, *other)) {
                list.push(json!({"category": "HUBSPOT_DEFINED", "typeId": primary, "label": "Primary"}));
            }
            json!({"toObjectId": other.to_string(), "associationTypes": list})
        })
        .collect();
    let mut answer = json!({"results": results});
    if after + limit < ids.len() {
        answer["paging"] = json!({"next": {"after": (after + limit).to_string()}});
    }
    Ok(Reply::json(200, answer))
}

fn default(crm: &mut Crm, from: (usize, u64), to: (usize, u64), now: i64) -> Result<Reply, Refusal> {
    let mut changes = Changes::new();
    plan_link(crm, from, to, false, &mut changes, now);
    let entries = crm.commit(changes);
    let edge = |a: (usize, u64), b: (usize, u64)| {
        json!({
            "from": {"id": a.1.to_string()}, "to": {"id": b.1.to_string()},
            "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": types(crm, a.0, b.0).1},
        })
    };
    Ok(batch_answer(vec![edge(from, to), edge(to, from)], Vec::new(), now, 200).with_entries(entries))
}

fn labelled(crm: &mut Crm, call: &Call, from: (usize, u64), to: (usize, u64), now: i64) -> Result<Reply, Refusal> {
    let specs: Vec<TypeSpec> = body(call)?;
    let primary = wants_primary(crm, from.0, to.0, &specs)?;
    let mut changes = Changes::new();
    plan_link(crm, from, to, primary, &mut changes, now);
    let entries = crm.commit(changes);
    let labels: &[&str] = if primary { &["Primary"] } else { &[] };
    let answer = json!({
        "fromObjectTypeId": crm.tables[from.0].schema.type_id, "fromObjectId": from.1.to_string(),
        "toObjectTypeId": crm.tables[to.0].schema.type_id, "toObjectId": to.1.to_string(), "labels": labels,
    });
    Ok(Reply::json(201, answer).with_entries(entries))
}

/// Checks the types named; true where the primary one is among them.
fn wants_primary(crm: &Crm, from: usize, to: usize, specs: &[TypeSpec]) -> Result<bool, Refusal> {
    let (primary, plain) = types(crm, from, to);
    if specs.is_empty() {
        return Err(Refusal::invalid("At least one association type is needed"));
    }
    for spec in specs {
        let known = spec.association_type_id == plain || Some(spec.association_type_id) == primary;
        if spec.association_category != "HUBSPOT_DEFINED" || !known {
            let (category, id) = (&spec.association_category, spec.association_type_id);
            return Err(Refusal::invalid(format!("Association type {category} {id} does not exist between these objects")));
        }
    }
    Ok(specs.iter().any(|spec| Some(spec.association_type_id) == primary))
}

/// An edge asked for in the body of a create.
pub(crate) fn plan_wanted(
    crm: &Crm,
    from: usize,
    id: u64,
    wanted: &ToAssociate,
    changes: &mut Changes,
    now: i64,
) -> Result<(), Refusal> {
    let first =
        wanted.types.first().ok_or_else(|| Refusal::invalid("At least one association type is needed"))?.association_type_id;
    let to = (0..crm.tables.len())
        .find(|to| {
            let (primary, plain) = types(crm, from, *to);
            plain == first || primary == Some(first)
        })
        .ok_or_else(|| Refusal::invalid(format!("Association type {first} does not exist")))?;
    let primary = wants_primary(crm, from, to, &wanted.types)?;
    let text = match &wanted.to.id {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let other = text.parse().ok().and_then(|other| crm.tables[to].live(other)).map(|object| object.id);
    let Some(other) = other else {
        return Err(Refusal::invalid(format!(
            "{} {text} does not exist; it cannot be associated",
            crm.tables[to].schema.title()
        )));
    };
    plan_link(crm, (from, id), (to, other), primary, changes, now);
    Ok(())
}

/// Adds an edge at both ends.
pub(crate) fn plan_link(crm: &Crm, a: (usize, u64), b: (usize, u64), primary: bool, changes: &mut Changes, now: i64) {
    for (own, other) in [(a, b), (b, a)] {
        let name = &crm.tables[other.0].schema.name;
        let to_front = primary && crm.tables[own.0].schema.type_id == "0-1";
        change(crm, own, changes, now, |object| {
            let ids = object.links.entry(name.clone()).or_default();
            let was = ids.iter().position(|id| *id == other.1);
            match was {
                Some(0) => return false,
                Some(_) if !to_front => return false,
                Some(at) => _ = ids.remove(at),
                None => {}
            }
            ids.insert(if to_front { 0 } else { ids.len() }, other.1);
            true
        });
    }
}

/// Takes an edge out at one end.
pub(crate) fn plan_forget(crm: &Crm, kind: &str, id: u64, gone: (usize, u64), changes: &mut Changes, now: i64) {
    let Some(kind) = crm.kind_named(kind) else {
        return;
    };
    let name = &crm.tables[gone.0].schema.name;
    change(crm, (kind, id), changes, now, |object| {
        let Some(ids) = object.links.get_mut(name) else {
            return false;
        };
        let before = ids.len();
        ids.retain(|other| *other != gone.1);
        let changed = ids.len() != before;
        if ids.is_empty() {
            object.links.remove(name);
        }
        changed
    });
}

/// Changes an object that may already be among the changes.
fn change(crm: &Crm, (kind, id): (usize, u64), changes: &mut Changes, now: i64, edit: impl FnOnce(&mut Object) -> bool) {
    if let Some((_, object)) = changes.iter_mut().find(|(of, object)| *of == kind && object.id == id) {
        edit(object);
        return;
    }
    let Some(object) = crm.tables[kind].live(id) else {
        return;
    };
    let mut object = object.clone();
    if edit(&mut object) {
        object.modified = now;
        changes.push((kind, object));
    }
}
