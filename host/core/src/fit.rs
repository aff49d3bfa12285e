//! Whether a value fits the field that it goes to, and what to do where it does not.
//!
//! A value that does not fit is never cut or altered without being told to, and never silently: what came of it is in the
//! difference, is counted, and is shown. What a system shows of a value that was cut on its way there is no opinion of that
//! system's: [`echoes`].

use regex::{Regex, RegexBuilder};
use rust_decimal::Decimal;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::catalog::{Direction, FieldMapping, Mapping};
use crate::limits::PATTERN_COMPILED_BYTES_MAX;
use crate::mapping::{Env, Expression};
use crate::model::{Contribution, ContributionId};
use crate::value::Value;
use crate::{NameMap, Text};

/// Stands where a text was cut, if the mapping names no other mark.
pub const MARK: &str = "…";

/// Allowed values that a message lists.
const VALUES_SAID_MAX: usize = 12;

/// What a destination's field takes, as discovered from its schema or declared in the mapping, and what to do with a value
/// that it does not take.
#[derive(Clone, Debug, Default)]
pub struct Constraints {
    /// Longest text, in characters.
    pub max_length: Option<u32>,
    /// The only characters.
    pub characters: Option<Characters>,
    /// What the whole text must match.
    pub pattern: Option<Pattern>,
    /// The only values; empty: any.
    pub values: Vec<String>,
    /// Most digits of a number, those after the point included.
    pub precision: Option<u32>,
    /// Most digits after the point; with `precision`, they are set aside for it, as a database does.
    pub scale: Option<u32>,
    /// What to do with a value that does not fit.
    pub misfit: Misfit,
    /// The mapping says so itself; it was not assumed.
    pub said: bool,
}

/// What to do with a value that does not fit.
#[derive(Clone, Debug, Default)]
pub enum Misfit {
    /// Nothing is written of the record; it is set aside for a person.
    #[default]
    Reject,
    /// A text is cut so that it fits with this mark behind it.
    Truncate(String),
    /// These operations are applied; what they give must fit, or it is set aside.
    Transform(Expression),
}

impl Misfit {
    /// As it is written in a mapping.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Truncate(_) => "truncate",
            Self::Transform(_) => "transform",
        }
    }
}

/// A set of characters: as it was written, and what one of them matches.
#[derive(Clone, Debug)]
pub struct Characters {
    /// `ascii`, `latin-1`, `bmp`, or a class such as `[A-Za-z0-9 ]`.
    pub text: String,
    one: Regex,
}

impl Characters {
    /// A named set, or a class in brackets.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn new(text: &str) -> Result<Self, String> {
        let set = match text {
            "ascii" => r"[\x00-\x7f]",
            "latin-1" => r"[\x00-\xff]",
            "bmp" => r"[\x00-\u{ffff}]",
            own if own.starts_with('[') && own.ends_with(']') => own,
            _ => return Err("it is `ascii`, `latin-1`, `bmp`, or a class in brackets: \"[A-Za-z0-9 ]\"".to_owned()),
        };
        let one = compiled(&format!("^(?:{set})$"))?;
        Ok(Self { text: text.to_owned(), one })
    }

    /// The first character that does not belong to it.
    fn stranger(&self, text: &str) -> Option<char> {
        let mut buffer = [0; 4];
        text.chars().find(|c| !self.one.is_match(c.encode_utf8(&mut buffer)))
    }
}

/// What a whole text must match: as it was written, and compiled.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// As it was written.
    pub text: String,
    whole: Regex,
}

impl Pattern {
    /// A regular expression that the whole text must match.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn new(text: &str) -> Result<Self, String> {
        let whole = compiled(&format!(r"\A(?:{text})\z"))?;
        Ok(Self { text: text.to_owned(), whole })
    }
}

/// A regular expression whose time grows with the text alone: it has no references back, and its size is bounded.
fn compiled(text: &str) -> Result<Regex, String> {
    let built = RegexBuilder::new(text).size_limit(PATTERN_COMPILED_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(bytes) => {
            format!("it is larger than {bytes} bytes once it is compiled; say it with fewer repetitions")
        }
        error => said(&error),
    })
}

