//! A small client: one request over real HTTP, the answer as status and JSON.

#![expect(dead_code, reason = "each test binary uses its own part of this")]

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, body::Bytes, client::conn::http1};
use hyper_util::rt::TokioIo;
use nave_sim::{RunningSim, SimConfig, System, start};
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tokio::net::TcpStream;

/// A system with a clock that stands still unless it is moved.
pub(crate) struct Sim {
    pub(crate) running: RunningSim,
    pub(crate) clock: Arc<AtomicI64>,
}

pub(crate) const NOON: i64 = 1_760_000_000_000;

pub(crate) fn config(seed: u64, records: usize) -> (SimConfig, Arc<AtomicI64>) {
    let clock = Arc::new(AtomicI64::new(NOON));
    let read = clock.clone();
    let config = SimConfig { records, clock: Arc::new(move || read.load(Ordering::Relaxed)), ..SimConfig::new(seed) };
    (config, clock)
}

impl Sim {
    pub(crate) async fn start(system: System, records: usize) -> Self {
        let (config, clock) = config(7, records);
        Self { running: start(system, config).await.unwrap(), clock }
    }

    pub(crate) async fn start_with(system: System, config: SimConfig) -> Self {
        Self { running: start(system, config).await.unwrap(), clock: Arc::new(AtomicI64::new(0)) }
    }

    /// Status and body; `None` where the connection was closed without an answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Option<(u16, Value)> {
        let stream = TcpStream::connect(self.running.addr).await.unwrap();
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        let task = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", "sim");
        if body.is_some() && !headers.iter().any(|(name, _)| *name == "content-type") {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(Bytes::from(body.unwrap_or_default()))).unwrap();
        let answer = sender.send_request(request).await.ok()?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.ok()?.to_bytes();
        task.abort();
        let value = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
        Some((status, value))
    }

    /// A request with the system's credential.
    pub(crate) async fn try_call(&self, method: &str, path: &str, body: Value) -> Option<(u16, Value)> {
        self.call_with(method, path, &[], body).await
    }

    pub(crate) async fn call_with(&self, method: &str, path: &str, more: &[(&str, &str)], body: Value) -> Option<(u16, Value)> {
        let bearer = format!("Bearer {}", self.running.credential.token);
        let mut headers = vec![("authorization", bearer.as_str())];
        if let Some(tenant) = &self.running.credential.tenant_id {
            headers.push(("xero-tenant-id", tenant));
        }
        headers.extend(more);
        let body = (!body.is_null()).then(|| body.to_string());
        self.send(method, path, &headers, body).await
    }

    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        self.try_call(method, path, body).await.expect("an answer")
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// A request of the control interface.
    pub(crate) async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let bearer = format!("Bearer {}", self.running.control_token);
        let body = (!body.is_null()).then(|| body.to_string());
        let (status, answer) = self.send(method, path, &[("authorization", &bearer)], body).await.unwrap();
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    pub(crate) async fn state(&self) -> Value {
        self.control("GET", "/_sim/state", Value::Null).await
    }

    /// Sets a fault switch.
    pub(crate) async fn fault(&self, rule: Value) {
        self.control("POST", "/_sim/fault", rule).await;
    }

    /// A table of requests: method, path, body, status, a text that the answer holds.
    pub(crate) async fn check(&self, table: &[(&str, &str, Value, u16, &str)]) {
        for (method, path, body, status, part) in table {
            let (got, answer) = self.call(method, path, body.clone()).await;
            let text = answer.to_string();
            assert!(
                got == *status && text.contains(part),
                "{method} {path} {body}\n wanted {status} with {part}\n got {got} {text}"
            );
        }
    }
}

/// The ids of a list of objects.
pub(crate) fn ids(results: &Value) -> Vec<String> {
    results.as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn properties(pairs: &[(&str, &str)]) -> Value {
    json!({"properties": pairs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>()})
}
