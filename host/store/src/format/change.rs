//! A change's row: what happened, readable for ever, and the values, sealed under the record's key (I2).

use nave_core::Text;
use nave_core::model::{Cause, Change, ChangeKind, ContributionId, FieldChange, RecordId, Sequence, Time};
use nave_core::value::Value;

use super::bytes::{FormatError, Reader, put_bytes, put_i64, put_option, put_u64};
use super::names::{Interning, Layout, Names, read_field, read_name};
use super::value::{put_value, read_value};
use crate::seal::Sealer;

const VERSION: u8 = 1;
const BEFORE: u8 = 1;
const AFTER: u8 = 2;

/// What opens the values of a record's changes.
pub(crate) enum Key<'a> {
    /// The record's key.
    Held(&'a Sealer),
    /// It was destroyed: values read as null.
    Destroyed,
}

/// What the commit decides about a change.
pub(crate) struct Place {
    pub(crate) sequence: Sequence,
    pub(crate) at: Time,
    /// The record's change before this one, 0 for none.
    pub(crate) previous: u64,
}

/// Without a key the values are not kept.
pub(crate) fn put_change(
    out: &mut Vec<u8>,
    scratch: &mut Vec<u8>,
    change: &Change,
    place: &Place,
    key: Option<(&Sealer, u32)>,
    names: &mut Interning<'_>,
) {
    names.begin(Layout::Change);
    out.push(VERSION);
    put_u64(out, change.record.0);
    put_u64(out, place.previous);
    names.put(out, &change.entity);
    put_i64(out, place.at.0);
    match &change.kind {
        ChangeKind::Created => out.push(0),
        ChangeKind::Updated => out.push(1),
        ChangeKind::Absorbed(id) => {
            out.push(2);
            put_u64(out, id.0);
        }
        ChangeKind::MergedInto(id) => {
            out.push(3);
            put_u64(out, id.0);
        }
        ChangeKind::Deleted => out.push(4),
        ChangeKind::Restored => out.push(5),
        ChangeKind::Archived => out.push(6),
        ChangeKind::Linked(id, why) => {
            out.push(7);
            put_u64(out, id.0);
            put_bytes(out, why.as_bytes());
        }
        ChangeKind::Rejected(id, why) => {
            out.push(8);
            put_u64(out, id.0);
            put_bytes(out, why.as_bytes());
        }
        ChangeKind::Unmerged(id) => {
            out.push(9);
            put_u64(out, id.0);
        }
        ChangeKind::UnmergedFrom(id) => {
            out.push(10);
            put_u64(out, id.0);
        }
    }
    let Cause { connection, run, person, rule } = &change.cause;
    put_option(out, connection.as_deref(), |out, name| names.put(out, name));
    put_option(out, *run, put_u64);
    put_option(out, person.as_deref(), |out, name| put_bytes(out, name.as_bytes()));
    put_option(out, rule.as_deref(), |out, name| put_bytes(out, name.as_bytes()));
    put_u64(out, change.fields.len() as u64);
    scratch.clear();
    for field in &change.fields {
        names.put_field(out, &field.field);
        let flags = if field.before.is_some() { BEFORE } else { 0 } | if field.after.is_some() { AFTER } else { 0 };
        out.push(flags);
        put_option(out, field.winner, |out, id| put_u64(out, id.0));
        for value in field.before.iter().chain(&field.after) {
            put_value(scratch, value, names);
        }
    }
    let Some((sealer, incarnation)) = key else { return };
    if !scratch.is_empty() {
        out.extend_from_slice(&incarnation.to_le_bytes());
        sealer.seal(incarnation, place.sequence.0, scratch);
        out.extend_from_slice(scratch);
    }
}

/// Record and previous change of a row.
pub(crate) fn change_head(row: &[u8]) -> Result<(RecordId, u64), FormatError> {
    let mut reader = Reader(row);
    reader.version(VERSION)?;
    Ok((RecordId(reader.u64()?), reader.u64()?))
}

/// A field whose values are sealed: its name, which values there are, and who won.
type Sealed = (Text, u8, Option<ContributionId>);

