//! How far a merge is: what each system still differs in, and whether it holds what it should when it is read back.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::Mapping;
use nave_core::hindrance::too_long;
use nave_core::model::{Cause, Contribution, ContributionId, DeadLetterSubject, RecordId, RemoteKey, ReviewId, ReviewKind};

use super::carry::line;
use super::{Kept, Merge, MergeState, Step, StepKind, StepOutcome, Told, of, put, restore};
use crate::engine::deliver::{Current, Need};
use crate::engine::{Engine, EngineError};

/// What a record still needs at one destination.
#[derive(Default)]
struct Still {
    /// Writes: to which contribution, if to one that is there, and whether they may be sent.
    writes: Vec<(Option<ContributionId>, bool)>,
    /// Stopped by the hub, before anything was sent.
    blocked: Option<String>,
    /// An earlier write's outcome is not known, or it waits for its next try.
    waits: Option<String>,
    /// It waits for its next try, and until somebody has done something no try succeeds: why.
    stuck: Option<String>,
    /// Set aside: why.
    letter: Option<String>,
}

impl Engine {
    /// Looks at merges that are not over, after a flow ran; at those that have something to do there. `failed` is why the run came to
    /// nothing, if it did.
    ///
    /// # Errors
    /// Those of the store.
    pub(in crate::engine) async fn tend_merges(&self, flow: &str, failed: Option<&EngineError>) -> Result<(), EngineError> {
        for merge in self.open_merges()? {
            if merge.current().iter().any(|step| step.flow.as_deref() == Some(flow)) {
                let told = failed.and_then(|error| self.hindered(flow, error));
                self.advance(merge.id, &[(flow.to_owned(), told)]).await?;
            }
        }
        Ok(())
    }

