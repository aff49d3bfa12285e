//! What two systems hold already and say differently, before the first write.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

/// The pairs, and who would win.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialAnswer {
    /// Flows whose plans are meant.
    pub flows: Vec<String>,
    /// Records in both that agree.
    pub agree: u64,
    /// Records in both that say different things.
    pub differ: u64,
    /// `contact.phone` → pairs that differ there.
    pub by_field: BTreeMap<String, u64>,
    /// Fields that differ and for which nobody decided who wins: what ships would decide.
    pub undecided: BTreeSet<String>,
    /// The first pairs.
    pub pairs: Vec<InitialPair>,
    /// Fields that were decided with this request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub preferred: Vec<String>,
    /// The plans were agreed to.
    pub applied: bool,
}

/// One record in both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialPair {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// `books:17`.
    pub left: String,
    /// `crm:5432`.
    pub right: String,
    /// What differs.
    pub fields: Vec<InitialField>,
}

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitialField {
    /// Canonical field.
    pub field: String,
    /// What the first says.
    pub left: String,
    /// What the second says.
    pub right: String,
    /// What would be written to the other.
    pub wins: String,
    /// Whose word that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub winner: Option<String>,
    /// By which rule.
    pub rule: String,
    /// Why that rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// Somebody decided that rule; otherwise it is what ships.
    pub decided: bool,
}
