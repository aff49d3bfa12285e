//! Bounds of this plugin, unit last in the name, reason beside it.

/// Bytes read at once, at most: a page of large rows, small beside a guest's memory.
pub(crate) const CHUNK_BYTES_MAX: u64 = 4 << 20;
/// Bytes read at once, at least: one call to the host costs more than copying this.
pub(crate) const CHUNK_BYTES_MIN: u64 = 64 << 10;
/// One row; the hub takes no larger record.
pub(crate) const ROW_BYTES_MAX: u64 = 4 << 20;
/// A remote id; the hub takes no longer one.
pub(crate) const ID_BYTES_MAX: usize = 1_024;
/// Beginning of a bad row that is shown: enough to find it.
pub(crate) const BAD_ROW_BYTES_MAX: usize = 4 << 10;
/// Bytes in one page: stays well under what one call may move.
pub(crate) const PAGE_BYTES_MAX: usize = 8 << 20;
/// Beginning of a file that is looked at for its header and its fields.
pub(crate) const SAMPLE_BYTES: u32 = 256 << 10;
/// Columns of a CSV file: the hub takes no more fields.
pub(crate) const COLUMNS_MAX: usize = 10_000;
/// A file that changes while it is read is begun again this often; then the scan goes on and is not called complete.
pub(crate) const RESTARTS_MAX: u8 = 3;
/// An export file that must be rewritten is held in memory whole.
pub(crate) const EXPORT_BYTES_MAX: u64 = 32 << 20;
/// Deliveries per call: one pass over the file serves them all.
pub(crate) const BATCH_MAX: u32 = 500;
/// Assumed size of a row before one was seen.
pub(crate) const ROW_BYTES_GUESS: u64 = 512;
/// Rows of one file that are looked at for ids that come twice: eight bytes each, within a guest's memory.
pub(crate) const REPEATS_ROWS_MAX: usize = 4_000_000;
/// Ids of one file that may come twice: more of them say that another column is the id.
pub(crate) const REPEATS_MAX: usize = 100_000;
