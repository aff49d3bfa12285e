//! What a thing said that is gone, others may hold still: then they say it from now on. A record that somebody has in
//! another system keeps its name, and its e-mail is known when the same person comes again.

use nave_core::Text;
use nave_core::intake::shadow_body;
use nave_core::mapping::Env;
use nave_core::model::{Claim, Contribution, ContributionId, RecordId};
use nave_core::survivorship::consent;
use nave_store::StoreError;

use super::draft::Draft;

/// Gives what only `gone` said to the active objects of the record that hold it, as of when it was said. What nobody holds is
/// no longer said; what others say whose claims count, though they are gone themselves, they go on saying. Consent has no heirs:
/// what the hub wrote of it into a system is nobody's stance, and a refusal stands by itself.
pub(super) fn inherit(draft: &mut Draft<'_>, gone: ContributionId, record: RecordId) -> Result<(), StoreError> {
    let claims = draft.contribution(gone)?.claims.clone();
    let mut speaking = draft.counting(record)?;
    speaking.retain(|id| *id != gone);
    let mut others = Vec::new();
    for id in draft.record(record)?.contributions.clone() {
        if id != gone && draft.contribution(id)?.is_active() {
            others.push(id);
        }
    }
    let entity = draft.record(record)?.entity.clone();
    let entity = draft.entity(&entity)?;
    let mut left: Vec<(Text, Claim)> = Vec::new();
    for (field, claim) in claims.iter().filter(|(field, _)| consent::stances(entity, field).is_none()) {
        let mut said = false;
        for id in &speaking {
            said |= draft.contribution(*id)?.claims.get(field.as_str()).is_some();
        }
        if !said && !claim.value.is_empty() {
            left.push((field.clone(), claim.clone()));
        }
    }
    for id in others {
        let row = draft.contribution(id)?.clone();
        let held: Vec<(Text, Claim)> = left.iter().filter_map(|(field, claim)| held(draft, &row, field, claim)).collect();
        if !held.is_empty() {
            let row = draft.contribution_mut(id)?;
            held.into_iter().for_each(|(field, claim)| drop(row.claims.insert(field, claim)));
        }
    }
    Ok(())
}

/// What an object holds of a canonical field, or of an element of a list.
fn held(draft: &Draft<'_>, row: &Contribution, field: &Text, claim: &Claim) -> Option<(Text, Claim)> {
    if let Some((list, number)) = field.split_once('/') {
        let number: u64 = number.parse().ok()?;
        let tied = row.elements.get(list)?.iter().any(|(id, _)| id.0 == number);
        return tied.then(|| (field.clone(), claim.clone()));
    }
    let region = draft.catalog.hub.region.as_deref();
    let mappings = draft.catalog.mappings.values();
    mappings.filter(|mapping| mapping.connection == row.key.connection && mapping.alias == row.key.stream).find_map(|mapping| {
        let own = mapping.fields.iter().find(|own| own.canonical.as_deref() == Some(field.as_str()))?;
        if !own.direction.reads() {
            // Written and never read back: it holds what it was sent.
            let holds = row.shadow.get(&own.remote).is_some_and(|value| !value.is_empty());
            return holds.then(|| (field.clone(), claim.clone()));
        }
        let body = shadow_body(mapping, row);
        let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
        let value = own.read.as_ref()?.evaluate(&env).ok().filter(|value| !value.is_empty())?;
        Some((field.clone(), Claim { value, ..claim.clone() }))
    })
}
