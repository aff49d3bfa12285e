//! The master key and the store that it opens: both or neither, also where somebody was killed while the key was changed.
//!
//! The store's file is under one key as a whole. Where the key in place does not open it and the next one does, the change
//! had happened and is brought to its end; where the key in place opens it, a next one that lies there is of a change that
//! never happened, and is taken away. Which it is can be asked by whoever holds the store alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_core::model::Time;
use nave_store::{Batch, KeyedRow, OpenError, Options, Redb, Store, StoreKey, kill};
use serde::{Deserialize, Serialize};

use super::notes;
use crate::anchor::{Anchors, HandOver};
use crate::api::{ApiError, exit};
use crate::clock::now;
use crate::hub::{BUSY_LOOK, BUSY_WAIT_MAX};
use crate::project::Place;
use crate::project::environments;
use crate::vault::{MASTER_KEY_FILE, MasterKey, Purpose, Vault};

/// Where a change stands, in the store that it made.
const CHANGE: (&str, &str) = ("hub", "key-change");

/// A change of the master key, as the store that it made remembers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Change {
    /// When it began.
    pub(super) at: Time,
    /// Everything that follows from it is done.
    pub(super) done: bool,
    /// Where the new key lies; none where it becomes the data folder's own.
    pub(super) to: Option<PathBuf>,
    /// What the data folder's own key is called from then on; none where it was not that one.
    pub(super) kept: Option<String>,
    /// What the audit's key leaves to the next; none where there was no hub yet.
    pub(super) audit: Option<HandOver>,
}

/// An open store and its key.
pub(crate) struct Unlocked {
    pub(crate) master: MasterKey,
    pub(crate) store: Arc<Redb>,
    /// A change that somebody had begun was brought to its end.
    pub(super) finished: bool,
}

/// The next key, while it is not in its place.
pub(super) fn next_key(data: &Path) -> PathBuf {
    data.join(format!("{MASTER_KEY_FILE}.next"))
}

/// The next store, while it is not in its place.
pub(crate) fn next_store(place: &Place) -> PathBuf {
    place.data.join("nave.redb.next")
}

pub(crate) fn store_key(master: &MasterKey) -> StoreKey {
    StoreKey::new(master.derive(Purpose::Store))
}

/// Opens the store with its key. A short command of somebody else is waited for.
///
/// # Errors
/// [`ApiError`] where there is no key that opens it, or somebody else has it open.
pub(crate) async fn unlock(place: &Place) -> Result<Unlocked, ApiError> {
    let began = tokio::time::Instant::now();
    loop {
        match unlock_now(place)? {
            Ok(unlocked) => return Ok(unlocked),
            Err(_) if began.elapsed() < BUSY_WAIT_MAX => tokio::time::sleep(BUSY_LOOK).await,
            Err(busy) => return Err(busy.into()),
        }
    }
}

/// As [`unlock`], without waiting: the inner error says that it is busy.
pub(crate) fn unlock_now(place: &Place) -> Result<Result<Unlocked, OpenError>, ApiError> {
    let path = place.store();
    let master = MasterKey::load_or_create(&place.data, &path).map_err(|error| with_help(error.into(), place))?;
    let (master, store) = match Redb::open(&path, &store_key(&master), Options::default()) {
        Ok(store) => (master, store),
        Err(busy @ OpenError::Busy(_)) => return Ok(Err(busy)),
        Err(OpenError::WrongKey) => match by_next(place, &master)? {
            Ok(opened) => opened,
            Err(busy) => return Ok(Err(busy)),
        },
        Err(other) => return Err(other.into()),
    };
    let store = Arc::new(store);
    let finished = settle(place, &master, &store)?;
    Ok(Ok(Unlocked { master, store, finished }))
}

/// The key in place does not open the store: does the next one, or one that was put in place meanwhile?
fn by_next(place: &Place, tried: &MasterKey) -> Result<Result<(MasterKey, Redb), OpenError>, ApiError> {
    let path = place.store();
    let wrong = || with_help(OpenError::WrongKey.into(), place);
    let meanwhile = MasterKey::load_or_create(&place.data, &path)?;
    if meanwhile.fingerprint() != tried.fingerprint() {
        return Ok(Err(OpenError::Busy(path.display().to_string())));
    }
    let next = next_key(&place.data);
    if MasterKey::named().is_some() || next.symlink_metadata().is_err() {
        return Err(wrong());
    }
    let next = MasterKey::load(&next)?;
    match Redb::open(&path, &store_key(&next), Options::default()) {
        Ok(store) => Ok(Ok((next, store))),
        Err(busy @ OpenError::Busy(_)) => Ok(Err(busy)),
        Err(OpenError::WrongKey) => Err(wrong()),
        Err(other) => Err(other.into()),
    }
}

