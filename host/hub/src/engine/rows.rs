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

use super::apart;

/// Whether a contribution's claims count for its record, which is in this state.
pub(crate) fn counts(catalog: &Catalog, state: &RecordState, row: &Contribution) -> bool {
    match &row.state {
        ContributionState::Active => true,
        // We deleted it, or it was merged into a thing that a steward keeps apart from it: that is no opinion of the system's.
        // An archived record keeps what it held.
        ContributionState::Deleted { evidence, .. }
            if evidence == "ours" || evidence == apart::EVIDENCE || *state == RecordState::Archived =>
        {
            true
        }
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
            entries.extend(terms.map(|term| IndexEntry { space: IndexSpace::Match, hash: term.hash, id: record.id.0 }));
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

/// A list element's number before and after it came to another record.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Renumbered {
    /// List field.
    pub(super) list: String,
    /// Number in the record that it was of.
    pub(super) from: u64,
    /// Number in the record that it is of.
    pub(super) to: u64,
}

/// How the list elements of a record are numbered in another one that carries on for it: joined by the list's key, else new
/// numbers. An element is one thing, whoever speaks of it.
pub(super) fn renumber(entity: &Entity, from: &Record, record: &mut Record) -> Vec<Renumbered> {
    let mut moved: Vec<Renumbered> = Vec::new();
    for (name, field) in &from.fields {
        let Some((list, number)) = name.split_once('/') else { continue };
        let (Some(kind), Ok(from)) = (entity.fields.get(list).map(|field| &field.kind), number.parse()) else { continue };
        let taken = |candidate: u64| moved.iter().any(|known| known.list == list && known.to == candidate);
        let joined = (!field.value.is_empty())
            .then(|| {
                record
                    .elements(list)
                    .find(|(candidate, element)| !taken(*candidate) && matching::same_element(kind, element, &field.value))
            })
            .flatten()
            .map(|(candidate, _)| candidate);
        let to = joined.unwrap_or_else(|| {
            let next = record.next_element;
            record.next_element += 1;
            next
        });
        moved.push(Renumbered { list: list.to_owned(), from, to });
    }
    moved
}

/// Moves a contribution's list elements into a record's numbering: as it is known, else joined by the list's key, else new
/// numbers. Says which number became which.
pub(super) fn rehome(entity: &Entity, row: &mut Contribution, record: &mut Record, known: &[Renumbered]) -> Vec<Renumbered> {
    let names: Vec<Text> = row.claims.keys().filter(|name| name.contains('/')).cloned().collect();
    if names.is_empty() && row.elements.is_empty() {
        return Vec::new();
    }
    let mut moved: Vec<(String, Text, u64, u64)> = Vec::new();
    for name in &names {
        let Some((list, number)) = name.split_once('/') else { continue };
        let Some(kind) = entity.fields.get(list).map(|field| &field.kind) else { continue };
        let value = &row.claims[name].value;
        let from: u64 = number.parse().unwrap_or(0);
        let taken: Vec<u64> = moved.iter().filter(|(of, ..)| of == list).map(|(.., to)| *to).collect();
        let joined = || {
            record
                .elements(list)
                .find(|(candidate, element)| !taken.contains(candidate) && matching::same_element(kind, element, value))
                .map(|(candidate, _)| candidate)
        };
        let as_known = known.iter().find(|known| known.list == list && known.from == from).map(|known| known.to);
        let to = as_known.or_else(joined).unwrap_or_else(|| {
            let next = record.next_element;
            record.next_element += 1;
            next
        });
        moved.push((list.to_owned(), name.clone(), from, to));
    }
    let claims: Vec<_> =
        moved.iter().filter_map(|(list, name, _, to)| Some((format!("{list}/{to}"), row.claims.remove(name)?))).collect();
    row.claims.extend(claims);
    let mut renumbered: Vec<Renumbered> =
        moved.iter().map(|(list, _, from, to)| Renumbered { list: list.clone(), from: *from, to: *to }).collect();
    for (list, ties) in row.elements.iter_mut() {
        for (id, _) in ties.iter_mut() {
            let as_claimed = moved.iter().find(|(of, _, from, _)| of == list && *from == id.0).map(|(.., to)| *to);
            let as_known = || known.iter().find(|known| known.list == list.as_str() && known.from == id.0).map(|known| known.to);
            match as_claimed.or_else(as_known) {
                Some(to) => {
                    if as_claimed.is_none() {
                        renumbered.push(Renumbered { list: list.to_string(), from: id.0, to });
                    }
                    *id = ElementId(to);
                }
                None => {
                    // Held there without a claim of its own (the hub wrote it): a number of its own here.
                    renumbered.push(Renumbered { list: list.to_string(), from: id.0, to: record.next_element });
                    *id = ElementId(record.next_element);
                    record.next_element += 1;
                }
            }
        }
    }
    renumbered
}
