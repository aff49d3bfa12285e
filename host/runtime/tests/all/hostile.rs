//! Plugins that misbehave while they run: whatever they do costs them their instance, and nothing else.

use std::{
    future::Future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use nave_hostile::{Bounds, Group};

use crate::support::{Contract, TestHost, connector, connector_component, connector_of, engine, plugin, transform, transform_of};
use nave_runtime::{CallError, HostCalls, Instance, InstanceLimits, NoHost, Plugin, contract::*};

fn limits() -> InstanceLimits {
    InstanceLimits {
        cpu: Duration::from_millis(100),
        call: Duration::from_secs(20),
        memory_bytes: 1 << 20,
        table_elements: 1_000,
        host_calls: 2_000,
        http_requests: 5,
        handles: 4,
        log_lines: 10,
        log_line_bytes: 64,
        hostcall_bytes: 256 << 10,
        state_bytes: 1_000,
        ..InstanceLimits::default()
    }
}

in_every_version!(
    quotas_stop_before_the_host,
    a_call_that_waits_for_ever_ends,
    log_lines_are_clean_and_counted,
    a_crash_takes_the_instance_with_it,
    every_export_is_stopped_and_crashes_alone,
    instances_share_no_memory,
    a_call_that_was_given_up_takes_the_instance_with_it,
    answers_that_break_the_contract,
    failures_and_missing_exports,
    transforms,
);

fn compile(contract: Contract, parts: &str, bodies: &[(&str, &str)]) -> Plugin {
    let bytes = plugin(&connector_of(contract, parts, bodies), &connector());
    Plugin::compile(engine(), &bytes, None).expect("compiles")
}

/// Calls `check` of a guest; its answer's code, or `ok`.
async fn check_code(plugin: &Plugin, host: Arc<dyn HostCalls>, limits: InstanceLimits) -> &'static str {
    let mut instance = match Instance::start(plugin, host, limits).await {
        Ok(instance) => instance,
        Err(error) => return error.code(),
    };
    let code = instance.check().await.map_or_else(|error| error.code(), |_| "ok");
    // whatever happened, the next call finds a working instance: a fresh one, unless all was well
    assert_eq!(instance.starts(), 1);
    let again = instance.check().await.map_or_else(|error| error.code(), |_| "ok");
    assert_eq!(code, again);
    assert_eq!(instance.starts(), if code == "ok" { 1 } else { 2 });
    code
}

const ZEROS: &str = "(i32.const 4096)";
const LOG: &str = r#"(import "nave:plugin/log@VERSION" "write" (func $log (param i32 i32 i32)))"#;
const HTTP: &str =
    r#"(import "nave:plugin/http@VERSION" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
const BLOB: &str =
    r#"(import "nave:plugin/blob@VERSION" "fetch" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
const SEND: &str = "(call $send (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8192))";

/// Every guest of a group, of every version, under the bounds that it asks for.
#[track_caller]
fn check_group(group: Group) {
    let mut count = 0;
    let guests = nave_hostile::guests().into_iter().filter(|guest| guest.group == group);
    for (guest, contract) in guests.flat_map(|guest| Contract::ALL.map(|contract| (guest.clone(), contract))) {
        let plugin = Plugin::compile(engine(), &guest.plugin_of(contract), None).expect("compiles");
        let limits = match guest.bounds {
            Bounds::Tiny => limits(),
            Bounds::Short => InstanceLimits { cpu: limits().cpu, ..InstanceLimits::default() },
            Bounds::Product => InstanceLimits::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        let code = runtime.block_on(called(&plugin, guest.function, limits));
        assert_eq!(code, guest.code, "{} of {contract:?}", guest.name);
        count += 1;
    }
    assert!(count >= 10, "{group:?}");
}

/// What comes of a call, twice: whatever happened, the next call finds a working instance.
async fn called(plugin: &Plugin, function: &str, limits: InstanceLimits) -> &'static str {
    let mut instance = match Instance::start(plugin, Arc::new(TestHost::default()), limits).await {
        Ok(instance) => instance,
        Err(error) => return error.code(),
    };
    let code = call_code(&mut instance, function).await;
    assert_eq!(call_code(&mut instance, function).await, code);
    // a wrong answer is no crash
    assert_eq!(instance.starts(), if matches!(code, "ok" | "plugin.contract-breach") { 1 } else { 2 });
    code
}

