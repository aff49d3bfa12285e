//! What a merge wrote into an object and no record says once the records are two again: it goes back to what it was.
//!
//! A field that a record speaks of follows the record. What only the other one spoke of would stay there for ever: nobody
//! claims it, so nobody clears it. It is held at what it was, once: when it is so, or the record comes to say something of it,
//! the hold is gone.
//!
//! What follows the record goes back as it was spelled there, where that still means what the record says.

use std::collections::BTreeMap;

use nave_core::catalog::Mapping;
use nave_core::difference::Before;
use nave_core::intake::list_path;
use nave_core::model::{Contribution, ContributionId, Record, RecordId};
use nave_core::value::Value;
use nave_store::StoreError;
use serde::{Deserialize, Serialize};

use super::{Kept, Merge, json, read, row};
use crate::engine::draft::Draft;
use crate::engine::holds::{self, Held, Hold, same, spelled};
use crate::engine::{Engine, EngineError};

/// Rows by flow and record: an object is to be made again there.
const AGAIN: &str = "made again";

/// In place of what an object is made again; of nothing in rows of earlier versions.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct InPlaceOf {
    merge: u64,
    gone: Option<ContributionId>,
}

/// What goes back of an object.
#[derive(Default)]
pub(super) struct GoesBack {
    /// What it is held at, by path.
    pub(super) held: BTreeMap<String, Held>,
    /// Something follows the record, and is spelled as it was.
    pub(super) as_before: bool,
}

impl GoesBack {
    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty() && !self.as_before
    }
}

/// What an object was before a merge that is being taken back.
pub(in crate::engine) struct AsBefore {
    was: Contribution,
    others: Vec<Contribution>,
}

impl AsBefore {
    pub(in crate::engine) fn before(&self) -> Before<'_> {
        Before { was: &self.was, others: &self.others }
    }
}

/// What an object was before the merge that is being taken back, or, for none, what it is made again in place of. None where
/// nothing of the kind goes on, or what it was is not kept any more.
pub(in crate::engine) fn as_before(
    engine: &Engine,
    flow: &str,
    record: RecordId,
    of: Option<&Contribution>,
) -> Result<Option<AsBefore>, StoreError> {
    let (merge, id) = match of {
        Some(of) => (engine.holds(flow)?.get(&of.id).map_or(0, |hold| hold.as_before), of.id),
        None => match engine.store.row(AGAIN, &again_key(flow, record))? {
            Some(found) => match read(&found)? {
                InPlaceOf { merge, gone: Some(gone) } => (merge, gone),
                InPlaceOf { gone: None, .. } => return Ok(None),
            },
            None => return Ok(None),
        },
    };
    if merge == 0 {
        return Ok(None);
    }
    let Some(kept) = Kept::load(engine.store.as_ref(), merge)? else { return Ok(None) };
    let Some(was) = kept.things().find(|thing| thing.was.id == id).map(|thing| thing.was.clone()) else { return Ok(None) };
    let beside = |other: &&Contribution| {
        other.id != id && other.key.connection == was.key.connection && other.key.stream == was.key.stream
    };
    let others = kept.things().map(|thing| &thing.was).filter(beside).cloned().collect();
    Ok(Some(AsBefore { was, others }))
}

fn again_key(flow: &str, record: RecordId) -> String {
    format!("{:020} {flow}", record.0)
}

/// Whether a record says something of what is at this path.
pub(in crate::engine) fn says(mapping: &Mapping, record: &Record, path: &str) -> bool {
    if let Some(list) = mapping.lists.iter().find(|list| list_path(list) == path) {
        return record.fields.starting_with(&format!("{}/", list.canonical)).next().is_some();
    }
    let here = mapping.fields.iter().filter(|field| field.remote == path && field.direction.writes());
    here.flat_map(|field| &field.outputs).any(|name| record.fields.contains_key(name.as_str()))
}

/// Paths that a mapping writes, with the canonical fields behind each.
pub(super) fn written_paths(mapping: &Mapping) -> BTreeMap<String, Vec<String>> {
    let mut paths: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for field in mapping.fields.iter().filter(|field| field.direction.writes()) {
        paths.entry(field.remote.clone()).or_default().extend(field.outputs.iter().cloned());
    }
    for list in mapping.lists.iter().filter(|list| list.direction.writes()) {
        paths.entry(list_path(list)).or_default().push(list.canonical.clone());
    }
    paths
}

