//! Who was given data of records, as the audit says it: one line per run and per page that a person looked at.

use serde::{Deserialize, Serialize};

/// A run took records of a system in.
pub const DATA_READ: &str = "data.read";
/// A run sent records to a system.
pub const DATA_SENT: &str = "data.sent";
/// A person was shown records.
pub const DATA_SHOWN: &str = "data.shown";

/// What such a line says beside who and when: the audit keeps it in the line's detail, as JSON. No values, only names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Access {
    /// Connection that was read, or sent to.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub connection: String,
    /// Stream of it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub stream: String,
    /// Plugins that saw the data, each as `name digest`; first the connector.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<String>,
    /// Names of the secrets that it was done with.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<String>,
    /// Canonical type.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub entity: String,
    /// Canonical fields.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
    /// How many records.
    pub count: u64,
    /// Numbers of the records, where they are few.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<u64>,
    /// What for: what the flow's file says, or what a person asked.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// Run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}

impl Access {
    /// As a line's detail.
    pub fn detail(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Of a line's detail; none where it says something else.
    pub fn of(detail: &str) -> Option<Self> {
        serde_json::from_str(detail).ok()
    }

    /// For people, on one line.
    pub fn sentence(&self) -> String {
        let what = format!("{} {}", self.count, if self.count == 1 { "record" } else { "records" });
        let fields = if self.fields.is_empty() { String::new() } else { format!(" ({})", self.fields.join(", ")) };
        let with = if self.credentials.is_empty() { String::new() } else { format!(", with {}", self.credentials.join(", ")) };
        let purpose = if self.purpose.is_empty() { String::new() } else { format!(": {}", self.purpose) };
        format!("{what}{fields}{with}{purpose}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_was_put_into_it() {
        let access = Access {
            connection: "crm".into(),
            fields: vec!["email".into(), "name".into()],
            credentials: vec!["crm-token".into()],
            count: 2,
            purpose: "sales".into(),
            run: Some(7),
            ..Access::default()
        };
        assert_eq!(Access::of(&access.detail()), Some(access.clone()));
        assert!(!access.detail().contains("stream"), "what is not known is left out: {}", access.detail());
        assert_eq!(access.sentence(), "2 records (email, name), with crm-token: sales");
        assert_eq!(Access { count: 1, ..Access::default() }.sentence(), "1 record");
        for other in ["version 2", "", "[1]", "\"text\""] {
            assert_eq!(Access::of(other), None, "{other}");
        }
    }
}
