//! The people that the simulated systems know, from a seed.
//!
//! One population for all systems, so that they overlap: six in ten people are in two or three of them, with the small differences
//! that real systems have; and, at fixed places, the hard cases: a conflict, a duplicate spelled otherwise, two people with one
//! mailbox, values that another system refuses. Promises the same people for the same seed and number. Must not know any system's
//! field names.

pub(crate) mod names;
pub(crate) mod phones;

use crate::rng::{Rng, mix};
use names::{JOBS, LOCALES, Locale, TRADES, ascii, spelled};
use phones::Phone;
/// The first modification of a seeded record: 2025-06-01T08:00:00Z. Later ones follow in the order of the records.
pub(crate) const SEEDED_FROM_MS: i64 = 1_748_764_800_000;

/// Which of the three a person is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Crm,
    Books,
    Legacy,
}

/// What is special about a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Special {
    Nothing,
    /// The systems disagree on town, job and mobile number.
    Conflict,
    /// Once more in the CSV, with the same mailbox and the name spelled otherwise.
    SpelledOtherwise,
    /// Another person with the same mailbox is in the books and in the CSV.
    SharedMailbox,
    /// The name is too long for the books.
    LongName,
    /// The CSV's mailbox is none.
    BadEmail,
}

/// A company.
#[derive(Clone, Debug)]
pub(crate) struct Company {
    pub(crate) name: String,
    pub(crate) domain: String,
    pub(crate) locale: &'static Locale,
    pub(crate) phone: Phone,
    pub(crate) home: Home,
    pub(crate) employees: usize,
    pub(crate) industry: usize,
}

/// Where somebody is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    pub(crate) street: String,
    pub(crate) city: &'static str,
    pub(crate) region: &'static str,
    pub(crate) postal_code: String,
}

/// A person, before any system has its own idea of them.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) index: usize,
    pub(crate) first: String,
    pub(crate) last: String,
    pub(crate) email: String,
    pub(crate) locale: &'static Locale,
    pub(crate) company: usize,
    pub(crate) job: &'static str,
    pub(crate) phone: Option<Phone>,
    pub(crate) mobile: Option<Phone>,
    pub(crate) home: Home,
    pub(crate) special: Special,
    places: [bool; 3],
}

impl Person {
    pub(crate) fn is_in(&self, place: Place) -> bool {
        self.places[place as usize]
    }

    /// A generator for what one system makes of this person.
    pub(crate) fn rng(&self, seed: u64, place: Place) -> Rng {
        Rng::new(seed, "view", (self.index as u64) << 2 | place as u64)
    }

    /// The number that a system has where the systems disagree.
    pub(crate) fn other_mobile(&self, seed: u64, place: Place) -> Option<Phone> {
        if self.special != Special::Conflict || place == Place::Crm {
            return self.mobile.clone();
        }
        let mut rng = Rng::new(seed, "conflict", (self.index as u64) << 2 | place as u64);
        Some(Phone::new(self.locale, rng.pick(self.locale.mobile), &mut rng))
    }

    /// The address that a system has where the systems disagree.
    pub(crate) fn other_home(&self, seed: u64, place: Place) -> Home {
        if self.special != Special::Conflict || place == Place::Crm {
            return self.home.clone();
        }
        home(self.locale, &mut Rng::new(seed, "moved", (self.index as u64) << 2 | place as u64))
    }
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Population {
    pub(crate) companies: Vec<Company>,
    pub(crate) people: Vec<Person>,
}

/// The special cases by a person's index; the rest of the people have nothing special. Near the start, so that a small system has
/// them too.
fn special(index: usize) -> Special {
    match index % 250 {
        3 | 17 | 41 | 67 => Special::Conflict,
        7 | 29 | 53 => Special::SpelledOtherwise,
        11 | 37 => Special::SharedMailbox,
        19 if index < 250 => Special::LongName,
        23 if index < 250 => Special::BadEmail,
        _ => Special::Nothing,
    }
}

impl Population {
    /// People enough for `records` contacts in each system.
    pub(crate) fn new(seed: u64, records: usize) -> Self {
        let companies: Vec<Company> = (0..company_count(records)).map(|index| company(seed, index)).collect();
        let mut people = Vec::new();
        let mut counts = [0usize; 3];
        while counts.iter().any(|count| *count < records) {
            let index = people.len();
            let mut person = person(seed, index, &companies);
            for (place, count) in counts.iter_mut().enumerate() {
                person.places[place] &= *count < records;
                *count += usize::from(person.places[place]);
            }
            people.push(person);
        }
        Self { companies, people }
    }

