//! The engine: pulls, merges, delivers. One writer; one run at a time per connection.
//!
//! It decides nothing itself: `core` decides, this carries out and commits. Every promise about loss and
//! repetition is kept by the order of three things: the journal before the send, the commit before the
//! acknowledgement, and the look-up of every unknown outcome before anything else happens to its record.

pub(crate) mod access;
mod agreed;
mod alike;
pub mod apart;
pub mod archive;
mod asked;
pub mod assess;
mod breaker;
mod budget;
mod children;
pub mod compare;
pub mod compared;
mod conflict;
mod conform;
pub mod copies;
pub mod correct;
mod dead_letter;
pub mod decide;
pub mod deliver;
pub mod draft;
pub mod drift;
mod escalate;
pub mod explain;
pub(crate) mod external;
mod fetch;
mod frozen;
mod gone;
mod group;
mod heirs;
mod holds;
mod images;
mod interrupted;
pub mod linker;
pub mod lost;
mod matched;
pub mod mend;
pub mod merges;
mod meters;
mod missed;
pub mod only;
mod owned;
mod parts;
pub mod past;
pub mod plan;
pub mod profile;
pub mod pull;
pub mod reconcile;
mod recur;
pub mod refetch;
pub mod refused;
pub mod rename;
pub mod resolve;
pub mod resync;
mod returned;
pub mod rollback;
mod round;
pub mod roundtrip;
pub(crate) mod rows;
pub mod sample;
mod seen;
mod settle;
pub mod shadow;
mod sibling;
mod skew;
mod spelled;
pub(crate) mod steward;
mod sunset;
mod surge;
pub mod synthetic;
pub mod take;
pub mod taken;
pub mod tries;
mod unlisted;
mod unread;
mod unreadable;
mod vanished;
pub mod verify;
mod volume;
mod waiting;
pub mod writers;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, RwLock};

use nave_core::catalog::{Capabilities, Catalog, Entity, Mapping, StreamInfo};
use nave_core::model::{Cause, Contribution, RecordId, RemoteKey, Run, RunStatus, Time};
use nave_store::{Batch, CommitError, Heads, Store, StoreError, kill};

use crate::spoke::{Spoke, SpokeError, Spokes};
use draft::Draft;

/// Why a run or a command could not go on.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The store said no.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A commit did not happen.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The system or its plugin said no.
    #[error("{0}: {1}")]
    Spoke(String, SpokeError),
    /// Asked for something that is not there.
    #[error("{0}")]
    NotFound(String),
    /// Asked for something that cannot be done as things stand.
    #[error("{0}")]
    Refused(String),
}

pub use crate::clock::Clock;

/// Hears how far a run is: what it is at, how much is done, and of about how many where its system says so.
pub type Progress = Arc<dyn Fn(&str, u64, Option<u64>) + Send + Sync>;

/// Pulls, merges, delivers.
pub struct Engine {
    /// The store.
    pub store: Arc<dyn Store>,
    catalog: RwLock<Arc<Catalog>>,
    spokes: Arc<dyn Spokes>,
    clock: Clock,
    writer: tokio::sync::Mutex<()>,
    lanes: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    /// Held while a review is decided: of two who decide it in one moment, one is told that it is decided.
    deciding: tokio::sync::Mutex<()>,
    /// By flow: what a pause waits for.
    gates: Mutex<HashMap<String, only::Gate>>,
    streams: Mutex<HashMap<String, Arc<Vec<StreamInfo>>>>,
    /// Distinguishes this hub's markers and idempotency keys from another's.
    pub hub_id: String,
    progress: RwLock<Option<Progress>>,
    /// Digest of the configuration that what is stored was computed under.
    conformed: tokio::sync::Mutex<String>,
    breakers: Arc<breaker::Breakers>,
    meters: meters::Meters,
    /// Rings when there is something new to compare.
    news: Arc<tokio::sync::Notify>,
    holds: holds::Holds,
    asked: asked::Asked,
    unreadable: unreadable::Unreadable,
    waiting: waiting::Waiting,
    archives: archive::Archives,
    pub(crate) linker: linker::Linker,
    surges: surge::Surges,
}

impl Engine {
    /// An engine over these parts. `hub_id` is stable for the life of the store.
    pub fn new(store: Arc<dyn Store>, catalog: Arc<Catalog>, spokes: Arc<dyn Spokes>, clock: Clock, hub_id: String) -> Self {
        let breakers = Arc::new(breaker::Breakers::new(store.clone(), clock.clone()));
        Self {
            breakers,
            meters: meters::Meters::new(store.as_ref()),
            store,
            catalog: RwLock::new(catalog),
            spokes,
            clock,
            writer: tokio::sync::Mutex::new(()),
            lanes: Mutex::new(HashMap::new()),
            deciding: tokio::sync::Mutex::new(()),
            gates: Mutex::default(),
            streams: Mutex::new(HashMap::new()),
            hub_id,
            progress: RwLock::new(None),
            conformed: Default::default(),
            news: Arc::default(),
            holds: Default::default(),
            asked: Default::default(),
            unreadable: Default::default(),
            waiting: Default::default(),
            archives: Default::default(),
            linker: Default::default(),
            surges: Default::default(),
        }
    }

