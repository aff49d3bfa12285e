//! Likely duplicates among the hub's records, and what two systems have in common: by score, nothing is changed.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use nave_core::catalog::{Entity, Mapping};
use nave_core::linkage::entity::{fields as fields_of, kinds, row, row_of};
use nave_core::linkage::{Edge, LEARN_MIN, Linkage, Table, Verdict, link};
use nave_core::model::{Contribution, ContributionId, ContributionState, RecordId, RecordState, ReviewId, ReviewKind};

use super::names::{Names, reference, remote};
use super::unknown;
use crate::api::{ApiError, CandidateLine, CandidatesAnswer, CensusAnswer, CensusField, ProgressSender, ReasonLine};
use crate::engine::apart::kept_apart;
use crate::engine::{Engine, take};

/// Records compared at once: about two gigabytes of memory.
const RECORDS_MAX: usize = 500_000;
/// Rows read from the store at once.
const CHUNK: usize = 5_000;

/// Records of an entity that may be the same, but those of which a person said that they are not.
pub(super) fn candidates(engine: &Engine, entity: &str, limit: usize) -> Result<CandidatesAnswer, ApiError> {
    let names = Names::new(engine);
    let entity = entity_of(&names, entity)?;
    let fields = fields_of(entity);
    let (mut rows, mut ids, mut records_of, mut after) = (Vec::new(), Vec::new(), Vec::new(), RecordId(0));
    loop {
        let records = engine.store.records_after(after, CHUNK)?;
        let Some(last) = records.last() else { break };
        after = last.id;
        for record in records {
            if record.entity == entity.name.as_str() && record.state == RecordState::Active {
                rows.push(row_of(&fields, &record));
                ids.push((reference(&record), names.title(&record)));
                records_of.push(record.id);
            }
        }
        bound(ids.len())?;
    }
    let table = Table::new(&kinds(entity, &fields, &rows), &rows);
    let mut linkage = link(&table);
    let mut apart = 0;
    for edge in std::mem::take(&mut linkage.edges) {
        let [left, right] = [edge.left, edge.right].map(|row| records_of[row as usize]);
        match kept_apart(engine.store.as_ref(), left, right)? {
            Some(_) => apart += 1,
            None => linkage.edges.push(edge),
        }
    }
    let lines = linkage.edges.iter().take(limit).map(|edge| line(&table, &linkage, edge, &ids));
    Ok(CandidatesAnswer {
        entity: entity.name.clone(),
        records: ids.len() as u64,
        compared: linkage.compared as u64,
        found: linkage.edges.len() as u64,
        apart,
        pairs: lines.collect(),
    })
}

