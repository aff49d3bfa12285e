//! The mapping language: a path or a call, piped through operations. Small, typed, without loops.
//!
//! Owns the text of `in`, `out`, `id` and `filter`: parsing (with columns for errors), types, evaluation,
//! inverses, and the sentences that explain a mapping. Promises that a compiled expression always ends,
//! within the bounds of [`crate::limits`], with a value or a [`MapError`]; bad data is a value here, never a panic.
//! Must not know where a body came from, nor which plugin computes an external's result.

use std::sync::Arc;

use crate::value::Value;

/// A compiled expression. Two are equal when their texts are; a clone is one counter.
#[derive(Clone, Debug)]
pub struct Expression {
    text: Arc<str>,
}

/// A compiled condition.
#[derive(Clone, Debug)]
pub struct Predicate {
    text: Arc<str>,
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

/// What an expression looks at.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// A remote body, a list element, or an object of canonical fields. Names with dots are looked up whole first,
    /// then level by level ([`find`]).
    pub body: &'a Value,
    /// Results of the mapping's [`External`] calls for this record, in their order. Empty where there are none.
    pub externals: &'a [Result<Value, MapError>],
    /// Connection that the body belongs to: whose ids `reference(stream)` makes.
    pub connection: &'a str,
    /// Region assumed where a phone or a date does not say (`DE`).
    pub region: Option<&'a str>,
}

/// Why a value could not be mapped. The record is set aside with it; the page goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct MapError {
    /// `type`, `format`, `lookup`, `length`, `required` or `external`.
    pub class: &'static str,
    /// What was expected and what was found.
    pub message: String,
}

/// A call of a transform plugin's function found in a mapping. The host evaluates the arguments for a batch,
/// calls the function once, and gives the results back in [`Env::externals`]. An argument may use the results
/// of externals before it.
#[derive(Clone, Debug, PartialEq)]
pub struct External {
    /// Name of the function, unique among the known transform plugins.
    pub function: String,
    /// One per input of the function.
    pub arguments: Vec<Expression>,
}

impl Expression {
    /// The value of this expression over a body.
    pub fn evaluate(&self, env: &Env<'_>) -> Result<Value, MapError> {
        let _ = env;
        Ok(Value::Null)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The stream whose ids it turns into references or back, if it does.
    pub fn reference_stream(&self) -> Option<&str> {
        None
    }
}

impl Predicate {
    /// Whether it holds over a body.
    pub fn holds(&self, env: &Env<'_>) -> Result<bool, MapError> {
        let _ = env;
        Ok(true)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// The value at a path: the name whole, then its longest known beginning and the rest level by level.
/// A number between dots selects an element of a list.
pub fn find<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    body.at(path)
}

/// The one canonical spelling per type. Idempotent.
pub fn normalise(kind: &crate::catalog::FieldType, value: Value) -> Result<Value, MapError> {
    let _ = kind;
    Ok(value)
}

/// A mapping in plain English.
pub fn explain(mapping: &crate::catalog::Mapping, entity: &crate::catalog::Entity) -> String {
    let _ = (mapping, entity);
    String::new()
}
