//! Requests that should not leave, and answers that should not come, through the hub's one way out.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nave_core::catalog::Credential;
use nave_core::grant::{EndpointGrant, Grant, Grants};
use nave_core::manifest::{Allow, CredentialKind, EndpointRequest};
use nave_hub::api::ApiError;
use nave_hub::egress::{
    AuditNote, AuditSink, Bounds, Channel, ChannelConfig, Egress, EgressConfig, EgressError, Ledger, Mark, Quota, Request,
    Resolve, Resolving, Response,
};
use nave_hub::secrets::{SecretBytes, SecretError, SecretSource};

use super::Tried;
use super::server::{Answer, Server};

/// The secret that no answer may hold.
const CANARY: &str = "c4nary:S3cret/+val=\"ue\"";

/// Spellings of addresses of the inside, as the list of attacks has them.
const INSIDE: [&str; 21] = [
    "127.0.0.1",
    "127.1",
    "0",
    "0.0.0.0",
    "2130706433",
    "0x7f.1",
    "0177.0.0.1",
    "[::]",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[2002:7f00:1::]",
    "[fe80::1%25eth0]",
    "169.254.169.254",
    "[fd00:ec2::254]",
    "100.64.0.1",
    "192.0.0.192",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
];

/// Names that lead where they are told to, and how often they were looked up.
struct Names {
    answers: Mutex<Vec<Vec<IpAddr>>>,
    asked: AtomicUsize,
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, _: &'a str) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let mut answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let found = if answers.len() > 1 { answers.remove(0) } else { answers.first().cloned().unwrap_or_default() };
        Box::pin(async move { Ok(found) })
    }
}

/// One secret, which may go anywhere; notes and calls that are not kept.
struct Around;

impl SecretSource for Around {
    fn may_go(&self, _: &str, _: &BTreeSet<String>) -> Result<(), SecretError> {
        Ok(())
    }

    fn secret(&self, _: &str, _: &BTreeSet<String>, _: &Grant) -> Result<SecretBytes, SecretError> {
        Ok(SecretBytes::new(CANARY))
    }
}

impl AuditSink for Around {
    fn note(&self, _: AuditNote) {}
}

impl Ledger for Around {
    fn mark(&self, _: &str) -> Mark {
        Mark::default()
    }

    fn put(&self, _: &str, _: Mark) -> Result<(), String> {
        Ok(())
    }
}

/// A connection to `base`, and what is granted of the inside.
struct Way {
    base: String,
    networks: Vec<String>,
    insecure: bool,
    granted: bool,
    answers: Vec<Vec<&'static str>>,
    credential: bool,
}

impl Way {
    fn to(base: impl Into<String>) -> Self {
        Self {
            base: base.into(),
            networks: vec!["127.0.0.0/8".into()],
            insecure: true,
            granted: true,
            answers: vec![vec!["127.0.0.1"]],
            credential: false,
        }
    }

    fn channel(&self) -> Result<(Channel, Arc<Names>), ApiError> {
        let methods = ["GET", "POST", "CONNECT", "TRACE"].map(String::from).to_vec();
        let asked = EndpointRequest {
            base: "https://api.example.com".into(),
            allow: vec![Allow { methods, paths: vec!["/".into()], reads: false }],
            credential: self.credential.then(|| "key".to_owned()),
            headers: vec![],
            reason: "to be tried".into(),
        };
        let granted = EndpointGrant {
            base: self.base.clone(),
            allow: vec![],
            networks: self.networks.clone(),
            insecure: self.insecure,
            read_only: false,
            because: Some("to be tried".into()),
        };
        let mut grants = Grants::default();
        if self.granted {
            grants.endpoints.insert("api".into(), granted);
        }
        let credential = Credential {
            secret: "canary".into(),
            endpoints: None,
            paths: Vec::new(),
            kind: CredentialKind::Bearer { scheme: None },
        };
        let around = Arc::new(Around);
        let config = ChannelConfig {
            connection: "selftest".into(),
            actor: "plugin:selftest".into(),
            endpoints: BTreeMap::from([("api".to_owned(), asked)]),
            grants,
            credentials: if self.credential { BTreeMap::from([("key".to_owned(), credential)]) } else { BTreeMap::new() },
            scopes: Default::default(),
            account: "selftest".into(),
            requests_per_second: None,
            budget: Default::default(),
            ledger: around.clone(),
            headers: Vec::new(),
            secrets: around.clone(),
            audit: around,
        };
        let parse = |list: &Vec<&str>| list.iter().filter_map(|address| address.parse().ok()).collect();
        let names = Arc::new(Names { answers: Mutex::new(self.answers.iter().map(parse).collect()), asked: AtomicUsize::new(0) });
        let bounds = Bounds {
            head: Duration::from_millis(500),
            idle: Duration::from_millis(500),
            total: Duration::from_secs(20),
            body_bytes: 1 << 20,
            ..Bounds::default()
        };
        let egress = EgressConfig { resolver: names.clone(), bounds, ..EgressConfig::default() };
        let egress = Egress::new(egress).map_err(|error| ApiError::failed(error.to_string()))?;
        Ok((egress.channel(config), names))
    }
}

