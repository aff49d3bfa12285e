//! A consistent copy while others read and write, and its way back.
//!
//! A backup is a store file of its own, made row by row from one read transaction: only rows that are there now, and no
//! free page. In a store file only the changelog's values, inputs and secrets are sealed, so the file is sealed again as
//! a whole (`sealed.rs`): without the backup key nothing in it is readable. The copy before sealing lies in the data
//! folder, beside the store, without a name; the sealed file is written beside its name and moved there when it is
//! complete. Bounded in time: a long snapshot pins pages.

use std::cell::Cell;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::time::{Duration, Instant};

use redb::{
    AccessGuard, CursorMut, Database, Durability, Key, ReadOnlyTable, ReadTransaction, ReadableTable, TableDefinition, Value,
    WriteTransaction,
};

use super::errors::OpenError;
use super::sealed::{self, BackupKey};
use super::tables::{
    AUDIT, CHANGELOG, CHECKPOINTS, CONTRIBUTIONS, CURSORS, DEAD_LETTERS, DEAD_SUBJECTS, DECISIONS, DIRTY, FLOW_RUNS, FLOWS,
    INPUTS, JOURNAL, KEYS, LEASES, META, NAMES, OPEN_REVIEWS, PARKED, RECORDS, REVIEWS, ROWS, RUNS, TOKENS,
};
use super::{Options, Redb, files};
use crate::seal::StoreKey;
use crate::{Store, StoreError, index};

/// Longest time that a backup holds its snapshot; ten million records take about two minutes here.
const BACKUP_TIME_MAX: Duration = Duration::from_secs(30 * 60);
/// Bytes per transaction of the copy: bounds its memory.
const COPY_BYTES: usize = 32 << 20;

impl Redb {
    pub(super) fn backup_to(&self, to: &Path, key: &BackupKey) -> Result<(), StoreError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| StoreError::Engine(format!("{what} {}: {error}", to.display()));
        if to.exists() {
            return Err(failed("the backup would overwrite", &"it exists; choose another name"));
        }
        let snapshot = self.begin_read()?;
        let plain = files::nameless(&self.folder).map_err(|error| failed("no room beside the store for the backup", &error))?;
        let mut copied = plain.try_clone().map_err(|error| failed("could not write", &error))?;
        copy(&snapshot, plain, &self.options)?;
        // Free the snapshot before anything slow.
        drop(snapshot);
        let partial = files::beside(to);
        let _ = std::fs::remove_file(&partial);
        let moved = copied
            .rewind()
            .and_then(|()| sealed::seal(&copied, &files::create_private(&partial)?, key))
            .and_then(|()| files::move_new(&partial, to))
            .map_err(|error| failed("could not write the backup", &error));
        // Moved, or worth nothing.
        let _ = std::fs::remove_file(&partial);
        moved
    }
}

/// Brings a backup back as a store file. The backup is only read; it is opened beside `to`, walked there, and moved to
/// its name when it is good. Nothing is overwritten, links are not followed, a newer format is refused. Backups of the
/// first hubs are plain store files; they are brought back too.
pub fn restore(backup: &Path, to: &Path, key: &StoreKey, sealing: &BackupKey) -> Result<(), OpenError> {
    let engine = |error: std::io::Error| OpenError::Engine(to.display().to_string(), error.to_string());
    let damaged = |why: &str| OpenError::Damaged(backup.display().to_string(), why.to_owned());
    let kind = std::fs::symlink_metadata(backup).map_err(|error| damaged(&error.to_string()))?;
    if !kind.is_file() {
        return Err(damaged("it is not a plain file"));
    }
    if to.symlink_metadata().is_ok() {
        return Err(OpenError::Exists(to.display().to_string()));
    }
    let partial = files::beside(to);
    let _ = std::fs::remove_file(&partial);
    let restored = (|| {
        let mut from = File::open(backup).map_err(|error| damaged(&error.to_string()))?;
        let mut copy = files::create_private(&partial).map_err(engine)?;
        let mut start = Vec::new();
        Read::take(&mut from, sealed::MAGIC.len() as u64)
            .read_to_end(&mut start)
            .and_then(|_| from.rewind())
            .map_err(|error| damaged(&error.to_string()))?;
        if start == sealed::MAGIC {
            sealed::open(&from, &copy, sealing).map_err(|broken| match broken {
                sealed::Broken::WrongKey => OpenError::WrongBackupKey(backup.display().to_string()),
                sealed::Broken::Newer(found) => OpenError::Newer { found: found.into(), known: sealed::known().into() },
                sealed::Broken::Altered(why) => OpenError::BackupAltered(backup.display().to_string(), why),
                sealed::Broken::Io(error) => engine(error),
            })?;
        } else {
            std::io::copy(&mut from, &mut copy).map_err(engine)?;
        }
        drop(copy);
        let store = Redb::open_checked(&partial, key, Options::default(), false).map_err(|error| name(error, backup))?;
        store.validate().map_err(|error| damaged(&error.to_string()))?;
        drop(store);
        files::move_new(&partial, to).map_err(engine)
    })();
    let _ = std::fs::remove_file(&partial);
    restored
}

