//! Whether an edit in one system really shows in another, and the other way round, and then nothing moves any more: tried with
//! test records, field by field.

use nave_core::catalog::{Direction, FieldType, Mapping};
use nave_core::model::{Contribution, Record, RecordId};
use nave_core::value::Value;

use super::only::Only;
use super::plan::PlannedWrite;
use super::{Engine, EngineError};

/// What came of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// It showed.
    Passed,
    /// It did not.
    Failed(String),
    /// It could not be tried, or is not meant to show.
    Skipped(String),
}

/// A field that two flows carry both ways.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Both {
    /// Canonical field.
    pub field: String,
    /// Its type is an e-mail.
    pub email: bool,
}

impl Engine {
    /// Fields that both of two flows carry both ways, and of which a value can be made up.
    pub fn carried_both_ways(&self, one: &Mapping, other: &Mapping) -> Vec<Both> {
        let catalog = self.catalog();
        let Some(entity) = catalog.entities.get(&one.entity) else { return Vec::new() };
        let plain = |mapping: &Mapping, name: &str| path_of(mapping, name).is_some();
        let fields = entity.fields.values().filter(|field| matches!(field.kind, FieldType::Text | FieldType::Email));
        fields
            .filter(|field| plain(one, &field.name) && plain(other, &field.name))
            .map(|field| Both { field: field.name.clone(), email: field.kind == FieldType::Email })
            .collect()
    }

    /// A test record's field is edited at one system and must show at the other.
    ///
    /// # Errors
    /// Those of the store and of a run.
    pub async fn shows(&self, record: RecordId, from: &str, to: &str, field: &str, value: &Value) -> Result<Tried, EngineError> {
        let (from, to) = (self.mapping(from)?, self.mapping(to)?);
        let (Some(path), Some(path_there)) = (path_of(&from, field), path_of(&to, field)) else {
            return Ok(Tried::Skipped("it is not carried both ways".into()));
        };
        let Some(row) = self.object(record, &from)? else {
            return Ok(Tried::Failed(format!("the test record is not in {}", from.connection)));
        };
        if self.object(record, &to)?.is_none() {
            return Ok(Tried::Failed(format!("the test record is not in {}", to.connection)));
        }
        let claimed = row.claims.get(field).map(|claim| claim.value.clone());
        self.edit_there(&from.name, record, path, value).await?;
        self.refetch(&from.name, &from.stream, &[row.key.remote_id.to_string()], "refetch").await?;
        let says = self.object(record, &from)?.and_then(|row| row.claims.get(field).map(|claim| claim.value.clone()));
        if says == claimed {
            return Ok(Tried::Failed(format!("{} was edited, and reading it shows nothing new", from.connection)));
        }
        let Some(now) = self.record(record)? else { return Ok(Tried::Failed("the test record is gone".into())) };
        if now.fields.get(field).is_none_or(|chosen| chosen.winner != row.id) {
            let why = format!("by the rule of `{field}` another system's value wins over {}'s", from.connection);
            return Ok(Tried::Skipped(why));
        }
        let run = self.run_out_only(&to.name, &Only::of([record])).await?;
        if let Some(message) = run.message {
            return Ok(Tried::Failed(message));
        }
        // What was answered is not yet done: it is read back.
        let verified = self.verify(run.id).await?;
        if let Some(found) = verified.mismatches.iter().find(|found| found.path.as_deref().is_none_or(|path| path == path_there))
        {
            let there = found.found.as_ref().map_or_else(|| "nothing".to_owned(), Value::display);
            let wanted = found.wanted.display();
            return Ok(Tried::Failed(format!(
                "{} differs: `{path_there}` holds {there} where {wanted} was written",
                to.connection
            )));
        }
        let looked = self.plan_resync(record).await?;
        let towards = looked.towards.iter().find(|towards| towards.flow == to.name);
        let of_path = |write: &PlannedWrite| write.fields.iter().any(|(known, ..)| known == path_there);
        Ok(match towards.is_some_and(|towards| towards.writes.iter().any(of_path)) {
            true => Tried::Failed(format!("`{path_there}` was not written to {}", to.connection)),
            false => Tried::Passed,
        })
    }

    /// Everything is read once more, and nothing is written anywhere: the systems agree.
    ///
    /// # Errors
    /// Those of the store and of a run.
    pub async fn quiescent(&self, record: RecordId) -> Result<Tried, EngineError> {
        let Some(row) = self.record(record)? else { return Ok(Tried::Failed("the test record is gone".into())) };
        let catalog = self.catalog();
        let mappings: Vec<&Mapping> = catalog.mappings.values().map(AsRef::as_ref).filter(|m| m.entity == row.entity).collect();
        for mapping in &mappings {
            if let Some(object) = self.object(record, mapping)? {
                self.refetch(&mapping.name, &mapping.stream, &[object.key.remote_id.to_string()], "refetch").await?;
            }
        }
        let looked = self.plan_resync(record).await?;
        let moving: Vec<&str> =
            looked.towards.iter().filter(|towards| !towards.writes.is_empty()).map(|towards| towards.flow.as_str()).collect();
        let differs: Vec<&str> =
            looked.looked.iter().filter(|looked| looked.state == "differs").map(|looked| looked.remote.as_str()).collect();
        Ok(match (moving.is_empty(), differs.is_empty()) {
            (true, true) => Tried::Passed,
            (false, _) => Tried::Failed(format!("something more would be written by {}", moving.join(", "))),
            (true, false) => Tried::Failed(format!("{} changed by itself", differs.join(", "))),
        })
    }

    fn record(&self, record: RecordId) -> Result<Option<Record>, EngineError> {
        Ok(self.store.records(&[record])?.pop().flatten())
    }

    /// A record's object in a flow's stream.
    pub(super) fn object(&self, record: RecordId, mapping: &Mapping) -> Result<Option<Contribution>, EngineError> {
        let Some(row) = self.record(record)? else { return Ok(None) };
        let rows = self.store.contributions(&row.contributions)?;
        let ours =
            |row: &Contribution| row.is_active() && row.key.connection == mapping.connection && row.key.stream == mapping.alias;
        Ok(rows.into_iter().flatten().find(ours))
    }
}

/// Remote path of a canonical field that is carried both ways as it is.
fn path_of<'m>(mapping: &'m Mapping, name: &str) -> Option<&'m str> {
    let field =
        mapping.fields.iter().find(|field| field.direction == Direction::Both && field.canonical.as_deref() == Some(name))?;
    Some(field.remote.as_str())
}
