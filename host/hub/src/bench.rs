//! Measures taking records in: JSON lines through the `files` plugin, mapped, matched, durable; in the same run a bare redb
//! that writes the same number of bytes under growing keys; and reading them again after a few have changed.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use nave_core::accounting::{Counts, InCounts};
use serde_json::{Value as Json, json};

use crate::api::ApiError;
use crate::{Hub, plugins, project};

const FIELDS: [(&str, &str, &str); 17] = [
    ("FirstName", "first_name", ""),
    ("LastName", "last_name", ""),
    ("Email", "email", "trim | lower"),
    ("Phone", "phone", "phone"),
    ("MobilePhone", "mobile", "phone"),
    ("Company", "company_name", ""),
    ("JobTitle", "job_title", ""),
    ("Street", "address.street", ""),
    ("City", "address.city", ""),
    ("Region", "address.region", ""),
    ("PostalCode", "address.postal_code", ""),
    ("Country", "address.country", "country"),
    ("BirthDate", "birth_date", "date"),
    ("Status", "status", ""),
    ("CreatedAt", "first_seen", "timestamp(iso8601) | date"),
    ("Id", "number", ""),
    ("Notes", "notes", ""),
];

/// A hub with one mapping from a folder of JSON lines, in a folder of its own that goes with it.
struct Bed {
    folder: tempfile::TempDir,
    dir: std::path::PathBuf,
    hub: std::sync::Arc<Hub>,
    records: u64,
}

fn failed(error: std::io::Error) -> ApiError {
    ApiError::failed(format!("the measurement's folder: {error}"))
}

/// What one run cost.
struct Cost {
    cpu: f64,
    wall: f64,
    counts: InCounts,
}

impl Bed {
    async fn new(records: u64, file: &Path) -> Result<Self, ApiError> {
        let here = std::env::current_dir().map_err(failed)?;
        let folder = tempfile::Builder::new().prefix("nave-bench-").tempdir_in(here).map_err(failed)?;
        let dir = folder.path().join("project");
        project::init(&dir, false)?;
        plugins::install(&dir, file, Default::default())?;
        let put = |path: &str, text: &str| {
            let path = dir.join(path);
            std::fs::create_dir_all(path.parent().unwrap_or(&dir)).and_then(|()| std::fs::write(&path, text)).map_err(failed)
        };
        put("systems.toml", "[drop]\nkind = \"files\"\nowner = \"bench\"\n")?;
        put(
            "connections/drop.toml",
            "plugin = \"files\"\nenvironment = \"dev\"\n[grants.folders.drop]\npath = \"drop\"\naccess = \"read\"\n",
        )?;
        put("mappings/drop-contacts.toml", &mapping())?;
        write_contacts(&dir.join("drop"), records, |_| false).map_err(failed)?;
        let hub = Hub::open(&dir).await?;
        Ok(Self { folder, dir, hub, records })
    }

    /// Reads the folder once; every record must have been taken in, or found unchanged.
    async fn run(&self) -> Result<Cost, ApiError> {
        let (cpu, wall) = (cpu_seconds(), std::time::Instant::now());
        let run = self.hub.engine.run_in("drop-contacts", false).await?;
        let (cpu, wall) = (cpu_seconds() - cpu, wall.elapsed().as_secs_f64());
        if run.message.is_some() || !run.counts.balances() {
            return Err(ApiError::failed(format!("the run failed: {}", run.message.unwrap_or_default())));
        }
        match run.counts {
            Counts::In(counts) if counts.created + counts.merged + counts.updated + counts.unchanged == self.records => {
                Ok(Cost { cpu, wall, counts })
            }
            counts => Err(ApiError::failed(format!("{} records were not all taken in: {counts:?}", self.records))),
        }
    }
}

