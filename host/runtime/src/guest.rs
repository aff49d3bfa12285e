//! What one live guest uses, counted: its host calls, log lines, handles, memory and time.
//!
//! Behaviour exists once, here; an adapter only translates types and forwards. Promises that a bound of
//! [`InstanceLimits`] is checked before the hub is asked. Must not know a version of the ABI.

use std::sync::Arc;

use nave_core::limits::{EPOCH_TICK_MS, HTTP_REQUEST_HEADERS_MAX};
use wasmtime::component::{Resource, ResourceTable};

use crate::{
    contract::LogLevel,
    host_calls::{Blob, BlobResponse, FolderEntry, FolderError, HostCalls, HttpError, HttpRequest, HttpResponse},
    limits::{InstanceLimits, STATE_KEY_BYTES_MAX},
    log_line,
    memory::SharedMemory,
};

/// A bound that ends the guest's call; travels through wasmtime as the error of a host call.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{code}: {message}")]
pub(crate) struct Exceeded {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

/// A blob in the guest's table.
#[expect(unreachable_pub, reason = "generated code re-exports its resources")]
pub struct Held {
    pub(crate) body: Arc<dyn Blob>,
}

/// The data of a guest's store.
pub(crate) struct GuestState {
    pub(crate) host: Arc<dyn HostCalls>,
    pub(crate) limits: InstanceLimits,
    pub(crate) table: ResourceTable,
    /// Transforms see a clock that stands still.
    pub(crate) pure: bool,
    pub(crate) started: tokio::time::Instant,
    pub(crate) random: u64,
    cpu_ticks_left: u64,
    host_calls: u64,
    http_requests: u64,
    log_lines: u64,
    log_lines_dropped: u64,
    handles: usize,
    stdio: [Vec<u8>; 2],
    pub(crate) memory_denied: bool,
    pub(crate) table_denied: bool,
    memory_bytes: usize,
    shared: Arc<SharedMemory>,
}

impl Drop for GuestState {
    fn drop(&mut self) {
        self.shared.give_back(self.memory_bytes);
    }
}

/// Seed of the guest's randomness: the same for every instance, so that a run can be repeated.
const RANDOM_SEED: u64 = 0x6e61_7665_0000_0001;

impl GuestState {
    pub(crate) fn new(host: Arc<dyn HostCalls>, limits: InstanceLimits, pure: bool, shared: Arc<SharedMemory>) -> Self {
        let mut table = ResourceTable::new();
        // blobs are counted apart; the rest are the standard streams and timers of one guest
        table.set_max_capacity(limits.handles.saturating_mul(2));
        let mut state = GuestState {
            host,
            limits,
            table,
            pure,
            started: tokio::time::Instant::now(),
            random: RANDOM_SEED,
            cpu_ticks_left: 0,
            host_calls: 0,
            http_requests: 0,
            log_lines: 0,
            log_lines_dropped: 0,
            handles: 0,
            stdio: [Vec::new(), Vec::new()],
            memory_denied: false,
            table_denied: false,
            memory_bytes: 0,
            shared,
        };
        state.refill_cpu();
        state
    }

    /// Forgets the counts of the call before.
    pub(crate) fn begin_call(&mut self) {
        self.host_calls = 0;
        self.http_requests = 0;
        self.log_lines = 0;
        self.log_lines_dropped = 0;
        self.memory_denied = false;
        self.table_denied = false;
        self.refill_cpu();
    }

    /// Writes what is left in the log's buffers, and how much was dropped.
    pub(crate) fn end_call(&mut self) {
        for stream in [0, 1] {
            if !self.stdio[stream].is_empty() {
                self.flush_stdio(stream);
            }
        }
        if self.log_lines_dropped > 0 {
            let message =
                format!("{} log lines of this call were dropped: more than {}", self.log_lines_dropped, self.limits.log_lines);
            self.host.log(LogLevel::Warn, &message);
        }
    }

    fn refill_cpu(&mut self) {
        self.cpu_ticks_left = (self.limits.cpu.as_millis() as u64).div_ceil(EPOCH_TICK_MS).max(1);
    }

    /// One tick of guest code went by. False when the time is used up.
    pub(crate) fn spend_tick(&mut self) -> bool {
        self.cpu_ticks_left = self.cpu_ticks_left.saturating_sub(1);
        self.cpu_ticks_left > 0
    }

    /// Every host call passes here first.
    pub(crate) fn count_call(&mut self) -> wasmtime::Result<()> {
        self.host_calls += 1;
        if self.host_calls > self.limits.host_calls {
            let message = format!("more than {} host calls in one call", self.limits.host_calls);
            return Err(Exceeded { code: "quota.host-calls", message }.into());
        }
        self.refill_cpu();
        Ok(())
    }

    fn count_request(&mut self, request: &HttpRequest) -> Result<(), HttpError> {
        self.http_requests += 1;
        if self.http_requests > self.limits.http_requests {
            let message = format!("quota.requests: more than {} requests in one call", self.limits.http_requests);
            return Err(HttpError::Quota(message));
        }
        if request.headers.len() > HTTP_REQUEST_HEADERS_MAX {
            return Err(HttpError::Quota(format!("quota.headers: more than {HTTP_REQUEST_HEADERS_MAX} headers")));
        }
        Ok(())
    }

