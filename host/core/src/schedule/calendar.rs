//! When a system may be asked: its windows, and the times at which it is left alone.

use std::collections::BTreeSet;
use std::fmt;

use jiff::civil::{Date, Time as Clock, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, ZonedDateTime};

use crate::model::Time;

/// Days looked ahead for the next time that is open: a year, for blackouts that are written as dates.
const DAYS_AHEAD_MAX: i64 = 370;
/// Windows and blackouts of one connection.
const SPANS_MAX: usize = 64;

/// One line of `windows` or `blackouts`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Span {
    text: String,
    days: Days,
    /// From the first to the second, into the next day where that is earlier; none: the whole day.
    hours: Option<(Clock, Clock)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Days {
    Week(Vec<Weekday>),
    Dates(Date, Date),
}

/// The windows and blackouts of a connection.
#[derive(Clone, PartialEq)]
pub struct Calendar {
    zone: TimeZone,
    windows: Vec<Span>,
    blackouts: Vec<Span>,
}

impl fmt::Debug for Calendar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = |spans: &[Span]| spans.iter().map(|span| span.text.clone()).collect::<Vec<_>>();
        write!(f, "Calendar(windows {:?}, blackouts {:?})", texts(&self.windows), texts(&self.blackouts))
    }
}

impl Default for Calendar {
    fn default() -> Self {
        Self { zone: TimeZone::UTC, windows: Vec::new(), blackouts: Vec::new() }
    }
}

/// Not now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Closed {
    /// When it is open again; none: not within a year.
    pub until: Option<Time>,
    /// For people: `outside its windows (Mon-Fri 20:00-06:00)`.
    pub because: String,
}

/// What is wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No days and hours.
    #[error(
        "`{0}` is no time: write days, hours or both, as \"Mon-Fri 20:00-06:00\", \"Sat,Sun\", \"01:00-05:00\" or \"2026-12-24..2026-12-26\""
    )]
    Span(String),
    /// No time zone.
    #[error("`{0}` is no time zone: write its name as \"Europe/Berlin\"")]
    Zone(String),
    /// Too many.
    #[error("there are more than {SPANS_MAX}")]
    Many,
}

impl Calendar {
    /// From the texts of a configuration.
    ///
    /// # Errors
    /// The first text that is none, and whether it is one of the windows.
    pub fn parse(zone: Option<&str>, windows: &[String], blackouts: &[String]) -> Result<Self, SpecError> {
        if windows.len() > SPANS_MAX || blackouts.len() > SPANS_MAX {
            return Err(SpecError::Many);
        }
        let zone = match zone {
            // From the names that are built in: the same wherever the hub runs.
            Some(name) => jiff::tz::TimeZoneDatabase::bundled().get(name).map_err(|_| SpecError::Zone(name.to_owned()))?,
            None => TimeZone::UTC,
        };
        let spans = |texts: &[String]| texts.iter().map(|text| Span::parse(text)).collect::<Result<Vec<_>, _>>();
        Ok(Self { zone, windows: spans(windows)?, blackouts: spans(blackouts)? })
    }

    /// Whether the system is always open.
    pub fn is_empty(&self) -> bool {
        self.windows.is_empty() && self.blackouts.is_empty()
    }

    /// Whether the system may be asked at this time.
    ///
    /// # Errors
    /// [`Closed`], with the next time at which it may.
    pub fn open(&self, at: Time) -> Result<(), Closed> {
        if self.is_empty() {
            return Ok(());
        }
        let Ok(stamp) = Timestamp::from_millisecond(at.0) else { return Ok(()) };
        let now = stamp.to_zoned_datetime(self.zone.clone());
        match self.closed(&now) {
            None => Ok(()),
            Some(because) => Err(Closed { until: self.next_open(&now), because }),
        }
    }

    fn closed(&self, at: &ZonedDateTime) -> Option<String> {
        if let Some(span) = self.blackouts.iter().find(|span| span.holds(at)) {
            return Some(format!("left alone at this time (blackout {})", span.text));
        }
        let inside = self.windows.is_empty() || self.windows.iter().any(|span| span.holds(at));
        let texts: Vec<&str> = self.windows.iter().map(|span| span.text.as_str()).collect();
        (!inside).then(|| format!("outside its windows ({})", texts.join("; ")))
    }

