//! Files that are not plugins, or not the plugins they say they are: refused by code, before anything is compiled.

use crate::support::{connector, connector_component, engine, plugin, transform, transform_component};
use nave_core::{
    limits::{MANIFEST_SIZE_BYTES_MAX, PLUGIN_SIZE_BYTES_MAX},
    manifest::Manifest,
};
use nave_runtime::{AbiVersion, Digest, Plugin, embed_manifest, inspect, parse_manifest};

/// `ok`, or the code and message of the refusal. A file is refused alike by `inspect` and by `Plugin::compile`.
fn verdict(bytes: &[u8]) -> String {
    let inspected = inspect(bytes);
    if let (Err(one), Err(other)) = (&inspected, Plugin::compile(engine(), bytes, None).map(drop)) {
        assert_eq!(one, &other);
    }
    inspected.map_or_else(|error| error.to_string(), |_| "ok".into())
}

#[track_caller]
fn check(what: &str, bytes: &[u8], expected: &str) {
    let verdict = verdict(bytes);
    assert!(verdict.starts_with(expected), "{what}: {verdict}, expected {expected}");
}

/// A component of this text, with one export so that it is a connector, and this manifest.
fn text(parts: &str, manifest: &Manifest) -> Vec<u8> {
    text_of(AbiVersion::V0_2, parts, manifest)
}

fn text_of(version: AbiVersion, parts: &str, manifest: &Manifest) -> Vec<u8> {
    let text = format!("(component {parts} (instance $i) (export \"nave:plugin/connection@{version}\" (instance $i)))");
    plugin(&wat::parse_str(text).expect("text"), manifest)
}

fn bare() -> Manifest {
    Manifest { endpoints: Default::default(), folders: Default::default(), ..connector() }
}

