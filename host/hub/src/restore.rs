//! Puts a backup in place of a project's data.

use std::path::Path;

use nave_core::model::AuditEntry;
use nave_store::{Batch, Redb, Store as _};

use crate::anchor::Anchors;
use crate::api::{ApiError, exit};
use crate::clock::now;
use crate::project;
use crate::vault::{MasterKey, Purpose};

/// Checks the backup, then makes it the project's store. The data that were there are kept beside it, never overwritten.
/// The master key is not part of a backup: it must be the one that the backup was made under.
///
/// # Errors
/// [`ApiError`] where data are there and `replace` is not set, a hub has them open, or the backup is not whole.
pub fn restore(dir: &Path, from: &Path, replace: bool, by: &str) -> Result<String, ApiError> {
    let place = project::place(dir)?;
    let failed = |what: &str, error: &dyn std::fmt::Display| ApiError::failed(format!("{what}: {error}"));
    if !from.is_file() {
        return Err(
            ApiError::usage(format!("there is no file {}", from.display())).help("name a file that `nave backup FILE` wrote")
        );
    }
    // A key made now would open no backup.
    let master = MasterKey::load_or_create(&place.data, from)?;
    let key = nave_store::StoreKey::new(master.derive(Purpose::Store));
    let sealing = nave_store::BackupKey::new(master.derive(Purpose::Backup));
    let store = place.data.join("nave.redb");
    if place.socket().exists() && std::os::unix::net::UnixStream::connect(place.socket()).is_ok() {
        return Err(ApiError::new("unavailable", exit::UNAVAILABLE, "a hub serves this project").help("stop `nave serve` first"));
    }
    let mut aside = None;
    if store.exists() {
        if !replace {
            return Err(ApiError::usage(format!("{} is there already", store.display()))
                .help("with --replace it is moved aside and the backup takes its place"));
        }
        let kept = (1..).map(|n| place.data.join(format!("nave.redb.before-restore-{n}"))).find(|path| !path.exists());
        if let Some(kept) = kept {
            std::fs::rename(&store, &kept).map_err(|error| failed("moving the data aside", &error))?;
            aside = Some(kept);
        }
    }
    if let Err(error) = nave_store::restore(from, &store, &key, &sealing) {
        if let Some(kept) = &aside {
            std::fs::rename(kept, &store).map_err(|error| failed("moving the data back", &error))?;
        }
        return Err(ApiError::failed(format!("{} was not restored: {error}", from.display())));
    }
    noted(&store, &key, &master, &place.anchor, from, by).map_err(|error| failed("the restored data", &error))?;
    Ok(match aside {
        Some(kept) => format!("{} is restored; what was there before is {}", from.display(), kept.display()),
        None => format!("{} is restored", from.display()),
    })
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
