//! What a guest can reach: one trait, implemented by the hub. To review the attack surface, read this file.
//!
//! Every method is deny-by-default, so an implementation opens only what it means to open. A guest gets no data
//! that does not come through here (I13), and nothing here carries a secret (I10). Counting, sizes and log
//! hygiene are done before a call arrives here; grants, addresses and credentials are the implementation's.

use std::{future::Future, io, pin::Pin, sync::Arc};

use bytes::Bytes;

use crate::contract::LogLevel;

/// A future of a host call.
pub type HostFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A request under an endpoint of the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpRequest {
    /// Any method token.
    pub method: String,
    /// Path and query under the endpoint, or an absolute address that must lie under it.
    pub path: String,
    /// Headers set by the guest.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Option<Bytes>,
}

/// An answer, its body in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpResponse {
    /// Status.
    pub status: u16,
    /// Headers, scrubbed of credentials.
    pub headers: Vec<(String, String)>,
    /// Body, at most `HTTP_BODY_BYTES_MAX`.
    pub body: Bytes,
}

/// An answer whose body stays in the host.
#[derive(Clone)]
pub struct BlobResponse {
    /// Status.
    pub status: u16,
    /// Headers, scrubbed of credentials.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Arc<dyn Blob>,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// Not granted; says which grant would allow it.
    Denied(String),
    /// Nothing was sent.
    Unreachable(String),
    /// Sent, at least in part, and no answer came.
    NoAnswer(String),
    /// The answer was larger than this many bytes.
    TooLarge(u64),
    /// Requests, bytes or handles of this run are used up.
    Quota(String),
}

/// A file of a granted folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderEntry {
    /// Relative name, `/`-separated.
    pub name: String,
    /// Bytes.
    pub size: u64,
    /// RFC 3339.
    pub modified_at: String,
}

/// Why a folder call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FolderError {
    /// No such grant, or it does not allow writing.
    Denied(String),
    /// No such file.
    NotFound,
    /// The name leads out of the folder.
    BadName(String),
    /// Larger than this many bytes.
    TooLarge(u64),
    /// The disk said so.
    Io(String),
}

/// Bytes that the host holds for a guest.
pub trait Blob: Send + Sync {
    /// Bytes.
    fn size(&self) -> u64;
    /// At most `length` bytes from `offset`; empty at the end. An error ends the guest's call.
    fn read(&self, offset: u64, length: u32) -> HostFuture<'_, io::Result<Vec<u8>>>;
}

impl Blob for Bytes {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, length: u32) -> HostFuture<'_, io::Result<Vec<u8>>> {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.len());
        let end = start.saturating_add(length as usize).min(self.len());
        let piece = self[start..end].to_vec();
        Box::pin(async move { Ok(piece) })
    }
}

/// What the hub does for a guest.
#[expect(unused_variables, reason = "the defaults deny without looking")]
pub trait HostCalls: Send + Sync {
    /// `http.send`. Redirects are returned, not followed.
    fn http_send<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        Box::pin(async move { Err(HttpError::Denied(no_network(endpoint))) })
    }

    /// `blob.fetch`: as `http_send`, the answer's body held.
    fn blob_fetch<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        Box::pin(async move { Err(HttpError::Denied(no_network(endpoint))) })
    }

    /// `blob.send`: a held body is sent; `request.body` is `None`.
    fn blob_send<'a>(
        &'a self,
        endpoint: &'a str,
        request: HttpRequest,
        body: Arc<dyn Blob>,
    ) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        Box::pin(async move { Err(HttpError::Denied(no_network(endpoint))) })
    }

    /// The connection's settings as a JSON object. Never a secret.
    fn settings(&self) -> String {
        "{}".into()
    }

    /// A value that the plugin kept.
    fn state_get<'a>(&'a self, key: &'a str) -> HostFuture<'a, Option<Vec<u8>>> {
        Box::pin(async { None })
    }

    /// Keeps a value; an error says which quota would be passed.
    fn state_set<'a>(&'a self, key: &'a str, value: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        Box::pin(async { Err("this host keeps no state".into()) })
    }

    /// One clean line: control characters escaped, at most `GUEST_LOG_LINE_BYTES_MAX` bytes, floods already dropped.
    fn log(&self, level: LogLevel, message: &str) {}

    /// Wall clock in whole milliseconds since 1970. Asked for connectors only.
    fn now_ms(&self) -> u64 {
        0
    }

    /// Regular files below a granted folder, sorted by name.
    fn folder_list<'a>(&'a self, folder: &'a str) -> HostFuture<'a, Result<Vec<FolderEntry>, FolderError>> {
        Box::pin(async move { Err(no_folder(folder)) })
    }

    /// At most `length` bytes from `offset`; empty at the end.
    fn folder_read<'a>(
        &'a self,
        folder: &'a str,
        name: &'a str,
        offset: u64,
        length: u32,
    ) -> HostFuture<'a, Result<Vec<u8>, FolderError>> {
        Box::pin(async move { Err(no_folder(folder)) })
    }

    /// Replaces the file in one step.
    fn folder_write<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        Box::pin(async move { Err(no_folder(folder)) })
    }

    /// Adds to the end, durable when it returns.
    fn folder_append<'a>(&'a self, folder: &'a str, name: &'a str, content: Vec<u8>) -> HostFuture<'a, Result<(), FolderError>> {
        Box::pin(async move { Err(no_folder(folder)) })
    }

    /// Removes the file.
    fn folder_remove<'a>(&'a self, folder: &'a str, name: &'a str) -> HostFuture<'a, Result<(), FolderError>> {
        Box::pin(async move { Err(no_folder(folder)) })
    }
}

/// A host that gives nothing: for looking at a plugin, and for transforms.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoHost;

impl HostCalls for NoHost {}

fn no_network(endpoint: &str) -> String {
    format!("endpoint `{endpoint}` is not granted: this host gives no network")
}

fn no_folder(folder: &str) -> FolderError {
    FolderError::Denied(format!("folder `{folder}` is not granted: this host gives no folders"))
}
