//! The floor to measure the store against: a bare redb that writes as many bytes under growing keys.

use std::path::Path;
use std::time::{Duration, Instant};

use redb::{Database, Durability, TableDefinition};

use crate::StoreError;
use crate::seal::random;

const TABLE: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("floor");

/// What a bare redb needed.
#[derive(Clone, Copy, Debug)]
pub struct FloorFigures {
    /// Records written.
    pub records: u64,
    /// From the first to the last commit.
    pub wall: Duration,
    /// CPU time of the process meanwhile.
    pub cpu: Duration,
    /// File afterwards.
    pub file_bytes: u64,
}

/// CPU time of this process, all threads.
fn cpu_time() -> Duration {
    // utime and stime are the 14th and 15th field; the second may hold spaces but ends with the last bracket.
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // Linux reports in hundredths of a second, whatever the kernel's own tick is.
    Duration::from_millis(ticks * 10)
}

/// Writes `records` rows of `bytes_per_record` under growing keys, 10,000 a commit, with the store's own settings, into a
/// new file in `dir`, which is removed afterwards.
pub fn floor_bench(dir: &Path, records: u64, bytes_per_record: usize) -> Result<FloorFigures, StoreError> {
    let path = dir.join("floor.redb");
    let failed = |error: std::io::Error| StoreError::Engine(error.to_string());
    if path.exists() {
        std::fs::remove_file(&path).map_err(failed)?;
    }
    let cache = nave_core::limits::STORE_CACHE_BYTES;
    let database = Database::builder().set_cache_size(cache).create(&path).map_err(redb::Error::from)?;
    // Not all zeros, which a file system could leave out.
    let mut row = vec![0; bytes_per_record];
    random(&mut row);
    let (wall, cpu) = (Instant::now(), cpu_time());
    let mut next = 1_u64;
    while next <= records {
        let mut transaction = database.begin_write()?;
        transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        transaction.set_quick_repair(true);
        {
            let mut table = transaction.open_table(TABLE)?;
            let mut end = table.upper_bound_mut(std::ops::Bound::<u64>::Unbounded)?;
            let last = records.min(next + nave_core::limits::COMMIT_RECORDS_MAX as u64 - 1);
            for key in next..=last {
                end.insert_before(key, row.as_slice())?;
            }
            next = last + 1;
            end.close()?;
        }
        transaction.commit()?;
    }
    let (wall, cpu) = (wall.elapsed(), cpu_time().saturating_sub(cpu));
    drop(database);
    let file_bytes = std::fs::metadata(&path).map_err(failed)?.len();
    std::fs::remove_file(&path).map_err(failed)?;
    Ok(FloorFigures { records, wall, cpu, file_bytes })
}

/// A bare redb that commits one small row at a time, durably: the measure of what one change takes.
pub struct FloorCommits {
    database: Database,
    path: std::path::PathBuf,
    next: u64,
}

impl FloorCommits {
    /// A new file in a folder.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let path = dir.join("commits.redb");
        let database = Database::builder().create(&path).map_err(redb::Error::from)?;
        Ok(Self { database, path, next: 1 })
    }

    /// One row of so many bytes, on the disk when this returns.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn commit(&mut self, bytes: usize) -> Result<(), StoreError> {
        let mut row = vec![0; bytes];
        random(&mut row);
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate).map_err(redb::Error::from)?;
        transaction.set_quick_repair(true);
        transaction.open_table(TABLE)?.insert(self.next, row.as_slice())?;
        self.next += 1;
        Ok(transaction.commit()?)
    }

    /// Closes and removes the file.
    ///
    /// # Errors
    /// [`StoreError::Engine`].
    pub fn remove(self) -> Result<(), StoreError> {
        drop(self.database);
        std::fs::remove_file(&self.path).map_err(|error| StoreError::Engine(error.to_string()))
    }
}
