//! Bounds of the SDK, unit last in the name, reason beside it.

/// Wait proposed when a system says "later" without saying when.
pub const RETRY_AFTER_DEFAULT_MS: u64 = 30_000;
/// Longest wait passed on: the host accepts no more, and a date far away is usually a wrong clock.
pub const RETRY_AFTER_MS_MAX: u64 = 3_600_000;
/// A system's own words in a message; more is a page of HTML.
pub const MESSAGE_CHARS_MAX: usize = 500;
/// One read of a granted folder: a page of records, small beside a guest's memory.
pub const FOLDER_READ_BYTES_MAX: u32 = 4 << 20;
