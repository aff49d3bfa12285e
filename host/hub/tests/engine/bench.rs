//! A hub on the store in memory, with scripted systems and a clock that a test moves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use nave_core::Value;
use nave_core::accounting::Counts;
use nave_core::budget::{Purpose, UsedUp};
use nave_core::catalog::{Catalog, Numbers, SourceFile};
use nave_core::mapping::MapError;
use nave_core::model::{Run, RunStatus, Time};
use nave_hub::engine::Engine;
use nave_hub::spoke::{BoxFuture, Spoke, SpokeError, Spokes, Transforms};
use nave_store::{Memory, Redb, Store, StoreKey};

use super::system::System;

/// Share of a budget above which that is said.
const WARN_PERCENT: u64 = 80;

/// Spokes by name.
struct Map(BTreeMap<String, System>);

impl Spokes for Map {
    fn spoke(&self, connection: &str) -> Result<Arc<dyn Spoke>, SpokeError> {
        Ok(Arc::new(self.0.get(connection).ok_or_else(|| SpokeError::Misconfigured("no such system".into()))?.clone()))
    }

    fn used_percent(&self, connection: &str) -> Option<(u64, u64)> {
        let percent = self.0.get(connection)?.state.lock().unwrap().used_percent?;
        Some((percent, WARN_PERCENT))
    }

    fn used_up(&self, connection: &str, _purpose: Purpose) -> Option<UsedUp> {
        let percent = self.0.get(connection)?.state.lock().unwrap().used_percent?;
        (percent >= 100).then(|| UsedUp { until: Time(i64::MAX), because: "its calls of this day are used up".into() })
    }

    fn transforms(&self) -> Arc<dyn Transforms> {
        Arc::new(NoTransforms)
    }
}

struct NoTransforms;

impl Transforms for NoTransforms {
    fn call(&self, function: String, _rows: Vec<Vec<Value>>) -> BoxFuture<'_, Result<Vec<Result<Value, MapError>>, SpokeError>> {
        Box::pin(async move { Err(SpokeError::Misconfigured(function)) })
    }
}

/// A clock that a test moves, and that the hub dies of when a test says so: every commit asks for the time.
#[derive(Clone)]
struct Clock {
    now: Arc<AtomicI64>,
    left: Arc<AtomicI64>,
}

impl Clock {
    fn tick(&self) -> Time {
        assert!(self.left.fetch_sub(1, Ordering::SeqCst) > 0, "the hub dies here");
        Time(self.now.fetch_add(1, Ordering::SeqCst))
    }
}

/// Which store a test runs over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Memory,
    Redb,
}

/// Everything that a test holds.
pub(crate) struct Bench {
    pub(crate) engine: Engine,
    pub(crate) store: Arc<dyn Store>,
    kind: Kind,
    folder: tempfile::TempDir,
    pub(crate) systems: BTreeMap<String, System>,
    catalog: Arc<Catalog>,
    clock: Clock,
}

impl Bench {
    /// A hub over these systems, configured by these files (connections are made where there is none).
    pub(crate) fn new(kind: Kind, systems: Vec<System>, files: &[(&str, &str)]) -> Self {
        Self::over(kind, Arc::new(Memory::new()), systems, files)
    }

    /// The same, over this store where it is to be in memory.
    pub(crate) fn over(kind: Kind, memory: Arc<Memory>, systems: Vec<System>, files: &[(&str, &str)]) -> Self {
        let catalog = catalog(systems.iter().map(|system| system.name.as_str()), files);
        let clock = Clock { now: Arc::new(AtomicI64::new(1_000_000)), left: Arc::new(AtomicI64::new(i64::MAX)) };
        let folder = tempfile::tempdir().unwrap();
        let store: Arc<dyn Store> = match kind {
            Kind::Memory => memory,
            Kind::Redb => redb(&folder),
        };
        let systems: BTreeMap<String, System> = systems.into_iter().map(|system| (system.name.clone(), system)).collect();
        let catalog = Arc::new(catalog);
        let engine = engine(&store, &catalog, &systems, &clock);
        Self { engine, store, kind, folder, systems, catalog, clock }
    }

    /// Other files are in force from now on.
    pub(crate) fn configure(&mut self, files: &[(&str, &str)]) {
        self.catalog = Arc::new(catalog(self.systems.keys().map(String::as_str), files));
        self.engine.reconfigure(self.catalog.clone());
    }

    /// These numbers are in `nave.lock` from now on.
    pub(crate) fn lock(&mut self, numbers: &Numbers) {
        self.catalog = Arc::new(Catalog { numbers: numbers.clone(), ..self.catalog.as_ref().clone() });
        self.engine.reconfigure(self.catalog.clone());
    }

