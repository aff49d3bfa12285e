//! One record put right everywhere, as a person asks for it.

use super::find::find;
use super::names::{Names, reference};
use super::plans::write_line;
use crate::api::{ApiError, LookedLine, PlannedField, RecordRef, ResyncAnswer, RunLine, TowardsLine};
use crate::engine::Engine;

/// Looks at a record's objects where they are; with `plan` says what would be done, otherwise does it.
pub(super) async fn resync(engine: &Engine, which: &RecordRef, plan: bool, by: &str) -> Result<ResyncAnswer, ApiError> {
    let found = tokio::task::block_in_place(|| find(engine, which))?;
    let id = found.record.id;
    let done = if plan { engine.plan_resync(id).await? } else { engine.resync(id, by).await? };
    let record = engine.store.records(&[id])?.pop().flatten().unwrap_or(found.record);
    let looked = done.looked.into_iter().map(|looked| LookedLine {
        remote: looked.remote,
        state: looked.state,
        fields: looked
            .fields
            .into_iter()
            .map(|(path, now, then)| PlannedField {
                path,
                now: now.map(|value| value.to_json()),
                then: then.to_json(),
                note: None,
            })
            .collect(),
    });
    let towards = done.towards.into_iter().map(|towards| TowardsLine {
        flow: towards.flow,
        writes: towards.writes.into_iter().map(|write| write_line(&record.entity, write)).collect(),
        stopped: towards.stopped,
    });
    Ok(ResyncAnswer {
        record: reference(&record),
        title: Names::new(engine).title(&record),
        planned: plan,
        looked: looked.collect(),
        towards: towards.collect(),
        runs: done.runs.iter().map(RunLine::from).collect(),
    })
}
