//! The seam between what the runtime does and one version of the ABI. A version implements these two traits and
//! nothing else, so that a new version is a new folder and one arm of a match.
//!
//! What is spelled alike in every version is text of `every/`, which each version compiles for its own types (`#[path]`): a function
//! of the host exists once in the source, and no version has a way of its own to the network, to folders or to settings.

use std::sync::Arc;

use crate::{
    contract::*,
    guest::GuestState,
    host_calls::{HostCalls, HostFuture},
    limits::InstanceLimits,
};

/// Outer error: the guest trapped. Inner: the guest's own failure.
pub(crate) type Answer<T> = wasmtime::Result<Result<T, Failure>>;

/// A compiled plugin of one version, ready to be instantiated.
pub(crate) trait Prepared: Send + Sync {
    /// A fresh instance. Runs the guest's start code, so the caller bounds its time.
    fn instantiate(&self, host: Arc<dyn HostCalls>, limits: InstanceLimits) -> HostFuture<'_, wasmtime::Result<Box<dyn Live>>>;
}

/// A live instance of one version. Not to be used again after an outer error.
pub(crate) trait Live: Send {
    /// Counters and buffers of the guest.
    fn state(&mut self) -> &mut GuestState;
    /// Gives the guest a new deadline.
    fn renew_deadline(&mut self);

    fn discover(&mut self) -> HostFuture<'_, Answer<Vec<Stream>>>;
    fn read(&mut self, stream: String, checkpoint: Option<Checkpoint>, limit: u32) -> HostFuture<'_, Answer<Page>>;
    fn acknowledge(&mut self, stream: String, checkpoint: Checkpoint) -> HostFuture<'_, Answer<()>>;
    fn get(&mut self, stream: String, ids: Vec<RemoteId>) -> HostFuture<'_, Answer<Vec<SourceRecord>>>;
    fn write(&mut self, stream: String, deliveries: Vec<Delivery>) -> HostFuture<'_, Answer<Vec<Outcome>>>;
    fn find(&mut self, stream: String, path: String, values: Vec<String>) -> HostFuture<'_, Answer<Vec<SourceRecord>>>;
    fn check(&mut self) -> HostFuture<'_, Answer<CheckReport>>;
    fn webhook(&mut self, request: WebhookRequest) -> HostFuture<'_, Answer<Vec<Event>>>;
    fn transform(&mut self, name: String, inputs: Vec<Column>) -> HostFuture<'_, wasmtime::Result<Result<Batch, String>>>;
}

/// Raised by an adapter when the component lacks the interface.
#[derive(Debug, thiserror::Error)]
#[error("not exported: {0}")]
pub(crate) struct Missing(pub(crate) &'static str);