/// What an object held before a merge, against what it holds now: what goes back, and what cannot.
pub(super) fn differs(mapping: &Mapping, was: &Contribution, now: &Contribution, record: &Record) -> (GoesBack, Vec<String>) {
    let (mut back, mut left) = (GoesBack::default(), Vec::new());
    let name = &now.key;
    for (path, there) in &now.shadow {
        let written = mapping.fields.iter().any(|field| field.remote == path.as_str() && field.direction.writes());
        let list = mapping.lists.iter().find(|list| list_path(list) == path.as_str() && list.direction.writes());
        let part = nave_core::part::stream_of(path).is_some();
        if mapping.archive.contains_key(path.as_str()) || !(written || list.is_some() || part) {
            continue;
        }
        let before = was.shadow.get(path);
        if before.is_some_and(|before| same(before, there)) || before.is_none() && there.is_empty() {
            continue;
        }
        if part {
            left.push(format!("{name}: what was added to {path} may still be there; look there, and put it right by hand"));
            continue;
        }
        if says(mapping, record, path) {
            // The comparison with the record sees to it.
            back.as_before |= before.is_some_and(|before| !before.is_empty());
            continue;
        }
        let several = list.is_some_and(|own| mapping.lists.iter().filter(|list| list.remote == own.remote).count() > 1);
        match before {
            None => left.push(format!("{name}: `{path}` holds something now, and what it held before was not known")),
            Some(_) if several => left.push(format!("{name}: the list `{path}` is put right by hand")),
            Some(before) if spelled(mapping, path, before).is_none() => {
                left.push(format!("{name}: `{path}` was empty, and cannot be emptied there"));
            }
            Some(before) => {
                back.held.insert(path.to_string(), Held { before: before.clone(), there: there.clone(), run: 0, once: 0 });
            }
        }
    }
    (back, left)
}

/// Holds what goes back, for as long as it takes.
pub(super) fn hold(
    engine: &Engine,
    draft: &mut Draft<'_>,
    flow: &str,
    now: &Contribution,
    record: RecordId,
    back: GoesBack,
    merge: &Merge,
) -> Result<(), EngineError> {
    let mut hold = engine.holds(flow)?.get(&now.id).cloned().unwrap_or_default();
    hold.record = record;
    if back.as_before {
        hold.as_before = merge.id;
    }
    for (path, held) in back.held {
        // What a person holds there stays as that person wants it.
        hold.paths.entry(path).or_insert(Held { once: merge.id, ..held });
    }
    holds::put(draft, flow, now.id, &hold)?;
    Ok(())
}

/// An object is to be made again for a record, in place of one that is gone.
pub(super) fn make_again(
    draft: &mut Draft<'_>,
    flow: &str,
    record: RecordId,
    gone: ContributionId,
    merge: &Merge,
) -> Result<(), StoreError> {
    let value = json(&InPlaceOf { merge: merge.id, gone: Some(gone) })?;
    draft.batch.rows.push(row(AGAIN, again_key(flow, record), Some(value)));
    Ok(())
}

/// The merge that is being taken back for which an object is to be made again for a record, though one was there and is gone; 0 in rows
/// of earlier versions.
pub(in crate::engine) fn made_again(engine: &Engine, flow: &str, record: RecordId) -> Result<Option<u64>, StoreError> {
    let row = engine.store.row(AGAIN, &again_key(flow, record))?;
    row.map(|row| read::<InPlaceOf>(&row).map(|of| of.merge)).transpose()
}

/// The records are two again everywhere: nothing is held for it any more.
pub(super) fn let_go(engine: &Engine, draft: &mut Draft<'_>, merge: &Merge) -> Result<(), StoreError> {
    for (flow, _) in merge.flows() {
        for (id, hold) in engine.holds(&flow)?.iter() {
            let mut hold: Hold = hold.clone();
            let before = hold.paths.len();
            hold.paths.retain(|_, held| held.once != merge.id);
            let spelled = hold.as_before == merge.id;
            if spelled {
                hold.as_before = 0;
            }
            if spelled || hold.paths.len() != before {
                holds::put(draft, &flow, *id, &hold)?;
            }
        }
        for record in [merge.survivor, merge.loser] {
            draft.batch.rows.push(row(AGAIN, again_key(&flow, record), None));
        }
    }
    Ok(())
}

/// The value of a list that is put back, as the system spells it.
pub(in crate::engine) fn list_back(mapping: &Mapping, path: &str, value: &Value) -> Option<(String, Value)> {
    let list = mapping.lists.iter().find(|list| list_path(list) == path)?;
    let elements = match value {
        Value::List(elements) => elements.clone(),
        _ => Vec::new(),
    };
    Some((list.remote.clone(), nave_core::intake::spell_list(list, elements)))
}
