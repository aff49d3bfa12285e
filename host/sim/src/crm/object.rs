//! One kind of object with all its rows, and the indexes that make reading them quick.
//!
//! Promises that [`Table::put`] is the only way in, so that indexes and rows agree. Must not know requests, nor what a valid value is.

use super::schema::{CREATED, MERGED_IDS, OBJECT_ID, ObjectSchema};
use crate::{sorted::SortedIndex, time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Object {
    pub(crate) id: u64,
    /// Values that were set; a cleared one is an empty text, one that never was is absent.
    pub(crate) values: BTreeMap<String, String>,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) archived_at: Option<i64>,
    /// This object lost a merge; the other one answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) merged_into: Option<u64>,
    /// The objects that lost to this one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) merged: Vec<u64>,
    /// E-mail addresses that merged contacts brought along.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) more_emails: Vec<String>,
    /// Associated objects by kind; the first is the primary one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) links: BTreeMap<String, Vec<u64>>,
}

impl Object {
    pub(crate) fn new(id: u64, now: i64) -> Self {
        Self {
            id,
            values: BTreeMap::new(),
            created: now,
            modified: now,
            archived_at: None,
            merged_into: None,
            merged: Vec::new(),
            more_emails: Vec::new(),
            links: BTreeMap::new(),
        }
    }

    pub(crate) fn live(&self) -> bool {
        self.archived_at.is_none() && self.merged_into.is_none()
    }

    /// A property's value, the CRM's own included. `None` where it was never set.
    pub(crate) fn value(&self, schema: &ObjectSchema, name: &str) -> Option<String> {
        match name {
            OBJECT_ID => Some(self.id.to_string()),
            CREATED => Some(time::iso(self.created)),
            MERGED_IDS => (!self.merged.is_empty()).then(|| join(self.merged.iter())),
            "hs_additional_emails" => (!self.more_emails.is_empty()).then(|| join(self.more_emails.iter())),
            "associatedcompanyid" => self.links.get("companies").and_then(|ids| ids.first()).map(u64::to_string),
            _ if name == schema.modified_property => Some(time::iso(self.modified)),
            _ => self.values.get(name).cloned(),
        }
    }
}

fn join(parts: impl Iterator<Item = impl ToString>) -> String {
    parts.map(|part| part.to_string()).collect::<Vec<_>>().join(";")
}

/// How two spellings of a unique value are compared.
pub(crate) fn unique_key(value: &str) -> String {
    value.trim().to_lowercase()
}

#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) schema: ObjectSchema,
    objects: BTreeMap<u64, Object>,
    /// Live objects, by time of the last modification, of creation, and by id.
    pub(crate) by_modified: SortedIndex,
    pub(crate) by_created: SortedIndex,
    /// The last id that was given out for something that was not kept.
    pub(crate) spent: Option<u64>,
    pub(crate) by_id: SortedIndex,
    archived: BTreeSet<u64>,
    unique: BTreeMap<String, HashMap<String, u64>>,
    last_modified: i64,
    /// The schema is not the one that the CRM was started with.
    pub(crate) altered: bool,
    /// Objects before and after each change, where somebody wants to know.
    pub(crate) watched: Option<Vec<(Option<Object>, Object)>>,
}

impl Table {
    pub(crate) fn new(schema: ObjectSchema) -> Self {
        let unique = schema.properties.iter().filter(|p| p.unique).map(|p| (p.name.clone(), HashMap::new())).collect();
        Self {
            schema,
            objects: BTreeMap::new(),
            by_modified: SortedIndex::default(),
            by_created: SortedIndex::default(),
            spent: None,
            by_id: SortedIndex::default(),
            archived: BTreeSet::new(),
            unique,
            last_modified: 0,
            altered: false,
            watched: None,
        }
    }

    pub(crate) fn put(&mut self, object: Object) {
        if let Some(watched) = &mut self.watched {
            watched.push((self.objects.get(&object.id).cloned(), object.clone()));
        }
        if let Some(old) = self.objects.get(&object.id).cloned() {
            self.unindex(&old);
        }
        self.last_modified = self.last_modified.max(object.modified).max(object.archived_at.unwrap_or(0));
        let id = object.id;
        if object.live() {
            self.by_modified.insert((object.modified, id));
            self.by_created.insert((object.created, id));
            self.by_id.insert((signed(id), id));
            for (name, keys) in &mut self.unique {
                for key in keys_of(&object, name) {
                    keys.insert(key, id);
                }
            }
        } else if object.merged_into.is_none() {
            self.archived.insert(id);
        }
        self.objects.insert(id, object);
    }

    fn unindex(&mut self, old: &Object) {
        let id = old.id;
        self.archived.remove(&id);
        if !old.live() {
            return;
        }
        self.by_modified.remove((old.modified, id));
        self.by_created.remove((old.created, id));
        self.by_id.remove((signed(id), id));
        for (name, keys) in &mut self.unique {
            for key in keys_of(old, name) {
                if keys.get(&key) == Some(&id) {
                    keys.remove(&key);
                }
            }
        }
    }

    /// The object of this id, following merges: the loser's id answers with the winner.
    pub(crate) fn get(&self, id: u64) -> Option<&Object> {
        let mut object = self.objects.get(&id)?;
        while let Some(winner) = object.merged_into {
            object = self.objects.get(&winner)?;
        }
        Some(object)
    }

    /// As [`Table::get`], where it is not archived.
    pub(crate) fn live(&self, id: u64) -> Option<&Object> {
        self.get(id).filter(|object| object.live())
    }

    /// The live object with this value of a unique property.
    pub(crate) fn by_unique(&self, property: &str, value: &str) -> Option<&Object> {
        let id = self.unique.get(property)?.get(&unique_key(value))?;
        self.live(*id)
    }

    pub(crate) fn is_unique(&self, property: &str) -> bool {
        self.unique.contains_key(property)
    }

    /// The next ids after this one, archived or live ones.
    pub(crate) fn page(&self, after: Option<u64>, archived: bool, at_most: usize) -> Vec<&Object> {
        let ids: Vec<u64> = if archived {
            let from = after.map_or(0, |after| after.saturating_add(1));
            self.archived.range(from..).take(at_most).copied().collect()
        } else {
            let start = after.map_or(0, |after| self.by_id.rank((signed(after.saturating_add(1)), 0)));
            self.by_id.slice(start..start + at_most).map(|(_, id)| id).collect()
        };
        ids.iter().filter_map(|id| self.objects.get(id)).collect()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Object> {
        self.objects.values()
    }

    pub(crate) fn len(&self) -> usize {
        self.objects.len()
    }

    pub(crate) fn last_id(&self) -> Option<u64> {
        self.objects.last_key_value().map(|(id, _)| *id).max(self.spent)
    }

    pub(crate) fn last_modified(&self) -> i64 {
        self.last_modified
    }
}

pub(crate) fn signed(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn keys_of(object: &Object, property: &str) -> Vec<String> {
    let more: &[String] = if property == "email" { &object.more_emails } else { &[] };
    let own = object.values.get(property).into_iter();
    own.chain(more).filter(|value| !value.is_empty()).map(|value| unique_key(value)).collect()
}
