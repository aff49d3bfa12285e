//! Changes to a project that need no open hub, noted in the audit all the same where there is a store to hold it.
//!
//! Only the store is opened: a project whose configuration has errors can still be mended. A project without a store has
//! nobody to tell yet; the hub notes what it finds when it makes one.

use std::path::Path;
use std::sync::Arc;

use nave_core::model::AuditEntry;
use nave_store::{Batch, KeyedRow, Redb, Store};

use crate::api::{Answer, ApiError, Asked, EditsAnswer, Request, exit};
use crate::clock::now;
use crate::guest::{cache_in, compile_ahead};
use crate::hub::private_folder;
use crate::key::open::{Unlocked, unlock};
use crate::plugins::obtain::{Compile, Parts, made, obtain};
use crate::plugins::upgrade::{Upgrade, Upgraded, upgrade};
use crate::plugins::{InstallOptions, PluginsError};
use crate::project;
use crate::references::References;
use crate::service::plugin_lines;
use crate::vault::{MasterKey, Vault};

/// The store and the vault of a project that has one.
async fn parts(dir: &Path) -> Result<Parts, ApiError> {
    let none = Parts { store: None, vault: None, egress: None, compile: compiler(dir) };
    let place = project::place(dir)?;
    let path = place.store();
    if !path.exists() {
        return Ok(none);
    }
    let Unlocked { master, store, .. } = unlock(&place).await?;
    let store: Arc<dyn Store> = store;
    let environment = project::environment(dir).unwrap_or_else(|| nave_core::catalog::Hub::default().environment);
    // A vault that cannot be opened is none: whoever needs a secret is told that there is none.
    let vault = Vault::with_key(&master, &environment, store.clone()).ok().map(Arc::new);
    // Where the network's settings are wrong, whoever needs the way out says so.
    let egress = made(dir).ok();
    if let (Some(vault), Some(egress)) = (&vault, &egress) {
        let own = dir.to_owned();
        let catalog = Box::new(move || match project::load(&own) {
            Ok(project) => Ok(Arc::new(project.catalog)),
            Err(error) => Err(format!("no vault is asked while the configuration has errors: {}", error.message)),
        });
        vault.fetched_by(Arc::new(References::new(dir, &place.data, catalog, vault, egress.clone(), store.clone())));
    }
    Ok(Parts { store: Some(store), vault, egress, compile: compiler(dir) })
}

/// The store of a project that has one.
async fn store(dir: &Path) -> Result<Option<Arc<Redb>>, ApiError> {
    let place = project::place(dir)?;
    if !place.store().exists() {
        return Ok(None);
    }
    Ok(Some(unlock(&place).await?.store))
}

/// Compiles what is about to be put in. What was compiled is kept for the first start.
fn compiler(dir: &Path) -> Compile {
    let dir = dir.to_owned();
    Arc::new(move |bytes| {
        let place = project::place(&dir)?;
        private_folder(&place.data)?;
        let master = MasterKey::load_or_create(&place.data, &place.store())?;
        let cache =
            cache_in(&place.data, &master).map_err(|error| ApiError::new("unavailable", exit::UNAVAILABLE, error.to_string()))?;
        compile_ahead(cache.as_ref(), bytes).map_err(|error| PluginsError::from(error).into())
    })
}

/// Audit lines: action, subject, detail.
type Lines = Vec<(&'static str, String, String)>;

fn write(store: &dyn Store, by: &str, lines: Lines, rows: Vec<KeyedRow>) -> Result<(), ApiError> {
    let at = now();
    let entry = |(action, subject, detail): (&str, String, String)| AuditEntry {
        at,
        actor: by.to_owned(),
        action: action.to_owned(),
        subject,
        detail,
    };
    let batch = Batch { at, audit: lines.into_iter().map(entry).collect(), rows, ..Batch::default() };
    store.commit(batch).map(drop).map_err(|error| ApiError::failed(format!("the audit could not be written: {error}")))
}

/// Answers a request from the directory alone, with its audit lines. Where the store cannot be opened, nothing is changed.
///
/// # Errors
/// [`ApiError`] of the request, or of the store.
pub async fn change(dir: &Path, asked: &Asked) -> Result<Answer, ApiError> {
    let parts = parts(dir).await?;
    let (mut lines, mut rows) = (Lines::new(), Vec::new());
    let answer = match &asked.request {
        Request::PluginInstall { source, rollback, other_source, reach } => {
            let options = InstallOptions { rollback: *rollback, other_source: *other_source, ..InstallOptions::default() };
            let (answer, more, more_rows) = obtain(dir, source, reach, options, &parts).await?.parts();
            (lines, rows) = (more, more_rows);
            answer
        }
        Request::PluginUpgrade { target, how, rollback, other_source, reach } => {
            let options = InstallOptions { rollback: *rollback, other_source: *other_source, ..InstallOptions::default() };
            let Upgraded { answer, lines: more, rows: more_rows } =
                upgrade(dir, &Upgrade { target, how: *how, options, reach }, &parts).await?;
            (lines, rows) = (more, more_rows);
            Answer::Upgrade(Box::new(answer))
        }
        request => project::answer(dir, request)
            .unwrap_or_else(|| Err(ApiError::failed("this request needs more than the project's directory; please report it")))?,
    };
    lines.extend(plugin_lines(&answer, &asked.request));
    if let Some(store) = parts.store {
        write(store.as_ref(), &asked.by, lines, rows)?;
    }
    Ok(answer)
}

/// Notes that configuration came from another environment, where no hub serves the project.
///
/// # Errors
/// [`ApiError`] of the store.
pub async fn promoted(dir: &Path, by: &str, from: &str, what: &EditsAnswer) -> Result<(), ApiError> {
    let files: Vec<&str> = what.files.iter().map(|file| file.path.as_str()).collect();
    match store(dir).await? {
        Some(store) => write(store.as_ref(), by, vec![("configuration.promoted", from.to_owned(), files.join(", "))], Vec::new()),
        None => Ok(()),
    }
}

/// Notes that a connection was added to a project that no hub can open as it is.
///
/// # Errors
/// [`ApiError`] of the store.
pub async fn connection_added(dir: &Path, by: &str, name: &str, plugin: &str) -> Result<(), ApiError> {
    match store(dir).await? {
        Some(store) => write(store.as_ref(), by, vec![("connection.added", name.to_owned(), plugin.to_owned())], Vec::new()),
        None => Ok(()),
    }
}
