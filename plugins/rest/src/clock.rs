//! Times as systems write them.

use nave_rest::description::TimeFormat;
use nave_sdk::time;

const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const SECOND_US: i64 = 1_000_000;

/// A time in microseconds since 1970 as the system writes it. What is finer than the format is cut off, never rounded up.
pub(crate) fn spell(us: i64, format: TimeFormat) -> String {
    let seconds = us.div_euclid(SECOND_US);
    let whole = || time::rfc3339(seconds * SECOND_US);
    match format {
        TimeFormat::Rfc3339 => whole(),
        TimeFormat::Rfc3339Ms => {
            let ms = us.rem_euclid(SECOND_US) / 1000;
            format!("{}.{ms:03}Z", whole().trim_end_matches('Z'))
        }
        TimeFormat::Local => whole().trim_end_matches('Z').to_owned(),
        TimeFormat::Sql => whole().trim_end_matches('Z').replace('T', " "),
        TimeFormat::Date => whole()[..10].to_owned(),
        TimeFormat::HttpDate => {
            let days = seconds.div_euclid(86_400);
            let (year, month, day) = time::civil_from_days(days);
            let clock = &whole()[11..19];
            let weekday = WEEKDAYS[usize::try_from(days.rem_euclid(7)).unwrap_or(0)];
            format!("{weekday}, {day:02} {} {year:04} {clock} GMT", MONTHS[month as usize - 1])
        }
        TimeFormat::Unix => seconds.to_string(),
        TimeFormat::UnixMs => us.div_euclid(1000).to_string(),
        TimeFormat::Dotnet => format!("/Date({})/", us.div_euclid(1000)),
    }
}

/// Microseconds since 1970 of a time that the system wrote.
pub(crate) fn read(text: &str, format: TimeFormat) -> Option<i64> {
    let number = |text: &str, factor: i64| text.trim().parse::<i64>().ok()?.checked_mul(factor);
    match format {
        TimeFormat::Unix => number(text, SECOND_US),
        TimeFormat::UnixMs => number(text, 1000),
        TimeFormat::HttpDate => time::parse_http_date(text),
        TimeFormat::Dotnet => {
            let inner = text.strip_prefix("/Date(")?.strip_suffix(")/")?;
            // After the milliseconds there may be an offset, which changes nothing about the moment.
            let end = inner.get(1..)?.find(['+', '-']).map_or(inner.len(), |at| at + 1);
            number(&inner[..end], 1000)
        }
        _ => time::parse_rfc3339(text),
    }
}

/// The time of a record as the contract wants it; none where the text is no time.
pub(crate) fn modified(text: &str, format: TimeFormat) -> Option<String> {
    match format {
        TimeFormat::Rfc3339 | TimeFormat::Rfc3339Ms => time::parse_rfc3339(text).map(|_| text.to_owned()),
        _ => read(text, format).map(time::rfc3339),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_spelled_and_read() {
        let us = time::parse_rfc3339("2026-11-24T02:10:18.637Z").expect("a time");
        for (format, spelled, second) in [
            (TimeFormat::Rfc3339, "2026-11-24T02:10:18Z", true),
            (TimeFormat::Rfc3339Ms, "2026-11-24T02:10:18.637Z", false),
            (TimeFormat::Local, "2026-11-24T02:10:18", true),
            (TimeFormat::Sql, "2026-11-24 02:10:18", true),
            (TimeFormat::HttpDate, "Tue, 24 Nov 2026 02:10:18 GMT", true),
            (TimeFormat::Unix, "1795486218", true),
            (TimeFormat::UnixMs, "1795486218637", false),
            (TimeFormat::Dotnet, "/Date(1795486218637)/", false),
        ] {
            assert_eq!(spell(us, format), spelled);
            let expected = if second { us.div_euclid(SECOND_US) * SECOND_US } else { us };
            assert_eq!(read(spelled, format), Some(expected), "{spelled}");
        }
        assert_eq!(spell(us, TimeFormat::Date), "2026-11-24");
        assert_eq!(read("/Date(1795486218637+0000)/", TimeFormat::Dotnet), Some(us));
        assert_eq!(modified("/Date(1795486218637)/", TimeFormat::Dotnet).as_deref(), Some("2026-11-24T02:10:18.637Z"));
        assert_eq!(modified("2026-11-24T02:10:18.6+01:00", TimeFormat::Rfc3339).as_deref(), Some("2026-11-24T02:10:18.6+01:00"));
        for (text, format) in [
            ("soon", TimeFormat::Rfc3339),
            ("x", TimeFormat::Unix),
            ("/Date(", TimeFormat::Dotnet),
            ("/Date()/", TimeFormat::Dotnet),
            ("99999999999999999", TimeFormat::Unix),
        ] {
            assert_eq!(read(text, format), None, "{text}");
        }
    }
}
