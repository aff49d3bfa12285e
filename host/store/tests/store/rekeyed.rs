//! A store under another key (T125): everything is there, and the key of before opens nothing of it.

use std::path::{Path, PathBuf};

use nave_core::model::{RecordId, Sequence, Time};
use nave_store::{OpenError, Options, Redb, Rekey, Store, StoreError, StoreKey, put_in_place};
use redb::{ReadableTable, TableDefinition};

use crate::conformance::store_key;
use crate::flipped::{all_of, fill};
use crate::script::batch;

const META: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("meta");
const KEYS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("record keys");
const CHANGELOG: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("changelog");
const INPUTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("inputs");

fn new_key() -> StoreKey {
    StoreKey::new([9; 32])
}

/// A store with something of everything; a record of it is erased. Where it is, and where the next one goes.
fn made(folder: &Path) -> (Redb, PathBuf, PathBuf) {
    let (path, next) = (folder.join("store.redb"), folder.join("store.redb.next"));
    let store = Redb::open(&path, &store_key(), Options::default()).unwrap();
    fill(&store);
    store
        .commit(batch("seal=3:held:x:of-three seal=4:held:y:of-four seal=5:held:z:of-five row=vault:a:one row=vault:b:two"))
        .unwrap();
    store.erase(RecordId(4), Time(1)).unwrap();
    (store, path, next)
}

fn said(store: &Redb) -> String {
    let sealed = store.sealed_rows("held").unwrap().into_iter();
    let sealed: Vec<_> = sealed.map(|(key, row)| (key, row.map(|row| String::from_utf8(row).unwrap()))).collect();
    format!("{}{sealed:?}", all_of(store).unwrap())
}

fn rekey(store: &Redb, to: &Path) -> Result<(), StoreError> {
    store.rekey(to, Rekey { key: &new_key(), row: &mut |_, _, _| Ok(None), told: &|_| {} })
}

#[test]
fn t125_everything_is_there_under_the_new_key_and_nothing_under_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path, next) = made(folder.path());
    let before = said(&store);
    assert!(before.contains("of-three") && !before.contains("of-four"), "one of them is erased");
    let told = std::cell::Cell::new(0);
    let mut asked = Vec::new();
    let mut row = |space: &str, key: &str, bytes: &[u8]| {
        asked.push(format!("{space}/{key}"));
        Ok((space == "vault").then(|| bytes.to_ascii_uppercase()))
    };
    store.rekey(&next, Rekey { key: &new_key(), row: &mut row, told: &|rows| told.set(rows) }).unwrap();
    assert!(told.get() > 400, "{}", told.get());
    assert!(["vault/a", "vault/b", "state/key 7"].iter().all(|name| asked.iter().any(|asked| asked == name)), "{asked:?}");
    assert!(!asked.iter().any(|name| name == "held/x"), "the store has sealed it itself");
    assert!(matches!(Redb::open_new(&next, &store_key()), Err(OpenError::WrongKey)));

    let rekeyed = Redb::open_new(&next, &new_key()).unwrap();
    assert_eq!(said(&rekeyed), before);
    let vault = |store: &Redb| store.rows("vault").unwrap().into_iter().map(|(_, row)| row).collect::<Vec<_>>();
    assert_eq!(
        (vault(&store), vault(&rekeyed)),
        (vec![b"one".to_vec(), b"two".to_vec()], vec![b"ONE".to_vec(), b"TWO".to_vec()])
    );
    rekeyed.validate().unwrap();

    // In place of the other one, while both are open: nobody comes in between.
    put_in_place(&next, &path).unwrap();
    drop(store);
    for key in [store_key(), new_key()] {
        assert!(matches!(Redb::open(&path, &key, Options::default()), Err(OpenError::Busy(_))));
    }
    rekeyed.commit(batch("record=61:1 change=3:value3:later change=61::first audit=after input=page:crm:after")).unwrap();
    let after = said(&rekeyed);
    drop(rekeyed);
    assert!(matches!(Redb::open(&path, &store_key(), Options::default()), Err(OpenError::WrongKey)));
    let again = Redb::open(&path, &new_key(), Options::default()).unwrap();
    assert_eq!(said(&again), after);
    assert!(again.verify_audit().unwrap().is_ok());
    assert_eq!(again.record_changes(RecordId(3), 9).unwrap().len(), 2);
}

