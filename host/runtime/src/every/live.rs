//! From a component to a live guest: linked, instantiated, called. Nothing is decided here.

use std::sync::Arc;

use wasmtime::{
    Store, UpdateDeadline,
    component::{Component, HasSelf, Instance, InstancePre, Linker},
};

use super::{VERSION, convert, exports, imports};
use crate::{
    adapter::{Answer, Live, Missing, Prepared},
    contract as c,
    engine::Engine,
    error::PluginError,
    guest::GuestState,
    host_calls::{HostCalls, HostFuture},
    limits::InstanceLimits,
    memory::SharedMemory,
    wasi,
};

struct Ready {
    pre: InstancePre<GuestState>,
    pure: bool,
    memory: Arc<SharedMemory>,
    source: Option<exports::source::GuestIndices>,
    destination: Option<exports::destination::GuestIndices>,
    connection: Option<exports::connection::GuestIndices>,
    transform: Option<exports::transform::GuestIndices>,
}

/// Links a component against this version's imports. A pure plugin is given the log alone.
pub(crate) fn prepare(engine: &Engine, component: &Component, pure: bool) -> Result<Box<dyn Prepared>, PluginError> {
    let refused = |error: wasmtime::Error| {
        PluginError::new("plugin.link", format!("the component does not fit the contract nave:plugin@{VERSION}: {error:#}"))
    };
    let mut linker = Linker::<GuestState>::new(component.engine());
    link(&mut linker, pure).map_err(refused)?;
    let pre = linker.instantiate_pre(component).map_err(refused)?;
    let exports_of = |interface: &str| component.get_export_index(None, format!("nave:plugin/{interface}@{VERSION}")).is_some();
    Ok(Box::new(Ready {
        source: exports_of("source").then(|| exports::source::GuestIndices::new(&pre)).transpose().map_err(refused)?,
        destination: exports_of("destination")
            .then(|| exports::destination::GuestIndices::new(&pre))
            .transpose()
            .map_err(refused)?,
        connection: exports_of("connection")
            .then(|| exports::connection::GuestIndices::new(&pre))
            .transpose()
            .map_err(refused)?,
        transform: exports_of("transform").then(|| exports::transform::GuestIndices::new(&pre)).transpose().map_err(refused)?,
        pre,
        pure,
        memory: engine.memory.clone(),
    }))
}

fn link(linker: &mut Linker<GuestState>, pure: bool) -> wasmtime::Result<()> {
    type Own = HasSelf<GuestState>;
    wasi::add_to_linker(linker)?;
    imports::types::add_to_linker::<_, Own>(linker, |state| state)?;
    imports::log::add_to_linker::<_, Own>(linker, |state| state)?;
    if !pure {
        imports::http::add_to_linker::<_, Own>(linker, |state| state)?;
        imports::settings::add_to_linker::<_, Own>(linker, |state| state)?;
        imports::state::add_to_linker::<_, Own>(linker, |state| state)?;
        imports::clock::add_to_linker::<_, Own>(linker, |state| state)?;
        imports::folder::add_to_linker::<_, Own>(linker, |state| state)?;
        imports::blob::add_to_linker::<_, Own>(linker, |state| state)?;
    }
    Ok(())
}

impl Prepared for Ready {
    fn instantiate(&self, host: Arc<dyn HostCalls>, limits: InstanceLimits) -> HostFuture<'_, wasmtime::Result<Box<dyn Live>>> {
        Box::pin(async move {
            let (hostcall_bytes, handles) = (limits.hostcall_bytes, limits.handles);
            let mut store = Store::new(self.pre.engine(), GuestState::new(host, limits, self.pure, self.memory.clone()));
            store.limiter(|state| state);
            store.set_hostcall_fuel(hostcall_bytes);
            // the guest's own view of its handles; ours is counted in the resource table
            store.set_max_component_handles(handles.saturating_mul(4));
            store.epoch_deadline_callback(|mut context| {
                Ok(if context.data_mut().spend_tick() { UpdateDeadline::Yield(1) } else { UpdateDeadline::Interrupt })
            });
            store.set_epoch_deadline(1);
            let instance = self.pre.instantiate_async(&mut store).await?;
            let live: Box<dyn Live> = Box::new(Running {
                source: self.source.as_ref().map(|part| part.load(&mut store, &instance)).transpose()?,
                destination: self.destination.as_ref().map(|part| part.load(&mut store, &instance)).transpose()?,
                connection: self.connection.as_ref().map(|part| part.load(&mut store, &instance)).transpose()?,
                transform: self.transform.as_ref().map(|part| part.load(&mut store, &instance)).transpose()?,
                _instance: instance,
                store,
            });
            Ok(live)
        })
    }
}