    /// Rings when a commit left something new to compare, or a system told something.
    pub fn news(&self) -> Arc<tokio::sync::Notify> {
        self.news.clone()
    }

    /// Whether a run outwards would do anything for an entry: not where it was looked at and left for a person or an earlier write,
    /// and nothing came to pass since.
    pub(crate) fn waits(&self, entry: &nave_core::model::Dirty) -> bool {
        self.waiting.waits(entry, self.now())
    }

    /// The configuration in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    /// Puts another configuration in force, for the next run of each flow.
    pub fn reconfigure(&self, catalog: Arc<Catalog>) {
        *self.catalog.write().unwrap_or_else(std::sync::PoisonError::into_inner) = catalog;
        self.streams.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clear();
    }

    /// Who hears how far a run is.
    pub fn set_progress(&self, progress: Option<Progress>) {
        *self.progress.write().unwrap_or_else(std::sync::PoisonError::into_inner) = progress;
    }

    fn report(&self, stage: &str, done: u64) {
        self.report_of(stage, done, None);
    }

    /// Of about how many: a system's own word. One that was passed already is none.
    fn report_of(&self, stage: &str, done: u64, about: Option<u64>) {
        if let Some(progress) = self.progress.read().unwrap_or_else(std::sync::PoisonError::into_inner).as_ref() {
            progress(stage, done, about.filter(|about| *about >= done));
        }
    }

    /// Now.
    pub fn now(&self) -> Time {
        (self.clock)()
    }

    /// A connection's spoke.
    pub fn spoke(&self, connection: &str) -> Result<Arc<dyn Spoke>, EngineError> {
        let spoke = self.spokes.spoke(connection).map_err(|error| EngineError::Spoke(connection.to_owned(), error))?;
        Ok(self.heard(connection, spoke))
    }

    /// One run at a time per connection: no attempt is in flight while a page is read.
    fn lane(&self, connection: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut lanes = self.lanes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        lanes.entry(connection.to_owned()).or_default().clone()
    }

    /// What the system said about its streams, asked once per process.
    pub async fn streams(&self, connection: &str) -> Result<Arc<Vec<StreamInfo>>, EngineError> {
        if let Some(known) = self.streams.lock().unwrap_or_else(std::sync::PoisonError::into_inner).get(connection) {
            return Ok(known.clone());
        }
        let found = self.spoke(connection)?.discover().await.map_err(|error| EngineError::Spoke(connection.to_owned(), error))?;
        let found = Arc::new(found);
        self.streams.lock().unwrap_or_else(std::sync::PoisonError::into_inner).insert(connection.to_owned(), found.clone());
        Ok(found)
    }

    /// A connection is asked for its streams anew before they are needed again.
    pub(crate) fn forget_streams(&self, connection: &str) {
        self.streams.lock().unwrap_or_else(std::sync::PoisonError::into_inner).remove(connection);
    }

    /// Where files are still to come, for a stream that was never read and that its connection does not offer yet. What
    /// was read before and is gone now is not this: that is a failure, and never says that things were deleted.
    async fn no_file_yet(&self, mapping: &Mapping) -> Result<Option<String>, EngineError> {
        let catalog = self.catalog();
        let Some(connection) = catalog.connections.get(&mapping.connection) else { return Ok(None) };
        let offers = |streams: &[StreamInfo]| streams.iter().any(|known| known.name == mapping.stream);
        if connection.drop_folders().is_empty() || offers(&self.streams(&mapping.connection).await?) {
            return Ok(None);
        }
        // It may have come since it was asked.
        self.forget_streams(&mapping.connection);
        let streams = self.streams(&mapping.connection).await?;
        if offers(&streams) || self.store.checkpoint(&mapping.connection, &mapping.alias)?.is_some() {
            return Ok(None);
        }
        Ok(connection.no_file_yet(&streams))
    }

    /// What a mapping's stream can do.
    pub async fn capabilities(&self, mapping: &Mapping) -> Result<Capabilities, EngineError> {
        self.capabilities_of(mapping, &mapping.stream).await
    }

