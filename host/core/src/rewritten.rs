//! What came back of a confirmed write as another value: something over there wrote it right after the hub did. That is what this
//! system says now, and no spelling of what was sent.
//!
//! Systems spell values their own way: capitals, blanks, a text that is cut, letters that they do not have, a number with fewer places, a
//! time without seconds. None of these is another value; taken for an edit, each would be carried to every other system.

use std::str::FromStr;

use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::NameMap;
use crate::catalog::{Entity, FieldMapping, FieldType, Mapping};
use crate::landed::{kept, landed_or_divided};
use crate::mapping::Env;
use crate::model::Contribution;
use crate::survivorship::consent;
use crate::value::Value;

/// Share of a text's letters, in percent, that a spelling of it keeps: `Müller` may be `Mueller` or `M?ller`, not `Malm`.
const LETTERS_KEPT_MIN: usize = 60;

/// Fields that a confirmed write left with another value than the one that was sent: neither that in any spelling, nor what was there
/// before, nor nothing. To be asked before [`crate::difference::settle`]; none for a create.
pub fn rewritten<'m>(
    mapping: &'m Mapping,
    entity: &Entity,
    contribution: Option<&Contribution>,
    values: &NameMap<Value>,
    read_back: &Value,
    region: Option<&str>,
) -> Vec<&'m FieldMapping> {
    let as_before = kept(mapping, contribution, values, read_back, region);
    let another = |field: &&FieldMapping| {
        let (Some(name), Some(read)) = (&field.canonical, &field.read) else { return false };
        let Some(sent) = values.get(&field.remote).filter(|sent| !sent.is_empty()) else { return false };
        let Some(there) = crate::mapping::find(read_back, &field.remote).filter(|there| !there.is_empty()) else { return false };
        if !field.direction.reads()
            || there == sent
            || as_before.contains(&field.remote)
            || consent::stances(entity, name).is_some()
            || landed_or_divided(mapping, contribution, values, read_back, &field.remote, sent, region)
        {
            return false;
        }
        let mut ours = read_back.clone();
        ours.put(&field.remote, sent.clone());
        let env = |body| Env { body, externals: &[], connection: &mapping.connection, region };
        // What cannot be read is told of when it is read the next time.
        let (Ok(there), Ok(ours)) = (read.evaluate(&env(read_back)), read.evaluate(&env(&ours))) else { return false };
        let kind = entity.fields.get(name.as_str()).map_or(&FieldType::Text, |field| &field.kind);
        !there.is_empty() && !spelling(kind, &ours, &there)
    };
    mapping.fields.iter().filter(another).collect()
}

/// Whether a value is a system's spelling of another one, by what kind of value it is.
fn spelling(kind: &FieldType, ours: &Value, there: &Value) -> bool {
    let texts = ours.as_text().zip(there.as_text());
    match kind {
        FieldType::Text | FieldType::Url => texts.is_some_and(|(ours, there)| text_spelling(ours, there)),
        FieldType::Integer | FieldType::Decimal => rounded(ours, there),
        FieldType::Money => {
            let part = |value: &Value, name: &str| value.at(name).cloned().unwrap_or_default();
            part(ours, "currency") == part(there, "currency") && rounded(&part(ours, "amount"), &part(there, "amount"))
        }
        FieldType::Timestamp => texts.is_some_and(|(ours, there)| {
            let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
            digits(ours).starts_with(digits(there).trim_end_matches('0'))
        }),
        FieldType::Boolean
        | FieldType::Date
        | FieldType::Email
        | FieldType::Phone
        | FieldType::Country
        | FieldType::Enum(_)
        | FieldType::Reference(_) => ours == there,
        // Made of parts: not judged.
        FieldType::List { .. } | FieldType::Object | FieldType::File => true,
    }
}

/// Cut, with letters that it lacks left out or written otherwise, or with marks of the system's own between its words.
fn text_spelling(ours: &str, there: &str) -> bool {
    let (sent, back) = (letters(ours), letters(there));
    if back.is_empty() || sent.starts_with(&back) {
        return true;
    }
    let numbers = |letters: &[char]| letters.iter().filter(|c| c.is_numeric()).copied().collect::<Vec<_>>();
    let (less, more) = if sent.len() <= back.len() { (&sent, &back) } else { (&back, &sent) };
    let near = numbers(&sent) == numbers(&back) && less.len() * 100 >= more.len() * LETTERS_KEPT_MIN;
    near && is_within(less, more) || words(ours).len() > 1 && is_within(&words(ours), &words(there))
}

/// Letters and digits, in lower case, without their marks.
fn letters(text: &str) -> Vec<char> {
    text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).filter(|c| c.is_alphanumeric()).collect()
}

fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_alphanumeric()).map(|word| letters(word).into_iter().collect::<String>());
    words.filter(|word| !word.is_empty()).collect()
}

/// Whether all of these are there in this order, whatever else is.
fn is_within<T: PartialEq>(these: &[T], all: &[T]) -> bool {
    let mut all = all.iter();
    these.iter().all(|one| all.any(|other| other == one))
}

/// The same number with fewer places.
fn rounded(ours: &Value, there: &Value) -> bool {
    let number = |value: &Value| match value {
        Value::Text(text) | Value::Number(text) => Decimal::from_str(text).ok().map(|number| number.normalize()),
        _ => None,
    };
    let (Some(ours), Some(there)) = (number(ours), number(there)) else { return false };
    let place = Decimal::new(1, there.scale());
    ours == there || there.scale() < ours.scale() && (ours - there).abs() < place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: &FieldType, ours: &str, there: &str, expected: bool) {
        assert_eq!(spelling(kind, &Value::text(ours), &Value::text(there)), expected, "{ours} {there}");
    }

    #[test]
    fn a_spelling_is_no_other_value() {
        let text = &FieldType::Text;
        for there in ["Müller-Lüdenscheid", "Mueller-Luedenscheid", "M?ller-L?denscheid", "Muller-Ludenscheid", "Müller-L", "??"]
        {
            check(text, "Müller-Lüdenscheid", there, true);
        }
        check(text, "Fish & Co", "Fish &amp; Co", true);
        check(text, "Ann Ek", "Ann Ek (customer)", true);
        for (ours, there) in
            [("Müller", "Malm"), ("Bo", "Set by a robot"), ("captain", "robot"), ("10010", "1001001"), ("12", "13")]
        {
            check(text, ours, there, false);
        }
        check(&FieldType::Phone, "+46705550001", "+4681112233", false);
        check(&FieldType::Email, "ada@x.test", "ada@x.test.example", false);
        check(&FieldType::Enum(Vec::new()), "lead", "leads", false);
        for (ours, there, expected) in [
            ("12.345", "12.35", true),
            ("12.345", "12.3", true),
            ("12.345", "12", true),
            ("12.345", "13.5", false),
            ("12", "13", false),
        ] {
            check(&FieldType::Decimal, ours, there, expected);
        }
        check(&FieldType::Timestamp, "2026-01-01T10:20:30.5Z", "2026-01-01T10:20:30Z", true);
        check(&FieldType::Timestamp, "2026-01-01T10:20:30.5Z", "2026-01-01T00:00:00Z", true);
        check(&FieldType::Timestamp, "2026-01-01T10:20:30Z", "2026-02-01T10:20:30Z", false);
    }
}
