//! Care of the derived index: small steps in the background, a check, and making it anew from the tables.

use std::collections::BTreeSet;

use nave_core::matching::remote_hash;
use nave_core::model::{Contribution, ContributionId, Record, RecordId};
use nave_core::part::children;
use redb::Durability;

use super::Redb;
use crate::index::entry;
use crate::{IndexEntry, IndexSpace, Store, StoreError};

/// Steps of the index between two that wait for the disk: what a crash takes back is only work of the merge.
const LOOSE_COMMITS_MAX: u32 = 32;
/// Rows read at a time when the index is checked or rebuilt.
const ROWS_AT_ONCE: usize = 5_000;
/// Differences that a check names.
const DIFFERENCES_MAX: usize = 100;

/// What a check of the index found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IndexCheck {
    /// Entries that are right.
    pub agreed: u64,
    /// Entries that the tables ask for and the index does not have (the first hundred).
    pub missing: Vec<IndexEntry>,
    /// Entries that no row asks for.
    pub surplus: u64,
}

/// The index entries that a record asks for (match keys, waiting references, referrers); a function of the caller's
/// catalog, which the store does not know. Remote keys the store knows itself.
pub type EntriesOf<'a> = dyn Fn(&Record) -> Vec<IndexEntry> + 'a;

impl Redb {
    pub(super) fn tend_index(&self) -> Result<bool, StoreError> {
        self.refuse_closed()?;
        let mut writer = self.writer();
        if !self.index.waits() {
            return Ok(false);
        }
        let step = || -> Result<bool, StoreError> {
            let mut transaction = self.begin_write()?;
            if writer.loose < LOOSE_COMMITS_MAX {
                transaction.set_quick_repair(false);
                transaction.set_durability(Durability::None).map_err(|error| StoreError::Engine(error.to_string()))?;
            }
            let mut edit = self.index.edit();
            let more = self.index.tend(&mut edit, &transaction)?;
            self.index.save(&edit, &transaction)?;
            transaction.commit()?;
            self.index.install(edit);
            Ok(more)
        };
        let result = step();
        writer.loose = if writer.loose < LOOSE_COMMITS_MAX { writer.loose + 1 } else { 0 };
        if let Err(error) = &result {
            self.close(error);
        }
        result
    }

    /// Every entry that the tables ask for, in pieces.
    fn entries_asked_for(
        &self,
        of_record: &EntriesOf<'_>,
        mut take: impl FnMut(Vec<IndexEntry>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut after = ContributionId(0);
        loop {
            let rows = self.contributions_after(after, ROWS_AT_ONCE)?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            let entries = |row: &Contribution| -> Vec<IndexEntry> {
                let keys = std::iter::once(row.key.clone()).chain(children(row));
                keys.map(|key| IndexEntry { space: IndexSpace::Remote, hash: remote_hash(&key), id: row.id.0 }).collect()
            };
            take(rows.iter().flat_map(entries).collect())?;
        }
        let mut after = RecordId(0);
        loop {
            let rows = self.records_after(after, ROWS_AT_ONCE)?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.id;
            take(rows.iter().flat_map(of_record).collect())?;
        }
    }

    /// Compares the index with the tables.
    pub fn check_index(&self, of_record: &EntriesOf<'_>) -> Result<IndexCheck, StoreError> {
        // No commit in between: both sides show one state.
        let _writer = self.writer();
        let transaction = self.begin_read()?;
        let mut known: BTreeSet<(u64, u64)> = self.index.everything(&transaction)?;
        let mut check = IndexCheck::default();
        self.entries_asked_for(of_record, |entries| {
            // Two match rules may ask for the same entry.
            for asked in entries.into_iter().collect::<BTreeSet<_>>() {
                if known.remove(&(entry::key(asked.space, asked.hash), asked.id)) {
                    check.agreed += 1;
                } else if check.missing.len() < DIFFERENCES_MAX {
                    check.missing.push(asked);
                }
            }
            Ok(())
        })?;
        check.surplus = known.len() as u64;
        Ok(check)
    }

    /// Throws the index away and makes it anew from the tables. Commits wait meanwhile; a crash in between leaves the
    /// old one, because it is one transaction.
    pub fn rebuild_index(&self, of_record: &EntriesOf<'_>) -> Result<(), StoreError> {
        let _writer = self.writer();
        let build = || -> Result<(), StoreError> {
            let mut all = Vec::new();
            self.entries_asked_for(of_record, |entries| {
                all.extend(entries);
                Ok(())
            })?;
            let transaction = self.begin_write()?;
            let mut edit = self.index.edit();
            self.index.clear(&mut edit, &transaction)?;
            self.index.append_all(&mut edit, &transaction, &all)?;
            self.index.save(&edit, &transaction)?;
            transaction.commit()?;
            self.index.install(edit);
            Ok(())
        };
        let result = build();
        if let Err(error) = &result {
            self.close(error);
        }
        result
    }
}
