//! Plugins and their powers.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// Installed plugins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginsAnswer {
    /// By name.
    pub plugins: Vec<PluginLine>,
}

/// One plugin.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginLine {
    /// Name.
    pub name: String,
    /// Version, for people.
    pub version: String,
    /// Grows with every release.
    pub serial: u64,
    /// `connector` or `transform`.
    pub kind: String,
    /// Version of the plugin contract that it was built against; empty where its file is not there.
    #[serde(default)]
    pub contract: String,
    /// One or two sentences.
    pub description: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// Where it came from.
    #[serde(default)]
    pub source: String,
    /// Key that vouched for it; none: nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Version of a newer build that waits for somebody to agree.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// Connections that use it.
    pub connections: Vec<String>,
    /// Flows that call its functions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flows: Vec<String>,
    /// Whether the file is there and is the one that was pinned.
    pub present: bool,
}

/// A plugin was installed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledAnswer {
    /// The plugin.
    pub plugin: PluginLine,
    /// One sentence per power that it asks for.
    pub powers: Vec<String>,
    /// Powers that the version before did not ask for.
    pub new_powers: Vec<String>,
    /// What it replaces.
    pub replaced: Option<String>,
    /// Per connection that uses it: what it asks for and is refused until the connection grants it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_granted: Vec<PowersView>,
    /// Files of connections in which it was written down what they were granted so far.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pinned: Vec<String>,
    /// Things to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Who vouches for it: an owner of `trust.toml`, or their key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<String>,
}

/// What another build of a plugin does otherwise, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UpgradeAnswer {
    /// Plugin.
    pub plugin: String,
    /// Version, serial and digest of the one that runs.
    pub from: BuildLine,
    /// Of the other one.
    pub to: BuildLine,
    /// Something is different besides the version.
    pub changed: bool,
    /// Powers that it asks for and the old one did not.
    pub powers_added: Vec<String>,
    /// Powers that only the old one asks for.
    pub powers_removed: Vec<String>,
    /// What is different in its settings, its functions, and what `discover` says.
    pub schema: Vec<String>,
    /// What it reads otherwise.
    pub reads: Vec<String>,
    /// What it would send otherwise.
    pub writes: Vec<String>,
    /// What both were run over: a connection's recording or files, what is stored of a flow that calls it.
    pub compared: Vec<String>,
    /// Connections and flows for which that was not done, and why.
    pub not_compared: Vec<String>,
    /// An installation of it is held until somebody agrees.
    #[serde(default)]
    pub waits: bool,
    /// `checked`, `same`, `held`, `in-force`, `declined`.
    pub state: String,
    /// The installation, where it came to one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub installed: Option<InstalledAnswer>,
}

/// One build.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildLine {
    /// Version, for people.
    pub version: String,
    /// Serial.
    pub serial: u64,
    /// SHA-256 of the file.
    pub digest: String,
}

/// What was recorded of a connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordingAnswer {
    /// Connection.
    pub connection: String,
    /// The file, in the project.
    pub file: String,
    /// Functions that were called.
    pub calls: u64,
    /// Requests with their answers.
    pub exchanges: u64,
    /// Different values that were masked.
    pub masked: u64,
    /// Streams whose end was too far to be recorded, and with it how what is new there is read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
}

/// What plugins ask for and connections were granted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantsAnswer {
    /// Per plugin: one sentence per power asked for.
    pub plugins: Vec<PowersView>,
    /// Per connection: one sentence per power granted.
    pub connections: Vec<PowersView>,
}

/// Powers of one plugin or connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PowersView {
    /// Plugin or connection.
    pub name: String,
    /// Sentences.
    pub powers: Vec<String>,
    /// Of a connection: its file says otherwise than what is in force. What it takes away counts, what it adds waits for a plan.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
    /// What is asked for and not granted, with the grant that would allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_granted: Vec<String>,
    /// Of a connection: when each grant was used last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub uses: Vec<GrantUse>,
}

