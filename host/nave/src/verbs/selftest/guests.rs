//! Guests that misbehave while they run.

use std::sync::Arc;
use std::time::Duration;

use nave_hostile::{Bounds, Guest};
use nave_hub::api::ApiError;
use nave_runtime::contract::{Column, LogLevel, WebhookRequest};
use nave_runtime::{
    BlobResponse, CallError, Engine, HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse, Instance, InstanceLimits,
    Plugin,
};

use super::Tried;

/// Instances that look for what another one left.
const NEIGHBOURS: usize = 100;

/// A hub that takes what it is given, so that only the runtime's bounds are met.
struct Host;

impl HostCalls for Host {
    fn http_send<'a>(&'a self, _: &'a str, _: HttpRequest) -> HostFuture<'a, Result<HttpResponse, HttpError>> {
        Box::pin(async { Ok(HttpResponse { status: 200, headers: Vec::new(), body: Default::default() }) })
    }

    fn blob_fetch<'a>(&'a self, _: &'a str, _: HttpRequest) -> HostFuture<'a, Result<BlobResponse, HttpError>> {
        let body = Arc::new(bytes::Bytes::from_static(b"held"));
        Box::pin(async { Ok(BlobResponse { status: 200, headers: Vec::new(), body }) })
    }

    fn state_set<'a>(&'a self, _: &'a str, _: Vec<u8>) -> HostFuture<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }

    fn log(&self, _: LogLevel, _: &str) {}

    fn now_ms(&self) -> u64 {
        0
    }
}

fn limits(bounds: Bounds) -> InstanceLimits {
    let short = InstanceLimits { cpu: Duration::from_millis(200), ..InstanceLimits::default() };
    match bounds {
        Bounds::Product => InstanceLimits::default(),
        Bounds::Short => short,
        Bounds::Tiny => InstanceLimits {
            host_calls: 2_000,
            http_requests: 5,
            handles: 4,
            hostcall_bytes: 256 << 10,
            state_bytes: 1_000,
            memory_bytes: 1 << 20,
            ..short
        },
    }
}

/// Each guest, called.
pub(super) async fn tried() -> Result<Vec<Tried>, ApiError> {
    let engine = Engine::new().map_err(|error| ApiError::failed(error.to_string()))?;
    let mut tried = Vec::new();
    for guest in nave_hostile::guests() {
        let code = match plugin(&engine, guest.plugin()).await {
            Ok(plugin) => called(&plugin, &guest).await,
            Err(code) => code,
        };
        tried.push(Tried::new(guest.line, guest.name, code, guest.code));
    }
    tried.push(Tried::new(23, "an instance that crashed, called again", again(&engine).await, "fresh"));
    tried.push(Tried::new(41, format!("what one left, looked for by {NEIGHBOURS}"), left(&engine).await, "ok"));
    Ok(tried)
}

async fn plugin(engine: &Engine, bytes: Vec<u8>) -> Result<Plugin, String> {
    let engine = engine.clone();
    let compiled = tokio::task::spawn_blocking(move || Plugin::compile(&engine, &bytes, None)).await;
    compiled.map_err(|error| error.to_string())?.map_err(|error| error.code.to_owned())
}

fn word<T>(result: Result<T, CallError>) -> String {
    result.map_or_else(|error| error.code().to_owned(), |_| "ok".to_owned())
}

async fn called(plugin: &Plugin, guest: &Guest) -> String {
    let mut instance = match Instance::start(plugin, Arc::new(Host), limits(guest.bounds)).await {
        Ok(instance) => instance,
        Err(error) => return error.code().to_owned(),
    };
    let request = WebhookRequest { path: "/".into(), headers: Vec::new(), body: Vec::new() };
    match guest.function {
        "discover" => word(instance.discover().await),
        "read" => word(instance.read("s", None, 1).await),
        "acknowledge" => word(instance.acknowledge("s", b"").await),
        "get" => word(instance.get("s", Vec::new()).await),
        "write" => word(instance.write("s", Vec::new()).await),
        "find" => word(instance.find("s", "p", Vec::new()).await),
        "webhook" => word(instance.webhook(request).await),
        "call" => word(instance.transform("f", vec![Column::text([Some("a")])]).await),
        _ => word(instance.check().await),
    }
}

/// A guest whose second call crashes is called twice, and again: the third finds a fresh instance.
async fn again(engine: &Engine) -> String {
    let count = "(i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (if (i32.eq (i32.load (i32.const 0)) (i32.const 2)) (then unreachable)) (i32.const 4096)";
    let bytes = nave_hostile::plugin(&nave_hostile::connector_component("", &[("check", count)]), nave_hostile::CONNECTOR);
    let plugin = match plugin(engine, bytes).await {
        Ok(plugin) => plugin,
        Err(code) => return code,
    };
    let mut instance = match Instance::start(&plugin, Arc::new(Host), InstanceLimits::default()).await {
        Ok(instance) => instance,
        Err(error) => return error.code().to_owned(),
    };
    let mut said = Vec::new();
    for _ in 0..3 {
        said.push(word(instance.check().await));
    }
    match (said.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), instance.starts()) {
        (["ok", "plugin.trap", "ok"], 2) => "fresh".to_owned(),
        (said, starts) => format!("{said:?}, {starts} instances"),
    }
}

/// A guest marks its memory and crashes where it finds a mark: nobody finds another one's.
async fn left(engine: &Engine) -> String {
    let leave = "(if (i32.load (i32.const 60000)) (then unreachable))
        (memory.fill (i32.const 60000) (i32.const 0x5a) (i32.const 5000)) (i32.const 4096)";
    let bytes = nave_hostile::plugin(&nave_hostile::connector_component("", &[("check", leave)]), nave_hostile::CONNECTOR);
    let plugin = match plugin(engine, bytes).await {
        Ok(plugin) => plugin,
        Err(code) => return code,
    };
    for _ in 0..NEIGHBOURS {
        let found = match Instance::start(&plugin, Arc::new(Host), InstanceLimits::default()).await {
            Ok(mut instance) => word(instance.check().await),
            Err(error) => error.code().to_owned(),
        };
        if found != "ok" {
            return found;
        }
    }
    "ok".to_owned()
}
