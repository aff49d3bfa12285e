//! Calls from systems: believed only with the signature that the plugin's manifest names, and then no more than a wake-up
//! call. What was told of is read from the system itself, so a forged, late, repeated or reordered call changes nothing.

mod rate;
mod repeats;
#[cfg(test)]
mod tests;
mod told;
mod verify;
mod watch;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use nave_core::model::{AuditEntry, Time};
use nave_core::network::may_call;
use nave_core::webhook::Call;
use nave_runtime::contract::WebhookRequest;
use nave_store::{Batch, Store, StoreError};

use crate::clock::now;
use crate::hub::Hub;
use crate::secrets::{SecretError, SecretSource as _};
use repeats::Repeats;
pub(crate) use told::{Due, Told};
pub(crate) use watch::Watch;
use watch::Watched;

/// Refusals of one connection are audited once in this time, with their number: a flood of forged calls must not fill the audit.
const REFUSALS_NOTED_EVERY_MS: i64 = 60_000;

/// Characters that are noted of a name that nobody has.
const NAME_CHARS_MAX: usize = 64;
/// What calls to nobody are noted under, together; no connection's name is one.
const NOBODY: &str = "(nobody)";

/// A call as it came over HTTP.
#[derive(Clone, Debug)]
pub struct HookCall {
    /// Name of the connection that it is addressed to.
    pub connection: String,
    /// Who calls, as the network says.
    pub caller: Option<IpAddr>,
    /// Method.
    pub method: String,
    /// Where it came in, `http://host:port`; behind a proxy the system was given another ([`nave_core::catalog::Hub::public_url`]).
    pub origin: String,
    /// Path and query.
    pub path: String,
    /// Query parameters, decoded.
    pub query: Vec<(String, String)>,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

/// What became of it. None of these tells a stranger more than that it was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HookAnswer {
    /// Durable: the system need not tell it again. How many things are to be read.
    Taken(usize),
    /// The same call was taken before.
    Repeated,
    /// Nothing here listens under that name.
    Unknown,
    /// Not believed; the reason is in the audit.
    Refused,
    /// Too many at once; the system should tell it again later.
    TooMany,
    /// The system should tell it again later.
    Later(String),
    /// Believed, and the plugin makes nothing of it.
    Odd(String),
}

/// What is remembered between calls.
#[derive(Default)]
pub(crate) struct Webhooks {
    repeats: Mutex<Repeats>,
    rates: Mutex<rate::Rates>,
    refused: Mutex<BTreeMap<String, (u64, Time)>>,
    watched: Arc<Watched>,
    serving: AtomicBool,
}

impl Webhooks {
    /// With the calls that were taken before a restart.
    pub(crate) fn open(store: &dyn Store) -> Result<Self, StoreError> {
        Ok(Self { repeats: Mutex::new(Repeats::open(store)?), ..Self::default() })
    }

    /// Remembers what a connection's system tells, until the watch is dropped.
    pub(crate) fn watch(&self, connection: &str) -> Watch {
        self.watched.begin(connection)
    }

    /// The hub works in the background: calls can come.
    pub(crate) fn serves(&self) {
        self.serving.store(true, Ordering::Relaxed);
    }

    /// Whether calls can come.
    pub(crate) fn is_serving(&self) -> bool {
        self.serving.load(Ordering::Relaxed)
    }
}

