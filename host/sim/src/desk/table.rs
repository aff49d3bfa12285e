//! One kind of objects with all its rows, and the indexes that make reading them quick.
//!
//! Promises that [`Table::put`] is the only way in, so that indexes and rows agree. Must not know requests.

use crate::{simulated::Fields, sorted::SortedIndex};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A word in a ticket's conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Comment {
    pub(crate) id: u64,
    pub(crate) author: u64,
    pub(crate) body: String,
    pub(crate) public: bool,
    pub(crate) created: i64,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) id: u64,
    pub(crate) fields: Fields,
    pub(crate) created: i64,
    pub(crate) modified: i64,
    /// A deleted ticket or user is still exported; a deleted organization is not.
    #[serde(default)]
    pub(crate) gone: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) comments: Vec<Comment>,
}

impl Row {
    pub(crate) fn value(&self, name: &str) -> &Value {
        self.fields.get(name).unwrap_or(&Value::Null)
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.value(name).as_str().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<u64, Row>,
    /// The last id that was given out for something that was not kept.
    pub(crate) spent: Option<u64>,
    /// All rows, deleted ones too.
    pub(crate) by_modified: SortedIndex,
    live: BTreeSet<u64>,
    /// Of live rows: by a field's value, folded.
    by_value: HashMap<(&'static str, String), BTreeSet<u64>>,
    /// Rows before and after each change, where somebody wants to know.
    pub(crate) watched: Option<Vec<(Option<Row>, Row)>>,
}

/// Fields that rows are found by.
const FOUND_BY: [&str; 3] = ["external_id", "email", "name"];

fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

impl Table {
    pub(crate) fn put(&mut self, row: Row) {
        if let Some(watched) = &mut self.watched {
            watched.push((self.rows.get(&row.id).cloned(), row.clone()));
        }
        if let Some(old) = self.rows.get(&row.id) {
            self.by_modified.remove((old.modified, old.id));
            for name in FOUND_BY {
                if let Some(ids) = self.by_value.get_mut(&(name, folded(old.text(name)))) {
                    ids.remove(&old.id);
                }
            }
            self.live.remove(&row.id);
        }
        self.by_modified.insert((row.modified, row.id));
        if !row.gone {
            self.live.insert(row.id);
            for name in FOUND_BY.into_iter().filter(|name| !row.text(name).is_empty()) {
                self.by_value.entry((name, folded(row.text(name)))).or_default().insert(row.id);
            }
        }
        self.rows.insert(row.id, row);
    }

    /// Deleted ones too.
    pub(crate) fn get(&self, id: u64) -> Option<&Row> {
        self.rows.get(&id)
    }

    pub(crate) fn live(&self, id: u64) -> Option<&Row> {
        self.get(id).filter(|row| !row.gone)
    }

    /// Live rows, by id.
    pub(crate) fn all_live(&self) -> impl DoubleEndedIterator<Item = &Row> {
        self.live.iter().filter_map(|id| self.rows.get(id))
    }

    /// Live rows with an id above this one.
    pub(crate) fn after(&self, id: u64) -> impl Iterator<Item = &Row> {
        self.live.range(id.saturating_add(1)..).filter_map(|id| self.rows.get(id))
    }

    /// Live rows with this value of a field.
    pub(crate) fn found(&self, name: &'static str, value: &str) -> Vec<&Row> {
        self.by_value.get(&(name, folded(value))).into_iter().flatten().filter_map(|id| self.rows.get(id)).collect()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Row> {
        self.rows.values()
    }

    pub(crate) fn live_len(&self) -> usize {
        self.live.len()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn last_id(&self) -> Option<u64> {
        self.rows.last_key_value().map(|(id, _)| *id).max(self.spent)
    }

    pub(crate) fn last_modified(&self) -> i64 {
        let last = self.by_modified.len().saturating_sub(1);
        self.by_modified.slice(last..last + 1).next().map_or(0, |(modified, _)| modified)
    }
}
