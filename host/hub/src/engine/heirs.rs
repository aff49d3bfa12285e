//! What a thing said that is gone, others may hold still: then they say it from now on. A record that somebody has in
//! another system keeps its name, and its e-mail is known when the same person comes again.
//!
//! Where the thing that is gone had the last word, whoever holds that value because the hub wrote it there says it from now on, instead of
//! what it once said itself and no longer holds: an older word, or an edit that was put back, does not come up again. Who never took the
//! value over goes on saying its own. Elements of lists are left to those that have them.

use std::sync::Arc;

use nave_core::Text;
use nave_core::catalog::{FieldMapping, Mapping};
use nave_core::intake::shadow_body;
use nave_core::mapping::Env;
use nave_core::model::{Claim, Contribution, ContributionId, RecordId};
use nave_core::survivorship::consent;
use nave_core::value::Value;
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
    let mut stood: Vec<(Text, Claim)> = Vec::new();
    for (field, claim) in claims.iter().filter(|(field, _)| consent::stances(entity, field).is_none()) {
        let mut said = false;
        for id in &speaking {
            said |= draft.contribution(*id)?.claims.get(field.as_str()).is_some();
        }
        if !said && !claim.value.is_empty() {
            left.push((field.clone(), claim.clone()));
        }
        let winner = draft.record(record)?.fields.get(field.as_str()).map(|field| field.winner);
        if said && winner == Some(gone) && !field.contains('/') {
            stood.push((field.clone(), claim.clone()));
        }
    }
    for id in others {
        let row = draft.contribution(id)?.clone();
        let mut held: Vec<(Text, Claim)> = left.iter().filter_map(|(field, claim)| held(draft, &row, field, claim)).collect();
        for (field, claim) in &stood {
            held.extend(taken_over(draft, &row, field, claim)?.map(|claim| (field.clone(), claim)));
        }
        if !held.is_empty() {
            let row = draft.contribution_mut(id)?;
            held.into_iter().for_each(|(field, claim)| drop(row.claims.insert(field, claim)));
        }
    }
    Ok(())
}

/// Where a mapping has a canonical field: of several places the one that is read (a name may be written to a second field as well).
fn mapped<'m>(mapping: &'m Mapping, field: &str) -> Option<&'m FieldMapping> {
    let mut places: Vec<&FieldMapping> = mapping.fields.iter().filter(|own| own.canonical.as_deref() == Some(field)).collect();
    places.sort_by_key(|own| !own.direction.reads());
    places.first().copied()
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
        let own = mapped(mapping, field)?;
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

/// What an object says from now on of a field whose value stood because of what is gone: that value, if it holds it, in whichever spelling.
/// Who says nothing of it and holds nothing may never have held anything.
fn taken_over(draft: &mut Draft<'_>, row: &Contribution, field: &Text, claim: &Claim) -> Result<Option<Claim>, StoreError> {
    let catalog = draft.catalog;
    let region = catalog.hub.region.as_deref();
    let here = |mapping: &&Arc<Mapping>| mapping.connection == row.key.connection && mapping.alias == row.key.stream;
    for mapping in catalog.mappings.values().filter(here) {
        let Some(own) = mapped(mapping, field) else { continue };
        let (Some(read), Some(there)) = (&own.read, row.shadow.get(&own.remote)) else { continue };
        let mut body = shadow_body(mapping, row);
        let meaning = |body: &Value| read.evaluate(&Env { body, externals: &[], connection: &mapping.connection, region }).ok();
        let Some(shown) = meaning(&body) else { continue };
        // What was written there counts as the hub spelled it.
        let written = row.sent.get(&own.remote).filter(|sent| *sent != there).and_then(|sent| {
            body.put(&own.remote, sent.clone());
            meaning(&body)
        });
        let known = !claim.value.is_empty() || row.claims.get(field.as_str()).is_some();
        for held in [Some(shown), written].into_iter().flatten() {
            if known && same(draft, &held, &claim.value)? {
                // Who says it himself goes on saying it, as of when he did.
                if row.claims.get(field.as_str()).is_some_and(|own| own.value == held) {
                    return Ok(None);
                }
                return Ok(Some(Claim { value: held, ..claim.clone() }));
            }
        }
    }
    Ok(None)
}

/// Whether two values say the same: of references, whether they lead to one record.
fn same(draft: &mut Draft<'_>, one: &Value, other: &Value) -> Result<bool, StoreError> {
    if let (Value::Reference(_), Value::Reference(_)) = (one, other) {
        let (here, there) = (draft.referred(one)?, draft.referred(other)?);
        return Ok(one == other || here.is_some() && here == there);
    }
    Ok(one == other || one.is_empty() && other.is_empty())
}
