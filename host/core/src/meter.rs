//! What is counted of a flow: runs with their accounting, attempts, failures by class, and how long a change took. Sums that only
//! grow; a monitoring system makes rates of them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::accounting::Counts;
use crate::model::{Run, RunStatus, Time};

/// Upper ends of the buckets of a latency, milliseconds: from what a webhook can do to a nightly export.
pub const LATENCY_BUCKETS_MS: [u64; 12] =
    [500, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000, 300_000, 900_000, 3_600_000, 14_400_000, 86_400_000];

/// A value that the system changed back so soon after our write was hardly changed by a person.
pub const NEAR_MISS_MS: i64 = 60_000;

/// How long things took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// How many fell into each of [`LATENCY_BUCKETS_MS`], and last those above.
    pub buckets: Vec<u64>,
    /// All of them together, milliseconds.
    pub sum_ms: u64,
    /// How many there were.
    pub count: u64,
}

impl Histogram {
    /// One more.
    pub fn note(&mut self, ms: u64) {
        self.buckets.resize(LATENCY_BUCKETS_MS.len() + 1, 0);
        let at = LATENCY_BUCKETS_MS.iter().position(|end| ms <= *end).unwrap_or(LATENCY_BUCKETS_MS.len());
        self.buckets[at] += 1;
        self.sum_ms += ms;
        self.count += 1;
    }
}

/// The sums of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Meter {
    /// Since when it is counted: what changed before is a backlog, not a latency.
    pub since: Time,
    /// Deliveries sent.
    pub attempts: u64,
    /// Deliveries that came to nothing, by class; `unknown`, `asked-to-wait` and `unavailable` where nothing was refused.
    pub failures: BTreeMap<String, u64>,
    /// Runs, as `in success`.
    pub runs: BTreeMap<String, u64>,
    /// What runs accounted for (I14), as `in created`.
    pub records: BTreeMap<String, u64>,
    /// Values that the system changed again within a minute of our write: echoes that are none.
    pub near_misses: u64,
    /// Values that did not fit the field that they go to, by policy: `truncate`, `transform`, `reject`.
    pub misfits: BTreeMap<String, u64>,
    /// From the time that a source says a change was made to the confirmation of its write.
    pub latency: Histogram,
}

impl Meter {
    /// A run ended.
    pub fn ran(&mut self, run: &Run) {
        if self.since == Time(0) {
            self.since = run.started_at;
        }
        let status = match run.status {
            RunStatus::Running => "running",
            RunStatus::Success => "success",
            RunStatus::Failed => "failed",
        };
        *self.runs.entry(format!("{} {status}", run.direction)).or_default() += 1;
        let (direction, counts): (_, Vec<(&str, u64)>) = match &run.counts {
            Counts::In(c) => {
                self.near_misses += c.near_misses;
                let mut counts = vec![
                    ("read", c.read),
                    ("created", c.created),
                    ("updated", c.updated),
                    ("unchanged", c.unchanged),
                    ("deleted", c.deleted),
                    ("merged", c.merged),
                    ("filtered", c.filtered),
                    ("held", c.held),
                    ("quarantined", c.quarantined),
                ];
                // Only where somebody asked for it.
                counts.extend((c.archived > 0).then_some(("archived", c.archived)));
                ("in", counts)
            }
            Counts::Out(c) => {
                for (policy, count) in c.misfits() {
                    *self.misfits.entry(policy.to_owned()).or_default() += count;
                }
                let counts = vec![
                    ("wanted", c.wanted),
                    ("delivered", c.delivered),
                    ("unchanged", c.unchanged),
                    ("parked", c.parked),
                    ("held", c.held),
                    ("failed", c.failed),
                ];
                ("out", counts)
            }
        };
        for (name, count) in counts {
            *self.records.entry(format!("{direction} {name}")).or_default() += count;
        }
    }

    /// A delivery came to nothing.
    pub fn failed(&mut self, class: &str) {
        *self.failures.entry(class.to_owned()).or_default() += 1;
    }

    /// A change that was made at `claimed` arrived at `now`. What was made before counting began is no latency.
    pub fn landed(&mut self, claimed: Time, now: Time) {
        if self.since != Time(0) && claimed >= self.since {
            self.latency.note(u64::try_from(now.0 - claimed.0).unwrap_or(0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_one_bucket() {
        let mut histogram = Histogram::default();
        for ms in [0, 500, 501, 86_400_000, 86_400_001] {
            histogram.note(ms);
        }
        assert_eq!(histogram.buckets, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
        assert_eq!((histogram.count, histogram.sum_ms), (5, 2 * 86_400_000 + 1_002));
    }

    #[test]
    fn a_backlog_is_no_latency() {
        let mut meter = Meter { since: Time(1_000), ..Meter::default() };
        meter.landed(Time(999), Time(5_000));
        assert_eq!(meter.latency.count, 0);
        meter.landed(Time(1_000), Time(5_000));
        meter.landed(Time(9_000), Time(5_000)); // a clock that is ahead
        assert_eq!((meter.latency.count, meter.latency.sum_ms), (2, 4_000));
    }
}
