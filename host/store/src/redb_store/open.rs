//! Opening: format version, upgrade path, what the writer keeps in memory.

use std::fs::OpenOptions;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, RwLock};

use redb::backends::FileBackend;
use redb::{Database, Durability, ReadableTable, ReadableTableMetadata, StorageBackend, WriteTransaction};

use super::checked::{Checked, First, Handle};
use super::errors::OpenError;
use super::tables::{
    AUDIT, CHANGELOG, CHECKPOINTS, CONTRIBUTIONS, CURSORS, DEAD_LETTERS, DEAD_SUBJECTS, DECISIONS, DIRTY, FLOW_RUNS, FLOWS,
    INPUTS, JOURNAL, KEYS, LEASES, META, NAMES, OPEN_REVIEWS, PARKED, RECORDS, REVIEWS, ROWS, RUNS, TOKENS,
};
use super::{Redb, Writer, files};
use crate::StoreError;
use crate::format::names::Names;
use crate::format::{FormatError, Reader, put_bytes, put_u64};
use crate::index::Index;
use crate::rules::FIRST_HEADS;
use crate::seal::{Keys, StoreKey, random};

/// Format of the file that this hub writes: one more than there are steps that bring an older one up.
pub const FORMAT: u64 = UPGRADES.len() as u64 + 1;

/// One step brings a file from a format to the next, within the transaction that opens it.
pub(crate) type Upgrade = fn(&WriteTransaction) -> Result<(), StoreError>;

/// Oldest first: from 1 to 2, and so on. Format 1 is the first that was released.
const UPGRADES: &[Upgrade] = &[super::objects::upgrade];

/// Plain settings of a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Cache of redb, in bytes.
    pub cache_bytes: usize,
    /// Save the allocator with each commit: opening after a crash takes milliseconds instead of a walk over the file, where
    /// the checksums beside it fit.
    pub quick_repair: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { cache_bytes: nave_core::limits::STORE_CACHE_BYTES, quick_repair: true }
    }
}

const META_FORMAT: &[u8] = b"format";
pub(super) const META_SALT: &[u8] = b"salt";
pub(super) const META_KEY_CHECK: &[u8] = b"key check";
const META_WRITER: &[u8] = b"writer";

impl Redb {
    /// Opens the file, makes it if it is not there. An older format is brought up step by step, in one transaction; a
    /// newer one is refused and left alone. Reads the whole file first where nothing beside it says what was last written.
    pub fn open(path: &Path, key: &StoreKey, options: Options) -> Result<Self, OpenError> {
        Self::open_checked(path, key, options, true)
    }

    /// `keep`: checksums of the file are kept beside it, and believed.
    pub(super) fn open_checked(path: &Path, key: &StoreKey, options: Options, keep: bool) -> Result<Self, OpenError> {
        let shown = path.display().to_string();
        if path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound) {
            Self::make(path, key, options)?;
        }
        let failed = |error: std::io::Error| database_error(redb::StorageError::Io(error).into(), &shown);
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(failed)?;
        if file.metadata().map_err(failed)?.len() == 0 {
            return Err(OpenError::Damaged(shown, "it is empty".to_owned()));
        }
        let opened = file.metadata().map_err(failed)?;
        let backend = FileBackend::new(file).map_err(|error| database_error(error, &shown))?;
        let (checked, first) = Checked::over(path, Box::new(backend), keep).map_err(failed)?;
        let database = database(&checked, options, first).map_err(|error| database_error(error, &shown))?;
        // Whoever had it until now may have put another file there: what was opened then is nobody's any more.
        let there = std::fs::metadata(path).map_err(failed)?;
        if (there.dev(), there.ino()) != (opened.dev(), opened.ino()) {
            return Err(OpenError::Busy(shown));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Ok(Self { folder: folder.to_owned(), ..Self::with_database(database, checked, key, options, &shown, UPGRADES)? })
    }

    /// Makes a new store under another name and moves it when it is whole: a crash leaves no half file under its own.
    fn make(path: &Path, key: &StoreKey, options: Options) -> Result<(), OpenError> {
        let shown = path.display().to_string();
        let engine = |error: std::io::Error| OpenError::Engine(shown.clone(), error.to_string());
        let partial = files::beside(path);
        let _ = std::fs::remove_file(&partial);
        let made = (|| {
            let file = files::create_private(&partial).map_err(engine)?;
            drop(file);
            let file = OpenOptions::new().read(true).write(true).open(&partial).map_err(engine)?;
            let backend = FileBackend::new(file).map_err(|error| database_error(error, &shown))?;
            let checked = Checked::plain(Box::new(backend));
            let database = database(&checked, options, First::AsRead).map_err(|error| database_error(error, &shown))?;
            drop(Self::with_database(database, checked, key, options, &shown, UPGRADES)?);
            files::move_new(&partial, path).map_err(engine)
        })();
        let _ = std::fs::remove_file(&partial);
        made
    }

