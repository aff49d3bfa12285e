//! Looks at whether everything is as it should be: reconciliation, shadows, canaries.

use nave_core::catalog::Mapping;

use super::names::Names;
use super::unknown;
use crate::api::{
    ApiError, CanaryAnswer, CanaryLine, ReconcileAnswer, ReconcileBatch, ReconcileLine, ShadowAnswer, ShadowFlow, ShadowLine,
};
use crate::engine::{Engine, EngineError};

/// Milliseconds of a day.
const DAY_MS: u64 = 24 * 3_600_000;

/// The flows that are meant, in their order.
fn chosen(engine: &Engine, only: Option<&str>, fits: impl Fn(&Mapping) -> bool) -> Result<Vec<String>, ApiError> {
    let catalog = engine.catalog();
    if let Some(name) = only.filter(|name| !catalog.mappings.contains_key(*name)) {
        return Err(unknown("flow", name, catalog.mappings.keys()));
    }
    let named = |mapping: &&std::sync::Arc<Mapping>| only.map_or_else(|| fits(mapping), |only| only == mapping.name);
    Ok(catalog.mappings.values().filter(named).map(|mapping| mapping.name.clone()).collect())
}

fn line(engine: &Engine, flow: &str) -> Result<ReconcileLine, ApiError> {
    let standing = engine.standing(flow)?;
    Ok(ReconcileLine {
        flow: flow.to_owned(),
        things: standing.things,
        oldest: standing.oldest.map(|at| at.to_string()),
        oldest_age_s: standing.oldest.map(|at| (engine.now().0 - at.0) / 1_000),
        every_days: standing.every_ms / DAY_MS,
        verified: standing.verified,
        differed: standing.differed,
        due: standing.due.map(|at| at.to_string()),
        cannot: standing.cannot,
        batch: None,
    })
}

/// How far every flow is verified.
pub(super) fn standing(engine: &Engine) -> Result<ReconcileAnswer, ApiError> {
    let flows = chosen(engine, None, |mapping| mapping.flow_in.is_some())?;
    Ok(ReconcileAnswer { flows: flows.iter().map(|flow| line(engine, flow)).collect::<Result<_, _>>()? })
}

/// Verifies what was longest not, now. A flow that fails does not keep the others from it.
pub(super) async fn reconcile(
    engine: &Engine,
    only: Option<&str>,
    budget: Option<usize>,
    by: &str,
) -> Result<ReconcileAnswer, ApiError> {
    let mut answer = ReconcileAnswer::default();
    for flow in chosen(engine, only, |mapping| mapping.flow_in.is_some() && mapping.id.is_none())? {
        let batch = match engine.reconcile(&flow, budget, Some(by)).await {
            Ok(batch) => ReconcileBatch { verified: batch.verified, differed: batch.differed, run: batch.run, failed: None },
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error.into()),
            Err(error) => ReconcileBatch { failed: Some(error.to_string()), ..ReconcileBatch::default() },
        };
        answer.flows.push(ReconcileLine { batch: Some(batch), ..line(engine, &flow)? });
    }
    Ok(answer)
}

/// What was noted in shadow mode, against what is there by now.
pub(super) async fn shadow_report(engine: &Engine, only: Option<&str>, clear: bool) -> Result<ShadowAnswer, ApiError> {
    let mut answer = ShadowAnswer::default();
    for flow in chosen(engine, only, |mapping| mapping.flow_out.is_some())? {
        if engine.shadow_writes(&flow)? == 0 {
            continue;
        }
        let mut line = ShadowFlow { flow: flow.clone(), ..ShadowFlow::default() };
        match engine.shadow_report(&flow).await {
            Ok(found) => {
                let (names, entity) = (Names::new(engine), engine.mapping(&flow)?.entity.clone());
                line.same = found.iter().filter(|found| found.same).count() as u64;
                line.differs = found.len() as u64 - line.same;
                line.lines = found
                    .into_iter()
                    .map(|found| ShadowLine {
                        record: format!("{entity}/{}", found.record),
                        title: names.title_of(found.record).unwrap_or_default(),
                        operation: found.operation,
                        remote_id: found.remote_id,
                        path: found.path,
                        wanted: found.wanted.to_json(),
                        found: found.found.map(|value| value.to_json()),
                        same: found.same,
                        since: found.since.to_string(),
                    })
                    .collect();
                if clear {
                    engine.shadow_clear(&flow).await?;
                }
            }
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error.into()),
            Err(error) => line.unread = Some(error.to_string()),
        }
        answer.flows.push(line);
    }
    Ok(answer)
}

/// Sends canaries now.
pub(super) async fn canaries(engine: &Engine, only: Option<&str>) -> Result<CanaryAnswer, ApiError> {
    let has = |mapping: &Mapping| mapping.flow_out.as_ref().is_some_and(|flow| flow.canary.is_some());
    let mut answer = CanaryAnswer::default();
    for flow in chosen(engine, only, has)? {
        let flown = engine.canary(&flow).await?;
        answer.canaries.push(CanaryLine { flow, at: flown.at, failed: flown.failed, run: flown.run });
    }
    Ok(answer)
}
