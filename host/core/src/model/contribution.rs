//! What one remote object says about a record: shadow and claims, kept apart.

use serde::{Deserialize, Serialize};

use super::{ContributionId, ElementId, RecordId, Time};
use crate::value::Value;
use crate::{NameMap, Text};

/// Names a remote object across the hub. `stream` is the mapping's alias when one stream feeds several entities.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RemoteKey {
    /// Connection name; `steward` for what a person asserted here.
    pub connection: Text,
    /// Stream, or the alias of the mapping.
    pub stream: Text,
    /// The system's own id.
    pub remote_id: Text,
}

impl RemoteKey {
    /// From its three parts.
    pub fn new(connection: impl Into<Text>, stream: impl Into<Text>, remote_id: impl Into<Text>) -> Self {
        Self { connection: connection.into(), stream: stream.into(), remote_id: remote_id.into() }
    }
}

impl std::fmt::Display for RemoteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}:{}", self.connection, self.stream, self.remote_id)
    }
}

/// The last value that this system asserted *itself*. A confirmed write never makes one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// Canonical value. `Null` says "known to be empty": for a list element, that it was removed there.
    pub value: Value,
    /// When the source says it was set.
    pub claimed_at: Time,
    /// When the hub saw it.
    pub observed_at: Time,
    /// What it was said against; noted of fields that are compared three ways, and none where it was said at first sight.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<Box<Base>>,
}

/// What a source held when it said something else ([`crate::survivorship::three_way`]).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// What it held until then.
    pub value: Value,
    /// When that was what the record held: everything that was said before was known to it. None: it held something else.
    pub known: Option<Time>,
}

impl Claim {
    /// Whether its time can be relied on. What is said to be as new as its reading, or newer, was said by a clock that is ahead
    /// and shows it nowhere: when it was set is not known.
    pub fn timed(&self) -> bool {
        self.claimed_at < self.observed_at
    }
}

/// Whether the remote object still stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ContributionState {
    /// It is there.
    Active,
    /// It is gone; by what evidence, when (I11).
    Deleted {
        /// What proved it: `feed`, `get`, `scan`, `ours`.
        evidence: String,
        /// When it was seen.
        at: Time,
    },
    /// The system merged it into another of its objects.
    MergedInto(
        /// The surviving remote id.
        String,
    ),
}

/// All claims of one remote object about a record, and what the object was last known to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contribution {
    /// Assigned by the store.
    pub id: ContributionId,
    /// Which remote object.
    pub key: RemoteKey,
    /// The record it is about; `None` while a match decision waits.
    pub record: Option<RecordId>,
    /// Whether it still stands.
    pub state: ContributionState,
    /// The system's version or ETag at the last read or confirmed write.
    pub version: Option<Text>,
    /// The system's own modification time at the last read.
    pub modified_at: Option<Time>,
    /// When the last read of it began.
    pub read_at: Time,
    /// When the last attempt to write it settled (I15).
    pub attempted_at: Option<Time>,
    /// Remote path → value in the system's own spelling. A missing path is unknown, not empty.
    pub shadow: NameMap<Value>,
    /// Remote path → value that was sent and read back as what the shadow now holds: this system's
    /// spelling of it. Removed when the shadow changes by anything but our write.
    pub sent: NameMap<Value>,
    /// Canonical field (or `list/element`) → claim.
    pub claims: NameMap<Claim>,
    /// List field → (element, its key over there: remote element id, or declared key, or value).
    pub elements: NameMap<Vec<(ElementId, Text)>>,
}

impl Contribution {
    /// A fresh one about a remote object of which nothing is known yet.
    pub fn new(id: ContributionId, key: RemoteKey, read_at: Time) -> Self {
        Self {
            id,
            key,
            record: None,
            state: ContributionState::Active,
            version: None,
            modified_at: None,
            read_at,
            attempted_at: None,
            shadow: NameMap::new(),
            sent: NameMap::new(),
            claims: NameMap::new(),
            elements: NameMap::new(),
        }
    }

    /// Whether the remote object is there.
    pub fn is_active(&self) -> bool {
        matches!(self.state, ContributionState::Active)
    }
}
