//! Webhooks of every system that has them, and the switches that spoil them. The receiver is a small server of the test's own.

mod common;

use base64::Engine as _;
use common::{NOON, Sim, properties};
use http_body_util::{BodyExt as _, Full};
use hyper::{HeaderMap, Response, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use nave_sim::System;
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
};

/// A webhook as it came.
struct Came {
    headers: HeaderMap,
    text: String,
}

impl Came {
    fn body(&self) -> Value {
        if self.header("content-type") == "application/x-www-form-urlencoded" {
            let pairs = url::form_urlencoded::parse(self.text.as_bytes());
            return Value::Object(pairs.map(|(name, value)| (name.into_owned(), value.into_owned().into())).collect());
        }
        serde_json::from_str(&self.text).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    /// Whether it is signed with the secret, as the vendor signs.
    fn genuine(&self, system: System, url: &str) -> bool {
        let (signature, signed) = match system {
            System::Crm => {
                let at = self.header("x-hubspot-request-timestamp");
                (self.header("x-hubspot-signature-v3"), format!("POST{url}{}{at}", self.text))
            }
            System::Books => (self.header("x-xero-signature"), self.text.clone()),
            // Mailchimp does not sign.
            System::Mail => return true,
            System::Desk => {
                let at = self.header("x-zendesk-webhook-signature-timestamp");
                (self.header("x-zendesk-webhook-signature"), format!("{at}{}", self.text))
            }
            System::Legacy => unreachable!("a folder tells nobody anything"),
        };
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"s3cret");
        let bytes = base64::engine::general_purpose::STANDARD.decode(signature).unwrap();
        ring::hmac::verify(&key, signed.as_bytes(), &bytes).is_ok()
    }
}

/// Takes webhooks, one connection each.
async fn receiver() -> (String, UnboundedReceiver<Came>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook?of=test", listener.local_addr().unwrap());
    let (sender, came) = unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let sender = sender.clone();
            let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
                let sender = sender.clone();
                async move {
                    let (head, body) = request.into_parts();
                    let text = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
                    assert_eq!(head.uri.query(), Some("of=test"));
                    let _ = sender.send(Came { headers: head.headers, text });
                    Ok::<_, hyper::Error>(Response::new(Full::new(Bytes::new())))
                }
            });
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        }
    });
    (url, came)
}

/// A system, somebody who wants to know, and how an object is made and named.
struct Sut {
    sim: Sim,
    system: System,
    url: String,
    came: UnboundedReceiver<Came>,
}

impl Sut {
    async fn start(system: System) -> Self {
        let (url, came) = receiver().await;
        let sim = Sim::start(system, 0).await;
        sim.control("POST", "/_sim/webhooks", json!({"url": url, "secret": "s3cret"})).await;
        Self { sim, system, url, came }
    }

    /// Makes an object; its id.
    async fn make(&self, name: &str) -> String {
        let (method, path, body) = match self.system {
            System::Crm => ("POST", "/crm/v3/objects/contacts", properties(&[("lastname", name)])),
            System::Books => ("PUT", "/api.xro/2.0/Contacts", json!({"Contacts": [{"Name": name}]})),
            System::Desk => ("POST", "/api/v2/users", json!({"user": {"name": name}})),
            System::Mail => {
                let member = json!({"email_address": format!("{name}@example.org"), "status": "subscribed"});
                ("POST", "/3.0/lists/a1b2c3d4e5/members", member)
            }
            System::Legacy => unreachable!("a folder tells nobody anything"),
        };
        let (_, made) = self.sim.call(method, path, body).await;
        match self.system {
            System::Crm => made["id"].as_str().unwrap().to_owned(),
            System::Books => made["Contacts"][0]["ContactID"].as_str().unwrap().to_owned(),
            System::Desk => made["user"]["id"].to_string(),
            System::Mail => made["unique_email_id"].as_str().unwrap().to_owned(),
            System::Legacy => unreachable!("a folder tells nobody anything"),
        }
    }

    /// The next webhook. One that never comes is a failure, not a test that never ends.
    async fn came(&mut self) -> Came {
        tokio::time::timeout(std::time::Duration::from_secs(60), self.came.recv()).await.expect("a webhook").unwrap()
    }

    /// The next webhook: the object's id, what it says, and whether it is genuine.
    async fn next(&mut self) -> (String, String, bool) {
        let came = self.came().await;
        let body = came.body();
        let (id, what) = match self.system {
            System::Crm => (body[0]["objectId"].to_string(), &body[0]["subscriptionType"]),
            System::Books => (body["events"][0]["resourceId"].as_str().unwrap().to_owned(), &body["events"][0]["eventType"]),
            System::Desk => (body["detail"]["id"].as_str().unwrap().to_owned(), &body["type"]),
            System::Mail => (body["data[id]"].as_str().unwrap().to_owned(), &body["type"]),
            System::Legacy => unreachable!("a folder tells nobody anything"),
        };
        (id, what.as_str().unwrap().to_owned(), came.genuine(self.system, &self.url))
    }

    /// What the vendor calls a new object, and one that is gone.
    fn words(&self) -> (&'static str, &'static str) {
        match self.system {
            System::Crm => ("contact.creation", "contact.deletion"),
            System::Books => ("CREATE", "UPDATE"),
            System::Desk => ("zen:event-type:user.created", "zen:event-type:user.deleted"),
            System::Mail => ("subscribe", "unsubscribe"),
            System::Legacy => unreachable!("a folder tells nobody anything"),
        }
    }
}

/// Runs a test on every system.
async fn each(test: impl AsyncFn(&mut Sut)) {
    for system in System::ALL {
        test(&mut Sut::start(system).await).await;
    }
}

