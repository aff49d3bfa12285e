//! Bounds of one instance, and the bounds that only the boundary knows. The rest is in `nave_core::limits`.

use std::time::Duration;

use nave_core::limits as core;

/// Streams of one connection: systems have tens of objects, large ones hundreds.
pub const STREAMS_MAX: usize = 2_000;
/// A remote id; it is part of keys in the store.
pub const REMOTE_ID_BYTES_MAX: usize = 1_024;
/// Name of a stream; it is part of keys in the store.
pub const STREAM_NAME_BYTES_MAX: usize = 256;
/// Events in one webhook call.
pub const EVENTS_MAX: usize = 10_000;
/// Key of a plugin's state.
pub const STATE_KEY_BYTES_MAX: usize = 256;
/// Random bytes in one call: seeds need 32.
pub const RANDOM_BYTES_MAX: u64 = 64 << 10;
/// Output that a guest may hand to one stdio write, as WASI promises through `check-write`.
pub const STDIO_WRITE_BYTES_MAX: u64 = 64 << 10;
/// Native stack of a guest: an interpreter parsing nested JSON needs some hundred kilobytes.
pub const GUEST_STACK_BYTES_MAX: usize = 1 << 20;
/// Native stack of a guest's fiber: the guest's own and the host calls on top of it.
pub const FIBER_STACK_BYTES: usize = 2 << 20;
/// Guests in the pool at a time; more are made on demand. Each reserves four gigabytes of addresses, so that its code needs no
/// check of bounds: a quarter of a terabyte for all, which the smallest address spaces in use (39 bits) have twice.
pub const POOL_GUESTS_MAX: u32 = 64;
/// Core instances of a guest in the pool: one in Rust has four, an interpreter that is linked when it starts has sixty.
pub const POOL_INSTANCES_PER_GUEST_MAX: u32 = 16;
/// Memories of a guest in the pool.
pub const POOL_MEMORIES_PER_GUEST_MAX: u32 = 2;
/// Tables of a guest in the pool: one in Rust has two. A table reserves its 200,000 elements, 1.6 MB of addresses.
pub const POOL_TABLES_PER_GUEST_MAX: u32 = 8;
/// Tables of all guests in the pool.
pub const POOL_TABLES_MAX: u32 = 3 * POOL_GUESTS_MAX;
/// Memory that an empty slot keeps, zeroed or as the module has it, instead of giving it back to the system: a guest in Rust
/// touches little more than that as it starts. With all slots once used and empty again that is 16 MiB.
pub const POOL_MEMORY_RESIDENT_BYTES: usize = 256 << 10;
/// The same of a table.
pub const POOL_TABLE_RESIDENT_BYTES: usize = 16 << 10;
/// The same of a stack, which is zeroed too.
pub const POOL_STACK_RESIDENT_BYTES: usize = 32 << 10;
/// Empty slots that stay laid out for the module that they had, before those of others are taken instead of unused ones.
pub const POOL_WARM_MAX: u32 = 16;
/// Processor time after which a call goes on in the slow lane: a page of a connector in Rust takes one or two.
pub const QUICK_CPU_MS_MAX: u64 = 10;
/// How much the threads of the slow lane give way: a ninth of what another thread gets where both want the processor.
pub const SLOW_LANE_NICE: i32 = 10;
/// Files in the cache of compiled code; beyond it the least recently written go.
pub const CACHE_FILES_MAX: usize = 64;
/// Nesting of a component's parts, for our own walk; wasmtime has its own bounds.
pub const COMPONENT_DEPTH_MAX: usize = 32;

/// Bounds of one instance. The default is what `nave_core::limits` says; tests set less.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceLimits {
    /// Linear memory in bytes, all memories together.
    pub memory_bytes: usize,
    /// Elements of one table.
    pub table_elements: usize,
    /// Core instances, and memories, and tables.
    pub instances: usize,
    /// Guest code without a host call.
    pub cpu: Duration,
    /// One call from start to end.
    pub call: Duration,
    /// Bytes that one host call, or one result, may move from the guest.
    pub hostcall_bytes: usize,
    /// Host calls within one call.
    pub host_calls: u64,
    /// HTTP requests within one call.
    pub http_requests: u64,
    /// Open handles.
    pub handles: usize,
    /// One log line in bytes.
    pub log_line_bytes: usize,
    /// Log lines within one call.
    pub log_lines: u64,
    /// One value of the plugin's state in bytes.
    pub state_bytes: usize,
}

impl Default for InstanceLimits {
    fn default() -> Self {
        InstanceLimits {
            memory_bytes: core::GUEST_MEMORY_BYTES_MAX,
            table_elements: core::GUEST_TABLE_ELEMENTS_MAX,
            instances: core::GUEST_INSTANCES_MAX,
            cpu: Duration::from_millis(core::GUEST_CPU_MS_MAX),
            call: Duration::from_millis(core::GUEST_CALL_MS_MAX),
            hostcall_bytes: core::HOSTCALL_BYTES_MAX,
            host_calls: core::HOST_CALLS_PER_CALL_MAX,
            http_requests: core::HTTP_REQUESTS_PER_CALL_MAX,
            handles: core::GUEST_HANDLES_MAX,
            log_line_bytes: core::GUEST_LOG_LINE_BYTES_MAX,
            log_lines: core::GUEST_LOG_LINES_PER_CALL_MAX,
            state_bytes: core::GUEST_STATE_BYTES_MAX,
        }
    }
}
