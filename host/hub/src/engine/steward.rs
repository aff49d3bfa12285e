//! A steward's own word about a field: a claim of the pseudo-connection `steward`, which wins over every rule (I12).

use nave_core::catalog::{Entity, FieldType};
use nave_core::mapping;
use nave_core::model::{AuditEntry, Cause, Claim, RecordId, RecordState, RemoteKey};
use nave_core::survivorship::{STEWARD, consent};
use nave_core::value::Value;

use super::draft::Draft;
use super::{Engine, EngineError};

/// Before the reason that a steward gave, in the rule that the change of a record names.
pub(crate) const BY_HAND: &str = "said by hand: ";

/// Says that an entity has no such field, and which may be meant.
pub(super) fn no_field(entity: &Entity, field: &str) -> String {
    let near = mapping::nearest(field, entity.fields.keys().map(String::as_str));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("{0} has no field `{field}`{near}; `nave schema show {0}` lists them", entity.name)
}

impl Engine {
    /// A text as the canonical value of a field, spelled as the hub spells it.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where there is no such field, where it is a list, an object or a reference (a text is none), or
    /// where the text is no value of its type.
    pub(super) fn steward_value(entity: &Entity, field: &str, text: &str) -> Result<Value, EngineError> {
        let Some(known) = entity.fields.get(field) else {
            return Err(EngineError::NotFound(no_field(entity, field)));
        };
        if matches!(known.kind, FieldType::List { .. } | FieldType::Object | FieldType::File | FieldType::Reference(_)) {
            return Err(EngineError::Refused(format!(
                "`{field}` is no single value, so that one cannot be typed here; correct it at its source"
            )));
        }
        mapping::normalise(&known.kind, Value::text(text))
            .map_err(|error| EngineError::Refused(format!("`{field}`: {}", error.message)))
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
            let entity = draft.entity(&was.entity)?;
            if !matches!(was.state, RecordState::Active | RecordState::Archived) {
                return Err(EngineError::Refused(format!("{}/{record} is gone, so that nothing can be said of it", was.entity)));
            }
            let value = Self::steward_value(entity, field, text)?;
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
