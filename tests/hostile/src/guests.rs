//! Guests that misbehave while they run.

use crate::component::{Contract, ZEROS, connector_of, plugin, transform_of};
use crate::{CONNECTOR, TRANSFORM};

/// What they try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// To crash.
    Crashes,
    /// To go on for ever.
    Time,
    /// To take memory.
    Space,
    /// To keep the hub busy, or fill it.
    Floods,
}

/// Bounds that they are run under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Those of the product.
    Product,
    /// Of the product, with little time: what loops is waited for.
    Short,
    /// So small that the bound is met at once.
    Tiny,
}

/// A guest, and what becomes of calling it.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Line of the list of attacks.
    pub line: u16,
    /// What it tries.
    pub name: String,
    /// Which kind of thing that is.
    pub group: Group,
    /// Under which bounds that is to be seen.
    pub bounds: Bounds,
    /// Function that is called: one of a connector's, or `call` of a transform.
    pub function: &'static str,
    /// Code of what comes of it; `ok` where it is endured.
    pub code: &'static str,
    parts: String,
    body: String,
}

impl Guest {
    /// The plugin's file, of the newest contract.
    ///
    /// # Panics
    /// Where its text is no module: it is part of the program.
    pub fn plugin(&self) -> Vec<u8> {
        self.plugin_of(Contract::NEWEST)
    }

    /// The same, of this version of the contract.
    ///
    /// # Panics
    /// As [`Guest::plugin`].
    pub fn plugin_of(&self, contract: Contract) -> Vec<u8> {
        if self.function == "call" {
            plugin(&transform_of(contract, &self.parts, &[("call", &self.body)]), TRANSFORM)
        } else {
            plugin(&connector_of(contract, &self.parts, &[(self.function, &self.body)]), CONNECTOR)
        }
    }
}

const EXPORTS: [&str; 9] = ["discover", "read", "acknowledge", "get", "write", "find", "check", "webhook", "call"];
const LOG: &str = r#"(import "nave:plugin/log@VERSION" "write" (func $log (param i32 i32 i32)))"#;
const STATE: &str = r#"(import "nave:plugin/state@VERSION" "set" (func $set (param i32 i32 i32 i32 i32)))"#;
const HTTP: &str =
    r#"(import "nave:plugin/http@VERSION" "send" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
const BLOB: &str =
    r#"(import "nave:plugin/blob@VERSION" "fetch" (func $send (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
const SEND: &str = "(call $send (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
    (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 8192))";
const LOOP: &str = "(loop $l (br $l)) unreachable";

/// All of them.
pub fn guests() -> Vec<Guest> {
    let mut all = Vec::new();
    crashes(&mut all);
    time(&mut all);
    space(&mut all);
    floods(&mut all);
    all
}

