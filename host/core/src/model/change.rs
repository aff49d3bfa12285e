//! The changelog's entries: who changed what, when and why. Never altered once committed (I2).

use serde::{Deserialize, Serialize};

use super::{ContributionId, RecordId, Sequence, Time};
use crate::Text;
use crate::value::Value;

/// What made the change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Connection whose record caused it.
    pub connection: Option<Text>,
    /// Run during which it happened.
    pub run: Option<u64>,
    /// Person who decided it.
    pub person: Option<String>,
    /// Review that was decided, or rule that applied.
    pub rule: Option<String>,
}

/// What happened to the record as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChangeKind {
    /// It is new.
    Created,
    /// Fields changed.
    Updated,
    /// Another record was merged into it.
    Absorbed(RecordId),
    /// It was merged into another.
    MergedInto(RecordId),
    /// Another record was taken out of it again: the two are not the same.
    Unmerged(RecordId),
    /// It stands by itself again, taken out of the one that it was merged into.
    UnmergedFrom(RecordId),
    /// It was deleted, by evidence.
    Deleted,
    /// It was put away.
    Archived,
    /// It came back.
    Restored,
    /// Another remote object was found to be it, or was made for it: which, and why.
    Linked(ContributionId, String),
    /// A remote object says something of a field that another system owns: which, and of what. Nothing changed.
    Rejected(ContributionId, String),
}

/// One field, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Canonical field.
    pub field: Text,
    /// `None`: nobody had claimed it.
    pub before: Option<Value>,
    /// `None`: nobody claims it any more.
    pub after: Option<Value>,
    /// Whose claim won.
    pub winner: Option<ContributionId>,
}

/// An entry of the changelog. `sequence` is assigned by the commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Position; 0 until committed.
    pub sequence: Sequence,
    /// Record.
    pub record: RecordId,
    /// Its canonical type.
    pub entity: Text,
    /// When it was committed.
    pub at: Time,
    /// What happened.
    pub kind: ChangeKind,
    /// Why.
    pub cause: Cause,
    /// Fields that changed. Personal values: sealed in the store under the record's key.
    pub fields: Vec<FieldChange>,
}
