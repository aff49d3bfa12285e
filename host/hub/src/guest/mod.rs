//! Plugins behind the engine's [`Spoke`]: loading, one instance per connection, and what a guest may reach.

mod call;
mod compiled;
pub(crate) mod folder;
mod host;
mod lines;
pub(crate) mod record;
mod state;
mod streams;
pub(crate) mod transforms;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use nave_core::budget::{Purpose, Spent, UsedUp};
use nave_core::catalog::{Catalog, Connection, LockedPlugin, StreamInfo};
use nave_core::manifest::{CredentialKind, Manifest};
use nave_core::model::Time;
use nave_runtime::contract::{CheckReport, Delivery, Event, Failure, Outcome, Page, SourceRecord, WebhookRequest};
use nave_runtime::{CallError, CompileCache, Instance, InstanceLimits, Plugin, PluginError};

use crate::api::ApiError;
use crate::audit::StoreAudit;
use crate::clock::now;
use crate::egress::{
    Channel, ChannelConfig, Egress, Ledger as _, Standing, Talk, authorization_place, destinations_of, held_help, standing_of,
};
use crate::engine::Clock;
use crate::ledger::StoreLedger;
use crate::plugins::{Judge, PluginsError, serials};
use crate::secrets::{SecretError, SecretSource};
use crate::spoke::{BoxFuture, Spoke, SpokeError, Spokes, Transforms};
use crate::workers::off_the_workers;
use compiled::Compiled;
pub(crate) use compiled::{cache_in, compile_ahead};
use host::Host;
pub(crate) use streams::stream;

/// Everything that guests share: the engine, compiled plugins, and the one way out.
pub struct Guests {
    compiled: Compiled,
    dir: PathBuf,
    catalog: RwLock<Arc<Catalog>>,
    /// Digests of the plugins that may run as things stand.
    accepted: Mutex<BTreeSet<String>>,
    spokes: Mutex<HashMap<String, Arc<GuestSpoke>>>,
    egress: Egress,
    secrets: Arc<dyn SecretSource>,
    store: Arc<dyn nave_store::Store>,
    clock: Clock,
}

impl Guests {
    /// Over a project's directory. `cache` keeps compiled code between starts.
    pub fn new(
        engine: nave_runtime::Engine,
        cache: Option<CompileCache>,
        dir: PathBuf,
        catalog: Arc<Catalog>,
        egress: Egress,
        secrets: Arc<dyn SecretSource>,
        store: Arc<dyn nave_store::Store>,
    ) -> Self {
        Self {
            compiled: Compiled::new(engine, cache),
            dir,
            catalog: RwLock::new(catalog),
            accepted: Mutex::default(),
            spokes: Mutex::default(),
            egress,
            secrets,
            store,
            clock: Arc::new(now),
        }
    }

