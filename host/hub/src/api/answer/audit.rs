//! The audit gone through, written out, and asked about one record.

use serde::{Deserialize, Serialize};

/// Whether the audit is as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditCheckAnswer {
    /// Nothing is wrong that nobody knows of.
    pub sound: bool,
    /// Lines.
    pub lines: u64,
    /// Digest of the last one, hexadecimal.
    pub head: String,
    /// Anchors of this hub that were found.
    pub anchors: u64,
    /// When the last one was noted.
    pub anchored_at: Option<String>,
    /// How many lines it stands for.
    pub anchored_lines: u64,
    /// Where the hub notes them.
    pub anchor_file: String,
    /// What is wrong.
    pub findings: Vec<AuditFinding>,
    /// What was wrong when a person said that they know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<AuditFinding>,
    /// What they said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<String>,
    /// The store's file is damaged, and what it says of that: the entries were read as far as they can be, the anchors were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
}

/// One thing that is not as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFinding {
    /// `audit.altered`, `audit.misplaced`, `audit.unreadable`, `audit.head`, `audit.cut`, `audit.rewritten`,
    /// `audit.anchor-unsigned`, `audit.anchor-foreign`, `audit.anchor-missing`.
    pub code: String,
    /// The first entry that it concerns.
    pub entry: Option<u64>,
    /// What stands there now, as far as it can be read: when, who, what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// The entry right before, where everything up to it is as it was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good: Option<u64>,
    /// What that one says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub good_says: Option<String>,
    /// For people.
    pub text: String,
}

/// Lines of the audit as they lie in the store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditExportAnswer {
    /// Ascending.
    pub lines: Vec<AuditExportLine>,
    /// Ask again after this number for more; none: that is all.
    pub next: Option<u64>,
    /// The head, signed as an anchor is; with the last lines only.
    pub anchor: Option<serde_json::Value>,
}

/// One line. Its digest is SHA-256 over the digest before it (of the first: 32 zero bytes), a byte 1, and `text`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditExportLine {
    /// Number; the first is 1.
    pub number: u64,
    /// Hexadecimal.
    pub digest: String,
    /// The entry, as JSON.
    pub text: String,
}

/// Who was given data of a record, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadersAnswer {
    /// `contact/12`.
    pub record: String,
    /// What a person calls it.
    pub title: String,
    /// The times.
    pub accesses: Vec<ReaderLine>,
}

/// Somebody was given data of it, once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReaderLine {
    /// When.
    pub at: String,
    /// `read-from` a system, `sent-to` a system, `shown-to` or `changed-by` a person.
    pub what: String,
    /// The connection's thing (`crm/contacts:5432`), or the person.
    pub who: String,
    /// Plugins that saw it, each as `name digest`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plugins: Vec<String>,
    /// Names of the secrets that it was done with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<String>,
    /// Canonical fields.
    pub fields: Vec<String>,
    /// What for.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub purpose: String,
    /// Run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<u64>,
}
