//! Flows and the budget of their account: one that is not critical waits for the next day or month, and says so.

use nave_core::budget::{Purpose, UsedUp};
use nave_core::catalog::Mapping;

use super::{Engine, EngineError};

/// What the calls of a flow are for.
pub(super) fn purpose_of(mapping: &Mapping) -> Purpose {
    if mapping.critical { Purpose::Critical } else { Purpose::Ordinary }
}

impl Engine {
    /// Why a flow has to wait for its account's budget, and until when.
    pub fn used_up(&self, mapping: &Mapping) -> Option<UsedUp> {
        self.spokes.used_up(&mapping.connection, purpose_of(mapping))
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