struct Running {
    store: Store<GuestState>,
    _instance: Instance,
    source: Option<exports::source::Guest>,
    destination: Option<exports::destination::Guest>,
    connection: Option<exports::connection::Guest>,
    transform: Option<exports::transform::Guest>,
}

impl Live for Running {
    fn state(&mut self) -> &mut GuestState {
        self.store.data_mut()
    }

    fn renew_deadline(&mut self) {
        self.store.set_epoch_deadline(1);
    }

    fn discover(&mut self) -> HostFuture<'_, Answer<Vec<c::Stream>>> {
        Box::pin(async move {
            let guest = self.source.as_ref().ok_or(Missing("source.discover"))?;
            Ok(convert::all(guest.call_discover(&mut self.store).await?))
        })
    }

    fn read(&mut self, stream: String, checkpoint: Option<c::Checkpoint>, limit: u32) -> HostFuture<'_, Answer<c::Page>> {
        Box::pin(async move {
            let guest = self.source.as_ref().ok_or(Missing("source.read"))?;
            Ok(convert::one(guest.call_read(&mut self.store, &stream, checkpoint.as_ref(), limit).await?))
        })
    }

    fn acknowledge(&mut self, stream: String, checkpoint: c::Checkpoint) -> HostFuture<'_, Answer<()>> {
        Box::pin(async move {
            let guest = self.source.as_ref().ok_or(Missing("source.acknowledge"))?;
            Ok(convert::one(guest.call_acknowledge(&mut self.store, &stream, &checkpoint).await?))
        })
    }

    fn get(&mut self, stream: String, ids: Vec<c::RemoteId>) -> HostFuture<'_, Answer<Vec<c::SourceRecord>>> {
        Box::pin(async move {
            let guest = self.source.as_ref().ok_or(Missing("source.get"))?;
            Ok(convert::all(guest.call_get(&mut self.store, &stream, &ids).await?))
        })
    }

    fn write(&mut self, stream: String, deliveries: Vec<c::Delivery>) -> HostFuture<'_, Answer<Vec<c::Outcome>>> {
        Box::pin(async move {
            let guest = self.destination.as_ref().ok_or(Missing("destination.write"))?;
            let deliveries: Vec<_> = deliveries.into_iter().map(Into::into).collect();
            Ok(convert::all(guest.call_write(&mut self.store, &stream, &deliveries).await?))
        })
    }

    fn find(&mut self, stream: String, path: String, values: Vec<String>) -> HostFuture<'_, Answer<Vec<c::SourceRecord>>> {
        Box::pin(async move {
            let guest = self.destination.as_ref().ok_or(Missing("destination.find"))?;
            Ok(convert::all(guest.call_find(&mut self.store, &stream, &path, &values).await?))
        })
    }

    fn check(&mut self) -> HostFuture<'_, Answer<c::CheckReport>> {
        Box::pin(async move {
            let guest = self.connection.as_ref().ok_or(Missing("connection.check"))?;
            Ok(convert::one(guest.call_check(&mut self.store).await?))
        })
    }

    fn webhook(&mut self, request: c::WebhookRequest) -> HostFuture<'_, Answer<Vec<c::Event>>> {
        Box::pin(async move {
            let guest = self.connection.as_ref().ok_or(Missing("connection.webhook"))?;
            Ok(convert::all(guest.call_webhook(&mut self.store, &request.into()).await?))
        })
    }

    fn transform(&mut self, name: String, inputs: Vec<c::Column>) -> HostFuture<'_, wasmtime::Result<Result<c::Batch, String>>> {
        Box::pin(async move {
            let guest = self.transform.as_ref().ok_or(Missing("transform.call"))?;
            let inputs: Vec<_> = inputs.into_iter().map(Into::into).collect();
            Ok(guest.call_call(&mut self.store, &name, &inputs).await?.map(Into::into))
        })
    }
}
