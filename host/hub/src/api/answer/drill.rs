//! What a thief of a secret would reach.

use serde::{Deserialize, Serialize};

/// A drill with one secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DrillAnswer {
    /// Name of the secret.
    pub secret: String,
    /// What is reached with it, by connection.
    pub reach: Vec<DrillReach>,
    /// Limits of the hub that were tried, each on the real connection; nothing was sent.
    pub cases: Vec<DrillCase>,
}

/// What is reached by one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DrillReach {
    /// Connection.
    pub connection: String,
    /// By whoever holds the secret itself, outside of the hub.
    pub there: Vec<String>,
    /// By a plugin that turns bad: methods and addresses.
    pub through_the_hub: Vec<String>,
    /// Flows that it is used for, with the stream and the entity.
    pub flows: Vec<String>,
}

/// One limit that was tried.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DrillCase {
    /// Connection.
    pub connection: String,
    /// What was tried.
    pub case: String,
    /// The code that a refusal has; several, with `|` between.
    pub expected: String,
    /// What came of it.
    pub found: String,
    /// It was refused as it should be.
    pub passed: bool,
}
