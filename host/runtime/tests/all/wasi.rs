//! The inert WASI: what a standard library finds there, and that it reaches nothing.

use std::sync::Arc;

use nave_runtime::{CallError, Instance, InstanceLimits, NoHost, Plugin, contract::*};

use crate::support::{Contract, TestHost, connector, connector_component, connector_of, engine, plugin, transform, transform_of};

const STDOUT: &str = r#"(import "wasi:cli/stdout@0.2.6" "get-stdout" (func $stdout (result i32)))"#;
const STDERR: &str = r#"(import "wasi:cli/stderr@0.2.6" "get-stderr" (func $stderr (result i32)))"#;
const PRINT: &str =
    r#"(import "wasi:io/streams@0.2.6" "[method]output-stream.blocking-write-and-flush" (func $print (param i32 i32 i32 i32)))"#;
const STDIN: &str = r#"(import "wasi:cli/stdin@0.2.6" "get-stdin" (func $stdin (result i32)))"#;
const READ: &str = r#"(import "wasi:io/streams@0.2.6" "[method]input-stream.blocking-read" (func $read (param i32 i64 i32)))"#;
const EXIT: &str = r#"(import "wasi:cli/exit@0.2.6" "exit" (func $exit (param i32)))"#;
const RANDOM: &str = r#"(import "wasi:random/random@0.2.6" "get-random-u64" (func $random (result i64)))"#;
const BYTES: &str = r#"(import "wasi:random/random@0.2.6" "get-random-bytes" (func $bytes (param i64 i32)))"#;
const ENVIRONMENT: &str = r#"(import "wasi:cli/environment@0.2.6" "get-environment" (func $environment (param i32)))"#;
const NOW: &str = r#"(import "wasi:clocks/monotonic-clock@0.2.6" "now" (func $now (result i64)))"#;
const RESOLUTION: &str = r#"(import "wasi:clocks/monotonic-clock@0.2.6" "resolution" (func $resolution (result i64)))"#;
const WALL: &str = r#"(import "wasi:clocks/wall-clock@0.2.6" "now" (func $wall (param i32)))"#;
const WAIT: &str = r#"(import "wasi:clocks/monotonic-clock@0.2.6" "subscribe-duration" (func $wait (param i64) (result i32)))"#;
const BLOCK: &str = r#"(import "wasi:io/poll@0.2.6" "[method]pollable.block" (func $block (param i32)))"#;

const ZEROS: &str = "(i32.const 4096)";

type Ran = (Result<CheckReport, CallError>, Vec<(LogLevel, String)>);

/// Runs `check` of a guest; its result and what was logged. The same in every version of the contract.
async fn run(parts: &[&str], body: &str) -> Ran {
    let [old, new] = [run_of(Contract::V0_1, parts, body).await, run_of(Contract::V0_2, parts, body).await];
    assert_eq!(old, new, "{parts:?}");
    new
}

async fn run_of(contract: Contract, parts: &[&str], body: &str) -> Ran {
    let bytes = plugin(&connector_of(contract, &parts.join("\n"), &[("check", body)]), &connector());
    let plugin = Plugin::compile(engine(), &bytes, None).expect("compiles");
    let host = Arc::new(TestHost::default());
    let limits = InstanceLimits { handles: 4, ..InstanceLimits::default() };
    let mut instance = Instance::start(&plugin, host.clone(), limits).await.expect("starts");
    let result = instance.check().await;
    let lines = host.lines.lock().expect("lines").clone();
    (result, lines)
}

