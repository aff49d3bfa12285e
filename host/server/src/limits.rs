//! Every bound of the server: unit last in the name, reason beside it.

/// One request's body: a secret or a decision; nothing larger comes in here.
pub const REQUEST_BODY_BYTES_MAX: usize = 1 << 20;
/// Wrong tokens from one address within the window before it is told to wait.
pub const FAILURES_MAX: u32 = 10;
/// That window.
pub const FAILURES_WINDOW_S: u64 = 60;
/// Addresses remembered for it: a flood from many addresses must not cost memory.
pub const FAILING_ADDRESSES_MAX: usize = 1_024;
/// People signed in to the dashboard at a time; the oldest goes.
pub const SESSIONS_MAX: usize = 256;
/// Life of a session: a working day.
pub const SESSION_S: u64 = 12 * 3_600;
/// Live views at a time: each asks for the status of all flows.
pub const LIVE_VIEWS_MAX: usize = 32;
/// How often a live view looks.
pub const LIVE_INTERVAL_MS: u64 = 1_000;
/// Lines of an answer that wait for a slow reader.
pub const LINES_QUEUE_MAX: usize = 64;
/// Longest path of a Unix socket that every system takes.
pub const SOCKET_PATH_BYTES_MAX: usize = 100;
