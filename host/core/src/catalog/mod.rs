//! The whole checked configuration. Text in, [`Catalog`] or all errors at once out.
//!
//! Owns every TOML file of a project's directory: their keys, their cross-checks, and what to say when something
//! is wrong. Promises that a [`Catalog`] it hands out is whole: every name resolves, every expression is compiled.
//! Must not know files or networks: whoever calls reads the texts and brings what plugins said about themselves.

mod address;
mod alerts;
mod budget;
mod calendar;
mod check;
mod connection;
mod consent;
mod coverage;
mod diagnostic;
mod effective;
mod entity;
mod hub;
mod left_out;
mod lineage;
mod mapping_file;
mod model;
pub mod numbers;
mod ownership;
mod reader;
mod schema;
mod schema_diff;
#[cfg(test)]
mod schema_tests;
mod scored;
mod secrets;
mod stream;
#[cfg(test)]
mod tests;
mod unlimited;
mod vaults;
mod webhook;

use std::collections::BTreeMap;

pub use address::{OTHER_ADDRESS, filled};
pub use alerts::{Alerts, Heartbeat, MailTls, Reach, Sink, SinkKind};
pub use check::{check, lenient};
pub use coverage::{Coverage, coverage, part_coverage};
pub use diagnostic::{Diagnostic, Severity};
pub use entity::{SHIPPED, shipped_entities};
pub use hub::{ANCHOR, PRODUCTION, allows_unsigned, is_host, is_production, lock_text};
pub use lineage::{FieldLine, lineage};
pub use model::{
    Canary, Catalog, Clear, Connection, Credential, DeletePolicy, Direction, DuplicatePolicy, Entity, EntityField, FieldMapping,
    FieldType, FlowIn, FlowOut, HeldPlugin, Hub, ListMapping, LockedPlugin, Mapping, MatchRule, NO_FILE_YET, Note, OnLeave,
    PartMapping, Pilot, Purpose, Reconcile, Scoring, Stance, Stances, Survivorship, System, Watched, Webhook,
};
pub use numbers::Numbers;
pub use ownership::Unowned;
pub use schema::{SHARED_TYPES, json_schema, shared_type_schema};
pub use schema_diff::{SchemaChange, schema_diff};
pub use stream::{Capabilities, ChangeDetection, DeleteDetection, FieldInfo, RemoteType, StreamInfo, WriteMode};
pub use vaults::{ExternalVault, VaultKind, VaultSignIn};

use crate::manifest::Manifest;

/// A file of the project's directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// Relative to the project's directory, `/`-separated: `mappings/crm-contacts.toml`.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// A plugin that is known here.
#[derive(Clone, Debug)]
pub struct PluginInfo {
    /// As embedded in its component.
    pub manifest: Manifest,
    /// Connection name → what `discover` last said there, where it was saved. Two connections of one plugin may
    /// differ: custom fields.
    pub streams: BTreeMap<String, Vec<StreamInfo>>,
}
