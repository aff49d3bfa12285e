//! Bounds of this plugin, unit last in the name, reason beside it.

/// Rows per page: the system gives no more.
pub(crate) const PAGE_ROWS_MAX: u32 = 100;
/// Pages of members of the group of privileged users: more than ten thousand agents are no agents.
pub(crate) const STAFF_PAGES_MAX: u32 = 100;
/// Deliveries per call: up to four requests each, and one takes up to half a second there.
pub(crate) const BATCH_MAX: u32 = 8;
/// Seconds that are read again: times are whole seconds, and a change is committed after its time was taken.
pub(crate) const OVERLAP_S: i64 = 5;
/// Transactions that are read again: their numbers are given before they are committed.
pub(crate) const OVERLAP_TRANSACTIONS: u64 = 20;
/// Characters of a ticket's subject: what is longer is cut without a word.
pub(crate) const SUBJECT_CHARS_MAX: u32 = 200;
