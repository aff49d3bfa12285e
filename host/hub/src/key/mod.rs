//! The master key: what is known of it, and how it is changed.
//!
//! A change makes the store anew under the new key, in a file of its own, and puts it in place in one step: who is killed
//! before that has changed nothing, and who is killed after that has a store whose change the next command finishes
//! ([`open`]). Nothing is ever half under the one key and half under the other.

mod notes;
pub(crate) mod open;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use nave_core::model::{AuditEntry, Time};
use nave_store::{Batch, Redb, Rekey, Store as _, kill, put_in_place};
use serde::Serialize;
use zeroize::Zeroizing;

pub use notes::Noted;

use crate::anchor::Anchors;
use crate::api::{ApiError, ProgressSender, exit};
use crate::clock::now;
use crate::project::{self, Place};
use crate::secrets::SecretBytes;
use crate::vault::{Held, MASTER_KEY_FILE, MASTER_KEY_FILE_VARIABLE, MasterKey, Reseal, as_store_error};
pub(crate) use open::store_key;
use open::{Change, Unlocked, finish, next_key, next_store, unlock};

/// The names under which old keys are kept begin so.
const KEPT: &str = "master.key.until-";

/// What is known of a project's master key.
#[derive(Clone, Debug, Serialize)]
pub struct KeyAnswer {
    /// Where it lies.
    pub file: PathBuf,
    /// Its fingerprint: says nothing of it.
    pub fingerprint: String,
    /// Since when it is in use, where that was noted; else when its file was written.
    pub since: Option<Time>,
    /// It came in place of another one.
    pub changed: bool,
    /// Keys of before that are kept for backups.
    pub kept: Vec<OldKey>,
}

/// A key of before.
#[derive(Clone, Debug, Serialize)]
pub struct OldKey {
    /// Where it lies.
    pub file: PathBuf,
    /// Its fingerprint; none where it cannot be read.
    pub fingerprint: Option<String>,
    /// When it was changed for another one, where that was noted.
    pub until: Option<Time>,
}

/// What a change does, or has done.
#[derive(Clone, Debug, Serialize)]
pub struct KeyChange {
    /// It has happened.
    pub changed: bool,
    /// Nothing was changed, because a change that was cut off was brought to its end.
    pub finished_earlier: bool,
    /// Fingerprint of the key before.
    pub before: String,
    /// Fingerprint of the key after; none where there is none yet.
    pub after: Option<String>,
    /// Where the new key lies.
    pub file: PathBuf,
    /// Where the old key lies: backups that were made before open with it alone.
    pub kept: PathBuf,
    /// NAVE_MASTER_KEY_FILE has to name this from then on.
    pub set_variable: Option<PathBuf>,
    /// What the vault holds.
    pub held: Held,
    /// Records.
    pub records: u64,
    /// Size of the store: as much room is needed once more.
    pub bytes: u64,
}

/// What is known of the master key. Opens nothing but the key.
///
/// # Errors
/// [`ApiError`] where there is no project, or no key that can be read.
pub fn show(dir: &Path) -> Result<KeyAnswer, ApiError> {
    let place = project::place(dir)?;
    let file = MasterKey::named().unwrap_or_else(|| place.data.join(MASTER_KEY_FILE));
    if !file.exists() && !place.store().exists() {
        return Err(ApiError::not_found("there is no master key yet").help("the first command that stores something makes it"));
    }
    let fingerprint = MasterKey::load(&file)?.fingerprint();
    let noted = notes::all(&place.data);
    let changed = noted.iter().rfind(|noted| noted.key == fingerprint);
    let written = || std::fs::metadata(&file).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok();
    let since = changed.map(|noted| noted.at).or_else(|| Some(Time(i64::try_from(written()?.as_millis()).ok()?)));
    let kept = old_keys(&place.data).into_iter().map(|file| {
        let fingerprint = MasterKey::load(&file).ok().map(|key| key.fingerprint());
        let until = noted.iter().rfind(|noted| Some(&noted.before) == fingerprint.as_ref()).map(|noted| noted.at);
        OldKey { file, fingerprint, until }
    });
    Ok(KeyAnswer { changed: changed.is_some(), kept: kept.collect(), file, fingerprint, since })
}

