//! Reading: every call is one short read transaction, so that it sees one state and pins pages for a moment only.

use nave_core::matching::remote_hash;
use nave_core::model::{
    AuditEntry, Change, Checkpoint, Contribution, ContributionId, DeadLetter, Decision, Dirty, FlowState, Intent, Parked,
    Reasons, Record, RecordId, RemoteKey, Review, ReviewId, Run, Sequence, Time, TokenRow,
};
use nave_core::value::Value;
use redb::{ReadOnlyTable, ReadTransaction, ReadableTable};
use serde::de::DeserializeOwned;

use super::Redb;
use super::commit::SEALED_VERSION;
use super::tables::{
    AUDIT, CHANGELOG, CHECKPOINTS, CONTRIBUTIONS, CURSORS, DEAD_LETTERS, DEAD_SUBJECTS, DECISIONS, DIRTY, FLOW_RUNS, FLOWS,
    INPUTS, JOURNAL, KEYS, Named, OPEN_REVIEWS, PARKED, RECORDS, REVIEWS, ROWS, RUNS, TOKENS, names_key, pair, record_of, second,
};
use crate::format::{
    FormatError, Key, Reader, change_head, is_of, read_change, read_contribution, read_glimpse, read_intent, read_json,
    read_record, record_value,
};
use crate::index::read_tables;
use crate::{
    AUDIT_DIGEST_BYTES, AuditHead, AuditRow, Batch, CommitError, EntriesOf, FileCheck, Heads, IndexCheck, IndexSpace, InputRow,
    ObjectCount, Store, StoreError,
};

/// Bytes of the digest in front of an audit line.
const DIGEST_BYTES: usize = AUDIT_DIGEST_BYTES;
/// A history's chain is as long as the changelog at most; more is a circle.
const AT_MOST_HINT: usize = 1024;

impl Redb {
    /// (destination, first and last key) of a destination, `None` where its name was never stored.
    fn of_destination(&self, destination: &str, after: u64) -> Option<(u128, u128)> {
        let number = u64::from(self.names().number(destination)?);
        Some((pair(number, after), pair(number, u64::MAX)))
    }

    fn named<T: DeserializeOwned>(&self, table: Named, key: &[u8]) -> Result<Option<T>, StoreError> {
        let table = self.begin_read()?.open_table(table)?;
        Ok(table.get(key)?.map(|row| read_json(row.value())).transpose()?)
    }

    fn change(&self, sequence: u64, row: &[u8], keys: &ReadOnlyTable<u64, &'static [u8]>) -> Result<Change, StoreError> {
        let (record, _) = change_head(row)?;
        let wrapped = keys.get(record.0)?;
        let sealer = match &wrapped {
            Some(wrapped) if wrapped.value().is_empty() => None,
            Some(wrapped) => Some(self.keys.unwrap(record.0, wrapped.value())?),
            None => None,
        };
        let key = sealer.as_ref().map_or(Key::Destroyed, Key::Held);
        Ok(read_change(Sequence(sequence), row, &key, &self.names())?)
    }

    /// One field of a record, without decoding the others.
    pub fn record_value(&self, id: RecordId, field: &str) -> Result<Option<Value>, StoreError> {
        let table = self.begin_read()?.open_table(RECORDS)?;
        match table.get(id.0)? {
            Some(row) => Ok(record_value(row.value(), field, &self.names())?),
            None => Ok(None),
        }
    }

    /// Inputs after a number, ascending (I8).
    pub fn inputs(&self, after: u64, at_most: usize) -> Result<Vec<(u64, InputRow)>, StoreError> {
        let table = self.begin_read()?.open_table(INPUTS)?;
        let mut found = Vec::new();
        for row in table.range(after.saturating_add(1)..)?.take(at_most) {
            let (number, row) = row?;
            let number = number.value();
            let mut reader = Reader(row.value());
            reader.version(1)?;
            let at = Time(reader.u64()?.cast_signed());
            let (kind, subject) = (reader.text()?.to_owned(), reader.text()?.to_owned());
            let incarnation = reader.take(4)?.first_chunk::<4>().copied().ok_or(FormatError::Short)?;
            let body = self.keys.inputs.open(u32::from_le_bytes(incarnation), number, reader.0.to_vec())?;
            let body = lz4_flex::block::decompress_size_prepended(&body)
                .map_err(|_| FormatError::Unknown("an input that does not unpack"))?;
            found.push((number, InputRow { at, kind, subject, body }));
        }
        Ok(found)
    }

