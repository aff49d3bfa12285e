//! A canonical record: fields computed from claims alone.

use serde::{Deserialize, Serialize};

use super::{ContributionId, RecordId, Time};
use crate::value::Value;
use crate::{NameMap, Text};

/// Which rule chose a value; kept with it, so that `record why` reports what happened, not what would happen now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// Only one contribution claims the field.
    Only,
    /// The owner named by the rule.
    Owner,
    /// The first of a list of connections that claims it.
    Priority,
    /// The latest claim.
    Newest,
    /// The longest text.
    Longest,
    /// The first that is not empty, in the order of contributions.
    NonEmpty,
    /// Stays until a person changes it.
    Manual,
    /// A steward said so; wins over every rule (I12).
    Steward,
    /// A refusal stands until its own source grants again; else the newest grant.
    Consent,
    /// One side changed it since it was agreed on, or all of them the same way.
    ThreeWay,
    /// Several changed it otherwise: it stays what was agreed on, and a person is asked.
    Undecided,
}

/// One field as computed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Canonical spelling.
    pub value: Value,
    /// Whose claim it is.
    pub winner: ContributionId,
    /// The rule that chose it.
    pub rule: Rule,
    /// When its source says it was set.
    pub claimed_at: Time,
}

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordState {
    /// In use.
    Active,
    /// Put away, still synchronised on request.
    Archived,
    /// Gone, by evidence.
    Deleted {
        /// When.
        at: Time,
    },
    /// Another record carries on; this id resolves to it for ever.
    MergedInto(
        /// The surviving record.
        RecordId,
    ),
}

/// A canonical record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Assigned by the store.
    pub id: RecordId,
    /// Canonical type.
    pub entity: Text,
    /// Where it stands.
    pub state: RecordState,
    /// Counts changes of the record.
    pub version: u64,
    /// Canonical field, or `list/element-number`, → computed value. Absent: nobody ever claimed it.
    pub fields: NameMap<Field>,
    /// Its contributions, oldest first.
    pub contributions: Vec<ContributionId>,
    /// Number that the next list element gets.
    pub next_element: u64,
}

impl Record {
    /// The value of a field, if anybody ever claimed one.
    pub fn value(&self, field: &str) -> Option<&Value> {
        self.fields.get(field).map(|field| &field.value)
    }

    /// Elements of a list field that are there, in the order of their numbers.
    pub fn elements<'a>(&'a self, list: &'a str) -> impl Iterator<Item = (u64, &'a Value)> {
        let mut found: Vec<(u64, &Value)> = self
            .fields
            .starting_with(&format!("{list}/"))
            .filter(|(_, field)| !field.value.is_empty())
            .filter_map(|(name, field)| Some((name[list.len() + 1..].parse().ok()?, &field.value)))
            .collect();
        found.sort_by_key(|(number, _)| *number);
        found.into_iter()
    }
}
