//! Short ways to make the contract's records: streams, fields, pages, source records.

use crate::types::{
    Capabilities, ChangeDetection, CheckReport, Coverage, DeleteDetection, Failure, Field, FieldType, Operation, Page, Rejection,
    SourceRecord, Stream, WriteMode,
};

impl Stream {
    /// A stream that can be read by full scans and not be written.
    pub fn new(name: &str, label: &str) -> Self {
        Self { name: name.to_owned(), label: label.to_owned(), fields: Vec::new(), capabilities: Capabilities::read_only() }
    }

    /// With these fields.
    #[must_use]
    pub fn fields(mut self, fields: Vec<Field>) -> Self {
        self.fields = fields;
        self
    }

    /// With these capabilities.
    #[must_use]
    pub fn capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }
}

impl Capabilities {
    /// Read by full scans; everything else no.
    pub fn read_only() -> Self {
        Self {
            readable: true,
            writable: false,
            changes: ChangeDetection::FullScan,
            deletes: DeleteDetection::FullScan,
            webhooks: false,
            upsert_by: Vec::new(),
            batch_max: 1,
            idempotency_key: false,
            conditional_write: false,
            write_mode: WriteMode::Patch,
            deletable: false,
            mergeable: false,
            searchable: Vec::new(),
            read_lag_ms: 0,
        }
    }
}

impl Field {
    /// An optional, writable field.
    pub fn new(path: &str, label: &str, kind: FieldType) -> Self {
        Self {
            path: path.to_owned(),
            label: label.to_owned(),
            type_: kind,
            required: false,
            read_only: false,
            unique: false,
            max_length: None,
            values: Vec::new(),
            target: None,
            custom: false,
        }
    }

    /// Without it, a create is refused.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The system makes it.
    #[must_use]
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// No two things share a value.
    #[must_use]
    pub fn unique(mut self) -> Self {
        self.unique = true;
        self
    }

    /// Longest text, in characters.
    #[must_use]
    pub fn max_length(mut self, characters: u32) -> Self {
        self.max_length = Some(characters);
        self
    }

    /// The values of an enum.
    #[must_use]
    pub fn values(mut self, values: &[&str]) -> Self {
        self.values = values.iter().map(|value| (*value).to_owned()).collect();
        self
    }

    /// The stream that a reference points into.
    #[must_use]
    pub fn target(mut self, stream: &str) -> Self {
        self.target = Some(stream.to_owned());
        self
    }
}

impl Page {
    /// Records, and more to come.
    pub fn more(records: Vec<SourceRecord>, next: Vec<u8>) -> Self {
        Self { records, next, more: true, complete_scan: false, total: None }
    }

    /// Records, and nothing more for now.
    pub fn end(records: Vec<SourceRecord>, next: Vec<u8>) -> Self {
        Self { records, next, more: false, complete_scan: false, total: None }
    }

    /// The last page of a scan that has seen every live thing.
    pub fn scan_end(records: Vec<SourceRecord>, next: Vec<u8>) -> Self {
        Self { records, next, more: false, complete_scan: true, total: None }
    }

    /// About how many things this scan goes through from its beginning to its end, where the system says so: people see how
    /// far it is. What was said last stands for the pages that follow; nothing is concluded from it.
    #[must_use]
    pub fn of_about(mut self, total: Option<u64>) -> Self {
        self.total = total;
        self
    }
}

impl SourceRecord {
    /// A thing with its whole body.
    pub fn upsert(remote_id: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self {
            remote_id: remote_id.into(),
            version: None,
            modified_at: None,
            field_times: Vec::new(),
            coverage: Coverage::Complete,
            operation: Operation::Upsert,
            body: body.into(),
        }
    }

    /// A thing that cannot be read, under its id or its place: it is counted, and set aside with this reason.
    pub fn unreadable(remote_id: impl Into<String>, reason: &str) -> Self {
        Self { coverage: Coverage::Only(Vec::new()), ..Self::upsert(remote_id, format!("! {reason}").into_bytes()) }
    }

    /// The system said that it is gone.
    pub fn deleted(remote_id: impl Into<String>) -> Self {
        Self { operation: Operation::Delete, ..Self::upsert(remote_id, Vec::new()) }
    }

    /// The system merged it into another one.
    pub fn merged_into(remote_id: impl Into<String>, winner: impl Into<String>) -> Self {
        Self { operation: Operation::MergedInto(winner.into()), ..Self::upsert(remote_id, Vec::new()) }
    }

    /// With the time of its last change, RFC 3339.
    #[must_use]
    pub fn modified_at(mut self, time: Option<String>) -> Self {
        self.modified_at = time;
        self
    }

    /// With the system's version.
    #[must_use]
    pub fn version(mut self, version: Option<String>) -> Self {
        self.version = version;
        self
    }
}

impl Rejection {
    /// A refusal for good, in the system's own words.
    pub fn new(class: &str, message: impl Into<String>) -> Self {
        Self { class: class.to_owned(), field: None, message: message.into() }
    }

    /// Names the field at fault by its remote path.
    #[must_use]
    pub fn field(mut self, path: impl Into<String>) -> Self {
        self.field = Some(path.into());
        self
    }
}

impl Failure {
    /// This call is refused for good.
    pub fn rejected(class: &str, message: impl Into<String>) -> Self {
        Self::Rejected(Rejection::new(class, message))
    }

    /// The stream is not one of ours.
    pub fn no_such_stream(stream: &str) -> Self {
        Self::Misconfigured(format!("there is no stream called {stream}; `nave connection discover` lists them"))
    }
}

impl CheckReport {
    /// The credential opens this account.
    pub fn account(account: impl Into<String>) -> Self {
        Self { account: account.into(), environment: String::new(), scopes: Vec::new(), limits: Vec::new() }
    }
}