/// The same error, about the file that the person named.
fn name(error: OpenError, file: &Path) -> OpenError {
    let file = file.display().to_string();
    match error {
        OpenError::Damaged(_, why) => OpenError::Damaged(file, why),
        OpenError::Engine(_, why) => OpenError::Engine(file, why),
        other => other,
    }
}

impl Redb {
    /// Reads every record, contribution and change: whether the file is whole and opens under its key.
    pub fn validate(&self) -> Result<(), StoreError> {
        const AT_ONCE: usize = 5_000;
        let heads = self.heads()?;
        let mut after = nave_core::model::RecordId(0);
        while let Some(last) = self.records_after(after, AT_ONCE)?.last() {
            after = last.id;
        }
        let mut last_contribution = nave_core::model::ContributionId(0);
        while let Some(last) = self.contributions_after(last_contribution, AT_ONCE)?.last() {
            last_contribution = last.id;
        }
        // I2: the changelog has no gap.
        let mut sequence = nave_core::model::Sequence(0);
        loop {
            let changes = self.changes(sequence, AT_ONCE)?;
            let Some(last) = changes.last() else { break };
            if last.sequence.0 != sequence.0 + changes.len() as u64 {
                return Err(StoreError::Damaged(format!("the changelog has a gap after {sequence}")));
            }
            sequence = last.sequence;
        }
        let ends = (after.0 < heads.record, last_contribution.0 < heads.contribution, sequence.0 + 1 == heads.sequence);
        if ends != (true, true, true) {
            return Err(StoreError::Damaged("rows and heads disagree".to_owned()));
        }
        Ok(())
    }
}

/// The file that is being filled, in transactions of bounded size.
pub(super) struct Copy<'a> {
    from: &'a ReadTransaction,
    to: Database,
    /// Given up then.
    until: Option<Instant>,
    /// Told how many rows there are, after each transaction.
    told: &'a dyn Fn(u64),
    rows: Cell<u64>,
}

impl<'a> Copy<'a> {
    /// An empty one over a new file.
    pub(super) fn new(
        from: &'a ReadTransaction,
        to: File,
        options: &Options,
        until: Option<Instant>,
        told: &'a dyn Fn(u64),
    ) -> Result<Self, StoreError> {
        let backend = redb::backends::FileBackend::new(to).map_err(redb::Error::from)?;
        let database = Database::builder().set_cache_size(options.cache_bytes).create_with_backend(backend);
        Ok(Self { from, to: database.map_err(redb::Error::from)?, until, told, rows: Cell::new(0) })
    }

    fn begin(&self) -> Result<WriteTransaction, StoreError> {
        if self.until.is_some_and(|until| Instant::now() > until) {
            return Err(StoreError::Engine(
                "the backup took too long and was given up; it would pin the store's pages".to_owned(),
            ));
        }
        let mut transaction = self.to.begin_write()?;
        // Only the last transaction has to wait for the disk.
        transaction.set_durability(Durability::None).map_err(|error| StoreError::Engine(error.to_string()))?;
        Ok(transaction)
    }

