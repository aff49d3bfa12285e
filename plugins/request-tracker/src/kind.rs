//! The streams: their paths, and the fields that are asked for.

use nave_sdk::types::Failure;

/// One of the streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Users without privileges: whoever writes to the tracker.
    Users,
    Tickets,
    /// What was done to tickets.
    Transactions,
}

impl Kind {
    pub(crate) fn of(stream: &str) -> Result<Self, Failure> {
        match stream {
            "users" => Ok(Self::Users),
            "tickets" => Ok(Self::Tickets),
            "transactions" => Ok(Self::Transactions),
            _ => Err(Failure::no_such_stream(stream)),
        }
    }

    /// Path segment of one.
    pub(crate) fn singular(self) -> &'static str {
        match self {
            Self::Users => "user",
            Self::Tickets => "ticket",
            Self::Transactions => "transaction",
        }
    }

    /// Path segment of the list.
    pub(crate) fn plural(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Tickets => "tickets",
            Self::Transactions => "transactions",
        }
    }

    /// Fields that are asked for, and that a body has.
    pub(crate) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Users => &USER,
            Self::Tickets => &TICKET,
            Self::Transactions => &TRANSACTION,
        }
    }

    /// Of those, the ones that name something of which more is asked.
    pub(crate) fn deeper(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Users => &[],
            Self::Tickets => &[("Queue", "Name"), ("Requestor", "id,EmailAddress"), ("Owner", "id")],
            Self::Transactions => &[("Creator", "id")],
        }
    }
}

const USER: [&str; 21] = [
    "id",
    "Name",
    "EmailAddress",
    "RealName",
    "NickName",
    "Organization",
    "Address1",
    "Address2",
    "City",
    "State",
    "Zip",
    "Country",
    "HomePhone",
    "WorkPhone",
    "MobilePhone",
    "PagerPhone",
    "Comments",
    "Lang",
    "Gecos",
    "Created",
    "LastUpdated",
];

const TICKET: [&str; 13] = [
    "id",
    "Subject",
    "Status",
    "Priority",
    "Type",
    "Queue",
    "Requestor",
    "Owner",
    "Created",
    "Started",
    "Resolved",
    "LastUpdated",
    "EffectiveId",
];

const TRANSACTION: [&str; 8] = ["id", "Type", "ObjectId", "Field", "OldValue", "NewValue", "Creator", "Created"];
