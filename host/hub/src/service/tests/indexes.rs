//! The derived index over redb: checked, damaged, made anew.

use nave_core::matching::remote_hash;
use nave_core::model::RemoteKey;
use nave_store::{Batch, IndexEntry, IndexSpace, KeyedRow, Redb, StoreKey};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_index_is_found_and_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(&folder.path().join("store.redb"), &StoreKey::new([7; 32]), Default::default()).unwrap();
    let bench = in_step_over(Bench::over(Arc::new(store))).await;
    let before = index_commands::check(&bench.engine).unwrap();
    assert!(before.sound && before.agreed > 5, "{before:?}");

    // What a lost block would look like: Ada's cross-reference is gone, and something that nobody asked for is there.
    let key = RemoteKey { connection: "crm".into(), stream: "contacts".into(), remote_id: "5432".into() };
    let id = bench.engine.store.resolve(std::slice::from_ref(&key)).unwrap().pop().flatten().unwrap();
    let lost = IndexEntry { space: IndexSpace::Remote, hash: remote_hash(&key), id: id.0 };
    let surplus = IndexEntry { space: IndexSpace::Match, hash: 1 << 40, id: 999 };
    let damage = Batch { index_remove: vec![lost], index_add: vec![surplus], ..Batch::default() };
    bench.engine.store.commit(damage).unwrap();
    let found = index_commands::check(&bench.engine).unwrap();
    assert_eq!((found.sound, found.missing, found.surplus), (false, 1, 1));

    let after = index_commands::rebuild(&bench.engine, "ada").await.unwrap();
    assert_eq!((after.sound, after.agreed, after.rebuilt), (true, before.agreed, true), "dropped and made anew, it is equal");
    assert_eq!(bench.engine.store.resolve(&[key]).unwrap(), [Some(id)]);
    let line = &audits::list(&bench.engine, 1, "").unwrap().entries[0];
    assert_eq!((line.actor.as_str(), line.action.as_str()), ("ada", "store.rebuilt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_byte_that_changed_in_the_file_is_found_where_it_is() {
    use std::os::unix::fs::FileExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Redb::open(&path, &StoreKey::new([7; 32]), Default::default()).unwrap();
    let bench = in_step_over(Bench::over(Arc::new(store))).await;
    let before = index_commands::check(&bench.engine).unwrap();
    assert!(before.sound && before.damaged.is_empty() && before.bytes > 8 * 4096, "{before:?}");
    let file = std::fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let (place, mut byte) = (5 * 4096 + 7, [0]);
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 4], place).unwrap();
    let found = index_commands::check(&bench.engine).unwrap();
    assert_eq!((found.sound, found.damaged), (false, vec![5 * 4096]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_an_older_hub_spelled_is_made_anew_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Redb::open(&folder.path().join("store.redb"), &StoreKey::new([7; 32]), Default::default()).unwrap();
    let bench = in_step_over(Bench::over(Arc::new(store))).await;
    // As an older hub left it: every match key is under another hash.
    let mut damage = Batch::default();
    let catalog = bench.engine.catalog();
    for record in bench.engine.store.records_after(RecordId(0), 100).unwrap() {
        let entity = catalog.entities.get(record.entity.as_str()).map(AsRef::as_ref);
        for entry in crate::engine::rows::index_entries(entity, &record) {
            if entry.space == IndexSpace::Match {
                damage.index_add.push(IndexEntry { hash: entry.hash ^ (1 << 40), ..entry });
                damage.index_remove.push(entry);
            }
        }
    }
    assert!(damage.index_add.len() > 1);
    let spelled = KeyedRow { space: "hub".into(), key: "match spelling".into(), value: Some(b"2".to_vec()) };
    bench.engine.store.commit(Batch { rows: vec![spelled], ..damage.clone() }).unwrap();
    assert!(!index_commands::check(&bench.engine).unwrap().sound);
    bench.engine.respell().await.unwrap();
    assert!(index_commands::check(&bench.engine).unwrap().sound, "opened by this version");
    bench.engine.store.commit(damage).unwrap();
    bench.engine.respell().await.unwrap();
    assert!(!index_commands::check(&bench.engine).unwrap().sound, "not with every start");
}
