//! Every bound of the server: unit last in the name, reason beside it.

/// One request's body: a secret or a decision; nothing larger comes in here.
pub const REQUEST_BODY_BYTES_MAX: usize = 1 << 20;
/// Wrong tokens from one address within the window before it is told to wait.
pub const FAILURES_MAX: u32 = 5;
/// That window; it doubles with every failure beyond.
pub const FAILURES_WINDOW_S: u64 = 60;
/// As far as it doubles.
pub const FAILURES_WINDOW_S_MAX: u64 = 3_600;
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
/// Connections of one listener: far more than people and scripts need, far fewer than the descriptors of a process.
pub const CONNECTIONS_MAX: usize = 512;
/// A request's head is whole by then, and a connection without a request is closed.
pub const HEAD_S: u64 = 10;
/// Silence between two pieces of a request's body.
pub const BODY_IDLE_S: u64 = 10;
/// A request's whole body: at most [`REQUEST_BODY_BYTES_MAX`], slowly.
pub const BODY_TOTAL_S: u64 = 60;
/// A request's head: cookies and a token fit many times over.
pub const HEAD_BYTES_MAX: usize = 32 << 10;
/// Headers of a request.
pub const HEADERS_MAX: usize = 100;
/// Where every place is taken by a request under way: how often is looked for one that has ended.
pub const ROOM_MS: u64 = 100;
