//! What is written, as a person controls it: one record put right, and what was found when something was read back.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::{PlannedField, PlannedWrite, RunLine};

/// One record put right everywhere, or what that would take.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ResyncAnswer {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// It was only planned: nothing was taken in, nothing written.
    pub planned: bool,
    /// Its objects, as their systems show them now.
    pub looked: Vec<LookedLine>,
    /// What is written to each destination.
    pub towards: Vec<TowardsLine>,
    /// The runs that did it.
    pub runs: Vec<RunLine>,
}

/// One object as its system shows it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LookedLine {
    /// `crm/contacts:5432`.
    pub remote: String,
    /// `as known`, `differs`, `gone`, or why it could not be asked for.
    pub state: String,
    /// What differs: `now` is what was known, `then` what is there.
    pub fields: Vec<PlannedField>,
}

/// One destination.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TowardsLine {
    /// Flow.
    pub flow: String,
    /// What is written there.
    pub writes: Vec<PlannedWrite>,
    /// Why nothing is sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// A run taken back, or what that would be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RollbackAnswer {
    /// The run that is taken back.
    pub run: u64,
    /// Flow that had written.
    pub flow: String,
    /// It was only planned.
    pub planned: bool,
    /// By thing and path.
    pub lines: Vec<BackLine>,
    /// Fields put back.
    pub restored: u64,
    /// Fields that are still to be put back.
    pub to_restore: u64,
    /// Things that the run had made and that are put away or gone.
    pub removed: u64,
    /// Of those, what is still to be done, or waits for a person.
    pub to_remove: u64,
    /// Left alone.
    pub left: u64,
    /// The system could not be asked what is there now; the lines say what was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
    /// Why nothing was sent yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waits: Option<String>,
    /// The run that did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done_by: Option<RunLine>,
    /// Lines that were left out, so that the answer stays short.
    #[serde(default)]
    pub left_out: u64,
}

/// One field or thing of a rollback.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct BackLine {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// The system's id.
    pub remote_id: String,
    /// Path over there; none for the thing as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// What is there now, as far as it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<Json>,
    /// What was there before the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Json>,
    /// `restore`, `restored`, `remove`, `removed`, `asked` or `left`.
    pub what: String,
    /// Why it is left alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// A few records of a plan, written and read back.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampleLine {
    /// Flow.
    pub flow: String,
    /// Records that were written.
    pub records: Vec<String>,
    /// The run; none where nothing of what was shown is left to write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<RunLine>,
    /// Things that were read back.
    pub things: u64,
    /// Fields that were compared.
    pub fields: u64,
    /// Those that do not hold what was sent.
    pub mismatches: Vec<MismatchLine>,
    /// What could not be read back, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<String>,
    /// Refused: why, and what to type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
}

/// A field that does not hold what was sent to it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MismatchLine {
    /// `contact/12`.
    pub record: String,
    /// The system's id.
    pub remote_id: String,
    /// Path over there; none for the thing as a whole.
    pub path: Option<String>,
    /// What was sent.
    pub wanted: Json,
    /// What is there; none: nothing, or no such thing.
    pub found: Option<Json>,
}

/// How a flow reads and writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StrategyLine {
    /// Flow.
    pub flow: String,
    /// `cursor poll`, `full scan and compare`, `files`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<String>,
    /// `conditional write`, `read, then write`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<String>,
    /// Why, a sentence each.
    pub why: Vec<String>,
    /// The system could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
}
