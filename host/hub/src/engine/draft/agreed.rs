//! What everybody agreed on, of fields that are compared three ways: what another rule had chosen before.

use std::collections::BTreeSet;

use nave_core::Text;
use nave_core::catalog::Entity;
use nave_core::model::{Base, ContributionId, Field, RecordId, Rule};
use nave_core::survivorship::three_way;
use nave_core::value::Value;
use nave_store::StoreError;

use super::{Draft, Slot};

impl Draft<'_> {
    /// What another rule chose is what everybody agreed on, where a field is compared three ways from now on.
    pub(super) fn agree(&mut self, entity: &Entity, id: RecordId) -> Result<(), StoreError> {
        if !three_way::any(entity) {
            return Ok(());
        }
        let before = self.records.get(&id).and_then(Slot::before).into_iter().flat_map(|record| &record.fields);
        let others = before.filter(|(name, field)| {
            three_way::is(entity, name) && !matches!(field.rule, Rule::Only | Rule::ThreeWay | Rule::Undecided | Rule::Steward)
        });
        let chosen: Vec<(Text, Field)> = others.map(|(name, field)| (name.clone(), field.clone())).collect();
        let now = self.now;
        for (name, stood) in chosen {
            let (whose, known) = match stood.rule {
                Rule::Manual => (self.otherwise(id, &name, &stood.value)?, None),
                _ => (vec![stood.winner], Some(now)),
            };
            for row in whose {
                if self.contribution(row)?.claims.get(name.as_str()).is_none_or(|claim| claim.base.is_some()) {
                    continue;
                }
                if let Some(claim) = self.contribution_mut(row)?.claims.get_mut(name.as_str()) {
                    claim.base = Some(Box::new(Base { value: stood.value.clone(), known }));
                }
            }
        }
        Ok(())
    }

    /// Who says otherwise than what a person let stand, where they say several things: each changed it. Where they say one, it is as if
    /// it were seen for the first time, beside what those say who say what stands.
    fn otherwise(&mut self, id: RecordId, name: &str, stood: &Value) -> Result<Vec<ContributionId>, StoreError> {
        let (mut whose, mut values) = (Vec::new(), BTreeSet::new());
        for row in self.counting(id)? {
            let claim = self.contribution(row)?.claims.get(name);
            if let Some(claim) = claim.filter(|claim| claim.value != *stood) {
                values.insert(claim.value.clone());
                whose.push(row);
            }
        }
        Ok(if values.len() > 1 { whose } else { Vec::new() })
    }
}
