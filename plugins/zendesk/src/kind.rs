//! The streams, and what an object of each looks like as a record.

use nave_sdk::names;
use nave_sdk::serde_json::value::RawValue;
use nave_sdk::slice;
use nave_sdk::types::{Failure, SourceRecord};

/// One of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Users,
    Organizations,
    Tickets,
}

impl Kind {
    pub(crate) fn of(stream: &str) -> Result<Self, Failure> {
        match stream {
            "users" => Ok(Self::Users),
            "organizations" => Ok(Self::Organizations),
            "tickets" => Ok(Self::Tickets),
            _ => Err(Failure::no_such_stream(stream)),
        }
    }

    /// Path segment and name of the list.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Organizations => "organizations",
            Self::Tickets => "tickets",
        }
    }

    /// Name of one object in bodies.
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Users => "user",
            Self::Organizations => "organization",
            Self::Tickets => "ticket",
        }
    }

    /// A vendor's object as a record: its bytes as they are, a user's with both parts of the name in front. What is marked as
    /// deleted is a deletion; what has no id is handed on, and the hub sets it aside.
    pub(crate) fn record(self, raw: &RawValue) -> SourceRecord {
        let [id, modified, active, status, name] = slice::texts(raw, ["id", "updated_at", "active", "status", "name"]);
        let id = id.unwrap_or_default();
        let gone = match self {
            Self::Users => active.as_deref() == Some("false"),
            Self::Organizations => false,
            Self::Tickets => status.as_deref() == Some("deleted"),
        };
        if gone && !id.is_empty() {
            return SourceRecord::deleted(id).modified_at(modified);
        }
        let body = match (self, raw.get().trim_start().strip_prefix('{')) {
            (Self::Users, Some(rest)) => {
                let (first, last) = names::split(&name.unwrap_or_default());
                format!("{{\"first_name\":{first},\"last_name\":{last},{rest}")
            }
            _ => raw.get().to_owned(),
        };
        // Only tickets can be written on condition that they are as they were at a time.
        let version = modified.clone().filter(|_| self == Self::Tickets);
        SourceRecord::upsert(id, body).modified_at(modified).version(version)
    }
}
