//! A person who was deleted everywhere and comes back is a new record, and has said no all the same: a refusal that stood when the
//! record ended counts for the new one, until its own source grants again.
//!
//! When a record ends that holds a refusal, a row under each of its match keys names it. What comes later and is the same by the
//! entity's rules takes the refusals over: as claims of an object that is gone, of the system that said them, so that the rule of
//! consent needs to know nothing of it. Nothing else of the old record comes back. Erasing a record takes away what it is found by,
//! and with that its refusals.

use std::collections::BTreeSet;

use nave_core::NameMap;
use nave_core::catalog::Entity;
use nave_core::matching::{self, Facts, MatchDecision};
use nave_core::model::{
    Claim, Contribution, ContributionId, ContributionState, Field, Record, RecordId, RecordState, RemoteKey, Rule,
};
use nave_core::survivorship::{consent, contenders};
use nave_store::{KeyedRow, StoreError};

use super::draft::Draft;

/// Rows by entity: whether any record of it ended with a refusal.
pub(super) const ANY: &str = "ended refusing";
/// Evidence of a claim that was taken over: its object ended with another record.
pub(super) const EVIDENCE: &str = "ended with its record";

/// Rows of a match key: the records that were found by it and ended with a refusal.
fn space(hash: u64) -> String {
    format!("ended refusing {hash:016x}")
}

/// A record is no more: where a refusal stands in it, it is found by what it held.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub(super) fn note(draft: &mut Draft<'_>, id: RecordId) -> Result<(), StoreError> {
    let Some(before) = draft.before(id).cloned() else { return Ok(()) };
    let Some(entity) = draft.catalog.entities.get(before.entity.as_str()) else { return Ok(()) };
    if !matches!(draft.record(id)?.state, RecordState::Deleted { .. }) || refusals(draft, entity, id)?.is_empty() {
        return Ok(());
    }
    let row = |space: String, key: String| KeyedRow { space, key, value: Some(b"{}".to_vec()) };
    for key in matching::keys(entity, &Facts::of(entity, &before)) {
        draft.batch.rows.push(row(space(key.hash), format!("{:020}", id.0)));
    }
    draft.batch.rows.push(row(ANY.to_owned(), entity.name.clone()));
    Ok(())
}

/// What stands in a record's fields of consent as refused, by whom it was said.
fn refusals(draft: &mut Draft<'_>, entity: &Entity, id: RecordId) -> Result<Vec<(Contribution, String, Claim)>, StoreError> {
    let mut rows = Vec::new();
    if consent::fields(entity).next().is_some() {
        for id in draft.record(id)?.contributions.clone() {
            rows.push(draft.contribution(id)?.clone());
        }
    }
    let rows: Vec<&Contribution> = rows.iter().collect();
    let mut found = Vec::new();
    for (field, stances) in consent::fields(entity) {
        for refusal in consent::refusals(stances, &contenders(&rows, &field.name)) {
            found.push((refusal.contribution.clone(), field.name.clone(), refusal.claim.clone()));
        }
    }
    Ok(found)
}

/// A thing is a record from now on: what the same person had refused before the end of another record counts for it.
///
/// # Errors
/// [`StoreError`] where the store cannot be read.
pub(super) fn refuses_still(draft: &mut Draft<'_>, entity: &Entity, facts: &Facts, record: RecordId) -> Result<(), StoreError> {
    if consent::fields(entity).next().is_none() || !draft.any_ended(&entity.name)? {
        return Ok(());
    }
    let mut ended = BTreeSet::new();
    for key in matching::keys(entity, facts) {
        for (id, _) in draft.store().rows(&space(key.hash))? {
            ended.extend(id.parse().ok().map(RecordId));
        }
    }
    for id in ended {
        if id == record || !matches!(draft.record(id)?.state, RecordState::Deleted { .. }) {
            continue; // it is in use again, and speaks for itself
        }
        let was = as_it_was(draft, id)?;
        if !matches!(matching::decide(entity, facts, std::iter::once(&was)), MatchDecision::Existing(..)) {
            continue;
        }
        for (said, field, claim) in refusals(draft, entity, id)? {
            // Ids of systems are told apart from this by what it says.
            let name = format!("{} of {}/{id}, for {}/{record}", said.key.remote_id, entity.name, entity.name);
            let key = RemoteKey::new(said.key.connection.clone(), said.key.stream.clone(), name);
            let object = match draft.contribution_of(&key)? {
                Some(object) => object,
                None => {
                    let object = draft.new_contribution(key, said.read_at);
                    let at = draft.now;
                    let why = format!("refused as {}/{id}, before that was deleted everywhere", entity.name);
                    draft.contribution_mut(object)?.state = ContributionState::Deleted { evidence: EVIDENCE.into(), at };
                    draft.attach(object, record)?;
                    draft.linked(record, object, why);
                    object
                }
            };
            draft.contribution_mut(object)?.claims.insert(field, claim);
        }
    }
    Ok(())
}

/// What is known of a record that ended: the latest of what each of its objects had said.
fn as_it_was(draft: &mut Draft<'_>, id: RecordId) -> Result<Record, StoreError> {
    let mut fields: NameMap<Field> = NameMap::new();
    for object in draft.record(id)?.contributions.clone() {
        for (name, claim) in &draft.contribution(object)?.claims {
            if fields.get(name.as_str()).is_none_or(|known| known.claimed_at < claim.claimed_at) {
                fields.insert(name.clone(), field(claim, object));
            }
        }
    }
    Ok(Record { state: RecordState::Active, fields, ..draft.record(id)?.clone() })
}

fn field(claim: &Claim, winner: ContributionId) -> Field {
    Field { value: claim.value.clone(), winner, rule: Rule::Newest, claimed_at: claim.claimed_at }
}
