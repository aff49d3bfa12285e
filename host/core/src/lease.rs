//! For how long a fetched value is held, and when it is fetched again. Decides; times are milliseconds of a clock that never goes back.

use crate::limits::{
    LEASE_LIFE_MS_MAX, REFERENCE_HOLD_MS_MAX, REFERENCE_REFETCH_MS, REFERENCE_RETRY_MS, VAULT_SIGN_IN_MS, VAULT_SIGN_IN_MS_MAX,
};

/// Of how long a value is good, as whoever gave it said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// Nothing: the configured time counts.
    Nothing,
    /// An advice, in seconds: the value itself has no end. Capped, so that a changed one is seen.
    Advised(u64),
    /// A lease of its own, in seconds: after it the value is worth nothing.
    Leased(u64),
}

impl Given {
    /// For how long the value is held, where the configuration says `hold_ms` for those without a word; milliseconds.
    pub fn life_ms(self, hold_ms: u64) -> u64 {
        let ms = |seconds: u64| seconds.saturating_mul(1_000);
        match self {
            Self::Nothing | Self::Advised(0) | Self::Leased(0) => hold_ms.clamp(1, REFERENCE_HOLD_MS_MAX),
            Self::Advised(seconds) => ms(seconds).min(REFERENCE_HOLD_MS_MAX),
            Self::Leased(seconds) => ms(seconds).min(LEASE_LIFE_MS_MAX),
        }
    }
}

/// The time in which a value is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    from_ms: u64,
    /// First moment at which the value is not used any more.
    pub ends_ms: u64,
}

impl Lease {
    /// One that begins now.
    pub fn new(now_ms: u64, life_ms: u64) -> Self {
        Self { from_ms: now_ms, ends_ms: now_ms.saturating_add(life_ms) }
    }

    /// From when on it is fetched anew while it is still good: the last third is for a vault that is away.
    pub fn due_ms(&self) -> u64 {
        self.from_ms + self.ends_ms.saturating_sub(self.from_ms) / 3 * 2
    }
}

/// What a caller who needs the value does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Takes the one that is held.
    Use,
    /// Takes it, and has it fetched beside.
    UseAndFetch,
    /// Waits until it is fetched.
    Fetch,
    /// Is told why it could not be, a moment ago.
    Refuse,
}

/// What to do now, with the lease of the value that is held and the time of the last fetch that failed.
pub fn next(held: Option<&Lease>, failed_ms: Option<u64>, now_ms: u64) -> Next {
    let rests = failed_ms.is_some_and(|failed| now_ms < failed.saturating_add(REFERENCE_RETRY_MS));
    match held {
        Some(lease) if now_ms < lease.due_ms() => Next::Use,
        Some(lease) if now_ms < lease.ends_ms => {
            if rests {
                Next::Use
            } else {
                Next::UseAndFetch
            }
        }
        _ if rests => Next::Refuse,
        _ => Next::Fetch,
    }
}

/// Whether a value that its system refused is fetched again now: not with every call of a system that refuses everything.
pub fn may_refetch(last_ms: Option<u64>, now_ms: u64) -> bool {
    last_ms.is_none_or(|last| now_ms >= last.saturating_add(REFERENCE_REFETCH_MS))
}

/// Whether the hub signs in at a vault anew now, where what it was given is refused and it did so last at `last_ms`: not for every secret
/// that is refused, and less and less often where that does not help.
pub fn may_sign_in(last_ms: Option<u64>, in_vain: u32, now_ms: u64) -> bool {
    let wait = VAULT_SIGN_IN_MS.saturating_mul(1 << in_vain.min(16)).min(VAULT_SIGN_IN_MS_MAX);
    last_ms.is_none_or(|last_ms| now_ms >= last_ms.saturating_add(wait))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_what_was_given_within_bounds() {
        for (given, hold_ms, expected) in [
            (Given::Nothing, 300_000, 300_000),
            (Given::Nothing, 0, 1),
            (Given::Nothing, u64::MAX, REFERENCE_HOLD_MS_MAX),
            (Given::Advised(0), 300_000, 300_000),
            (Given::Advised(60), 300_000, 60_000),
            (Given::Advised(2_764_800), 300_000, REFERENCE_HOLD_MS_MAX),
            (Given::Leased(0), 300_000, 300_000),
            (Given::Leased(1), 300_000, 1_000),
            (Given::Leased(7_200), 300_000, 7_200_000),
            (Given::Leased(u64::MAX), 300_000, LEASE_LIFE_MS_MAX),
        ] {
            assert_eq!(given.life_ms(hold_ms), expected, "{given:?} {hold_ms}");
        }
    }

    /// A lease from 1,000 to 31,000: due from 21,000 on.
    #[track_caller]
    fn check(held: bool, failed_ms: Option<u64>, now_ms: u64, expected: Next) {
        let lease = Lease::new(1_000, 30_000);
        assert_eq!(next(held.then_some(&lease), failed_ms, now_ms), expected, "{held} {failed_ms:?} {now_ms}");
    }

    #[test]
    fn a_held_value_goes_on_to_its_end_and_no_further() {
        let rest = REFERENCE_RETRY_MS;
        check(false, None, 0, Next::Fetch);
        check(false, Some(1_000), 1_000 + rest - 1, Next::Refuse);
        check(false, Some(1_000), 1_000 + rest, Next::Fetch);
        check(true, None, 1_000, Next::Use);
        check(true, None, 20_999, Next::Use);
        // A fetch that failed before does not make a good value due.
        check(true, Some(900), 20_999, Next::Use);
        check(true, None, 21_000, Next::UseAndFetch);
        check(true, Some(21_000), 21_000 + rest - 1, Next::Use);
        check(true, Some(21_000), 21_000 + rest, Next::UseAndFetch);
        check(true, None, 30_999, Next::UseAndFetch);
        check(true, None, 31_000, Next::Fetch);
        check(true, Some(30_999), 31_000, Next::Refuse);
        check(true, Some(30_999), 30_999 + rest, Next::Fetch);
    }

    #[test]
    fn a_log_in_that_does_not_help_is_made_less_and_less_often() {
        assert!(may_sign_in(None, 0, 0));
        for (in_vain, wait_ms) in
            [(0, VAULT_SIGN_IN_MS), (1, 2 * VAULT_SIGN_IN_MS), (2, 4 * VAULT_SIGN_IN_MS), (u32::MAX, VAULT_SIGN_IN_MS_MAX)]
        {
            assert!(!may_sign_in(Some(1_000), in_vain, 1_000 + wait_ms - 1), "{in_vain}");
            assert!(may_sign_in(Some(1_000), in_vain, 1_000 + wait_ms), "{in_vain}");
        }
    }

    #[test]
    fn a_refused_value_is_fetched_again_once_in_a_while() {
        assert!(may_refetch(None, 0));
        assert!(!may_refetch(Some(0), REFERENCE_REFETCH_MS - 1));
        assert!(may_refetch(Some(0), REFERENCE_REFETCH_MS));
    }
}
