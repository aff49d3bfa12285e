//! Who has access to what, and why.

use serde::{Deserialize, Serialize};

/// The register of access, or a part of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccessAnswer {
    /// One line for each person or plugin and thing.
    pub access: Vec<AccessLine>,
    /// When access was reviewed last; none where it never was.
    #[serde(default)]
    pub reviewed_at: Option<String>,
    /// What is wrong with the configuration, where it is broken: connections and flows of these files are not in the register.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
}

/// Somebody has access to something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AccessLine {
    /// A person (`local:ann`, the name of a token) or a plugin (`plugin:hubspot`).
    pub who: String,
    /// In words: what that is as much as.
    pub role: String,
    /// `token`, `secret`, `authorization`, `connection` or `grant`; of who leaves also `key`, the master key.
    pub what: String,
    /// Its name; of an authorization `connection/slot`, of a grant `connection/endpoint api`.
    pub name: String,
    /// Connections behind it.
    pub connections: Vec<String>,
    /// Flows behind it.
    pub flows: Vec<String>,
    /// Why, as flows and grants say.
    pub reasons: Vec<String>,
    /// Since when.
    pub since: Option<String>,
    /// When it was used last, where that is known.
    pub last_used: Option<String>,
    /// Whole days since it was used, or since it is there where it never was; none where that is not known.
    pub unused_days: Option<u64>,
    /// What to look at: `unused`, `old`, `more than is needed`.
    pub findings: Vec<String>,
    /// What ends it, or makes it worth nothing.
    pub fix: String,
}
