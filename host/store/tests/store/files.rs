//! Files: keys, formats, erasure, backup and restore, the derived index rebuilt.

use std::path::Path;

use nave_core::model::{Record, RecordId, Sequence, Time};
use nave_store::{BackupKey, FORMAT, IndexEntry, IndexSpace, OpenError, Options, Redb, Store, StoreKey, floor_bench, restore};

use crate::conformance::{check, store_key};
use crate::script::batch;

fn open(path: &Path) -> Redb {
    Redb::open(path, &store_key(), Options::default()).unwrap()
}

fn backup_key() -> BackupKey {
    BackupKey::new([5; 32])
}

fn contains(path: &Path, text: &str) -> bool {
    let bytes = std::fs::read(path).unwrap();
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_store_that_was_half_made_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    // What a crash during the first start leaves: the file under its partial name, and nothing under its own.
    let partial = folder.path().join(format!("store.redb.partial-{}", std::process::id()));
    std::fs::write(&partial, vec![0; 4096]).unwrap();
    let store = open(&path);
    store.commit(batch("record=1:1")).unwrap();
    assert!(path.exists() && !partial.exists());
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn another_key_does_not_open_the_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    drop(open(&path));
    let other = Redb::open(&path, &StoreKey::new([8; 32]), Options::default());
    assert!(matches!(other, Err(OpenError::WrongKey)));
    drop(open(&path));
}

#[test]
fn a_second_process_is_told_that_the_store_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let _first = open(&path);
    assert!(matches!(Redb::open(&path, &store_key(), Options::default()), Err(OpenError::Busy(_))));
}

#[test]
fn what_is_not_a_store_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    std::fs::write(&path, b"this is a letter, not a store".repeat(400)).unwrap();
    assert!(matches!(Redb::open(&path, &store_key(), Options::default()), Err(OpenError::Damaged(..) | OpenError::Engine(..))));
    // A database of somebody else.
    let path = folder.path().join("other.redb");
    let other = redb::Database::create(&path).unwrap();
    let transaction = other.begin_write().unwrap();
    const META: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("meta");
    transaction.open_table(META).unwrap().insert(b"x".as_slice(), b"y".as_slice()).unwrap();
    transaction.commit().unwrap();
    drop(other);
    assert!(matches!(Redb::open(&path, &store_key(), Options::default()), Err(OpenError::Damaged(..))));
}

/// Writes another format number into a store file, as another hub would have.
fn set_format(path: &Path, format: u64) {
    let database = redb::Database::open(path).unwrap();
    let transaction = database.begin_write().unwrap();
    const META: redb::TableDefinition<'_, &[u8], &[u8]> = redb::TableDefinition::new("meta");
    transaction.open_table(META).unwrap().insert(b"format".as_slice(), format.to_le_bytes().as_slice()).unwrap();
    transaction.commit().unwrap();
}

#[test]
fn a_newer_format_is_refused_and_left_alone_also_by_restore() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    drop(open(&path));
    set_format(&path, FORMAT + 1);
    // Twice: refusing it does not bring it down to this hub's format.
    for _ in 0..2 {
        let refused = Redb::open(&path, &store_key(), Options::default());
        assert!(matches!(refused, Err(OpenError::Newer { found, known }) if found == FORMAT + 1 && known == FORMAT));
    }
    let target = folder.path().join("restored.redb");
    assert!(matches!(restore(&path, &target, &store_key(), &backup_key()), Err(OpenError::Newer { .. })));
    let left = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: std::collections::BTreeSet<String> = left.collect();
    let expected = ["store.redb", "store.redb.sums"].map(str::to_owned).into();
    assert_eq!(left, expected, "a refused restore leaves nothing behind");
}

/// A file written by the first format; made by `write_the_fixture` below, never made again.
const FIXTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/store/format-1.redb.lz4");

/// What the fixture answers, in every format to come.
const FIXTURE_ANSWERS: &str = "record 1 2 -> v2 v1
     history 1 9 -> 3:1:a:c@100 1:1:none:a@100
     history 2 9 -> 2:2:none:–@100
     resolve crm:x -> 1
     find match 5 -> [2]
     dirty out 0 9 -> 1:1:1
     intent out 1 -> k
     checkpoint crm contacts -> 1
     row hub x -> y
     counts -> contact/active=2
     objects -> crm/s=1:1
     audit 9 -> made";

#[test]
fn a_store_of_the_first_format_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let packed = std::fs::read(FIXTURE).unwrap();
    std::fs::write(&path, lz4_flex::block::decompress_size_prepended(&packed).unwrap()).unwrap();
    let store = open(&path);
    check("fixture", &store, FIXTURE_ANSWERS);
    assert_eq!(store.inputs(0, 9).unwrap()[0].1.body, b"body");
    assert_eq!(store.verify_audit().unwrap(), Ok(1));
}