    /// The hub dies at the commit after so many, and starts again: `None`. Or it was done before.
    pub(crate) fn dies_after<T>(&mut self, commits: i64, doing: impl AsyncFnOnce(&Self) -> T) -> Option<T> {
        self.clock.left.store(commits, Ordering::SeqCst);
        let run = || tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(doing(self)));
        let answer = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).ok();
        self.clock.left.store(i64::MAX, Ordering::SeqCst);
        if answer.is_none() {
            self.restart();
        }
        answer
    }

    /// The store as it is now, for [`Self::put_back`]. On disk only.
    pub(crate) fn keep(&mut self) -> Vec<u8> {
        self.store = Arc::new(Memory::new());
        self.engine = engine(&self.store, &self.catalog, &self.systems, &self.clock);
        let bytes = std::fs::read(self.folder.path().join("nave.redb")).unwrap();
        self.restart();
        bytes
    }

    /// Somebody puts an older store back; the systems know nothing of it, and time goes on.
    pub(crate) fn put_back(&mut self, bytes: &[u8]) {
        self.store = Arc::new(Memory::new());
        self.engine = engine(&self.store, &self.catalog, &self.systems, &self.clock);
        std::fs::write(self.folder.path().join("nave.redb"), bytes).unwrap();
        self.restart();
    }

    /// The hub dies and starts again over the same store.
    pub(crate) fn restart(&mut self) {
        if let Kind::Redb = self.kind {
            // The file is let go of before it is opened again.
            self.store = Arc::new(Memory::new());
            self.engine = engine(&self.store, &self.catalog, &self.systems, &self.clock);
            self.store = redb(&self.folder);
        }
        self.engine = engine(&self.store, &self.catalog, &self.systems, &self.clock);
    }

    /// A hub over the same store and systems, as it would start now.
    pub(crate) fn another(&self) -> Arc<Engine> {
        Arc::new(engine(&self.store, &self.catalog, &self.systems, &self.clock))
    }

    /// Time passes.
    pub(crate) fn pass(&self, ms: i64) {
        self.clock.now.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) fn system(&self, name: &str) -> &System {
        &self.systems[name]
    }

    /// Agrees to every flow's plan.
    pub(crate) async fn approve_all(&self) {
        for mapping in self.catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some()) {
            self.engine.plan(&mapping.name, 10).await.unwrap();
            self.engine.approve(&mapping.name, "test", "because").await.unwrap();
        }
    }

    /// One round: everything in, everything out. Every run must balance (I14).
    pub(crate) async fn round(&self) -> Vec<Run> {
        let mut runs = Vec::new();
        for mapping in self.catalog.mappings.values().filter(|mapping| mapping.flow_in.is_some()) {
            runs.push(self.engine.run_in(&mapping.name, false).await.unwrap());
        }
        // What is referred to goes first.
        let mut out: Vec<_> = self.catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some()).collect();
        out.sort_by_key(|mapping| mapping.entity != "company");
        for mapping in out {
            runs.push(self.engine.run_out(&mapping.name).await.unwrap());
        }
        for run in &runs {
            assert!(run.counts.balances(), "{run:?}");
        }
        runs
    }

    /// Rounds until nothing is delivered any more.
    pub(crate) async fn quiet(&self) {
        for _ in 0..6 {
            self.pass(3_600_000);
            let runs = self.round().await;
            for run in &runs {
                assert_eq!(run.status, RunStatus::Success, "{run:?}");
            }
            let moved = runs.iter().any(|run| match run.counts {
                Counts::In(counts) => counts.read != counts.unchanged + counts.held + counts.filtered + counts.archived,
                Counts::Out(counts) => counts.wanted != 0,
            });
            if !moved {
                return;
            }
        }
        panic!("still moving after six rounds");
    }
}

/// The configuration: these files, and what every test has.
fn catalog<'s>(systems: impl Iterator<Item = &'s str> + Clone, files: &[(&str, &str)]) -> Catalog {
    let mut sources: Vec<SourceFile> =
        files.iter().map(|(path, text)| SourceFile { path: (*path).into(), text: (*text).into() }).collect();
    for system in systems.clone() {
        let production = files.iter().any(|(_, text)| text.contains("environment = \"production\""));
        let environment = if production { "production" } else { "dev" };
        let text = format!("plugin = \"scripted\"\nenvironment = \"{environment}\"\n");
        let path = format!("connections/{system}.toml");
        if sources.iter().all(|source| source.path != path) {
            sources.push(SourceFile { path, text });
        }
    }
    let inventory: String = systems.map(|s| format!("[{s}]\nkind = \"other\"\nowner = \"ops\"\n")).collect();
    sources.push(SourceFile { path: "systems.toml".into(), text: inventory });
    let lock = "[plugins.scripted]\nsource = \"test\"\ndigest = \"00\"\nserial = 1\nversion = \"1.0.0\"\n";
    sources.push(SourceFile { path: "nave.lock".into(), text: lock.into() });
    let manifest = serde_json::from_str(
        r#"{"name":"scripted","version":"1.0.0","serial":1,"title":"Scripted","description":"A test's","kind":"connector"}"#,
    )
    .unwrap();
    let plugins = [("scripted".to_owned(), nave_core::catalog::PluginInfo { manifest, streams: BTreeMap::new() })];
    match nave_core::catalog::check(&sources, &plugins.into()) {
        Ok((catalog, _)) => catalog,
        Err(errors) => panic!("{}", errors.iter().map(|e| format!("{e:?}\n")).collect::<String>()),
    }
}

fn redb(folder: &tempfile::TempDir) -> Arc<dyn Store> {
    Arc::new(Redb::open(&folder.path().join("nave.redb"), &StoreKey::new([7; 32]), Default::default()).unwrap())
}

fn engine(store: &Arc<dyn Store>, catalog: &Arc<Catalog>, systems: &BTreeMap<String, System>, clock: &Clock) -> Engine {
    let clock = clock.clone();
    Engine::new(store.clone(), catalog.clone(), Arc::new(Map(systems.clone())), Arc::new(move || clock.tick()), "test".into())
}
