//! What came back of a write as another value, or as it was before. Another value is what this system says now (X.3): it wins or loses
//! as any edit there does. Where it loses, what the record says is still to be written: on the ladder of retries, then a person.

use nave_core::catalog::{Entity, FieldMapping, Mapping};
use nave_core::intake::{self, Coverage, Pulled};
use nave_core::model::{ContributionId, Intent, Time};
use nave_core::value::{Reference, Value};
use nave_store::StoreError;

use super::draft::Draft;
use super::take::Times;
use super::{conflict, owned, writers};

/// What a confirmed write showed that is not what was sent. Remote paths.
#[derive(Default)]
pub(super) struct Seen {
    /// As it was before.
    pub(super) kept: Vec<String>,
    /// Another value, which the record does not take over.
    pub(super) overridden: Vec<String>,
    /// Fields that came back as another value.
    pub(super) rewritten: u64,
}

impl Seen {
    /// Why it does not count as written; none where it does.
    pub(super) fn why_not(&self, connection: &str) -> Option<String> {
        let names = |paths: &[String]| paths.iter().map(|path| format!("`{path}`")).collect::<Vec<_>>().join(", ");
        let mut why = Vec::new();
        if !self.kept.is_empty() {
            why.push(format!("said to be written, but {} is there as it was before", names(&self.kept)));
        }
        if !self.overridden.is_empty() {
            let names = names(&self.overridden);
            why.push(format!("written, but {names} is another value at once: something in {connection} writes it too"));
        }
        (!why.is_empty()).then(|| why.join("; "))
    }
}

/// Takes what came back as another value for what this system says. To be called once the write is settled.
#[expect(clippy::too_many_arguments, reason = "one thing: what was sent, what came back, and since when")]
pub(super) fn took_over(
    draft: &mut Draft<'_>,
    mapping: &Mapping,
    entity: &Entity,
    id: ContributionId,
    fields: &[&FieldMapping],
    intent: &Intent,
    body: &Value,
    times: &Times,
) -> Result<Seen, StoreError> {
    let Some(record) = draft.contribution(id)?.record.filter(|_| !fields.is_empty()) else { return Ok(Seen::default()) };
    let record = draft.surviving(record)?;
    let paths: Vec<String> = fields.iter().map(|field| field.remote.clone()).collect();
    let mut row = draft.contribution(id)?.clone();
    for path in &paths {
        // It was there for a moment: what differs from it is news.
        row.shadow.insert(path.as_str(), intent.values.get(path).cloned().unwrap_or_default());
    }
    let inputs = fields.iter().flat_map(|field| field.inputs.iter().cloned());
    let pulled = Pulled {
        body: body.clone(),
        coverage: Coverage::Only(paths.iter().cloned().chain(inputs).collect()),
        version: row.version.clone(),
        modified_at: times.modified_at,
        field_times: times.fields.clone(),
        read_at: Time(draft.now.0 + 1),
        observed_at: draft.now,
    };
    let region = draft.catalog.hub.region.clone();
    let Ok(mapped) = intake::map_in(mapping, entity, Some(&row), &pulled, &[], region.as_deref()) else {
        return Ok(Seen::default()); // left to the next read, which sets it aside with its reason
    };
    let said = row.claims.clone();
    let mut target = draft.record(record)?.clone();
    intake::take(mapping, entity, &mut row, &mut target, &pulled, mapped, region.as_deref());
    *draft.contribution_mut(id)? = row;
    draft.recompute(record)?;
    owned::note_rejected(draft, mapping, entity, id, record, &said)?;
    if conflict::any(entity) {
        conflict::note(draft, entity, record, &mapping.steward)?;
    }
    writers::note(draft, mapping, &paths)?;
    let mut overridden = Vec::new();
    for field in fields {
        let name = field.canonical.as_deref().unwrap_or_default();
        let said = draft.contribution(id)?.claims.get(name).map(|claim| claim.value.clone());
        let stands = draft.record(record)?.value(name).cloned();
        let said = match &said {
            // The record names what it refers to by its own number.
            Some(value) => draft.referred(value)?.map(|id| Value::Reference(Reference::Record(id))).or(said),
            None => None,
        };
        if said != stands {
            overridden.push(field.remote.clone());
        }
    }
    Ok(Seen { overridden, rewritten: paths.len() as u64, kept: Vec::new() })
}
