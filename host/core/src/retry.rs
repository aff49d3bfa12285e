//! The retry ladder: 1, 5 and 30 minutes, then a dead letter and a person.

use crate::limits::RETRY_AFTER_MS_MAX;
use crate::model::Time;

/// Waits between tries, in milliseconds.
pub const LADDER_MS: [u64; 3] = [60_000, 300_000, 1_800_000];

/// What to do after a try that was refused for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Park until then, at this rung.
    Park {
        /// Not before.
        until: Time,
        /// Rung that was taken.
        rung: u32,
    },
    /// The ladder is used up.
    DeadLetter,
}

/// After a try at `now` that stood on `rung` (0: the first try). A wait that the system asked for
/// replaces the rung's own, clamped, and does not use the rung up. `jitter` in 0..=1000 spreads by up to a tenth.
pub fn next(now: Time, rung: u32, asked_ms: Option<u64>, jitter: u16) -> Next {
    if let Some(asked) = asked_ms {
        let wait = asked.clamp(1_000, RETRY_AFTER_MS_MAX);
        return Next::Park { until: now.plus_ms(wait as i64), rung };
    }
    match LADDER_MS.get(rung as usize) {
        Some(&wait) => {
            let spread = wait / 10 * u64::from(jitter.min(1000)) / 1000;
            Next::Park { until: now.plus_ms((wait + spread) as i64), rung: rung + 1 }
        }
        None => Next::DeadLetter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rung: u32, asked: Option<u64>, jitter: u16, expected: Next) {
        assert_eq!(next(Time(0), rung, asked, jitter), expected);
    }

    #[test]
    fn ladder() {
        check(0, None, 0, Next::Park { until: Time(60_000), rung: 1 });
        check(1, None, 0, Next::Park { until: Time(300_000), rung: 2 });
        check(2, None, 1000, Next::Park { until: Time(1_980_000), rung: 3 });
        check(3, None, 0, Next::DeadLetter);
        check(3, Some(5_000), 0, Next::Park { until: Time(5_000), rung: 3 });
        check(0, Some(u64::MAX), 0, Next::Park { until: Time(3_600_000), rung: 0 });
        check(0, Some(0), 0, Next::Park { until: Time(1_000), rung: 0 });
    }
}
