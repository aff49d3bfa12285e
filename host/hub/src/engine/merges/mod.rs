//! A merge of two records as a transaction: planned, carried out by the ordinary delivery, verified by reading back, and taken
//! back again.
//!
//! A row per merge says who wanted it and why, how far each system is, and what became of it; what the two records were before
//! is kept beside it, sealed, so that they can part ways. Nothing here sends anything: a merge makes records dirty, and what a
//! system still differs in is what is still to be done. So a hub that dies anywhere goes on where it stood.

mod advance;
mod carry;
mod hindered;
mod kept;
mod later;
mod own;
mod plan;
mod primary;
pub(super) mod restore;
mod standing;
mod steps;
mod unmerge;

use std::collections::{BTreeMap, BTreeSet};

use nave_core::hindrance::Hindrance;
use nave_core::model::{ContributionId, RecordId, Time};
use nave_store::{KeyedRow, Store, StoreError};
use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::{Engine, EngineError};

pub(super) use carry::of_system;
pub(super) use kept::Kept;
pub use plan::{FieldPlan, MergePlan};
pub use unmerge::{FieldBack, Goes, UnmergePlan};

/// Rows by number: the merges.
const SPACE: &str = "merge";
/// Rows by merged record: which merge it was.
const OF: &str = "merge of";
/// Rows by number: merges that are not over.
const OPEN: &str = "merge open";
/// Rows by survivor, then by number: what was merged into it.
fn into_space(survivor: RecordId) -> String {
    format!("merge into {}", key(survivor.0))
}

/// The next number.
const NEXT: (&str, &str) = ("merge next", "number");

/// Where a merge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MergeState {
    /// Written down, and not carried out.
    Planned,
    /// The records are one, or two again; the systems are being told.
    Running,
    /// Every system holds what it should.
    Done,
    /// A system refused, or waits for a person.
    Partial,
    /// Taken back: the records are two again, in every system.
    Undone,
}

impl MergeState {
    /// One word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Running => "running",
            Self::Done => "done",
            Self::Partial => "partial",
            Self::Undone => "undone",
        }
    }
}

/// What follows in one system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The record's object gets what the record holds.
    Update,
    /// A second object of the record is kept in step with it.
    KeepInStep,
    /// A second object is merged into this one there.
    Merge(String),
    /// A second object is put away.
    Archive,
    /// A second object is left as it is, for this reason.
    Leave(String),
    /// An object that is not there any more is made again, under a new id.
    Again,
    /// Objects of other records refer to the one that carries on.
    References(BTreeSet<RecordId>),
}

/// What came of it so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepOutcome {
    /// Not yet, for this reason.
    Waiting(String),
    /// It is so.
    Done,
    /// The system, or the hub before it was sent, refused: why.
    Refused(String),
    /// A person is asked first: the review.
    Asked(u64),
}

/// One step of a merge, or of taking it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Flow that carries it out; none where nothing is written.
    pub flow: Option<String>,
    /// Connection.
    pub connection: String,
    /// Record that it is about.
    pub record: RecordId,
    /// The object there; none where it is still to be made, or several are meant.
    pub remote_id: Option<String>,
    /// Its contribution.
    pub contribution: Option<ContributionId>,
    /// What is done.
    pub what: StepKind,
    /// What came of it.
    pub outcome: StepOutcome,
    /// When it was read back and found to be so; none: not yet, or it cannot be asked for.
    pub verified: Option<Time>,
    /// What of it is left as it is, in words: it is done all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
}

impl Step {
    /// Nothing more is to be done.
    pub fn is_done(&self) -> bool {
        self.outcome == StepOutcome::Done
    }
}

/// A merge that was taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undo {
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Time,
    /// What follows in each system.
    pub steps: Vec<Step>,
    /// What is not as it was, and why. Names fields, never values.
    pub left: Vec<String>,
}

/// Two records that became one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// Number.
    pub id: u64,
    /// Canonical type.
    pub entity: String,
    /// The record that carries on.
    pub survivor: RecordId,
    /// The one that is carried on for. Its number leads to the survivor for as long as the merge stands.
    pub loser: RecordId,
    /// Where it stands.
    pub state: MergeState,
    /// Who wanted it: a person, or the connection of a system that merged two of its own things.
    pub by: String,
    /// It was not a person: the system `by` merged two things of its own, and the hub followed.
    pub followed: bool,
    /// Why.
    pub reason: String,
    /// When it was wanted.
    pub at: Time,
    /// What follows in each system.
    pub steps: Vec<Step>,
    /// It was taken back.
    pub undo: Option<Undo>,
    /// Flows whose last run about it came to nothing, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<Told>,
    /// When it got any further last, or somebody told it to go on; none: not since it was wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moved: Option<Time>,
}

/// Why a merge is not told to a system yet, where a run says so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Flow.
    pub flow: String,
    /// Why, in words.
    pub why: String,
    /// What it is.
    pub hindrance: Hindrance,
}

impl Merge {
    /// Since when it has not got any further.
    fn still_since(&self) -> Time {
        let wanted = self.undo.as_ref().map_or(self.at, |undo| undo.at);
        self.moved.map_or(wanted, |moved| moved.max(wanted))
    }

