//! What a client may put into a property.
//!
//! Promises that every value which passes can be stored, compared and answered as it is. Must not know requests.

use super::{
    refusal::BadValue,
    schema::{ObjectSchema, Property, PropertyType},
};
use crate::{limits::CRM_TEXT_CHARS_MAX, time};
use rust_decimal::Decimal;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Checks the `properties` of a request's body. All that is wrong is said at once.
pub(crate) fn check(schema: &ObjectSchema, given: &Map<String, Value>) -> Result<BTreeMap<String, String>, Vec<BadValue>> {
    let mut good = BTreeMap::new();
    let mut bad = Vec::new();
    for (name, value) in given {
        let refuse = |code: &'static str, message: String| BadValue { property: name.clone(), code, message };
        let Some(property) = schema.property(name) else {
            bad.push(refuse("PROPERTY_DOESNT_EXIST", format!("Property \"{name}\" does not exist")));
            continue;
        };
        let Value::String(text) = value else {
            bad.push(refuse("INVALID_TYPE", format!("{value} was not a valid value for {name}: values are strings")));
            continue;
        };
        if property.read_only {
            bad.push(refuse("READ_ONLY_VALUE", format!("\"{name}\" is a read only property; its value cannot be set")));
            continue;
        }
        match normal(property, text) {
            Ok(value) => {
                good.insert(name.clone(), value);
            }
            Err((code, message)) => bad.push(refuse(code, message)),
        }
    }
    if bad.is_empty() { Ok(good) } else { Err(bad) }
}

/// The value as it is stored. An empty text clears.
pub(crate) fn normal(property: &Property, text: &str) -> Result<String, (&'static str, String)> {
    let name = &property.name;
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Ok(String::new());
    }
    match property.kind {
        PropertyType::String if property.name == "email" => {
            if valid_email(trimmed) {
                Ok(trimmed.to_lowercase())
            } else {
                Err(("INVALID_EMAIL", format!("Email address {trimmed} is invalid")))
            }
        }
        PropertyType::String => {
            if text.chars().count() > CRM_TEXT_CHARS_MAX {
                return Err(("INVALID_STRING_LENGTH", format!("{name} is longer than {CRM_TEXT_CHARS_MAX} characters")));
            }
            Ok(if property.unique { trimmed.to_owned() } else { text.to_owned() })
        }
        PropertyType::Number => match trimmed.parse::<Decimal>() {
            Ok(_) => Ok(trimmed.to_owned()),
            Err(_) => Err(("INVALID_DOUBLE", format!("{trimmed} was not a valid number."))),
        },
        PropertyType::Date => match time::parse(trimmed) {
            Some(ms) if ms.rem_euclid(86_400_000) == 0 => Ok(time::day(ms)),
            _ => Err(("INVALID_DATE", format!("{trimmed} was not a valid date."))),
        },
        PropertyType::Datetime => match time::parse(trimmed) {
            Some(ms) => Ok(time::iso(ms)),
            None => Err(("INVALID_LONG", format!("{trimmed} was not a valid long."))),
        },
        PropertyType::Bool => match trimmed {
            "true" | "false" => Ok(trimmed.to_owned()),
            _ => Err(("INVALID_OPTION", format!("{trimmed} was not one of the allowed options: [true, false]"))),
        },
        PropertyType::Enumeration => {
            if property.options.iter().any(|option| option == trimmed) {
                Ok(trimmed.to_owned())
            } else {
                let allowed = property.options.join(", ");
                Err(("INVALID_OPTION", format!("{trimmed} was not one of the allowed options: [{allowed}]")))
            }
        }
    }
}

/// A mailbox as HubSpot takes it: one `@`, something before it, a dotted host after it, no blanks.
fn valid_email(text: &str) -> bool {
    let Some((local, host)) = text.split_once('@') else {
        return false;
    };
    let label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    !local.is_empty()
        && !text.chars().any(|c| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '(' | ')'))
        && host.contains('.')
        && host.split('.').all(label)
}

/// A value in the form in which values of its type are compared.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Comparable {
    Number(Decimal),
    Time(i64),
    Text(String),
}

/// `None` where the text is no value of this type.
pub(crate) fn comparable(kind: PropertyType, text: &str) -> Option<Comparable> {
    match kind {
        PropertyType::Number => text.trim().parse().ok().map(Comparable::Number),
        PropertyType::Date | PropertyType::Datetime => time::parse(text).map(Comparable::Time),
        PropertyType::String | PropertyType::Bool | PropertyType::Enumeration => Some(Comparable::Text(text.to_lowercase())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn verdict(name: &str, value: Value) -> Result<String, &'static str> {
        let mut given = Map::new();
        given.insert(name.to_owned(), value);
        match check(&ObjectSchema::contacts(), &given) {
            Ok(good) => Ok(good[name].clone()),
            Err(bad) => Err(bad[0].code),
        }
    }

    #[test]
    fn values_by_type() {
        for (name, value, want) in [
            ("email", json!(" Ann@Example.ORG "), Ok("ann@example.org")),
            ("email", json!("ann@example"), Err("INVALID_EMAIL")),
            ("email", json!("not-an-email"), Err("INVALID_EMAIL")),
            ("email", json!("a b@example.org"), Err("INVALID_EMAIL")),
            ("email", json!(""), Ok("")),
            ("firstname", json!("  José "), Ok("  José ")),
            ("firstname", json!(7), Err("INVALID_TYPE")),
            ("firstname", json!(null), Err("INVALID_TYPE")),
            ("annualrevenue", json!("12.50"), Ok("12.50")),
            ("annualrevenue", json!("twelve"), Err("INVALID_DOUBLE")),
            ("date_of_birth", json!("1980-02-29"), Ok("1980-02-29")),
            ("date_of_birth", json!("1981-02-29"), Err("INVALID_DATE")),
            ("hs_email_optout", json!("true"), Ok("true")),
            ("hs_email_optout", json!("yes"), Err("INVALID_OPTION")),
            ("lifecyclestage", json!("lead"), Ok("lead")),
            ("lifecyclestage", json!("Lead"), Err("INVALID_OPTION")),
            ("hs_object_id", json!("1"), Err("READ_ONLY_VALUE")),
            ("nickname", json!("x"), Err("PROPERTY_DOESNT_EXIST")),
        ] {
            assert_eq!(verdict(name, value.clone()), want.map(str::to_owned), "{name} = {value}");
        }
    }
}