/// What is readable of a row, and which values are sealed behind it; what is left in the reader is those.
fn read_head(sequence: Sequence, reader: &mut Reader<'_>, names: &Names) -> Result<(Change, Vec<Sealed>), FormatError> {
    reader.version(VERSION)?;
    let record = RecordId(reader.u64()?);
    reader.u64()?;
    let entity = read_name(reader, names)?.into();
    let at = Time(reader.i64()?);
    let kind = match reader.byte()? {
        0 => ChangeKind::Created,
        1 => ChangeKind::Updated,
        2 => ChangeKind::Absorbed(RecordId(reader.u64()?)),
        3 => ChangeKind::MergedInto(RecordId(reader.u64()?)),
        4 => ChangeKind::Deleted,
        5 => ChangeKind::Restored,
        6 => ChangeKind::Archived,
        7 => ChangeKind::Linked(ContributionId(reader.u64()?), reader.text()?.to_owned()),
        8 => ChangeKind::Rejected(ContributionId(reader.u64()?), reader.text()?.to_owned()),
        9 => ChangeKind::Unmerged(RecordId(reader.u64()?)),
        10 => ChangeKind::UnmergedFrom(RecordId(reader.u64()?)),
        _ => return Err(FormatError::Unknown("a kind of change that was never written")),
    };
    let cause = Cause {
        connection: reader.option(|reader| read_name(reader, names))?.map(Text::from),
        run: reader.option(Reader::u64)?,
        person: reader.option(Reader::text)?.map(str::to_owned),
        rule: reader.option(Reader::text)?.map(str::to_owned),
    };
    let count = reader.count()?;
    let mut heads = Vec::with_capacity(count.min(64));
    for _ in 0..count {
        let name = read_field(reader, names)?.text();
        let flags = reader.byte()?;
        if flags & !(BEFORE | AFTER) != 0 {
            return Err(FormatError::Unknown("a field flag that was never written"));
        }
        heads.push((name, flags, reader.option(Reader::u64)?.map(ContributionId)));
    }
    Ok((Change { sequence, record, entity, at, kind, cause, fields: Vec::new() }, heads))
}

/// What lies in front of sealed values: which opening of the store sealed them.
fn incarnation(reader: &mut Reader<'_>) -> Result<u32, FormatError> {
    let bytes = reader.take(4)?;
    Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
}

/// The same row with its values sealed under another key of the record; `None` where it has none.
pub(crate) fn resealed_change(
    sequence: Sequence,
    row: &[u8],
    from: &Sealer,
    (to, fresh): (&Sealer, u32),
    names: &Names,
) -> Result<Option<Vec<u8>>, FormatError> {
    let mut reader = Reader(row);
    read_head(sequence, &mut reader, names)?;
    if reader.0.is_empty() {
        return Ok(None);
    }
    let mut out = row[..row.len() - reader.0.len()].to_vec();
    let before = incarnation(&mut reader)?;
    let mut values = from.open(before, sequence.0, reader.0.to_vec())?;
    to.seal(fresh, sequence.0, &mut values);
    out.extend_from_slice(&fresh.to_le_bytes());
    out.extend_from_slice(&values);
    Ok(Some(out))
}

pub(crate) fn read_change(sequence: Sequence, row: &[u8], key: &Key<'_>, names: &Names) -> Result<Change, FormatError> {
    let mut reader = Reader(row);
    let (mut change, heads) = read_head(sequence, &mut reader, names)?;
    let mut opened = None;
    if let Key::Held(sealer) = key
        && !reader.0.is_empty()
    {
        let incarnation = incarnation(&mut reader)?;
        opened = Some(sealer.open(incarnation, sequence.0, reader.0.to_vec())?);
    }
    let mut values = opened.as_deref().map(Reader);
    let mut value = |there: bool| -> Result<Option<Value>, FormatError> {
        match &mut values {
            _ if !there => Ok(None),
            Some(values) => read_value(values, names).map(Some),
            None => Ok(Some(Value::Null)),
        }
    };
    change.fields.reserve_exact(heads.len());
    for (field, flags, winner) in heads {
        let (before, after) = (value(flags & BEFORE != 0)?, value(flags & AFTER != 0)?);
        change.fields.push(FieldChange { field, before, after, winner });
    }
    Ok(change)
}
