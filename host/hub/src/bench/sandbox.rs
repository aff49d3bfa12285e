//! What the sandbox costs: a guest's start, the way out beside a bare client, and others beside bad neighbours.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use nave_runtime::{Engine, Instance, InstanceLimits, NoHost, Plugin};
use serde_json::{Value as Json, json};

use super::bare::{Bare, Place};
use super::bed::put;
use super::carry::Bridge;
use super::{failed, percentile, round};
use crate::api::ApiError;
use crate::egress::Request;
use crate::spoke::Spokes as _;
use crate::{Hub, plugins};

/// Runs before those that are measured, alone and beside: the first ones read from the disk, and meet twenty guests at once
/// of which nobody knows yet that they compute long.
const WARM: usize = 5;

/// What is measured how often.
#[derive(Clone, Debug)]
pub struct Sandbox {
    /// Instances that are started.
    pub starts: usize,
    /// Calls to a system, through the hub and by a bare client.
    pub calls: usize,
    /// Runs of the neighbour, alone and again beside the others.
    pub runs: usize,
    /// Bad neighbours: a name and a plugin whose `check` takes what it can.
    pub neighbours: Vec<(String, Vec<u8>)>,
}

/// Answers, each of the same run: `start_us_p50` and `_p99` of an instance of the plugin in `file`, from its compiled and
/// linked code to the first call that it would answer, out of the pool and (`start_on_demand_`) without one;
/// `egress_ms_p50` of one GET through the hub's way out with all its checks and the credential put in, `bare_ms_p50` of the
/// same by a client that does nothing else, and the difference; `run_alone_ms_` of a run that takes one edit in `left` over
/// to `right`, `run_beside_ms_` of the same while the neighbours are called without a pause, and `run_p99_ratio`.
///
/// # Errors
/// [`ApiError`] where a system cannot be reached, a run failed, or a neighbour was not at work.
pub async fn sandbox(left: &Place, right: &Place, file: &Path, what: Sandbox) -> Result<Json, ApiError> {
    let mut figures = json!({ "load_1m": load() });
    add(&mut figures, starts(file, what.starts).await?);
    let bridge = Bridge::new(left, right, file).await?;
    bridge.pull().await?;
    bridge.agree().await?;
    bridge.push().await?;
    add(&mut figures, way_out(&bridge.hub, left, what.calls).await?);
    add(&mut figures, beside(&bridge, left, what.runs, &what.neighbours).await?);
    Ok(figures)
}

fn add(figures: &mut Json, more: Json) {
    if let (Json::Object(figures), Json::Object(more)) = (figures, more) {
        figures.extend(more);
    }
}

/// Processes that want a processor, on average of the last minute.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or_default()
}

async fn starts(file: &Path, many: usize) -> Result<Json, ApiError> {
    let bytes = std::fs::read(file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
    let mut figures = json!({ "starts": many });
    for (name, pooled) in [("start", true), ("start_on_demand", false)] {
        let engine = Engine::new().map_err(failed)?;
        let engine = if pooled { engine } else { engine.on_demand() };
        let bytes = bytes.clone();
        let compiled = tokio::task::spawn_blocking(move || Plugin::compile(&engine, &bytes, None)).await;
        let plugin = compiled.map_err(failed)?.map_err(failed)?;
        if plugin.fits_the_pool() != pooled {
            return Err(failed("this machine has no room for the pool of guests"));
        }
        let mut times = Vec::with_capacity(many);
        for _ in 0..many {
            let began = Instant::now();
            let started = Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default()).await;
            times.push(began.elapsed().as_secs_f64() * 1e6);
            drop(started.map_err(failed)?);
        }
        figures[format!("{name}_us_p50")] = round(percentile(&mut times, 0.5)).into();
        figures[format!("{name}_us_p99")] = round(percentile(&mut times, 0.99)).into();
    }
    Ok(figures)
}

/// The same request in turn through the hub's way out, over a connection that is kept, and by a bare client over another.
async fn way_out(hub: &Hub, left: &Place, many: usize) -> Result<Json, ApiError> {
    const PATH: &str = "/crm/v3/objects/contacts?limit=1";
    let channel = hub.guests.channel("left").map_err(failed)?;
    channel.begin_run(crate::egress::Quota { requests: many as u64 + 1, ..Default::default() });
    let mut bare = Bare::connect(left).await?;
    let (mut through, mut beside) = (Vec::with_capacity(many), Vec::with_capacity(many));
    for number in 0..=many {
        let request = Request { method: "GET".into(), path: PATH.into(), headers: Vec::new(), body: None };
        let began = Instant::now();
        let answer = channel.send("api", request).await.map_err(failed)?;
        let hub_ms = began.elapsed().as_secs_f64() * 1e3;
        let began = Instant::now();
        let same = bare.bytes("GET", PATH, None).await?;
        let bare_ms = began.elapsed().as_secs_f64() * 1e3;
        if answer.status != 200 || answer.body != same {
            return Err(failed(format!("the hub got {} and another answer than the bare client", answer.status)));
        }
        // The first of each dials.
        if number > 0 {
            through.push(hub_ms);
            beside.push(bare_ms);
        }
    }
    let (through_ms, beside_ms) = (percentile(&mut through, 0.5), percentile(&mut beside, 0.5));
    Ok(json!({
        "calls": many,
        "egress_ms_p50": milli(through_ms),
        "egress_ms_p99": milli(percentile(&mut through, 0.99)),
        "bare_ms_p50": milli(beside_ms),
        "bare_ms_p99": milli(percentile(&mut beside, 0.99)),
        "egress_more_ms_p50": milli(through_ms - beside_ms),
    }))
}

