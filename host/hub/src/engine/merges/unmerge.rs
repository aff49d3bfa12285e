//! Takes a merge back: the records are two again, each with what was its own, and the systems are told.
//!
//! What came since is assigned: an edit of an object goes with that object, a new object stays with the record that carried on,
//! unless a person says otherwise. What a system cannot take back (it merged the objects, or one was deleted there) is made
//! again from what is kept; what cannot be restored is said.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::Mapping;
use nave_core::model::{Cause, Contribution, ContributionId, ContributionState, Record, RecordId, RecordState, RemoteKey};
use nave_core::value::Value;

use super::carry::{line, rule};
use super::kept::Thing;
use super::own::own_words;
use super::restore::GoesBack;
use super::{Kept, Merge, MergeState, OF, Step, StepKind, Undo, into_space, key, later, of, put, restore, row, standing, steps};
use crate::engine::apart::{self, Apart};
use crate::engine::draft::Draft;
use crate::engine::{Engine, EngineError, agreed};

/// Where one of the survivor's objects goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Goes {
    /// Which.
    pub key: RemoteKey,
    /// To which record.
    pub to: RecordId,
    /// It came after the merge.
    pub new: bool,
    /// A person said so.
    pub assigned: bool,
    /// Fields that were edited there since the merge: they go with it.
    pub edited: Vec<String>,
}

/// One field that changes when the records are two again.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldBack {
    /// Of which record.
    pub record: RecordId,
    /// Canonical field.
    pub field: String,
    /// What the record that carries on holds now.
    pub now: Option<Value>,
    /// What the record will hold.
    pub after: Option<Value>,
}

/// What taking a merge back would come to.
#[derive(Clone, Debug, PartialEq)]
pub struct UnmergePlan {
    /// The merge.
    pub merge: Merge,
    /// Where each object goes.
    pub goes: Vec<Goes>,
    /// What both records will hold: all of the loser's, and what changes of the survivor's.
    pub fields: Vec<FieldBack>,
    /// Records that will refer to the loser again.
    pub references: Vec<RecordId>,
    /// What follows in each system.
    pub steps: Vec<Step>,
    /// What will not be as it was, and why.
    pub left: Vec<String>,
}

/// What a draft in which two records part ways has come to.
struct Parted {
    goes: Vec<Goes>,
    references: Vec<RecordId>,
    steps: Vec<Step>,
    left: Vec<String>,
    back: Vec<(String, Contribution, RecordId, GoesBack)>,
    /// Flow, record, and the object in place of which another one is made.
    again: Vec<(String, RecordId, ContributionId)>,
}

impl Engine {
    /// What taking a merge back would come to. Nothing is written. `assign` says of objects which of the two records gets them.
    ///
    /// # Errors
    /// [`EngineError::Refused`] where it cannot be taken back now, with the reason.
    pub fn plan_unmerge(&self, id: u64, assign: &[(RemoteKey, RecordId)]) -> Result<UnmergePlan, EngineError> {
        let merge = self.merge_of(id)?;
        let catalog = self.catalog();
        let mut draft = Draft::new(self.store.as_ref(), &catalog, self.now(), Cause::default())?;
        let now = draft.record(merge.survivor)?.clone();
        let parted = self.part(&mut draft, &merge, assign)?;
        let mut fields = Vec::new();
        for record in [merge.survivor, merge.loser] {
            let after = draft.record(record)?;
            let names: BTreeSet<_> = after.fields.keys().chain(now.fields.keys().filter(|_| record == merge.survivor)).collect();
            for name in names {
                // Elements of the loser are numbered otherwise than those of the record that carries on.
                let comparable = record == merge.survivor || !name.contains('/');
                let here = now.value(name).filter(|_| comparable).cloned();
                let then = after.value(name).cloned();
                if record == merge.loser || here != then {
                    fields.push(FieldBack { record, field: name.to_string(), now: here, after: then });
                }
            }
        }
        let Parted { goes, references, steps, left, .. } = parted;
        Ok(UnmergePlan { merge, goes, fields, references, steps, left })
    }

