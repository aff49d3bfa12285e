//! One connection's instance: the typed calls, their deadlines, and what may come back.
//!
//! Promises that an instance that trapped or ran out of time is never entered again: a call *takes* the live
//! instance and only a clean answer puts it back (I9); the next call makes a fresh one. Also when the caller
//! drops the future. Must not know a version of the ABI.

use std::sync::Arc;

use crate::{
    adapter::{Answer, Live, Missing},
    answer,
    contract::*,
    error::CallError,
    guest::Exceeded,
    host_calls::{HostCalls, HostFuture},
    limits::InstanceLimits,
    plugin::Plugin,
};

/// An instance of a plugin for one connection. One call at a time.
pub struct Instance {
    plugin: Plugin,
    host: Arc<dyn HostCalls>,
    limits: InstanceLimits,
    live: Option<Box<dyn Live>>,
    starts: u64,
}

impl Instance {
    /// Makes an instance and runs the guest's start code under the same bounds as a call.
    pub async fn start(plugin: &Plugin, host: Arc<dyn HostCalls>, limits: InstanceLimits) -> Result<Self, CallError> {
        let mut instance = Instance { plugin: plugin.clone(), host, limits, live: None, starts: 0 };
        instance.live = Some(instance.fresh().await?);
        Ok(instance)
    }

    /// The plugin that runs here.
    pub fn plugin(&self) -> &Plugin {
        &self.plugin
    }

    /// How many live instances were made so far; more than one means that one was lost.
    pub fn starts(&self) -> u64 {
        self.starts
    }

    /// The streams of the system. At most `STREAMS_MAX`, names unique.
    pub async fn discover(&mut self) -> Result<Vec<Stream>, CallError> {
        let streams = self.call(|live| live.discover()).await?;
        answer::streams(&streams)?;
        Ok(streams)
    }

    /// The next page after a checkpoint; none means from the start.
    pub async fn read(&mut self, stream: &str, checkpoint: Option<&[u8]>, limit: u32) -> Result<Page, CallError> {
        let (stream, checkpoint) = (stream.to_owned(), checkpoint.map(<[u8]>::to_vec));
        let page = self.call(move |live| live.read(stream, checkpoint, limit)).await?;
        answer::page(&page)?;
        Ok(page)
    }

    /// Tells the source that everything before this checkpoint is durable.
    pub async fn acknowledge(&mut self, stream: &str, checkpoint: &[u8]) -> Result<(), CallError> {
        let (stream, checkpoint) = (stream.to_owned(), checkpoint.to_vec());
        self.call(move |live| live.acknowledge(stream, checkpoint)).await
    }

    /// These things as they are now; at most one record per id, none that was not asked for.
    pub async fn get(&mut self, stream: &str, ids: Vec<RemoteId>) -> Result<Vec<SourceRecord>, CallError> {
        let (stream, asked) = (stream.to_owned(), ids.clone());
        let records = self.call(move |live| live.get(stream, ids)).await?;
        answer::got(&asked, &records)?;
        Ok(records)
    }

    /// Makes these differences; exactly one outcome per delivery, in order.
    ///
    /// Any error but `Failure` and `NotExported` says nothing about what was sent: treat every delivery as unknown.
    pub async fn write(&mut self, stream: &str, deliveries: Vec<Delivery>) -> Result<Vec<Outcome>, CallError> {
        let (stream, asked) = (stream.to_owned(), deliveries.len());
        let mut outcomes = self.call(move |live| live.write(stream, deliveries)).await?;
        answer::outcomes(asked, &mut outcomes)?;
        Ok(outcomes)
    }

    /// Things whose field at `path` equals one of the values.
    pub async fn find(&mut self, stream: &str, path: &str, values: Vec<String>) -> Result<Vec<SourceRecord>, CallError> {
        let (stream, path) = (stream.to_owned(), path.to_owned());
        let records = self.call(move |live| live.find(stream, path, values)).await?;
        answer::records(&records)?;
        Ok(records)
    }

    /// Does this connection work?
    pub async fn check(&mut self) -> Result<CheckReport, CallError> {
        self.call(|live| live.check()).await
    }

    /// What a verified webhook call is about.
    pub async fn webhook(&mut self, request: WebhookRequest) -> Result<Vec<Event>, CallError> {
        let events = self.call(move |live| live.webhook(request)).await?;
        answer::events(&events)?;
        Ok(events)
    }