/// The last line of a regular expression's error says what it is; those above draw it.
fn said(error: &regex::Error) -> String {
    let text = error.to_string();
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

/// What became of a value on its way to a field.
#[derive(Clone, Debug, PartialEq)]
pub enum Fit {
    /// It fits as it is.
    Whole,
    /// By its policy this goes there instead.
    Instead(Value),
    /// It does not fit.
    Unfit(Unfit),
}

/// Why a value does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit {
    /// `length` or `format`.
    pub class: &'static str,
    /// What it has, what the field takes.
    pub why: String,
}

impl Unfit {
    fn new(class: &'static str, why: String) -> Self {
        Self { class, why }
    }
}

/// A value of a difference that was cut or transformed to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fitted {
    /// Remote path.
    pub path: Text,
    /// `truncate` or `transform`.
    pub policy: &'static str,
    /// Characters that the value has here.
    pub length: usize,
    /// Characters that go there.
    pub sent: usize,
}

impl Fitted {
    pub(crate) fn new(field: &FieldMapping, value: &Value, sent: &Value) -> Self {
        let length = |value: &Value| value.display().chars().count();
        let policy = field.constraints.misfit.word();
        Self { path: field.remote.as_str().into(), policy, length: length(value), sent: length(sent) }
    }
}

impl Constraints {
    /// Whether there is anything that a value may break.
    pub fn any(&self) -> bool {
        self.max_length.is_some()
            || self.characters.is_some()
            || self.pattern.is_some()
            || !self.values.is_empty()
            || self.precision.is_some()
            || self.scale.is_some()
    }

    /// Whether something else than the value may go there.
    pub fn alters(&self) -> bool {
        self.any() && !matches!(self.misfit, Misfit::Reject)
    }

    /// What becomes of a value on its way to the field at a path. An empty value always fits.
    pub fn fit(&self, path: &str, value: &Value, connection: &str, region: Option<&str>) -> Fit {
        let Some(unfit) = self.broken(path, value) else { return Fit::Whole };
        let instead = match (&self.misfit, value, self.max_length) {
            (Misfit::Truncate(mark), Value::Text(text), Some(max)) => Value::text(cut(text, max as usize, mark)),
            (Misfit::Transform(operations), ..) => {
                let env = Env { body: value, externals: &[], connection, region };
                match operations.evaluate(&env) {
                    Ok(value) => value,
                    Err(error) => return Fit::Unfit(Unfit::new(unfit.class, format!("{}; {}", unfit.why, error.message))),
                }
            }
            _ => return Fit::Unfit(unfit),
        };
        let word = self.misfit.word();
        if instead.is_empty() {
            return Fit::Unfit(Unfit::new(unfit.class, format!("{}; `{word}` leaves nothing of it", unfit.why)));
        }
        match self.broken(path, &instead) {
            None => Fit::Instead(instead),
            Some(still) => Fit::Unfit(Unfit::new(still.class, format!("{}, also after `{word}`", still.why))),
        }
    }

    /// The first constraint that a value breaks.
    fn broken(&self, path: &str, value: &Value) -> Option<Unfit> {
        if value.is_empty() || !self.any() {
            return None;
        }
        if let (Some(max), Value::Text(text) | Value::Number(text)) = (self.max_length, value) {
            let length = text.chars().count();
            if length > max as usize {
                return Some(Unfit::new("length", format!("the value has {length} characters, `{path}` takes {max}")));
            }
        }
        let no = |why: String| Some(Unfit::new("format", why));
        if let (Some(characters), Value::Text(text)) = (&self.characters, value)
            && let Some(stranger) = characters.stranger(text)
        {
            return no(format!(
                "the value holds `{}` (U+{:04X}), and `{path}` takes `{}` alone",
                stranger.escape_debug(),
                stranger as u32,
                characters.text
            ));
        }
        if let (Some(pattern), Value::Text(text) | Value::Number(text)) = (&self.pattern, value)
            && !pattern.whole.is_match(text)
        {
            return no(format!("the value is not of the form that `{path}` takes: {}", pattern.text));
        }
        if !self.values.is_empty() && matches!(value, Value::Text(_) | Value::Number(_) | Value::Bool(_)) {
            let found = match value {
                Value::Bool(flag) => flag.to_string(),
                other => other.display(),
            };
            if !self.values.contains(&found) {
                let more = self.values.len().saturating_sub(VALUES_SAID_MAX);
                let shown: Vec<&str> = self.values.iter().take(VALUES_SAID_MAX).map(String::as_str).collect();
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                return no(format!("the value is none of those that `{path}` takes: {}{more}", shown.join(", ")));
            }
        }
        self.digits(path, value).map(|why| Unfit::new("format", why))
    }

