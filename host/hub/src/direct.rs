//! Changes to a project that need no open hub, noted in the audit all the same where there is a store to hold it.
//!
//! Only the store is opened: a project whose configuration has errors can still be mended. A project without a store has
//! nobody to tell yet; the hub notes what it finds when it makes one.

use std::path::Path;

use nave_core::model::AuditEntry;
use nave_store::{Batch, Redb, Store as _, StoreKey};

use crate::api::{Answer, ApiError, Asked};
use crate::clock::now;
use crate::hub::open_store;
use crate::project;
use crate::service::plugin_lines;
use crate::vault::{MasterKey, Purpose};

/// The store of a project that has one.
async fn store(dir: &Path) -> Result<Option<Redb>, ApiError> {
    let place = project::place(dir)?;
    let path = place.store();
    if !path.exists() {
        return Ok(None);
    }
    let master = MasterKey::load_or_create(&place.data, &path)?;
    open_store(&path, &StoreKey::new(master.derive(Purpose::Store))).await.map(Some)
}

/// Audit lines: action, subject, detail.
type Lines = Vec<(&'static str, String, String)>;

fn write(store: &Redb, by: &str, lines: Lines) -> Result<(), ApiError> {
    let at = now();
    let entry = |(action, subject, detail): (&str, String, String)| AuditEntry {
        at,
        actor: by.to_owned(),
        action: action.to_owned(),
        subject,
        detail,
    };
    let batch = Batch { at, audit: lines.into_iter().map(entry).collect(), ..Batch::default() };
    store.commit(batch).map(drop).map_err(|error| ApiError::failed(format!("the audit could not be written: {error}")))
}

/// Answers a request from the directory alone, with its audit lines. Where the store cannot be opened, nothing is changed.
///
/// # Errors
/// [`ApiError`] of the request, or of the store.
pub async fn change(dir: &Path, asked: &Asked) -> Result<Answer, ApiError> {
    let store = store(dir).await?;
    let answer = project::answer(dir, &asked.request)
        .unwrap_or_else(|| Err(ApiError::failed("this request needs more than the project's directory; please report it")))?;
    if let Some(store) = store {
        write(&store, &asked.by, plugin_lines(&answer, &asked.request))?;
    }
    Ok(answer)
}

/// Notes that a connection was added to a project that no hub can open as it is.
///
/// # Errors
/// [`ApiError`] of the store.
pub async fn connection_added(dir: &Path, by: &str, name: &str, plugin: &str) -> Result<(), ApiError> {
    match store(dir).await? {
        Some(store) => write(&store, by, vec![("connection.added", name.to_owned(), plugin.to_owned())]),
        None => Ok(()),
    }
}