    /// What a stream that a mapping names can do.
    async fn capabilities_of(&self, mapping: &Mapping, stream: &str) -> Result<Capabilities, EngineError> {
        let streams = self.streams(&mapping.connection).await?;
        streams.iter().find(|known| known.name == stream).map(|known| known.capabilities.clone()).ok_or_else(|| {
            let names: Vec<&str> = streams.iter().map(|stream| stream.name.as_str()).collect();
            let has = if names.is_empty() { "nothing".to_owned() } else { names.join(", ") };
            let catalog = self.catalog();
            let folders = catalog.connections.get(&mapping.connection).map(|connection| connection.drop_folders().join(", "));
            let why = match folders.filter(|folders| !folders.is_empty()) {
                _ if mapping.flow_out.is_some() => format!(
                    "nothing can be written there; `nave connection discover {}` shows what it offers. To write to one of them",
                    mapping.connection
                ),
                Some(folders) => format!(
                    "there is no file of it in {folders} now; nothing is taken for deleted, and it is read when one is there. {}If the \
                     name is wrong",
                    others_there(&mapping.connection, &mapping.entity, &names)
                ),
                None => "if the name is wrong".to_owned(),
            };
            EngineError::Refused(format!(
                "{} has no stream `{stream}` (it has {has}): {why}, correct `stream` in mappings/{}.toml",
                mapping.connection, mapping.name
            ))
        })
    }

    /// What a mapping's stream can do, where its system was asked already.
    pub(crate) fn known_capabilities(&self, mapping: &Mapping) -> Option<Capabilities> {
        let streams = self.streams.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let known = streams.get(&mapping.connection)?.iter().find(|known| known.name == mapping.stream)?;
        Some(known.capabilities.clone())
    }

    /// Paths of a mapping's stream that the system makes itself.
    async fn read_only(&self, mapping: &Mapping) -> Result<Vec<String>, EngineError> {
        let streams = self.streams(&mapping.connection).await?;
        let fields = streams.iter().find(|stream| stream.name == mapping.stream).map(|stream| stream.fields.as_slice());
        let fields = fields.unwrap_or_default().iter().filter(|field| field.read_only);
        Ok(fields.map(|field| field.path.clone()).collect())
    }

    /// A mapping by name.
    pub fn mapping(&self, name: &str) -> Result<Arc<Mapping>, EngineError> {
        self.catalog()
            .mappings
            .get(name)
            .cloned()
            .ok_or_else(|| EngineError::NotFound(format!("there is no flow `{name}`; `nave status` lists them")))
    }

