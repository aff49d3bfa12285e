//! A small client: one request over real HTTP, the answer as status and JSON.

#![expect(dead_code, reason = "each test binary uses its own part of this")]

use http_body_util::{BodyExt as _, Full};
use hyper::{Request, Response, body::Bytes, client::conn::http1};
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
        let answer = self.answer(method, path, headers, body).await?;
        let text = std::str::from_utf8(answer.body()).unwrap();
        let value = if text.is_empty() { Value::Null } else { serde_json::from_str(text).unwrap() };
        Some((answer.status().as_u16(), value))
    }

    /// The whole answer; `None` where the connection was closed without one.
    pub(crate) async fn answer(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Option<Response<Bytes>> {
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
        let (head, body) = answer.into_parts();
        let bytes = body.collect().await.ok()?.to_bytes();
        task.abort();
        Some(Response::from_parts(head, bytes))
    }

    /// A request with the system's credential.
    pub(crate) async fn try_call(&self, method: &str, path: &str, body: Value) -> Option<(u16, Value)> {
        self.call_with(method, path, &[], body).await
    }

    pub(crate) async fn call_with(&self, method: &str, path: &str, more: &[(&str, &str)], body: Value) -> Option<(u16, Value)> {
        let own = self.own_headers();
        let mut headers: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.extend(more);
        let body = (!body.is_null()).then(|| body.to_string());
        self.send(method, path, &headers, body).await
    }

    /// The headers that the system's credential comes to.
    pub(crate) fn own_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("authorization", format!("Bearer {}", self.running.credential.token))];
        headers.extend(self.running.credential.tenant_id.clone().map(|tenant| ("xero-tenant-id", tenant)));
        headers
    }

    /// The whole answer to a request with the system's credential.
    pub(crate) async fn full(&self, method: &str, path: &str, body: Value) -> Option<Response<Bytes>> {
        let own = self.own_headers();
        let headers: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.answer(method, path, &headers, (!body.is_null()).then(|| body.to_string())).await
    }

    /// Lets time pass.
    pub(crate) fn pass(&self, seconds: i64) {
        self.clock.fetch_add(seconds * 1_000, Ordering::Relaxed);
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

    /// Clears all fault switches.
    pub(crate) async fn heal(&self) {
        self.control("DELETE", "/_sim/fault", Value::Null).await;
    }

    /// Carries an act out.
    pub(crate) async fn act(&self, act: Value) -> Value {
        self.control("POST", "/_sim/act", act).await
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
