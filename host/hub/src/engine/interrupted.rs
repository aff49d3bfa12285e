//! Runs that nobody runs any more: the hub was killed, stopped or lost its disk while they ran.

use nave_core::model::{Cause, Run, RunStatus};

use super::{Engine, EngineError};

/// Runs looked at, newest first: more cannot have been under way at once.
const RUNS_LOOKED_AT_MAX: usize = 1_000;

impl Engine {
    /// Closes every run that is still open as failed, with this reason; says how many. For when nobody runs them: at the
    /// start, and when a command is broken off.
    pub async fn close_interrupted(&self, why: &str) -> Result<usize, EngineError> {
        let is_open = |run: &Run| run.status == RunStatus::Running;
        if !self.store.runs(None, RUNS_LOOKED_AT_MAX)?.iter().any(is_open) {
            return Ok(0);
        }
        self.write(Cause::default(), |draft| {
            // Read under the writer's lock: one may have ended meanwhile.
            let mut open = self.store.runs(None, RUNS_LOOKED_AT_MAX)?;
            open.retain(is_open);
            for run in &mut open {
                run.status = RunStatus::Failed;
                run.ended_at = Some(draft.now);
                run.message = Some(why.to_owned());
                let mut flow = self.store.flow(&run.flow)?;
                (flow.last_error, flow.failed) = (run.message.clone(), Some(run.direction.clone()));
                draft.batch.flows.push((run.flow.clone(), flow));
            }
            draft.batch.runs.extend(open.iter().cloned());
            Ok(open.len())
        })
        .await
    }
}
