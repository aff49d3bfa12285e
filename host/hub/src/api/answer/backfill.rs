//! What of a stream does not fit, and what a backfill kept of it.

use serde::{Deserialize, Serialize};

/// What of a flow's stream does not fit, by rule. Nothing was taken in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileAnswer {
    /// Flow.
    pub flow: String,
    /// Things read.
    pub read: u64,
    /// Of these: left out by the flow's filter, or gone.
    pub left_out: u64,
    /// Of these: fit on their way in.
    pub fit: u64,
    /// Of these: do not come in as they are.
    pub misfit: u64,
    /// Of those that fit: would be refused by a destination.
    pub refused: u64,
    /// Rules that are broken, the most broken first.
    pub rules: Vec<BrokenRule>,
    /// The same of its children, by stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<ChildProfile>,
    /// What was not looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What of a stream of children does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildProfile {
    /// Stream.
    pub stream: String,
    /// Things read.
    pub read: u64,
    /// Of these: no element of a list that is mapped, gone, or of a parent that does not come in.
    pub left_out: u64,
    /// Of these: fit on their way in.
    pub fit: u64,
    /// Of these: do not come in as they are.
    pub misfit: u64,
    /// Rules that are broken, the most broken first.
    pub rules: Vec<BrokenRule>,
}

/// One rule that things break.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokenRule {
    /// Flow of the destination that would refuse it; none: it does not come in.
    pub destination: Option<String>,
    /// Class: `type`, `format`, `required`, `length`, …
    pub rule: String,
    /// Path in the system's own names.
    pub field: String,
    /// How many things.
    pub count: u64,
    /// Of all that were read, percent, two digits after the point.
    pub percent: String,
    /// What was said of the first; none where that may hold a person's value.
    pub message: Option<String>,
    /// The first five. Of a person's field a value's shape: letters are `a`, digits `9`.
    pub examples: Vec<MisfitExample>,
    /// What to do.
    pub fix: String,
}

/// One thing that breaks a rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MisfitExample {
    /// The system's own id.
    pub remote_id: String,
    /// What is there, or its shape; none where nothing is.
    pub value: Option<String>,
}

/// What a backfill kept as it came, because it does not fit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedAnswer {
    /// Flow.
    pub flow: String,
    /// How many are kept.
    pub count: usize,
    /// By id.
    pub archived: Vec<ArchivedLine>,
    /// Ask again after this id for more.
    pub next: Option<String>,
}

/// One thing that is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArchivedLine {
    /// The system's own id.
    pub remote_id: String,
    /// Class of what is wrong with it.
    pub rule: String,
    /// Path in it.
    pub field: String,
    /// When it was kept.
    pub at: String,
    /// Run that read it.
    pub run: u64,
    /// What was said of it; only where one thing was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// It as it came; only where one thing was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
}
