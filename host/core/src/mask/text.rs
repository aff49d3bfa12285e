//! Texts, by what they are: mails, phone numbers, addresses, times, and words.

use super::{Kind, Masker};

/// Longest distance of a masked date from what it was, in days: it stays in its season and its age.
const DAYS_MAX: u64 = 180;
/// Domain that leads nowhere (RFC 2606).
pub(super) const NOWHERE: &str = "example";

/// A piece of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'t> {
    /// Letters and digits.
    Word(&'t str),
    /// What stands between words.
    Between(&'t str),
}

/// Words, and what stands between them.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = first.is_alphanumeric();
        let end = rest.find(|c: char| c.is_alphanumeric() != word).unwrap_or(rest.len());
        let (piece, after) = rest.split_at(end);
        parts.push(if word { Part::Word(piece) } else { Part::Between(piece) });
        rest = after;
    }
    parts
}

/// Digits in front of a phone number that say the country, or that it is not called from abroad.
pub(super) fn prefix(text: &str) -> usize {
    match text.trim_start() {
        number if number.starts_with('+') => 2,
        number if number.starts_with("00") => 4,
        number if number.starts_with('0') => 1,
        _ => 0,
    }
}

/// Date, time of day and zone of a text that is a time and nothing else.
pub(super) fn time_in(text: &str) -> Option<(jiff::civil::Date, &str, &str)> {
    let day: jiff::civil::Date = text.get(..10)?.parse().ok()?;
    let rest = &text[10..];
    let (clock, zone) = match rest.find(['Z', '+']).or_else(|| rest.rfind('-')) {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let is_clock = clock.is_empty()
        || clock.len() >= 6
            && clock.starts_with(['T', ' '])
            && clock[1..].chars().all(|c| c.is_ascii_digit() || ":.,".contains(c));
    (is_clock && zone.chars().all(|c| c.is_ascii_digit() || "Z+-:".contains(c))).then_some((day, clock, zone))
}

impl Masker<'_> {
    pub(super) fn text(&mut self, kind: &Kind, text: &str) -> String {
        match kind {
            Kind::Words(words) if words.contains(text) => text.to_owned(),
            Kind::Phone => self.phone(text),
            Kind::Email => self.mails(text),
            Kind::Country => match self.code(text) {
                Some(other) => other.to_owned(),
                None => self.plain(text),
            },
            Kind::Url => self.url(text),
            Kind::Words(_) | Kind::Text | Kind::Date | Kind::Tree => match () {
                () if matches!(text, "true" | "false") => text.to_owned(),
                () if text.contains("://") => self.url(text),
                () if text.contains('@') => self.mails(text),
                () => self.time(text).unwrap_or_else(|| self.plain(text)),
            },
        }
    }

    /// Word by word.
    pub(super) fn plain(&mut self, text: &str) -> String {
        let parts = parts(text);
        let mask = |part| match part {
            Part::Word(word) => self.word(word),
            Part::Between(between) => between.to_owned(),
        };
        parts.into_iter().map(mask).collect()
    }

    /// A text with mails in it: each leads nowhere afterwards.
    fn mails(&mut self, text: &str) -> String {
        let mut out = String::new();
        for piece in text.split_inclusive(|c: char| c.is_whitespace() || ",;<>()\"".contains(c)) {
            let end = piece.trim_end_matches(|c: char| c.is_whitespace() || ",;<>()\"".contains(c)).len();
            let (mail, after) = piece.split_at(end);
            match mail.rsplit_once('@') {
                Some((name, domain)) if !domain.is_empty() => {
                    let (name, domain) = (self.plain(name), self.plain(domain.trim_end_matches('.')));
                    out.push_str(&format!("{name}@{domain}.{NOWHERE}"));
                }
                _ => out.push_str(&self.plain(mail)),
            }
            out.push_str(after);
        }
        out
    }

    /// Digits, but for those in front that say the country or that it is not called from abroad.
    fn phone(&mut self, text: &str) -> String {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let kept = prefix(text).min(digits.len());
        let masked = format!("{}{}", &digits[..kept], self.word(&digits[kept..]));
        let mut new = masked.chars();
        // Letters in it are a remark.
        let mut out = String::new();
        for part in parts(text) {
            match part {
                Part::Word(word) if word.bytes().all(|byte| byte.is_ascii_digit()) => out.extend(new.by_ref().take(word.len())),
                Part::Word(word) => {
                    let mask = self.word(word);
                    out.push_str(&mask);
                    // Its digits are gone with it.
                    new.by_ref().take(word.bytes().filter(u8::is_ascii_digit).count()).for_each(drop);
                }
                Part::Between(between) => out.push_str(between),
            }
        }
        out
    }

    fn url(&mut self, text: &str) -> String {
        let Some((scheme, rest)) = text.split_once("://") else { return self.plain(text) };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, path) = rest.split_at(end);
        let (host, path) = (self.plain(host.rsplit('@').next().unwrap_or(host)), self.plain(path));
        match host.rsplit_once(':') {
            Some((name, port)) => format!("{scheme}://{name}.{NOWHERE}:{port}{path}"),
            None => format!("{scheme}://{host}.{NOWHERE}{path}"),
        }
    }

    /// A date, or a date with a time of day, moved within half a year; none where it is neither.
    fn time(&mut self, text: &str) -> Option<String> {
        let (day, clock, zone) = time_in(text)?;
        let digest = (self.digest)(format!("day {}", &text[..10]).as_bytes());
        let far = u64::from_be_bytes(digest[..8].try_into().ok()?) % DAYS_MAX + 1;
        let days = i64::try_from(far).ok()? * if digest[8] & 1 == 0 { 1 } else { -1 };
        let moved = day.checked_add(jiff::Span::new().try_days(days).ok()?).ok()?;
        // Hours and minutes within what there is, the rest as digits.
        let digest = (self.digest)(format!("clock {text}").as_bytes());
        let mut fields = digest.into_iter();
        let clock: String = clock
            .split_inclusive([':', '.', ',', 'T', ' '])
            .enumerate()
            .map(|(at, piece)| {
                let digits = piece.trim_end_matches([':', '.', ',', 'T', ' ']);
                let bound: u64 = match (at, digits.len()) {
                    (1, 2) => 24,
                    (2 | 3, 2) => 60,
                    (_, 0) => return piece.to_owned(),
                    (_, length) => 10_u64.saturating_pow(u32::try_from(length).unwrap_or(9).min(9)),
                };
                let number = fields.by_ref().take(4).fold(0_u64, |number, byte| number << 8 | u64::from(byte)) % bound;
                format!("{number:0width$}{}", &piece[digits.len()..], width = digits.len())
            })
            .collect();
        Some(format!("{moved}{clock}{zone}"))
    }
}
