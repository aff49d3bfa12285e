//! Dates and times as systems spell them ↔ ISO dates and RFC 3339 with the offset kept.

use jiff::civil::{Date, DateTime, Time};
use jiff::fmt::{strtime, temporal::Pieces};
use jiff::tz::Offset;

use smol_str::{ToSmolStr as _, format_smolstr};

use super::{MapError, describe};
use crate::value::Value;
use crate::{NameMap, Text};

/// How a system spells a date or a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `2024-05-26`, `2024-05-26T10:00:00+02:00`. A time without an offset is taken at the given one.
    Iso(Offset),
    /// Seconds since 1970, UTC.
    UnixSeconds,
    /// Milliseconds since 1970, UTC.
    UnixMilliseconds,
    /// Days since the end of 1899, as spreadsheets count them.
    Excel,
    /// `/Date(1439434356790+0000)/`.
    Xero,
    /// `{"__class__": "datetime", "year": …}`, UTC.
    Tryton,
    /// `%d.%m.%Y`, at the given offset where it names none.
    Pattern(String, Offset),
}

impl Format {
    /// From the words of a mapping; `None`: no such format.
    pub(super) fn named(name: &str, offset: Offset) -> Option<Self> {
        Some(match name {
            "iso8601" => Self::Iso(offset),
            "unix_s" => Self::UnixSeconds,
            "unix_ms" => Self::UnixMilliseconds,
            "excel" => Self::Excel,
            "xero" => Self::Xero,
            "tryton" => Self::Tryton,
            pattern if pattern.contains('%') => {
                // A pattern that cannot print a time cannot read one either.
                let sample = DateTime::constant(2024, 5, 26, 10, 30, 0, 0);
                strtime::format(pattern, &offset.to_timestamp(sample).ok()?.to_zoned_datetime(offset.to_time_zone())).ok()?;
                Self::Pattern(pattern.to_owned(), offset)
            }
            _ => return None,
        })
    }

    pub(super) fn phrase(&self) -> String {
        match self {
            Self::Iso(_) => "ISO 8601".to_owned(),
            Self::UnixSeconds => "seconds since 1970".to_owned(),
            Self::UnixMilliseconds => "milliseconds since 1970".to_owned(),
            Self::Excel => "the days of a spreadsheet".to_owned(),
            Self::Xero => "`/Date(…)/` as Xero spells it".to_owned(),
            Self::Tryton => "a tagged object as Tryton spells it".to_owned(),
            Self::Pattern(pattern, _) => format!("the pattern `{pattern}`"),
        }
    }

    pub(super) fn written(&self) -> String {
        let suffix = |offset: &Offset| {
            if *offset == Offset::UTC { String::new() } else { format!(", \"{}\"", offset_text(*offset)) }
        };
        match self {
            Self::Iso(offset) => format!("iso8601{}", suffix(offset)),
            Self::UnixSeconds => "unix_s".to_owned(),
            Self::UnixMilliseconds => "unix_ms".to_owned(),
            Self::Excel => "excel".to_owned(),
            Self::Xero => "xero".to_owned(),
            Self::Tryton => "tryton".to_owned(),
            Self::Pattern(pattern, offset) => format!("{pattern:?}{}", suffix(offset)),
        }
    }
}

