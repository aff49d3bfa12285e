//! All effects of one batch in one transaction.
//!
//! First everything is checked, then everything is written: a conflict leaves no trace, not even a sealed text under
//! a sequence that is given again.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::PoisonError;

use nave_core::model::{Dirty, Intent, Parked, Reasons, RecordId, RecordState, Run, Sequence};
use redb::{Durability, ReadableTable, Table, WriteTransaction};

use super::objects::Objects;
use super::tables::{
    AUDIT, CHANGELOG, CHECKPOINTS, CONTRIBUTIONS, DEAD_LETTERS, DEAD_SUBJECTS, DECISIONS, DIRTY, FLOW_RUNS, FLOWS, INPUTS,
    JOURNAL, KEYS, LEASES, NAMES, Named, Numbered, OPEN_REVIEWS, PARKED, RECORDS, REVIEWS, ROWS, RUNS, TOKENS, names_key, pair,
    second,
};
use super::{Redb, Writer};
use crate::format::names::Interning;
use crate::format::{
    Place, RecordHead, put_bytes, put_change, put_contribution, put_intent, put_json, put_record, put_u64, read_intent,
    read_json, record_head, with_last_change,
};
use crate::index::{Edit, write_tables};
use crate::interface::audit_digest;
use crate::rules;
use crate::seal::{RANDOM_BYTES, Sealer, WRAPPED_BYTES, random};
use crate::{Batch, CommitError, Heads, IndexSpace, InputRow, NOBODY, SealedRow, StoreError, subject_key};

/// Version of an input's row.
pub(super) const INPUT_VERSION: u8 = 1;
/// Version of a sealed row: this byte, the record's number (8 bytes, little end first), nonce, text and tag.
pub(super) const SEALED_VERSION: u8 = 1;

/// Stored heads of the records that a batch is about.
type Known = HashMap<u64, RecordHead, foldhash::fast::FixedState>;

impl Redb {
    pub(super) fn commit_batch(&self, batch: Batch) -> Result<Heads, CommitError> {
        let mut writer = self.writer();
        self.refuse_closed()?;
        let result = self.write_batch(&writer, batch);
        match result {
            Ok(next) => {
                *writer = next;
                Ok(writer.heads)
            }
            Err(CommitError::Store(error)) => {
                self.close(&error);
                Err(CommitError::Store(error))
            }
            Err(other) => Err(other),
        }
    }

    fn write_batch(&self, writer: &Writer, batch: Batch) -> Result<Writer, CommitError> {
        let mut transaction = self.begin_write()?;
        if batch.deferrable {
            transaction.set_durability(Durability::None).map_err(|error| StoreError::Engine(error.to_string()))?;
        }
        let known = self.check(&transaction, writer, &batch)?;
        let mut next = writer.clone();
        let mut edit = self.index.edit();
        let fresh_names = {
            let names = self.names();
            let mut writing = Writing { store: self, transaction: &transaction, names: Interning::new(&names), next: &mut next };
            writing.apply(batch, &known, &mut edit)?;
            writing.names.into_fresh()
        };
        if !fresh_names.is_empty() {
            // Known before the rows are: a name that no row holds does no harm.
            let mut names = self.names.write().unwrap_or_else(PoisonError::into_inner);
            let mut table = transaction.open_table(NAMES)?;
            for name in fresh_names {
                let bytes = name.clone();
                table.insert(u64::from(names.push(name)), bytes.as_bytes())?;
            }
        }
        self.index.save(&edit, &transaction)?;
        next.save(&transaction)?;
        transaction.commit()?;
        self.index.install(edit);
        Ok(next)
    }

