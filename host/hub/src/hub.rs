//! An open hub: one project's directory, its store, its vault, its guests and its engine.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nave_core::catalog::{Catalog, Diagnostic};
use nave_core::model::AuditEntry;
use nave_store::{BackupKey, Batch, KeyedRow, OpenError, Store};

use crate::anchor::{self, Anchors};
use crate::api::{ApiError, Request, exit};
use crate::clock::now;
use crate::egress::{Egress, EgressConfig};
use crate::engine::{Clock, Engine, EngineError};
use crate::guest::{Guests, cache_in};
use crate::key::open::{Unlocked, unlock};
use crate::project::{self, environments};
use crate::references::References;
use crate::sign_in::SignIns;
use crate::vault::{MasterKeyError, Purpose, Vault, VaultError};
use crate::webhook::{Told, Webhooks};

/// Longest wait for another process that has the store open.
pub(crate) const BUSY_WAIT_MAX: Duration = Duration::from_secs(10);
/// Time between two looks.
pub(crate) const BUSY_LOOK: Duration = Duration::from_millis(50);

/// Why a run that was found open at the start failed.
const STOPPED: &str = "the hub was stopped while it ran; what it had committed is kept, and the next run goes on from there";

/// An open hub.
pub struct Hub {
    /// The project's directory.
    pub dir: PathBuf,
    /// Pulls, merges, delivers.
    pub engine: Arc<Engine>,
    /// Remembers.
    pub store: Arc<dyn Store>,
    /// Secrets.
    pub vault: Arc<Vault>,
    /// Plugins at work.
    pub guests: Arc<Guests>,
    /// What the audit said, outside of the store.
    pub(crate) anchors: Arc<Anchors>,
    /// Records that were shown to people lately: each is noted once in a while.
    pub(crate) shown: Arc<crate::service::Shown>,
    /// Tokens that were used today.
    pub(crate) token_uses: Arc<crate::service::TokenUses>,
    /// Seals backups.
    pub(crate) backup_key: BackupKey,
    /// What systems told us of and is still to be read.
    pub(crate) told: Arc<Told>,
    /// What is remembered of calls from systems.
    pub(crate) webhooks: Arc<Webhooks>,
    /// Sign-ins by people that are under way.
    pub(crate) sign_ins: Arc<SignIns>,
    /// What is wrong with the configuration, where it was opened all the same: only to take power away, and to say what is wrong.
    pub(crate) broken: Option<ApiError>,
    /// It was opened for one request: what that has done to the audit is noted outside at once.
    pub(crate) alone: bool,
}

impl Hub {
    /// Opens a project's directory. Refused when the configuration has errors, or another process holds the data.
    pub async fn open(dir: &Path) -> Result<Arc<Self>, ApiError> {
        Self::open_at(dir, Arc::new(now)).await
    }

    /// As [`Hub::open`], with another clock for everything that the engine and the guests do: where hours must pass at once.
    pub async fn open_at(dir: &Path, clock: Clock) -> Result<Arc<Self>, ApiError> {
        Self::open_as(dir, clock, true, false).await
    }

    /// `in_force`: what was granted by files that are not there any more is forgotten, and what they grant otherwise is noted.
    async fn open_as(dir: &Path, clock: Clock, in_force: bool, alone: bool) -> Result<Arc<Self>, ApiError> {
        let (catalog, _) = load(dir)?;
        let hub = Self { alone, ..Self::of(dir, clock, catalog, None).await? };
        crate::service::bring_up(&hub, in_force).await?;
        match hub.anchors.look(hub.store.as_ref(), false) {
            Ok(found) => anchor::say(&found),
            Err(error) => tracing::warn!(%error, "the audit's head could not be noted"),
        }
        Ok(Arc::new(hub))
    }

    /// Opens a project for one request. One that takes power away, or asks what is wrong, is answered also where the configuration has
    /// errors: with what of it is in order, and with nothing of it brought up to it.
    ///
    /// # Errors
    /// As [`Hub::open`].
    pub async fn open_for(dir: &Path, request: &Request) -> Result<Arc<Self>, ApiError> {
        let refused = match Self::open_as(dir, Arc::new(now), !request.only_looks(), true).await {
            Err(error) if error.exit == exit::CONFIGURATION && request.needs_no_order() => error,
            other => return other,
        };
        // Nothing was given yet that could be taken away; and no store is made by a file that could not be read.
        if !project::place(dir)?.store().exists() {
            return Err(refused);
        }
        let catalog = project::load_leniently(dir)?;
        Ok(Arc::new(Self { alone: true, ..Self::of(dir, Arc::new(now), catalog, Some(refused)).await? }))
    }