/// When a grant was used last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantUse {
    /// `endpoint api`, `secret key`, `folder drop`.
    pub what: String,
    /// Where that leads: an address, a secret's name, a path.
    pub to: String,
    /// Since when it is granted, as far as that was noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// When, to the hour; none: never since uses are noted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
    /// Whole days since it was used, or granted where that was later; none where neither is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unused_days: Option<u64>,
    /// Granted for a quarter, and not used for one: it could go.
    pub unused: bool,
}

impl GrantUse {
    /// What to type to take it away from this connection.
    pub fn revoke(&self, connection: &str) -> String {
        format!("nave access revoke grant '{connection}/{}' --reason TEXT", self.what)
    }
}

/// What a plugin's function answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallAnswer {
    /// Function.
    pub function: String,
    /// Its answer.
    pub result: Json,
}

/// What a plugin is let near.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposureAnswer {
    /// Plugin.
    pub plugin: String,
    /// Version, for people.
    pub version: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// Where it came from.
    pub source: String,
    /// Key that vouched for it; none: nobody did.
    pub key: Option<String>,
    /// By connection.
    pub connections: Vec<ExposedConnection>,
    /// Of a transform: which function sees which paths in which mapping.
    pub functions: Vec<String>,
}

/// What it is let near by one connection.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposedConnection {
    /// Connection.
    pub name: String,
    /// Hosts that it may reach.
    pub hosts: Vec<ExposedHost>,
    /// Secrets that the hub signs in with for it.
    pub secrets: Vec<ExposedSecret>,
    /// Folders.
    pub folders: Vec<String>,
    /// Fields that mappings read and write through it.
    pub fields: Vec<ExposedField>,
}

/// A host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposedHost {
    /// Endpoint of the manifest.
    pub endpoint: String,
    /// Address.
    pub base: String,
    /// Methods and paths that are both asked for and granted.
    pub calls: Vec<String>,
    /// Reading only.
    pub read_only: bool,
    /// Without encryption.
    pub insecure: bool,
    /// Private networks that it may lie in.
    pub networks: Vec<String>,
}

/// A secret; never its value.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposedSecret {
    /// Slot of the manifest.
    pub slot: String,
    /// Reference: `secret://<name>/<environment>`.
    pub secret: String,
    /// How it is applied.
    pub applied: String,
    /// Where it is kept, if not in the hub's own vault; nothing where the hub does not run.
    #[serde(default)]
    pub kept: Option<String>,
    /// Origins that it is sent to.
    pub to: Vec<String>,
}

/// A field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExposedField {
    /// Mapping.
    pub mapping: String,
    /// Stream over there.
    pub stream: String,
    /// Path over there.
    pub remote: String,
    /// `entity.field`.
    pub field: String,
    /// Its values come in through the plugin.
    pub read: bool,
    /// Its values go out through the plugin.
    pub written: bool,
}

/// What connected systems can do.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MatrixAnswer {
    /// Streams, by connection.
    pub streams: Vec<MatrixLine>,
    /// Connections of which nothing is saved, and whose plugin and system do not tell it now.
    pub unknown: Vec<String>,
}

/// One stream.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MatrixLine {
    /// Connection.
    pub connection: String,
    /// Plugin.
    pub plugin: String,
    /// Stream.
    pub stream: String,
    /// The manifest says how a webhook of the system is signed.
    pub webhook_scheme: bool,
    /// Headers about how often it may be asked that this hub has heard.
    pub rate_headers: Vec<String>,
    /// What it can do.
    pub capabilities: nave_core::catalog::Capabilities,
}

/// What a plugin was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeniedAnswer {
    /// Plugin.
    pub plugin: String,
    /// Refusals, newest first, each kind once.
    pub denials: Vec<DenialLine>,
    /// Per connection, what it asks for and was not granted.
    pub not_granted: Vec<PowersView>,
}

/// One refusal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DenialLine {
    /// Last time.
    pub at: String,
    /// How often it is in the audit's last lines.
    pub count: u64,
    /// Code.
    pub code: String,
    /// `connection/endpoint`.
    pub subject: String,
    /// What happened, and the grant that would allow it.
    pub message: String,
    /// What to type.
    pub fix: String,
}