    fn check(&self, transaction: &WriteTransaction, writer: &Writer, batch: &Batch) -> Result<Known, CommitError> {
        if let Some((lease, epoch)) = &batch.fence {
            let leases = transaction.open_table(LEASES)?;
            if leases.get(lease.as_bytes())?.is_some_and(|held| held.value() > *epoch) {
                return Err(CommitError::Fenced(lease.clone()));
            }
        }
        let names = self.names();
        let mut known = Known::default();
        let mut conflicts = {
            let records = transaction.open_table(RECORDS)?;
            let mut head = |id: RecordId| -> Result<Option<u64>, StoreError> {
                if id.0 >= writer.heads.record {
                    return Ok(None);
                }
                if let Some(head) = known.get(&id.0) {
                    return Ok(Some(head.version));
                }
                let Some(row) = records.get(id.0)? else { return Ok(None) };
                let head = record_head(row.value(), &names)?;
                let version = head.version;
                known.insert(id.0, head);
                Ok(Some(version))
            };
            let conflicts = rules::record_conflicts(batch, writer.heads.record, &mut head)?;
            rules::assert_changes(batch, |id| Ok(head(id)?.is_some()))?;
            for change in &batch.changes {
                head(change.record)?;
            }
            conflicts
        };
        for space in [IndexSpace::Remote, IndexSpace::Match, IndexSpace::Waiting, IndexSpace::Referrer] {
            let hashes: Vec<u64> = batch.expected.vacant.iter().filter(|(of, _)| *of == space).map(|(_, hash)| *hash).collect();
            if !hashes.is_empty() {
                conflicts
                    .extend(self.index.find(space, &hashes, usize::MAX, || write_tables(transaction))?.into_iter().flatten());
            }
        }
        let checkpoints = transaction.open_table(CHECKPOINTS)?;
        let moved_meanwhile = rules::checkpoint_conflict(batch, |connection, stream| {
            let row = checkpoints.get(names_key(connection, stream).as_slice())?;
            let stored = row.map(|row| read_json::<nave_core::model::Checkpoint>(row.value())).transpose()?;
            Ok(stored.map_or(0, |checkpoint| checkpoint.generation))
        })?;
        if !conflicts.is_empty() || moved_meanwhile {
            conflicts.sort_unstable();
            conflicts.dedup();
            return Err(CommitError::Conflict(conflicts));
        }
        if !batch.intents.is_empty() {
            let journal = transaction.open_table(JOURNAL)?;
            rules::assert_journal(batch, |destination, record| {
                let Some(number) = names.number(destination) else { return Ok(None) };
                let row = journal.get(pair(number.into(), record.0))?;
                Ok(row.map(|row| read_intent(destination, record, row.value(), &names)).transpose()?)
            })?;
        }
        Ok(known)
    }
}

/// Adds to a count, or takes away.
pub(super) fn count(counts: &mut BTreeMap<String, u64>, name: &str, by: i64) {
    match counts.get_mut(name) {
        Some(count) => *count = count.saturating_add_signed(by),
        None => {
            counts.insert(name.to_owned(), 0_u64.saturating_add_signed(by));
        }
    }
}

/// Positions in ascending order of id; of rows with one id the last stays.
fn in_order(ids: impl Iterator<Item = u64>) -> Vec<(u64, usize)> {
    let mut order: Vec<(u64, usize)> = ids.zip(0..).collect();
    if !order.is_sorted_by(|left, right| left.0 < right.0) {
        order.sort_unstable_by_key(|(id, at)| (*id, std::cmp::Reverse(*at)));
        order.dedup_by_key(|(id, _)| *id);
    }
    order
}

/// Writes rows in ascending order: those at or past the head are appended, without looking for their place. `replaced` is
/// shown what each of the others was.
fn put_rows(
    table: &mut Table<'_, u64, &'static [u8]>,
    head: u64,
    order: &[(u64, usize)],
    mut put: impl FnMut(usize, &mut Vec<u8>) -> Result<(), StoreError>,
    mut replaced: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut row = Vec::new();
    let known = order.partition_point(|(id, _)| *id < head);
    for (id, at) in &order[..known] {
        row.clear();
        put(*at, &mut row)?;
        let before = table.insert(*id, row.as_slice())?;
        if let Some(before) = before {
            replaced(before.value())?;
        }
    }
    if known == order.len() {
        return Ok(());
    }
    let mut end = table.upper_bound_mut(Bound::<u64>::Unbounded)?;
    for (id, at) in &order[known..] {
        row.clear();
        put(*at, &mut row)?;
        end.insert_before(*id, row.as_slice())?;
    }
    end.close()?;
    Ok(())
}

/// A batch on its way into a transaction.
struct Writing<'a> {
    store: &'a Redb,
    transaction: &'a WriteTransaction,
    names: Interning<'a>,
    next: &'a mut Writer,
}

