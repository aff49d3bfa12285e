//! `POST /crm/v3/objects/{object}/batch/…`.
//!
//! As the vendor does: a value that is not valid, or a conflict, refuses the whole batch; an object that does not exist is an error of
//! its own beside the others' results (207). Promises that a refused batch changes nothing.

use super::{
    Changes, Crm, Refusal, batch_answer, body, known_params,
    object::{Object, unique_key},
    objects::{self, CreateBody, Shape, plan_archive, plan_create, plan_update, render, resolve},
};
use crate::{
    limits::CRM_PAGE_OBJECTS_MAX,
    wire::{Call, Reply},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Inputs<T> {
    inputs: Vec<T>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdOnly {
    id: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct ReadBody {
    inputs: Vec<IdOnly>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    #[serde(default)]
    id_property: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Change {
    id: String,
    #[serde(default)]
    id_property: Option<String>,
    properties: Map<String, Value>,
    #[serde(default)]
    object_write_trace_id: Option<String>,
}

pub(crate) fn route(crm: &mut Crm, call: &Call, kind: usize, verb: &str, now: i64) -> Result<Reply, Refusal> {
    known_params(call, if verb == "read" { &["archived"] } else { &[] })?;
    match verb {
        "read" => read(crm, call, kind, now),
        "create" => create(crm, call, kind, now),
        "update" => update(crm, call, kind, now),
        "upsert" => upsert(crm, call, kind, now),
        _ => archive(crm, call, kind, now),
    }
}

/// Between one input and the vendor's most, none of them twice.
fn check_inputs<'a>(keys: impl ExactSizeIterator<Item = &'a str>) -> Result<(), Refusal> {
    if keys.len() == 0 || keys.len() > CRM_PAGE_OBJECTS_MAX {
        return Err(Refusal::invalid(format!("A batch has between 1 and {CRM_PAGE_OBJECTS_MAX} inputs, not {}", keys.len())));
    }
    let mut seen = BTreeSet::new();
    for key in keys {
        if !seen.insert(unique_key(key)) {
            return Err(Refusal::invalid(format!("Duplicate IDs found in batch input: [{key}]. IDs must be unique")));
        }
    }
    Ok(())
}

fn missing(crm: &Crm, kind: usize, ids: &[String]) -> Vec<Value> {
    if ids.is_empty() {
        return Vec::new();
    }
    let kind = crm.tables[kind].schema.singular.to_uppercase();
    vec![json!({
        "status": "error", "category": "OBJECT_NOT_FOUND",
        "message": format!("Could not get some {kind} objects, they may be deleted or not exist. Check that ids are valid."),
        "context": {"ids": ids}, "errors": [], "links": {},
    })]
}

fn read(crm: &Crm, call: &Call, kind: usize, now: i64) -> Result<Reply, Refusal> {
    let input: ReadBody = body(call)?;
    objects::no_history(&input.properties_with_history)?;
    check_inputs(input.inputs.iter().map(|input| input.id.as_str()))?;
    let table = &crm.tables[kind];
    let shape = Shape::new(table, &input.properties)?;
    let archived = call.param("archived") == Some("true");
    let (mut results, mut lost) = (Vec::new(), Vec::new());
    for IdOnly { id } in input.inputs {
        match resolve(table, &id, input.id_property.as_deref())?.filter(|object| object.archived_at.is_some() == archived) {
            Some(object) => results.push(render(crm, kind, object, &shape)),
            None => lost.push(id),
        }
    }
    Ok(batch_answer(results, missing(crm, kind, &lost), now, 200))
}

fn create(crm: &mut Crm, call: &Call, kind: usize, now: i64) -> Result<Reply, Refusal> {
    let input: Inputs<CreateBody> = body(call)?;
    if input.inputs.is_empty() || input.inputs.len() > CRM_PAGE_OBJECTS_MAX {
        return Err(Refusal::invalid(format!(
            "A batch has between 1 and {CRM_PAGE_OBJECTS_MAX} inputs, not {}",
            input.inputs.len()
        )));
    }
    let mut changes = Changes::new();
    let mut made = Vec::new();
    for wanted in &input.inputs {
        let id = plan_create(crm, kind, wanted, &mut changes, now)?;
        no_twin(crm, kind, id, &changes)?;
        made.push((id, wanted.trace.clone()));
    }
    let entries = crm.commit(changes);
    Ok(batch_answer(rendered(crm, kind, &made, None), Vec::new(), now, 201).with_entries(entries))
}

/// 409 where two new objects of one batch have the same value of a unique property.
fn no_twin(crm: &Crm, kind: usize, id: u64, changes: &Changes) -> Result<(), Refusal> {
    let table = &crm.tables[kind];
    let own =
        |object: &Object, name: &str| object.values.get(name).filter(|value| !value.is_empty()).map(|value| unique_key(value));
    let of_kind = || changes.iter().filter(|(of, _)| *of == kind).map(|(_, object)| object);
    let Some(new) = of_kind().find(|object| object.id == id) else {
        return Ok(());
    };
    for property in table.schema.properties.iter().filter(|property| property.unique) {
        let value = own(new, &property.name);
        if let Some(other) = of_kind().find(|other| other.id != id && value.is_some() && own(other, &property.name) == value) {
            return Err(Refusal::conflict(&table.schema.title(), other.id));
        }
    }
    Ok(())
}

fn rendered(crm: &Crm, kind: usize, made: &[(u64, Option<String>)], new: Option<&BTreeSet<u64>>) -> Vec<Value> {
    let shape = Shape::all(&crm.tables[kind]);
    made.iter()
        .filter_map(|(id, trace)| {
            let mut answer = render(crm, kind, crm.tables[kind].get(*id)?, &shape);
            if let Some(trace) = trace {
                answer["objectWriteTraceId"] = trace.clone().into();
            }
            if let Some(new) = new {
                answer["new"] = new.contains(id).into();
            }
            Some(answer)
        })
        .collect()
}

fn update(crm: &mut Crm, call: &Call, kind: usize, now: i64) -> Result<Reply, Refusal> {
    let input: Inputs<Change> = body(call)?;
    check_inputs(input.inputs.iter().map(|input| input.id.as_str()))?;
    let mut changes = Changes::new();
    let (mut made, mut lost) = (Vec::new(), Vec::new());
    for wanted in input.inputs {
        let table = &crm.tables[kind];
        let Some(object) = resolve(table, &wanted.id, wanted.id_property.as_deref())?.filter(|object| object.live()) else {
            lost.push(wanted.id);
            continue;
        };
        let id = object.id;
        once(&made, id)?;
        if let Some(new) = plan_update(table, object, &wanted.properties, now)? {
            changes.push((kind, new));
            no_twin(crm, kind, id, &changes)?;
        }
        made.push((id, wanted.object_write_trace_id));
    }
    let entries = crm.commit(changes);
    let errors = missing(crm, kind, &lost);
    Ok(batch_answer(rendered(crm, kind, &made, None), errors, now, 200).with_entries(entries))
}

/// Two inputs may name one object in two ways, by its own id and by that of one it was merged with.
fn once(made: &[(u64, Option<String>)], id: u64) -> Result<(), Refusal> {
    if made.iter().any(|(other, _)| *other == id) {
        return Err(Refusal::invalid(format!("Duplicate IDs found in batch input: [{id}]. IDs must be unique")));
    }
    Ok(())
}

fn upsert(crm: &mut Crm, call: &Call, kind: usize, now: i64) -> Result<Reply, Refusal> {
    let input: Inputs<Change> = body(call)?;
    check_inputs(input.inputs.iter().map(|input| input.id.as_str()))?;
    let mut changes = Changes::new();
    let (mut made, mut new, mut lost) = (Vec::new(), BTreeSet::new(), Vec::new());
    for wanted in input.inputs {
        let table = &crm.tables[kind];
        let found = resolve(table, &wanted.id, wanted.id_property.as_deref())?.filter(|object| object.live());
        let id = match (found, wanted.id_property) {
            (Some(object), _) => {
                let id = object.id;
                once(&made, id)?;
                if let Some(object) = plan_update(table, object, &wanted.properties, now)? {
                    changes.push((kind, object));
                    no_twin(crm, kind, id, &changes)?;
                }
                id
            }
            (None, Some(name)) if name != super::schema::OBJECT_ID => {
                let mut properties = wanted.properties;
                properties.entry(name).or_insert_with(|| wanted.id.clone().into());
                let create = CreateBody { properties, associations: Vec::new(), trace: None };
                let id = plan_create(crm, kind, &create, &mut changes, now)?;
                no_twin(crm, kind, id, &changes)?;
                new.insert(id);
                id
            }
            (None, _) => {
                lost.push(wanted.id);
                continue;
            }
        };
        made.push((id, wanted.object_write_trace_id));
    }
    let entries = crm.commit(changes);
    let errors = missing(crm, kind, &lost);
    Ok(batch_answer(rendered(crm, kind, &made, Some(&new)), errors, now, 200).with_entries(entries))
}

fn archive(crm: &mut Crm, call: &Call, kind: usize, now: i64) -> Result<Reply, Refusal> {
    let input: Inputs<IdOnly> = body(call)?;
    check_inputs(input.inputs.iter().map(|input| input.id.as_str()))?;
    let mut changes = Changes::new();
    for IdOnly { id } in &input.inputs {
        if let Some(object) = resolve(&crm.tables[kind], id, None)?.filter(|object| object.live()) {
            plan_archive(crm, kind, object.id, &mut changes, now);
        }
    }
    let entries = crm.commit(changes);
    Ok(Reply::empty(204).with_entries(entries))
}
