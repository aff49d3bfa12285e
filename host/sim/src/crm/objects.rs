//! One object at a time: list, get, create, update, archive, search; and how an object is written in an answer.

use super::{
    Changes, Crm, Refusal, associations, body, known_params,
    object::{Object, Table},
    schema::{CREATED, OBJECT_ID},
    search::{self, SearchBody},
    values,
};
use crate::{
    limits::{CRM_PAGE_OBJECTS_DEFAULT, CRM_PAGE_OBJECTS_MAX},
    time,
    wire::{Call, Reply},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What an answer is to hold of each object.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) properties: Vec<String>,
    /// Kinds of associated objects.
    pub(crate) associations: Vec<usize>,
}

impl Shape {
    /// From a list of names; the defaults where it is empty. A name that does not exist is refused.
    pub(crate) fn new(table: &Table, names: &[String]) -> Result<Self, Refusal> {
        for name in names {
            if table.schema.property(name).is_none() {
                return Err(Refusal::no_property(name));
            }
        }
        let asked = if names.is_empty() { &table.schema.default_properties } else { names };
        let mut properties = asked.to_vec();
        properties.extend([OBJECT_ID.to_owned(), CREATED.to_owned(), table.schema.modified_property.clone()]);
        properties.sort();
        properties.dedup();
        Ok(Self { properties, associations: Vec::new() })
    }

    /// Everything: what a write answers with.
    pub(crate) fn all(table: &Table) -> Self {
        Self { properties: table.schema.properties.iter().map(|p| p.name.clone()).collect(), associations: Vec::new() }
    }

    fn of_query(crm: &Crm, call: &Call, kind: usize) -> Result<Self, Refusal> {
        no_history(&call.list("propertiesWithHistory"))?;
        let mut shape = Self::new(&crm.tables[kind], &call.list("properties"))?;
        for name in call.list("associations") {
            shape.associations.push(crm.kind(&name)?);
        }
        Ok(shape)
    }
}

/// Histories are not simulated, and saying so is better than answering without them.
pub(crate) fn no_history(names: &[String]) -> Result<(), Refusal> {
    if names.is_empty() { Ok(()) } else { Err(Refusal::invalid("propertiesWithHistory is not simulated")) }
}

/// The object as HubSpot writes it. A property that was never set is left out, a cleared one is empty.
pub(crate) fn render(crm: &Crm, kind: usize, object: &Object, shape: &Shape) -> Value {
    let table = &crm.tables[kind];
    let mut properties = Map::new();
    for name in &shape.properties {
        if let Some(value) = object.value(&table.schema, name) {
            properties.insert(name.clone(), value.into());
        }
    }
    let mut answer = json!({
        "id": object.id.to_string(),
        "properties": properties,
        "createdAt": time::iso(object.created),
        "updatedAt": time::iso(object.modified),
        "archived": object.archived_at.is_some(),
    });
    if let Some(at) = object.archived_at {
        answer["archivedAt"] = time::iso(at).into();
    }
    let associated: Map<String, Value> =
        shape.associations.iter().filter_map(|to| associations::of_object(crm, kind, object, *to)).collect();
    if !associated.is_empty() {
        answer["associations"] = associated.into();
    }
    answer
}

fn archived(call: &Call) -> Result<bool, Refusal> {
    match call.param("archived") {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(other) => Err(Refusal::invalid(format!("archived is true or false, not \"{other}\""))),
    }
}

/// The object a path or a batch names: by id, or by the value of a unique property.
pub(crate) fn resolve<'a>(table: &'a Table, id: &str, id_property: Option<&str>) -> Result<Option<&'a Object>, Refusal> {
    match id_property {
        None => Ok(id.parse().ok().and_then(|id| table.get(id))),
        Some(OBJECT_ID) => Ok(id.parse().ok().and_then(|id| table.get(id))),
        Some(name) if table.schema.property(name).is_none() => Err(Refusal::no_property(name)),
        Some(name) if !table.is_unique(name) => {
            Err(Refusal::invalid(format!("Property {name} is not a unique property; it cannot be used as idProperty")))
        }
        Some(name) => Ok(table.by_unique(name, id)),
    }
}

