//! How the texts of a column spell dates, numbers, and yes and no: as an operation of the mapping that reads them all.

use jiff::civil::Date;

/// So few values tell nothing.
const VALUES_MIN: usize = 2;

/// Orders and separators in which dates are written: day first before month first, since where both read every value, more of
/// the world writes it so.
const DATES: [(&str, &str); 12] = [
    ("%Y-%m-%d", "date"),
    ("%d.%m.%Y", "date('%d.%m.%Y')"),
    ("%d/%m/%Y", "date('%d/%m/%Y')"),
    ("%m/%d/%Y", "date('%m/%d/%Y')"),
    ("%d-%m-%Y", "date('%d-%m-%Y')"),
    ("%Y/%m/%d", "date('%Y/%m/%d')"),
    ("%Y%m%d", "date('%Y%m%d')"),
    ("%d %b %Y", "date('%d %b %Y')"),
    ("%d %B %Y", "date('%d %B %Y')"),
    ("%B %d, %Y", "date('%B %d, %Y')"),
    ("%d.%m.%y", "date('%d.%m.%y')"),
    ("%d-%b-%Y", "date('%d-%b-%Y')"),
];

/// Words for yes and no.
const FLAGS: [(&str, &str, &str); 8] = [
    ("true", "false", "boolean('true', 'false')"),
    ("yes", "no", "boolean('yes', 'no')"),
    ("ja", "nein", "boolean('ja', 'nein')"),
    ("oui", "non", "boolean('oui', 'non')"),
    ("si", "no", "boolean('si', 'no')"),
    ("y", "n", "boolean('y', 'n')"),
    ("j", "n", "boolean('j', 'n')"),
    ("1", "0", "boolean('1', '0')"),
];

fn filled(values: &[String]) -> Option<Vec<&str>> {
    let filled: Vec<&str> = values.iter().map(|value| value.trim()).filter(|value| !value.is_empty()).collect();
    (filled.len() >= VALUES_MIN).then_some(filled)
}

/// Reads dates; none: not every value is one, or they are not of one form.
pub(super) fn date(values: &[String]) -> Option<&'static str> {
    let values = filled(values)?;
    // A pattern would read "75" as a year of four digits, too.
    let year = |date: Date| (1_000..=9_999).contains(&date.year());
    let reads = |pattern: &str| values.iter().all(|value| Date::strptime(pattern, value).is_ok_and(year));
    DATES.iter().find(|(pattern, _)| reads(pattern)).map(|(_, read)| *read)
}

/// Reads numbers with a decimal comma, or as they are; none: not every value is one.
pub(super) fn decimal(values: &[String]) -> Option<&'static str> {
    let values = filled(values)?;
    let written = |mark: char, group: char| {
        values.iter().all(|value| {
            let (whole, rest) = value.rsplit_once(mark).unwrap_or((value, "0"));
            let whole = whole.strip_prefix(['-', '+']).unwrap_or(whole);
            let groups: Vec<&str> = whole.split(group).collect();
            let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits(rest) && groups.iter().all(|part| digits(part)) && groups.iter().skip(1).all(|part| part.len() == 3)
        })
    };
    let has = |mark: char| values.iter().any(|value| value.contains(mark));
    match (written('.', ','), written(',', '.')) {
        (_, true) if has(',') && !(written('.', ',') && has('.')) => Some("decimal(',')"),
        (true, _) if has(',') => Some("decimal('.')"),
        (true, _) => Some("decimal"),
        _ => None,
    }
}

/// Reads yes and no, in the language that the values are in.
pub(super) fn boolean(values: &[String]) -> Option<&'static str> {
    let values = filled(values)?;
    // Text is compared as it is spelled: another case is another word.
    let reads = |yes: &str, no: &str| values.iter().all(|value| *value == yes || *value == no);
    FLAGS.iter().find(|(yes, no, _)| reads(yes, no)).map(|(_, _, read)| *read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_values_are_spelled() {
        let check = |read: fn(&[String]) -> Option<&'static str>, text: &str, expected: Option<&str>| {
            let values: Vec<String> = text.split('|').map(str::to_owned).collect();
            assert_eq!(read(&values), expected, "{text}");
        };
        check(date, "10.12.1975|01.02.1980", Some("date('%d.%m.%Y')"));
        check(date, "1975-12-10|1980-02-01", Some("date"));
        check(date, "10/12/1975|31/12/1990", Some("date('%d/%m/%Y')"));
        check(date, "10/12/1975|12/31/1990", Some("date('%m/%d/%Y')"));
        check(date, "19751210|19800201", Some("date('%Y%m%d')"));
        check(date, "10 Dec 1975|1 Feb 1980", Some("date('%d %b %Y')"));
        check(date, "10.12.75|01.02.80", Some("date('%d.%m.%y')"));
        check(date, "10.12.1975|soon", None);
        check(date, "10.12.1975", None);
        check(decimal, "1.234,56|99,10", Some("decimal(',')"));
        check(decimal, "1,234.56|99.10", Some("decimal('.')"));
        check(decimal, "1234.5|-3", Some("decimal"));
        check(decimal, "0,5|12", Some("decimal(',')"));
        check(decimal, "1.234,56|1,234.56", None);
        check(decimal, "12|a", None);
        check(boolean, "ja|nein|ja", Some("boolean('ja', 'nein')"));
        check(boolean, "1|0", Some("boolean('1', '0')"));
        check(boolean, "ja|no", None);
    }
}