    /// Merges that wait, and have not got any further for too long, are a person's task from now on. Nothing is asked of any system.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn overdue_merges(&self) -> Result<(), EngineError> {
        for merge in self.open_merges()? {
            let waits = |step: &Step| matches!(step.outcome, StepOutcome::Waiting(_));
            if merge.state != MergeState::Running || !too_long(merge.still_since(), self.now()) {
                continue;
            }
            let mut steps = merge.current().to_vec();
            for step in steps.iter_mut().filter(|step| waits(step)) {
                step.outcome = self.as_told(&merge, step.flow.as_deref().unwrap_or_default(), &step.outcome);
            }
            self.stands(merge.id, &merge, &merge, steps).await?;
        }
        Ok(())
    }

    /// Looks at what came of each step so far, reads back what is said to be done, and writes down how the merge stands.
    /// `told` is what the runs of flows since came to, as far as they say why they came to nothing.
    pub(super) async fn advance(&self, id: u64, told: &[(String, Option<Told>)]) -> Result<Merge, EngineError> {
        let before = self.merge_of(id)?;
        if !matches!(before.state, MergeState::Running | MergeState::Partial) {
            return Ok(before);
        }
        let mut merge = before.clone();
        told.iter().for_each(|(flow, failed)| merge.note(flow, failed.clone()));
        let mut steps = merge.current().to_vec();
        self.judge_all(&mut steps, &merge)?;
        let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for step in steps.iter().filter(|step| step.is_done() && step.verified.is_none()) {
            if let (Some(flow), Some(ask)) = (&step.flow, self.to_ask(step)?) {
                ids.entry(flow.clone()).or_default().extend(ask);
            }
        }
        let (mut unread, mut unseen) = (BTreeMap::new(), BTreeSet::new());
        for (flow, mut ids) in ids {
            ids.sort();
            ids.dedup();
            let mapping = self.mapping(&flow)?;
            match self.refetch(&flow, &mapping.stream, &ids, "refetch").await {
                // What was set aside was not seen.
                Ok(read) => unseen.extend(read.again.into_iter().map(|id| (flow.clone(), id))),
                Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
                Err(error) => drop(unread.insert(flow.clone(), self.hindered(&flow, &error))),
            }
        }
        // What was read back may not be what was said to be written.
        self.judge_all(&mut steps, &merge)?;
        let now = self.now();
        for step in steps.iter_mut().filter(|step| step.is_done() && step.verified.is_none()) {
            let Some(flow) = &step.flow else { continue };
            match unread.get(flow) {
                Some(why) => step.outcome = self.unread(&merge, why.as_ref()),
                None => {
                    let seen = |id: String| !unseen.contains(&(flow.clone(), id));
                    let asked = self.to_ask(step)?;
                    step.verified = asked.is_some_and(|ids| ids.into_iter().all(seen)).then_some(now);
                }
            }
        }
        self.stands(id, &before, &merge, steps).await
    }

    /// Writes down how a merge stands, where that is not as it was before.
    async fn stands(&self, id: u64, before: &Merge, noted: &Merge, steps: Vec<Step>) -> Result<Merge, EngineError> {
        let stuck = |step: &Step| matches!(step.outcome, StepOutcome::Refused(_) | StepOutcome::Asked(_));
        let state = if steps.iter().all(Step::is_done) {
            if before.undo.is_some() { MergeState::Undone } else { MergeState::Done }
        } else if steps.iter().any(stuck) {
            MergeState::Partial
        } else {
            MergeState::Running
        };
        let mut after = noted.clone();
        let done = |steps: &[Step]| steps.iter().filter(|step| step.is_done()).count();
        if done(&steps) > done(before.current()) {
            after.moved = Some(self.now());
        }
        *after.current_mut() = steps;
        after.state = state;
        if after == *before {
            return Ok(after);
        }
        let written = self
            .write(Cause::default(), |draft| {
                let Some(stored) = of(draft, id)? else { return Ok(None) };
                if stored.undo.is_some() != before.undo.is_some() || stored.state == MergeState::Planned {
                    return Ok(Some(stored)); // it was taken back meanwhile
                }
                put(draft, &after)?;
                if state != stored.state {
                    let audit = line(draft, "hub", "merge.stands", id, state.word());
                    draft.batch.audit.push(audit);
                }
                if state == MergeState::Undone {
                    Kept::forget(self.store.as_ref(), draft, id)?;
                    restore::let_go(self, draft, &after)?;
                }
                Ok(Some(after.clone()))
            })
            .await?;
        self.holds.forget();
        written.map_or_else(|| self.merge_of(id), Ok)
    }

    fn judge_all(&self, steps: &mut [Step], merge: &Merge) -> Result<(), EngineError> {
        let mut known: BTreeMap<(String, RecordId), Still> = BTreeMap::new();
        for step in steps.iter_mut() {
            let Some(flow) = step.flow.clone() else { continue };
            if matches!(step.what, StepKind::Leave(_)) {
                continue;
            }
            let Ok(mapping) = self.mapping(&flow) else {
                step.outcome = StepOutcome::Refused(format!("there is no flow `{flow}` any more"));
                continue;
            };
            let records: Vec<RecordId> = match &step.what {
                StepKind::References(records) => records.iter().copied().collect(),
                _ => vec![step.record],
            };
            let mut worst = StepOutcome::Done;
            for record in records {
                let record = self.carries_on(record)?;
                let at = (flow.clone(), record);
                if !known.contains_key(&at) {
                    known.insert(at.clone(), self.still_needed(&mapping, record)?);
                }
                let outcome = self.judge(merge.id, &mapping, step, record, &known[&at])?;
                if worst == StepOutcome::Done || matches!(outcome, StepOutcome::Refused(_)) {
                    worst = outcome;
                }
            }
            if matches!(worst, StepOutcome::Waiting(_)) {
                worst = self.as_told(merge, &flow, &worst);
            }
            if worst != StepOutcome::Done {
                step.verified = None;
            }
            let left = self.left_as_is(&mapping, self.carries_on(step.record)?)?;
            let left = left.into_iter().filter(|left| Some(left.contribution) == step.contribution);
            step.left = left.map(|left| left.sentence(&mapping.connection)).collect();
            step.outcome = worst;
        }
        Ok(())
    }

    /// What a record still needs at a destination, from what is stored.
    fn still_needed(&self, mapping: &Mapping, record: RecordId) -> Result<Still, EngineError> {
        let mut still = Still::default();
        let subject = DeadLetterSubject::Delivery { destination: mapping.name.clone(), record };
        still.letter = self.store.dead_letter_of(&nave_store::subject_key(&subject))?.map(|letter| letter.message);
        if self.store.intent(&mapping.name, record)?.is_some() {
            still.waits = Some("an earlier write's outcome is not known yet".into());
        } else if let Some(parked) = self.store.parked(&mapping.name)?.into_iter().find(|row| row.record == record) {
            if parked.hindrance.is_some_and(|hindrance| !hindrance.passes()) {
                still.stuck = Some(parked.reason.clone());
            }
            still.waits = Some(format!("it waits until {}: {}", parked.until, parked.reason));
        }
        let catalog = self.catalog();
        let Some(subject) = self.subjects(mapping, &[record])?.remove(&record) else { return Ok(still) };
        match self.need(&catalog, mapping, &subject, &Current::new(), &self.children_known(mapping)?)? {
            Need::Nothing => {}
            Need::Held(why) => still.waits = Some(why),
            Need::Surged => still.waits = Some("it came with far more than usual; a review asks about them".into()),
            Need::Parked(parked) => still.waits = Some(parked.reason),
            Need::Blocked(errors) => {
                still.blocked = Some(errors.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; "));
            }
            Need::Writes(wanted) => {
                let given = crate::engine::agreed::Agreement::Given;
                let writes =
                    wanted.writes.iter().map(|write| (write.contribution.as_ref().map(|row| row.id), write.agreement == given));
                still.writes = writes.collect();
                if wanted.waits {
                    still.waits.get_or_insert_with(|| "its children there have not all been read yet".into());
                }
                if !wanted.stopped.is_empty() {
                    let why = wanted.stopped.into_iter().map(|error| error.message).collect::<Vec<_>>().join("; ");
                    still.blocked = Some(why);
                }
            }
        }
        Ok(still)
    }

    fn judge(
        &self,
        merge: u64,
        mapping: &Mapping,
        step: &Step,
        record: RecordId,
        still: &Still,
    ) -> Result<StepOutcome, EngineError> {
        let row = self.row_of(step)?;
        let whole = matches!(step.what, StepKind::References(_) | StepKind::Again);
        let mine: Vec<bool> =
            still.writes.iter().filter(|(of, _)| whole || *of == step.contribution).map(|(_, given)| *given).collect();
        let done = match &step.what {
            // Also where somebody made one of them there the other way round.
            StepKind::Merge(into) => row.as_ref().is_none_or(|row| !row.is_active()) || self.is_gone(mapping, into)?,
            StepKind::Again => self.is_there(mapping, record)? && mine.is_empty(),
            _ => mine.is_empty() && still.blocked.is_none(),
        };
        if done && still.waits.is_none() {
            return Ok(StepOutcome::Done);
        }
        if let Some(why) = still.letter.as_ref().or(still.stuck.as_ref()) {
            return Ok(StepOutcome::Refused(match step.what {
                StepKind::Again => format!(
                    "{why}. Where another object of {} took over what was this one's when the two were merged there (an address, a number), take it \
                     off that one there; then `nave match merges resume {merge}`",
                    mapping.connection
                ),
                _ => why.clone(),
            }));
        }
        if let Some(why) = &still.blocked {
            return Ok(StepOutcome::Refused(why.clone()));
        }
        if let Some(why) = &still.waits {
            return Ok(StepOutcome::Waiting(why.clone()));
        }
        if mine.contains(&false)
            && let Some(review) = self.asked_about(mapping, step)?
        {
            return Ok(StepOutcome::Asked(review));
        }
        if matches!(step.what, StepKind::Merge(_)) && mine.is_empty() {
            return Ok(StepOutcome::Refused("a person said that it stays as it is there".into()));
        }
        let flow = &mapping.name;
        let agreed = self.store.flow(flow)?.approved.as_deref() == Some(mapping.digest.as_str());
        Ok(StepOutcome::Waiting(match agreed {
            true => format!("it goes with the next delivery of {flow}"),
            false => format!("the plan of {flow} is not agreed to: `nave plan --flow {flow}`, then `nave apply --flow {flow}`"),
        }))
    }

    fn row_of(&self, step: &Step) -> Result<Option<Contribution>, EngineError> {
        match step.contribution {
            Some(id) => Ok(self.store.contributions(&[id])?.pop().flatten()),
            None => Ok(None),
        }
    }

    fn is_there(&self, mapping: &Mapping, record: RecordId) -> Result<bool, EngineError> {
        Ok(self.locate(record, &mapping.connection, &mapping.alias).is_some())
    }

    /// Whether an object is not in use there any more: it was deleted, or merged into another.
    fn is_gone(&self, mapping: &Mapping, remote_id: &str) -> Result<bool, EngineError> {
        let key = RemoteKey::new(&*mapping.connection, &*mapping.alias, remote_id);
        let Some(id) = self.store.resolve(std::slice::from_ref(&key))?.pop().flatten() else { return Ok(false) };
        Ok(self.store.contributions(&[id])?.pop().flatten().is_some_and(|row| !row.is_active()))
    }

    /// The open question about the step's object.
    fn asked_about(&self, mapping: &Mapping, step: &Step) -> Result<Option<u64>, EngineError> {
        let open = self.store.reviews(true, ReviewId(0), usize::MAX)?;
        let found = open.into_iter().find(|review| {
            matches!(&review.kind, ReviewKind::Remove { destination, contribution, .. }
                if *destination == mapping.name && Some(*contribution) == step.contribution)
        });
        Ok(found.map(|review| review.id.0))
    }

    /// Ids to be asked for to see that a step is done; none where the system cannot be asked for them.
    fn to_ask(&self, step: &Step) -> Result<Option<Vec<String>>, EngineError> {
        let Some(flow) = &step.flow else { return Ok(None) };
        let mapping = self.mapping(flow)?;
        if mapping.id.is_some() || matches!(step.what, StepKind::Leave(_)) {
            return Ok(None);
        }
        let mut ids: Vec<String> = step.remote_id.iter().cloned().collect();
        let records: Vec<RecordId> = match &step.what {
            StepKind::References(records) => records.iter().copied().collect(),
            StepKind::Again => vec![step.record],
            StepKind::Merge(into) => {
                ids.push(into.clone());
                Vec::new()
            }
            _ => Vec::new(),
        };
        for record in records {
            let record = self.carries_on(record)?;
            ids.extend(self.locate(record, &mapping.connection, &mapping.alias));
        }
        Ok((!ids.is_empty()).then_some(ids))
    }

    /// The record that carries on for this one.
    pub(in crate::engine) fn carries_on(&self, record: RecordId) -> Result<RecordId, EngineError> {
        let mut id = record;
        for _ in 0..64 {
            match self.store.records(&[id])?.pop().flatten().map(|record| record.state) {
                Some(nave_core::model::RecordState::MergedInto(next)) => id = next,
                _ => break,
            }
        }
        Ok(id)
    }
}

impl StepKind {
    /// One word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::KeepInStep => "keep-in-step",
            Self::Merge(_) => "merge",
            Self::Archive => "archive",
            Self::Leave(_) => "leave",
            Self::Again => "create-again",
            Self::References(_) => "references",
        }
    }
}
