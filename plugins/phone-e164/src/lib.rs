//! Phone numbers as people write them, to E.164.
//!
//! Owns one function, `phone_e164(number, country)`. Promises that a row that cannot be read says why. Must not guess
//! a country: a national number without one is an error.

use std::str::FromStr as _;

use nave_sdk::Transform;
use nave_sdk::columns::{Batch, Column, TextBuilder, Texts};
use phonenumber::country::Id;
use phonenumber::{Mode, metadata::DATABASE};

/// The transform.
#[derive(Debug)]
pub struct PhoneE164;

impl Transform for PhoneE164 {
    fn call(name: &str, inputs: Vec<Column>) -> Result<Batch, String> {
        if name != "phone_e164" {
            return Err(format!("there is no function {name}"));
        }
        let [numbers, countries] = inputs.as_slice() else {
            return Err("phone_e164 takes a number and a country".to_owned());
        };
        let (numbers, countries) = (Texts::of(numbers)?, Texts::of(countries)?);
        if numbers.len() != countries.len() {
            return Err("the columns differ in length".to_owned());
        }
        let mut out = TextBuilder::with_capacity(numbers.len());
        // Rows of one country come together more often than not.
        let mut last: (&str, Option<Id>) = ("", None);
        for (number, country) in numbers.rows().zip(countries.rows()) {
            let Some(number) = number.map(str::trim).filter(|number| !number.is_empty()) else {
                out.push(None);
                continue;
            };
            let country = country.unwrap_or_default().trim();
            if country != last.0 {
                last = (country, Id::from_str(&country.to_ascii_uppercase()).ok());
            }
            match e164(number, country, last.1) {
                Ok(text) => out.push(Some(&text)),
                Err(problem) => out.push_error(problem),
            }
        }
        Ok(out.finish())
    }
}

nave_sdk::transform!(PhoneE164);

/// One number.
fn e164(number: &str, country: &str, id: Option<Id>) -> Result<String, String> {
    if number.len() > NUMBER_BYTES_MAX {
        return Err(format!("{} characters are no phone number", number.len()));
    }
    if !country.is_empty() && id.is_none() {
        return Err(format!("{country:?} is not an ISO country code"));
    }
    let international = number.starts_with('+') || number.starts_with("00") && id.is_none_or(prefix_is_double_zero);
    if id.is_none() && !international {
        return Err(format!("{number:?} is a national number, and the country is not known"));
    }
    let plus;
    let text = match number.strip_prefix("00") {
        Some(rest) if international => {
            plus = format!("+{rest}");
            plus.as_str()
        }
        _ => number,
    };
    let parsed = phonenumber::parse(id, text).map_err(|error| format!("{number:?} is not a phone number: {error}"))?;
    if !phonenumber::is_valid_with(&DATABASE, &parsed) {
        return Err(format!("{number:?} is not a number of its country's plan"));
    }
    // An extension is not part of E.164.
    Ok(parsed.format().mode(Mode::E164).to_string().split(';').next().unwrap_or_default().to_owned())
}

/// Longest text looked at: E.164 has 15 digits, the rest is punctuation and an extension.
const NUMBER_BYTES_MAX: usize = 64;

/// Whether callers in this country dial 00 to reach another one.
fn prefix_is_double_zero(id: Id) -> bool {
    DATABASE.by_id(id.as_ref()).and_then(|metadata| metadata.international_prefix()).is_some_and(|prefix| prefix.is_match("00"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(rows: &[Option<&str>]) -> Column {
        let mut builder = TextBuilder::with_capacity(rows.len());
        for row in rows {
            builder.push(*row);
        }
        builder.finish().columns.remove(0)
    }

    #[track_caller]
    fn check(number: Option<&str>, country: Option<&str>, expected: Result<Option<&str>, &str>) {
        let batch = PhoneE164::call("phone_e164", vec![column(&[number]), column(&[country])]).expect("a batch");
        let got = Texts::of(&batch.columns[0]).expect("texts").rows().next().expect("a row");
        match expected {
            Ok(text) => assert_eq!((got, batch.errors.len()), (text, 0), "{:?}", batch.errors),
            Err(words) => assert!(batch.errors[0].message.contains(words), "{:?}", batch.errors),
        }
    }

    #[test]
    fn numbers_are_read_as_people_write_them() {
        check(Some("+49 221 4711000"), None, Ok(Some("+492214711000")));
        check(Some("0221/4711000"), Some("DE"), Ok(Some("+492214711000")));
        check(Some("(0221) 4711-000"), Some("de"), Ok(Some("+492214711000")));
        check(Some("0044 20 7946 0958"), Some("DE"), Ok(Some("+442079460958")));
        check(Some("0044 20 7946 0958"), None, Ok(Some("+442079460958")));
        check(Some("(212) 555-2368 ext. 7"), Some("US"), Ok(Some("+12125552368")));
        check(Some(" "), Some("DE"), Ok(None));
        check(None, None, Ok(None));
        check(Some("0221 4711000"), None, Err("country is not known"));
        check(Some("0221 4711000"), Some("XX"), Err("not an ISO country"));
        check(Some("call me"), Some("DE"), Err("not a phone number"));
        check(Some("12"), Some("DE"), Err("\"12\""));
        check(Some(&"1".repeat(65)), Some("DE"), Err("65 characters"));
    }

    #[test]
    fn a_wrong_call_is_a_mistake_of_the_caller() {
        assert!(PhoneE164::call("phone", vec![]).is_err());
        assert!(PhoneE164::call("phone_e164", vec![column(&[None])]).is_err());
        assert!(PhoneE164::call("phone_e164", vec![column(&[None]), column(&[None, None])]).is_err());
    }
}
