//! What stands in `manual` fields of records that are merged: the survivor's own, else that of the oldest record that had one.
//!
//! Not of the one that was merged first: which two of three are made one first is chance, and nobody decided anything by it. Of a list
//! the same holds element by element: one that both had is one thing, under the survivor's number.

use nave_core::catalog::Survivorship;
use nave_core::model::{Field, Record, RecordId};
use nave_store::{Store, StoreError};

use super::{Kept, Merge, SPACE, into_space, read};
use crate::engine::draft::Draft;
use crate::engine::rows::{Renumbered, renumber};

/// Merges by which others were merged into a record, and that were not taken back.
pub(super) fn into(store: &dyn Store, record: RecordId) -> Result<Vec<Merge>, StoreError> {
    let mut found = Vec::new();
    for (key, _) in store.rows(&into_space(record))? {
        found.extend(store.row(SPACE, &key)?.as_deref().map(read::<Merge>).transpose()?);
    }
    Ok(found)
}

/// The record that a field's value stood in before anything was merged: the record itself where it had one of its own, else the oldest
/// of those that were merged into it and had one. Not by who says it: a system that merges two objects lets the one say what the other
/// said.
fn origin(store: &dyn Store, record: RecordId, name: &str) -> Result<RecordId, StoreError> {
    let mut oldest = None;
    for (position, merge) in into(store, record)?.into_iter().enumerate() {
        let Some(kept) = Kept::load(store, merge.id)? else { continue };
        if position == 0 && kept.survivor.fields.get(name).is_some() {
            return Ok(record);
        }
        let Some(name) = in_loser(&kept, name) else { continue };
        if kept.loser.fields.get(name.as_str()).is_some() {
            let from = origin(store, merge.loser, &name)?;
            oldest = Some(oldest.map_or(from, |known: RecordId| known.min(from)));
        }
    }
    Ok(oldest.unwrap_or(record))
}

/// What the record that was merged calls a field of the survivor; none: it had no such element.
fn in_loser(kept: &Kept, name: &str) -> Option<String> {
    let Some((list, number)) = name.split_once('/') else { return Some(name.to_owned()) };
    let to: u64 = number.parse().ok()?;
    let mut all = kept.of_loser.iter().flat_map(|thing| &thing.numbers);
    all.find(|one| one.list == list && one.to == to).map(|one| format!("{list}/{}", one.from))
}

/// Names of fields that only a person decides.
fn manual(draft: &Draft<'_>, record: &Record) -> Vec<String> {
    let entity = draft.catalog.entities.get(record.entity.as_str());
    let fields = entity.into_iter().flat_map(|entity| entity.fields.values());
    fields.filter(|field| field.survivorship == Survivorship::Manual).map(|field| field.name.clone()).collect()
}

/// Before two records become one: what is to stand in the survivor.
pub(super) fn joined(draft: &mut Draft<'_>, kept: &Kept) -> Result<(), StoreError> {
    let store = draft.store();
    let names = manual(draft, &kept.survivor);
    let mut pairs: Vec<(String, String)> = names.iter().map(|name| (name.clone(), name.clone())).collect();
    let entity = draft.entity(&kept.survivor.entity)?;
    // As the merge will number them.
    for Renumbered { list, from, to } in renumber(entity, &kept.loser, &mut kept.survivor.clone()) {
        if names.contains(&list) {
            pairs.push((format!("{list}/{to}"), format!("{list}/{from}")));
        }
    }
    let mut stands = Vec::new();
    for (name, there) in pairs {
        let (own, other) = (kept.survivor.fields.get(name.as_str()), kept.loser.fields.get(there.as_str()));
        let Some(other) = other else { continue };
        let comes = match own {
            None => true,
            Some(_) => {
                let from = origin(store, kept.survivor.id, &name)?;
                from != kept.survivor.id && origin(store, kept.loser.id, &there)? < from
            }
        };
        if comes {
            stands.push((name, other.clone()));
        }
    }
    draft.recall(kept.survivor.id, stands)
}

/// Before two records part ways: what stands in the survivor where what stood came from the other one, by the records that are still
/// merged into it. Of what it held before that merge, nothing is said here.
pub(super) fn parted(draft: &Draft<'_>, kept: &Kept, merge: u64) -> Result<Vec<(String, Field)>, StoreError> {
    let store = draft.store();
    let mut stands = Vec::new();
    let mut names = manual(draft, &kept.survivor);
    let elements: Vec<String> = match draft.loaded(kept.survivor.id) {
        Some(now) => {
            now.fields.keys().filter(|name| name.split_once('/').is_some_and(|(list, _)| names.iter().any(|of| of == list)))
        }
        None => return Ok(stands),
    }
    .map(ToString::to_string)
    .collect();
    names.extend(elements);
    for name in names.into_iter().filter(|name| kept.survivor.fields.get(name.as_str()).is_none()) {
        let mut oldest: Option<(RecordId, Field)> = None;
        for other in into(store, kept.survivor.id)?.into_iter().filter(|other| other.id != merge) {
            let Some(there) = Kept::load(store, other.id)? else { continue };
            let Some(called) = in_loser(&there, &name) else { continue };
            let Some(field) = there.loser.fields.get(called.as_str()) else { continue };
            let from = origin(store, other.loser, &called)?;
            if oldest.as_ref().is_none_or(|(known, _)| from < *known) {
                oldest = Some((from, field.clone()));
            }
        }
        stands.extend(oldest.map(|(_, field)| (name, field)));
    }
    Ok(stands)
}
