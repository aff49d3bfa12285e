//! What a system keeps otherwise than it was written, and what is no mere spelling of it: an automation over there may have set it right
//! after the hub did. What is read back stays remembered as that system's spelling (so nothing is written again and again, and nothing of
//! it is carried elsewhere); here it is told, for a person to decide.
//!
//! Systems spell values their own way: capitals, blanks, a text that is cut, letters that they do not have, a number with fewer places, a
//! time without seconds. What is of this kind is not told. The table of it lacks something always, which costs a line in a report.

use std::str::FromStr;

use rust_decimal::Decimal;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::catalog::{Entity, FieldMapping, FieldType, Mapping};
use crate::intake::shadow_body;
use crate::landed::{divided_otherwise, landed};
use crate::mapping::Env;
use crate::model::Contribution;
use crate::value::Value;

/// Share of a text's letters, in percent, that a spelling of it keeps: `Müller` may be `Mueller` or `M?ller`, not `Malm`.
const LETTERS_KEPT_MIN: usize = 60;

/// A field that a thing keeps otherwise than the hub wrote it.
#[derive(Clone, Debug)]
pub struct Otherwise<'m> {
    /// Its mapping.
    pub field: &'m FieldMapping,
    /// What was written, in the hub's spelling.
    pub written: Value,
    /// What is there, in the hub's spelling.
    pub kept: Value,
}

/// Fields of which a thing keeps another value than the hub wrote last, in the order of the mapping. Lists are not judged: their elements
/// are compared one by one where they are written. What is never read there has no meaning here and is not judged either.
pub fn kept_otherwise<'m>(mapping: &'m Mapping, entity: &Entity, row: &Contribution, region: Option<&str>) -> Vec<Otherwise<'m>> {
    if row.sent.is_empty() {
        return Vec::new();
    }
    let body = shadow_body(mapping, row);
    let judged = |field: &'m FieldMapping| {
        let (name, read) = (field.canonical.as_deref()?, field.read.as_ref()?);
        let (sent, there) = (row.sent.get(&field.remote)?, row.shadow.get(&field.remote)?);
        let paths = mapping.fields.iter().map(|field| field.remote.as_str());
        let wanted = |path: &str| row.sent.get(path).or_else(|| row.shadow.get(path));
        if there == sent
            || landed(mapping, &body, &field.remote, sent, region)
            || divided_otherwise(paths, &field.remote, wanted, |path| row.shadow.get(path))
        {
            return None;
        }
        let mut ours = body.clone();
        ours.put(&field.remote, sent.clone());
        let env = |body| Env { body, externals: &[], connection: &mapping.connection, region };
        let (kept, written) = (read.evaluate(&env(&body)).ok()?, read.evaluate(&env(&ours)).ok()?);
        let kind = entity.fields.get(name).map_or(&FieldType::Text, |field| &field.kind);
        (!spelling(kind, &written, &kept)).then_some(Otherwise { field, written, kept })
    };
    mapping.fields.iter().filter_map(judged).collect()
}

/// Whether a value is a system's spelling of another one, by what kind of value it is.
fn spelling(kind: &FieldType, ours: &Value, there: &Value) -> bool {
    let texts = ours.as_text().zip(there.as_text());
    match kind {
        _ if ours == there => true,
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
        | FieldType::Reference(_) => false,
        // Made of parts: not judged.
        FieldType::List { .. } | FieldType::Object | FieldType::File => true,
    }
}

/// Cut, with letters that it lacks left out or written otherwise, or with marks of the system's own between its words.
fn text_spelling(ours: &str, there: &str) -> bool {
    let (sent, back) = (letters(ours), letters(there));
    if !back.is_empty() && sent.starts_with(&back) || back.is_empty() && !there.trim().is_empty() {
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
    ours == there || there.scale() < ours.scale() && ours.checked_sub(there).is_some_and(|apart| apart.abs() < place)
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
            [("Müller", "Malm"), ("Bo", "Set by a robot"), ("captain", "robot"), ("10010", "1001001"), ("12", "13"), ("Bo", "")]
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
