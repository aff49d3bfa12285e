//! A contribution's row: its key first, so that an index hit is verified without decoding more. A claim whose value is
//! the shadow's own, as most are, names its place there instead of repeating it.

use nave_core::model::{Base, Claim, Contribution, ContributionId, ContributionState, ElementId, RecordId, RemoteKey, Time};
use nave_core::value::Value;
use nave_core::{NameMap, Text};

use super::bytes::{FormatError, Reader, put_bytes, put_i64, put_option, put_u64};
use super::directory::{Parts, put_parts};
use super::names::{Interning, Layout, Names, read_name};
use super::value::{put_value, read_value};

const VERSION: u8 = 1;
/// In place of a value's tag: the value is the shadow's, by position.
const SHADOWED: u8 = 255;
/// Before a value: what it was said against comes first.
const BASED: u8 = 254;

pub(crate) fn put_contribution(out: &mut Vec<u8>, scratch: &mut Vec<u8>, row: &Contribution, names: &mut Interning<'_>) {
    names.begin(Layout::Contribution);
    out.push(VERSION);
    names.put(out, &row.key.connection);
    names.put(out, &row.key.stream);
    put_bytes(out, row.key.remote_id.as_bytes());
    put_option(out, row.record, |out, id| put_u64(out, id.0));
    let base = row.read_at.0;
    let put_time = |out: &mut Vec<u8>, time: Time| put_i64(out, time.0.wrapping_sub(base));
    put_i64(out, base);
    match &row.state {
        ContributionState::Active => out.push(0),
        ContributionState::Deleted { evidence, at } => {
            out.push(1);
            put_bytes(out, evidence.as_bytes());
            put_time(out, *at);
        }
        ContributionState::MergedInto(remote_id) => {
            out.push(2);
            put_bytes(out, remote_id.as_bytes());
        }
    }
    put_option(out, row.version.as_deref(), |out, version| put_bytes(out, version.as_bytes()));
    put_option(out, row.modified_at, put_time);
    put_option(out, row.attempted_at, put_time);
    put_parts(out, scratch, names, row.shadow.iter(), put_value);
    put_parts(out, scratch, names, row.sent.iter(), put_value);
    let shadowed = |at: usize, value: &Value| row.shadow.at(at).is_some_and(|(_, shadow)| shadow == value);
    let mut claims = 0;
    put_parts(out, scratch, names, row.claims.iter(), |out, claim, names| {
        put_time(out, claim.claimed_at);
        put_time(out, claim.observed_at);
        if let Some(base) = &claim.base {
            out.push(BASED);
            put_option(out, base.known, put_time);
            put_value(out, &base.value, names);
        }
        // Rows of one stream are alike: where the row before had it first.
        let guess = names.place(claims);
        let found = if shadowed(guess, &claim.value) {
            Some(guess)
        } else {
            (0..row.shadow.len()).find(|at| shadowed(*at, &claim.value))
        };
        match found {
            Some(at) => {
                out.push(SHADOWED);
                put_u64(out, at as u64);
                names.note_place(claims, at);
            }
            None => put_value(out, &claim.value, names),
        }
        claims += 1;
    });
    put_parts(out, scratch, names, row.elements.iter(), |out, elements, _| {
        put_u64(out, elements.len() as u64);
        for (id, key) in elements {
            put_u64(out, id.0);
            put_bytes(out, key.as_bytes());
        }
    });
}

fn read_key<'a>(reader: &mut Reader<'a>, names: &'a Names) -> Result<(&'a str, &'a str, &'a str), FormatError> {
    reader.version(VERSION)?;
    Ok((read_name(reader, names)?, read_name(reader, names)?, reader.text()?))
}

/// Whether this is the row of a remote object.
pub(crate) fn is_of(row: &[u8], key: &RemoteKey, names: &Names) -> Result<bool, FormatError> {
    let found = read_key(&mut Reader(row), names)?;
    Ok(found == (key.connection.as_str(), key.stream.as_str(), key.remote_id.as_str()))
}