    /// Guests that are told another time.
    #[must_use]
    pub fn at(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Another configuration: connections are made anew, so that a narrowed grant holds from the next call on.
    pub fn reconfigure(&self, catalog: Arc<Catalog>) {
        *self.catalog.write().unwrap_or_else(PoisonError::into_inner) = catalog;
        self.egress.forget_bounds();
        // A key may have been revoked.
        self.accepted.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.spokes.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// The configuration in force.
    pub fn catalog(&self) -> Arc<Catalog> {
        self.catalog.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A compiled plugin by the name that `nave.lock` pins. The file must be the one that was pinned. Compiling takes
    /// seconds of every core: it goes on off the async workers, one plugin at a time, and the hub answers meanwhile.
    pub fn plugin(&self, name: &str) -> Result<Plugin, SpokeError> {
        let catalog = self.catalog();
        let locked = catalog.plugins.get(name).ok_or_else(|| {
            SpokeError::Misconfigured(format!("plugin `{name}` is not installed; `nave plugin install FILE.wasm`"))
        })?;
        let known = self.compiled.known(&locked.digest);
        let plugin = match known {
            Some(known) => known,
            None => off_the_workers(|| self.compile(name, locked))?,
        };
        if !self.accepted.lock().unwrap_or_else(PoisonError::into_inner).contains(&locked.digest) {
            off_the_workers(|| self.accept(name, &plugin, catalog.hub.unsigned_plugins))?;
            self.accepted.lock().unwrap_or_else(PoisonError::into_inner).insert(locked.digest.clone());
        }
        Ok(plugin)
    }

    /// Whether what is installed may still run: its signature, its key, and a serial that was never higher here.
    fn accept(&self, name: &str, plugin: &Plugin, unsigned: bool) -> Result<(), SpokeError> {
        let installed = self.dir.join("plugins").join(format!("{}.wasm", plugin.digest()));
        let refuse = |error: PluginsError| {
            let error = ApiError::from(error);
            let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
            SpokeError::Misconfigured(format!("plugin `{name}`: {}: {}{help}", error.code, error.message))
        };
        Judge::with(&self.dir, unsigned).still(&installed, plugin.inspection(), jiff::Timestamp::now()).map_err(refuse)?;
        let manifest = plugin.manifest();
        serials::accept(self.store.as_ref(), &manifest.name, &manifest.version, manifest.serial).map_err(|no| refuse(no.into()))
    }

    /// Compiles a plugin's file that is about to be installed: what does not compile is not put in.
    ///
    /// # Errors
    /// [`PluginError`] of the compiler.
    pub(crate) fn compile_ahead(&self, bytes: &[u8]) -> Result<(), PluginError> {
        let digest = crate::plugins::digest(bytes);
        self.compiled.forgive(&digest);
        off_the_workers(|| self.compiled.get(&digest, bytes)).map(drop)
    }

    fn compile(&self, name: &str, locked: &LockedPlugin) -> Result<Plugin, SpokeError> {
        let path = self.dir.join("plugins").join(format!("{}.wasm", locked.digest));
        let bytes = crate::plugins::read_plain(&path).map_err(|error| {
            SpokeError::Misconfigured(format!("plugin `{name}`: {error}; install it again: `nave plugin install FILE.wasm`"))
        })?;
        // Before anything looks into it: what is not the pinned file is not even parsed.
        let digest = crate::plugins::digest(&bytes);
        if digest != locked.digest {
            return Err(SpokeError::Misconfigured(format!(
                "plugin `{name}`: {} is not the file that nave.lock pins (it has digest {digest}); install it again",
                path.display(),
            )));
        }
        self.compiled.get(&locked.digest, &bytes).map_err(|error| SpokeError::Misconfigured(format!("plugin `{name}`: {error}")))
    }

    fn guest(&self, connection: &str) -> Result<Arc<GuestSpoke>, SpokeError> {
        let catalog = self.catalog();
        let settings: Arc<Connection> =
            catalog.connections.get(connection).cloned().ok_or_else(|| {
                SpokeError::Misconfigured(format!("there is no connection `{connection}`; `nave connection list`"))
            })?;
        let plugin = self.plugin(&settings.plugin)?;
        self.held(plugin.manifest(), &settings)?;
        if let Some(known) = self.spokes.lock().unwrap_or_else(PoisonError::into_inner).get(connection) {
            return Ok(known.clone());
        }
        let data = self.dir.join(&catalog.hub.data);
        let host = || {
            Host::new(
                &self.dir,
                &data,
                plugin.manifest(),
                &settings,
                &self.egress,
                self.secrets.clone(),
                &self.store,
                self.clock.clone(),
            )
        };
        let spoke = Arc::new(GuestSpoke {
            digest: plugin.digest().to_string(),
            host: Arc::new(host()?),
            instance: tokio::sync::Mutex::new(None),
            listener: Arc::new(host()?),
            listening: tokio::sync::Mutex::new(None),
            plugin,
        });
        self.spokes.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.to_owned(), spoke.clone());
        Ok(spoke)
    }

    /// The one way out.
    pub(crate) fn egress(&self) -> &Egress {
        &self.egress
    }

    /// A connection's way out, for what the hub does with it itself.
    ///
    /// # Errors
    /// As for its spoke: it is not there, its plugin is not, or it is held.
    pub(crate) fn channel(&self, connection: &str) -> Result<Channel, SpokeError> {
        Ok(self.egress.channel(self.channel_config(connection)?))
    }

    /// The same for a drill: what is refused is the drill's doing, not the plugin's.
    pub(crate) fn drill_channel(&self, connection: &str) -> Result<Channel, SpokeError> {
        Ok(self.egress.channel(ChannelConfig { actor: "drill".to_owned(), ..self.channel_config(connection)? }))
    }

    fn channel_config(&self, connection: &str) -> Result<ChannelConfig, SpokeError> {
        let catalog = self.catalog();
        let Some(settings) = catalog.connections.get(connection) else {
            return Err(SpokeError::Misconfigured(format!("there is no connection `{connection}`; `nave connection list`")));
        };
        let plugin = self.plugin(&settings.plugin)?;
        self.held(plugin.manifest(), settings)?;
        let audit = Arc::new(StoreAudit::new(self.store.clone()));
        let ledger = Arc::new(StoreLedger::new(self.store.clone()));
        Ok(ChannelConfig::new(plugin.manifest(), settings, self.secrets.clone(), audit, ledger))
    }

    /// How what a system granted to a connection's slot stands, as it is kept.
    ///
    /// # Errors
    /// [`SecretError`] where it cannot be opened.
    pub(crate) fn standing(&self, connection: &str, slot: &str) -> Result<Option<Standing>, SecretError> {
        Ok(self.secrets.kept(&authorization_place(connection, slot))?.as_ref().and_then(standing_of))
    }

    /// What a call is about that a connection's system made and that was verified. An instance of its own answers, so that a
    /// long read does not keep the system waiting.
    pub(crate) async fn webhook(&self, connection: &str, request: WebhookRequest) -> Result<Vec<Event>, SpokeError> {
        let guest = self.guest(connection)?;
        let mut slot = guest.listening.lock().await;
        if slot.is_none() {
            let started = Instance::start(&guest.plugin, guest.listener.clone(), InstanceLimits::default()).await;
            *slot = Some(started.map_err(failed)?);
        }
        let Some(instance) = slot.as_mut() else { return Err(SpokeError::Guest("no instance".into())) };
        guest.listener.begin_call(None);
        instance.webhook(request).await.map_err(failed)
    }

    /// Calls of an account so far: those counted since the start, or as the ledger has them.
    pub(crate) fn spent(&self, account: &str) -> Spent {
        self.egress.spent(account).unwrap_or_else(|| StoreLedger::new(self.store.clone()).mark(account).spent.at(now()))
    }

    /// The way to the network that is in force, as entries of what a secret is given for.
    pub(crate) fn way(&self) -> &BTreeSet<String> {
        self.egress.way()
    }

    /// A connection is held while a secret of its would go where that was not given for: it is not even called.
    fn held(&self, manifest: &Manifest, connection: &Connection) -> Result<(), SpokeError> {
        for (secret, origins) in destinations_of(&manifest.endpoints, connection, self.way()) {
            if let Err(error @ SecretError::Held { .. }) = self.secrets.may_go(&secret, &origins) {
                let SecretError::Held { to, .. } = &error else { continue };
                return Err(SpokeError::Held(format!("{error}; {}", held_help(&connection.name, to))));
            }
        }
        Ok(())
    }

    /// Manifest of an installed plugin.
    pub fn manifest(&self, name: &str) -> Result<Manifest, SpokeError> {
        Ok(self.plugin(name)?.manifest().clone())
    }
}

impl Spokes for Guests {
    fn spoke(&self, connection: &str) -> Result<Arc<dyn Spoke>, SpokeError> {
        Ok(self.guest(connection)?)
    }

    fn used_up(&self, connection: &str, purpose: Purpose) -> Option<UsedUp> {
        let catalog = self.catalog();
        let connection = catalog.connections.get(connection)?;
        match self.egress.used_up(&connection.account, purpose) {
            Some(used) => Some(used),
            None if self.egress.spent(&connection.account).is_none() => {
                connection.budget.may(self.spent(&connection.account), purpose).err()
            }
            None => None,
        }
    }

    fn used_percent(&self, connection: &str) -> Option<(u64, u64)> {
        let catalog = self.catalog();
        let connection = catalog.connections.get(connection)?;
        let percent = connection.budget.used_percent(self.spent(&connection.account))?;
        Some((percent, connection.budget.warn_percent))
    }

    fn talk(&self, connection: &str) -> Talk {
        self.egress.talk(connection)
    }

    fn needs_reauth(&self, connection: &str) -> Option<(Time, String)> {
        let catalog = self.catalog();
        let credentials = &catalog.connections.get(connection)?.credentials;
        let slots = credentials.iter().filter(|(_, one)| matches!(one.kind, CredentialKind::Oauth2 { .. }));
        slots.filter_map(|(slot, _)| self.standing(connection, slot).ok()??.needs_reauth).next()
    }

    fn transforms(&self) -> Arc<dyn Transforms> {
        let catalog = self.catalog();
        let (mut plugins, mut broken) = (Vec::new(), BTreeMap::new());
        for name in catalog.functions.values().collect::<BTreeSet<_>>() {
            match self.plugin(name) {
                Ok(plugin) => plugins.push(plugin),
                Err(why) => {
                    let functions = catalog.functions.iter().filter(|(_, owner)| *owner == name);
                    broken.extend(functions.map(|(function, _)| (function.clone(), why.clone())));
                }
            }
        }
        Arc::new(transforms::GuestTransforms::new(plugins, broken))
    }
}

/// One connection's plugin at work.
struct GuestSpoke {
    plugin: Plugin,
    digest: String,
    host: Arc<Host>,
    instance: tokio::sync::Mutex<Option<Instance>>,
    /// The same for what the system tells.
    listener: Arc<Host>,
    listening: tokio::sync::Mutex<Option<Instance>>,
}

/// Runs one call of the instance, about a stream or none; makes the instance first where there is none.
macro_rules! guest_call {
    ($self:ident, $stream:expr, |$instance:ident| $call:expr) => {
        Box::pin(async move {
            let mut slot = $self.instance.lock().await;
            if slot.is_none() {
                let host = $self.host.clone();
                *slot = Some(Instance::start(&$self.plugin, host, InstanceLimits::default()).await.map_err(failed)?);
            }
            let Some($instance) = slot.as_mut() else { return Err(SpokeError::Guest("no instance".into())) };
            $self.host.begin_call($stream);
            $call.await.map_err(failed)
        })
    };
}

impl Spoke for GuestSpoke {
    fn discover(&self) -> BoxFuture<'_, Result<Vec<StreamInfo>, SpokeError>> {
        let streams: BoxFuture<'_, Result<_, SpokeError>> = guest_call!(self, None, |instance| instance.discover());
        Box::pin(async move { Ok(streams.await?.into_iter().map(streams::stream).collect()) })
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport, SpokeError>> {
        guest_call!(self, None, |instance| instance.check())
    }

    fn read(&self, stream: String, checkpoint: Option<Vec<u8>>, limit: u32) -> BoxFuture<'_, Result<Page, SpokeError>> {
        guest_call!(self, Some(&stream), |instance| instance.read(&stream, checkpoint.as_deref(), limit))
    }

    fn acknowledge(&self, stream: String, checkpoint: Vec<u8>) -> BoxFuture<'_, Result<(), SpokeError>> {
        guest_call!(self, Some(&stream), |instance| instance.acknowledge(&stream, &checkpoint))
    }

