//! How many calls may come: a steady number in a second for each connection, and many at once after a silence.

use std::collections::HashMap;

use nave_core::limits::{HOOK_CALLS_BURST_MAX, HOOK_CALLS_PER_SECOND_MAX};
use nave_core::model::Time;

/// What is left to each; those that nobody listens to share one.
#[derive(Debug, Default)]
pub(super) struct Rates(HashMap<String, (u64, Time)>);

impl Rates {
    /// Whether a call may be looked at now; counts it.
    pub(super) fn admits(&mut self, connection: &str, at: Time) -> bool {
        // In thousandths of a call.
        const FULL: u64 = HOOK_CALLS_BURST_MAX * 1_000;
        let (left, since) = self.0.entry(connection.to_owned()).or_insert((FULL, at));
        let passed = u64::try_from(at.0 - since.0).unwrap_or(0);
        *left = left.saturating_add(passed.saturating_mul(HOOK_CALLS_PER_SECOND_MAX)).min(FULL);
        *since = at;
        let admitted = *left >= 1_000;
        *left -= if admitted { 1_000 } else { 0 };
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_leaves_room_for_the_others() {
        let mut rates = Rates::default();
        let mut taken =
            |connection: &str, at: i64, calls: u64| (0..calls).filter(|_| rates.admits(connection, Time(at))).count() as u64;
        assert_eq!(taken("crm", 0, 10_000), HOOK_CALLS_BURST_MAX);
        assert_eq!(taken("books", 0, 100), 100, "another one is not concerned");
        assert_eq!(taken("crm", 1_000, 10_000), HOOK_CALLS_PER_SECOND_MAX);
        assert_eq!(taken("crm", 1_500, 10_000), HOOK_CALLS_PER_SECOND_MAX / 2);
        assert_eq!(taken("crm", 1_500, 10), 0);
        // A clock that was put back gives nothing, and takes nothing.
        assert_eq!(taken("crm", 0, 10), 0);
        assert_eq!(taken("crm", 3_600_000, 10_000), HOOK_CALLS_BURST_MAX, "no more than that, however long it was silent");
    }
}