#[tokio::test]
async fn what_happens_is_told_and_signed() {
    each(async |sut| {
        let (made, gone) = sut.words();
        let id = sut.make("Ann").await;
        assert_eq!(sut.next().await, (id.clone(), made.to_owned(), true));
        let (method, path, body, changed) = match sut.system {
            System::Crm => {
                let path = format!("/crm/v3/objects/contacts/{id}");
                ("PATCH", path, properties(&[("city", "Bonn")]), "contact.propertyChange")
            }
            System::Books => ("POST", format!("/api.xro/2.0/Contacts/{id}"), json!({"TaxNumber": "1"}), "UPDATE"),
            System::Mail => {
                let path = "/3.0/lists/a1b2c3d4e5/members/Ann@example.org".to_owned();
                ("PATCH", path, json!({"merge_fields": {"LNAME": "Other"}}), "profile")
            }
            System::Desk => {
                ("PUT", format!("/api/v2/users/{id}"), json!({"user": {"notes": "x"}}), "zen:event-type:user.notes_changed")
            }
            System::Legacy => unreachable!("a folder tells nobody anything"),
        };
        sut.sim.call(method, &path, body.clone()).await;
        assert_eq!(sut.next().await, (id.clone(), changed.to_owned(), true));
        // The same again changes nothing, and is not told; a deletion is.
        sut.sim.call(method, &path, body).await;
        sut.sim.act(json!({"act": "mass-delete", "count": 1})).await;
        assert_eq!(sut.next().await, (id.clone(), gone.to_owned(), true));
        let told = sut.sim.control("GET", "/_sim/webhooks", Value::Null).await;
        assert_eq!(told["webhooks"], json!([sut.url]));
    })
    .await;
}

#[tokio::test]
async fn a_merge_and_every_changed_property_are_told() {
    let mut sut = Sut::start(System::Crm).await;
    let (ann, ben) = (sut.make("Ann").await, sut.make("Ben").await);
    sut.sim.call("PATCH", &format!("/crm/v3/objects/contacts/{ann}"), properties(&[("city", "Bonn"), ("zip", "53111")])).await;
    sut.sim.act(json!({"act": "merge", "winner": ann, "loser": ben})).await;
    let mut bodies = Vec::new();
    for _ in 0..4 {
        bodies.push(sut.came().await.body());
    }
    let told = |at: usize, name: &str| bodies[2][at][name].clone();
    assert_eq!(
        (told(0, "propertyName"), told(0, "propertyValue"), told(1, "propertyName")),
        ("city".into(), "Bonn".into(), "zip".into())
    );
    assert_eq!(told(0, "occurredAt"), NOON + 2);
    let merge = &bodies[3][0];
    assert_eq!(
        (&merge["subscriptionType"], merge["primaryObjectId"].to_string(), merge["mergedObjectIds"][0].to_string()),
        (&json!("contact.merge"), ann, ben)
    );
}

#[tokio::test]
async fn webhooks_are_spoilt() {
    each(async |sut| {
        let (made, _) = sut.words();
        let told = |id: &String| (id.clone(), made.to_owned(), true);
        sut.sim.fault(json!({"switch": "webhook-duplicate", "nth": 1})).await;
        let twice = sut.make("A").await;
        assert_eq!((sut.next().await, sut.next().await), (told(&twice), told(&twice)));

        sut.sim.fault(json!({"switch": "webhook-dropped", "nth": 1})).await;
        sut.make("B").await;
        let next = sut.make("C").await;
        assert_eq!(sut.next().await, told(&next), "the one before never came");

        sut.sim.fault(json!({"switch": "webhook-reordered", "nth": 1})).await;
        let (first, second) = (sut.make("D").await, sut.make("E").await);
        assert_eq!((sut.next().await, sut.next().await), (told(&second), told(&first)));

        sut.sim.fault(json!({"switch": "webhook-late", "seconds": 30, "nth": 1})).await;
        let (late, after) = (sut.make("F").await, sut.make("G").await);
        assert_eq!(sut.next().await, told(&after));
        sut.sim.pass(30);
        assert_eq!(sut.next().await, told(&late));

        sut.sim.fault(json!({"switch": "webhook-forged", "nth": 1})).await;
        let id = sut.make("H").await;
        let forged = sut.next().await;
        assert_eq!((&forged.0, forged.2), (&id, sut.system == System::Mail));
        assert_ne!(forged.1, made, "it says something else");
        assert_eq!(sut.next().await, told(&id));
        for rule in [json!({"switch": "webhook-late"}), json!({"switch": "webhook-dropped", "path": "/"})] {
            let bearer = format!("Bearer {}", sut.sim.running.control_token);
            let answer = sut.sim.send("POST", "/_sim/fault", &[("authorization", &bearer)], Some(rule.to_string())).await;
            assert_eq!(answer.unwrap().0, 400, "{rule}");
        }
    })
    .await;
}

#[tokio::test]
async fn receivers_are_checked_and_can_go() {
    let sut = Sut::start(System::Crm).await;
    let bearer = format!("Bearer {}", sut.sim.running.control_token);
    for hook in
        [json!({"url": "here", "secret": "s"}), json!({"url": "https://127.0.0.1/x", "secret": "s"}), json!({"url": sut.url})]
    {
        let answer = sut.sim.send("POST", "/_sim/webhooks", &[("authorization", &bearer)], Some(hook.to_string())).await;
        assert_eq!(answer.unwrap().0, 400, "{hook}");
    }
    let gone = sut.sim.control("DELETE", "/_sim/webhooks", Value::Null).await;
    assert_eq!(gone["webhooks"], json!([]));
}
