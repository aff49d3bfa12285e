//! Copies of an old value, and what became of them.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::RunLine;

/// Where an old value of a field still stands, or what became of each place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CorrectionAnswer {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// Canonical field that was corrected.
    pub field: String,
    /// What it holds now, for people; empty where it holds nothing.
    pub now: String,
    /// What it held before, newest first: these were looked for.
    pub old: Vec<String>,
    /// Records that refer to it and were looked through.
    pub documents: usize,
    /// And those that were not, because there are more than are looked through.
    #[serde(default)]
    pub left_out: usize,
    /// The copies; a copy's number is good until the list is shown again.
    pub copies: Vec<CopyLine>,
    /// Also there, in fields that no mapping reads: to be corrected in their systems. None where that was not asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmapped: Option<Vec<UnmappedLine>>,
    /// Of what could not be asked for then: what, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unasked: Vec<String>,
    /// Nothing was written: it is a list.
    pub listed: bool,
    /// The runs that wrote.
    #[serde(default)]
    pub runs: Vec<RunLine>,
}

/// An old value in a field that no mapping reads, as its system shows it now.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct UnmappedLine {
    /// `invoice/4`: the record that the thing belongs to.
    pub record: String,
    /// What a person calls that.
    pub title: String,
    /// Connection.
    pub system: String,
    /// Stream of it.
    pub stream: String,
    /// The system's own id.
    pub remote_id: String,
    /// Field as the system names it.
    pub path: String,
    /// Value in one line, for people.
    pub display: String,
    /// The old value is only a part of it.
    pub part: bool,
}

/// One place that holds an old value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CopyLine {
    /// From 1.
    pub number: usize,
    /// `invoice/4`: the record that the thing belongs to.
    pub record: String,
    /// What a person calls that.
    pub title: String,
    /// Connection; `hub` where only the hub's own record holds it.
    pub system: String,
    /// Stream of it; empty for the hub.
    pub stream: String,
    /// The system's own id.
    pub remote_id: String,
    /// Field as the system names it.
    pub path: String,
    /// Canonical field, where one is mapped there.
    pub field: Option<String>,
    /// `in`, `out`, `both`, where it is mapped.
    pub direction: Option<String>,
    /// Flow that reads or writes the thing.
    pub flow: Option<String>,
    /// What is there.
    pub value: Json,
    /// Value in one line, for people.
    pub display: String,
    /// The old value is only a part of it.
    pub part: bool,
    /// `write`, `review`, `cannot`; once something was written: `corrected`, `still`, `left`.
    pub can: String,
    /// Why, where it is not `write` or `corrected`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Numbers of other copies that are corrected together with this one: they show the same field of the same record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub with: Vec<usize>,
}
