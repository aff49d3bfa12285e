//! Who computes long goes on in threads that give way, and comes back once it is quick.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use crate::support::{connector, connector_component, engine, plugin};
use nave_runtime::{HostCalls, Instance, InstanceLimits, Plugin, contract::LogLevel};

const LOG: &str = r#"(import "nave:plugin/log@VERSION" "write" (func $log (param i32 i32 i32)))"#;
const SAY: &str = "(call $log (i32.const 1) (i32.const 4096) (i32.const 1))";
/// Some hundred milliseconds of any machine: three hundred million rounds.
const COMPUTE: &str = "(local $i i32) (loop $l
    (local.set $i (i32.add (local.get $i) (i32.const 1)))
    (br_if $l (i32.lt_u (local.get $i) (i32.const 300000000))))";

/// Notes where its guest was when it said something.
#[derive(Default)]
struct Where(Mutex<Vec<bool>>);

impl Where {
    /// Whether that was in the slow lane, of each line since the last time.
    fn slow(&self) -> Vec<bool> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl HostCalls for Where {
    fn log(&self, _: LogLevel, _: &str) {
        let slow = std::thread::current().name() == Some("nave-slow");
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(slow);
    }
}

fn compile(bodies: &[(&str, &str)]) -> Plugin {
    Plugin::compile(engine(), &plugin(&connector_component(LOG, bodies), &connector()), None).expect("compiles")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_computes_long_gives_way() {
    let long = COMPUTE.replacen("(loop", &format!("{SAY} (loop"), 1);
    let plugin =
        compile(&[("check", &format!("{long} {SAY} (i32.const 4096)")), ("discover", &format!("{SAY} (i32.const 4096)"))]);
    let host = Arc::new(Where::default());
    let mut instance = Instance::start(&plugin, host.clone(), InstanceLimits::default()).await.expect("starts");
    for (function, expected) in [
        ("discover", &[false][..]),
        ("check", &[false, true]),
        // It is known by now, until it was quick once.
        ("check", &[true, true]),
        ("discover", &[true]),
        ("discover", &[false]),
    ] {
        match function {
            "check" => drop(instance.check().await.expect("answers")),
            _ => drop(instance.discover().await.expect("answers")),
        }
        assert_eq!(host.slow(), expected, "{function}");
    }
    assert_eq!(instance.starts(), 1);
}

/// I9: what nobody waits for any more ends in the slow lane too, and the next call finds a fresh instance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_was_given_up_ends_in_the_slow_lane() {
    // A line every million rounds.
    let endless = format!(
        "(local $i i32) (loop $m {SAY} (local.set $i (i32.const 0))
        (loop $l (local.set $i (i32.add (local.get $i) (i32.const 1))) (br_if $l (i32.lt_u (local.get $i) (i32.const 1000000))))
        (br $m)) unreachable"
    );
    let plugin = compile(&[("check", &endless)]);
    let host = Arc::new(Where::default());
    let limits = InstanceLimits { call: Duration::from_secs(3_600), ..InstanceLimits::default() };
    let mut instance = Instance::start(&plugin, host.clone(), limits).await.expect("starts");
    let given_up = async {
        while !host.slow().contains(&true) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = given_up => {}
        answer = instance.check() => panic!("{answer:?}"),
    }
    // Its guest goes, and its hold on the host with it: what is left is the instance's, and this test's.
    let ended = async {
        while Arc::strong_count(&host) > 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), ended).await.expect("it ends long before its own time");
    host.slow();
    instance.discover().await.expect("a fresh instance answers");
    assert_eq!(instance.starts(), 2);
    assert!(host.slow().is_empty());
}
