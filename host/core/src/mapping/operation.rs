//! The operations: what each takes and gives, does, undoes, and says of itself.

use std::sync::Arc;

use smol_str::{StrExt as _, format_smolstr};
use unicode_normalization::UnicodeNormalization;

use super::country::{self, Spelling};
use super::table::Table;
use super::time::{self, Format};
use super::types::Type;
use super::{Env, MapError, canonical, describe, find, number};
use crate::Text;
use crate::limits::MAPPED_TEXT_BYTES_MAX;
use crate::model::RemoteKey;
use crate::value::{Reference, Value};

/// One step of a pipe.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Op {
    Trim,
    Lower,
    Upper,
    Title,
    Collapse,
    Nfc,
    Replace(String, String),
    Split(String, i64),
    Truncate(usize),
    Default(Value),
    NullIf(Value),
    Text,
    Integer,
    /// Decimal separator; the other one of `.` and `,` then groups thousands.
    Decimal(Option<char>),
    FormatDecimal(char),
    DecimalTagged,
    FormatDecimalTagged,
    Boolean(Option<(String, String)>),
    FormatBoolean(String, String),
    Date(Format),
    FormatDate(Format),
    Timestamp(Format),
    FormatTimestamp(Format),
    /// The code, or the path where it stands.
    Money(Currency),
    Amount(Currency),
    Email,
    /// The path where its country stands; none: the hub's own.
    Phone(Option<String>),
    Country(Spelling),
    FormatCountry(Spelling),
    Url,
    Lookup(Arc<Table>),
    LookupBack(Arc<Table>),
    Reference(String),
    RemoteId(String),
    Prefix(String),
    Suffix(String),
    StripPrefix(String),
    StripSuffix(String),
    Json,
    JsonText,
    First,
    Join(String),
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Currency {
    /// Known where the mapping is written.
    Code(String),
    /// In the body.
    Path(String),
    /// The value is an object with amount and currency already.
    Own,
}

/// What can be undone, and how.
pub(super) enum Inverse {
    /// It only normalises: what comes back is as good as what went in.
    Identity,
    /// By another operation.
    Op(Op),
    /// Not at all, because …
    None(&'static str),
}

const TEXTS: &[Type] = &[Type::Text, Type::Date, Type::Timestamp];
const NUMBERS: &[Type] = &[Type::Text, Type::Integer, Type::Decimal];
const TIMES: &[Type] = &[Type::Text, Type::Integer, Type::Decimal, Type::Date, Type::Timestamp, Type::Object];

impl Op {
    /// Whether it can work on values of this type.
    pub(super) fn takes(&self, from: Type) -> bool {
        let types: &[Type] = match self {
            Self::Trim
            | Self::Lower
            | Self::Upper
            | Self::Title
            | Self::Collapse
            | Self::Nfc
            | Self::Replace(..)
            | Self::Split(..) => TEXTS,
            Self::Truncate(_) | Self::Prefix(_) | Self::Suffix(_) | Self::StripPrefix(_) | Self::StripSuffix(_) | Self::Json => {
                TEXTS
            }
            Self::Email | Self::Url | Self::Country(_) | Self::FormatCountry(_) => TEXTS,
            Self::Phone(_) => &[Type::Text, Type::Integer],
            Self::Default(_) | Self::NullIf(_) | Self::JsonText => return true,
            Self::Text => &[Type::Text, Type::Integer, Type::Decimal, Type::Boolean, Type::Date, Type::Timestamp],
            Self::Integer | Self::Decimal(_) | Self::FormatDecimal(_) => NUMBERS,
            Self::DecimalTagged => &[Type::Object, Type::Decimal, Type::Integer, Type::Text],
            Self::FormatDecimalTagged => NUMBERS,
            Self::Boolean(_) | Self::FormatBoolean(..) => &[Type::Text, Type::Boolean, Type::Integer],
            Self::Date(Format::Iso(_)) => TEXTS,
            Self::FormatDate(_) | Self::FormatTimestamp(_) => TEXTS,
            Self::Timestamp(Format::Iso(_)) => TEXTS,
            Self::Date(_) | Self::Timestamp(_) => TIMES,
            Self::Money(Currency::Own) => &[Type::Object, Type::Money],
            Self::Money(_) => NUMBERS,
            Self::Amount(_) => &[Type::Money, Type::Object],
            Self::Lookup(_) => &[Type::Text, Type::Integer, Type::Decimal, Type::Boolean],
            Self::LookupBack(_) => &[Type::Text, Type::Integer, Type::Decimal, Type::Boolean],
            Self::Reference(_) => &[Type::Text, Type::Integer],
            Self::RemoteId(_) => &[Type::Reference],
            Self::First | Self::Join(_) => &[Type::List],
        };
        from == Type::Any || types.contains(&from)
    }