    /// It changes only where a day, a window or a blackout begins or ends, so only these times are looked at.
    fn next_open(&self, now: &ZonedDateTime) -> Option<Time> {
        // Where clocks are put forward, a time that is skipped has passed at the full hour after it.
        let mut clocks: BTreeSet<Clock> = (0..24).filter_map(|hour| Clock::new(hour, 0, 0, 0).ok()).collect();
        for (from, to) in self.windows.iter().chain(&self.blackouts).filter_map(|span| span.hours) {
            clocks.extend([from, to]);
        }
        for day in 0..=DAYS_AHEAD_MAX {
            let date = now.date().checked_add(day.days()).ok()?;
            // Where a clock is skipped or repeated that day, the zone says which moment is meant.
            let moments = clocks.iter().filter_map(|clock| date.to_datetime(*clock).to_zoned_datetime(self.zone.clone()).ok());
            let open = moments.filter(|at| at > now).find(|at| self.closed(at).is_none());
            if let Some(open) = open {
                return Some(Time(open.timestamp().as_millisecond()));
            }
        }
        None
    }
}

impl Span {
    fn parse(text: &str) -> Result<Self, SpecError> {
        let bad = || SpecError::Span(text.to_owned());
        let mut words = text.split_whitespace();
        let (first, second, None) = (words.next().ok_or_else(bad)?, words.next(), words.next()) else { return Err(bad()) };
        let (days, hours) = match (second, hours(first)) {
            (Some(second), _) => (days(first).ok_or_else(bad)?, Some(hours(second).ok_or_else(bad)?)),
            (None, Some(hours)) => (Days::Week(WEEK.iter().map(|(_, day)| *day).collect()), Some(hours)),
            (None, None) => (days(first).ok_or_else(bad)?, None),
        };
        if let (Days::Dates(from, to), _) = (&days, hours)
            && from > to
        {
            return Err(bad());
        }
        Ok(Self { text: text.to_owned(), days, hours })
    }

    fn holds(&self, at: &ZonedDateTime) -> bool {
        let (date, clock) = (at.date(), at.time());
        let Some((from, to)) = self.hours else { return self.days.hold(date) };
        if from < to {
            return self.days.hold(date) && (from..to).contains(&clock);
        }
        // Into the next day: it belongs to the day on which it began.
        let yesterday = date.yesterday().is_ok_and(|day| self.days.hold(day));
        self.days.hold(date) && clock >= from || yesterday && clock < to
    }
}

impl Days {
    fn hold(&self, date: Date) -> bool {
        match self {
            Self::Week(days) => days.contains(&date.weekday()),
            Self::Dates(from, to) => (*from..=*to).contains(&date),
        }
    }
}

const WEEK: [(&str, Weekday); 7] = [
    ("mon", Weekday::Monday),
    ("tue", Weekday::Tuesday),
    ("wed", Weekday::Wednesday),
    ("thu", Weekday::Thursday),
    ("fri", Weekday::Friday),
    ("sat", Weekday::Saturday),
    ("sun", Weekday::Sunday),
];

fn days(text: &str) -> Option<Days> {
    if let Some((from, to)) = text.split_once("..") {
        return Some(Days::Dates(from.parse().ok()?, to.parse().ok()?));
    }
    if let Ok(date) = text.parse::<Date>() {
        return Some(Days::Dates(date, date));
    }
    if text.eq_ignore_ascii_case("daily") {
        return Some(Days::Week(WEEK.iter().map(|(_, day)| *day).collect()));
    }
    let place = |name: &str| WEEK.iter().position(|(known, _)| name.eq_ignore_ascii_case(known));
    let mut found = Vec::new();
    for part in text.split(',') {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        let (mut at, last) = (place(from)?, place(to)?);
        loop {
            found.push(WEEK[at].1);
            if at == last {
                break;
            }
            at = (at + 1) % WEEK.len();
        }
    }
    Some(Days::Week(found))
}

