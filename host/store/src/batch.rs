//! Everything that one commit writes, on all tables at once.

use nave_core::model::{
    AuditEntry, Change, Checkpoint, Contribution, DeadLetter, Decision, Dirty, FlowState, Intent, Parked, Reasons, Record,
    RecordId, Review, Run, Time, TokenRow,
};

/// What an index entry finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum IndexSpace {
    /// Hash of a remote key → contribution id: its own, or that of the parent whose part holds it.
    Remote = 0,
    /// Hash of (entity, match key field, normalised value) → record id.
    Match = 1,
    /// Hash of a remote key that a reference waits for → record id that refers.
    Waiting = 2,
    /// Hash of a record id → record ids that refer to it.
    Referrer = 3,
}

/// One entry of the derived index; a hit is verified against the row, because hashes collide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexEntry {
    /// Which index.
    pub space: IndexSpace,
    /// 64-bit hash of the key ([`nave_core::matching::key_hash`]).
    pub hash: u64,
    /// Contribution or record.
    pub id: u64,
}

/// A checkpoint moves from one generation to the next; never back (I1).
#[derive(Clone, Debug)]
pub struct CheckpointMove {
    /// Connection.
    pub connection: String,
    /// Stream alias.
    pub stream: String,
    /// Generation that the page was read after; 0: none stored yet.
    pub from: u64,
    /// What to store; its generation must be `from + 1`.
    pub to: Checkpoint,
}

/// An input as stored for replay (I8): page, settlement, decision.
#[derive(Clone, Debug)]
pub struct InputRow {
    /// When it was observed.
    pub at: Time,
    /// `page`, `settlement`, `decision`.
    pub kind: String,
    /// Connection and stream, or review.
    pub subject: String,
    /// Compressed and sealed by the store.
    pub body: Vec<u8>,
}

/// A small named row: plugin state, secrets (already sealed by the vault), settings of the hub.
#[derive(Clone, Debug)]
pub struct KeyedRow {
    /// Table-like prefix: `secret`, `state`, `hub`, `scan`, `missed`.
    pub space: String,
    /// Key.
    pub key: String,
    /// Value; `None` removes.
    pub value: Option<Vec<u8>>,
}

/// Under whose key a row is sealed that belongs to no record: no record has this number.
pub const NOBODY: RecordId = RecordId(0);

/// A small named row whose value is sealed under a record's key, as the changelog's values are: with the key it is gone (I2).
/// Read with [`crate::Store::sealed_rows`], removed as a [`KeyedRow`] without a value.
#[derive(Clone, Debug)]
pub struct SealedRow {
    /// Whose key. A record that was erased keeps nothing: the row is not written. [`NOBODY`] for what belongs to no record.
    pub record: RecordId,
    /// Table-like prefix: `written 00…12`, `held crm-contacts`. No other kind of row may be in it.
    pub space: String,
    /// Key.
    pub key: String,
    /// Value.
    pub value: Vec<u8>,
}

/// What the batch was decided from. A mismatch is answered with a conflict naming the ids; decide again.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// Record and the version that was read. Every record in the batch is checked as well: it must be new
    /// (its id at or past the head) or stored with exactly the version before it.
    pub records: Vec<(RecordId, u64)>,
    /// Index keys that were found without an entry, and must still be.
    pub vacant: Vec<(IndexSpace, u64)>,
}

/// All effects of one decision. Ids of new rows are taken from [`crate::Heads`] by the one writer.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// What it was decided from.
    pub expected: Expected,
    /// It may be lost in a crash, whole, until a later batch that may not be is committed: nothing may be acknowledged,
    /// sent or answered on the strength of it. A group of such batches costs one wait for the disk.
    pub deferrable: bool,
    /// Lease and epoch under which it is written; refused when another holds the lease.
    pub fence: Option<(String, u64)>,
    /// When it was decided; stored with changes and inputs.
    pub at: Time,
    /// Records as they should be.
    pub records: Vec<Record>,
    /// Contributions as they should be.
    pub contributions: Vec<Contribution>,
    /// Index entries to add.
    pub index_add: Vec<IndexEntry>,
    /// Index entries to remove (from the before-image).
    pub index_remove: Vec<IndexEntry>,
    /// Changelog entries; sequences are assigned by the commit.
    pub changes: Vec<Change>,
    /// Records whose key is destroyed: the values of all their changes read as null from now on, and later ones
    /// are not kept (I2). Their rows are the batch's own business.
    pub erased: Vec<RecordId>,
    /// (destination, record, reasons) to enter.
    pub dirty: Vec<(String, RecordId, Reasons)>,
    /// Entries that were compared; removed only if the stamp is still the one that was compared.
    pub clean: Vec<Dirty>,
    /// Journal: intents to write.
    pub intents: Vec<Intent>,
    /// Journal: (destination, record) that are settled.
    pub settled: Vec<(String, RecordId)>,
    /// Parked deliveries to write.
    pub parked: Vec<Parked>,
    /// Parked deliveries to take out.
    pub unparked: Vec<(String, RecordId)>,
    /// Dead letters to write; id 0 takes a new number. Same subject as a stored one: replaces it, keeps id and
    /// `first_at`, counts up.
    pub dead_letters: Vec<DeadLetter>,
    /// Dead letters that are done with.
    pub revived: Vec<u64>,
    /// Subjects (as [`crate::subject_key`]) whose dead letter, if any, is done with.
    pub revived_subjects: Vec<String>,
    /// Reviews to write.
    pub reviews: Vec<Review>,
    /// Decisions to append.
    pub decisions: Vec<Decision>,
    /// Checkpoint to move.
    pub checkpoint: Option<CheckpointMove>,
    /// Checkpoints to forget, so that the source is read from the start: (connection, stream alias).
    pub forget_checkpoints: Vec<(String, String)>,
    /// Runs to write.
    pub runs: Vec<Run>,
    /// Flow states to write.
    pub flows: Vec<(String, FlowState)>,
    /// Audit lines to append.
    pub audit: Vec<AuditEntry>,
    /// Inputs to append.
    pub inputs: Vec<InputRow>,
    /// Small named rows.
    pub rows: Vec<KeyedRow>,
    /// Small named rows about records, sealed; written after `rows`.
    pub sealed: Vec<SealedRow>,
    /// API tokens: replaces the one of the same name.
    pub tokens: Vec<TokenRow>,
    /// API tokens to remove, by name.
    pub revoked: Vec<String>,
}
