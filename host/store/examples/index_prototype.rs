//! The prototype behind the derived index: what a record's random keys cost, by variant.
//!
//! `cargo run --release -p nave-store --example index_prototype -- VARIANT RECORDS [DIR]`
//!
//! Every variant writes a row of 750 bytes per record under a growing key and looks four keys up before it
//! (one remote key, three match keys), in commits of 10,000. `rows` has no index at all: the floor. `table` keeps
//! the keys in a redb table, as they come. `log` is the index of the store.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use nave_store::index::{Index, read_tables};
use nave_store::{IndexEntry, IndexSpace};
use redb::{Database, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};

const ROWS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("rows");
const KEYS: TableDefinition<'static, u128, ()> = TableDefinition::new("keys");
const COMMIT: u64 = 10_000;
const ROW_BYTES: usize = 750;
const KEYS_PER_RECORD: u64 = 4;

type Failure = Box<dyn std::error::Error>;

/// As in the hub.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[derive(Clone, Copy, PartialEq)]
enum Variant {
    Rows,
    Table,
    Log,
}

/// Hash of a record's key: its generation counts changes of the e-mail.
fn hash(record: u64, key: u64, generation: u64) -> u64 {
    let mut x = (record * KEYS_PER_RECORD + key) ^ generation << 48;
    for factor in [0xbf58_476d_1ce4_e5b9_u64, 0x94d0_49bb_1331_11eb] {
        x = (x ^ x >> 30).wrapping_add(0x9e37_79b9_7f4a_7c15).wrapping_mul(factor);
    }
    x ^ x >> 31
}

fn entry(record: u64, key: u64, generation: u64) -> IndexEntry {
    let space = if key == 0 { IndexSpace::Remote } else { IndexSpace::Match };
    IndexEntry { space, hash: hash(record, key, generation), id: record }
}

/// Bytes as different as a record's: not compressible to nothing.
fn row(record: u64, version: u64) -> Vec<u8> {
    (0..ROW_BYTES as u64 / 8 + 1).flat_map(|word| hash(record, word, version).to_le_bytes()).take(ROW_BYTES).collect()
}

/// CPU time of the main thread, which does everything here, in microseconds.
fn cpu_us() -> f64 {
    let text = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    text.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1000.0
}

fn peak_rss_mb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) / 1024
}

struct Bench {
    variant: Variant,
    database: Database,
    index: Index,
}

impl Bench {
    fn open(variant: Variant, path: &std::path::Path) -> Result<Self, Failure> {
        let database = Database::builder().set_cache_size(nave_core::limits::STORE_CACHE_BYTES).create(path)?;
        let transaction = database.begin_write()?;
        transaction.open_table(ROWS)?;
        transaction.open_table(KEYS)?;
        let index = Index::open(&transaction)?;
        transaction.commit()?;
        Ok(Self { variant, database, index })
    }

    fn begin(&self) -> Result<WriteTransaction, Failure> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// How many ids are found under these keys.
    fn look_up(&self, keys: &[IndexEntry]) -> Result<usize, Failure> {
        match self.variant {
            Variant::Rows => Ok(0),
            Variant::Table => {
                let table = self.database.begin_read()?.open_table(KEYS)?;
                let mut found = 0;
                for key in keys {
                    let from = u128::from(key.hash) << 64;
                    found += table.range(from..=from | u128::from(u64::MAX))?.count();
                }
                Ok(found)
            }
            Variant::Log => {
                let mut found = 0;
                for space in [IndexSpace::Remote, IndexSpace::Match] {
                    let hashes: Vec<u64> = keys.iter().filter(|key| key.space == space).map(|key| key.hash).collect();
                    let ids = self.index.find(space, &hashes, usize::MAX, || read_tables(&self.database.begin_read()?))?;
                    found += ids.iter().map(Vec::len).sum::<usize>();
                }
                Ok(found)
            }
        }
    }

