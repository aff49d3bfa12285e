//! Fetches things again by their ids: those that were set aside, when a person says that the cause is gone.

use nave_core::accounting::{Counts, InCounts};
use nave_core::catalog::Mapping;
use nave_core::model::{Cause, DeadLetter, Run, RunStatus};

use super::children::Children;
use super::pull::{GET_IDS_MAX, PageCommit, Reading};
use super::take::subject;
use super::{Engine, EngineError};

/// What became of the things that were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refetched {
    /// Number of the run.
    pub run: u64,
    /// Taken in, found equal, filtered out or gone: no longer dead letters.
    pub taken: Vec<String>,
    /// Set aside again.
    pub again: Vec<String>,
    /// The system said nothing about them; they stay dead letters.
    pub unanswered: Vec<String>,
}

impl Engine {
    /// Fetches these things of a mapping's stream, or of one of its children, takes them in, and lets go of their dead letters where that
    /// succeeded. A run of its own, of the direction `why` (`refetch`, `webhook`), which says nothing about the flow's freshness and moves
    /// no checkpoint.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where the ids are the mapping's own, [`EngineError::Spoke`] where the system cannot be asked.
    pub async fn refetch(&self, name: &str, stream: &str, ids: &[String], why: &str) -> Result<Refetched, EngineError> {
        let mapping = self.mapping(name)?;
        if mapping.id.is_some() {
            return Err(EngineError::Refused(format!(
                "`{name}` makes its ids itself, so {} cannot be asked for them; `nave sync {name} --full` reads everything again",
                mapping.connection
            )));
        }
        let lane = self.lane(&mapping.connection);
        let _lane = lane.lock().await;
        // As it is called once the lane is free.
        let mapping = self.mapping(name)?;
        // Not `in`: the scheduler asks when a flow was last read as a whole.
        let run = self.begin(&mapping, why).await?;
        let mut counts = InCounts::default();
        let mut refetched = Refetched { run: run.id, ..Refetched::default() };
        let failure = self.refetch_ids(&mapping, stream, ids, &mut counts, &mut refetched).await.err();
        self.end_refetch(run, counts, failure.as_ref()).await?;
        match failure {
            Some(error) => Err(error),
            None => Ok(refetched),
        }
    }

    async fn refetch_ids(
        &self,
        mapping: &Mapping,
        stream: &str,
        ids: &[String],
        counts: &mut InCounts,
        refetched: &mut Refetched,
    ) -> Result<(), EngineError> {
        self.functions_ready(mapping)?;
        let catalog = self.catalog();
        self.hold_for_renames(&mapping.entity).await?;
        let spoke = self.spoke(&mapping.connection)?;
        let children = Children::of(mapping, stream);
        let run = refetched.run;
        let reading = Reading {
            catalog: &catalog,
            mapping,
            spoke: spoke.as_ref(),
            run,
            children: children.as_ref(),
            guard: None,
            archive: false,
        };
        if reading.stream() != stream {
            return Err(EngineError::Refused(format!(
                "`{0}` reads no `{stream}` any more; `nave dlq discard --flow {0} --reason TEXT` gives up what was set aside of it",
                mapping.name
            )));
        }
        // As with every read: nothing can be judged while it is unknown what we wrote ourselves.
        self.resolve_open(mapping, refetched.run).await?;
        for chunk in ids.chunks(GET_IDS_MAX) {
            let began = self.now();
            let fetched = self.fetch(mapping, spoke.as_ref(), stream, chunk).await?;
            refetched.again.extend(fetched.refused.iter().map(|(id, _)| id.clone()));
            let chunk: Vec<String> = chunk.iter().filter(|id| !refetched.again.contains(id)).cloned().collect();
            self.set_aside_refused(&reading, fetched.refused, counts).await?;
            let found = fetched.found;
            let (answered, silent): (Vec<String>, Vec<String>) =
                chunk.iter().cloned().partition(|id| found.iter().any(|record| record.remote_id == *id));
            let before = answered.iter().map(|id| self.letter_of(mapping, stream, id)).collect::<Result<Vec<_>, _>>()?;
            self.take_page(&reading, found, began, counts, PageCommit::default()).await?;
            let mut mended = Vec::new();
            for (id, before) in answered.into_iter().zip(before) {
                match (before, self.letter_of(mapping, stream, &id)?) {
                    // Failing again counts up; the letter of what was let in, or filtered out, or is gone, stays as it was.
                    (Some(before), Some(after)) if after.count > before.count => refetched.again.push(id),
                    (None, Some(_)) => refetched.again.push(id),
                    (_, letter) => {
                        mended.extend(letter.map(|letter| letter.id));
                        refetched.taken.push(id);
                    }
                }
            }
            refetched.unanswered.extend(silent);
            self.write(Cause::default(), |draft| {
                draft.batch.revived.extend(&mended);
                Ok(())
            })
            .await?;
            self.report(&mapping.name, counts.read);
        }
        Ok(())
    }

    fn letter_of(&self, mapping: &Mapping, stream: &str, remote_id: &str) -> Result<Option<DeadLetter>, EngineError> {
        Ok(self.store.dead_letter_of(&nave_store::subject_key(&subject(mapping, stream, remote_id)))?)
    }

    /// Closes the run without touching the flow's state: a handful of things says nothing about the whole.
    async fn end_refetch(&self, mut run: Run, counts: InCounts, failure: Option<&EngineError>) -> Result<(), EngineError> {
        run.counts = Counts::In(counts);
        run.status = if failure.is_none() && counts.balances() { RunStatus::Success } else { RunStatus::Failed };
        run.message = failure.map(ToString::to_string);
        self.write(Cause::default(), |draft| {
            run.ended_at = Some(draft.now);
            draft.batch.runs.push(run.clone());
            Ok(())
        })
        .await
    }
}
