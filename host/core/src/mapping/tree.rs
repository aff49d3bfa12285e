//! The compiled tree: evaluation, what it looks at, how it is written, and its inverse.

use std::cmp::Ordering;

use super::operation::{self, Inverse, Op};
use super::syntax::{Comparison, is_plain_path};
use super::types::Type;
use super::{Env, Hint, MapError, canonical, describe, find_near, number};
use crate::NameMap;
use crate::limits::LIST_ELEMENTS_MAX;
use crate::value::Value;

/// A source and what is done to it. Each step with the type that it is applied to.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pipe {
    pub(super) source: Source,
    pub(super) steps: Vec<(Op, Type)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Source {
    Path(Path),
    Literal(Value),
    External(usize, String),
    Concat(Vec<Pipe>),
    Coalesce(Vec<Pipe>),
    When(Box<Condition>, Box<Pipe>, Box<Pipe>),
    Template(Vec<Piece>),
    Object(Vec<(String, Pipe)>),
    List(Vec<Pipe>),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Path(Path),
}

/// A path into a body, which remembers where it was found last.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Path {
    text: String,
    near: Hint,
}

impl Path {
    fn find<'b>(&self, body: &'b Value) -> Option<&'b Value> {
        find_near(body, &self.text, &self.near)
    }
}

impl<T: Into<String>> From<T> for Path {
    fn from(text: T) -> Self {
        Self { text: text.into(), near: Hint::default() }
    }
}

impl std::ops::Deref for Path {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Condition {
    Compare(Pipe, Comparison, Pipe),
    In(Pipe, Vec<Value>),
    IsNull(Pipe),
    IsEmpty(Pipe),
    Truth(Pipe),
    Not(Box<Condition>),
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Pipe {
    pub(super) fn path(path: impl Into<String>) -> Self {
        Self { source: Source::Path(path.into().into()), steps: Vec::new() }
    }

    pub(super) fn evaluate(&self, env: &Env<'_>) -> Result<Value, MapError> {
        let mut value = self.source.evaluate(env)?;
        for (op, _) in &self.steps {
            value = op.apply(value, env)?;
        }
        Ok(value)
    }

    pub(super) fn paths(&self, out: &mut Vec<String>) {
        match &self.source {
            Source::Path(path) => out.push(path.to_string()),
            Source::Literal(_) | Source::External(..) => {}
            Source::Concat(parts) | Source::Coalesce(parts) | Source::List(parts) => {
                parts.iter().for_each(|part| part.paths(out))
            }
            Source::When(condition, yes, no) => {
                condition.paths(out);
                yes.paths(out);
                no.paths(out);
            }
            Source::Template(pieces) => out.extend(pieces.iter().filter_map(|piece| match piece {
                Piece::Path(path) => Some(path.to_string()),
                Piece::Text(_) => None,
            })),
            Source::Object(parts) => parts.iter().for_each(|(_, part)| part.paths(out)),
        }
        for (op, _) in &self.steps {
            if let Op::Money(operation::Currency::Path(path)) | Op::Phone(Some(path)) = op {
                out.push(path.clone());
            }
        }
    }

    /// Streams named by `reference` and `remote_id`.
    pub(super) fn streams<'a>(&'a self, out: &mut Vec<&'a str>) {
        match &self.source {
            Source::Concat(parts) | Source::Coalesce(parts) | Source::List(parts) => {
                parts.iter().for_each(|part| part.streams(out))
            }
            Source::When(_, yes, no) => {
                yes.streams(out);
                no.streams(out);
            }
            Source::Object(parts) => parts.iter().for_each(|(_, part)| part.streams(out)),
            Source::Path(_) | Source::Literal(_) | Source::External(..) | Source::Template(_) => {}
        }
        out.extend(self.steps.iter().filter_map(|(op, _)| match op {
            Op::Reference(stream) | Op::RemoteId(stream) => Some(stream.as_str()),
            _ => None,
        }));
    }

    /// Whether the result of a plugin's function has a part in it.
    pub(super) fn calls(&self) -> bool {
        match &self.source {
            Source::External(..) => true,
            Source::Concat(parts) | Source::Coalesce(parts) | Source::List(parts) => parts.iter().any(Self::calls),
            Source::When(condition, yes, no) => condition.calls() || yes.calls() || no.calls(),
            Source::Object(parts) => parts.iter().any(|(_, part)| part.calls()),
            Source::Path(_) | Source::Literal(_) | Source::Template(_) => false,
        }
    }