#[test]
fn crashes() {
    check_group(Group::Crashes);
}

#[test]
fn time() {
    check_group(Group::Time);
}

#[test]
fn space() {
    check_group(Group::Space);
}

#[test]
fn floods() {
    check_group(Group::Floods);
}

async fn quotas_stop_before_the_host(contract: Contract) {
    for (import, granted) in [(HTTP, 5), (BLOB, 4)] {
        let plugin = compile(contract, import, &[("check", &format!("{} {ZEROS}", SEND.repeat(9)))]);
        let host = Arc::new(TestHost::default());
        let mut instance = Instance::start(&plugin, host.clone(), limits()).await.expect("starts");
        instance.check().await.expect("answers");
        assert_eq!(host.requests.load(Ordering::SeqCst), granted);
    }
}

async fn a_call_that_waits_for_ever_ends(contract: Contract) {
    let plugin = compile(contract, HTTP, &[("check", &format!("{SEND} {ZEROS}"))]);
    let short = InstanceLimits { call: Duration::from_millis(50), ..limits() };
    let code = check_code(&plugin, Arc::new(TestHost { silent: true, ..TestHost::default() }), short).await;
    assert_eq!(code, "plugin.deadline");
}

async fn log_lines_are_clean_and_counted(contract: Contract) {
    let text = r#"(data (i32.const 0) "a\0ab\1b[31m")"#;
    let once = "(call $log (i32.const 2) (i32.const 0) (i32.const 8))";
    let long = "(call $log (i32.const 2) (i32.const 64) (i32.const 500))";
    let body = format!("{}{} {ZEROS}", once.repeat(12), long);
    let spaces = format!(r#"(data (i32.const 64) "{}")"#, "x".repeat(500));
    let plugin =
        compile(contract, &format!("{LOG}\n{text}\n{spaces}"), &[("check", &body), ("discover", &format!("{long} {ZEROS}"))]);
    let host = Arc::new(TestHost::default());
    let mut instance = Instance::start(&plugin, host.clone(), limits()).await.expect("starts");
    instance.check().await.expect("answers");
    let lines = std::mem::take(&mut *host.lines.lock().expect("lines"));
    assert_eq!(lines.len(), 11);
    assert!(lines[..10].iter().all(|(level, line)| (*level, line.as_str()) == (LogLevel::Warn, "a\\u{a}b\\u{1b}[31m")));
    assert_eq!(lines[10].1, "3 log lines of this call were dropped: more than 10");
    instance.discover().await.expect("answers");
    let lines = std::mem::take(&mut *host.lines.lock().expect("lines"));
    assert_eq!(lines, [(LogLevel::Warn, format!("{}…", "x".repeat(64)))]);
}

/// I9: what a guest that crashed left behind is never seen again.
async fn a_crash_takes_the_instance_with_it(contract: Contract) {
    // a counter in memory: the first call of an instance answers, the second crashes
    let count = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (if (i32.eq (i32.load (i32.const 0)) (i32.const 2)) (then unreachable)) (i32.const 4096)";
    let plugin = compile(contract, "", &[("check", count)]);
    let mut instance = Instance::start(&plugin, Arc::new(NoHost), limits()).await.expect("starts");
    for starts in [1, 2, 3] {
        assert!(instance.check().await.is_ok());
        assert_eq!(instance.starts(), starts);
        assert_eq!(instance.check().await.expect_err("crashes").code(), "plugin.trap");
    }
}

/// A call of each export; the code of what came of it.
async fn call_code(instance: &mut Instance, function: &str) -> &'static str {
    let request = WebhookRequest { path: "/".into(), headers: Vec::new(), body: Vec::new() };
    let result = match function {
        "discover" => instance.discover().await.map(drop),
        "read" => instance.read("s", None, 1).await.map(drop),
        "acknowledge" => instance.acknowledge("s", b"").await,
        "get" => instance.get("s", Vec::new()).await.map(drop),
        "write" => instance.write("s", Vec::new()).await.map(drop),
        "find" => instance.find("s", "p", Vec::new()).await.map(drop),
        "webhook" => instance.webhook(request).await.map(drop),
        "call" => instance.transform("f", vec![Column::text([Some("a")])]).await.map(drop),
        _ => instance.check().await.map(drop),
    };
    result.map_or_else(|error| error.code(), |()| "ok")
}

