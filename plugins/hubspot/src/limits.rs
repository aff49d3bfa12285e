//! Bounds of this plugin, unit last in the name, reason beside it.

/// Objects per list page, batch read and batch write: the vendor's most.
pub(crate) const BATCH_MAX: usize = 100;
/// Objects per search page: the vendor's most.
pub(crate) const SEARCH_PAGE_MAX: usize = 200;
/// Names of properties in an address; beyond it, ids are listed and the objects read by a batch, whose body is free.
pub(crate) const PROPERTY_QUERY_CHARS_MAX: usize = 5_000;
/// A search answers from an index that follows the writes; beyond its lag, this much is read again.
pub(crate) const OVERLAP_MS: i64 = 10_000;
/// How long a write may stay unseen by a search, where the settings do not say.
pub(crate) const SEARCH_LAG_S: u32 = 5;
/// Pages of the archive looked at in one go: the vendor keeps archived objects for 90 days.
pub(crate) const ARCHIVE_PAGES_MAX: usize = 100;
/// Wait when the vendor says "too many" without a time: its windows are ten seconds.
pub(crate) const WINDOW_MS: u64 = 10_000;
/// Names of properties are asked for again after this long: a property that an administrator adds is read a minute later at most.
pub(crate) const NAMES_MS_MAX: u64 = 60_000;