    /// Type of what it gives.
    pub(super) fn gives(&self, from: Type) -> Type {
        match self {
            Self::Default(_) | Self::NullIf(_) => from,
            Self::Integer => Type::Integer,
            Self::Decimal(_) | Self::DecimalTagged | Self::Amount(_) => Type::Decimal,
            Self::Boolean(_) => Type::Boolean,
            Self::Date(_) => Type::Date,
            Self::Timestamp(_) => Type::Timestamp,
            Self::Money(_) => Type::Money,
            Self::Reference(_) => Type::Reference,
            Self::FormatDecimalTagged => Type::Object,
            Self::FormatDate(Format::Iso(_)) => Type::Date,
            Self::FormatTimestamp(Format::Iso(_)) => Type::Timestamp,
            Self::FormatDate(format) | Self::FormatTimestamp(format) => match format {
                Format::UnixSeconds | Format::UnixMilliseconds => Type::Integer,
                Format::Tryton => Type::Object,
                _ => Type::Text,
            },
            Self::Json | Self::Lookup(_) | Self::First => Type::Any,
            _ => Type::Text,
        }
    }

    /// How to undo it, given the type that it was applied to.
    pub(super) fn inverse(&self, from: Type) -> Inverse {
        use Inverse::{Identity, None, Op as By};
        match self {
            Self::Trim | Self::Lower | Self::Upper | Self::Title | Self::Collapse | Self::Nfc => Identity,
            Self::Email | Self::Phone(_) | Self::Url | Self::Integer | Self::Decimal(Option::None) => Identity,
            Self::Money(Currency::Own) => Identity,
            Self::Text => match from {
                Type::Integer => By(Self::Integer),
                Type::Decimal => By(Self::Decimal(Option::None)),
                Type::Boolean => By(Self::Boolean(Option::None)),
                _ => Identity,
            },
            Self::Replace(..) => None("`replace` forgets what it replaced"),
            Self::Split(..) => None("`split` forgets the other parts"),
            Self::Truncate(_) => None("`truncate` forgets the end"),
            Self::Default(_) => None("`default` would write invented data back"),
            Self::First => None("`first` forgets the other elements"),
            Self::Join(_) => None("`join` forgets where elements end"),
            Self::NullIf(value) => By(Self::Default(value.clone())),
            Self::Decimal(Some(separator)) => By(Self::FormatDecimal(*separator)),
            Self::FormatDecimal(separator) => By(Self::Decimal(Some(*separator))),
            Self::DecimalTagged => By(Self::FormatDecimalTagged),
            Self::FormatDecimalTagged => By(Self::DecimalTagged),
            Self::Boolean(Option::None) => Identity,
            Self::Boolean(Some((yes, no))) => By(Self::FormatBoolean(yes.clone(), no.clone())),
            Self::FormatBoolean(yes, no) => By(Self::Boolean(Some((yes.clone(), no.clone())))),
            Self::Date(_) if from == Type::Timestamp => None("`date` forgets the time of day"),
            Self::Date(Format::Iso(_)) => Identity,
            Self::Date(format) => By(Self::FormatDate(format.clone())),
            Self::FormatDate(format) => By(Self::Date(format.clone())),
            Self::Timestamp(Format::Iso(_)) => Identity,
            Self::Timestamp(format) => By(Self::FormatTimestamp(format.clone())),
            Self::FormatTimestamp(format) => By(Self::Timestamp(format.clone())),
            Self::Money(code @ Currency::Code(_)) => By(Self::Amount(code.clone())),
            Self::Money(Currency::Path(_)) => None("`money` with the path of a currency cannot change that currency"),
            Self::Amount(Currency::Code(code)) => By(Self::Money(Currency::Code(code.clone()))),
            Self::Amount(_) => None("`amount` forgets the currency"),
            Self::Country(Spelling::Alpha2) => Identity,
            Self::Country(spelling) => By(Self::FormatCountry(*spelling)),
            Self::FormatCountry(spelling) => By(Self::Country(*spelling)),
            Self::Lookup(table) | Self::LookupBack(table) if table.shared.is_some() => {
                None("two keys of the table have the same value, so there is no way back")
            }
            Self::Lookup(table) => By(Self::LookupBack(table.clone())),
            Self::LookupBack(table) => By(Self::Lookup(table.clone())),
            Self::Reference(stream) => By(Self::RemoteId(stream.clone())),
            Self::RemoteId(stream) => By(Self::Reference(stream.clone())),
            Self::Prefix(text) => By(Self::StripPrefix(text.clone())),
            Self::StripPrefix(text) => By(Self::Prefix(text.clone())),
            Self::Suffix(text) => By(Self::StripSuffix(text.clone())),
            Self::StripSuffix(text) => By(Self::Suffix(text.clone())),
            Self::Json => By(Self::JsonText),
            Self::JsonText => By(Self::Json),
        }
    }

