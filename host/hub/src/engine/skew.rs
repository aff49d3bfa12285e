//! A system whose clock is off says wrong times of its changes; `newest` would choose by them. They are put right as they are read,
//! by how far the clock is off as measured on its answers. Where that is not known they stand as they are, and the rule compares
//! what it has; an `owner` or `priority` does not depend on clocks.

use nave_core::limits::SKEW_MS_MIN;
use nave_core::model::Time;
use nave_runtime::contract::{Outcome, SourceRecord};

/// Times of records as they would be by our clock.
pub(super) fn put_right(records: &mut [SourceRecord], skew_ms: Option<i64>) {
    let Some(skew_ms) = worth(skew_ms) else { return };
    for record in records {
        record.modified_at.iter_mut().for_each(|time| right(time, skew_ms));
        record.field_times.iter_mut().for_each(|(_, time)| right(time, skew_ms));
    }
}

/// The same of what came of writes.
pub(super) fn put_outcomes_right(outcomes: &mut [Outcome], skew_ms: Option<i64>) {
    let Some(skew_ms) = worth(skew_ms) else { return };
    for outcome in outcomes {
        match outcome {
            Outcome::Written(written) => written.modified_at.iter_mut().for_each(|time| right(time, skew_ms)),
            Outcome::Conflict(current) => put_right(std::slice::from_mut(current), Some(skew_ms)),
            _ => {}
        }
    }
}

fn worth(skew_ms: Option<i64>) -> Option<i64> {
    skew_ms.filter(|skew| skew.abs() >= SKEW_MS_MIN)
}

fn right(text: &mut String, skew_ms: i64) {
    if let Some(time) = Time::parse(text) {
        *text = time.plus_ms(-skew_ms).to_string();
    }
}
