//! What would be sent, and agreeing to it.

use nave_core::catalog::{Diagnostic, Hub, Mapping};

use super::{order, unknown};
use crate::api::{
    ApiError, ApplyAnswer, Finding, FlowPlan, MismatchLine, PlanAnswer, PlannedField, PlannedWrite, ProgressSender, RunLine,
    SampleLine, StrategyLine,
};
use crate::engine::{Engine, EngineError, plan as planned};

/// Writes listed per flow.
const WRITES_LISTED_MAX: usize = 10_000;

/// Computes plans, what is referred to first, and remembers that they were seen.
pub(super) async fn plan(
    engine: &Engine,
    only: Option<&str>,
    limit: usize,
    warnings: &[Diagnostic],
    progress: &ProgressSender,
) -> Result<PlanAnswer, ApiError> {
    let catalog = engine.catalog();
    let all = catalog.mappings.values().map(AsRef::as_ref);
    let mut flows: Vec<&Mapping> = match only {
        // A connection's name stands for its flows.
        Some(name) if !catalog.mappings.contains_key(name) && catalog.connections.contains_key(name) => {
            all.filter(|mapping| mapping.connection == name && mapping.flow_out.is_some()).collect()
        }
        _ => writing(all, only, || unknown("flow", only.unwrap_or_default(), catalog.mappings.keys()))?,
    };
    order::sort(&catalog, &mut flows);
    let mut plans = Vec::new();
    for (index, mapping) in flows.iter().enumerate() {
        progress.report(&format!("planning {}", mapping.name), index as u64, Some(flows.len() as u64));
        let plan = engine.plan(&mapping.name, limit.min(WRITES_LISTED_MAX)).await?;
        plans.push(answer(&catalog.hub, mapping, plan));
    }
    Ok(PlanAnswer { warnings: warnings.iter().map(Finding::from).collect(), flows: plans, ..PlanAnswer::default() })
}

/// How each flow reads and writes: all, the one that is named, or those of the connection that is.
pub(super) async fn strategies(engine: &Engine, only: Option<&str>) -> Vec<StrategyLine> {
    let catalog = engine.catalog();
    let asked = |mapping: &&Mapping| only.is_none_or(|only| only == mapping.name || only == mapping.connection);
    let mut lines = Vec::new();
    // What a system can do is what it says now, not what it said when the hub started.
    for mapping in catalog.mappings.values().map(AsRef::as_ref).filter(asked) {
        engine.forget_streams(&mapping.connection);
    }
    for mapping in catalog.mappings.values().map(AsRef::as_ref).filter(asked) {
        let mut line = StrategyLine { flow: mapping.name.clone(), ..StrategyLine::default() };
        match engine.explain(&mapping.name).await {
            Ok(chosen) => {
                line.reads = chosen.reads.map(str::to_owned);
                line.writes = chosen.writes.map(str::to_owned);
                line.why = chosen.why;
            }
            Err(error) => line.unknown = Some(error.to_string()),
        }
        lines.push(line);
    }
    lines
}

/// Flows that write: all, or the one that was asked for.
fn writing<'c>(
    all: impl Iterator<Item = &'c Mapping>,
    only: Option<&str>,
    missing: impl FnOnce() -> ApiError,
) -> Result<Vec<&'c Mapping>, ApiError> {
    let found: Vec<&Mapping> = all.filter(|mapping| only.is_none_or(|only| only == mapping.name)).collect();
    match (only, found.first()) {
        (Some(_), None) => Err(missing()),
        (Some(name), Some(mapping)) if mapping.flow_out.is_none() => {
            Err(ApiError::usage(format!("`{name}` only reads, so there is nothing to plan"))
                .help(format!("a [flow.out] section in mappings/{name}.toml makes it write")))
        }
        _ => Ok(found.into_iter().filter(|mapping| mapping.flow_out.is_some()).collect()),
    }
}

