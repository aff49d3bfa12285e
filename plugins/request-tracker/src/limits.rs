//! Bounds of this plugin, unit last in the name, reason beside it.

/// Rows per page: the system gives no more.
pub(crate) const PAGE_ROWS_MAX: u32 = 100;
/// Pages of members of the group of privileged users: more than ten thousand agents are no agents.
pub(crate) const STAFF_PAGES_MAX: u32 = 100;
/// Deliveries per call: up to four requests each, and one takes up to half a second there.
pub(crate) const BATCH_MAX: u32 = 8;
/// Users in one call, where each is asked for alone: who changed, and who is an agent, and a call may take 30 seconds.
pub(crate) const ASKED_USERS_MAX: u32 = 25;
/// Transactions that are read again: their numbers are given before they are committed.
pub(crate) const OVERLAP_TRANSACTIONS: u64 = 20;
/// Characters of a ticket's subject: what is longer is cut without a word.
pub(crate) const SUBJECT_CHARS_MAX: u32 = 200;
