//! The nouns of the hub, as data. The table of words in the design is the glossary.

mod access;
mod change;
mod contribution;
mod delivery;
mod ids;
mod operations;
mod record;
mod review;

pub use access::{Access, DATA_READ, DATA_SENT, DATA_SHOWN};
pub use change::{Cause, Change, ChangeKind, FieldChange};
pub use contribution::{Base, Claim, Contribution, ContributionState, RemoteKey};
pub use delivery::{Attempt, AttemptOutcome, DeadLetter, DeadLetterSubject, Dirty, Intent, Parked, Reason, Reasons, WriteKind};
pub use ids::{ContributionId, ElementId, RecordId, ReviewId, Sequence, Time};
pub use operations::{AuditEntry, Checkpoint, FlowState, Run, RunStatus, TokenRow};
pub use record::{Field, Record, RecordState, Rule};
pub use review::{Decision, DecisionChoice, Review, ReviewKind, Went};
