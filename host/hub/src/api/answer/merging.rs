//! Merges of records: planned, carried out, taken back.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A merge, or its being taken back: as it would be, or as it stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MergeAnswer {
    /// Number; none where it was only planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<u64>,
    /// Nothing was done: this is what would be.
    pub planned: bool,
    /// `planned`, `running`, `done`, `partial` or `undone`.
    pub state: String,
    /// The record that carries on: `contact/12`.
    pub survivor: String,
    /// What a person calls it.
    pub survivor_title: String,
    /// The one that is carried on for.
    pub loser: String,
    /// Who wanted it.
    pub by: String,
    /// A system merged two of its own things, and the hub followed.
    #[serde(default)]
    pub followed: bool,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// What the records will hold: of a merge, the survivor's fields; of an unmerge, all of the loser's and what changes of the
    /// survivor's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<MergeFieldLine>,
    /// Which object goes to which record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub objects: Vec<MergeObjectLine>,
    /// Other records whose references follow.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<String>,
    /// What follows in each system, and what came of it.
    pub steps: Vec<MergeStepLine>,
    /// What is not, or will not be, as it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<String>,
    /// What a person should know before agreeing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// It was taken back: by whom, why and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone: Option<UndoneLine>,
}

/// Who took a merge back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UndoneLine {
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
}

/// One field of a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MergeFieldLine {
    /// Of which record: `contact/12`.
    pub record: String,
    /// Canonical field; a list as a whole.
    pub field: String,
    /// For people.
    pub label: String,
    /// What it will hold; none: nothing.
    pub value: Option<String>,
    /// The same as JSON; none for lists, whose elements are numbered by record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Json>,
    /// Whose word it is.
    #[serde(default)]
    pub from: String,
    /// The rule that chooses it.
    #[serde(default)]
    pub rule: String,
    /// What the survivor holds now.
    pub survivor: Option<String>,
    /// What the other holds now; of an unmerge none.
    pub loser: Option<String>,
}

/// One object of the records.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeObjectLine {
    /// `crm/contacts:77`.
    pub object: String,
    /// The record that it goes to.
    pub to: String,
    /// Why.
    pub because: String,
}

/// What follows in one system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeStepLine {
    /// Connection.
    pub connection: String,
    /// Flow that carries it out; none where nothing is written.
    pub flow: Option<String>,
    /// The system's id of the object; none where it is still to be made, or several are meant.
    pub remote_id: Option<String>,
    /// `update`, `keep-in-step`, `merge`, `archive`, `leave`, `create-again` or `references`.
    pub what: String,
    /// The same in a sentence.
    pub sentence: String,
    /// `waiting`, `done`, `refused` or `asked`.
    pub outcome: String,
    /// Why it waits or was refused; the review that asks; what of it is left as it is.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The review that asks, where the outcome is `asked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review: Option<u64>,
    /// When it was read back and found to be so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verified: Option<String>,
}

/// Merges, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergesAnswer {
    /// One line each.
    pub merges: Vec<MergeLine>,
}

/// One merge in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeLine {
    /// Number.
    pub id: u64,
    /// `planned`, `running`, `done`, `partial` or `undone`.
    pub state: String,
    /// It is being, or was, taken back.
    pub undo: bool,
    /// The record that carries on.
    pub survivor: String,
    /// What a person calls it.
    pub title: String,
    /// The one that is carried on for.
    pub loser: String,
    /// Who wanted it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: String,
    /// Steps that are done, of how many.
    pub done: u64,
    /// All steps.
    pub steps: u64,
}

/// A record that was merged into the one that is shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergedFrom {
    /// `contact/15`.
    pub record: String,
    /// By which merge.
    pub merge: u64,
}