impl Hub {
    /// Takes a call: verifies it, asks the plugin what it is about, and makes that durable. Changes no record.
    pub async fn hook(&self, call: HookCall) -> HookAnswer {
        let catalog = self.engine.catalog();
        let listening = catalog.connections.get(&call.connection).and_then(|one| Some((one, one.webhook.as_ref()?)));
        // Before anything is looked at, and whether anything listens or not: a flood costs the calls under its own name, and it is
        // slowed down alike under every name.
        if !self.webhooks.rates.lock().unwrap_or_else(PoisonError::into_inner).admits(&call.connection, now()) {
            return HookAnswer::TooMany;
        }
        let Some((connection, webhook)) = listening else {
            let name: String = call.connection.chars().filter(|c| !c.is_control()).take(NAME_CHARS_MAX).collect();
            let _ = self.refuse(NOBODY, &format!("nothing listens under `{name}`"));
            return HookAnswer::Unknown;
        };
        if !may_call(&webhook.allow_from, call.caller) {
            let from = call.caller.map_or("an unknown address".to_owned(), |caller| caller.to_string());
            return self.refuse(&call.connection, &format!("{from} is not in `allow-from` of [webhook]"));
        }
        let manifest = match tokio::task::block_in_place(|| self.guests.manifest(&connection.plugin)) {
            Ok(manifest) => manifest,
            Err(error) => return HookAnswer::Later(error.to_string()),
        };
        let Some(scheme) = manifest.webhook else { return HookAnswer::Unknown };
        let secret = match self.vault.own_value(&webhook.secret, &Default::default()).await {
            Ok(secret) => secret,
            // Nobody is to blame: the call may come again.
            Err(error @ SecretError::Away { .. }) => return HookAnswer::Later(error.to_string()),
            Err(error) => return self.refuse(&call.connection, &error.to_string()),
        };
        let at = now();
        let url = format!("{}{}", catalog.hub.public_url.as_deref().unwrap_or(&call.origin), call.path);
        let seen = Call { method: &call.method, url: &url, headers: &call.headers, body: &call.body };
        if let Err(why) = verify::believe(&scheme.signature, &seen, &call.query, &secret, at) {
            return self.refuse(&call.connection, &why.to_string());
        }
        let marks = repeats::marks(&call.connection, scheme.id.as_deref(), &call.body);
        if self.webhooks.repeats.lock().unwrap_or_else(PoisonError::into_inner).known(&marks, at) {
            return HookAnswer::Repeated;
        }
        let request = WebhookRequest { path: call.path, headers: call.headers, body: call.body };
        let events = match self.guests.webhook(&call.connection, request).await {
            Ok(events) => events,
            Err(crate::spoke::SpokeError::Rejected(why)) => return HookAnswer::Odd(why),
            Err(error) => return HookAnswer::Later(error.to_string()),
        };
        self.webhooks.watched.told(&call.connection, &events, at);
        let taken = self.webhooks.repeats.lock().unwrap_or_else(PoisonError::into_inner).rows(&marks, at);
        let told = tokio::task::block_in_place(|| self.told.tell(&call.connection, &events, taken, at));
        match told {
            Ok(things) => {
                // Only now: what was not taken may be told again.
                self.webhooks.repeats.lock().unwrap_or_else(PoisonError::into_inner).note(marks, at);
                HookAnswer::Taken(things)
            }
            Err(error) => HookAnswer::Later(error.to_string()),
        }
    }

    /// Notes it in the audit, each connection's together for a while.
    fn refuse(&self, connection: &str, why: &str) -> HookAnswer {
        let at = now();
        let mut refused = self.webhooks.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, noted) = refused.entry(connection.to_owned()).or_insert((0, Time(i64::MIN)));
        *count += 1;
        if at.0.saturating_sub(noted.0) >= REFUSALS_NOTED_EVERY_MS {
            let detail = format!("not believed: {why} ({count} since the last note)");
            tracing::warn!(connection, detail, "a webhook was refused");
            let line = AuditEntry {
                at,
                actor: "nobody".to_owned(),
                action: "webhook.refused".to_owned(),
                subject: connection.to_owned(),
                detail,
            };
            let batch = Batch { at, audit: vec![line], ..Batch::default() };
            if let Err(error) = tokio::task::block_in_place(|| self.store.commit(batch)) {
                tracing::warn!(%error, "a refused webhook was not noted in the audit");
            }
            (*count, *noted) = (0, at);
        }
        HookAnswer::Refused
    }
}
