//! The one engine: wasmtime narrowed to what plugins need. Nobody else builds one.
//!
//! Components only, Cranelift only, interrupted by epochs. Fuel is off: it costs a third of a codec's speed and the
//! epoch plus a wall clock bound the same thing. It is two engines of wasmtime that differ in where guests live: in the
//! pool (`pool.rs`), and on demand where the pool cannot serve. Both take the same compiled code. The memory of all
//! guests together is counted ([`SharedMemory`]), and of each one its memories, tables and instances.

use std::{sync::Arc, thread, time::Duration};

use nave_core::limits::{EPOCH_TICK_MS, GUESTS_MEMORY_BYTES_MAX};
use wasmtime::{Config, Strategy};

use crate::{
    compile::Compiler,
    error::PluginError,
    limits::{FIBER_STACK_BYTES, GUEST_STACK_BYTES_MAX},
    memory::SharedMemory,
    pool,
};

/// The engine that every plugin of a hub shares. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    /// Makes guests on demand.
    pub(crate) inner: wasmtime::Engine,
    /// Makes guests in the pool; none where this machine has no room for one.
    pub(crate) pool: Option<wasmtime::Engine>,
    pub(crate) compiler: Compiler,
    pub(crate) memory: Arc<SharedMemory>,
}

impl Engine {
    /// An engine that compiles in a process of its own, where this program can be one.
    pub fn new() -> Result<Self, PluginError> {
        Self::with_compiler(Compiler::of_this_program())
    }

    /// Makes the engine and the thread that ticks its epoch every `EPOCH_TICK_MS`; the thread ends with the engine.
    pub fn with_compiler(compiler: Compiler) -> Result<Self, PluginError> {
        let inner = wasmtime::Engine::new(&config()).map_err(|error| {
            PluginError::new("plugin.engine", format!("the WebAssembly engine does not start on this machine: {error:#}"))
        })?;
        let pool = pool::engine()
            .inspect_err(|error| {
                tracing::info!(%error, "this machine has no room for a pool of guests (a limit on address space?): they are made on demand");
            })
            .ok();
        let weak = [Some(inner.weak()), pool.as_ref().map(wasmtime::Engine::weak)];
        thread::Builder::new()
            .name("nave-epoch".into())
            .spawn(move || {
                loop {
                    thread::sleep(Duration::from_millis(EPOCH_TICK_MS));
                    let engines: Vec<_> = weak.iter().flatten().filter_map(wasmtime::EngineWeak::upgrade).collect();
                    engines.iter().for_each(wasmtime::Engine::increment_epoch);
                    if engines.is_empty() {
                        break;
                    }
                }
            })
            .map_err(|error| PluginError::new("plugin.engine", format!("no thread for the epoch: {error}")))?;
        Ok(Engine { inner, pool, compiler, memory: Arc::new(SharedMemory::new(GUESTS_MEMORY_BYTES_MAX)) })
    }

    /// The same without a pool: every guest is made on demand. To compare with, and for tests.
    #[must_use]
    pub fn on_demand(self) -> Self {
        Engine { pool: None, ..self }
    }

    /// Whether this machine has room for the pool.
    pub fn has_pool(&self) -> bool {
        self.pool.is_some()
    }

    /// The same with another bound on the memory of all its guests together.
    #[must_use]
    pub fn with_memory(self, bytes: usize) -> Self {
        Engine { memory: Arc::new(SharedMemory::new(bytes)), ..self }
    }
}

/// Every proposal that a guest does not need is off; `inspect` refuses with the same list. Threads have no switch:
/// wasmtime is built without them.
pub(crate) fn config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_gc(false)
        .wasm_function_references(false)
        .wasm_exceptions(false)
        .wasm_stack_switching(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .wasm_multi_memory(true)
        .wasm_wide_arithmetic(false)
        .wasm_custom_page_sizes(false)
        .gc_support(false)
        .shared_memory(false)
        .epoch_interruption(true)
        .consume_fuel(false)
        .max_wasm_stack(GUEST_STACK_BYTES_MAX)
        .async_stack_size(FIBER_STACK_BYTES)
        .async_stack_zeroing(true)
        .parallel_compilation(true);
    config
}
