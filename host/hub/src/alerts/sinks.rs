//! Sinks over the hub's one way out: only the hosts that `nave.toml` names, secrets from the vault at the moment of sending.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use lettre::message::header::ContentType;
use nave_core::catalog::{Credential, Hub as Settings, Reach, Sink, SinkKind};
use nave_core::grant::{EndpointGrant, Grants};
use nave_core::manifest::{Allow, CredentialKind, EndpointRequest};
use nave_store::Store;
use url::{Position, Url};

use super::{Message, Outlet};
use crate::audit::StoreAudit;
use crate::egress::{ChannelConfig, Egress, MailServer, Request, origin};
use crate::engine::Engine;
use crate::secrets::SecretSource;
use crate::spoke::BoxFuture;

/// The name under which the hub's own calls stand, where a connection's name would.
pub const OWN: &str = "hub";

/// Where the hub's own secrets go: secret → origins, with the way there.
pub type Sinks = BTreeMap<String, BTreeSet<String>>;

/// Which secrets the settings send where.
pub(crate) fn destinations(settings: &Settings, way: &BTreeSet<String>) -> Sinks {
    let mut found = Sinks::new();
    for sink in settings.alerts.sinks.values() {
        let (secrets, to) = match &sink.kind {
            SinkKind::Webhook { url, bearer, path_secret, .. } => {
                (bearer.iter().chain(path_secret).cloned().collect::<Vec<_>>(), origin(url))
            }
            SinkKind::Mail { host, port, tls, secret, .. } => {
                let server = MailServer { host, port: *port, tls: *tls, reach: &sink.reach };
                (secret.iter().cloned().collect(), Some(server.origin()))
            }
        };
        for secret in secrets {
            found.entry(secret).or_default().extend(to.iter().chain(way).cloned());
        }
    }
    found
}

/// The hub's own sinks.
pub struct Outlets {
    engine: Arc<Engine>,
    egress: Egress,
    secrets: Arc<dyn SecretSource>,
    store: Arc<dyn Store>,
}

impl Outlets {
    /// Over the hub's way out and its vault.
    pub fn new(engine: Arc<Engine>, egress: Egress, secrets: Arc<dyn SecretSource>, store: Arc<dyn Store>) -> Self {
        Self { engine, egress, secrets, store }
    }

    /// One call of the hub's own: to this address alone.
    async fn call(
        &self,
        method: &str,
        url: &str,
        reach: &Reach,
        bearer: Option<&str>,
        more: &str,
        body: Option<String>,
    ) -> Result<(), String> {
        let parsed = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        let base = parsed[..Position::BeforePath].to_owned();
        let endpoint = EndpointRequest {
            base: base.clone(),
            allow: vec![Allow { methods: vec![method.to_owned()], paths: vec!["/".to_owned()], reads: false }],
            credential: bearer.map(|_| "token".to_owned()),
            headers: Vec::new(),
            reason: "to tell people".to_owned(),
        };
        let grant = EndpointGrant {
            base,
            allow: Vec::new(),
            networks: reach.networks.clone(),
            insecure: reach.insecure,
            read_only: false,
            because: Some("[alerts] in nave.toml".to_owned()),
        };
        let credential = |name: &str| {
            let credential = Credential {
                secret: name.to_owned(),
                endpoints: None,
                paths: Vec::new(),
                kind: CredentialKind::Bearer { scheme: None },
            };
            ("token".to_owned(), credential)
        };
        let channel = self.egress.channel(ChannelConfig {
            connection: OWN.to_owned(),
            actor: format!("plugin:{OWN}"),
            endpoints: BTreeMap::from([("alerts".to_owned(), endpoint)]),
            grants: Grants { endpoints: BTreeMap::from([("alerts".to_owned(), grant)]), folders: BTreeMap::new() },
            credentials: bearer.map(credential).into_iter().collect(),
            scopes: BTreeMap::new(),
            account: OWN.to_owned(),
            requests_per_second: None,
            budget: Default::default(),
            ledger: Arc::new(crate::ledger::StoreLedger::new(self.store.clone())),
            headers: Vec::new(),
            secrets: self.secrets.clone(),
            audit: Arc::new(StoreAudit::new(self.store.clone())),
        });
        let path = format!("{}{more}", &parsed[Position::BeforePath..Position::AfterQuery]);
        let headers = body.iter().map(|_| ("content-type".to_owned(), "application/json".to_owned())).collect();
        let request = Request { method: method.to_owned(), path, headers, body: body.map(Into::into) };
        match channel.send("alerts", request).await {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(()),
            Ok(answer) => Err(format!("{} answered with {}", parsed.host_str().unwrap_or_default(), answer.status)),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn secret(&self, name: &str, to: Option<String>) -> Result<crate::secrets::SecretBytes, String> {
        let origins: BTreeSet<String> = to.into_iter().chain(self.egress.way().iter().cloned()).collect();
        self.secrets.own_value(name, &origins).await.map_err(|error| match error {
            crate::secrets::SecretError::Held { .. } => format!("{error}; if that is right: `nave connection approve {OWN}`"),
            other => other.to_string(),
        })
    }

    async fn send(&self, sink: &Sink, message: &Message) -> Result<(), String> {
        match &sink.kind {
            SinkKind::Webhook { url, slack, bearer, path_secret } => {
                let body = match slack {
                    true => serde_json::json!({ "text": message.text() }).to_string(),
                    false => serde_json::to_string(message).map_err(|error| error.to_string())?,
                };
                let more = match path_secret {
                    None => String::new(),
                    Some(name) => {
                        let bytes = self.secret(name, origin(url)).await?;
                        String::from_utf8(bytes.expose().to_vec())
                            .map_err(|_| format!("the secret `{name}` is no text"))?
                            .trim()
                            .to_owned()
                    }
                };
                let said = self.call("POST", url, &sink.reach, bearer.as_deref(), &more, Some(body)).await;
                // The end of the address is a secret: it is in no error.
                said.map_err(|error| if more.is_empty() { error } else { error.replace(more.as_str(), "***") })
            }
            SinkKind::Mail { host, port, tls, user, secret, from, to } => {
                let server = MailServer { host, port: *port, tls: *tls, reach: &sink.reach };
                let password = match secret {
                    Some(name) => Some(self.secret(name, Some(server.origin())).await?),
                    None => None,
                };
                let address = |text: &String| text.parse::<lettre::Address>().map_err(|error| format!("{text}: {error}"));
                let mut mail = lettre::Message::builder()
                    .from(lettre::message::Mailbox::new(None, address(from)?))
                    .subject(message.title())
                    .header(ContentType::TEXT_PLAIN);
                for to in to {
                    mail = mail.to(lettre::message::Mailbox::new(None, address(to)?));
                }
                let mail = mail.body(message.text()).map_err(|error| error.to_string())?;
                let login = user.as_deref().zip(password.as_ref());
                self.egress.mail(server, login, mail.envelope(), &mail.formatted()).await.map_err(|error| error.to_string())
            }
        }
    }
}

impl Outlet for Outlets {
    fn tell<'a>(&'a self, sink: &'a str, message: &'a Message) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let catalog = self.engine.catalog();
            let Some(known) = catalog.hub.alerts.sinks.get(sink) else {
                return Err(format!("there is no sink `{sink}` any more"));
            };
            self.send(known, message).await
        })
    }

    fn beat(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(async move {
            let catalog = self.engine.catalog();
            let Some(heartbeat) = &catalog.hub.alerts.heartbeat else { return Ok(()) };
            self.call("GET", &heartbeat.url, &heartbeat.reach, None, "", None).await
        })
    }
}