    fn get(&self, stream: String, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        guest_call!(self, Some(&stream), |instance| instance.get(&stream, ids))
    }

    fn write(&self, stream: String, deliveries: Vec<Delivery>) -> BoxFuture<'_, Result<Vec<Outcome>, SpokeError>> {
        guest_call!(self, Some(&stream), |instance| instance.write(&stream, deliveries))
    }

    fn find(&self, stream: String, path: String, values: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        guest_call!(self, Some(&stream), |instance| instance.find(&stream, &path, values))
    }

    fn skew_ms(&self) -> Option<i64> {
        self.host.skew_ms()
    }

    fn digest(&self) -> String {
        self.digest.clone()
    }
}

/// A failure of the contract is the system's word; everything else is the plugin's fault and says nothing about
/// what it had sent.
fn failed(error: CallError) -> SpokeError {
    match error {
        CallError::Failure(Failure::RetryAfter(ms)) => SpokeError::RetryAfter(ms),
        CallError::Failure(Failure::Unavailable(why)) => SpokeError::Unavailable(why),
        CallError::Failure(Failure::Unauthorized(why)) => SpokeError::Unauthorized(why),
        // The path was made of what the call was about: that thing is at fault, not the settings.
        CallError::Failure(Failure::Misconfigured(why)) if why.contains("net.bad-path") => SpokeError::Rejected(why),
        CallError::Failure(Failure::Misconfigured(why)) => SpokeError::Misconfigured(why),
        CallError::Failure(Failure::Rejected(no)) => SpokeError::Rejected(no.message),
        CallError::Failure(Failure::CheckpointExpired) => SpokeError::CheckpointExpired,
        CallError::NotExported(what) => SpokeError::Misconfigured(format!("the plugin does not export `{what}`")),
        error => SpokeError::Guest(error.to_string()),
    }
}
