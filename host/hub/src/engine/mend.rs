//! Corrects by hand one value of what was set aside, and tries it again. What a person types is a steward's claim: the system's
//! shadow keeps what the system holds, and its claim is not made up.

use nave_core::catalog::{Entity, FieldMapping, Mapping};
use nave_core::codec;
use nave_core::mapping::find;
use nave_core::model::{AuditEntry, Cause, Claim, DeadLetter, DeadLetterSubject, Reason, RecordId, RemoteKey};
use nave_core::survivorship::consent;
use nave_core::value::Value;
use nave_runtime::contract;

use super::draft::Draft;
use super::{Engine, EngineError, steward};

/// What became of a dead letter that was corrected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// The record that holds the value now.
    pub record: RecordId,
    /// Canonical field that the steward spoke of.
    pub field: String,
    /// What was there before, for the audit; empty where nothing was.
    pub before: String,
    /// It is sent with the next sync; otherwise it is taken in already.
    pub sent_later: bool,
}

impl Engine {
    /// Corrects a value of a dead letter: of a delivery a field of the record, which is compared and sent again; of a source
    /// record a value of its body, which is taken in again. One commit: the correction is there with the letter gone, or
    /// nothing is.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where it cannot be corrected here, or is still wrong; the letter stays as it was.
    pub async fn mend(
        &self,
        letter: &DeadLetter,
        field: &str,
        text: &str,
        by: &str,
        reason: &str,
    ) -> Result<Mended, EngineError> {
        let name = match &letter.subject {
            DeadLetterSubject::Delivery { destination, .. } => destination,
            DeadLetterSubject::SourceRecord { mapping, .. } => mapping,
        };
        let mapping = self.mapping(name)?;
        let lane = self.lane(&mapping.connection);
        // Nothing of this system is read or sent meanwhile.
        let _lane = lane.lock().await;
        let catalog = self.catalog();
        let mapping = self.mapping(name)?;
        let entity = self.entity(&catalog, &mapping.entity)?;
        self.hold_for_renames(&mapping.entity).await?;
        let cause = Cause {
            person: Some(by.to_owned()),
            rule: Some(format!(
                "dead letter {}{}",
                letter.id,
                if reason.is_empty() { String::new() } else { format!(": {reason}") }
            )),
            ..Cause::default()
        };
        let canonical = canonical(&mapping, entity, field)?;
        match &letter.subject {
            DeadLetterSubject::Delivery { destination, record } => {
                self.write(cause, |draft| {
                    let record = draft.surviving(*record)?;
                    let value = steward::typed(draft, record, &canonical, text)?;
                    let before = draft.record(record)?.value(&canonical).map(Value::display).unwrap_or_default();
                    steward::assert(draft, record, &canonical, value)?;
                    draft.recompute(record)?;
                    draft.enter(destination, record, Reason::Retry);
                    done(draft, letter, &canonical, by, reason);
                    Ok(Mended { record, field: canonical.clone(), before, sent_later: true })
                })
                .await
            }
            DeadLetterSubject::SourceRecord { stream, remote_id, body, .. } => {
                let said = self.corrected(&mapping, stream, body, field, text)?;
                self.write(cause, |draft| {
                    let record = contract::SourceRecord {
                        remote_id: remote_id.clone(),
                        version: None,
                        modified_at: None,
                        field_times: Vec::new(),
                        coverage: contract::Coverage::Complete,
                        operation: contract::Operation::Upsert,
                        body: codec::encode(&said.corrected),
                    };
                    self.not_written_since(draft, &mapping, remote_id, letter)?;
                    let key = RemoteKey::new(&mapping.connection, &mapping.alias, remote_id);
                    let said_before = match draft.contribution_of(&key)? {
                        Some(id) => draft.contribution(id)?.claims.get(&canonical).cloned(),
                        None => None,
                    };
                    self.take_as_of(draft, &catalog, &mapping, letter.run, None, vec![record], letter.last_at)?;
                    let mended = self.spoken_for(draft, &mapping, remote_id, &said, &canonical, said_before)?;
                    done(draft, letter, &canonical, by, reason);
                    Ok(mended)
                })
                .await
            }
        }
    }

    /// What came, with the corrected value in its place.
    fn corrected(&self, mapping: &Mapping, stream: &str, body: &[u8], field: &str, text: &str) -> Result<Said, EngineError> {
        let elsewhere = |why: &str| {
            EngineError::Refused(format!(
                "{why}: correct it in {}, then `nave sync {} --full` reads it again",
                mapping.connection, mapping.name
            ))
        };
        if stream != mapping.stream || mapping.id.is_some() {
            return Err(elsewhere("what is only a part of a record there is not corrected here"));
        }
        if !mapping.externals.is_empty() {
            return Err(elsewhere("values of this flow go through a plugin's functions as they are read"));
        }
        let Ok(came @ Value::Object(_)) = codec::decode(body) else {
            return Err(elsewhere("what came could not be read, or was kept only in part"));
        };
        let path = remote(mapping, field).map_or(field, |field| field.remote.as_str()).to_owned();
        let before = find(&came, &path).cloned();
        let value = match &before {
            // A number stays one where the text is one.
            Some(Value::Number(_) | Value::Bool(_)) => codec::decode(text.as_bytes()).unwrap_or_else(|_| Value::text(text)),
            _ => Value::text(text),
        };
        let mut corrected = came;
        if !put(&mut corrected, &path, value) {
            return Err(elsewhere(&format!("`{path}` is not there to be corrected")));
        }
        Ok(Said { corrected, path, before })
    }

