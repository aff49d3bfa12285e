//! What happens to an object without a request: an administrator's, an automation's or a colleague's doing.

use super::{Changes, Crm, merge, objects};
use crate::simulated::Amendment;
use serde_json::{Map, Value};

pub(crate) fn live(crm: &Crm, kind: &str) -> Vec<String> {
    let table = crm.kind_named(kind).map(|kind| &crm.tables[kind]);
    let objects = table.into_iter().flat_map(|table| table.all()).filter(|object| object.live());
    objects.map(|object| object.id.to_string()).collect()
}

pub(crate) fn about(entry: &Value) -> Option<(String, String)> {
    Some((entry["of"].as_str()?.to_owned(), entry["object"]["id"].as_u64()?.to_string()))
}

pub(crate) fn amend(crm: &mut Crm, kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
    let Some(kind) = crm.kind_named(kind) else { return Vec::new() };
    let table = &crm.tables[kind];
    let Some(object) = id.parse().ok().and_then(|id| table.live(id)) else { return Vec::new() };
    let mut changes = Changes::new();
    match amendment {
        Amendment::Delete => objects::plan_archive(crm, kind, object.id, &mut changes, now),
        Amendment::Touch => {
            let mut object = object.clone();
            object.modified = now;
            changes.push((kind, object));
        }
        Amendment::Set(field, edit) => {
            let old = object.values.get(field).map_or("", String::as_str);
            let given = Map::from_iter([(field.to_owned(), edit(old).into())]);
            // What the system itself would refuse does not happen.
            if let Ok(Some(object)) = objects::plan_update(table, object, &given, now) {
                changes.push((kind, object));
            }
        }
    }
    crm.commit(changes)
}

pub(crate) fn merge(crm: &mut Crm, kind: &str, winner: &str, loser: &str, now: i64) -> Result<Vec<Value>, String> {
    let kind = crm.kind_named(kind).ok_or_else(|| format!("there are no `{kind}` here"))?;
    merge::join(crm, kind, winner, loser, now).map(|(_, entries)| entries).map_err(|refusal| refusal.message)
}
