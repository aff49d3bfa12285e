//! A record's row. Field times are kept as differences from the first: most fields of a record were claimed at once.

use nave_core::model::{ContributionId, Field, Record, RecordId, RecordState, Rule, Time};
use nave_core::value::Value;
use nave_core::{NameMap, Text};

use super::bytes::{FormatError, Reader, put_i64, put_u64};
use super::directory::{Parts, put_parts};
use super::names::{Interning, Layout, Names, read_name};
use super::value::{put_value, read_value};

const VERSION: u8 = 1;

const RULES: [Rule; 11] = [
    Rule::Only,
    Rule::Owner,
    Rule::Priority,
    Rule::Newest,
    Rule::Longest,
    Rule::NonEmpty,
    Rule::Manual,
    Rule::Steward,
    Rule::Consent,
    Rule::ThreeWay,
    Rule::Undecided,
];

fn rule_number(rule: Rule) -> u8 {
    match rule {
        Rule::Only => 0,
        Rule::Owner => 1,
        Rule::Priority => 2,
        Rule::Newest => 3,
        Rule::Longest => 4,
        Rule::NonEmpty => 5,
        Rule::Manual => 6,
        Rule::Steward => 7,
        Rule::Consent => 8,
        Rule::ThreeWay => 9,
        Rule::Undecided => 10,
    }
}

/// What a commit has to know of a stored record; cheap to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RecordHead {
    pub(crate) entity: Text,
    pub(crate) active: bool,
    pub(crate) version: u64,
    /// The last change of this record; changes are chained backwards from it.
    pub(crate) last_change: u64,
}

pub(crate) fn put_record(out: &mut Vec<u8>, scratch: &mut Vec<u8>, record: &Record, last_change: u64, names: &mut Interning<'_>) {
    names.begin(Layout::Record);
    out.push(VERSION);
    names.put(out, &record.entity);
    put_u64(out, record.version);
    put_u64(out, last_change);
    match &record.state {
        RecordState::Active => out.push(0),
        RecordState::Archived => out.push(1),
        RecordState::Deleted { at } => {
            out.push(2);
            put_i64(out, at.0);
        }
        RecordState::MergedInto(id) => {
            out.push(3);
            put_u64(out, id.0);
        }
    }
    put_u64(out, record.next_element);
    put_u64(out, record.contributions.len() as u64);
    for id in &record.contributions {
        put_u64(out, id.0);
    }
    let base = record.fields.values().next().map_or(0, |field| field.claimed_at.0);
    put_i64(out, base);
    put_parts(out, scratch, names, record.fields.iter(), |out, field, names| {
        put_u64(out, field.winner.0);
        out.push(rule_number(field.rule));
        put_i64(out, field.claimed_at.0.wrapping_sub(base));
        put_value(out, &field.value, names);
    });
}

fn read_head<'a>(reader: &mut Reader<'a>, names: &'a Names) -> Result<(&'a str, u64, u64, RecordState), FormatError> {
    reader.version(VERSION)?;
    let entity = read_name(reader, names)?;
    let version = reader.u64()?;
    let last_change = reader.u64()?;
    let state = match reader.byte()? {
        0 => RecordState::Active,
        1 => RecordState::Archived,
        2 => RecordState::Deleted { at: Time(reader.i64()?) },
        3 => RecordState::MergedInto(RecordId(reader.u64()?)),
        _ => return Err(FormatError::Unknown("a record state that was never written")),
    };
    Ok((entity, version, last_change, state))
}

pub(crate) fn record_head(row: &[u8], names: &Names) -> Result<RecordHead, FormatError> {
    let (entity, version, last_change, state) = read_head(&mut Reader(row), names)?;
    Ok(RecordHead { entity: entity.into(), active: state == RecordState::Active, version, last_change })
}

/// The same row with another last change: for a change of a record that is not written itself.
pub(crate) fn with_last_change(row: &[u8], last_change: u64, names: &Names) -> Result<Vec<u8>, FormatError> {
    let mut reader = Reader(row);
    reader.version(VERSION)?;
    read_name(&mut reader, names)?;
    reader.u64()?;
    let mut out = row[..row.len() - reader.0.len()].to_vec();
    reader.u64()?;
    put_u64(&mut out, last_change);
    out.extend_from_slice(reader.0);
    Ok(out)
}

fn read_field_body(mut body: Reader<'_>, base: i64, names: &Names) -> Result<Field, FormatError> {
    let winner = ContributionId(body.u64()?);
    let rule = *RULES.get(usize::from(body.byte()?)).ok_or(FormatError::Unknown("a rule that was never written"))?;
    let claimed_at = Time(base.wrapping_add(body.i64()?));
    let value = read_value(&mut body, names)?;
    body.end()?;
    Ok(Field { value, winner, rule, claimed_at })
}

fn read_tail<'a>(reader: &mut Reader<'a>, names: &'a Names) -> Result<(u64, Vec<ContributionId>, i64, Parts<'a>), FormatError> {
    let next_element = reader.u64()?;
    let count = reader.count()?;
    let contributions = (0..count).map(|_| reader.u64().map(ContributionId)).collect::<Result<_, _>>()?;
    let base = reader.i64()?;
    Ok((next_element, contributions, base, Parts::read(reader, names)?))
}

pub(crate) fn read_record(id: RecordId, row: &[u8], names: &Names) -> Result<Record, FormatError> {
    let mut reader = Reader(row);
    let (entity, version, _, state) = read_head(&mut reader, names)?;
    let (next_element, contributions, base, parts) = read_tail(&mut reader, names)?;
    reader.end()?;
    let field = |part: Result<(super::names::FieldName<'_>, Reader<'_>), FormatError>| {
        let (name, body) = part?;
        Ok((name.text(), read_field_body(body, base, names)?))
    };
    let fields = parts.iter().map(field).collect::<Result<NameMap<_>, FormatError>>()?;
    Ok(Record { id, entity: entity.into(), state, version, fields, contributions, next_element })
}

/// One field's value, without decoding the others.
pub(crate) fn record_value(row: &[u8], field: &str, names: &Names) -> Result<Option<Value>, FormatError> {
    let mut reader = Reader(row);
    read_head(&mut reader, names)?;
    let (_, _, base, parts) = read_tail(&mut reader, names)?;
    match parts.find(field)? {
        None => Ok(None),
        Some(body) => Ok(Some(read_field_body(body, base, names)?.value)),
    }
}
