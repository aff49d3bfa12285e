//! Secrets, audit, tokens, and the doctor.

use serde::{Deserialize, Serialize};

/// Names and ages of secrets; never values.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsAnswer {
    /// By name.
    pub secrets: Vec<SecretLine>,
}

/// One secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretLine {
    /// Name.
    pub name: String,
    /// Counts how often it was set.
    pub version: u64,
    /// When this version was set.
    pub set_at: String,
    /// Connections that name it.
    pub connections: Vec<String>,
    /// Hosts that it was given for, with scheme and port.
    #[serde(default)]
    pub given_for: Vec<String>,
    /// When it was sent last; none where it never was.
    #[serde(default)]
    pub last_used: Option<String>,
    /// How its rotation stands, where there was one.
    #[serde(default)]
    pub rotation: Option<String>,
    /// Where its value is: `sealed` here, in a `file`, or `hashicorp` or `aws` for a vault.
    #[serde(default)]
    pub kind: String,
    /// Where it is kept, in words, if not here.
    #[serde(default)]
    pub source: Option<String>,
    /// A value is held that was fetched, for so many more seconds.
    #[serde(default)]
    pub lease_s: Option<u64>,
    /// Why the last fetch came to nothing.
    #[serde(default)]
    pub failed: Option<String>,
}

/// A secret was fetched from where it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretCheckAnswer {
    /// Name.
    pub name: String,
    /// As [`SecretLine::kind`].
    pub kind: String,
    /// As [`SecretLine::source`].
    pub source: Option<String>,
    /// For how many seconds the value is held.
    pub lease_s: Option<u64>,
}

/// Secrets of the vault that stand in texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretsFoundAnswer {
    /// The first place of each in each text.
    pub found: Vec<SecretPlace>,
}

/// A secret of the vault stands in a text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretPlace {
    /// Which text, by its position.
    pub text: usize,
    /// Name of the secret; of a master key the name of its file.
    pub secret: String,
    /// Byte that it begins at.
    pub at: usize,
    /// It is the master key, or one of before.
    #[serde(default)]
    pub master_key: bool,
}

/// Audit lines, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditAnswer {
    /// The lines.
    pub entries: Vec<AuditLine>,
}

/// One audit line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    /// When.
    pub at: String,
    /// Who: the name of a token, `local:<name>` for a user of the machine, `hub`, or `plugin:<name>`.
    pub actor: String,
    /// What: `net.denied`, `secret.set`, …
    pub action: String,
    /// On what.
    pub subject: String,
    /// For people.
    pub detail: String,
}

/// A token, shown this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenAnswer {
    /// Whose.
    pub name: String,
    /// The token.
    pub token: String,
    /// From when it is worth nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenAnswer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// The store's file against what was written there, and the derived index beside the tables: match keys, cross-references,
/// waiting references, referrers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreCheckAnswer {
    /// Whether the file holds what was written, and the index exactly what the tables ask for.
    pub sound: bool,
    /// Bytes of the file that were read and compared.
    #[serde(default)]
    pub bytes: u64,
    /// Where the file is not what was written there: the first byte of each block of 4 KiB, at most a hundred.
    #[serde(default)]
    pub damaged: Vec<u64>,
    /// Entries that are right.
    pub agreed: u64,
    /// Entries that the tables ask for and the index does not have (at most a hundred are counted).
    pub missing: u64,
    /// Entries that nothing asks for.
    pub surplus: u64,
    /// Whether it was just made anew.
    pub rebuilt: bool,
}

/// What the doctor found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorAnswer {
    /// In the order in which they were looked at.
    pub checks: Vec<HealthCheck>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthCheck {
    /// What.
    pub name: String,
    /// Whether it is well.
    pub ok: bool,
    /// What was found.
    pub detail: String,
    /// What to type, where it is not.
    pub fix: Option<String>,
}