/// Whichever function it is: a loop is ended, a crash is one, and the next call finds a fresh instance.
async fn every_export_is_stopped_and_crashes_alone(contract: Contract) {
    const EXPORTS: [&str; 8] = ["discover", "read", "acknowledge", "get", "write", "find", "check", "webhook"];
    for (body, expected) in [("(loop $l (br $l)) unreachable", "plugin.deadline"), ("unreachable", "plugin.trap")] {
        let plugins = [
            (compile(contract, "", &EXPORTS.map(|function| (function, body))), &EXPORTS[..]),
            (
                Plugin::compile(engine(), &plugin(&transform_of(contract, "", &[("call", body)]), &transform()), None)
                    .expect("compiles"),
                &["call"],
            ),
        ];
        for (plugin, exports) in &plugins {
            let mut instance = Instance::start(plugin, Arc::new(NoHost), limits()).await.expect("starts");
            for (before, function) in exports.iter().enumerate() {
                assert_eq!(call_code(&mut instance, function).await, expected, "{function}");
                assert_eq!(instance.starts(), before as u64 + 1, "{function}");
            }
        }
    }
}

/// T24: what one may take, many may not take together; what ends gives its part back.
#[tokio::test]
async fn all_guests_together_are_bounded() {
    const MIB: usize = 1 << 20;
    let shared = engine().clone().with_memory(3 * MIB);
    let grows = "(if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable)) (i32.const 4096)";
    let bytes = plugin(&connector_component("(memory (export \"memory\") 16)", &[("check", grows)]), &connector());
    let plugin = Plugin::compile(&shared, &bytes, None).expect("compiles");
    let start = || Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default());
    let mut first = start().await.expect("starts");
    let second = start().await.expect("starts");
    first.check().await.expect("takes the last of it");
    assert_eq!(start().await.map(drop).expect_err("nothing is left").code(), "quota.memory");
    drop(second);
    let mut third = start().await.expect("what ended gave its part back");
    // It grows where there is nothing more, and crashes over it; its part is there for the next.
    assert_eq!(third.check().await.expect_err("nothing is left").code(), "quota.memory");
    start().await.expect("starts");
}

/// What one instance leaves in its memory no other one finds, of whichever connection.
async fn instances_share_no_memory(contract: Contract) {
    let leave = "(if (i32.load (i32.const 60000)) (then unreachable))
        (memory.fill (i32.const 60000) (i32.const 0x5a) (i32.const 5000)) (i32.const 4096)";
    let plugin = compile(contract, "", &[("check", leave)]);
    let mut first = Instance::start(&plugin, Arc::new(NoHost), limits()).await.expect("starts");
    first.check().await.expect("clean");
    for _ in 0..1_000 {
        let mut other = Instance::start(&plugin, Arc::new(NoHost), limits()).await.expect("starts");
        other.check().await.expect("nobody was here before");
    }
    assert_eq!(first.check().await.expect_err("its own is found").code(), "plugin.trap");
}

/// I9: also when nobody waited for the end.
async fn a_call_that_was_given_up_takes_the_instance_with_it(contract: Contract) {
    let plugin = compile(contract, HTTP, &[("check", &format!("{SEND} {ZEROS}"))]);
    let host = Arc::new(TestHost { silent: true, ..TestHost::default() });
    let mut instance = Instance::start(&plugin, host.clone(), limits()).await.expect("starts");
    {
        let mut call = Box::pin(instance.check());
        std::future::poll_fn(|context| {
            assert!(call.as_mut().poll(context).is_pending());
            if host.requests.load(Ordering::SeqCst) > 0 {
                return std::task::Poll::Ready(());
            }
            std::task::Poll::Pending
        })
        .await;
    }
    instance.discover().await.expect("a fresh instance answers");
    assert_eq!(instance.starts(), 2);
}

