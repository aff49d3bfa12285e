//! Types of a version to and from the host's, where they are the same in every version. Nothing is decided here.

use super::{
    exports::{connection, destination, source, transform},
    imports::{folder, http, log, types},
};
use crate::{contract as c, host_calls as h};

/// A list answered by the guest.
pub(super) fn all<A, B: From<A>>(answer: Result<Vec<A>, types::Failure>) -> Result<Vec<B>, c::Failure> {
    answer.map(|list| list.into_iter().map(Into::into).collect()).map_err(Into::into)
}

/// One thing answered by the guest.
pub(super) fn one<A, B: From<A>>(answer: Result<A, types::Failure>) -> Result<B, c::Failure> {
    answer.map(Into::into).map_err(Into::into)
}

impl From<types::Coverage> for c::Coverage {
    fn from(from: types::Coverage) -> Self {
        match from {
            types::Coverage::Complete => Self::Complete,
            types::Coverage::Only(paths) => Self::Only(paths),
        }
    }
}

impl From<types::Operation> for c::Operation {
    fn from(from: types::Operation) -> Self {
        match from {
            types::Operation::Upsert => Self::Upsert,
            types::Operation::Delete => Self::Delete,
            types::Operation::MergedInto(id) => Self::MergedInto(id),
        }
    }
}

impl From<types::SourceRecord> for c::SourceRecord {
    fn from(from: types::SourceRecord) -> Self {
        Self {
            remote_id: from.remote_id,
            version: from.version,
            modified_at: from.modified_at,
            field_times: from.field_times,
            coverage: from.coverage.into(),
            operation: from.operation.into(),
            body: from.body,
        }
    }
}

impl From<types::Rejection> for c::Rejection {
    fn from(from: types::Rejection) -> Self {
        Self { class: from.class, field: from.field, message: from.message }
    }
}

impl From<types::Failure> for c::Failure {
    fn from(from: types::Failure) -> Self {
        match from {
            types::Failure::RetryAfter(ms) => Self::RetryAfter(ms),
            types::Failure::Unavailable(why) => Self::Unavailable(why),
            types::Failure::Unauthorized(why) => Self::Unauthorized(why),
            types::Failure::Misconfigured(why) => Self::Misconfigured(why),
            types::Failure::Rejected(rejection) => Self::Rejected(rejection.into()),
            types::Failure::CheckpointExpired => Self::CheckpointExpired,
        }
    }
}

impl From<log::LogLevel> for c::LogLevel {
    fn from(from: log::LogLevel) -> Self {
        match from {
            log::LogLevel::Debug => Self::Debug,
            log::LogLevel::Info => Self::Info,
            log::LogLevel::Warn => Self::Warn,
            log::LogLevel::Error => Self::Error,
        }
    }
}

impl From<source::FieldType> for c::FieldType {
    fn from(from: source::FieldType) -> Self {
        match from {
            source::FieldType::Text => Self::Text,
            source::FieldType::Integer => Self::Integer,
            source::FieldType::Decimal => Self::Decimal,
            source::FieldType::Boolean => Self::Boolean,
            source::FieldType::Date => Self::Date,
            source::FieldType::Timestamp => Self::Timestamp,
            source::FieldType::Email => Self::Email,
            source::FieldType::Phone => Self::Phone,
            source::FieldType::Url => Self::Url,
            source::FieldType::Enum => Self::Enum,
            source::FieldType::Reference => Self::Reference,
            source::FieldType::List => Self::List,
            source::FieldType::Object => Self::Object,
            source::FieldType::Json => Self::Json,
        }
    }
}

impl From<source::Field> for c::Field {
    fn from(from: source::Field) -> Self {
        Self {
            path: from.path,
            label: from.label,
            kind: from.type_.into(),
            required: from.required,
            read_only: from.read_only,
            unique: from.unique,
            max_length: from.max_length,
            values: from.values,
            target: from.target,
            custom: from.custom,
        }
    }
}

impl From<source::Capabilities> for c::Capabilities {
    fn from(from: source::Capabilities) -> Self {
        Self {
            readable: from.readable,
            writable: from.writable,
            changes: match from.changes {
                source::ChangeDetection::Incremental => c::ChangeDetection::Incremental,
                source::ChangeDetection::FullScan => c::ChangeDetection::FullScan,
            },
            deletes: match from.deletes {
                source::DeleteDetection::Feed => c::DeleteDetection::Feed,
                source::DeleteDetection::Get => c::DeleteDetection::Get,
                source::DeleteDetection::FullScan => c::DeleteDetection::FullScan,
                source::DeleteDetection::Never => c::DeleteDetection::Never,
            },
            webhooks: from.webhooks,
            upsert_by: from.upsert_by,
            batch_max: from.batch_max,
            idempotency_key: from.idempotency_key,
            conditional_write: from.conditional_write,
            write_mode: match from.write_mode {
                source::WriteMode::Patch => c::WriteMode::Patch,
                source::WriteMode::Replace => c::WriteMode::Replace,
            },
            deletable: from.deletable,
            mergeable: from.mergeable,
            searchable: from.searchable,
            read_lag_ms: from.read_lag_ms,
        }
    }
}

