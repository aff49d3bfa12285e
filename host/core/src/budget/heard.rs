//! What an answer's headers say about how much more may be asked.
//!
//! The names are those that vendors document: `Retry-After` (RFC 9110, 10.2.3); `RateLimit-Remaining` and `RateLimit-Reset` (the
//! IETF draft), with and without `X-`; HubSpot's `X-HubSpot-RateLimit-Remaining` with `-Interval-Milliseconds`; Xero's
//! `X-MinLimit-Remaining`. A count that is not used up asks for nothing.

/// Longest time for which an account is left alone because of a header: a mistake over there must not stop the hub for days.
pub const fn hold_max_ms() -> u64 {
    3_600_000
}

/// Seconds above which a reset is a moment since 1970 and no length of time: a year.
const MOMENT_S: u64 = 31_536_000;

/// For how long nothing more should be asked, in milliseconds. `header` finds a header by its name in lower case.
pub fn heard<'h>(status: u16, header: impl Fn(&str) -> Option<&'h str>, now_ms: i64) -> Option<u64> {
    let number = |name: &str| header(name).and_then(|text| text.trim().parse::<u64>().ok());
    let reset = |value: u64| match value {
        moment if moment > MOMENT_S => u64::try_from(i64::try_from(moment).ok()?.checked_mul(1_000)?.checked_sub(now_ms)?).ok(),
        seconds => seconds.checked_mul(1_000),
    };
    let asked = match status {
        429 | 503 => number("retry-after").and_then(|seconds| seconds.checked_mul(1_000)),
        _ => None,
    };
    let counted = [("ratelimit-remaining", "ratelimit-reset"), ("x-ratelimit-remaining", "x-ratelimit-reset")]
        .into_iter()
        .filter(|(remaining, _)| number(remaining) == Some(0))
        .find_map(|(_, until)| reset(number(until)?));
    let hubspot = (number("x-hubspot-ratelimit-remaining") == Some(0))
        .then(|| number("x-hubspot-ratelimit-interval-milliseconds").unwrap_or(1_000));
    // Its minute slides: calls come free one by one as they grow a minute old.
    let xero = (number("x-minlimit-remaining") == Some(0)).then_some(1_000);
    let longest = [asked, counted, hubspot, xero].into_iter().flatten().max()?;
    Some(longest.min(hold_max_ms())).filter(|ms| *ms > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(status: u16, headers: &[(&str, &str)], expected: Option<u64>) {
        let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!(heard(status, header, 1_750_000_000_000), expected, "{headers:?}");
    }

    #[test]
    fn vendors_words() {
        check(200, &[], None);
        check(429, &[("retry-after", "3")], Some(3_000));
        check(503, &[("retry-after", "3")], Some(3_000));
        check(200, &[("retry-after", "3")], None);
        check(429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], None);
        check(429, &[("retry-after", "999999999")], Some(hold_max_ms()));
        check(200, &[("ratelimit-remaining", "0"), ("ratelimit-reset", "7")], Some(7_000));
        check(200, &[("ratelimit-remaining", "1"), ("ratelimit-reset", "7")], None);
        check(200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1750000009")], Some(9_000));
        check(200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1740000009")], None);
        check(200, &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "18446744073709551615")], None);
        check(
            200,
            &[("x-hubspot-ratelimit-remaining", "0"), ("x-hubspot-ratelimit-interval-milliseconds", "10000")],
            Some(10_000),
        );
        check(200, &[("x-minlimit-remaining", "0")], Some(1_000));
        check(429, &[("x-minlimit-remaining", "0"), ("retry-after", "40")], Some(40_000));
    }
}
