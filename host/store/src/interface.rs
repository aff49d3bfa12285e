//! The interface of intents that redb, memory and one day a database server keep.

use nave_core::model::{
    AuditEntry, Change, Checkpoint, Contribution, ContributionId, DeadLetter, Decision, Dirty, FlowState, Intent, Parked, Record,
    RecordId, RemoteKey, Review, ReviewId, Run, Sequence, TokenRow,
};

use crate::{Batch, EntriesOf, FileCheck, IndexCheck, IndexSpace};

/// How many remote objects one stream has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectCount {
    /// Connection.
    pub connection: String,
    /// Alias of the stream.
    pub stream: String,
    /// Those that are there.
    pub active: u64,
    /// Of these, those that belong to a record.
    pub linked: u64,
}

/// Bytes of a digest in the audit's chain.
pub const AUDIT_DIGEST_BYTES: usize = 32;

/// How far the audit goes, and what its last line's digest says of all before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuditHead {
    /// Number of the last line; 0 where there is none.
    pub lines: u64,
    /// Its digest; zeros where there is none.
    pub digest: [u8; AUDIT_DIGEST_BYTES],
}

/// A line of the audit as it lies in the store: nothing says yet that it is as it was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number; the first is 1.
    pub number: u64,
    /// SHA-256 of the digest before it (of the first: zeros) and its text.
    pub digest: [u8; AUDIT_DIGEST_BYTES],
    /// As it was hashed: a byte of the format's version, then the entry as JSON.
    pub text: Vec<u8>,
}

impl AuditRow {
    /// What its digest has to be after this one.
    pub fn digest_after(&self, before: &[u8; AUDIT_DIGEST_BYTES]) -> [u8; AUDIT_DIGEST_BYTES] {
        audit_digest(before, &self.text)
    }

    /// What it says, where it can be read.
    pub fn entry(&self) -> Option<AuditEntry> {
        crate::format::read_json(&self.text).ok()
    }
}

/// The digest of a line in the audit's chain.
pub(crate) fn audit_digest(before: &[u8; AUDIT_DIGEST_BYTES], text: &[u8]) -> [u8; AUDIT_DIGEST_BYTES] {
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    context.update(before);
    context.update(text);
    let mut digest = [0; AUDIT_DIGEST_BYTES];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// Next free numbers. Only the one writer uses them, between reading them and its commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Heads {
    pub record: u64,
    pub contribution: u64,
    pub sequence: u64,
    pub review: u64,
    pub dead_letter: u64,
    pub run: u64,
}

/// A sealed row's key and value; no value where the record was erased.
pub type OpenedRow = (String, Option<Vec<u8>>);

/// Why nothing could be read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A commit or the disk failed before: the store refuses everything until it is opened again.
    #[error("the store is closed after a failure ({0}); restart the hub")]
    Closed(String),
    /// The file does not hold what it should.
    #[error("the store is damaged: {0}; restore a backup with `nave restore FILE`")]
    Damaged(String),
    /// The engine said no.
    #[error("the store could not be read: {0}")]
    Engine(String),
}

/// Why a commit did not happen. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// Rows changed since they were read: read again, decide again.
    #[error("changed meanwhile: {0:?}")]
    Conflict(Vec<u64>),
    /// Somebody else holds the lease.
    #[error("the lease {0} is held by another process")]
    Fenced(String),
    /// Outcome unknown or failed: the store is closed until it is opened again.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The one way to the data. Implementations are shared between threads; calls block, so async callers use a blocking task or accept it for short reads.
