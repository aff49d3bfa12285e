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
    /// One or two sentences.
    pub description: String,
    /// SHA-256 of the file.
    pub digest: String,
    /// Connections that use it.
    pub connections: Vec<String>,
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
    /// What is asked for and not granted, with the grant that would allow it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_granted: Vec<String>,
}

/// What a plugin's function answered.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CallAnswer {
    /// Function.
    pub function: String,
    /// Its answer.
    pub result: Json,
}
