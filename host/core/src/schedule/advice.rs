//! Whether a flow is read as often as its system changes.

use super::span;

/// Reads below which nothing is advised: chance would speak.
const READS_MIN: u64 = 10;
/// Where fewer of a hundred reads find something, half as many reads find as much.
const IDLE_PERCENT: u64 = 10;
/// Where more of a hundred reads find something, changes wait for the next read most of the time.
const BUSY_PERCENT: u64 = 80;
/// Never advised to be read less often, or more often.
const ADVISED_MS: std::ops::RangeInclusive<u64> = 60_000..=86_400_000;

/// What reads of a flow came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Reads.
    pub reads: u64,
    /// Of these, those that found something changed.
    pub with_changes: u64,
    /// Things that had changed, in all of them.
    pub changes: u64,
}

/// Another target that would fit better, if one would, and the reason.
pub fn advice(target_ms: u64, found: Found) -> (Option<u64>, String) {
    let Found { reads, with_changes, changes } = found;
    if reads < READS_MIN {
        return (None, format!("{reads} reads so far; advice follows after {READS_MIN}"));
    }
    let percent = with_changes * 100 / reads;
    let (longest, shortest) = (*ADVISED_MS.end(), *ADVISED_MS.start());
    if percent < IDLE_PERCENT && target_ms < longest {
        let wanted = target_ms.saturating_mul(2).min(longest);
        let why = format!(
            "{with_changes} of {reads} reads found something: every {} would find as much with half the calls",
            span(wanted)
        );
        return (Some(wanted), why);
    }
    if percent > BUSY_PERCENT && changes > reads && target_ms > shortest {
        let wanted = (target_ms / 2).max(shortest);
        let why = format!(
            "{with_changes} of {reads} reads found something, {changes} changes in all: every {} would bring them sooner, with twice the calls",
            span(wanted)
        );
        return (Some(wanted), why);
    }
    (None, format!("{with_changes} of {reads} reads found something: it fits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(target_ms: u64, reads: u64, with_changes: u64, changes: u64, expected: Option<u64>) {
        assert_eq!(advice(target_ms, Found { reads, with_changes, changes }).0, expected);
    }

    #[test]
    fn idle_flows_are_read_less_and_busy_ones_more() {
        let hour = 3_600_000;
        check(hour, 9, 0, 0, None);
        check(hour, 100, 9, 50, Some(2 * hour));
        check(hour, 100, 10, 10, None);
        check(hour, 100, 81, 900, Some(hour / 2));
        check(hour, 100, 81, 90, None);
        check(90_000, 100, 100, 900, Some(60_000));
        check(60_000, 100, 100, 900, None);
        check(23 * hour, 100, 0, 0, Some(24 * hour));
        check(24 * hour, 100, 0, 0, None);
    }
}
