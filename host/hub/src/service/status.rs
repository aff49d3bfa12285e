//! Health of every flow at a glance.

use std::collections::{BTreeMap, HashMap, HashSet};

use nave_core::catalog::Mapping;
use nave_core::model::{Reason, RecordId, ReviewId};

use super::dead_letters;
use crate::api::{ApiError, EntityCount, FlowStatus, SetAside, StatusAnswer, SystemStatus};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::project::plugin_faults;

/// Dirty entries looked at for drift; above it the count says "at least".
const DIRTY_LOOKED_AT_MAX: usize = 10_000;
/// Reviews read at once.
const CHUNK_REVIEWS: usize = 1_000;

/// Health of every flow, and what is wrong with the files of plugins.
pub(super) fn of_hub(hub: &Hub) -> Result<StatusAnswer, ApiError> {
    let mut answer = StatusAnswer { broken: plugin_faults(&hub.dir, &hub.engine.catalog())?, ..status(&hub.engine)? };
    for system in &mut answer.systems {
        let talk = hub.guests.egress().talk(&system.connection);
        (system.requests, system.skew_ms) = (talk.requests, talk.skew_ms());
    }
    Ok(answer)
}

/// Health of every flow.
pub(super) fn status(engine: &Engine) -> Result<StatusAnswer, ApiError> {
    let catalog = engine.catalog();
    let mut failed: HashMap<String, u64> = HashMap::new();
    let mut letters = 0;
    let mut classes: BTreeMap<(String, String), u64> = BTreeMap::new();
    dead_letters::each(engine, |letter| {
        letters += 1;
        *classes.entry((dead_letters::flow(&letter).to_owned(), letter.class.clone())).or_default() += 1;
        *failed.entry(dead_letters::flow(&letter).to_owned()).or_default() += 1;
    })?;
    let objects = engine.store.objects()?;
    let linked: Linked = objects.into_iter().map(|of| ((of.connection, of.stream), of.linked)).collect();
    let mut flows = Vec::new();
    let (mut meters, at) = (engine.meters(), engine.now());
    for mapping in catalog.mappings.values() {
        let mut of = flow(engine, mapping, &linked, failed.get(&mapping.name).copied().unwrap_or_default())?;
        of.meter = meters.remove(&mapping.name).unwrap_or_default();
        of.oldest_pending_s = engine.oldest_pending(mapping)?.map(|since| at.0.saturating_sub(since.0).max(0) as u64 / 1_000);
        flows.push(of);
    }
    Ok(StatusAnswer {
        set_aside: classes.into_iter().map(|((flow, class), count)| SetAside { flow, class, count }).collect(),
        systems: catalog.connections.keys().map(|connection| system(engine, connection)).collect(),
        environment: catalog.hub.environment.clone(),
        catalog: catalog.digest.clone(),
        at: at.to_string(),
        records: records(engine)?,
        flows,
        reviews: open_reviews(engine)?,
        dead_letters: letters,
        broken: Vec::new(),
    })
}

/// How a system answers.
fn system(engine: &Engine, connection: &str) -> SystemStatus {
    let open = engine.unanswered(connection);
    let breaker = match &open {
        None => "closed",
        Some(_) if engine.patient(connection) => "waiting",
        Some(_) => "open",
    };
    let (since, until, why) =
        open.map_or((None, None, None), |(since, until, why)| (Some(since.to_string()), Some(until.to_string()), Some(why)));
    let breaker = breaker.to_owned();
    SystemStatus { connection: connection.to_owned(), breaker, since, until, why, ..SystemStatus::default() }
}

type Linked = HashMap<(String, String), u64>;

fn flow(engine: &Engine, mapping: &Mapping, linked: &Linked, failed: u64) -> Result<FlowStatus, ApiError> {
    let store = &engine.store;
    let state = store.flow(&mapping.name)?;
    let parked = store.parked(&mapping.name)?;
    let held = engine.held_back(&mapping.name)?;
    let next = parked.iter().min_by_key(|row| row.until);
    let purpose = mapping.purpose();
    Ok(FlowStatus {
        process: purpose.process.unwrap_or_default(),
        because: purpose.because,
        oldest_pending_s: None,
        meter: Default::default(),
        flow: mapping.name.clone(),
        connection: mapping.connection.clone(),
        stream: mapping.stream.clone(),
        entity: mapping.entity.clone(),
        reads: mapping.flow_in.is_some(),
        writes: mapping.flow_out.is_some(),
        paused: state.paused,
        approved: state.approved.as_deref() == Some(mapping.digest.as_str()),
        linked: linked.get(&(mapping.connection.clone(), mapping.alias.clone())).copied().unwrap_or_default(),
        pending: store.dirty_count(&mapping.name)?,
        parked: parked.len() as u64,
        next_try: next.map(|row| row.until.to_string()),
        parked_because: next.map(|row| row.reason.clone()),
        open: store.intents(&mapping.name)?.len() as u64,
        failed,
        drifted: drifted(engine, mapping)?,
        shadow: mapping.flow_out.as_ref().is_some_and(|flow| flow.shadow),
        oldest_unverified: match mapping.flow_in {
            Some(_) => engine.standing(&mapping.name)?.oldest.map(|time| time.to_string()),
            None => None,
        },
        canary_failed: engine.last_canary(&mapping.name)?.and_then(|flown| flown.failed),
        held_back: held.0,
        taken_back: held.1,
        last_in: state.last_in.map(|time| time.to_string()),
        last_out: state.last_out.map(|time| time.to_string()),
        last_error: state.last_error,
        waits_until: engine.unanswered(&mapping.connection).map(|(_, until, _)| until.to_string()),
    })
}

/// Dirty entries that were entered because a one-way field was found changed there.
fn drifted(engine: &Engine, mapping: &Mapping) -> Result<u64, ApiError> {
    let entries = engine.store.dirty(&mapping.name, RecordId(0), DIRTY_LOOKED_AT_MAX)?;
    let waiting: HashSet<RecordId> = entries
        .iter()
        .filter(|entry| entry.reasons.iter().any(|reason| reason == Reason::Drift))
        .map(|entry| entry.record)
        .collect();
    if waiting.is_empty() {
        return Ok(0);
    }
    Ok(engine.drifts(&mapping.name)?.iter().filter(|drift| waiting.contains(&drift.record)).count() as u64)
}

fn records(engine: &Engine) -> Result<Vec<EntityCount>, ApiError> {
    let mut counts: BTreeMap<String, EntityCount> = BTreeMap::new();
    for (name, number) in engine.store.counts()? {
        let Some((entity, state)) = name.rsplit_once('/') else { continue };
        let count = counts
            .entry(entity.to_owned())
            .or_insert_with(|| EntityCount { entity: entity.to_owned(), ..EntityCount::default() });
        match state {
            "active" => count.active += number,
            _ => count.other += number,
        }
    }
    Ok(counts.into_values().collect())
}

/// How many reviews wait.
pub(super) fn open_reviews(engine: &Engine) -> Result<u64, ApiError> {
    let mut after = ReviewId(0);
    let mut open = 0;
    loop {
        let reviews = engine.store.reviews(true, after, CHUNK_REVIEWS)?;
        let Some(last) = reviews.iter().map(|review| review.id).max() else { return Ok(open) };
        open += reviews.len() as u64;
        after = last;
    }
}
