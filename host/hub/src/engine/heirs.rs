//! What a thing said that is gone, others may hold still: then they say it from now on. A record that somebody has in
//! another system keeps its name, and its e-mail is known when the same person comes again.
//!
//! Where the thing that is gone had the last word, what the hub wrote over there because of that is what those systems hold now. A
//! word of their own that is not there any more (older, or put back because another one owns the field) does not come up again:
//! nobody edited anything, and nothing is written anywhere. What a system said and holds still counts, by the field's rule.

use nave_core::Text;
use nave_core::catalog::Mapping;
use nave_core::intake::{element_key, element_value, list_path, shadow_body, tie_key};
use nave_core::landed;
use nave_core::mapping::Env;
use nave_core::model::{Claim, Contribution, ContributionId, RecordId};
use nave_core::survivorship::consent;
use nave_core::value::Value;
use nave_store::StoreError;

use super::draft::Draft;

/// Gives what only `gone` said, or what stands because it said so, to the active objects of the record that hold it, as of when it
/// was said. What nobody holds is no longer said; what others say whose claims count, though they are gone themselves, they go on
/// saying. Consent has no heirs: what the hub wrote of it into a system is nobody's stance, and a refusal stands by itself.
pub(super) fn inherit(draft: &mut Draft<'_>, gone: ContributionId, record: RecordId) -> Result<(), StoreError> {
    let claims = draft.contribution(gone)?.claims.clone();
    let mut speaking = draft.counting(record)?;
    speaking.retain(|id| *id != gone);
    let mut others = Vec::new();
    for id in draft.record(record)?.contributions.clone() {
        let row = draft.contribution(id)?;
        if id != gone && row.is_active() {
            others.push(row.clone());
        }
    }
    let entity = draft.record(record)?.entity.clone();
    let entity = draft.entity(&entity)?;
    for (field, claim) in claims.iter().filter(|(field, _)| consent::stances(entity, field).is_none()) {
        let stood = draft.record(record)?.fields.get(field.as_str()).is_some_and(|field| field.winner == gone);
        let mut said = false;
        for id in &speaking {
            said |= draft.contribution(*id)?.claims.get(field.as_str()).is_some();
        }
        if stood || !said {
            leave(draft, record, field, claim, &speaking, &others)?;
        }
    }
    Ok(())
}

/// What one of the others has of a field.
struct Other {
    id: ContributionId,
    /// What it holds, where that is known.
    holds: Option<Value>,
    /// It said something of its own.
    said: bool,
    /// What it said is not there any more: the hub wrote over it.
    stale: bool,
    /// It holds what is left.
    same: bool,
}

/// Leaves one field of what is gone to the others.
fn leave(
    draft: &mut Draft<'_>,
    record: RecordId,
    field: &Text,
    claim: &Claim,
    speaking: &[ContributionId],
    others: &[Contribution],
) -> Result<(), StoreError> {
    let mut all = Vec::new();
    for row in others {
        let holds = held(draft, record, row, field, claim)?;
        let own = row.claims.get(field.as_str());
        let stale = match (own, &holds) {
            (Some(own), Some(holds)) => !alike(draft, holds, &own.value)?,
            _ => false,
        };
        let same = match &holds {
            Some(holds) => alike(draft, holds, &claim.value)?,
            None => false,
        };
        all.push(Other { id: row.id, said: own.is_some(), holds, stale, same });
    }
    // Somebody says it, and goes on saying it.
    let mut goes_on = false;
    for id in speaking {
        let stale = all.iter().any(|other| other.id == *id && other.stale);
        let said = draft.contribution(*id)?.claims.get(field.as_str()).map(|said| said.value.clone());
        if let Some(said) = said.filter(|_| !stale) {
            goes_on |= alike(draft, &said, &claim.value)?;
        }
    }
    let kept = goes_on || all.iter().any(|other| other.same);
    for other in all {
        let row = draft.contribution_mut(other.id)?;
        if other.stale {
            row.claims.remove(field.as_str());
        } else if other.said {
            continue; // it holds what it said
        }
        let Some(holds) = other.holds.filter(|holds| !holds.is_empty()) else { continue };
        // Where it is held as it was said, nobody says another spelling of it, or what was there before.
        if (other.same && (other.stale || !goes_on)) || !kept {
            let value = match holds {
                Value::Text(_) if other.same => claim.value.clone(),
                holds => holds,
            };
            row.claims.insert(field.as_str(), Claim { value, ..claim.clone() });
        }
    }
    Ok(())
}

/// Whether two values say the same: of references, whether they lead to one record; of texts, whatever the spelling.
fn alike(draft: &mut Draft<'_>, one: &Value, other: &Value) -> Result<bool, StoreError> {
    if let (Value::Reference(_), Value::Reference(_)) = (one, other) {
        let (here, there) = (draft.referred(one)?, draft.referred(other)?);
        return Ok(one == other || here.is_some() && here == there);
    }
    Ok(landed::same(one, other))
}

/// What an object holds of a canonical field, or of an element of a list; none where that is not known. What is written and never read
/// back holds what it was sent.
fn held(
    draft: &mut Draft<'_>,
    record: RecordId,
    row: &Contribution,
    field: &Text,
    claim: &Claim,
) -> Result<Option<Value>, StoreError> {
    let catalog = draft.catalog;
    let region = catalog.hub.region.as_deref();
    let entity = draft.record(record)?.entity.clone();
    let entity = draft.entity(&entity)?;
    let here = |mapping: &&std::sync::Arc<Mapping>| mapping.connection == row.key.connection && mapping.alias == row.key.stream;
    let mappings = || catalog.mappings.values().filter(here);
    if let Some((list, number)) = field.split_once('/') {
        let Some(number) = number.parse::<u64>().ok() else { return Ok(None) };
        let no_ties = Vec::new();
        let ties = row.elements.get(list).unwrap_or(&no_ties);
        let tied = |key: &Text| ties.iter().any(|(id, tie)| id.0 == number && tie == key);
        let mut known = false;
        for mapping in mappings() {
            for own in mapping.lists.iter().filter(|own| own.canonical == list && own.direction.reads()) {
                let Some(Value::List(there)) = row.shadow.get(&list_path(own)) else { continue };
                known = true;
                for element in there {
                    let Ok(value) = element_value(mapping, own, element, region) else { continue };
                    if tied(&tie_key(mapping, own, element_key(entity, own, element, &value))) {
                        return Ok(Some(value));
                    }
                }
            }
        }
        let tied = ties.iter().any(|(id, _)| id.0 == number);
        return Ok(match tied {
            true => Some(claim.value.clone()),
            false => known.then_some(Value::Null),
        });
    }
    Ok(mappings().find_map(|mapping| {
        let own = mapping.fields.iter().find(|own| own.canonical.as_deref() == Some(field.as_str()))?;
        if !own.direction.reads() {
            let holds = row.shadow.get(&own.remote).is_some_and(|value| !value.is_empty());
            return holds.then(|| claim.value.clone());
        }
        if !row.shadow.contains_key(&own.remote) && !own.inputs.iter().any(|path| row.shadow.contains_key(path)) {
            return None;
        }
        let body = shadow_body(mapping, row);
        let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
        own.read.as_ref()?.evaluate(&env).ok()
    }))
}
