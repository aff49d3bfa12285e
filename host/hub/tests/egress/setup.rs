//! A channel with everything around it replaced: names, secrets, audit.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nave_core::catalog::Credential;
use nave_core::grant::{EndpointGrant, Grants};
use nave_core::manifest::{Allow, CredentialKind, EndpointRequest};
use nave_core::model::Time;
use nave_hub::egress::{
    AuditNote, AuditSink, Bounds, Channel, ChannelConfig, Egress, EgressConfig, EgressError, Ledger, Mark, Request, Resolve,
    Resolving, Response,
};
use nave_hub::secrets::{SecretBytes, SecretError, SecretSource};
use nave_hub::spoke::BoxFuture;

/// A secret with everything that encodings differ in.
pub(crate) const CANARY: &str = "c4nary:S3cret/+val=\"ue\"";

/// Answers by name, one answer per look-up, the last one again and again.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn set(&self, name: &str, answers: &[&[&str]]) {
        let parsed = answers.iter().map(|list| list.iter().map(|ip| ip.parse().unwrap()).collect()).collect();
        self.answers.lock().unwrap().insert(name.to_owned(), parsed);
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut all = self.answers.lock().unwrap();
        let found = match all.get_mut(host) {
            None => Err(std::io::Error::other("no such name")),
            Some(answers) if answers.len() > 1 => Ok(answers.remove(0)),
            Some(answers) => Ok(answers[0].clone()),
        };
        Box::pin(async move { found })
    }
}

/// What becomes of keeping something.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The disk refuses.
    Fails,
    /// The process is gone before it is on the disk.
    Dies,
}

/// What is kept besides secrets: it outlives a channel and its egress, as the disk does. Faults by number of the write, from 1.
#[derive(Default)]
pub(crate) struct Kept {
    /// Successors by name, and what came of those that were tried: `name: taken`, `name: refused`.
    pub(crate) next: Mutex<BTreeMap<String, String>>,
    pub(crate) settled: Mutex<Vec<String>>,
    /// Secrets that are kept elsewhere, by name: the value that is held, then what is there by now; empty: it cannot be had.
    pub(crate) elsewhere: Mutex<BTreeMap<String, Vec<String>>>,
    all: Mutex<BTreeMap<String, SecretBytes>>,
    writes: std::sync::atomic::AtomicUsize,
    pub(crate) faults: Mutex<BTreeMap<usize, Fault>>,
}

impl Kept {
    pub(crate) fn writes(&self) -> usize {
        self.writes.load(std::sync::atomic::Ordering::SeqCst)
    }
}

/// Secrets by name, and the origins that each was given for; one that names none goes anywhere.
#[derive(Default)]
pub(crate) struct Secrets(Mutex<BTreeMap<String, String>>, Mutex<BTreeMap<String, BTreeSet<String>>>, pub(crate) Kept);

impl Secrets {
    pub(crate) fn set(&self, name: &str, secret: &str) {
        self.0.lock().unwrap().insert(name.to_owned(), secret.to_owned());
    }

    pub(crate) fn bind(&self, name: &str, origins: &[&str]) {
        self.1.lock().unwrap().insert(name.to_owned(), origins.iter().map(|origin| (*origin).to_owned()).collect());
    }
}

impl SecretSource for Secrets {
    fn may_go(&self, name: &str, origins: &BTreeSet<String>) -> Result<(), SecretError> {
        let all = self.1.lock().unwrap();
        let Some(bound) = all.get(name) else { return Ok(()) };
        match origins.difference(bound).cloned().collect::<Vec<_>>() {
            other if other.is_empty() => Ok(()),
            to => Err(SecretError::Held { name: name.to_owned(), to, given_for: bound.iter().cloned().collect(), lapsed: None }),
        }
    }

    fn secret(&self, name: &str, origins: &BTreeSet<String>, _: &nave_core::grant::Grant) -> Result<SecretBytes, SecretError> {
        self.own(name, origins)
    }

