//! An entity's records as rows of a table: which fields are compared, as what, and their texts.

use std::borrow::Cow;

use super::{Kind, Table};
use crate::catalog::{Entity, EntityField, FieldType, Scoring, Survivorship};
use crate::model::Record;
use crate::value::Value;

/// Fields that say who or what a thing is.
pub fn fields(entity: &Entity) -> Vec<String> {
    entity.fields.iter().filter(|(_, field)| compared(field)).map(|(name, _)| name.clone()).collect()
}

/// Whether a comparison by score may come to something else where this field (or `list/element`) is another.
pub fn looks_at(entity: &Entity, scoring: &Scoring, name: &str) -> bool {
    match name.split_once('/') {
        Some((list, _)) => LISTED.iter().any(|(known, ..)| *known == list) || scoring.roles.looks_at(list),
        None => entity.fields.get(name).is_some_and(compared),
    }
}

fn compared(field: &EntityField) -> bool {
    // Whether somebody agreed to something does not say who he is.
    let consent = matches!(field.survivorship, Survivorship::Consent(_));
    !consent
        && !matches!(
            field.kind,
            FieldType::Reference(_)
                | FieldType::List { .. }
                | FieldType::Object
                | FieldType::File
                | FieldType::Timestamp
                | FieldType::Boolean
        )
}

/// Lists whose first element stands in for a field that is empty: the list, the field, the part of an element.
const LISTED: [(&str, &str, &str); 2] = [("emails", "email", "address"), ("phones", "phone", "number")];

/// The texts of these fields, which are in order, from values (field or `list/element`, value). A mailbox or telephone that is
/// kept in a list only is the first of that list.
pub fn row<'v>(fields: &[String], values: impl Iterator<Item = (Cow<'v, str>, &'v Value)>) -> Vec<String> {
    let mut row = vec![String::new(); fields.len()];
    let mut listed: Vec<(usize, &str)> = Vec::new();
    let place = |name: &str| fields.binary_search_by(|field| field.as_str().cmp(name)).ok();
    for (name, value) in values {
        match name.split_once('/') {
            None => {
                if let Some(at) = place(&name) {
                    row[at] = text_of(value);
                }
            }
            Some((list, _)) => {
                let Some((_, field, part)) = LISTED.into_iter().find(|(known, ..)| *known == list) else { continue };
                listed.extend(place(field).and_then(|at| Some((at, value.at(part)?.as_text()?))));
            }
        }
    }
    for (at, text) in listed {
        if row[at].is_empty() {
            text.clone_into(&mut row[at]);
        }
    }
    row
}

/// The same of a record as computed.
pub fn row_of(fields: &[String], record: &Record) -> Vec<String> {
    row(fields, record.fields.iter().map(|(name, field)| (Cow::Borrowed(name.as_str()), &field.value)))
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Text(text) | Value::Number(text) => text.to_string(),
        Value::Object(parts) => parts.iter().filter_map(|(_, part)| part.as_text()).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    }
}

/// What each field is compared as: by its type where that says it, else as a column of that name and those values would be.
pub fn kinds(entity: &Entity, fields: &[String], rows: &[Vec<String>]) -> Vec<(String, Kind)> {
    let guessed = Table::guess(fields, rows);
    let kind = |(name, guess): (String, Kind)| {
        let kind = match entity.fields.get(&name).map(|field| &field.kind) {
            _ if guess == Kind::Ignored => Kind::Ignored,
            Some(FieldType::Email) => Kind::Email,
            Some(FieldType::Phone) if guess != Kind::Mobile => Kind::Phone,
            Some(FieldType::Country) => Kind::Country,
            Some(FieldType::Enum(_)) => Kind::Category,
            // A date of which nobody says that it is a birth is one of the record, not of the thing.
            Some(FieldType::Date) if !name.contains("birth") => Kind::Ignored,
            Some(FieldType::Url) => Kind::Text,
            _ => guess.of_entity(&entity.name),
        };
        (name, kind)
    };
    guessed.into_iter().map(kind).collect()
}