impl Writing<'_> {
    fn apply(&mut self, batch: Batch, known: &Known, edit: &mut Edit) -> Result<(), StoreError> {
        let before = self.next.heads;
        rules::advance(&mut self.next.heads, &batch);
        if let Some((lease, epoch)) = &batch.fence {
            self.transaction.open_table(LEASES)?.insert(lease.as_bytes(), *epoch)?;
        }
        let last_change = self.changes(&batch, known)?;
        self.records(&batch, before.record, known, &last_change)?;
        self.contributions(&batch, before.contribution)?;
        self.store.index.append(edit, self.transaction, &batch.index_remove, &batch.index_add)?;
        self.dirty(&batch.clean, &batch.dirty)?;
        self.journal(&batch.settled, &batch.intents)?;
        self.parked(&batch.unparked, &batch.parked)?;
        self.operations(batch)
    }

    /// Changes, chained per record, their values sealed. Gives each changed record's last sequence.
    fn changes(&mut self, batch: &Batch, known: &Known) -> Result<HashMap<u64, u64, foldhash::fast::FixedState>, StoreError> {
        let mut last: HashMap<u64, u64, foldhash::fast::FixedState> = HashMap::default();
        if batch.changes.is_empty() && batch.erased.is_empty() {
            return Ok(last);
        }
        let keys = &self.store.keys;
        let mut key_rows = self.transaction.open_table(KEYS)?;
        let mut fresh: HashMap<u64, [u8; WRAPPED_BYTES], foldhash::fast::FixedState> = HashMap::default();
        // One call to the operating system for all keys that may be needed.
        let mut entropy = vec![0; batch.changes.len() * RANDOM_BYTES];
        random(&mut entropy);
        let (entropies, _) = entropy.as_chunks_mut::<RANDOM_BYTES>();
        {
            let mut changelog = self.transaction.open_table(CHANGELOG)?;
            // I2: sequences without gaps, each written once.
            let mut end = changelog.upper_bound_mut(Bound::<u64>::Unbounded)?;
            let (mut row, mut scratch) = (Vec::new(), Vec::new());
            for (change, entropy) in batch.changes.iter().zip(entropies) {
                let record = change.record.0;
                let sequence = self.next.heads.sequence;
                self.next.heads.sequence += 1;
                let earlier = last.insert(record, sequence);
                let previous = earlier.or_else(|| known.get(&record).map(|head| head.last_change)).unwrap_or(0);
                let sealer: Option<Sealer> = match (fresh.get(&record), previous) {
                    (Some(wrapped), _) => Some(keys.unwrap(record, wrapped)?),
                    (None, 0) => {
                        let (sealer, wrapped) = keys.wrap(record, entropy);
                        fresh.insert(record, wrapped);
                        Some(sealer)
                    }
                    (None, _) => match key_rows.get(record)? {
                        Some(wrapped) if wrapped.value().is_empty() => None,
                        Some(wrapped) => Some(keys.unwrap(record, wrapped.value())?),
                        None => return Err(StoreError::Damaged(format!("record {record} has changes but no key"))),
                    },
                };
                row.clear();
                let sealer = sealer.as_ref().map(|sealer| (sealer, keys.incarnation));
                let at = if change.at.0 == 0 { batch.at } else { change.at };
                let place = Place { sequence: Sequence(sequence), at, previous };
                put_change(&mut row, &mut scratch, change, &place, sealer, &mut self.names);
                end.insert_before(sequence, row.as_slice())?;
            }
            end.close()?;
        }
        let fresh: Vec<(u64, [u8; WRAPPED_BYTES])> = fresh.into_iter().collect();
        let order = in_order(fresh.iter().map(|(record, _)| *record));
        let head = key_rows.last()?.map_or(0, |(record, _)| record.value() + 1);
        put_rows(
            &mut key_rows,
            head,
            &order,
            |at, out| {
                out.extend_from_slice(&fresh[at].1);
                Ok(())
            },
            |_| Ok(()),
        )?;
        for record in &batch.erased {
            key_rows.insert(record.0, [].as_slice())?;
        }
        Ok(last)
    }

    fn records(
        &mut self,
        batch: &Batch,
        head: u64,
        known: &Known,
        last_change: &HashMap<u64, u64, foldhash::fast::FixedState>,
    ) -> Result<(), StoreError> {
        if batch.records.is_empty() && last_change.is_empty() {
            return Ok(());
        }
        let mut table = self.transaction.open_table(RECORDS)?;
        let order = in_order(batch.records.iter().map(|record| record.id.0));
        let mut scratch = Vec::new();
        let mut counted: BTreeMap<(&str, bool), i64> = BTreeMap::new();
        let names = &mut self.names;
        put_rows(
            &mut table,
            head,
            &order,
            |at, out| {
                let record = &batch.records[at];
                let stored = known.get(&record.id.0);
                if let Some(stored) = stored {
                    *counted.entry((&stored.entity, stored.active)).or_default() -= 1;
                }
                *counted.entry((&record.entity, record.state == RecordState::Active)).or_default() += 1;
                let changed = last_change.get(&record.id.0).copied();
                let last = changed.or_else(|| stored.map(|stored| stored.last_change)).unwrap_or(0);
                put_record(out, &mut scratch, record, last, names);
                Ok(())
            },
            |_| Ok(()),
        )?;
        for ((entity, active), by) in counted {
            count(&mut self.next.counts, &format!("record {}", rules::count_name(entity, active)), by);
        }
        // Records that changed without being written: only their chain moves.
        if last_change.keys().any(|id| order.binary_search_by_key(id, |(known, _)| *known).is_err()) {
            let known_names = self.store.names();
            for (id, last) in last_change {
                if order.binary_search_by_key(id, |(known, _)| *known).is_ok() {
                    continue;
                }
                let row = table.get(*id)?.map(|row| with_last_change(row.value(), *last, &known_names)).transpose()?;
                let row = row.ok_or_else(|| StoreError::Damaged(format!("record {id} is gone")))?;
                table.insert(*id, row.as_slice())?;
            }
        }
        Ok(())
    }

    fn contributions(&mut self, batch: &Batch, head: u64) -> Result<(), StoreError> {
        if batch.contributions.is_empty() {
            return Ok(());
        }
        let mut table = self.transaction.open_table(CONTRIBUTIONS)?;
        let order = in_order(batch.contributions.iter().map(|row| row.id.0));
        let mut scratch = Vec::new();
        let mut objects = Objects::default();
        order.iter().for_each(|(_, at)| objects.put(&batch.contributions[*at]));
        let known_names = self.store.names();
        put_rows(
            &mut table,
            head,
            &order,
            |at, out| {
                put_contribution(out, &mut scratch, &batch.contributions[at], &mut self.names);
                Ok(())
            },
            |before| Ok(objects.replaced(before, &known_names)?),
        )?;
        drop(known_names);
        objects.apply(&mut self.next.counts);
        Ok(())
    }

    /// I4: an entry made since the comparison has another stamp and stays.
    fn dirty(&mut self, clean: &[Dirty], entered: &[(String, RecordId, Reasons)]) -> Result<(), StoreError> {
        if clean.is_empty() && entered.is_empty() {
            return Ok(());
        }
        let mut table = self.transaction.open_table(DIRTY)?;
        for done in clean {
            let key = pair(self.names.number(&done.destination).into(), done.record.0);
            let same = table.get(key)?.is_some_and(|row| second(row.value()) == done.stamp);
            if same {
                table.remove(key)?;
                count(&mut self.next.counts, &format!("dirty {}", done.destination), -1);
            }
        }
        let mut rows = Vec::with_capacity(entered.len());
        let mut last: Option<(&str, u64)> = None;
        for (destination, record, reasons) in entered {
            let number = match last {
                Some((name, number)) if name == destination => number,
                _ => self.names.number(destination).into(),
            };
            last = Some((destination, number));
            self.next.stamp += 1;
            rows.push((pair(number, record.0), *reasons, self.next.stamp, destination));
        }
        // In the order of the keys: pages are visited once.
        rows.sort_unstable_by_key(|(key, _, stamp, _)| (*key, *stamp));
        rows.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                *earlier = (earlier.0, earlier.1.union(later.1), later.2, earlier.3);
            }
            same
        });
        let mut fresh: BTreeMap<&str, i64> = BTreeMap::new();
        for rows in rows.chunk_by(|left, right| left.0 >> 64 == right.0 >> 64) {
            let destination = rows[0].3.as_str();
            let fresh = fresh.entry(destination).or_default();
            let number = (rows[0].0 >> 64) as u64;
            let last =
                table.range(pair(number, 0)..=pair(number, u64::MAX))?.next_back().transpose()?.map(|(key, _)| key.value());
            let known = rows.partition_point(|(key, ..)| last.is_some_and(|last| *key <= last));
            let value = |reasons: Reasons, stamp: u64| pair(reasons.0.into(), stamp);
            for (key, reasons, stamp, _) in &rows[..known] {
                let before = table.insert(*key, value(*reasons, *stamp))?.map(|before| before.value());
                let Some(before) = before else {
                    *fresh += 1;
                    continue;
                };
                let both = Reasons((before >> 64) as u8).union(*reasons);
                if both != *reasons {
                    table.insert(*key, value(both, *stamp))?;
                }
            }
            // Behind the destination's last entry: new records are appended without looking for each one's place.
            let mut end = table.upper_bound_mut(Bound::Included(pair(number, u64::MAX)))?;
            for (key, reasons, stamp, _) in &rows[known..] {
                end.insert_before(*key, value(*reasons, *stamp))?;
                *fresh += 1;
            }
            end.close()?;
        }
        for (destination, by) in fresh {
            count(&mut self.next.counts, &format!("dirty {destination}"), by);
        }
        Ok(())
    }

    /// I5: the key is (destination, record), so there is at most one intent for each; checked before as well.
    fn journal(&mut self, settled: &[(String, RecordId)], intents: &[Intent]) -> Result<(), StoreError> {
        if settled.is_empty() && intents.is_empty() {
            return Ok(());
        }
        let mut table = self.transaction.open_table(JOURNAL)?;
        for (destination, record) in settled {
            table.remove(pair(self.names.number(destination).into(), record.0))?;
        }
        let mut row = Vec::new();
        for intent in intents {
            row.clear();
            put_intent(&mut row, intent, &mut self.names);
            table.insert(pair(self.names.number(&intent.destination).into(), intent.record.0), row.as_slice())?;
        }
        Ok(())
    }

    fn parked(&mut self, unparked: &[(String, RecordId)], parked: &[Parked]) -> Result<(), StoreError> {
        if unparked.is_empty() && parked.is_empty() {
            return Ok(());
        }
        let mut table = self.transaction.open_table(PARKED)?;
        for (destination, record) in unparked {
            table.remove(pair(self.names.number(destination).into(), record.0))?;
        }
        for parked in parked {
            let key = pair(self.names.number(&parked.destination).into(), parked.record.0);
            table.insert(key, put_json(parked).as_slice())?;
        }
        Ok(())
    }

    /// Everything that is small and cold.
    fn operations(&mut self, batch: Batch) -> Result<(), StoreError> {
        self.dead_letters(&batch)?;
        for review in &batch.reviews {
            self.put(REVIEWS, review.id.0, &put_json(review))?;
            let mut open = self.transaction.open_table(OPEN_REVIEWS)?;
            if review.closed_at.is_none() {
                open.insert(review.id.0, 0)?
            } else {
                open.remove(review.id.0)?
            };
        }
        for decision in &batch.decisions {
            let mut table = self.transaction.open_table(DECISIONS)?;
            let (from, to) = (pair(decision.review.0, 0), pair(decision.review.0, u64::MAX));
            let last = table.range(from..=to)?.next_back().transpose()?.map(|(key, _)| key.value());
            table.insert(last.map_or(from, |last| last + 1), put_json(decision).as_slice())?;
        }
        for (connection, stream) in &batch.forget_checkpoints {
            self.transaction.open_table(CHECKPOINTS)?.remove(names_key(connection, stream).as_slice())?;
        }
        if let Some(moved) = &batch.checkpoint {
            self.put_named(CHECKPOINTS, &names_key(&moved.connection, &moved.stream), &put_json(&moved.to))?;
        }
        for run in &batch.runs {
            self.run(run)?;
        }
        for (mapping, state) in &batch.flows {
            self.put_named(FLOWS, mapping.as_bytes(), &put_json(state))?;
        }
        for entry in &batch.audit {
            let line = put_json(entry);
            self.next.audit_digest = audit_digest(&self.next.audit_digest, &line);
            self.next.audit += 1;
            let row = [self.next.audit_digest.as_slice(), &line].concat();
            self.put(AUDIT, self.next.audit, &row)?;
        }
        for input in &batch.inputs {
            self.input(input)?;
        }
        for row in &batch.rows {
            let key = names_key(&row.space, &row.key);
            match &row.value {
                Some(value) => self.put_named(ROWS, &key, value)?,
                None => {
                    self.transaction.open_table(ROWS)?.remove(key.as_slice())?;
                }
            }
        }
        self.sealed(&batch.sealed)?;
        for name in &batch.revoked {
            self.transaction.open_table(TOKENS)?.remove(name.as_bytes())?;
        }
        for token in &batch.tokens {
            self.put_named(TOKENS, token.name.as_bytes(), &put_json(token))?;
        }
        Ok(())
    }

    fn put(&self, table: Numbered, key: u64, row: &[u8]) -> Result<(), StoreError> {
        self.transaction.open_table(table)?.insert(key, row)?;
        Ok(())
    }

    fn put_named(&self, table: Named, key: &[u8], row: &[u8]) -> Result<(), StoreError> {
        self.transaction.open_table(table)?.insert(key, row)?;
        Ok(())
    }

    fn run(&mut self, run: &Run) -> Result<(), StoreError> {
        self.put(RUNS, run.id, &put_json(run))?;
        let flow = self.names.number(&run.flow);
        self.transaction.open_table(FLOW_RUNS)?.insert(pair(flow.into(), run.id), 0)?;
        Ok(())
    }

    fn dead_letters(&mut self, batch: &Batch) -> Result<(), StoreError> {
        if batch.dead_letters.is_empty() && batch.revived.is_empty() && batch.revived_subjects.is_empty() {
            return Ok(());
        }
        let mut letters = self.transaction.open_table(DEAD_LETTERS)?;
        let mut subjects = self.transaction.open_table(DEAD_SUBJECTS)?;
        for id in &batch.revived {
            let letter: Option<nave_core::model::DeadLetter> =
                letters.remove(*id)?.map(|row| read_json(row.value())).transpose()?;
            if let Some(letter) = letter {
                subjects.remove(subject_key(&letter.subject).as_bytes())?;
            }
        }
        for subject in &batch.revived_subjects {
            let id = subjects.remove(subject.as_bytes())?.map(|id| id.value());
            if let Some(id) = id {
                letters.remove(id)?;
            }
        }
        for letter in &batch.dead_letters {
            let subject = subject_key(&letter.subject);
            let id = subjects.get(subject.as_bytes())?.map(|id| id.value());
            let known = match id {
                Some(id) => letters.get(id)?.map(|row| read_json(row.value())).transpose()?,
                None => None,
            };
            let letter = rules::dead_letter(letter.clone(), known, &mut self.next.heads.dead_letter);
            subjects.insert(subject.as_bytes(), letter.id)?;
            letters.insert(letter.id, put_json(&letter).as_slice())?;
        }
        Ok(())
    }

    /// Small rows about records, each sealed under its record's key. Of an erased record nothing is kept.
    fn sealed(&self, rows: &[SealedRow]) -> Result<(), StoreError> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut keys = self.transaction.open_table(KEYS)?;
        let mut table = self.transaction.open_table(ROWS)?;
        if rows.iter().any(|row| row.record == NOBODY) && keys.get(NOBODY.0)?.is_none() {
            // Nobody has a changelog that would have made it.
            let mut entropy = [0; RANDOM_BYTES];
            random(&mut entropy);
            let (_, wrapped) = self.store.keys.wrap(NOBODY.0, &mut entropy);
            keys.insert(NOBODY.0, wrapped.as_slice())?;
        }
        for row in rows {
            let Some(wrapped) = keys.get(row.record.0)? else {
                return Err(StoreError::Damaged(format!("record {} has no key", row.record)));
            };
            if wrapped.value().is_empty() {
                continue;
            }
            let key = names_key(&row.space, &row.key);
            let sealed = self.store.keys.unwrap(row.record.0, wrapped.value())?.seal_loose(&key, &row.value);
            let value = [&[SEALED_VERSION][..], &row.record.0.to_le_bytes(), &sealed].concat();
            table.insert(key.as_slice(), value.as_slice())?;
        }
        Ok(())
    }

    /// An input: compressed, then sealed under the key of all inputs, its number as the nonce.
    fn input(&mut self, input: &InputRow) -> Result<(), StoreError> {
        self.next.input += 1;
        let keys = &self.store.keys;
        let mut body = lz4_flex::block::compress_prepend_size(&input.body);
        keys.inputs.seal(keys.incarnation, self.next.input, &mut body);
        let mut row = vec![INPUT_VERSION];
        put_u64(&mut row, input.at.0.cast_unsigned());
        put_bytes(&mut row, input.kind.as_bytes());
        put_bytes(&mut row, input.subject.as_bytes());
        row.extend_from_slice(&keys.incarnation.to_le_bytes());
        row.extend_from_slice(&body);
        self.put(INPUTS, self.next.input, &row)
    }
}
