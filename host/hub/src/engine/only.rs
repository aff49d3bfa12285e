//! A run outwards about some records only, when a person asks for just these; and the gate by which a pause is at once.

use std::collections::BTreeSet;
use std::sync::Arc;

use nave_core::accounting::{Counts, OutCounts};
use nave_core::model::{Cause, Dirty, RecordId, Run, RunStatus};

use super::{Engine, EngineError};

/// What a run outwards is about.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// These records; their entries alone are drained.
    pub records: BTreeSet<RecordId>,
    /// A person has seen what goes to them and agreed to it, though not to the flow's whole plan.
    pub agreed: bool,
    /// Nothing is sent but what puts back what is held; whatever else differs goes on waiting.
    pub held_alone: bool,
}

impl Only {
    /// These records, as far as the flow's plan was agreed to.
    pub fn of(records: impl IntoIterator<Item = RecordId>) -> Self {
        Self { records: records.into_iter().collect(), ..Self::default() }
    }
}

/// Held shared while something of a flow may be sent, and alone by whoever has just stopped it.
pub(super) type Gate = Arc<tokio::sync::RwLock<()>>;

impl Engine {
    /// One run of a mapping's flow outwards, about these records only. It says nothing about the flow as a whole: neither
    /// its last success nor its last failure is touched.
    ///
    /// # Errors
    /// Those of [`Engine::run_out`]; [`EngineError::Refused`] where the flow is paused.
    pub async fn run_out_only(&self, name: &str, only: &Only) -> Result<Run, EngineError> {
        Ok(self.run_some(name, only).await?.0)
    }

    /// The same, with what it was that kept the run from its end.
    pub(super) async fn run_some(&self, name: &str, only: &Only) -> Result<(Run, Option<EngineError>), EngineError> {
        let mapping = self.mapping(name)?;
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        // As it is called once the lane is free.
        let mapping = self.mapping(name)?;
        if mapping.flow_out.as_ref().is_some_and(|flow| flow.shadow) {
            return Err(EngineError::Refused(format!(
                "`{name}` is in shadow mode, so nothing is sent; without `mode = \"shadow\"` in mappings/{name}.toml it is"
            )));
        }
        if self.store.flow(name)?.paused {
            return Err(EngineError::Refused(format!(
                "`{name}` is paused, so nothing is sent; `nave resume {name}` lets it go on"
            )));
        }
        let mut run = self.begin(&mapping, "out").await?;
        let mut counts = OutCounts::default();
        let failure = match self.deliver(&mapping, run.id, &mut counts, Some(only)).await {
            Ok(()) => None,
            Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
            Err(error) => Some(error),
        };
        run.counts = Counts::Out(counts);
        // Not `out`: the scheduler asks when a flow was last drained as a whole.
        run.direction = "some".to_owned();
        run.status = if failure.is_none() && run.counts.balances() { RunStatus::Success } else { RunStatus::Failed };
        run.message = failure.as_ref().map(ToString::to_string);
        self.forget_images().await?;
        self.write(Cause::default(), |draft| {
            run.ended_at = Some(draft.now);
            draft.batch.runs.push(run.clone());
            Ok(())
        })
        .await?;
        Ok((run, failure))
    }

    /// Entries of a flow after a record: all, or those of some records.
    pub(super) fn entries(
        &self,
        flow: &str,
        after: RecordId,
        at_most: usize,
        only: Option<&Only>,
    ) -> Result<Vec<Dirty>, EngineError> {
        let Some(only) = only else { return Ok(self.store.dirty(flow, after, at_most)?) };
        let mut entries = Vec::new();
        for record in only.records.range(RecordId(after.0.saturating_add(1))..) {
            let found = self.store.dirty(flow, RecordId(record.0.saturating_sub(1)), 1)?;
            entries.extend(found.into_iter().filter(|entry| entry.record == *record));
            if entries.len() >= at_most {
                break;
            }
        }
        Ok(entries)
    }

    /// A flow's gate.
    pub(super) fn gate(&self, flow: &str) -> Gate {
        let mut gates = self.gates.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        gates.entry(flow.to_owned()).or_default().clone()
    }

    /// Waits until a call that was under way for these flows has ended. Whoever has stopped them, by a commit, knows
    /// afterwards that nothing more is sent.
    pub async fn still(&self, flows: &[String]) {
        for flow in flows {
            drop(self.gate(flow).write().await);
        }
    }
}