fn answer(hub: &Hub, mapping: &Mapping, plan: planned::FlowPlan) -> FlowPlan {
    let writes = plan.writes.into_iter().map(|write| write_line(&mapping.entity, write));
    let purpose = mapping.purpose();
    FlowPlan {
        purpose: purpose.sentence(hub),
        process: purpose.process.unwrap_or_default(),
        flow: plan.flow,
        connection: plan.connection,
        creates: plan.creates,
        updates: plan.updates,
        deletes: plan.deletes,
        blocked: plan.blocked,
        waiting: plan.waiting,
        unchanged: plan.unchanged,
        approved: plan.approved,
        writes: writes.collect(),
        reasons: plan.reasons,
    }
}

/// One write that would be made, in words.
pub(super) fn write_line(entity: &str, write: planned::PlannedWrite) -> PlannedWrite {
    let note = |path: &str| {
        let fitted = write.fitted.iter().find(|fitted| fitted.path == path)?;
        let how = if fitted.policy == "truncate" { "cut to" } else { "transformed to" };
        Some(format!("{how} {} of {} characters", fitted.sent, fitted.length))
    };
    PlannedWrite {
        record: format!("{entity}/{}", write.record),
        title: write.title,
        operation: write.operation.to_owned(),
        fields: write
            .fields
            .into_iter()
            .map(|(path, now, then)| PlannedField {
                note: note(&path),
                path,
                now: now.map(|value| value.to_json()),
                then: then.to_json(),
            })
            .collect(),
    }
}

/// Agrees to plans that were seen as they are now. The engine writes an audit line with each.
pub(super) async fn apply(engine: &Engine, only: Option<&str>, reason: &str, by: &str) -> Result<ApplyAnswer, ApiError> {
    let catalog = engine.catalog();
    let flows = writing(catalog.mappings.values().map(AsRef::as_ref), only, || {
        unknown("flow", only.unwrap_or_default(), catalog.mappings.keys())
    })?;
    let mut answer = ApplyAnswer::default();
    for mapping in flows {
        let name = mapping.name.clone();
        if engine.store.flow(&name)?.approved.as_deref() == Some(mapping.digest.as_str()) {
            answer.already.push(name);
            continue;
        }
        if let Some(more) = engine.grew(&name).await? {
            answer.grown.insert(name.clone(), more);
            answer.unseen.push(name);
            continue;
        }
        match engine.approve(&name, by, reason).await {
            Ok(_) => answer.applied.push(name),
            Err(EngineError::Refused(_)) => {
                if !engine.was_planned(&name)? {
                    answer.never_planned.push(name.clone());
                }
                answer.unseen.push(name);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(answer)
}

/// Writes a few records of each plan, as they were shown, and reads them back.
pub(super) async fn sample(
    engine: &Engine,
    only: Option<&str>,
    limit: usize,
    reason: &str,
    by: &str,
) -> Result<Vec<SampleLine>, ApiError> {
    let catalog = engine.catalog();
    let mut flows = writing(catalog.mappings.values().map(AsRef::as_ref), only, || {
        unknown("flow", only.unwrap_or_default(), catalog.mappings.keys())
    })?;
    order::sort(&catalog, &mut flows);
    let mut lines = Vec::new();
    for mapping in flows {
        let mut line = SampleLine { flow: mapping.name.clone(), ..SampleLine::default() };
        match engine.sample(&mapping.name, limit, by, reason).await {
            Ok(done) => {
                let record = |id| format!("{}/{id}", mapping.entity);
                line.records = done.records.into_iter().map(record).collect();
                line.run = done.run.as_ref().map(RunLine::from);
                (line.things, line.fields) = (done.verified.things, done.verified.fields);
                line.unread = done.verified.unread.into_iter().map(|(id, why)| format!("{id}: {why}")).collect();
                line.mismatches = done
                    .verified
                    .mismatches
                    .into_iter()
                    .map(|found| MismatchLine {
                        record: record(found.record),
                        remote_id: found.remote_id,
                        path: found.path,
                        wanted: found.wanted.to_json(),
                        found: found.found.map(|value| value.to_json()),
                    })
                    .collect();
            }
            Err(EngineError::Refused(why)) => line.refused = Some(why),
            Err(error) => return Err(error.into()),
        }
        lines.push(line);
    }
    Ok(lines)
}
