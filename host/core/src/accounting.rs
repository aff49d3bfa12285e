//! I14: a run is a success only when every record read and every write wanted is accounted for.

use serde::{Deserialize, Serialize};

/// Counts of one run, each direction by the names of I14.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "direction", rename_all = "lowercase")]
pub enum Counts {
    /// From a system into the hub.
    In(InCounts),
    /// From the hub into a system.
    Out(OutCounts),
}

/// read = created + updated + unchanged + deleted + merged + filtered + held + quarantined + archived; beside it, how many of them
/// had a one-way field changed over there, and how many values were changed again within a minute of our write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are I14's")]
pub struct InCounts {
    pub read: u64,
    pub created: u64,
    pub updated: u64,
    pub unchanged: u64,
    pub deleted: u64,
    pub merged: u64,
    pub filtered: u64,
    pub held: u64,
    pub quarantined: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    pub archived: u64,
    #[serde(default)]
    pub drifted: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    pub near_misses: u64,
}

/// Said only where there are any.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

/// wanted = delivered + unchanged + parked + held + failed; beside it, how many values did not fit the field that they go to, by
/// what was done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are I14's")]
pub struct OutCounts {
    pub wanted: u64,
    pub delivered: u64,
    pub unchanged: u64,
    pub parked: u64,
    pub held: u64,
    pub failed: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    pub truncated: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    pub transformed: u64,
    #[serde(default, skip_serializing_if = "is_none")]
    pub rejected: u64,
}

impl InCounts {
    /// Whether everything read is accounted for.
    pub fn balances(&self) -> bool {
        self.read
            == self.created
                + self.updated
                + self.unchanged
                + self.deleted
                + self.merged
                + self.filtered
                + self.held
                + self.quarantined
                + self.archived
    }
}

impl OutCounts {
    /// Values that did not fit, by the word of their policy; those of which there were any.
    pub fn misfits(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [("truncate", self.truncated), ("transform", self.transformed), ("reject", self.rejected)];
        all.into_iter().filter(|(_, count)| *count > 0)
    }

    /// A value was cut or transformed to fit, or rejected, by the word of its policy.
    pub fn misfit(&mut self, policy: &str) {
        *match policy {
            "truncate" => &mut self.truncated,
            "transform" => &mut self.transformed,
            _ => &mut self.rejected,
        } += 1;
    }

    /// Whether everything wanted is accounted for.
    pub fn balances(&self) -> bool {
        self.wanted == self.delivered + self.unchanged + self.parked + self.held + self.failed
    }
}

impl Counts {
    /// Whether the identity of its direction holds.
    pub fn balances(&self) -> bool {
        match self {
            Self::In(counts) => counts.balances(),
            Self::Out(counts) => counts.balances(),
        }
    }
}
