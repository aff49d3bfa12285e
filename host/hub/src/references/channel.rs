//! The hub's use of a vault: its own address, what it signs in with, and nothing else, over the one way out (I10).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Weak};

use nave_core::catalog::{Credential, ExternalVault, Hub as Settings, VaultKind};
use nave_core::grant::{EndpointGrant, Grant, Grants};
use nave_core::manifest::{Allow, CredentialKind, EndpointRequest};
use nave_store::Store;

use super::answer::Failure;
use super::{aws, hashicorp};
use crate::alerts::OWN;
use crate::audit::StoreAudit;
use crate::egress::{Channel, ChannelConfig, Egress, Request, Response, origin};
use crate::secrets::{SecretBytes, SecretError, SecretSource};
use crate::spoke::BoxFuture;
use crate::vault::Vault;

/// The one endpoint, in messages and the audit.
pub(super) const NAME: &str = "vault";
/// Longest answer, bytes: a secret with its fields fits.
const ANSWER_BYTES_MAX: usize = 1 << 20;

/// What of a vault is reached, and with what on each request.
pub(super) struct Way {
    pub(super) allowed: Vec<Allow>,
    pub(super) kind: CredentialKind,
    /// The hub's own.
    pub(super) headers: Vec<(String, String)>,
}

pub(super) fn allow(method: &str, path: String) -> Allow {
    Allow { methods: vec![method.to_owned()], paths: vec![path], reads: method == "GET" }
}

/// Which secrets the settings send to vaults: secret → origins, with the way there.
pub(crate) fn destinations(settings: &Settings, way: &BTreeSet<String>) -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::<String, BTreeSet<String>>::new();
    for vault in settings.vaults.values() {
        found.entry(vault.secret.clone()).or_default().extend(origin(&vault.address).iter().chain(way).cloned());
    }
    found
}

/// A channel to a vault. Its secrets are the hub's own, and it keeps them from nobody's end: they lead here themselves.
pub(super) fn channel(
    name: &str,
    settings: &ExternalVault,
    egress: &Egress,
    vault: &Arc<Vault>,
    store: Arc<dyn Store>,
) -> Channel {
    let Way { allowed, kind, headers } = match &settings.kind {
        VaultKind::HashiCorp { sign_in, namespace } => hashicorp::way(sign_in, namespace.as_ref()),
        VaultKind::Aws { region } => aws::way(region),
    };
    let endpoint = EndpointRequest {
        base: settings.address.clone(),
        allow: allowed,
        credential: Some("token".to_owned()),
        headers: Vec::new(),
        reason: "to fetch secrets that are kept there".to_owned(),
    };
    let grant = EndpointGrant {
        base: settings.address.clone(),
        allow: Vec::new(),
        networks: settings.reach.networks.clone(),
        insecure: settings.reach.insecure,
        read_only: false,
        because: Some(format!("[vaults.{name}] in nave.toml")),
    };
    let credential = Credential { secret: settings.secret.clone(), endpoints: None, paths: Vec::new(), kind };
    egress.channel(ChannelConfig {
        connection: OWN.to_owned(),
        actor: format!("plugin:{OWN}"),
        endpoints: BTreeMap::from([(NAME.to_owned(), endpoint)]),
        grants: Grants { endpoints: BTreeMap::from([(NAME.to_owned(), grant)]), folders: BTreeMap::new() },
        credentials: BTreeMap::from([("token".to_owned(), credential)]),
        scopes: BTreeMap::new(),
        // Its own, apart from alerts and other vaults: what one asks for patience for holds up no other.
        account: account(name),
        requests_per_second: None,
        budget: Default::default(),
        ledger: Arc::new(crate::ledger::StoreLedger::new(store.clone())),
        headers,
        secrets: Arc::new(OfVault(Arc::downgrade(vault))),
        audit: Arc::new(StoreAudit::new(store)),
    })
}

/// For whom a vault's calls count.
pub(super) fn account(name: &str) -> String {
    format!("vault {name}")
}

/// One request to a vault.
pub(super) async fn call(
    name: &str,
    channel: &Channel,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<String>,
) -> Result<Response, Failure> {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let request = Request { method: method.to_owned(), path: path.to_owned(), headers, body: body.map(Into::into) };
    let sent = channel.send_within(NAME, request, ANSWER_BYTES_MAX).await;
    // What would lift it stands in another file here.
    let place = format!("[vaults.{name}] in nave.toml");
    sent.map_err(|error| Failure::Way(error.to_string().replace(&format!("[grants.endpoints.{NAME}]"), &place)))
}

/// The hub's vault as long as there is one. It leads to what fetches for it, and that to its channels: one of them must not hold the
/// next, or none of the three would ever be dropped.
struct OfVault(Weak<Vault>);

impl OfVault {
    fn vault(&self, name: &str) -> Result<Arc<Vault>, SecretError> {
        let closed = || SecretError::Unreadable { name: name.to_owned(), why: "the hub is being closed".to_owned() };
        self.0.upgrade().ok_or_else(closed)
    }
}

impl SecretSource for OfVault {
    fn may_go(&self, name: &str, origins: &BTreeSet<String>) -> Result<(), SecretError> {
        self.vault(name)?.may_go(name, origins)
    }

    fn secret(&self, name: &str, origins: &BTreeSet<String>, granted: &Grant) -> Result<SecretBytes, SecretError> {
        self.vault(name)?.secret(name, origins, granted)
    }

    fn referred<'a>(
        &'a self,
        name: &'a str,
        origins: &'a BTreeSet<String>,
        granted: &'a Grant,
        refused: Option<&'a SecretBytes>,
    ) -> BoxFuture<'a, Result<Option<SecretBytes>, SecretError>> {
        Box::pin(async move { self.vault(name)?.referred(name, origins, granted, refused).await })
    }

    fn next(&self, name: &str, origins: &BTreeSet<String>, granted: &Grant) -> Result<Option<SecretBytes>, SecretError> {
        self.vault(name)?.next(name, origins, granted)
    }

    fn settle(&self, name: &str, tried: &SecretBytes, refused: Option<&str>) -> Result<bool, SecretError> {
        self.vault(name)?.settle(name, tried, refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What one vault asks for patience for holds up no other, and none of the hub's alerts.
    #[test]
    fn each_vault_has_an_account_of_its_own() {
        assert_ne!(account("corp"), account("team"));
        assert!(![account("corp"), account("team")].contains(&OWN.to_owned()));
    }
}
