//! The circuit breaker of a system: after a few calls in a row that it did not answer, nothing more is sent until one try, made
//! 1, 5 and then every 30 minutes later, is answered. A system that is down uses up nobody's retries.

use serde::{Deserialize, Serialize};

use crate::limits::{BREAKER_FAILED_CALLS, RETRY_AFTER_MS_MAX};
use crate::model::Time;
use crate::retry::LADDER_MS;

/// What is known of a system's answers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Breaker {
    /// Calls in a row that were not answered.
    failed: u32,
    /// Since when it does not answer.
    since: Option<Time>,
    /// Nothing is sent before; none: closed.
    until: Option<Time>,
    /// Waits taken.
    rung: usize,
    /// What the last call said.
    why: String,
}

impl Breaker {
    /// Whether something may be sent. From `until` on one call may try.
    pub fn allows(&self, now: Time) -> bool {
        self.until.is_none_or(|until| until <= now)
    }

    /// Since when, until when and why nothing is sent; none where the system answers.
    pub fn open(&self) -> Option<(Time, Time, &str)> {
        Some((self.since?, self.until?, &self.why))
    }

    /// It is well, and asked for patience.
    pub fn patient(&self) -> bool {
        self.until.is_some() && self.failed == 0
    }

    /// A call was not answered.
    pub fn failed(&mut self, now: Time, why: &str) {
        self.failed = self.failed.saturating_add(1);
        self.since.get_or_insert(now);
        why.clone_into(&mut self.why);
        if self.failed >= BREAKER_FAILED_CALLS || self.rung > 0 {
            let wait = LADDER_MS[self.rung.min(LADDER_MS.len() - 1)];
            self.until = Some(now.plus_ms(wait as i64));
            self.rung += 1;
        }
    }

    /// The system asked for patience: it is well, and nothing is sent for so long.
    pub fn asked_to_wait(&mut self, now: Time, ms: u64) {
        let until = now.plus_ms(ms.clamp(1_000, RETRY_AFTER_MS_MAX) as i64);
        *self = Self { since: Some(now), until: Some(until), why: "it asked to wait".to_owned(), ..Self::default() };
    }

    /// A call was answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_after_a_few_and_tries_ever_later() {
        let mut breaker = Breaker::default();
        let mut now = Time(1_000);
        for _ in 1..BREAKER_FAILED_CALLS {
            breaker.failed(now, "503");
            assert!(breaker.allows(now) && breaker.open().is_none());
        }
        for wait in [LADDER_MS[0], LADDER_MS[1], LADDER_MS[2], LADDER_MS[2]] {
            breaker.failed(now, "503");
            let until = now.plus_ms(wait as i64);
            assert_eq!(breaker.open(), Some((Time(1_000), until, "503")));
            assert!(!breaker.allows(until.plus_ms(-1)) && breaker.allows(until));
            now = until;
        }
        breaker.answered();
        assert_eq!(breaker, Breaker::default());
    }

    #[test]
    fn patience_is_no_failure() {
        let mut breaker = Breaker::default();
        breaker.asked_to_wait(Time(0), 5_000);
        assert!(!breaker.allows(Time(4_999)) && breaker.allows(Time(5_000)) && breaker.patient());
        breaker.failed(Time(5_000), "503");
        assert_eq!(breaker.failed, 1, "and it does not open at the first failure afterwards");
        let mut long = Breaker::default();
        long.asked_to_wait(Time(0), u64::MAX);
        assert!(long.allows(Time(RETRY_AFTER_MS_MAX as i64)));
    }
}
