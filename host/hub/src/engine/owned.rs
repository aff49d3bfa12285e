//! What a system says of a field that another one owns: not carried on, and noted.

use nave_core::catalog::Survivorship;
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
        match rule {
            Survivorship::Owner(owner) if *owner != self.mapping.connection => Some(owner),
            _ => None,
        }
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
        let claims = draft.contribution(id)?.claims.clone();
        for (name, claim) in claims.iter() {
            let rule = survivorship::rule_of(self.entity, name);
            let Some(owner) = self.other_owner(rule) else { continue };
            let new = before.get(name.as_str()).is_none_or(|before| before.value != claim.value);
            let lost = draft
                .record(record)?
                .fields
                .get(name.as_str())
                .is_some_and(|field| field.rule == Rule::Owner && field.winner != id && field.value != claim.value);
            if new && lost {
                let words = format!("`{name}`: {} does not own it, {owner} does", self.mapping.connection);
                draft.rejected(record, id, words);
            }
        }
        Ok(())
    }
}