    /// What came before our last write to it is no evidence of what it holds (I15).
    fn not_written_since(
        &self,
        draft: &mut Draft<'_>,
        mapping: &Mapping,
        remote_id: &str,
        letter: &DeadLetter,
    ) -> Result<(), EngineError> {
        let key = RemoteKey::new(&mapping.connection, &mapping.alias, remote_id);
        let Some(id) = draft.contribution_of(&key)? else { return Ok(()) };
        match draft.contribution(id)?.attempted_at {
            Some(at) if at >= letter.last_at => Err(EngineError::Refused(format!(
                "{key} was written to since it was set aside; `nave dlq retry {}` fetches it as it is now",
                letter.id
            ))),
            _ => Ok(()),
        }
    }

    /// The thing is taken in as it was corrected: what its system did not say becomes the steward's word.
    fn spoken_for(
        &self,
        draft: &mut Draft<'_>,
        mapping: &Mapping,
        remote_id: &str,
        said: &Said,
        canonical: &str,
        said_before: Option<Claim>,
    ) -> Result<Mended, EngineError> {
        if let Some(letter) = draft.batch.dead_letters.first() {
            return Err(EngineError::Refused(format!("it is still wrong: {}; nothing was changed", letter.message)));
        }
        let key = RemoteKey::new(&mapping.connection, &mapping.alias, remote_id);
        let row = match draft.contribution_of(&key)? {
            Some(id) => Some((id, draft.contribution(id)?.record)),
            None => None,
        };
        let Some((id, Some(record))) = row else {
            return Err(EngineError::Refused(format!(
                "with this value {} does not become a record by itself (a filter leaves it out, or a person would have to say \
                 which one it is): correct it in {}, then `nave sync {} --full`; nothing was changed",
                key, mapping.connection, mapping.name
            )));
        };
        let record = draft.surviving(record)?;
        let entity = draft.entity(&mapping.entity)?;
        let contribution = draft.contribution_mut(id)?;
        let claim = contribution.claims.remove(canonical);
        if let Some(before) = said_before.filter(|before| consent::stays(entity, canonical, Some(before), &Value::Null)) {
            // The system has refused, and has not taken that back: a person corrected it, not the system.
            contribution.claims.insert(canonical, before);
        }
        match &said.before {
            // As it is spelled over there: the next reading finds it unchanged, and a delivery corrects it.
            Some(before) => {
                contribution.shadow.insert(said.path.as_str(), before.clone());
            }
            None => {
                contribution.shadow.insert(said.path.as_str(), Value::Null);
            }
        }
        let value = match claim {
            Some(claim) => claim.value,
            None => draft.record(record)?.value(canonical).cloned().unwrap_or(Value::Null),
        };
        steward::assert(draft, record, canonical, value)?;
        draft.recompute(record)?;
        draft.enter_own(mapping, record, Reason::LosingEdit);
        let before = said.before.as_ref().map(Value::display).unwrap_or_default();
        Ok(Mended { record, field: canonical.to_owned(), before, sent_later: false })
    }
}

/// The letter is gone, and the audit says who corrected what. The values are in the changelog, sealed; not here.
fn done(draft: &mut Draft<'_>, letter: &DeadLetter, field: &str, by: &str, reason: &str) {
    draft.batch.revived.push(letter.id);
    draft.batch.audit.push(AuditEntry {
        at: draft.now,
        actor: by.to_owned(),
        action: "dead-letter.edited".to_owned(),
        subject: format!("dead letter {}", letter.id),
        detail: if reason.is_empty() { format!("`{field}`") } else { format!("`{field}`: {reason}") },
    });
}

/// A body with one value that a person typed.
struct Said {
    corrected: Value,
    path: String,
    before: Option<Value>,
}

/// The mapping's line of a field, by its remote path or its canonical name.
fn remote<'m>(mapping: &'m Mapping, field: &str) -> Option<&'m FieldMapping> {
    let by_path = mapping.fields.iter().find(|known| known.remote == field && known.canonical.is_some());
    by_path.or_else(|| mapping.fields.iter().find(|known| known.canonical.as_deref() == Some(field)))
}

/// The canonical field that is meant.
fn canonical(mapping: &Mapping, entity: &Entity, field: &str) -> Result<String, EngineError> {
    if let Some(known) = remote(mapping, field).and_then(|field| field.canonical.clone()) {
        return Ok(known);
    }
    if entity.fields.contains_key(field) {
        return Ok(field.to_owned());
    }
    let known: Vec<&str> = mapping.fields.iter().filter_map(|field| field.canonical.as_deref()).collect();
    Err(EngineError::Refused(format!("`{}` maps no field `{field}` (it has {})", mapping.name, known.join(", "))))
}

/// Puts a value at a path: the name whole, or level by level.
fn put(body: &mut Value, path: &str, value: Value) -> bool {
    let Value::Object(map) = body else { return false };
    if !map.contains_key(path)
        && let Some((outer, rest)) = path.split_once('.')
        && let Some(inner) = map.get_mut(outer)
    {
        return put(inner, rest, value);
    }
    map.insert(path, value);
    true
}
