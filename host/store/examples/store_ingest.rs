//! What the whole store costs per ingested record, beside its floor.
//!
//! `cargo run --release -p nave-store --example store_ingest -- RECORDS [DIR [WITHOUT [PER_COMMIT]]]`; `WITHOUT` leaves parts out, to
//! see what they cost: `contributions,changes,dirty,index,vacant`.
//!
//! Records of twenty fields, about 600 bytes as JSON: resolved and looked up (nothing is there), then record,
//! contribution, change, four index entries, one dirty entry, in commits of 10,000 with the checkpoint, all vacant
//! keys checked again by the commit. The batches are made outside of the measured time.

use std::path::PathBuf;
use std::time::Instant;

use nave_core::matching::{key_hash, remote_hash};
use nave_core::model::{
    Cause, Change, ChangeKind, Checkpoint, Claim, Contribution, ContributionId, Field, FieldChange, Reason, Record, RecordId,
    RecordState, RemoteKey, Rule, Sequence, Time,
};
use nave_core::value::Value;
use nave_store::{Batch, CheckpointMove, Expected, IndexEntry, IndexSpace, Options, Redb, Store, StoreKey, floor_bench};

const FIELDS: u64 = 20;

type Failure = Box<dyn std::error::Error>;

/// As in the hub.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn cpu_us() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1000.0
}

fn peak_rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

fn value(id: u64, field: u64) -> Value {
    match field {
        0 => Value::text(format!("person{id}@example{}.test", id % 977)),
        1 => Value::text(format!("+49301{id:08}")),
        2 => Value::text(format!("DE{id:09}")),
        3..6 => Value::Number((id * field).to_string().into()),
        _ => Value::text(format!("value {} of {id}", field * 7)),
    }
}

fn key(id: u64) -> RemoteKey {
    RemoteKey::new("crm", "contacts", format!("{:08x}", id.wrapping_mul(0x9e37_79b9)))
}

