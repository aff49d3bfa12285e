//! What was measured of a connected system, beside what its connector claims.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Assessments that were kept, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssessmentsAnswer {
    /// They.
    pub assessments: Vec<AssessAnswer>,
}

/// One assessment. Times are milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AssessAnswer {
    /// Number of the test run that it is kept as.
    pub id: u64,
    /// Connection.
    pub connection: String,
    /// When it ended, RFC 3339.
    pub at: String,
    /// Who asked for it.
    pub by: String,
    /// Digest of the plugin.
    pub plugin: String,
    /// Requests that it took.
    pub requests: u64,
    /// How far the system's clock is ahead of ours, by its answers; exact to about a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skew_ms: Option<i64>,
    /// Headers about how often it may be asked, as they were last said.
    pub rates: BTreeMap<String, String>,
    /// By stream.
    pub streams: Vec<StreamAssessment>,
    /// What is not as the connector claims, a sentence each.
    pub disagreements: Vec<String>,
    /// What was not measured, and why.
    pub not_measured: Vec<NotMeasured>,
    /// Settings that follow.
    pub settings: Vec<Recommended>,
    /// Test records that are still there.
    pub left: Vec<String>,
}

/// One stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamAssessment {
    /// Stream.
    pub stream: String,
    /// What its connector claims.
    pub claimed: Claimed,
    /// Requests that its reading took, and how long they were.
    pub requests: Lengths,
    /// Pages that were read, and how long each took, the plugin's own work included.
    pub pages: Lengths,
    /// Records that a page was asked for.
    pub page_asked: u64,
    /// Records in the largest page after which there was more; none where all fits into one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_given: Option<u64>,
    /// What a test record showed; none where none was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<WrittenAssessment>,
}

/// How long something took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Lengths {
    /// How many there were.
    pub count: u64,
    /// Half took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50_ms: Option<u64>,
    /// Nineteen of twenty took no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95_ms: Option<u64>,
}

/// What a connector says of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Claimed {
    /// `incremental`, `full-scan`.
    pub changes: String,
    /// `feed`, `get`, `full-scan`, `never`.
    pub deletes: String,
    /// How long a write may stay unseen.
    pub read_lag_ms: u64,
    /// The system tells at once.
    pub webhooks: bool,
}

/// When something showed after a write was confirmed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Showed {
    /// At the latest, milliseconds: an answer then had it.
    pub after_ms: u64,
    /// Not before, milliseconds: a question asked then was answered without it. None where the first answer had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before_ms: Option<u64>,
}

/// What a test record showed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct WrittenAssessment {
    /// Flow that wrote it.
    pub flow: String,
    /// What the system called it.
    pub remote_id: String,
    /// Read-after-write: asked for by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_id: Option<Showed>,
    /// Search: found by the value of a field.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_search: Option<Showed>,
    /// The field that was searched by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub searched: Option<String>,
    /// Listing: what a reading shows that goes on where one before the write ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_listing: Option<Showed>,
    /// Webhook: told by the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_webhook: Option<Showed>,
    /// After it was deleted: not there any more when asked for by its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_by_id: Option<Showed>,
    /// After it was deleted: a reading says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gone_by_listing: Option<Showed>,
}

/// What was not measured.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotMeasured {
    /// Stream; none: the connection as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// A setting that follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recommended {
    /// File of the configuration.
    pub file: String,
    /// Section that the line belongs to; empty: the top of the file.
    #[serde(default)]
    pub section: String,
    /// The line, ready to be copied.
    pub line: String,
    /// Why, a sentence.
    pub why: String,
}