    /// The same over another place to keep bytes: the seam of the fault tests.
    pub fn open_backend(backend: impl StorageBackend, key: &StoreKey, options: Options) -> Result<Self, OpenError> {
        let shown = "(backend)";
        let checked = Checked::plain(Box::new(backend));
        let database = database(&checked, options, First::Whole).map_err(|error| database_error(error, shown))?;
        Self::with_database(database, checked, key, options, shown, UPGRADES)
    }

    pub(super) fn with_database(
        database: Database,
        checked: Arc<Checked>,
        key: &StoreKey,
        options: Options,
        shown: &str,
        upgrades: &[Upgrade],
    ) -> Result<Self, OpenError> {
        let engine = |error: StoreError| match error {
            StoreError::Damaged(why) => OpenError::Damaged(shown.to_owned(), why),
            other => OpenError::Engine(shown.to_owned(), other.to_string()),
        };
        let mut transaction = database.begin_write().map_err(|error| engine(error.into()))?;
        prepare(&mut transaction, &options).map_err(engine)?;
        upgrade(&transaction, shown, upgrades)?;
        make_tables(&transaction).map_err(engine)?;
        let keys = keys(&transaction, key).map_err(engine)?.ok_or(OpenError::WrongKey)?;
        let index = Index::open(&transaction).map_err(|error| engine(error.into()))?;
        let names = names(&transaction).map_err(engine)?;
        let writer = Writer::load(&transaction).map_err(engine)?;
        transaction.commit().map_err(|error| engine(error.into()))?;
        Ok(Self {
            database,
            checked,
            index,
            names: RwLock::new(names),
            keys,
            writer: Mutex::new(writer),
            closed: OnceLock::new(),
            options,
            folder: std::env::temp_dir(),
        })
    }

    /// A write transaction as every commit uses it.
    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        self.refuse_closed()?;
        let mut transaction = self.database.begin_write()?;
        prepare(&mut transaction, &self.options)?;
        Ok(transaction)
    }
}

/// The engine over the file. Where there is nothing yet, a new one is made.
fn database(checked: &Arc<Checked>, options: Options, first: First) -> Result<Database, redb::DatabaseError> {
    Database::builder()
        .set_cache_size(options.cache_bytes)
        .set_check_integrity_on_open(first == First::Whole)
        .create_with_backend(Handle(checked.clone()))
}

fn prepare(transaction: &mut WriteTransaction, options: &Options) -> Result<(), StoreError> {
    transaction.set_durability(Durability::Immediate).map_err(|error| StoreError::Engine(error.to_string()))?;
    transaction.set_quick_repair(options.quick_repair);
    Ok(())
}

fn database_error(error: redb::DatabaseError, shown: &str) -> OpenError {
    match error {
        redb::DatabaseError::DatabaseAlreadyOpen => OpenError::Busy(shown.to_owned()),
        redb::DatabaseError::Storage(redb::StorageError::Corrupted(why)) => OpenError::Damaged(shown.to_owned(), why),
        redb::DatabaseError::Storage(redb::StorageError::Io(error)) if error.kind() == std::io::ErrorKind::InvalidData => {
            OpenError::Damaged(shown.to_owned(), error.to_string())
        }
        // No hub ever wrote another format of the engine's.
        redb::DatabaseError::UpgradeRequired(found) => {
            OpenError::Damaged(shown.to_owned(), format!("its header names format {found} of the engine"))
        }
        other => OpenError::Engine(shown.to_owned(), other.to_string()),
    }
}

fn number(row: &[u8]) -> Option<u64> {
    row.try_into().ok().map(u64::from_le_bytes)
}

fn upgrade(transaction: &WriteTransaction, shown: &str, upgrades: &[Upgrade]) -> Result<(), OpenError> {
    let known = upgrades.len() as u64 + 1;
    let engine = |error: StoreError| OpenError::Engine(shown.to_owned(), error.to_string());
    let found = {
        let meta = transaction.open_table(META).map_err(|error| engine(error.into()))?;
        let row = meta.get(META_FORMAT).map_err(|error| engine(error.into()))?;
        match row {
            None if meta.is_empty().map_err(|error| engine(error.into()))? => known,
            None => return Err(OpenError::Damaged(shown.to_owned(), "it names no format".to_owned())),
            Some(row) => number(row.value()).unwrap_or(0),
        }
    };
    if found > known {
        return Err(OpenError::Newer { found, known });
    }
    let from = usize::try_from(found).ok().and_then(|found| found.checked_sub(1));
    let Some(steps) = from.and_then(|from| upgrades.get(from..)) else {
        return Err(OpenError::Damaged(shown.to_owned(), "it names a format that was never written".to_owned()));
    };
    for step in steps {
        step(transaction).map_err(engine)?;
    }
    let mut meta = transaction.open_table(META).map_err(|error| engine(error.into()))?;
    meta.insert(META_FORMAT, known.to_le_bytes().as_slice()).map_err(|error| engine(error.into()))?;
    Ok(())
}