/// What two connections have in common of an entity.
pub(super) fn census(engine: &Engine, left: &str, right: &str, entity: &str, limit: usize) -> Result<CensusAnswer, ApiError> {
    let names = Names::new(engine);
    let entity = entity_of(&names, entity)?;
    if left == right {
        return Err(ApiError::usage(format!("`{left}` is compared with itself")).help("a census is of two connections"));
    }
    for connection in [left, right] {
        if !names.catalog.connections.contains_key(connection) {
            return Err(unknown("connection", connection, names.catalog.connections.keys()));
        }
        if mappings(&names, connection, &entity.name).next().is_none() {
            let message = format!("nothing of `{connection}` is mapped to `{}`", entity.name);
            let all = || names.catalog.mappings.values();
            let there: BTreeSet<&str> = all().filter(|one| one.connection == connection).map(|one| one.entity.as_str()).collect();
            let others: BTreeSet<&str> =
                all().filter(|one| one.entity == entity.name).map(|one| one.connection.as_str()).collect();
            let list = |of: BTreeSet<&str>| {
                if of.is_empty() { "nothing".to_owned() } else { of.into_iter().collect::<Vec<_>>().join(", ") }
            };
            return Err(ApiError::usage(message).help(format!(
                "of `{connection}` there is: {}; `{}` is mapped of: {}; `nave mapping suggest {connection} --entity {}` proposes one",
                list(there),
                entity.name,
                list(others),
                entity.name
            )));
        }
    }
    let things = things(engine, &names, [left, right], entity)?;
    let records = |side: usize| -> BTreeSet<RecordId> { things[side].iter().filter_map(|thing| thing.record).collect() };
    let known: BTreeSet<RecordId> = records(0).intersection(&records(1)).copied().collect();
    let open = |thing: &&Contribution| thing.record.is_none_or(|record| !known.contains(&record));
    let fields = fields_of(entity);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut ids = Vec::new();
    let mut rest: Vec<&Contribution> = Vec::new();
    let mut from = [0, 0];
    for (side, things) in things.iter().enumerate() {
        for thing in things.iter().filter(open) {
            let claims = thing.claims.iter().map(|(name, claim)| (Cow::Borrowed(name.as_str()), &claim.value));
            ids.push((remote(&thing.key), title(entity, thing)));
            rows.push(row(&fields, claims));
            rest.push(thing);
        }
        from[side] = rest.len();
    }
    let table = Table::new(&kinds(entity, &fields, &rows), &rows);
    let linkage = link(&table);
    let across = |edge: &&Edge| (edge.left as usize) < from[0] && edge.right as usize >= from[0];
    let side =
        |at: usize| -> BTreeSet<u32> { linkage.edges.iter().filter(across).map(|edge| [edge.left, edge.right][at]).collect() };
    let mut found = [side(0), side(1)];
    // What a person is asked about is likely, too: rules found it, and where there is little to learn from scores find nothing.
    let asked = asked(engine)?;
    let mut by_rule: Vec<CandidateLine> = Vec::new();
    let scored: BTreeSet<(u32, u32)> = linkage.edges.iter().filter(across).map(|edge| (edge.left, edge.right)).collect();
    let mut held: HashMap<RecordId, Vec<usize>> = HashMap::new();
    for (at, thing) in rest.iter().enumerate() {
        thing.record.into_iter().for_each(|record| held.entry(record).or_default().push(at));
    }
    for (at, thing) in rest.iter().enumerate().filter(|(_, thing)| thing.record.is_none()) {
        let candidates = asked.get(&thing.id).into_iter().flatten();
        let candidates = candidates.filter_map(|(record, why)| Some((held.get(record)?, why)));
        let candidates = candidates.flat_map(|(others, why)| others.iter().map(move |other| (*other, why)));
        for (other, why) in candidates.filter(|(other, _)| (*other < from[0]) != (at < from[0])) {
            let [left, right] = [at.min(other), at.max(other)];
            let [from_left, from_right] = [left, right].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
            found[0].insert(from_left);
            found[1].insert(from_right);
            if !scored.contains(&(from_left, from_right)) {
                by_rule.push(by_rule_line(&ids[left], &ids[right], why));
            }
        }
    }
    let [likely, likely_right] = found.map(|found| found.len());
    let exact = things[0].iter().filter(|thing| !open(thing)).count();
    let exact_right = things[1].iter().filter(|thing| !open(thing)).count();
    let mut pairs: Vec<(&Contribution, &Contribution)> = Vec::new();
    let there: HashMap<RecordId, &Contribution> = things[1].iter().filter_map(|thing| Some((thing.record?, thing))).collect();
    pairs.extend(things[0].iter().filter_map(|thing| Some((thing, *there.get(&thing.record?)?))));
    let sure = linkage.edges.iter().filter(across).filter(|edge| edge.verdict == Verdict::Same);
    pairs.extend(sure.map(|edge| (rest[edge.left as usize], rest[edge.right as usize])));
    let unread = unread(engine, &names, [left, right], &entity.name)?;
    let by_score = linkage.edges.iter().filter(across).map(|edge| line(&table, &linkage, edge, &ids));
    let listed: Vec<CandidateLine> = by_rule.into_iter().chain(by_score).take(limit).collect();
    Ok(CensusAnswer {
        unread: unread.iter().map(|mapping| mapping.name.clone()).collect(),
        entity: entity.name.clone(),
        left: left.to_owned(),
        right: right.to_owned(),
        left_count: things[0].len() as u64,
        right_count: things[1].len() as u64,
        exact: exact as u64,
        exact_right: exact_right as u64,
        likely: likely as u64,
        likely_right: likely_right as u64,
        only_left: (things[0].len() - exact - likely) as u64,
        only_right: (things[1].len() - exact_right - likely_right) as u64,
        compared: rest.len() as u64,
        needed: LEARN_MIN as u64,
        pairs: listed,
        fields: agreements(engine, &names, [left, right], entity, &pairs)?,
    })
}