    /// Applies a function of a transform to columns of equal length; the result has as many rows.
    pub async fn transform(&mut self, name: &str, inputs: Vec<Column>) -> Result<Batch, CallError> {
        let rows = inputs.first().map_or(0, Column::rows);
        if inputs.iter().any(|column| column.rows() != rows) {
            return Err(CallError::Broken(format!("the inputs of `{name}` differ in length")));
        }
        let function = name.to_owned();
        let batch = self
            .guarded(move |live| live.transform(function, inputs))
            .await?
            .map_err(|message| CallError::Broken(format!("`{name}` refused the whole batch: {message}")))?;
        answer::batch(rows, &batch)?;
        Ok(batch)
    }

    async fn call<T, F>(&mut self, call: F) -> Result<T, CallError>
    where
        F: for<'a> FnOnce(&'a mut dyn Live) -> HostFuture<'a, Answer<T>>,
    {
        self.guarded(call).await?.map_err(CallError::Failure)
    }

    async fn guarded<T, F>(&mut self, call: F) -> Result<T, CallError>
    where
        F: for<'a> FnOnce(&'a mut dyn Live) -> HostFuture<'a, wasmtime::Result<T>>,
    {
        // taken out: from here on every way out but the clean one drops it
        let mut live = match self.live.take() {
            Some(live) => live,
            None => self.fresh().await?,
        };
        live.state().begin_call();
        live.renew_deadline();
        let result = tokio::time::timeout(self.limits.call, call(&mut *live)).await;
        live.state().end_call();
        match result {
            Ok(Ok(value)) => {
                self.live = Some(live);
                Ok(value)
            }
            Ok(Err(error)) => match error.downcast_ref::<Missing>() {
                Some(Missing(what)) => {
                    self.live = Some(live);
                    Err(CallError::NotExported(what))
                }
                None => Err(self.explain(&error, live.state().memory_denied, live.state().table_denied)),
            },
            Err(_) => Err(self.too_slow()),
        }
    }

    async fn fresh(&mut self) -> Result<Box<dyn Live>, CallError> {
        let plugin = self.plugin.clone();
        let start = plugin.instantiate(self.host.clone(), self.limits.clone());
        let live = match tokio::time::timeout(self.limits.call, start).await {
            Ok(Ok(live)) => live,
            Ok(Err(error)) => return Err(self.explain(&error, false, false)),
            Err(_) => return Err(self.too_slow()),
        };
        self.starts += 1;
        Ok(live)
    }

    fn too_slow(&self) -> CallError {
        CallError::Deadline(format!("{} ms for the whole call, waiting included", self.limits.call.as_millis()))
    }

    fn explain(&self, error: &wasmtime::Error, memory_denied: bool, table_denied: bool) -> CallError {
        if let Some(Exceeded { code, message }) = error.downcast_ref() {
            return CallError::Limit { code, message: message.clone() };
        }
        if let Some(full) = error.downcast_ref::<wasmtime::component::ResourceTableError>()
            && matches!(full, wasmtime::component::ResourceTableError::Full)
        {
            return CallError::Limit {
                code: "quota.handles",
                message: format!("more than {} open handles", self.limits.handles),
            };
        }
        let text = format!("{error:#}");
        if text.contains("fuel allocated for hostcalls") {
            return CallError::Limit {
                code: "quota.hostcall-bytes",
                message: format!("more than {} bytes in one call across the boundary", self.limits.hostcall_bytes),
            };
        }
        if error.downcast_ref() == Some(&wasmtime::Trap::Interrupt) {
            return CallError::Deadline(format!("{} ms of its own code", self.limits.cpu.as_millis()));
        }
        if memory_denied || text.contains("memory minimum size") {
            return CallError::Limit {
                code: "quota.memory",
                message: format!(
                    "it asked for more than {} bytes of memory, or all plugins together for more than {}",
                    self.limits.memory_bytes,
                    self.plugin.memory_at_most()
                ),
            };
        }
        if table_denied || text.contains("table minimum size") {
            return CallError::Limit {
                code: "quota.table",
                message: format!("it asked for a table of more than {} elements", self.limits.table_elements),
            };
        }
        tracing::debug!(plugin = %self.plugin.manifest().name, error = %text, "a guest crashed");
        CallError::Trap(error.root_cause().to_string())
    }
}