/// Files of keys of before in a data folder, the newest first.
pub(crate) fn old_keys(data: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(data).into_iter().flatten().flatten();
    let mut files: Vec<PathBuf> =
        entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(KEPT)).map(|entry| entry.path()).collect();
    files.sort();
    files.reverse();
    files
}

/// The master key and those of before, as far as they can be read, by the names of their files: each as the text of its file and as
/// the bytes that this stands for.
pub(crate) fn to_look_for(place: &Place) -> Vec<(String, SecretBytes)> {
    let own = MasterKey::named().unwrap_or_else(|| place.data.join(MASTER_KEY_FILE));
    let mut all = Vec::new();
    for file in std::iter::once(own).chain(old_keys(&place.data)) {
        // What is no key is none of ours to look for.
        let Some(text) = MasterKey::load(&file).ok().and_then(|_| std::fs::read_to_string(&file).ok()).map(Zeroizing::new) else {
            continue;
        };
        let digits = Zeroizing::new(text.trim_end().to_ascii_lowercase());
        let pair = |pair: &[u8; 2]| Some((hex(pair[0])? << 4) | hex(pair[1])?);
        let bytes: Zeroizing<Vec<u8>> = Zeroizing::new(digits.as_bytes().as_chunks::<2>().0.iter().filter_map(pair).collect());
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        all.push((name.clone(), SecretBytes::new(bytes.as_slice())));
        all.push((name, SecretBytes::new(digits.as_bytes())));
    }
    all
}

