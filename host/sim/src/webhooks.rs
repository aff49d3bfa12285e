//! Webhooks: who wants to know what happens in the system, and how they are told.
//!
//! One after the other, each tried once. Receivers are not remembered across a restart. Must not know how a vendor words or signs a
//! webhook: the system says it. The fault switches of webhooks are here, since they hit what is sent, not what is asked.

use crate::{
    config::Clock,
    faults::{Faults, Seen, Switch},
    limits::{WEBHOOK_LATE_STEP_MS, WEBHOOK_SECONDS_MAX, WEBHOOKS_MAX},
    simulated::{Event, Happened, Simulated, What},
};
use base64::Engine as _;
use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    net::TcpStream,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
};

/// A receiver.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Hook {
    url: String,
    secret: String,
}

/// A webhook on its way.
#[derive(Clone, Debug)]
struct Delivery {
    url: String,
    headers: Vec<(&'static str, String)>,
    body: String,
}

/// How many were taken, and how many were not.
#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    failed: AtomicU64,
}

/// The receivers of one system.
pub(crate) struct Webhooks {
    hooks: Vec<Hook>,
    clock: Clock,
    /// Made with the first receiver.
    sender: Option<UnboundedSender<Delivery>>,
    /// One that waits for the next.
    held: Option<Delivery>,
    tally: Arc<Tally>,
    /// Webhooks so far.
    last: u64,
}

impl Webhooks {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { hooks: Vec::new(), clock, sender: None, held: None, tally: Arc::default(), last: 0 }
    }

    /// # Errors
    /// What is wrong with a receiver, in words.
    pub(crate) fn add(&mut self, text: &[u8]) -> Result<(), String> {
        let example = "{\"url\": \"http://127.0.0.1:8000/hook\", \"secret\": \"…\"}";
        let hook: Hook =
            serde_json::from_slice(text).map_err(|error| format!("a receiver is an object as {example}: {error}"))?;
        let plain = url::Url::parse(&hook.url).is_ok_and(|url| url.scheme() == "http" && url.host().is_some());
        if !plain {
            return Err(format!("`{}` is not an address as http://127.0.0.1:8000/hook", hook.url));
        }
        if self.hooks.len() == WEBHOOKS_MAX {
            return Err(format!("there are {WEBHOOKS_MAX} receivers already"));
        }
        if self.sender.is_none() {
            let (sender, receiver) = unbounded_channel();
            tokio::spawn(deliver(receiver, self.tally.clone()));
            self.sender = Some(sender);
        }
        self.hooks.push(hook);
        Ok(())
    }

    /// Nobody wants to know any more.
    pub(crate) fn clear(&mut self) {
        (self.hooks, self.held) = (Vec::new(), None);
    }

    pub(crate) fn describe(&self) -> Value {
        let urls: Vec<&str> = self.hooks.iter().map(|hook| hook.url.as_str()).collect();
        let (sent, failed) = (self.tally.sent.load(Ordering::Relaxed), self.tally.failed.load(Ordering::Relaxed));
        json!({"webhooks": urls, "sent": sent, "failed": failed})
    }

    /// Tells every receiver.
    pub(crate) fn tell(&mut self, event: &Event, system: &dyn Simulated, faults: &mut Faults, now: i64) {
        let about = Seen { write: true, what: What::Write, path: String::new(), object: Some(event.kind.clone()) };
        for hook in self.hooks.clone() {
            self.last += 1;
            if faults.hits(Switch::WebhookDropped, &about).is_some() {
                continue;
            }
            if faults.hits(Switch::WebhookForged, &about).is_some() {
                let lie = Event { what: Happened::Deleted, ..event.clone() };
                let forger = Hook { secret: format!("not {}", hook.secret), ..hook.clone() };
                self.send(delivery(&forger, &lie, system, self.last, now));
            }
            let delivery = delivery(&hook, event, system, self.last, now);
            if let Some(rule) = faults.hits(Switch::WebhookLate, &about) {
                self.send_late(delivery, rule.seconds.unwrap_or(0));
                continue;
            }
            if self.held.is_none() && faults.hits(Switch::WebhookReordered, &about).is_some() {
                self.held = Some(delivery);
                continue;
            }
            if faults.hits(Switch::WebhookDuplicate, &about).is_some() {
                self.send(delivery.clone());
            }
            self.send(delivery);
            if let Some(held) = self.held.take() {
                self.send(held);
            }
        }
    }

    fn send(&self, delivery: Delivery) {
        if let Some(sender) = &self.sender {
            let _ = sender.send(delivery);
        }
    }

    /// By the system's clock, which a test may move.
    fn send_late(&self, delivery: Delivery, seconds: u64) {
        let Some(sender) = self.sender.clone() else { return };
        let clock = self.clock.clone();
        let due = clock().saturating_add(i64::try_from(seconds).unwrap_or(0) * 1_000);
        tokio::spawn(async move {
            while clock() < due && !sender.is_closed() {
                tokio::time::sleep(Duration::from_millis(WEBHOOK_LATE_STEP_MS)).await;
            }
            let _ = sender.send(delivery);
        });
    }
}

fn delivery(hook: &Hook, event: &Event, system: &dyn Simulated, nth: u64, now: i64) -> Delivery {
    let notice = system.notice(event, nth);
    let mut headers = system.sign(&hook.secret, &hook.url, &notice.body, now);
    headers.push(("content-type", notice.content_type.to_owned()));
    Delivery { url: hook.url.clone(), headers, body: notice.body }
}

/// Sends what comes, until nobody sends any more.
async fn deliver(mut deliveries: UnboundedReceiver<Delivery>, tally: Arc<Tally>) {
    while let Some(delivery) = deliveries.recv().await {
        let sent = tokio::time::timeout(Duration::from_secs(WEBHOOK_SECONDS_MAX), post(&delivery)).await;
        let taken = matches!(&sent, Ok(Ok(answer)) if answer.status().is_success());
        let counter = if taken { &tally.sent } else { &tally.failed };
        counter.fetch_add(1, Ordering::Relaxed);
        if !taken {
            tracing::warn!(url = delivery.url, "a webhook was not taken");
        }
    }
}

async fn post(delivery: &Delivery) -> Result<Response<hyper::body::Incoming>, Box<dyn std::error::Error + Send + Sync>> {
    let url = url::Url::parse(&delivery.url)?;
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(80);
    let stream = TcpStream::connect((host, port)).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
    let mut request = Request::post(path).header("host", format!("{host}:{port}"));
    for (name, value) in &delivery.headers {
        request = request.header(*name, value);
    }
    let answer = sender.send_request(request.body(Full::new(Bytes::from(delivery.body.clone())))?).await;
    connection.abort();
    Ok(answer?)
}

/// `base64(HMAC-SHA256(secret, text))`, as all these vendors sign.
pub(crate) fn hmac(secret: &str, text: &str) -> String {
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret.as_bytes());
    base64::engine::general_purpose::STANDARD.encode(ring::hmac::sign(&key, text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_standard_says() {
        // RFC 4231, case 2.
        assert_eq!(hmac("Jefe", "what do ya want for nothing?"), "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=");
    }
}
