//! Puts a backup in place of a project's data.

use std::path::{Path, PathBuf};

use nave_core::model::AuditEntry;
use nave_store::{BackupKey, Batch, OpenError, Redb, Store as _, put_in_place};

use crate::anchor::Anchors;
use crate::api::{ApiError, ProgressSender, exit};
use crate::clock::now;
use crate::key;
use crate::key::open::{next_store, store_key};
use crate::project::{self, Place};
use crate::vault::{MasterKey, Purpose};

/// Checks the backup, then makes it the project's store. The data that were there are kept beside it, never overwritten.
/// The master key is not part of a backup. One that was made under another key than the one in place is opened with the key in
/// `key_file`, or with one of those that were kept when the key was changed, and sealed anew under the one in place.
///
/// # Errors
/// [`ApiError`] where data are there and `replace` is not set, a hub has them open, or the backup is not whole.
pub fn restore(dir: &Path, from: &Path, replace: bool, key_file: Option<&Path>, by: &str) -> Result<String, ApiError> {
    let place = project::place(dir)?;
    let failed = |what: &str, error: &dyn std::fmt::Display| ApiError::failed(format!("{what}: {error}"));
    if !from.is_file() {
        return Err(
            ApiError::usage(format!("there is no file {}", from.display())).help("name a file that `nave backup FILE` wrote")
        );
    }
    let store = place.store();
    // A key made now would open no backup, but where the backup's own key is given.
    let master = MasterKey::load_or_create(&place.data, if key_file.is_some() { &store } else { from })?;
    if place.socket().exists() && std::os::unix::net::UnixStream::connect(place.socket()).is_ok() {
        return Err(ApiError::new("unavailable", exit::UNAVAILABLE, "a hub serves this project").help("stop `nave serve` first"));
    }
    if store.exists() && !replace {
        return Err(ApiError::usage(format!("{} is there already", store.display()))
            .help("with --replace it is moved aside and the backup takes its place"));
    }
    // What is moved aside is under the next key, where somebody was killed while it was changed.
    let master = if key::end_or_keep(&place) { MasterKey::load_or_create(&place.data, from)? } else { master };
    let mut aside = None;
    if store.exists() {
        let kept = (1..).map(|n| place.data.join(format!("nave.redb.before-restore-{n}"))).find(|path| !path.exists());
        if let Some(kept) = kept {
            std::fs::rename(&store, &kept).map_err(|error| failed("moving the data aside", &error))?;
            aside = Some(kept);
        }
    }
    let brought = match bring(&place, from, &master, key_file) {
        Ok(brought) => brought,
        Err(error) => {
            if let Some(kept) = &aside {
                std::fs::rename(kept, &store).map_err(|error| failed("moving the data back", &error))?;
            }
            let help = error.help.unwrap_or_else(|| "restore another copy; `nave restore FILE`".to_owned());
            return Err(ApiError::failed(format!("{} was not restored: {}", from.display(), error.message)).help(help));
        }
    };
    noted(&store, &store_key(&master), &master, &place.anchor, from, by).map_err(|error| failed("the restored data", &error))?;
    let anew = brought.map(|key| {
        format!(" (it was made under the master key {}, and is sealed anew under the one that is in place)", key.display())
    });
    let restored = format!("{} is restored{}", from.display(), anew.unwrap_or_default());
    Ok(match aside {
        Some(kept) => format!("{restored}; what was there before is {}", kept.display()),
        None => restored,
    })
}

/// Puts the backup where the store is to be. The file of the key that it was made under, where that is not the one in place.
fn bring(place: &Place, from: &Path, master: &MasterKey, key_file: Option<&Path>) -> Result<Option<PathBuf>, ApiError> {
    let backup =
        |key: &MasterKey, to: &Path| nave_store::restore(from, to, &store_key(key), &BackupKey::new(key.derive(Purpose::Backup)));
    let wrong = match (key_file, backup(master, &place.store())) {
        (_, Ok(())) => return Ok(None),
        (_, Err(wrong @ (OpenError::WrongBackupKey(_) | OpenError::WrongKey))) => wrong,
        (_, Err(other)) => return Err(other.into()),
    };
    let restored = place.data.join("nave.redb.restored");
    let gone = |path: &Path| drop(std::fs::remove_file(path));
    for file in key_file.map_or_else(|| key::old_keys(&place.data), |file| vec![file.to_owned()]) {
        let old = match MasterKey::load(&file) {
            Ok(old) => old,
            Err(error) if key_file.is_some() => return Err(error.into()),
            Err(_) => continue,
        };
        gone(&restored);
        match backup(&old, &restored) {
            Ok(()) => {}
            Err(OpenError::WrongBackupKey(_) | OpenError::WrongKey) => continue,
            Err(other) => return Err(other.into()),
        }
        let next = next_store(place);
        let anew = Redb::open_new(&restored, &store_key(&old))
            .map_err(ApiError::from)
            .and_then(|store| key::reseal(&store, &next, &old, master, &ProgressSender::none()));
        gone(&restored);
        drop(anew.inspect_err(|_| gone(&next))?);
        put_in_place(&next, &place.store()).map_err(|error| ApiError::failed(error.to_string()))?;
        return Ok(Some(file));
    }
    Err(wrong.into())
}

/// The restored data say that they were.
fn noted(
    path: &Path,
    key: &nave_store::StoreKey,
    master: &MasterKey,
    anchor: &Path,
    from: &Path,
    by: &str,
) -> Result<(), String> {
    let store = Redb::open(path, key, Default::default()).map_err(|error| error.to_string())?;
    let at = now();
    let entry = AuditEntry {
        at,
        actor: by.to_owned(),
        action: "backup.restored".to_owned(),
        subject: from.display().to_string(),
        detail: String::new(),
    };
    store.commit(Batch { at, audit: vec![entry], ..Batch::default() }).map_err(|error| error.to_string())?;
    // From here on the audit is the backup's: a shorter one is no alarm.
    let id = store.row("hub", "id").map_err(|error| error.to_string())?.and_then(|id| String::from_utf8(id).ok());
    if let Some(id) = id {
        Anchors::new(anchor.to_owned(), id, master)?.restored(&store)?;
    }
    Ok(())
}