    /// Takes a merge back, and tells every system as far as that goes now. The two are kept apart from then on: nothing
    /// automatic makes one of them again (I12).
    ///
    /// # Errors
    /// Those of [`Engine::plan_unmerge`].
    pub async fn unmerge(&self, id: u64, assign: &[(RemoteKey, RecordId)], by: &str, reason: &str) -> Result<Merge, EngineError> {
        let merge = self.merge_of(id)?;
        self.hold_for_renames(&merge.entity).await?;
        {
            // No write of the record is on its way, and none is about to be, while it becomes two.
            let catalog = self.catalog();
            let writes = catalog.mappings.values().filter(|mapping| mapping.entity == merge.entity && mapping.flow_out.is_some());
            let connections: BTreeSet<&str> = writes.map(|mapping| mapping.connection.as_str()).collect();
            let lanes: Vec<_> = connections.into_iter().map(|connection| self.lane(connection)).collect();
            let mut held = Vec::new();
            for lane in &lanes {
                held.push(lane.lock().await);
            }
            let cause =
                Cause { person: Some(by.to_owned()), rule: Some(format!("unmerge of {}", rule(&merge))), ..Cause::default() };
            let done = self
                .write(cause, |draft| {
                    let Some(mut merge) = of(draft, id)? else { return Ok(()) };
                    let parted = self.part(draft, &merge, assign)?;
                    for (flow, now, record, back) in parted.back {
                        restore::hold(self, draft, &flow, &now, record, back, &merge)?;
                    }
                    for (flow, record, gone) in &parted.again {
                        restore::make_again(draft, flow, *record, *gone, &merge)?;
                    }
                    for step in &merge.steps {
                        if let (StepKind::Merge(into), Some(flow), Some(extra)) = (&step.what, &step.flow, step.contribution) {
                            agreed::withdrawn(draft, flow, extra, into);
                        }
                    }
                    let why =
                        Apart { merge: Some(id), review: None, by: by.to_owned(), reason: reason.to_owned(), at: draft.now };
                    apart::keep(draft, merge.survivor, merge.loser, &why)?;
                    apart::parted(draft, merge.survivor, merge.loser, merge.at)?;
                    draft.batch.rows.push(row(OF, key(merge.loser.0), None));
                    draft.batch.rows.push(row(&into_space(merge.survivor), key(id), None));
                    let detail = format!("{0}/{1} from {0}/{2}: {reason}", merge.entity, merge.loser, merge.survivor);
                    let audit = line(draft, by, "record.unmerged", id, &detail);
                    draft.batch.audit.push(audit);
                    merge.undo = Some(Undo {
                        by: by.to_owned(),
                        reason: reason.to_owned(),
                        at: draft.now,
                        steps: parted.steps,
                        left: parted.left,
                    });
                    merge.state = MergeState::Running;
                    merge.told.clear();
                    put(draft, &merge)?;
                    Ok(())
                })
                .await;
            self.holds.forget();
            done?;
        }
        self.tell(id).await
    }

    /// Whether a merge can be taken back now.
    fn partable(&self, draft: &mut Draft<'_>, merge: &Merge) -> Result<(), EngineError> {
        let Merge { id, entity, survivor, loser, .. } = merge;
        if merge.undo.is_some() {
            let why = format!("merge {id} was taken back already; `nave match merges show {id}` shows how far it is");
            return Err(EngineError::Refused(why));
        }
        if merge.state == MergeState::Planned {
            let why = format!("merge {id} was not carried out; `nave match merges resume {id}` does it");
            return Err(EngineError::Refused(why));
        }
        match draft.record(*survivor)?.state {
            RecordState::Active | RecordState::Archived => {}
            RecordState::MergedInto(into) => {
                let first = match self.merge_that_took(*survivor)? {
                    Some(later) => format!("take that back first: `nave match unmerge {later} --reason TEXT`"),
                    None => "that has to be taken back first".to_owned(),
                };
                let why = format!("{entity}/{survivor} was merged into {entity}/{into} since; {first}");
                return Err(EngineError::Refused(why));
            }
            RecordState::Deleted { .. } => {
                return Err(EngineError::Refused(format!(
                    "{entity}/{survivor} was deleted since, and with it what was merged into it; \
                     `nave record history {entity}/{survivor}` tells why"
                )));
            }
        }
        if draft.record(*loser)?.state != RecordState::MergedInto(*survivor) {
            return Err(EngineError::Refused(format!("{entity}/{loser} is not merged into {entity}/{survivor} any more")));
        }
        for mapping in draft.catalog.mappings.values().filter(|m| m.entity == *entity && m.flow_out.is_some()) {
            if self.store.intent(&mapping.name, *survivor)?.is_some() {
                return Err(EngineError::Refused(format!(
                    "it is not known what became of a write of {entity}/{survivor} to {0}; `nave sync {1}` looks it up, then \
                     it can be taken back",
                    mapping.connection, mapping.name
                )));
            }
        }
        Ok(())
    }

