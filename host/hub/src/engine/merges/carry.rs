//! Carries a merge out: one commit makes two records one, the ordinary delivery does the rest.

use nave_core::model::{AuditEntry, Cause, DeadLetterSubject, Reason, RecordId};
use nave_store::StoreError;

use super::plan::mergeable;
use super::{Kept, Merge, MergeState, OF, OPEN, SPACE, StepKind, into_space, key, next, of, primary, put, row, standing, steps};
use crate::engine::draft::Draft;
use crate::engine::only::Only;
use crate::engine::{Engine, EngineError, agreed, apart};

/// How often a merge is told at once: what a system made of its own merge is read back, and put right where the record says otherwise.
const TOLD_TIMES: usize = 2;

/// Two records become one in a draft, and the merge's row says what follows. What they were is kept.
fn join(draft: &mut Draft<'_>, mut kept: Kept, merge: &mut Merge) -> Result<(), StoreError> {
    let (survivor, loser) = (merge.survivor, merge.loser);
    primary::keep(draft, (survivor, &kept.survivors()), (loser, &kept.losers()))?;
    standing::joined(draft, &kept)?;
    draft.merge(survivor, loser)?;
    kept.numbered(draft);
    merge.steps = steps::of_record(draft, survivor)?;
    merge.steps.extend(steps::of_referring(draft, survivor, &kept.referring)?);
    let over = merge.steps.iter().all(super::Step::is_done);
    merge.state = if over { MergeState::Done } else { MergeState::Running };
    merge.moved = Some(draft.now);
    apart::carried_on(draft, survivor, loser)?;
    kept.put(draft, merge.id)?;
    draft.batch.rows.push(row(OF, key(loser.0), Some(merge.id.to_string().into_bytes())));
    draft.batch.rows.push(row(&into_space(survivor), key(merge.id), Some(b"{}".to_vec())));
    for mapping in draft.catalog.mappings.values().filter(|m| m.entity == merge.entity && m.flow_out.is_some()) {
        // What could not be sent of a record that is none any more is nobody's task.
        let subject = DeadLetterSubject::Delivery { destination: mapping.name.clone(), record: loser };
        draft.batch.revived_subjects.push(nave_store::subject_key(&subject));
    }
    put(draft, merge)
}

/// A system says that it merged two of its own things, so that their records become one: the hub follows. `kept` is what they
/// were before anything of it was taken in.
pub(in crate::engine) fn of_system(draft: &mut Draft<'_>, kept: Kept, connection: &str, what: &str) -> Result<(), StoreError> {
    let mut merge = Merge {
        id: next(draft)?,
        entity: kept.survivor.entity.to_string(),
        survivor: kept.survivor.id,
        loser: kept.loser.id,
        state: MergeState::Running,
        by: connection.to_owned(),
        followed: true,
        reason: what.to_owned(),
        at: draft.now,
        steps: Vec::new(),
        undo: None,
        told: Vec::new(),
        moved: None,
    };
    join(draft, kept, &mut merge)
}

impl Engine {
    /// Merges two records: `into` names the one that carries on, none the older one. Written down first, carried out then, and
    /// told to every system as far as that goes now; the answer says how far that was.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where they cannot be merged, with the reason; [`EngineError::NotFound`] where one is not there.
    pub async fn merge(
        &self,
        one: RecordId,
        other: RecordId,
        into: Option<RecordId>,
        by: &str,
        reason: &str,
    ) -> Result<Merge, EngineError> {
        let planned = self.plan_merge(one, other, into)?;
        self.hold_for_renames(&planned.entity).await?;
        let id = self
            .write(Cause::default(), |draft| {
                let merge = Merge {
                    id: next(draft)?,
                    entity: planned.entity.clone(),
                    survivor: planned.survivor,
                    loser: planned.loser,
                    state: MergeState::Planned,
                    by: by.to_owned(),
                    followed: false,
                    reason: reason.to_owned(),
                    at: draft.now,
                    steps: planned.steps.clone(),
                    undo: None,
                    told: Vec::new(),
                    moved: None,
                };
                put(draft, &merge)?;
                Ok(merge.id)
            })
            .await?;
        self.join(id, by).await?;
        self.tell(id).await
    }

