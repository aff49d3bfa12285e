//! How a person names a record: `contact/12`, `12`, `crm:5432` or `crm/contacts:5432`.

use std::fmt;
use std::str::FromStr;

use nave_core::model::{DecisionChoice, RecordId, RemoteKey};
use serde::{Deserialize, Serialize};

use super::ApiError;

/// A record by its own number, or by what a system calls it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum RecordRef {
    /// `contact/12`, or `12` where the entity does not matter.
    Record {
        /// Canonical type, if it was said; then it must fit.
        entity: Option<String>,
        /// Number of the record.
        id: u64,
    },
    /// `crm:5432` or `crm/contacts:5432`.
    Remote {
        /// Connection.
        connection: String,
        /// Stream (or alias), where several have this id.
        stream: Option<String>,
        /// The system's own id.
        remote_id: String,
    },
}

/// The text names no record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no record; write contact/12, or crm:5432 or crm/contacts:5432 for what a system calls it")]
pub struct RecordRefError(String);

impl FromStr for RecordRef {
    type Err = RecordRefError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || RecordRefError(text.to_owned());
        if let Some((left, remote_id)) = text.split_once(':') {
            let (connection, stream) = match left.split_once('/') {
                Some((connection, stream)) if !stream.is_empty() => (connection, Some(stream.to_owned())),
                Some(_) => return Err(bad()),
                None => (left, None),
            };
            if connection.is_empty() || remote_id.is_empty() {
                return Err(bad());
            }
            return Ok(Self::Remote { connection: connection.to_owned(), stream, remote_id: remote_id.to_owned() });
        }
        let (entity, id) = match text.split_once('/') {
            Some((entity, id)) if !entity.is_empty() => (Some(entity.to_owned()), id),
            Some(_) => return Err(bad()),
            None => (None, text.strip_prefix('#').unwrap_or(text)),
        };
        Ok(Self::Record { entity, id: id.parse().map_err(|_| bad())? })
    }
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Record { entity: Some(entity), id } => write!(f, "{entity}/{id}"),
            Self::Record { entity: None, id } => write!(f, "{id}"),
            Self::Remote { connection, stream: Some(stream), remote_id } => write!(f, "{connection}/{stream}:{remote_id}"),
            Self::Remote { connection, stream: None, remote_id } => write!(f, "{connection}:{remote_id}"),
        }
    }
}

impl TryFrom<String> for RecordRef {
    type Error = RecordRefError;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<RecordRef> for String {
    fn from(reference: RecordRef) -> Self {
        reference.to_string()
    }
}

/// What a person answers to a review: a record (`contact/12`), a thing over there (`crm/contacts:17`), `new`, `approve` or `refuse`.
///
/// # Errors
/// Where it is none of these.
pub fn decision(text: &str) -> Result<DecisionChoice, ApiError> {
    Ok(match text {
        "new" => DecisionChoice::New,
        "approve" | "yes" => DecisionChoice::Approve,
        "refuse" | "no" => DecisionChoice::Refuse,
        record => match record.parse() {
            Ok(RecordRef::Record { id, .. }) => DecisionChoice::Existing(RecordId(id)),
            Ok(RecordRef::Remote { connection, stream: Some(stream), remote_id }) => {
                DecisionChoice::Remote(RemoteKey::new(connection, stream, remote_id))
            }
            _ => {
                let help = "write contact/12, crm/contacts:17 for a thing over there, new, approve or refuse";
                return Err(ApiError::usage(format!("`{text}` is no choice")).help(help));
            }
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<RecordRef>) {
        let found = text.parse::<RecordRef>().ok();
        assert_eq!(found, expected, "{text}");
        if let Some(found) = found {
            assert_eq!(found.to_string().parse::<RecordRef>().ok(), expected, "{text} does not survive being written");
        }
    }

    fn record(entity: Option<&str>, id: u64) -> Option<RecordRef> {
        Some(RecordRef::Record { entity: entity.map(str::to_owned), id })
    }

    fn remote(connection: &str, stream: Option<&str>, remote_id: &str) -> Option<RecordRef> {
        let stream = stream.map(str::to_owned);
        Some(RecordRef::Remote { connection: connection.to_owned(), stream, remote_id: remote_id.to_owned() })
    }

    #[test]
    fn references() {
        check("contact/12", record(Some("contact"), 12));
        check("stock-level/1", record(Some("stock-level"), 1));
        check("12", record(None, 12));
        check("#12", record(None, 12));
        check("crm:5432", remote("crm", None, "5432"));
        check("crm/contacts:5432", remote("crm", Some("contacts"), "5432"));
        check("drop/contacts#company:a/b:c", remote("drop", Some("contacts#company"), "a/b:c"));
        check("", None);
        check("contact", None);
        check("contact/", None);
        check("contact/x", None);
        check("/12", None);
        check(":5", None);
        check("crm:", None);
        check("crm/:5", None);
    }
}
