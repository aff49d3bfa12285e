//! Takes in what a system says is gone: deleted, or merged into another.

use nave_core::Text;
use nave_core::catalog::{DeletePolicy, Mapping};
use nave_core::difference;
use nave_core::intake::{FieldError, Pulled};
use nave_core::limits::DELETIONS_CARRIED_MAX;
use nave_core::model::{
    AuditEntry, ChangeKind, Claim, Contribution, ContributionId, ContributionState, Reason, RecordId, RecordState, Review,
    ReviewKind, Time,
};
use nave_store::{KeyedRow, StoreError};

use super::apart;
use super::draft::Draft;
use super::heirs::inherit;
use super::merges::{self, Kept};
use super::take::{Happened, Intake, title};

/// Rows: how many deletions a run has carried on by itself, by mapping.
const CARRIED: &str = "carried";

impl Intake<'_> {
    /// The system says that it is gone.
    pub(super) fn delete(
        &mut self,
        draft: &mut Draft<'_>,
        remote_id: &str,
        evidence: &'static str,
    ) -> Result<Happened, StoreError> {
        let key = self.key(remote_id);
        let Some(id) = draft.contribution_of(&key)? else { return Ok(Happened::Filtered) };
        if !draft.contribution(id)?.is_active() {
            return Ok(Happened::Unchanged);
        }
        let now = draft.now;
        let since = match draft.contribution(id)?.record {
            Some(record) if self.mapping.delete == DeletePolicy::Propagate => {
                let record = draft.surviving(record)?;
                self.edited_since(draft, id, record)?
            }
            _ => None,
        };
        draft.contribution_mut(id)?.state = ContributionState::Deleted { evidence: evidence.into(), at: now };
        let Some(record) = draft.contribution(id)?.record else { return Ok(Happened::Deleted) };
        let record = draft.surviving(record)?;
        let (mut others, mut here) = (0, 0);
        for other in draft.record(record)?.contributions.clone() {
            let other = draft.contribution(other)?;
            others += u32::from(other.is_active());
            here += u32::from(other.is_active() && other.key.connection == key.connection && other.key.stream == key.stream);
        }
        let put_away = difference::put_away_by_us(self.mapping, draft.contribution(id)?);
        if here > 0 && put_away && draft.record(record)?.state == RecordState::Active {
            // A second object that we put away, which this system calls gone: what it said is still said.
            draft.contribution_mut(id)?.state = ContributionState::Deleted { evidence: "ours".into(), at: now };
            draft.recompute(record)?;
            return Ok(Happened::Deleted);
        }
        if self.mapping.delete == DeletePolicy::Archive && here == 0 {
            // It keeps what it holds: claims of things that are gone count for an archived record.
            if draft.record(record)?.state == RecordState::Active {
                draft.set_state(record, RecordState::Archived, ChangeKind::Archived)?;
            }
            draft.recompute(record)?;
            return Ok(Happened::Deleted);
        }
        if self.mapping.delete != DeletePolicy::Ignore {
            inherit(draft, id, record)?;
        }
        draft.recompute(record)?;
        if here > 0 {
            // Another object of the record stands for it there now.
            draft.enter_own(self.mapping, record, Reason::Changed);
        }
        // Some systems call gone what was put away in them.
        let away = draft.record(record)?.state == RecordState::Archived
            && difference::put_away_by_us(self.mapping, draft.contribution(id)?);
        if others == 0 {
            if !away {
                draft.set_state(record, RecordState::Deleted { at: now }, ChangeKind::Deleted)?;
            }
        } else if self.mapping.delete == DeletePolicy::Propagate
            && !matches!(draft.record(record)?.state, RecordState::Deleted { .. })
        {
            if here == 0 && since.is_none() && goes_everywhere(draft, record)? && self.may_carry(draft)? {
                draft.set_state(record, RecordState::Deleted { at: now }, ChangeKind::Deleted)?;
            } else {
                self.ask_to_delete(draft, id, record, since.as_deref())?;
            }
        }
        Ok(Happened::Deleted)
    }

    /// Where somebody edited the record since this object was last in agreement with it, or wrote something that it never
    /// got. What was carried to it, and what it says itself, is no such edit.
    fn edited_since(&self, draft: &mut Draft<'_>, id: ContributionId, record: RecordId) -> Result<Option<String>, StoreError> {
        let gone = draft.contribution(id)?.clone();
        let catalog = draft.catalog;
        let mut own = catalog.mappings.values().filter(|m| m.flow_out.is_some() && is_of(m, &gone)).peekable();
        let written = own.peek().is_some();
        let mut waits = !written;
        for mapping in own {
            waits |= draft.unsettled(&mapping.name, record)?;
        }
        let base = gone.attempted_at.map_or(gone.read_at, |at| at.max(gone.read_at));
        let mut newest: Option<(Time, String)> = None;
        for other in draft.record(record)?.contributions.clone() {
            let row = draft.contribution(other)?;
            if !waits || other == id || !row.is_active() {
                continue;
            }
            let news = |(field, claim): &(&Text, &Claim)| {
                claim.observed_at > base
                    && gone.claims.get(field.as_str()).is_none_or(|own| own.value != claim.value)
                    // What is never written to it is only compared where both speak about it.
                    && (written || speaks_of(self.mapping, field))
            };
            let latest = row.claims.iter().filter(news).map(|(_, claim)| claim.observed_at).max();
            if let Some(at) = latest.filter(|at| newest.as_ref().is_none_or(|(known, _)| known < at)) {
                newest = Some((at, row.key.connection.to_string()));
            }
        }
        Ok(newest.map(|(_, connection)| connection))
    }

    /// Whether one more deletion of this run may be carried on without a person (I11).
    fn may_carry(&self, draft: &mut Draft<'_>) -> Result<bool, StoreError> {
        let row = draft.row(CARRIED, &self.mapping.name)?;
        let known = row.and_then(|row| serde_json::from_slice::<(u64, usize)>(&row).ok());
        let count = known.filter(|(run, _)| *run == self.run).map_or(0, |(_, count)| count) + 1;
        let value = Some(format!("[{},{count}]", self.run).into_bytes());
        draft.batch.rows.push(KeyedRow { space: CARRIED.into(), key: self.mapping.name.clone(), value });
        Ok(count <= DELETIONS_CARRIED_MAX)
    }

    /// Asks a person whether what is gone in one system goes elsewhere too.
    fn ask_to_delete(
        &self,
        draft: &mut Draft<'_>,
        gone: ContributionId,
        record: RecordId,
        since: Option<&str>,
    ) -> Result<(), StoreError> {
        let mut others = 0;
        for other in draft.record(record)?.contributions.clone() {
            others += u32::from(draft.contribution(other)?.is_active());
        }
        let gone_row = draft.contribution(gone)?.clone();
        let from = &gone_row.key.connection;
        // What nobody else said is known from what is gone.
        let said = |field: &str| gone_row.claims.get(field).map(|claim| &claim.value);
        let name = title(self.entity, |field| draft.loaded(record)?.value(field).or_else(|| said(field)));
        let since = since.map_or_else(String::new, |system| format!(", and changed in {system} since"));
        let review = Review {
            id: draft.next_review(),
            title: format!("{name} was deleted in {from}{since}: delete it in {others} other place(s) too?"),
            kind: ReviewKind::Delete { contribution: gone, record },
            entity: self.entity.name.clone(),
            steward: self.mapping.steward.clone(),
            opened_at: draft.now,
            closed_at: None,
        };
        draft.batch.reviews.push(review);
        Ok(())
    }

    /// Somebody edited an object that was about to be deleted because its record is: the record stands again, and a person
    /// decides.
    pub(super) fn edited_after_all(&self, draft: &mut Draft<'_>, record: RecordId) -> Result<bool, StoreError> {
        if self.mapping.delete != DeletePolicy::Propagate || !matches!(draft.record(record)?.state, RecordState::Deleted { .. }) {
            return Ok(false);
        }
        let mut gone: Option<(Time, ContributionId)> = None;
        for id in draft.record(record)?.contributions.clone() {
            match &draft.contribution(id)?.state {
                ContributionState::Deleted { evidence, at } if evidence != "ours" => gone = gone.max(Some((*at, id))),
                _ => {}
            }
        }
        let Some((_, gone)) = gone else { return Ok(false) };
        draft.set_state(record, RecordState::Active, ChangeKind::Restored)?;
        draft.recompute(record)?;
        self.ask_to_delete(draft, gone, record, Some(&self.mapping.connection))?;
        Ok(true)
    }

    /// Whether a record that was archived because of a deletion has a thing that was made or changed after that.
    pub(super) fn in_use_since(&self, draft: &mut Draft<'_>, record: RecordId, pulled: &Pulled) -> Result<bool, StoreError> {
        if draft.record(record)?.state != RecordState::Archived {
            return Ok(false);
        }
        let mut gone = None;
        for id in draft.record(record)?.contributions.clone() {
            if let ContributionState::Deleted { at, .. } = draft.contribution(id)?.state {
                gone = gone.max(Some(at));
            }
        }
        Ok(pulled.modified_at.is_none_or(|modified| gone.is_none_or(|gone| modified > gone)))
    }

    /// The system merged it into another.
    pub(super) fn merged(&mut self, draft: &mut Draft<'_>, loser: &str, winner: &str) -> Result<Happened, StoreError> {
        let Some(losing) = draft.contribution_of(&self.key(loser))? else { return Ok(Happened::Filtered) };
        if self.comes_back_to(draft, loser, winner)? {
            let message = format!("it says that it was merged into `{winner}`, which is itself: what it held is kept");
            let error = FieldError { path: "merged-into".into(), class: "other".into(), message };
            self.quarantine(draft, loser, vec![error], Vec::new());
            return Ok(Happened::Quarantined);
        }
        let Some(winning) = draft.contribution_of(&self.key(winner))? else {
            // The survivor has not been read yet; what the loser said stays until it has.
            return Ok(Happened::Held);
        };
        match &draft.contribution(losing)?.state {
            ContributionState::MergedInto(into) if into == winner => return Ok(Happened::Unchanged),
            // It was taken away by us, or its merge there was taken back here: that it is merged there is nothing new.
            ContributionState::Deleted { evidence, .. } if evidence == "ours" || evidence == apart::EVIDENCE => {
                return Ok(Happened::Unchanged);
            }
            _ => {}
        }
        let from = draft.contribution(losing)?.record;
        let to = draft.contribution(winning)?.record;
        let mut kept = None;
        if let (Some(from), Some(to)) = (from, to) {
            let (from, to) = (draft.surviving(from)?, draft.surviving(to)?);
            if from != to {
                if apart::kept_apart_in(draft, from, to)?.is_some() {
                    return self.stays_apart(draft, losing, winner, (from, to));
                }
                kept = Some(Kept::before(draft, to, from)?);
            }
        }
        draft.contribution_mut(losing)?.state = ContributionState::MergedInto(winner.to_owned());
        match (from, to) {
            (Some(_), Some(to)) => {
                let to = draft.surviving(to)?;
                match kept {
                    Some(kept) => {
                        let said = format!("{loser} was merged into {winner} there");
                        merges::of_system(draft, kept, &self.mapping.connection, &said)?;
                    }
                    None => drop(draft.recompute(to)?),
                }
            }
            (Some(from), None) => {
                draft.attach(winning, from)?;
                draft.recompute(from)?;
            }
            (None, _) => {}
        }
        Ok(Happened::Merged)
    }

    /// The system merged it into a thing that a steward keeps apart from it (I12): the records stay two. Its own is gone there,
    /// and is not made again by itself; what it said is still said.
    fn stays_apart(
        &self,
        draft: &mut Draft<'_>,
        losing: ContributionId,
        winner: &str,
        (from, to): (RecordId, RecordId),
    ) -> Result<Happened, StoreError> {
        let at = draft.now;
        draft.contribution_mut(losing)?.state = ContributionState::Deleted { evidence: apart::EVIDENCE.into(), at };
        let entity = &self.entity.name;
        let line = AuditEntry {
            at,
            actor: "hub".into(),
            action: "merge.kept-apart".into(),
            subject: draft.contribution(losing)?.key.to_string(),
            detail: format!(
                "merged into {winner} there, and {entity}/{from} is kept apart from {entity}/{to}; if they are one after all: \
                 `nave match merge {entity}/{to} {entity}/{from} --reason TEXT`"
            ),
        };
        draft.batch.audit.push(line);
        draft.recompute(from)?;
        Ok(Happened::Merged)
    }

    /// Whether what is merged into `winner` would be merged into itself, at once or around a corner.
    fn comes_back_to(&self, draft: &mut Draft<'_>, loser: &str, winner: &str) -> Result<bool, StoreError> {
        let mut next = winner.to_owned();
        for _ in 0..64 {
            if next == loser {
                return Ok(true);
            }
            let Some(id) = draft.contribution_of(&self.key(&next))? else { return Ok(false) };
            let ContributionState::MergedInto(into) = &draft.contribution(id)?.state else { return Ok(false) };
            next = into.clone();
        }
        Ok(true)
    }
}

/// Whether a mapping is about this object's stream.
fn is_of(mapping: &Mapping, row: &Contribution) -> bool {
    mapping.connection == row.key.connection && mapping.alias == row.key.stream
}

/// Whether every object of the record is one that a deletion is carried on to.
fn goes_everywhere(draft: &mut Draft<'_>, record: RecordId) -> Result<bool, StoreError> {
    let catalog = draft.catalog;
    let follows = |mapping: &Mapping| mapping.flow_out.is_some() && mapping.delete == DeletePolicy::Propagate;
    for id in draft.record(record)?.contributions.clone() {
        let row = draft.contribution(id)?;
        if row.is_active() && !catalog.mappings.values().any(|mapping| follows(mapping) && is_of(mapping, row)) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Whether a mapping speaks about a canonical field, or the list that an element is of.
fn speaks_of(mapping: &Mapping, field: &str) -> bool {
    let field = field.split_once('/').map_or(field, |(list, _)| list);
    mapping.fields.iter().any(|known| known.canonical.as_deref() == Some(field) || known.outputs.iter().any(|name| name == field))
        || mapping.lists.iter().chain(mapping.parts.iter().map(|part| &part.list)).any(|list| list.canonical == field)
}
