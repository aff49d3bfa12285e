//! Bounds of this plugin, unit last in the name, reason beside it.

/// Rows in one page: with children about 2 kB each, well under what an answer may have.
pub(crate) const PAGE_ROWS_MAX: u32 = 2_000;
/// What was written while a pass began may be committed a little later: this much is read again.
pub(crate) const OVERLAP_US: i64 = 30_000_000;
/// Relations changed since the last pass; more are read in the next one, or by a full scan.
pub(crate) const RELATION_ROWS_MAX: u32 = 5_000;
/// Log entries looked at: one is enough to know.
pub(crate) const LOG_ROWS_MAX: u32 = 1_000;
/// Ids in one question: it travels in the address, which servers bound at 8 kB.
pub(crate) const IDS_PER_QUERY: usize = 100;
/// Things found for one value; more means that the value says nothing.
pub(crate) const FOUND_MAX: u32 = 50;
/// Deliveries per call: one request each, or two.
pub(crate) const BATCH_MAX: u32 = 20;
/// Creates collide on Tryton's number sequence; the next moment is free.
pub(crate) const COLLISION_MS: u64 = 500;
