//! Checkpoints that are too old: tokens by when they were handed out, times by themselves.

use super::{Faults, Switch};
use crate::{
    simulated::{Checkpoint, Simulated},
    wire::{Call, Reply},
};
use std::collections::HashMap;

/// When each token was handed out, since the switch was set. One that is not here is older than that.
#[derive(Debug, Default)]
pub(super) struct Tokens(HashMap<String, i64>);

impl Faults {
    fn checkpoint_seconds(&self) -> Option<i64> {
        let seconds = self.active.get(&Switch::ExpiredCheckpoint)?.rule.seconds?;
        Some(i64::try_from(seconds).unwrap_or(i64::MAX))
    }

    /// Notes the token of the next page.
    pub(crate) fn handed_out(&mut self, call: &Call, reply: &Reply, system: &dyn Simulated, now: i64) {
        if self.checkpoint_seconds().is_some()
            && let Some(token) = reply.json_body().and_then(|body| system.page(call, &body)).and_then(|page| page.next)
        {
            self.tokens.0.insert(token, now);
        }
    }

    pub(super) fn expired(&self, call: &Call, system: &dyn Simulated, now: i64) -> bool {
        let (Some(seconds), Some(checkpoint)) = (self.checkpoint_seconds(), system.checkpoint(call)) else {
            return false;
        };
        let made = match checkpoint {
            Checkpoint::Token(token) => self.tokens.0.get(&token).copied(),
            Checkpoint::Since(time) => Some(time),
        };
        made.is_none_or(|made| now - made > seconds.saturating_mul(1_000))
    }
}
