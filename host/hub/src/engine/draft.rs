//! One decision in the making: rows as they were, rows as they should be, and at the end one batch.
//!
//! The writer fills a draft from a page, a settlement or a decision, then commits it whole (I1). Within a draft,
//! later source records see what earlier ones did.

mod agreed;
mod dirty;
mod moved;
mod part_ways;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

pub(super) use self::moved::Moved;

use nave_core::NameMap;
use nave_core::catalog::{Catalog, Entity};
use nave_core::linkage::{TERM_RECORDS_MAX, Tally, Term};
use nave_core::matching::{self, Facts};
use nave_core::model::{
    Cause, Change, ChangeKind, Contribution, ContributionId, DeadLetterSubject, Field, Reason, Record, RecordId, RecordState,
    RemoteKey, ReviewId, ReviewKind, Rule, Time,
};
use nave_core::survivorship;
use nave_core::value::{Reference, Value};
use nave_store::{Batch, Heads, IndexEntry, IndexSpace, Store, StoreError};

use super::rows::{Renumbered, counts, field_changes, index_entries, rehome, renumber};

/// Records that are looked up under one term: one more than tell anything, so that it is clear that too many have it.
const FOUND_MAX: usize = TERM_RECORDS_MAX + 1;

/// A contribution as it should be.
struct Row {
    now: Contribution,
    touched: bool,
}

/// A record before and now.
struct Slot {
    /// As it is stored, once it is touched; before that, `now` is. Never there for a new one.
    before: Option<Record>,
    new: bool,
    now: Record,
    touched: bool,
    /// Index entries of `now`, where they are known and `now` has not changed since.
    entries: Option<Vec<IndexEntry>>,
}

impl Slot {
    fn stored(record: Record) -> Self {
        Self { before: None, new: false, now: record, touched: false, entries: None }
    }

    /// As it was before this draft; none for a new one.
    fn before(&self) -> Option<&Record> {
        match &self.before {
            None if !self.new && !self.touched => Some(&self.now),
            before => before.as_ref(),
        }
    }

    /// To be changed.
    fn touch(&mut self) -> &mut Record {
        if !self.touched {
            self.touched = true;
            self.before = (!self.new).then(|| self.now.clone());
        }
        self.entries = None;
        &mut self.now
    }
}

/// Numbers and hashes come by the million: keyed by chance, but quickly.
type Quick<K, V> = HashMap<K, V, foldhash::fast::RandomState>;

/// What a recomputation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recomputed {
    /// No field changed: what was claimed lost, or said the same.
    Same,
    /// Fields changed, the changelog has it.
    Changed,
}

/// A batch in the making.
pub struct Draft<'a> {
    store: &'a dyn Store,
    /// Configuration that it is decided under.
    pub catalog: &'a Catalog,
    /// When it is decided.
    pub now: Time,
    /// Stored with every change.
    pub cause: Cause,
    heads: Heads,
    /// Whether the store has one at all; asked once.
    any_dead_letter: Option<bool>,
    /// Entity → whether any record of it ended with a refusal.
    ended: BTreeMap<String, bool>,
    /// Records with fields that several systems changed otherwise, or that were so.
    disputed: BTreeSet<RecordId>,
    records: Quick<RecordId, Slot>,
    contributions: Quick<ContributionId, Row>,
    /// Contributions as they are stored, as far as a comparison needs them.
    glimpses: Quick<ContributionId, Contribution>,
    keys: Quick<RemoteKey, Option<ContributionId>>,
    /// Match keys that records of this draft took on.
    fresh: Quick<u64, Vec<RecordId>>,
    /// Match keys that were looked up in the store → what it has under them.
    matched: Quick<u64, Vec<u64>>,
    /// Hash of a remote key that was looked up → stored records that wait for it.
    awaited: Quick<u64, Vec<RecordId>>,
    /// Records that were asked after → those that refer to them.
    referrers: Quick<RecordId, Vec<RecordId>>,
    /// References that records of this draft wait for.
    waiting: Quick<u64, Vec<RecordId>>,
    changes: Vec<(RecordId, ChangeKind)>,
    /// Records that `changes` names.
    noted: HashSet<RecordId, foldhash::fast::RandomState>,
    dirty: BTreeMap<(String, RecordId), nave_core::model::Reasons>,
    queue: Vec<RecordId>,
    /// Contributions that came to another record → which element numbers became which.
    renumbered: BTreeMap<ContributionId, Vec<Renumbered>>,
    /// Records that are as they once were: what `manual` goes by, instead of what is stored.
    recalled: BTreeMap<RecordId, Record>,
    /// Everything that is not a record, a contribution, a change or an index entry.
    pub batch: Batch,
}

