//! Reads and delivers now: everything in, then out in rounds until nothing moves any more.
//!
//! Connections run side by side, the flows of one connection one after the other. A flow that fails has a failed run
//! and does not keep the others from running. Runs that have begun go on to their end if nobody waits any longer.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nave_core::accounting::{Counts, InCounts, OutCounts};
use nave_core::catalog::{Catalog, Mapping};
use nave_core::matching::key_hash;
use nave_core::model::{RecordId, RunStatus};
use nave_core::schedule::Closed;
use nave_store::CommitError;

use super::{audit, order, unknown};
use crate::api::{ApiError, ProgressSender, RunLine, SyncAnswer};
use crate::engine::{Engine, EngineError};
use crate::project::ownership;

/// Rounds of one sync: references take two, a conflict one more. What still moves then goes on with the next sync.
const ROUNDS_MAX: usize = 6;
/// Dirty entries by which it is seen whether there is something new for a flow.
const FINGERPRINT_ENTRIES_MAX: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    In { full: bool },
    Out,
    Shadow,
}

/// How it is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct How {
    /// Everything is read again.
    pub full: bool,
    /// One round only.
    pub once: bool,
    /// What waits for its next try is tried at once.
    pub retry: bool,
    /// What would be written is computed and noted, nothing is sent.
    pub shadow: bool,
}

/// Runs these flows, or all that are not paused. In later rounds only flows out run, and only those that have
/// something new to compare; of these, a run that found nothing has no line.
pub(super) async fn sync(
    engine: &Arc<Engine>,
    names: &[String],
    How { full, once, retry, shadow }: How,
    by: &str,
    progress: ProgressSender,
) -> Result<SyncAnswer, ApiError> {
    let catalog = engine.catalog();
    // `nave sync start`, as people say it.
    let names = match names {
        [start, rest @ ..] if start == "start" && !catalog.mappings.contains_key(start) => rest,
        names => names,
    };
    let chosen = choose(engine, &catalog, names)?;
    ownership::complete(&catalog, chosen.iter().map(|mapping| mapping.entity.as_str()))?;
    let subject = if names.is_empty() { "all flows".to_owned() } else { names.join(", ") };
    audit(
        engine,
        by,
        "sync",
        &subject,
        match (full, shadow) {
            (_, true) => "shadow: nothing is sent",
            (true, _) => "everything is read again",
            _ => "",
        },
    )
    .await?;
    if retry {
        for mapping in chosen.iter().filter(|mapping| mapping.flow_out.is_some()) {
            engine.retry_parked(&mapping.name).await?;
        }
    }
    let delivering = Arc::new(AtomicBool::new(false));
    let _heard = Heard::new(engine, progress, delivering.clone());

    let reading = lanes(&catalog, chosen.iter().copied().filter(|mapping| mapping.flow_in.is_some()));
    let mut lines = run_all(engine, reading, Step::In { full }).await?;

    delivering.store(true, Ordering::Relaxed);
    let writing: Vec<&Mapping> = chosen.iter().copied().filter(|mapping| mapping.flow_out.is_some()).collect();
    if shadow {
        lines.extend(run_all(engine, lanes(&catalog, writing.iter().copied()), Step::Shadow).await?);
        return told(engine, &catalog, lines);
    }
    let mut left: HashMap<String, u64> = HashMap::new();
    for round in 0..ROUNDS_MAX {
        let mut due = Vec::new();
        for mapping in &writing {
            if round == 0 || has_news(engine, mapping, &left)? {
                due.push(*mapping);
            }
        }
        if due.is_empty() {
            break;
        }
        let ran = run_all(engine, lanes(&catalog, due.iter().copied()), Step::Out).await?;
        for mapping in due {
            left.insert(mapping.name.clone(), fingerprint(engine, &mapping.name)?);
        }
        let moved = ran.iter().any(RunLine::moved);
        lines.extend(ran.into_iter().filter(|line| round == 0 || line.status != RunStatus::Success || wanted(line) > 0));
        if once || !(moved || round == 0) {
            break;
        }
    }
    // Where nobody serves, this is the only time that somebody looks.
    engine.escalate().await?;
    told(engine, &catalog, lines)
}

/// With what the systems say of the end of their own APIs: where nobody serves, no alert tells of it.
fn told(engine: &Engine, catalog: &Catalog, mut lines: Vec<RunLine>) -> Result<SyncAnswer, ApiError> {
    for line in &mut lines {
        if let Some(mapping) = catalog.mappings.get(&line.flow) {
            line.sunset =
                engine.sunset(&mapping.connection)?.map(|said| format!("{} says that {}", mapping.connection, said.said()));
        }
    }
    Ok(SyncAnswer { runs: lines })
}

fn wanted(line: &RunLine) -> u64 {
    match line.counts {
        Counts::In(counts) => counts.read,
        Counts::Out(counts) => counts.wanted,
    }
}

/// The mappings to be run. One that is named is refused where it is paused, or its system is left alone now: whoever said so had
/// a reason.
fn choose<'c>(engine: &Engine, catalog: &'c Catalog, names: &[String]) -> Result<Vec<&'c Mapping>, ApiError> {
    let mut chosen = Vec::new();
    for name in names {
        if !catalog.mappings.contains_key(name) {
            return Err(unknown("flow", name, catalog.mappings.keys()));
        }
        if engine.store.flow(name)?.paused {
            return Err(ApiError::person(format!("`{name}` is paused")).help(format!("`nave resume {name}` lets it go on")));
        }
        if let Some(mapping) = catalog.mappings.get(name)
            && let Err(closed) = open(engine, catalog, mapping)
        {
            let until = closed.until.map_or("never opens again within a year".to_owned(), |until| format!("opens at {until}"));
            let said = format!("`{name}` waits: {} is {}, and {until}", mapping.connection, closed.because);
            let help = format!("`windows` and `blackouts` in connections/{}.toml say when it may be asked", mapping.connection);
            return Err(ApiError::person(said).help(help));
        }
    }
    for mapping in catalog.mappings.values() {
        let wanted = if names.is_empty() {
            !engine.store.flow(&mapping.name)?.paused && open(engine, catalog, mapping).is_ok()
        } else {
            names.contains(&mapping.name)
        };
        if wanted {
            chosen.push(mapping.as_ref());
        }
    }
    if chosen.is_empty() && !catalog.mappings.is_empty() {
        return Err(ApiError::person("every flow is paused or outside its system's windows, so nothing was read or sent")
            .help("`nave status` and `nave schedule list` say which; `nave resume` lets them go on"));
    }
    Ok(chosen)
}

