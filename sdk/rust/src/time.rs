//! Times without a calendar library: RFC 3339 and HTTP dates, in microseconds since 1970, UTC.

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// Days since 1970-01-01 of a date of the Gregorian calendar.
pub fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    // Years begin in March here, so that the leap day is the last one.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = i64::from((153 * ((month + 9) % 12) + 2) / 5 + day - 1);
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year, month and day of a number of days since 1970-01-01.
pub fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// RFC 3339 text with microseconds as they are needed (none, three or six digits), `Z`.
pub fn rfc3339(us: i64) -> String {
    let (year, month, day) = civil_from_days(us.div_euclid(DAY_US));
    let rest = us.rem_euclid(DAY_US);
    let (seconds, fraction) = (rest / 1_000_000, rest % 1_000_000);
    let clock = format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    match fraction {
        0 => format!("{clock}Z"),
        _ if fraction % 1000 == 0 => format!("{clock}.{:03}Z", fraction / 1000),
        _ => format!("{clock}.{fraction:06}Z"),
    }
}

/// Parses RFC 3339 (`T` or a blank, an offset or `Z`; without one it is taken as UTC; a date alone is its midnight).
pub fn parse_rfc3339(text: &str) -> Option<i64> {
    let text = text.trim();
    let bytes = text.as_bytes();
    if !text.is_ascii() || bytes.len() < 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return None;
    }
    let (year, month, day) = (digits(&text[0..4])?, digits(&text[5..7])?, digits(&text[8..10])?);
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let midnight = days_from_civil(year, month as u32, day as u32) * DAY_US;
    if bytes.len() == 10 {
        return Some(midnight);
    }
    if bytes.len() < 16 || !matches!(bytes[10], b'T' | b't' | b' ') || bytes[13] != b':' {
        return None;
    }
    let (hour, minute) = (digits(&text[11..13])?, digits(&text[14..16])?);
    let mut rest = &text[16..];
    let mut second = 0;
    if let Some(after) = rest.strip_prefix(':') {
        second = digits(after.get(..2)?)?;
        rest = &after[2..];
    }
    if hour > 24 || minute > 59 || second > 60 {
        return None;
    }
    let mut fraction = 0;
    if let Some(after) = rest.strip_prefix('.') {
        let count = after.bytes().take_while(u8::is_ascii_digit).count();
        let mut scale = 100_000;
        for byte in after[..count].bytes().take(6) {
            fraction += i64::from(byte - b'0') * scale;
            scale /= 10;
        }
        rest = &after[count..];
    }
    let offset_minutes = match rest {
        "" | "Z" | "z" => 0,
        _ => {
            let sign = match rest.as_bytes()[0] {
                b'+' => 1,
                b'-' => -1,
                _ => return None,
            };
            let hours = digits(rest.get(1..3)?)?;
            let minutes = match &rest[3..] {
                "" => 0,
                more => digits(more.strip_prefix(':').unwrap_or(more))?,
            };
            sign * (hours * 60 + minutes)
        }
    };
    Some(midnight + ((hour * 60 + minute - offset_minutes) * 60 + second) * 1_000_000 + fraction)
}

/// Parses `Sun, 06 Nov 1994 08:49:37 GMT`.
pub fn parse_http_date(text: &str) -> Option<i64> {
    let mut words = text.split_ascii_whitespace().skip(1);
    let day = digits(words.next()?)?;
    let month = words.next()?;
    let month = MONTHS.iter().position(|name| name.eq_ignore_ascii_case(month))? + 1;
    let year = digits(words.next()?)?;
    let clock = words.next()?;
    if words.next() != Some("GMT") {
        return None;
    }
    parse_rfc3339(&format!("{year:04}-{month:02}-{day:02}T{clock}Z"))
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn digits(text: &str) -> Option<i64> {
    if text.is_empty() || text.len() > 6 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: Option<&str>) {
        assert_eq!(parse_rfc3339(text).map(rfc3339).as_deref(), expected, "{text}");
    }

    #[test]
    fn times_are_read_and_spelled() {
        check("2026-11-24T02:10:18.637950Z", Some("2026-11-24T02:10:18.637950Z"));
        check("2026-11-24T02:10:18.637Z", Some("2026-11-24T02:10:18.637Z"));
        check("2026-11-24 02:10:18", Some("2026-11-24T02:10:18Z"));
        check("2026-11-24T02:10:18+05:30", Some("2026-11-23T20:40:18Z"));
        check("2024-02-29", Some("2024-02-29T00:00:00Z"));
        check("1969-12-31T23:59:59.5Z", Some("1969-12-31T23:59:59.500Z"));
        check("2026-13-01", None);
        check("2026-11-24T02", None);
        check("yesterday", None);
        check("２026-11-24", None);
        assert_eq!(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT").map(rfc3339).as_deref(), Some("1994-11-06T08:49:37Z"));
        assert_eq!(parse_http_date("whenever"), None);
    }

    #[test]
    fn every_day_comes_back() {
        for days in (-200_000..200_000).step_by(37) {
            let (year, month, day) = civil_from_days(days);
            assert_eq!(days_from_civil(year, month, day), days);
        }
    }
}
