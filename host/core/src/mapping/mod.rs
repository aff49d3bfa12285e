//! The mapping language: a path or a call, piped through operations. Small, typed, without loops.
//!
//! Owns the text of `in`, `out`, `id` and `filter`: parsing (with columns for errors), types, evaluation,
//! inverses, and the sentences that explain a mapping. Promises that a compiled expression always ends,
//! within the bounds of [`crate::limits`], with a value or a [`MapError`]; bad data is a value here, never a panic.
//! Must not know where a body came from, nor which plugin computes an external's result.
//!
//! A pipe that begins with an operation works on the field itself: `in = "trim | lower"`. A path whose name is
//! that of an operation, or has other characters than letters, digits and `_ . - $ @ #`, stands in back quotes.
//! Null goes through every operation unchanged, except `default`.

mod canonical;
mod compile;
mod country;
mod dial;
mod explain;
mod number;
mod operation;
mod syntax;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod tree;
mod types;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use canonical::{normalise, typed};
pub use compile::{CALLS, OPERATIONS, Scope, compile, compile_predicate};
pub use country::codes as country_codes;
pub use explain::{explain, explain_field};
pub use syntax::Issue;
pub use table::Table;
pub use types::Type;

use crate::NameMap;
use crate::value::Value;
use tree::{Condition, Pipe, Source};

/// A compiled expression. A clone is one counter.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression {
    inner: Arc<ExpressionInner>,
}

#[derive(Debug, PartialEq)]
struct ExpressionInner {
    text: String,
    pipe: Pipe,
    gives: Type,
}

/// A compiled condition. A clone is one counter.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    inner: Arc<(String, Condition)>,
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

impl MapError {
    /// An error of a class.
    pub fn new(class: &'static str, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
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
    fn new(text: &str, pipe: Pipe, gives: Type) -> Self {
        Self { inner: Arc::new(ExpressionInner { text: text.to_owned(), pipe, gives }) }
    }

    /// What stands at a path, unchanged.
    pub fn path(path: &str, gives: Type) -> Self {
        let pipe = Pipe::path(path);
        Self::new(&pipe.written(), pipe, gives)
    }

    /// Compiles a text that needs no tables, plugins or known types. `own`: the field that it is written for.
    pub fn parse(text: &str, own: Option<&str>) -> Result<Self, Vec<Issue>> {
        let mut scope =
            Scope { own, lookups: &BTreeMap::new(), functions: None, externals: &mut Vec::new(), types: &|_| Type::Any };
        compile(text, &mut scope)
    }

    /// The value of this expression over a body.
    pub fn evaluate(&self, env: &Env<'_>) -> Result<Value, MapError> {
        self.inner.pipe.evaluate(env)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.inner.text
    }

    /// Type of its values, as far as known.
    pub fn gives(&self) -> Type {
        self.inner.gives
    }

    /// Paths that it looks at, without those of externals' arguments; sorted, each once.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.inner.pipe.paths(&mut paths);
        paths.sort();
        paths.dedup();
        paths
    }

    /// Whether it is the bare path.
    pub fn is_path(&self) -> bool {
        self.inner.pipe.steps.is_empty() && matches!(self.inner.pipe.source, Source::Path(_))
    }

    /// The way back: an expression over canonical fields that gives what stands at `own`, from the value in
    /// `canonical`. Operations that only normalise are left out. An error says which operation has no way back.
    pub fn invert(&self, own: &str, canonical: &str) -> Result<Self, String> {
        let pipe = self.inner.pipe.invert(own, canonical)?;
        let gives = pipe.steps.last().map_or(Type::Any, |(op, from)| op.gives(*from));
        Ok(Self::new(&pipe.written(), pipe, gives))
    }

    /// The stream whose ids it turns into references or back, if it does.
    pub fn reference_stream(&self) -> Option<&str> {
        self.reference_streams().into_iter().next()
    }

    /// All streams whose ids it turns into references or back.
    pub fn reference_streams(&self) -> Vec<&str> {
        let mut streams = Vec::new();
        self.inner.pipe.streams(&mut streams);
        streams
    }

