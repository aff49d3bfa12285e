//! The contract with plugins in host-side types, the same for every version of the ABI.
//!
//! Owns the words that cross the boundary; bodies are bytes (JSON text), times are RFC 3339 text as the
//! plugin spelled them. Promises nothing about what is inside a body. Must not know wasmtime or a version.

use std::fmt;

/// The system's own id of a thing, unique within its stream.
pub type RemoteId = String;
/// Where a source resumes; opaque. At most `CHECKPOINT_BYTES_MAX` bytes.
pub type Checkpoint = Vec<u8>;

/// Which fields of the body the source really read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of the thing: a mapped field that is missing is empty over there.
    Complete,
    /// Only these paths were read.
    Only(Vec<String>),
}

/// What happened to a thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is there, like this.
    Upsert,
    /// The system itself said that it is gone.
    Delete,
    /// The system merged it into this one.
    MergedInto(RemoteId),
}

/// One thing as the system spelled it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceRecord {
    /// Never empty, at most `REMOTE_ID_BYTES_MAX` bytes.
    pub remote_id: RemoteId,
    /// Version or ETag, for a conditional write.
    pub version: Option<String>,
    /// RFC 3339, unchecked.
    pub modified_at: Option<String>,
    /// Path and RFC 3339 time, unchecked.
    pub field_times: Vec<(String, String)>,
    /// What was read.
    pub coverage: Coverage,
    /// What happened.
    pub operation: Operation,
    /// JSON text, unchecked, at most `RECORD_BYTES_MAX` bytes.
    pub body: Vec<u8>,
}

/// What the system said when it said no for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// `required`, `format`, `length`, `duplicate`, `reference`, `read-only`, `forbidden`, `other`.
    pub class: String,
    /// Remote path of the field at fault.
    pub field: Option<String>,
    /// The system's own words.
    pub message: String,
}

/// Why a call failed, named by what the hub does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Come back after this many milliseconds; the account waits.
    RetryAfter(u64),
    /// Down or unreachable: climb the retry ladder.
    Unavailable(String),
    /// The credential was refused: renew once, then ask a person.
    Unauthorized(String),
    /// Settings or grant are wrong: stop the flow and say so.
    Misconfigured(String),
    /// Refused for good; the flow goes on without it.
    Rejected(Rejection),
    /// Read again from the start.
    CheckpointExpired,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::RetryAfter(ms) => write!(f, "the system asks to come back after {ms} ms"),
            Failure::Unavailable(why) => write!(f, "the system is not available: {why}"),
            Failure::Unauthorized(why) => write!(f, "the credential was refused: {why}"),
            Failure::Misconfigured(why) => write!(f, "the connection is set up wrongly: {why}"),
            Failure::Rejected(no) => write!(f, "refused ({}): {}", no.class, no.message),
            Failure::CheckpointExpired => write!(f, "the system no longer knows the checkpoint; reading starts again"),
        }
    }
}

/// Type of a remote field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum FieldType {
    Text,
    Integer,
    Decimal,
    Boolean,
    Date,
    Timestamp,
    Email,
    Phone,
    Url,
    Enum,
    Reference,
    List,
    Object,
    Json,
}

/// One field as the system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Path in the body, dots between levels.
    pub path: String,
    /// For people.
    pub label: String,
    /// Type.
    pub kind: FieldType,
    /// Must be given on create.
    pub required: bool,
    /// Cannot be written.
    pub read_only: bool,
    /// No two things share a value.
    pub unique: bool,
    /// Longest text, in characters.
    pub max_length: Option<u32>,
    /// Allowed values of an enum.
    pub values: Vec<String>,
    /// Stream whose remote ids it holds.
    pub target: Option<String>,
    /// Made by the customer.
    pub custom: bool,
}

/// How the system tells what changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum ChangeDetection {
    Incremental,
    FullScan,
}

/// How a deletion becomes known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum DeleteDetection {
    Feed,
    Get,
    FullScan,
    Never,
}

/// Whether a write sets what it names, or everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum WriteMode {
    Patch,
    Replace,
}

/// What a stream can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Can be read.
    pub readable: bool,
    /// Can be written.
    pub writable: bool,
    /// How changes are found.
    pub changes: ChangeDetection,
    /// How deletions are found.
    pub deletes: DeleteDetection,
    /// Sends webhooks.
    pub webhooks: bool,
    /// Paths by which a create may be repeated.
    pub upsert_by: Vec<String>,
    /// Deliveries per write, at least 1.
    pub batch_max: u32,
    /// Remembers an idempotency key.
    pub idempotency_key: bool,
    /// Honours `if_version`.
    pub conditional_write: bool,
    /// What a write sets.
    pub write_mode: WriteMode,
    /// Can delete or archive.
    pub deletable: bool,
    /// Can merge one thing into another.
    pub mergeable: bool,
    /// Paths that `find` accepts.
    pub searchable: Vec<String>,
    /// How long a committed write may stay unseen, in milliseconds.
    pub read_lag_ms: u64,
}

/// One stream as the system describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Never empty, unique within a connection.
    pub name: String,
    /// For people.
    pub label: String,
    /// At most `RECORD_FIELDS_MAX`.
    pub fields: Vec<Field>,
    /// What it can do.
    pub capabilities: Capabilities,
}