/// What the fixture was made from; also shows that today's format gives the same answers.
#[test]
fn write_the_fixture() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path);
    store
        .commit(batch("record=1:1 record=2:1 change=1::a change=2::b contribution=1:crm:x add=match:5:2 dirty=out:1:1"))
        .unwrap();
    store
        .commit(batch("record=1:2 change=1:a:c intent=out:1:k:body checkpoint=crm:contacts:0:1 row=hub:x:y audit=made"))
        .unwrap();
    store.commit(batch("erase=2 input=page:crm:body")).unwrap();
    check("today's format", &store, FIXTURE_ANSWERS);
    drop(store);
    if std::env::var_os("NAVE_WRITE_FIXTURE").is_some() {
        let packed = lz4_flex::block::compress_prepend_size(&std::fs::read(&path).unwrap());
        std::fs::write(FIXTURE, packed).unwrap();
    }
}

// I2: erasing a person destroys the key; the values are gone from the store, and were never in the clear.
#[test]
fn i2_values_are_sealed_in_the_file_and_gone_after_erasure() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = open(&path);
    store
        .commit(batch(
            "record=1:1 record=2:1 change=1::canary-value change=2::other input=page:crm:canary-input seal=1:held:x:canary-held",
        ))
        .unwrap();
    assert_eq!(store.sealed_rows("held").unwrap(), [("x".to_owned(), Some(b"canary-held".to_vec()))]);
    let after = |store: &Redb| {
        let changes = store.changes(Sequence(0), 10).unwrap();
        changes.iter().map(|change| change.fields[0].after.as_ref().unwrap().display()).collect::<Vec<_>>()
    };
    assert_eq!(after(&store), ["canary-value", "other"]);
    store.erase(RecordId(1), Time(1)).unwrap();
    assert_eq!(after(&store), ["–", "other"]);
    drop(store);
    assert!(!contains(&path, "canary-value") && !contains(&path, "canary-input") && !contains(&path, "canary-held"));
    assert!(contains(&path, "email"), "the search finds what is in the clear");
    let again = open(&path);
    assert_eq!(after(&again), ["–", "other"]);
    assert_eq!(again.sealed_rows("held").unwrap(), [("x".to_owned(), None)]);
}

#[test]
fn a_backup_is_consistent_while_others_write_and_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.redb"), folder.path().join("copy.redb"));
    let store = open(&path);
    let page = |n: u64| {
        let before = n - 1;
        batch(&format!(
            "record={n}:1 contribution={n}:crm:r{n} change={n}::v{n} add=match:{n}:{n} dirty=out:{n}:1 checkpoint=c:s:{before}:{n}"
        ))
    };
    let write = |n: u64| store.commit(page(n)).map(|_| ()).unwrap();
    (1..=50).for_each(write);
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| (51..=150).for_each(write));
        store.backup(&copy, &backup_key()).unwrap();
        writer.join().unwrap();
    });
    assert!(store.backup(&copy, &backup_key()).is_err(), "a backup overwrites nothing");
    let back = folder.path().join("back.redb");
    restore(&copy, &back, &store_key(), &backup_key()).unwrap();
    assert!(matches!(restore(&copy, &back, &store_key(), &backup_key()), Err(OpenError::Exists(_))));
    let restored = open(&back);
    let pages = restored.checkpoint("c", "s").unwrap().unwrap().generation;
    assert!(pages >= 50);
    // One state of all tables.
    assert_eq!(restored.heads().unwrap().record, pages + 1);
    assert_eq!(restored.changes(Sequence(0), 1000).unwrap().len() as u64, pages);
    assert_eq!(restored.dirty_count("out").unwrap(), pages);
    check("restored", &restored, &format!("find match {pages} -> [{pages}]\n resolve crm:r{pages} -> {pages}"));
    // And it goes on from there.
    restored.commit(page(pages + 1)).unwrap();
}