    fn commit(&self, rows: &[(u64, u64)], remove: &[IndexEntry], add: &[IndexEntry]) -> Result<(), Failure> {
        let transaction = self.begin()?;
        {
            let mut table = transaction.open_table(ROWS)?;
            let append = table.last()?.is_none_or(|(last, _)| rows.first().is_some_and(|row| row.0 > last.value()));
            if append {
                let mut end = table.upper_bound_mut(std::ops::Bound::<u64>::Unbounded)?;
                for (record, version) in rows {
                    end.insert_before(*record, row(*record, *version).as_slice())?;
                }
                end.close()?;
            } else {
                for (record, version) in rows {
                    table.insert(*record, row(*record, *version).as_slice())?;
                }
            }
        }
        match self.variant {
            Variant::Rows => transaction.commit()?,
            Variant::Table => {
                {
                    let mut table = transaction.open_table(KEYS)?;
                    for key in remove {
                        table.remove(u128::from(key.hash) << 64 | u128::from(key.id))?;
                    }
                    // Sorted: the kindest order for random keys.
                    let mut keys: Vec<u128> = add.iter().map(|key| u128::from(key.hash) << 64 | u128::from(key.id)).collect();
                    keys.sort_unstable();
                    for key in keys {
                        table.insert(key, ())?;
                    }
                }
                transaction.commit()?;
            }
            Variant::Log => {
                let mut edit = self.index.edit();
                self.index.append(&mut edit, &transaction, remove, add)?;
                self.index.save(&edit, &transaction)?;
                transaction.commit()?;
                self.index.install(edit);
            }
        }
        Ok(())
    }

    /// Background work; says how many steps and the longest in milliseconds.
    fn tend(&self) -> Result<(u32, f64), Failure> {
        let (mut steps, mut longest) = (0, 0_f64);
        while self.variant == Variant::Log && self.index.waits() {
            let started = Instant::now();
            let mut transaction = self.database.begin_write()?;
            transaction.set_durability(Durability::None)?;
            let mut edit = self.index.edit();
            self.index.tend(&mut edit, &transaction)?;
            self.index.save(&edit, &transaction)?;
            transaction.commit()?;
            self.index.install(edit);
            longest = longest.max(started.elapsed().as_secs_f64() * 1e3);
            steps += 1;
        }
        Ok((steps, longest))
    }
}

struct Phase {
    cpu: f64,
    wall: Instant,
}

impl Phase {
    fn start() -> Self {
        Self { cpu: cpu_us(), wall: Instant::now() }
    }