#[test]
fn not_a_component() {
    check("empty", b"", "plugin.not-wasm");
    check("seven bytes", b"\0asm\x0d\0\x01", "plugin.not-wasm");
    check("text", b"#!/bin/sh\necho hello\n", "plugin.not-wasm");
    check("program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "plugin.not-wasm");
    check("module", &wat::parse_str("(module)").expect("text"), "plugin.not-component");
    check("component cut short", b"\0asm\x0d\0\x01\0\x07\xff", "plugin.invalid");
    let compiled = wasmtime::Engine::default().precompile_component(&text("", &bare())).expect("compiles");
    check("compiled code", &compiled, "plugin.not-wasm");
    let mut huge = text("", &bare());
    huge.resize(PLUGIN_SIZE_BYTES_MAX as usize + 1, 0);
    check("one byte too many", &huge, "plugin.too-large");
    for (depth, expected) in [(31, "ok"), (32, "plugin.invalid")] {
        let inner = format!("{}{}", "(component ".repeat(depth), ")".repeat(depth));
        let section = wasm_encoder::RawSection { id: 4, data: &wat::parse_str(inner).expect("text") };
        let mut bytes = text("", &bare());
        wasm_encoder::ComponentSection::append_to_component(&section, &mut bytes);
        check(&format!("{depth} components in one another"), &bytes, expected);
    }
    check("5,000 modules", &text(&"(core module)".repeat(5_000), &bare()), "plugin.invalid");
    let instances = format!("(core module $m) {}", "(core instance (instantiate $m))".repeat(5_000));
    check("5,000 instances", &text(&instances, &bare()), "plugin.invalid");
}

/// T10: a few bytes that say a type of millions of values, or one within another by the hundred.
#[test]
fn types_that_explode() {
    // each type is sixteen of the one before it: 16, 256, … and 16,777,216 at the sixth
    let tuples = |levels: usize| {
        let level = |n: usize| format!("(type $t{} (tuple {}))", n + 1, format!("$t{n} ").repeat(16));
        format!("(type $t0 (tuple {})) {}", "u8 ".repeat(16), (0..levels - 1).map(level).collect::<String>())
    };
    // and each the list of the one before it
    let lists = |depth: usize| {
        let level = |n: usize| format!("(type $t{} (list $t{n}))", n + 1);
        format!("(type $t0 (list u8)) {}", (0..depth - 1).map(level).collect::<String>())
    };
    for (what, parts, expected) in [
        ("a type of 65,536 values", tuples(4), "ok"),
        ("a type of sixteen million values", tuples(6), "plugin.invalid"),
        ("types 50 deep", lists(50), "ok"),
        ("types 500 deep", lists(500), "plugin.invalid"),
    ] {
        check(what, &text(&parts, &bare()), expected);
    }
}

#[test]
fn imports() {
    check("none", &text("", &bare()), "ok");
    for (import, manifest, expected) in [
        ("evil:x/y", connector(), "plugin.unknown-import"),
        ("wasi:filesystem/types@0.2.6", connector(), "plugin.unknown-import"),
        ("wasi:filesystem/preopens@0.2.6", connector(), "plugin.unknown-import"),
        ("wasi:sockets/tcp@0.2.0", connector(), "plugin.unknown-import"),
        ("wasi:http/outgoing-handler@0.2.0", connector(), "plugin.unknown-import"),
        ("wasi:io/streams@0.3.0", connector(), "plugin.unknown-import"),
        ("nave:plugin/vault@OWN", connector(), "plugin.unknown-import"),
        ("wasi:io/streams@0.2.0", bare(), "ok"),
        ("wasi:io/streams@0.2.99", bare(), "ok"),
        ("nave:plugin/log@OWN", bare(), "ok"),
        ("nave:plugin/clock@OWN", bare(), "ok"),
        ("nave:plugin/http@OWN", connector(), "ok"),
        ("nave:plugin/http@OWN", bare(), "plugin.undeclared-capability"),
        ("nave:plugin/blob@OWN", bare(), "plugin.undeclared-capability"),
        ("nave:plugin/folder@OWN", connector(), "ok"),
        ("nave:plugin/folder@OWN", bare(), "plugin.undeclared-capability"),
        ("nave:plugin/http@OTHER", connector(), "plugin.abi-version: the component mixes versions"),
        ("nave:plugin/http@0.3.0", connector(), "plugin.abi-version: the component mixes versions"),
        ("nave:plugin/http@0.1.1", connector(), "plugin.abi-version: the component mixes versions"),
    ] {
        for (own, other) in [(AbiVersion::V0_1, AbiVersion::V0_2), (AbiVersion::V0_2, AbiVersion::V0_1)] {
            let import = import.replace("OWN", own.as_str()).replace("OTHER", other.as_str());
            let bytes = text_of(own, &format!("(import \"{import}\" (instance))"), &manifest);
            let verdict = inspect(&bytes).map_or_else(|error| error.to_string(), |found| format!("ok {}", found.abi_version));
            let expected = if expected == "ok" { format!("ok {own}") } else { expected.to_owned() };
            assert!(verdict.starts_with(&expected), "{own} with {import}: {verdict}");
            assert!(
                expected.starts_with("ok") || verdict.contains(&import) || expected.starts_with("plugin.abi-version"),
                "{verdict} does not name {import}"
            );
        }
    }
}

#[test]
fn kinds_and_versions() {
    let component = |export: &str| {
        let text = format!("(component (instance $i) (export \"{export}\" (instance $i)))");
        wat::parse_str(text).expect("text")
    };
    for (export, manifest, expected) in [
        (
            "nave:plugin/source@0.9.0",
            connector(),
            "plugin.abi-version: the component was built for nave:plugin@0.9.0; this hub knows 0.1.0 and 0.2.0",
        ),
        ("wasi:cli/run@0.2.0", connector(), "plugin.abi-version"),
    ] {
        check(export, &plugin(&component(export), &manifest), expected);
    }
    for version in AbiVersion::ALL {
        for (export, manifest, expected) in [
            ("source", connector(), "ok"),
            ("transform", transform(), "ok"),
            ("transform", connector(), "plugin.wrong-kind"),
            ("source", transform(), "plugin.wrong-kind"),
            ("other", connector(), "plugin.unknown-export"),
        ] {
            let export = format!("nave:plugin/{export}@{version}");
            check(&export, &plugin(&component(&export), &manifest), expected);
        }
        let clock = format!(
            r#"(component (import "nave:plugin/clock@{version}" (instance)) (instance $i) (export "nave:plugin/transform@{version}" (instance $i)))"#
        );
        let clock = wat::parse_str(clock).expect("text");
        check("transform with a clock", &plugin(&clock, &transform()), "plugin.undeclared-capability");
    }
}

/// Every version of the contract, every kind of plugin and every capability go through one gate: what the manifest does not ask
/// for is refused, in whatever version it is spelled. A version that is added does not compile before it is in this table.
#[test]
fn every_version_and_kind_goes_through_one_gate() {
    const DENIED: &str = "plugin.undeclared-capability";
    const UNKNOWN: &str = "plugin.unknown-import";
    let mut rows = 0;
    for version in AbiVersion::ALL {
        let spelled = match version {
            AbiVersion::V0_1 => "0.1.0",
            AbiVersion::V0_2 => "0.2.0",
        };
        assert_eq!(version.to_string(), spelled);
        for (export, asks, asks_nothing) in [
            ("source", connector(), bare()),
            ("destination", connector(), bare()),
            ("connection", connector(), bare()),
            ("transform", transform(), transform()),
        ] {
            let pure = export == "transform";
            // Import; for a connector that asks for nothing, and for one that asks for an endpoint and a folder.
            for (import, nothing, asked) in [
                (format!("nave:plugin/types@{spelled}"), "ok", "ok"),
                (format!("nave:plugin/http@{spelled}"), DENIED, "ok"),
                (format!("nave:plugin/blob@{spelled}"), DENIED, "ok"),
                (format!("nave:plugin/folder@{spelled}"), DENIED, "ok"),
                (format!("nave:plugin/state@{spelled}"), "ok", "ok"),
                (format!("nave:plugin/settings@{spelled}"), "ok", "ok"),
                (format!("nave:plugin/clock@{spelled}"), "ok", "ok"),
                (format!("nave:plugin/log@{spelled}"), "ok", "ok"),
                (format!("nave:plugin/secrets@{spelled}"), UNKNOWN, UNKNOWN),
                ("nave:plugin/http@0.0.9".to_owned(), "plugin.abi-version", "plugin.abi-version"),
                ("wasi:filesystem/types@0.2.0".to_owned(), UNKNOWN, UNKNOWN),
                ("wasi:sockets/tcp@0.2.0".to_owned(), UNKNOWN, UNKNOWN),
                ("wasi:http/outgoing-handler@0.2.0".to_owned(), UNKNOWN, UNKNOWN),
                ("evil:x/y".to_owned(), UNKNOWN, UNKNOWN),
            ] {
                for (manifest, expected) in [(&asks_nothing, nothing), (&asks, asked)] {
                    let text = format!(
                        "(component (import \"{import}\" (instance)) (instance $i) (export \"nave:plugin/{export}@{spelled}\" (instance $i)))"
                    );
                    let bytes = plugin(&wat::parse_str(text).expect("text"), manifest);
                    let only_types = import.contains("/types@");
                    let wanted = match (pure, expected) {
                        // A transform computes: it is let near nothing, whatever it asks for.
                        (true, "ok" | DENIED) if !only_types && !import.contains("/log@") => DENIED,
                        (_, expected) => expected,
                    };
                    check(&format!("{export} {spelled} with {import}"), &bytes, wanted);
                    rows += 1;
                }
            }
        }
    }
    assert_eq!(rows, AbiVersion::ALL.len() * 4 * 14 * 2);
}

#[test]
fn features() {
    for (what, module) in [
        ("memory64", "(memory i64 1)"),
        ("shared memory", "(memory 1 1 shared)"),
        ("garbage collection", "(type (struct (field i32)))"),
        ("exceptions", "(tag)"),
        ("tail calls", "(func $f (return_call $f))"),
        ("relaxed vectors", "(func (result v128) (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))"),
        ("stack switching", "(type $f (func)) (type $c (cont $f))"),
    ] {
        check(what, &text(&format!("(core module {module})"), &bare()), "plugin.unsupported-feature");
    }
    check("async", &text("(type (future u8))", &bare()), "plugin.unsupported-feature");
    check("wrong types", &text("(core module (func (result i32)))", &bare()), "plugin.invalid");
    check("vectors", &text("(core module (func (result v128) (v128.const i64x2 0 0)))", &bare()), "ok");
}

#[test]
fn manifests() {
    let component =
        wat::parse_str("(component (instance $i) (export \"nave:plugin/source@0.1.0\" (instance $i)))").expect("text");
    check("none", &component, "plugin.bad-manifest: the component has no section");
    let with = |sections: &[&[u8]]| {
        let mut bytes = component.clone();
        for data in sections {
            let section = wasm_encoder::CustomSection { name: "nave:manifest".into(), data: (*data).into() };
            wasm_encoder::ComponentSection::append_to_component(&section, &mut bytes);
        }
        bytes
    };
    let good = serde_json::to_vec(&connector()).expect("json");
    check("one", &with(&[&good]), "ok");
    check("two", &with(&[&good, &good]), "plugin.bad-manifest: the component has 2 sections");
    check("cut", &with(&[&good[..good.len() - 1]]), "plugin.bad-manifest");
    check("large", &with(&[&vec![b' '; MANIFEST_SIZE_BYTES_MAX + 1]]), "plugin.bad-manifest: the manifest has");
    // one inside a nested component is not the plugin's
    let nested = with(&[&good]);
    let mut outer = wasm_encoder::Component::new();
    outer.section(&wasm_encoder::RawSection { id: 4, data: &nested });
    check("nested", &outer.finish(), "plugin.bad-manifest: the component has no section");
}

#[test]
fn embedding_replaces() {
    let component = connector_component("", &[]);
    let first = embed_manifest(&component, &connector()).expect("embeds");
    let mut manifest = connector();
    manifest.title = "x".repeat(5_000);
    let second = embed_manifest(&first, &manifest).expect("embeds");
    let found = inspect(&second).expect("good");
    assert_eq!(found.manifest, manifest);
    assert_eq!(found.abi_version, AbiVersion::V0_2);
    assert_eq!(found.digest, Digest::of(&second));
    assert_eq!(found.exports.iter().map(String::as_str).collect::<Vec<_>>(), ["connection", "destination", "source"]);
    // back to the first manifest gives back the first bytes: nothing else was touched
    assert_eq!(embed_manifest(&second, &connector()).expect("embeds"), first);
    manifest.name = "Not A Name".into();
    assert_eq!(embed_manifest(&component, &manifest).expect_err("refused").code, "plugin.bad-manifest");
    assert!(parse_manifest(b"{}").is_err());
    check("transform", &plugin(&transform_component("", &[]), &transform()), "ok");
}

/// 2,000 damaged files: refused or not, but never a panic.
#[test]
fn damaged_files() {
    let good = plugin(&connector_component("", &[]), &connector());
    let mut random = 1_u64;
    let mut next = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize
    };
    let mut refused = 0;
    for _ in 0..2_000 {
        let mut bytes = good.clone();
        for _ in 0..1 + next() % 8 {
            let at = next() % bytes.len();
            bytes[at] = next() as u8;
        }
        if next() % 4 == 0 {
            bytes.truncate(next() % bytes.len());
        }
        refused += usize::from(inspect(&bytes).is_err());
        let _ = embed_manifest(&bytes, &connector());
    }
    assert!(refused > 1_000, "{refused}");
}
