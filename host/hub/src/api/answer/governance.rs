//! Whether master data can be trusted, in five numbers.

use serde::{Deserialize, Serialize};

/// The numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceAnswer {
    /// `duplicates`, `orphans`, `unowned-fields`, `open-conflicts`, `stale-xrefs`.
    pub lines: Vec<GovernanceLine>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceLine {
    /// Its name.
    pub name: String,
    /// How many.
    pub count: u64,
    /// What is counted.
    pub what: String,
    /// What lists them.
    pub command: String,
    /// The first of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

/// What one of the numbers counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceListAnswer {
    /// The number's name.
    pub name: String,
    /// How many there are; more than `entries` where not all were asked for.
    pub count: u64,
    /// What is counted.
    pub what: String,
    /// The first of them.
    pub entries: Vec<GovernanceEntry>,
}

/// One of what is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GovernanceEntry {
    /// `contact/12`, `crm/contacts:7`, `contact.phone`, `review 39`.
    pub subject: String,
    /// For people.
    pub what: String,
    /// What to type to look at it, or to settle it.
    pub command: String,
}

impl std::fmt::Display for GovernanceEntry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.subject, self.what)
    }
}

/// What is unusual.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnomaliesAnswer {
    /// One each.
    pub anomalies: Vec<AnomalyLine>,
}

/// One of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnomalyLine {
    /// `unknown-writer`: something writes a field that the hub writes; `volume`: far more came or went than is usual; `refused`: a
    /// person said that what came is not right, and it is still here.
    pub kind: String,
    /// `crm.contact.phone`, or connection and stream.
    pub subject: String,
    /// How often, or how many.
    pub count: u64,
    /// The first time, RFC 3339.
    pub since: String,
    /// The last time.
    pub last: String,
    /// For people.
    pub what: String,
    /// What to type.
    pub command: String,
    /// Of what was refused: things that changed, not new ones.
    #[serde(default)]
    pub changed: bool,
}
