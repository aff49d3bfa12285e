//! The second implementation of [`Store`]: maps behind a mutex, with conflicts, fencing and failures on demand.
//!
//! Promises the same answers as [`crate::Redb`] (the conformance suite runs against both). It survives nothing:
//! tests of crashes use the other one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nave_core::matching::remote_hash;
use nave_core::model::{
    AuditEntry, Change, Checkpoint, Contribution, ContributionId, DeadLetter, Decision, Dirty, FlowState, Intent, Parked,
    Reasons, Record, RecordId, RecordState, RemoteKey, Review, ReviewId, Run, Sequence, TokenRow,
};
use nave_core::value::Value;

use crate::format::put_json;
use crate::interface::{CommitError, Heads, Store, StoreError, audit_digest};
use crate::rules;
use crate::{AUDIT_DIGEST_BYTES, AuditHead, AuditRow, Batch, EntriesOf, IndexSpace, InputRow, ObjectCount, subject_key};

/// Keeps everything in memory.
#[derive(Debug, Default)]
pub struct Memory {
    tables: Mutex<Tables>,
}

type Pair = (String, u64);

#[derive(Debug)]
struct Tables {
    heads: Heads,
    stamp: u64,
    records: BTreeMap<u64, Record>,
    contributions: BTreeMap<u64, Contribution>,
    changes: Vec<Change>,
    inputs: Vec<InputRow>,
    index: HashMap<(IndexSpace, u64), BTreeSet<u64>>,
    dirty: BTreeMap<Pair, (Reasons, u64)>,
    journal: BTreeMap<Pair, Intent>,
    parked: BTreeMap<Pair, Parked>,
    dead_letters: BTreeMap<u64, DeadLetter>,
    reviews: BTreeMap<u64, Review>,
    decisions: Vec<Decision>,
    checkpoints: BTreeMap<(String, String), Checkpoint>,
    runs: BTreeMap<u64, Run>,
    flows: BTreeMap<String, FlowState>,
    audit: Vec<AuditEntry>,
    rows: BTreeMap<(String, String), Vec<u8>>,
    tokens: BTreeMap<String, TokenRow>,
    leases: BTreeMap<String, u64>,
    erased: BTreeSet<u64>,
    conflicts: u32,
    fence: bool,
    fail: bool,
    closed: Option<String>,
}

impl Default for Tables {
    fn default() -> Self {
        Self {
            heads: rules::FIRST_HEADS,
            stamp: 0,
            records: BTreeMap::new(),
            contributions: BTreeMap::new(),
            changes: Vec::new(),
            inputs: Vec::new(),
            index: HashMap::new(),
            dirty: BTreeMap::new(),
            journal: BTreeMap::new(),
            parked: BTreeMap::new(),
            dead_letters: BTreeMap::new(),
            reviews: BTreeMap::new(),
            decisions: Vec::new(),
            checkpoints: BTreeMap::new(),
            runs: BTreeMap::new(),
            flows: BTreeMap::new(),
            audit: Vec::new(),
            rows: BTreeMap::new(),
            tokens: BTreeMap::new(),
            leases: BTreeMap::new(),
            erased: BTreeSet::new(),
            conflicts: 0,
            fence: false,
            fail: false,
            closed: None,
        }
    }
}

impl Memory {
    /// An empty one.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next `n` commits answer with a conflict that names no id, whatever they hold.
    pub fn inject_conflict_next(&self, n: u32) {
        self.lock().conflicts = n;
    }

    /// The next commit is refused as fenced.
    pub fn fence_next(&self) {
        self.lock().fence = true;
    }

    /// The next commit fails as a broken disk would: nothing is written and the store is closed until [`Memory::reopen`].
    pub fn fail_next(&self) {
        self.lock().fail = true;
    }

    /// What opening the file again is for the other one. A failure that was asked for and has not come does not come any more.
    pub fn reopen(&self) {
        let mut tables = self.lock();
        (tables.closed, tables.fail) = (None, false);
    }

