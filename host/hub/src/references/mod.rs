//! Secrets that are kept elsewhere: fetched from files and from vaults that nave.toml describes, over the hub's one way out (I10).
//!
//! Promises: only the place that a person of this machine named is read, and only the vault's own address is asked; a plugin chooses
//! nothing of it; what is fetched goes to the vault's leases and to nobody else. Must not know what a secret is for.

mod answer;
mod aws;
mod channel;
mod file;
mod hashicorp;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use nave_core::catalog::{Catalog, ExternalVault, VaultKind};
use nave_core::lease::may_sign_in;
use nave_core::limits::REFERENCE_HOLD_MS;
use nave_core::secret_reference::{FIELD, SecretReference};
use nave_store::Store;
use tokio::time::Instant;

use crate::egress::{Channel, Egress};
use crate::project::environments;
use crate::secrets::SecretBytes;
use crate::spoke::BoxFuture;
use crate::vault::leases::{Fetch, Fetched};
use crate::vault::{MASTER_KEY_FILE_VARIABLE, Vault};
use crate::workers::off_the_workers;

use answer::Failure;
pub(crate) use channel::destinations;

/// The configuration, as it is when it is asked for; an error is for people.
pub(crate) type CatalogOf = Box<dyn Fn() -> Result<Arc<Catalog>, String> + Send + Sync>;

/// Fetches for one hub.
pub(crate) struct References {
    /// The project's directory.
    dir: PathBuf,
    /// Its data folder.
    data: PathBuf,
    /// The configuration in force. Leads back here no more than the vault, which is weak.
    catalog: CatalogOf,
    vault: Weak<Vault>,
    egress: Egress,
    store: Arc<dyn Store>,
    /// Vaults that were spoken to, by name: their tokens live as long.
    open: Mutex<BTreeMap<String, Open>>,
    began: Instant,
}

/// A vault that was spoken to.
#[derive(Clone)]
struct Open {
    settings: ExternalVault,
    channel: Channel,
    /// Of what it signs in with.
    version: Option<u32>,
    /// When it was made because the one before was refused; none for the first.
    anew_ms: Option<u64>,
    /// Log-ins in a row that did not help.
    in_vain: u32,
    /// Which of those of this vault it is.
    number: u64,
}

impl References {
    pub(crate) fn new(
        dir: &Path,
        data: &Path,
        catalog: CatalogOf,
        vault: &Arc<Vault>,
        egress: Egress,
        store: Arc<dyn Store>,
    ) -> Self {
        let (dir, data) = (dir.to_owned(), data.to_owned());
        Self { dir, data, catalog, vault: Arc::downgrade(vault), egress, store, open: Mutex::default(), began: Instant::now() }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn catalog(&self) -> Result<Arc<Catalog>, String> {
        (self.catalog)()
    }

    /// Where no secret is read from.
    fn forbidden(&self) -> Vec<PathBuf> {
        let named = std::env::var_os(MASTER_KEY_FILE_VARIABLE).map(PathBuf::from);
        // The other environments' folders lie below the project's.
        [environments::root(&self.dir), self.dir.clone(), self.data.clone()].into_iter().chain(named).collect()
    }

    /// A vault of the configuration, and its channel: a new one where its settings, or what it signs in with, are others now.
    fn open(&self, name: &str) -> Result<Open, String> {
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
        let version = vault.version(&settings.secret).map_err(|error| error.to_string())?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = open.get(name).filter(|found| found.settings == *settings && found.version == version) {
            return Ok(found.clone());
        }
        let channel = channel::channel(name, settings, &self.egress, &vault, self.store.clone());
        let number = open.get(name).map_or(1, |before| before.number + 1);
        let made = Open { settings: settings.clone(), channel, version, anew_ms: None, in_vain: 0, number };
        open.insert(name.to_owned(), made.clone());
        Ok(made)
    }

    /// A vault with a log-in of its own, since this one was refused, or a person asks whether it works by now: one for all who were
    /// refused with the same, and not at once again where that did not help. None: it is too soon.
    fn anew(&self, name: &str, refused: &Open, asked: bool) -> Result<Option<Open>, String> {
        let current = self.open(name)?;
        if current.number != refused.number {
            return Ok(Some(current));
        }
        let now_ms = self.now_ms();
        if !may_sign_in(current.anew_ms, if asked { 0 } else { current.in_vain }, now_ms) {
            return Ok(None);
        }
        let vault = self.vault.upgrade().ok_or_else(|| "the hub is being closed".to_owned())?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(other) = open.get(name).filter(|other| other.number != refused.number) {
            return Ok(Some(other.clone()));
        }
        let channel = channel::channel(name, &current.settings, &self.egress, &vault, self.store.clone());
        let made = Open { channel, anew_ms: Some(now_ms), number: current.number + 1, ..current };
        open.insert(name.to_owned(), made.clone());
        Ok(Some(made))
    }

    /// What came of a log-in: whether it helped whoever was refused before.
    fn helped(&self, name: &str, number: u64, helped: bool) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = open.get_mut(name).filter(|current| current.number == number) {
            current.in_vain = if helped { 0 } else { current.in_vain.saturating_add(1) };
        }
    }

