//! A description as data: what a connector does, request by request. Made by [`crate::parse`], which has checked it.

use serde_json::{Map, Value};

use crate::pointer::Pointer;
use crate::template::Template;

/// A JSON API.
#[derive(Clone, Debug, PartialEq)]
pub struct Description {
    /// What of the manifest was written down: everything but `kind` and what is allowed at endpoints.
    pub manifest: Map<String, Value>,
    /// How a connection is tried.
    pub check: Option<Check>,
    /// What refusals mean.
    pub errors: Errors,
    /// The kinds of things.
    pub streams: Vec<Stream>,
}

impl Description {
    /// The stream of this name.
    pub fn stream(&self, name: &str) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.name == name)
    }
}

/// One request to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// Endpoint of the manifest.
    pub endpoint: String,
    /// Method token.
    pub method: String,
    /// Path below the endpoint's base; what is put in is percent-encoded.
    pub path: Template,
    /// Parameters; one that comes out empty is left out.
    pub query: Vec<(String, Template)>,
    /// Headers.
    pub headers: Vec<(String, Template)>,
    /// Body; texts in it are templates.
    pub body: Option<Body>,
}

/// A JSON body with places.
#[derive(Clone, Debug, PartialEq)]
pub enum Body {
    /// Not a text.
    Plain(Value),
    /// A text.
    Text(Template),
    /// A list.
    List(Vec<Body>),
    /// An object.
    Object(Vec<(String, Body)>),
}

/// Where a request carries something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parameter {
    /// In the address.
    Query(String),
    /// In the body.
    Body(Pointer),
    /// In a header.
    Header(String),
}

/// How a connection is tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// The request.
    pub request: Request,
    /// What names the account.
    pub account: Option<Pointer>,
    /// What tells a sandbox from production.
    pub environment: Option<Pointer>,
    /// What only a known user gets.
    pub must_have: Option<Pointer>,
    /// Headers that tell limits.
    pub limits: Vec<String>,
}

/// What refusals mean.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Errors {
    /// Where the code is.
    pub code: Vec<Pointer>,
    /// Where the words are.
    pub message: Vec<Pointer>,
    /// Where the field is.
    pub field: Vec<Pointer>,
    /// Put before the field.
    pub field_prefix: String,
    /// A success that is none.
    pub refused: Option<(Pointer, Vec<String>)>,
    /// Where the time to wait is told.
    pub wait: Option<Wait>,
    /// What answers mean; the first that fits counts.
    pub rules: Vec<Rule>,
}

/// Where the time to wait is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// Header, or a place in the body.
    pub place: Result<String, Pointer>,
    /// Its unit.
    pub unit: WaitUnit,
}

/// Unit of a time to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum WaitUnit {
    Seconds,
    Milliseconds,
    EpochSeconds,
    EpochMilliseconds,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Statuses, from and to; none: any.
    pub status: Vec<(u16, u16)>,
    /// Codes; none: any.
    pub code: Vec<String>,
    /// Parts of the words, in small letters; none: any.
    pub contains: Vec<String>,
    /// Only where something is read (`true`: written).
    pub on_write: Option<bool>,
    /// What it means.
    pub means: Means,
    /// Milliseconds to wait, where the answer does not say.
    pub wait_ms: Option<u64>,
}

/// What an answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words of the contract")]
pub enum Means {
    Rejected(&'static str),
    RetryAfter,
    Unavailable,
    Unauthorized,
    Misconfigured,
    CheckpointExpired,
    Gone,
    Conflict,
    Unknown,
}

/// One kind of thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Stream {
    /// Name.
    pub name: String,
    /// What it is called.
    pub label: String,
    /// Path of the id.
    pub id: String,
    /// Path of the time of the last change.
    pub modified: Option<String>,
    /// How that time is written.
    pub modified_format: TimeFormat,
    /// Path of the version.
    pub version: Option<String>,
    /// Path of what marks a deletion, and the texts that do (none: anything).
    pub deleted: Option<(String, Vec<String>)>,
    /// Path of the id of the record that this one was merged into.
    pub merged_into: Option<String>,
    /// How long a write may stay unseen, in milliseconds.
    pub read_lag_ms: u32,
    /// Fields.
    pub fields: Vec<Field>,
    /// The list.
    pub read: Option<Read>,
    /// One thing.
    pub get: Option<Get>,
    /// Things by a field.
    pub find: Vec<Find>,
    /// Makes one.
    pub create: Option<Write>,
    /// Changes one.
    pub update: Option<Write>,
    /// Takes one away.
    pub delete: Option<Write>,
    /// As the API's.
    pub errors: Errors,
}

