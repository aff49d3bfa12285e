//! What two systems hold, compared through the hub's records, and how that went over time.

use serde::{Deserialize, Serialize};

/// Two systems, compared.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareAnswer {
    /// Connection.
    pub left: String,
    /// The other.
    pub right: String,
    /// Entity.
    pub entity: String,
    /// Things of each.
    pub things: [u64; 2],
    /// When the one of each was last read that was longest not.
    pub oldest: [Option<String>; 2],
    /// How long ago that is, in seconds.
    pub oldest_age_s: [Option<i64>; 2],
    /// Both were read for this.
    pub read: bool,
    /// Records in both that agree.
    pub same: u64,
    /// How many of each kind.
    pub counts: CompareCounts,
    /// Records that are only in one of them, and are meant to be: a filter or a policy says so.
    pub meant: u64,
    /// What one of them keeps otherwise than the hub wrote it, by field. These records agree all the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub otherwise: Vec<CompareOtherwise>,
    /// The first findings of each kind.
    pub findings: Vec<CompareFinding>,
    /// What was kept of it, where that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<CompareOutcome>,
}

/// Findings by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareCounts {
    /// In the first system and not in the second.
    pub missing: u64,
    /// In the second and not in the first.
    pub extra: u64,
    /// In both, with fields that differ.
    pub differing: u64,
    /// Things that belong to no record yet.
    pub unmatched: u64,
    /// Records with more than one thing in one system.
    pub twice: u64,
}

impl CompareCounts {
    /// All together.
    pub fn all(&self) -> u64 {
        self.missing + self.extra + self.differing + self.unmatched + self.twice
    }
}

/// One finding.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareFinding {
    /// `missing`, `extra`, `differing`, `unmatched`, `twice`.
    pub kind: String,
    /// `company/12`; none where a thing belongs to no record.
    pub record: Option<String>,
    /// What a person calls it.
    pub title: String,
    /// Its id in each system, as far as it is there.
    pub remote_ids: [Option<String>; 2],
    /// Fields that differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<CompareField>,
    /// What there is to do.
    pub action: String,
    /// The command that does it.
    pub command: String,
}

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareField {
    /// Canonical field.
    pub field: String,
    /// What it is called.
    pub label: String,
    /// What the first system shows.
    pub left: String,
    /// What the second shows.
    pub right: String,
    /// What the record says.
    pub canonical: String,
    /// What there is to do.
    pub action: String,
    /// The command that does it.
    pub command: String,
}

/// A field that a system keeps otherwise than the hub wrote it: something there sets it, or that is how it spells it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareOtherwise {
    /// The connection that keeps it so.
    pub connection: String,
    /// Canonical field.
    pub field: String,
    /// What it is called.
    pub label: String,
    /// Records.
    pub count: u64,
    /// The first of them.
    pub first: Vec<CompareKept>,
}

/// One record of which a field is kept otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareKept {
    /// `company/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// What the hub wrote.
    pub written: String,
    /// What is there.
    pub kept: String,
    /// What there is to do, where it is no mere spelling.
    pub action: String,
    /// The command that does it.
    pub command: String,
}

/// What one comparison came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareOutcome {
    /// When, RFC 3339.
    pub at: String,
    /// Things of each system.
    pub things: [u64; 2],
    /// Records that agree.
    pub same: u64,
    /// Findings by kind.
    pub counts: CompareCounts,
    /// Findings in all.
    pub apart: u64,
    /// Findings that the comparison before had not.
    pub new: u64,
    /// Those of the comparison before that are gone.
    pub gone: u64,
    /// Those that are still there.
    pub still: u64,
}

/// How comparisons went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CompareHistoryAnswer {
    /// Default milliseconds between two comparisons of a pair.
    pub every_ms: u64,
    /// By entity and pair.
    pub pairs: Vec<ComparedPair>,
}

/// One pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedPair {
    /// Connection.
    pub left: String,
    /// The other.
    pub right: String,
    /// Entity.
    pub entity: String,
    /// When it is compared next; none where it is configured no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Oldest first.
    pub outcomes: Vec<CompareOutcome>,
}
