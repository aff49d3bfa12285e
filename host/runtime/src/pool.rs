//! Room for guests that is there before they are: memories, tables and stacks of a pool, reserved once, used again and again.
//!
//! Promises that a slot is as new for the next guest, whoever had it: the system or the allocator puts every byte back
//! before it is given out again, of stacks as well. What does not fit is made on demand, which costs more and bounds the
//! same: a component with more parts than [`POOL_TABLES_PER_GUEST_MAX`] and its like allow, a guest with larger limits
//! than a slot, and any guest while all slots are taken. Where the machine has no room for the reservation (some four
//! gigabytes of addresses for each slot, none of it memory), everything is made on demand.

use nave_core::limits::{GUEST_MEMORY_BYTES_MAX, GUEST_TABLE_ELEMENTS_MAX};
use wasmtime::PoolingAllocationConfig;

use crate::{
    engine,
    limits::{
        InstanceLimits, POOL_GUESTS_MAX, POOL_INSTANCES_PER_GUEST_MAX, POOL_MEMORIES_PER_GUEST_MAX, POOL_MEMORY_RESIDENT_BYTES,
        POOL_STACK_RESIDENT_BYTES, POOL_TABLE_RESIDENT_BYTES, POOL_TABLES_MAX, POOL_TABLES_PER_GUEST_MAX, POOL_WARM_MAX,
    },
};

/// An engine whose guests come from a pool, or why this machine has none. It takes the same compiled code as
/// [`engine::config`]'s: where guests live is no part of how they are compiled.
pub(crate) fn engine() -> wasmtime::Result<wasmtime::Engine> {
    wasmtime::Engine::new(engine::config().allocation_strategy(slots()))
}

fn slots() -> PoolingAllocationConfig {
    let mut slots = PoolingAllocationConfig::new();
    slots
        .total_component_instances(POOL_GUESTS_MAX)
        .total_core_instances(POOL_GUESTS_MAX * POOL_INSTANCES_PER_GUEST_MAX)
        .total_memories(POOL_GUESTS_MAX)
        .total_tables(POOL_TABLES_MAX)
        .total_stacks(POOL_GUESTS_MAX)
        .max_core_instances_per_component(POOL_INSTANCES_PER_GUEST_MAX)
        .max_memories_per_component(POOL_MEMORIES_PER_GUEST_MAX)
        .max_memories_per_module(POOL_MEMORIES_PER_GUEST_MAX)
        .max_tables_per_component(POOL_TABLES_PER_GUEST_MAX)
        .max_tables_per_module(POOL_TABLES_PER_GUEST_MAX)
        .max_memory_size(GUEST_MEMORY_BYTES_MAX)
        .table_elements(GUEST_TABLE_ELEMENTS_MAX)
        .max_unused_warm_slots(POOL_WARM_MAX)
        .linear_memory_keep_resident(POOL_MEMORY_RESIDENT_BYTES)
        .table_keep_resident(POOL_TABLE_RESIDENT_BYTES)
        .async_stack_keep_resident(POOL_STACK_RESIDENT_BYTES);
    slots
}

/// Whether a slot bounds a guest no tighter than these limits do.
pub(crate) fn serves(limits: &InstanceLimits) -> bool {
    limits.memory_bytes <= GUEST_MEMORY_BYTES_MAX && limits.table_elements <= GUEST_TABLE_ELEMENTS_MAX
}
