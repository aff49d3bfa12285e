//! What a merge wrote into an object and no record says once the records are two again: it goes back to what it was.
//!
//! A field that a record speaks of follows the record. What only the other one spoke of would stay there for ever: nobody
//! claims it, so nobody clears it. It is held at what it was, once: when it is so, or the record comes to say something of it,
//! the hold is gone.

use std::collections::BTreeMap;

use nave_core::catalog::Mapping;
use nave_core::intake::list_path;
use nave_core::model::{Contribution, Record, RecordId};
use nave_core::value::Value;
use nave_store::StoreError;

use super::{Merge, row};
use crate::engine::draft::Draft;
use crate::engine::holds::{self, Held, Hold, same, spelled};
use crate::engine::{Engine, EngineError};

/// Rows by flow and record: an object is to be made again there.
const AGAIN: &str = "made again";

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

/// What an object held before a merge, against what it holds now: what goes back, and what cannot.
pub(super) fn differs(
    mapping: &Mapping,
    was: &Contribution,
    now: &Contribution,
    record: &Record,
) -> (BTreeMap<String, Held>, Vec<String>) {
    let (mut back, mut left) = (BTreeMap::new(), Vec::new());
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
            continue; // the comparison with the record sees to it
        }
        let several = list.is_some_and(|own| mapping.lists.iter().filter(|list| list.remote == own.remote).count() > 1);
        match before {
            None => left.push(format!("{name}: `{path}` holds something now, and what it held before was not known")),
            Some(_) if several => left.push(format!("{name}: the list `{path}` is put right by hand")),
            Some(before) if spelled(mapping, path, before).is_none() => {
                left.push(format!("{name}: `{path}` was empty, and cannot be emptied there"));
            }
            Some(before) => {
                back.insert(path.to_string(), Held { before: before.clone(), there: there.clone(), run: 0, once: 0 });
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
    back: BTreeMap<String, Held>,
    merge: &Merge,
) -> Result<(), EngineError> {
    let mut hold = engine.holds(flow)?.get(&now.id).cloned().unwrap_or_default();
    hold.record = record;
    for (path, held) in back {
        // What a person holds there stays as that person wants it.
        hold.paths.entry(path).or_insert(Held { once: merge.id, ..held });
    }
    holds::put(draft, flow, now.id, &hold)?;
    Ok(())
}

/// An object is to be made again for a record.
pub(super) fn make_again(draft: &mut Draft<'_>, flow: &str, record: RecordId) {
    draft.batch.rows.push(row(AGAIN, again_key(flow, record), Some(b"{}".to_vec())));
}

/// Whether an object is to be made again for a record, though one was there and is gone.
pub(in crate::engine) fn made_again(engine: &Engine, flow: &str, record: RecordId) -> Result<bool, StoreError> {
    Ok(engine.store.row(AGAIN, &again_key(flow, record))?.is_some())
}

/// The records are two again everywhere: nothing is held for it any more.
pub(super) fn let_go(engine: &Engine, draft: &mut Draft<'_>, merge: &Merge) -> Result<(), StoreError> {
    for (flow, _) in merge.flows() {
        for (id, hold) in engine.holds(&flow)?.iter() {
            let mut hold: Hold = hold.clone();
            let before = hold.paths.len();
            hold.paths.retain(|_, held| held.once != merge.id);
            if hold.paths.len() != before {
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
