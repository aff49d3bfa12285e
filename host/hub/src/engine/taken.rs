//! Values that a system takes only once: where it refuses to write one to an object because another object of the same record has it
//! there, the field is left as it is.
//!
//! The value is there, and the record has it: nothing failed, and nobody has anything to do. It is noted on the object, for as long as
//! the record says this value and the other object holds it; after that it is written like any other.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

use nave_core::catalog::{DuplicatePolicy, Entity, Mapping};
use nave_core::difference::{self, Difference};
use nave_core::model::{Contribution, ContributionId, Intent, Reason, Record, RecordId, WriteKind};
use nave_core::value::Value;
use nave_runtime::contract::{Outcome, Rejection};
use nave_store::{SealedRow, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Engine, EngineError};

/// The class of a refusal that says that something else has the value already (`wit/v0.2/types.wit`).
const CLASS: &str = "duplicate";

/// What a run outwards remembers of records from one batch to the next.
#[derive(Debug, Default)]
pub(super) struct Several {
    /// Records of which several objects are written: one that succeeds does not clear what another failed with.
    records: HashSet<RecordId>,
    /// A record was entered again, without a field that is left as it is: it has its turn in this run.
    again: AtomicBool,
}

impl Several {
    pub(super) fn insert(&mut self, record: RecordId) {
        self.records.insert(record);
    }

    pub(super) fn contains(&self, record: &RecordId) -> bool {
        self.records.contains(record)
    }

    /// Whether a record was entered again since this was asked last.
    pub(super) fn again(&self) -> bool {
        self.again.swap(false, Ordering::Relaxed)
    }
}

/// A field that is left as it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Taken {
    /// What was not written, in the system's spelling.
    value: Value,
    /// The object that has it, by the system's id.
    by: String,
}

/// By remote path.
type OfObject = BTreeMap<String, Taken>;

/// A field that is left as it is, for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftAsIs {
    /// The object, by the system's id.
    pub remote_id: String,
    /// Its contribution.
    pub contribution: ContributionId,
    /// Remote path.
    pub path: String,
    /// The object of the same record that has the value.
    pub by: String,
}

impl LeftAsIs {
    /// In a sentence.
    pub fn sentence(&self, connection: &str) -> String {
        format!(
            "`{}` of {} stays as it is: {connection} takes a value of it only once, and {} of the same record has it",
            self.path, self.remote_id, self.by
        )
    }
}

/// Where a record's notes for a flow are, by contribution.
fn space(flow: &str, record: RecordId) -> String {
    format!("taken {flow} {:020}", record.0)
}

fn key(contribution: ContributionId) -> String {
    format!("{:020}", contribution.0)
}

impl Engine {
    fn notes(&self, flow: &str, record: RecordId) -> Result<BTreeMap<ContributionId, OfObject>, StoreError> {
        let mut notes = BTreeMap::new();
        for (key, row) in self.store.sealed_rows(&space(flow, record))? {
            let (Ok(id), Some(row)) = (key.parse(), row) else { continue };
            let of = serde_json::from_slice(&row).map_err(|error| StoreError::Damaged(error.to_string()))?;
            notes.insert(ContributionId(id), of);
        }
        Ok(notes)
    }

    /// Whether an object holds at a path what the record says, so that nothing is to be written there.
    fn holds_it(&self, mapping: &Mapping, entity: &Entity, record: &Record, row: &Contribution, path: &str) -> bool {
        let catalog = self.catalog();
        let locate = |id: RecordId, stream: &str| self.locate(id, &mapping.connection, stream);
        let region = catalog.hub.region.as_deref();
        difference::difference(mapping, entity, record, Some(row), None, &locate, region)
            .is_ok_and(|difference| !difference.values.contains_key(path))
    }

    /// Takes out of an object's difference what is left as it is. `active` are the record's objects there.
    pub(super) fn leave_taken(
        &self,
        mapping: &Mapping,
        entity: &Entity,
        record: &Record,
        active: &[&Contribution],
        row: &Contribution,
        difference: &mut Difference,
    ) -> Result<(), EngineError> {
        if active.len() < 2 || mapping.duplicates != DuplicatePolicy::KeepInStep {
            return Ok(());
        }
        let Some(of) = self.notes(&mapping.name, record.id)?.remove(&row.id) else { return Ok(()) };
        for (path, taken) in of {
            let same = difference.values.get(path.as_str()) == Some(&taken.value);
            let held = |other: &&&Contribution| other.id != row.id && self.holds_it(mapping, entity, record, other, &path);
            if same && active.iter().any(|other| held(&other)) {
                difference.give_up(&path, row.shadow.get(path.as_str()));
            }
        }
        Ok(())
    }