    fn own(&self, name: &str, origins: &BTreeSet<String>) -> Result<SecretBytes, SecretError> {
        self.may_go(name, origins)?;
        let all = self.0.lock().unwrap();
        all.get(name).map(|secret| SecretBytes::new(secret.as_str())).ok_or_else(|| SecretError::Missing(name.to_owned()))
    }

    fn referred<'a>(
        &'a self,
        name: &'a str,
        origins: &'a BTreeSet<String>,
        _: &'a nave_core::grant::Grant,
        refused: Option<&'a SecretBytes>,
    ) -> BoxFuture<'a, Result<Option<SecretBytes>, SecretError>> {
        Box::pin(async move {
            self.may_go(name, origins)?;
            let mut all = self.2.elsewhere.lock().unwrap();
            let Some(values) = all.get_mut(name) else { return Ok(None) };
            let first = values.first().map(|value| SecretBytes::new(value.as_str()));
            if values.len() > 1 && refused.is_some() && refused == first.as_ref() {
                values.remove(0);
            }
            let away =
                || SecretError::Away { name: name.to_owned(), place: "a vault".to_owned(), why: "it is sealed".to_owned() };
            values.first().map(|value| Some(SecretBytes::new(value.as_str()))).ok_or_else(away)
        })
    }

    fn next(
        &self,
        name: &str,
        origins: &BTreeSet<String>,
        _: &nave_core::grant::Grant,
    ) -> Result<Option<SecretBytes>, SecretError> {
        self.may_go(name, origins)?;
        Ok(self.2.next.lock().unwrap().get(name).map(|next| SecretBytes::new(next.as_str())))
    }

    fn settle(&self, name: &str, tried: &SecretBytes, refused: Option<&str>) -> Result<bool, SecretError> {
        let mut all = self.2.next.lock().unwrap();
        let Some(next) = all.get(name).filter(|next| SecretBytes::new(next.as_str()) == *tried).cloned() else {
            return Ok(false);
        };
        all.remove(name);
        self.2.settled.lock().unwrap().push(format!("{name}: {}", if refused.is_some() { "refused" } else { "taken" }));
        if refused.is_none() {
            self.set(name, &next);
        }
        Ok(true)
    }

    fn kept(&self, place: &str) -> Result<Option<SecretBytes>, SecretError> {
        Ok(self.2.all.lock().unwrap().get(place).cloned())
    }

    fn keep(&self, place: &str, what: Option<&SecretBytes>) -> Result<(), SecretError> {
        let number = self.2.writes.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1;
        let fault = self.2.faults.lock().unwrap().get(&number).copied();
        match fault {
            Some(Fault::Fails) => Err(SecretError::Unreadable { name: place.to_owned(), why: "the disk is full".to_owned() }),
            Some(Fault::Dies) => panic!("killed before write {number}"),
            None => {
                let mut all = self.2.all.lock().unwrap();
                match what {
                    Some(what) => all.insert(place.to_owned(), what.clone()),
                    None => all.remove(place),
                };
                Ok(())
            }
        }
    }
}

#[derive(Default)]
pub(crate) struct Audit(Mutex<Vec<AuditNote>>);

impl Audit {
    pub(crate) fn notes(&self) -> Vec<AuditNote> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn text(&self) -> String {
        format!("{:?}", self.notes())
    }
}

impl AuditSink for Audit {
    fn note(&self, note: AuditNote) {
        self.0.lock().unwrap().push(note);
    }
}

/// Everything that a channel is made of; change it, then call [`Setup::channel`].
pub(crate) struct Setup {
    pub(crate) names: Arc<Names>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) audit: Arc<Audit>,
    pub(crate) bounds: Bounds,
    pub(crate) proxy: Option<String>,
    pub(crate) ca: Option<Vec<u8>>,
    /// Milliseconds; none: the machine's clock.
    pub(crate) clock: Option<Arc<std::sync::atomic::AtomicI64>>,
    pub(crate) config: ChannelConfig,
}

/// Remembers nothing.
struct NoLedger;

impl Ledger for NoLedger {
    fn mark(&self, _account: &str) -> Mark {
        Mark::default()
    }
    fn put(&self, _account: &str, _mark: Mark) -> Result<(), String> {
        Ok(())
    }
}

