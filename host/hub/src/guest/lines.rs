//! How much a connection's plugin may write to the log in an hour, whatever number of calls and runs that is. What is more is counted,
//! and said once: a log is read by people, and lies on a disk.

use nave_core::limits::{GUEST_LOG_BYTES_PER_HOUR_MAX, GUEST_LOG_LINES_PER_HOUR_MAX};
use nave_core::model::Time;

const HOUR_MS: i64 = 3_600_000;

/// What was written of one connection's in this hour.
#[derive(Debug, Default)]
pub(super) struct Lines {
    since: Option<Time>,
    lines: u64,
    bytes: u64,
    dropped: u64,
}

/// What becomes of a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is written.
    Written,
    /// It is written, and before it how many were dropped in the hour before.
    WrittenAfter(u64),
    /// It is dropped, and that is said: it is the first.
    FirstDropped,
    /// It is dropped.
    Dropped,
}

impl Lines {
    /// A line of so many bytes.
    pub(super) fn next(&mut self, bytes: usize, now: Time) -> Fate {
        let mut before = 0;
        if self.since.is_none_or(|since| !(0..HOUR_MS).contains(&(now.0 - since.0))) {
            before = self.dropped;
            *self = Self { since: Some(now), ..Self::default() };
        }
        let bytes = self.bytes.saturating_add(bytes as u64);
        if self.lines >= GUEST_LOG_LINES_PER_HOUR_MAX || bytes > GUEST_LOG_BYTES_PER_HOUR_MAX {
            self.dropped += 1;
            return if self.dropped == 1 { Fate::FirstDropped } else { Fate::Dropped };
        }
        (self.lines, self.bytes) = (self.lines + 1, bytes);
        if before > 0 { Fate::WrittenAfter(before) } else { Fate::Written }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T28: a flood of an hour is no more than its bound, in however many calls, and both its ends are said.
    #[test]
    fn a_flood_is_cut_counted_and_said_once() {
        for (bytes, written) in
            [(10, GUEST_LOG_LINES_PER_HOUR_MAX), (8 << 10, GUEST_LOG_BYTES_PER_HOUR_MAX / (8 << 10)), (usize::MAX, 0)]
        {
            let mut lines = Lines::default();
            for hour in 0..3 {
                let fates: Vec<Fate> = (0..20_000).map(|at| lines.next(bytes, Time(hour * HOUR_MS + at))).collect();
                let count = |fate: &dyn Fn(&Fate) -> bool| fates.iter().filter(|found| fate(found)).count() as u64;
                let passed = count(&|fate| matches!(fate, Fate::Written | Fate::WrittenAfter(_)));
                assert_eq!(passed, written, "{bytes} in hour {hour}");
                assert_eq!(count(&|fate| *fate == Fate::FirstDropped), 1);
                assert_eq!(count(&|fate| *fate == Fate::Dropped), 20_000 - written - 1);
                let before = fates.iter().find_map(|fate| if let Fate::WrittenAfter(many) = fate { Some(*many) } else { None });
                assert_eq!(before, (hour > 0 && written > 0).then_some(20_000 - written), "the hour before is told");
                assert!(passed * (bytes as u64).min(8 << 10) <= 10 << 20, "no more than ten megabytes");
            }
            // A clock that is put back begins anew.
            lines.next(10, Time(0));
            assert_eq!(lines.next(10, Time(1)), Fate::Written);
        }
    }
}
