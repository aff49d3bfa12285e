//! How often flows are read.

use serde::{Deserialize, Serialize};

/// Flows that read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleAnswer {
    /// By name.
    pub flows: Vec<ScheduleLine>,
    /// Comparisons of two systems.
    #[serde(default)]
    pub comparisons: Vec<ComparisonLine>,
}

/// Two systems that are compared by schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparisonLine {
    /// Connection.
    pub left: String,
    /// The other.
    pub right: String,
    /// Entity.
    pub entity: String,
    /// How often, milliseconds.
    pub every_ms: u64,
    /// When it was compared last; none: not yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<String>,
    /// What differed then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apart: Option<u64>,
    /// When it is compared next; none: within an hour of `nave serve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleLine {
    /// Name.
    pub flow: String,
    /// Connection.
    pub connection: String,
    /// Business process that needs it; empty where the mapping names none.
    #[serde(default)]
    pub process: String,
    /// What it is for, in a sentence: the process and why; none where the mapping does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Nothing is read until it is resumed.
    pub paused: bool,
    /// Target: how old what the hub knows may be, milliseconds.
    pub freshness_ms: u64,
    /// From the start of one read to the start of the next, milliseconds.
    pub every_ms: u64,
    /// Why so often.
    pub because: String,
    /// Whether the target can be kept.
    pub attainable: bool,
    /// The next read; none: now.
    pub next: Option<String>,
    /// Measured: a change was seen within this time in 95 of 100 reads, milliseconds.
    pub attained_ms: Option<u64>,
    /// How many reads that is measured over.
    pub reads: u64,
    /// A boost ends then.
    pub boosted_until: Option<String>,
    /// Why its system is left alone now.
    pub closed: Option<String>,
    /// Until when.
    pub closed_until: Option<String>,
    /// Things that its system told of and that are still to be read.
    pub told: u64,
}

/// Whether flows are read as often as their systems change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdviceAnswer {
    /// By name.
    pub flows: Vec<AdviceLine>,
}

/// Advice for one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdviceLine {
    /// Name.
    pub flow: String,
    /// Its target, milliseconds.
    pub freshness_ms: u64,
    /// A better one, milliseconds; none: it fits, or nothing can be said yet.
    pub advised_ms: Option<u64>,
    /// Why.
    pub because: String,
    /// What to type.
    pub fix: Option<String>,
}