impl From<source::Stream> for c::Stream {
    fn from(from: source::Stream) -> Self {
        Self {
            name: from.name,
            label: from.label,
            fields: from.fields.into_iter().map(Into::into).collect(),
            capabilities: from.capabilities.into(),
        }
    }
}

impl From<c::Delivery> for destination::Delivery {
    fn from(from: c::Delivery) -> Self {
        Self {
            id: from.id,
            operation: match from.operation {
                c::WriteOperation::Create => destination::WriteOperation::Create,
                c::WriteOperation::Update(id) => destination::WriteOperation::Update(id),
                c::WriteOperation::Delete(id) => destination::WriteOperation::Delete(id),
                c::WriteOperation::Merge(loser, winner) => destination::WriteOperation::Merge((loser, winner)),
            },
            if_version: from.if_version,
            changed: from.changed,
            desired: from.desired,
        }
    }
}

impl From<destination::Outcome> for c::Outcome {
    fn from(from: destination::Outcome) -> Self {
        match from {
            destination::Outcome::Written(written) => Self::Written(c::Written {
                remote_id: written.remote_id,
                version: written.version,
                modified_at: written.modified_at,
                body: written.body,
            }),
            destination::Outcome::Conflict(current) => Self::Conflict(current.into()),
            destination::Outcome::Gone => Self::Gone,
            destination::Outcome::MergedInto(id) => Self::MergedInto(id),
            destination::Outcome::RetryAfter(ms) => Self::RetryAfter(ms),
            destination::Outcome::Rejected(rejection) => Self::Rejected(rejection.into()),
            destination::Outcome::Unknown(why) => Self::Unknown(why),
        }
    }
}

impl From<connection::CheckReport> for c::CheckReport {
    fn from(from: connection::CheckReport) -> Self {
        Self { account: from.account, environment: from.environment, scopes: from.scopes, limits: from.limits }
    }
}

impl From<c::WebhookRequest> for connection::WebhookRequest {
    fn from(from: c::WebhookRequest) -> Self {
        Self { path: from.path, headers: from.headers, body: from.body }
    }
}

impl From<connection::Event> for c::Event {
    fn from(from: connection::Event) -> Self {
        Self { stream: from.stream, remote_ids: from.remote_ids }
    }
}

impl From<c::Column> for transform::Column {
    fn from(from: c::Column) -> Self {
        match from {
            c::Column::Text { valid, ends, data } => Self::Text(transform::TextColumn { valid, ends, data }),
            c::Column::Integer { valid, values } => Self::Integer(transform::IntegerColumn { valid, values }),
            c::Column::Boolean { valid, values } => Self::Boolean(transform::BooleanColumn { valid, values }),
        }
    }
}

impl From<transform::Column> for c::Column {
    fn from(from: transform::Column) -> Self {
        match from {
            transform::Column::Text(column) => Self::Text { valid: column.valid, ends: column.ends, data: column.data },
            transform::Column::Integer(column) => Self::Integer { valid: column.valid, values: column.values },
            transform::Column::Boolean(column) => Self::Boolean { valid: column.valid, values: column.values },
        }
    }
}

impl From<transform::Batch> for c::Batch {
    fn from(from: transform::Batch) -> Self {
        Self {
            columns: from.columns.into_iter().map(Into::into).collect(),
            errors: from.errors.into_iter().map(|error| c::RowError { row: error.row, message: error.message }).collect(),
        }
    }
}

impl From<http::Request> for h::HttpRequest {
    fn from(from: http::Request) -> Self {
        Self { method: from.method, path: from.path, headers: from.headers, body: from.body.map(Into::into) }
    }
}

impl From<h::HttpResponse> for http::Response {
    fn from(from: h::HttpResponse) -> Self {
        Self { status: from.status, headers: from.headers, body: from.body.into() }
    }
}

impl From<h::HttpError> for http::Error {
    fn from(from: h::HttpError) -> Self {
        match from {
            h::HttpError::Denied(why) => Self::Denied(why),
            h::HttpError::Unreachable(why) => Self::Unreachable(why),
            h::HttpError::NoAnswer(why) => Self::NoAnswer(why),
            h::HttpError::TooLarge(bytes) => Self::TooLarge(bytes),
            h::HttpError::Quota(why) => Self::Quota(why),
        }
    }
}

impl From<h::FolderEntry> for folder::Entry {
    fn from(from: h::FolderEntry) -> Self {
        Self { name: from.name, size: from.size, modified_at: from.modified_at }
    }
}

impl From<h::FolderError> for folder::Error {
    fn from(from: h::FolderError) -> Self {
        match from {
            h::FolderError::Denied(why) => Self::Denied(why),
            h::FolderError::NotFound => Self::NotFound,
            h::FolderError::BadName(why) => Self::BadName(why),
            h::FolderError::TooLarge(bytes) => Self::TooLarge(bytes),
            h::FolderError::Io(why) => Self::Io(why),
        }
    }
}
