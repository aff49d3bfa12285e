//! Flows stopped and let go on, and what their runs came to.

use nave_core::model::Cause;

use super::{audit_entry, unknown};
use crate::api::{ApiError, DriftLine, FlowsAnswer, RunLine, RunsAnswer, TryLine};
use crate::engine::Engine;

/// Records with drift in one answer.
const DRIFT_LISTED_MAX: usize = 1_000;
/// Runs in one answer.
const RUNS_LISTED_MAX: usize = 10_000;

/// Pauses or resumes a flow, or all. One that is so already stays so.
pub(super) async fn set_paused(engine: &Engine, only: Option<&str>, paused: bool, by: &str) -> Result<FlowsAnswer, ApiError> {
    let catalog = engine.catalog();
    if let Some(name) = only
        && !catalog.mappings.contains_key(name)
    {
        return Err(unknown("flow", name, catalog.mappings.keys()));
    }
    let flows: Vec<String> = catalog.mappings.keys().filter(|name| only.is_none_or(|only| only == *name)).cloned().collect();
    let action = if paused { "flow.paused" } else { "flow.resumed" };
    engine
        .write(Cause { person: Some(by.to_owned()), ..Cause::default() }, |draft| {
            for name in &flows {
                // Read under the writer's lock, so that a run that ends meanwhile is not overwritten.
                let mut flow = engine.store.flow(name)?;
                flow.paused = paused;
                draft.batch.flows.push((name.clone(), flow));
            }
            let line = audit_entry(draft.now, by, action, only.unwrap_or("all flows"), "");
            draft.batch.audit.push(line);
            Ok(())
        })
        .await?;
    if paused {
        // A call that is under way ends; after the answer nothing is sent.
        engine.still(&flows).await;
    }
    Ok(FlowsAnswer { paused, flows })
}

/// Runs, newest first.
pub(super) fn runs(engine: &Engine, only: Option<&str>, limit: usize) -> Result<RunsAnswer, ApiError> {
    let runs = engine.store.runs(only, limit.min(RUNS_LISTED_MAX))?;
    if let Some(name) = only
        && runs.is_empty()
        && !engine.catalog().mappings.contains_key(name)
    {
        return Err(unknown("flow", name, engine.catalog().mappings.keys()));
    }
    Ok(RunsAnswer { runs: runs.iter().map(RunLine::from).collect() })
}

/// One run.
pub(super) fn run(engine: &Engine, id: u64) -> Result<RunLine, ApiError> {
    let missing = || ApiError::not_found(format!("there is no run {id}")).help("`nave run list` shows them");
    let head = engine.store.heads()?.run;
    let back = head.checked_sub(id).filter(|back| id > 0 && *back > 0).ok_or_else(missing)?;
    // Runs are numbered without gaps, newest first.
    let runs = engine.store.runs(None, usize::try_from(back).unwrap_or(usize::MAX))?;
    let found = runs.iter().rev().find(|run| run.id == id).ok_or_else(missing)?;
    let entity = engine.catalog().mappings.get(&found.flow).map(|mapping| mapping.entity.clone()).unwrap_or_default();
    let drift = engine.drifts(&found.flow)?.into_iter().filter(|drift| drift.run == id).take(DRIFT_LISTED_MAX);
    let drift = drift.map(|drift| DriftLine {
        record: format!("{entity}/{}", drift.record),
        paths: drift.paths,
        at: drift.at.to_string(),
    });
    let tries = engine.tries_of_run(id)?.into_iter().map(|(record, one)| TryLine {
        record: format!("{entity}/{record}"),
        at: one.at.to_string(),
        next: one.next.map(|next| next.to_string()),
        why: one.why,
    });
    Ok(RunLine { drift: drift.collect(), tries: tries.collect(), ..RunLine::from(found) })
}
