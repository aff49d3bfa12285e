//! The one canonical spelling per type. Equality is structural everywhere because of this.
//!
//! - text: byte-exact, never changed;
//! - integer, decimal: no leading or trailing zeros, no exponent, no `+`;
//! - money: `{amount, currency}`, amount as a decimal, currency as three capitals;
//! - boolean: also from `yes`/`no`, `1`/`0`, `on`/`off`;
//! - date: ISO; timestamp: RFC 3339, its offset kept, `Z` for UTC, without trailing zeros of fractions;
//! - e-mail: trimmed, in lower case on both sides of the `@`: two people are never told apart by case alone;
//! - phone: E.164 where the text says its country (`+` or `00` in front, 7 to 15 digits); else what was
//!   written without separators, in lower case, because guessing a country would join strangers;
//! - country: alpha-2; URL: trimmed; enum: one of its values, found also in another case.
//!
//! Empty text is null for every type but text.

use std::collections::BTreeMap;

use smol_str::format_smolstr;

use super::{MapError, describe, dial, number, time};
use crate::NameMap;
use crate::catalog::FieldType;
use crate::limits::LIST_ELEMENTS_MAX;
use crate::value::Value;

/// Longest e-mail address (RFC 5321, path without brackets).
const EMAIL_BYTES_MAX: usize = 254;
/// Longest phone text: digits, an extension, and room for a remark.
const PHONE_BYTES_MAX: usize = 64;
/// Longest URL that browsers and systems agree to take.
const URL_BYTES_MAX: usize = 8 << 10;

/// The one canonical spelling per type. Idempotent: normalising twice changes nothing more.
pub fn normalise(kind: &FieldType, value: Value) -> Result<Value, MapError> {
    match (kind, value) {
        (_, Value::Null) => Ok(Value::Null),
        (FieldType::Text, value @ Value::Text(_)) => Ok(value),
        (FieldType::Text, value) => Err(wrong("text", &value)),
        (_, Value::Text(text)) if text.trim().is_empty() => Ok(Value::Null),
        (FieldType::Integer, value) => integer(value),
        (FieldType::Decimal, value) => decimal(value),
        (FieldType::Money, value) => money(value),
        (FieldType::Boolean, value) => boolean(value),
        (FieldType::Date, value @ Value::Text(_)) => date(value),
        (FieldType::Timestamp, value @ Value::Text(_)) => time::read_timestamp(&time::Format::Iso(jiff::tz::Offset::UTC), &value),
        (FieldType::Email, Value::Text(text)) => email(&text),
        (FieldType::Phone, Value::Text(text) | Value::Number(text)) => phone(&text),
        (FieldType::Country, Value::Text(text)) => match super::country::alpha2(&text) {
            Some(code) => Ok(Value::text(code)),
            None => Err(MapError::new("lookup", format!("{} is no country that is known here", describe(&Value::Text(text))))),
        },
        (FieldType::Url, Value::Text(text)) => url(&text),
        (FieldType::Enum(values), Value::Text(text)) => one_of(values, &text),
        (FieldType::Reference(_), value @ Value::Reference(_)) => Ok(value),
        (FieldType::List { fields, key }, Value::List(elements)) => list(fields, key, elements),
        (FieldType::Object | FieldType::File, value @ Value::Object(_)) => Ok(value),
        (kind, value) => Err(wrong(super::types::Type::of_field(kind).name(), &value)),
    }
}

/// As [`normalise`], of a text that a person typed for something in a country (alpha-2): a telephone number is dialled there where it names
/// no country itself.
///
/// # Errors
/// Those of [`normalise`].
pub fn typed(kind: &FieldType, text: &str, country: Option<&str>) -> Result<Value, MapError> {
    match kind {
        FieldType::Phone if !text.trim().is_empty() => phone_in(text, country),
        kind => normalise(kind, Value::text(text)),
    }
}

fn wrong(expected: &str, value: &Value) -> MapError {
    MapError::new("type", format!("expected {expected}, found {}", describe(value)))
}

fn format(expected: &str, value: &Value) -> MapError {
    MapError::new("format", format!("{} is not {expected}", describe(value)))
}

pub(super) fn decimal(value: Value) -> Result<Value, MapError> {
    match &value {
        Value::Number(text) | Value::Text(text) => {
            number::canonical(text.trim()).map(Value::Number).ok_or_else(|| format("a decimal number", &value))
        }
        _ => Err(wrong("a number", &value)),
    }
}

pub(super) fn integer(value: Value) -> Result<Value, MapError> {
    match decimal(value)? {
        Value::Number(text) if text.contains('.') => Err(format("an integer", &Value::Number(text))),
        value => Ok(value),
    }
}

pub(super) fn boolean(value: Value) -> Result<Value, MapError> {
    let flag = match &value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(text) => match number::canonical(text).as_deref() {
            Some("1") => Some(true),
            Some("0") => Some(false),
            _ => None,
        },
        Value::Text(text) => truth(text),
        _ => return Err(wrong("a boolean", &value)),
    };
    flag.map(Value::Bool).ok_or_else(|| format("true or false", &value))
}

pub(super) fn truth(text: &str) -> Option<bool> {
    let text = text.trim();
    let is = |words: &[&str]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(&["true", "yes", "y", "1", "on", "t"]) {
        Some(true)
    } else if is(&["false", "no", "n", "0", "off", "f"]) {
        Some(false)
    } else {
        None
    }
}

