//! Fixtures made of a masked sample of real data.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// One sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SampleAnswer {
    /// What was sampled: an entity, or `connection/stream`.
    pub source: String,
    /// `pii`, `none`.
    pub mask: String,
    /// Things that there are, as far as was looked.
    pub seen: u64,
    /// Words, numbers and mails of the originals that the fixtures were searched for.
    pub searched: u64,
    /// By kind of thing: the one that was asked for, and those that its edges lead to.
    pub fixtures: Vec<Fixture>,
}

/// Things of one kind.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fixture {
    /// Entity or stream; a file's name.
    pub name: String,
    /// Paths of all values, dots between levels, in order: columns.
    pub columns: Vec<String>,
    /// The things.
    pub things: Vec<Json>,
}
