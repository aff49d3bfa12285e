//! Bounds of a description, unit last in the name, reason beside it.

/// The whole file: as much as the place for it in the plugin has. Two hundred streams fit, and a person can still read it.
pub const DESCRIPTION_BYTES_MAX: usize = 256 << 10;
/// Streams: large systems have some hundred kinds of things; nobody maps more.
pub const STREAMS_MAX: usize = 200;
/// Fields of one stream.
pub const FIELDS_MAX: usize = 1_000;
/// Rules about errors, the API's and a stream's together.
pub const RULES_MAX: usize = 100;
/// Entries of one table of parameters, headers or constants.
pub const ENTRIES_MAX: usize = 50;
/// One text: a template, a pointer, a reason.
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Steps of a JSON pointer or of a path in a record.
pub const STEPS_MAX: usize = 16;
/// Faults that are told at once; who made more of them mends these first.
pub const FAULTS_MAX: usize = 50;
/// Rows of one page that are asked for; more do not fit into one answer.
pub const PAGE_ROWS_MAX: u32 = 10_000;
/// Deliveries of one request.
pub const BATCH_MAX: u32 = 1_000;
/// Rows that a page shows again.
pub const OVERLAP_ROWS_MAX: u32 = 1_000;
/// Time that is read again, in seconds: a week.
pub const OVERLAP_S_MAX: u32 = 7 * 24 * 3600;
/// Longest that a write may stay unseen, in milliseconds: a day.
pub const READ_LAG_MS_MAX: u32 = 24 * 3600 * 1000;
/// Elements that an index of a body's template may reach; a larger one is a mistake.
pub const INDEX_MAX: usize = 100;