/// A field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Path.
    pub path: String,
    /// Type, a word of the contract.
    pub kind: &'static str,
    /// What it is called.
    pub label: String,
    /// Without it a create is refused.
    pub required: bool,
    /// Never sent.
    pub read_only: bool,
    /// No two things share a value.
    pub unique: bool,
    /// Longest text, in characters.
    pub max_length: Option<u32>,
    /// What an enum may be.
    pub values: Vec<String>,
    /// Stream that a reference points into.
    pub target: Option<String>,
    /// Made by the customer.
    pub custom: bool,
    /// Sent as a number.
    pub number: bool,
}

/// The list.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    /// The request of its first page.
    pub request: Request,
    /// Where the rows are.
    pub records: Pointer,
    /// Where the record is in a row.
    pub record: Pointer,
    /// An answer without rows may leave their list out.
    pub may_be_missing: bool,
    /// How it goes on.
    pub page: Paging,
    /// How it is asked for what changed.
    pub since: Option<Since>,
}

/// How a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paging {
    /// Its style.
    pub style: Style,
    /// Carries the number, the offset, the cursor, the last id.
    pub parameter: Option<Parameter>,
    /// Rows of a page.
    pub size: Option<u32>,
    /// Carries that.
    pub size_parameter: Option<Parameter>,
    /// Says whether more follows.
    pub more: Option<Pointer>,
    /// Number of all rows.
    pub total: Option<Pointer>,
    /// Rows that are shown again.
    pub overlap: u32,
    /// Rows never move.
    pub stable: bool,
    /// The description says how the list goes on, also where it says that one answer has all.
    pub said: bool,
}

/// Style of paging.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// One answer has all.
    #[default]
    None,
    /// Numbered pages.
    Page {
        /// Number of the first one.
        first: u64,
    },
    /// Rows to pass over.
    Offset,
    /// A cursor in the body.
    Cursor(Pointer),
    /// A cursor in a header.
    HeaderCursor(String),
    /// The header `Link` with `rel="next"`.
    Link {
        /// Taken off the front of an address without a host.
        strip: String,
    },
    /// The next address in the body.
    NextUrl {
        /// Where it is.
        next: Pointer,
        /// Taken off the front of an address without a host.
        strip: String,
    },
    /// What comes after the last row.
    Keyset {
        /// Path of the field that goes on.
        field: String,
    },
}

/// How a list is asked for what changed.
#[derive(Clone, Debug, PartialEq)]
pub struct Since {
    /// Carries the time.
    pub parameter: Parameter,
    /// What it carries.
    pub value: Template,
    /// How a time is written.
    pub format: TimeFormat,
    /// Seconds that are read again.
    pub overlap_s: u32,
    /// Rows come oldest change first.
    pub ascending: bool,
    /// More parameters of these questions.
    pub query: Vec<(String, Template)>,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the reference says how each looks")]
pub enum TimeFormat {
    #[default]
    Rfc3339,
    Rfc3339Ms,
    Local,
    Sql,
    Date,
    HttpDate,
    Unix,
    UnixMs,
    Dotnet,
}

/// One thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Get {
    /// The request.
    pub request: Request,
    /// Where it is in the answer.
    pub record: Pointer,
    /// The header `ETag` is its version.
    pub etag: bool,
}

/// Things by a field.
#[derive(Clone, Debug, PartialEq)]
pub struct Find {
    /// Path of the field.
    pub path: String,
    /// The request.
    pub request: Request,
    /// Where the rows are.
    pub records: Pointer,
    /// Where the record is in a row.
    pub record: Pointer,
    /// Large letters are small ones.
    pub any_case: bool,
}

/// A write.
#[derive(Clone, Debug, PartialEq)]
pub struct Write {
    /// The request.
    pub request: Request,
    /// Where the thing stands in the body.
    pub put_at: Pointer,
    /// Constants put into the thing.
    pub add: Map<String, Value>,
    /// Path in the thing that the id is put at.
    pub id_at: Option<String>,
    /// Where the thing is in the answer.
    pub returns: Option<Pointer>,
    /// Where the new id is; a header is `Err`.
    pub new_id: Option<Result<Pointer, String>>,
    /// Header by which a repetition is known.
    pub idempotency_header: Option<String>,
    /// Says, from the thing in a success, that it was refused.
    pub item_refused: Option<Pointer>,
    /// Things in one request.
    pub batch: u32,
    /// Fields that are null are sent.
    pub send_nulls: bool,
    /// The whole thing is sent, not only what differs.
    pub send_all: bool,
    /// Carries the version.
    pub if_match: Option<Parameter>,
    /// Paths by which a create may be repeated.
    pub upsert_by: Vec<String>,
}
