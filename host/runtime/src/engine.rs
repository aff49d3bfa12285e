//! The one engine: wasmtime narrowed to what plugins need. Nobody else builds one.
//!
//! Components only, Cranelift only, interrupted by epochs. Fuel is off: it costs a third of a codec's speed and the
//! epoch plus a wall clock bound the same thing. Instances are allocated on demand, not from a pool: a pool
//! reserves the largest guest (Python: 60 tables, 128 MiB) times the number of slots, and the 40 µs that it saves
//! are paid once per run, not per call. What a pool would bound is counted: the memory of all guests together
//! ([`SharedMemory`]), and of each one its memories, tables and instances.

use std::{sync::Arc, thread, time::Duration};

use nave_core::limits::{EPOCH_TICK_MS, GUESTS_MEMORY_BYTES_MAX};
use wasmtime::{Config, Strategy};

use crate::{
    compile::Compiler,
    error::PluginError,
    limits::{FIBER_STACK_BYTES, GUEST_STACK_BYTES_MAX},
    memory::SharedMemory,
};

/// The engine that every plugin of a hub shares. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    pub(crate) inner: wasmtime::Engine,
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
        let weak = inner.weak();
        thread::Builder::new()
            .name("nave-epoch".into())
            .spawn(move || {
                loop {
                    thread::sleep(Duration::from_millis(EPOCH_TICK_MS));
                    match weak.upgrade() {
                        Some(engine) => engine.increment_epoch(),
                        None => break,
                    }
                }
            })
            .map_err(|error| PluginError::new("plugin.engine", format!("no thread for the epoch: {error}")))?;
        Ok(Engine { inner, compiler, memory: Arc::new(SharedMemory::new(GUESTS_MEMORY_BYTES_MAX)) })
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
        .parallel_compilation(true);
    config
}
