//! Times as the vendors spell them. All are milliseconds since 1970, UTC.
//!
//! Promises that what it writes it also reads. Must not know a clock: the time comes in as a number.

use jiff::{Timestamp, tz::TimeZone};

/// `2025-06-01T08:00:00.123Z`, as HubSpot writes it.
pub(crate) fn iso(ms: i64) -> String {
    stamp(ms).to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `2025-06-01T08:00:00Z`, as Zendesk writes it.
pub(crate) fn iso_seconds(ms: i64) -> String {
    format!("{}Z", iso_plain(ms))
}

/// `2025-06-01T08:00:00`, as Xero writes it beside its own form.
pub(crate) fn iso_plain(ms: i64) -> String {
    stamp(ms).to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

/// `2025-06-01`.
pub(crate) fn day(ms: i64) -> String {
    stamp(ms).to_zoned_datetime(TimeZone::UTC).strftime("%Y-%m-%d").to_string()
}

/// `/Date(1748764800123+0000)/`, as Xero writes it in JSON.
pub(crate) fn ms_date(ms: i64) -> String {
    format!("/Date({ms}+0000)/")
}

/// `Sun, 01 Jun 2025 08:00:00 GMT`, as it stands in headers.
pub(crate) fn http_date(ms: i64) -> String {
    stamp(ms).to_zoned_datetime(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// A time in any spelling that a client of either vendor sends: milliseconds, ISO 8601 with or without a zone (then UTC), a day,
/// or the form of an HTTP header. `None` where it is none of them.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(ms) = text.parse::<i64>() {
        return Some(ms);
    }
    if let Ok(stamp) = text.parse::<Timestamp>() {
        return Some(stamp.as_millisecond());
    }
    if let Ok(plain) = text.parse::<jiff::civil::DateTime>() {
        return plain.to_zoned_datetime(TimeZone::UTC).ok().map(|z| z.timestamp().as_millisecond());
    }
    if let Ok(day) = text.parse::<jiff::civil::Date>() {
        return day.to_zoned_datetime(TimeZone::UTC).ok().map(|z| z.timestamp().as_millisecond());
    }
    jiff::fmt::rfc2822::parse(text).ok().map(|z| z.timestamp().as_millisecond())
}

/// Midnight of a civil day.
pub(crate) fn civil(year: i16, month: i8, day: i8, hour: i8, minute: i8, second: i8) -> Option<i64> {
    let plain = jiff::civil::DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    plain.to_zoned_datetime(TimeZone::UTC).ok().map(|z| z.timestamp().as_millisecond())
}

fn stamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling() {
        let at = 1_748_764_800_123;
        for (text, ms) in [
            ("1748764800123", Some(at)),
            ("2025-06-01T08:00:00.123Z", Some(at)),
            ("2025-06-01T10:00:00.123+02:00", Some(at)),
            ("2025-06-01T08:00:00.123", Some(at)),
            ("2025-06-01T08:00:00", Some(at - 123)),
            ("2025-06-01", Some(1_748_736_000_000)),
            ("Sun, 01 Jun 2025 08:00:00 GMT", Some(at - 123)),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse(text), ms, "{text}");
        }
        assert_eq!(parse(&iso(at)), Some(at));
        assert_eq!(iso(at), "2025-06-01T08:00:00.123Z");
        assert_eq!(http_date(at), "Sun, 01 Jun 2025 08:00:00 GMT");
        assert_eq!(ms_date(at), "/Date(1748764800123+0000)/");
    }
}