/// An error about the wrong key, or none, says where the right one was put, where that was noted.
fn with_help(error: ApiError, place: &Place) -> ApiError {
    let Some(last) = notes::all(&place.data).pop() else { return error };
    let Some(to) = last.to else { return error };
    error.help(format!(
        "the master key was changed at {}, and the new one was put in {}: set NAVE_MASTER_KEY_FILE to that file",
        last.at,
        to.display().to_string().escape_debug()
    ))
}

/// Brings a change to its end, or takes away what one left that never happened. Says whether there was one to end.
fn settle(place: &Place, master: &MasterKey, store: &Arc<Redb>) -> Result<bool, ApiError> {
    let row = store.row(CHANGE.0, CHANGE.1)?;
    let change: Option<Change> = row.and_then(|row| serde_json::from_slice(&row).ok());
    if let Some(change) = change.filter(|change| !change.done) {
        finish(place, master, store, change)?;
        tracing::warn!("a change of the master key was cut off; it had happened, and is finished now");
        return Ok(true);
    }
    let mut left = false;
    // Of a restore that was cut off: under a key of before.
    let _ = std::fs::remove_file(place.data.join("nave.redb.restored"));
    for path in [next_key(&place.data), next_store(place)] {
        left |= path.symlink_metadata().is_ok() && std::fs::remove_file(&path).is_ok();
    }
    if left {
        tracing::warn!(
            "a change of the master key was cut off before it happened: the key is the one before; what was left is removed"
        );
    }
    Ok(false)
}

/// Everything that follows from the store's being under its new key. Each step may be done again.
pub(super) fn finish(place: &Place, master: &MasterKey, store: &Arc<Redb>, change: Change) -> Result<(), ApiError> {
    let cannot = |what: &str, error: &dyn std::fmt::Display| {
        ApiError::new("unavailable", exit::UNAVAILABLE, format!("the master key was changed, but {what}: {error}"))
            .help("put that right, then run the command again: nothing is lost, and the rest is done then")
    };
    let shared: Arc<dyn Store> = store.clone();
    if let (Some(id), Some(from)) = (store.row("hub", "id")?, &change.audit) {
        let id = String::from_utf8(id).map_err(|error| cannot("the hub's id cannot be read", &error))?;
        let anchors = Anchors::new(place.anchor.clone(), id, master).map_err(|error| cannot("the audit has no key", &error))?;
        anchors.take_over(shared.as_ref(), from).map_err(|error| cannot("the audit's head could not be noted", &error))?;
    }
    kill::reach("key-anchored");
    // Made anew when it is asked for: it is authenticated by a key that is no more.
    match std::fs::remove_dir_all(place.data.join("compiled")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => tracing::warn!(%error, "compiled code of before is left"),
        _ => {}
    }
    let vault = Vault::of(master, shared).map_err(|error| cannot("the vault does not open", &error))?;
    if let Some(vault) = &vault {
        environments::mark_too(&place.data, vault)?;
    }
    kill::reach("key-marked");
    put_keys(&place.data, &change).map_err(|error| cannot("the new key could not be put in its place", &error))?;
    if let Some(vault) = &vault {
        environments::mark(&place.dir, &place.data, vault).map_err(|error| cannot("the vault cannot be read", &error))?;
    }
    remember(store, &Change { done: true, ..change })?;
    kill::reach("key-finished");
    Ok(())
}

/// Keeps the old key under its other name, then puts the new one in its place: there is a key at every moment.
fn put_keys(data: &Path, change: &Change) -> std::io::Result<()> {
    let (place, next) = (data.join(MASTER_KEY_FILE), next_key(data));
    let kept = change.kept.as_ref().map(|name| data.join(name));
    let folder = std::fs::File::open(data)?;
    match (&change.to, kept) {
        (None, Some(kept)) if next.symlink_metadata().is_ok() => {
            match std::fs::hard_link(&place, &kept) {
                // By whoever was killed right here.
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                other => other?,
            }
            folder.sync_all()?;
            kill::reach("key-kept");
            std::fs::rename(&next, &place)?;
            folder.sync_all()?;
        }
        (Some(_), Some(kept)) if kept.symlink_metadata().is_err() && place.symlink_metadata().is_ok() => {
            std::fs::rename(&place, &kept)?;
            folder.sync_all()?;
        }
        _ => {}
    }
    kill::reach("key-in-place");
    Ok(())
}

/// Says in the store how the change stands.
pub(super) fn remember(store: &Redb, change: &Change) -> Result<(), ApiError> {
    let failed = |error: &dyn std::fmt::Display| ApiError::failed(format!("the change of the key could not be noted: {error}"));
    store.commit(Batch { at: now(), rows: vec![row(change)?], ..Batch::default() }).map(drop).map_err(|error| failed(&error))
}

/// The row that says it.
pub(super) fn row(change: &Change) -> Result<KeyedRow, ApiError> {
    let value = serde_json::to_vec(change).map_err(|error| ApiError::failed(error.to_string()))?;
    Ok(KeyedRow { space: CHANGE.0.to_owned(), key: CHANGE.1.to_owned(), value: Some(value) })
}