    /// Whether a number has more digits than the field.
    fn digits(&self, path: &str, value: &Value) -> Option<String> {
        let (Value::Number(text) | Value::Text(text)) = value else { return None };
        if self.precision.is_none() && self.scale.is_none() {
            return None;
        }
        let Ok(number) = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(text)) else {
            return Some(format!("the value is no number that `{path}` can hold"));
        };
        let number = number.normalize();
        if let Some(scale) = self.scale.filter(|scale| number.scale() > *scale) {
            return Some(format!("the number has {} digits after the point, `{path}` takes {scale}", number.scale()));
        }
        let before = number.trunc().abs().to_string().trim_start_matches('0').len() as u32;
        let after = self.scale.unwrap_or(number.scale());
        let precision = self.precision.filter(|precision| before + after > *precision)?;
        let room = precision.saturating_sub(after);
        Some(format!("the number has {before} digits before the point, `{path}` takes {room}"))
    }
}

/// The beginning of a text with a mark behind it, together at most `max` characters. What people see as one character is not
/// taken apart.
fn cut(text: &str, max: usize, mark: &str) -> String {
    let mut room = max.saturating_sub(mark.chars().count());
    let mut end = 0;
    for (at, one) in text.grapheme_indices(true) {
        let length = one.chars().count();
        if length > room {
            break;
        }
        room -= length;
        end = at + one.len();
    }
    let kept = text[..end].trim_end();
    if kept.is_empty() { String::new() } else { format!("{kept}{mark}") }
}

/// Fields of a mapping that come in again, and may go out as something else than they are.
fn altered(mapping: &Mapping) -> impl Iterator<Item = (&FieldMapping, &str)> {
    let fields = mapping.fields.iter().filter(|field| field.direction == Direction::Both && field.constraints.alters());
    fields.filter_map(|field| {
        let canonical = field.canonical.as_deref()?;
        (field.outputs.len() == 1 && field.outputs[0] == canonical).then_some((field, canonical))
    })
}

/// What goes to a field instead of a canonical value, where its policy alters it.
pub fn instead(mapping: &Mapping, field: &FieldMapping, value: &Value, region: Option<&str>) -> Option<Value> {
    if !field.constraints.alters() || value.is_empty() {
        return None;
    }
    let canonical = field.canonical.as_deref().or(field.outputs.first().map(String::as_str))?;
    let body = Value::Object([(Text::from(canonical), value.clone())].into_iter().collect::<NameMap<Value>>());
    let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
    let spelled = field.write.as_ref()?.evaluate(&env).ok()?;
    match field.constraints.fit(&field.remote, &spelled, &mapping.connection, region) {
        Fit::Instead(value) => Some(value),
        Fit::Whole | Fit::Unfit(_) => None,
    }
}

/// Whether a value that came in is what goes out instead of `whole`: then it says nothing new.
fn echoed(mapping: &Mapping, field: &FieldMapping, value: &Value, whole: &Value, region: Option<&str>) -> bool {
    if value == whole {
        return false;
    }
    let Some(sent) = instead(mapping, field, whole, region) else { return false };
    let mut body = Value::Object(NameMap::new());
    body.put(&field.remote, sent);
    let env = Env { body: &body, externals: &[], connection: &mapping.connection, region };
    field.read.as_ref().is_some_and(|read| read.evaluate(&env).is_ok_and(|read| read == *value))
}

/// Claims that are what their system was given of another's value, cut or transformed: they do not count as long as that value
/// is claimed, so that it does not matter who was read first. `mapping_of` knows the mapping of a contribution.
pub fn echoes<'m>(
    rows: &[&Contribution],
    mapping_of: impl Fn(&Contribution) -> Option<&'m Mapping>,
    region: Option<&str>,
) -> Vec<(ContributionId, String)> {
    let mut found = Vec::new();
    for row in rows {
        let Some(mapping) = mapping_of(row) else { continue };
        for (field, canonical) in altered(mapping) {
            let Some(claim) = row.claims.get(canonical) else { continue };
            let others = rows.iter().filter(|other| other.id != row.id).filter_map(|other| other.claims.get(canonical));
            if others.into_iter().any(|other| echoed(mapping, field, &claim.value, &other.value, region)) {
                found.push((row.id, canonical.to_owned()));
            }
        }
    }
    found
}

#[cfg(test)]
mod loops;
#[cfg(test)]
mod tests;
