//! A thing as a flow's system might hold it: made up, so that the mapping can read it.

use nave_core::Value;
use nave_core::catalog::{Entity, FieldInfo, FieldMapping, FieldType, Mapping, StreamInfo};
use nave_core::mapping::Env;

/// Which of the two: what a case is about, and one that nobody touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Subject,
    Other,
}

/// Values that a field of a kind may hold, likeliest first.
fn candidates(name: &str, kind: &FieldType, there: Option<&FieldInfo>, who: Who) -> Vec<Value> {
    let pick = |subject: &str, other: &str| Value::text(if who == Who::Subject { subject } else { other });
    let number = |subject: &str, other: &str| Value::Number((if who == Who::Subject { subject } else { other }).into());
    let mut found = match kind {
        FieldType::Text => {
            let label = name.rsplit('.').next().unwrap_or(name).replace('_', " ");
            vec![pick(&format!("Ada {label}"), &format!("Bo {label}")), pick("A1", "B2"), pick("1001", "2002")]
        }
        FieldType::Integer => vec![number("7", "8"), pick("7", "8")],
        FieldType::Decimal => vec![pick("12.50", "13.75"), number("12.50", "13.75")],
        FieldType::Money => {
            let money = |amount: &str| {
                let mut money = Value::Null;
                money.put("amount", Value::text(amount));
                money.put("currency", Value::text("EUR"));
                money
            };
            vec![
                money(if who == Who::Subject { "12.50" } else { "13.75" }),
                pick("12.50 EUR", "13.75 EUR"),
                pick("12.50", "13.75"),
                number("12.50", "13.75"),
            ]
        }
        FieldType::Boolean => vec![Value::Bool(true), pick("true", "true"), pick("yes", "yes")],
        FieldType::Date => vec![pick("2026-11-02", "2026-11-03"), pick("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z")],
        FieldType::Timestamp => vec![pick("2026-11-02T10:00:00Z", "2026-11-03T10:00:00Z"), pick("2026-11-02", "2026-11-03")],
        FieldType::Email => vec![pick("ada.subject@example.com", "bo.other@example.com")],
        FieldType::Phone => vec![pick("+49 30 901820", "+49 30 901821")],
        FieldType::Country => vec![pick("DE", "FR"), pick("Germany", "France"), pick("Deutschland", "Frankreich")],
        FieldType::Url => vec![pick("https://ada.example.com", "https://bo.example.com")],
        FieldType::Enum(words) => words.iter().map(|word| Value::text(word.as_str())).collect(),
        FieldType::Reference(_) | FieldType::List { .. } | FieldType::Object | FieldType::File => Vec::new(),
    };
    // The system's own words go first, where it has a closed set.
    if let Some(there) = there.filter(|there| !there.values.is_empty()) {
        found.splice(0..0, there.values.iter().map(|word| Value::text(word.as_str())));
    }
    found
}

/// What an expression makes of a body.
pub(super) fn read(mapping: &Mapping, field: &FieldMapping, body: &Value, region: Option<&str>) -> Result<Value, String> {
    let Some(read) = &field.read else { return Err("external".to_owned()) };
    let env = Env { body, externals: &[], connection: &mapping.connection, region };
    read.evaluate(&env).map_err(|error| error.class.to_owned())
}

/// A body that every field of a mapping can be read from, as far as one can be made up.
pub(super) fn make(mapping: &Mapping, entity: &Entity, stream: Option<&StreamInfo>, who: Who, region: Option<&str>) -> Value {
    let mut body = Value::Null;
    body.put("nave_made_up", Value::Bool(true));
    // What is read from one place before what is read with the help of others: a telephone by its country.
    let mut fields: Vec<&FieldMapping> = mapping.fields.iter().filter(|field| field.direction.reads()).collect();
    fields.sort_by_key(|field| field.inputs.len());
    for field in fields {
        let Some(known) = field.canonical.as_ref().and_then(|name| entity.fields.get(name)) else { continue };
        if read(mapping, field, &body, region).is_ok_and(|value| !value.is_empty()) {
            continue;
        }
        let there = stream.and_then(|stream| stream.fields.iter().find(|there| there.path == field.remote));
        let all = candidates(&known.name, &known.kind, there, who);
        let with = |value: &Value| {
            let mut body = body.clone();
            let empty = |path: &&String| body.at(path).is_none_or(Value::is_empty);
            let paths: Vec<String> = field.inputs.iter().filter(empty).cloned().collect();
            for path in paths {
                body.put(&path, value.clone());
            }
            body
        };
        let fits = all.iter().map(with).find(|body| read(mapping, field, body, region).is_ok_and(|value| !value.is_empty()));
        // What a plugin's function reads is read when the flow runs.
        let by_plugin = || all.first().map(with).filter(|body| read(mapping, field, body, region) == Err("external".to_owned()));
        if let Some(found) = fits.or_else(by_plugin) {
            body = found;
        }
    }
    pass_the_filter(mapping, stream, &mut body, region);
    body
}

/// Puts into what the flow's filter looks at a word that the filter itself or the system names, where one lets the thing in.
fn pass_the_filter(mapping: &Mapping, stream: Option<&StreamInfo>, body: &mut Value, region: Option<&str>) {
    let Some(filter) = mapping.flow_in.as_ref().and_then(|flow| flow.filter.as_ref()) else { return };
    let holds = |body: &Value| {
        let env = Env { body, externals: &[], connection: &mapping.connection, region };
        filter.holds(&env).unwrap_or(false)
    };
    if holds(body) {
        return;
    }
    let named =
        filter.text().split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))).filter(|word| !word.is_empty());
    let words: Vec<Value> = named.map(Value::text).chain([Value::Bool(true), Value::Bool(false), Value::Null]).collect();
    for path in filter.paths() {
        let there = stream.and_then(|stream| stream.fields.iter().find(|field| field.path == path));
        let known = there.into_iter().flat_map(|field| &field.values).map(|word| Value::text(word.as_str()));
        for word in words.iter().cloned().chain(known) {
            let mut tried = body.clone();
            tried.put(&path, word);
            if holds(&tried) {
                *body = tried;
                return;
            }
        }
    }
}

/// Whether a field can be tried with other values: it is read from one path, by the mapping alone, and holds something now.
pub(super) fn can_be_tried(mapping: &Mapping, field: &FieldMapping, body: &Value, region: Option<&str>) -> bool {
    field.direction.reads()
        && field.inputs.len() == 1
        && field.canonical.is_some()
        && read(mapping, field, body, region).is_ok_and(|value| !value.is_empty())
}
