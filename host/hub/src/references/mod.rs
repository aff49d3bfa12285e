//! Secrets that are kept elsewhere: fetched from files and from vaults that nave.toml describes, over the hub's one way out (I10).
//!
//! Promises: only the place that a person of this machine named is read, and only the vault's own address is asked; a plugin chooses
//! nothing of it; what is fetched goes to the vault's leases and to nobody else. Must not know what a secret is for.

mod file;
mod hashicorp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nave_core::catalog::{Catalog, ExternalVault};
use nave_core::limits::REFERENCE_HOLD_MS;
use nave_core::secret_reference::SecretReference;
use nave_store::Store;

use crate::egress::{Channel, Egress};
use crate::engine::Engine;
use crate::project::environments;
use crate::secrets::SecretBytes;
use crate::spoke::BoxFuture;
use crate::vault::leases::{Fetch, Fetched};
use crate::vault::{MASTER_KEY_FILE_VARIABLE, Vault};
use crate::workers::off_the_workers;

pub(crate) use hashicorp::destinations;

/// Fetches for one hub.
pub(crate) struct References {
    /// The project's directory.
    dir: PathBuf,
    /// Its data folder.
    data: PathBuf,
    /// The configuration in force. Weak, like the vault: both lead back here.
    engine: Weak<Engine>,
    vault: Weak<Vault>,
    egress: Egress,
    store: Arc<dyn Store>,
    /// Vaults that were spoken to, by name: their tokens live as long.
    open: Mutex<BTreeMap<String, (ExternalVault, Channel)>>,
}

impl References {
    pub(crate) fn new(
        dir: &Path,
        data: &Path,
        engine: &Arc<Engine>,
        vault: &Arc<Vault>,
        egress: Egress,
        store: Arc<dyn Store>,
    ) -> Self {
        let (dir, data) = (dir.to_owned(), data.to_owned());
        Self { dir, data, engine: Arc::downgrade(engine), vault: Arc::downgrade(vault), egress, store, open: Mutex::default() }
    }

    fn catalog(&self) -> Result<Arc<Catalog>, String> {
        self.engine.upgrade().map(|engine| engine.catalog()).ok_or_else(|| "the hub is being closed".to_owned())
    }

    /// Where no secret is read from.
    fn forbidden(&self) -> Vec<PathBuf> {
        let named = std::env::var_os(MASTER_KEY_FILE_VARIABLE).map(PathBuf::from);
        // The other environments' folders lie below the project's.
        [environments::root(&self.dir), self.dir.clone(), self.data.clone()].into_iter().chain(named).collect()
    }

    /// A vault of the configuration, and its channel; a new one where its settings are others now, or `anew`.
    fn open(&self, name: &str, anew: bool) -> Result<(ExternalVault, Channel), String> {
        let catalog = self.catalog()?;
        let Some(settings) = catalog.hub.vaults.get(name) else {
            let known: Vec<&str> = catalog.hub.vaults.keys().map(String::as_str).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(format!("nave.toml describes no vault `{name}` (known: {known}); add [vaults.{name}], then `nave plan`"));
        };
        let vault = self.vault.upgrade().ok_or_else(|| "the hub is being closed".to_owned())?;
        if let Some((SecretReference::Vault { .. }, _)) = vault.reference(&settings.secret).map_err(|error| error.to_string())? {
            return Err(format!(
                "the hub signs in at the vault `{name}` with the secret `{0}`, and that is kept in a vault itself; `nave secret set {0}` keeps it here",
                settings.secret
            ));
        }
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = open.get(name).filter(|(found, _)| found == settings && !anew) {
            return Ok(found.clone());
        }
        let channel = hashicorp::channel(name, settings, &self.egress, vault, self.store.clone());
        open.insert(name.to_owned(), (settings.clone(), channel.clone()));
        Ok((settings.clone(), channel))
    }

    async fn get(&self, reference: &SecretReference, held: Option<&str>, asked: bool) -> Result<Fetched, String> {
        match reference {
            SecretReference::File { path } => {
                let (value, look) = off_the_workers(|| file::read(Path::new(path), &self.forbidden()))?;
                Ok(Fetched { value: Some(value), life_ms: REFERENCE_HOLD_MS, handle: Some(look) })
            }
            SecretReference::Vault { vault, path, field } => {
                // Whoever asks wants to know it from the vault: also whether it lets the hub sign in by now.
                let (settings, channel) = self.open(vault, asked)?;
                match hashicorp::fetch(vault, &settings, &channel, path, field, held).await {
                    Err(hashicorp::Failure::Token(_)) if settings.signs_in() => {
                        // The token that the log-in gave is over before its time.
                        let (settings, channel) = self.open(vault, true)?;
                        hashicorp::fetch(vault, &settings, &channel, path, field, None).await.map_err(|failure| failure.why())
                    }
                    other => other.map_err(|failure| failure.why()),
                }
            }
        }
    }

    /// S2.9: a value that is a secret of production is not used in another environment, whoever keeps it. Production goes on: what
    /// somebody did in another environment is no reason for it to stop, and is refused there.
    fn own(&self, name: &str, value: &SecretBytes) -> Result<(), String> {
        environments::refuse_productions(&self.dir, name, value.expose()).map_err(|error| error.message)
    }
}

impl Fetch for References {
    fn fetch<'a>(
        &'a self,
        name: &'a str,
        reference: &'a SecretReference,
        held: Option<&'a str>,
        asked: bool,
    ) -> BoxFuture<'a, Result<Fetched, String>> {
        Box::pin(async move {
            let fetched = self.get(reference, held, asked).await?;
            if let Some(value) = &fetched.value {
                off_the_workers(|| self.own(name, value))?;
            }
            Ok(fetched)
        })
    }

    fn is_old(&self, reference: &SecretReference, handle: Option<&str>) -> bool {
        match reference {
            SecretReference::File { path } => file::looks(Path::new(path)).as_deref() != handle,
            SecretReference::Vault { .. } => false,
        }
    }

    fn place(&self, reference: &SecretReference) -> String {
        match reference {
            SecretReference::File { path } => {
                let real = Path::new(path).canonicalize().unwrap_or_else(|_| PathBuf::from(path));
                format!("file {}", real.display())
            }
            SecretReference::Vault { vault, path, field } => {
                let catalog = self.catalog().ok();
                let settings = catalog.as_ref().and_then(|catalog| catalog.hub.vaults.get(vault));
                let address = settings.map_or(vault.as_str(), |settings| &settings.address);
                let namespace = settings.and_then(|settings| settings.namespace.as_deref()).unwrap_or_default();
                format!("vault {address} {namespace} {path} {field}")
            }
        }
    }
}