    /// Completes "the value …".
    pub(super) fn phrase(&self) -> String {
        match self {
            Self::Trim => "without blanks around it".to_owned(),
            Self::Lower => "in lower case".to_owned(),
            Self::Upper => "in upper case".to_owned(),
            Self::Title => "with a capital at the start of each word".to_owned(),
            Self::Collapse => "with single blanks between words".to_owned(),
            Self::Nfc => "with accents composed (Unicode NFC)".to_owned(),
            Self::Replace(from, to) if to.is_empty() => format!("without \"{from}\""),
            Self::Replace(from, to) => format!("with \"{from}\" replaced by \"{to}\""),
            Self::Split(separator, n) if *n < 0 => {
                format!("part {} from the end, cut at \"{separator}\"", -n)
            }
            Self::Split(separator, n) => format!("part {n}, cut at \"{separator}\""),
            Self::Truncate(n) => format!("cut after {n} characters"),
            Self::Default(value) => format!("\"{}\" where there is none", value.display()),
            Self::NullIf(value) => format!("where \"{}\" means none", value.display()),
            Self::Text => "as text".to_owned(),
            Self::Integer => "as a whole number".to_owned(),
            Self::Decimal(None) => "as a decimal number".to_owned(),
            Self::Decimal(Some(separator)) => {
                format!("as a decimal number written with \"{separator}\"")
            }
            Self::FormatDecimal(separator) => {
                format!("written with \"{separator}\" as the decimal separator")
            }
            Self::DecimalTagged | Self::FormatDecimalTagged => {
                "as a decimal number that Tryton spells as a tagged object".to_owned()
            }
            Self::Boolean(None) => "as yes or no".to_owned(),
            Self::Boolean(Some((yes, no))) | Self::FormatBoolean(yes, no) => {
                format!("where \"{yes}\" is yes and \"{no}\" is no")
            }
            Self::Date(Format::Iso(_)) => "as a date".to_owned(),
            Self::Date(format) => format!("as a date from {}", format.phrase()),
            Self::FormatDate(format) | Self::FormatTimestamp(format) => {
                format!("written as {}", format.phrase())
            }
            Self::Timestamp(format) => format!("as a time from {}", format.phrase()),
            Self::Money(Currency::Code(code)) => format!("as an amount in {code}"),
            Self::Money(Currency::Path(path)) => {
                format!("as an amount in the currency of `{path}`")
            }
            Self::Money(Currency::Own) => "as money".to_owned(),
            Self::Amount(Currency::Code(code)) => {
                format!("the amount alone, which must be in {code}")
            }
            Self::Amount(_) => "the amount alone".to_owned(),
            Self::Email => "as an e-mail address".to_owned(),
            Self::Phone(None) => "as a phone number".to_owned(),
            Self::Phone(Some(path)) => format!("as a phone number, dialled in the country of `{path}` where it names none"),
            Self::Country(_) => "as a country".to_owned(),
            Self::FormatCountry(Spelling::Name) => "written as the country's name".to_owned(),
            Self::FormatCountry(Spelling::Alpha3) => "written as the country's three letters".to_owned(),
            Self::FormatCountry(Spelling::Alpha2) => "written as the country's two letters".to_owned(),
            Self::Url => "as a web address".to_owned(),
            Self::Lookup(table) | Self::LookupBack(table) if table.name == "enum_map" => {
                let lines: Vec<String> =
                    table.lines().map(|(key, value)| format!("\"{key}\" is \"{}\"", value.display())).collect();
                format!("where {}", lines.join(", "))
            }
            Self::Lookup(table) => format!("translated by the table `{}`", table.name),
            Self::LookupBack(table) => format!("translated back by the table `{}`", table.name),
            Self::Reference(stream) => format!("as a reference to one of `{stream}`"),
            Self::RemoteId(stream) => format!("as the id of one of `{stream}`"),
            Self::Prefix(text) => format!("with \"{text}\" in front"),
            Self::Suffix(text) => format!("with \"{text}\" behind"),
            Self::StripPrefix(text) => format!("without \"{text}\" in front"),
            Self::StripSuffix(text) => format!("without \"{text}\" behind"),
            Self::Json => "read as JSON".to_owned(),
            Self::JsonText => "written as JSON".to_owned(),
            Self::First => "the first of the list".to_owned(),
            Self::Join(separator) => format!("joined with \"{separator}\""),
        }
    }

