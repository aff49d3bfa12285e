//! What a merge would come to: it is carried out in a draft that is thrown away.

use nave_core::model::{Cause, RecordId, RecordState, RemoteKey, Rule};
use nave_core::value::Value;

use super::{Kept, Step, standing, steps};
use crate::engine::apart::{Apart, kept_apart_in};
use crate::engine::draft::Draft;
use crate::engine::{Engine, EngineError};

/// One field of the record that carries on.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldPlan {
    /// Canonical field; elements as `list/number`, in the survivor's numbering.
    pub field: String,
    /// What it will hold.
    pub value: Value,
    /// Whose word it is.
    pub from: Option<RemoteKey>,
    /// The rule that chooses it.
    pub rule: Rule,
    /// What the survivor holds now; none: nobody said anything of it.
    pub survivor: Option<Value>,
    /// What the other holds now. Elements of lists are numbered by record: none for them.
    pub loser: Option<Value>,
}

/// What a merge would come to.
#[derive(Clone, Debug, PartialEq)]
pub struct MergePlan {
    /// Canonical type.
    pub entity: String,
    /// The record that carries on.
    pub survivor: RecordId,
    /// The one that is carried on for.
    pub loser: RecordId,
    /// What the survivor will hold.
    pub fields: Vec<FieldPlan>,
    /// Cross-references that come to the survivor.
    pub moves: Vec<RemoteKey>,
    /// Records that refer to the loser, and will to the survivor.
    pub references: Vec<RecordId>,
    /// What follows in each system.
    pub steps: Vec<Step>,
    /// A steward said once that they are not the same.
    pub apart: Option<Apart>,
}

/// Which of two records carries on: the one that is named, else the older one.
pub(super) fn sides(one: RecordId, other: RecordId, into: Option<RecordId>) -> Result<(RecordId, RecordId), EngineError> {
    let (older, newer) = (one.min(other), one.max(other));
    match into {
        None => Ok((older, newer)),
        Some(id) if id == older => Ok((older, newer)),
        Some(id) if id == newer => Ok((newer, older)),
        Some(id) => Err(EngineError::Refused(format!(
            "{id} is neither of the two: --into names the one that carries on, {older} or {newer}"
        ))),
    }
}

/// Whether two records may become one.
pub(super) fn mergeable(engine: &Engine, draft: &mut Draft<'_>, one: RecordId, other: RecordId) -> Result<(), EngineError> {
    for id in [one, other] {
        if engine.store.records(&[id])?.pop().flatten().is_none() {
            return Err(EngineError::NotFound(format!("there is no record {id}; `nave record list` shows what is there")));
        }
    }
    let entity = draft.record(one)?.entity.clone();
    if one == other {
        return Err(EngineError::Refused(format!("{entity}/{one} is one record already: a merge needs two")));
    }
    let theirs = draft.record(other)?.entity.clone();
    if entity != theirs {
        return Err(EngineError::Refused(format!(
            "{entity}/{one} is a {entity} and {theirs}/{other} a {theirs}: only records of one kind are merged"
        )));
    }
    for id in [one, other] {
        let why = match draft.record(id)?.state {
            RecordState::Active => continue,
            RecordState::MergedInto(into) => {
                let show = match engine.merge_that_took(id)? {
                    Some(merge) => format!("`nave match merges show {merge}` tells how it stands"),
                    None => format!("`nave record history {entity}/{id}` tells by whom"),
                };
                format!("{entity}/{id} was merged into {entity}/{into} already; {show}")
            }
            RecordState::Deleted { .. } => {
                format!("{entity}/{id} is deleted, and what is gone is not merged; `nave record history {entity}/{id}` tells why")
            }
            RecordState::Archived => {
                format!("{entity}/{id} is archived: put it in use again first, where it was put away (`nave xref {entity}/{id}`)")
            }
        };
        return Err(EngineError::Refused(why));
    }
    Ok(())
}

impl Engine {
    /// What merging two records would come to. Nothing is written. `into` names the one that carries on; none: the older one.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where they cannot be merged, with the reason; [`EngineError::NotFound`] where one is not there.
    pub fn plan_merge(&self, one: RecordId, other: RecordId, into: Option<RecordId>) -> Result<MergePlan, EngineError> {
        let catalog = self.catalog();
        let mut draft = Draft::new(self.store.as_ref(), &catalog, self.now(), Cause::default())?;
        mergeable(self, &mut draft, one, other)?;
        let (survivor, loser) = sides(one, other, into)?;
        let kept = Kept::before(&mut draft, survivor, loser)?;
        let apart = kept_apart_in(&draft, survivor, loser)?;
        super::primary::keep(&mut draft, (survivor, &kept.survivors()), (loser, &kept.losers()))?;
        standing::joined(&mut draft, &kept)?;
        draft.merge(survivor, loser)?;
        let mut fields = Vec::new();
        for (name, field) in draft.record(survivor)?.fields.clone() {
            let from = draft.contribution(field.winner)?.key.clone();
            let element = name.contains('/');
            fields.push(FieldPlan {
                survivor: kept.survivor.value(&name).cloned(),
                loser: kept.loser.value(&name).filter(|_| !element).cloned(),
                field: name.to_string(),
                value: field.value,
                from: Some(from),
                rule: field.rule,
            });
        }
        let mut steps = steps::of_record(&mut draft, survivor)?;
        steps.extend(steps::of_referring(&mut draft, survivor, &kept.referring)?);
        Ok(MergePlan {
            entity: kept.survivor.entity.to_string(),
            survivor,
            loser,
            fields,
            moves: kept.of_loser.iter().map(|thing| thing.was.key.clone()).collect(),
            references: kept.referring,
            steps,
            apart,
        })
    }
}