/// One page of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// At most `PAGE_RECORDS_MAX`.
    pub records: Vec<SourceRecord>,
    /// Where to go on.
    pub next: Checkpoint,
    /// Ask again at once.
    pub more: bool,
    /// This page ends a scan that saw every live thing.
    pub complete_scan: bool,
    /// About how many things this scan goes through, where the system says so. For people: nothing is concluded from it.
    pub total: Option<u64>,
}

/// What to do over there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteOperation {
    /// Make it.
    Create,
    /// Change it.
    Update(RemoteId),
    /// Delete or archive it.
    Delete(RemoteId),
    /// Merge the first into the second.
    Merge(RemoteId, RemoteId),
}

/// One difference to be made over there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The same on every attempt.
    pub id: String,
    /// What to do.
    pub operation: WriteOperation,
    /// Version that the difference was computed from.
    pub if_version: Option<String>,
    /// JSON object of the fields that differ.
    pub changed: Vec<u8>,
    /// JSON object of the whole thing as it should be.
    pub desired: Vec<u8>,
}

/// A write that the system confirmed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Its id over there.
    pub remote_id: RemoteId,
    /// New version.
    pub version: Option<String>,
    /// New time, RFC 3339, unchecked.
    pub modified_at: Option<String>,
    /// The thing as the system holds it now; empty when it was not read back.
    pub body: Vec<u8>,
}

/// What the system said to one delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Done.
    Written(Written),
    /// It is not what `if_version` says; here is what it is.
    Conflict(SourceRecord),
    /// It is gone.
    Gone,
    /// It was merged into this one.
    MergedInto(RemoteId),
    /// Not now; milliseconds.
    RetryAfter(u64),
    /// Refused for good.
    Rejected(Rejection),
    /// Sent, and no answer came.
    Unknown(String),
}

/// What a check of a connection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckReport {
    /// Which account the credential opens.
    pub account: String,
    /// `production`, `sandbox`, …; may be empty.
    pub environment: String,
    /// Granted scopes.
    pub scopes: Vec<String>,
    /// Observed limits: name and value.
    pub limits: Vec<(String, String)>,
}

/// A webhook call whose signature the hub has verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookRequest {
    /// Path and query.
    pub path: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// A wake-up call for some things of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Stream.
    pub stream: String,
    /// Things to fetch; empty means: look at the stream.
    pub remote_ids: Vec<RemoteId>,
}

/// Weight of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum LogLevel {
    Debug,
    Info,
    Warn,
    Error,
}

/// A column of a transform's batch. Bit `i` of `valid` (lowest first in each byte) is clear where row `i` is null.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    /// Row `i` is `data[ends[i-1]..ends[i]]`, UTF-8.
    Text {
        /// Validity bits, `rows.div_ceil(8)` bytes.
        valid: Vec<u8>,
        /// End of each row in `data`, in bytes.
        ends: Vec<u32>,
        /// All rows.
        data: Vec<u8>,
    },
    /// Whole numbers.
    Integer {
        /// Validity bits.
        valid: Vec<u8>,
        /// One per row.
        values: Vec<i64>,
    },
    /// 0 or 1 per row.
    Boolean {
        /// Validity bits.
        valid: Vec<u8>,
        /// One per row.
        values: Vec<u8>,
    },
}

impl Column {
    /// A text column from rows; `None` is null. Text of more than 4 GiB in all is cut to nulls.
    pub fn text<'a>(rows: impl IntoIterator<Item = Option<&'a str>>) -> Column {
        let (mut valid, mut ends, mut data) = (Vec::new(), Vec::new(), Vec::new());
        for (row, text) in rows.into_iter().enumerate() {
            if row % 8 == 0 {
                valid.push(0);
            }
            if let Some(text) = text
                && data.len() + text.len() <= u32::MAX as usize
            {
                valid[row / 8] |= 1 << (row % 8);
                data.extend_from_slice(text.as_bytes());
            }
            ends.push(data.len() as u32);
        }
        Column::Text { valid, ends, data }
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        match self {
            Column::Text { ends, .. } => ends.len(),
            Column::Integer { values, .. } => values.len(),
            Column::Boolean { values, .. } => values.len(),
        }
    }

    /// Whether the row has a value. False beyond the end.
    pub fn is_valid(&self, row: usize) -> bool {
        let (Column::Text { valid, .. } | Column::Integer { valid, .. } | Column::Boolean { valid, .. }) = self;
        row < self.rows() && valid.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1)
    }

    /// Text of a row; none when null, beyond the end, or not a text column.
    pub fn text_at(&self, row: usize) -> Option<&str> {
        let Column::Text { ends, data, .. } = self else {
            return None;
        };
        if !self.is_valid(row) {
            return None;
        }
        let start = if row == 0 { 0 } else { ends[row - 1] as usize };
        std::str::from_utf8(data.get(start..ends[row] as usize)?).ok()
    }

    /// Word of the manifest for its type.
    pub fn type_name(&self) -> &'static str {
        match self {
            Column::Text { .. } => "text",
            Column::Integer { .. } => "integer",
            Column::Boolean { .. } => "boolean",
        }
    }
}

/// A row that cannot be transformed; its result is ignored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// Row.
    pub row: u32,
    /// Why.
    pub message: String,
}

/// What a transform made of its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Result columns, as many rows as the inputs.
    pub columns: Vec<Column>,
    /// Rows that failed.
    pub errors: Vec<RowError>,
}