    /// Whether `default` stands anywhere in it.
    pub(super) fn invents(&self) -> bool {
        let inner = match &self.source {
            Source::Concat(parts) | Source::Coalesce(parts) | Source::List(parts) => parts.iter().any(Self::invents),
            Source::When(_, yes, no) => yes.invents() || no.invents(),
            Source::Object(parts) => parts.iter().any(|(_, part)| part.invents()),
            Source::Path(_) | Source::Literal(_) | Source::External(..) | Source::Template(_) => false,
        };
        inner || self.steps.iter().any(|(op, _)| matches!(op, Op::Default(_)))
    }

    /// Whether it gives nothing when nothing stands at its paths.
    pub(super) fn may_be_empty(&self) -> bool {
        let source = match &self.source {
            Source::Path(_) | Source::External(..) | Source::Template(_) => true,
            Source::Literal(value) => value.is_empty(),
            // Texts between the parts do not count: without a part that is filled there is no text.
            Source::Concat(parts) => {
                parts.iter().filter(|part| !matches!(part.source, Source::Literal(_))).all(Self::may_be_empty)
            }
            Source::Coalesce(parts) | Source::List(parts) => parts.iter().all(Self::may_be_empty),
            Source::When(_, yes, no) => yes.may_be_empty() || no.may_be_empty(),
            Source::Object(parts) => parts.iter().all(|(_, part)| part.may_be_empty()),
        };
        self.steps.iter().fold(source, |empty, (op, _)| match op {
            Op::Default(value) => empty && value.is_empty(),
            Op::NullIf(_) | Op::Split(..) | Op::First => true,
            _ => empty,
        })
    }

    /// The way back: from the value in `target` to what stands at `own`.
    pub(super) fn invert(&self, own: &str, target: &str) -> Result<Self, String> {
        match &self.source {
            Source::Path(path) if **path == *own => {}
            Source::Path(path) => {
                return Err(format!("it reads `{path}`, not the field's own `{own}`"));
            }
            Source::External(_, function) => {
                return Err(format!("`{function}` is a plugin's function, and has no inverse"));
            }
            _ => return Err("it is made of more than the field itself".to_owned()),
        }
        let mut steps = Vec::with_capacity(self.steps.len());
        for (op, from) in self.steps.iter().rev() {
            match op.inverse(*from) {
                Inverse::Identity => {}
                Inverse::Op(inverse) => steps.push((inverse, op.gives(*from))),
                Inverse::None(why) => return Err(why.to_owned()),
            }
        }
        Ok(Self { source: Source::Path(target.into()), steps })
    }

    pub(super) fn written(&self) -> String {
        let mut out = self.source.written();
        for (op, _) in &self.steps {
            out.push_str(" | ");
            out.push_str(&op.written());
        }
        out
    }

