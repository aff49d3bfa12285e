//! Bounds of this plugin, unit last in the name, reason beside it.

/// Rows per page: the vendor's most.
pub(crate) const PAGE_ROWS_MAX: u32 = 1_000;
/// Contacts per write: the vendor advises fifty.
pub(crate) const BATCH_MAX: u32 = 50;
/// Ids in one question: they travel in the address.
pub(crate) const IDS_PER_QUERY: usize = 40;
/// Characters of a contact number, which carries the hub's marker.
pub(crate) const NUMBER_CHARS_MAX: usize = 50;
/// Changes within this time before the last one seen are read again: times are asked for in whole seconds.
pub(crate) const OVERLAP_S: i64 = 5;
/// Rows of one second that a checkpoint remembers: 40 bytes each, within what a checkpoint may have.
pub(crate) const SEEN_MAX: usize = 1_000;