    async fn get(&self, reference: &SecretReference, held: Option<&str>, asked: bool) -> Result<Fetched, String> {
        let name = match reference {
            SecretReference::File { path } => {
                let (value, look) = off_the_workers(|| file::read(Path::new(path), &self.forbidden()))?;
                return Ok(Fetched { value: Some(value), life_ms: REFERENCE_HOLD_MS, handle: Some(look) });
            }
            SecretReference::Vault { vault, .. } => vault,
        };
        let open = self.open(name)?;
        open.settings.check(reference)?;
        match from(name, &open, reference, held).await {
            // The token that the log-in gave is over before its time; or it may not read this, and no other one may. Whoever asks wants
            // to know it from the vault: also whether it lets the hub sign in by now.
            Err(failure) if open.settings.signs_in() && failure.is_of_the_sign_in(asked) => {
                let Some(anew) = self.anew(name, &open, asked)? else { return Err(failure.why()) };
                let fetched = from(name, &anew, reference, None).await;
                self.helped(name, anew.number, !fetched.as_ref().is_err_and(|failure| failure.is_of_the_sign_in(true)));
                fetched.map_err(Failure::why)
            }
            other => other.map_err(Failure::why),
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

    fn release<'a>(&'a self, reference: &'a SecretReference, handle: &'a str) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            let SecretReference::Vault { vault: name, .. } = reference else { return Ok(()) };
            let open = self.open(name)?;
            match open.settings.kind {
                VaultKind::HashiCorp { .. } => hashicorp::release(name, &open.channel, handle).await,
                VaultKind::Aws { .. } => Ok(()),
            }
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
            SecretReference::Vault { vault, path, field, stage } => {
                let catalog = self.catalog().ok();
                let settings = catalog.as_ref().and_then(|catalog| catalog.hub.vaults.get(vault));
                let address = settings.map_or(vault.as_str(), |settings| &settings.address);
                let within = match settings.map(|settings| &settings.kind) {
                    Some(VaultKind::HashiCorp { namespace, .. }) => namespace.as_deref().unwrap_or_default(),
                    Some(VaultKind::Aws { region }) => region,
                    None => "",
                };
                let hashicorp = settings.is_none_or(|settings| matches!(settings.kind, VaultKind::HashiCorp { .. }));
                let field = if field.is_empty() && hashicorp { FIELD } else { field };
                let stage = stage.as_ref().map(|stage| format!(" {stage}")).unwrap_or_default();
                format!("vault {address} {within} {path} {field}{stage}")
            }
        }
    }
}

/// What a vault has, by its kind.
async fn from(name: &str, open: &Open, reference: &SecretReference, held: Option<&str>) -> Result<Fetched, Failure> {
    let SecretReference::Vault { path, field, stage, .. } = reference else {
        return Err(Failure::Other("it is kept in no vault".to_owned()));
    };
    let (settings, channel) = (&open.settings, &open.channel);
    match &settings.kind {
        VaultKind::HashiCorp { .. } => hashicorp::fetch(name, settings, channel, path, field, held).await,
        VaultKind::Aws { .. } => aws::fetch(name, settings, channel, path, field, stage.as_deref()).await,
    }
}
