//! Guests in the pool, and those that it does not take: the same bounds, and nothing of the one before.

use std::sync::Arc;

use crate::support::{connector, connector_component, engine, plugin};
use nave_runtime::{
    Engine, Instance, InstanceLimits, NoHost, Plugin,
    limits::{POOL_GUESTS_MAX, POOL_MEMORY_RESIDENT_BYTES, POOL_TABLES_PER_GUEST_MAX},
};

fn compile(engine: &Engine, parts: &str, bodies: &[(&str, &str)]) -> Plugin {
    let bytes = plugin(&connector_component(parts, bodies), &connector());
    Plugin::compile(engine, &bytes, None).expect("compiles")
}

async fn start(plugin: &Plugin) -> Instance {
    Instance::start(plugin, Arc::new(NoHost), InstanceLimits::default()).await.expect("starts")
}

/// Four megabytes, so that most of it lies beyond what a slot keeps: filled by `check` but for where answers are, searched
/// by `discover`, which crashes over the first byte that is not zero; and a table, the same.
fn marks(number: u8) -> (String, [(&'static str, String); 2]) {
    let parts = format!(
        "(memory (export \"memory\") 4)\n(table $t 1 funcref) (func $mark) (elem declare func $mark) (global i32 (i32.const {number}))"
    );
    let grow = "(drop (memory.grow (i32.const 60))) (drop (table.grow $t (ref.null func) (i32.const 5000)))";
    let fill = format!(
        "{grow} (memory.fill (i32.const 16384) (i32.const {number}) (i32.const 4177920))
        (table.fill $t (i32.const 0) (ref.func $mark) (i32.const 5000)) (i32.const 4096)"
    );
    let search = format!(
        "(local $at i32) {grow} (local.set $at (i32.const 16384))
        (loop $l
            (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $l (i32.lt_u (local.get $at) (i32.const 4194304))))
        (local.set $at (i32.const 0))
        (loop $l
            (if (i32.eqz (ref.is_null (table.get $t (local.get $at)))) (then unreachable))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br_if $l (i32.lt_u (local.get $at) (i32.const 5000))))
        (i32.const 4096)"
    );
    (parts, [("check", fill), ("discover", search)])
}

/// T41: every slot is filled by guests of one plugin, then searched by guests of the same and of another one.
#[tokio::test]
async fn a_slot_holds_nothing_of_whoever_had_it() {
    assert!(engine().has_pool() && POOL_MEMORY_RESIDENT_BYTES < 4 << 20);
    let [first, second] = [0x5a, 0xa5].map(|number| {
        let (parts, bodies) = marks(number);
        compile(engine(), &parts, &bodies.each_ref().map(|(name, body)| (*name, body.as_str())))
    });
    assert!(first.fits_the_pool() && second.fits_the_pool());
    for (marks, searches) in [(&first, &second), (&second, &first), (&first, &first)] {
        // So many that whoever comes next is given a slot that was used.
        let mut all = Vec::new();
        for _ in 0..16 {
            let mut guest = start(marks).await;
            guest.check().await.expect("fills");
            all.push(guest);
        }
        // What is searched for is found where it is.
        let mut own = start(marks).await;
        own.check().await.expect("fills");
        assert_eq!(own.discover().await.expect_err("finds its own").code(), "plugin.trap");
        drop(own);
        drop(all);
        for _ in 0..2 * POOL_GUESTS_MAX {
            start(searches).await.discover().await.expect("nobody was here before");
        }
    }
}

/// What the pool does not serve is served: more guests than slots, a component of many parts, a guest with larger limits.
#[tokio::test]
async fn what_the_pool_cannot_serve_is_made_on_demand() {
    let plain = compile(engine(), "", &[]);
    assert!(plain.fits_the_pool());
    let mut all = Vec::new();
    for _ in 0..POOL_GUESTS_MAX + 6 {
        all.push(start(&plain).await);
    }
    for guest in &mut all {
        guest.check().await.expect("answers");
        assert_eq!(guest.starts(), 1);
    }
    drop(all);

    let tables = "(table 1 funcref)".repeat(POOL_TABLES_PER_GUEST_MAX as usize + 1);
    let many = compile(engine(), &tables, &[]);
    assert!(!many.fits_the_pool());
    start(&many).await.check().await.expect("answers");

    let grows = "(if (i32.eq (memory.grow (i32.const 3000)) (i32.const -1)) (then unreachable)) (i32.const 4096)";
    let large = compile(engine(), "", &[("check", grows)]);
    let limits = InstanceLimits { memory_bytes: 256 << 20, ..InstanceLimits::default() };
    let mut roomy = Instance::start(&large, Arc::new(NoHost), limits).await.expect("starts");
    roomy.check().await.expect("has the room that it was given");
    assert_eq!(start(&large).await.check().await.expect_err("has the usual room").code(), "quota.memory");
}

/// A machine without room for the pool runs everything all the same.
#[tokio::test]
async fn without_a_pool() {
    let without = engine().clone().on_demand();
    let plain = compile(&without, "", &[]);
    assert!(!without.has_pool() && !plain.fits_the_pool());
    start(&plain).await.check().await.expect("answers");
}
