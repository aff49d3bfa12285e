//! How many calls may come: a steady number in a second, and many at once after a silence. What is counted is the name that a
//! call comes under, whether anything listens there or not: who is refused for calling too often learns nothing of that.

use std::hash::{BuildHasher as _, RandomState};

use nave_core::limits::{HOOK_CALLS_BURST_MAX, HOOK_CALLS_PER_SECOND_MAX, HOOK_RATES};
use nave_core::model::Time;

/// What is left under each name. Strangers choose names, so there is a fixed number of places, and which one is a name's they cannot
/// reckon: the hash has a random key of this process. Two names seldom share a place, and then their calls count together.
#[derive(Debug)]
pub(super) struct Rates {
    key: RandomState,
    /// Thousandths of a call that are left, and since when; none before the first call.
    places: Vec<Option<(u64, Time)>>,
}

impl Default for Rates {
    fn default() -> Self {
        Self { key: RandomState::new(), places: vec![None; HOOK_RATES] }
    }
}

impl Rates {
    /// Whether a call under a name may be looked at now; counts it.
    pub(super) fn admits(&mut self, name: &str, at: Time) -> bool {
        // In thousandths of a call.
        const FULL: u64 = HOOK_CALLS_BURST_MAX * 1_000;
        let place = self.place(name);
        let (left, since) = self.places[place].get_or_insert((FULL, at));
        let passed = u64::try_from(at.0 - since.0).unwrap_or(0);
        *left = left.saturating_add(passed.saturating_mul(HOOK_CALLS_PER_SECOND_MAX)).min(FULL);
        *since = at;
        let admitted = *left >= 1_000;
        *left -= if admitted { 1_000 } else { 0 };
        admitted
    }

    fn place(&self, name: &str) -> usize {
        (self.key.hash_one(name) % HOOK_RATES as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_one_leaves_room_for_the_others() {
        let mut rates = Rates::default();
        let other = (0..).map(|number| format!("books{number}")).find(|name| rates.place(name) != rates.place("crm")).unwrap();
        let mut taken =
            |connection: &str, at: i64, calls: u64| (0..calls).filter(|_| rates.admits(connection, Time(at))).count() as u64;
        assert_eq!(taken("crm", 0, 10_000), HOOK_CALLS_BURST_MAX);
        assert_eq!(taken(&other, 0, 100), 100, "another one is not concerned");
        assert_eq!(taken("crm", 1_000, 10_000), HOOK_CALLS_PER_SECOND_MAX);
        assert_eq!(taken("crm", 1_500, 10_000), HOOK_CALLS_PER_SECOND_MAX / 2);
        assert_eq!(taken("crm", 1_500, 10), 0);
        // A clock that was put back gives nothing, and takes nothing.
        assert_eq!(taken("crm", 0, 10), 0);
        assert_eq!(taken("crm", 3_600_000, 10_000), HOOK_CALLS_BURST_MAX, "no more than that, however long it was silent");
    }
}
