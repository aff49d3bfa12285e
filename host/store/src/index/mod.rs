//! The derived index: finds rows by keys that do not grow (a remote id, an e-mail, a phone number).
//!
//! Log-structured, inside the store's own transactions. Small commits append to a log that is also held in memory
//! (level 0); a full log, or a large commit, becomes a sorted run; runs are merged in small steps, sizes each
//! about four times the last. Measured against random keys in a table in `tests/bench/README.md`.
//!
//! Promises: what a transaction appended is found once it is committed, and not before; a look-up names every id that
//! was added and not removed since, ascending. Must not know what the hashes stand for.

pub(crate) mod entry;
mod filter;
mod merge;
pub(crate) mod segment;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, PoisonError, RwLock};

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use entry::{ENTRY_BYTES, Entry, read_entries, settle};
use segment::{SEGMENT_ENTRIES, Segment};
use shape::{Run, Shape};

use crate::format::FormatError;
use crate::{IndexEntry, IndexSpace};

const LOG: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("index log");
const BLOCKS: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("index runs");
const GUIDES: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("index guides");
const SHAPE: TableDefinition<'static, u64, &'static [u8]> = TableDefinition::new("index shape");
/// All of them, for who copies a store.
pub(crate) const TABLES: [TableDefinition<'static, u64, &'static [u8]>; 4] = [LOG, BLOCKS, GUIDES, SHAPE];
/// The one row of its table.
const SHAPE_ROW: u64 = 0;

/// Entries held in memory before they become a run; about 2 MB, loaded at start in a few milliseconds.
const LEVEL_0_ENTRIES_MAX: usize = 16_384;
/// A commit of this many is a run of its own.
const DIRECT_ENTRIES_MIN: usize = 8_192;
/// A reader whose view was merged away meanwhile looks again; each try needs another merge to fail.
const TRIES_MAX: usize = 10;

