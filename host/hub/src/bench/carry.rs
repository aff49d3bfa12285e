//! From one HTTP API to another: contacts of a CRM through the hub into a second one, by the `hubspot` plugin.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use nave_core::accounting::Counts;
use nave_core::model::Run;
use serde_json::{Value as Json, json};

use super::bare::{self, Bare, PROPERTIES, Place};
use super::bed::{project, put};
use super::{Watch, failed, percentile, reset_peak, round, status_mb};
use crate::api::ApiError;
use crate::project::NewConnection;
use crate::secrets::SecretBytes;
use crate::{Hub, plugins, project as project_of};

/// Canonical fields of [`PROPERTIES`], with what is done on the way in.
const CANONICAL: [(&str, &str); PROPERTIES.len()] = [
    ("first_name", "trim"),
    ("last_name", "trim"),
    ("email", "trim | lower"),
    ("phone", "phone"),
    ("mobile", "phone"),
    ("job_title", "trim"),
    ("company_name", "trim"),
    ("address.street", "trim"),
    ("address.city", "trim"),
    ("address.region", "trim"),
    ("address.postal_code", "trim"),
    ("address.country", "country(name)"),
];
/// Commits whose time is the measure of a change's.
const COMMITS: usize = 100;

/// Two connections: contacts come from `left` and go to `right`, never back.
pub(super) struct Bridge {
    _folder: tempfile::TempDir,
    pub(super) dir: PathBuf,
    pub(super) hub: Arc<Hub>,
}

impl Bridge {
    pub(super) async fn new(left: &Place, right: &Place, plugin: &Path) -> Result<Self, ApiError> {
        let (folder, dir) = project()?;
        let installed = plugins::install(&dir, plugin, Default::default())?;
        let file = project_of::place(&dir)?.plugin(&installed.plugin.digest);
        let (_, manifest, _) = plugins::inspect_file(&file)?;
        for (name, place) in [("left", left), ("right", right)] {
            let new = NewConnection {
                name: name.to_owned(),
                settings: [("url".to_owned(), place.base_url.clone())].into(),
                networks: vec!["127.0.0.1/32".to_owned()],
                insecure: true,
                because: Some("a simulated system on this machine".to_owned()),
                environment: "dev".to_owned(),
                ..NewConnection::default()
            };
            project_of::write_connection(&dir, &project_of::plan_connection(&dir, &manifest, &new)?)?;
        }
        // In place of the starter mappings, which go both ways.
        std::fs::remove_dir_all(dir.join("mappings")).map_err(failed)?;
        put(&dir, "mappings/left.toml", &mapping("left", "in"))?;
        put(&dir, "mappings/right.toml", &mapping("right", "out"))?;
        let hub = Hub::open(&dir).await?;
        for (name, place) in [("left", left), ("right", right)] {
            hub.vault.set(name, &SecretBytes::new(place.token.clone())).map_err(failed)?;
            hub.vault.bind(name, &[place.base_url.clone()].into(), None).map_err(failed)?;
        }
        // Compiles the plugin, which is done once and not again at the next start.
        for name in ["left", "right"] {
            hub.engine.streams(name).await?;
        }
        Ok(Self { _folder: folder, dir, hub })
    }

    /// Reads what is new. Answers how much was read, and how many records it made or changed.
    pub(super) async fn pull(&self) -> Result<(u64, u64), ApiError> {
        match self.done(self.hub.engine.run_in("left", false).await?)? {
            Counts::In(counts) => Ok((counts.read, counts.created + counts.updated)),
            counts => Err(failed(format!("{counts:?}"))),
        }
    }

    /// Sends what differs. Answers how many were delivered.
    pub(super) async fn push(&self) -> Result<u64, ApiError> {
        match self.done(self.hub.engine.run_out("right").await?)? {
            Counts::Out(counts) => Ok(counts.delivered),
            counts => Err(failed(format!("{counts:?}"))),
        }
    }

    fn done(&self, run: Run) -> Result<Counts, ApiError> {
        match run.message {
            None if run.counts.balances() => Ok(run.counts),
            message => Err(failed(format!("the run failed: {}", message.unwrap_or_default()))),
        }
    }

    /// Somebody agrees to the plan, as before every first sync.
    pub(super) async fn agree(&self) -> Result<(), ApiError> {
        self.hub.engine.plan("right", 0).await?;
        self.hub.engine.approve("right", "bench", "measured").await?;
        Ok(())
    }
}