    /// Whether every audit line is as it was written, in its place. `Err` names the first that is not.
    pub fn verify_audit(&self) -> Result<Result<u64, u64>, StoreError> {
        let table = self.begin_read()?.open_table(AUDIT)?;
        let mut digest = [0_u8; DIGEST_BYTES];
        let mut lines = 0;
        for row in table.iter()? {
            let (number, row) = row?;
            let row = audit_row(number.value(), row.value());
            digest = row.digest_after(&digest);
            lines += 1;
            if row.number != lines || digest != row.digest {
                return Ok(Err(lines));
            }
        }
        Ok(Ok(lines))
    }

    /// Position of a destination in the changelog; 0 where none is stored.
    pub fn cursor(&self, destination: &str) -> Result<Sequence, StoreError> {
        let table = self.begin_read()?.open_table(CURSORS)?;
        Ok(Sequence(table.get(destination.as_bytes())?.map_or(0, |row| row.value())))
    }

    fn find_candidates(&self, space: IndexSpace, hashes: &[u64], at_most: usize) -> Result<Vec<Vec<u64>>, StoreError> {
        self.refuse_closed()?;
        let tables = || {
            let transaction: ReadTransaction = redb::ReadableDatabase::begin_read(&self.database)?;
            read_tables(&transaction)
        };
        Ok(self.index.find(space, hashes, at_most, tables)?)
    }
}

/// A row too short for a digest is one that no digest fits.
pub(super) fn audit_row(number: u64, row: &[u8]) -> AuditRow {
    match row.split_first_chunk::<DIGEST_BYTES>() {
        Some((digest, text)) => AuditRow { number, digest: *digest, text: text.to_vec() },
        None => AuditRow { number, ..AuditRow::default() },
    }
}

pub(super) fn rows_after<T>(
    table: &ReadOnlyTable<u64, &'static [u8]>,
    after: u64,
    at_most: usize,
    mut read: impl FnMut(u64, &[u8]) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::with_capacity(at_most.min(AT_MOST_HINT));
    // Nothing has a number behind the largest.
    let Some(first) = after.checked_add(1) else { return Ok(found) };
    for row in table.range(first..)?.take(at_most) {
        let (id, row) = row?;
        found.push(read(id.value(), row.value())?);
    }
    Ok(found)
}

impl Store for Redb {
    fn check_index(&self, of_record: &EntriesOf<'_>) -> Result<IndexCheck, StoreError> {
        Redb::check_index(self, of_record)
    }

    fn check_file(&self) -> Result<FileCheck, StoreError> {
        Redb::check_file(self)
    }

    fn rebuild_index(&self, of_record: &EntriesOf<'_>) -> Result<(), StoreError> {
        Redb::rebuild_index(self, of_record)
    }

    fn heads(&self) -> Result<Heads, StoreError> {
        self.refuse_closed()?;
        Ok(self.writer().heads)
    }

    fn resolve(&self, keys: &[RemoteKey]) -> Result<Vec<Option<ContributionId>>, StoreError> {
        let hashes: Vec<u64> = keys.iter().map(remote_hash).collect();
        let found = self.find_candidates(IndexSpace::Remote, &hashes, usize::MAX)?;
        if found.iter().all(Vec::is_empty) {
            return Ok(vec![None; keys.len()]);
        }
        let table = self.begin_read()?.open_table(CONTRIBUTIONS)?;
        let names = self.names();
        let one = |(key, ids): (&RemoteKey, Vec<u64>)| -> Result<Option<ContributionId>, StoreError> {
            for id in ids {
                if let Some(row) = table.get(id)?
                    && is_of(row.value(), key, &names)?
                {
                    return Ok(Some(ContributionId(id)));
                }
            }
            Ok(None)
        };
        keys.iter().zip(found).map(one).collect()
    }

    fn candidates(&self, space: IndexSpace, hashes: &[u64]) -> Result<Vec<Vec<u64>>, StoreError> {
        self.find_candidates(space, hashes, usize::MAX)
    }

