//! The master key changed (T125): everything opens as before, and the key of before opens nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use nave_core::model::{
    Cause, Change as Changed, ChangeKind, ContributionId, FieldChange, Record, RecordId, RecordState, Sequence,
};
use nave_core::value::Value;
use nave_store::{InputRow, SealedRow};

use super::*;
use crate::hub::Hub;
use crate::secrets::{SecretBytes, SecretSource as _};
use crate::vault::{Marker, Vault};

/// A project with something of everything that is sealed.
struct Bed {
    folder: tempfile::TempDir,
    dir: PathBuf,
}

/// What of it can be read.
#[derive(Debug, PartialEq)]
struct Read {
    secrets: Vec<(String, Vec<u8>)>,
    infos: Vec<(String, u32, Time)>,
    next: Option<Vec<u8>>,
    bound: BTreeSet<String>,
    granted: Option<Vec<u8>>,
    history: Vec<Changed>,
    sealed: Vec<(String, Option<Vec<u8>>)>,
}

const GRANTED: &str = "crm/oauth";

impl Bed {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("hub");
        crate::project::init(&dir, false, "dev").unwrap();
        let bed = Self { folder, dir };
        let hub = Hub::open(&bed.dir).await.unwrap();
        for (name, secret) in [("crm", "first-s3cret"), ("books", "second-s3cret"), ("books", "third-s3cret")] {
            hub.vault.set(name, &SecretBytes::new(secret)).unwrap();
        }
        hub.vault.succeed("crm", &SecretBytes::new("next-s3cret")).unwrap();
        hub.vault.bind("crm", &["https://crm.example".to_owned()].into(), None).unwrap();
        hub.vault.keep(GRANTED, Some(&SecretBytes::new("granted-t0ken"))).unwrap();
        let record = |version| Record {
            id: RecordId(1),
            entity: "contact".into(),
            state: RecordState::Active,
            version,
            fields: Default::default(),
            contributions: vec![],
            next_element: 1,
        };
        for version in 1..4_u64 {
            let after = Some(Value::text(format!("v{version}")));
            let field = FieldChange { field: "email".into(), before: None, after, winner: Some(ContributionId(1)) };
            let change = Changed {
                sequence: Sequence(0),
                record: RecordId(1),
                entity: "contact".into(),
                at: Time(0),
                kind: ChangeKind::Updated,
                cause: Cause::default(),
                fields: vec![field],
            };
            let sealed =
                SealedRow { record: RecordId(1), space: "held".into(), key: format!("{version}"), value: b"held".to_vec() };
            let input = InputRow { at: Time(1), kind: "page".into(), subject: "crm".into(), body: b"{}".to_vec() };
            let batch = Batch {
                at: Time(version.cast_signed()),
                records: vec![record(version)],
                changes: vec![change],
                sealed: vec![sealed],
                inputs: vec![input],
                ..Batch::default()
            };
            hub.store.commit(batch).unwrap();
        }
        crate::project::environments::mark(&bed.dir, &bed.data(), &hub.vault).unwrap();
        bed
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn place(&self) -> Place {
        project::place(&self.dir).unwrap()
    }

    fn key(&self, name: &str) -> MasterKey {
        MasterKey::load(&self.data().join(name)).unwrap()
    }

    fn files(&self, of: &str) -> Vec<String> {
        let names =
            std::fs::read_dir(self.data()).unwrap().flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut names: Vec<String> = names.filter(|name| name.starts_with(of)).collect();
        names.sort();
        names
    }

    fn anchors(&self, key: &MasterKey, store: &Redb) -> Anchors {
        let id = String::from_utf8(store.row("hub", "id").unwrap().unwrap()).unwrap();
        Anchors::new(self.place().anchor, id, key).unwrap()
    }

    async fn change(&self, to: Option<&Path>) -> Result<KeyChange, ApiError> {
        change(&self.dir, to, "a test", "local:ada", &ProgressSender::none()).await
    }
}

fn read(store: &dyn nave_store::Store, vault: &Vault) -> Read {
    let bytes = |secret: SecretBytes| secret.expose().to_vec();
    Read {
        secrets: vault.to_look_for().unwrap().into_iter().map(|(name, secret)| (name, bytes(secret))).collect(),
        infos: vault.list().unwrap().into_iter().map(|info| (info.name, info.version, info.created)).collect(),
        next: vault.next("crm", &["https://crm.example".to_owned()].into(), &granted()).unwrap().map(bytes),
        bound: vault.bound("crm").unwrap().unwrap_or_default(),
        granted: vault.kept(GRANTED).unwrap().map(bytes),
        history: store.record_changes(RecordId(1), 100).unwrap(),
        sealed: store.sealed_rows("held").unwrap(),
    }
}

