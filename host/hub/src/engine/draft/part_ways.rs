//! Claims that come to be compared with another record's, what merging leaves behind, and two records parting ways again.

use nave_core::catalog::Entity;
use nave_core::matching;
use nave_core::model::{ChangeKind, ContributionId, Field, Reason, Record, RecordId, RecordState};
use nave_core::survivorship::{STEWARD, three_way};
use nave_core::value::{Reference, Value};
use nave_store::{IndexSpace, StoreError};

use super::Draft;
use crate::engine::rows::Renumbered;

impl Draft<'_> {
    /// A contribution that says something already goes to another record: nobody there knew of that, nor did it of what is said there.
    pub(super) fn strangers(&mut self, contribution: ContributionId, record: RecordId) -> Result<(), StoreError> {
        let name = self.record(record)?.entity.clone();
        let entity = self.entity(&name)?;
        if !three_way::any(entity) {
            return Ok(());
        }
        let row = self.contribution(contribution)?;
        let compared = row.claims.keys().any(|name| three_way::is(entity, name));
        if row.record == Some(record) || row.key.connection == STEWARD || !compared {
            return Ok(());
        }
        self.meet(entity, &[contribution])?;
        let there = self.counting(record)?;
        self.meet(entity, &there)
    }

    /// Claims of these contributions of one record are going to be compared with those of another one.
    pub(super) fn meet(&mut self, entity: &Entity, rows: &[ContributionId]) -> Result<(), StoreError> {
        if !three_way::any(entity) {
            return Ok(());
        }
        let all = rows.iter().map(|id| self.contribution(*id).cloned()).collect::<Result<Vec<_>, _>>()?;
        for (id, name, base) in three_way::met(entity, &all.iter().collect::<Vec<_>>()) {
            if let Some(claim) = self.contribution_mut(id)?.claims.get_mut(name.as_str()) {
                claim.base = base;
            }
        }
        Ok(())
    }

    /// Which element numbers of a contribution became which in this draft.
    pub(in crate::engine) fn renumbered(&self, contribution: ContributionId) -> Vec<Renumbered> {
        self.renumbered.get(&contribution).cloned().unwrap_or_default()
    }

    /// Records that refer to this one, as they are stored.
    pub(in crate::engine) fn referring(&mut self, record: RecordId) -> Result<Vec<RecordId>, StoreError> {
        let hash = matching::referrer_hash(record);
        let found = self.store.candidates(IndexSpace::Referrer, &[hash])?.into_iter().flatten().map(RecordId);
        let mut ids: Vec<RecordId> = found.collect();
        ids.sort_unstable();
        ids.dedup();
        let mut referring = Vec::new();
        for id in ids {
            let refers = |value: &Value| *value == Value::Reference(Reference::Record(record));
            if self.record(id)?.fields.values().any(|field| refers(&field.value)) {
                referring.push(id);
            }
        }
        Ok(referring)
    }

    /// The record that a value refers to, if it refers to one that is here.
    pub(in crate::engine) fn referred(&mut self, value: &Value) -> Result<Option<RecordId>, StoreError> {
        let Value::Reference(reference) = value else { return Ok(None) };
        Ok(match self.resolve_reference(reference.clone())? {
            Reference::Record(id) => Some(id),
            Reference::Remote(_) => None,
        })
    }

    /// A contribution goes to another record: back under the numbers that its elements had there, where they are known.
    pub(in crate::engine) fn hand_over(
        &mut self,
        contribution: ContributionId,
        to: RecordId,
        numbers: Option<&[Renumbered]>,
    ) -> Result<(), StoreError> {
        let from = self.contribution(contribution)?.record;
        if let Some(from) = from {
            self.record_mut(from)?.contributions.retain(|id| *id != contribution);
        }
        let Some(numbers) = numbers else { return self.attach(contribution, to) };
        let (row, target) = self.pair(contribution, to)?;
        let mut back = |list: &str, number: u64| {
            let known = numbers.iter().find(|known| known.list == list && known.to == number).map(|known| known.from);
            known.unwrap_or_else(|| {
                // It came since: a number of its own there.
                let next = target.next_element;
                target.next_element += 1;
                next
            })
        };
        let names: Vec<_> = row.claims.keys().filter(|name| name.contains('/')).cloned().collect();
        let mut claims = Vec::new();
        let mut given = Vec::new();
        for name in names {
            let Some((list, number)) = name.split_once('/') else { continue };
            let number: u64 = number.parse().unwrap_or(0);
            let to = back(list, number);
            given.push((list.to_owned(), number, to));
            claims.extend(row.claims.remove(&name).map(|claim| (format!("{list}/{to}"), claim)));
        }
        row.claims.extend(claims);
        for (list, ties) in row.elements.iter_mut() {
            for (id, _) in ties.iter_mut() {
                let known = given.iter().find(|(of, from, _)| of == list && *from == id.0).map(|(.., to)| *to);
                id.0 = known.unwrap_or_else(|| back(list, id.0));
            }
        }
        row.record = Some(to);
        if !target.contributions.contains(&contribution) {
            target.contributions.push(contribution);
            target.contributions.sort();
        }
        Ok(())
    }

    /// What is to stand in `manual` fields of a record when it is computed next, whatever stood there.
    pub(in crate::engine) fn recall(&mut self, id: RecordId, fields: Vec<(String, Field)>) -> Result<(), StoreError> {
        if fields.is_empty() {
            return Ok(());
        }
        let mut recalled = self.record(id)?.clone();
        for (name, field) in fields {
            recalled.fields.insert(name.as_str(), field);
        }
        self.recalled.insert(id, recalled);
        Ok(())
    }

    /// A record that was merged stands by itself again, as it stood; what it holds is computed anew from what came back to it.
    /// Whoever refers to either is looked at. `standing` is what stands in `manual` fields of the survivor by the records that are still
    /// merged into it.
    pub(in crate::engine) fn part_ways(
        &mut self,
        survivor: &Record,
        loser: &Record,
        standing: &[(String, Field)],
    ) -> Result<(), StoreError> {
        let mut referring = self.referring(survivor.id)?;
        referring.extend(self.referring(loser.id)?);
        let next = self.record(loser.id)?.next_element.max(loser.next_element);
        let stands = self.record_mut(loser.id)?;
        stands.state = loser.state.clone();
        stands.next_element = next;
        debug_assert!(!matches!(stands.state, RecordState::MergedInto(_)));
        // `manual` fields: what they were, where whoever said so is not here any more.
        let now = self.record(survivor.id)?.clone();
        let mut recalled = now.clone();
        let before = survivor.fields.iter().map(|(name, field)| (name.as_str(), field));
        for (name, field) in before.chain(standing.iter().map(|(name, field)| (name.as_str(), field))) {
            let stays = now.fields.get(name).is_some_and(|now_is| now.contributions.contains(&now_is.winner));
            if !stays {
                recalled.fields.insert(name, field.clone());
            }
        }
        self.recalled.insert(survivor.id, recalled);
        self.recalled.insert(loser.id, loser.clone());
        self.noted.extend([survivor.id, loser.id]);
        self.changes.push((survivor.id, ChangeKind::Unmerged(loser.id)));
        self.changes.push((loser.id, ChangeKind::UnmergedFrom(survivor.id)));
        for id in [loser.id, survivor.id] {
            self.recompute(id)?;
            self.enter_all(id, Reason::Changed)?;
        }
        self.queue.extend(referring.into_iter().filter(|id| *id != loser.id && *id != survivor.id));
        self.settle_queue()
    }
}
