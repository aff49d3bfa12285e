//! Connections, mappings, entities and the inventory.

use nave_core::catalog::StreamInfo;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::api::Finding;
use crate::secrets::{Lapsed, SecretError};

/// Connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionsAnswer {
    /// By name.
    pub connections: Vec<ConnectionLine>,
}

/// One connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionLine {
    /// Name.
    pub name: String,
    /// Plugin and its version.
    pub plugin: String,
    /// Entry of the inventory.
    pub system: String,
    /// Where it reaches: base addresses and folders.
    pub reaches: Vec<String>,
    /// Names of its secrets.
    pub secrets: Vec<String>,
    /// Its flows.
    pub flows: Vec<String>,
}

/// A connection works.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckAnswer {
    /// Connection.
    pub connection: String,
    /// Whose account it is.
    pub account: String,
    /// `production`, `sandbox`, or what the system calls it.
    pub environment: String,
    /// What the credential may do.
    pub scopes: Vec<String>,
    /// Observed limits: name and value.
    pub limits: Vec<(String, String)>,
    /// How far its clock is ahead of ours, milliseconds, by the `Date` of its answers; none where they have none.
    #[serde(default)]
    pub skew_ms: Option<i64>,
    /// Things to look at in its file.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Secrets that would go where they were not given for; nothing is sent until a person approves.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAnswer {
    /// By connection.
    pub held: Vec<HeldSecret>,
}

/// One secret of one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HeldSecret {
    /// Connection.
    pub connection: String,
    /// Name of the secret.
    pub secret: String,
    /// Origins (scheme, host, port) that it was not given for; with `proxy ADDRESS` and `ca sha256:DIGEST`, the way there.
    pub to: Vec<String>,
    /// Those that it was given for; empty where nobody has ever said so.
    pub given_for: Vec<String>,
    /// What of `to` it was given for once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lapsed: Option<Lapsed>,
}

impl std::fmt::Display for HeldSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let held = SecretError::Held {
            name: self.secret.clone(),
            to: self.to.clone(),
            given_for: self.given_for.clone(),
            lapsed: self.lapsed.clone().map(Box::new),
        };
        held.fmt(f)
    }
}

/// What a connection offers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StreamsAnswer {
    /// Connection.
    pub connection: String,
    /// Its streams.
    pub streams: Vec<StreamInfo>,
    /// File that they were saved in.
    pub saved: Option<String>,
    /// What else changed: starter mappings that were fitted to them.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// The configuration's findings: warnings only, or the request fails with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LintAnswer {
    /// Warnings.
    pub findings: Vec<Finding>,
    /// Mappings that were checked.
    pub mappings: Vec<String>,
    /// Connections of these of which nobody knows yet what their systems have: no names of theirs were checked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undiscovered: Vec<String>,
}

/// Text for a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextAnswer {
    /// What it is about.
    pub title: String,
    /// The text, with line ends.
    pub text: String,
}

/// Which fields are mapped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageAnswer {
    /// One per mapping.
    pub mappings: Vec<MappingCoverage>,
}

/// A field that is left alone on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IgnoredField {
    /// Path over there.
    pub field: String,
    /// Why.
    pub because: String,
}

/// One mapping's coverage: `mapped + ignored + missing` are all fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MappingCoverage {
    /// Mapping.
    pub mapping: String,
    /// Stream.
    pub stream: String,
    /// Fields that the stream has, as last discovered; 0: nobody has asked it yet.
    pub fields: u64,
    /// Of these, mapped or ignored with a reason.
    pub covered: u64,
    /// Of these, read or written.
    #[serde(default)]
    pub mapped: u64,
    /// Of these, left alone on purpose, each with its reason.
    #[serde(default)]
    pub ignored: Vec<IgnoredField>,
    /// The others: nobody has said anything about them.
    pub missing: Vec<String>,
}

/// Canonical entities.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemasAnswer {
    /// By name.
    pub entities: Vec<EntityLine>,
}

/// One entity in a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct EntityLine {
    pub entity: String,
    pub label: String,
    pub fields: u64,
    pub steward: String,
    pub mappings: Vec<String>,
}

/// One entity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaAnswer {
    /// Name.
    pub entity: String,
    /// For people.
    pub label: String,
    /// Who decides reviews.
    pub steward: String,
    /// Fields by name.
    pub fields: Vec<SchemaField>,
    /// Match rules as sentences, strictest first.
    pub match_rules: Vec<String>,
    /// JSON Schema (2020-12) of its records' fields.
    #[serde(default)]
    pub json_schema: Json,
}

/// One canonical field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaField {
    /// Name.
    pub field: String,
    /// For people.
    pub label: String,
    /// Type.
    pub kind: String,
    /// Who wins.
    pub survivorship: String,
    /// Why.
    pub because: Option<String>,
    /// Sealed under the record's key.
    pub personal: bool,
}

/// The inventory.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemsAnswer {
    /// By name.
    pub systems: Vec<SystemLine>,
}

/// One system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SystemLine {
    /// Name.
    pub name: String,
    /// `crm`, `accounting`, …
    pub kind: String,
    /// Person or team.
    pub owner: String,
    /// Whom to call.
    pub vendor_contact: String,
    /// Documentation address.
    pub docs: String,
    /// When the documentation was last read.
    pub docs_checked: String,
    /// What its answers say of the end of its API, where a hub has heard something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sunset: Option<String>,
    /// Free text.
    pub notes: String,
    /// Files of the project that explain it.
    #[serde(default)]
    pub attachments: Vec<String>,
    /// Connections to it; empty: not connected.
    pub connections: Vec<String>,
    /// References to the secrets of its connections, `secret://<name>/<environment>`; never a value.
    #[serde(default)]
    pub credentials: Vec<String>,
}
