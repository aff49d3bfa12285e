//! Sign-ins by people at systems, and what those granted. Never a token.

use serde::{Deserialize, Serialize};

/// What systems granted to connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthorizationsAnswer {
    /// By connection and credential slot.
    pub authorizations: Vec<AuthorizationLine>,
}

/// What one system granted to one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AuthorizationLine {
    /// Connection.
    pub connection: String,
    /// Credential slot.
    pub slot: String,
    /// `good`, `needs-reauth` or `not-agreed`.
    pub state: String,
    /// Why somebody has to agree, where they have to.
    pub why: Option<String>,
    /// Since when.
    pub since: Option<String>,
    /// `browser` or `device`.
    pub way: Option<String>,
    /// Who agreed.
    pub by: Option<String>,
    /// When.
    pub given_at: Option<String>,
    /// When a token was got last.
    pub renewed_at: Option<String>,
    /// How often since somebody agreed.
    pub renewals: u64,
    /// Scopes that were granted.
    pub scopes: Vec<String>,
    /// Of those, the ones that nothing here needs.
    pub excess: Vec<String>,
    /// Scopes that are needed and were not granted.
    pub missing: Vec<String>,
    /// Ways to agree: `browser`, `device`.
    pub ways: Vec<String>,
}

/// A person is asked to agree at a system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SignInAnswer {
    /// Number of this sign-in, to ask what became of it.
    pub id: u64,
    /// Connection.
    pub connection: String,
    /// Credential slot.
    pub slot: String,
    /// `browser` or `device`.
    pub way: String,
    /// What to open. For a browser it is the hub's own, and good once.
    pub address: String,
    /// What to type in there, for a device.
    pub code: Option<String>,
    /// The address with the code in it, where the system has that.
    pub address_with_code: Option<String>,
    /// The address of the hub that the system must know as the client's, for a browser.
    pub callback: Option<String>,
    /// Scopes that are asked for, with the reason for each where the plugin names one.
    pub scopes: Vec<(String, String)>,
    /// Seconds until it is over.
    pub expires_in_s: u64,
    /// `waiting`, `agreed` or `refused`.
    pub state: String,
    /// Why it was refused.
    pub why: Option<String>,
}
