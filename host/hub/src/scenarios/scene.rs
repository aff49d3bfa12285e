//! A hub in memory with the project's own configuration, and systems in memory in place of the real ones.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use nave_core::Value;
use nave_core::catalog::{Catalog, Mapping, StreamInfo};
use nave_core::model::{Record, RemoteKey, Time};
use nave_store::{Memory, Store as _};

use super::system::{BEGIN_MS, System, able};
use crate::engine::{Engine, EngineError};
use crate::spoke::{Spoke, SpokeError, Spokes, Transforms};

/// An hour between two rounds: whoever waits has waited.
const ROUND_MS: i64 = 3_600_000;

struct Systems {
    all: BTreeMap<String, System>,
    transforms: Arc<dyn Transforms>,
}

impl Spokes for Systems {
    fn spoke(&self, connection: &str) -> Result<Arc<dyn Spoke>, SpokeError> {
        let known = self.all.get(connection).cloned();
        known
            .map(|system| Arc::new(system) as Arc<dyn Spoke>)
            .ok_or_else(|| SpokeError::Misconfigured(format!("no mapping of this entity is about {connection}")))
    }

    fn transforms(&self) -> Arc<dyn Transforms> {
        self.transforms.clone()
    }
}

/// The hub and its systems.
pub(super) struct Scene {
    engine: Engine,
    store: Arc<Memory>,
    pub(super) systems: BTreeMap<String, System>,
    clock: Arc<AtomicI64>,
    flows: Vec<Arc<Mapping>>,
    /// Runs that did not account for everything.
    pub(super) broken: Vec<String>,
    /// What the last round could not do.
    pub(super) failed: Vec<String>,
}

impl Scene {
    /// Everything of one entity. `streams`: what was saved of each connection.
    pub(super) fn new(
        catalog: &Arc<Catalog>,
        streams: &BTreeMap<String, Vec<StreamInfo>>,
        transforms: &Arc<dyn Transforms>,
        entity: &str,
    ) -> Self {
        let flows: Vec<Arc<Mapping>> = catalog.mappings.values().filter(|mapping| mapping.entity == entity).cloned().collect();
        let mut systems: BTreeMap<String, Vec<StreamInfo>> = BTreeMap::new();
        for mapping in &flows {
            let saved = streams.get(&mapping.connection).and_then(|all| all.iter().find(|one| one.name == mapping.stream));
            let stream = saved.cloned().unwrap_or_else(|| StreamInfo { name: mapping.stream.clone(), ..StreamInfo::default() });
            let flow = mapping.flow_out.as_ref();
            let found_by = flow.into_iter().flat_map(|flow| flow.marker.iter().chain(&flow.natural_key)).cloned();
            let offered = systems.entry(mapping.connection.clone()).or_default();
            if offered.iter().all(|known| known.name != stream.name) {
                offered.push(able(stream, found_by));
            }
        }
        let systems: BTreeMap<String, System> = systems.into_iter().map(|(name, streams)| (name, System::new(streams))).collect();
        let clock = Arc::new(AtomicI64::new(BEGIN_MS + ROUND_MS));
        let (ticks, store) = (clock.clone(), Arc::new(Memory::new()));
        let spokes = Arc::new(Systems { all: systems.clone(), transforms: transforms.clone() });
        let now = Arc::new(move || Time(ticks.fetch_add(1, Ordering::Relaxed)));
        let engine = Engine::new(store.clone(), catalog.clone(), spokes, now, "scenarios".to_owned());
        Self { engine, store, systems, clock, flows, broken: Vec::new(), failed: Vec::new() }
    }

    /// Every plan is seen and agreed to, while nothing is there.
    pub(super) async fn agree(&mut self) {
        let flows: Vec<String> = self.out().map(|mapping| mapping.name.clone()).collect();
        for name in flows {
            let agreed = async {
                self.engine.plan(&name, 10).await?;
                self.engine.approve(&name, "scenarios", "nothing of this is real").await
            };
            if let Err(error) = agreed.await {
                self.broken.push(format!("{name}: {error}"));
            }
        }
    }

    fn out(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        self.flows.iter().filter(|mapping| mapping.flow_out.is_some())
    }

    /// Reads one flow.
    pub(super) async fn read(&mut self, flow: &str) {
        let result = self.engine.run_in(flow, false).await;
        self.note(flow, result);
    }

    /// Everything in, everything out, an hour later.
    pub(super) async fn round(&mut self) {
        self.clock.fetch_add(ROUND_MS, Ordering::Relaxed);
        self.failed.clear();
        let ins: Vec<String> =
            self.flows.iter().filter(|mapping| mapping.flow_in.is_some()).map(|mapping| mapping.name.clone()).collect();
        let outs: Vec<String> = self.out().map(|mapping| mapping.name.clone()).collect();
        for name in ins {
            let result = self.engine.run_in(&name, false).await;
            self.note(&name, result);
        }
        for name in outs {
            let result = self.engine.run_out(&name).await;
            self.note(&name, result);
        }
    }

    fn note(&mut self, flow: &str, result: Result<nave_core::model::Run, EngineError>) {
        match result {
            Ok(run) if !run.counts.balances() => self.broken.push(format!("{flow}: a run does not account for everything")),
            Ok(run) => self.failed.extend(run.message.map(|message| format!("{flow}: {message}"))),
            Err(error) => self.failed.push(format!("{flow}: {error}")),
        }
    }

    /// Writes so far, in all systems.
    pub(super) fn writes(&self) -> usize {
        self.systems.values().map(System::writes).sum()
    }

    /// The record of a thing.
    pub(super) fn record(&self, mapping: &Mapping, id: &str) -> Option<Record> {
        let key = RemoteKey::new(mapping.connection.as_str(), mapping.alias.as_str(), id);
        let record = self.engine.record_of(&key).ok().flatten()?;
        self.store.records(&[record]).ok()?.pop().flatten()
    }

    /// Ids of a record's things in a flow's system.
    pub(super) fn things(&self, record: &Record, mapping: &Mapping) -> Vec<String> {
        let rows = self.store.contributions(&record.contributions).unwrap_or_default();
        let here = rows
            .into_iter()
            .flatten()
            .filter(|row| row.key.connection.as_str() == mapping.connection && row.key.stream.as_str() == mapping.alias);
        here.map(|row| row.key.remote_id.to_string()).collect()
    }

    /// Body of a thing, where it is there.
    pub(super) fn body(&self, mapping: &Mapping, id: &str) -> Option<Value> {
        Some(self.systems.get(&mapping.connection)?.get(&mapping.stream, id)?.body)
    }

    /// Classes of what is set aside, and their words.
    pub(super) fn set_aside(&self) -> Vec<String> {
        let mut classes: Vec<String> =
            self.store.dead_letters(0, 100).unwrap_or_default().into_iter().map(|letter| letter.class).collect();
        classes.dedup();
        classes
    }

    /// Kinds of what is asked of people.
    pub(super) fn held(&self) -> Vec<String> {
        let open = self.store.reviews(true, nave_core::model::ReviewId(0), 100).unwrap_or_default();
        let mut kinds: Vec<String> = open.iter().map(|review| crate::service::review_kind(&review.kind).to_owned()).collect();
        kinds.dedup();
        kinds
    }

    /// Things that a filter left out of a flow's last run.
    pub(super) fn filtered(&self, flow: &str) -> bool {
        let runs = self.store.runs(Some(flow), 20).unwrap_or_default();
        runs.iter().any(|run| matches!(run.counts, nave_core::accounting::Counts::In(counts) if counts.filtered > 0))
    }
}
