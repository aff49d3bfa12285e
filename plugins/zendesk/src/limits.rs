//! Bounds of this plugin, unit last in the name, reason beside it.

/// Rows of a list's page: the vendor's most.
pub(crate) const PAGE_ROWS_MAX: u32 = 100;
/// Rows of an export's page: the vendor's most.
pub(crate) const EXPORT_ROWS_MAX: u32 = 1_000;
/// Ids in one question: the vendor's most.
pub(crate) const IDS_PER_QUERY: usize = 100;
/// Deliveries per call: one request each, within the 30 seconds that a call may take.
pub(crate) const BATCH_MAX: u32 = 20;
/// How long a change may stay unseen by an export: the vendor holds back the last minute.
pub(crate) const EXPORT_LAG_MS: u64 = 60_000;
/// An export goes back so far behind the list that came before it: its minute of delay, and clocks that differ.
pub(crate) const EXPORT_MARGIN_S: i64 = 300;
/// Wait after an answer that two requests met in the database; the vendor says "again", not when.
pub(crate) const COLLISION_MS: u64 = 1_000;
/// Requests for comments in one call, which may take 30 seconds. Their tickets come a hundred at a time: the vendor allows ten
/// exports a minute.
pub(crate) const COMMENT_REQUESTS_MAX: u32 = 20;