fn request(method: &str, path: &str) -> Request {
    Request { method: method.into(), path: path.into(), headers: vec![], body: None }
}

fn word(result: &Result<Response, EgressError>) -> String {
    result.as_ref().map_or_else(|error| error.code().to_owned(), |response| response.status.to_string())
}

/// Everything that is tried.
pub(super) async fn tried() -> Result<Vec<Tried>, ApiError> {
    let mut tried = requests().await?;
    tried.extend(addresses().await?);
    tried.extend(answers().await?);
    Ok(tried)
}

/// Requests that are refused before anything is looked up or dialled.
async fn requests() -> Result<Vec<Tried>, ApiError> {
    let mut tried = Vec::new();
    let (channel, names) = Way::to("http://api.test:1/v1").channel()?;
    let (not_granted, _) = Way { granted: false, ..Way::to("http://api.test:1/v1") }.channel()?;
    let (insecure, _) = Way { insecure: false, ..Way::to("http://api.test:1/v1") }.channel()?;
    tried.push(Tried::new(
        61,
        "an endpoint that was not granted",
        word(&not_granted.send("api", request("GET", "/x")).await),
        "net.denied",
    ));
    tried.push(Tried::new(
        61,
        "plain HTTP that was not granted",
        word(&insecure.send("api", request("GET", "/x")).await),
        "net.insecure",
    ));
    tried.push(Tried::new(
        61,
        "an endpoint that was not asked for",
        word(&channel.send("other", request("GET", "/x")).await),
        "net.not-requested",
    ));
    for (line, name, method, path, code) in [
        (61, "another host", "GET", "http://evil.test:1/v1/x", "net.denied"),
        (61, "another port", "GET", "http://api.test:2/v1/x", "net.denied"),
        (61, "another scheme", "GET", "https://api.test:1/v1/x", "net.denied"),
        (68, "a user in the address", "GET", "http://api.test:1@evil.test/v1/x", "net.bad-path"),
        (68, "a name that begins alike", "GET", "http://api.test.evil.test:1/v1/x", "net.denied"),
        (68, "a backslash", "GET", "/\\evil.test/x", "net.bad-path"),
        (68, "two slashes", "GET", "//evil.test/x", "net.bad-path"),
        (70, "a second request in the path", "GET", "/x HTTP/1.1\r\nHost: evil\r\n\r\n", "net.bad-path"),
        (70, "NUL in the path", "GET", "/x\0", "net.bad-path"),
        (70, "a second request in the method", "GET / HTTP/1.1\r\n\r\nGET", "/x", "net.bad-request"),
        (72, "CONNECT", "CONNECT", "/x", "net.method-denied"),
        (72, "TRACE", "TRACE", "/x", "net.method-denied"),
    ] {
        tried.push(Tried::new(line, name, word(&channel.send("api", request(method, path)).await), code));
    }
    for (line, name, value, code) in [
        (69, "Host", "evil.test", "net.header-denied"),
        (69, "Authorization", "Bearer x", "net.header-denied"),
        (69, "Cookie", "a=b", "net.header-denied"),
        (69, "Transfer-Encoding", "chunked", "net.header-denied"),
        (69, "Content-Length", "1", "net.header-denied"),
        (69, "Proxy-Authorization", "x", "net.header-denied"),
        (69, "X-Forwarded-Host", "evil.test", "net.header-denied"),
        (69, ":authority", "evil.test", "net.bad-request"),
        (70, "X", "a\r\nHost: evil.test", "net.bad-request"),
        (70, "X\r\nHost", "evil.test", "net.bad-request"),
    ] {
        let headers = vec![(name.to_owned(), value.to_owned())];
        let result = channel.send("api", Request { headers, ..request("POST", "/x") }).await;
        tried.push(Tried::new(line, format!("a header of the guest's, {}", name.escape_debug()), word(&result), code));
    }
    let asked = names.asked.load(Ordering::SeqCst);
    tried.push(Tried::new(61, "names looked up for all of these", asked.to_string(), "0"));
    Ok(tried)
}

