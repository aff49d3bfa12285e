//! What streams there are and which fields they have, from the beginning of their newest files.

use nave_sdk::folder;
use nave_sdk::serde_json::Value;
use nave_sdk::types::{Capabilities, Failure, Field, FieldType, Stream, WriteMode};

use crate::limits::{BATCH_MAX, SAMPLE_BYTES};
use crate::settings::{Folder, Settings, StreamSetting};
use crate::table::{Shape, Table, not_yet};
use crate::{export, streams};

/// All streams.
pub(crate) fn discover(settings: &Settings) -> Result<Vec<Stream>, Failure> {
    streams::all(settings)?.iter().map(|setting| stream(settings, setting)).collect()
}

fn stream(settings: &Settings, setting: &StreamSetting) -> Result<Stream, Failure> {
    let mut fields = Vec::new();
    let mut ids = Vec::new();
    for file in streams::files(settings, setting)?.into_iter().rev().filter(|file| file.size > 0) {
        let table = match Table::open(setting, &file) {
            Err(failure) if failure == not_yet(setting, &file.name) => continue,
            table => table?,
        };
        match &table.shape {
            Shape::Csv { header, .. } => {
                fields.extend(header.names.iter().map(|name| Field::new(name, name, FieldType::Text)));
            }
            Shape::Jsonl => {
                let sample = folder::read(setting.folder.name(), &file.name, table.first, SAMPLE_BYTES)?;
                for line in sample.split(|&byte| byte == b'\n').take(1000) {
                    if let Ok(Value::Object(object)) = nave_sdk::serde_json::from_slice(line) {
                        for (name, value) in &object {
                            learn(name, value, &mut fields);
                        }
                    }
                }
            }
        }
        ids = table.ids;
        break;
    }
    let mut capabilities = Capabilities::read_only();
    if setting.folder == Folder::Export {
        let id = export::id_key(setting)?;
        let mut searchable = vec![id.clone()];
        for usual in ["number", "email", "marker"] {
            if id != usual {
                searchable.push(usual.to_owned());
            }
        }
        capabilities = Capabilities {
            writable: true,
            upsert_by: vec![id.clone()],
            batch_max: BATCH_MAX,
            idempotency_key: true,
            write_mode: WriteMode::Replace,
            deletable: true,
            searchable,
            ..capabilities
        };
        ids = vec![id];
    }
    for field in &mut fields {
        field.unique = ids.len() == 1 && field.path == ids[0];
    }
    Ok(Stream::new(&setting.name, &label(&setting.name)).fields(fields).capabilities(capabilities))
}

fn learn(path: &str, value: &Value, fields: &mut Vec<Field>) {
    let kind = match value {
        Value::Object(inner) => {
            for (name, value) in inner {
                learn(&format!("{path}.{name}"), value, fields);
            }
            return;
        }
        Value::Null => FieldType::Json,
        Value::Bool(_) => FieldType::Boolean,
        Value::Number(number) if number.is_i64() || number.is_u64() => FieldType::Integer,
        Value::Number(_) => FieldType::Decimal,
        Value::String(_) => FieldType::Text,
        Value::Array(_) => FieldType::List,
    };
    match fields.iter_mut().find(|field| field.path == path) {
        None => fields.push(Field::new(path, path, kind)),
        // Null said nothing; whole numbers may turn out to have fractions; anything else that disagrees is text.
        Some(known) if known.type_ == kind || kind == FieldType::Json => {}
        Some(known) if known.type_ == FieldType::Json => known.type_ = kind,
        Some(known) => {
            let numbers = [FieldType::Integer, FieldType::Decimal];
            known.type_ =
                if numbers.contains(&known.type_) && numbers.contains(&kind) { FieldType::Decimal } else { FieldType::Text };
        }
    }
}

fn label(name: &str) -> String {
    let mut label = name.replace(['-', '_'], " ");
    if let Some(first) = label.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    label
}
