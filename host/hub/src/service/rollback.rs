//! A run taken back, as a person asks for it.

use super::count;
use super::names::Names;
use crate::api::{Answer, ApiError, BackLine, RollbackAnswer, RunLine};
use crate::engine::Engine;
use crate::engine::rollback::{Back, Rollback};

/// Lines in one answer; the counts say how many there are.
const LINES_MAX: usize = 10_000;

/// Plans it, does it, or lets go of what is held of it.
pub(super) async fn rollback(
    engine: &Engine,
    run: u64,
    plan: bool,
    release: bool,
    by: &str,
    reason: &str,
) -> Result<Answer, ApiError> {
    if release && plan {
        return Err(ApiError::usage("a release has no plan")
            .help(format!("`nave plan` shows what is sent after `nave rollback run/{run} --release`")));
    }
    if release {
        let (flow, held) = engine.let_go(run, by, reason).await?;
        let what = count(usize::try_from(held).unwrap_or(usize::MAX), "field or thing is", "fields and things are");
        let message = format!("{what} not held any more; the next delivery of `{flow}` writes there what the records say.");
        return Ok(Answer::done(message, held));
    }
    let done = if plan { engine.plan_rollback(run).await } else { engine.rollback(run, by, reason).await };
    let done = done?;
    tokio::task::block_in_place(|| answer(engine, run, plan, done)).map(Answer::Rollback)
}

fn answer(engine: &Engine, run: u64, planned: bool, done: Rollback) -> Result<RollbackAnswer, ApiError> {
    let names = Names::new(engine);
    let entity = engine.mapping(&done.flow)?.entity.clone();
    let line = |line: &crate::engine::rollback::BackLine| {
        let (what, why) = match line.back {
            Back::ToRestore => ("restore", None),
            Back::Restored => ("restored", None),
            Back::ToRemove => ("remove", None),
            Back::Removed => ("removed", None),
            Back::Asked => ("asked", None),
            Back::Left(why) => ("left", Some(why.to_owned())),
        };
        BackLine {
            record: format!("{entity}/{}", line.record),
            title: names.title_of(line.record).unwrap_or_default(),
            remote_id: line.remote_id.clone(),
            path: line.path.clone(),
            now: line.now.as_ref().map(nave_core::Value::to_json),
            before: line.before.as_ref().map(nave_core::Value::to_json),
            what: what.to_owned(),
            why,
        }
    };
    Ok(RollbackAnswer {
        run,
        flow: done.flow.clone(),
        planned,
        restored: done.count(|back| back == Back::Restored),
        to_restore: done.count(|back| back == Back::ToRestore),
        removed: done.count(|back| back == Back::Removed),
        to_remove: done.count(|back| matches!(back, Back::ToRemove | Back::Asked)),
        left: done.count(|back| matches!(back, Back::Left(_))),
        lines: done.lines.iter().take(LINES_MAX).map(line).collect(),
        left_out: done.lines.len().saturating_sub(LINES_MAX) as u64,
        unread: done.unread,
        waits: done.waits,
        done_by: done.run.as_ref().map(RunLine::from),
    })
}
