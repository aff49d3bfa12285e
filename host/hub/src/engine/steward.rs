//! A steward's own word about a field: a claim of the pseudo-connection `steward`, which wins over every rule (I12).

use nave_core::catalog::{Entity, FieldType, Stance};
use nave_core::mapping;
use nave_core::model::{AuditEntry, Cause, Claim, Field, RecordId, RecordState, RemoteKey};
use nave_core::survivorship::{STEWARD, consent};
use nave_core::value::{Reference, Value};

use super::draft::Draft;
use super::{Engine, EngineError, conflict};

/// Before the reason that a steward gave, in the rule that the change of a record names.
pub(crate) const BY_HAND: &str = "said by hand: ";
/// Before the reason for which a steward took his word back.
const TAKEN_BACK: &str = "a steward's word was taken back: ";

/// Says that an entity has no such field, and which may be meant.
pub(super) fn no_field(entity: &Entity, field: &str) -> String {
    let near = mapping::nearest(field, entity.fields.keys().map(String::as_str));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("{0} has no field `{field}`{near}; `nave schema show {0}` lists them", entity.name)
}

/// A text as the canonical value of a field of a record, spelled as the hub spells it: a telephone number as it is dialled in the record's
/// country, a reference as `company/3`.
///
/// # Errors
/// [`EngineError::NotFound`] where there is no such field or the reference names no record; [`EngineError::Refused`] where the field is
/// a list, an object or a file (a text is none), or where the text is no value of its type.
pub(super) fn typed(draft: &mut Draft<'_>, record: RecordId, field: &str, text: &str) -> Result<Value, EngineError> {
    let name = draft.record(record)?.entity.to_string();
    let entity = draft.entity(&name)?;
    let Some(known) = entity.fields.get(field) else {
        return Err(EngineError::NotFound(no_field(entity, field)));
    };
    match &known.kind {
        FieldType::List { .. } | FieldType::Object | FieldType::File => Err(EngineError::Refused(format!(
            "`{field}` is no single value, so that one cannot be typed here; correct it at its source"
        ))),
        FieldType::Reference(target) => refers(draft, field, target, text.trim()),
        kind => {
            let holds = draft.record(record)?;
            let countries = entity.fields.values().filter(|field| field.kind == FieldType::Country);
            let country = countries.filter_map(|field| holds.value(&field.name)?.as_text().map(str::to_owned)).next();
            let country = country.as_deref().or(draft.catalog.hub.region.as_deref());
            mapping::typed(kind, text, country).map_err(|error| EngineError::Refused(format!("`{field}`: {}", error.message)))
        }
    }
}

/// A record that a person names as `company/3`, or by its number alone.
fn refers(draft: &mut Draft<'_>, field: &str, target: &str, text: &str) -> Result<Value, EngineError> {
    if text.is_empty() {
        return Ok(Value::Null);
    }
    let number = text.strip_prefix(target).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text);
    let Ok(id) = number.parse().map(RecordId) else {
        return Err(EngineError::Refused(format!(
            "`{field}` names a {target} by its number, as {target}/3, and not {text:?}; `nave record list {target}` shows them"
        )));
    };
    let missing = || EngineError::NotFound(format!("there is no {target}/{id}; `nave record list {target}` shows what is there"));
    let known = draft.store().records(&[id])?.pop().flatten().filter(|record| record.entity == target).ok_or_else(missing)?;
    let id = draft.surviving(known.id)?;
    match draft.record(id)?.state {
        RecordState::Active | RecordState::Archived => Ok(Value::Reference(Reference::Record(id))),
        _ => Err(EngineError::Refused(format!("{target}/{id} is gone, so that nothing can refer to it"))),
    }
}

impl Engine {
    /// A steward says what a field of a record holds. Answers the record, and what it holds now.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where the field takes no such value, or the record is gone.
    pub async fn steward_says(
        &self,
        record: RecordId,
        (field, text): (&str, &str),
        by: &str,
        reason: &str,
    ) -> Result<(RecordId, Value), EngineError> {
        let cause = Cause { person: Some(by.to_owned()), rule: Some(format!("{BY_HAND}{reason}")), ..Cause::default() };
        self.write(cause, |draft| {
            let record = draft.surviving(record)?;
            let was = draft.record(record)?.clone();
            if !matches!(was.state, RecordState::Active | RecordState::Archived) {
                return Err(EngineError::Refused(format!("{}/{record} is gone, so that nothing can be said of it", was.entity)));
            }
            let value = typed(draft, record, field, text)?;
            assert(draft, record, field, value)?;
            draft.recompute(record)?;
            draft.batch.audit.push(AuditEntry {
                at: draft.now,
                actor: by.to_owned(),
                action: "record.set".to_owned(),
                subject: format!("{}/{record}", was.entity),
                detail: format!("`{field}`: {reason}"),
            });
            Ok((record, draft.record(record)?.value(field).cloned().unwrap_or_default()))
        })
        .await
    }
}

