//! Guests written by hand: a core module in text, made into a component of the real contract.

use std::sync::{
    Mutex, OnceLock,
    atomic::{AtomicUsize, Ordering},
};

use nave_core::manifest::Manifest;
pub(crate) use nave_hostile::{Contract, connector_component, connector_of, transform_component, transform_of};
use nave_runtime::{
    BlobResponse, Engine, HostCalls, HostFuture, HttpError, HttpRequest, HttpResponse, contract::LogLevel, embed_manifest,
    parse_manifest,
};

/// Each of these tests, once per version of the contract.
macro_rules! in_every_version {
    (@ $module:ident, $version:ident, $($test:ident),+) => {
        mod $module {
            $(
                #[tokio::test]
                async fn $test() {
                    super::$test(crate::support::Contract::$version).await;
                }
            )+
        }
    };
    ($($test:ident),+ $(,)?) => {
        in_every_version!(@ v0_1, V0_1, $($test),+);
        in_every_version!(@ v0_2, V0_2, $($test),+);
    };
}

/// One engine for a test binary.
pub(crate) fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new().expect("engine"))
}

/// A connector's manifest that asks for an endpoint and a folder.
pub(crate) fn connector() -> Manifest {
    parse_manifest(nave_hostile::CONNECTOR.as_bytes()).expect("manifest")
}

/// A transform's manifest with one function.
pub(crate) fn transform() -> Manifest {
    parse_manifest(nave_hostile::TRANSFORM.as_bytes()).expect("manifest")
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
