//! The comparable form of a value: Latin letters without marks, lower case, single blanks; digits of a telephone; a date's parts.

use any_ascii::any_ascii;

use super::Kind;

/// A value as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Normal {
    /// Comparable spelling, ASCII; empty: nothing is known.
    pub(super) text: String,
    /// Year, month, day, where it is a date; the last two in doubt where both orders are possible.
    pub(super) date: Option<Date>,
}

/// A date as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub(super) year: u16,
    pub(super) month: u8,
    pub(super) day: u8,
    /// Written in an order that may be month first or day first, and both are possible.
    pub(super) doubtful: bool,
}

/// The form of a value of a kind; empty where it says nothing.
pub(super) fn normal(kind: Kind, value: &str) -> Normal {
    let value = value.trim();
    let empty = matches!(value.to_ascii_lowercase().as_str(), "" | "null" | "none" | "nan" | "n/a" | "na" | "-" | "unknown");
    if empty || kind == Kind::Ignored {
        return Normal::default();
    }
    let date = if kind == Kind::Date { date(value) } else { None };
    let text = match kind {
        Kind::Email => value.to_lowercase(),
        Kind::Phone | Kind::Mobile => phone(value),
        Kind::Date => match date {
            Some(date) => format!("{:04}{:02}{:02}", date.year, date.month, date.day),
            None => words(value),
        },
        Kind::Identifier | Kind::Postal | Kind::House => words(value).replace(' ', ""),
        Kind::Number => amount(value).unwrap_or_else(|| words(value)),
        Kind::Street => shortened(&words(value), STREET_WORDS),
        Kind::Company => without(&words(value), LEGAL_FORMS),
        Kind::Given => without_titles(&name(value)).to_owned(),
        Kind::Surname => name(value),
        Kind::Name => match name(value) {
            // `Lord` alone is somebody's name.
            whole if without_titles(&whole).is_empty() => whole,
            whole => without_titles(&whole).to_owned(),
        },
        _ => words(value),
    };
    Normal { text, date }
}

