//! Bounds of this plugin, unit last in the name, reason beside it.

/// Deliveries per call where each is a request of its own: two requests each, within a call's time.
pub(crate) const WRITES_MAX: u32 = 20;
/// Ids of the rows that a page may show again; those of one moment, or of an overlap.
pub(crate) const SHOWN_MAX: usize = 2_000;
/// A cursor or address that a system hands out; it is part of the checkpoint.
pub(crate) const CURSOR_BYTES_MAX: usize = 16 << 10;
/// Pages that are asked for one after another where one shows nothing but rows that were read already.
pub(crate) const EMPTY_PAGES_MAX: usize = 10;