/// Things that wait for a person, with the records that each may be, and what speaks for it.
fn asked(engine: &Engine) -> Result<HashMap<ContributionId, Vec<(RecordId, String)>>, ApiError> {
    let (mut found, mut after) = (HashMap::new(), ReviewId(0));
    loop {
        let reviews = engine.store.reviews(true, after, CHUNK)?;
        let Some(last) = reviews.last() else { return Ok(found) };
        after = last.id;
        for review in reviews {
            if let ReviewKind::Match { contribution, candidates, reasons } = review.kind {
                let reasons = reasons.into_iter().chain(std::iter::repeat(String::new()));
                found.insert(contribution, candidates.into_iter().zip(reasons).collect());
            }
        }
    }
}

/// Flows of two connections that were never read.
fn unread<'n>(engine: &Engine, names: &'n Names<'_>, sides: [&str; 2], entity: &str) -> Result<Vec<&'n Mapping>, ApiError> {
    let mut found = Vec::new();
    let own = |mapping: &&Mapping| mapping.entity == entity && sides.contains(&mapping.connection.as_str());
    for mapping in names.catalog.mappings.values().map(AsRef::as_ref).filter(own) {
        if mapping.flow_in.is_some() && engine.store.flow(&mapping.name)?.last_in.is_none() {
            found.push(mapping);
        }
    }
    Ok(found)
}

/// Reads what was never read of two connections: a census comes before anything is decided, and nothing is sent.
///
/// # Errors
/// [`ApiError`] where one cannot be read.
pub(super) async fn read_first(
    engine: &Engine,
    sides: [&str; 2],
    entity: &str,
    progress: &ProgressSender,
) -> Result<(), ApiError> {
    let names = Names::new(engine);
    for mapping in unread(engine, &names, sides, entity)? {
        progress.report(&format!("reading {}", mapping.name), 0, None);
        let run = engine.run_in(&mapping.name, false).await?;
        if run.status == nave_core::model::RunStatus::Failed {
            let why = run.message.unwrap_or_default();
            return Err(ApiError::failed(format!("{} could not be read: {why}", mapping.connection))
                .help(format!("`nave connection check {}` tells whether it works", mapping.connection)));
        }
    }
    Ok(())
}

/// How often each field that both sides hold agrees.
fn agreements(
    engine: &Engine,
    names: &Names<'_>,
    sides: [&str; 2],
    entity: &Entity,
    pairs: &[(&Contribution, &Contribution)],
) -> Result<Vec<CensusField>, ApiError> {
    let mut counted: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for (left, right) in pairs {
        for (name, claim) in &left.claims {
            let Some((field, _)) = entity.fields.get_key_value(name.as_str()) else { continue };
            let Some(other) = right.claims.get(name).filter(|other| !other.value.is_empty() && !claim.value.is_empty()) else {
                continue;
            };
            let count = counted.entry(field).or_default();
            count.0 += 1;
            count.1 += u64::from(other.value == claim.value);
        }
    }
    let mut carried: BTreeSet<&str> = BTreeSet::new();
    for (from, to) in [(sides[0], sides[1]), (sides[1], sides[0])] {
        for mapping in mappings(names, to, &entity.name) {
            if engine.store.flow(&mapping.name)?.approved.as_deref() != Some(mapping.digest.as_str()) {
                continue; // nothing is sent there yet
            }
            let reads = |name: &str| {
                let read = |own: &Mapping| own.fields.iter().any(|f| f.canonical.as_deref() == Some(name) && f.direction.reads());
                mappings(names, from, &entity.name).any(read)
            };
            let written = mapping.fields.iter().filter(|field| field.direction.writes());
            carried.extend(written.filter_map(|field| field.canonical.as_deref()).filter(|name| reads(name)));
        }
    }
    let path = |side: &str, field: &str| {
        let own = mappings(names, side, &entity.name).flat_map(|mapping| &mapping.fields);
        let read = own.filter(|own| own.direction.reads() && own.canonical.as_deref() == Some(field));
        read.map(|own| own.remote.clone()).next().unwrap_or_default()
    };
    let line = |(field, (both, agree)): (&str, (u64, u64))| CensusField {
        left_path: path(sides[0], field),
        right_path: path(sides[1], field),
        field: field.to_owned(),
        label: names.label(&entity.name, field),
        both,
        agree,
        percent: (agree * 100).checked_div(both).unwrap_or(0),
        carried: carried.contains(field),
    };
    Ok(counted.into_iter().map(line).collect())
}