    /// Inputs after a number, ascending.
    pub fn inputs(&self, after: u64, at_most: usize) -> Vec<(u64, InputRow)> {
        let tables = self.lock();
        (1..).zip(tables.inputs.iter().cloned()).filter(|(number, _)| *number > after).take(at_most).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Tables> {
        // A panic while it was held came from a check before anything was applied, or from a test.
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self) -> Result<MutexGuard<'_, Tables>, StoreError> {
        let tables = self.lock();
        match &tables.closed {
            Some(why) => Err(StoreError::Closed(why.clone())),
            None => Ok(tables),
        }
    }
}

impl Tables {
    fn check(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if let Some((lease, epoch)) = &batch.fence
            && self.leases.get(lease).is_some_and(|held| held > epoch)
        {
            return Err(CommitError::Fenced(lease.clone()));
        }
        let version = |id: RecordId| self.records.get(&id.0).map(|record| record.version);
        let mut conflicts = rules::record_conflicts(batch, self.heads.record, |id| Ok(version(id)))?;
        for key in &batch.expected.vacant {
            conflicts.extend(self.index.get(key).into_iter().flatten().copied());
        }
        let generation = |connection: &str, stream: &str| {
            Ok(self.checkpoints.get(&(connection.to_owned(), stream.to_owned())).map_or(0, |checkpoint| checkpoint.generation))
        };
        let moved_meanwhile = rules::checkpoint_conflict(batch, generation)?;
        if !conflicts.is_empty() || moved_meanwhile {
            conflicts.sort_unstable();
            conflicts.dedup();
            return Err(CommitError::Conflict(conflicts));
        }
        let journalled = |destination: &str, record: RecordId| Ok(self.journal.get(&(destination.to_owned(), record.0)).cloned());
        rules::assert_journal(batch, journalled)?;
        rules::assert_changes(batch, |id| Ok(self.records.contains_key(&id.0)))?;
        Ok(())
    }

    fn apply(&mut self, batch: Batch) {
        rules::advance(&mut self.heads, &batch);
        if let Some((lease, epoch)) = batch.fence {
            self.leases.insert(lease, epoch);
        }
        for record in batch.records {
            self.records.insert(record.id.0, record);
        }
        for contribution in batch.contributions {
            self.contributions.insert(contribution.id.0, contribution);
        }
        for entry in batch.index_remove {
            let key = (entry.space, entry.hash);
            if let Some(ids) = self.index.get_mut(&key) {
                ids.remove(&entry.id);
                if ids.is_empty() {
                    self.index.remove(&key);
                }
            }
        }
        for entry in batch.index_add {
            self.index.entry((entry.space, entry.hash)).or_default().insert(entry.id);
        }
        for mut change in batch.changes {
            // I2: sequences without gaps.
            change.sequence = Sequence(self.changes.len() as u64 + 1);
            if change.at.0 == 0 {
                change.at = batch.at;
            }
            self.changes.push(change);
        }
        self.heads.sequence = self.changes.len() as u64 + 1;
        self.erased.extend(batch.erased.iter().map(|id| id.0));
        // I4: an entry made since the comparison has another stamp and stays.
        for done in batch.clean {
            let key = (done.destination, done.record.0);
            if self.dirty.get(&key).is_some_and(|(_, stamp)| *stamp == done.stamp) {
                self.dirty.remove(&key);
            }
        }
        for (destination, record, reasons) in batch.dirty {
            self.stamp += 1;
            let entry = self.dirty.entry((destination, record.0)).or_default();
            *entry = (entry.0.union(reasons), self.stamp);
        }
        for (destination, record) in batch.settled {
            self.journal.remove(&(destination, record.0));
        }
        for intent in batch.intents {
            self.journal.insert((intent.destination.clone(), intent.record.0), intent);
        }
        for (destination, record) in batch.unparked {
            self.parked.remove(&(destination, record.0));
        }
        for parked in batch.parked {
            self.parked.insert((parked.destination.clone(), parked.record.0), parked);
        }
        self.dead_letters
            .retain(|id, letter| !batch.revived.contains(id) && !batch.revived_subjects.contains(&subject_key(&letter.subject)));
        for letter in batch.dead_letters {
            let subject = subject_key(&letter.subject);
            let known = self.dead_letters.values().find(|known| subject_key(&known.subject) == subject).cloned();
            let letter = rules::dead_letter(letter, known, &mut self.heads.dead_letter);
            self.dead_letters.insert(letter.id, letter);
        }
        for review in batch.reviews {
            self.reviews.insert(review.id.0, review);
        }
        self.decisions.extend(batch.decisions);
        for key in batch.forget_checkpoints {
            self.checkpoints.remove(&key);
        }
        if let Some(moved) = batch.checkpoint {
            self.checkpoints.insert((moved.connection, moved.stream), moved.to);
        }
        for run in batch.runs {
            self.runs.insert(run.id, run);
        }
        self.flows.extend(batch.flows);
        self.audit.extend(batch.audit);
        self.inputs.extend(batch.inputs);
        for row in batch.rows {
            match row.value {
                Some(value) => self.rows.insert((row.space, row.key), value),
                None => self.rows.remove(&(row.space, row.key)),
            };
        }
        for row in batch.sealed.into_iter().filter(|row| !self.erased.contains(&row.record.0)) {
            let value = [row.record.0.to_le_bytes().as_slice(), &row.value].concat();
            self.rows.insert((row.space, row.key), value);
        }
        for name in batch.revoked {
            self.tokens.remove(&name);
        }
        for token in batch.tokens {
            self.tokens.insert(token.name.clone(), token);
        }
    }

