//! Unknown writers: something over there that writes what the hub writes, and is neither the hub nor, by its rhythm, a person.
//!
//! The contract of plugins names no actor of a change. Two things are seen without one: a field that is something else again within
//! a minute of the hub's own write to that very thing, and a field that holds something else each time before the hub writes it
//! again. A person does either once in a while; what does it again and again is an automation, or another integration.

use std::collections::BTreeMap;

use nave_core::catalog::Mapping;
use nave_core::freeze::Fields;
use nave_core::model::Time;
use nave_store::{KeyedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Engine, EngineError};

/// Changes soon after our writes, a row by mapping and remote path.
const SPACE: &str = "rewritten";
/// Contested fields, as `frozen` keeps them.
const CONTESTED: &str = "contested";
/// So often within [`WITHIN_MS`] is no person's doing any more.
const OFTEN: usize = 3;
/// A week.
const WITHIN_MS: i64 = 7 * 86_400_000;
/// Times kept of one path.
const TIMES_MAX: usize = 100;

/// When a path was changed soon after the hub had written the thing; the latest last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Rewritten {
    times: Vec<Time>,
}

/// A field that somebody writes whom nobody knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownWriter {
    /// Connection.
    pub connection: String,
    /// Entity.
    pub entity: String,
    /// Canonical field, or the remote path where it has none.
    pub field: String,
    /// Remote path.
    pub path: String,
    /// The mapping that writes it.
    pub flow: String,
    /// How often within a week.
    pub count: usize,
    /// The first and the last of them.
    pub times: (Time, Time),
}

/// Notes what was changed soon after our write; committed with the page that showed it.
pub(super) fn note(draft: &mut Draft<'_>, mapping: &Mapping, paths: &[String]) -> Result<(), StoreError> {
    let mut rows: BTreeMap<&str, Rewritten> = BTreeMap::new();
    for path in paths {
        if !rows.contains_key(path.as_str()) {
            let stored = draft.row(SPACE, &format!("{}\t{path}", mapping.name))?;
            let known: Rewritten = stored.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default();
            rows.insert(path, known);
        }
        if let Some(row) = rows.get_mut(path.as_str()) {
            row.times.push(draft.now);
        }
    }
    for (path, mut row) in rows {
        let since = draft.now.plus_ms(-WITHIN_MS);
        row.times.retain(|at| *at > since);
        let old = row.times.len().saturating_sub(TIMES_MAX);
        row.times.drain(..old);
        let value = serde_json::to_vec(&row).map_err(|error| StoreError::Damaged(error.to_string()))?;
        draft.batch.rows.push(KeyedRow { space: SPACE.into(), key: format!("{}\t{path}", mapping.name), value: Some(value) });
    }
    Ok(())
}

impl Engine {
    /// Fields that something over there writes again and again though the hub does.
    ///
    /// # Errors
    /// Those of the store.
    pub fn unknown_writers(&self) -> Result<Vec<UnknownWriter>, EngineError> {
        let mut seen: BTreeMap<(String, String), Vec<Time>> = BTreeMap::new();
        for (key, row) in self.store.rows(SPACE)? {
            let Some((flow, path)) = key.split_once('\t') else { continue };
            let row: Rewritten = serde_json::from_slice(&row).unwrap_or_default();
            seen.entry((flow.to_owned(), path.to_owned())).or_default().extend(row.times);
        }
        for (key, row) in self.store.rows(CONTESTED)? {
            let Some((flow, _)) = key.rsplit_once(' ') else { continue };
            let fields: Fields = serde_json::from_slice(&row).unwrap_or_default();
            for (path, contested) in fields {
                // The first may be the first time that it was sent at all, or an edit that was put back: once is not again.
                let times = contested.writes.iter().skip(1).map(|(at, _)| *at);
                seen.entry((flow.to_owned(), path)).or_default().extend(times);
            }
        }
        let (catalog, since) = (self.catalog(), self.now().plus_ms(-WITHIN_MS));
        let mut found = Vec::new();
        for ((flow, path), mut times) in seen {
            times.retain(|at| *at > since);
            times.sort_unstable();
            let (Some(mapping), Some(first), Some(last)) = (catalog.mappings.get(&flow), times.first(), times.last()) else {
                continue;
            };
            if times.len() < OFTEN {
                continue;
            }
            let field = mapping.fields.iter().find(|field| field.remote == path).and_then(|field| field.canonical.clone());
            found.push(UnknownWriter {
                connection: mapping.connection.clone(),
                entity: mapping.entity.clone(),
                field: field.unwrap_or_else(|| path.clone()),
                path,
                flow,
                count: times.len(),
                times: (*first, *last),
            });
        }
        Ok(found)
    }
}