fn entity_of<'n>(names: &'n Names<'_>, entity: &str) -> Result<&'n Entity, ApiError> {
    names
        .catalog
        .entities
        .get(entity)
        .map(std::convert::AsRef::as_ref)
        .ok_or_else(|| unknown("entity", entity, names.catalog.entities.keys()))
}

fn mappings<'n>(names: &'n Names<'_>, connection: &'n str, entity: &'n str) -> impl Iterator<Item = &'n Mapping> {
    let own = move |mapping: &&Mapping| mapping.connection == connection && mapping.entity == entity;
    names.catalog.mappings.values().map(std::convert::AsRef::as_ref).filter(own)
}

/// What stands in two systems, each by itself.
fn things(engine: &Engine, names: &Names<'_>, sides: [&str; 2], entity: &Entity) -> Result<[Vec<Contribution>; 2], ApiError> {
    let mut found = [Vec::new(), Vec::new()];
    let mut after = ContributionId(0);
    loop {
        let rows = engine.store.contributions_after(after, CHUNK)?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in rows.into_iter().filter(|row| row.state == ContributionState::Active) {
            let Some(side) = sides.iter().position(|side| row.key.connection == *side) else { continue };
            if mappings(names, sides[side], &entity.name).any(|mapping| row.key.stream == mapping.alias.as_str()) {
                found[side].push(row);
            }
        }
        bound(found[0].len() + found[1].len())?;
    }
    Ok(found)
}

fn title(entity: &Entity, thing: &Contribution) -> String {
    take::title(entity, |field| thing.claims.get(field).map(|claim| &claim.value))
}

fn bound(count: usize) -> Result<(), ApiError> {
    if count <= RECORDS_MAX {
        return Ok(());
    }
    Err(ApiError::usage(format!("more than {RECORDS_MAX} things are not compared at once"))
        .help("an export of them can be compared in parts with `nave match evaluate FILE --truth PAIRS`"))
}

/// A pair that a rule found and no score: a person is asked about it.
fn by_rule_line(left: &(String, String), right: &(String, String), why: &str) -> CandidateLine {
    let what = if why.is_empty() { "a match rule".to_owned() } else { why.to_owned() };
    CandidateLine {
        left: left.0.clone(),
        left_title: left.1.clone(),
        right: right.0.clone(),
        right_title: right.1.clone(),
        verdict: CandidateLine::ASKED.to_owned(),
        reasons: vec![ReasonLine { what, agreement: "by rule".to_owned(), bits: 0.0 }],
        ..CandidateLine::default()
    }
}

fn line(table: &Table, linkage: &Linkage, edge: &Edge, ids: &[(String, String)]) -> CandidateLine {
    let (left, right) = (&ids[edge.left as usize], &ids[edge.right as usize]);
    let reasons = linkage.model.explain(table, edge.left, &edge.weight).into_iter();
    CandidateLine {
        left: left.0.clone(),
        left_title: left.1.clone(),
        right: right.0.clone(),
        right_title: right.1.clone(),
        verdict: if edge.verdict == Verdict::Same { "same" } else { "likely" }.to_owned(),
        bits: edge.weight.bits,
        prior_bits: linkage.model.prior_bits(),
        reasons: reasons
            .map(|because| ReasonLine { what: because.what, agreement: because.agreement.to_owned(), bits: because.bits })
            .collect(),
    }
}