fn granted() -> nave_core::grant::Grant {
    nave_core::grant::check_sign_in("crm", "token", None, "api").unwrap()
}

/// Not by a hub: it would take back what no connection asks for.
async fn read_all(bed: &Bed) -> Read {
    let Unlocked { master, store, .. } = unlock(&bed.place()).await.unwrap();
    let found = bed.anchors(&master, &store).verify(store.as_ref(), None).unwrap().findings;
    assert!(found.is_empty(), "{found:?}");
    read(store.as_ref(), &Vault::of(&master, store.clone()).unwrap().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn t125_everything_is_as_before_and_the_old_key_opens_nothing() {
    let bed = Bed::new().await;
    let before = read_all(&bed).await;
    assert_eq!((before.secrets.len(), before.history.len(), before.sealed.len()), (2, 3, 3), "{before:?}");
    assert!(before.next.is_some() && before.granted.is_some() && !before.bound.is_empty());
    let old = bed.key("master.key");
    let planned = plan(&bed.dir, None).await.unwrap();
    assert_eq!((planned.changed, planned.held), (false, Held { secrets: 3, authorizations: 1 }));
    assert_eq!(bed.files("master.key"), ["master.key"], "a plan changes nothing");
    assert_eq!(bed.change(None).await.unwrap().after, Some(bed.key("master.key").fingerprint()));

    assert_eq!(read_all(&bed).await, before);
    let files = bed.files("master.key");
    assert_eq!(files.len(), 2, "{files:?}");
    assert_eq!(bed.key(&files[1]).fingerprint(), old.fingerprint());
    let shown = show(&bed.dir).unwrap();
    assert!(shown.changed && shown.fingerprint == bed.key("master.key").fingerprint(), "{shown:?}");
    assert_eq!(shown.kept[0].fingerprint, Some(old.fingerprint()));
    assert!(shown.kept[0].until.is_some() && shown.kept[0].until == shown.since);
    let said = serde_json::to_string(&shown).unwrap();
    let key = std::fs::read_to_string(bed.data().join("master.key")).unwrap();
    assert!((0..key.trim().len() - 8).all(|at| !said.contains(&key[at..at + 8])), "a fingerprint says nothing of the key");
    // The marks by which other environments compare are those of the new key.
    let marks = std::fs::read_to_string(bed.data().join("secret-marks")).unwrap();
    assert!(marks.contains(&Marker::new(&bed.key("master.key")).mark(b"first-s3cret")));
    assert!(!marks.contains(&Marker::new(&old).mark(b"first-s3cret")));

    // A thief of the key of before.
    let new = std::fs::read(bed.data().join("master.key")).unwrap();
    std::fs::copy(bed.data().join(&files[1]), bed.data().join("master.key")).unwrap();
    let refused = Hub::open(&bed.dir).await.map(drop).unwrap_err();
    assert!(refused.message.contains("another master key"), "{refused:?}");
    std::fs::write(bed.data().join("master.key"), new).unwrap();
    let store = unlock(&bed.place()).await.unwrap().store;
    let with_old = Vault::with_key(&old, "dev", store.clone());
    assert!(matches!(with_old, Err(crate::vault::VaultError::WrongKey)));
    let reseal = Reseal::new(store.as_ref(), &old, &old).map(drop);
    assert!(matches!(reseal, Err(crate::vault::VaultError::WrongKey)), "{reseal:?}");
    drop(store);

    // Once more, and again.
    bed.change(None).await.unwrap();
    bed.change(None).await.unwrap();
    assert_eq!(read_all(&bed).await, before);
    assert_eq!(bed.files("master.key").len(), 4);
    let hub = Hub::open(&bed.dir).await.unwrap();
    let lines = hub.store.audit(100).unwrap();
    let changed: Vec<&AuditEntry> = lines.iter().filter(|line| line.action == "key.changed").collect();
    assert!(changed.len() == 3 && changed.iter().all(|line| line.actor == "local:ada" && line.detail == "a test"), "{changed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn t125_what_was_begun_is_taken_away_or_brought_to_its_end() {
    let bed = Bed::new().await;
    let before = read_all(&bed).await;
    // The next key and a store that was being made: nothing has happened.
    let old = bed.key("master.key").fingerprint();
    MasterKey::make(&next_key(&bed.data())).unwrap();
    std::fs::write(next_store(&bed.place()), "half a store").unwrap();
    assert_eq!(read_all(&bed).await, before);
    assert_eq!((bed.key("master.key").fingerprint(), bed.files("master.key").len()), (old.clone(), 1));
    assert!(!next_store(&bed.place()).exists());

    // The store is in place, the key is not.
    let next = MasterKey::make(&next_key(&bed.data())).unwrap();
    let opened = unlock_without_settling(&bed);
    let rekeyed = reseal(&opened, &next_store(&bed.place()), &bed.key("master.key"), &next, &ProgressSender::none()).unwrap();
    let audit = bed.anchors(&bed.key("master.key"), &opened).hand_over(&opened).unwrap();
    let kept = Some("master.key.until-2026-01-01".to_owned());
    let pending = Change { at: Time(7), done: false, to: None, kept, audit: Some(audit) };
    open::remember(&rekeyed, &pending).unwrap();
    drop(rekeyed);
    put_in_place(&next_store(&bed.place()), &bed.place().store()).unwrap();
    drop(opened);
    let ended = bed.change(None).await.unwrap();
    assert!(ended.finished_earlier && !ended.changed, "one change at a time: {ended:?}");
    assert_eq!(bed.key("master.key").fingerprint(), next.fingerprint());
    assert_eq!(bed.key("master.key.until-2026-01-01").fingerprint(), old);
    assert_eq!(bed.files("master.key").len(), 2);
    assert_eq!(read_all(&bed).await, before);
    assert!(bed.change(None).await.unwrap().changed);
    assert_eq!(read_all(&bed).await, before);
}

fn unlock_without_settling(bed: &Bed) -> Redb {
    Redb::open(&bed.place().store(), &store_key(&bed.key("master.key")), Default::default()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn t125_a_key_moves_out_of_the_data_folder() {
    let bed = Bed::new().await;
    let before = read_all(&bed).await;
    let to = bed.folder.path().join("safe/hub.key");
    let refused = bed.change(Some(&to)).await.unwrap_err();
    assert!(refused.message.contains("there is no folder"), "{refused:?}");
    std::fs::create_dir(bed.folder.path().join("safe")).unwrap();
    let inside = bed.change(Some(&bed.data().join("other.key"))).await.unwrap_err();
    assert!(inside.message.contains("is in the data folder"), "{inside:?}");
    std::fs::copy(bed.data().join("master.key"), &to).unwrap();
    let same = bed.change(Some(&to)).await.unwrap_err();
    assert!(same.message.contains("the master key that is in use"), "{same:?}");
    std::fs::remove_file(&to).unwrap();
    let changed = bed.change(Some(&to)).await.unwrap();
    assert_eq!(changed.set_variable, Some(to.clone()));
    let files = bed.files("master.key");
    assert!(files.len() == 1 && files[0].starts_with(KEPT), "{files:?}");
    let help = Hub::open(&bed.dir).await.map(drop).unwrap_err().help.unwrap();
    assert!(help.contains("NAVE_MASTER_KEY_FILE") && help.contains(&to.display().to_string()), "{help}");
    let master = MasterKey::load(&to).unwrap();
    let store: Arc<Redb> = Arc::new(Redb::open(&bed.place().store(), &store_key(&master), Default::default()).unwrap());
    let vault = Vault::of(&master, store.clone()).unwrap().unwrap();
    assert_eq!(read(store.as_ref(), &vault), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_refused_where_it_would_lose_or_vouch_for_something() {
    let bed = Bed::new().await;
    let before = read_all(&bed).await;
    let old = bed.key("master.key").fingerprint();
    let refused = async |says: &str, help: &str| {
        let error = bed.change(None).await.unwrap_err();
        let helped = error.help.as_deref().unwrap_or_default();
        assert!(error.message.contains(says) && helped.contains(help), "{error:?}");
        assert_eq!((bed.key("master.key").fingerprint(), bed.files("master.key").len()), (old.clone(), 1));
        assert!(!next_store(&bed.place()).exists());
    };
    let error = change(&bed.dir, None, " \n", "local:ada", &ProgressSender::none()).await.unwrap_err();
    assert_eq!(error.exit, exit::USAGE);

    // A secret that does not open.
    let put = |space: &str, key: &str, value: Option<Vec<u8>>| {
        let row = nave_store::KeyedRow { space: space.to_owned(), key: key.to_owned(), value };
        unlock_without_settling(&bed).commit(Batch { at: Time(1), rows: vec![row], ..Batch::default() }).unwrap();
    };
    let row = |space: &str, key: &str| unlock_without_settling(&bed).row(space, key).unwrap().unwrap();
    for (space, key, says) in [
        ("secret", "crm", "the secret `crm`"),
        ("secret-next", "crm", "the secret `crm`"),
        ("secret-bound", "crm", "the secret `crm`"),
        ("authorization", GRANTED, GRANTED),
    ] {
        let good = row(space, key);
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        put(space, key, Some(bad));
        refused(says, "store it again").await;
        put(space, key, Some(good));
    }

    // An audit that is not as it was: the new key would vouch for it.
    let anchor = bed.place().anchor;
    let good = std::fs::read_to_string(&anchor).unwrap();
    std::fs::remove_file(&anchor).unwrap();
    refused("the audit is not as it was", "nave audit verify").await;
    std::fs::write(&anchor, good).unwrap();

    // While somebody has the data open nothing is done; the wait is somebody else's test.
    assert_eq!(read_all(&bed).await, before);
    let nothing = tempfile::tempdir().unwrap();
    crate::project::init(nothing.path(), false, "dev").unwrap();
    let error = plan(nothing.path(), None).await.map(drop).unwrap_err();
    assert!(error.message.contains("there are no data yet"), "{error:?}");
    assert!(show(nothing.path()).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn t125_a_backup_of_before_comes_back_under_the_key_in_place() {
    let bed = Bed::new().await;
    let before = read_all(&bed).await;
    let backup = bed.folder.path().join("before.nave");
    let Unlocked { master, store, .. } = unlock(&bed.place()).await.unwrap();
    let backup_key = nave_store::BackupKey::new(master.derive(crate::vault::Purpose::Backup));
    nave_store::Store::backup(store.as_ref(), &backup, &backup_key).unwrap();
    Vault::of(&master, store).unwrap().unwrap().set("crm", &SecretBytes::new("later-s3cret")).unwrap();
    bed.change(None).await.unwrap();
    bed.change(None).await.unwrap();
    let now = bed.key("master.key").fingerprint();
    let kept = bed.files(KEPT);

    // By a key that was kept when it was changed.
    let said = crate::restore(&bed.dir, &backup, true, None, "local:ada").unwrap();
    assert!(said.contains("sealed anew"), "{said}");
    assert_eq!(bed.key("master.key").fingerprint(), now);
    assert_eq!(read_all(&bed).await, before);
    assert!(bed.files("nave.redb.restored").is_empty() && bed.files("nave.redb.next").is_empty());

    // By a key that is brought.
    let safe = bed.folder.path().join("safe.key");
    std::fs::rename(bed.data().join(&kept[0]), &safe).unwrap();
    let refused = crate::restore(&bed.dir, &backup, true, None, "local:ada").unwrap_err();
    assert!(refused.message.contains("--key-file") && refused.message.contains("was not restored"), "{refused:?}");
    assert_eq!(read_all(&bed).await, before, "what was there is there");
    let wrong = crate::restore(&bed.dir, &backup, true, Some(&bed.data().join(&kept[1])), "local:ada").unwrap_err();
    assert!(wrong.message.contains("another master key"), "{wrong:?}");
    crate::restore(&bed.dir, &backup, true, Some(&safe), "local:ada").unwrap();
    assert_eq!(read_all(&bed).await, before);

    // On another machine, which has no key yet.
    let other = bed.folder.path().join("other");
    crate::project::init(&other, false, "dev").unwrap();
    crate::restore(&other, &backup, false, Some(&safe), "local:ada").unwrap();
    let Unlocked { master, store, .. } = unlock(&project::place(&other).unwrap()).await.unwrap();
    assert_eq!(read(store.as_ref(), &Vault::of(&master, store.clone()).unwrap().unwrap()), before);
    drop(store);
    Hub::open(&other).await.unwrap();
    assert_ne!(MasterKey::load(&other.join("data/master.key")).unwrap().fingerprint(), bed.key("master.key").fingerprint());
}

/// A restore moves a store aside that is under the next key, where somebody was killed: that key is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_key_is_kept_where_a_restore_moves_aside_what_is_under_it() {
    let bed = Bed::new().await;
    let backup = bed.folder.path().join("before.nave");
    let hub = Hub::open(&bed.dir).await.unwrap();
    hub.store.backup(&backup, &hub.backup_key).unwrap();
    drop(hub);
    let next = MasterKey::make(&next_key(&bed.data())).unwrap().fingerprint();
    std::fs::write(bed.place().store(), "not a store any more").unwrap();
    crate::restore(&bed.dir, &backup, true, None, "local:ada").unwrap();
    let kept = bed.files(KEPT);
    assert!(kept.len() == 1 && bed.key(&kept[0]).fingerprint() == next, "{kept:?}");
    Hub::open(&bed.dir).await.unwrap();
}