async fn answers_that_break_the_contract(contract: Contract) {
    // each changes one word of a good empty answer: (function, data over the zeros at 4096)
    let cases = [
        ("read", r#"(data (i32.const 4104) "\00\20\00\00\11\27\00\00")"#, "records"),
        ("read", r#"(data (i32.const 4112) "\00\00\00\00\01\00\01\00")"#, "bytes in a checkpoint"),
        ("discover", r#"(data (i32.const 4104) "\00\20\00\00\01\00\00\00")"#, "a stream is called"),
        (
            "get",
            r#"(data (i32.const 4104) "\00\20\00\00\01\00\00\00") (data (i32.const 8192) "\00\00\00\00\01\00\00\00")"#,
            "not asked for",
        ),
        ("write", "", "0 outcomes for 1 deliveries"),
        ("webhook", r#"(data (i32.const 4104) "\00\00\00\00\11\27\00\00")"#, "events"),
    ];
    for (function, data, says) in cases {
        let plugin = compile(contract, &format!("(memory (export \"memory\") 100)\n{data}"), &[]);
        let roomy = InstanceLimits { memory_bytes: 16 << 20, hostcall_bytes: 16 << 20, ..limits() };
        let mut instance = Instance::start(&plugin, Arc::new(NoHost), roomy).await.expect("starts");
        let delivery = Delivery {
            id: "1".into(),
            operation: WriteOperation::Create,
            if_version: None,
            changed: b"{}".to_vec(),
            desired: b"{}".to_vec(),
        };
        let error = match function {
            "read" => instance.read("s", None, 1).await.map(drop),
            "discover" => instance.discover().await.map(drop),
            "get" => instance.get("s", vec!["x".into()]).await.map(drop),
            "write" => instance.write("s", vec![delivery]).await.map(drop),
            _ => {
                let request = WebhookRequest { path: "/".into(), headers: Vec::new(), body: Vec::new() };
                instance.webhook(request).await.map(drop)
            }
        }
        .expect_err(says);
        assert!(matches!(&error, CallError::Broken(message) if message.contains(says)), "{function}: {error}");
        // a wrong answer is no crash
        assert_eq!(instance.starts(), 1);
    }
}

async fn failures_and_missing_exports(contract: Contract) {
    // case 0 of `failure` is `retry-after`; its number stands eight bytes further on
    let plugin = compile(contract, r#"(data (i32.const 4096) "\01\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00\e8\03")"#, &[]);
    let mut instance = Instance::start(&plugin, Arc::new(NoHost), limits()).await.expect("starts");
    let error = instance.check().await.expect_err("fails");
    assert_eq!(error, CallError::Failure(Failure::RetryAfter(1_000)));
    let error = instance.transform("f", Vec::new()).await.expect_err("not there");
    assert_eq!(error, CallError::NotExported("transform.call"));
    assert_eq!(instance.starts(), 1);
}

async fn transforms(contract: Contract) {
    let three = || Column::text([Some("a"), None, Some("çé")]);
    // (data over the zeros of the answer, what is said)
    let cases = [
        ("", "ok"),
        (r#"(data (i32.const 4096) "\01\00\00\00\00\20\00\00\03\00\00\00") (data (i32.const 8192) "why")"#, "why"),
        (r#"(data (i32.const 4100) "\00\20\00\00\01\00\00\00")"#, "0 rows, the inputs have 3"),
        (r#"(data (i32.const 4108) "\00\20\00\00\01\00\00\00") (data (i32.const 8192) "\03")"#, "an error for row 3 of 3"),
    ];
    for (data, says) in cases {
        let bytes = plugin(&transform_of(contract, data, &[]), &transform());
        let plugin = Plugin::compile(engine(), &bytes, None).expect("compiles");
        let mut instance = Instance::start(&plugin, Arc::new(NoHost), limits()).await.expect("starts");
        match instance.transform("f", vec![three()]).await {
            Ok(batch) => assert_eq!((says, batch.columns.len()), ("ok", 0)),
            Err(error) => assert!(error.to_string().contains(says), "{error}"),
        }
        assert_eq!(instance.check().await, Err(CallError::NotExported("connection.check")));
    }
    assert_eq!([three().text_at(0), three().text_at(1), three().text_at(2)], [Some("a"), None, Some("çé")]);
}