    /// "`a`, trimmed, in lower case".
    pub(super) fn phrase(&self) -> String {
        let mut out = self.source.phrase();
        for (op, _) in &self.steps {
            out.push_str(", ");
            out.push_str(&op.phrase());
        }
        out
    }
}

impl Condition {
    /// Whether the result of a plugin's function has a part in it.
    fn calls(&self) -> bool {
        match self {
            Self::Compare(one, _, other) => one.calls() || other.calls(),
            Self::In(pipe, _) | Self::IsNull(pipe) | Self::IsEmpty(pipe) | Self::Truth(pipe) => pipe.calls(),
            Self::Not(inner) => inner.calls(),
            Self::All(all) | Self::Any(all) => all.iter().any(Self::calls),
        }
    }
}

impl Source {
    fn evaluate(&self, env: &Env<'_>) -> Result<Value, MapError> {
        match self {
            Self::Path(path) => Ok(path.find(env.body).cloned().unwrap_or_default()),
            Self::Literal(value) => Ok(value.clone()),
            Self::External(at, function) => env.externals.get(*at).cloned().unwrap_or_else(|| {
                Err(MapError::new("external", format!("the result of `{function}` is not here: its plugin was not called")))
            }),
            Self::Concat(parts) => {
                let mut out = String::new();
                let mut any = false;
                for part in parts {
                    let value = part.evaluate(env)?;
                    any |= !value.is_empty() && !matches!(part.source, Source::Literal(_));
                    append(&mut out, value)?;
                }
                Ok(if any { Value::text(out) } else { Value::Null })
            }
            Self::Coalesce(parts) => {
                for part in parts {
                    let value = part.evaluate(env)?;
                    if !value.is_empty() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            Self::When(condition, yes, no) => {
                if condition.holds(env)? {
                    yes.evaluate(env)
                } else {
                    no.evaluate(env)
                }
            }
            Self::Template(pieces) => {
                let mut out = String::new();
                let mut any = false;
                for piece in pieces {
                    match piece {
                        Piece::Text(text) => out.push_str(text),
                        Piece::Path(path) => {
                            let value = path.find(env.body).cloned().unwrap_or_default();
                            any |= !value.is_empty();
                            append(&mut out, value)?;
                        }
                    }
                }
                Ok(if any { Value::text(out) } else { Value::Null })
            }
            Self::Object(parts) => {
                let mut map = NameMap::with_capacity(parts.len());
                for (name, part) in parts {
                    map.insert(name, part.evaluate(env)?);
                }
                Ok(if map.values().all(Value::is_empty) { Value::Null } else { Value::Object(map) })
            }
            Self::List(parts) => {
                let mut list = Vec::with_capacity(parts.len());
                for part in parts {
                    let value = part.evaluate(env)?;
                    if !value.is_empty() {
                        list.push(value);
                    }
                }
                debug_assert!(list.len() <= LIST_ELEMENTS_MAX, "an expression's text bounds its parts");
                Ok(Value::List(list))
            }
        }
    }

    fn written(&self) -> String {
        let all = |parts: &[Pipe]| parts.iter().map(Pipe::written).collect::<Vec<_>>().join(", ");
        match self {
            Self::Path(path) => path_written(path),
            Self::Literal(value) => literal_written(value),
            Self::External(at, function) => format!("{function}[{at}]"),
            Self::Concat(parts) => format!("concat({})", all(parts)),
            Self::Coalesce(parts) => format!("coalesce({})", all(parts)),
            Self::List(parts) => format!("list({})", all(parts)),
            Self::When(condition, yes, no) => format!("when({}, {}, {})", condition.written(), yes.written(), no.written()),
            Self::Template(pieces) => {
                let text: String = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
                        Piece::Path(path) => format!("{{{path}}}"),
                    })
                    .collect();
                format!("template({text:?})")
            }
            Self::Object(parts) => {
                let parts: Vec<String> = parts.iter().map(|(name, part)| format!("{name} = {}", part.written())).collect();
                format!("object({})", parts.join(", "))
            }
        }
    }

    fn phrase(&self) -> String {
        let all = |parts: &[Pipe], word: &str| parts.iter().map(Pipe::phrase).collect::<Vec<_>>().join(word);
        match self {
            Self::Path(path) => format!("`{path}`"),
            Self::Literal(Value::Null) => "nothing".to_owned(),
            Self::Literal(value) => format!("\"{}\"", value.display()),
            Self::External(_, function) => format!("what `{function}` makes of it"),
            Self::Concat(parts) => format!("{} put together", all(parts, " and ")),
            Self::Coalesce(parts) => {
                format!("the first that is filled of {}", all(parts, ", then "))
            }
            Self::List(parts) => format!("a list of {}", all(parts, " and ")),
            Self::When(condition, yes, no) => {
                format!("{} if {}, else {}", yes.phrase(), condition.written(), no.phrase())
            }
            Self::Template(pieces) => {
                let text: String = pieces
                    .iter()
                    .map(|piece| match piece {
                        Piece::Text(text) => text.clone(),
                        Piece::Path(path) => format!("{{{path}}}"),
                    })
                    .collect();
                format!("\"{text}\" filled in")
            }
            Self::Object(parts) => {
                let parts: Vec<String> = parts.iter().map(|(name, part)| format!("{name} from {}", part.phrase())).collect();
                format!("an object of {}", parts.join(", "))
            }
        }
    }
}

fn append(out: &mut String, value: Value) -> Result<(), MapError> {
    if let Value::Text(text) = operation::to_text(value)? {
        operation::bounded(out.len() + text.len())?;
        out.push_str(&text);
    }
    Ok(())
}

fn path_written(path: &str) -> String {
    if is_plain_path(path) && !super::compile::is_operation(path) { path.to_owned() } else { format!("`{path}`") }
}

fn literal_written(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        other => other.display(),
    }
}

