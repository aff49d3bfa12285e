use std::fs::{OpenOptions, copy};

use redb::backends::FileBackend;

use super::journal::{Loaded, load};
use super::*;
use crate::{Batch, KeyedRow, Options, Redb, Store, StoreKey};

fn key() -> StoreKey {
    StoreKey::new([3; 32])
}

fn row(n: u64) -> Batch {
    let row = KeyedRow { space: "state".to_owned(), key: n.to_string(), value: Some(n.to_string().repeat(3_000).into_bytes()) };
    Batch { rows: vec![row], ..Batch::default() }
}

fn first(path: &Path) -> std::io::Result<First> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    Checked::over(path, Box::new(FileBackend::new(file).unwrap()), true).map(|(_, first)| first)
}

/// The store as a process leaves it that is killed now: both files, in another folder.
fn killed(from: &Path, folder: &str) -> PathBuf {
    let folder = from.parent().unwrap().join(folder);
    std::fs::create_dir(&folder).unwrap();
    let to = folder.join("store.redb");
    copy(from, &to).unwrap();
    copy(journal_of(from), journal_of(&to)).unwrap();
    to
}

#[test]
fn a_file_is_read_whole_only_where_nothing_says_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Redb::open(&path, &key(), Options::default()).unwrap();
    (0..50).for_each(|n| assert!(store.commit(row(n)).is_ok()));
    let dead = killed(&path, "killed");
    assert_eq!(first(&dead).unwrap(), First::AsRead, "killed");
    drop(store);
    assert_eq!(first(&path).unwrap(), First::AsRead, "closed");
    // A closed one's checksums are of this time; those of before do not fit it.
    copy(journal_of(&dead), journal_of(&path)).unwrap();
    assert_eq!(first(&path).unwrap(), First::Whole, "of another time");
    std::fs::remove_file(journal_of(&path)).unwrap();
    assert_eq!(first(&path).unwrap(), First::Whole, "gone");
    let again = Redb::open(&dead, &key(), Options::default()).unwrap();
    for n in 0..50 {
        assert_eq!(again.row("state", &n.to_string()).unwrap(), row(n).rows[0].value, "row {n}");
    }
}

#[test]
fn a_bit_that_brings_back_the_commit_before_the_last_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Redb::open(&path, &key(), Options::default()).unwrap();
    (0..5).for_each(|n| assert!(store.commit(row(n)).is_ok()));
    let dead = killed(&path, "killed");
    let mut bytes = std::fs::read(&dead).unwrap();
    bytes[9] ^= 1;
    std::fs::write(&dead, bytes).unwrap();
    let refused = Redb::open(&dead, &key(), Options::default()).map(|store| store.row("state", "4").unwrap().is_some());
    assert!(
        matches!(&refused, Err(crate::OpenError::Damaged(_, why)) if why.contains("the commit before the last")),
        "{refused:?}"
    );
}

#[test]
fn what_a_lost_machine_left_is_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Redb::open(&path, &key(), Options::default()).unwrap();
    store.commit(row(1)).unwrap();
    let dead = killed(&path, "killed");
    drop(store);
    for (path, expected) in [(&dead, First::Whole), (&path, First::AsRead)] {
        // The same journal, written while the machine was started before.
        journal::tests::of_another_start(&journal_of(path));
        assert_eq!(first(path).unwrap(), expected, "{}", path.display());
    }
}

#[test]
fn a_journal_does_not_grow_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    let store = Redb::open(&path, &key(), Options::default()).unwrap();
    let mut longest = 0;
    for n in 0..3_000 {
        store.commit(row(n % 7)).unwrap();
        longest = longest.max(std::fs::metadata(journal_of(&path)).unwrap().len());
    }
    assert!((1 << 19..1 << 21).contains(&longest), "{longest} bytes");
    drop(store);
    assert!(matches!(load(&journal_of(&path)), Loaded::Fits { .. }));
    assert_eq!(first(&path).unwrap(), First::AsRead);
}

#[test]
fn what_only_a_commit_changes_is_not_believed_without_one() {
    let header = |flags: u8, first: u64, second: u64| {
        let mut bytes = vec![0; HEADER_BYTES];
        bytes[9] = flags;
        bytes[64 + 104..64 + 112].copy_from_slice(&first.to_le_bytes());
        bytes[192 + 104..192 + 112].copy_from_slice(&second.to_le_bytes());
        Header(bytes)
    };
    let mut other = header(0, 5, 4);
    other.0[12] = 1;
    let mut longer = header(2, 5, 4);
    longer.0[28] = 7;
    for (what, last, now, refused) in [
        ("as it was", header(0, 5, 4), header(0, 5, 4), false),
        ("the commit before counts", header(0, 5, 4), header(1, 5, 4), true),
        ("the commit before counts, open", header(3, 4, 5), header(2, 4, 5), true),
        ("killed before the new commit counted", header(2, 5, 6), header(3, 5, 6), false),
        ("killed as it was opened", header(0, 5, 4), header(2, 5, 4), false),
        ("killed as it grew", header(2, 5, 4), longer, false),
        ("a page is of another size", header(0, 5, 4), other, true),
        ("another version wrote", header(0, 5, 4), header(1, 5, 6), false),
        ("no header any more", header(0, 5, 4), Header::default(), false),
    ] {
        assert_eq!(now.altered_since(&last).is_some(), refused, "{what}");
    }
}
