//! Bounds of this plugin, unit last in the name, reason beside it.

/// Rows per page; every page also carries all countries and users, so few large ones are better.
pub(crate) const PAGE_ROWS_MAX: u32 = 500;
/// Rows of a page that are read again with the next one: rows shift while others are made or deleted.
pub(crate) const OVERLAP_ROWS: u32 = 20;
/// Deliveries per call: two requests each.
pub(crate) const BATCH_MAX: u32 = 20;
/// Rows found for one value; more means that the value says nothing.
pub(crate) const FOUND_MAX: u32 = 200;
