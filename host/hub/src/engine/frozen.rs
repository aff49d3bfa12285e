//! Fields that are frozen: written again and again, and written back over there each time. A person says what is to be done;
//! everything else of the thing goes on being written.

use nave_core::NameMap;
use nave_core::catalog::Mapping;
use nave_core::freeze::{self, Fields};
use nave_core::model::{ContributionId, Reason, RecordId, Review, ReviewKind, WriteKind};
use nave_core::value::Value;
use nave_store::{KeyedRow, StoreError};

use super::deliver::{Wanted, Write};
use super::draft::Draft;
use super::take::title;
use super::{Engine, EngineError};

/// Where a thing's contested fields are.
const SPACE: &str = "contested";

fn key(destination: &str, contribution: ContributionId) -> String {
    format!("{destination} {:020}", contribution.0)
}

fn fields(row: Option<Vec<u8>>) -> Fields {
    row.and_then(|row| serde_json::from_slice(&row).ok()).unwrap_or_default()
}

fn row(destination: &str, contribution: ContributionId, fields: &Fields) -> Result<KeyedRow, StoreError> {
    let value = serde_json::to_vec(fields).map_err(|error| StoreError::Damaged(error.to_string()))?;
    Ok(KeyedRow { space: SPACE.into(), key: key(destination, contribution), value: (!fields.is_empty()).then_some(value) })
}

/// A write arrived: notes the fields in which it was one in spite of somebody. To be called before the thing's shadow moves.
pub(super) fn written(
    draft: &mut Draft<'_>,
    destination: &str,
    contribution: ContributionId,
    values: &NameMap<Value>,
) -> Result<(), StoreError> {
    let known = draft.contribution(contribution)?;
    if !values.keys().any(|path| freeze::contested(known, path)) {
        return Ok(());
    }
    let known = known.clone();
    let mut fields = fields(draft.row(SPACE, &key(destination, contribution))?);
    freeze::note(&mut fields, &known, values.iter().map(|(path, value)| (path.as_str(), value)), draft.now);
    draft.batch.rows.push(row(destination, contribution, &fields)?);
    Ok(())
}

/// What is to be asked about one thing.
pub(super) struct Noted {
    contribution: ContributionId,
    record: RecordId,
    fields: Fields,
    /// Newly frozen paths.
    ask: Vec<String>,
}

impl Engine {
    /// Takes what is frozen out of the writes of a record. Answers what is to be noted, and whether anything is frozen.
    pub(super) fn freeze(
        &self,
        mapping: &Mapping,
        record: RecordId,
        wanted: &mut Wanted,
    ) -> Result<(Vec<Noted>, bool), EngineError> {
        let (now, mut noted, mut any) = (self.now(), Vec::new(), false);
        for write in wanted.writes.iter_mut().filter(|write| write.child_of.is_none()) {
            let Write { kind: WriteKind::Update(_), contribution: Some(known), difference, .. } = write else { continue };
            if !difference.values.keys().any(|path| freeze::contested(known, path)) {
                continue;
            }
            let mut fields = fields(self.store.row(SPACE, &key(&mapping.name, known.id))?);
            let values = difference.values.clone();
            let frozen = freeze::hold(difference, known, &fields, now);
            any |= !frozen.is_empty();
            let unasked = |path: &&String| fields[*path].review.is_none() && fields[*path].refused.is_none();
            let ask: Vec<String> = frozen.iter().filter(unasked).cloned().collect();
            for path in &ask {
                fields.entry(path.clone()).or_default().wanted = values.get(path.as_str()).map(freeze::spelled);
            }
            if !ask.is_empty() {
                noted.push(Noted { contribution: known.id, record, fields, ask });
            }
        }
        wanted.writes.retain(|write| {
            !(matches!(write.kind, WriteKind::Update(_)) && write.child_of.is_none() && write.difference.is_empty())
        });
        Ok((noted, any))
    }
}

impl Noted {
    /// Writes it down, and asks about what is newly frozen.
    pub(super) fn apply(&self, draft: &mut Draft<'_>, mapping: &Mapping) -> Result<(), StoreError> {
        let mut fields = self.fields.clone();
        for path in &self.ask {
            let record = draft.record(self.record)?.clone();
            let entity = draft.catalog.entities.get(&mapping.entity);
            let title = entity.map_or_else(String::new, |entity| title(entity, |field| record.value(field)));
            tracing::warn!(flow = mapping.name, path, "written again and again, and changed back each time: frozen");
            let id = draft.next_review();
            fields.entry(path.clone()).or_default().review = Some(id);
            draft.batch.reviews.push(Review {
                id,
                kind: ReviewKind::Frozen {
                    destination: mapping.name.clone(),
                    record: self.record,
                    contribution: self.contribution,
                    path: path.clone(),
                },
                entity: mapping.entity.clone(),
                steward: mapping.steward_for(draft.catalog, Some(path)).to_owned(),
                opened_at: draft.now,
                closed_at: None,
                title: format!(
                    "`{path}` of {title} is changed back in {} each time it is written: write it again?",
                    mapping.connection
                ),
            });
        }
        draft.batch.rows.push(row(&mapping.name, self.contribution, &fields)?);
        Ok(())
    }
}

/// What a person said: written once more, or left as it is over there until another value is wanted.
pub(super) fn answer(
    draft: &mut Draft<'_>,
    destination: &str,
    record: RecordId,
    contribution: ContributionId,
    path: &str,
    yes: bool,
) -> Result<(), StoreError> {
    let mut fields = fields(draft.row(SPACE, &key(destination, contribution))?);
    if yes {
        fields.remove(path);
    } else {
        let field = fields.entry(path.to_owned()).or_default();
        (field.review, field.refused) = (None, field.wanted.take());
    }
    draft.batch.rows.push(row(destination, contribution, &fields)?);
    let record = draft.surviving(record)?;
    draft.enter(destination, record, Reason::Resync);
    Ok(())
}