    /// Notes what a flow's run came to. What is a person's task stays one until the flow gets through, or somebody says that it is
    /// to go on: a system that is not asked any more because it refused a credential is not merely down.
    fn note(&mut self, flow: &str, failed: Option<Told>) {
        let known = self.told.iter().position(|told| told.flow == flow);
        match (known, failed) {
            (Some(at), None) => drop(self.told.remove(at)),
            (Some(at), Some(new)) if self.told[at].hindrance.passes() || !new.hindrance.passes() => self.told[at] = new,
            (Some(_), Some(_)) | (None, None) => {}
            (None, Some(new)) => self.told.push(new),
        }
    }

    /// The steps that count now.
    pub fn current(&self) -> &[Step] {
        self.undo.as_ref().map_or(&self.steps, |undo| &undo.steps)
    }

    fn current_mut(&mut self) -> &mut Vec<Step> {
        match &mut self.undo {
            Some(undo) => &mut undo.steps,
            None => &mut self.steps,
        }
    }

    /// Flows that have something to do with it, with the records.
    fn flows(&self) -> Vec<(String, BTreeSet<RecordId>)> {
        let mut flows: Vec<(String, BTreeSet<RecordId>)> = Vec::new();
        for step in self.current() {
            let Some(flow) = &step.flow else { continue };
            let records = match &step.what {
                StepKind::References(records) => records.clone(),
                _ => [step.record].into(),
            };
            match flows.iter_mut().find(|(known, _)| known == flow) {
                Some((_, known)) => known.extend(records),
                None => flows.push((flow.clone(), records)),
            }
        }
        flows
    }
}

fn key(id: u64) -> String {
    format!("{id:020}")
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn read<T: serde::de::DeserializeOwned>(row: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(row).map_err(|error| StoreError::Damaged(error.to_string()))
}

fn row(space: &str, key: String, value: Option<Vec<u8>>) -> KeyedRow {
    KeyedRow { space: space.into(), key, value }
}

/// Writes a merge as it stands.
fn put(draft: &mut Draft<'_>, merge: &Merge) -> Result<(), StoreError> {
    let over = matches!(merge.state, MergeState::Done | MergeState::Undone | MergeState::Planned);
    draft.batch.rows.retain(|row| !((row.space == SPACE || row.space == OPEN) && row.key == key(merge.id)));
    draft.batch.rows.push(row(SPACE, key(merge.id), Some(json(merge)?)));
    draft.batch.rows.push(row(OPEN, key(merge.id), (!over).then(|| b"{}".to_vec())));
    Ok(())
}

/// The next number; the draft takes it.
fn next(draft: &mut Draft<'_>) -> Result<u64, StoreError> {
    let known = draft.row(NEXT.0, NEXT.1)?;
    let id: u64 = known.and_then(|row| String::from_utf8(row).ok()).and_then(|text| text.parse().ok()).unwrap_or(1);
    draft.batch.rows.push(row(NEXT.0, NEXT.1.into(), Some((id + 1).to_string().into_bytes())));
    Ok(id)
}

/// The merge of a number, as a draft leaves it.
fn of(draft: &Draft<'_>, id: u64) -> Result<Option<Merge>, StoreError> {
    draft.row(SPACE, &key(id))?.as_deref().map(read).transpose()
}

fn all(store: &dyn Store) -> Result<Vec<Merge>, StoreError> {
    store.rows(SPACE)?.iter().map(|(_, row)| read(row)).collect()
}

impl Engine {
    /// A merge.
    ///
    /// # Errors
    /// [`EngineError::NotFound`] where there is none of this number.
    pub fn merge_of(&self, id: u64) -> Result<Merge, EngineError> {
        let found = self.store.row(SPACE, &key(id))?;
        let found = found.as_deref().map(read).transpose()?;
        found.ok_or_else(|| EngineError::NotFound(format!("there is no merge {id}; `nave match merges list` shows them")))
    }

    /// All merges, oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub fn merges(&self) -> Result<Vec<Merge>, StoreError> {
        all(self.store.as_ref())
    }

    /// Merges that are not over: a system still has to be told, or refused.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub fn open_merges(&self) -> Result<Vec<Merge>, StoreError> {
        let mut open = Vec::new();
        for (key, _) in self.store.rows(OPEN)? {
            open.extend(self.store.row(SPACE, &key)?.as_deref().map(read::<Merge>).transpose()?);
        }
        Ok(open)
    }

    /// Merges by which others were merged into a record, and that were not taken back; oldest first.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub fn merges_into(&self, survivor: RecordId) -> Result<Vec<Merge>, StoreError> {
        let mut found = Vec::new();
        for (key, _) in self.store.rows(&into_space(survivor))? {
            found.extend(self.store.row(SPACE, &key)?.as_deref().map(read::<Merge>).transpose()?);
        }
        Ok(found)
    }

    /// Which of a record's objects came to it with a merge, and with which; the merges that were taken back are left out.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub fn came_with(&self, survivor: RecordId) -> Result<BTreeMap<ContributionId, Merge>, StoreError> {
        let mut came = BTreeMap::new();
        for merge in self.merges_into(survivor)? {
            for thing in Kept::load(self.store.as_ref(), merge.id)?.into_iter().flat_map(|kept| kept.of_loser) {
                came.insert(thing.was.id, merge.clone());
            }
        }
        Ok(came)
    }

    /// The merge by which a record was merged into another, if that is known.
    ///
    /// # Errors
    /// [`StoreError`] where the store cannot be read.
    pub fn merge_that_took(&self, loser: RecordId) -> Result<Option<u64>, StoreError> {
        let row = self.store.row(OF, &key(loser.0))?;
        Ok(row.and_then(|row| String::from_utf8(row).ok()).and_then(|text| text.parse().ok()))
    }
}
