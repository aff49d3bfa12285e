//! Health of every flow at a glance.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use nave_core::catalog::Mapping;
use nave_core::model::{ContributionId, Reason, RecordId, ReviewId};
use nave_store::Store;

use super::dead_letters;
use crate::api::{ApiError, EntityCount, FlowStatus, StatusAnswer};
use crate::engine::Engine;
use crate::hub::Hub;
use crate::project::plugin_faults;

/// Contributions read at once.
const CHUNK_CONTRIBUTIONS: usize = 5_000;
/// Dirty entries looked at for drift; above it the count says "at least".
const DIRTY_LOOKED_AT_MAX: usize = 10_000;
/// Reviews read at once.
const CHUNK_REVIEWS: usize = 1_000;
/// A scan that took this long is not repeated for twenty times as long: counting costs a twentieth of a core at most.
const SCAN_SHARE: u32 = 20;
/// Longest time that a count of links may be old.
const COUNT_AGE_MAX: Duration = Duration::from_secs(60);

/// Health of every flow, and what is wrong with the files of plugins.
pub(super) fn of_hub(hub: &Hub) -> Result<StatusAnswer, ApiError> {
    Ok(StatusAnswer { broken: plugin_faults(&hub.dir, &hub.engine.catalog())?, ..status(&hub.engine)? })
}

/// Health of every flow.
pub(super) fn status(engine: &Engine) -> Result<StatusAnswer, ApiError> {
    let catalog = engine.catalog();
    let mut failed: HashMap<String, u64> = HashMap::new();
    let mut letters = 0;
    dead_letters::each(engine, |letter| {
        letters += 1;
        *failed.entry(dead_letters::flow(&letter).to_owned()).or_default() += 1;
    })?;
    let linked = linked(&engine.store)?;
    let mut flows = Vec::new();
    for mapping in catalog.mappings.values() {
        flows.push(flow(engine, mapping, &linked, failed.get(&mapping.name).copied().unwrap_or_default())?);
    }
    Ok(StatusAnswer {
        environment: catalog.hub.environment.clone(),
        catalog: catalog.digest.clone(),
        at: engine.now().to_string(),
        records: records(engine)?,
        flows,
        reviews: open_reviews(engine)?,
        dead_letters: letters,
        broken: Vec::new(),
    })
}

type Linked = HashMap<(String, String), u64>;

fn flow(engine: &Engine, mapping: &Mapping, linked: &Linked, failed: u64) -> Result<FlowStatus, ApiError> {
    let store = &engine.store;
    let state = store.flow(&mapping.name)?;
    let parked = store.parked(&mapping.name)?;
    let next = parked.iter().min_by_key(|row| row.until);
    Ok(FlowStatus {
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
        last_in: state.last_in.map(|time| time.to_string()),
        last_out: state.last_out.map(|time| time.to_string()),
        last_error: state.last_error,
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

/// One store's count of links.
struct Counted {
    /// Held weakly: the address stays taken while this does, so that it names one store only.
    store: Weak<dyn Store>,
    at: Instant,
    good_for: Duration,
    linked: Arc<Linked>,
}

static COUNTED: Mutex<Vec<Counted>> = Mutex::new(Vec::new());

/// How many objects of each (connection, stream) are linked to a record. Scans all contributions; a scan that took
/// long is good for a while.
fn linked(store: &Arc<dyn Store>) -> Result<Arc<Linked>, ApiError> {
    let lock = || COUNTED.lock().unwrap_or_else(PoisonError::into_inner);
    let of_this = |counted: &Counted| std::ptr::addr_eq(counted.store.as_ptr(), Arc::as_ptr(store));
    if let Some(counted) = lock().iter().find(|counted| of_this(counted) && counted.at.elapsed() < counted.good_for) {
        return Ok(counted.linked.clone());
    }
    let began = Instant::now();
    let found = Arc::new(scan(store.as_ref())?);
    let good_for = (began.elapsed() * SCAN_SHARE).min(COUNT_AGE_MAX);
    let mut all = lock();
    all.retain(|counted| !of_this(counted) && counted.store.strong_count() > 0);
    all.push(Counted { store: Arc::downgrade(store), at: Instant::now(), good_for, linked: found.clone() });
    Ok(found)
}

fn scan(store: &dyn Store) -> Result<Linked, ApiError> {
    let mut linked = Linked::new();
    let mut after = ContributionId(0);
    loop {
        let rows = store.contributions_after(after, CHUNK_CONTRIBUTIONS)?;
        let Some(last) = rows.last() else { return Ok(linked) };
        after = last.id;
        for row in rows.into_iter().filter(|row| row.is_active() && row.record.is_some()) {
            *linked.entry((row.key.connection.into(), row.key.stream.into())).or_default() += 1;
        }
    }
}
