//! What a person calls things: records, remote objects, values, times.

use std::sync::Arc;

use nave_core::catalog::{Catalog, Mapping};
use nave_core::model::{Contribution, ContributionId, ContributionState, Record, RecordId, RecordState, RemoteKey, Rule, Time};
use nave_core::survivorship::STEWARD;
use nave_core::value::{Reference, Value};

use crate::engine::Engine;
use crate::engine::rows::counts;
use crate::engine::take;

/// Merges that are followed before a circle is suspected.
pub(super) const MERGES_MAX: usize = 64;

/// Looks up what it needs; a look-up that fails shows the number instead.
pub(super) struct Names<'e> {
    engine: &'e Engine,
    /// The configuration that everything is named under.
    pub(super) catalog: Arc<Catalog>,
}

impl<'e> Names<'e> {
    /// The engine that it asks.
    pub(super) fn engine(&self) -> &'e Engine {
        self.engine
    }

    /// What a contribution is called where it is.
    pub(super) fn key_of(&self, id: ContributionId) -> Option<RemoteKey> {
        Some(self.engine.store.contributions(&[id]).ok()?.pop()??.key)
    }

    pub(super) fn new(engine: &'e Engine) -> Self {
        Self { engine, catalog: engine.catalog() }
    }

    /// What a person calls a record.
    pub(super) fn title(&self, record: &Record) -> String {
        match self.catalog.entities.get(record.entity.as_str()) {
            Some(entity) => take::title(entity, |field| record.value(field)),
            None => reference(record),
        }
    }

    /// What a person calls a record, by its number; the one that carries on, where it was merged.
    pub(super) fn title_of(&self, id: RecordId) -> Option<String> {
        self.surviving(id).map(|record| self.title(&record))
    }

    /// `contact/12`, and what a person calls it; of the record that carries on, where it was merged.
    pub(super) fn subject_and_title(&self, id: RecordId) -> (String, String) {
        match self.surviving(id) {
            Some(record) => (reference(&record), self.title(&record)),
            None => (format!("#{id}"), String::new()),
        }
    }

    /// `Acme (company/3)`.
    fn named(&self, id: RecordId) -> String {
        match self.surviving(id) {
            Some(record) => format!("{} ({})", self.title(&record), reference(&record)),
            None => format!("#{id}"),
        }
    }

    fn surviving(&self, mut id: RecordId) -> Option<Record> {
        for _ in 0..MERGES_MAX {
            let record = self.engine.store.records(&[id]).ok()?.pop()??;
            match record.state {
                RecordState::MergedInto(next) => id = next,
                _ => return Some(record),
            }
        }
        None
    }

    /// A value in one line; references by the title of what they point to.
    pub(super) fn display(&self, value: &Value) -> String {
        match value {
            Value::Reference(Reference::Record(id)) => self.named(*id),
            Value::Reference(Reference::Remote(key)) => match self.engine.record_of(key) {
                Ok(Some(id)) => self.named(id),
                _ => format!("{key} (not here yet)"),
            },
            Value::List(list) => list.iter().map(|value| self.display(value)).collect::<Vec<_>>().join(", "),
            Value::Object(map) => map
                .iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| format!("{name}: {}", self.display(value)))
                .collect::<Vec<_>>()
                .join("; "),
            plain => plain.display(),
        }
    }

    /// Whether two values say the same; a remote reference says the same as the record that it stands for.
    pub(super) fn same(&self, left: &Value, right: &Value) -> bool {
        left == right
            || matches!((left, right), (Value::Reference(_), Value::Reference(_))) && self.display(left) == self.display(right)
    }

    /// What the configuration calls a field; elements are called as their list.
    pub(super) fn label(&self, entity: &str, field: &str) -> String {
        let name = field.split_once('/').map_or(field, |(list, _)| list);
        let label =
            self.catalog.entities.get(entity).and_then(|entity| entity.fields.get(name)).map(|field| field.label.as_str());
        label.filter(|label| !label.is_empty()).unwrap_or(name).to_owned()
    }

    /// The mapping that a contribution came through, if it is still configured.
    pub(super) fn mapping_of(&self, key: &RemoteKey) -> Option<&Mapping> {
        self.catalog.mapping_of(key)
    }

    /// Whether its claims count for its record.
    pub(super) fn counts(&self, record: &Record, row: &Contribution) -> bool {
        counts(&self.catalog, &record.state, row)
    }
}

/// `contact/12`.
pub(super) fn reference(record: &Record) -> String {
    format!("{}/{}", record.entity, record.id)
}

/// `crm/contacts:5432`, or `steward`.
pub(super) fn remote(key: &RemoteKey) -> String {
    if key.connection == STEWARD { STEWARD.to_owned() } else { key.to_string() }
}

/// `active`, `archived`, `deleted`, `merged`.
pub(super) fn record_state(state: &RecordState) -> &'static str {
    match state {
        RecordState::Active => "active",
        RecordState::Archived => "archived",
        RecordState::Deleted { .. } => "deleted",
        RecordState::MergedInto(_) => "merged",
    }
}

/// `active`, `deleted`, `merged into 77`.
pub(super) fn remote_state(state: &ContributionState) -> String {
    match state {
        ContributionState::Active => "active".to_owned(),
        ContributionState::Deleted { .. } => "deleted".to_owned(),
        ContributionState::MergedInto(winner) => format!("merged into {winner}"),
    }
}

/// The rule as the configuration spells it.
pub(super) fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::Only => "only",
        Rule::Owner => "owner",
        Rule::Priority => "priority",
        Rule::Newest => "newest",
        Rule::Longest => "longest",
        Rule::NonEmpty => "non-empty",
        Rule::ThreeWay => "three-way",
        Rule::Undecided => "three-way, undecided",
        Rule::Manual => "manual",
        Rule::Steward => "steward",
        Rule::Consent => "consent",
    }
}

/// `2026-03-04 12:30 UTC`, for sentences.
pub(super) fn minute(time: Time) -> String {
    let text = time.to_string();
    match (text.get(..10), text.get(10..11), text.get(11..16)) {
        (Some(day), Some("T"), Some(clock)) => format!("{day} {clock} UTC"),
        _ => text,
    }
}
