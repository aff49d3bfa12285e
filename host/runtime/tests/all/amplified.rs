//! What costs a guest little and might cost the hub much: long lists of nothing, and stacks that run over by the thousand.

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::sync::Barrier;

use crate::support::{connector, connector_component, engine, plugin};
use nave_runtime::{HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse, Instance, InstanceLimits, NoHost, Plugin};

const MIB: usize = 1 << 20;
/// Bytes that the hub may need for one byte of a guest's answer.
const TIMES_MAX: usize = 4;
/// Set for the process that is measured: the function that it calls, then the elements of the list.
const MEASURED: &str = "NAVE_MEASURED_LIST";

/// A kilobyte-wise entry of `/proc/self/status`, in bytes.
fn own(entry: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("status");
    let line = status.lines().find_map(|line| line.strip_prefix(entry)?.strip_prefix(':')).expect("an entry");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

/// A connector that answers with a list of so many elements, each of zeros.
fn lists(function: &str, elements: u32) -> Plugin {
    // where the answer of each function holds its list: address, then length
    let at = match function {
        "check" => 4120,
        _ => 4104,
    };
    let words: String = [8192, elements].iter().flat_map(|word| word.to_le_bytes()).map(|byte| format!("\\{byte:02x}")).collect();
    let parts = format!("(memory (export \"memory\") 2000)\n(data (i32.const {at}) \"{words}\")");
    Plugin::compile(engine(), &plugin(&connector_component(&parts, &[]), &connector()), None).expect("compiles")
}

/// The measured process: what the one call came to, and by how much the hub's memory grew at most.
#[tokio::test]
async fn one_long_list() {
    let Ok(what) = std::env::var(MEASURED) else { return };
    let (function, elements) = what.split_once(' ').expect("two words");
    let plugin = lists(function, elements.parse().expect("a number"));
    let mut instance = Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default()).await.expect("starts");
    // from here on the highest value is a new one
    std::fs::write("/proc/self/clear_refs", "5").expect("reset");
    let before = own("VmRSS");
    let code = match function {
        "check" => instance.check().await.map(drop),
        "read" => instance.read("s", None, 1).await.map(drop),
        _ => instance.discover().await.map(drop),
    };
    let code = code.map_or_else(|error| error.code(), |()| "ok");
    println!("measured {code} {}", own("VmHWM").saturating_sub(before));
}

/// T33: a list is as long as the guest says, and its elements may all be the same zeros. The hub's own memory for it is measured, in
/// a process that does nothing else.
#[test]
fn a_list_of_millions_costs_the_hub_in_proportion() {
    // (function, elements, bytes of one in the guest, what comes of it); of a refused one nothing is copied
    for (function, elements, bytes, expected) in [
        ("check", 2_000_000, 8, "ok"),
        ("check", 16_000_000, 8, "quota.hostcall-bytes"),
        ("read", 300_000, 72, "plugin.contract-breach"),
        ("read", 1_500_000, 72, "quota.hostcall-bytes"),
        ("discover", 300_000, 72, "plugin.contract-breach"),
        ("discover", 1_000_000, 72, "quota.hostcall-bytes"),
    ] {
        let test = Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "amplified::one_long_list", "--nocapture"])
            .env(MEASURED, format!("{function} {elements}"))
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&test.stdout);
        let line = said.lines().find_map(|line| line.split_once("measured ")).unwrap_or_else(|| panic!("{said}")).1;
        let (code, grew) = line.split_once(' ').expect("two words");
        let grew: usize = grew.parse().expect("a number");
        println!("{function} {elements}: {code}, {} MiB in the guest, {} MiB in the hub", elements * bytes / MIB, grew / MIB);
        assert_eq!(code, expected, "{function} {elements}");
        assert!(grew > elements * bytes || expected == "quota.hostcall-bytes", "{function} {elements}: nothing was measured");
        assert!(grew <= TIMES_MAX * elements * bytes + MIB, "{function}: {} MiB for {} MiB", grew / MIB, elements * bytes / MIB);
    }
}

/// A host that answers a request when so many guests wait for one.
struct Gate {
    crowd: Barrier,
    waited: AtomicUsize,
}

impl HostCalls for Gate {
    fn http_send<'a>(&'a self, _: &'a str, _: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        Box::pin(async move {
            self.waited.fetch_add(1, Ordering::SeqCst);
            self.crowd.wait().await;
            Ok(HttpResponse { status: 200, headers: Vec::new(), body: "".into() })
        })
    }
}

/// T25: ten thousand guests go down into a recursion without end; hundreds of them wait half-way until all are there, so that their
/// stacks are deep at the same time. Each ends as a trap of its own, and the process is there to say so.
#[test]
fn ten_thousand_stacks_run_over_at_once() {
    const AT_ONCE: usize = 400;
    const ROUNDS: usize = 25;
    let http =
        r#"(import "nave:plugin/http@VERSION" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let zeros = "(i32.const 0) ".repeat(11);
    let down = format!(
        "(func $down (param i32) (result i32)
            (if (i32.eqz (local.get 0)) (then (call $send {zeros} (i32.const 8192))))
            (i32.add (i32.const 1) (call $down (i32.sub (local.get 0) (i32.const 1)))))"
    );
    let parts = format!("{http}\n{down}");
    let bytes = plugin(&connector_component(&parts, &[("check", "(call $down (i32.const 5000))")]), &connector());
    let plugin = Plugin::compile(engine(), &bytes, None).expect("compiles");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(8).enable_time().build().expect("runtime");
    let host = Arc::new(Gate { crowd: Barrier::new(AT_ONCE), waited: AtomicUsize::new(0) });
    for _ in 0..ROUNDS {
        let calls: Vec<_> = (0..AT_ONCE)
            .map(|_| {
                let (plugin, host) = (plugin.clone(), host.clone());
                runtime.spawn(async move {
                    let mut instance = Instance::start(&plugin, host, InstanceLimits::default()).await.expect("starts");
                    instance.check().await.map_or_else(|error| error.code(), |_| "ok")
                })
            })
            .collect();
        for call in calls {
            assert_eq!(runtime.block_on(call).expect("no panic"), "plugin.trap");
        }
    }
    assert_eq!(host.waited.load(Ordering::SeqCst), AT_ONCE * ROUNDS, "each was half-way down with all the others");
}
