//! What the streams are and can do, as the description says; and whether a connection works.

use nave_rest::description::{Description, Field, Stream};
use nave_sdk::types::{
    Capabilities, ChangeDetection, CheckReport, DeleteDetection, Failure, Field as Shown, FieldType, Stream as Told, WriteMode,
};

use crate::answers;
use crate::ask::{self, Words};
use crate::described::{Of, Settings};
use crate::limits::WRITES_MAX;
use crate::pages;
use crate::place;

/// A stream with its fields and capabilities.
pub(crate) fn stream(stream: &Stream) -> Told {
    Told::new(&stream.name, &stream.label).fields(stream.fields.iter().map(field).collect()).capabilities(capabilities(stream))
}

fn field(field: &Field) -> Shown {
    let mut shown = Shown::new(&field.path, &field.label, kind(field.kind));
    shown.required = field.required;
    shown.read_only = field.read_only;
    shown.unique = field.unique;
    shown.max_length = field.max_length;
    shown.values.clone_from(&field.values);
    shown.target.clone_from(&field.target);
    shown.custom = field.custom;
    shown
}

fn kind(word: &str) -> FieldType {
    match word {
        "integer" => FieldType::Integer,
        "decimal" => FieldType::Decimal,
        "boolean" => FieldType::Boolean,
        "date" => FieldType::Date,
        "timestamp" => FieldType::Timestamp,
        "email" => FieldType::Email,
        "phone" => FieldType::Phone,
        "url" => FieldType::Url,
        "enum" => FieldType::Enum,
        "reference" => FieldType::Reference,
        "list" => FieldType::List,
        "object" => FieldType::Object,
        "json" => FieldType::Json,
        _ => FieldType::Text,
    }
}

fn capabilities(stream: &Stream) -> Capabilities {
    let incremental = stream.read.as_ref().is_some_and(|read| read.since.is_some());
    let (create, update, delete) = (stream.create.as_ref(), stream.update.as_ref(), stream.delete.as_ref());
    let writable = create.is_some() || update.is_some() || delete.is_some();
    let batch = [create, update].into_iter().flatten().map(|write| write.batch).max().unwrap_or(1);
    Capabilities {
        readable: stream.read.is_some(),
        writable,
        changes: if incremental { ChangeDetection::Incremental } else { ChangeDetection::FullScan },
        deletes: match (incremental, stream.deleted.is_some(), stream.get.is_some(), stream.read.is_some()) {
            (true, true, ..) => DeleteDetection::Feed,
            (true, false, true, _) | (_, _, true, false) => DeleteDetection::Get,
            (false, _, _, true) => DeleteDetection::FullScan,
            _ => DeleteDetection::Never,
        },
        upsert_by: create.map(|create| create.upsert_by.clone()).unwrap_or_default(),
        batch_max: if writable { batch.max(WRITES_MAX) } else { 1 },
        idempotency_key: create.is_some_and(|create| create.idempotency_header.is_some()),
        conditional_write: update.is_some_and(|update| update.if_match.is_some()),
        write_mode: if update.is_some_and(|update| update.send_all) { WriteMode::Replace } else { WriteMode::Patch },
        deletable: delete.is_some(),
        searchable: stream.find.iter().map(|find| find.path.clone()).collect(),
        read_lag_ms: u64::from(stream.read_lag_ms),
        ..Capabilities::read_only()
    }
}

/// Whether the connection works: by the description's own question, else by the first list's first row.
pub(crate) fn check(description: &Description) -> Result<CheckReport, Failure> {
    let Some(check) = &description.check else {
        let stream = description.streams.iter().find(|stream| stream.read.is_some());
        let stream = stream
            .ok_or_else(|| Failure::Misconfigured("no stream can be listed; write a table [check] with a path".to_owned()))?;
        pages::read(&Of::new(description, &stream.name)?, None, 1)?;
        let title = description.manifest.get("title").and_then(serde_json::Value::as_str).unwrap_or_default();
        return Ok(CheckReport::account(format!("an account of {title}")));
    };
    let answer = ask::filled(&check.request, &Settings::load(description)?, Words::default())?.request().send()?;
    let told = answers::Told::all(&description.errors);
    if told.refuses(&answer) {
        return Err(told.failure(&answer));
    }
    if let Some(at) = &check.must_have
        && !place::says_yes(place::raw(&answer.body, at).ok().flatten(), &[])
    {
        return Err(Failure::Unauthorized(format!("the system answers as to a stranger: nothing is at {:?}", at.text())));
    }
    let text =
        |at: &Option<nave_rest::pointer::Pointer>| at.as_ref().and_then(|at| place::text(&answer.body, at)).unwrap_or_default();
    let mut report = CheckReport::account(text(&check.account));
    report.environment = text(&check.environment);
    for header in &check.limits {
        if let Some(value) = answer.header(header) {
            report.limits.push((header.clone(), value.to_owned()));
        }
    }
    Ok(report)
}