    /// As it is written in a mapping.
    pub(super) fn written(&self) -> String {
        let word = |value: &Value| match value {
            Value::Text(text) => format!("{text:?}"),
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            other => other.display(),
        };
        match self {
            Self::Trim => "trim".to_owned(),
            Self::Lower => "lower".to_owned(),
            Self::Upper => "upper".to_owned(),
            Self::Title => "title".to_owned(),
            Self::Collapse => "collapse".to_owned(),
            Self::Nfc => "nfc".to_owned(),
            Self::Replace(from, to) => format!("replace({from:?}, {to:?})"),
            Self::Split(separator, n) => format!("split({separator:?}, {n})"),
            Self::Truncate(n) => format!("truncate({n})"),
            Self::Default(value) => format!("default({})", word(value)),
            Self::NullIf(value) => format!("null_if({})", word(value)),
            Self::Text => "text".to_owned(),
            Self::Integer => "integer".to_owned(),
            Self::Decimal(None) => "decimal".to_owned(),
            Self::Decimal(Some(separator)) => format!("decimal(\"{separator}\")"),
            Self::FormatDecimal(separator) => format!("format_decimal(\"{separator}\")"),
            Self::DecimalTagged => "decimal(tryton)".to_owned(),
            Self::FormatDecimalTagged => "format_decimal(tryton)".to_owned(),
            Self::Boolean(None) => "boolean".to_owned(),
            Self::Boolean(Some((yes, no))) => format!("boolean({yes:?}, {no:?})"),
            Self::FormatBoolean(yes, no) => format!("format_boolean({yes:?}, {no:?})"),
            Self::Date(format) => format!("date({})", format.written()),
            Self::FormatDate(format) => format!("format_date({})", format.written()),
            Self::Timestamp(format) => format!("timestamp({})", format.written()),
            Self::FormatTimestamp(format) => format!("format_timestamp({})", format.written()),
            Self::Money(currency) => format!("money{}", currency.written()),
            Self::Amount(currency) => format!("amount{}", currency.written()),
            Self::Email => "email".to_owned(),
            Self::Phone(None) => "phone".to_owned(),
            Self::Phone(Some(path)) => format!("phone({path})"),
            Self::Country(spelling) => format!("country({})", spelling_word(*spelling)),
            Self::FormatCountry(spelling) => {
                format!("format_country({})", spelling_word(*spelling))
            }
            Self::Url => "url".to_owned(),
            Self::Lookup(table) | Self::LookupBack(table) if table.name == "enum_map" => {
                let lines: Vec<String> = table.lines().map(|(key, value)| format!("{key:?} = {}", word(value))).collect();
                let name = if matches!(self, Self::Lookup(_)) { "enum_map" } else { "enum_back" };
                format!("{name}({})", lines.join(", "))
            }
            Self::Lookup(table) => format!("lookup({})", table.name),
            Self::LookupBack(table) => format!("lookup_back({})", table.name),
            Self::Reference(stream) => format!("reference({stream:?})"),
            Self::RemoteId(stream) => format!("remote_id({stream:?})"),
            Self::Prefix(text) => format!("prefix({text:?})"),
            Self::Suffix(text) => format!("suffix({text:?})"),
            Self::StripPrefix(text) => format!("strip_prefix({text:?})"),
            Self::StripSuffix(text) => format!("strip_suffix({text:?})"),
            Self::Json => "json".to_owned(),
            Self::JsonText => "json_text".to_owned(),
            Self::First => "first".to_owned(),
            Self::Join(separator) => format!("join({separator:?})"),
        }
    }

