//! Records of an entity, and records that hold a text.
//!
//! An e-mail, a phone and whatever else is a match key are found through the index, at any size. Everything else is a
//! scan over at most [`SCANNED_RECORDS_MAX`] records per request, which says where to go on.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::{Catalog, Entity, FieldType};
use nave_core::mapping::normalise;
use nave_core::matching::{self, Facts};
use nave_core::model::{ContributionId, Record, RecordId, RecordState};
use nave_core::value::Value;
use nave_store::IndexSpace;

use super::find::{find, follow, load};
use super::names::{Names, record_state, reference};
use super::unknown;
use crate::api::{ApiError, RecordLine, RecordRef, RecordsAnswer};
use crate::engine::Engine;

/// Records looked at in one request: about a second's work. The answer's `next` says where to go on.
const SCANNED_RECORDS_MAX: usize = 100_000;
/// Lines in one answer.
const LINES_MAX: usize = 1_000;
/// Records read at once.
const CHUNK_RECORDS: usize = 500;

/// A page of records. With a query: first the one that it names and those that have it as match key (exactly), then,
/// by number, those in whose text fields it stands, upper and lower case being the same. Records that were merged into
/// another are left out, since the other is listed.
pub(super) fn records(
    engine: &Engine,
    entity: Option<&str>,
    query: &str,
    after: u64,
    limit: usize,
) -> Result<RecordsAnswer, ApiError> {
    let catalog = engine.catalog();
    if let Some(name) = entity
        && !catalog.entities.contains_key(name)
    {
        return Err(unknown("entity", name, catalog.entities.keys()));
    }
    let query = query.trim();
    let limit = limit.clamp(1, LINES_MAX);
    let mut found: Vec<Record> = Vec::new();
    let mut exact = BTreeSet::new();
    if !query.is_empty() {
        let hits = exact_hits(engine, &catalog, entity, query)?;
        exact.extend(hits.iter().map(|record| record.id));
        if after == 0 {
            found.extend(hits);
        }
    }
    let mut next = None;
    // An e-mail or a number that the index knows is not looked for anywhere else.
    let enough = !exact.is_empty() && (query.contains('@') || query.chars().all(|c| !c.is_alphabetic()));
    if found.len() > limit {
        found.truncate(limit);
    }
    if !enough && found.len() < limit {
        next = scan(engine, entity, query, after, limit, &exact, &mut found)?;
    }
    Ok(RecordsAnswer { records: lines(engine, &found)?, next })
}

/// The record that the query names, and those under it in the index of match keys, each verified.
fn exact_hits(engine: &Engine, catalog: &Catalog, entity: Option<&str>, query: &str) -> Result<Vec<Record>, ApiError> {
    let wanted = |record: &Record| entity.is_none_or(|entity| record.entity == entity);
    let mut hits: BTreeMap<RecordId, Record> = BTreeMap::new();
    if let Ok(which) = query.parse::<RecordRef>()
        && let Ok(named) = find(engine, &which)
        && wanted(&named.record)
    {
        hits.insert(named.record.id, named.record);
    }
    for known in catalog.entities.values().filter(|known| entity.is_none_or(|entity| known.name == entity)) {
        for facts in spellings(known, query) {
            let keys = matching::keys(known, &facts);
            let hashes: Vec<u64> = keys.iter().map(|key| key.hash).collect();
            for (key, ids) in keys.iter().zip(engine.store.candidates(IndexSpace::Match, &hashes)?) {
                for record in ids.into_iter().filter_map(|id| load(engine, RecordId(id)).transpose()) {
                    let record = record?;
                    let holds = Facts::of(known, &record).hold(&key.field, &key.value);
                    if record.entity == known.name && holds {
                        let record = follow(engine, record)?.record;
                        hits.insert(record.id, record);
                    }
                }
            }
        }
    }
    Ok(hits.into_values().collect())
}

/// The query as each match key of an entity would spell it: as it was typed, and normalised by the field's type.
fn spellings(entity: &Entity, query: &str) -> Vec<Facts> {
    let typed = Value::text(query);
    let mut all = Vec::new();
    for rule in &entity.match_rules {
        let (name, part) = rule.key.split_once('.').unwrap_or((&rule.key, ""));
        let plain = entity.fields.get(&rule.key).map(|field| &field.kind);
        let element = entity.fields.get(name).and_then(|field| match &field.kind {
            FieldType::List { fields, .. } => fields.get(part),
            _ => None,
        });
        let kind = plain.or(element);
        let mut values = vec![typed.clone()];
        values.extend(kind.and_then(|kind| normalise(kind, typed.clone()).ok()));
        for value in values {
            all.push(if plain.is_some() {
                Facts::new(entity, std::iter::once((rule.key.as_str().into(), &value)))
            } else {
                let element = Value::Object([(part, value)].into());
                Facts::new(entity, std::iter::once((format!("{name}/1").into(), &element)))
            });
        }
    }
    all
}

/// Adds what a scan finds. Answers the record to go on after, where there may be more.
fn scan(
    engine: &Engine,
    entity: Option<&str>,
    query: &str,
    after: u64,
    limit: usize,
    skip: &BTreeSet<RecordId>,
    found: &mut Vec<Record>,
) -> Result<Option<u64>, ApiError> {
    let needle = query.to_lowercase();
    let mut after = RecordId(after);
    let mut looked_at = 0;
    loop {
        let rows = engine.store.records_after(after, CHUNK_RECORDS)?;
        if rows.is_empty() {
            return Ok(None);
        }
        for record in rows {
            if found.len() >= limit || looked_at >= SCANNED_RECORDS_MAX {
                return Ok(Some(after.0));
            }
            looked_at += 1;
            after = record.id;
            let listed = entity.is_none_or(|entity| record.entity == entity)
                && !matches!(record.state, RecordState::MergedInto(_))
                && !skip.contains(&record.id)
                && (needle.is_empty() || holds(&record, &needle));
            if listed {
                found.push(record);
            }
        }
    }
}

/// Whether a text stands in one of its fields, or across its text fields as a person writes a name.
fn holds(record: &Record, needle: &str) -> bool {
    let within = |value: &Value| value.as_text().is_some_and(|text| text.to_lowercase().contains(needle));
    let any = record.fields.values().any(|field| match &field.value {
        Value::Object(parts) => parts.values().any(within),
        value => within(value),
    });
    any || needle.contains(' ') && {
        let text = |field: &str| record.value(field).and_then(Value::as_text).unwrap_or_default();
        format!("{} {}", text("first_name"), text("last_name")).to_lowercase().contains(needle)
    }
}

fn lines(engine: &Engine, records: &[Record]) -> Result<Vec<RecordLine>, ApiError> {
    let names = Names::new(engine);
    let ids: Vec<ContributionId> = records.iter().flat_map(|record| record.contributions.iter().copied()).collect();
    let mut connections: BTreeMap<ContributionId, String> = BTreeMap::new();
    for row in engine.store.contributions(&ids)?.into_iter().flatten().filter(|row| row.is_active()) {
        connections.insert(row.id, row.key.connection.into());
    }
    let line = |record: &Record| {
        let known: BTreeSet<&String> = record.contributions.iter().filter_map(|id| connections.get(id)).collect();
        RecordLine {
            record: reference(record),
            title: names.title(record),
            state: record_state(&record.state).to_owned(),
            connections: known.into_iter().cloned().collect(),
        }
    };
    Ok(records.iter().map(line).collect())
}
