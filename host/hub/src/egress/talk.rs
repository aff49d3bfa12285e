//! How systems are spoken to: requests counted, how long they took, what answers said of how often more may be asked, and how
//! far the systems' clocks are off, by the `Date` of their answers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderValue};
use nave_core::assess::is_about_rates;
use nave_core::model::Time;
use serde::{Deserialize, Serialize};

/// Answers that a clock is judged by: one that was late says little, the middle of several does.
const ANSWERS_KEPT: usize = 9;
/// Answers whose length is kept: those of one assessment of a stream.
const LENGTHS_KEPT: usize = 512;
/// Headers about rates that are kept of one system, and characters of each value: vendors have a handful, of numbers.
const RATES_KEPT: usize = 16;
const RATE_CHARS_MAX: usize = 64;
/// Scopes that are kept of one token, and characters of each: vendors have dozens, of a few words.
const SCOPES_KEPT: usize = 128;
const SCOPE_CHARS_MAX: usize = 128;
/// A `Date` says whole seconds: on average it was so much later.
const HALF_A_SECOND_MS: i64 = 500;

/// How one connection's system was spoken to since the hub started.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Talk {
    /// Requests that were sent.
    pub requests: u64,
    /// How far its clock was ahead, by its last answers; milliseconds.
    skews_ms: VecDeque<i64>,
    /// How long the last requests took to the head of their answer, milliseconds, the latest last.
    lengths_ms: VecDeque<u64>,
    /// What it said of the end of its API.
    sunset: Option<Sunset>,
    /// Headers about rates as they were last said.
    rates: BTreeMap<String, String>,
    /// Credential slot → scopes that its token has, as they were last said.
    granted: BTreeMap<String, Vec<String>>,
    /// Credential slot → digest of the secret that it was used with last.
    used_with: BTreeMap<String, [u8; 32]>,
}

/// What a system said of the end of its API.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sunset {
    /// Since when, or from when on, it is deprecated; none: it does not say.
    pub deprecated: Option<Time>,
    /// When it goes; none: it does not say.
    pub goes: Option<Time>,
    /// First heard.
    pub since: Time,
    /// Last heard.
    pub heard: Time,
}

impl Sunset {
    /// As a half sentence.
    pub fn said(&self) -> String {
        let day = |time: Time| time.to_string().get(..10).unwrap_or_default().to_owned();
        match (self.goes, self.deprecated) {
            (Some(goes), _) => format!("a part of its API that is used goes on {}", day(goes)),
            (None, Some(since)) => format!("a part of its API that is used is deprecated since {}", day(since)),
            (None, None) => "a part of its API that is used is deprecated".to_owned(),
        }
    }
}

impl Talk {
    /// How far its clock is ahead of ours, milliseconds: the middle of its last answers. None where none had a date. Exact to about
    /// a second, which is what a `Date` says.
    pub fn skew_ms(&self) -> Option<i64> {
        let mut sorted: Vec<i64> = self.skews_ms.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// How long the requests after a number of them took, milliseconds.
    pub fn lengths_since(&self, requests: u64) -> Vec<u64> {
        let count = usize::try_from(self.requests.saturating_sub(requests)).unwrap_or(usize::MAX);
        self.lengths_ms.iter().skip(self.lengths_ms.len().saturating_sub(count)).copied().collect()
    }

    /// Headers about how often it may be asked, as they were last said: numbers only.
    pub fn rates(&self) -> &BTreeMap<String, String> {
        &self.rates
    }

    /// Credential slot → what its token may, as the system said it with the token or with an answer. A slot that nothing was said
    /// of is not in it.
    pub fn granted(&self) -> &BTreeMap<String, Vec<String>> {
        &self.granted
    }

    /// What it last said of the end of its API: the earliest of what was heard.
    pub fn sunset(&self) -> Option<&Sunset> {
        self.sunset.as_ref()
    }

    /// `Sunset: <date>` says when something goes, `Deprecation: @<seconds>` (or a date, or `true`) that it is deprecated.
    fn note_sunset(&mut self, headers: &HeaderMap, at: Time) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let date = |text: &str| match text.strip_prefix('@') {
            Some(seconds) => seconds.parse::<i64>().ok().and_then(|seconds| seconds.checked_mul(1_000)).map(Time),
            None => milliseconds(text).map(Time),
        };
        let (goes, deprecation) = (text("sunset").and_then(date), text("deprecation"));
        if goes.is_none() && deprecation.is_none_or(|text| text.eq_ignore_ascii_case("false")) {
            return;
        }
        let deprecated = deprecation.and_then(date);
        let earliest = |one: Option<Time>, other: Option<Time>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        let before = self.sunset.take();
        let since = before.as_ref().map_or(at, |before| before.since);
        self.sunset = Some(Sunset {
            deprecated: earliest(deprecated, before.as_ref().and_then(|before| before.deprecated)),
            goes: earliest(goes, before.as_ref().and_then(|before| before.goes)),
            since,
            heard: at,
        });
    }

    fn note_rates(&mut self, headers: &HeaderMap) {
        for (name, value) in headers.iter().filter(|(name, _)| is_about_rates(name.as_str())) {
            // Numbers and what stands between them: nothing that could be anybody's secret or name.
            let plain = |text: &&str| {
                text.len() <= RATE_CHARS_MAX
                    && text.chars().any(|c| c.is_ascii_digit())
                    && text.chars().all(|c| c.is_ascii_digit() || " ,;=.wqrt\"-".contains(c))
            };
            let Some(value) = value.to_str().ok().filter(plain) else { continue };
            if self.rates.len() < RATES_KEPT || self.rates.contains_key(name.as_str()) {
                self.rates.insert(name.as_str().to_owned(), value.to_owned());
            }
        }
    }