    /// Does it. Null stays null, except for `default` and `json_text`'s kin that say otherwise.
    pub(super) fn apply(&self, value: Value, env: &Env<'_>) -> Result<Value, MapError> {
        match (self, &value) {
            (Self::Default(default), Value::Null) => return Ok(default.clone()),
            (_, Value::Null) => return Ok(value),
            _ => {}
        }
        match self {
            Self::Default(_) => Ok(value),
            Self::NullIf(other) => Ok(if same(&value, other) { Value::Null } else { value }),
            Self::Trim => text(value, |text| {
                let trimmed = text.trim();
                if trimmed.len() == text.len() { text } else { trimmed.into() }
            }),
            Self::Lower => text(value, lower),
            Self::Upper => text(value, |text| text.to_uppercase().into()),
            Self::Title => text(value, title),
            Self::Collapse => text(value, |text| text.split_whitespace().collect::<Vec<_>>().join(" ").into()),
            Self::Nfc => text(value, |text| text.nfc().collect()),
            Self::Replace(from, to) => {
                let text = as_text(value)?;
                let times = text.matches(from.as_str()).count();
                bounded(text.len().saturating_add(times.saturating_mul(to.len())))?;
                Ok(Value::text(text.replace(from.as_str(), to)))
            }
            Self::Split(separator, n) => split(&as_text(value)?, separator, *n),
            Self::Truncate(n) => text(value, |text| match text.char_indices().nth(*n) {
                Some((at, _)) => text[..at].into(),
                None => text,
            }),
            Self::Text => to_text(value),
            Self::Integer => canonical::integer(value),
            Self::Decimal(None) => canonical::decimal(value),
            Self::Decimal(Some(separator)) => separated(value, *separator),
            Self::FormatDecimal(separator) => match canonical::decimal(value)? {
                Value::Number(text) => Ok(Value::text(text.replace('.', &separator.to_string()))),
                value => Ok(value),
            },
            Self::DecimalTagged => match &value {
                Value::Object(map) => match map.get("decimal") {
                    Some(inner @ Value::Text(_)) => canonical::decimal(inner.clone()),
                    _ => Err(MapError::new("format", format!("{} is not a tagged decimal", describe(&value)))),
                },
                _ => canonical::decimal(value),
            },
            Self::FormatDecimalTagged => match canonical::decimal(value)? {
                Value::Number(text) => {
                    Ok(Value::Object([("__class__", Value::text("Decimal")), ("decimal", Value::Text(text))].into()))
                }
                value => Ok(value),
            },
            Self::Boolean(None) => canonical::boolean(value),
            Self::Boolean(Some((yes, no))) => match to_text(value)? {
                Value::Text(text) if text == *yes => Ok(Value::Bool(true)),
                Value::Text(text) if text == *no => Ok(Value::Bool(false)),
                // People type "Ja" where a system says "ja"; where case alone tells the two apart, it counts.
                Value::Text(text) if !alike(yes, no) && alike(&text, yes) => Ok(Value::Bool(true)),
                Value::Text(text) if !alike(yes, no) && alike(&text, no) => Ok(Value::Bool(false)),
                value => Err(MapError::new("lookup", format!("{} is neither \"{yes}\" nor \"{no}\"", describe(&value)))),
            },
            Self::FormatBoolean(yes, no) => match canonical::boolean(value)? {
                Value::Bool(true) => Ok(Value::text(yes)),
                _ => Ok(Value::text(no)),
            },
            Self::Date(format) => empty_is_null(value, |value| time::read_date(format, value)),
            Self::Timestamp(format) => empty_is_null(value, |value| time::read_timestamp(format, value)),
            Self::FormatDate(format) => time::write(format, &value, true),
            Self::FormatTimestamp(format) => time::write(format, &value, false),
            Self::Money(Currency::Own) => canonical::money(value),
            Self::Money(Currency::Code(code)) => canonical::amount_in(value, code),
            Self::Money(Currency::Path(path)) => match find(env.body, path) {
                Some(Value::Text(code)) => canonical::amount_in(value, code),
                _ => Err(MapError::new("required", format!("an amount without a currency: `{path}` is empty"))),
            },
            Self::Amount(currency) => amount(value, currency),
            Self::Email => empty_is_null(value, |value| canonical::email(text_of(value)?)),
            Self::Phone(path) => empty_is_null(value, |value| match value {
                Value::Number(text) | Value::Text(text) => {
                    let there = path.as_ref().and_then(|path| find(env.body, path)).and_then(Value::as_text);
                    canonical::phone_in(text, there.and_then(country::alpha2).or(env.region))
                }
                _ => Err(expected("text", value)),
            }),
            Self::Url => empty_is_null(value, |value| canonical::url(text_of(value)?)),
            Self::Country(_) => empty_is_null(value, |value| match country::alpha2(text_of(value)?) {
                Some(code) => Ok(Value::text(code)),
                None => Err(MapError::new("lookup", format!("{} is no country that is known here", describe(value)))),
            }),
            Self::FormatCountry(spelling) => match country::spell(text_of(&value)?, *spelling) {
                Some(text) => Ok(Value::text(text)),
                None => Err(MapError::new("lookup", format!("{} is no alpha-2 code of a country", describe(&value)))),
            },
            Self::Lookup(table) => look_up(table, value),
            Self::LookupBack(table) => match table.key(&value) {
                Some(key) => Ok(Value::text(key)),
                None => Err(MapError::new("lookup", format!("{} is no value of the table `{}`", describe(&value), table.name))),
            },
            Self::Reference(stream) => match to_text(value)? {
                Value::Text(remote_id) if remote_id.is_empty() => Ok(Value::Null),
                Value::Text(remote_id) => {
                    Ok(Value::Reference(Reference::Remote(Arc::new(RemoteKey::new(env.connection, stream, remote_id)))))
                }
                value => Err(expected("an id", &value)),
            },
            Self::RemoteId(stream) => match value {
                Value::Reference(Reference::Remote(key)) => Ok(Value::Text(key.remote_id.clone())),
                Value::Reference(Reference::Record(id)) => {
                    Err(MapError::new("lookup", format!("record {id} has no counterpart in `{stream}` yet")))
                }
                value => Err(expected("a reference", &value)),
            },
            Self::Prefix(prefix) => grown(as_text(value)?, prefix, ""),
            Self::Suffix(suffix) => grown(as_text(value)?, "", suffix),
            Self::StripPrefix(prefix) => text(value, |text| text.strip_prefix(prefix.as_str()).map(Text::from).unwrap_or(text)),
            Self::StripSuffix(suffix) => text(value, |text| text.strip_suffix(suffix.as_str()).map(Text::from).unwrap_or(text)),
            Self::Json => empty_is_null(value, |value| {
                crate::codec::decode(text_of(value)?.as_bytes()).map_err(|error| MapError::new("format", error.to_string()))
            }),
            Self::JsonText => {
                let bytes = crate::codec::encode(&value);
                bounded(bytes.len())?;
                Ok(Value::text(String::from_utf8_lossy(&bytes)))
            }
            Self::First => match value {
                Value::List(list) => Ok(list.into_iter().find(|element| !element.is_empty()).unwrap_or(Value::Null)),
                value => Err(expected("a list", &value)),
            },
            Self::Join(separator) => match value {
                Value::List(list) => {
                    let mut out = String::new();
                    for element in list.into_iter().filter(|element| !element.is_empty()) {
                        let element = as_text(to_text(element)?)?;
                        bounded(out.len() + separator.len() + element.len())?;
                        if !out.is_empty() {
                            out.push_str(separator);
                        }
                        out.push_str(&element);
                    }
                    Ok(Value::text(out))
                }
                value => Err(expected("a list", &value)),
            },
        }
    }
}

impl Currency {
    fn written(&self) -> String {
        match self {
            Self::Code(code) => format!("({code})"),
            Self::Path(path) => format!("(`{path}`)"),
            Self::Own => String::new(),
        }
    }
}

fn spelling_word(spelling: Spelling) -> &'static str {
    match spelling {
        Spelling::Alpha2 => "alpha-2",
        Spelling::Alpha3 => "alpha-3",
        Spelling::Name => "name",
    }
}

