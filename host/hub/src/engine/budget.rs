//! Flows and the budget of their account: one that is not critical waits for the next day or month, and says so.

use nave_core::budget::{Purpose, UsedUp};
use nave_core::catalog::Mapping;

use super::{Engine, EngineError};
use crate::egress::purpose;

/// What the calls of a flow are for: what somebody outside has said, else its own work.
pub(super) fn purpose_of(mapping: &Mapping) -> Purpose {
    match purpose() {
        Purpose::Ordinary if mapping.critical => Purpose::Critical,
        said => said,
    }
}

impl Engine {
    /// Why a flow has to wait for its account's budget, and until when.
    pub fn used_up(&self, mapping: &Mapping) -> Option<UsedUp> {
        self.spokes.used_up(&mapping.connection, purpose_of(mapping))
    }

    /// Since when, and why, somebody has to agree anew at a connection's system.
    pub(crate) fn needs_reauth(&self, connection: &str) -> Option<(nave_core::model::Time, String)> {
        self.spokes.needs_reauth(connection)
    }

    /// Of a connection's account: percent of its budget that is used up, percent above which that is said, and why flows wait.
    pub(crate) fn budget_of(&self, connection: &str) -> Option<(u64, u64, Option<UsedUp>)> {
        let (percent, warn) = self.spokes.used_percent(connection)?;
        Some((percent, warn, self.spokes.used_up(connection, Purpose::Ordinary)))
    }

    pub(super) fn affordable(&self, mapping: &Mapping) -> Result<(), EngineError> {
        let Some(used) = self.used_up(mapping) else { return Ok(()) };
        Err(EngineError::Refused(format!(
            "{} is not asked before {}: {}. `critical = true` in mappings/{}.toml lets this flow go on beyond it; [budget] in \
             connections/{}.toml has the bounds",
            mapping.connection, used.until, used.because, mapping.name, mapping.connection
        )))
    }
}