pub trait Store: Send + Sync + 'static {
    /// Next free numbers.
    fn heads(&self) -> Result<Heads, StoreError>;
    /// Contribution of each remote key, in their order.
    fn resolve(&self, keys: &[RemoteKey]) -> Result<Vec<Option<ContributionId>>, StoreError>;
    /// Ids under each hash, in their order; not yet verified, ascending, without duplicates.
    fn candidates(&self, space: IndexSpace, hashes: &[u64]) -> Result<Vec<Vec<u64>>, StoreError>;
    /// The same, where what very many have is of no use: of a hash with more than `at_most` ids, so many of them; fewer where most
    /// were removed again. Costs no more for what a million have than for what `at_most` have.
    fn candidates_up_to(&self, space: IndexSpace, hashes: &[u64], at_most: usize) -> Result<Vec<Vec<u64>>, StoreError> {
        let _ = at_most;
        self.candidates(space, hashes)
    }
    /// Records by id.
    fn records(&self, ids: &[RecordId]) -> Result<Vec<Option<Record>>, StoreError>;
    /// Contributions by id.
    fn contributions(&self, ids: &[ContributionId]) -> Result<Vec<Option<Contribution>>, StoreError>;
    /// Contributions as far as a comparison with what was read needs them: claims, what was sent, and list elements may be
    /// left out.
    fn glimpse(&self, ids: &[ContributionId]) -> Result<Vec<Option<Contribution>>, StoreError> {
        self.contributions(ids)
    }
    /// Records after an id, ascending.
    fn records_after(&self, after: RecordId, at_most: usize) -> Result<Vec<Record>, StoreError>;
    /// Contributions after an id, ascending.
    fn contributions_after(&self, after: ContributionId, at_most: usize) -> Result<Vec<Contribution>, StoreError>;
    /// All effects at once, or none. Durable when it returns, unless the batch is deferrable: then with the next one that is not.
    fn commit(&self, batch: Batch) -> Result<Heads, CommitError>;

    /// Dirty entries of a destination after a record id, ascending by record.
    fn dirty(&self, destination: &str, after: RecordId, at_most: usize) -> Result<Vec<Dirty>, StoreError>;
    /// How many there are.
    fn dirty_count(&self, destination: &str) -> Result<u64, StoreError>;
    /// The journal's entry of one (destination, record).
    fn intent(&self, destination: &str, record: RecordId) -> Result<Option<Intent>, StoreError> {
        Ok(self.intents_of(destination, &[record])?.pop().flatten())
    }
    /// Those of several records, in their order.
    fn intents_of(&self, destination: &str, records: &[RecordId]) -> Result<Vec<Option<Intent>>, StoreError>;
    /// All journal entries of a destination.
    fn intents(&self, destination: &str) -> Result<Vec<Intent>, StoreError>;
    /// All parked deliveries of a destination.
    fn parked(&self, destination: &str) -> Result<Vec<Parked>, StoreError>;
    /// Dead letters after an id, ascending.
    fn dead_letters(&self, after: u64, at_most: usize) -> Result<Vec<DeadLetter>, StoreError>;
    /// The dead letter of a subject ([`crate::subject_key`]).
    fn dead_letter_of(&self, subject: &str) -> Result<Option<DeadLetter>, StoreError>;
    /// Reviews; open ones only, or all, after an id.
    fn reviews(&self, open_only: bool, after: ReviewId, at_most: usize) -> Result<Vec<Review>, StoreError>;
    /// One review.
    fn review(&self, id: ReviewId) -> Result<Option<Review>, StoreError>;
    /// Decisions of a review, oldest first.
    fn decisions(&self, review: ReviewId) -> Result<Vec<Decision>, StoreError>;
    /// Changelog after a sequence, ascending. Values of erased records read as null.
    fn changes(&self, after: Sequence, at_most: usize) -> Result<Vec<Change>, StoreError>;
    /// Changes of one record, newest first.
    fn record_changes(&self, record: RecordId, at_most: usize) -> Result<Vec<Change>, StoreError>;
    /// A checkpoint.
    fn checkpoint(&self, connection: &str, stream: &str) -> Result<Option<Checkpoint>, StoreError>;
    /// Runs, newest first.
    fn runs(&self, flow: Option<&str>, at_most: usize) -> Result<Vec<Run>, StoreError>;
    /// State of a flow; the default when none is stored.
    fn flow(&self, mapping: &str) -> Result<FlowState, StoreError>;
    /// Audit lines, newest first.
    fn audit(&self, at_most: usize) -> Result<Vec<AuditEntry>, StoreError>;
    /// The last audit line's number and digest, as they lie there.
    fn audit_head(&self) -> Result<AuditHead, StoreError>;
    /// Where the next audit line goes on, by what the writer keeps apart from the lines. Not the head: a line was changed, taken out
    /// or put in past the writer.
    fn audit_goes_on(&self) -> Result<AuditHead, StoreError> {
        self.audit_head()
    }
    /// Audit lines after a number, ascending, as they lie there.
    fn audit_rows(&self, after: u64, at_most: usize) -> Result<Vec<AuditRow>, StoreError>;
    /// A small named row.
    fn row(&self, space: &str, key: &str) -> Result<Option<Vec<u8>>, StoreError>;
    /// All rows of a space, by key.
    fn rows(&self, space: &str) -> Result<Vec<(String, Vec<u8>)>, StoreError>;
    /// All sealed rows of a space, by key; `None` where the record was erased since.
    fn sealed_rows(&self, space: &str) -> Result<Vec<OpenedRow>, StoreError>;
    /// API tokens.
    fn tokens(&self) -> Result<Vec<TokenRow>, StoreError>;
    /// How many records an entity has, by state: `contact/active`, `contact/other`; ascending by name.
    fn counts(&self) -> Result<Vec<(String, u64)>, StoreError>;
    /// How many remote objects each stream has; ascending by connection and stream, none where there are none.
    fn objects(&self) -> Result<Vec<ObjectCount>, StoreError>;
    /// A consistent copy into a new file, sealed as a whole, while others read and write.
    fn backup(&self, to: &std::path::Path, key: &crate::BackupKey) -> Result<(), StoreError>;
    /// Compares the derived index with the tables. `of_record` is what the catalog asks for about a record. Where there
    /// is no index beside the tables there is nothing to compare.
    fn check_index(&self, _of_record: &EntriesOf<'_>) -> Result<IndexCheck, StoreError> {
        Ok(IndexCheck::default())
    }
    /// Reads the whole file below the store and compares it with what was written there. Where there is no file there is
    /// nothing to compare.
    fn check_file(&self) -> Result<FileCheck, StoreError> {
        Ok(FileCheck::default())
    }
    /// Throws the derived index away and makes it anew from the tables. Commits wait meanwhile.
    fn rebuild_index(&self, _of_record: &EntriesOf<'_>) -> Result<(), StoreError> {
        Ok(())
    }
    /// A little background work (merging index runs), at most [`nave_core::limits::INDEX_MERGE_STEP_MS`]; says whether more waits.
    fn tend(&self) -> Result<bool, StoreError>;
}