    /// A request that began and was answered at these times of ours.
    fn heard(&mut self, began: Time, ended: Time, date: Option<i64>) {
        self.requests += 1;
        if self.lengths_ms.len() == LENGTHS_KEPT {
            self.lengths_ms.pop_front();
        }
        self.lengths_ms.push_back(u64::try_from(ended.0 - began.0).unwrap_or(0));
        let Some(date) = date else { return };
        let here = began.0 + (ended.0 - began.0) / 2;
        if self.skews_ms.len() == ANSWERS_KEPT {
            self.skews_ms.pop_front();
        }
        self.skews_ms.push_back(date + HALF_A_SECOND_MS - here);
    }
}

/// By connection.
#[derive(Debug, Default)]
pub(super) struct Talks(Mutex<BTreeMap<String, Talk>>);

impl Talks {
    pub(super) fn of(&self, connection: &str) -> Talk {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(connection).cloned().unwrap_or_default()
    }

    /// A slot is used with this secret: of another one than before nothing was said yet.
    pub(super) fn used_with(&self, connection: &str, slot: &str, secret: [u8; 32]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let talk = all.entry(connection.to_owned()).or_default();
        if talk.used_with.insert(slot.to_owned(), secret).is_some_and(|before| before != secret) {
            talk.granted.remove(slot);
        }
    }

    /// A system said what a token may: the scopes of a token's answer (RFC 6749, 5.1), or `X-OAuth-Scopes`.
    pub(super) fn granted<'a>(&self, connection: &str, slot: &str, scopes: impl Iterator<Item = &'a str>) {
        let plain = |scope: &&str| scope.len() <= SCOPE_CHARS_MAX && scope.bytes().all(|byte| byte.is_ascii_graphic());
        let scopes = scopes.map(str::trim).filter(|scope| !scope.is_empty()).filter(plain);
        let scopes: Vec<String> = scopes.take(SCOPES_KEPT).map(str::to_owned).collect();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(connection.to_owned()).or_default().granted.insert(slot.to_owned(), scopes);
    }

    /// A request that was answered with these headers, or not.
    pub(super) fn heard(&self, connection: &str, began: Time, ended: Time, headers: Option<&HeaderMap>) {
        let said = |date: &HeaderValue| milliseconds(date.to_str().ok()?);
        let date = headers.and_then(|headers| headers.get(http::header::DATE)).and_then(said);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains_key(connection) {
            all.insert(connection.to_owned(), Talk::default());
        }
        if let Some(talk) = all.get_mut(connection) {
            talk.heard(began, ended, date);
            if let Some(headers) = headers {
                talk.note_rates(headers);
                talk.note_sunset(headers, ended);
            }
        }
    }
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` in milliseconds since 1970.
fn milliseconds(date: &str) -> Option<i64> {
    let zoned = jiff::fmt::rfc2822::parse(date).ok()?;
    Some(zoned.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_judged_by_the_middle_of_its_answers() {
        assert_eq!(milliseconds("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(milliseconds("yesterday"), None);
        let mut talk = Talk::default();
        talk.heard(Time(0), Time(100), None);
        assert_eq!((talk.requests, talk.skew_ms()), (1, None));
        // Seven minutes ahead; one answer that was very late says nothing.
        for (began, ended, date) in [(0, 1_000, 420_000), (10_000, 11_000, 430_000), (20_000, 90_000, 441_000)] {
            talk.heard(Time(began), Time(ended), Some(date));
        }
        assert_eq!((talk.requests, talk.skew_ms()), (4, Some(420_000)));
        assert_eq!((talk.lengths_since(2), talk.lengths_since(4)), (vec![1_000, 70_000], Vec::new()));
    }

    #[test]
    fn the_end_of_an_api_is_heard_in_both_spellings() {
        let heard = |headers: &[(&'static str, &'static str)]| {
            let mut map = HeaderMap::new();
            headers.iter().for_each(|(name, value)| _ = map.insert(*name, HeaderValue::from_static(value)));
            let mut talk = Talk::default();
            talk.note_sunset(&map, Time(7));
            talk.sunset().map(|said| (said.goes.map(|time| time.0), said.deprecated.map(|time| time.0)))
        };
        assert_eq!(heard(&[("sunset", "Sun, 06 Nov 1994 08:49:37 GMT")]), Some((Some(784_111_777_000), None)));
        assert_eq!(heard(&[("deprecation", "@1688169599")]), Some((None, Some(1_688_169_599_000))));
        assert_eq!(heard(&[("deprecation", "true")]), Some((None, None)));
        assert_eq!(heard(&[("deprecation", "false")]), None);
        assert_eq!(heard(&[("sunset", "soon")]), None);
        assert_eq!(heard(&[]), None);
    }

    #[test]
    fn of_headers_about_rates_only_numbers_are_kept() {
        let mut talk = Talk::default();
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-rate-limit", "700"),
            ("ratelimit-policy", "100;w=60"),
            ("x-ratelimit-key", "whsec-4e1f"),
            ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
            ("content-length", "12"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
        talk.note_rates(&headers);
        let kept: Vec<(&str, &str)> = talk.rates().iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(kept, [("ratelimit-policy", "100;w=60"), ("x-rate-limit", "700")]);
    }
}