    fn say(&self, name: &str, count: u64, unit: &str, more: &str) {
        let (cpu, wall) = (cpu_us() - self.cpu, self.wall.elapsed().as_secs_f64() * 1e6);
        let count = count.max(1) as f64;
        println!("{name:<24} {:>9.2} us CPU, {:>9.2} us wall per {unit}  {more}", cpu / count, wall / count);
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let variant = match arguments.first().map(String::as_str) {
        Some("rows") => Variant::Rows,
        Some("table") => Variant::Table,
        Some("log") => Variant::Log,
        _ => return Err("usage: index_prototype rows|table|log RECORDS [DIR]".into()),
    };
    let records: u64 = arguments.get(1).ok_or("how many records?")?.parse()?;
    let folder = arguments.get(2).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = folder.join(format!("index-prototype-{}.redb", std::process::id()));
    let bench = Bench::open(variant, &path)?;

    let phase = Phase::start();
    let mut tenth = Phase::start();
    let mut last = String::new();
    for from in (0..records).step_by(COMMIT as usize) {
        if from / COMMIT == records.div_ceil(COMMIT) * 9 / 10 {
            tenth = Phase::start();
        }
        let ids = from..records.min(from + COMMIT);
        let keys: Vec<IndexEntry> = ids.clone().flat_map(|id| (0..KEYS_PER_RECORD).map(move |key| entry(id, key, 0))).collect();
        assert!(bench.look_up(&keys)? == 0, "a new record's keys are found");
        bench.commit(&ids.map(|id| (id, 0)).collect::<Vec<_>>(), &[], &keys)?;
    }
    let (cpu, tenth_records) = (cpu_us() - tenth.cpu, (records / 10).max(1));
    write!(last, "(last tenth {:.2} us CPU)", cpu / tenth_records as f64)?;
    phase.say("insert", records, "record", &last);

    let phase = Phase::start();
    let (steps, longest) = bench.tend()?;
    phase.say("background after it", u64::from(steps), "step", &format!("({steps} steps, longest {longest:.1} ms)"));

    let phase = Phase::start();
    let mut changed = 0_u64;
    for from in (0..records).step_by(COMMIT as usize) {
        let ids = from..records.min(from + COMMIT);
        let keys: Vec<IndexEntry> = ids.clone().map(|id| entry(id, 0, 0)).collect();
        let expected = if variant == Variant::Rows { 0 } else { keys.len() };
        assert!(bench.look_up(&keys)? == expected, "a known record is not found");
        let changes: Vec<u64> = ids.filter(|id| hash(*id, 9, 9).is_multiple_of(100)).collect();
        changed += changes.len() as u64;
        let remove: Vec<IndexEntry> = changes.iter().map(|id| entry(*id, 1, 0)).collect();
        let add: Vec<IndexEntry> = changes.iter().map(|id| entry(*id, 1, 1)).collect();
        bench.commit(&changes.iter().map(|id| (*id, 1)).collect::<Vec<_>>(), &remove, &add)?;
        bench.tend()?;
    }
    phase.say("re-sync, 1 % changed", records, "record", &format!("({changed} changed)"));

    let ticks = 200_u64;
    let mut worst = 0_f64;
    let phase = Phase::start();
    for tick in 0..ticks {
        let started = Instant::now();
        let mut ids: Vec<u64> = (0..100).map(|n| hash(tick * 100 + n, 11, 11) % records).collect();
        ids.sort_unstable();
        ids.dedup();
        let keys: Vec<IndexEntry> = ids.iter().map(|id| entry(*id, 0, 0)).collect();
        bench.look_up(&keys)?;
        let remove: Vec<IndexEntry> = ids.iter().map(|id| entry(*id, 2, 0)).collect();
        let add: Vec<IndexEntry> = ids.iter().map(|id| entry(*id, 2, tick + 2)).collect();
        bench.commit(&ids.iter().map(|id| (*id, tick)).collect::<Vec<_>>(), &remove, &add)?;
        worst = worst.max(started.elapsed().as_secs_f64() * 1e3);
        bench.tend()?;
    }
    phase.say("tick of 100 changes", ticks, "tick", &format!("(worst {worst:.1} ms)"));

    for (name, generation, expected) in [("look-up that hits", 0, true), ("look-up that misses", 77, false)] {
        let phase = Phase::start();
        let mut found = 0;
        for round in 0..50 {
            let keys: Vec<IndexEntry> = (0..1000).map(|n| entry(hash(round * 1000 + n, 5, 5) % records, 3, generation)).collect();
            found += bench.look_up(&keys)?;
        }
        assert!(variant == Variant::Rows || (found > 0) == expected, "{found} found");
        phase.say(name, 50_000, "key", "(1,000 at a time)");
    }
    let phase = Phase::start();
    for round in 0..2000 {
        bench.look_up(&[entry(hash(round, 6, 6) % records, 0, 0)])?;
    }
    phase.say("single look-up", 2000, "key", "");
    println!("{:?}", bench.index.figures());
    drop(bench);
    let bytes = std::fs::metadata(&path)?.len();
    let phase = Instant::now();
    let bench = Bench::open(variant, &path)?;
    let opened = phase.elapsed();
    drop(bench);
    println!(
        "file {} MB, {} bytes per record; peak memory {} MB; opened in {opened:?}",
        bytes >> 20,
        bytes / records,
        peak_rss_mb()
    );
    std::fs::remove_file(&path)?;
    Ok(())
}