pub(crate) fn list(crm: &Crm, call: &Call, kind: usize) -> Result<Reply, Refusal> {
    known_params(call, &["limit", "after", "properties", "propertiesWithHistory", "associations", "archived"])?;
    let shape = Shape::of_query(crm, call, kind)?;
    let limit = match call.param("limit") {
        None => CRM_PAGE_OBJECTS_DEFAULT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=CRM_PAGE_OBJECTS_MAX).contains(limit))
            .ok_or_else(|| Refusal::invalid(format!("limit must be between 1 and {CRM_PAGE_OBJECTS_MAX}, not {text}")))?,
    };
    let after = match call.param("after") {
        None | Some("") => None,
        Some(text) => Some(text.parse().map_err(|_| Refusal::invalid(format!("after \"{text}\" is not a paging cursor")))?),
    };
    let mut page = crm.tables[kind].page(after, archived(call)?, limit + 1);
    let more = page.len() > limit;
    page.truncate(limit);
    let mut answer = json!({"results": page.iter().map(|object| render(crm, kind, object, &shape)).collect::<Vec<_>>()});
    if let (true, Some(last)) = (more, page.last()) {
        let after = last.id.to_string();
        answer["paging"] = json!({"next": {"after": after, "link": next_link(call, &after)}});
    }
    Ok(Reply::json(200, answer))
}

/// The same request with another `after`, as HubSpot links the next page.
pub(crate) fn next_link(call: &Call, after: &str) -> String {
    let host = call.header("host").unwrap_or("api.hubapi.com");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(call.query.iter().filter(|(key, _)| key != "after"));
    query.append_pair("after", after);
    format!("http://{host}{}?{}", call.path, query.finish())
}