/// What a hexadecimal digit stands for.
fn hex(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

/// Before a store is moved aside: a change that somebody was killed in is brought to its end. Where that cannot be done the next
/// key is kept, because what is moved aside may be under it. Says whether there was something to do.
pub(crate) fn end_or_keep(place: &Place) -> bool {
    let next = next_key(&place.data);
    if next.symlink_metadata().is_err() {
        return false;
    }
    if !matches!(open::unlock_now(place), Ok(Ok(_))) {
        let kept = place.data.join(name_for_kept(&place.data));
        if let Err(error) = std::fs::rename(&next, &kept) {
            tracing::warn!(%error, "the next master key could not be kept under another name");
        }
    }
    true
}

/// A name for the key in place that nothing has, of the day.
fn name_for_kept(data: &Path) -> String {
    let day = now().to_string();
    let day = day.get(..10).unwrap_or(&day).to_owned();
    let names = std::iter::once(format!("{KEPT}{day}")).chain((2..).map(|number| format!("{KEPT}{day}-{number}")));
    names.into_iter().find(|name| data.join(name).symlink_metadata().is_err()).unwrap_or(day)
}

/// What a change would do. Changes nothing.
///
/// # Errors
/// As [`change`].
pub async fn plan(dir: &Path, to: Option<&Path>) -> Result<KeyChange, ApiError> {
    Ok(Begun::new(dir, to).await?.answer)
}

/// Puts another master key in place of the one that is there, and seals everything anew under it.
///
/// # Errors
/// [`ApiError`] where a hub has the data open, something does not open under the key that is there, the audit is not as it was, or
/// the disk says no. Nothing is changed then, unless it says so.
pub async fn change(
    dir: &Path,
    to: Option<&Path>,
    because: &str,
    by: &str,
    progress: &ProgressSender,
) -> Result<KeyChange, ApiError> {
    let because = because.trim();
    if nave_core::reason::is_blank(because) {
        return Err(ApiError::usage("a change of the master key has a reason").help("--because 'the old disk was sold'"));
    }
    let begun = Begun::new(dir, to).await?;
    if begun.answer.finished_earlier {
        return Ok(begun.answer);
    }
    let (because, by, progress) = (because.to_owned(), by.to_owned(), progress.clone());
    let changed = tokio::task::spawn_blocking(move || begun.carry_out(&because, &by, &progress)).await;
    changed.map_err(|error| ApiError::failed(error.to_string()))?
}

/// A change before anything of it has happened: the store is open, and nobody else has it.
struct Begun {
    place: Place,
    unlocked: Unlocked,
    /// Where the new key is to lie; none where it becomes the data folder's own.
    to: Option<PathBuf>,
    /// What the data folder's own key is called from then on.
    kept: Option<String>,
    answer: KeyChange,
}

impl Begun {
    async fn new(dir: &Path, to: Option<&Path>) -> Result<Self, ApiError> {
        let place = project::place(dir)?;
        let store = place.store();
        if !store.exists() {
            return Err(ApiError::not_found("there are no data yet, and nothing is sealed")
                .help("the first command that stores something makes a key; there is none to change"));
        }
        if place.socket().exists() && std::os::unix::net::UnixStream::connect(place.socket()).is_ok() {
            return Err(ApiError::new(
                "serving",
                exit::UNAVAILABLE,
                "a hub serves this project, and the key is changed while none does",
            )
            .help("stop `nave serve`, change the key, start it again"));
        }
        let named = MasterKey::named();
        let to = to.map(|to| outside(&place, to)).transpose()?;
        if let (Some(named), None) = (&named, &to) {
            return Err(ApiError::usage(format!(
                "the master key is {}, which {MASTER_KEY_FILE_VARIABLE} names: say where the new one is to lie",
                named.display()
            ))
            .help("--to FILE: it is made there, or taken from there; the variable has to name it from then on"));
        }
        let unlocked = unlock(&place).await?;
        // With the name that a change was finished by just now, it is kept already.
        let kept = named.is_none().then(|| name_for_kept(&place.data));
        let old = kept.as_ref().map(|kept| place.data.join(kept)).or(named).unwrap_or_default();
        let held = Reseal::new(unlocked.store.as_ref(), &unlocked.master, &unlocked.master)
            .and_then(|reseal| reseal.try_all(unlocked.store.as_ref()))
            .map_err(|error| {
                ApiError::failed(format!("nothing was changed: {error}"))
                    .help("a secret that does not open cannot be sealed anew: store it again, or remove it; then change the key")
            })?;
        let answer = KeyChange {
            changed: false,
            finished_earlier: unlocked.finished,
            before: unlocked.master.fingerprint(),
            after: None,
            file: to.clone().unwrap_or_else(|| place.data.join(MASTER_KEY_FILE)),
            kept: if unlocked.finished { old_keys(&place.data).into_iter().next().unwrap_or(old) } else { old },
            set_variable: to.clone(),
            held,
            records: unlocked.store.counts()?.iter().map(|(_, count)| count).sum(),
            bytes: std::fs::metadata(&store).map_or(0, |about| about.len()),
        };
        Ok(Self { place, unlocked, to, kept, answer })
    }

    /// In this order: the key, durable; what a person needs to know who has the wrong one; the new store, whole; and then the
    /// one step by which it happens.
    fn carry_out(self, because: &str, by: &str, progress: &ProgressSender) -> Result<KeyChange, ApiError> {
        let Self { place, unlocked, to, kept, mut answer } = self;
        let Unlocked { master, store, .. } = unlocked;
        let audit = match store.row("hub", "id")? {
            None => None,
            Some(id) => {
                let id = String::from_utf8(id).map_err(|error| ApiError::failed(error.to_string()))?;
                let anchors = Anchors::new(place.anchor.clone(), id, &master).map_err(ApiError::failed)?;
                Some(anchors.hand_over(store.as_ref()).map_err(|found| {
                    ApiError::failed(format!("nothing was changed, because the audit is not as it was: {found}")).help(
                        "the new key would vouch for it: look with `nave audit verify`; who knows why says so with `nave audit accept --reason 'why'`",
                    )
                })?)
            }
        };
        let next = match &to {
            Some(to) if to.symlink_metadata().is_ok() => MasterKey::load(to)?,
            Some(to) => MasterKey::make(to)?,
            None => MasterKey::make(&next_key(&place.data))?,
        };
        if next.fingerprint() == master.fingerprint() {
            return Err(ApiError::usage("this is the master key that is in use")
                .help("--to FILE: name a file that holds another one, or none"));
        }
        kill::reach("key-made");
        let at = now();
        let (before, key) = (master.fingerprint(), next.fingerprint());
        notes::add(&place.data, Noted { at, before: before.clone(), key: key.clone(), to: to.clone(), kept: kept.clone() })?;
        kill::reach("key-noted");
        let path = next_store(&place);
        let change = Change { at, done: false, to, kept, audit };
        let entry = AuditEntry {
            at,
            actor: by.to_owned(),
            action: "key.changed".to_owned(),
            subject: format!("{before} → {key}"),
            detail: because.to_owned(),
        };
        let made = reseal(&store, &path, &master, &next, progress);
        let rekeyed = made.and_then(|rekeyed| {
            let batch = Batch { at, rows: vec![open::row(&change)?], audit: vec![entry], ..Batch::default() };
            rekeyed.commit(batch).map_err(|error| ApiError::failed(format!("the new store took no line: {error}")))?;
            Ok(rekeyed)
        });
        let rekeyed = rekeyed.inspect_err(|_| {
            for left in [path.clone(), next_key(&place.data)] {
                let _ = std::fs::remove_file(left);
            }
        })?;
        kill::reach("key-sealed");
        put_in_place(&path, &place.store()).map_err(|error| {
            ApiError::failed(format!("the new store could not be put in place: {error}"))
                .help("run the command again; the data are whole, under the one key or the other")
        })?;
        kill::reach("key-changed");
        // Both were open until here, so that nobody came in between.
        drop(store);
        let rekeyed = std::sync::Arc::new(rekeyed);
        finish(&place, &next, &rekeyed, change)?;
        (answer.changed, answer.after) = (true, Some(key));
        Ok(answer)
    }
}

/// Where a key outside of the data folder is to lie.
fn outside(place: &Place, to: &Path) -> Result<PathBuf, ApiError> {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let (to, data) = (absolute(to), absolute(&place.data));
    let folder = to.parent().unwrap_or(Path::new("/"));
    if to.starts_with(&data) {
        return Err(ApiError::usage(format!("{} is in the data folder", to.display()))
            .help("without --to the key becomes the data folder's own; --to names a file elsewhere"));
    }
    if !folder.is_dir() {
        return Err(ApiError::usage(format!("there is no folder {}", folder.display())).help("make it, for the hub's user alone"));
    }
    Ok(to)
}

/// The whole store under another key, in a file beside it, read back.
pub(crate) fn reseal(
    store: &Redb,
    to: &Path,
    before: &MasterKey,
    after: &MasterKey,
    progress: &ProgressSender,
) -> Result<Redb, ApiError> {
    let failed = |error: &dyn std::fmt::Display| {
        ApiError::failed(format!("nothing was changed: the store could not be sealed anew: {error}"))
            .help("as much room as the store takes is needed once more: `df` on the data folder tells; then run it again")
    };
    let vault = Reseal::new(store, before, after).map_err(|error| failed(&error))?;
    let _ = std::fs::remove_file(to);
    let mut row = |space: &str, key: &str, bytes: &[u8]| vault.row(space, key, bytes).map_err(as_store_error);
    let told = |rows: u64| progress.report("sealing anew", rows, None);
    store.rekey(to, Rekey { key: &store_key(after), row: &mut row, told: &told }).map_err(|error| failed(&error))?;
    let rekeyed = Redb::open_new(to, &store_key(after)).map_err(|error| failed(&error))?;
    progress.report("reading back", 0, None);
    rekeyed.validate().map_err(|error| failed(&error))?;
    Ok(rekeyed)
}