impl Engine {
    /// A steward's word about a field of a record is taken back, and that of each record that was merged into it: the rule of the field
    /// chooses again among what the systems say. Where only a person decides it and the systems disagree, he is asked again. Answers the
    /// record, what the steward had said, and what the field holds now.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where no steward said anything of it, or where he refused consent: that stands until he grants it.
    pub async fn steward_releases(
        &self,
        record: RecordId,
        field: &str,
        by: &str,
        reason: &str,
    ) -> Result<(RecordId, Value, Option<Field>), EngineError> {
        let cause = Cause { person: Some(by.to_owned()), rule: Some(format!("{TAKEN_BACK}{reason}")), ..Cause::default() };
        self.write(cause, |draft| {
            let record = draft.surviving(record)?;
            let name = draft.record(record)?.entity.to_string();
            let entity = draft.entity(&name)?;
            let said = withdraw(draft, record, field)?;
            if consent::stances(entity, field).is_some_and(|stances| stances.of(&said) == Some(Stance::Refusal)) {
                let grants =
                    consent::stances(entity, field).and_then(|stances| stances.grant.first()).map_or("granted", String::as_str);
                return Err(EngineError::Refused(format!(
                    "{name}/{record} was refused `{field}` by a steward, which stands until he grants it: \
                     `nave record set {name}/{record} {field} {grants} --reason TEXT`"
                )));
            }
            draft.recompute(record)?;
            conflict::note(draft, entity, record, &entity.steward)?;
            draft.batch.audit.push(AuditEntry {
                at: draft.now,
                actor: by.to_owned(),
                action: "record.release".to_owned(),
                subject: format!("{name}/{record}"),
                detail: format!("`{field}`: {reason}"),
            });
            Ok((record, said, draft.record(record)?.fields.get(field).cloned()))
        })
        .await
    }
}

/// Takes what stewards say of a field away. Answers what the last of them said.
fn withdraw(draft: &mut Draft<'_>, record: RecordId, field: &str) -> Result<Value, EngineError> {
    let mut said: Option<Claim> = None;
    for id in draft.counting(record)? {
        let row = draft.contribution(id)?;
        if row.key.connection != STEWARD || !row.claims.contains_key(field) {
            continue;
        }
        let claim = draft.contribution_mut(id)?.claims.remove(field);
        said = said.into_iter().chain(claim).max_by_key(|claim| claim.claimed_at);
    }
    if let Some(claim) = said {
        return Ok(claim.value);
    }
    let entity = draft.record(record)?.entity.to_string();
    if !draft.entity(&entity)?.fields.contains_key(field) && !field.contains('/') {
        return Err(EngineError::NotFound(no_field(draft.entity(&entity)?, field)));
    }
    Err(EngineError::Refused(format!(
        "no steward has said anything of `{field}` of {entity}/{record}; `nave record why {entity}/{record} {field}` says whose value stands"
    )))
}

/// Notes what a steward says of a field of a record. The record's fields are not computed anew yet.
pub(super) fn assert(draft: &mut Draft<'_>, record: RecordId, field: &str, value: Value) -> Result<(), EngineError> {
    let now = draft.now;
    let entity = draft.record(record)?.entity.to_string();
    if let Some(stances) = consent::stances(draft.entity(&entity)?, field)
        && stances.of(&value).is_none()
    {
        return Err(EngineError::Refused(format!(
            "`{}` neither refuses nor grants, and a steward says one of them of `{field}`: {} or {}",
            value.display(),
            stances.refusal.join(", "),
            stances.grant.join(", ")
        )));
    }
    let key = RemoteKey::new(STEWARD, entity.as_str(), record.to_string());
    let id = match draft.contribution_of(&key)? {
        Some(id) => id,
        None => draft.new_contribution(key, now),
    };
    draft.attach(id, record)?;
    let claim = Claim { value, claimed_at: now, observed_at: now, base: None };
    draft.contribution_mut(id)?.claims.insert(field, claim);
    Ok(())
}
