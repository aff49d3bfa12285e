//! An administrator changes a kind of object: a property comes, goes, is renamed, or gets another type.
//!
//! Promises that values go with their property, and that a value which the new type does not allow is dropped. Modification times do
//! not move: no object was edited.

use super::{
    Crm,
    object::Table,
    schema::{CREATED, MERGED_IDS, OBJECT_ID, Property, PropertyType},
    values,
};
use crate::simulated::{SchemaChange, SchemaVerb};
use serde_json::{Value, json};

pub(crate) fn alter(crm: &mut Crm, change: &SchemaChange) -> Result<Vec<Value>, String> {
    let name = change.object.clone().unwrap_or_default();
    let kind = crm.kind_named(&name).ok_or_else(|| format!("there are no `{name}` here"))?;
    apply(&mut crm.tables[kind], change)?;
    Ok(vec![json!({"of": name, "alter": change})])
}

pub(crate) fn apply(table: &mut Table, change: &SchemaChange) -> Result<(), String> {
    let mut schema = table.schema.clone();
    let field = &change.field;
    let at = schema.properties.iter().position(|property| property.name == *field);
    let own = [OBJECT_ID, CREATED, MERGED_IDS, &schema.modified_property].contains(&field.as_str());
    if own {
        return Err(format!("`{field}` is the system's own"));
    }
    let there = || at.ok_or_else(|| format!("there is no `{field}`"));
    let excess = match change.change {
        SchemaVerb::Add | SchemaVerb::Retype => change.to.as_ref().map(|_| "to"),
        SchemaVerb::Remove => change.to.as_ref().map(|_| "to").or(change.kind.map(|_| "type")),
        SchemaVerb::Rename => change.kind.map(|_| "type"),
    };
    if let Some(name) = excess {
        return Err(format!("`{name}` says nothing here"));
    }
    match change.change {
        SchemaVerb::Add => schema.properties.push(Property::new(field, field, change.kind.unwrap_or(PropertyType::String))),
        SchemaVerb::Remove => {
            schema.properties.remove(there()?);
            schema.default_properties.retain(|name| name != field);
        }
        SchemaVerb::Rename => {
            let to = change.to.as_ref().ok_or("rename needs `to`")?;
            schema.properties[there()?].name.clone_from(to);
            for name in schema.default_properties.iter_mut().filter(|name| *name == field) {
                name.clone_from(to);
            }
        }
        SchemaVerb::Retype => {
            let property = &mut schema.properties[there()?];
            property.kind = change.kind.ok_or("retype needs `type`")?;
            property.options.clear();
            property.unique &= property.kind == PropertyType::String;
        }
    }
    schema.check()?;
    let retyped = schema.property(field).cloned();
    let mut new = Table::new(schema);
    new.altered = true;
    for object in table.all() {
        let mut object = object.clone();
        let kept = match (change.change, object.values.remove(field)) {
            (SchemaVerb::Rename, Some(value)) => change.to.clone().map(|to| (to, value)),
            (SchemaVerb::Retype, Some(value)) => {
                retyped.as_ref().and_then(|property| values::normal(property, &value).ok()).map(|value| (field.clone(), value))
            }
            _ => None,
        };
        object.values.extend(kept);
        new.put(object);
    }
    new.watched = table.watched.take();
    *table = new;
    Ok(())
}