/// All rows of a table, as they lie in the file.
fn rows(path: &Path, table: TableDefinition<'_, u64, &'static [u8]>) -> Vec<(u64, Vec<u8>)> {
    let database = redb::Database::open(path).unwrap();
    let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
    let table = transaction.open_table(table).unwrap();
    table.iter().unwrap().map(|row| row.map(|(key, row)| (key.value(), row.value().to_vec())).unwrap()).collect()
}

/// T125: who has the key of before, and the file of before too, opens nothing of the file of after: no page holds what was
/// sealed before, and the records' own keys are others.
#[test]
fn t125_the_old_key_and_the_old_file_open_nothing_of_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (store, path, next) = made(folder.path());
    rekey(&store, &next).unwrap();
    drop(store);
    let sealed: Vec<Vec<u8>> =
        [KEYS, CHANGELOG, INPUTS].into_iter().flat_map(|table| rows(&path, table)).map(|(_, row)| row).collect();
    let (old, new) = (std::fs::read(&path).unwrap(), std::fs::read(&next).unwrap());
    let mut looked_for = 0;
    // The end of a row is its tag, which no other key gives. One row is nobody's any more: that of the erased record.
    for row in sealed.iter().filter(|row| row.len() > 40) {
        let tag = &row[row.len() - 16..];
        let there = |bytes: &[u8]| bytes.windows(tag.len()).any(|window| window == tag);
        assert!(there(&old), "the search finds what is there");
        looked_for += usize::from(!there(&new));
    }
    assert_eq!(looked_for, sealed.iter().filter(|row| row.len() > 40).count() - 1);

    // The keys of before, put into the file of after.
    let keys = rows(&path, KEYS);
    let meta = |path: &Path, name: &str| {
        let database = redb::Database::open(path).unwrap();
        let transaction = redb::ReadableDatabase::begin_read(&database).unwrap();
        transaction.open_table(META).unwrap().get(name.as_bytes()).unwrap().unwrap().value().to_vec()
    };
    let (salt, check) = (meta(&path, "salt"), meta(&path, "key check"));
    assert!(salt != meta(&next, "salt") && check != meta(&next, "key check"));
    let database = redb::Database::open(&next).unwrap();
    let transaction = database.begin_write().unwrap();
    {
        let mut table = transaction.open_table(META).unwrap();
        table.insert(b"salt".as_slice(), salt.as_slice()).unwrap();
        table.insert(b"key check".as_slice(), check.as_slice()).unwrap();
        let mut table = transaction.open_table(KEYS).unwrap();
        for (record, key) in &keys {
            table.insert(record, key.as_slice()).unwrap();
        }
    }
    transaction.commit().unwrap();
    drop(database);
    let patched = Redb::open_new(&next, &store_key()).unwrap();
    for sequence in (0..60).filter(|sequence| *sequence != 3) {
        assert!(patched.changes(Sequence(sequence), 1).is_err(), "change {}", sequence + 1);
    }
    assert!(patched.inputs(0, 1).is_err());
    let held = patched.sealed_rows("held");
    assert!(held.is_err(), "{held:?}");
}

#[test]
fn an_attempt_that_fails_leaves_nothing_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _, next) = made(folder.path());
    let before = said(&store);
    let mut row = |space: &str, _: &str, _: &[u8]| match space {
        "vault" => Err(StoreError::Damaged("a secret".to_owned())),
        _ => Ok(None),
    };
    let failed = store.rekey(&next, Rekey { key: &new_key(), row: &mut row, told: &|_| {} });
    assert!(matches!(&failed, Err(StoreError::Damaged(what)) if what == "a secret"), "{failed:?}");
    assert!(!next.exists());
    std::fs::write(&next, "somebody's").unwrap();
    assert!(rekey(&store, &next).is_err());
    assert_eq!(std::fs::read_to_string(&next).unwrap(), "somebody's", "nothing is overwritten");
    assert_eq!(said(&store), before);
}
