//! What waits for a data steward, and what was decided. Decisions are appended, never rewritten (I12).

use serde::{Deserialize, Serialize};

use super::{ContributionId, RecordId, RemoteKey, ReviewId, Time};

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReviewKind {
    /// Which record does this contribution belong to, if any of these?
    Match {
        /// Waiting contribution.
        contribution: ContributionId,
        /// Candidates, likeliest first.
        candidates: Vec<RecordId>,
        /// What speaks for each, for people.
        reasons: Vec<String>,
    },
    /// A record that was here before is like these since it changed: is it the same as one of them?
    Alike {
        /// The record that changed.
        record: RecordId,
        /// Records that it may be the same as, likeliest first.
        candidates: Vec<RecordId>,
        /// What speaks for each, for people.
        reasons: Vec<String>,
    },
    /// It is gone in one system: delete it in the others too?
    Delete {
        /// The one that is gone.
        contribution: ContributionId,
        /// Its record.
        record: RecordId,
    },
    /// May this object be deleted over there, or merged into another of its record?
    Remove {
        /// Mapping name.
        destination: String,
        /// Its record.
        record: RecordId,
        /// The object.
        contribution: ContributionId,
        /// Remote id of the object that it would be merged into; none: deleted.
        into: Option<String>,
    },
    /// More went at once than the flow lets pass: did it really?
    Volume {
        /// Connection.
        connection: String,
        /// Key of its contributions: the stream, or `stream#entity`; of children, their own.
        stream: String,
        /// What went.
        what: Went,
        /// How many things.
        things: u64,
        /// Of how many.
        known: u64,
    },
    /// Fields that the hub wrote again and again, and that something over there writes back each time: written once more?
    Frozen {
        /// Mapping name.
        destination: String,
        /// Its record.
        record: RecordId,
        /// The object.
        contribution: ContributionId,
        /// Remote path.
        path: String,
    },
    /// Systems disagree about a field that only a person decides: whose value is right?
    Conflict {
        /// Record.
        record: RecordId,
        /// Canonical field.
        field: String,
    },
    /// A write went out, no answer came, and the system offers no way to tell.
    UnknownOutcome {
        /// Mapping name.
        destination: String,
        /// Record.
        record: RecordId,
    },
    /// Something set aside that nobody has mended: tried again, or given up?
    DeadLetter {
        /// Its number.
        letter: u64,
        /// Its flow.
        flow: String,
    },
}

/// What went, or came, at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Went {
    /// Things that a completed scan did not see.
    Vanished,
    /// Things that the system says are deleted.
    Deleted,
    /// The values at this remote path.
    Cleared(String),
    /// Things that were not there before: they came.
    Arrived,
    /// Things that say something else than before.
    Changed,
}

/// Something that waits for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Assigned by the store.
    pub id: ReviewId,
    /// What is asked.
    pub kind: ReviewKind,
    /// Canonical type it is about.
    pub entity: String,
    /// Who decides.
    pub steward: String,
    /// Since when.
    pub opened_at: Time,
    /// Set when it was decided, or became moot.
    pub closed_at: Option<Time>,
    /// One line for lists.
    pub title: String,
}

/// What was chosen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DecisionChoice {
    /// It belongs to this record.
    Existing(RecordId),
    /// It is this remote object.
    Remote(RemoteKey),
    /// It is a new one.
    New,
    /// Do it.
    Approve,
    /// Do not.
    Refuse,
}

/// A steward's decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Review that it answers.
    pub review: ReviewId,
    /// What was chosen.
    pub choice: DecisionChoice,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Time,
}