fn page(ids: std::ops::Range<u64>, commit: u64) -> Batch {
    let now = Time(1_700_000_000_000 + commit as i64);
    let mut batch = Batch { at: now, ..Batch::default() };
    for id in ids {
        let record = RecordId(id);
        let contribution = ContributionId(id);
        let names = || (0..FIELDS).map(|field| (format!("field_{field}"), value(id, field)));
        let field = |value| Field { value, winner: contribution, rule: Rule::Only, claimed_at: now };
        batch.records.push(Record {
            id: record,
            entity: "contact".into(),
            state: RecordState::Active,
            version: 1,
            fields: names().map(|(name, value)| (name, field(value))).collect(),
            contributions: vec![contribution],
            next_element: 1,
        });
        let mut row = Contribution::new(contribution, key(id), now);
        row.record = Some(record);
        row.shadow = (0..FIELDS).map(|field| (format!("properties.field_{field}"), value(id, field))).collect();
        row.claims =
            names().map(|(name, value)| (name, Claim { value, claimed_at: now, observed_at: now, base: None })).collect();
        batch.index_add.push(IndexEntry { space: IndexSpace::Remote, hash: remote_hash(&row.key), id });
        batch.contributions.push(row);
        for field in 0..3 {
            let hash = key_hash(&["contact", &field.to_string(), value(id, field).as_text().unwrap_or_default()]);
            batch.index_add.push(IndexEntry { space: IndexSpace::Match, hash, id });
        }
        batch.changes.push(Change {
            sequence: Sequence(0),
            record,
            entity: "contact".into(),
            at: now,
            kind: ChangeKind::Created,
            cause: Cause { connection: Some("crm".into()), run: Some(1), person: None, rule: None },
            fields: names()
                .map(|(field, value)| FieldChange {
                    field: field.into(),
                    before: None,
                    after: Some(value),
                    winner: Some(contribution),
                })
                .collect(),
        });
        batch.dirty.push(("books-contacts".into(), record, Reason::Changed.into()));
    }
    batch.expected =
        Expected { records: vec![], vacant: batch.index_add.iter().map(|entry| (entry.space, entry.hash)).collect() };
    let to = Checkpoint { bytes: commit.to_string().into_bytes(), generation: commit + 1, acknowledged: false, at: now };
    batch.checkpoint = Some(CheckpointMove { connection: "crm".into(), stream: "contacts".into(), from: commit, to });
    batch
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let records: u64 = arguments.first().ok_or("how many records?")?.parse()?;
    let folder = arguments.get(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let without: Vec<&str> =
        arguments.get(2).map_or_else(Vec::new, |parts| parts.split(',').filter(|part| !part.is_empty()).collect());
    let per_commit: u64 = arguments.get(3).map_or(Ok(10_000), |count| count.parse())?;
    let path = folder.join(format!("store-ingest-{}.redb", std::process::id()));
    let store = Redb::open(&path, &StoreKey::new([1; 32]), Options::default())?;
    let (mut cpu, mut wall, mut looking, mut freeing, mut last_tenth) = (0.0, 0.0, 0.0, 0.0, 0.0);
    for (commit, from) in (1..=records).step_by(per_commit as usize).enumerate() {
        let mut batch = page(from..(from + per_commit).min(records + 1), commit as u64);
        for part in &without {
            match *part {
                "contributions" => batch.contributions.clear(),
                "changes" => batch.changes.clear(),
                "dirty" => batch.dirty.clear(),
                "index" => batch.index_add.clear(),
                "vacant" => batch.expected.vacant.clear(),
                other => return Err(format!("no part is called {other}").into()),
            }
        }
        let copy = batch.clone();
        let began = cpu_us();
        drop(copy);
        freeing += cpu_us() - began;
        let keys: Vec<RemoteKey> = batch.contributions.iter().map(|row| row.key.clone()).collect();
        let matches: Vec<u64> =
            batch.index_add.iter().filter(|entry| entry.space == IndexSpace::Match).map(|entry| entry.hash).collect();
        let (began, started) = (cpu_us(), Instant::now());
        let resolved = store.resolve(&keys)?;
        let candidates = store.candidates(IndexSpace::Match, &matches)?;
        looking += cpu_us() - began;
        assert!(resolved.iter().all(Option::is_none) && candidates.iter().all(Vec::is_empty));
        store.commit(batch)?;
        let used = cpu_us() - began;
        cpu += used;
        wall += started.elapsed().as_secs_f64() * 1e6;
        if from > records / 10 * 9 {
            last_tenth += used;
        }
    }
    let count = records as f64;
    println!(
        "store: {:.2} us CPU per record ({:.2} of it looking up, about {:.2} freeing the batch's memory; last tenth {:.2}), {:.2} us wall, {:.0} records per CPU second",
        cpu / count,
        looking / count,
        freeing / count,
        last_tenth / (count / 10.0),
        wall / count,
        count / cpu * 1e6
    );
    println!("{:?}", store.index_figures());
    let stored = store.stored_bytes()?;
    drop(store);
    let bytes = std::fs::metadata(&path)?.len();
    let started = Instant::now();
    let store = Redb::open(&path, &StoreKey::new([1; 32]), Options::default())?;
    let opened = started.elapsed();
    let ids: Vec<RecordId> = (0..10_000).map(|n: u64| RecordId(n.wrapping_mul(0x9e37_79b9) % records + 1)).collect();
    let began = cpu_us();
    let found = store.records(&ids)?;
    println!("reading a random record: {:.2} us CPU", (cpu_us() - began) / ids.len() as f64);
    assert!(found.iter().all(Option::is_some));
    drop(store);
    println!(
        "{} bytes stored per record; file {} MB, {} bytes per record; peak memory {} MB; opened in {opened:?}",
        stored / records,
        bytes >> 20,
        bytes / records,
        peak_rss_mb()
    );
    std::fs::remove_file(&path)?;
    let began = cpu_us();
    let floor = floor_bench(&folder, records, (stored / records) as usize)?;
    let floor_cpu = (cpu_us() - began) / count;
    println!(
        "floor: {floor_cpu:.2} us CPU per record, {:.2} us wall, file {} MB",
        floor.wall.as_secs_f64() * 1e6 / count,
        floor.file_bytes >> 20
    );
    Ok(())
}