    /// Every row of a table, in order; `put` puts one behind the last and says how many bytes it has.
    fn each<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
        mut put: impl FnMut(
            &WriteTransaction,
            &mut CursorMut<'_, K, V>,
            &AccessGuard<'_, K>,
            &AccessGuard<'_, V>,
        ) -> Result<usize, StoreError>,
    ) -> Result<(), StoreError> {
        let from: ReadOnlyTable<K, V> = self.from.open_table(definition)?;
        let mut rows = from.iter()?.peekable();
        while rows.peek().is_some() {
            let transaction = self.begin()?;
            {
                let mut table = transaction.open_table(definition)?;
                // Rows come in order, so each is put behind the last.
                let mut end = table.upper_bound_mut(std::ops::Bound::<K::SelfType<'_>>::Unbounded)?;
                let mut copied = 0;
                while copied < COPY_BYTES {
                    let Some(row) = rows.next() else { break };
                    let (key, value) = row?;
                    copied += put(&transaction, &mut end, &key, &value)? + 64;
                    self.rows.set(self.rows.get() + 1);
                }
                end.close()?;
            }
            transaction.commit()?;
            crate::kill::reach("in-copy");
            (self.told)(self.rows.get());
        }
        Ok(())
    }

    /// A table as it is.
    pub(super) fn table<K: Key + 'static, V: Value + 'static>(
        &self,
        definition: TableDefinition<'static, K, V>,
        size: impl Fn(&V::SelfType<'_>) -> usize,
    ) -> Result<(), StoreError> {
        self.each(definition, |_, end, key, value| {
            let value = value.value();
            let bytes = size(&value);
            end.insert_before(key.value(), value)?;
            Ok(bytes)
        })
    }

    /// A table some of whose rows become others. Tables that were copied before can be read in the transaction.
    pub(super) fn changed<K: Key + 'static>(
        &self,
        definition: TableDefinition<'static, K, &'static [u8]>,
        mut change: impl FnMut(&WriteTransaction, K::SelfType<'_>, &[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<(), StoreError> {
        self.each(definition, |transaction, end, key, value| {
            let changed = change(transaction, key.value(), value.value())?;
            let value = changed.as_deref().unwrap_or(value.value());
            end.insert_before(key.value(), value)?;
            Ok(value.len())
        })
    }

    /// The tables in which nothing is sealed.
    pub(super) fn plain(&self) -> Result<(), StoreError> {
        let bytes = |row: &&[u8]| row.len();
        let number = |_: &u64| 8;
        for table in [NAMES, RECORDS, CONTRIBUTIONS, DEAD_LETTERS, REVIEWS, RUNS, AUDIT] {
            self.table(table, bytes)?;
        }
        for table in [JOURNAL, PARKED, DECISIONS] {
            self.table(table, bytes)?;
        }
        for table in [CHECKPOINTS, FLOWS, TOKENS] {
            self.table(table, bytes)?;
        }
        for table in [DEAD_SUBJECTS, CURSORS, LEASES] {
            self.table(table, number)?;
        }
        self.table(DIRTY, |_| 16)?;
        self.table(FLOW_RUNS, number)?;
        self.table(OPEN_REVIEWS, number)?;
        for table in index::TABLES {
            self.table(table, bytes)?;
        }
        Ok(())
    }

    /// Durable, and opened fast.
    pub(super) fn end(self) -> Result<(), StoreError> {
        let mut last = self.to.begin_write()?;
        last.set_durability(Durability::Immediate).map_err(|error| StoreError::Engine(error.to_string()))?;
        last.set_quick_repair(true);
        last.commit()?;
        Ok(())
    }
}

fn copy(from: &ReadTransaction, to: File, options: &Options) -> Result<(), StoreError> {
    let copy = Copy::new(from, to, options, Some(Instant::now() + BACKUP_TIME_MAX), &|_| {})?;
    let bytes = |row: &&[u8]| row.len();
    copy.plain()?;
    for table in [CHANGELOG, KEYS, INPUTS] {
        copy.table(table, bytes)?;
    }
    for table in [META, ROWS] {
        copy.table(table, bytes)?;
    }
    copy.end()
}