impl Setup {
    /// Endpoint `api` at `base`, all methods of a connector on everything, loopback granted. `api.test` is loopback.
    pub(crate) fn new(base: &str) -> Self {
        let (names, secrets, audit) = (Arc::new(Names::default()), Arc::new(Secrets::default()), Arc::new(Audit::default()));
        names.set("api.test", &[&["127.0.0.1"]]);
        let config = ChannelConfig {
            connection: "crm".into(),
            actor: "plugin:hubspot".into(),
            endpoints: BTreeMap::new(),
            grants: Grants::default(),
            credentials: BTreeMap::new(),
            scopes: BTreeMap::new(),
            account: "crm".into(),
            requests_per_second: None,
            budget: Default::default(),
            ledger: Arc::new(NoLedger),
            headers: Vec::new(),
            secrets: secrets.clone(),
            audit: audit.clone(),
        };
        let mut setup = Self { names, secrets, audit, bounds: quick(), proxy: None, ca: None, clock: None, config };
        setup.endpoint("api", base);
        setup
    }

    pub(crate) fn endpoint(&mut self, name: &str, base: &str) {
        let methods =
            ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "CONNECT", "TRACE"].map(String::from).to_vec();
        self.config.endpoints.insert(
            name.into(),
            EndpointRequest {
                base: "https://api.example.com".into(),
                allow: vec![Allow { methods, paths: vec!["/".into()], reads: false }],
                credential: None,
                headers: vec![],
                reason: "to read contacts".into(),
            },
        );
        self.config.grants.endpoints.insert(
            name.into(),
            EndpointGrant {
                base: base.into(),
                allow: vec![],
                networks: vec!["127.0.0.0/8".into()],
                insecure: true,
                read_only: false,
                because: Some("test".into()),
            },
        );
    }

    pub(crate) fn grant(&mut self) -> &mut EndpointGrant {
        self.config.grants.endpoints.get_mut("api").unwrap()
    }

    /// `api` is called with this credential, whose secret is [`CANARY`].
    pub(crate) fn credential(&mut self, kind: CredentialKind) {
        self.config.endpoints.get_mut("api").unwrap().credential = Some("key".into());
        self.config
            .credentials
            .insert("key".into(), Credential { secret: "crm-key".into(), endpoints: None, paths: Vec::new(), kind });
        self.secrets.set("crm-key", CANARY);
    }

    pub(crate) fn channel(&self) -> Channel {
        self.egress().channel(self.config.clone())
    }

    /// A hub that has just started.
    pub(crate) fn egress(&self) -> Egress {
        let clock = self.clock.clone().map(|clock| -> Arc<dyn Fn() -> Time + Send + Sync> {
            Arc::new(move || Time(clock.load(std::sync::atomic::Ordering::SeqCst)))
        });
        let default = EgressConfig::default();
        let egress = Egress::new(EgressConfig {
            proxy: self.proxy.clone(),
            extra_ca_pem: self.ca.clone(),
            resolver: self.names.clone(),
            bounds: self.bounds.clone(),
            clock: clock.unwrap_or(default.clock),
        });
        egress.unwrap()
    }
}

/// Times short enough for a test that waits for them to pass; long ones are for what must not happen.
fn quick() -> Bounds {
    let long = Duration::from_secs(60);
    Bounds { connect: long, head: long, idle: long, total: long, ..Bounds::default() }
}

pub(crate) fn request(method: &str, path: &str) -> Request {
    Request { method: method.into(), path: path.into(), headers: vec![], body: None }
}

pub(crate) async fn get(channel: &Channel, path: &str) -> Result<Response, EgressError> {
    channel.send("api", request("GET", path)).await
}

pub(crate) async fn post(channel: &Channel, path: &str, body: &str) -> Result<Response, EgressError> {
    channel.send("api", Request { body: Some(body.to_owned().into()), ..request("POST", path) }).await
}

/// `200`, or the code of the error.
pub(crate) fn outcome(result: &Result<Response, EgressError>) -> String {
    match result {
        Ok(response) => response.status.to_string(),
        Err(error) => error.code().to_owned(),
    }
}
