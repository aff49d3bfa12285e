//! What a system says of a field that another one owns: not carried on, and noted.

use nave_core::catalog::{Entity, Mapping, Survivorship};
use nave_core::model::{Claim, ContributionId, RecordId, Rule};
use nave_core::{NameMap, survivorship};
use nave_store::StoreError;

use super::draft::Draft;
use super::take::Intake;

impl Intake<'_> {
    /// Whether another system owns any field of the entity.
    pub(super) fn owned_elsewhere(&self) -> bool {
        self.entity.fields.values().any(|field| self.other_owner(&field.survivorship).is_some())
    }

    fn other_owner<'s>(&self, rule: &'s Survivorship) -> Option<&'s str> {
        other_owner(self.mapping, rule)
    }

    /// What this system says anew of a field that another one owns, and that speaks of it itself, is not carried on: noted, so
    /// that whoever edited it can find out why.
    pub(super) fn note_rejected(
        &self,
        draft: &mut Draft<'_>,
        id: ContributionId,
        record: RecordId,
        before: &NameMap<Claim>,
    ) -> Result<(), StoreError> {
        note_rejected(draft, self.mapping, self.entity, id, record, before)
    }
}

/// Another system that owns a field with this rule.
fn other_owner<'s>(mapping: &Mapping, rule: &'s Survivorship) -> Option<&'s str> {
    match rule {
        Survivorship::Owner(owner) if *owner != mapping.connection => Some(owner),
        _ => None,
    }
}

/// As [`Intake::note_rejected`], of what was not read but came back of a write.
pub(super) fn note_rejected(
    draft: &mut Draft<'_>,
    mapping: &Mapping,
    entity: &Entity,
    id: ContributionId,
    record: RecordId,
    before: &NameMap<Claim>,
) -> Result<(), StoreError> {
    let claims = draft.contribution(id)?.claims.clone();
    for (name, claim) in claims.iter() {
        let rule = survivorship::rule_of(entity, name);
        let Some(owner) = other_owner(mapping, rule) else { continue };
        let new = before.get(name.as_str()).is_none_or(|before| before.value != claim.value);
        let lost = draft
            .record(record)?
            .fields
            .get(name.as_str())
            .is_some_and(|field| field.rule == Rule::Owner && field.winner != id && field.value != claim.value);
        if new && lost {
            let words = format!("`{name}`: {} does not own it, {owner} does", mapping.connection);
            draft.rejected(record, id, words);
        }
    }
    Ok(())
}
