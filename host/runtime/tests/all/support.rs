//! Guests written by hand: a core module in text, made into a component of the real contract.

use std::{
    path::Path,
    sync::{
        Mutex, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use nave_core::manifest::Manifest;
use nave_runtime::{
    BlobResponse, Engine, HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse, contract::LogLevel, embed_manifest,
    parse_manifest,
};

/// One engine for a test binary.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new().expect("engine"))
}

/// A connector's manifest that asks for an endpoint and a folder.
pub(crate) fn connector() -> Manifest {
    parse_manifest(
        br#"{"name":"test","version":"1.0.0","serial":1,"title":"Test","description":"","kind":"connector",
        "endpoints":{"api":{"base":"https://api.example.com","allow":[{"methods":["GET"],"paths":["/"]}],"reason":"r"}},
        "folders":{"in":{"access":"read","reason":"r"}}}"#,
    )
    .expect("manifest")
}

/// A transform's manifest with one function.
pub(crate) fn transform() -> Manifest {
    parse_manifest(
        br#"{"name":"test","version":"1.0.0","serial":1,"title":"Test","description":"","kind":"transform",
        "functions":[{"name":"f","inputs":["text"],"output":"text","explain":"as it is"}]}"#,
    )
    .expect("manifest")
}

/// Answers of all zeros are good answers without content, so a test spells only what it is about.
const ZEROS: &str = "(i32.const 4096)";

/// A connector of the contract as it is checked in. `parts` is put into a core module that has a memory of 2 pages,
/// zeros at 4096, and a `cabi_realloc` that gives 16384; `bodies` replaces the bodies of exported functions by name
/// (`check`, `read`, …). The manifest is not yet in it.
pub(crate) fn connector_component(parts: &str, bodies: &[(&str, &str)]) -> Vec<u8> {
    let functions = [
        ("source", "discover", ""),
        ("source", "read", "(param i32 i32 i32 i32 i32 i32)"),
        ("source", "acknowledge", "(param i32 i32 i32 i32)"),
        ("source", "get", "(param i32 i32 i32 i32)"),
        ("destination", "write", "(param i32 i32 i32 i32)"),
        ("destination", "find", "(param i32 i32 i32 i32 i32 i32)"),
        ("connection", "check", ""),
        ("connection", "webhook", "(param i32 i32 i32 i32 i32 i32)"),
    ];
    component("connector", parts, &functions, bodies)
}

/// A transform, as `connector_component`; its function is called `call`.
pub(crate) fn transform_component(parts: &str, bodies: &[(&str, &str)]) -> Vec<u8> {
    component("transform-plugin", parts, &[("transform", "call", "(param i32 i32 i32 i32)")], bodies)
}

fn component(world: &str, parts: &str, functions: &[(&str, &str, &str)], bodies: &[(&str, &str)]) -> Vec<u8> {
    for (name, _) in bodies {
        assert!(functions.iter().any(|(_, function, _)| function == name), "no function {name}");
    }
    // imports come first in a module
    let (imports, rest): (Vec<&str>, Vec<&str>) = parts.lines().partition(|line| line.trim().starts_with("(import"));
    let mut text = format!("(module\n{}\n", imports.join("\n"));
    if !parts.contains("(memory") {
        text += "(memory (export \"memory\") 2)\n";
    }
    text += "(func (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) (i32.const 16384))\n";
    text += &rest.join("\n");
    for (interface, function, params) in functions {
        let body = bodies.iter().find(|(name, _)| name == function).map_or(ZEROS, |(_, body)| body);
        text += &format!("\n(func (export \"nave:plugin/{interface}@0.1.0#{function}\") {params} (result i32)\n{body})");
    }
    text += ")";
    let mut module = wat::parse_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let mut resolve = wit_parser::Resolve::default();
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    resolve.push_dir(crate_dir.join("../../wit/v0.1")).expect("the contract");
    resolve.push_file(crate_dir.join("src/wasi/inert.wit")).expect("the inert WASI");
    let all = format!("package test:test; world all {{ include nave:plugin/{world}@0.1.0; include nave:inert/wasi; }}");
    let package = resolve.push_str("all.wit", &all).expect("the world of this test");
    let world = resolve.select_world(&[package], None).expect("world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, wit_component::StringEncoding::UTF8).expect("metadata");
    wit_component::ComponentEncoder::default().module(&module).and_then(|mut encoder| encoder.encode()).expect("component")
}

/// A component with its manifest.
pub(crate) fn plugin(component: &[u8], manifest: &Manifest) -> Vec<u8> {
    embed_manifest(component, manifest).expect("manifest fits")
}

/// A host that remembers what it was asked.
#[derive(Default)]
pub(crate) struct TestHost {
    pub(crate) lines: Mutex<Vec<(LogLevel, String)>>,
    pub(crate) requests: AtomicUsize,
    /// Requests are never answered.
    pub(crate) silent: bool,
    /// Answered by `http_send`.
    pub(crate) body: &'static str,
}

impl TestHost {
    fn count<'a, T: Send + 'a>(&self, answer: T) -> HostFuture<'a, Result<T, HttpError>> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let silent = self.silent;
        Box::pin(async move {
            if silent {
                std::future::pending::<()>().await;
            }
            Ok(answer)
        })
    }
}

impl HostCalls for TestHost {
    fn http_send<'a>(&'a self, endpoint: &'a str, request: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        assert!(endpoint == "api" || endpoint.is_empty(), "{endpoint} {request:?}");
        self.count(HttpResponse { status: 200, headers: vec![("x".into(), "y".into())], body: self.body.into() })
    }

    fn blob_fetch<'a>(&'a self, _: &'a str, _: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        let body = std::sync::Arc::new(bytes::Bytes::from_static(b"held"));
        self.count(BlobResponse { status: 200, headers: Vec::new(), body })
    }

    fn state_set<'a>(&'a self, _: &'a str, _: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn log(&self, level: LogLevel, message: &str) {
        self.lines.lock().expect("lines").push((level, message.to_owned()));
    }

    fn now_ms(&self) -> u64 {
        1_700_000_000_000
    }
}
