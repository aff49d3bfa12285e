//! Taking records in: JSON lines through the `files` plugin, mapped, matched, durable; and reading them again.

use std::path::Path;

use serde_json::{Value as Json, json};

use super::bed::{Bed, Person, mapping, put, write_contacts};
use super::{failed, percentile, reset_peak, round, status_mb};
use crate::api::ApiError;

/// One record in so many changes before a re-sync.
const CHANGED_ONE_IN: u64 = 100;
/// Changes of one tick.
const TICK_CHANGES: u64 = 100;
/// Ticks that are measured; the first ones warm up what is read from the disk.
const TICKS: usize = 30;

/// Takes `records` contacts of 20 fields and about 600 bytes in, through the plugin in `file`. Answers
/// `records_per_cpu_second`, `cpu_us_per_record`, `peak_rss_mb`, `disk_bytes_per_record`, and the same with `floor_` for a
/// bare redb that writes as many bytes under growing keys; of `floor_records` where the disk has no room for two of them.
/// `idle_rss_mb` is that of the open hub before the run.
///
/// # Errors
/// [`ApiError`] where the plugin cannot be installed or the run failed.
pub async fn ingest(records: u64, floor_records: u64, file: &Path) -> Result<Json, ApiError> {
    let bed = Bed::new(records, file).await?;
    reset_peak();
    let idle = status_mb("VmRSS:");
    let cost = bed.run("drop-contacts").await?;
    let taken = cost.counts.created + cost.counts.merged;
    if taken != records {
        return Err(ApiError::failed(format!("{taken} of {records} records were taken in: {:?}", cost.counts)));
    }
    let peak = status_mb("VmHWM:");
    let size = std::fs::metadata(bed.dir.join("data/nave.redb")).map_err(failed)?.len();
    drop(bed.hub);
    std::fs::remove_dir_all(&bed.dir).map_err(failed)?;
    let bytes = (size / records.max(1)).max(1);
    reset_peak();
    let floor = nave_store::floor_bench(bed.folder.path(), floor_records, bytes as usize).map_err(failed)?;
    let n = records as f64;
    let (floor_n, floor_cpu) = (floor_records as f64, floor.cpu.as_secs_f64());
    Ok(json!({
        "records": records,
        "records_per_cpu_second": (n / cost.cpu.max(0.01)).round(),
        "cpu_us_per_record": round(cost.cpu * 1e6 / n),
        "wall_seconds": round(cost.wall),
        "idle_rss_mb": idle,
        "peak_rss_mb": peak,
        "disk_bytes_per_record": bytes,
        "floor_records": floor_records,
        "floor_records_per_cpu_second": (floor_n / floor_cpu.max(0.01)).round(),
        "floor_cpu_us_per_record": round(floor_cpu * 1e6 / floor_n),
        "floor_peak_rss_mb": status_mb("VmHWM:"),
        "floor_disk_bytes_per_record": floor.file_bytes / floor_records.max(1),
    }))
}

/// Takes the same contacts in, changes the e-mail of one in a hundred, and reads all of them again: the source cannot tell
/// what changed. Answers `resync_cpu_seconds` and, of the same run, wall time, CPU per record read and peak memory.
///
/// # Errors
/// As [`ingest`].
pub async fn resync(records: u64, file: &Path) -> Result<Json, ApiError> {
    let bed = Bed::new(records, file).await?;
    let ingest = bed.run("drop-contacts").await?;
    let moved = |n| Person { domain: if n % CHANGED_ONE_IN == 0 { "com" } else { "test" }, ..Person::new(n) };
    write_contacts(&bed.dir.join("drop/contacts.jsonl"), 0..records, moved).map_err(failed)?;
    let changed = records.div_ceil(CHANGED_ONE_IN);
    reset_peak();
    let cost = bed.run("drop-contacts").await?;
    if cost.counts.updated != changed || cost.counts.unchanged != records - changed {
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

/// Takes the same contacts in, then a second, short file again and again, in which a hundred of them have another job:
/// each is found by its match keys or its cross-reference among all of them. Answers `tick_cpu_ms` (median) and
/// `tick_wall_ms` of one such run, durable.
///
/// # Errors
/// As [`ingest`].
pub async fn tick(records: u64, file: &Path) -> Result<Json, ApiError> {
    let bed = Bed::new(records, file).await?;
    let ingest = bed.run("drop-contacts").await?;
    put(&bed.dir, "mappings/drop-changes.toml", &mapping("changes"))?;
    let changes = TICK_CHANGES.min(records.max(1));
    let step = (records / changes).max(1);
    let (mut cpu, mut wall) = (Vec::new(), Vec::new());
    for number in 0..=TICKS {
        let other = |n| Person { job: format!("Buyer {number}"), ..Person::new(n) };
        write_contacts(&bed.dir.join("drop/changes.jsonl"), (0..changes).map(|n| n * step), other).map_err(failed)?;
        if number == 0 {
            bed.hub.reload()?;
        }
        let cost = bed.run("drop-changes").await?;
        // The first one merges them into the records that are there; it is not measured.
        let expected = if number == 0 { cost.counts.merged } else { cost.counts.updated };
        if expected != changes {
            return Err(ApiError::failed(format!("{changes} records changed, not what was found: {:?}", cost.counts)));
        }
        if number > 0 {
            cpu.push(cost.cpu * 1e3);
            wall.push(cost.wall * 1e3);
        }
    }
    Ok(json!({
        "records": records,
        "changes": changes,
        "ticks": TICKS,
        "ingest_cpu_us_per_record": round(ingest.cpu * 1e6 / records as f64),
        "tick_cpu_ms": round(percentile(&mut cpu, 0.5)),
        "tick_cpu_ms_p90": round(percentile(&mut cpu, 0.9)),
        "tick_wall_ms": round(percentile(&mut wall, 0.5)),
    }))
}