/// `+02:00` or `Z`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    if text == "Z" {
        return Some(Offset::UTC);
    }
    let (sign, rest) = match text.as_bytes().first()? {
        b'+' => (1, &text[1..]),
        b'-' => (-1, &text[1..]),
        _ => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let two_digits = |text: &str| (text.len() == 2).then(|| text.parse::<i32>().ok()).flatten();
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

fn offset_text(offset: Offset) -> String {
    let seconds = offset.seconds();
    if seconds == 0 {
        return "Z".to_owned();
    }
    let (sign, size) = if seconds < 0 { ('-', -seconds) } else { ('+', seconds) };
    format!("{sign}{:02}:{:02}", size / 3600, size / 60 % 60)
}

/// The canonical spelling of a time.
fn print(time: DateTime, offset: Offset) -> Option<Text> {
    if time.year() < 0 || offset.seconds() % 60 != 0 {
        return None;
    }
    Some(format_smolstr!("{time}{}", offset_text(offset)))
}

fn print_date(date: Date) -> Option<Value> {
    (date.year() >= 0).then(|| Value::Text(date.to_smolstr()))
}

fn bad(kind: &str, format: &Format, value: &Value) -> MapError {
    MapError::new("format", format!("{} is not a {kind} in {}", describe(value), format.phrase()))
}

/// Reads a timestamp.
pub(super) fn read_timestamp(format: &Format, value: &Value) -> Result<Value, MapError> {
    read_moment(format, value)
        .and_then(|(time, offset)| print(time, offset))
        .map(Value::Text)
        .ok_or_else(|| bad("time", format, value))
}

/// Reads a date; of a time, the date in its own offset.
pub(super) fn read_date(format: &Format, value: &Value) -> Result<Value, MapError> {
    let date = match (format, value) {
        (Format::Iso(_), Value::Text(text)) => Pieces::parse(text.trim()).ok().map(|pieces| pieces.date()),
        (Format::Pattern(pattern, _), Value::Text(text)) => {
            let date = strtime::parse(pattern, text.trim()).ok().and_then(|time| time.to_date().ok());
            date.filter(|date| year_is_whole(pattern, text, *date))
        }
        _ => read_moment(format, value).map(|(time, _)| time.date()),
    };
    date.and_then(print_date).ok_or_else(|| bad("date", format, value))
}

/// `%Y` reads "90" as the year 90: who writes two digits means another century, and says `%y`.
fn year_is_whole(pattern: &str, text: &str, date: Date) -> bool {
    !pattern.contains("%Y") || text.contains(&format!("{:04}", date.year()))
}

fn read_moment(format: &Format, value: &Value) -> Option<(DateTime, Offset)> {
    match (format, value) {
        (Format::Iso(default), Value::Text(text)) => {
            let pieces = Pieces::parse(text.trim()).ok()?;
            let offset = pieces.to_numeric_offset().unwrap_or(*default);
            Some((pieces.date().to_datetime(pieces.time().unwrap_or(Time::midnight())), offset))
        }
        (Format::UnixSeconds, Value::Number(text) | Value::Text(text)) => from_unix(text, 1_000_000_000),
        (Format::UnixMilliseconds, Value::Number(text) | Value::Text(text)) => from_unix(text, 1_000_000),
        (Format::Excel, Value::Number(text) | Value::Text(text)) => from_days(text),
        (Format::Xero, Value::Text(text)) => {
            let inner = text.trim().strip_prefix("/Date(")?.strip_suffix(")/")?;
            let digits = inner.find(['+', '-']).filter(|at| *at > 0).map_or(inner, |at| &inner[..at]);
            from_unix(digits, 1_000_000)
        }
        (Format::Tryton, Value::Object(map)) => {
            let part = |name: &str| match map.get(name) {
                Some(Value::Number(text)) => text.parse::<i32>().ok(),
                None => Some(0),
                _ => None,
            };
            let date =
                Date::new(part("year")?.try_into().ok()?, part("month")?.try_into().ok()?, part("day")?.try_into().ok()?).ok()?;
            let time = Time::new(
                part("hour")?.try_into().ok()?,
                part("minute")?.try_into().ok()?,
                part("second")?.try_into().ok()?,
                part("microsecond")?.checked_mul(1000)?,
            )
            .ok()?;
            Some((date.to_datetime(time), Offset::UTC))
        }
        (Format::Pattern(pattern, default), Value::Text(text)) => {
            let time = strtime::parse(pattern, text.trim()).ok()?;
            if time.to_date().is_ok_and(|date| !year_is_whole(pattern, text, date)) {
                return None;
            }
            let offset = time.offset().unwrap_or(*default);
            Some((time.to_datetime().ok().or_else(|| Some(time.to_date().ok()?.to_datetime(Time::midnight())))?, offset))
        }
        _ => None,
    }
}

/// Day 1 is 1900-01-01; day 60 is a 29 February that there never was.
const EXCEL_GAP: i64 = 60;
/// Milliseconds of a day.
const DAY_MS: i64 = 86_400_000;

/// The day before day 1, for days behind the gap.
fn excel_epoch() -> Date {
    Date::constant(1899, 12, 30)
}

/// A time of day that falls between milliseconds is the nearest one: spreadsheets keep no more.
fn from_days(text: &str) -> Option<(DateTime, Offset)> {
    let text = super::number::canonical(text.trim())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let days: i64 = whole.parse().ok()?;
    if !(1..=2_958_465).contains(&days) || days == EXCEL_GAP {
        return None;
    }
    let days = if days < EXCEL_GAP { days + 1 } else { days };
    let fraction = fraction.get(..fraction.len().min(15)).unwrap_or_default();
    let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let part: i128 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let ms = i64::try_from((part * i128::from(DAY_MS) + scale / 2) / scale).ok()?;
    let date = excel_epoch().checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
    let time = date.to_datetime(Time::midnight()).checked_add(jiff::Span::new().try_milliseconds(ms).ok()?).ok()?;
    Some((time, Offset::UTC))
}

fn days(time: DateTime, offset: Offset, date: bool) -> Option<Text> {
    let time = if date { time } else { Offset::UTC.to_datetime(offset.to_timestamp(time).ok()?) };
    let span = time.date().since((jiff::Unit::Day, excel_epoch())).ok()?;
    let days = i64::from(span.get_days());
    let days = if days <= EXCEL_GAP { days - 1 } else { days };
    if days < 1 {
        return None;
    }
    let ms = if date { 0 } else { time.duration_since(time.date().to_datetime(Time::midnight())).as_millis() };
    // Ten digits tell milliseconds apart.
    let fraction = (ms * 10_000_000_000 + i128::from(DAY_MS) / 2) / i128::from(DAY_MS);
    super::number::canonical(&format!("{days}.{fraction:010}"))
}

/// `unit`: nanoseconds per one. Fractions are kept.
fn from_unix(text: &str, unit: i128) -> Option<(DateTime, Offset)> {
    let text = super::number::canonical(text.trim())?;
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut nanoseconds = whole.parse::<i128>().ok()?.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanoseconds = nanoseconds.checked_add(sign * place * i128::from(digit - b'0'))?;
    }
    let timestamp = jiff::Timestamp::from_nanosecond(nanoseconds).ok()?;
    Some((Offset::UTC.to_datetime(timestamp), Offset::UTC))
}

