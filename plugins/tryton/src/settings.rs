//! The connection's settings.

use nave_sdk::serde::Deserialize;
use nave_sdk::types::Failure;

/// All settings, with their defaults.
#[derive(Clone, Debug, Deserialize)]
#[serde(crate = "nave_sdk::serde", rename_all = "kebab-case", default)]
pub(crate) struct Settings {
    /// Name of the category that marks a party as an organisation.
    pub(crate) organisation_category: String,
    /// Name of the category that marks a party as a person.
    pub(crate) person_category: String,
    /// Name of the relation from a person to the company; empty where the module `party_relationship` is not active.
    pub(crate) employment_relation: String,
    /// Row id of the company whose prices are read.
    pub(crate) company: i64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            organisation_category: "Organisation".to_owned(),
            person_category: "Person".to_owned(),
            employment_relation: "works for".to_owned(),
            company: 1,
        }
    }
}

impl Settings {
    pub(crate) fn load() -> Result<Self, Failure> {
        nave_sdk::host::settings()
    }

    /// Whether relations are there.
    pub(crate) fn relations(&self) -> bool {
        !self.employment_relation.is_empty()
    }
}
