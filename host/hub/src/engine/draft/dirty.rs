//! Who compares again, and whether something waits for a destination.

use nave_core::catalog::Mapping;
use nave_core::matching;
use nave_core::model::{DeadLetterSubject, Reason, RecordId};
use nave_store::{IndexSpace, StoreError};

use super::Draft;

impl Draft<'_> {
    /// Every destination of the record's entity compares again.
    pub fn enter_all(&mut self, record: RecordId, reason: Reason) -> Result<(), StoreError> {
        let entity = self.record(record)?.entity.clone();
        let names: Vec<String> = self
            .catalog
            .mappings
            .values()
            .filter(|mapping| mapping.entity == entity && mapping.flow_out.is_some())
            .map(|mapping| mapping.name.clone())
            .collect();
        for name in names {
            self.enter(&name, record, reason);
        }
        Ok(())
    }

    /// One destination compares again.
    pub fn enter(&mut self, destination: &str, record: RecordId, reason: Reason) {
        let reasons = self.dirty.entry((destination.to_owned(), record)).or_default();
        *reasons = reasons.with(reason);
    }

    /// Whether something of a record was not carried to a destination yet: it waits, is on its way, or was refused.
    pub fn unsettled(&self, destination: &str, record: RecordId) -> Result<bool, StoreError> {
        let subject = DeadLetterSubject::Delivery { destination: destination.to_owned(), record };
        let waits = self.store.dirty(destination, RecordId(record.0.saturating_sub(1)), 1)?;
        Ok(self.dirty.contains_key(&(destination.to_owned(), record))
            || waits.first().is_some_and(|entry| entry.record == record)
            || self.store.intent(destination, record)?.is_some()
            || self.store.parked(destination)?.iter().any(|row| row.record == record)
            || self.store.dead_letter_of(&nave_store::subject_key(&subject))?.is_some())
    }

    /// Only the destinations that write this mapping's stream, if any does.
    pub fn enter_own(&mut self, mapping: &Mapping, record: RecordId, reason: Reason) {
        let catalog = self.catalog;
        for own in catalog.mappings.values() {
            if own.flow_out.is_some() && own.connection == mapping.connection && own.alias == mapping.alias {
                self.enter(&own.name, record, reason);
            }
        }
    }

    /// Looks up at once who refers to each of these records, as far as it is stored.
    pub fn prefetch_referrers(&mut self, records: &[RecordId]) -> Result<(), StoreError> {
        let hashes: Vec<u64> = records.iter().map(|record| matching::referrer_hash(*record)).collect();
        for (record, found) in records.iter().zip(self.store.candidates(IndexSpace::Referrer, &hashes)?) {
            self.referrers.insert(*record, found.into_iter().map(RecordId).collect());
        }
        Ok(())
    }

    /// Records that refer to this one compare again with a connection's destinations, since the target now exists there.
    pub fn enter_referrers(&mut self, record: RecordId, connection: &str) -> Result<(), StoreError> {
        if !self.referrers.contains_key(&record) {
            self.prefetch_referrers(&[record])?;
        }
        for id in self.referrers.get(&record).cloned().unwrap_or_default() {
            let entity = self.record(id)?.entity.clone();
            let names: Vec<String> = self
                .catalog
                .mappings
                .values()
                .filter(|m| m.entity == entity && m.connection == connection && m.flow_out.is_some())
                .map(|m| m.name.clone())
                .collect();
            for name in names {
                self.enter(&name, id, Reason::Reference);
            }
        }
        Ok(())
    }
}