    /// Two records part ways in a draft.
    fn part(&self, draft: &mut Draft<'_>, merge: &Merge, assign: &[(RemoteKey, RecordId)]) -> Result<Parted, EngineError> {
        self.partable(draft, merge)?;
        let Some(kept) = Kept::load(self.store.as_ref(), merge.id)? else {
            return Err(EngineError::Refused(format!(
                "what merge {} made one of is not kept any more (one of the records was erased)",
                merge.id
            )));
        };
        let together = draft.record(merge.survivor)?.clone();
        let mut goes = assigned(draft, merge, &kept, assign)?;
        let mut left = Vec::new();
        // What each object said and held before it is handed over.
        let (mut lost, mut own) = (Vec::new(), Vec::new());
        for (id, of) in &mut goes {
            let now = draft.contribution(*id)?.clone();
            let said = own_words(draft, &now, &kept, of.to)?;
            of.edited = said.edited;
            own.push((*id, said.claims));
        }
        later::without(draft, merge, &kept, &goes)?;
        for (id, claims) in own {
            if draft.contribution(id)?.claims != claims {
                draft.contribution_mut(id)?.claims = claims;
            }
        }
        for (id, goes) in &goes {
            let thing = kept.of_loser.iter().find(|thing| thing.was.id == *id);
            if goes.to == merge.loser {
                draft.hand_over(*id, merge.loser, thing.map(|thing| thing.numbers.as_slice()))?;
            }
        }
        for thing in kept.things() {
            let now = draft.contribution(thing.was.id)?.clone();
            if thing.was.is_active() && !now.is_active() && now.record.is_some_and(|of| of == merge.survivor || of == merge.loser)
            {
                let at = draft.now;
                draft.contribution_mut(now.id)?.state = ContributionState::Deleted { evidence: "ours".into(), at };
                lost.push((thing, now.record.unwrap_or(merge.survivor)));
            }
        }
        let mut references = BTreeSet::new();
        for refers in &kept.references {
            let Some(claim) = draft.contribution(refers.contribution)?.claims.get(&refers.field).cloned() else { continue };
            let follows = draft.referred(&claim.value)? == Some(merge.survivor);
            let row = draft.contribution_mut(refers.contribution)?;
            references.extend(row.record);
            if follows && claim.value != refers.claim.value {
                row.claims.insert(refers.field.as_str(), refers.claim.clone());
            }
        }
        let standing = standing::parted(draft, &kept, merge.id)?;
        draft.part_ways(&kept.survivor, &kept.loser, &standing)?;
        for record in &references {
            let record = draft.surviving(*record)?;
            draft.recompute(record)?;
        }
        let references: Vec<RecordId> = references.into_iter().collect();
        let mut steps = steps::of_record(draft, merge.loser)?;
        steps.extend(steps::of_record(draft, merge.survivor)?);
        let mut again = Vec::new();
        for (thing, record) in lost {
            self.gone(draft, thing, record, &mut again, &mut steps, &mut left)?;
        }
        steps.extend(steps::of_referring(draft, merge.loser, &references)?);
        let mut back = held_back(draft, &kept, merge, &mut left)?;
        back.extend(held_back_of_new(draft, &goes, &together, &mut left)?);
        Ok(Parted { goes: goes.into_values().collect(), references, steps, left, back, again })
    }

    /// An object that was there before the merge is gone: it is made again where that can be.
    fn gone(
        &self,
        draft: &mut Draft<'_>,
        thing: &Thing,
        record: RecordId,
        again: &mut Vec<(String, RecordId, ContributionId)>,
        steps: &mut Vec<Step>,
        left: &mut Vec<String>,
    ) -> Result<(), EngineError> {
        let catalog = draft.catalog;
        let was = &thing.was;
        let entity = draft.record(record)?.entity.clone();
        let here = |mapping: &&std::sync::Arc<Mapping>| is_of(mapping, was) && mapping.entity == entity.as_str();
        for id in draft.record(record)?.contributions.clone() {
            let other = draft.contribution(id)?;
            if other.is_active() && other.key.connection == was.key.connection && other.key.stream == was.key.stream {
                left.push(format!("{} is gone there, and {} stands for {entity}/{record} in its place", was.key, other.key));
                return Ok(());
            }
        }
        let Some(mapping) = catalog.mappings.values().filter(here).find(|mapping| mapping.flow_out.is_some()) else {
            left.push(format!(
                "{} is gone there, and nothing is written to {}: it is not made again",
                was.key, was.key.connection
            ));
            return Ok(());
        };
        if mapping.flow_out.as_ref().is_some_and(|flow| !flow.create) {
            left.push(format!("{} is gone there, and mappings/{}.toml lets nothing be made there", was.key, mapping.name));
            return Ok(());
        }
        let unwritten = mapping.fields.iter().filter(|field| field.direction.reads() && !field.direction.writes());
        let unwritten = unwritten.filter(|field| was.shadow.get(&field.remote).is_some_and(|value| !value.is_empty()));
        let names: Vec<String> = unwritten.map(|field| format!("`{}`", field.remote)).collect();
        let but = if names.is_empty() { String::new() } else { format!(", without {}, which are only read", names.join(", ")) };
        left.push(format!(
            "{} is gone there and does not come back: {entity}/{record} gets another object in {} under a new id, with what is \
             mapped{but}",
            was.key, was.key.connection
        ));
        if !again.iter().any(|(flow, of, _)| *flow == mapping.name && *of == record) {
            again.push((mapping.name.clone(), record, was.id));
            steps.push(steps::again(mapping, record));
        }
        Ok(())
    }
}

