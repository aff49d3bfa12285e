//! One filter of a search: reading it, and whether an object passes it.
//!
//! Must not know groups, pages or indexes, beyond that a filter on an index's own property is a range of its keys.

use super::{
    object::{Object, Table},
    refusal::Refusal,
    schema::PropertyType,
    values::{Comparable, comparable},
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct FilterBody {
    property_name: String,
    operator: String,
    #[serde(default)]
    value: Option<String>,
    #[serde(default)]
    values: Option<Vec<String>>,
    #[serde(default)]
    high_value: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum Test {
    Eq(Comparable),
    Neq(Comparable),
    Gt(Comparable),
    Gte(Comparable),
    Lt(Comparable),
    Lte(Comparable),
    Between(Comparable, Comparable),
    In(Vec<Comparable>),
    NotIn(Vec<Comparable>),
    Has,
    HasNot,
    Token(String),
    NotToken(String),
    /// Any default property contains this text.
    Query(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Filter {
    pub(crate) property: String,
    pub(crate) kind: PropertyType,
    pub(crate) test: Test,
}

/// Reads a filter; what makes no sense on its property is refused.
pub(crate) fn compile(table: &Table, body: &FilterBody) -> Result<Filter, Refusal> {
    let name = &body.property_name;
    let property = table.schema.property(name).ok_or_else(|| Refusal::no_property(name))?;
    let kind = property.kind;
    let read = |text: &String| {
        comparable(kind, text).ok_or_else(|| Refusal::invalid(format!("\"{text}\" is not a value of property {name}")))
    };
    let value = || match &body.value {
        Some(text) => read(text),
        None => Err(Refusal::invalid(format!("operator {} needs a value", body.operator))),
    };
    let values = || match &body.values {
        Some(list) if !list.is_empty() => list.iter().map(read).collect::<Result<Vec<_>, _>>(),
        _ => Err(Refusal::invalid(format!("operator {} needs values", body.operator))),
    };
    let token = || {
        body.value.as_ref().map(|text| text.trim_matches('*').to_lowercase()).ok_or_else(|| Refusal::invalid("a token is needed"))
    };
    let test = match body.operator.as_str() {
        "EQ" => Test::Eq(value()?),
        "NEQ" => Test::Neq(value()?),
        "GT" => Test::Gt(value()?),
        "GTE" => Test::Gte(value()?),
        "LT" => Test::Lt(value()?),
        "LTE" => Test::Lte(value()?),
        "BETWEEN" => {
            let high = body.high_value.as_ref().ok_or_else(|| Refusal::invalid("operator BETWEEN needs a highValue"))?;
            Test::Between(value()?, read(high)?)
        }
        "IN" => Test::In(values()?),
        "NOT_IN" => Test::NotIn(values()?),
        "HAS_PROPERTY" => Test::Has,
        "NOT_HAS_PROPERTY" => Test::HasNot,
        "CONTAINS_TOKEN" => Test::Token(token()?),
        "NOT_CONTAINS_TOKEN" => Test::NotToken(token()?),
        other => {
            return Err(Refusal::invalid(format!("operator \"{other}\" does not exist")));
        }
    };
    Ok(Filter { property: name.clone(), kind, test })
}

impl Filter {
    /// Whether the object passes.
    pub(crate) fn holds(&self, table: &Table, object: &Object) -> bool {
        if let Test::Query(text) = &self.test {
            let hit = |name: &String| object.values.get(name).is_some_and(|value| value.to_lowercase().contains(text.as_str()));
            return table.schema.default_properties.iter().any(hit);
        }
        let value = if self.property == table.schema.modified_property {
            Some(Comparable::Time(object.modified))
        } else {
            object
                .value(&table.schema, &self.property)
                .filter(|text| !text.is_empty())
                .and_then(|text| comparable(self.kind, &text))
        };
        let is = |check: &dyn Fn(&Comparable) -> bool| value.as_ref().is_some_and(check);
        let contains = |text: &String| {
            is(&|v| matches!(v, Comparable::Text(own) if own.split(|c: char| !c.is_alphanumeric()).any(|word| word == text)))
        };
        match &self.test {
            Test::Eq(want) => is(&|v| v == want),
            Test::Neq(want) => is(&|v| v != want),
            Test::Gt(low) => is(&|v| v > low),
            Test::Gte(low) => is(&|v| v >= low),
            Test::Lt(high) => is(&|v| v < high),
            Test::Lte(high) => is(&|v| v <= high),
            Test::Between(low, high) => is(&|v| v >= low && v <= high),
            Test::In(list) => is(&|v| list.contains(v)),
            Test::NotIn(list) => is(&|v| !list.contains(v)),
            Test::Has => value.is_some(),
            Test::HasNot => value.is_none(),
            Test::Token(text) => contains(text),
            Test::NotToken(text) => value.is_some() && !contains(text),
            Test::Query(_) => false,
        }
    }

    /// The filter as a range of keys of the index (from, up to but without), where it is one.
    pub(crate) fn range(&self, sort: &str) -> Option<(i64, i64)> {
        if self.property != sort {
            return None;
        }
        let key = |value: &Comparable| match value {
            Comparable::Time(ms) => Some(*ms),
            Comparable::Number(number) if number.is_integer() => i64::try_from(*number).ok(),
            _ => None,
        };
        let next = |key: i64| key.saturating_add(1);
        Some(match &self.test {
            Test::Eq(v) => (key(v)?, next(key(v)?)),
            Test::Gt(v) => (next(key(v)?), i64::MAX),
            Test::Gte(v) => (key(v)?, i64::MAX),
            Test::Lt(v) => (i64::MIN, key(v)?),
            Test::Lte(v) => (i64::MIN, next(key(v)?)),
            Test::Between(low, high) => (key(low)?, next(key(high)?)),
            Test::Has => (i64::MIN, i64::MAX),
            _ => return None,
        })
    }
}