    /// Goes on with a merge, or with taking one back, where it was broken off or refused: what is not done is compared and sent
    /// again.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where nothing is left to do.
    pub async fn resume_merge(&self, id: u64, by: &str) -> Result<Merge, EngineError> {
        let merge = self.merge_of(id)?;
        match merge.state {
            MergeState::Planned => self.join(id, by).await?,
            MergeState::Running | MergeState::Partial => {
                self.write(Cause::default(), |draft| {
                    for step in merge.current().iter().filter(|step| !step.is_done()) {
                        let Some(flow) = &step.flow else { continue };
                        let mut records = vec![step.record];
                        if let StepKind::References(of) = &step.what {
                            records = of.iter().copied().collect();
                        }
                        for record in records {
                            let record = draft.surviving(record)?;
                            draft.enter(flow, record, Reason::Resync);
                        }
                    }
                    if let Some(mut stored) = of(draft, id)? {
                        // What somebody had to do first is said to be done.
                        stored.told.clear();
                        stored.moved = Some(draft.now);
                        put(draft, &stored)?;
                    }
                    let audit = line(draft, by, "merge.resumed", id, "");
                    draft.batch.audit.push(audit);
                    Ok(())
                })
                .await?;
            }
            MergeState::Done | MergeState::Undone => {
                return Err(EngineError::Refused(format!(
                    "nothing of merge {id} is left to do; `nave match merges show {id}` shows what was done"
                )));
            }
        }
        self.tell(id).await
    }

    /// The two records become one, in one commit. Where they cannot any more, since somebody was faster, the merge is no plan any longer.
    async fn join(&self, id: u64, by: &str) -> Result<(), EngineError> {
        let joined = self.try_join(id, by).await;
        if let Err(EngineError::Refused(_)) = &joined {
            self.write(Cause::default(), |draft| {
                if of(draft, id)?.is_some_and(|merge| merge.state == MergeState::Planned) {
                    draft.batch.rows.extend([SPACE, OPEN].map(|space| row(space, key(id), None)));
                }
                Ok(())
            })
            .await?;
        }
        joined
    }

    async fn try_join(&self, id: u64, by: &str) -> Result<(), EngineError> {
        let planned = self.merge_of(id)?;
        let cause = Cause { person: Some(planned.by.clone()), rule: Some(rule(&planned)), ..Cause::default() };
        self.write(cause, |draft| {
            let Some(mut merge) = of(draft, id)?.filter(|merge| merge.state == MergeState::Planned) else {
                return Ok(()); // somebody else did
            };
            mergeable(self, draft, merge.survivor, merge.loser)?;
            let kept = Kept::before(draft, merge.survivor, merge.loser)?;
            join(draft, kept, &mut merge)?;
            for step in &merge.steps {
                // The person who merges the records has seen which objects become one over there.
                if let (StepKind::Merge(into), Some(flow), Some(extra)) = (&step.what, &step.flow, step.contribution) {
                    agreed::with_merge(draft, flow, extra, into, id);
                }
            }
            let detail = format!("{0}/{1} into {0}/{2}: {3}", merge.entity, merge.loser, merge.survivor, merge.reason);
            let audit = line(draft, by, "record.merged", id, &detail);
            draft.batch.audit.push(audit);
            Ok(())
        })
        .await
    }

    /// Delivers what a merge left to be sent, now, and looks at what came of it. What cannot be sent now is sent by the flow's
    /// next run.
    pub(super) async fn tell(&self, id: u64) -> Result<Merge, EngineError> {
        let mut merge = self.merge_of(id)?;
        for _ in 0..TOLD_TIMES {
            let mut told = Vec::new();
            for (flow, records) in merge.flows() {
                let failed = match self.run_some(&flow, &Only::of(records)).await {
                    Ok((_, failure)) => failure,
                    Err(error @ (EngineError::Store(_) | EngineError::Commit(_))) => return Err(error),
                    Err(error) => Some(error),
                };
                told.push((flow.clone(), failed.and_then(|error| self.hindered(&flow, &error))));
            }
            merge = self.advance(id, &told).await?;
            if merge.state != MergeState::Running || told.iter().any(|(_, failed)| failed.is_some()) {
                break;
            }
        }
        Ok(merge)
    }
}

/// The rule that a merge's changes name.
pub(super) fn rule(merge: &Merge) -> String {
    format!("merge {}{}{}", merge.id, if merge.reason.is_empty() { "" } else { ": " }, merge.reason)
}

pub(super) fn line(draft: &Draft<'_>, by: &str, action: &str, id: u64, detail: &str) -> AuditEntry {
    AuditEntry {
        at: draft.now,
        actor: by.to_owned(),
        action: action.to_owned(),
        subject: format!("merge {id}"),
        detail: detail.to_owned(),
    }
}
