//! A plain HTTP client for tests that are not asynchronous themselves, and the runtime that simulated systems live in.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::OnceLock;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

/// One runtime for all simulated systems of this process.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("the machine gives threads")
    })
}

/// Waits for a future on the runtime. Not for use inside of it.
pub fn wait<F: Future>(future: F) -> F::Output {
    runtime().block_on(future)
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Body as text.
    pub text: String,
}

impl Answer {
    /// Body as JSON; null where it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

/// A form that is posted, with the status and where it leads to.
pub fn form(addr: SocketAddr, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Option<Answer> {
    let encode = |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
    let body: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    send(addr, "POST", path, headers, "application/x-www-form-urlencoded", body.join("&"))
}

/// One request on a connection of its own; `None` where it was closed without an answer.
pub fn request(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: Option<&Value>) -> Option<Answer> {
    let kind = if body.is_some() { "application/json" } else { "" };
    send(addr, method, path, headers, kind, body.map(Value::to_string).unwrap_or_default())
}

fn send(addr: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], kind: &str, body: String) -> Option<Answer> {
    wait(async {
        let stream = TcpStream::connect(addr).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let task = tokio::spawn(connection);
        let mut request = Request::builder().method(method).uri(path).header("host", addr.to_string());
        if !kind.is_empty() {
            request = request.header("content-type", kind);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = sender.send_request(request.body(Full::new(Bytes::from(body))).ok()?).await.ok()?;
        let status = answer.status().as_u16();
        let bytes = answer.into_body().collect().await.ok()?.to_bytes();
        task.abort();
        Some(Answer { status, text: String::from_utf8_lossy(&bytes).into_owned() })
    })
}
