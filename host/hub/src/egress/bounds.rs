//! Times and sizes of a call, as settings, so that tests can make them small. Defaults are the limits of the hub.

use std::time::Duration;

use nave_core::limits::{
    HTTP_BLOB_BYTES_MAX, HTTP_BODY_BYTES_MAX, HTTP_BYTES_PER_RUN_MAX, HTTP_CONNECT_MS_MAX, HTTP_CONNECTIONS_MAX,
    HTTP_HEAD_MS_MAX, HTTP_HEADER_BYTES_MAX, HTTP_HEADERS_MAX, HTTP_IDLE_MS_MAX, HTTP_REQUESTS_PER_CALL_MAX, HTTP_TOTAL_MS_MAX,
};

/// Bounds of every call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Look-up, connection, proxy and TLS together.
    pub connect: Duration,
    /// From the request to the end of the answer's head.
    pub head: Duration,
    /// Silence between two pieces of a body.
    pub idle: Duration,
    /// From start to end: waiting for the rate budget, a log-in and a second try included.
    pub total: Duration,
    /// Head of an answer, bytes; at least 8 KiB.
    pub header_bytes: usize,
    /// Headers of an answer.
    pub headers: usize,
    /// Body of a request or of an answer in memory, bytes.
    pub body_bytes: usize,
    /// Body of an answer that is held in a file, bytes.
    pub blob_bytes: u64,
    /// Connections of one channel at a time.
    pub connections: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            connect: Duration::from_millis(HTTP_CONNECT_MS_MAX),
            head: Duration::from_millis(HTTP_HEAD_MS_MAX),
            idle: Duration::from_millis(HTTP_IDLE_MS_MAX),
            total: Duration::from_millis(HTTP_TOTAL_MS_MAX),
            header_bytes: HTTP_HEADER_BYTES_MAX,
            headers: HTTP_HEADERS_MAX,
            body_bytes: HTTP_BODY_BYTES_MAX,
            blob_bytes: HTTP_BLOB_BYTES_MAX,
            connections: HTTP_CONNECTIONS_MAX,
        }
    }
}

/// What one run of a plugin may use up. Nothing is counted until [`super::Channel::begin_run`] sets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests.
    pub requests: u64,
    /// Bytes of bodies, out and in together.
    pub bytes: u64,
}

impl Default for Quota {
    fn default() -> Self {
        Self { requests: HTTP_REQUESTS_PER_CALL_MAX, bytes: HTTP_BYTES_PER_RUN_MAX }
    }
}