pub(crate) fn get(crm: &Crm, call: &Call, kind: usize, id: &str) -> Result<Reply, Refusal> {
    known_params(call, &["properties", "propertiesWithHistory", "associations", "archived", "idProperty"])?;
    let shape = Shape::of_query(crm, call, kind)?;
    let object = resolve(&crm.tables[kind], id, call.param("idProperty"))?.ok_or_else(Refusal::not_found)?;
    if object.archived_at.is_some() != archived(call)? {
        return Err(Refusal::not_found());
    }
    Ok(Reply::json(200, render(crm, kind, object, &shape)))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateBody {
    pub(crate) properties: Map<String, Value>,
    #[serde(default)]
    pub(crate) associations: Vec<associations::ToAssociate>,
    #[serde(default, rename = "objectWriteTraceId")]
    pub(crate) trace: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpdateBody {
    properties: Map<String, Value>,
    #[serde(default, rename = "objectWriteTraceId")]
    _trace: Option<String>,
}

pub(crate) fn create(crm: &mut Crm, call: &Call, kind: usize, now: i64) -> Result<Reply, Refusal> {
    known_params(call, &[])?;
    let input: CreateBody = body(call)?;
    let mut changes = Changes::new();
    let id = plan_create(crm, kind, &input, &mut changes, now)?;
    let entries = crm.commit(changes);
    let shape = Shape::all(&crm.tables[kind]);
    let object = crm.tables[kind].get(id).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(201, render(crm, kind, object, &shape)).with_entries(entries))
}

/// Adds a new object, and the objects it is associated with, to the changes.
pub(crate) fn plan_create(crm: &Crm, kind: usize, input: &CreateBody, changes: &mut Changes, now: i64) -> Result<u64, Refusal> {
    let values = values::check(&crm.tables[kind].schema, &input.properties).map_err(|bad| Refusal::values(&bad))?;
    no_conflict(&crm.tables[kind], &values, None)?;
    let taken = changes.iter().filter(|(of, _)| *of == kind).map(|(_, object)| object.id).max();
    let id = crm.next_id(kind, taken);
    let mut object = Object::new(id, now);
    object.values = values;
    object.values.retain(|_, value| !value.is_empty());
    changes.push((kind, object));
    for wanted in &input.associations {
        associations::plan_wanted(crm, kind, id, wanted, changes, now)?;
    }
    Ok(id)
}

/// Puts values into an object; `None` where it already holds them.
pub(crate) fn plan_update(
    table: &Table,
    object: &Object,
    given: &Map<String, Value>,
    now: i64,
) -> Result<Option<Object>, Refusal> {
    let values = values::check(&table.schema, given).map_err(|bad| Refusal::values(&bad))?;
    no_conflict(table, &values, Some(object.id))?;
    let mut new = object.clone();
    for (name, value) in values {
        if value.is_empty() && !new.values.contains_key(&name) {
            continue;
        }
        if name == "email" {
            new.more_emails.retain(|email| *email != value);
        }
        new.values.insert(name, value);
    }
    if new == *object {
        return Ok(None);
    }
    new.modified = now;
    Ok(Some(new))
}

/// 409 where another object has the same value of a unique property.
fn no_conflict(table: &Table, values: &BTreeMap<String, String>, own: Option<u64>) -> Result<(), Refusal> {
    for (name, value) in values {
        if value.is_empty() {
            continue;
        }
        if let Some(other) = table.by_unique(name, value).filter(|other| Some(other.id) != own) {
            return Err(Refusal::conflict(&table.schema.title(), other.id));
        }
    }
    Ok(())
}

pub(crate) fn update(crm: &mut Crm, call: &Call, kind: usize, id: &str, now: i64) -> Result<Reply, Refusal> {
    known_params(call, &["idProperty"])?;
    let input: UpdateBody = body(call)?;
    let table = &crm.tables[kind];
    let object = resolve(table, id, call.param("idProperty"))?.filter(|object| object.live()).ok_or_else(Refusal::not_found)?;
    let id = object.id;
    let changes = plan_update(table, object, &input.properties, now)?.map(|object| (kind, object)).into_iter().collect();
    let entries = crm.commit(changes);
    let shape = Shape::all(&crm.tables[kind]);
    let object = crm.tables[kind].get(id).ok_or_else(Refusal::not_found)?;
    Ok(Reply::json(200, render(crm, kind, object, &shape)).with_entries(entries))
}

pub(crate) fn archive(crm: &mut Crm, call: &Call, kind: usize, id: &str, now: i64) -> Result<Reply, Refusal> {
    known_params(call, &[])?;
    let object = resolve(&crm.tables[kind], id, None)?.ok_or_else(Refusal::not_found)?;
    let mut changes = Changes::new();
    if object.live() {
        plan_archive(crm, kind, object.id, &mut changes, now);
    }
    let entries = crm.commit(changes);
    Ok(Reply::empty(204).with_entries(entries))
}

/// Archives an object and takes it out of the associations of others.
pub(crate) fn plan_archive(crm: &Crm, kind: usize, id: u64, changes: &mut Changes, now: i64) {
    let Some(object) = crm.tables[kind].live(id) else {
        return;
    };
    let mut object = object.clone();
    for (to, ids) in std::mem::take(&mut object.links) {
        for other in ids {
            associations::plan_forget(crm, &to, other, (kind, id), changes, now);
        }
    }
    object.archived_at = Some(now);
    object.modified = now;
    changes.retain(|(of, changed)| (*of, changed.id) != (kind, id));
    changes.push((kind, object));
}

pub(crate) fn search(crm: &Crm, call: &Call, kind: usize) -> Result<Reply, Refusal> {
    known_params(call, &[])?;
    let input: SearchBody = body(call)?;
    let table = &crm.tables[kind];
    let shape = Shape::new(table, &input.properties)?;
    let found = search::search(table, &input)?;
    let results: Vec<Value> = found.objects.iter().map(|object| render(crm, kind, object, &shape)).collect();
    let mut answer = json!({"total": found.total, "results": results});
    if let Some(next) = found.next {
        answer["paging"] = json!({"next": {"after": next.to_string()}});
    }
    Ok(Reply::json(200, answer))
}