    /// A hub of a catalog; nothing is brought up to it yet.
    async fn of(dir: &Path, clock: Clock, catalog: Catalog, broken: Option<ApiError>) -> Result<Self, ApiError> {
        let catalog = Arc::new(catalog);
        let data = dir.join(&catalog.hub.data);
        private_folder(&data)?;
        let unavailable = |what: &str, error: String| ApiError::new("unavailable", exit::UNAVAILABLE, format!("{what}: {error}"));
        let Unlocked { master, store, .. } = unlock(&project::place(dir)?).await?;
        let store: Arc<dyn Store> = store;
        let hub_id = hub_id(store.as_ref(), &catalog).map_err(|error| unavailable("the store", error))?;
        let vault = match Vault::with_key(&master, &catalog.hub.environment, store.clone()) {
            // A nave.toml that cannot be read does not name it; the vault knows its own.
            Err(VaultError::OtherEnvironment(own)) if broken.is_some() && project::environment(dir).is_none() => {
                Vault::with_key(&master, &own, store.clone())
            }
            other => other,
        };
        let vault = Arc::new(vault.map_err(|error| unavailable("the vault", error.to_string()))?);
        let extra_ca_pem = match &catalog.hub.ca_file {
            Some(file) => {
                Some(std::fs::read(dir.join(file)).map_err(|error| unavailable("ca-file", format!("{file}: {error}")))?)
            }
            None => None,
        };
        let settings =
            EgressConfig { proxy: catalog.hub.proxy.clone(), extra_ca_pem, clock: clock.clone(), ..EgressConfig::default() };
        let egress = Egress::new(settings).map_err(|error| unavailable("the network settings", error.to_string()))?;
        let runtime = nave_runtime::Engine::new().map_err(|error| unavailable("the WebAssembly engine", error.to_string()))?;
        let cache =
            cache_in(&data, &master).map_err(|error| unavailable("the folder of compiled code is refused", error.to_string()))?;
        let guests = Guests::new(runtime, cache, dir.to_owned(), catalog.clone(), egress.clone(), vault.clone(), store.clone());
        let guests = Arc::new(guests.at(clock.clone()));
        let anchors = Anchors::new(dir.join(&catalog.hub.audit_anchor), hub_id.clone(), &master);
        let anchors = Arc::new(anchors.map_err(|error| unavailable("the key of the audit", error))?);
        let engine = Arc::new(Engine::new(store.clone(), catalog, guests.clone(), clock, hub_id));
        let weak = Arc::downgrade(&engine);
        let closed = || "the hub is being closed".to_owned();
        let catalog = Box::new(move || weak.upgrade().map(|engine| engine.catalog()).ok_or_else(closed));
        vault.fetched_by(Arc::new(References::new(dir, &data, catalog, &vault, egress, store.clone())));
        environments::mark(dir, &data, &vault).map_err(|error| unavailable("the vault", error.to_string()))?;
        let closed = engine.close_interrupted(STOPPED).await?;
        if closed > 0 {
            tracing::warn!(runs = closed, "{STOPPED}");
        }
        let backup_key = BackupKey::new(master.derive(Purpose::Backup));
        let told = Told::open(store.clone(), engine.news()).map_err(|error| unavailable("the store", error.to_string()))?;
        let webhooks = Webhooks::open(store.as_ref()).map_err(|error| unavailable("the store", error.to_string()))?;
        let (told, webhooks, sign_ins) = (Arc::new(told), Arc::new(webhooks), Arc::default());
        let (dir, shown) = (dir.to_owned(), Arc::default());
        let token_uses = Arc::default();
        Ok(Self {
            dir,
            engine,
            store,
            vault,
            guests,
            anchors,
            shown,
            token_uses,
            backup_key,
            told,
            webhooks,
            sign_ins,
            broken,
            alone: false,
        })
    }

    /// A line of the audit about a sign-in; one that cannot be written is logged.
    pub(crate) async fn note(&self, by: &str, action: &str, subject: &str, detail: &str) {
        crate::service::note(&self.engine, by, action, subject, detail).await;
    }

    /// Reads the configuration again and puts it in force. With errors the old one stays.
    pub fn reload(&self) -> Result<Vec<Diagnostic>, ApiError> {
        let (catalog, warnings) = load(&self.dir)?;
        let catalog = Arc::new(catalog);
        self.guests.reconfigure(catalog.clone());
        self.engine.reconfigure(catalog);
        Ok(warnings)
    }

    /// Takes out of what is in force what the files of connections do not allow any more. False where that is nothing.
    pub(crate) fn narrow(&self, files: &Catalog) -> bool {
        let Some(less) = crate::scheduler::narrowed(&self.engine.catalog(), files) else { return false };
        let less = Arc::new(less);
        self.guests.reconfigure(less.clone());
        self.engine.reconfigure(less);
        true
    }

