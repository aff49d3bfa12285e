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
    lanes,
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
    /// Its last call was not quick: the next begins in the slow lane.
    slow: bool,
}

impl Instance {
    /// Makes an instance and runs the guest's start code under the same bounds as a call.
    pub async fn start(plugin: &Plugin, host: Arc<dyn HostCalls>, limits: InstanceLimits) -> Result<Self, CallError> {
        let mut instance = Instance { plugin: plugin.clone(), host, limits, live: None, starts: 0, slow: false };
        let (plugin, host, limits) = (plugin.clone(), instance.host.clone(), instance.limits.clone());
        let ran = lanes::run(false, async move { fresh(&plugin, host, &limits).await }).await;
        instance.slow = !ran.quick;
        instance.live = Some(ran.value?);
        instance.starts = 1;
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
        F: for<'a> FnOnce(&'a mut dyn Live) -> HostFuture<'a, Answer<T>> + Send + 'static,
        T: Send + 'static,
    {
        self.guarded(call).await?.map_err(CallError::Failure)
    }

    async fn guarded<T, F>(&mut self, call: F) -> Result<T, CallError>
    where
        F: for<'a> FnOnce(&'a mut dyn Live) -> HostFuture<'a, wasmtime::Result<T>> + Send + 'static,
        T: Send + 'static,
    {
        // taken out: from here on every way out but the clean one drops it
        let live = self.live.take();
        let (plugin, host, limits) = (self.plugin.clone(), self.host.clone(), self.limits.clone());
        let anew = live.is_none();
        let work = async move {
            let mut live = match live {
                Some(live) => live,
                None => fresh(&plugin, host, &limits).await.map_err(Lost::AtStart)?,
            };
            match entered(&plugin, &limits, &mut *live, call).await {
                Ok(value) => Ok((live, Ok(value))),
                Err(error @ CallError::NotExported(_)) => Ok((live, Err(error))),
                // dropped here, in the lane that it ran in: giving back what it took is work as well
                Err(error) => Err(Lost::InCall(error)),
            }
        };
        let ran = lanes::run(self.slow, work).await;
        self.slow = !ran.quick;
        self.starts += u64::from(anew && !matches!(ran.value, Err(Lost::AtStart(_))));
        match ran.value {
            Ok((live, answer)) => {
                self.live = Some(live);
                answer
            }
            Err(Lost::AtStart(error) | Lost::InCall(error)) => Err(error),
        }
    }
}

/// When the live instance was lost.
enum Lost {
    /// It never was.
    AtStart(CallError),
    InCall(CallError),
}

async fn fresh(plugin: &Plugin, host: Arc<dyn HostCalls>, limits: &InstanceLimits) -> Result<Box<dyn Live>, CallError> {
    match tokio::time::timeout(limits.call, plugin.instantiate(host, limits.clone())).await {
        Ok(Ok(live)) => Ok(live),
        Ok(Err(error)) => Err(explain(plugin, limits, &error, false, false)),
        Err(_) => Err(too_slow(limits)),
    }
}

/// One call of a live instance, within its bounds. After any error but `NotExported` it must not be entered again.
async fn entered<T, F>(plugin: &Plugin, limits: &InstanceLimits, live: &mut dyn Live, call: F) -> Result<T, CallError>
where
    F: for<'a> FnOnce(&'a mut dyn Live) -> HostFuture<'a, wasmtime::Result<T>>,
{
    live.state().begin_call();
    live.renew_deadline();
    let result = tokio::time::timeout(limits.call, call(live)).await;
    live.state().end_call();
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => match error.downcast_ref::<Missing>() {
            Some(Missing(what)) => Err(CallError::NotExported(what)),
            None => Err(explain(plugin, limits, &error, live.state().memory_denied, live.state().table_denied)),
        },
        Err(_) => Err(too_slow(limits)),
    }
}

fn too_slow(limits: &InstanceLimits) -> CallError {
    CallError::Deadline(format!("{} ms for the whole call, waiting included", limits.call.as_millis()))
}

fn explain(
    plugin: &Plugin,
    limits: &InstanceLimits,
    error: &wasmtime::Error,
    memory_denied: bool,
    table_denied: bool,
) -> CallError {
    if let Some(Exceeded { code, message }) = error.downcast_ref() {
        return CallError::Limit { code, message: message.clone() };
    }
    if let Some(full) = error.downcast_ref::<wasmtime::component::ResourceTableError>()
        && matches!(full, wasmtime::component::ResourceTableError::Full)
    {
        return CallError::Limit { code: "quota.handles", message: format!("more than {} open handles", limits.handles) };
    }
    let text = format!("{error:#}");
    if text.contains("fuel allocated for hostcalls") {
        return CallError::Limit {
            code: "quota.hostcall-bytes",
            message: format!("more than {} bytes in one call across the boundary", limits.hostcall_bytes),
        };
    }
    if error.downcast_ref() == Some(&wasmtime::Trap::Interrupt) {
        return CallError::Deadline(format!("{} ms of its own code", limits.cpu.as_millis()));
    }
    if memory_denied || text.contains("memory minimum size") {
        return CallError::Limit {
            code: "quota.memory",
            message: format!(
                "it asked for more than {} bytes of memory, or all plugins together for more than {}",
                limits.memory_bytes,
                plugin.memory_at_most()
            ),
        };
    }
    if table_denied || text.contains("table minimum size") {
        return CallError::Limit {
            code: "quota.table",
            message: format!("it asked for a table of more than {} elements", limits.table_elements),
        };
    }
    tracing::debug!(plugin = %plugin.manifest().name, error = %text, "a guest crashed");
    CallError::Trap(error.root_cause().to_string())
}
