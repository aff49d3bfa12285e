//! The tables of the file: only bytes and integers, because redb's next major version changes other encodings.
//!
//! Large tables are keyed by numbers that only grow, so that a commit appends. A pair of a configured name (by its
//! number) and a record is one 128-bit integer.

use nave_core::model::RecordId;
use redb::TableDefinition;

/// A table keyed by growing numbers, or by a name's number and a record.
pub(crate) type Numbered = TableDefinition<'static, u64, &'static [u8]>;
pub(crate) type Paired = TableDefinition<'static, u128, &'static [u8]>;
pub(crate) type Named = TableDefinition<'static, &'static [u8], &'static [u8]>;

/// Format version, salt, heads, counts, leases.
pub(crate) const META: Named = TableDefinition::new("meta");
pub(crate) const NAMES: Numbered = TableDefinition::new("names");
pub(crate) const RECORDS: Numbered = TableDefinition::new("records");
pub(crate) const CONTRIBUTIONS: Numbered = TableDefinition::new("contributions");
pub(crate) const CHANGELOG: Numbered = TableDefinition::new("changelog");
/// Record → its wrapped key; an empty row says that it was destroyed.
pub(crate) const KEYS: Numbered = TableDefinition::new("record keys");
pub(crate) const INPUTS: Numbered = TableDefinition::new("inputs");
/// (destination, record) → reasons and stamp in one integer.
pub(crate) const DIRTY: TableDefinition<'static, u128, u128> = TableDefinition::new("dirty");
pub(crate) const JOURNAL: Paired = TableDefinition::new("journal");
pub(crate) const PARKED: Paired = TableDefinition::new("parked");
pub(crate) const DEAD_LETTERS: Numbered = TableDefinition::new("dead letters");
/// Subject → dead letter.
pub(crate) const DEAD_SUBJECTS: TableDefinition<'static, &'static [u8], u64> = TableDefinition::new("dead letter subjects");
pub(crate) const REVIEWS: Numbered = TableDefinition::new("reviews");
/// Reviews that wait, so that they are listed without walking those that were decided.
pub(crate) const OPEN_REVIEWS: TableDefinition<'static, u64, u64> = TableDefinition::new("open reviews");
/// (review, position) → decision.
pub(crate) const DECISIONS: Paired = TableDefinition::new("decisions");
pub(crate) const CHECKPOINTS: Named = TableDefinition::new("checkpoints");
/// Destination → position in the changelog.
pub(crate) const CURSORS: TableDefinition<'static, &'static [u8], u64> = TableDefinition::new("cursors");
pub(crate) const RUNS: Numbered = TableDefinition::new("runs");
/// (flow, run) → nothing: a flow's runs without walking the others'.
pub(crate) const FLOW_RUNS: TableDefinition<'static, u128, u64> = TableDefinition::new("runs of flows");
pub(crate) const FLOWS: Named = TableDefinition::new("flows");
/// Position → digest of this line and the one before, then the line.
pub(crate) const AUDIT: Numbered = TableDefinition::new("audit");
pub(crate) const ROWS: Named = TableDefinition::new("rows");
pub(crate) const TOKENS: Named = TableDefinition::new("tokens");
/// Lease → highest epoch that wrote.
pub(crate) const LEASES: TableDefinition<'static, &'static [u8], u64> = TableDefinition::new("leases");

/// A name's number and a record (or run, or position) in one key; the second ascends within the first.
pub(crate) fn pair(first: u64, second: u64) -> u128 {
    u128::from(first) << 64 | u128::from(second)
}

/// The second of a pair.
pub(crate) fn second(pair: u128) -> u64 {
    pair as u64
}

/// The record of a (destination, record) key.
pub(crate) fn record_of(pair: u128) -> RecordId {
    RecordId(second(pair))
}

/// Two names in one key; the length in front keeps ("ab", "c") and ("a", "bc") apart and prefixes countable.
pub(crate) fn names_key(first: &str, second: &str) -> Vec<u8> {
    let mut key = Vec::with_capacity(first.len() + second.len() + 4);
    key.extend_from_slice(&(first.len() as u32).to_be_bytes());
    key.extend_from_slice(first.as_bytes());
    key.extend_from_slice(second.as_bytes());
    key
}

/// The two names of such a key.
pub(crate) fn of_names_key(key: &[u8]) -> Option<(&str, &str)> {
    let (length, names) = key.split_first_chunk::<4>()?;
    let (first, second) = names.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    Some((std::str::from_utf8(first).ok()?, std::str::from_utf8(second).ok()?))
}