    /// Fields of a record's objects at a flow's destination that are left as they are now.
    ///
    /// # Errors
    /// Those of the store.
    pub fn left_as_is(&self, mapping: &Mapping, id: RecordId) -> Result<Vec<LeftAsIs>, EngineError> {
        let mut found = Vec::new();
        let notes = self.notes(&mapping.name, id)?;
        if notes.is_empty() {
            return Ok(found);
        }
        let catalog = self.catalog();
        let entity = self.entity(&catalog, &mapping.entity)?;
        let Some(subject) = self.subjects(mapping, &[id])?.remove(&id) else { return Ok(found) };
        let active: Vec<&Contribution> = subject.there.iter().filter(|row| row.is_active()).collect();
        let locate = |id: RecordId, stream: &str| self.locate(id, &mapping.connection, stream);
        for row in &active {
            let Some(of) = notes.get(&row.id) else { continue };
            let region = catalog.hub.region.as_deref();
            let wanted = difference::difference(mapping, entity, &subject.record, Some(row), None, &locate, region);
            let Ok(mut difference) = wanted else { continue };
            let before: Vec<String> = difference.values.keys().map(ToString::to_string).collect();
            self.leave_taken(mapping, entity, &subject.record, &active, row, &mut difference)?;
            for path in before.into_iter().filter(|path| !difference.values.contains_key(path.as_str())) {
                let Some(taken) = of.get(&path) else { continue };
                let remote_id = row.key.remote_id.to_string();
                found.push(LeftAsIs { remote_id, contribution: row.id, path, by: taken.by.clone() });
            }
        }
        Ok(found)
    }

    /// Paths that a stream takes a value of only once, as its system says; asked for only where something was refused as taken.
    pub(super) async fn once_only(&self, mapping: &Mapping, outcomes: &[Outcome]) -> Result<Vec<String>, EngineError> {
        if !outcomes.iter().any(|outcome| matches!(outcome, Outcome::Rejected(rejection) if rejection.class == CLASS)) {
            return Ok(Vec::new());
        }
        let streams = self.streams(&mapping.connection).await?;
        let fields = streams.iter().find(|stream| stream.name == mapping.stream).map(|stream| stream.fields.as_slice());
        Ok(fields.unwrap_or_default().iter().filter(|field| field.unique).map(|field| field.path.clone()).collect())
    }

    /// Notes what a system refused to write because another object of the same record has it there, and enters the record again without
    /// it. Says whether that is why it was refused.
    #[expect(clippy::too_many_arguments, reason = "one refusal: of what it was, and what is known of the stream")]
    pub(super) fn note_taken(
        &self,
        draft: &mut Draft<'_>,
        mapping: &Mapping,
        entity: &Entity,
        intent: &Intent,
        rejection: &Rejection,
        once_only: &[String],
        several: &Several,
    ) -> Result<bool, EngineError> {
        let update = matches!(intent.kind, WriteKind::Update(_)) && intent.part().is_none();
        let Some(id) = intent.contribution.filter(|_| update && rejection.class == CLASS) else { return Ok(false) };
        if mapping.duplicates != DuplicatePolicy::KeepInStep {
            return Ok(false);
        }
        let record = draft.record(intent.record)?.clone();
        let mut others = Vec::new();
        for other in record.contributions.iter().filter(|other| **other != id) {
            let row = draft.contribution(*other)?;
            let here = row.key.connection == mapping.connection.as_str() && row.key.stream == mapping.alias.as_str();
            if here && row.is_active() {
                others.push(row.clone());
            }
        }
        let has = |path: &str| others.iter().find(|other| self.holds_it(mapping, entity, &record, other, path));
        let mut found: Vec<(&str, &Value, &Contribution)> = Vec::new();
        for (path, value) in intent.values.iter().filter(|(path, value)| !value.is_empty() && !path.contains('#')) {
            if rejection.field.as_ref().is_none_or(|field| field.as_str() == path.as_str()) {
                found.extend(has(path).map(|other| (path.as_str(), value, other)));
            }
        }
        if found.len() > 1 {
            // It did not say which: only those that it takes once can be meant.
            found.retain(|(path, ..)| once_only.iter().any(|known| known == path));
        }
        if found.is_empty() {
            return Ok(false);
        }
        let mut of = self.notes(&mapping.name, record.id)?.remove(&id).unwrap_or_default();
        let taken = |(path, value, other): (&str, &Value, &Contribution)| {
            (path.to_owned(), Taken { value: value.clone(), by: other.key.remote_id.to_string() })
        };
        of.extend(found.into_iter().map(taken));
        let value = serde_json::to_vec(&of).map_err(|error| StoreError::Damaged(error.to_string()))?;
        draft.batch.sealed.push(SealedRow { record: record.id, space: space(&mapping.name, record.id), key: key(id), value });
        draft.enter(&intent.destination, intent.record, Reason::Retry);
        several.again.store(true, Ordering::Relaxed);
        Ok(true)
    }
}
