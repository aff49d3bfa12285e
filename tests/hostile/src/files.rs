//! Files that are not plugins, or not the plugins that they say they are.

use crate::component::{Contract, plugin, with_section};
use crate::{BARE, CONNECTOR};

/// A file that is offered for installation.
#[derive(Clone, Debug)]
pub struct File {
    /// Line of the list of attacks.
    pub line: u16,
    /// What it is.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Code that it is refused with.
    pub code: &'static str,
}

/// A component of this text, with one export so that it is a connector, and this manifest.
fn text(parts: &str, manifest: &str) -> Vec<u8> {
    plugin(&bare(Contract::NEWEST, parts), manifest)
}

fn bare(contract: Contract, parts: &str) -> Vec<u8> {
    let version = contract.as_str();
    let text = format!("(component {parts} (instance $i) (export \"nave:plugin/connection@{version}\" (instance $i)))");
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{}", &text[..text.len().min(2_000)]))
}

/// A file that keeps the compiler busy for much longer than its size says.
pub fn bomb() -> Vec<u8> {
    let (locals, branches) = (1_000, 60_000);
    let body: String = (0..branches)
        .map(|n| {
            let (one, other) = (n % locals, (n * 7 + 3) % locals);
            format!("(if (local.get {one}) (then (local.set {other} (i32.add (local.get {one}) (local.get {other})))))")
        })
        .collect();
    text(&format!("(core module (func (local {}) {body}))", "i32 ".repeat(locals)), BARE)
}

/// Every file that is refused before anything of it is compiled.
pub fn files() -> Vec<File> {
    let mut all = Vec::new();
    let mut add = |line, name: &str, code, bytes: Vec<u8>| all.push(File { line, name: name.to_owned(), bytes, code });
    add(1, "an empty file", "plugin.not-wasm", Vec::new());
    add(1, "seven bytes", "plugin.not-wasm", b"\0asm\x0d\0\x01".to_vec());
    add(1, "a script", "plugin.not-wasm", b"#!/bin/sh\necho hello\n".to_vec());
    add(1, "a program", "plugin.not-wasm", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec());
    add(2, "a core module", "plugin.not-component", b"\0asm\x01\0\0\0".to_vec());
    add(2, "a component cut short", "plugin.invalid", b"\0asm\x0d\0\x01\0\x07\xff".to_vec());
    let mut huge = text("", BARE);
    huge.resize((64 << 20) + 1, 0);
    add(3, "one byte more than allowed", "plugin.too-large", huge);
    add(4, "a huge section around nothing", "plugin.too-large", with_section(&text("", BARE), "x", &vec![0; 65 << 20]));
    for import in ["wasi:filesystem/types@0.2.6", "wasi:sockets/tcp@0.2.0", "wasi:http/outgoing-handler@0.2.0", "evil:x/y"] {
        let bytes = text(&format!("(import \"{import}\" (instance))"), CONNECTOR);
        add(6, &format!("an import of {import}"), "plugin.unknown-import", bytes);
    }
    for contract in Contract::ALL {
        for import in ["http", "blob", "folder"] {
            let import = format!("{import}@{}", contract.as_str());
            let bytes = plugin(&bare(contract, &format!("(import \"nave:plugin/{import}\" (instance))")), BARE);
            add(7, &format!("an import of {import} that it does not ask for"), "plugin.undeclared-capability", bytes);
        }
    }
    let mixed = "(import \"nave:plugin/log@0.1.0\" (instance)) (import \"nave:plugin/types@0.2.0\" (instance))";
    add(7, "two versions of the contract at once", "plugin.abi-version", text(mixed, CONNECTOR));
    for (what, module) in [
        ("64-bit memory", "(memory i64 1)"),
        ("shared memory", "(memory 1 1 shared)"),
        ("garbage collection", "(type (struct (field i32)))"),
        ("exceptions", "(tag (param i32))"),
        ("tail calls", "(func $f (return_call $f))"),
    ] {
        add(8, what, "plugin.unsupported-feature", text(&format!("(core module {module})"), BARE));
    }
    add(10, "5,000 modules", "plugin.invalid", text(&"(core module)".repeat(5_000), BARE));
    let instances = format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(5_000));
    add(10, "5,000 instances", "plugin.invalid", text(&instances, BARE));
    let named = |name: &str| BARE.replace("\"name\":\"test\"", &format!("\"name\":{name}"));
    for (what, name) in [
        ("a name in Cyrillic letters", "\"t\u{435}st\""),
        ("a name that turns the direction of writing", "\"te\u{202e}st\""),
        ("a name of a megabyte", &*format!("\"{}\"", "x".repeat(1 << 20))),
    ] {
        add(15, what, "plugin.bad-manifest", text("", &named(name)));
    }
    let mut bad = BARE.as_bytes().to_vec();
    bad[10] = 0xff;
    add(
        15,
        "a manifest that is no UTF-8",
        "plugin.bad-manifest",
        with_section(&bare(Contract::NEWEST, ""), "nave:manifest", &bad),
    );
    add(16, "no manifest", "plugin.bad-manifest", bare(Contract::NEWEST, ""));
    add(16, "two manifests", "plugin.bad-manifest", plugin(&text("", BARE), BARE));
    add(16, "a manifest cut short", "plugin.bad-manifest", text("", &BARE[..40]));
    add(16, "a manifest nested ten thousand deep", "plugin.bad-manifest", text("", &"[".repeat(10_000)));
    add(
        16,
        "a manifest with a key that nobody knows",
        "plugin.bad-manifest",
        text("", &BARE.replace("\"serial\"", "\"powers\":1,\"serial\"")),
    );
    add(
        16,
        "a manifest of ten megabytes",
        "plugin.bad-manifest",
        text("", &BARE.replace("\"description\":\"\"", &format!("\"description\":\"{}\"", "x".repeat(10 << 20)))),
    );
    all
}