/// Letters and digits in words, without marks, lower case.
fn words(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for c in any_ascii(value).chars() {
        if c.is_ascii_alphanumeric() {
            out.push(c.to_ascii_lowercase());
        } else if c != '\'' && !out.ends_with(' ') && !out.is_empty() {
            out.push(' ');
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// As [`words`]; what is spelled with or without the dots of an umlaut is one spelling.
fn name(value: &str) -> String {
    // As written: in `Zoë` and `José` no umlaut is spelled out.
    words(&value.to_lowercase().replace("ae", "a").replace("oe", "o").replace("ue", "u"))
}

/// A name without the titles before it: of who is called by a title alone, no first name is known.
fn without_titles(name: &str) -> &str {
    let (first, rest) = name.split_once(' ').unwrap_or((name, ""));
    let is_major_general = first == "major" && rest.starts_with("general");
    if is_major_general || TITLES.contains(&first) { without_titles(rest) } else { name }
}

/// What people are called by before their names, and which are no first names themselves, as `earl` and `major` are.
const TITLES: &[&str] = &[
    "1st",
    "2nd",
    "3rd",
    "4th",
    "5th",
    "admiral",
    "baroness",
    "capt",
    "captain",
    "col",
    "colonel",
    "countess",
    "dame",
    "dr",
    "duchess",
    "frau",
    "general",
    "herr",
    "hon",
    "honourable",
    "lady",
    "lieut",
    "lieutenant",
    "lord",
    "lt",
    "madame",
    "marquess",
    "miss",
    "mme",
    "monsieur",
    "mr",
    "mrs",
    "ms",
    "prof",
    "professor",
    "rev",
    "revd",
    "reverend",
    "rt",
    "sergeant",
    "sgt",
    "sir",
    "viscount",
    "viscountess",
];

const STREET_WORDS: &[(&str, &str)] = &[
    ("street", "st"),
    ("strasse", "st"),
    ("str", "st"),
    ("avenue", "ave"),
    ("av", "ave"),
    ("road", "rd"),
    ("drive", "dr"),
    ("place", "pl"),
    ("lane", "ln"),
    ("court", "ct"),
    ("crescent", "cres"),
    ("circuit", "cct"),
    ("boulevard", "blvd"),
    ("square", "sq"),
    ("highway", "hwy"),
    ("parade", "pde"),
    ("terrace", "tce"),
    ("north", "n"),
    ("south", "s"),
    ("east", "e"),
    ("west", "w"),
];

const LEGAL_FORMS: &[&str] = &[
    "gmbh",
    "ag",
    "kg",
    "ohg",
    "ug",
    "inc",
    "llc",
    "ltd",
    "limited",
    "corp",
    "corporation",
    "co",
    "company",
    "plc",
    "sa",
    "sas",
    "sarl",
    "srl",
    "spa",
    "bv",
    "nv",
    "ab",
    "as",
    "oy",
    "pty",
    "the",
    "and",
];

fn shortened(text: &str, table: &[(&str, &str)]) -> String {
    let word = |word| table.iter().find(|(long, _)| *long == word).map_or(word, |(_, short)| *short);
    text.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// Without words that say nothing; as it is where nothing would be left. Single letters (`s a`, `b v`) go too.
fn without(text: &str, words: &[&str]) -> String {
    let left: Vec<&str> = text.split(' ').filter(|word| word.len() > 1 && !words.contains(word)).collect();
    if left.is_empty() { text.to_owned() } else { left.join(" ") }
}

/// The digits that a number is dialled by at home: without an extension, a country's prefix or the zero before an area.
fn phone(value: &str) -> String {
    let lower = value.to_ascii_lowercase();
    let main = lower.split("ext").next().unwrap_or("").split('x').next().unwrap_or("");
    let digits: String = main.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    // Prefixes have one to three digits, numbers at home mostly nine or ten: the last nine are compared.
    digits[digits.len().saturating_sub(9)..].to_owned()
}

/// An amount without blanks, separators of thousands and ending zeros.
pub(super) fn amount(value: &str) -> Option<String> {
    let plain: String = value.chars().filter(|c| !c.is_whitespace() && *c != ',' && *c != '$').collect();
    let number: f64 = plain.parse().ok()?;
    number.is_finite().then(|| number.to_string())
}

/// A date in the spellings of files: `19081209`, `1908-12-09`, `09/12/1908`, `9.12.1908`, with or without a time after it.
pub(super) fn date(value: &str) -> Option<Date> {
    let value = value.split(['T', ' ']).next()?;
    let parts: Vec<&str> = value.split(['-', '/', '.']).collect();
    let number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u16>().ok()).flatten();
    let made = |year: u16, month: u16, day: u16, doubtful: bool| {
        let fits = (1..=12).contains(&month) && (1..=31).contains(&day) && (1800..=2100).contains(&year);
        fits.then_some(Date { year, month: month as u8, day: day as u8, doubtful })
    };
    match parts.as_slice() {
        [all] if all.len() == 8 && all.is_ascii() => {
            let year = number(&all[..4])?;
            made(year, number(&all[4..6])?, number(&all[6..])?, false)
        }
        [year, month, day] if year.len() == 4 => made(number(year)?, number(month)?, number(day)?, false),
        [first, second, year] if year.len() == 4 => {
            let (first, second, year) = (number(first)?, number(second)?, number(year)?);
            // A point is written between a day and a month; a slash also the other way.
            let both = value.contains('/') && first <= 12 && second <= 12 && first != second;
            made(year, second, first, both).or_else(|| made(year, first, second, false))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparable_forms() {
        for (kind, value, expected) in [
            (Kind::Given, "  Jürgen ", "jurgen"),
            (Kind::Given, "Juergen", "jurgen"),
            (Kind::Surname, "O'Brien", "obrien"),
            (Kind::Surname, "Горбачёв", "gorbachev"),
            (Kind::Given, "Dr. Anna", "anna"),
            (Kind::Given, "Major-General Sir", ""),
            (Kind::Given, "Major", "major"),
            (Kind::Name, "Rt. Hon. Lady Anna Lord", "anna lord"),
            (Kind::Name, "Lord", "lord"),
            (Kind::Surname, "Lord", "lord"),
            (Kind::Phone, "+49 123 456 7890", "234567890"),
            (Kind::Phone, "0123/4567890", "234567890"),
            (Kind::Phone, "123.456.7890 ext. 12", "234567890"),
            (Kind::Company, "Acme Foods & Co. KG", "acme foods"),
            (Kind::Company, "The Co", "the co"),
            (Kind::Street, "High Street 4", "high st 4"),
            (Kind::Identifier, "DE 123-456", "de123456"),
            (Kind::Number, " 1,204.50 ", "1204.5"),
            (Kind::Text, "N/A", ""),
            (Kind::Email, " Ada@X.Test", "ada@x.test"),
        ] {
            assert_eq!(normal(kind, value).text, expected, "{value}");
        }
    }

    #[test]
    fn dates() {
        let told = |value| date(value).map(|date| (date.year, date.month, date.day, date.doubtful));
        for value in ["19081209", "1908-12-09", "1908-12-09T10:00:00Z", "9.12.1908"] {
            assert_eq!(told(value), Some((1908, 12, 9, false)), "{value}");
        }
        assert_eq!(told("09/12/1908"), Some((1908, 12, 9, true)));
        assert_eq!(told("12/31/1908"), Some((1908, 12, 31, false)));
        for value in ["", "1908", "19081309", "waller", "1/2/3/4", "ä1081209", "2026-13-40"] {
            assert_eq!(told(value), None, "{value}");
        }
    }
}