impl<'a> Draft<'a> {
    /// An empty one.
    pub fn new(store: &'a dyn Store, catalog: &'a Catalog, now: Time, cause: Cause) -> Result<Self, StoreError> {
        Ok(Self {
            heads: store.heads()?,
            any_dead_letter: None,
            ended: BTreeMap::new(),
            disputed: BTreeSet::new(),
            store,
            catalog,
            now,
            cause,
            records: Quick::default(),
            contributions: Quick::default(),
            glimpses: Quick::default(),
            keys: Quick::default(),
            fresh: Quick::default(),
            matched: Quick::default(),
            awaited: Quick::default(),
            referrers: Quick::default(),
            waiting: Quick::default(),
            changes: Vec::new(),
            noted: HashSet::default(),
            dirty: BTreeMap::new(),
            queue: Vec::new(),
            renumbered: BTreeMap::new(),
            recalled: BTreeMap::new(),
            batch: Batch { at: now, ..Batch::default() },
        })
    }

    /// A subject's dead letter, if any, is done with.
    pub fn revive(&mut self, subject: &DeadLetterSubject) -> Result<(), StoreError> {
        let any = match self.any_dead_letter {
            Some(any) => any,
            None => *self.any_dead_letter.insert(!self.store.dead_letters(0, 1)?.is_empty()),
        };
        if any || !self.batch.dead_letters.is_empty() {
            self.batch.revived_subjects.push(nave_store::subject_key(subject));
        }
        Ok(())
    }

    /// Next number for a review that the batch writes.
    pub fn next_review(&mut self) -> nave_core::model::ReviewId {
        let id = self.heads.review;
        self.heads.review += 1;
        nave_core::model::ReviewId(id)
    }

    /// What became of a write is known: nobody needs to be asked about it any more.
    pub fn close_moot(&mut self, destination: &str, record: RecordId) -> Result<(), StoreError> {
        for mut review in self.store.reviews(true, ReviewId(0), usize::MAX)? {
            let about = matches!(&review.kind, ReviewKind::UnknownOutcome { destination: to, record: of } if to == destination && *of == record);
            if about {
                review.closed_at = Some(self.now);
                self.batch.reviews.push(review);
            }
        }
        Ok(())
    }

    /// A thing is there again: nobody needs to be asked any more whether its deletion goes elsewhere.
    pub fn close_deletions(&mut self, gone: ContributionId) -> Result<(), StoreError> {
        for mut review in self.store.reviews(true, ReviewId(0), usize::MAX)? {
            if matches!(&review.kind, ReviewKind::Delete { contribution, .. } if *contribution == gone) {
                review.closed_at = Some(self.now);
                self.batch.reviews.push(review);
            }
        }
        Ok(())
    }

    /// Next number for a run that the batch writes.
    pub fn next_run(&mut self) -> u64 {
        let id = self.heads.run;
        self.heads.run += 1;
        id
    }

    /// Looks many remote keys up at once, and glimpses the contributions that they lead to.
    pub fn prefetch(&mut self, keys: &[RemoteKey]) -> Result<(), StoreError> {
        let unknown: Vec<RemoteKey> = keys.iter().filter(|key| !self.keys.contains_key(key)).cloned().collect();
        let found = self.store.resolve(&unknown)?;
        let ids: Vec<ContributionId> = found.iter().flatten().copied().collect();
        let new: Vec<u64> =
            unknown.iter().zip(&found).filter(|(_, id)| id.is_none()).map(|(key, _)| matching::remote_hash(key)).collect();
        for (hash, records) in new.iter().zip(self.store.candidates(IndexSpace::Waiting, &new)?) {
            self.awaited.insert(*hash, records.into_iter().map(RecordId).collect());
        }
        for (key, id) in unknown.into_iter().zip(found) {
            self.keys.insert(key, id);
        }
        for (id, row) in ids.iter().zip(self.store.glimpse(&ids)?) {
            self.glimpses.insert(*id, row.ok_or_else(|| not_there(*id))?);
        }
        Ok(())
    }

