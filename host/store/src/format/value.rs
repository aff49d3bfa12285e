//! One value: a tag and what it needs.

use std::sync::Arc;

use nave_core::limits::JSON_DEPTH_MAX;
use nave_core::model::{RecordId, RemoteKey};
use nave_core::value::{Reference, Value};

use super::bytes::{FormatError, Reader, put_bytes, put_u64};
use super::names::{Interning, Names, read_field, read_name};

/// Nesting: bodies are refused beyond [`JSON_DEPTH_MAX`]; mapping adds a few levels at most.
const DEPTH_MAX: usize = JSON_DEPTH_MAX * 2;

const NULL: u8 = 0;
const FALSE: u8 = 1;
const TRUE: u8 = 2;
const NUMBER: u8 = 3;
const TEXT: u8 = 4;
const LIST: u8 = 5;
const OBJECT: u8 = 6;
const RECORD: u8 = 7;
const REMOTE: u8 = 8;

pub(crate) fn put_value(out: &mut Vec<u8>, value: &Value, names: &mut Interning<'_>) {
    put_nested(out, value, names, 0);
}

fn put_nested(out: &mut Vec<u8>, value: &Value, names: &mut Interning<'_>, depth: usize) {
    assert!(depth <= DEPTH_MAX, "a value is nested deeper than any body may be");
    match value {
        Value::Null => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Number(text) => {
            out.push(NUMBER);
            put_bytes(out, text.as_bytes());
        }
        Value::Text(text) => {
            out.push(TEXT);
            put_bytes(out, text.as_bytes());
        }
        Value::List(list) => {
            out.push(LIST);
            put_u64(out, list.len() as u64);
            for value in list {
                put_nested(out, value, names, depth + 1);
            }
        }
        Value::Object(map) => {
            out.push(OBJECT);
            put_u64(out, map.len() as u64);
            for (name, value) in map {
                names.put_field(out, name);
                put_nested(out, value, names, depth + 1);
            }
        }
        Value::Reference(Reference::Record(id)) => {
            out.push(RECORD);
            put_u64(out, id.0);
        }
        Value::Reference(Reference::Remote(key)) => {
            out.push(REMOTE);
            names.put(out, &key.connection);
            names.put(out, &key.stream);
            put_bytes(out, key.remote_id.as_bytes());
        }
    }
}

pub(crate) fn read_value(reader: &mut Reader<'_>, names: &Names) -> Result<Value, FormatError> {
    read_nested(reader, names, 0)
}

fn read_nested(reader: &mut Reader<'_>, names: &Names, depth: usize) -> Result<Value, FormatError> {
    if depth > DEPTH_MAX {
        return Err(FormatError::Unknown("a value that is nested too deep"));
    }
    Ok(match reader.byte()? {
        NULL => Value::Null,
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        NUMBER => Value::Number(reader.text()?.into()),
        TEXT => Value::text(reader.text()?),
        LIST => {
            let count = reader.count()?;
            // A value may be far larger than its one byte: the list grows as values are really there.
            let mut list = Vec::with_capacity(count.min(64));
            for _ in 0..count {
                list.push(read_nested(reader, names, depth + 1)?);
            }
            Value::List(list)
        }
        OBJECT => {
            let count = reader.count()?;
            let mut pairs = Vec::with_capacity(count.min(64));
            for _ in 0..count {
                let name = read_field(reader, names)?.text();
                pairs.push((name, read_nested(reader, names, depth + 1)?));
            }
            Value::Object(pairs.into_iter().collect())
        }
        RECORD => Value::Reference(Reference::Record(RecordId(reader.u64()?))),
        REMOTE => Value::Reference(Reference::Remote(Arc::new(RemoteKey::new(
            read_name(reader, names)?,
            read_name(reader, names)?,
            reader.text()?,
        )))),
        _ => return Err(FormatError::Unknown("a kind of value that was never written")),
    })
}