impl Condition {
    pub(super) fn holds(&self, env: &Env<'_>) -> Result<bool, MapError> {
        match self {
            Self::Compare(left, comparison, right) => {
                let (left, right) = (left.evaluate(env)?, right.evaluate(env)?);
                compare(&left, *comparison, &right)
            }
            Self::In(left, values) => {
                let left = left.evaluate(env)?;
                Ok(values.iter().any(|value| operation::same(&left, value)))
            }
            Self::IsNull(pipe) => Ok(pipe.evaluate(env)? == Value::Null),
            Self::IsEmpty(pipe) => Ok(pipe.evaluate(env)?.is_empty()),
            Self::Truth(pipe) => match pipe.evaluate(env)? {
                Value::Null => Ok(false),
                Value::Text(text) if text.trim().is_empty() => Ok(false),
                value => Ok(canonical::boolean(value)? == Value::Bool(true)),
            },
            Self::Not(inner) => Ok(!inner.holds(env)?),
            Self::All(all) => {
                for inner in all {
                    if !inner.holds(env)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            Self::Any(all) => {
                for inner in all {
                    if inner.holds(env)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    pub(super) fn paths(&self, out: &mut Vec<String>) {
        match self {
            Self::Compare(left, _, right) => {
                left.paths(out);
                right.paths(out);
            }
            Self::In(pipe, _) | Self::IsNull(pipe) | Self::IsEmpty(pipe) | Self::Truth(pipe) => pipe.paths(out),
            Self::Not(inner) => inner.paths(out),
            Self::All(all) | Self::Any(all) => all.iter().for_each(|inner| inner.paths(out)),
        }
    }

    pub(super) fn written(&self) -> String {
        let joined = |all: &[Self], word: &str| all.iter().map(Self::inner_written).collect::<Vec<_>>().join(word);
        match self {
            Self::Compare(left, comparison, right) => {
                let right = match (&right.source, right.steps.is_empty()) {
                    (Source::Path(path), true) => format!("`{path}`"),
                    _ => right.written(),
                };
                format!("{} {} {right}", left.written(), comparison.symbol())
            }
            Self::In(pipe, values) => {
                let values: Vec<String> = values.iter().map(literal_written).collect();
                format!("{} in ({})", pipe.written(), values.join(", "))
            }
            Self::IsNull(pipe) => format!("{} is null", pipe.written()),
            Self::IsEmpty(pipe) => format!("{} is empty", pipe.written()),
            Self::Truth(pipe) => pipe.written(),
            Self::Not(inner) => format!("not {}", inner.inner_written()),
            Self::All(all) => joined(all, " and "),
            Self::Any(all) => joined(all, " or "),
        }
    }

    fn inner_written(&self) -> String {
        match self {
            Self::All(_) | Self::Any(_) => format!("({})", self.written()),
            _ => self.written(),
        }
    }
}

fn compare(left: &Value, comparison: Comparison, right: &Value) -> Result<bool, MapError> {
    match comparison {
        Comparison::Equal => return Ok(operation::same(left, right)),
        Comparison::NotEqual => return Ok(!operation::same(left, right)),
        Comparison::Contains => {
            return match (left, right) {
                (Value::Null, _) => Ok(false),
                (Value::Text(text), Value::Text(part)) => Ok(text.contains(part.as_str())),
                (Value::List(list), value) => Ok(list.iter().any(|element| operation::same(element, value))),
                _ => Err(operation::expected("text or a list", left)),
            };
        }
        _ => {}
    }
    let order = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(false),
        (Value::Text(left), Value::Text(right)) => left.cmp(right),
        (Value::Number(left) | Value::Text(left), Value::Number(right) | Value::Text(right)) => {
            match (number::canonical(left), number::canonical(right)) {
                (Some(left), Some(right)) => number::compare(&left, &right),
                _ => {
                    return Err(MapError::new("type", format!("\"{left}\" and \"{right}\" cannot be compared as numbers")));
                }
            }
        }
        _ => {
            return Err(MapError::new("type", format!("{} and {} have no order", describe(left), describe(right))));
        }
    };
    Ok(match comparison {
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        _ => order != Ordering::Less,
    })
}