    /// Loads contributions that are going to be changed, and their records, all at once.
    pub fn load_pairs(&mut self, ids: &[ContributionId]) -> Result<(), StoreError> {
        self.load_contributions(ids)?;
        let records: Vec<RecordId> = ids.iter().filter_map(|id| self.contributions.get(id)?.now.record).collect();
        self.load_records(&records)
    }

    /// Looks many match keys up at once, and loads what they lead to.
    pub fn prefetch_candidates(&mut self, hashes: &[u64]) -> Result<(), StoreError> {
        let found = self.store.candidates(IndexSpace::Match, hashes)?;
        let ids: Vec<RecordId> = found.iter().flatten().copied().map(RecordId).collect();
        self.matched.extend(hashes.iter().copied().zip(found));
        self.load_records(&ids)
    }

    /// Looks up who is found under the terms of these things, as far as it matters.
    pub fn prefetch_terms<'t>(&mut self, things: impl Iterator<Item = &'t [Term]> + Clone) -> Result<(), StoreError> {
        self.look_up(things.clone().flat_map(Term::at_once).map(|term| term.hash).collect())?;
        let then = things.flat_map(|terms| Term::then(terms, |term| self.found_under(term).0)).map(|term| term.hash).collect();
        self.look_up(then)
    }

    fn look_up(&mut self, mut hashes: Vec<u64>) -> Result<(), StoreError> {
        hashes.retain(|hash| !self.matched.contains_key(hash));
        if hashes.is_empty() {
            return Ok(());
        }
        hashes.sort_unstable();
        hashes.dedup();
        let found = self.store.candidates_up_to(IndexSpace::Match, &hashes, FOUND_MAX)?;
        self.matched.extend(hashes.into_iter().zip(found));
        Ok(())
    }

    /// How many have a term, and who they are: stored ones, and those of this draft.
    fn found_under(&self, term: &Term) -> (usize, impl Iterator<Item = u64> + '_) {
        let stored = self.matched.get(&term.hash).map_or(&[][..], Vec::as_slice);
        let fresh = self.fresh.get(&term.hash).map_or(&[][..], Vec::as_slice);
        (stored.len() + fresh.len(), stored.iter().copied().chain(fresh.iter().map(|id| id.0)))
    }

    /// Records that a thing with these terms, which were looked up, is worth comparing with.
    pub fn likely(&self, terms: &[Term]) -> Vec<RecordId> {
        let mut tally = Tally::new(terms);
        for term in terms {
            let (count, all) = self.found_under(term);
            tally.add(*term, all, count);
        }
        tally.worth_comparing().map(RecordId).collect()
    }

    /// How many records there are, deleted and merged ones too.
    pub fn population(&self) -> usize {
        usize::try_from(self.heads.record).unwrap_or(usize::MAX)
    }

    /// The store that it is decided from.
    pub fn store(&self) -> &'a dyn Store {
        self.store
    }

    /// Loads contributions.
    pub fn load_contributions(&mut self, ids: &[ContributionId]) -> Result<(), StoreError> {
        let missing: Vec<ContributionId> = ids.iter().filter(|id| !self.contributions.contains_key(id)).copied().collect();
        if missing.is_empty() {
            return Ok(());
        }
        for (id, row) in missing.iter().zip(self.store.contributions(&missing)?) {
            let row = row.ok_or_else(|| not_there(*id))?;
            self.contributions.insert(*id, Row { now: row, touched: false });
        }
        Ok(())
    }

    /// Loads records, and follows merges only on request.
    pub fn load_records(&mut self, ids: &[RecordId]) -> Result<(), StoreError> {
        let mut missing: Vec<RecordId> = ids.iter().filter(|id| !self.records.contains_key(id)).copied().collect();
        missing.sort_unstable();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        for (id, row) in missing.iter().zip(self.store.records(&missing)?) {
            if let Some(row) = row {
                self.records.insert(*id, Slot::stored(row));
            } else {
                return Err(StoreError::Damaged(format!("record {id} is named but not there")));
            }
        }
        Ok(())
    }

    /// Contribution of a remote object.
    pub fn contribution_of(&mut self, key: &RemoteKey) -> Result<Option<ContributionId>, StoreError> {
        if !self.keys.contains_key(key) {
            self.prefetch(std::slice::from_ref(key))?;
        }
        Ok(self.keys.get(key).copied().flatten())
    }

    /// Contributions that the index names for each key of a child, in their order; not yet verified.
    pub fn holding(&mut self, keys: &[RemoteKey]) -> Result<Vec<Vec<ContributionId>>, StoreError> {
        let hashes: Vec<u64> = keys.iter().map(matching::remote_hash).collect();
        let found = self.store.candidates(IndexSpace::Remote, &hashes)?;
        let found: Vec<Vec<ContributionId>> =
            found.into_iter().map(|ids| ids.into_iter().map(ContributionId).collect()).collect();
        self.load_contributions(&found.concat())?;
        Ok(found)
    }

    /// A contribution to compare with: its claims, what was sent and list elements may be left out.
    pub fn glimpsed(&mut self, id: ContributionId) -> Result<&Contribution, StoreError> {
        if !self.contributions.contains_key(&id) && !self.glimpses.contains_key(&id) {
            self.load_contributions(&[id])?;
        }
        match self.contributions.get(&id) {
            Some(row) => Ok(&row.now),
            None => self.glimpses.get(&id).ok_or_else(|| not_there(id)),
        }
    }

    /// A contribution.
    pub fn contribution(&mut self, id: ContributionId) -> Result<&Contribution, StoreError> {
        self.load_contributions(&[id])?;
        Ok(&self.contributions[&id].now)
    }

    /// To be changed.
    pub fn contribution_mut(&mut self, id: ContributionId) -> Result<&mut Contribution, StoreError> {
        self.load_contributions(&[id])?;
        let slot = self.contributions.get_mut(&id).ok_or_else(|| StoreError::Damaged("not loaded".into()))?;
        slot.touched = true;
        Ok(&mut slot.now)
    }

    /// A record.
    pub fn record(&mut self, id: RecordId) -> Result<&Record, StoreError> {
        self.load_records(&[id])?;
        Ok(&self.records[&id].now)
    }

    /// A record, if this draft has loaded it.
    pub fn loaded(&self, id: RecordId) -> Option<&Record> {
        self.records.get(&id).map(|slot| &slot.now)
    }

    /// To be changed.
    pub fn record_mut(&mut self, id: RecordId) -> Result<&mut Record, StoreError> {
        self.load_records(&[id])?;
        let slot = self.records.get_mut(&id).ok_or_else(|| StoreError::Damaged("not loaded".into()))?;
        Ok(slot.touch())
    }

    /// A contribution and a record, both to be changed.
    pub fn pair(
        &mut self,
        contribution: ContributionId,
        record: RecordId,
    ) -> Result<(&mut Contribution, &mut Record), StoreError> {
        self.load_contributions(&[contribution])?;
        self.load_records(&[record])?;
        match (self.contributions.get_mut(&contribution), self.records.get_mut(&record)) {
            (Some(row), Some(target)) => {
                row.touched = true;
                Ok((&mut row.now, target.touch()))
            }
            _ => Err(StoreError::Damaged("not loaded".into())),
        }
    }

    /// The record that carries on for this one.
    pub fn surviving(&mut self, mut id: RecordId) -> Result<RecordId, StoreError> {
        for _ in 0..64 {
            match self.record(id)?.state {
                RecordState::MergedInto(next) => id = next,
                _ => return Ok(id),
            }
        }
        Err(StoreError::Damaged(format!("record {id} is merged in a circle")))
    }

    /// Canonical type by name.
    pub fn entity(&self, name: &str) -> Result<&'a Entity, StoreError> {
        self.catalog
            .entities
            .get(name)
            .map(AsRef::as_ref)
            .ok_or_else(|| StoreError::Damaged(format!("entity `{name}` is not in the catalog")))
    }

    /// A new contribution, not yet about any record.
    pub fn new_contribution(&mut self, key: RemoteKey, read_at: Time) -> ContributionId {
        let id = ContributionId(self.heads.contribution);
        self.heads.contribution += 1;
        let hash = matching::remote_hash(&key);
        self.keys.insert(key.clone(), Some(id));
        self.batch.index_add.push(IndexEntry { space: IndexSpace::Remote, hash, id: id.0 });
        self.batch.expected.vacant.push((IndexSpace::Remote, hash));
        self.contributions.insert(id, Row { now: Contribution::new(id, key, read_at), touched: true });
        id
    }

    /// A new record.
    pub fn new_record(&mut self, entity: &str) -> RecordId {
        let id = RecordId(self.heads.record);
        self.heads.record += 1;
        let record = Record {
            id,
            entity: entity.into(),
            state: RecordState::Active,
            version: 0,
            fields: NameMap::new(),
            contributions: Vec::new(),
            next_element: 1,
        };
        self.records.insert(id, Slot { before: None, new: true, now: record, touched: true, entries: None });
        self.noted.insert(id);
        self.changes.push((id, ChangeKind::Created));
        id
    }

    /// Makes a contribution speak about a record. Element numbers of its lists move into the record's numbering.
    /// Records that waited for this remote object are recomputed at the end of the step.
    pub fn attach(&mut self, contribution: ContributionId, record: RecordId) -> Result<(), StoreError> {
        self.strangers(contribution, record)?;
        self.attach_as(contribution, record, &[])
    }

    /// The same, where it is known how elements are numbered there.
    fn attach_as(&mut self, contribution: ContributionId, record: RecordId, numbers: &[Renumbered]) -> Result<(), StoreError> {
        let name = self.record(record)?.entity.clone();
        let entity = self.entity(&name)?;
        let (row, target) = self.pair(contribution, record)?;
        let moved = if row.record == Some(record) {
            None
        } else {
            row.record = Some(record);
            Some(rehome(entity, row, target, numbers))
        };
        if !target.contributions.contains(&contribution) {
            target.contributions.push(contribution);
            target.contributions.sort();
        }
        let hash = matching::remote_hash(&row.key);
        if let Some(moved) = moved {
            self.renumbered.insert(contribution, moved);
        }
        let mut waiting: Vec<RecordId> = match self.awaited.get(&hash) {
            Some(known) => known.clone(),
            None => self.store.candidates(IndexSpace::Waiting, &[hash])?.into_iter().flatten().map(RecordId).collect(),
        };
        waiting.extend(self.waiting.get(&hash).into_iter().flatten());
        self.queue.extend(waiting.into_iter().filter(|id| *id != record));
        Ok(())
    }

    /// Notes that a remote object was found to be this record, or was made for it, and why.
    pub fn linked(&mut self, record: RecordId, contribution: ContributionId, why: impl Into<String>) {
        self.changes.push((record, ChangeKind::Linked(contribution, why.into())));
    }

    /// Notes that a remote object spoke of a field that another system owns.
    pub fn rejected(&mut self, record: RecordId, contribution: ContributionId, why: impl Into<String>) {
        self.changes.push((record, ChangeKind::Rejected(contribution, why.into())));
    }

    /// Candidates for these facts: from the index, and from this draft.
    pub fn candidates(&mut self, entity: &Entity, facts: &Facts) -> Result<Vec<RecordId>, StoreError> {
        let hashes: Vec<u64> = matching::keys(entity, facts).iter().map(|key| key.hash).collect();
        let unasked: Vec<u64> = hashes.iter().filter(|hash| !self.matched.contains_key(hash)).copied().collect();
        if !unasked.is_empty() {
            self.prefetch_candidates(&unasked)?;
        }
        let mut ids: Vec<RecordId> = Vec::new();
        for hash in &hashes {
            ids.extend(self.matched.get(hash).into_iter().flatten().copied().map(RecordId));
            ids.extend(self.fresh.get(hash).into_iter().flatten());
        }
        ids.sort_unstable();
        ids.dedup();
        self.load_records(&ids)?;
        Ok(ids)
    }

    /// Contributions whose claims count for a record.
    pub fn counting(&mut self, record: RecordId) -> Result<Vec<ContributionId>, StoreError> {
        let ids = self.record(record)?.contributions.clone();
        self.load_contributions(&ids)?;
        let state = &self.records[&record].now.state;
        Ok(ids.into_iter().filter(|id| counts(self.catalog, state, &self.contributions[id].now)).collect())
    }

    /// Computes a record's fields anew from its claims; notes changes, and who should compare again.
    pub fn recompute(&mut self, id: RecordId) -> Result<Recomputed, StoreError> {
        let counting = self.counting(id)?;
        let entity = self.entity(&self.records[&id].now.entity.clone())?;
        self.agree(entity, id)?;
        let rows: Vec<&Contribution> = counting.iter().map(|id| &self.contributions[id].now).collect();
        let echoes = nave_core::fit::echoes(&rows, |row| self.catalog.mapping_of(&row.key), self.catalog.hub.region.as_deref());
        let gone = self.records[&id].now.contributions.iter().filter(|id| !counting.contains(id));
        let gone: Vec<&Contribution> = gone.map(|id| &self.contributions[id].now).collect();
        let all: Vec<&Contribution> = rows.iter().chain(&gone).copied().collect();
        let is_there = |connection: &str| self.catalog.connections.contains_key(connection);
        let lifted = survivorship::consent::lifted(entity, &all, is_there);
        let silenced = survivorship::without(&rows, &[echoes, lifted.clone()].concat());
        let rows: Vec<&Contribution> = silenced.iter().map(AsRef::as_ref).collect();
        let gone = survivorship::without(&gone, &lifted);
        let gone: Vec<&Contribution> = gone.iter().map(AsRef::as_ref).collect();
        let previous = self.recalled.get(&id).or_else(|| self.records[&id].before());
        let mut fields = survivorship::compute(entity, &rows, &gone, previous);
        for field in fields.values_mut() {
            if let Value::Reference(reference) = &field.value {
                field.value = Value::Reference(self.resolve_reference(reference.clone())?);
            }
        }
        let slot = self.records.get_mut(&id).ok_or_else(|| StoreError::Damaged("not loaded".into()))?;
        let asked = |fields: &NameMap<Field>| fields.values().any(|field| field.rule == Rule::Undecided);
        let (was, is) = (asked(&slot.now.fields), asked(&fields));
        if was || is {
            self.disputed.insert(id);
        }
        let slot = self.records.get_mut(&id).ok_or_else(|| StoreError::Damaged("not loaded".into()))?;
        let changed = slot.now.fields.len() != fields.len()
            || slot.now.fields.iter().any(|(name, old)| fields.get(name).is_none_or(|new| new.value != old.value));
        if slot.now.fields != fields {
            // The winner may have changed though the value did not: `why` must know.
            slot.touch().fields = fields;
        }
        if !changed {
            if was {
                // What was left as it is meanwhile is looked at, whichever it is that was left.
                self.enter_all(id, Reason::Changed)?;
            }
            return Ok(Recomputed::Same);
        }
        if self.noted.insert(id) {
            self.changes.push((id, ChangeKind::Updated));
        }
        let entries = index_entries(Some(entity), &self.records[&id].now);
        for entry in &entries {
            let list = match entry.space {
                IndexSpace::Match => self.fresh.entry(entry.hash).or_default(),
                IndexSpace::Waiting => self.waiting.entry(entry.hash).or_default(),
                IndexSpace::Remote | IndexSpace::Referrer => continue,
            };
            if !list.contains(&id) {
                list.push(id);
            }
        }
        if let Some(slot) = self.records.get_mut(&id) {
            slot.entries = Some(entries);
        }
        self.enter_all(id, Reason::Changed)?;
        Ok(Recomputed::Changed)
    }

    /// Recomputes what was queued by attaching.
    pub fn settle_queue(&mut self) -> Result<(), StoreError> {
        let mut done = HashSet::new();
        while let Some(id) = self.queue.pop() {
            let id = self.surviving(id)?;
            if done.insert(id) {
                self.recompute(id)?;
            }
        }
        Ok(())
    }

    fn resolve_reference(&mut self, reference: Reference) -> Result<Reference, StoreError> {
        match reference {
            Reference::Record(id) => Ok(Reference::Record(self.surviving(id)?)),
            Reference::Remote(key) => {
                let record = match self.contribution_of(&key)? {
                    Some(id) => self.contribution(id)?.record,
                    None => None,
                };
                match record {
                    Some(id) => Ok(Reference::Record(self.surviving(id)?)),
                    None => Ok(Reference::Remote(key)),
                }
            }
        }
    }

    /// A small named row, as this draft leaves it.
    pub fn row(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.batch.rows.iter().rev().find(|row| row.space == space && row.key == key) {
            Some(row) => Ok(row.value.clone()),
            None => self.store.row(space, key),
        }
    }

    /// `loser` is carried on by `winner`: contributions move, fields are computed anew, the old id resolves for ever.
    pub fn merge(&mut self, winner: RecordId, loser: RecordId) -> Result<(), StoreError> {
        if winner == loser {
            return Ok(());
        }
        let was = self.record(loser)?.clone();
        let entity = self.entity(&was.entity)?;
        for record in [winner, loser] {
            let rows = self.counting(record)?;
            self.meet(entity, &rows)?;
        }
        let numbers = renumber(entity, &was, self.record_mut(winner)?);
        for id in &was.contributions {
            self.attach_as(*id, winner, &numbers)?;
        }
        let record = self.record_mut(loser)?;
        record.contributions.clear();
        record.fields.clear();
        record.state = RecordState::MergedInto(winner);
        self.disputed.insert(loser);
        self.noted.extend([loser, winner]);
        self.changes.push((loser, ChangeKind::MergedInto(winner)));
        self.changes.push((winner, ChangeKind::Absorbed(loser)));
        self.recompute(winner)?;
        self.enter_all(winner, Reason::Changed)?;
        let referring: Vec<RecordId> = self
            .store
            .candidates(IndexSpace::Referrer, &[matching::referrer_hash(loser)])?
            .into_iter()
            .flatten()
            .map(RecordId)
            .collect();
        self.queue.extend(referring);
        self.settle_queue()
    }

    /// The record is gone everywhere that counts, or back.
    pub fn set_state(&mut self, record: RecordId, state: RecordState, kind: ChangeKind) -> Result<(), StoreError> {
        self.record_mut(record)?.state = state;
        self.noted.insert(record);
        self.changes.push((record, kind));
        self.enter_all(record, Reason::Changed)
    }

    /// The finished batch. Index entries come from comparing each record before and now.
    pub fn finish(mut self) -> Result<Batch, StoreError> {
        self.settle_queue()?;
        for record in std::mem::take(&mut self.disputed) {
            super::conflict::disputed(&mut self, record)?;
        }
        let mut batch = std::mem::take(&mut self.batch);
        for slot in self.records.values_mut().filter(|slot| slot.touched) {
            slot.now.version = slot.before().map_or(1, |before| before.version + 1);
        }
        for (id, kind) in &self.changes {
            let slot = &self.records[id];
            let fields = match kind {
                ChangeKind::Created
                | ChangeKind::Updated
                | ChangeKind::Absorbed(_)
                | ChangeKind::Unmerged(_)
                | ChangeKind::UnmergedFrom(_)
                | ChangeKind::Archived
                | ChangeKind::Restored => field_changes(slot.before(), &slot.now),
                _ => Vec::new(),
            };
            batch.changes.push(Change {
                sequence: nave_core::model::Sequence(0),
                record: *id,
                entity: slot.now.entity.clone(),
                at: self.now,
                kind: kind.clone(),
                cause: self.cause.clone(),
                fields,
            });
        }
        let mut slots: Vec<Slot> = self.records.into_values().filter(|slot| slot.touched).collect();
        slots.sort_unstable_by_key(|slot| slot.now.id);
        batch.records.reserve(slots.len());
        for slot in slots {
            let entity = self.catalog.entities.get(slot.now.entity.as_str());
            let old = slot.before().map(|record| index_entries(entity.map(AsRef::as_ref), record)).unwrap_or_default();
            let new = slot.entries.unwrap_or_else(|| index_entries(entity.map(AsRef::as_ref), &slot.now));
            batch.index_add.extend(new.iter().filter(|entry| old.binary_search(entry).is_err()));
            batch.index_remove.extend(old.iter().filter(|entry| new.binary_search(entry).is_err()));
            batch.records.push(slot.now);
        }
        if self.catalog.mappings.values().any(|mapping| !mapping.parts.is_empty()) {
            let mut ids: Vec<ContributionId> =
                self.contributions.iter().filter(|(_, slot)| slot.touched).map(|(id, _)| *id).collect();
            ids.sort_unstable();
            for (id, before) in ids.iter().zip(self.store.contributions(&ids)?) {
                let entries = |row: &Contribution| -> BTreeSet<IndexEntry> {
                    let entry = |key| IndexEntry { space: IndexSpace::Remote, hash: matching::remote_hash(&key), id: id.0 };
                    nave_core::part::children(row).map(entry).collect()
                };
                let (old, new) = (before.as_ref().map(entries).unwrap_or_default(), entries(&self.contributions[id].now));
                batch.index_add.extend(new.difference(&old));
                batch.index_remove.extend(old.difference(&new));
            }
        }
        let mut rows: Vec<Contribution> =
            self.contributions.into_values().filter(|slot| slot.touched).map(|slot| slot.now).collect();
        rows.sort_unstable_by_key(|row| row.id);
        batch.contributions = rows;
        batch.dirty.extend(self.dirty.into_iter().map(|((destination, record), reasons)| (destination, record, reasons)));
        Ok(batch)
    }
}

fn not_there(id: ContributionId) -> StoreError {
    StoreError::Damaged(format!("contribution {id} is named but not there"))
}