/// `20:00-06:00`; `24:00` is midnight.
fn hours(text: &str) -> Option<(Clock, Clock)> {
    let (from, to) = text.split_once('-')?;
    let clock = |text: &str| -> Option<Clock> {
        let (hour, minute) = text.split_once(':')?;
        if hour.is_empty() || hour.len() > 2 || minute.len() != 2 {
            return None;
        }
        match (hour.parse::<i8>().ok()?, minute.parse::<i8>().ok()?) {
            (24, 0) => Some(Clock::midnight()),
            (hour, minute) => Clock::new(hour, minute, 0, 0).ok(),
        }
    };
    let (from, to) = (clock(from)?, clock(to)?);
    (from != to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time(text.parse::<Timestamp>().unwrap().as_millisecond())
    }

    #[track_caller]
    fn check(zone: &str, windows: &[&str], blackouts: &[&str], now: &str, expected: &str) {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let calendar = Calendar::parse(Some(zone), &texts(windows), &texts(blackouts)).unwrap();
        let found = match calendar.open(at(now)) {
            Ok(()) => "open".to_owned(),
            Err(closed) => closed.until.map_or("never".to_owned(), |until| until.to_string()),
        };
        assert_eq!(found, expected, "{calendar:?} at {now}");
    }

    #[test]
    fn windows_open_and_close() {
        // 2026-11-27 is a Friday; Berlin is one hour ahead of UTC then.
        let night = &["Mon-Fri 20:00-06:00"];
        check("Europe/Berlin", night, &[], "2026-11-27T18:59:59Z", "2026-11-27T19:00:00Z");
        check("Europe/Berlin", night, &[], "2026-11-27T19:00:00Z", "open");
        check("Europe/Berlin", night, &[], "2026-11-28T04:59:59Z", "open");
        check("Europe/Berlin", night, &[], "2026-11-28T05:00:00Z", "2026-11-30T19:00:00Z");
        check("Europe/Berlin", night, &[], "2026-11-30T04:00:00Z", "2026-11-30T19:00:00Z");
        check("UTC", &["Sat,Sun"], &[], "2026-11-27T23:59:59Z", "2026-11-28T00:00:00Z");
        check("UTC", &["Sat-Sun", "12:00-13:00"], &[], "2026-11-27T12:30:00Z", "open");
        check("UTC", &["Fri-Mon 08:00-24:00"], &[], "2026-11-30T23:59:00Z", "open");
        check("UTC", &["Fri-Mon 08:00-24:00"], &[], "2026-12-01T00:00:00Z", "2026-12-04T08:00:00Z");
        check("UTC", &[], &[], "2026-11-27T12:30:00Z", "open");
    }

    #[test]
    fn blackouts_win() {
        let christmas = &["2026-12-24..2026-12-26", "Sun 02:00-04:00"];
        check("UTC", &[], christmas, "2026-12-23T23:59:59Z", "open");
        check("UTC", &[], christmas, "2026-12-24T00:00:00Z", "2026-12-27T00:00:00Z");
        check("UTC", &[], christmas, "2026-12-27T03:00:00Z", "2026-12-27T04:00:00Z");
        check("UTC", &["01:00-03:00"], christmas, "2026-12-25T02:00:00Z", "2026-12-27T01:00:00Z");
        check("UTC", &["Sun 02:00-04:00"], christmas, "2026-12-27T03:00:00Z", "never");
        check("UTC", &[], &["2026-12-24"], "2026-12-24T12:00:00Z", "2026-12-25T00:00:00Z");
    }

    #[test]
    fn the_zone_moves_with_summer() {
        // On 2026-03-29 Berlin's clocks go from 02:00 to 03:00.
        check("Europe/Berlin", &["02:30-05:00"], &[], "2026-03-29T00:59:00Z", "2026-03-29T01:00:00Z");
        check("Europe/Berlin", &["20:00-21:00"], &[], "2026-03-29T12:00:00Z", "2026-03-29T18:00:00Z");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "Mon-Fri 20:00",
            "20:00",
            "25:00-26:00",
            "Mox",
            "Mon Tue 1:00-2:00",
            "2026-13-01",
            "2026-12-26..2026-12-24",
            "10:00-10:00",
            "1:0-2:00",
            "Mon 8:00-9:00 x",
        ] {
            assert!(Calendar::parse(None, &[text.to_owned()], &[]).is_err(), "{text}");
        }
        assert!(Calendar::parse(Some("Europe/Berlim"), &[], &[]).is_err());
        assert!(Calendar::parse(None, &vec!["daily".to_owned(); SPANS_MAX + 1], &[]).is_err());
        assert!(Calendar::parse(None, &["daily 8:00-9:00".to_owned()], &[]).is_ok());
    }
}
