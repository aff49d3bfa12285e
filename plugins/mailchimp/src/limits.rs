//! Bounds of this plugin, unit last in the name, reason beside it.

/// Rows per page: the vendor's most.
pub(crate) const PAGE_ROWS_MAX: u32 = 1_000;
/// Deliveries per call: one request each, within the 30 seconds that a call may take.
pub(crate) const BATCH_MAX: u32 = 20;
/// Changes within this time before the last one seen are read again: times are whole seconds, and listings follow writes.
pub(crate) const OVERLAP_S: i64 = 5;
/// Rows of one second that a checkpoint remembers: 40 bytes each, within what a checkpoint may have.
pub(crate) const SEEN_MAX: usize = 1_000;