    fn entity<'c>(&self, catalog: &'c Catalog, name: &str) -> Result<&'c Entity, EngineError> {
        catalog.entities.get(name).map(AsRef::as_ref).ok_or_else(|| EngineError::NotFound(format!("there is no entity `{name}`")))
    }

    /// Decides under the writer's lock and commits. `decide` fills a draft; on a conflict it is asked again.
    pub async fn write<T>(
        &self,
        cause: Cause,
        mut decide: impl FnMut(&mut Draft<'_>) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let _writer = self.writer.lock().await;
        let catalog = self.catalog();
        for _ in 0..3 {
            let mut draft = Draft::new(self.store.as_ref(), &catalog, self.now(), cause.clone())?;
            let answer = decide(&mut draft)?;
            draft.settle_queue()?;
            alike::look(&mut draft, &self.linker)?;
            let batch = draft.finish()?;
            match self.commit(batch) {
                Ok(_) => return Ok(answer),
                Err(CommitError::Conflict(ids)) => tracing::warn!(?ids, "decided on rows that changed meanwhile; deciding again"),
                Err(error) => return Err(error.into()),
            }
        }
        Err(EngineError::Refused("the store kept changing while this was decided; try again".into()))
    }

    fn commit(&self, batch: Batch) -> Result<Heads, CommitError> {
        kill::reach("before-commit");
        let answered = batch.reviews.iter().any(|review| review.closed_at.is_some());
        let news = answered || !batch.dirty.is_empty();
        self.unreadable.learn(&batch);
        let heads = tokio::task::block_in_place(|| self.store.commit(batch))?;
        kill::reach("after-commit");
        if answered {
            self.waiting.forget_all();
        }
        if news {
            self.news.notify_one();
        }
        Ok(heads)
    }

    /// The plugins that work for a mapping, pinned: its connector as it is loaded, and the transforms that it calls.
    fn pins(&self, catalog: &Catalog, mapping: &Mapping) -> String {
        let mut pins = Vec::new();
        if let (Some(connection), Ok(spoke)) = (catalog.connections.get(&mapping.connection), self.spoke(&mapping.connection)) {
            pins.push(format!("{} {}", connection.plugin, spoke.digest()));
        }
        let called = mapping.externals.iter().filter_map(|call| catalog.functions.get(&call.function));
        for name in called.collect::<std::collections::BTreeSet<_>>() {
            let digest = catalog.plugins.get(name).map(|plugin| plugin.digest.as_str()).unwrap_or_default();
            pins.push(format!("{name} {digest}"));
        }
        pins.join(", ")
    }

    /// A run's row at its beginning.
    async fn begin(&self, mapping: &Mapping, direction: &str) -> Result<Run, EngineError> {
        use nave_core::accounting::{Counts, InCounts, OutCounts};
        let catalog = self.catalog();
        let plugin = self.pins(&catalog, mapping);
        let catalog = catalog.digest.clone();
        self.write(Cause::default(), |draft| {
            let run = Run {
                id: draft.next_run(),
                flow: mapping.name.clone(),
                direction: direction.to_owned(),
                started_at: draft.now,
                ended_at: None,
                status: RunStatus::Running,
                message: None,
                counts: if direction == "out" { Counts::Out(OutCounts::default()) } else { Counts::In(InCounts::default()) },
                catalog: catalog.clone(),
                plugin: plugin.clone(),
            };
            draft.batch.runs.push(run.clone());
            if direction == "in" {
                let mut flow = self.store.flow(&run.flow)?;
                flow.tried_in = Some(draft.now);
                draft.batch.flows.push((run.flow.clone(), flow));
            }
            Ok(run)
        })
        .await
    }

    /// Closes a run. A run that does not balance is failed, whatever else happened (I14).
    async fn end(&self, mut run: Run, failure: Option<String>) -> Result<Run, EngineError> {
        let balances = run.counts.balances();
        run.status = if failure.is_none() && balances { RunStatus::Success } else { RunStatus::Failed };
        run.message = match (failure, balances) {
            (Some(message), _) => Some(message),
            (None, false) => Some("the counts do not add up; this is a mistake in the hub, please report it".into()),
            // A run that succeeded may have something to say all the same.
            (None, true) => run.message.take(),
        };
        let sums = self.meters.ran(&run);
        let clock = self.clock_row(&run)?;
        let sunset = self.sunset_row(&run)?;
        let catalog = self.catalog();
        self.write(Cause::default(), |draft| {
            draft.batch.rows.extend(sums.clone());
            draft.batch.rows.extend(clock.clone());
            draft.batch.rows.extend(sunset.clone());
            run.ended_at = Some(draft.now);
            let mapping = catalog.mappings.get(&run.flow);
            draft.batch.audit.extend(mapping.and_then(|mapping| access::line(&catalog, mapping, &run)));
            let mut flow = self.store.flow(&run.flow)?;
            match (run.status, run.direction.as_str()) {
                (RunStatus::Success, "in") => flow.last_in = run.ended_at,
                (RunStatus::Success, _) => flow.last_out = run.ended_at,
                _ => {}
            }
            if run.status == RunStatus::Failed {
                (flow.last_error, flow.failed) = (run.message.clone(), Some(run.direction.clone()));
            } else if flow.failed.as_ref().is_none_or(|failed| *failed == run.direction) {
                (flow.last_error, flow.failed) = (None, None);
            }
            draft.batch.flows.push((run.flow.clone(), flow));
            draft.batch.runs.push(run.clone());
            Ok(run.clone())
        })
        .await
    }

    /// Remote id of a record in a connection's stream, if it is there.
    pub fn locate(&self, record: RecordId, connection: &str, stream: &str) -> Option<String> {
        let row = self.store.records(&[record]).ok()?.pop()??;
        let rows = self.store.contributions(&row.contributions).ok()?;
        let here = |c: &&Contribution| c.is_active() && c.key.connection == connection && c.key.stream == stream;
        let mut there: Vec<&Contribution> = rows.iter().flatten().filter(here).collect();
        self.primary_first(row.id, &mut there).ok()?;
        there.first().map(|c| c.key.remote_id.to_string())
    }

    /// Record that a remote object belongs to, following merges.
    pub fn record_of(&self, key: &RemoteKey) -> Result<Option<RecordId>, EngineError> {
        let Some(id) = self.store.resolve(std::slice::from_ref(key))?.pop().flatten() else { return Ok(None) };
        Ok(self.store.contributions(&[id])?.pop().flatten().and_then(|row| row.record))
    }
}

/// What to type where other files are in a drop folder than those that a mapping reads.
fn others_there(connection: &str, entity: &str, streams: &[&str]) -> String {
    let suggest = |stream: &&str| {
        let entity = if entity == "contact" { String::new() } else { format!(" --entity {entity}") };
        let stream = crate::shell::word(stream);
        format!("`nave mapping suggest {connection} --stream {stream}{entity} --apply` maps what is called {stream} there")
    };
    match streams {
        [] => String::new(),
        [only] => format!("{}. ", suggest(only)),
        [first, ..] => format!("{}, and the same goes for the others. ", suggest(first)),
    }
}