fn add(all: &mut Vec<Guest>, group: Group, bounds: Bounds, cases: &[(u16, &str, &str, &str, &'static str)]) {
    all.extend(cases.iter().map(|(line, name, parts, body, code)| Guest {
        line: *line,
        name: (*name).to_owned(),
        group,
        bounds,
        function: "check",
        code,
        parts: (*parts).to_owned(),
        body: (*body).to_owned(),
    }));
}

/// The same in every function that the hub calls.
fn everywhere(all: &mut Vec<Guest>, group: Group, bounds: Bounds, (line, name, body, code): (u16, &str, &str, &'static str)) {
    all.extend(EXPORTS.map(|function| Guest {
        line,
        name: format!("{name} in {function}"),
        group,
        bounds,
        function,
        code,
        parts: String::new(),
        body: body.to_owned(),
    }));
}

fn crashes(all: &mut Vec<Guest>) {
    let (group, bounds) = (Group::Crashes, Bounds::Short);
    let trap = "plugin.trap";
    everywhere(all, group, bounds, (26, "a crash", "unreachable", trap));
    add(
        all,
        group,
        bounds,
        &[
            (26, "division by zero", "", "(i32.div_u (i32.const 1) (i32.load (i32.const 4096)))", trap),
            (26, "a read out of bounds", "", "(i32.load (i32.const 0x7fffffff))", trap),
            (
                26,
                "a bad entry of a table",
                "(table 1 funcref) (type $t (func))",
                "(call_indirect (type $t) (i32.const 7)) unreachable",
                trap,
            ),
            (25, "recursion without end", "(func $f (call $f) (call $f))", "(call $f) (i32.const 4096)", trap),
            (31, "an answer outside of memory", "", "(i32.const 0x7ffffff0)", trap),
            (31, "a misaligned answer", "", "(i32.const 4097)", trap),
            (31, "a text outside of memory", r#"(data (i32.const 4104) "\00\00\00\7f\ff\00\00\00")"#, ZEROS, trap),
            (
                31,
                "a text that is no UTF-8",
                r#"(data (i32.const 4104) "\00\20\00\00\04\00\00\00") (data (i32.const 8192) "\ff\fe\ff\fe")"#,
                ZEROS,
                trap,
            ),
            (31, "an unknown case of a variant", r#"(data (i32.const 4096) "\07")"#, ZEROS, trap),
            (33, "a list of a hundred million", r#"(data (i32.const 4120) "\00\20\00\00\00\e1\f5\05")"#, ZEROS, trap),
        ],
    );
    // Told apart from a crash: the answer is read whole, and is not one that the contract allows.
    all.push(Guest {
        line: 33,
        name: "more records on a page than there may be".to_owned(),
        group,
        bounds: Bounds::Product,
        function: "read",
        code: "plugin.contract-breach",
        parts: "(memory (export \"memory\") 100)\n(data (i32.const 4104) \"\\00\\20\\00\\00\\11\\27\\00\\00\")".to_owned(),
        body: ZEROS.to_owned(),
    });
}

fn time(all: &mut Vec<Guest>) {
    let (group, bounds) = (Group::Time, Bounds::Short);
    everywhere(all, group, bounds, (20, "a loop without end", LOOP, "plugin.deadline"));
    add(
        all,
        group,
        bounds,
        &[
            (21, "a loop as it starts", "(func $s (loop $l (br $l))) (start $s)", ZEROS, "plugin.deadline"),
            (
                22,
                "memory filled without end",
                "",
                "(loop $l (memory.fill (i32.const 8192) (i32.const 1) (i32.const 65536)) (br $l)) unreachable",
                "plugin.deadline",
            ),
            (
                22,
                "memory copied without end",
                "",
                "(loop $l (memory.copy (i32.const 8192) (i32.const 4096) (i32.const 65536)) (br $l)) unreachable",
                "plugin.deadline",
            ),
        ],
    );
}

fn space(all: &mut Vec<Guest>) {
    let group = Group::Space;
    let grow = "(loop $l (br_if $l (i32.ne (memory.grow (i32.const 16)) (i32.const -1)))) unreachable";
    let table = "(loop $l (br_if $l (i32.ne (table.grow $t (ref.null func) (i32.const 10000)) (i32.const -1)))) unreachable";
    add(
        all,
        group,
        Bounds::Product,
        &[
            (9, "a memory of 4 GiB", "(memory (export \"memory\") 65536)", ZEROS, "quota.memory"),
            (9, "a table of ten million", "(table 10000000 funcref)", ZEROS, "quota.table"),
            (24, "memory that grows without end", "", grow, "quota.memory"),
            (
                24,
                "memory that is refused, and that is endured",
                "",
                "(drop (memory.grow (i32.const 60000))) (i32.const 4096)",
                "ok",
            ),
            (25, "a table that grows without end", "(table $t 1 funcref)", table, "quota.table"),
        ],
    );
}

fn floods(all: &mut Vec<Guest>) {
    let group = Group::Floods;
    let log_loop =
        |length: u32| format!("(loop $l (call $log (i32.const 1) (i32.const 4096) (i32.const {length})) (br $l)) unreachable");
    // the guest itself looks at what it was told: anything but an error is a crash
    let refused = "(if (i32.ne (i32.load8_u (i32.const 8192)) (i32.const 1)) (then unreachable)) (i32.const 4096)";
    let set = "(call $set (i32.const 0) (i32.const 1) (i32.const 4096) (i32.const 1001) (i32.const 8192))";
    let long_key = "(call $set (i32.const 0) (i32.const 300) (i32.const 4096) (i32.const 10) (i32.const 8192))";
    let account = r#"(data (i32.const 4104) "\00\20\00\00\20\a1\07\00")"#;
    add(
        all,
        group,
        Bounds::Tiny,
        &[
            (27, "calls of the hub without end", LOG, &log_loop(1), "quota.host-calls"),
            (
                28,
                "a line of half a megabyte",
                &format!("{LOG}\n(memory (export \"memory\") 10)"),
                &log_loop(500_000),
                "quota.hostcall-bytes",
            ),
            (38, "more state than there may be", STATE, &format!("{set} {refused}"), "ok"),
            (38, "a key of state that is too long", STATE, &format!("{long_key} {refused}"), "ok"),
            (76, "more requests than there may be", HTTP, &format!("{}{refused}", SEND.repeat(6)), "ok"),
            (
                32,
                "half a megabyte in one answer",
                &format!("(memory (export \"memory\") 10)\n{account}"),
                ZEROS,
                "quota.hostcall-bytes",
            ),
            (35, "handles that are never closed", BLOB, &format!("{}{refused}", SEND.repeat(5)), "ok"),
        ],
    );
    // Sixty-five megabytes in one answer, from memory that the guest has.
    let large = r#"(data (i32.const 4104) "\00\20\00\00\00\00\10\04")"#;
    add(
        all,
        group,
        Bounds::Product,
        &[(32, "65 MiB in one answer", &format!("(memory (export \"memory\") 1100)\n{large}"), ZEROS, "quota.hostcall-bytes")],
    );
}
