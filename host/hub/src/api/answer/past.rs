//! A record as it was.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// A record as the hub held it at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PastAnswer {
    /// `contact/12`.
    pub record: String,
    /// Canonical type.
    pub entity: String,
    /// What a person called it then.
    pub title: String,
    /// The time that was asked for.
    pub at: String,
    /// `active`, `archived`, `deleted`, `merged`.
    pub state: String,
    /// The record that carried on, where it was merged by then.
    pub merged_into: Option<String>,
    /// Fields that it held, by name.
    pub fields: Vec<PastField>,
    /// The change that made it so: its position in the changelog, and its time.
    pub sequence: u64,
    /// When that was.
    pub since: String,
    /// When the next change came; none where it is still so.
    pub until: Option<String>,
    /// What has to be known beside it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One field as it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PastField {
    /// Canonical name.
    pub field: String,
    /// For people.
    pub label: String,
    /// Value; null where it is not known.
    pub value: Json,
    /// Value in one line, for people.
    pub display: String,
    /// Whether the history holds enough to say so.
    pub known: bool,
    /// Why it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Who asserted it when it was set: `crm/contacts:5432`, or `steward`; empty where that is not known.
    pub from: String,
    /// When it was set.
    pub since: Option<String>,
    /// Position of that change in the changelog.
    pub sequence: Option<u64>,
}