    fn readable(&self, change: &Change) -> Change {
        let mut change = change.clone();
        if self.erased.contains(&change.record.0) {
            for field in &mut change.fields {
                field.before = field.before.as_ref().map(|_| Value::Null);
                field.after = field.after.as_ref().map(|_| Value::Null);
            }
        }
        change
    }
}

/// Entries of one destination.
fn of<'a, T>(map: &'a BTreeMap<Pair, T>, destination: &str, after: u64) -> impl Iterator<Item = (u64, &'a T)> + use<'a, T> {
    let name = destination.to_owned();
    map.range((name.clone(), after)..)
        .take_while(move |((found, _), _)| *found == name)
        .map(|((_, record), value)| (*record, value))
}

impl Store for Memory {
    fn heads(&self) -> Result<Heads, StoreError> {
        Ok(self.read()?.heads)
    }

    fn resolve(&self, keys: &[RemoteKey]) -> Result<Vec<Option<ContributionId>>, StoreError> {
        let tables = self.read()?;
        let one = |key: &RemoteKey| {
            let ids = tables.index.get(&(IndexSpace::Remote, remote_hash(key)))?;
            ids.iter().find(|id| tables.contributions.get(id).is_some_and(|row| row.key == *key)).map(|id| ContributionId(*id))
        };
        Ok(keys.iter().map(one).collect())
    }

    fn candidates(&self, space: IndexSpace, hashes: &[u64]) -> Result<Vec<Vec<u64>>, StoreError> {
        let tables = self.read()?;
        Ok(hashes.iter().map(|hash| tables.index.get(&(space, *hash)).into_iter().flatten().copied().collect()).collect())
    }

    fn records(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        let tables = self.read()?;
        Ok(ids.iter().map(|id| tables.records.get(&id.0).cloned()).collect())
    }

    fn contributions(&self, ids: &[ContributionId]) -> Result<Vec<Option<Contribution>>, StoreError> {
        let tables = self.read()?;
        Ok(ids.iter().map(|id| tables.contributions.get(&id.0).cloned()).collect())
    }

    fn records_after(&self, after: RecordId, at_most: usize) -> Result<Vec<Record>, StoreError> {
        Ok(self.read()?.records.range(after.0.saturating_add(1)..).take(at_most).map(|(_, row)| row.clone()).collect())
    }

    fn contributions_after(&self, after: ContributionId, at_most: usize) -> Result<Vec<Contribution>, StoreError> {
        Ok(self.read()?.contributions.range(after.0.saturating_add(1)..).take(at_most).map(|(_, row)| row.clone()).collect())
    }

    fn commit(&self, batch: Batch) -> Result<Heads, CommitError> {
        let mut tables = self.read()?;
        if tables.fail {
            tables.fail = false;
            let why = "failure asked for by a test".to_owned();
            tables.closed = Some(why.clone());
            return Err(CommitError::Store(StoreError::Closed(why)));
        }
        if tables.fence {
            tables.fence = false;
            return Err(CommitError::Fenced(batch.fence.map_or_else(|| "test".to_owned(), |(lease, _)| lease)));
        }
        if tables.conflicts > 0 {
            tables.conflicts -= 1;
            return Err(CommitError::Conflict(Vec::new()));
        }
        tables.check(&batch)?;
        tables.apply(batch);
        Ok(tables.heads)
    }

    fn dirty(&self, destination: &str, after: RecordId, at_most: usize) -> Result<Vec<Dirty>, StoreError> {
        let tables = self.read()?;
        let entry = |(record, (reasons, stamp)): (u64, &(Reasons, u64))| Dirty {
            destination: destination.to_owned(),
            record: RecordId(record),
            reasons: *reasons,
            stamp: *stamp,
        };
        Ok(of(&tables.dirty, destination, after.0.saturating_add(1)).take(at_most).map(entry).collect())
    }

    fn dirty_count(&self, destination: &str) -> Result<u64, StoreError> {
        Ok(of(&self.read()?.dirty, destination, 0).count() as u64)
    }

    fn intents_of(&self, destination: &str, records: &[RecordId]) -> Result<Vec<Option<Intent>>, StoreError> {
        let tables = self.read()?;
        Ok(records.iter().map(|record| tables.journal.get(&(destination.to_owned(), record.0)).cloned()).collect())
    }

    fn intents(&self, destination: &str) -> Result<Vec<Intent>, StoreError> {
        Ok(of(&self.read()?.journal, destination, 0).map(|(_, row)| row.clone()).collect())
    }

    fn parked(&self, destination: &str) -> Result<Vec<Parked>, StoreError> {
        Ok(of(&self.read()?.parked, destination, 0).map(|(_, row)| row.clone()).collect())
    }

    fn dead_letters(&self, after: u64, at_most: usize) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.read()?.dead_letters.range(after.saturating_add(1)..).take(at_most).map(|(_, row)| row.clone()).collect())
    }

    fn dead_letter_of(&self, subject: &str) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.read()?.dead_letters.values().find(|letter| subject_key(&letter.subject) == subject).cloned())
    }

    fn reviews(&self, open_only: bool, after: ReviewId, at_most: usize) -> Result<Vec<Review>, StoreError> {
        let tables = self.read()?;
        let rows = tables.reviews.range(after.0.saturating_add(1)..).map(|(_, row)| row);
        Ok(rows.filter(|row| !open_only || row.closed_at.is_none()).take(at_most).cloned().collect())
    }

    fn review(&self, id: ReviewId) -> Result<Option<Review>, StoreError> {
        Ok(self.read()?.reviews.get(&id.0).cloned())
    }

    fn decisions(&self, review: ReviewId) -> Result<Vec<Decision>, StoreError> {
        Ok(self.read()?.decisions.iter().filter(|row| row.review == review).cloned().collect())
    }

    fn changes(&self, after: Sequence, at_most: usize) -> Result<Vec<Change>, StoreError> {
        let tables = self.read()?;
        let from = usize::try_from(after.0).unwrap_or(usize::MAX);
        Ok(tables.changes.iter().skip(from).take(at_most).map(|change| tables.readable(change)).collect())
    }

    fn record_changes(&self, record: RecordId, at_most: usize) -> Result<Vec<Change>, StoreError> {
        let tables = self.read()?;
        let found = tables.changes.iter().rev().filter(|change| change.record == record);
        Ok(found.take(at_most).map(|change| tables.readable(change)).collect())
    }

    fn checkpoint(&self, connection: &str, stream: &str) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.read()?.checkpoints.get(&(connection.to_owned(), stream.to_owned())).cloned())
    }

    fn runs(&self, flow: Option<&str>, at_most: usize) -> Result<Vec<Run>, StoreError> {
        let tables = self.read()?;
        let rows = tables.runs.values().rev().filter(|run| flow.is_none_or(|flow| run.flow == flow));
        Ok(rows.take(at_most).cloned().collect())
    }

    fn flow(&self, mapping: &str) -> Result<FlowState, StoreError> {
        Ok(self.read()?.flows.get(mapping).cloned().unwrap_or_default())
    }

    fn audit(&self, at_most: usize) -> Result<Vec<AuditEntry>, StoreError> {
        Ok(self.read()?.audit.iter().rev().take(at_most).cloned().collect())
    }

    fn audit_head(&self) -> Result<AuditHead, StoreError> {
        let last = self.audit_rows(0, usize::MAX)?.pop().unwrap_or_default();
        Ok(AuditHead { lines: last.number, digest: last.digest })
    }

    fn audit_rows(&self, after: u64, at_most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let tables = self.read()?;
        let mut before = [0; AUDIT_DIGEST_BYTES];
        let rows = (1_u64..).zip(&tables.audit).map(|(number, entry)| {
            let text = put_json(entry);
            before = audit_digest(&before, &text);
            AuditRow { number, digest: before, text }
        });
        Ok(rows.filter(|row| row.number > after).take(at_most).collect())
    }

    fn row(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read()?.rows.get(&(space.to_owned(), key.to_owned())).cloned())
    }

    fn rows(&self, space: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let tables = self.read()?;
        let rows = tables.rows.range((space.to_owned(), String::new())..).take_while(|((found, _), _)| found == space);
        Ok(rows.map(|((_, key), value)| (key.clone(), value.clone())).collect())
    }

    fn sealed_rows(&self, space: &str) -> Result<Vec<crate::OpenedRow>, StoreError> {
        let erased = self.read()?.erased.clone();
        let opened = |row: Vec<u8>| {
            let (record, value) = row.split_first_chunk::<8>()?;
            (!erased.contains(&u64::from_le_bytes(*record))).then(|| value.to_vec())
        };
        Ok(self.rows(space)?.into_iter().map(|(key, row)| (key, opened(row))).collect())
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        Ok(self.read()?.tokens.values().cloned().collect())
    }

    fn counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        let tables = self.read()?;
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for record in tables.records.values() {
            *counts.entry(rules::count_name(&record.entity, record.state == RecordState::Active)).or_default() += 1;
        }
        Ok(counts.into_iter().collect())
    }

    fn objects(&self) -> Result<Vec<ObjectCount>, StoreError> {
        let tables = self.read()?;
        let mut counts: BTreeMap<(&str, &str), (u64, u64)> = BTreeMap::new();
        for row in tables.contributions.values().filter(|row| row.is_active()) {
            let (active, linked) = counts.entry((&row.key.connection, &row.key.stream)).or_default();
            *active += 1;
            *linked += u64::from(row.record.is_some());
        }
        let of = |((connection, stream), (active, linked)): ((&str, &str), _)| ObjectCount {
            connection: connection.into(),
            stream: stream.into(),
            active,
            linked,
        };
        Ok(counts.into_iter().map(of).collect())
    }

    fn backup(&self, _to: &std::path::Path, _key: &crate::BackupKey) -> Result<(), StoreError> {
        Err(StoreError::Engine("a store in memory has no file to copy".to_owned()))
    }

    fn rebuild_index(&self, of_record: &EntriesOf<'_>) -> Result<(), StoreError> {
        let mut tables = self.read()?;
        // Remote objects are found under what their contributions say.
        tables.index.retain(|(space, _), _| *space == IndexSpace::Remote);
        let asked: Vec<_> = tables.records.values().flat_map(of_record).collect();
        for entry in asked {
            tables.index.entry((entry.space, entry.hash)).or_default().insert(entry.id);
        }
        Ok(())
    }

    fn tend(&self) -> Result<bool, StoreError> {
        self.read().map(|_| false)
    }
}