/// Makes what is missing, so that reading never meets a table that is not there.
fn make_tables(transaction: &WriteTransaction) -> Result<(), StoreError> {
    for table in [NAMES, RECORDS, CONTRIBUTIONS, CHANGELOG, KEYS, INPUTS, DEAD_LETTERS, REVIEWS, RUNS, AUDIT] {
        transaction.open_table(table)?;
    }
    for table in [JOURNAL, PARKED, DECISIONS] {
        transaction.open_table(table)?;
    }
    for table in [META, CHECKPOINTS, FLOWS, ROWS, TOKENS] {
        transaction.open_table(table)?;
    }
    for table in [DEAD_SUBJECTS, CURSORS, LEASES] {
        transaction.open_table(table)?;
    }
    transaction.open_table(DIRTY)?;
    transaction.open_table(FLOW_RUNS)?;
    transaction.open_table(OPEN_REVIEWS)?;
    Ok(())
}

/// `None`: another key made this store.
fn keys(transaction: &WriteTransaction, key: &StoreKey) -> Result<Option<Keys>, StoreError> {
    let mut meta = transaction.open_table(META)?;
    let known = meta.get(META_SALT)?.map(|row| row.value().to_vec());
    let salt = match known {
        Some(salt) => salt,
        None => {
            let mut salt = vec![0; 16];
            random(&mut salt);
            meta.insert(META_SALT, salt.as_slice())?;
            salt
        }
    };
    let keys = Keys::new(key, &salt);
    let check = meta.get(META_KEY_CHECK)?.map(|row| row.value().to_vec());
    match check {
        Some(check) => Ok((check == keys.check).then_some(keys)),
        None => {
            meta.insert(META_KEY_CHECK, keys.check.as_slice())?;
            Ok(Some(keys))
        }
    }
}

pub(super) fn names(transaction: &WriteTransaction) -> Result<Names, StoreError> {
    let mut names = Names::default();
    for row in transaction.open_table(NAMES)?.iter()? {
        let (number, name) = row?;
        let name = std::str::from_utf8(name.value()).map_err(|_| FormatError::Unknown("a name that is not UTF-8"))?;
        if u64::from(names.push(name.into())) != number.value() {
            return Err(StoreError::Damaged("names are not numbered without gaps".to_owned()));
        }
    }
    Ok(names)
}

impl Writer {
    pub(super) fn load(transaction: &WriteTransaction) -> Result<Self, StoreError> {
        let meta = transaction.open_table(META)?;
        match meta.get(META_WRITER)? {
            None => Ok(Self { heads: FIRST_HEADS, ..Self::default() }),
            Some(row) => Ok(Self::read(row.value())?),
        }
    }

    /// Stores what the writer knows, in the transaction whose effects it counts.
    pub(super) fn save(&self, transaction: &WriteTransaction) -> Result<(), StoreError> {
        let mut row = vec![1];
        let heads = &self.heads;
        for number in [heads.record, heads.contribution, heads.sequence, heads.review, heads.dead_letter, heads.run] {
            put_u64(&mut row, number);
        }
        for number in [self.stamp, self.audit, self.input] {
            put_u64(&mut row, number);
        }
        row.extend_from_slice(&self.audit_digest);
        put_u64(&mut row, self.counts.len() as u64);
        for (name, count) in &self.counts {
            put_bytes(&mut row, name.as_bytes());
            put_u64(&mut row, *count);
        }
        transaction.open_table(META)?.insert(META_WRITER, row.as_slice())?;
        Ok(())
    }

    fn read(row: &[u8]) -> Result<Self, FormatError> {
        let mut reader = Reader(row);
        reader.version(1)?;
        let mut writer = Self::default();
        let heads = &mut writer.heads;
        for number in [
            &mut heads.record,
            &mut heads.contribution,
            &mut heads.sequence,
            &mut heads.review,
            &mut heads.dead_letter,
            &mut heads.run,
            &mut writer.stamp,
            &mut writer.audit,
            &mut writer.input,
        ] {
            *number = reader.u64()?;
        }
        writer.audit_digest.copy_from_slice(reader.take(32)?);
        for _ in 0..reader.count()? {
            let name = reader.text()?.to_owned();
            writer.counts.insert(name, reader.u64()?);
        }
        Ok(writer)
    }
}
