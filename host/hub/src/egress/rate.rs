//! The rate budget of an account: a token bucket that holds one second's worth.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Shared by everything that one channel sends.
pub(super) struct Rate {
    interval: Duration,
    /// When the next request would be due if all were evenly spaced.
    next: Mutex<Instant>,
}

impl Rate {
    pub(super) fn new(per_second: u32) -> Self {
        Self { interval: Duration::from_secs(1) / per_second.max(1), next: Mutex::new(Instant::now()) }
    }

    /// Takes a place and says when it is due. At most one second's worth is due at once.
    pub(super) fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let burst = Duration::from_secs(1).saturating_sub(self.interval);
        let earliest = now.checked_sub(burst).unwrap_or(now);
        let place = (*next).max(earliest);
        *next = place + self.interval;
        place.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_goes_at_once_and_the_rest_is_spaced() {
        let rate = Rate::new(4);
        let now = Instant::now() + Duration::from_secs(60);
        let due: Vec<u64> = (0..8).map(|_| (rate.reserve(now) - now).as_millis() as u64).collect();
        assert_eq!(due, [0, 0, 0, 0, 250, 500, 750, 1000]);
        let later = now + Duration::from_secs(10);
        assert_eq!(rate.reserve(later), later, "a rested budget is full again");
    }
}
