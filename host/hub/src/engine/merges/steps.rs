//! What follows in each system from a merge, or from taking it back.

use std::collections::BTreeSet;

use nave_core::catalog::{DuplicatePolicy, Mapping};
use nave_core::model::{Contribution, RecordId};
use nave_store::StoreError;

use super::primary;
use super::{Step, StepKind, StepOutcome};
use crate::engine::draft::Draft;

fn step(mapping: &Mapping, record: RecordId, row: Option<&Contribution>, what: StepKind) -> Step {
    let outcome = match what {
        StepKind::Leave(_) => StepOutcome::Done,
        _ => StepOutcome::Waiting(format!("it goes with the next delivery of {}", mapping.name)),
    };
    Step {
        flow: Some(mapping.name.clone()),
        connection: mapping.connection.clone(),
        record,
        remote_id: row.map(|row| row.key.remote_id.to_string()),
        contribution: row.map(|row| row.id),
        what,
        outcome,
        verified: None,
        left: Vec::new(),
    }
}

/// What follows for a record as the draft leaves it: its first object is brought up to date, the others as the mapping says.
pub(super) fn of_record(draft: &mut Draft<'_>, record: RecordId) -> Result<Vec<Step>, StoreError> {
    let catalog = draft.catalog;
    let entity = draft.record(record)?.entity.clone();
    let ids = draft.record(record)?.contributions.clone();
    let mut rows = Vec::new();
    for id in ids {
        rows.push(draft.contribution(id)?.clone());
    }
    let mut steps = Vec::new();
    for mapping in catalog.mappings.values().filter(|mapping| mapping.entity == entity) {
        let here = |row: &&Contribution| {
            row.is_active() && row.key.connection == mapping.connection.as_str() && row.key.stream == mapping.alias.as_str()
        };
        let mut active: Vec<&Contribution> = rows.iter().filter(here).collect();
        primary::first_in(draft, record, &mut active)?;
        if mapping.flow_out.is_none() {
            let leave = || StepKind::Leave(format!("nothing is written to {}", mapping.connection));
            steps.extend(active.iter().map(|row| Step { flow: None, ..step(mapping, record, Some(row), leave()) }));
            continue;
        }
        let first = active.first().map(|row| row.key.remote_id.to_string());
        for (position, row) in active.into_iter().enumerate() {
            let what = match (position, mapping.duplicates) {
                (0, _) => StepKind::Update,
                (_, DuplicatePolicy::KeepInStep) => StepKind::KeepInStep,
                (_, DuplicatePolicy::Merge) => StepKind::Merge(first.clone().unwrap_or_default()),
                (_, DuplicatePolicy::Archive) if mapping.archive.is_empty() => {
                    StepKind::Leave(format!("mappings/{}.toml does not say how a thing is put away there", mapping.name))
                }
                (_, DuplicatePolicy::Archive) => StepKind::Archive,
                (_, DuplicatePolicy::Review) => StepKind::Leave("`duplicates = \"review\"` leaves it to a person".into()),
            };
            steps.push(step(mapping, record, Some(row), what));
        }
    }
    Ok(steps)
}

/// Objects of other records that are to refer to another one now.
pub(super) fn of_referring(draft: &mut Draft<'_>, about: RecordId, referring: &[RecordId]) -> Result<Vec<Step>, StoreError> {
    let catalog = draft.catalog;
    let mut steps = Vec::new();
    for mapping in catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some()) {
        let mut there = BTreeSet::new();
        for id in referring {
            let record = draft.surviving(*id)?;
            if draft.record(record)?.entity != mapping.entity.as_str() {
                continue;
            }
            for contribution in draft.record(record)?.contributions.clone() {
                let row = draft.contribution(contribution)?;
                let here = row.key.connection == mapping.connection.as_str() && row.key.stream == mapping.alias.as_str();
                if here && row.is_active() {
                    there.insert(record);
                }
            }
        }
        if !there.is_empty() {
            steps.push(step(mapping, about, None, StepKind::References(there)));
        }
    }
    Ok(steps)
}

/// An object that is to be made again.
pub(super) fn again(mapping: &Mapping, record: RecordId) -> Step {
    step(mapping, record, None, StepKind::Again)
}
