//! A compiled plugin: its inspection and its code, shared by every instance.
//!
//! Compiling is the one slow and hungry step and goes through [`Compiler`](crate::Compiler) alone, bytes in and bytes out.

use std::sync::Arc;

use nave_core::manifest::{Manifest, PluginKind};
use wasmtime::component::Component;

use crate::{
    adapter::Prepared,
    cache::CompileCache,
    compile::CompileBounds,
    engine::Engine,
    error::PluginError,
    inspect::{AbiVersion, Digest, Inspection, inspect},
    memory::SharedMemory,
    v0_1,
};

/// A plugin, compiled and checked. Cheap to clone.
#[derive(Clone)]
pub struct Plugin {
    inner: Arc<Inner>,
}

struct Inner {
    inspection: Inspection,
    prepared: Box<dyn Prepared>,
    memory: Arc<SharedMemory>,
}

impl Plugin {
    /// Inspects, then compiles or takes the compiled code from the cache. Takes seconds for a plugin that carries an
    /// interpreter: call it off the async threads.
    pub fn compile(engine: &Engine, bytes: &[u8], cache: Option<&CompileCache>) -> Result<Self, PluginError> {
        let inspection = inspect(bytes)?;
        let component = match cache.and_then(|cache| cache.load(engine, &inspection.digest)) {
            Some(component) => component,
            None => {
                let artifact = engine.compiler.compile(bytes, CompileBounds::of(bytes.len() as u64))?;
                if let Some(cache) = cache {
                    cache.store(engine, &inspection.digest, &artifact);
                }
                load(engine, &artifact)?
            }
        };
        let pure = inspection.manifest.kind == PluginKind::Transform;
        let prepared = match inspection.abi_version {
            AbiVersion::V0_1 => v0_1::prepare(engine, &component, pure)?,
        };
        Ok(Plugin { inner: Arc::new(Inner { inspection, prepared, memory: engine.memory.clone() }) })
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

    /// Memory that all guests of its engine may take together, bytes.
    pub(crate) fn memory_at_most(&self) -> usize {
        self.inner.memory.at_most()
    }

    pub(crate) fn prepared(&self) -> &dyn Prepared {
        &*self.inner.prepared
    }
}

/// Loads compiled code that this program made just now, or that carried the hub's own signature.
#[expect(
    unsafe_code,
    reason = "compiled code is trusted by whoever loads it; the callers are the compiler and the authenticated cache"
)]
pub(crate) fn load(engine: &Engine, artifact: &[u8]) -> Result<Component, PluginError> {
    // SAFETY: `deserialize` runs whatever machine code the bytes hold, so they must come from `precompile_component`
    // unaltered. The two callers guarantee that: `compile` passes bytes that this process, or its own program started by
    // it for that, made a line above and gave through a pipe that nobody else holds, and the cache passes bytes whose HMAC, under a key that only the hub holds, was verified over exactly this buffer. The buffer is memory,
    // not a mapped file, so nobody can change it between the check and the use.
    unsafe { Component::deserialize(&engine.inner, artifact) }
        .map_err(|error| PluginError::new("plugin.compiled-code", format!("compiled code does not load: {error:#}")))
}