    fn candidates_up_to(&self, space: IndexSpace, hashes: &[u64], at_most: usize) -> Result<Vec<Vec<u64>>, StoreError> {
        self.find_candidates(space, hashes, at_most)
    }

    fn records(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError> {
        let table = self.begin_read()?.open_table(RECORDS)?;
        let names = self.names();
        let one = |id: &RecordId| match table.get(id.0)? {
            Some(row) => Ok(Some(read_record(*id, row.value(), &names)?)),
            None => Ok(None),
        };
        ids.iter().map(one).collect()
    }

    fn contributions(&self, ids: &[ContributionId]) -> Result<Vec<Option<Contribution>>, StoreError> {
        let table = self.begin_read()?.open_table(CONTRIBUTIONS)?;
        let names = self.names();
        let one = |id: &ContributionId| match table.get(id.0)? {
            Some(row) => Ok(Some(read_contribution(*id, row.value(), &names)?)),
            None => Ok(None),
        };
        ids.iter().map(one).collect()
    }

    fn glimpse(&self, ids: &[ContributionId]) -> Result<Vec<Option<Contribution>>, StoreError> {
        let table = self.begin_read()?.open_table(CONTRIBUTIONS)?;
        let names = self.names();
        let one = |id: &ContributionId| match table.get(id.0)? {
            Some(row) => Ok(Some(read_glimpse(*id, row.value(), &names)?)),
            None => Ok(None),
        };
        ids.iter().map(one).collect()
    }

    fn records_after(&self, after: RecordId, at_most: usize) -> Result<Vec<Record>, StoreError> {
        let table = self.begin_read()?.open_table(RECORDS)?;
        let names = self.names();
        rows_after(&table, after.0, at_most, |id, row| Ok(read_record(RecordId(id), row, &names)?))
    }

    fn contributions_after(&self, after: ContributionId, at_most: usize) -> Result<Vec<Contribution>, StoreError> {
        let table = self.begin_read()?.open_table(CONTRIBUTIONS)?;
        let names = self.names();
        rows_after(&table, after.0, at_most, |id, row| Ok(read_contribution(ContributionId(id), row, &names)?))
    }

    fn commit(&self, batch: Batch) -> Result<Heads, CommitError> {
        self.commit_batch(batch)
    }

    fn dirty(&self, destination: &str, after: RecordId, at_most: usize) -> Result<Vec<Dirty>, StoreError> {
        let table = self.begin_read()?.open_table(DIRTY)?;
        let Some((from, to)) = self.of_destination(destination, after.0.saturating_add(1)) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for row in table.range(from..=to)?.take(at_most) {
            let (key, row) = row?;
            found.push(Dirty {
                destination: destination.to_owned(),
                record: record_of(key.value()),
                reasons: Reasons((row.value() >> 64) as u8),
                stamp: second(row.value()),
            });
        }
        Ok(found)
    }

    fn dirty_count(&self, destination: &str) -> Result<u64, StoreError> {
        self.refuse_closed()?;
        Ok(self.writer().counts.get(&format!("dirty {destination}")).copied().unwrap_or(0))
    }

    fn intents_of(&self, destination: &str, records: &[RecordId]) -> Result<Vec<Option<Intent>>, StoreError> {
        let table = self.begin_read()?.open_table(JOURNAL)?;
        let names = self.names();
        let Some(number) = names.number(destination) else { return Ok(vec![None; records.len()]) };
        let read = |record: &RecordId| {
            let row = table.get(pair(number.into(), record.0))?;
            Ok(row.map(|row| read_intent(destination, *record, row.value(), &names)).transpose()?)
        };
        records.iter().map(read).collect()
    }

    fn intents(&self, destination: &str) -> Result<Vec<Intent>, StoreError> {
        let table = self.begin_read()?.open_table(JOURNAL)?;
        let Some((from, to)) = self.of_destination(destination, 0) else { return Ok(Vec::new()) };
        let names = self.names();
        let mut found = Vec::new();
        for row in table.range(from..=to)? {
            let (key, row) = row?;
            found.push(read_intent(destination, record_of(key.value()), row.value(), &names)?);
        }
        Ok(found)
    }

    fn parked(&self, destination: &str) -> Result<Vec<Parked>, StoreError> {
        let table = self.begin_read()?.open_table(PARKED)?;
        let Some((from, to)) = self.of_destination(destination, 0) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for row in table.range(from..=to)? {
            found.push(read_json(row?.1.value())?);
        }
        Ok(found)
    }

    fn dead_letters(&self, after: u64, at_most: usize) -> Result<Vec<DeadLetter>, StoreError> {
        let table = self.begin_read()?.open_table(DEAD_LETTERS)?;
        rows_after(&table, after, at_most, |_, row| Ok(read_json(row)?))
    }

    fn dead_letter_of(&self, subject: &str) -> Result<Option<DeadLetter>, StoreError> {
        let transaction = self.begin_read()?;
        let id = transaction.open_table(DEAD_SUBJECTS)?.get(subject.as_bytes())?.map(|id| id.value());
        let Some(id) = id else { return Ok(None) };
        Ok(transaction.open_table(DEAD_LETTERS)?.get(id)?.map(|row| read_json(row.value())).transpose()?)
    }

    fn reviews(&self, open_only: bool, after: ReviewId, at_most: usize) -> Result<Vec<Review>, StoreError> {
        let transaction = self.begin_read()?;
        let reviews = transaction.open_table(REVIEWS)?;
        if !open_only {
            return rows_after(&reviews, after.0, at_most, |_, row| Ok(read_json(row)?));
        }
        let mut found = Vec::new();
        for row in transaction.open_table(OPEN_REVIEWS)?.range(after.0.saturating_add(1)..)?.take(at_most) {
            let id = row?.0.value();
            let row = reviews.get(id)?.ok_or_else(|| StoreError::Damaged(format!("review {id} is listed but not there")))?;
            found.push(read_json(row.value())?);
        }
        Ok(found)
    }

    fn review(&self, id: ReviewId) -> Result<Option<Review>, StoreError> {
        let table = self.begin_read()?.open_table(REVIEWS)?;
        Ok(table.get(id.0)?.map(|row| read_json(row.value())).transpose()?)
    }

    fn decisions(&self, review: ReviewId) -> Result<Vec<Decision>, StoreError> {
        let table = self.begin_read()?.open_table(DECISIONS)?;
        let mut found = Vec::new();
        for row in table.range(pair(review.0, 0)..=pair(review.0, u64::MAX))? {
            found.push(read_json(row?.1.value())?);
        }
        Ok(found)
    }

    fn changes(&self, after: Sequence, at_most: usize) -> Result<Vec<Change>, StoreError> {
        let transaction = self.begin_read()?;
        let keys = transaction.open_table(KEYS)?;
        rows_after(&transaction.open_table(CHANGELOG)?, after.0, at_most, |sequence, row| self.change(sequence, row, &keys))
    }

    fn record_changes(&self, record: RecordId, at_most: usize) -> Result<Vec<Change>, StoreError> {
        let transaction = self.begin_read()?;
        let (keys, changelog) = (transaction.open_table(KEYS)?, transaction.open_table(CHANGELOG)?);
        let mut next = {
            let records = transaction.open_table(RECORDS)?;
            let row = records.get(record.0)?;
            match row {
                Some(row) => crate::format::record_head(row.value(), &self.names())?.last_change,
                None => 0,
            }
        };
        let mut found = Vec::new();
        while next != 0 && found.len() < at_most {
            let row = changelog.get(next)?.ok_or_else(|| StoreError::Damaged(format!("change {next} is missing")))?;
            let (of, previous) = change_head(row.value())?;
            if of != record || previous >= next {
                return Err(StoreError::Damaged(format!("the history of record {record} is broken at change {next}")));
            }
            found.push(self.change(next, row.value(), &keys)?);
            next = previous;
        }
        Ok(found)
    }

    fn checkpoint(&self, connection: &str, stream: &str) -> Result<Option<Checkpoint>, StoreError> {
        self.named(CHECKPOINTS, &names_key(connection, stream))
    }

    fn runs(&self, flow: Option<&str>, at_most: usize) -> Result<Vec<Run>, StoreError> {
        let transaction = self.begin_read()?;
        let runs = transaction.open_table(RUNS)?;
        let mut found = Vec::new();
        let Some(flow) = flow else {
            for row in runs.iter()?.rev().take(at_most) {
                found.push(read_json(row?.1.value())?);
            }
            return Ok(found);
        };
        let Some((from, to)) = self.of_destination(flow, 0) else { return Ok(found) };
        for row in transaction.open_table(FLOW_RUNS)?.range(from..=to)?.rev().take(at_most) {
            let id = second(row?.0.value());
            let row = runs.get(id)?.ok_or_else(|| StoreError::Damaged(format!("run {id} is listed but not there")))?;
            found.push(read_json(row.value())?);
        }
        Ok(found)
    }

    fn flow(&self, mapping: &str) -> Result<FlowState, StoreError> {
        Ok(self.named(FLOWS, mapping.as_bytes())?.unwrap_or_default())
    }

    fn audit(&self, at_most: usize) -> Result<Vec<AuditEntry>, StoreError> {
        let table = self.begin_read()?.open_table(AUDIT)?;
        let mut found = Vec::new();
        for row in table.iter()?.rev().take(at_most) {
            let row = row?.1;
            found.push(read_json(row.value().get(DIGEST_BYTES..).unwrap_or_default())?);
        }
        Ok(found)
    }

    fn audit_head(&self) -> Result<AuditHead, StoreError> {
        let table = self.begin_read()?.open_table(AUDIT)?;
        let last = table.last()?.map(|(number, row)| audit_row(number.value(), row.value())).unwrap_or_default();
        Ok(AuditHead { lines: last.number, digest: last.digest })
    }

    fn audit_goes_on(&self) -> Result<AuditHead, StoreError> {
        self.refuse_closed()?;
        let writer = self.writer();
        Ok(AuditHead { lines: writer.audit, digest: writer.audit_digest })
    }

    fn audit_rows(&self, after: u64, at_most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let table = self.begin_read()?.open_table(AUDIT)?;
        rows_after(&table, after, at_most, |number, row| Ok(audit_row(number, row)))
    }

    fn row(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let table = self.begin_read()?.open_table(ROWS)?;
        Ok(table.get(names_key(space, key).as_slice())?.map(|row| row.value().to_vec()))
    }

    fn rows(&self, space: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError> {
        let table = self.begin_read()?.open_table(ROWS)?;
        let prefix = names_key(space, "");
        let mut found = Vec::new();
        for row in table.range(prefix.as_slice()..)? {
            let (key, value) = row?;
            let Some(name) = key.value().strip_prefix(prefix.as_slice()) else { break };
            let name = std::str::from_utf8(name).map_err(|_| FormatError::Unknown("a key that is not UTF-8"))?;
            found.push((name.to_owned(), value.value().to_vec()));
        }
        Ok(found)
    }

    fn sealed_rows(&self, space: &str) -> Result<Vec<crate::OpenedRow>, StoreError> {
        let keys = self.begin_read()?.open_table(KEYS)?;
        let mut found = Vec::new();
        for (name, row) in self.rows(space)? {
            let (record, sealed) = match row.split_first_chunk::<9>() {
                Some(([SEALED_VERSION, record @ ..], sealed)) => (u64::from_le_bytes(*record), sealed),
                _ => return Err(FormatError::Unknown("a sealed row of another version").into()),
            };
            let wrapped = keys.get(record)?;
            let value = match &wrapped {
                Some(wrapped) if !wrapped.value().is_empty() => {
                    Some(self.keys.unwrap(record, wrapped.value())?.open_loose(&names_key(space, &name), sealed)?)
                }
                _ => None,
            };
            found.push((name, value));
        }
        Ok(found)
    }

    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError> {
        let table = self.begin_read()?.open_table(TOKENS)?;
        let mut found = Vec::new();
        for row in table.iter()? {
            found.push(read_json(row?.1.value())?);
        }
        Ok(found)
    }

    fn counts(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.refuse_closed()?;
        let writer = self.writer();
        let of_records =
            writer.counts.iter().filter_map(|(name, count)| Some((name.strip_prefix("record ")?.to_owned(), *count)));
        Ok(of_records.filter(|(_, count)| *count > 0).collect())
    }

    fn objects(&self) -> Result<Vec<ObjectCount>, StoreError> {
        self.refuse_closed()?;
        Ok(super::objects::read(&self.writer().counts))
    }

    fn backup(&self, to: &std::path::Path, key: &crate::BackupKey) -> Result<(), StoreError> {
        self.backup_to(to, key)
    }

    fn tend(&self) -> Result<bool, StoreError> {
        self.tend_index()
    }
}
