//! What the old system holds at the start, as the CSV file that it drops.
//!
//! Promises the same text for the same seed, CRLF-free, UTF-8, one header line. Its rows hold the population's hard cases: see
//! [`crate::people`].

use crate::{
    people::{Person, Place, Population, SEEDED_FROM_MS, Special, names::ascii},
    time,
};
use std::{
    io,
    path::{Path, PathBuf},
};

pub(crate) const HEADER: [&str; 14] = [
    "Id",
    "FirstName",
    "LastName",
    "Email",
    "Phone",
    "MobilePhone",
    "Company",
    "JobTitle",
    "Street",
    "City",
    "Region",
    "PostalCode",
    "Country",
    "UpdatedAt",
];

/// The file's text: `records` contacts, and some more rows for people who are in it twice.
///
/// # Errors
/// Where a row cannot be written as CSV, which no seed brings about.
pub fn csv_drop(seed: u64, records: usize) -> io::Result<String> {
    let all = Population::new(seed, records);
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(HEADER)?;
    let mut nth = 0;
    for person in &all.people {
        for row in rows(seed, &all, person) {
            let at = SEEDED_FROM_MS + nth * 41_003;
            nth += 1;
            let mut fields = vec![format!("L{:06}", nth)];
            fields.extend(row);
            fields.push(time::iso(at));
            out.write_record(&fields)?;
        }
    }
    let bytes = out.into_inner().map_err(|error| io::Error::other(error.to_string()))?;
    String::from_utf8(bytes).map_err(io::Error::other)
}

/// Writes `contacts.csv` into a folder, which is made where it is missing. The file appears whole or not at all.
///
/// # Errors
/// Where the folder or the file cannot be written.
pub fn write_csv_drop(dir: &Path, seed: u64, records: usize) -> io::Result<PathBuf> {
    std::fs::create_dir_all(dir)?;
    super::export::put(dir, super::export::NAME, csv_drop(seed, records)?.as_bytes(), None)
}

/// The rows of one person: none, one, or two.
fn rows(seed: u64, all: &Population, person: &Person) -> Vec<Vec<String>> {
    if person.special == Special::SharedMailbox && person.is_in(Place::Crm) {
        // Somebody else at the same desk.
        let mut other = row(seed, all, person);
        "Reception".clone_into(&mut other[0]);
        "Desk".clone_into(&mut other[1]);
        return vec![other];
    }
    if !person.is_in(Place::Legacy) {
        return Vec::new();
    }
    let first = row(seed, all, person);
    let mut rows = vec![first.clone()];
    if person.special == Special::SpelledOtherwise {
        let mut twin = first;
        (twin[0], twin[1]) = otherwise(&person.first, &person.last);
        rows.push(twin);
    }
    rows
}

/// Another spelling of the same name: without accents, or with the given name's first letter only.
pub(crate) fn otherwise(first: &str, last: &str) -> (String, String) {
    let plain = |text: &str| {
        let plain = ascii(text);
        let mut letters = plain.chars();
        letters.next().map_or_else(String::new, |c| c.to_ascii_uppercase().to_string() + letters.as_str())
    };
    let (plain_first, plain_last) = (plain(first), plain(last));
    if !plain_first.is_empty() && !plain_last.is_empty() && (plain_first != first || plain_last != last) {
        return (plain_first, plain_last);
    }
    let initial = first.chars().next().map_or_else(String::new, |c| format!("{c}."));
    (initial, last.to_owned())
}

fn row(seed: u64, all: &Population, person: &Person) -> Vec<String> {
    let mut rng = person.rng(seed, Place::Legacy);
    let style = rng.below(6);
    let home = person.other_home(seed, Place::Legacy);
    let email = match (person.special, rng.below(10)) {
        (Special::BadEmail, _) => format!("{} at home", ascii(&person.last)),
        (_, 0) => person.email.to_uppercase(),
        (_, 1) if person.special == Special::Nothing => String::new(),
        _ => person.email.clone(),
    };
    let last = if rng.chance(8) { person.last.to_uppercase() } else { person.last.clone() };
    let job = if person.special == Special::Conflict { "Consultant" } else { person.job };
    vec![
        person.first.clone(),
        last,
        email,
        person.phone.as_ref().map(|phone| phone.written(style)).unwrap_or_default(),
        person.other_mobile(seed, Place::Legacy).map(|phone| phone.written(style + 1)).unwrap_or_default(),
        all.companies.get(person.company).map(|company| company.name.clone()).unwrap_or_default(),
        job.to_owned(),
        home.street,
        home.city.to_owned(),
        home.region.to_owned(),
        home.postal_code,
        person.locale.country.to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drop_is_the_same_for_the_same_seed_and_reads_back() {
        let text = csv_drop(7, 300).unwrap();
        assert_eq!(text, csv_drop(7, 300).unwrap());
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert_eq!(reader.headers().unwrap().iter().collect::<Vec<_>>(), HEADER);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert!(rows.len() > 300, "{} rows", rows.len());
        assert!(rows.iter().any(|row| row[3].ends_with("at home")));
        let emails: Vec<&str> = rows.iter().map(|row| &row[3]).filter(|email| !email.is_empty()).collect();
        let unique: std::collections::BTreeSet<_> = emails.iter().collect();
        assert!(unique.len() < emails.len(), "no mailbox is there twice");
    }

    #[test]
    fn other_spellings() {
        for (first, last, want) in
            [("Jürgen", "Weiß", ("Jurgen", "Weiss")), ("Anna", "Vogel", ("A.", "Vogel")), ("花子", "佐藤", ("花.", "佐藤"))]
        {
            assert_eq!(otherwise(first, last), (want.0.to_owned(), want.1.to_owned()));
        }
    }
}