#[test]
fn restore_refuses_what_is_not_a_plain_whole_backup_under_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.redb"), folder.path().join("copy.redb"));
    let store = open(&path);
    store.commit(batch("record=1:1 change=1::a")).unwrap();
    store.backup(&copy, &backup_key()).unwrap();
    let to = folder.path().join("to.redb");
    assert!(matches!(restore(&copy, &to, &StoreKey::new([9; 32]), &backup_key()), Err(OpenError::WrongKey)));
    let other = restore(&copy, &to, &store_key(), &BackupKey::new([6; 32]));
    assert!(matches!(other, Err(OpenError::WrongBackupKey(_))), "{other:?}");
    assert!(matches!(restore(&folder.path().join("none"), &to, &store_key(), &backup_key()), Err(OpenError::Damaged(..))));
    assert!(matches!(restore(folder.path(), &to, &store_key(), &backup_key()), Err(OpenError::Damaged(..))));
    let link = folder.path().join("link.redb");
    std::os::unix::fs::symlink(&copy, &link).unwrap();
    assert!(matches!(restore(&link, &to, &store_key(), &backup_key()), Err(OpenError::Damaged(..))));
    assert!(matches!(restore(&copy, &link, &store_key(), &backup_key()), Err(OpenError::Exists(_))));
    let bytes = std::fs::read(&copy).unwrap();
    let cut = folder.path().join("cut.redb");
    std::fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(restore(&cut, &to, &store_key(), &backup_key()), Err(OpenError::BackupAltered(..))));
    let altered = folder.path().join("altered.redb");
    for at in [0, 9, 20, 50, bytes.len() / 2, bytes.len() - 1] {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        std::fs::write(&altered, bytes).unwrap();
        let refused = restore(&altered, &to, &store_key(), &backup_key()).unwrap_err();
        assert!(refused.to_string().contains("altered.redb") || matches!(refused, OpenError::Newer { .. }), "{at}: {refused}");
        assert!(!to.exists());
    }
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("partial")), "nothing stays behind: {names:?}");
    restore(&copy, &to, &store_key(), &backup_key()).unwrap();
}

/// Backups of the first hubs were plain store files.
#[test]
fn a_backup_from_before_the_sealing_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let (copy, to) = (folder.path().join("copy.redb"), folder.path().join("to.redb"));
    std::fs::write(&copy, lz4_flex::block::decompress_size_prepended(&std::fs::read(FIXTURE).unwrap()).unwrap()).unwrap();
    restore(&copy, &to, &store_key(), &backup_key()).unwrap();
    check("restored", &open(&to), FIXTURE_ANSWERS);
}

/// Line 128: who has a backup and not the master key reads nothing: no record, no match key, no dead letter, no name.
#[test]
fn nothing_in_a_backup_is_readable() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("store.redb"), folder.path().join("copy.redb"));
    let store = open(&path);
    store
        .commit(batch(
            "record=1:1 contribution=1:crm:canary-remote change=1::canary-value row=hub:x:canary-row audit=canary-audit",
        ))
        .unwrap();
    store.backup(&copy, &backup_key()).unwrap();
    drop(store);
    for clear in ["canary-remote", "canary-row", "canary-audit", "email"] {
        assert!(contains(&path, clear), "the store holds {clear} in the clear");
        assert!(!contains(&copy, clear), "the backup shows {clear}");
    }
    assert!(!contains(&copy, "redb"));
}

#[test]
fn the_index_is_checked_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.redb"));
    store
        .commit(batch(
            "record=1:1 record=2:1 contribution=1:crm:a contribution=2:crm:b add=match:1:1 add=match:2:2 add=match:9:9",
        ))
        .unwrap();
    // Hashes of the script's words are shifted by 32 bits.
    let of_record = |record: &Record| vec![IndexEntry { space: IndexSpace::Match, hash: record.id.0 << 32, id: record.id.0 }];
    let found = store.check_index(&of_record).unwrap();
    assert_eq!((found.agreed, found.missing.len(), found.surplus), (4, 0, 1));
    store.commit(batch("remove=match:2:2")).unwrap();
    assert_eq!(store.check_index(&of_record).unwrap().missing, of_record(&crate::script::record(2, 1)));
    store.rebuild_index(&of_record).unwrap();
    let found = store.check_index(&of_record).unwrap();
    assert_eq!((found.agreed, found.missing.len(), found.surplus), (4, 0, 0));
    check("rebuilt", &store, "find match 1 2 9 -> [1] [2] []\n resolve crm:a crm:b -> 1 2");
    drop(store);
    let store = open(&folder.path().join("store.redb"));
    check("rebuilt, opened again", &store, "find match 1 2 9 -> [1] [2] []\n resolve crm:a crm:b -> 1 2");
}

#[test]
fn one_field_is_read_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder.path().join("store.redb"));
    store.commit(batch("record=1:1")).unwrap();
    assert_eq!(store.record_value(RecordId(1), "email").unwrap(), Some(nave_core::Value::text("v1")));
    assert_eq!(store.record_value(RecordId(1), "phone").unwrap(), None);
    assert_eq!(store.record_value(RecordId(2), "email").unwrap(), None);
}

#[test]
fn the_floor_writes_what_it_says() {
    let folder = tempfile::tempdir().unwrap();
    let figures = floor_bench(folder.path(), 1_000, 500).unwrap();
    assert_eq!(figures.records, 1_000);
    assert!(figures.file_bytes > 500_000);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}
