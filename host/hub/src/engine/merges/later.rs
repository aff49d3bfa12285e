//! Merges into the same record that came after one which is taken back. What is kept of them is what the record and its objects were
//! when they came, and by then the one that is taken back had its part in it: from now on it is kept as if that one had never been.
//! Else they would bring it back when they are taken back themselves.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::model::{Contribution, ContributionId};
use nave_core::value::Value;
use nave_store::StoreError;

use super::kept::Thing;
use super::own::own_words;
use super::restore::written_paths;
use super::{Goes, Kept, Merge, standing};
use crate::engine::draft::Draft;

/// Takes the part of `merge` out of what is kept of the later ones. `goes` says which objects go with the loser; they are still the
/// survivor's.
pub(super) fn without(
    draft: &mut Draft<'_>,
    merge: &Merge,
    kept: &Kept,
    goes: &BTreeMap<ContributionId, Goes>,
) -> Result<(), StoreError> {
    let stays: BTreeSet<ContributionId> = goes.iter().filter(|(_, goes)| goes.to == merge.survivor).map(|(id, _)| *id).collect();
    let store = draft.store();
    for later in standing::into(store, merge.survivor)?.into_iter().filter(|later| later.id > merge.id) {
        let Some(mut its) = Kept::load(store, later.id)? else { continue };
        let stay = |thing: &&mut Thing| stays.contains(&thing.was.id);
        for thing in its.of_survivor.iter_mut().filter(stay) {
            thing.was.claims = own_words(draft, &thing.was, kept, merge.survivor)?.claims;
        }
        let said: BTreeSet<String> = its.of_survivor.iter_mut().filter(stay).flat_map(|thing| names(&thing.was)).collect();
        for thing in its.of_survivor.iter_mut().filter(stay) {
            let before = kept.of_survivor.iter().find(|other| other.was.id == thing.was.id).map(|other| &other.was);
            held_without(draft, &mut thing.was, before, &said);
        }
        its.survivor.contributions.retain(|id| stays.contains(id));
        let others: Vec<_> = its
            .survivor
            .fields
            .iter()
            .filter(|(_, field)| !stays.contains(&field.winner))
            .map(|(name, _)| name.clone())
            .collect();
        for name in others {
            match kept.survivor.fields.get(name.as_str()) {
                Some(field) => drop(its.survivor.fields.insert(name, field.clone())),
                None => drop(its.survivor.fields.remove(name.as_str())),
            }
        }
        its.put(draft, later.id)?;
    }
    Ok(())
}

/// Fields that an object says something of; of a list, the list.
fn names(row: &Contribution) -> Vec<String> {
    row.claims.keys().map(|name| name.split_once('/').map_or(name.as_str(), |(list, _)| list).to_owned()).collect()
}

/// What an object holds of fields that none of the survivor's own objects spoke of came with the merge: it held what it held before that,
/// or nothing, where it was made since.
fn held_without(draft: &Draft<'_>, row: &mut Contribution, before: Option<&Contribution>, said: &BTreeSet<String>) {
    for mapping in draft.catalog.mappings.values() {
        if !super::unmerge::is_of(mapping, row) {
            continue;
        }
        for (path, fields) in written_paths(mapping) {
            let Some(held) = row.shadow.get(path.as_str()).filter(|held| !held.is_empty()) else { continue };
            let was = before.map_or(Some(&Value::Null), |before| before.shadow.get(path.as_str()));
            if was == Some(held) || fields.iter().any(|field| said.contains(field)) {
                continue;
            }
            match was.cloned() {
                Some(was) => drop(row.shadow.insert(path.as_str(), was)),
                None => drop(row.shadow.remove(path.as_str())),
            }
        }
    }
}
