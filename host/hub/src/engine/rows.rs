//! What follows from rows: whose claims count for a record, under which keys it is to be found, what changed in it, how its
//! list elements are numbered.

use std::borrow::Cow;
use std::collections::BTreeSet;

use nave_core::Text;
use nave_core::catalog::{Catalog, DeletePolicy, Entity};
use nave_core::matching::{self, Facts};
use nave_core::model::{Contribution, ContributionState, ElementId, Field, FieldChange, Record, RecordState};
use nave_core::value::{Reference, Value};
use nave_store::{IndexEntry, IndexSpace};

/// Whether a contribution's claims count for its record, which is in this state.
pub(crate) fn counts(catalog: &Catalog, state: &RecordState, row: &Contribution) -> bool {
    match &row.state {
        ContributionState::Active => true,
        // We deleted it: that is no opinion of the system's. An archived record keeps what it held.
        ContributionState::Deleted { evidence, .. } if evidence == "ours" || *state == RecordState::Archived => true,
        ContributionState::Deleted { .. } => catalog
            .mappings
            .values()
            .any(|m| m.connection == row.key.connection && m.alias == row.key.stream && m.delete == DeletePolicy::Ignore),
        ContributionState::MergedInto(_) => false,
    }
}

/// Hashes of the remote objects that a record's references wait for.
fn waits_for(record: &Record) -> impl Iterator<Item = u64> {
    record.fields.values().filter_map(|field| match &field.value {
        Value::Reference(Reference::Remote(key)) => Some(matching::remote_hash(key)),
        _ => None,
    })
}

/// Everything under which a record is to be found, sorted.
pub(crate) fn index_entries(entity: Option<&Entity>, record: &Record) -> Vec<IndexEntry> {
    let mut entries = Vec::new();
    if !matches!(record.state, RecordState::Active | RecordState::Archived) {
        return entries;
    }
    if let Some(entity) = entity {
        for key in matching::keys(entity, &Facts::of(entity, record)) {
            entries.push(IndexEntry { space: IndexSpace::Match, hash: key.hash, id: record.id.0 });
        }
        if let Some(scoring) = entity.scoring.as_ref().filter(|scoring| scoring.on) {
            let values = record.fields.iter().map(|(name, field)| (Cow::Borrowed(name.as_str()), &field.value));
            let terms = scoring.roles.terms(values).into_iter();
            entries.extend(terms.map(|hash| IndexEntry { space: IndexSpace::Match, hash, id: record.id.0 }));
        }
    }
    for hash in waits_for(record) {
        entries.push(IndexEntry { space: IndexSpace::Waiting, hash, id: record.id.0 });
    }
    for field in record.fields.values() {
        if let Value::Reference(Reference::Record(target)) = &field.value {
            let hash = matching::referrer_hash(*target);
            entries.push(IndexEntry { space: IndexSpace::Referrer, hash, id: record.id.0 });
        }
    }
    entries.sort_unstable();
    entries.dedup();
    entries
}

pub(super) fn field_changes(before: Option<&Record>, now: &Record) -> Vec<FieldChange> {
    if before.is_none() {
        let made = |(name, field): (&Text, &Field)| FieldChange {
            field: name.clone(),
            before: None,
            after: Some(field.value.clone()),
            winner: Some(field.winner),
        };
        return now.fields.iter().map(made).collect();
    }
    let old = before.map(|record| &record.fields);
    let names: BTreeSet<&Text> = old.into_iter().flat_map(|fields| fields.keys()).chain(now.fields.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let before = old.and_then(|fields| fields.get(name)).map(|field| field.value.clone());
            let field = now.fields.get(name);
            let after = field.map(|field| field.value.clone());
            (before != after).then(|| FieldChange { field: name.clone(), before, after, winner: field.map(|field| field.winner) })
        })
        .collect()
}

/// Moves a contribution's list elements into a record's numbering: joined by the list's key, else new numbers.
pub(super) fn rehome(entity: &Entity, row: &mut Contribution, record: &mut Record) {
    let names: Vec<Text> = row.claims.keys().filter(|name| name.contains('/')).cloned().collect();
    if names.is_empty() && row.elements.is_empty() {
        return;
    }
    let mut moved: Vec<(String, Text, u64, u64)> = Vec::new();
    for name in &names {
        let Some((list, number)) = name.split_once('/') else { continue };
        let Some(kind) = entity.fields.get(list).map(|field| &field.kind) else { continue };
        let value = &row.claims[name].value;
        let taken: Vec<u64> = moved.iter().filter(|(of, ..)| of == list).map(|(.., to)| *to).collect();
        let joined = record
            .elements(list)
            .find(|(candidate, element)| !taken.contains(candidate) && matching::same_element(kind, element, value))
            .map(|(candidate, _)| candidate);
        let to = joined.unwrap_or_else(|| {
            let next = record.next_element;
            record.next_element += 1;
            next
        });
        moved.push((list.to_owned(), name.clone(), number.parse().unwrap_or(0), to));
    }
    let claims: Vec<_> =
        moved.iter().filter_map(|(list, name, _, to)| Some((format!("{list}/{to}"), row.claims.remove(name)?))).collect();
    row.claims.extend(claims);
    for (list, ties) in row.elements.iter_mut() {
        for (id, _) in ties.iter_mut() {
            match moved.iter().find(|(of, _, from, _)| of == list && *from == id.0) {
                Some((.., to)) => *id = ElementId(*to),
                None => {
                    // Held there without a claim of its own (the hub wrote it): a number of its own here.
                    *id = ElementId(record.next_element);
                    record.next_element += 1;
                }
            }
        }
    }
}