    /// Whether the result of a plugin's function ([`External`]) has a part in it.
    pub fn calls(&self) -> bool {
        self.inner.pipe.calls()
    }

    /// Whether it makes up a value where there is none.
    pub fn invents(&self) -> bool {
        self.inner.pipe.invents()
    }

    /// Whether it gives nothing when nothing stands at its paths: no `default`, constant or `coalesce` with one.
    pub fn may_be_empty(&self) -> bool {
        self.inner.pipe.may_be_empty()
    }

    /// In words: "`properties.email`, without blanks around it, in lower case".
    pub fn phrase(&self) -> String {
        self.inner.pipe.phrase()
    }
}

impl Predicate {
    fn new(text: &str, condition: Condition) -> Self {
        Self { inner: Arc::new((text.to_owned(), condition)) }
    }

    /// Compiles a text that needs no tables.
    pub fn parse(text: &str) -> Result<Self, Vec<Issue>> {
        let mut scope =
            Scope { own: None, lookups: &BTreeMap::new(), functions: None, externals: &mut Vec::new(), types: &|_| Type::Any };
        compile_predicate(text, &mut scope)
    }

    /// Whether it holds over a body.
    pub fn holds(&self, env: &Env<'_>) -> Result<bool, MapError> {
        self.inner.1.holds(env)
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.inner.0
    }

    /// Paths that it looks at; sorted, each once.
    pub fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.inner.1.paths(&mut paths);
        paths.sort();
        paths.dedup();
        paths
    }
}

/// Where a name was found last: bodies of one stream mostly have the same names, so it is looked for there first. A
/// guess, and no part of what an expression is.
#[derive(Default)]
pub struct Hint(AtomicUsize);

impl std::fmt::Debug for Hint {
    /// Says the same whatever was found where: how a mapping reads is told by how it is spelled for debugging, and stored.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hint(0)")
    }
}

impl Hint {
    /// The value under a name.
    pub fn get<'m, V>(&self, map: &'m NameMap<V>, name: &str) -> Option<&'m V> {
        let guess = self.0.load(Ordering::Relaxed);
        let (place, value) = map.get_near(name, guess)?;
        if place != guess {
            self.0.store(place, Ordering::Relaxed);
        }
        Some(value)
    }
}

impl Clone for Hint {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Hint {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// As [`find`], looking first where the name was found last.
pub fn find_near<'a>(body: &'a Value, path: &str, near: &Hint) -> Option<&'a Value> {
    match body {
        Value::Object(map) if !path.is_empty() => near.get(map, path).or_else(|| find(body, path)),
        _ => find(body, path),
    }
}

/// The value at a path: the name whole, then its longest known beginning and the rest level by level.
/// A number between dots selects an element of a list. `""` is the value itself.
pub fn find<'a>(body: &'a Value, path: &str) -> Option<&'a Value> {
    if path.is_empty() {
        return Some(body);
    }
    match body {
        Value::Object(map) => {
            if let Some(value) = map.get(path) {
                return Some(value);
            }
            path.rmatch_indices('.').find_map(|(at, _)| find(map.get(&path[..at])?, &path[at + 1..]))
        }
        Value::List(list) => {
            let (index, rest) = path.split_once('.').unwrap_or((path, ""));
            find(list.get(index.parse::<usize>().ok()?)?, rest)
        }
        _ => None,
    }
}

/// A value for messages: its type, and the beginning of what it is.
fn describe(value: &Value) -> String {
    let cut = |text: &str| {
        let escaped: String = text.chars().take(60).flat_map(char::escape_debug).collect();
        if text.chars().nth(60).is_some() { format!("{escaped}…") } else { escaped }
    };
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(flag) => format!("{flag}"),
        Value::Number(text) => format!("the number {}", cut(text)),
        Value::Text(text) => format!("\"{}\"", cut(text)),
        Value::List(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "an object".to_owned(),
        Value::Reference(_) => "a reference".to_owned(),
    }
}

/// The known name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_lowercase();
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(&wanted, &known.to_lowercase()), known))
        .filter(|(distance, known)| *distance <= (known.chars().count().max(name.chars().count()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}