pub(super) fn expected(what: &str, value: &Value) -> MapError {
    MapError::new("type", format!("expected {what}, found {}", describe(value)))
}

fn text_of(value: &Value) -> Result<&str, MapError> {
    value.as_text().ok_or_else(|| expected("text", value))
}

pub(super) fn as_text(value: Value) -> Result<Text, MapError> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Number(_) | Value::Bool(_) => {
            Err(MapError::new("type", format!("expected text, found {}; put `text |` before this operation", describe(&value))))
        }
        value => Err(expected("text", &value)),
    }
}

fn text(value: Value, change: impl FnOnce(Text) -> Text) -> Result<Value, MapError> {
    let changed = change(as_text(value)?);
    bounded(changed.len())?;
    Ok(Value::Text(changed))
}

pub(super) fn bounded(bytes: usize) -> Result<(), MapError> {
    if bytes > MAPPED_TEXT_BYTES_MAX {
        return Err(MapError::new("length", format!("the result would be longer than {MAPPED_TEXT_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn grown(text: Text, before: &str, after: &str) -> Result<Value, MapError> {
    bounded(before.len() + text.len() + after.len())?;
    Ok(Value::Text(format_smolstr!("{before}{text}{after}")))
}

/// A scalar as text, as it is spelled.
pub(super) fn to_text(value: Value) -> Result<Value, MapError> {
    match value {
        Value::Number(text) => Ok(Value::Text(text)),
        Value::Bool(flag) => Ok(Value::text(if flag { "true" } else { "false" })),
        Value::Text(_) | Value::Null => Ok(value),
        Value::Reference(Reference::Remote(key)) => Ok(Value::Text(key.remote_id.clone())),
        value => Err(expected("a single value", &value)),
    }
}

fn empty_is_null(value: Value, read: impl FnOnce(&Value) -> Result<Value, MapError>) -> Result<Value, MapError> {
    match &value {
        Value::Text(text) if text.trim().is_empty() => Ok(Value::Null),
        value => read(value),
    }
}

/// Equal for a mapping: numbers by value, everything else as it is.
pub(super) fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => match (number::canonical(left), number::canonical(right)) {
            (Some(left), Some(right)) => left == right,
            _ => left == right,
        },
        (Value::Number(number), Value::Text(text)) | (Value::Text(text), Value::Number(number)) => text == number,
        (Value::Bool(flag), Value::Text(text)) | (Value::Text(text), Value::Bool(flag)) => {
            text == if *flag { "true" } else { "false" }
        }
        _ => left == right,
    }
}

fn title(text: Text) -> Text {
    let mut out = String::with_capacity(text.len());
    let mut start = true;
    for c in text.chars() {
        if start {
            out.extend(c.to_uppercase());
        } else {
            out.extend(c.to_lowercase());
        }
        start = !(c.is_alphanumeric() || c == '\'' || c == '’');
    }
    out.into()
}

fn lower(text: Text) -> Text {
    // Mostly there is nothing to do.
    if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) { text } else { text.to_lowercase_smolstr() }
}

fn split(text: &str, separator: &str, n: i64) -> Result<Value, MapError> {
    let at = usize::try_from(n.unsigned_abs()).unwrap_or(usize::MAX).saturating_sub(1);
    let part = if n < 0 { text.rsplit(separator).nth(at) } else { text.split(separator).nth(at) };
    Ok(part.map_or(Value::Null, Value::text))
}

/// Whether two words differ in case and blanks around them alone.
fn alike(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// A number as people write it: thousands in groups, and what is owed with its sign in front, behind, or in brackets.
fn separated(value: Value, separator: char) -> Result<Value, MapError> {
    let Value::Text(text) = &value else {
        return canonical::decimal(value);
    };
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let plain = plain_number(text.trim(), separator);
    plain
        .and_then(|plain| canonical::decimal(Value::text(plain)).ok())
        .ok_or_else(|| MapError::new("format", format!("{} is not a decimal number with `{separator}`", describe(&value))))
}

/// Without groups, with a point and its sign in front. Groups have three digits, or two before the last as in India: "1,5" with a
/// point for a separator is no fifteen.
fn plain_number(text: &str, separator: char) -> Option<String> {
    const MINUS: [char; 2] = ['-', '\u{2212}'];
    let bracketed = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let (negative, text) = match (bracketed, text.strip_prefix(MINUS), text.strip_suffix(MINUS)) {
        (Some(inner), ..) => (true, inner),
        (None, Some(rest), _) | (None, None, Some(rest)) => (true, rest),
        (None, None, None) => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let text = text.trim();
    let (whole, fraction) = text.split_once(separator).map_or((text, None), |(whole, fraction)| (whole, Some(fraction)));
    let grouped = if separator == ',' { '.' } else { ',' };
    let group = |c: char| c == grouped || matches!(c, '\'' | '\u{2019}' | '\u{a0}' | '\u{202f}' | '\u{2009}' | ' ');
    let groups: Vec<&str> = whole.split(group).collect();
    let (first, rest) = groups.split_first()?;
    if let Some((last, between)) = rest.split_last() {
        let fits = (1..=3).contains(&first.len()) && last.len() == 3 && between.iter().all(|part| (2..=3).contains(&part.len()));
        if !fits {
            return None;
        }
    }
    let sign = if negative { "-" } else { "" };
    let digits = groups.concat();
    // A second sign, another mark: canonical spelling says no.
    (!digits.starts_with(['-', '+'])).then(|| match fraction {
        Some(fraction) => format!("{sign}{digits}.{fraction}"),
        None => format!("{sign}{digits}"),
    })
}

fn amount(value: Value, currency: &Currency) -> Result<Value, MapError> {
    let Value::Object(map) = &value else {
        return Err(expected("money", &value));
    };
    if let (Currency::Code(code), Some(found)) = (currency, map.get("currency"))
        && found.as_text() != Some(code)
    {
        return Err(MapError::new("format", format!("the amount is in {}, this system takes {code} alone", found.display())));
    }
    canonical::decimal(map.get("amount").cloned().unwrap_or_default())
}

fn look_up(table: &Table, value: Value) -> Result<Value, MapError> {
    let key = match &value {
        Value::Text(text) | Value::Number(text) => text.as_str(),
        Value::Bool(true) => "true",
        Value::Bool(false) => "false",
        value => return Err(expected("a single value", value)),
    };
    table.get(key).cloned().ok_or_else(|| {
        let near = super::nearest(key, table.keys()).map(|near| format!("; did you mean \"{near}\"?")).unwrap_or_default();
        let fix = if table.name == "enum_map" { String::new() } else { format!("; add it to lookups/{}.toml", table.name) };
        MapError::new("lookup", format!("{} is no key of the table `{}`{near}{fix}", describe(&value), table.name))
    })
}