/// Addresses of the inside: written, and led to by a name.
async fn addresses() -> Result<Vec<Tried>, ApiError> {
    let mut tried = Vec::new();
    for literal in INSIDE {
        let (channel, _) = Way { networks: vec![], ..Way::to(format!("http://{literal}/v1")) }.channel()?;
        let code = if literal.contains('%') { "net.denied" } else { "net.address-denied" };
        tried.push(Tried::new(
            62,
            format!("the address {literal}"),
            word(&channel.send("api", request("GET", "/x")).await),
            code,
        ));
    }
    let (channel, _) = Way { networks: vec!["0.0.0.0/0".into()], ..Way::to("http://169.254.169.254/v1") }.channel()?;
    let metadata = word(&channel.send("api", request("GET", "/x")).await);
    tried.push(Tried::new(62, "metadata, whatever is granted", metadata, "net.address-denied"));
    for (name, addresses) in [
        ("a name that leads to the inside", vec!["10.0.0.1"]),
        ("a name that leads to the inside as well", vec!["8.8.8.8", "169.254.169.254"]),
        ("a name that leads to the inside in another family", vec!["::ffff:10.0.0.1"]),
    ] {
        let (channel, _) = Way { networks: vec![], answers: vec![addresses], ..Way::to("http://api.test:1/v1") }.channel()?;
        tried.push(Tried::new(63, name, word(&channel.send("api", request("GET", "/x")).await), "net.address-denied"));
    }
    // The second answer is never asked for while the connection lives, and is judged when there is a new one.
    let server = start(Answer::of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")).await?;
    let answers = vec![vec!["127.0.0.1"], vec!["169.254.169.254"]];
    let (channel, names) = Way { answers, ..Way::to(format!("http://api.test:{}", server.port)) }.channel()?;
    let mut said = Vec::new();
    for _ in 0..2 {
        said.push(word(&channel.send("api", request("GET", "/x")).await));
    }
    let looked = names.asked.load(Ordering::SeqCst);
    tried.push(Tried::new(
        64,
        "a name that leads elsewhere the second time",
        format!("{} {looked}", said.join(" ")),
        "200 200 1",
    ));
    Ok(tried)
}

/// What a system answers.
async fn answers() -> Result<Vec<Tried>, ApiError> {
    let mut tried = Vec::new();
    let ok = |head: &str| format!("HTTP/1.1 200 OK\r\n{head}\r\n");
    let endless = |head: &str, more: &'static [u8]| Answer { endless: Some(more), ..Answer::of(ok(head)) };
    for (line, name, answer, code) in [
        (77, "nothing", Answer { hang: true, ..Answer::of("") }, "net.no-answer"),
        (77, "half a body", Answer { hang: true, ..Answer::of(ok("Content-Length: 5\r\n") + "ab") }, "net.no-answer"),
        (78, "a body without end", endless("", &[b'a'; 4096]), "net.response-too-large"),
        (78, "chunks without end", endless("Transfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n"), "net.response-too-large"),
        (
            78,
            "interim answers without end",
            Answer { endless: Some(b"HTTP/1.1 100 Continue\r\n\r\n"), ..Answer::of("") },
            "net.no-answer",
        ),
        (
            79,
            "compression that nobody asked for",
            Answer::of(ok("Content-Encoding: gzip\r\nContent-Length: 2\r\n") + "ab"),
            "net.no-answer",
        ),
        (80, "a header of a megabyte", Answer::of(ok(&format!("A: {}\r\n", "b".repeat(1 << 20)))), "net.response-too-large"),
        (80, "a status that is none", Answer::of("HTTP/1.1 999 X\r\nContent-Length: 0\r\n\r\n"), "net.no-answer"),
        (80, "no HTTP", Answer::of("<html>hello</html>\r\n\r\n"), "net.no-answer"),
        (81, "HTTP/2 that was not asked for", Answer::of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "net.no-answer"),
        (
            66,
            "a redirect to metadata",
            Answer::of("HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"),
            "302",
        ),
    ] {
        let server = start(answer).await?;
        let (channel, _) = Way::to(format!("http://api.test:{}", server.port)).channel()?;
        tried.push(Tried::new(line, name, word(&channel.send("api", request("GET", "/x")).await), code));
    }
    // A redirect is given to the guest; following it by hand is refused.
    let (channel, _) = Way::to("http://api.test:1").channel()?;
    let followed = word(&channel.send("api", request("GET", "http://169.254.169.254/latest")).await);
    tried.push(Tried::new(66, "a redirect to metadata, followed by the guest", followed, "net.denied"));

    let server = start(Answer { echo: true, ..Answer::of("") }).await?;
    let (channel, _) = Way { credential: true, ..Way::to(format!("http://api.test:{}", server.port)) }.channel()?;
    let echoed = channel.send("api", request("GET", "/x?q={{secret}}")).await;
    let body = echoed.map(|response| String::from_utf8_lossy(&response.body).into_owned()).unwrap_or_default();
    let sent = server.asked().first().is_some_and(|head| head.contains(CANARY));
    let scrubbed = match (sent, body.contains(CANARY), body.contains("***")) {
        (true, false, true) => "***",
        (false, ..) => "not sent",
        _ => "seen",
    };
    tried.push(Tried::new(73, "a secret that the system echoes", scrubbed, "***"));
    let placeholder =
        server.asked().first().is_some_and(|head| head.contains("%7B%7Bsecret%7D%7D") || head.contains("{{secret}}"));
    tried.push(Tried::new(74, "a placeholder for a secret", if placeholder { "as it is" } else { "replaced" }, "as it is"));
    channel.begin_run(Quota { requests: 3, bytes: 1 << 20 });
    let mut last = String::new();
    for _ in 0..4 {
        last = word(&channel.send("api", request("GET", "/x")).await);
    }
    tried.push(Tried::new(76, "more requests than a run may make", last, "net.quota"));
    Ok(tried)
}

async fn start(answer: Answer) -> Result<Server, ApiError> {
    Server::start(answer).await.map_err(|error| ApiError::failed(format!("no server on this machine: {error}")))
}
