//! What a connection offers, as its plugin's `discover` last said. Saved by the hub, checked against by the catalog.

use serde::{Deserialize, Serialize};

/// One stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct StreamInfo {
    /// Name.
    pub name: String,
    /// For people.
    pub label: String,
    /// Fields as the system describes them.
    pub fields: Vec<FieldInfo>,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// One field of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct FieldInfo {
    /// Path in the body, dots between levels.
    pub path: String,
    /// For people.
    pub label: String,
    /// Type as the system has it.
    #[serde(rename = "type")]
    pub kind: RemoteType,
    /// A create without it is refused over there.
    pub required: bool,
    /// Cannot be written.
    pub read_only: bool,
    /// No two things share a value.
    pub unique: bool,
    /// Longest text accepted, in characters.
    pub max_length: Option<u32>,
    /// Allowed values of an enum.
    pub values: Vec<String>,
    /// Stream whose remote ids a reference holds.
    pub target: Option<String>,
    /// Made by the customer.
    pub custom: bool,
}

/// Type of a remote field.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum RemoteType {
    #[default]
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Timestamp,
    Email,
    Phone,
    Url,
    Enum,
    Reference,
    List,
    Object,
    Json,
}

/// What a stream can do; the words are the contract's (`source.capabilities`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
#[expect(missing_docs, reason = "the names are the contract's")]
pub struct Capabilities {
    pub readable: bool,
    pub writable: bool,
    pub changes: ChangeDetection,
    pub deletes: DeleteDetection,
    pub webhooks: bool,
    pub upsert_by: Vec<String>,
    pub batch_max: u32,
    pub idempotency_key: bool,
    pub conditional_write: bool,
    pub write_mode: WriteMode,
    pub deletable: bool,
    pub mergeable: bool,
    pub searchable: Vec<String>,
    pub read_lag_ms: u64,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            readable: true,
            writable: true,
            changes: ChangeDetection::default(),
            deletes: DeleteDetection::default(),
            webhooks: false,
            upsert_by: Vec::new(),
            batch_max: 1,
            idempotency_key: false,
            conditional_write: false,
            write_mode: WriteMode::default(),
            deletable: false,
            mergeable: false,
            searchable: Vec::new(),
            read_lag_ms: 0,
        }
    }
}

/// How the system tells what changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum ChangeDetection {
    Incremental,
    #[default]
    FullScan,
}

/// How a deletion becomes known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum DeleteDetection {
    Feed,
    Get,
    FullScan,
    #[default]
    Never,
}

/// Whether a write sets what it names, or everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "the names are the contract's")]
pub enum WriteMode {
    #[default]
    Patch,
    Replace,
}