pub(super) fn is_of(mapping: &Mapping, row: &Contribution) -> bool {
    mapping.connection == row.key.connection.as_str() && mapping.alias == row.key.stream.as_str()
}

/// Where each of the survivor's contributions goes.
fn assigned(
    draft: &mut Draft<'_>,
    merge: &Merge,
    kept: &Kept,
    assign: &[(RemoteKey, RecordId)],
) -> Result<BTreeMap<ContributionId, Goes>, EngineError> {
    let ids = draft.record(merge.survivor)?.contributions.clone();
    let mut goes = BTreeMap::new();
    for id in ids {
        let row = draft.contribution(id)?.clone();
        let of_loser = kept.of_loser.iter().find(|thing| thing.was.id == id);
        let of_survivor = kept.of_survivor.iter().find(|thing| thing.was.id == id);
        let to = if of_loser.is_some() { merge.loser } else { merge.survivor };
        let new = of_loser.is_none() && of_survivor.is_none();
        goes.insert(id, Goes { key: row.key, to, new, assigned: false, edited: Vec::new() });
    }
    for (key, to) in assign {
        let entity = &merge.entity;
        let Some(found) = goes.values_mut().find(|goes| goes.key == *key) else {
            return Err(EngineError::Refused(format!(
                "{key} is no object of {entity}/{}; `nave xref {entity}/{0}` lists them",
                merge.survivor
            )));
        };
        if *to != merge.survivor && *to != merge.loser {
            return Err(EngineError::Refused(format!(
                "{key} can go to {entity}/{} or {entity}/{}, not to {entity}/{to}",
                merge.survivor, merge.loser
            )));
        }
        (found.to, found.assigned) = (*to, true);
    }
    Ok(goes)
}

/// What goes back in objects that are there: where no record speaks of it any more, or spelled as it was.
fn held_back(
    draft: &mut Draft<'_>,
    kept: &Kept,
    merge: &Merge,
    left: &mut Vec<String>,
) -> Result<Vec<(String, Contribution, RecordId, GoesBack)>, EngineError> {
    let catalog = draft.catalog;
    let mut all = Vec::new();
    for thing in kept.things() {
        let now = draft.contribution(thing.was.id)?.clone();
        let Some(record) = now.record.filter(|of| *of == merge.survivor || *of == merge.loser) else { continue };
        if !now.is_active() {
            continue;
        }
        let stands: Record = draft.record(record)?.clone();
        for mapping in catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some() && is_of(mapping, &now)) {
            let (back, not) = restore::differs(mapping, &thing.was, &now, &stands);
            left.extend(not);
            if !back.is_empty() {
                all.push((mapping.name.clone(), now.clone(), record, back));
            }
        }
    }
    for step in &merge.steps {
        if let (StepKind::Merge(into), Some(gone)) = (&step.what, step.contribution)
            && let ContributionState::Deleted { .. } = draft.contribution(gone)?.state
        {
            left.push(format!(
                "{}:{into} may hold what {} took over from the other object in fields that are not mapped",
                step.connection, step.connection
            ));
        }
    }
    Ok(all)
}

/// What goes back in objects that came since the merge: they were made with what both records said, and one of the two keeps them. What
/// that one does not say itself goes away there.
fn held_back_of_new(
    draft: &mut Draft<'_>,
    goes: &BTreeMap<ContributionId, Goes>,
    together: &Record,
    left: &mut Vec<String>,
) -> Result<Vec<(String, Contribution, RecordId, GoesBack)>, EngineError> {
    let catalog = draft.catalog;
    let mut all = Vec::new();
    for (id, to) in goes.iter().filter(|(_, goes)| goes.new).map(|(id, goes)| (*id, goes.to)) {
        let now = draft.contribution(id)?.clone();
        if !now.is_active() {
            continue;
        }
        let stands: Record = draft.record(to)?.clone();
        for mapping in catalog.mappings.values().filter(|mapping| mapping.flow_out.is_some() && is_of(mapping, &now)) {
            let mut without = now.clone();
            for path in restore::written_paths(mapping).keys() {
                let of_the_other = restore::says(mapping, together, path) && !restore::says(mapping, &stands, path);
                if of_the_other && now.shadow.get(path.as_str()).is_some_and(|held| !held.is_empty()) {
                    without.shadow.insert(path.as_str(), Value::Null);
                }
            }
            let (back, not) = restore::differs(mapping, &without, &now, &stands);
            left.extend(not);
            if !back.is_empty() {
                all.push((mapping.name.clone(), now.clone(), to, back));
            }
        }
    }
    Ok(all)
}
