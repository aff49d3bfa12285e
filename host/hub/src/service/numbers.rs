//! What a configuration changes in entities, fields and streams, and agreeing to it: `nave.lock` gets their numbers.

use nave_core::catalog::Numbers;
use nave_core::catalog::numbers::{Happened, Named, Step};
use nave_core::model::{RecordId, RemoteKey};
use nave_core::part;
use tokio::task::block_in_place;

use super::{audit, count};
use crate::api::{ApiError, SchemaStep};
use crate::engine::Engine;

/// Records looked at per read of the store.
const RECORDS_READ: usize = 5_000;

/// What is new, removed, or of another type since it was last agreed to.
pub(super) fn steps(engine: &Engine) -> Result<Vec<SchemaStep>, ApiError> {
    let catalog = engine.catalog();
    let steps = catalog.numbers.steps(&catalog);
    let counts = counts(engine, &steps)?;
    Ok(steps.iter().zip(counts).map(|(step, records)| line(step, records)).collect())
}

fn line(step: &Step, records: u64) -> SchemaStep {
    SchemaStep {
        name: step.named.to_string(),
        change: match &step.happened {
            Happened::New => "new".to_owned(),
            Happened::Removed => "removed".to_owned(),
            Happened::Retyped { from, to } => format!("{from} → {to}"),
        },
        records,
        consent: step.needs_consent(),
    }
}

/// Per step, how many records hold something under its name. The store is only read where somebody has to agree.
fn counts(engine: &Engine, steps: &[Step]) -> Result<Vec<u64>, ApiError> {
    let mut counts = vec![0; steps.len()];
    if !steps.iter().any(Step::needs_consent) {
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
                *count += u64::from(holds && step.needs_consent());
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
            .help("undo it in the configuration, or agree to it: `nave apply --schema --reason '…'`"));
    }
    if steps.is_empty() {
        return Ok(lines);
    }
    block_in_place(|| lock(&catalog.numbers.after(&steps, &catalog)))?;
    for line in open {
        audit(engine, by, "schema.applied", &line, reason).await?;
    }
    Ok(lines)
}
