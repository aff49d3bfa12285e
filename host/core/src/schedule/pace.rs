//! How often a flow reads, chosen from its freshness target, from how its stream tells what changed, and from how long reading took.

use crate::catalog::ChangeDetection;

/// A flow reads no more often than this, whatever is asked: the scheduler's own grain.
pub const EVERY_MS_MIN: u64 = 1_000;
/// A full scan takes at most one part in this many of the time: a system that is read without pause serves nobody else.
const SCAN_SHARE: u64 = 4;

/// What earlier runs took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Measured {
    /// Reading took no longer than this in 95 of 100 runs, milliseconds.
    pub run_ms: Option<u64>,
}

/// How often, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From the start of one read to the start of the next, milliseconds.
    pub every_ms: u64,
    /// One sentence for people.
    pub because: String,
    /// Whether the target can be kept at this pace.
    pub attainable: bool,
}

/// Chooses the interval. A change is seen at the latest one interval after it was made, plus the time that reading takes: so the
/// interval is the target less that time, and no less than half of the target.
pub fn pace(target_ms: u64, changes: ChangeDetection, webhooks: bool, measured: Measured) -> Pace {
    let target = target_ms.max(EVERY_MS_MIN);
    let run = measured.run_ms.unwrap_or(0);
    let least = match changes {
        ChangeDetection::FullScan => run.saturating_mul(SCAN_SHARE).max(EVERY_MS_MIN),
        _ => EVERY_MS_MIN,
    };
    let wanted = if webhooks { target } else { target.saturating_sub(run).max(target / 2) };
    let every_ms = wanted.max(least);
    let attainable = webhooks || every_ms.saturating_add(run) <= target.saturating_add(EVERY_MS_MIN);
    let how = match changes {
        ChangeDetection::FullScan => "everything is read and compared, since the stream does not tell what changed",
        ChangeDetection::Incremental => "what changed since the last time is asked for",
    };
    let because = if webhooks {
        format!("the system tells at once what changed; it is read every {} to find what was not told ({how})", span(every_ms))
    } else if every_ms > wanted {
        format!(
            "{how}, which takes about {}; more often than every {} it would do little else, so the target of {} is not kept",
            span(run),
            span(every_ms),
            span(target)
        )
    } else if run < EVERY_MS_MIN {
        format!("{how}; the target is {}", span(target))
    } else {
        format!("{how}; the target is {}, and reading takes about {}", span(target), span(run))
    };
    Pace { every_ms, because, attainable }
}

/// The value that 95 of 100 do not exceed; none of none. Nearest rank.
pub fn percentile_95(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let rank = (values.len() * 95).div_ceil(100);
    values.get(rank.checked_sub(1)?).copied()
}

/// `90s`, `5m`, `1h`, `2d`, `1h 30m`: two units at most.
pub fn span(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let seconds = ms / 1_000;
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut rest = seconds;
    let mut words = Vec::new();
    for (size, unit) in units {
        if rest >= size && words.len() < 2 {
            words.push(format!("{}{unit}", rest / size));
            rest %= size;
        } else if !words.is_empty() {
            break;
        }
    }
    words.join(" ")
}

/// `250ms`, `30s`, `5m`, `1h`, `2d` as milliseconds; nothing where it is no length of time, or none at all.
pub fn parse_span(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok().filter(|number| *number > 0)?.checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    #[track_caller]
    fn check(
        target: u64,
        changes: ChangeDetection,
        webhooks: bool,
        run_ms: Option<u64>,
        every: u64,
        attainable: bool,
        says: &str,
    ) {
        let found = pace(target, changes, webhooks, Measured { run_ms });
        assert_eq!((found.every_ms, found.attainable), (every, attainable), "{}", found.because);
        assert!(found.because.contains(says), "{}", found.because);
    }

    #[test]
    fn the_interval_leaves_time_for_reading() {
        use ChangeDetection::{FullScan, Incremental};
        check(60 * MINUTE, Incremental, false, None, 60 * MINUTE, true, "the target is 1h");
        check(60 * MINUTE, Incremental, false, Some(5 * MINUTE), 55 * MINUTE, true, "reading takes about 5m");
        check(10 * MINUTE, Incremental, false, Some(8 * MINUTE), 5 * MINUTE, false, "reading takes about 8m");
        check(60 * MINUTE, Incremental, true, Some(5 * MINUTE), 60 * MINUTE, true, "tells at once");
        check(10 * MINUTE, FullScan, false, Some(5 * MINUTE), 20 * MINUTE, false, "the target of 10m is not kept");
        check(60 * MINUTE, FullScan, false, Some(5 * MINUTE), 55 * MINUTE, true, "everything is read");
        check(0, Incremental, false, None, 1_000, true, "the target is 1s");
        check(u64::MAX, FullScan, false, Some(u64::MAX), u64::MAX, true, "everything");
    }

    #[test]
    fn spans_are_short() {
        for (ms, text) in
            [(250, "250ms"), (1_000, "1s"), (90_000, "1m 30s"), (3_600_000, "1h"), (90_061_000, "1d 1h"), (86_460_000, "1d")]
        {
            assert_eq!(span(ms), text);
        }
    }

    #[test]
    fn the_95th_of_a_hundred() {
        assert_eq!(percentile_95(vec![]), None);
        assert_eq!(percentile_95(vec![7]), Some(7));
        assert_eq!(percentile_95((1..=100).rev().collect()), Some(95));
        assert_eq!(percentile_95((1..=10).collect()), Some(10));
    }
}
