//! Rows of the hub's own running: checkpoints, runs, flow states, audit, tokens.

use serde::{Deserialize, Serialize};

use super::Time;
use crate::accounting::Counts;

/// Where a source resumes, per connection and stream alias. Moves forward only (I1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The plugin's bytes.
    pub bytes: Vec<u8>,
    /// Counts commits of this checkpoint; a commit names the count it was decided from.
    pub generation: u64,
    /// Whether the source was told (I3).
    pub acknowledged: bool,
    /// When it was committed.
    pub at: Time,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Under way, or the hub died during it.
    Running,
    /// Every record read and every write wanted is accounted for (I14).
    Success,
    /// It is not.
    Failed,
}

/// One execution of a flow, with its accounting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Assigned by the store.
    pub id: u64,
    /// Mapping name.
    pub flow: String,
    /// `in` or `out`.
    pub direction: String,
    /// Began.
    pub started_at: Time,
    /// Ended.
    pub ended_at: Option<Time>,
    /// How it ended.
    pub status: RunStatus,
    /// What failed, for a person.
    pub message: Option<String>,
    /// The identity of I14.
    pub counts: Counts,
    /// Digest of the catalog.
    pub catalog: String,
    /// The plugins that worked in it, each as `name digest`, separated by commas; first the connector.
    pub plugin: String,
}

impl Run {
    /// Name and digest of each plugin that worked in it. Early hubs stored the connector's digest alone.
    pub fn plugins(&self) -> impl Iterator<Item = (&str, &str)> {
        let pinned = self.plugin.split(", ").filter(|pin| !pin.is_empty());
        pinned.map(|pin| pin.split_once(' ').unwrap_or(("connector", pin)))
    }
}

/// What an operator decided about a flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowState {
    /// Nothing is read or sent.
    pub paused: bool,
    /// Digest of the flow's configuration whose plan was seen and applied; nothing is sent without it.
    pub approved: Option<String>,
    /// Digest of the flow's configuration that all its records were last entered into dirty for.
    pub configured: Option<String>,
    /// Last success, each direction.
    pub last_in: Option<Time>,
    /// Last success out.
    pub last_out: Option<Time>,
    /// Last failure, for people.
    pub last_error: Option<String>,
    /// Direction of the run that failed: a success the other way does not make it good.
    #[serde(default)]
    pub failed: Option<String>,
    /// When it was last begun to be read as a whole, whatever came of it.
    #[serde(default)]
    pub tried_in: Option<Time>,
}

/// One line of the audit. Chained by the store; never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// When.
    pub at: Time,
    /// Who: a person, `hub`, or `plugin:<name>`.
    pub actor: String,
    /// What: `net.denied`, `secret.set`, `plan.applied`.
    pub action: String,
    /// On what.
    pub subject: String,
    /// For people.
    pub detail: String,
}

/// An API token, by its hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenRow {
    /// Who it is.
    pub name: String,
    /// SHA-256 of the token, hexadecimal.
    pub hash: String,
    /// Since when.
    pub created_at: Time,
    /// From when it is worth nothing; none: until it is reset or revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Time>,
    /// Why there is one, as whoever made it said; empty only where it was made before that was asked.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl TokenRow {
    /// In the place of the hash of a token that was revoked: no text has this as its hash.
    pub const REVOKED: &str = "revoked";

    /// Whether somebody revoked it: it opens nothing, and its name is known.
    pub fn is_revoked(&self) -> bool {
        self.hash == Self::REVOKED
    }

    /// Whether it is good at this time.
    pub fn holds(&self, at: Time) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}
