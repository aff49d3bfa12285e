//! What keeps a flow from telling its system something: whether that passes by itself, or somebody has to do something first.
//!
//! A merge waits for what passes, up to a bound; for anything else, and beyond the bound, it is a person's task at once.

use serde::{Deserialize, Serialize};

use crate::limits::MERGE_WAIT_MS_MAX;
use crate::model::Time;

/// Why a flow's run came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Hindrance {
    /// The system asked to wait.
    AskedToWait,
    /// It is down, or cannot be reached.
    Unreachable,
    /// Its plugin was stopped or failed; the next run looks up what was sent by then.
    PluginFailed,
    /// It no longer knows where reading stopped: the next run begins anew.
    CheckpointExpired,
    /// The account's calls are used up until another day.
    BudgetUsedUp,
    /// Somebody paused the flow.
    Paused,
    /// The credential was refused.
    CredentialRefused,
    /// A setting, a grant or a permission is wrong or missing: this account may not.
    NotAllowed,
    /// Somebody has to approve first.
    AwaitsApproval,
    /// The system refused for good.
    Refused,
    /// It cannot be as things stand here: no such stream, nothing is sent by this flow, a rename was broken off.
    Impossible,
}

impl Hindrance {
    /// All there are.
    pub const ALL: [Self; 11] = [
        Self::AskedToWait,
        Self::Unreachable,
        Self::PluginFailed,
        Self::CheckpointExpired,
        Self::BudgetUsedUp,
        Self::Paused,
        Self::CredentialRefused,
        Self::NotAllowed,
        Self::AwaitsApproval,
        Self::Refused,
        Self::Impossible,
    ];

    /// Whether a later run of the flow may well succeed though nobody did anything about it; of a pause: whether somebody has said
    /// already that it ends.
    pub fn passes(self) -> bool {
        match self {
            Self::AskedToWait
            | Self::Unreachable
            | Self::PluginFailed
            | Self::CheckpointExpired
            | Self::BudgetUsedUp
            | Self::Paused => true,
            Self::CredentialRefused | Self::NotAllowed | Self::AwaitsApproval | Self::Refused | Self::Impossible => false,
        }
    }
}

/// Whether what has not moved since then has waited for too long.
pub fn too_long(since: Time, now: Time) -> bool {
    now.0.saturating_sub(since.0) >= MERGE_WAIT_MS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself_and_what_is_a_persons_task() {
        use Hindrance::*;
        let passes = [
            (AskedToWait, true),
            (Unreachable, true),
            (PluginFailed, true),
            (CheckpointExpired, true),
            (BudgetUsedUp, true),
            (Paused, true),
            (CredentialRefused, false),
            (NotAllowed, false),
            (AwaitsApproval, false),
            (Refused, false),
            (Impossible, false),
        ];
        assert_eq!(passes.map(|(hindrance, _)| hindrance), Hindrance::ALL);
        for (hindrance, expected) in passes {
            assert_eq!(hindrance.passes(), expected, "{hindrance:?}");
        }
    }

    #[test]
    fn a_wait_has_an_end() {
        for (waited, expected) in [(0, false), (MERGE_WAIT_MS_MAX - 1, false), (MERGE_WAIT_MS_MAX, true), (i64::MAX, true)] {
            assert_eq!(too_long(Time(0), Time(waited)), expected, "{waited}");
        }
        assert!(!too_long(Time(5), Time(0)), "a clock that was put back");
    }
}