fn date(value: Value) -> Result<Value, MapError> {
    // A time is not a date: which day it is depends on where one stands. `| date` says so on purpose.
    match value.as_text() {
        Some(text) if text.trim().len() > 10 && text.contains(['T', 't', ' ']) && text.contains(':') => Err(MapError::new(
            "type",
            format!("expected a date, found a time in {}; add `| date` to keep the date alone", describe(&value)),
        )),
        _ => time::read_date(&time::Format::Iso(jiff::tz::Offset::UTC), &value),
    }
}

pub(super) fn email(text: &str) -> Result<Value, MapError> {
    let lower = text.trim().to_lowercase();
    let well_formed = lower.len() <= EMAIL_BYTES_MAX
        && lower.rsplit_once('@').is_some_and(|(local, domain)| {
            !local.is_empty()
                && !domain.is_empty()
                && !domain.starts_with('.')
                && !domain.ends_with('.')
                && (local.starts_with('"') || !local.contains('@'))
        })
        && !lower.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'));
    if well_formed { Ok(Value::text(lower)) } else { Err(format("an e-mail address", &Value::text(text))) }
}

pub(super) fn phone(text: &str) -> Result<Value, MapError> {
    let bad = || format("a phone number", &Value::text(text));
    if text.len() > PHONE_BYTES_MAX || !text.chars().any(|c| c.is_ascii_digit()) {
        return Err(bad());
    }
    let trimmed = text.trim();
    let international = trimmed.starts_with('+') || trimmed.starts_with("00");
    // "+49 (0) 170": the zero in brackets is dialled inside the country only.
    let without_zero = if international { trimmed.replace("(0)", "") } else { trimmed.to_owned() };
    let cleaned: String = without_zero
        .chars()
        .filter(|c| !c.is_whitespace() && !c.is_control() && !matches!(c, '(' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2015}'))
        .flat_map(char::to_lowercase)
        .collect();
    if !cleaned.chars().any(|c| c.is_ascii_digit()) {
        return Err(bad());
    }
    let digits = cleaned.strip_prefix('+').or_else(|| cleaned.strip_prefix("00"));
    match digits {
        Some(digits)
            if international
                && (7..=15).contains(&digits.len())
                && digits.bytes().all(|b| b.is_ascii_digit())
                && !digits.starts_with('0') =>
        {
            Ok(Value::Text(format_smolstr!("+{digits}")))
        }
        _ => Ok(Value::text(cleaned)),
    }
}

/// A number that is dialled inside a country (alpha-2) where it does not name one itself.
pub(super) fn phone_in(text: &str, country: Option<&str>) -> Result<Value, MapError> {
    let Value::Text(dialled) = phone(text)? else { return phone(text) };
    let international = country.and_then(|country| dial::international(&dialled, country));
    Ok(international.map_or(Value::Text(dialled), Value::text))
}

pub(super) fn url(text: &str) -> Result<Value, MapError> {
    let trimmed = text.trim();
    if trimmed.len() > URL_BYTES_MAX || trimmed.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(format("a web address", &Value::text(text)));
    }
    Ok(Value::text(trimmed))
}

fn one_of(values: &[String], text: &str) -> Result<Value, MapError> {
    let trimmed = text.trim();
    let found =
        values.iter().find(|value| *value == trimmed).or_else(|| values.iter().find(|value| value.eq_ignore_ascii_case(trimmed)));
    found
        .map(Value::text)
        .ok_or_else(|| MapError::new("lookup", format!("{} is none of {}", describe(&Value::text(trimmed)), values.join(", "))))
}

pub(super) fn money(value: Value) -> Result<Value, MapError> {
    let Value::Object(mut map) = value else {
        return Err(wrong("money, an object with amount and currency", &value));
    };
    let (amount, currency) = (map.remove("amount"), map.remove("currency"));
    match (amount, currency) {
        (None | Some(Value::Null), _) => Ok(Value::Null),
        (Some(amount), Some(Value::Text(currency))) => amount_in(amount, &currency),
        _ => Err(MapError::new("format", "an amount without its currency is not money")),
    }
}

/// An amount with its currency.
pub(super) fn amount_in(amount: Value, currency: &str) -> Result<Value, MapError> {
    let code = currency.trim().to_ascii_uppercase();
    if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(format("a currency code of three letters", &Value::text(currency)));
    }
    let amount = decimal(amount)?;
    Ok(Value::Object(NameMap::from([("amount", amount), ("currency", Value::text(code))])))
}

fn list(fields: &BTreeMap<String, FieldType>, key: &[String], elements: Vec<Value>) -> Result<Value, MapError> {
    if elements.len() > LIST_ELEMENTS_MAX {
        return Err(MapError::new("length", format!("{} elements; a list holds at most {LIST_ELEMENTS_MAX}", elements.len())));
    }
    let mut out = Vec::with_capacity(elements.len());
    for (at, element) in elements.into_iter().enumerate() {
        let at_element = |error: MapError| MapError::new(error.class, format!("element {}: {}", at + 1, error.message));
        match element {
            Value::Null => {}
            Value::Object(map) => {
                let mut normal = NameMap::with_capacity(map.len());
                for (name, value) in map {
                    let Some(kind) = fields.get(name.as_str()) else {
                        return Err(at_element(MapError::new("type", format!("there is no sub-field `{name}`"))));
                    };
                    normal.insert(name, normalise(kind, value).map_err(at_element)?);
                }
                out.push(Value::Object(normal));
            }
            // A list of bare values is one of elements that have only their key.
            value => match key {
                [only] => {
                    let kind = fields.get(only).unwrap_or(&FieldType::Text);
                    let value = normalise(kind, value).map_err(at_element)?;
                    if value != Value::Null {
                        out.push(Value::Object(NameMap::from([(only, value)])));
                    }
                }
                _ => return Err(at_element(wrong("an object", &value))),
            },
        }
    }
    Ok(Value::List(out))
}
