//! What follows from what was measured of a system: percentiles, whether a claim holds, and which settings would be right.
//!
//! Owns the rules; must not know how anything is measured.

/// A claim is a whole number of seconds, and a measurement has its own length: less than this much more is no disagreement.
const LAG_TOLERANCE_MS: u64 = 1_000;
/// What a setting is recommended above what was measured, in percent: one measurement is not the worst case.
const LAG_MARGIN_PERCENT: u64 = 10;
/// Recommended lags above this are rounded up to a multiple of five seconds: nobody can tell them apart.
const LAG_FINE_S: u64 = 10;
/// Of a rate that a system states, this share is recommended, in percent: others use the account too.
const RATE_SHARE_PERCENT: u64 = 80;

/// The value below which this share of the values lies (nearest rank); none of none.
pub fn percentile(values: &[u64], percent: usize) -> Option<u64> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// Whether a lag that was measured is longer than the one that is claimed, by more than measuring itself explains.
pub fn lags_longer(measured_ms: u64, claimed_ms: u64) -> bool {
    measured_ms > claimed_ms.saturating_add(LAG_TOLERANCE_MS)
}

/// The setting for a lag that was measured, in seconds.
pub fn lag_seconds(measured_ms: u64) -> u64 {
    let seconds = (measured_ms.saturating_mul(100 + LAG_MARGIN_PERCENT) / 100).div_ceil(1_000).max(1);
    if seconds > LAG_FINE_S { seconds.div_ceil(5) * 5 } else { seconds }
}

/// What a system's headers say of how often it may be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stated {
    /// Requests in a thousand seconds.
    pub per_kilosecond: Option<u64>,
    /// Requests in a day.
    pub per_day: Option<u64>,
}

/// What headers say. The names are those that vendors document: HubSpot's `X-HubSpot-RateLimit-Max` in an interval and
/// `-Daily`, Zendesk's `X-Rate-Limit` in a minute. Headers whose window nobody states are left out.
pub fn stated<'h>(header: impl Fn(&str) -> Option<&'h str>) -> Stated {
    let number = |name: &str| header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let window = |count: Option<u64>, ms: u64| Some(count?.checked_mul(1_000_000)? / ms.max(1));
    let hubspot = number("x-hubspot-ratelimit-interval-milliseconds")
        .and_then(|ms| window(number("x-hubspot-ratelimit-max"), ms))
        .or_else(|| window(number("x-hubspot-ratelimit-secondly"), 1_000));
    let zendesk = window(number("x-rate-limit"), 60_000);
    Stated { per_kilosecond: hubspot.or(zendesk).filter(|rate| *rate > 0), per_day: number("x-hubspot-ratelimit-daily") }
}

impl Stated {
    /// `requests-per-second` that leaves room for others; none where nothing is stated, or less than one in a second.
    pub fn requests_per_second(self) -> Option<u64> {
        Some(self.per_kilosecond? * RATE_SHARE_PERCENT / 100 / 1_000).filter(|rate| *rate > 0)
    }

    /// `per-day` that leaves room for others.
    pub fn requests_per_day(self) -> Option<u64> {
        Some(self.per_day? / 100 * RATE_SHARE_PERCENT).filter(|calls| *calls > 0)
    }
}

/// Whether a header is about how often a system may be asked, by its name in lower case.
pub fn is_about_rates(name: &str) -> bool {
    ["ratelimit", "rate-limit", "limit-remaining", "retry-after"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_there() {
        for (values, percent, expected) in [
            (&[][..], 50, None),
            (&[7], 50, Some(7)),
            (&[7], 95, Some(7)),
            (&[4, 1, 3, 2], 50, Some(2)),
            (&[4, 1, 3, 2], 95, Some(4)),
            (&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 100], 95, Some(19)),
        ] {
            assert_eq!(percentile(values, percent), expected, "{values:?} {percent}");
        }
    }

    #[test]
    fn a_lag_is_recommended_with_room_and_in_round_numbers() {
        for (measured, seconds) in [(0, 1), (900, 1), (3_000, 4), (5_100, 6), (9_000, 10), (90_000, 100), (93_500, 105)] {
            assert_eq!(lag_seconds(measured), seconds, "{measured}");
            assert!(!lags_longer(measured, seconds * 1_000), "what is recommended holds: {measured}");
        }
        for (measured, claimed, longer) in [(90_000, 5_000, true), (5_900, 5_000, false), (40, 0, false), (1_200, 0, true)] {
            assert_eq!(lags_longer(measured, claimed), longer, "{measured} {claimed}");
        }
    }

    #[track_caller]
    fn check(headers: &[(&str, &str)], per_second: Option<u64>, per_day: Option<u64>) {
        let said = stated(|name| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value));
        assert_eq!((said.requests_per_second(), said.requests_per_day()), (per_second, per_day), "{headers:?}");
        assert!(headers.iter().all(|(name, _)| is_about_rates(name)), "{headers:?}");
    }

    #[test]
    fn vendors_words() {
        check(&[], None, None);
        check(&[("x-hubspot-ratelimit-max", "190"), ("x-hubspot-ratelimit-interval-milliseconds", "10000")], Some(15), None);
        check(&[("x-hubspot-ratelimit-daily", "650000")], None, Some(520_000));
        check(&[("x-rate-limit", "700"), ("x-rate-limit-remaining", "699")], Some(9), None);
        check(&[("x-rate-limit", "60")], None, None);
        check(&[("x-rate-limit", "99999999999999999999")], None, None);
        check(&[("ratelimit-limit", "100"), ("ratelimit-reset", "7")], None, None);
    }
}