    /// As many people as were asked for, for a system that came later: about six in ten of all, in a choice of its own. The choice of
    /// the others is not touched by it.
    pub(crate) fn sample(&self, seed: u64, purpose: &str, records: usize) -> Vec<&Person> {
        let chosen = |person: &&Person| Rng::new(seed, purpose, person.index as u64).chance(60);
        let (mut first, rest): (Vec<&Person>, Vec<&Person>) = self.people.iter().partition(chosen);
        first.extend(rest);
        first.truncate(records);
        first.sort_by_key(|person| person.index);
        first
    }

    pub(crate) fn of(&self, place: Place) -> impl Iterator<Item = &Person> {
        self.people.iter().filter(move |person| person.is_in(place))
    }
}

/// How many companies there are for this many contacts.
pub(crate) fn company_count(records: usize) -> usize {
    if records == 0 { 0 } else { (records / 8).max(5) }
}

fn company(seed: u64, index: usize) -> Company {
    let mut rng = Rng::new(seed, "company", index as u64);
    let locale = &LOCALES[mix(seed ^ index as u64) as usize % LOCALES.len()];
    let (_, founder) = spelled(rng.pick(locale.last));
    let trade = rng.pick(TRADES);
    let form = rng.pick(locale.company_forms);
    // Names repeat after some hundreds; a number keeps them apart, as real ones have.
    let number = if index < 40 { String::new() } else { format!(" {}", index + 1) };
    let name = format!("{founder} {trade}{number} {form}");
    let top = match locale.code {
        "GB" => "co.uk",
        "US" => "com",
        "JP" => "co.jp",
        "BR" => "com.br",
        _ => "",
    };
    let top = if top.is_empty() { locale.code.to_lowercase() } else { top.to_owned() };
    let domain = format!("{}-{}-{}.example.{top}", ascii(founder), ascii(trade), index + 1);
    let town = locale.towns[rng.below(locale.towns.len())];
    Company {
        name,
        domain,
        locale,
        phone: Phone::new(locale, town.0, &mut rng),
        home: home_in(locale, town, &mut rng),
        employees: [3, 8, 15, 40, 120, 350, 900, 2_500][rng.below(8)],
        industry: rng.below(names::INDUSTRIES.len()),
    }
}

fn person(seed: u64, index: usize, companies: &[Company]) -> Person {
    let mut rng = Rng::new(seed, "person", index as u64);
    let locale_index = index % LOCALES.len();
    let locale = &LOCALES[locale_index];

    // Every (first, last) pair of a country once, then again with a second given name, then with a second family name: no two people
    // have the same full name. The seed only turns the wheel.
    let turn = (mix(seed ^ 0x6E61_6D65) % 1_000_003) as usize;
    let (firsts, lasts) = (locale.first.len(), locale.last.len());
    let pairs = firsts * lasts;
    let rank = index / LOCALES.len();
    let pair = (rank % pairs * 53 + turn) % pairs;
    let (first_at, last_at) = (pair % firsts, pair / firsts);
    let (mut first, mut first_read) = owned(spelled(locale.first[first_at]));
    let (mut last, mut last_read) = owned(spelled(locale.last[last_at]));
    let round = rank / pairs;
    let (second, double) = (round % firsts, round / firsts);
    if second > 0 {
        let (name, read) = spelled(locale.first[(first_at + second) % firsts]);
        first = format!("{first} {name}");
        first_read = format!("{first_read} {read}");
    }
    if double > 0 {
        let (name, read) = spelled(locale.last[(last_at + double % lasts) % lasts]);
        last = format!("{last}-{name}");
        last_read = format!("{last_read}-{read}");
        if double >= lasts {
            let ordinal = roman(double / lasts + 1);
            last_read = format!("{last_read}-{ordinal}");
            last = format!("{last} {ordinal}");
        }
    }
    let special = special(index);
    if special == Special::LongName {
        let chain: Vec<&str> = (0..40).map(|at| spelled(locale.last[(last_at + at) % lasts]).1).collect();
        last = format!("{last} {}", chain.join("-"));
        last_read = last_read.chars().take(30).collect();
    }

    let company = if companies.is_empty() { 0 } else { rng.below(companies.len()) };
    let host = companies.get(company).map_or("example.org", |company| company.domain.as_str());
    let email = format!("{}.{}@{host}", ascii(&first_read), ascii(&last_read));
    let town = locale.towns[rng.below(locale.towns.len())];
    let places = match special {
        Special::Nothing => match rng.below(20) {
            0..6 => [true, true, true],
            6..8 => [true, true, false],
            8..10 => [true, false, true],
            10..12 => [false, true, true],
            12..15 => [true, false, false],
            15..18 => [false, true, false],
            _ => [false, false, true],
        },
        Special::Conflict | Special::SpelledOtherwise => [true, true, true],
        Special::SharedMailbox => [true, true, false],
        Special::LongName => [true, false, false],
        Special::BadEmail => [false, false, true],
    };
    Person {
        index,
        first,
        last,
        email,
        locale,
        company,
        job: rng.pick(JOBS),
        phone: rng.chance(80).then(|| Phone::new(locale, town.0, &mut rng)),
        mobile: rng.chance(65).then(|| Phone::new(locale, locale.mobile[index % locale.mobile.len()], &mut rng)),
        home: home_in(locale, town, &mut rng),
        special,
        places,
    }
}

fn owned((name, read): (&str, &str)) -> (String, String) {
    (name.to_owned(), read.to_owned())
}

fn roman(number: usize) -> String {
    "I".repeat(number.min(40))
}

fn home(locale: &'static Locale, rng: &mut Rng) -> Home {
    let town = locale.towns[rng.below(locale.towns.len())];
    home_in(locale, town, rng)
}

fn home_in(
    locale: &'static Locale,
    (_, city, region, pattern): (&'static str, &'static str, &'static str, &'static str),
    rng: &mut Rng,
) -> Home {
    let street = rng.pick(locale.streets);
    let number = 1 + rng.below(180);
    let before = matches!(locale.code, "FR" | "GB" | "US");
    let postal_code = pattern
        .chars()
        .map(|c| match c {
            '#' => char::from(b'0' + u8::try_from(rng.below(10)).unwrap_or(0)),
            '@' => char::from(b'A' + u8::try_from(rng.below(26)).unwrap_or(0)),
            other => other,
        })
        .collect();
    Home { street: if before { format!("{number} {street}") } else { format!("{street} {number}") }, city, region, postal_code }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_same_seed_gives_the_same_people_and_another_gives_others() {
        let text = |seed| format!("{:?}", Population::new(seed, 50));
        assert_eq!(text(7), text(7));
        assert_ne!(text(7), text(8));
    }

    #[test]
    fn systems_are_full_and_overlap() {
        for records in [0, 1, 25, 1_000] {
            let all = Population::new(7, records);
            for place in [Place::Crm, Place::Books, Place::Legacy] {
                assert_eq!(all.of(place).count(), records);
            }
        }
        let all = Population::new(7, 1_000);
        let several = all.people.iter().filter(|p| p.places.iter().filter(|place| **place).count() > 1).count();
        let share = several * 100 / all.people.len();
        assert!((55..=65).contains(&share), "{share} % are in two or more");
    }

    #[test]
    fn full_names_and_mailboxes_are_unique() {
        let all = Population::new(3, 30_000);
        let names: BTreeSet<String> = all.people.iter().map(|p| format!("{} {}", p.first, p.last)).collect();
        let emails: BTreeSet<&String> = all.people.iter().map(|p| &p.email).collect();
        assert_eq!(names.len(), all.people.len());
        assert_eq!(emails.len(), all.people.len());
        assert!(all.people.iter().all(|p| p.email.is_ascii() && !p.email.contains("..") && !p.email.starts_with('.')));
    }

    #[test]
    fn phones_are_written_in_several_ways() {
        let phone = Phone { calling: "49", area: "030", number: "1234567".into() };
        assert_eq!(phone.e164(), "+49301234567");
        let styles: BTreeSet<String> = (0..6).map(|style| phone.written(style)).collect();
        assert_eq!(styles.len(), 6);
        let rome = Phone { calling: "39", area: "06", number: "12345678".into() };
        assert_eq!(rome.e164(), "+390612345678");
    }
}
