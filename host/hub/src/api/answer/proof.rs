//! What was looked at to see that everything is as it should be: reconciliation, shadows, canaries, tests.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::PluginPin;

/// How far everything is verified.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileAnswer {
    /// By flow that reads.
    pub flows: Vec<ReconcileLine>,
}

/// One flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileLine {
    /// Flow.
    pub flow: String,
    /// Things over there.
    pub things: u64,
    /// When the one was last verified that was longest not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest: Option<String>,
    /// How long ago that is, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_age_s: Option<i64>,
    /// Each thing is to be verified at least so often, in days.
    pub every_days: u64,
    /// Verified so far, all in all.
    pub verified: u64,
    /// And differed.
    pub differed: u64,
    /// When the next batch is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<String>,
    /// Why it cannot be verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cannot: Option<String>,
    /// Where a batch was asked for: verified in it, differed, and its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<ReconcileBatch>,
}

/// One batch.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileBatch {
    /// Things that were asked for.
    pub verified: u64,
    /// Those that differed: taken in as everything that is read.
    pub differed: u64,
    /// Its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
    /// Why it did not come about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What would have been written, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowAnswer {
    /// By flow.
    pub flows: Vec<ShadowFlow>,
}

/// One flow in shadow mode.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowFlow {
    /// Flow.
    pub flow: String,
    /// Fields that hold by now what would have been written.
    pub same: u64,
    /// Fields that do not.
    pub differs: u64,
    /// Field by field.
    pub lines: Vec<ShadowLine>,
    /// The system could not be asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread: Option<String>,
}

/// One intended field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ShadowLine {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// `create`, `update`, `delete`, `merge`.
    pub operation: String,
    /// The system's id, if the thing is there.
    pub remote_id: Option<String>,
    /// Path over there; none for the thing as a whole.
    pub path: Option<String>,
    /// What would have been written.
    pub wanted: Json,
    /// What is there.
    pub found: Option<Json>,
    /// Whether it is so without us.
    pub same: bool,
    /// Since when it was wanted.
    pub since: String,
}

/// What canaries came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryAnswer {
    /// By flow.
    pub canaries: Vec<CanaryLine>,
}

/// One canary.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryLine {
    /// Flow.
    pub flow: String,
    /// When.
    pub at: String,
    /// Why it failed; none: it arrived, was read back, and was taken away again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// The run that wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}

/// Test records and where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedAnswer {
    /// The records.
    pub records: Vec<SeedLine>,
}

/// One test record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedLine {
    /// `contact/12`.
    pub record: String,
    /// What systems call it.
    pub there: Vec<String>,
}

/// How one case ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names say it")]
pub enum TestResult {
    #[default]
    Passed,
    Failed,
    Skipped,
}

/// One case of a suite.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestCase {
    /// What was tried: `other → crm: job_title`.
    pub name: String,
    /// How it ended.
    pub result: TestResult,
    /// Why it failed or was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// How long it took, in milliseconds.
    #[serde(default)]
    pub ms: u64,
}

/// A suite that ran, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRun {
    /// Number.
    pub id: u64,
    /// Name of the suite: `roundtrip`, `clean`, `faults`.
    pub suite: String,
    /// When it ended, RFC 3339.
    pub at: String,
    /// Who ran it.
    pub by: String,
    /// Environment that it ran in.
    pub environment: String,
    /// Digest of the configuration.
    pub catalog: String,
    /// Plugins of the configuration, by their digests.
    pub plugins: Vec<PluginPin>,
    /// Its cases.
    pub cases: Vec<TestCase>,
}

impl TestRun {
    /// How many cases ended so.
    pub fn count(&self, result: TestResult) -> usize {
        self.cases.iter().filter(|case| case.result == result).count()
    }
}

/// Suites that ran, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestHistoryAnswer {
    /// The runs.
    pub runs: Vec<TestRun>,
}
