//! A compiled plugin: its inspection and its code, shared by every instance.
//!
//! Compiling is the one slow and hungry step and goes through [`Compiler`](crate::Compiler) alone, bytes in and bytes out.

use std::sync::{Arc, OnceLock};

use nave_core::manifest::{Manifest, PluginKind};
use wasmtime::{PoolConcurrencyLimitError, component::Component};

use crate::{
    adapter::{Live, Prepared},
    cache::CompileCache,
    compile::CompileBounds,
    engine::Engine,
    error::PluginError,
    host_calls::HostCalls,
    inspect::{AbiVersion, Digest, Inspection, inspect},
    limits::InstanceLimits,
    pool, v0_1, v0_2,
};

/// A plugin, compiled and checked. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Inner>,
}

struct Inner {
    inspection: Inspection,
    engine: Engine,
    /// In the pool; none where there is none, or the component does not fit a slot.
    pooled: Option<Ready>,
    /// On demand: made when it is first needed.
    on_demand: OnceLock<Result<Ready, PluginError>>,
}

/// Compiled code in one of the two engines, linked.
struct Ready {
    component: Component,
    prepared: Box<dyn Prepared>,
}

impl Ready {
    fn new(inspection: &Inspection, engine: &Engine, component: Component) -> Result<Self, PluginError> {
        let pure = inspection.manifest.kind == PluginKind::Transform;
        let prepared = match inspection.abi_version {
            AbiVersion::V0_1 => v0_1::prepare(engine, &component, pure)?,
            AbiVersion::V0_2 => v0_2::prepare(engine, &component, pure)?,
        };
        Ok(Ready { component, prepared })
    }
}

impl Plugin {
    /// Inspects, then compiles or takes the compiled code from the cache. Takes seconds for a plugin that carries an
    /// interpreter: call it off the async threads.
    pub fn compile(engine: &Engine, bytes: &[u8], cache: Option<&CompileCache>) -> Result<Self, PluginError> {
        let inspection = inspect(bytes)?;
        let artifact = match cache.and_then(|cache| cache.load(engine, &inspection.digest)) {
            Some(artifact) => artifact,
            None => {
                let artifact = engine.compiler.compile(bytes, CompileBounds::of(bytes.len() as u64))?;
                if let Some(cache) = cache {
                    cache.store(engine, &inspection.digest, &artifact);
                }
                artifact
            }
        };
        let pooled = match engine.pool.as_ref().map(|pool| load(pool, &artifact)) {
            Some(Ok(component)) => Some(Ready::new(&inspection, engine, component)?),
            Some(Err(error)) => {
                tracing::debug!(plugin = %inspection.manifest.name, %error, "its guests are made on demand");
                None
            }
            None => None,
        };
        let on_demand = OnceLock::new();
        if pooled.is_none() {
            let _ = on_demand.set(Ok(Ready::new(&inspection, engine, load(&engine.inner, &artifact)?)?));
        }
        Ok(Plugin { inner: Arc::new(Inner { inspection, engine: engine.clone(), pooled, on_demand }) })
    }

    /// What was found without running it.
    pub fn inspection(&self) -> &Inspection {
        &self.inner.inspection
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.inner.inspection.manifest
    }

    /// Digest of its file.
    pub fn digest(&self) -> &Digest {
        &self.inner.inspection.digest
    }

    /// Whether its guests come from the pool, while that has a slot.
    pub fn fits_the_pool(&self) -> bool {
        self.inner.pooled.is_some()
    }

    /// Memory that all guests of its engine may take together, bytes.
    pub(crate) fn memory_at_most(&self) -> usize {
        self.inner.engine.memory.at_most()
    }

    /// A fresh instance: from the pool, or on demand where that cannot serve. Runs the guest's start code, so the caller
    /// bounds its time.
    pub(crate) async fn instantiate(&self, host: Arc<dyn HostCalls>, limits: InstanceLimits) -> wasmtime::Result<Box<dyn Live>> {
        if let Some(pooled) = self.inner.pooled.as_ref().filter(|_| pool::serves(&limits)) {
            match pooled.prepared.instantiate(host.clone(), limits.clone()).await {
                Err(error) if error.is::<PoolConcurrencyLimitError>() => {
                    tracing::debug!(plugin = %self.manifest().name, %error, "the pool is full: a guest is made on demand");
                }
                answer => return answer,
            }
        }
        match self.inner.on_demand.get_or_init(|| self.beside_the_pool()) {
            Ok(ready) => ready.prepared.instantiate(host, limits).await,
            Err(error) => Err(wasmtime::Error::msg(error.to_string())),
        }
    }

    /// The code of the pool once more, for guests outside of it.
    fn beside_the_pool(&self) -> Result<Ready, PluginError> {
        let unfit =
            |error: String| PluginError::new("plugin.compiled-code", format!("compiled code is not taken again: {error}"));
        let Some(pooled) = &self.inner.pooled else { return Err(unfit("there is none".to_owned())) };
        let artifact = pooled.component.serialize().map_err(|error| unfit(format!("{error:#}")))?;
        Ready::new(&self.inner.inspection, &self.inner.engine, load(&self.inner.engine.inner, &artifact)?)
    }
}

/// Loads compiled code that this program made just now, or that carried the hub's own signature.
#[expect(
    unsafe_code,
    reason = "compiled code is trusted by whoever loads it; the callers are the compiler and the authenticated cache"
)]
pub(crate) fn load(engine: &wasmtime::Engine, artifact: &[u8]) -> Result<Component, PluginError> {
    // SAFETY: `deserialize` runs whatever machine code the bytes hold, so they must come from `precompile_component`
    // unaltered. Its callers pass bytes that this process, or its own program started by it for that, made and gave
    // through a pipe that nobody else holds; bytes whose HMAC, under a key that only the hub holds, was verified over
    // exactly this buffer; or what was loaded from these before. The buffer is memory, not a mapped file, so nobody can
    // change it between the check and the use.
    unsafe { Component::deserialize(engine, artifact) }
        .map_err(|error| PluginError::new("plugin.compiled-code", format!("compiled code does not load: {error:#}")))
}