/// Whether a mapping's system may be asked now.
fn open(engine: &Engine, catalog: &Catalog, mapping: &Mapping) -> Result<(), Closed> {
    catalog.connections.get(&mapping.connection).map_or(Ok(()), |connection| connection.calendar.open(engine.now()))
}

/// Flows by connection, what is referred to first.
fn lanes<'c>(catalog: &Catalog, mappings: impl Iterator<Item = &'c Mapping>) -> Vec<Vec<String>> {
    let mut sorted: Vec<&Mapping> = mappings.collect();
    order::sort(catalog, &mut sorted);
    let mut lanes: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for mapping in sorted {
        lanes.entry(&mapping.connection).or_default().push(mapping.name.clone());
    }
    lanes.into_values().collect()
}

/// Runs lanes side by side. The lines come in the order in which the runs ended.
async fn run_all(engine: &Arc<Engine>, lanes: Vec<Vec<String>>, step: Step) -> Result<Vec<RunLine>, ApiError> {
    let mut tasks = Vec::new();
    for flows in lanes {
        let engine = engine.clone();
        tasks.push(tokio::spawn(async move {
            let mut lines = Vec::new();
            for flow in flows {
                lines.push(run_one(&engine, &flow, step).await?);
            }
            Ok::<_, ApiError>(lines)
        }));
    }
    let mut lines = Vec::new();
    let mut failure = None;
    for task in tasks {
        match task.await {
            Ok(Ok(done)) => lines.extend(done),
            Ok(Err(error)) => failure = Some(error),
            Err(error) => {
                failure = Some(
                    ApiError::failed(format!("a run was broken off: {error}"))
                        .help("please report it; `nave doctor` looks around"),
                )
            }
        }
    }
    lines.sort_by(|left, right| (&left.ended_at, left.run).cmp(&(&right.ended_at, right.run)));
    match failure {
        Some(error) => Err(error),
        None => Ok(lines),
    }
}

/// One run. Only a store that is closed or damaged is an error: then the others cannot run either.
async fn run_one(engine: &Engine, flow: &str, step: Step) -> Result<RunLine, ApiError> {
    let ran = match step {
        Step::In { full } => engine.run_in(flow, full).await,
        Step::Out => engine.run_out(flow).await,
        Step::Shadow => engine.run_shadow(flow).await,
    };
    match ran {
        Ok(run) => Ok(RunLine::from(&run)),
        Err(error @ (EngineError::Store(_) | EngineError::Commit(CommitError::Store(_)))) => Err(error.into()),
        Err(error) => {
            let now = engine.now().to_string();
            Ok(RunLine {
                flow: flow.to_owned(),
                counts: match step {
                    Step::In { .. } => Counts::In(InCounts::default()),
                    Step::Out | Step::Shadow => Counts::Out(OutCounts::default()),
                },
                status: RunStatus::Failed,
                run: 0,
                started_at: now.clone(),
                ended_at: Some(now),
                message: Some(error.to_string()),
                catalog: engine.catalog().digest.clone(),
                plugins: Vec::new(),
                drift: Vec::new(),
                tries: Vec::new(),
                sunset: None,
            })
        }
    }
}

/// Whether a flow has entries that its last run of this sync did not leave behind as they are (held, not agreed to).
fn has_news(engine: &Engine, mapping: &Mapping, left: &HashMap<String, u64>) -> Result<bool, ApiError> {
    if engine.store.dirty_count(&mapping.name)? == 0 {
        return Ok(false);
    }
    if engine.store.flow(&mapping.name)?.approved.as_deref() != Some(mapping.digest.as_str()) {
        return Ok(false);
    }
    Ok(left.get(&mapping.name) != Some(&fingerprint(engine, &mapping.name)?))
}

/// Stands for a flow's dirty entries: entering one again changes its stamp.
fn fingerprint(engine: &Engine, flow: &str) -> Result<u64, ApiError> {
    let total = engine.store.dirty_count(flow)?;
    let entries = engine.store.dirty(flow, RecordId(0), FINGERPRINT_ENTRIES_MAX)?;
    let mut words = vec![total.to_string()];
    words.extend(entries.iter().map(|entry| format!("{} {}", entry.record, entry.stamp)));
    Ok(key_hash(&words.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// The engine's progress goes to whoever asked, until this is dropped.
struct Heard<'e>(&'e Engine);

impl<'e> Heard<'e> {
    fn new(engine: &'e Engine, progress: ProgressSender, delivering: Arc<AtomicBool>) -> Self {
        engine.set_progress(Some(Arc::new(move |flow, done, about| {
            let what = if delivering.load(Ordering::Relaxed) { "delivering" } else { "reading" };
            progress.report_about(&format!("{what} {flow}"), done, about);
        })));
        Self(engine)
    }
}

impl Drop for Heard<'_> {
    fn drop(&mut self) {
        self.0.set_progress(None);
    }
}