/// Why the index does not answer.
#[derive(Debug, thiserror::Error)]
pub enum IndexFault {
    /// A block was merged away between looking at the shape and opening the transaction: look again.
    #[error("a block of the index is gone")]
    Gone,
    /// It does not hold what it should. It is derived: rebuild it.
    #[error("{0}")]
    Damaged(&'static str),
    /// A row does not decode.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The engine said no.
    #[error(transparent)]
    Engine(#[from] redb::Error),
}

impl From<redb::StorageError> for IndexFault {
    fn from(error: redb::StorageError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<redb::TableError> for IndexFault {
    fn from(error: redb::TableError) -> Self {
        Self::Engine(error.into())
    }
}

impl From<redb::TransactionError> for IndexFault {
    fn from(error: redb::TransactionError) -> Self {
        Self::Engine(error.into())
    }
}

type Level0 = HashMap<u64, Vec<Entry>, foldhash::fast::FixedState>;

#[derive(Debug, Default)]
struct State {
    level_0: Level0,
    level_0_entries: usize,
    log_next: u64,
    shape: Arc<Shape>,
}

impl State {
    fn remember(&mut self, entries: &[Entry]) {
        for entry in entries {
            let under = self.level_0.entry(entry.key).or_default();
            match under.iter_mut().find(|known| known.id() == entry.id()) {
                Some(known) => *known = *entry,
                None => {
                    under.push(*entry);
                    self.level_0_entries += 1;
                }
            }
        }
    }
}

/// The index of one store. One writer at a time; any number of readers.
#[derive(Debug, Default)]
pub struct Index {
    state: RwLock<State>,
}

/// What a transaction does to the index; installed after its commit.
#[derive(Debug)]
pub struct Edit {
    shape: Shape,
    reshaped: bool,
    forget_level_0: bool,
    fresh: Vec<Entry>,
    log_next: u64,
}

/// How large it is, for people and benchmarks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexFigures {
    /// Entries in memory.
    pub level_0_entries: usize,
    /// Runs of each level, from the newest.
    pub runs: Vec<(u32, usize)>,
    /// Merges under way.
    pub merges: usize,
    /// Segments to be thrown away.
    pub garbage: usize,
}

impl Index {
    /// Makes the tables and loads what is kept in memory.
    pub fn open(transaction: &WriteTransaction) -> Result<Self, IndexFault> {
        transaction.open_table(BLOCKS)?;
        transaction.open_table(GUIDES)?;
        let shape = match transaction.open_table(SHAPE)?.get(SHAPE_ROW)? {
            Some(row) => Shape::read(row.value())?,
            None => Shape::default(),
        };
        let mut state = State { log_next: shape.log_from, ..State::default() };
        for row in transaction.open_table(LOG)?.range(shape.log_from..)? {
            let (number, row) = row?;
            let entries: Vec<Entry> = read_entries(row.value())?.collect();
            state.remember(&entries);
            state.log_next = number.value() + 1;
        }
        state.shape = Arc::new(shape);
        Ok(Self { state: RwLock::new(state) })
    }

    fn state(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins an edit. Only the one writer does.
    pub fn edit(&self) -> Edit {
        let state = self.state();
        Edit {
            shape: Shape::clone(&state.shape),
            reshaped: false,
            forget_level_0: false,
            fresh: Vec::new(),
            log_next: state.log_next,
        }
    }

    /// Writes the entries of one commit. Of an entry that is removed and added in one commit, the addition stays.
    pub fn append(
        &self,
        edit: &mut Edit,
        transaction: &WriteTransaction,
        removed: &[IndexEntry],
        added: &[IndexEntry],
    ) -> Result<(), IndexFault> {
        let removed = removed.iter().map(|entry| Entry::new(entry, false));
        let mut entries: Vec<Entry> = removed.chain(added.iter().map(|entry| Entry::new(entry, true))).collect();
        if entries.is_empty() {
            return Ok(());
        }
        entries.sort_unstable();
        settle(&mut entries);
        let state = self.state();
        let in_memory = state.level_0_entries + entries.len();
        if entries.len() < DIRECT_ENTRIES_MIN && in_memory <= LEVEL_0_ENTRIES_MAX {
            let mut row = Vec::with_capacity(entries.len() * ENTRY_BYTES);
            entries.iter().for_each(|entry| entry.put(&mut row));
            transaction.open_table(LOG)?.insert(edit.log_next, row.as_slice())?;
            edit.log_next += 1;
            edit.fresh = entries;
            return Ok(());
        }
        // The log is older than these: both become one run.
        if state.level_0_entries > 0 {
            let mut older: Vec<Entry> = state.level_0.values().flatten().copied().collect();
            older.sort_unstable();
            older.append(&mut entries);
            settle(&mut older);
            entries = older;
        }
        drop(state);
        transaction.open_table(LOG)?.retain_in(..edit.log_next, |_, _| false)?;
        edit.shape.log_from = edit.log_next;
        edit.forget_level_0 = true;
        edit.reshaped = true;
        let steps = (2 * entries.len()).div_ceil(SEGMENT_ENTRIES);
        let (mut blocks, mut guides) = (transaction.open_table(BLOCKS)?, transaction.open_table(GUIDES)?);
        let mut segments = Vec::new();
        for part in entries.chunks(SEGMENT_ENTRIES) {
            segments.push(Segment::write(edit.shape.number(), part, &mut blocks, &mut guides)?);
        }
        let number = edit.shape.number();
        edit.shape.runs.insert(0, Run { number, level: 1, segments: Arc::new(segments) });
        // Merging keeps pace with writing: each level moves on by twice what came in.
        merge::start_due(&mut edit.shape);
        let mut due: Vec<u32> = edit.shape.merges.iter().map(|merge| merge.level).collect();
        due.dedup();
        for level in due {
            for _ in 0..steps {
                let Some(at) = edit.shape.merges.iter().position(|merge| merge.level == level) else { break };
                merge::step(&mut edit.shape, at, &mut blocks, &mut guides)?;
                merge::sweep(&mut edit.shape, &mut blocks, &mut guides)?;
            }
        }
        merge::sweep(&mut edit.shape, &mut blocks, &mut guides)?;
        Ok(())
    }

    /// Whether [`Index::tend`] has something to do.
    pub fn waits(&self) -> bool {
        let mut shape = Shape::clone(&self.state().shape);
        merge::start_due(&mut shape);
        !shape.merges.is_empty() || !shape.garbage.is_empty()
    }

    /// One small step: a segment merged, or two thrown away. Says whether more waits.
    pub fn tend(&self, edit: &mut Edit, transaction: &WriteTransaction) -> Result<bool, IndexFault> {
        merge::start_due(&mut edit.shape);
        let (mut blocks, mut guides) = (transaction.open_table(BLOCKS)?, transaction.open_table(GUIDES)?);
        if !edit.shape.garbage.is_empty() {
            merge::sweep(&mut edit.shape, &mut blocks, &mut guides)?;
        } else if !edit.shape.merges.is_empty() {
            merge::step(&mut edit.shape, 0, &mut blocks, &mut guides)?;
        }
        edit.reshaped = true;
        merge::start_due(&mut edit.shape);
        Ok(!edit.shape.merges.is_empty() || !edit.shape.garbage.is_empty())
    }

    /// Empties the index; everything is appended anew in the same or in later transactions.
    pub fn clear(&self, edit: &mut Edit, transaction: &WriteTransaction) -> Result<(), IndexFault> {
        transaction.open_table(LOG)?.retain(|_, _| false)?;
        transaction.delete_table(BLOCKS)?;
        transaction.delete_table(GUIDES)?;
        transaction.open_table(BLOCKS)?;
        transaction.open_table(GUIDES)?;
        let next = edit.shape.next;
        edit.shape = Shape { next, log_from: edit.log_next, ..Shape::default() };
        edit.reshaped = true;
        edit.forget_level_0 = true;
        edit.fresh.clear();
        Ok(())
    }

    /// Everything at once, into an index that was just cleared: one run, on a level by its size.
    pub(crate) fn append_all(
        &self,
        edit: &mut Edit,
        transaction: &WriteTransaction,
        all: &[IndexEntry],
    ) -> Result<(), IndexFault> {
        let mut entries: Vec<Entry> = all.iter().map(|entry| Entry::new(entry, true)).collect();
        entries.sort_unstable();
        entries.dedup();
        let mut level = 1;
        let mut size = SEGMENT_ENTRIES;
        while size < entries.len() {
            size *= merge::FAN_IN;
            level += 1;
        }
        let (mut blocks, mut guides) = write_tables(transaction)?;
        let mut segments = Vec::new();
        for part in entries.chunks(SEGMENT_ENTRIES) {
            segments.push(Segment::write(edit.shape.number(), part, &mut blocks, &mut guides)?);
        }
        if !segments.is_empty() {
            let number = edit.shape.number();
            edit.shape.runs.push(Run { number, level, segments: Arc::new(segments) });
        }
        Ok(())
    }

    /// Writes the switch-over; the last thing before the transaction's commit.
    pub fn save(&self, edit: &Edit, transaction: &WriteTransaction) -> Result<(), IndexFault> {
        if edit.reshaped {
            transaction.open_table(SHAPE)?.insert(SHAPE_ROW, edit.shape.put().as_slice())?;
        }
        Ok(())
    }

    /// Shows the edit to readers, after its transaction's commit.
    pub fn install(&self, edit: Edit) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if edit.forget_level_0 {
            state.level_0 = Level0::default();
            state.level_0_entries = 0;
        }
        state.remember(&edit.fresh);
        state.log_next = edit.log_next;
        if edit.reshaped {
            state.shape = Arc::new(edit.shape);
        }
    }

    /// Ids under each hash, in the order of the hashes; of a hash with more than `at_most`, so many of them. `tables` opens a
    /// transaction's tables and may be asked again.
    pub fn find<T: ReadableTable<u64, &'static [u8]>>(
        &self,
        space: IndexSpace,
        hashes: &[u64],
        at_most: usize,
        mut tables: impl FnMut() -> Result<(T, T), IndexFault>,
    ) -> Result<Vec<Vec<u64>>, IndexFault> {
        let mut order: Vec<(u64, u32)> = (0..).zip(hashes).map(|(at, hash)| (entry::key(space, *hash), at)).collect();
        order.sort_unstable();
        for _ in 0..TRIES_MAX {
            // The shape first, then the transaction: what the shape names was committed before.
            let (mut found, shape) = {
                let state = self.state();
                let mut found: Vec<Found> = hashes.iter().map(|_| Found::new(at_most)).collect();
                if state.level_0_entries > 0 {
                    for (key, at) in &order {
                        for entry in state.level_0.get(key).into_iter().flatten() {
                            if found[*at as usize].add(*entry).is_break() {
                                break;
                            }
                        }
                    }
                }
                (found, state.shape.clone())
            };
            let (blocks, guides) = tables()?;
            match find_in_runs(&shape, &order, &mut found, &blocks, &guides) {
                Ok(()) => return Ok(found.into_iter().map(Found::ids).collect()),
                Err(IndexFault::Gone) => {}
                Err(fault) => return Err(fault),
            }
        }
        Err(IndexFault::Damaged("the index names blocks that are not there"))
    }

    /// Everything that is in the index, for checks: (key, id), without what was removed.
    pub(crate) fn everything(&self, transaction: &redb::ReadTransaction) -> Result<BTreeSet<(u64, u64)>, IndexFault> {
        let blocks = transaction.open_table(BLOCKS)?;
        let state = self.state();
        let mut known: BTreeSet<(u64, u64)> = BTreeSet::new();
        let mut apply = |entry: Entry| match entry.is_add() {
            true => known.insert((entry.key, entry.id())),
            false => known.remove(&(entry.key, entry.id())),
        };
        for run in state.shape.runs.iter().rev() {
            for entry in merge::all(run, &blocks)? {
                apply(entry);
            }
        }
        for entry in state.level_0.values().flatten() {
            apply(*entry);
        }
        Ok(known)
    }

    /// How large it is.
    pub fn figures(&self) -> IndexFigures {
        let state = self.state();
        IndexFigures {
            level_0_entries: state.level_0_entries,
            runs: state.shape.runs.iter().map(|run| (run.level, run.segments.iter().map(|part| part.entries).sum())).collect(),
            merges: state.shape.merges.len(),
            garbage: state.shape.garbage.len(),
        }
    }
}

/// The tables that [`Index::find`] reads, of a read transaction.
pub type ReadTables = redb::ReadOnlyTable<u64, &'static [u8]>;

/// Opens them.
pub fn read_tables(transaction: &redb::ReadTransaction) -> Result<(ReadTables, ReadTables), IndexFault> {
    Ok((transaction.open_table(BLOCKS)?, transaction.open_table(GUIDES)?))
}

type WriteTable<'a> = redb::Table<'a, u64, &'static [u8]>;

/// The same tables of a transaction that writes.
pub fn write_tables(transaction: &WriteTransaction) -> Result<(WriteTable<'_>, WriteTable<'_>), IndexFault> {
    Ok((transaction.open_table(BLOCKS)?, transaction.open_table(GUIDES)?))
}

/// Newest run first; `order` is sorted, so that each run is walked once and each filter is asked in one go.
fn find_in_runs<T: ReadableTable<u64, &'static [u8]>>(
    shape: &Shape,
    order: &segment::Asked,
    found: &mut [Found],
    blocks: &T,
    guides: &T,
) -> Result<(), IndexFault> {
    for run in &shape.runs {
        let mut asked = order;
        let mut from = 0;
        while let (Some((key, _)), Some(rest)) = (asked.first(), run.segments.get(from..).filter(|rest| !rest.is_empty())) {
            // Entries of a key may begin at the end of the segment before the first one that opens with it.
            let at = from + rest.partition_point(|segment| segment.first_key < *key).saturating_sub(1);
            let next = run.segments.get(at + 1).map_or(u64::MAX, |next| next.first_key);
            let mine = asked.partition_point(|(key, _)| *key <= next);
            run.segments[at].find(&asked[..mine], blocks, guides, found)?;
            // A key that the next segment opens with is asked there as well.
            asked = &asked[asked.partition_point(|(key, _)| *key < next)..];
            from = at + 1;
        }
    }
    Ok(())
}

/// Entries that were added under a key and are hidden by their removal, beyond which nobody looks further, for each id that is asked
/// for: a million records may have gone that had one town.
const REMOVED_PER_ID: usize = 4;

/// What was found under one key so far, newest first.
#[derive(Debug)]
pub(crate) struct Found {
    entries: Vec<Entry>,
    added: usize,
    at_most: usize,
}

impl Found {
    fn new(at_most: usize) -> Self {
        Self { entries: Vec::new(), added: 0, at_most }
    }

    /// Whether nothing more is asked for.
    pub(crate) fn is_enough(&self) -> bool {
        self.added >= self.at_most || self.entries.len() >= self.at_most.saturating_mul(REMOVED_PER_ID)
    }

    /// One more, that is older than those before; says whether that is enough. What is there already stays.
    pub(crate) fn add(&mut self, entry: Entry) -> ControlFlow<()> {
        if !self.entries.iter().any(|newer| newer.id() == entry.id()) {
            self.added += usize::from(entry.is_add());
            self.entries.push(entry);
        }
        if self.is_enough() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    fn ids(self) -> Vec<u64> {
        let mut ids: Vec<u64> = self.entries.into_iter().filter(|entry| entry.is_add()).map(Entry::id).collect();
        ids.sort_unstable();
        ids
    }
}