/// Connection and stream of a row that is active, and whether it belongs to a record; cheap to read.
pub(crate) fn active<'a>(row: &'a [u8], names: &'a Names) -> Result<Option<(&'a str, &'a str, bool)>, FormatError> {
    let mut reader = Reader(row);
    let (connection, stream, _) = read_key(&mut reader, names)?;
    let record = reader.option(Reader::u64)?;
    reader.i64()?;
    Ok((reader.byte()? == 0).then_some((connection, stream, record.is_some())))
}

fn read_map<'a, T>(
    reader: &mut Reader<'a>,
    names: &'a Names,
    mut read: impl FnMut(&mut Reader<'a>) -> Result<T, FormatError>,
) -> Result<NameMap<T>, FormatError> {
    let one = |part: Result<(super::names::FieldName<'a>, Reader<'a>), FormatError>| {
        let (name, mut body) = part?;
        let part = read(&mut body)?;
        body.end()?;
        Ok((name.text(), part))
    };
    Parts::read(reader, names)?.iter().map(one).collect()
}

/// A row without its claims, what was sent, and list elements.
pub(crate) fn read_glimpse(id: ContributionId, row: &[u8], names: &Names) -> Result<Contribution, FormatError> {
    read_shadow(id, &mut Reader(row), names)
}

fn read_shadow<'a>(id: ContributionId, reader: &mut Reader<'a>, names: &'a Names) -> Result<Contribution, FormatError> {
    let (connection, stream, remote_id) = read_key(reader, names)?;
    let key = RemoteKey::new(connection, stream, remote_id);
    let record = reader.option(Reader::u64)?.map(RecordId);
    let base = reader.i64()?;
    let time = |reader: &mut Reader<'_>| reader.i64().map(|after| Time(base.wrapping_add(after)));
    let state = match reader.byte()? {
        0 => ContributionState::Active,
        1 => ContributionState::Deleted { evidence: reader.text()?.to_owned(), at: time(reader)? },
        2 => ContributionState::MergedInto(reader.text()?.to_owned()),
        _ => return Err(FormatError::Unknown("a contribution state that was never written")),
    };
    let version = reader.option(Reader::text)?.map(Text::from);
    let modified_at = reader.option(time)?;
    let attempted_at = reader.option(time)?;
    let shadow = read_map(reader, names, |body| read_value(body, names))?;
    let read_at = Time(base);
    Ok(Contribution { record, state, version, modified_at, attempted_at, shadow, ..Contribution::new(id, key, read_at) })
}

pub(crate) fn read_contribution(id: ContributionId, row: &[u8], names: &Names) -> Result<Contribution, FormatError> {
    let mut reader = Reader(row);
    let reader = &mut reader;
    let head = read_shadow(id, reader, names)?;
    let time = |reader: &mut Reader<'_>| reader.i64().map(|after| Time(head.read_at.0.wrapping_add(after)));
    let sent = read_map(reader, names, |body| read_value(body, names))?;
    let claims = read_map(reader, names, |body| {
        let (claimed_at, observed_at) = (time(body)?, time(body)?);
        let base = match body.0.split_first() {
            Some((&BASED, rest)) => {
                *body = Reader(rest);
                let known = body.option(time)?;
                Some(Box::new(Base { known, value: read_value(body, names)? }))
            }
            _ => None,
        };
        let value = match body.0.split_first() {
            Some((&SHADOWED, at)) => {
                *body = Reader(at);
                let at = usize::try_from(body.u64()?).map_err(|_| FormatError::Short)?;
                let there = head.shadow.at(at).ok_or(FormatError::Unknown("a place in the shadow that is not there"))?;
                there.1.clone()
            }
            _ => read_value(body, names)?,
        };
        Ok(Claim { value, claimed_at, observed_at, base })
    })?;
    let elements = read_map(reader, names, |body| {
        let count = body.count()?;
        (0..count).map(|_| Ok((ElementId(body.u64()?), body.text()?.into()))).collect()
    })?;
    reader.end()?;
    Ok(Contribution { sent, claims, elements, ..head })
}
