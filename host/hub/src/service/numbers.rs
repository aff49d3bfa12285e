//! What a configuration changes in entities, fields and streams, and agreeing to it: `nave.lock` gets their numbers.

use nave_core::catalog::Numbers;
use nave_core::catalog::numbers::{Happened, Named, Rename, Step};
use nave_core::model::{RecordId, RemoteKey};
use nave_core::part;
use tokio::task::block_in_place;

use super::{audit, count};
use crate::api::{ApiError, SchemaStep};
use crate::engine::Engine;

/// Records looked at per read of the store.
const RECORDS_READ: usize = 5_000;

/// What is new, renamed, removed, or of another type since it was last agreed to.
pub(super) fn steps(engine: &Engine) -> Result<Vec<SchemaStep>, ApiError> {
    let steps = all(engine)?;
    let counts = counts(engine, &steps)?;
    Ok(steps.iter().zip(counts).map(|(step, records)| line(step, records)).collect())
}

/// Differences from `nave.lock`, and what this store has not renamed yet though the lock has.
fn all(engine: &Engine) -> Result<Vec<Step>, ApiError> {
    let catalog = engine.catalog();
    let mut steps = catalog.numbers.steps(&catalog);
    for Rename { entity, from, to } in engine.renames()? {
        let step = Step { named: Named::Field(entity, to), happened: Happened::Renamed { from } };
        if !steps.contains(&step) {
            steps.push(step);
        }
    }
    steps.sort();
    Ok(steps)
}

fn line(step: &Step, records: u64) -> SchemaStep {
    SchemaStep {
        name: step.named.to_string(),
        change: match &step.happened {
            Happened::New => "new".to_owned(),
            Happened::Renamed { from } => format!("renamed from {from}"),
            Happened::Removed => "removed".to_owned(),
            Happened::Retyped { from, to } => format!("{from} → {to}"),
        },
        records,
        consent: step.needs_consent(),
    }
}

fn is_counted(step: &Step) -> bool {
    step.happened != Happened::New
}

/// Per step, how many records hold something under its name, or the one before. The store is only read where values that
/// are stored change their meaning or their name.
fn counts(engine: &Engine, steps: &[Step]) -> Result<Vec<u64>, ApiError> {
    let mut counts = vec![0; steps.len()];
    if !steps.iter().any(is_counted) {
        return Ok(counts);
    }
    let streams = steps.iter().any(|step| step.needs_consent() && matches!(step.named, Named::Stream(..)));
    let mut after = RecordId(0);
    loop {
        let rows = engine.store.records_after(after, RECORDS_READ)?;
        let Some(last) = rows.last() else { return Ok(counts) };
        after = last.id;
        for record in &rows {
            let objects = if streams { engine.store.contributions(&record.contributions)? } else { Vec::new() };
            for (step, count) in steps.iter().zip(&mut counts) {
                let holds = match &step.named {
                    Named::Entity(entity) => record.entity == *entity,
                    Named::Field(entity, field) => {
                        let field = match &step.happened {
                            Happened::Renamed { from } => from,
                            _ => field,
                        };
                        record.entity == *entity
                            && (record.value(field).is_some_and(|value| !value.is_empty())
                                || record.elements(field).next().is_some())
                    }
                    Named::Stream(connection, stream) => objects.iter().flatten().any(|row| {
                        let child = |key: RemoteKey| key.stream.rsplit_once('/').is_some_and(|(_, of)| of == stream);
                        row.key.connection == *connection
                            && row.is_active()
                            && (row.key.stream == *stream || part::children(row).any(child))
                    }),
                };
                *count += u64::from(holds && is_counted(step));
            }
        }
    }
}

/// Gives new names their numbers. What is removed or has another type is refused until it is agreed to explicitly.
/// `lock` writes the numbers down and puts them in force.
pub(super) async fn apply(
    engine: &Engine,
    consent: bool,
    reason: &str,
    by: &str,
    lock: impl FnOnce(&Numbers) -> Result<(), ApiError>,
) -> Result<Vec<SchemaStep>, ApiError> {
    let catalog = engine.catalog();
    let steps = catalog.numbers.steps(&catalog);
    let lines = block_in_place(|| self::steps(engine))?;
    let open: Vec<String> = lines
        .iter()
        .filter(|line| line.consent)
        .map(|line| {
            format!("{}: {} ({} a value)", line.name, line.change, count(line.records as usize, "record holds", "records hold"))
        })
        .collect();
    if !open.is_empty() && !consent {
        return Err(ApiError::person(format!("not agreed to yet: {}", open.join("; ")))
            .help(
                "undo it in the configuration, or say what it is called now: renamed-from = \"…\" at the new field; or agree to it: `nave apply --schema --reason WHY`",
            ));
    }
    let numbers = catalog.numbers.after(&steps, &catalog);
    // Stored values first: a lock that is ahead of the store is seen, and a store ahead of the lock is renamed back.
    for (Rename { entity, from, to }, records) in engine.rename(&numbers).await? {
        let line = format!("field {entity}.{to}: renamed from {from} in {}", count(records as usize, "record", "records"));
        audit(engine, by, "schema.renamed", &line, reason).await?;
    }
    if steps.is_empty() {
        return Ok(lines);
    }
    block_in_place(|| lock(&numbers))?;
    for line in open {
        audit(engine, by, "schema.applied", &line, reason).await?;
    }
    Ok(lines)
}