/// The guest itself compares; a difference is a crash.
#[track_caller]
fn holds(parts: &[&str], condition: &str) {
    let body = format!("{condition} i32.eqz (if (then unreachable)) {ZEROS}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("runtime");
    runtime.block_on(run(parts, &body)).0.expect(condition);
}

#[tokio::test]
async fn output_becomes_log_lines() {
    let text = r#"(data (i32.const 0) "one\0atwo\1b\0athree")"#;
    let write = |stream: &str| format!("(call $print (call ${stream}) (i32.const 0) (i32.const 14) (i32.const 8192))");
    let (result, lines) = run(&[STDOUT, PRINT, text], &format!("{} {ZEROS}", write("stdout"))).await;
    result.expect("answers");
    let info = |text: &str| (LogLevel::Info, text.to_owned());
    assert_eq!(lines, [info("one"), info("two\\u{1b}"), info("three")]);
    // a crash's last words are kept, whole line or not
    let (result, lines) = run(&[STDERR, PRINT, text], &format!("{} unreachable", write("stderr"))).await;
    assert_eq!(result.expect_err("crashes").code(), "plugin.trap");
    assert_eq!(lines.last(), Some(&(LogLevel::Warn, "three".to_owned())));
}

#[tokio::test]
async fn exit_is_a_trap() {
    let (result, _) = run(&[EXIT], "(call $exit (i32.const 0)) (i32.const 4096)").await;
    assert!(matches!(result, Err(CallError::Trap(why)) if why.contains("it called exit")));
}

#[tokio::test]
async fn floods() {
    let (result, _) = run(&[BYTES], "(call $bytes (i64.const 65537) (i32.const 8192)) (i32.const 4096)").await;
    assert_eq!(result.expect_err("too many").code(), "quota.random");
    let (result, _) = run(&[STDOUT], &format!("{} {ZEROS}", "(drop (call $stdout))".repeat(9))).await;
    assert_eq!(result.expect_err("too many").code(), "quota.handles");
}

#[test]
fn nothing_is_there() {
    // list<tuple>: pointer, length
    holds(&[ENVIRONMENT], "(call $environment (i32.const 8192)) (i32.eqz (i32.load (i32.const 8196)))");
    // result<list, stream-error>: error (1), closed (1)
    let closed = "(i32.and (i32.load8_u (i32.const 8192)) (i32.load8_u (i32.const 8196)))";
    holds(&[STDIN, READ], &format!("(call $read (call $stdin) (i64.const 10) (i32.const 8192)) {closed}"));
}

#[test]
fn randomness_repeats() {
    let result = |body: String| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("runtime");
        runtime.block_on(run(&[RANDOM, "(data (i32.const 4104) \"\\00\\20\\00\\00\\08\\00\\00\\00\")"], &body)).0
    };
    // eight letters from it: the same in two instances
    let letters = "(i64.store (i32.const 8192) (i64.add (i64.const 0x4141414141414141)
        (i64.and (call $random) (i64.const 0x0f0f0f0f0f0f0f0f)))) (i32.const 4096)";
    let one = result(letters.into()).expect("answers").account;
    assert_eq!(one, result(letters.into()).expect("answers").account);
    assert_ne!(one, "AAAAAAAA");
}

#[test]
fn clocks_are_coarse() {
    holds(&[RESOLUTION], "(i64.eq (call $resolution) (i64.const 1000000))");
    holds(&[NOW], "(i64.eqz (i64.rem_u (call $now) (i64.const 1000000)))");
    holds(&[WALL], "(call $wall (i32.const 8192)) (i64.eq (i64.load (i32.const 8192)) (i64.const 1700000000))");
    // waiting works, on a clock that the test does not wait for
    holds(&[WAIT, BLOCK, NOW], "(call $block (call $wait (i64.const 5000000000))) (i64.ge_u (call $now) (i64.const 5000000000))");
}

#[tokio::test]
async fn a_transforms_clocks_stand_still() {
    for (parts, condition) in [
        ([NOW, ""], "(i64.eqz (call $now))"),
        ([WALL, ""], "(call $wall (i32.const 8192)) (i64.eqz (i64.load (i32.const 8192)))"),
        ([WAIT, BLOCK], "(call $block (call $wait (i64.const 9000000000000000))) (i32.const 1)"),
    ] {
        let body = format!("{condition} i32.eqz (if (then unreachable)) {ZEROS}");
        for contract in Contract::ALL {
            let bytes = plugin(&transform_of(contract, &parts.join("\n"), &[("call", &body)]), &transform());
            let plugin = Plugin::compile(engine(), &bytes, None).expect("compiles");
            let mut instance = Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default()).await.expect("starts");
            instance.transform("f", vec![Column::text([Some("a")])]).await.expect(condition);
        }
    }
}

/// It uses no time of its own while it waits; the call's time ends it.
#[test]
fn a_guest_that_only_waits_ends_with_its_call() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("runtime");
    let waits = format!("(call $block (call $wait (i64.const 9000000000000000))) {ZEROS}");
    let (result, _) = runtime.block_on(run(&[WAIT, BLOCK], &waits));
    assert_eq!(result.expect_err("it is ended").code(), "plugin.deadline");
}

/// A guest built with another patch version of WASI finds the same things.
#[tokio::test]
async fn any_patch_version() {
    let body = format!("(call $environment (i32.const 8192)) {ZEROS}");
    let bytes = plugin(&connector_component(ENVIRONMENT, &[("check", &body)]), &connector());
    for version in ["0.2.0", "0.2.9"] {
        let mut bytes = bytes.clone();
        let places: Vec<usize> = (0..bytes.len() - 5).filter(|at| &bytes[*at..at + 5] == b"0.2.6").collect();
        assert!(!places.is_empty());
        for at in places {
            bytes[at..at + 5].copy_from_slice(version.as_bytes());
        }
        let plugin = Plugin::compile(engine(), &bytes, None).expect(version);
        let mut instance = Instance::start(&plugin, Arc::new(NoHost), InstanceLimits::default()).await.expect(version);
        instance.check().await.expect(version);
    }
}
