//! Copies where no mapping reads. The hub keeps nothing of such fields, so that the systems are asked for the things as they are now,
//! once, and nothing of the answer is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use nave_core::catalog::Mapping;
use nave_core::codec;
use nave_core::copies::{Likeness, Sought};
use nave_core::model::{Contribution, RecordId, RemoteKey};
use nave_core::survivorship::STEWARD;
use nave_core::value::Value;
use nave_runtime::contract::Operation;

use super::{Copies, speaks_for};
use crate::engine::synthetic::Synthetic;
use crate::engine::{Engine, EngineError};

/// A field that no mapping reads, and that holds an old value.
#[derive(Clone, Debug, PartialEq)]
pub struct Unmapped {
    /// Record that the thing belongs to.
    pub record: RecordId,
    /// Its canonical type.
    pub entity: String,
    /// The thing.
    pub key: RemoteKey,
    /// Where in it, as the system names it.
    pub path: String,
    /// What is there.
    pub value: Value,
    /// It is the old value, or has it in it.
    pub likeness: Likeness,
}

/// What was found, and what could not be asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outside {
    /// By thing and path.
    pub found: Vec<Unmapped>,
    /// Connection and stream, or thing, and why it was not looked at.
    pub unasked: Vec<(String, String)>,
}

/// Record, its entity, what a system holds of it.
type Thing = (RecordId, String, Contribution);

impl Engine {
    /// Asks the systems for a record's things, and for those of what refers to it, and looks through the fields that no mapping
    /// reads. Nothing is taken in. A system that cannot be asked is no error: it is named with the reason.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn unmapped_copies(&self, record: RecordId, copies: &Copies) -> Result<Outside, EngineError> {
        let catalog = self.catalog();
        let record = self.store.records(&[record])?.pop().flatten();
        let record = record.ok_or_else(|| EngineError::NotFound("there is no such record".into()))?;
        let sought = Sought::all(&copies.old, copies.now.as_ref());
        let mut outside = Outside::default();
        let mut groups: BTreeMap<(String, String), Vec<Thing>> = BTreeMap::new();
        for of in std::iter::once(record.clone()).chain(self.documents(&record)?.0) {
            for row in self.store.contributions(&of.contributions)?.into_iter().flatten().filter(Contribution::is_active) {
                let connection = row.key.connection.to_string();
                if connection != STEWARD && Synthetic::of(&connection).is_none() {
                    let group = groups.entry((connection, row.key.stream.to_string())).or_default();
                    group.push((of.id, of.entity.to_string(), row));
                }
            }
        }
        for ((connection, stream), things) in groups {
            let named = format!("{connection}/{stream}");
            let of_them = |mapping: &&Arc<Mapping>| things.first().is_some_and(|(.., row)| speaks_for(mapping, row));
            let mut mappings: Vec<&Arc<Mapping>> = catalog.mappings.values().filter(of_them).collect();
            mappings.sort_by_key(|mapping| mapping.flow_in.is_none());
            let Some(mapping) = mappings.first().copied() else {
                outside.unasked.push((named, "no mapping reads it any more".to_owned()));
                continue;
            };
            if mapping.id.is_some() {
                let why = format!("`{}` makes its ids itself, so that single things cannot be asked for", mapping.name);
                outside.unasked.push((named, why));
                continue;
            }
            let ids: Vec<String> = things.iter().map(|(.., row)| row.key.remote_id.to_string()).collect();
            let lane = self.lane(&connection);
            let _lane = lane.lock().await;
            let fetched = match self.spoke(&connection) {
                Ok(spoke) => self.fetch(mapping, spoke.as_ref(), &mapping.stream, &ids).await,
                Err(error) => Err(error),
            };
            let fetched = match fetched {
                Ok(fetched) => fetched,
                Err(error) => {
                    outside.unasked.push((named, error.to_string()));
                    continue;
                }
            };
            outside.unasked.extend(fetched.refused.into_iter().map(|(id, why)| (format!("{named}:{id}"), why)));
            for found in fetched.found.iter().filter(|found| matches!(found.operation, Operation::Upsert)) {
                let Ok(body) = codec::decode(&found.body) else { continue };
                let of = things.iter().filter(|(.., row)| *row.key.remote_id == *found.remote_id);
                for (record, entity, row) in of {
                    let mut there = Vec::new();
                    leaves(&body, String::new(), &mut there);
                    for (path, value) in there {
                        if mappings.iter().any(|mapping| reads(mapping, &path)) {
                            continue;
                        }
                        let like = sought.iter().filter(|sought| sought.telling()).filter_map(|sought| sought.like(value)).min();
                        let Some(likeness) = like else { continue };
                        let (entity, key) = (entity.clone(), row.key.clone());
                        outside.found.push(Unmapped { record: *record, entity, key, path, value: value.clone(), likeness });
                    }
                }
            }
        }
        outside.found.sort_by(|left, right| (&left.key, &left.path).cmp(&(&right.key, &right.path)));
        Ok(outside)
    }
}

/// Every value of a body that holds no others, with its path: `lines[2].memo`.
fn leaves<'v>(value: &'v Value, path: String, found: &mut Vec<(String, &'v Value)>) {
    match value {
        Value::Object(parts) => {
            for (name, part) in parts {
                let below = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
                leaves(part, below, found);
            }
        }
        Value::List(elements) => {
            for (at, element) in elements.iter().enumerate() {
                leaves(element, format!("{path}[{at}]"), found);
            }
        }
        leaf => found.push((path, leaf)),
    }
}

/// Whether a mapping reads a path, or what it is a part of: the hub knows it, and it is listed there.
fn reads(mapping: &Mapping, path: &str) -> bool {
    let path = nave_core::profile::field(path);
    let covers = |known: &str| {
        let rest = path.strip_prefix(known);
        !known.is_empty() && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    };
    let fields = mapping.fields.iter().filter(|field| field.canonical.is_some());
    let scalar = fields.flat_map(|field| field.inputs.iter().chain(std::iter::once(&field.remote))).any(|known| covers(known));
    let listed = mapping.lists.iter().any(|list| {
        let of = |inner: &str| match inner {
            "" => covers(&format!("{}[]", list.remote)),
            inner => covers(&format!("{}[].{inner}", list.remote)),
        };
        list.split.is_some() && covers(&list.remote) || list.fields.iter().any(|field| of(&field.remote))
    });
    scalar || listed
}
