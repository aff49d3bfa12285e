//! A journalled intent's row; written and removed with every delivery, so it is in the compact format too.

use std::collections::BTreeMap;

use nave_core::NameMap;
use nave_core::model::{Attempt, AttemptOutcome, ContributionId, Intent, Reasons, RecordId, Time, WriteKind};
use nave_core::value::Value;

use super::bytes::{FormatError, Reader, put_bytes, put_i64, put_option, put_u64};
use super::names::{Interning, Layout, Names, read_field};
use super::value::{put_value, read_value};

const VERSION: u8 = 1;

fn put_values(out: &mut Vec<u8>, values: &NameMap<Value>, names: &mut Interning<'_>) {
    put_u64(out, values.len() as u64);
    for (name, value) in values {
        names.put_field(out, name);
        put_value(out, value, names);
    }
}

fn read_values(reader: &mut Reader<'_>, names: &Names) -> Result<NameMap<Value>, FormatError> {
    let count = reader.count()?;
    (0..count).map(|_| Ok((read_field(reader, names)?.text(), read_value(reader, names)?))).collect()
}

/// Destination and record are the row's key.
pub(crate) fn put_intent(out: &mut Vec<u8>, intent: &Intent, names: &mut Interning<'_>) {
    names.begin(Layout::Intent);
    out.push(VERSION);
    put_option(out, intent.contribution, |out, id| put_u64(out, id.0));
    let ids: &[&String] = match &intent.kind {
        WriteKind::Create => &[],
        WriteKind::Update(id) | WriteKind::Delete(id) => &[id],
        WriteKind::Merge(from, into) => &[from, into],
    };
    out.push(match intent.kind {
        WriteKind::Create => 0,
        WriteKind::Update(_) => 1,
        WriteKind::Delete(_) => 2,
        WriteKind::Merge(..) => 3,
    });
    for id in ids {
        put_bytes(out, id.as_bytes());
    }
    put_values(out, &intent.base, names);
    put_option(out, intent.base_version.as_deref(), |out, version| put_bytes(out, version.as_bytes()));
    put_values(out, &intent.values, names);
    put_u64(out, intent.elements.len() as u64);
    for (list, elements) in &intent.elements {
        names.put_field(out, list);
        put_u64(out, elements.len() as u64);
        for element in elements {
            put_u64(out, *element);
        }
    }
    put_bytes(out, &intent.changed);
    put_bytes(out, &intent.desired);
    put_bytes(out, intent.key.as_bytes());
    put_option(out, intent.lookup.as_ref(), |out, (path, value)| {
        put_bytes(out, path.as_bytes());
        put_bytes(out, value.as_bytes());
    });
    put_u64(out, intent.attempts.len() as u64);
    for attempt in &intent.attempts {
        put_i64(out, attempt.at.0);
        let unknown = match &attempt.outcome {
            AttemptOutcome::Open => None,
            AttemptOutcome::Unknown(why) => Some(why),
        };
        put_option(out, unknown, |out, why| put_bytes(out, why.as_bytes()));
    }
    put_u64(out, intent.stamp);
    out.push(intent.reasons.0);
    put_u64(out, intent.run);
}

pub(crate) fn read_intent(destination: &str, record: RecordId, row: &[u8], names: &Names) -> Result<Intent, FormatError> {
    let mut reader = Reader(row);
    let reader = &mut reader;
    reader.version(VERSION)?;
    let contribution = reader.option(Reader::u64)?.map(ContributionId);
    let kind = match reader.byte()? {
        0 => WriteKind::Create,
        1 => WriteKind::Update(reader.text()?.to_owned()),
        2 => WriteKind::Delete(reader.text()?.to_owned()),
        3 => WriteKind::Merge(reader.text()?.to_owned(), reader.text()?.to_owned()),
        _ => return Err(FormatError::Unknown("a kind of write that was never written")),
    };
    let base = read_values(reader, names)?;
    let base_version = reader.option(Reader::text)?.map(str::to_owned);
    let values = read_values(reader, names)?;
    let mut elements = BTreeMap::new();
    for _ in 0..reader.count()? {
        let list = read_field(reader, names)?.text().to_string();
        let count = reader.count()?;
        elements.insert(list, (0..count).map(|_| reader.u64()).collect::<Result<_, _>>()?);
    }
    let changed = reader.bytes()?.to_vec();
    let desired = reader.bytes()?.to_vec();
    let key = reader.text()?.to_owned();
    let lookup = reader.option(|reader| Ok((reader.text()?.to_owned(), reader.text()?.to_owned())))?;
    let mut attempts = Vec::new();
    for _ in 0..reader.count()? {
        let at = Time(reader.i64()?);
        let outcome = match reader.option(Reader::text)? {
            None => AttemptOutcome::Open,
            Some(why) => AttemptOutcome::Unknown(why.to_owned()),
        };
        attempts.push(Attempt { at, outcome });
    }
    let stamp = reader.u64()?;
    let reasons = Reasons(reader.byte()?);
    let run = reader.u64()?;
    reader.end()?;
    let destination = destination.to_owned();
    Ok(Intent {
        destination,
        record,
        contribution,
        kind,
        base,
        base_version,
        values,
        elements,
        changed,
        desired,
        key,
        lookup,
        attempts,
        stamp,
        reasons,
        run,
    })
}