fn mapping(connection: &str, direction: &str) -> String {
    let flow = format!("[flow.{direction}]\nfreshness = \"1h\"\n");
    let marker = if direction == "out" { "marker = \"properties.nave_id\"\n" } else { "" };
    let mut text = format!(
        "connection = \"{connection}\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"bench\"\n{marker}{flow}"
    );
    for (property, (canonical, operations)) in PROPERTIES.iter().zip(CANONICAL) {
        let read = if direction == "in" { format!("in = \"{operations}\"\n") } else { String::new() };
        text += &format!(
            "[[field]]\nremote = \"properties.{property}\"\ncanonical = \"{canonical}\"\ndirection = \"{direction}\"\n{read}"
        );
    }
    text
}

/// Carries the contacts of `left` into `right`: pages and posts of 100, the vendor's most; each page, intent and outcome
/// durable. Answers `records_per_cpu_second` and `cpu_us_per_record` of the hub's process, and the same with `floor_` for a
/// bare client that reads and posts as much between `left` and `floor` in the same run.
///
/// # Errors
/// [`ApiError`] where a system cannot be reached, or not everything arrived.
pub async fn carry(left: &Place, right: &Place, floor: &Place, records: u64, plugin: &Path) -> Result<Json, ApiError> {
    let bridge = Bridge::new(left, right, plugin).await?;
    reset_peak();
    let watch = Watch::start();
    let (read, made) = bridge.pull().await?;
    let (pull_cpu, pull_wall) = watch.stop();
    // Somebody looks at the plan, once.
    bridge.agree().await?;
    let watch = Watch::start();
    let sent = bridge.push().await?;
    let (push_cpu, push_wall) = watch.stop();
    let (cpu, wall) = (pull_cpu + push_cpu, pull_wall + push_wall);
    // Some of the simulated contacts are one person twice.
    if read != records || sent != made || made * 100 < records * 99 {
        return Err(failed(format!("of {records} records {read} were read, {made} made and {sent} delivered")));
    }
    let peak = status_mb("VmHWM:");
    let watch = Watch::start();
    let carried = bare::carry(left, floor).await?;
    let (floor_cpu, _) = watch.stop();
    if carried != records {
        return Err(failed(format!("the bare client carried {carried} of {records} records")));
    }
    let n = records as f64;
    Ok(json!({
        "records": records,
        "records_per_cpu_second": (n / cpu.max(0.001)).round(),
        "cpu_us_per_record": round(cpu * 1e6 / n),
        "pull_cpu_us_per_record": round(pull_cpu * 1e6 / n),
        "wall_seconds": round(wall),
        "peak_rss_mb": peak,
        "floor_records_per_cpu_second": (n / floor_cpu.max(0.001)).round(),
        "floor_cpu_us_per_record": round(floor_cpu * 1e6 / n),
    }))
}

/// One contact after another is edited in `left`; each time the hub looks, takes the change in and carries it to `right`.
/// Answers the milliseconds from the look to the outcome's commit, and those of one durable commit of a bare redb beside it.
///
/// # Errors
/// As [`carry`].
pub async fn change(left: &Place, right: &Place, changes: usize, plugin: &Path) -> Result<Json, ApiError> {
    let bridge = Bridge::new(left, right, plugin).await?;
    bridge.pull().await?;
    bridge.agree().await?;
    bridge.push().await?;
    let mut client = Bare::connect(left).await?;
    let page = client.ask("GET", "/crm/v3/objects/contacts?limit=100", None).await?;
    let ids: Vec<String> =
        page["results"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_str()).map(str::to_owned).collect();
    if ids.is_empty() {
        return Err(failed("there is no contact to edit"));
    }
    let mut times = Vec::with_capacity(changes);
    for number in 0..changes {
        let id = &ids[number % ids.len()];
        let edit = json!({ "properties": { "jobtitle": format!("Buyer {number}") } });
        client.ask("PATCH", &format!("/crm/v3/objects/contacts/{id}"), Some(&edit)).await?;
        let began = Instant::now();
        let ((_, changed), sent) = (bridge.pull().await?, bridge.push().await?);
        times.push(began.elapsed().as_secs_f64() * 1e3);
        if (changed, sent) != (1, 1) {
            return Err(failed(format!("of one edit {changed} were taken in and {sent} delivered")));
        }
    }
    let commit = bare::commit_ms(&bridge.dir, COMMITS)?;
    Ok(json!({
        "changes": changes,
        "change_ms_p50": round(percentile(&mut times, 0.5)),
        "change_ms_p99": round(percentile(&mut times, 0.99)),
        "commit_ms_p50": round(commit),
    }))
}