    /// Takes a grant out of what is in force, whatever the files are like: `endpoint NAME`, `folder NAME`, `secret SLOT`. False where it
    /// is not in force.
    pub(crate) fn take_away(&self, connection: &str, grant: &str) -> bool {
        let mut catalog = Catalog::clone(&self.engine.catalog());
        let (kind, name) = grant.split_once(' ').unwrap_or((grant, ""));
        let Some(found) = catalog.connections.get_mut(connection).map(Arc::make_mut) else { return false };
        let was = match kind {
            "endpoint" => found.grants.endpoints.remove(name).is_some(),
            "folder" => found.grants.folders.remove(name).is_some(),
            "secret" => found.credentials.remove(name).is_some(),
            _ => false,
        };
        if was {
            let catalog = Arc::new(catalog);
            self.guests.reconfigure(catalog.clone());
            self.engine.reconfigure(catalog);
        }
        was
    }
}

/// The configuration of a directory, checked.
pub fn load(dir: &Path) -> Result<(Catalog, Vec<Diagnostic>), ApiError> {
    let project = project::load(dir)?;
    Ok((project.catalog, project.warnings))
}

impl From<OpenError> for ApiError {
    fn from(error: OpenError) -> Self {
        let help = match &error {
            OpenError::Busy(_) => format!(
                "another command still works on it after {} seconds: wait for it, or run `nave serve`, through which commands go side by side",
                BUSY_WAIT_MAX.as_secs()
            ),
            OpenError::WrongKey => {
                "put the master.key back that belongs to these data, or name it in NAVE_MASTER_KEY_FILE; another key opens nothing".to_owned()
            }
            OpenError::Damaged(..) => {
                "`nave restore FILE --replace` puts a backup in its place; what is there is kept beside it".to_owned()
            }
            OpenError::WrongBackupKey(_) => {
                "name the file of the key that it was made under: `nave restore FILE --key-file KEY`".to_owned()
            }
            OpenError::BackupAltered(..) => "restore another backup; `nave restore FILE`".to_owned(),
            OpenError::Newer { .. } => "install the newer version of nave again".to_owned(),
            OpenError::Exists(path) => format!("move {path} away, or name another file"),
            OpenError::Engine(..) => "is the disk full, or the file another user's? `df` and `ls -l` on the data folder tell".to_owned(),
        };
        Self::new("unavailable", exit::UNAVAILABLE, error.to_string()).help(help)
    }
}

impl From<MasterKeyError> for ApiError {
    fn from(error: MasterKeyError) -> Self {
        let help = match &error {
            MasterKeyError::Lost { path, .. } => format!(
                "restore {} from where it is kept (backups do not hold it), or name it in NAVE_MASTER_KEY_FILE",
                path.display()
            ),
            MasterKeyError::Malformed { path } => format!("restore {} from where it is kept", path.display()),
            MasterKeyError::Unsafe { .. } => "do what it says, then run the command again".to_owned(),
            MasterKeyError::Io { .. } => "is the disk there, and is the file yours?".to_owned(),
        };
        Self::new("unavailable", exit::UNAVAILABLE, error.to_string()).help(help)
    }
}

/// The data folder belongs to its user alone.
pub(crate) fn private_folder(path: &Path) -> Result<(), ApiError> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    let refuse = |error: std::io::Error| {
        ApiError::new("unavailable", exit::UNAVAILABLE, format!("the data folder {}: {error}", path.display()))
    };
    if !path.exists() {
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(refuse)?;
    }
    let mode = std::fs::metadata(path).map_err(refuse)?.permissions().mode();
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700)).map_err(refuse)?;
    }
    Ok(())
}

/// Distinguishes this hub's markers and keys from another's; made once, kept in the store. What was there before the store
/// is noted in its audit with it.
fn hub_id(store: &dyn Store, catalog: &Catalog) -> Result<String, String> {
    if let Some(id) = store.row("hub", "id").map_err(|error| error.to_string())? {
        return String::from_utf8(id).map_err(|error| error.to_string());
    }
    let mut bytes = [0_u8; 4];
    ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes).map_err(|_| "no randomness".to_owned())?;
    let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let row = KeyedRow { space: "hub".into(), key: "id".into(), value: Some(id.clone().into_bytes()) };
    let at = now();
    let found = |action: &str, subject: &str, detail: String| AuditEntry {
        at,
        actor: "hub".to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        detail,
    };
    let plugins = catalog.plugins.iter().map(|(name, plugin)| {
        let detail = format!("{} (serial {}), {}", plugin.version, plugin.serial, plugin.digest);
        found("plugin.found", name, detail)
    });
    let connections = catalog.connections.values().map(|one| found("connection.found", &one.name, one.plugin.clone()));
    let audit = plugins.chain(connections).collect();
    store.commit(Batch { at, rows: vec![row], audit, ..Batch::default() }).map_err(|error| error.to_string())?;
    Ok(id)
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::NotFound(message) => Self::not_found(message),
            EngineError::Refused(message) => Self::person(message),
            EngineError::Spoke(connection, error) => {
                Self::failed(format!("{connection}: {error}")).help(format!("`nave connection check {connection}` tells more"))
            }
            EngineError::Store(error) => Self::new("store", exit::UNAVAILABLE, error.to_string()),
            EngineError::Commit(error) => Self::new("store", exit::UNAVAILABLE, error.to_string()),
        }
    }
}
