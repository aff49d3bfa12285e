//! The one clock of a case: the systems', the hub's and the guests'. Hours pass at once, and no two looks show the same time, so
//! that who was last is never in doubt.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds that were skipped, and the last time that was shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    of: Arc<(AtomicI64, AtomicI64)>,
    on_the_wall: bool,
}

impl Clock {
    /// One that skips nothing: for a hub that serves, whose schedule goes by the clock on the wall.
    pub(super) fn on_the_wall() -> Self {
        Self { on_the_wall: true, ..Self::default() }
    }

    /// Milliseconds since 1970.
    pub(super) fn now(&self) -> i64 {
        let (skipped, last) = &*self.of;
        let real = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis() as i64);
        let now = real + skipped.load(Ordering::SeqCst);
        last.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |last| Some(now.max(last + 1)))
            .map_or(now, |last| now.max(last + 1))
    }

    /// Lets minutes pass.
    pub(super) fn pass(&self, minutes: i64) {
        self.pass_ms(minutes * 60_000);
    }

    /// Lets milliseconds pass.
    pub(super) fn pass_ms(&self, ms: i64) {
        if !self.on_the_wall {
            self.of.0.fetch_add(ms, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_shows_the_same_time_twice_and_skips_at_once() {
        let clock = Clock::default();
        let seen: Vec<i64> = (0..50).map(|_| clock.now()).collect();
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]), "{seen:?}");
        clock.pass(60);
        assert!(clock.now() >= seen[0] + 3_600_000);
        let wall = Clock::on_the_wall();
        let before = wall.now();
        wall.pass(60);
        assert!(wall.now() < before + 3_600_000);
    }
}