/// Takes `records` contacts of 20 fields and about 600 bytes in, through the plugin in `file`. Answers
/// `records_per_cpu_second`, `cpu_us_per_record`, `peak_rss_mb`, `disk_bytes_per_record`, and the same with `floor_`;
/// `idle_rss_mb` is that of the open hub before the run. CPU time is that of the whole process, in hundredths of a second.
///
/// # Errors
/// [`ApiError`] where the plugin cannot be installed or the run failed.
pub async fn ingest(records: u64, file: &Path) -> Result<Json, ApiError> {
    let bed = Bed::new(records, file).await?;
    reset_peak();
    let idle = status_mb("VmRSS:");
    let cost = bed.run().await?;
    let taken = cost.counts.created + cost.counts.merged;
    if taken != records {
        return Err(ApiError::failed(format!("{taken} of {records} records were taken in: {:?}", cost.counts)));
    }
    let peak = status_mb("VmHWM:");
    let size = std::fs::metadata(bed.dir.join("data/nave.redb")).map_err(failed)?.len();
    drop(bed.hub);
    let bytes = (size / records.max(1)).max(1);
    reset_peak();
    let floor = nave_store::floor_bench(bed.folder.path(), records, bytes as usize)
        .map_err(|error| ApiError::failed(error.to_string()))?;
    let n = records as f64;
    let floor_cpu = floor.cpu.as_secs_f64();
    Ok(json!({
        "records": records,
        "records_per_cpu_second": (n / cost.cpu.max(0.01)).round(),
        "cpu_us_per_record": round(cost.cpu * 1e6 / n),
        "wall_seconds": round(cost.wall),
        "idle_rss_mb": idle,
        "peak_rss_mb": peak,
        "disk_bytes_per_record": bytes,
        "floor_records_per_cpu_second": (n / floor_cpu.max(0.01)).round(),
        "floor_cpu_us_per_record": round(floor_cpu * 1e6 / n),
        "floor_peak_rss_mb": status_mb("VmHWM:"),
        "floor_disk_bytes_per_record": floor.file_bytes / records.max(1),
    }))
}

/// One record in so many changes before a re-sync.
const CHANGED_ONE_IN: u64 = 100;

/// Takes the same contacts in, changes the e-mail of one in a hundred, and reads all of them again: the source cannot tell
/// what changed. Answers `resync_cpu_seconds` and, of the same run, wall time, CPU per record read and peak memory.
///
/// # Errors
/// As [`ingest`].
pub async fn resync(records: u64, file: &Path) -> Result<Json, ApiError> {
    let bed = Bed::new(records, file).await?;
    let ingest = bed.run().await?;
    write_contacts(&bed.dir.join("drop"), records, |n| n % CHANGED_ONE_IN == 0).map_err(failed)?;
    let changed = records.div_ceil(CHANGED_ONE_IN);
    reset_peak();
    let cost = bed.run().await?;
    if cost.counts.updated != changed {
        return Err(ApiError::failed(format!("{changed} records changed, not what was found: {:?}", cost.counts)));
    }
    let n = records as f64;
    Ok(json!({
        "records": records,
        "changed": changed,
        "ingest_cpu_seconds": round(ingest.cpu),
        "resync_cpu_seconds": round(cost.cpu),
        "resync_cpu_us_per_record": round(cost.cpu * 1e6 / n),
        "resync_wall_seconds": round(cost.wall),
        "resync_peak_rss_mb": status_mb("VmHWM:"),
    }))
}

/// The peak starts anew, so that what is measured next has its own; where that is not allowed it stays the larger one.
fn reset_peak() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

fn mapping() -> String {
    let mut text = String::from(
        "connection = \"drop\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"bench\"\n[flow.in]\nfreshness = \"1h\"\n",
    );
    for (remote, canonical, read) in FIELDS {
        let _ = write!(text, "[[field]]\nremote = \"{remote}\"\ncanonical = \"{canonical}\"\ndirection = \"in\"\n");
        if !read.is_empty() {
            let _ = writeln!(text, "in = \"{read}\"");
        }
    }
    text
}

/// Contacts that match nobody: every one is created. `moved` says who has another e-mail address than at first.
fn write_contacts(dir: &Path, records: u64, moved: impl Fn(u64) -> bool) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    let mut out = std::io::BufWriter::new(std::fs::File::create(dir.join("contacts.jsonl"))?);
    for n in 0..records {
        writeln!(
            out,
            r#"{{"Id":"C{n:08}","FirstName":"First{}","LastName":"Last{}","Email":"Person{n}@example.{}","Phone":"+49 30 {n:08}","MobilePhone":"+49 (170) {n:08}","Company":"Company {}","JobTitle":"Buyer","Street":"Main St {}","City":"Berlin","Region":"BE","PostalCode":"{:05}","Country":"DE","BirthDate":"1980-01-02","CreditLimit":"{n}.50","Currency":"EUR","Status":"active","CreatedAt":"2024-01-02T03:04:05Z","UpdatedAt":"2025-01-02T03:04:05Z","Notes":"Called back on Tuesday, asked for a revised quote; prefers e-mail. Delivery at the rear gate."}}"#,
            n % 977,
            n % 1013,
            if moved(n) { "com" } else { "test" },
            n % 5000,
            n % 400,
            n % 99999
        )?;
    }
    out.flush()
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A line of the process's own status, in megabytes.
fn status_mb(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("");
    line.split_whitespace().next().and_then(|kb| kb.parse::<u64>().ok()).unwrap_or(0) / 1024
}
