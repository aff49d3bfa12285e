//! A difference on its way out: dirty, journal, parked, dead letter.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{ContributionId, RecordId, Time};
use crate::NameMap;
use crate::hindrance::Hindrance;
use crate::value::Value;

/// Why a record is worth comparing again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Reason {
    /// The record changed.
    Changed = 0,
    /// The spoke asserted a value that lost.
    LosingEdit = 1,
    /// Mapping, filter or rule changed, or the flow is new.
    Configuration = 2,
    /// A record that it refers to now exists there.
    Reference = 3,
    /// A comparison found that the spoke differs.
    Drift = 4,
    /// A person asked.
    Resync = 5,
    /// An earlier attempt was refused for now, or its outcome is unknown.
    Retry = 6,
}

impl Reason {
    /// All of them, in order of their bits.
    pub const ALL: [Self; 7] =
        [Self::Changed, Self::LosingEdit, Self::Configuration, Self::Reference, Self::Drift, Self::Resync, Self::Retry];
}

/// A set of reasons.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Reasons(pub u8);

impl Reasons {
    /// With one more.
    #[must_use]
    pub fn with(self, reason: Reason) -> Self {
        Self(self.0 | 1 << reason as u8)
    }

    /// Both.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Each one.
    pub fn iter(self) -> impl Iterator<Item = Reason> {
        Reason::ALL.into_iter().filter(move |reason| self.0 & 1 << *reason as u8 != 0)
    }
}

impl From<Reason> for Reasons {
    fn from(reason: Reason) -> Self {
        Self::default().with(reason)
    }
}

/// (destination, record) is worth comparing again. Entering twice is folding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dirty {
    /// Mapping name: the destination's side of a flow.
    pub destination: String,
    /// Record.
    pub record: RecordId,
    /// Why.
    pub reasons: Reasons,
    /// Counts up each time it is entered; taking it out names the count that was compared, so that
    /// an entry made meanwhile stays (I4).
    pub stamp: u64,
}

/// What is to be done over there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteKind {
    /// Make it.
    Create,
    /// Change the object with this remote id.
    Update(String),
    /// Delete the object with this remote id.
    Delete(String),
    /// Merge the first remote object into the second.
    Merge(String, String),
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AttemptOutcome {
    /// Sent or about to be; the hub may have died since. Treated as unknown on start.
    Open,
    /// No answer: to be looked up before anything else is sent for the record (I6).
    Unknown(String),
}

/// One try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it began.
    pub at: Time,
    /// What came of it so far.
    pub outcome: AttemptOutcome,
}

/// A journalled intent: durable before the first byte is sent. At most one per (destination, record) (I5).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// Mapping name.
    pub destination: String,
    /// Record.
    pub record: RecordId,
    /// Contribution to be written to; none for a create.
    pub contribution: Option<ContributionId>,
    /// Operation.
    pub kind: WriteKind,
    /// Shadow values that it was computed from.
    pub base: NameMap<Value>,
    /// Version it was computed from.
    pub base_version: Option<String>,
    /// Remote path → value as sent, for the paths in `changed`.
    pub values: NameMap<Value>,
    /// List field → element of each remote list item sent, so that read-back can assign remote element ids.
    pub elements: BTreeMap<String, Vec<u64>>,
    /// Exact bytes of `changed` (I6: the key always carries the same bytes).
    pub changed: Vec<u8>,
    /// Exact bytes of `desired`.
    pub desired: Vec<u8>,
    /// Idempotency key: the delivery's id.
    pub key: String,
    /// How to find it again after a lost answer: remote path and value (marker or natural key).
    pub lookup: Option<(String, String)>,
    /// Tries so far, oldest first.
    pub attempts: Vec<Attempt>,
    /// Dirty stamp that it answers.
    pub stamp: u64,
    /// Reasons it answers.
    pub reasons: Reasons,
    /// Run in which it was first sent.
    pub run: u64,
}

impl Intent {
    /// The list path of the part that it writes a child of; none where it writes the thing itself.
    pub fn part(&self) -> Option<&str> {
        self.values.keys().map(|path| path.as_str()).find(|path| crate::part::stream_of(path).is_some())
    }

    /// The stream that it writes to, where it is not the mapping's own.
    pub fn child_stream(&self) -> Option<&str> {
        self.part().and_then(crate::part::stream_of)
    }
}

/// A delivery that waits, durably, holding its record's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Mapping name.
    pub destination: String,
    /// Record.
    pub record: RecordId,
    /// Not before.
    pub until: Time,
    /// Position on the retry ladder, from 0.
    pub rung: u32,
    /// In the system's words.
    pub reason: String,
    /// Reasons it answers.
    pub reasons: Reasons,
    /// What it waits for, where the system said nothing of the delivery itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hindrance: Option<Hindrance>,
}

/// What was set aside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeadLetterSubject {
    /// A source record that could not be decoded or mapped.
    SourceRecord {
        /// Connection.
        connection: String,
        /// Stream.
        stream: String,
        /// Mapping that it went through.
        mapping: String,
        /// Remote id, as far as known.
        remote_id: String,
        /// The body as it came, cut at a limit.
        body: Vec<u8>,
    },
    /// A delivery that was refused for good or ran out of tries.
    Delivery {
        /// Mapping name.
        destination: String,
        /// Record.
        record: RecordId,
    },
}

/// A record or delivery set aside, with what to do about it. Keyed by its subject: a second failure of the
/// same thing replaces the first and counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Assigned by the store.
    pub id: u64,
    /// What it is about.
    pub subject: DeadLetterSubject,
    /// Error class; each has a runbook.
    pub class: String,
    /// Field at fault, if known.
    pub field: Option<String>,
    /// What happened, in the system's own words where it had any.
    pub message: String,
    /// The command that fixes it.
    pub fix: String,
    /// First time.
    pub first_at: Time,
    /// Last time.
    pub last_at: Time,
    /// How often.
    pub count: u32,
    /// Run that set it aside last.
    pub run: u64,
}
