//! A stream as the contract spells it → as the catalog knows it.

use nave_core::catalog::{Capabilities, ChangeDetection, DeleteDetection, FieldInfo, RemoteType, StreamInfo, WriteMode};
use nave_runtime::contract as c;

/// The same stream.
pub(crate) fn stream(stream: c::Stream) -> StreamInfo {
    StreamInfo {
        name: stream.name,
        label: stream.label,
        fields: stream.fields.into_iter().map(field).collect(),
        capabilities: capabilities(stream.capabilities),
    }
}

fn field(field: c::Field) -> FieldInfo {
    FieldInfo {
        path: field.path,
        label: field.label,
        kind: match field.kind {
            c::FieldType::Text => RemoteType::Text,
            c::FieldType::Integer => RemoteType::Integer,
            c::FieldType::Decimal => RemoteType::Decimal,
            c::FieldType::Boolean => RemoteType::Boolean,
            c::FieldType::Date => RemoteType::Date,
            c::FieldType::Timestamp => RemoteType::Timestamp,
            c::FieldType::Email => RemoteType::Email,
            c::FieldType::Phone => RemoteType::Phone,
            c::FieldType::Url => RemoteType::Url,
            c::FieldType::Enum => RemoteType::Enum,
            c::FieldType::Reference => RemoteType::Reference,
            c::FieldType::List => RemoteType::List,
            c::FieldType::Object => RemoteType::Object,
            c::FieldType::Json => RemoteType::Json,
        },
        required: field.required,
        read_only: field.read_only,
        unique: field.unique,
        max_length: field.max_length,
        values: field.values,
        target: field.target,
        custom: field.custom,
    }
}

fn capabilities(found: c::Capabilities) -> Capabilities {
    Capabilities {
        readable: found.readable,
        writable: found.writable,
        changes: match found.changes {
            c::ChangeDetection::Incremental => ChangeDetection::Incremental,
            c::ChangeDetection::FullScan => ChangeDetection::FullScan,
        },
        deletes: match found.deletes {
            c::DeleteDetection::Feed => DeleteDetection::Feed,
            c::DeleteDetection::Get => DeleteDetection::Get,
            c::DeleteDetection::FullScan => DeleteDetection::FullScan,
            c::DeleteDetection::Never => DeleteDetection::Never,
        },
        webhooks: found.webhooks,
        upsert_by: found.upsert_by,
        batch_max: found.batch_max,
        idempotency_key: found.idempotency_key,
        conditional_write: found.conditional_write,
        write_mode: match found.write_mode {
            c::WriteMode::Patch => WriteMode::Patch,
            c::WriteMode::Replace => WriteMode::Replace,
        },
        deletable: found.deletable,
        mergeable: found.mergeable,
        searchable: found.searchable,
        read_lag_ms: found.read_lag_ms,
    }
}