    pub(crate) async fn http_send(&mut self, endpoint: String, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.count_request(&request)?;
        self.host.http_send(&endpoint, request).await
    }

    pub(crate) async fn blob_fetch(&mut self, endpoint: String, request: HttpRequest) -> Result<BlobResponse, HttpError> {
        self.check_handles()?;
        self.count_request(&request)?;
        self.host.blob_fetch(&endpoint, request).await
    }

    pub(crate) async fn blob_send(
        &mut self,
        endpoint: String,
        request: HttpRequest,
        body: &Resource<Held>,
    ) -> wasmtime::Result<Result<BlobResponse, HttpError>> {
        let body = self.table.get(body)?.body.clone();
        if let Err(error) = self.check_handles().and_then(|()| self.count_request(&request)) {
            return Ok(Err(error));
        }
        Ok(self.host.blob_send(&endpoint, HttpRequest { body: None, ..request }, body).await)
    }

    fn check_handles(&self) -> Result<(), HttpError> {
        if self.handles >= self.limits.handles {
            return Err(HttpError::Quota(format!("quota.handles: more than {} open blobs", self.limits.handles)));
        }
        Ok(())
    }

    pub(crate) fn hold(&mut self, body: Arc<dyn Blob>) -> wasmtime::Result<Resource<Held>> {
        let resource = self.table.push(Held { body })?;
        self.handles += 1;
        Ok(resource)
    }

    pub(crate) fn release(&mut self, resource: Resource<Held>) -> wasmtime::Result<()> {
        self.table.delete(resource)?;
        self.handles = self.handles.saturating_sub(1);
        Ok(())
    }

    pub(crate) async fn blob_read(&mut self, blob: &Resource<Held>, offset: u64, length: u32) -> wasmtime::Result<Vec<u8>> {
        let body = self.table.get(blob)?.body.clone();
        let length = length.min(u32::try_from(self.limits.hostcall_bytes).unwrap_or(u32::MAX));
        let mut bytes = body.read(offset, length).await.map_err(wasmtime::Error::from)?;
        bytes.truncate(length as usize);
        Ok(bytes)
    }

    pub(crate) async fn state_get(&mut self, key: String) -> Option<Vec<u8>> {
        self.host.state_get(&key).await
    }

    pub(crate) async fn state_set(&mut self, key: String, value: Vec<u8>) -> Result<(), String> {
        if key.len() > STATE_KEY_BYTES_MAX {
            return Err(format!("quota.state: the key is longer than {STATE_KEY_BYTES_MAX} bytes"));
        }
        if value.len() > self.limits.state_bytes {
            return Err(format!("quota.state: {} bytes, at most {} are kept", value.len(), self.limits.state_bytes));
        }
        self.host.state_set(&key, value).await
    }

    pub(crate) async fn folder_list(&mut self, folder: String) -> Result<Vec<FolderEntry>, FolderError> {
        self.host.folder_list(&folder).await
    }

    pub(crate) async fn folder_read(
        &mut self,
        folder: String,
        name: String,
        offset: u64,
        length: u32,
    ) -> Result<Vec<u8>, FolderError> {
        let length = length.min(u32::try_from(self.limits.hostcall_bytes).unwrap_or(u32::MAX));
        self.host.folder_read(&folder, &name, offset, length).await
    }

    pub(crate) fn log(&mut self, level: LogLevel, message: &str) {
        self.log_lines += 1;
        if self.log_lines > self.limits.log_lines {
            self.log_lines_dropped += 1;
            return;
        }
        self.host.log(level, &log_line::clean(message, self.limits.log_line_bytes));
    }

    /// Standard output (0) and standard error (1) become log lines.
    pub(crate) fn stdio(&mut self, stream: usize, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = self.limits.log_line_bytes.saturating_sub(self.stdio[stream].len());
            self.stdio[stream].extend_from_slice(&piece[..piece.len().min(room)]);
            if piece.ends_with(b"\n") {
                self.flush_stdio(stream);
            }
        }
    }

    fn flush_stdio(&mut self, stream: usize) {
        let line = std::mem::take(&mut self.stdio[stream]);
        let line = String::from_utf8_lossy(line.strip_suffix(b"\n").unwrap_or(&line)).into_owned();
        if !line.is_empty() {
            self.log(if stream == 0 { LogLevel::Info } else { LogLevel::Warn }, &line);
        }
    }

    /// SplitMix64: evenly spread and always the same; not for secrets, of which a guest has none.
    pub(crate) fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl wasmtime::ResourceLimiter for GuestState {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let more = desired.saturating_sub(current);
        let total = self.memory_bytes.saturating_add(more);
        if total > self.limits.memory_bytes || !self.shared.take(more) {
            self.memory_denied = true;
            return Ok(false);
        }
        self.memory_bytes = total;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.limits.table_elements;
        self.table_denied |= !allowed;
        Ok(allowed)
    }

    fn instances(&self) -> usize {
        self.limits.instances
    }

    fn tables(&self) -> usize {
        self.limits.instances
    }

    fn memories(&self) -> usize {
        self.limits.instances
    }
}