/// Writes a canonical date or timestamp in a system's format. `date`: the date alone.
pub(super) fn write(format: &Format, value: &Value, date: bool) -> Result<Value, MapError> {
    let kind = if date { "date" } else { "time" };
    let canonical = Format::Iso(Offset::UTC);
    let (time, offset) = read_moment(&canonical, value).ok_or_else(|| bad(kind, &canonical, value))?;
    let written = match format {
        Format::Iso(_) if date => print_date(time.date()),
        Format::Iso(_) => print(time, offset).map(Value::Text),
        Format::UnixSeconds => unix(time, offset).map(|ms| Value::Number(scaled(ms, 1000))),
        Format::UnixMilliseconds => unix(time, offset).map(|ms| Value::Number(ms.to_smolstr())),
        Format::Excel => days(time, offset, date).map(Value::Number),
        Format::Xero => unix(time, offset).map(|ms| Value::Text(format_smolstr!("/Date({ms}+0000)/"))),
        Format::Tryton => offset
            .to_timestamp(time)
            .ok()
            .map(|timestamp| tagged(if date { time } else { Offset::UTC.to_datetime(timestamp) }, date)),
        Format::Pattern(pattern, zone) => offset.to_timestamp(time).ok().and_then(|timestamp| {
            let zoned = timestamp.to_zoned_datetime(if date { offset } else { *zone }.to_time_zone());
            strtime::format(pattern, &zoned).ok().map(Value::text)
        }),
    };
    written.ok_or_else(|| bad(kind, format, value))
}

fn unix(time: DateTime, offset: Offset) -> Option<i64> {
    Some(offset.to_timestamp(time).ok()?.as_millisecond())
}

fn scaled(ms: i64, by: i64) -> Text {
    if ms % by == 0 { (ms / by).to_smolstr() } else { super::number::canonical(&format!("{ms}e-3")).unwrap_or_default() }
}

fn tagged(time: DateTime, date: bool) -> Value {
    let mut map = NameMap::new();
    let mut put = |name: &str, number: i64| map.insert(name, Value::Number(number.to_smolstr()));
    put("year", time.year().into());
    put("month", time.month().into());
    put("day", time.day().into());
    if !date {
        put("hour", time.hour().into());
        put("minute", time.minute().into());
        put("second", time.second().into());
        put("microsecond", (time.subsec_nanosecond() / 1000).into());
    }
    map.insert("__class__", Value::text(if date { "date" } else { "datetime" }));
    Value::Object(map)
}