fn milli(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Runs of the neighbour alone, then with every bad one called as fast as it answers.
async fn beside(bridge: &Bridge, left: &Place, many: usize, bad: &[(String, Vec<u8>)]) -> Result<Json, ApiError> {
    for (name, bytes) in bad {
        let file = bridge.dir.join(format!("{name}.wasm"));
        std::fs::write(&file, bytes).map_err(failed)?;
        plugins::install(&bridge.dir, &file, Default::default())?;
        put(&bridge.dir, &format!("connections/{name}.toml"), &format!("plugin = \"{name}\"\nenvironment = \"dev\"\n"))?;
    }
    bridge.hub.reload()?;
    let spokes = bad.iter().map(|(name, _)| bridge.hub.guests.spoke(name).map_err(failed));
    let spokes = spokes.collect::<Result<Vec<_>, _>>()?;
    let mut edits = Edits::new(left).await?;
    edits.runs(bridge, WARM).await?;
    let mut alone = edits.runs(bridge, many).await?;
    let over = Arc::new(AtomicBool::new(false));
    let calls: Vec<Arc<AtomicU64>> = spokes.iter().map(|_| Arc::default()).collect();
    let tasks: Vec<_> = spokes
        .into_iter()
        .zip(&calls)
        .map(|(spoke, calls)| {
            let (over, calls) = (over.clone(), calls.clone());
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    calls.fetch_add(1, Ordering::Relaxed);
                    // Every one of them is stopped by a bound.
                    let _ = spoke.check().await;
                }
            })
        })
        .collect();
    let load = load();
    let first = edits.runs(bridge, WARM).await;
    let beside = edits.runs(bridge, many).await;
    over.store(true, Ordering::Relaxed);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let (mut first, mut beside) = (first?, beside?);
    if let Some(idle) = calls.iter().position(|calls| calls.load(Ordering::Relaxed) == 0) {
        return Err(failed(format!("{} was never called", bad[idle].0)));
    }
    let (alone_p99, beside_p99) = (percentile(&mut alone, 0.99), percentile(&mut beside, 0.99));
    Ok(json!({
        "runs": many,
        "hostile": bad.len(),
        "hostile_calls": calls.iter().map(|calls| calls.load(Ordering::Relaxed)).sum::<u64>(),
        "load_1m_beside": load,
        "run_alone_ms_p50": round(percentile(&mut alone, 0.5)),
        "run_alone_ms_p99": round(alone_p99),
        "run_beside_first_ms_max": round(percentile(&mut first, 1.0)),
        "run_beside_ms_p50": round(percentile(&mut beside, 0.5)),
        "run_beside_ms_p99": round(beside_p99),
        "run_p99_ratio": round(beside_p99 / alone_p99.max(0.001)),
    }))
}

/// Somebody who edits one contact after another in a system.
struct Edits {
    client: Bare,
    ids: Vec<String>,
    made: usize,
}

impl Edits {
    async fn new(place: &Place) -> Result<Self, ApiError> {
        let mut client = Bare::connect(place).await?;
        let page = client.ask("GET", "/crm/v3/objects/contacts?limit=100", None).await?;
        let rows = page["results"].as_array().into_iter().flatten();
        let ids: Vec<String> = rows.filter_map(|row| row["id"].as_str()).map(str::to_owned).collect();
        if ids.is_empty() {
            return Err(failed("there is no contact to edit"));
        }
        Ok(Self { client, ids, made: 0 })
    }

    /// So many edits, each taken over by a run; the milliseconds of each run.
    async fn runs(&mut self, bridge: &Bridge, many: usize) -> Result<Vec<f64>, ApiError> {
        let mut times = Vec::with_capacity(many);
        for _ in 0..many {
            let id = &self.ids[self.made % self.ids.len()];
            let edit = json!({ "properties": { "jobtitle": format!("Buyer {}", self.made) } });
            self.made += 1;
            self.client.ask("PATCH", &format!("/crm/v3/objects/contacts/{id}"), Some(&edit)).await?;
            let began = Instant::now();
            let ((_, changed), sent) = (bridge.pull().await?, bridge.push().await?);
            times.push(began.elapsed().as_secs_f64() * 1e3);
            if (changed, sent) != (1, 1) {
                return Err(failed(format!("of one edit {changed} were taken in and {sent} delivered")));
            }
        }
        Ok(times)
    }
}
