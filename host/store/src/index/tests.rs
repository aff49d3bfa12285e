//! The index against a set: whatever is added, removed, merged and opened again.

use std::collections::BTreeSet;

use proptest::prelude::*;
use redb::backends::InMemoryBackend;
use redb::{Database, ReadableDatabase};

use super::*;

struct Bench {
    database: Database,
    index: Index,
    known: BTreeSet<(IndexSpace, u64, u64)>,
}

impl Bench {
    fn new() -> Self {
        let database = Database::builder().create_with_backend(InMemoryBackend::new()).unwrap();
        let transaction = database.begin_write().unwrap();
        let index = Index::open(&transaction).unwrap();
        transaction.commit().unwrap();
        Self { database, index, known: BTreeSet::new() }
    }

    fn commit(&mut self, remove: &[IndexEntry], add: &[IndexEntry]) {
        let transaction = self.database.begin_write().unwrap();
        let mut edit = self.index.edit();
        self.index.append(&mut edit, &transaction, remove, add).unwrap();
        self.index.save(&edit, &transaction).unwrap();
        transaction.commit().unwrap();
        self.index.install(edit);
        for entry in remove {
            self.known.remove(&(entry.space, entry.hash, entry.id));
        }
        self.known.extend(add.iter().map(|entry| (entry.space, entry.hash, entry.id)));
    }

    fn tend(&mut self) -> bool {
        let transaction = self.database.begin_write().unwrap();
        let mut edit = self.index.edit();
        let more = self.index.tend(&mut edit, &transaction).unwrap();
        self.index.save(&edit, &transaction).unwrap();
        transaction.commit().unwrap();
        self.index.install(edit);
        more
    }

    /// As after a restart: only what is stored is known.
    fn reopen(&mut self) {
        let transaction = self.database.begin_write().unwrap();
        self.index = Index::open(&transaction).unwrap();
        transaction.commit().unwrap();
    }

    #[track_caller]
    fn check(&self, space: IndexSpace, hashes: &[u64]) {
        let found = self.index.find(space, hashes, usize::MAX, || read_tables(&self.database.begin_read()?)).unwrap();
        for (hash, ids) in hashes.iter().zip(found) {
            let expected: Vec<u64> =
                self.known.range((space, *hash, 0)..=(space, *hash, u64::MAX)).map(|(_, _, id)| *id).collect();
            assert_eq!(ids, expected, "{space:?} {hash:x}");
        }
    }

    fn check_all(&self) {
        let everything = self.index.everything(&self.database.begin_read().unwrap()).unwrap();
        let expected: BTreeSet<(u64, u64)> =
            self.known.iter().map(|(space, hash, id)| (entry::key(*space, *hash), *id)).collect();
        assert!(everything == expected, "{} entries, {} expected", everything.len(), expected.len());
    }
}

/// Spread as hashes are; the two lowest bits are not kept by the index.
fn hash(n: u64) -> u64 {
    n.wrapping_mul(0x9e37_79b9_7f4a_7c15) & !3
}

fn entry_of(n: u64, id: u64) -> IndexEntry {
    let space = [IndexSpace::Remote, IndexSpace::Match, IndexSpace::Waiting, IndexSpace::Referrer][(n % 4) as usize];
    IndexEntry { space, hash: hash(n), id }
}

#[test]
fn large_commits_become_runs_that_merge_and_drop_what_was_removed() {
    let mut bench = Bench::new();
    let per_commit = 10_000_u64;
    for round in 0..25 {
        let add: Vec<IndexEntry> = (round * per_commit..(round + 1) * per_commit).map(|n| entry_of(n, n)).collect();
        // Half of what the round before last added goes again.
        let gone = round.saturating_sub(2) * per_commit..round.saturating_sub(1) * per_commit;
        let remove: Vec<IndexEntry> = gone.step_by(2).map(|n| entry_of(n, n)).collect();
        bench.commit(if round >= 2 { &remove } else { &[] }, &add);
        bench.check(IndexSpace::Match, &[hash(1), hash(round * per_commit + 1), hash(5), hash(4_000_000_001)]);
    }
    bench.check_all();
    bench.reopen();
    bench.check_all();
    while bench.tend() {
        bench.check(IndexSpace::Remote, &[hash(0), hash(4), hash(100_000)]);
    }
    bench.check_all();
    let figures = bench.index.figures();
    assert!(figures.runs.iter().any(|(level, _)| *level == 2), "nothing was merged: {figures:?}");
    assert!(figures.runs.len() < 2 * merge::FAN_IN && figures.garbage == 0, "{figures:?}");
}

#[test]
fn what_was_added_and_removed_leaves_nothing_once_it_is_merged() {
    let mut bench = Bench::new();
    let entries: Vec<IndexEntry> = (0..10_000).map(|n| entry_of(n, n)).collect();
    for _ in 0..merge::FAN_IN {
        bench.commit(&[], &entries);
        bench.commit(&entries, &[]);
    }
    while bench.tend() {}
    bench.check_all();
    let left: usize = bench.index.figures().runs.iter().map(|(_, entries)| entries).sum();
    assert!(left <= merge::FAN_IN * 20_000 / 2, "{left} entries are left");
}

#[test]
fn many_ids_under_one_key_span_blocks_and_segments() {
    let mut bench = Bench::new();
    let crowd: Vec<IndexEntry> = (0..40_000).map(|id| entry_of(1, id)).collect();
    let others: Vec<IndexEntry> = (2..5_000).map(|n| entry_of(n, n)).collect();
    bench.commit(&[], &[crowd.as_slice(), &others].concat());
    bench.check(IndexSpace::Match, &[hash(1), hash(5), hash(9)]);
    // Of what very many have only a few are looked at; what few have is found whole.
    for at_most in [1, 7, 500] {
        let found =
            bench.index.find(IndexSpace::Match, &[hash(1), hash(5)], at_most, || read_tables(&bench.database.begin_read()?));
        let found = found.unwrap();
        assert_eq!((found[0].len(), found[1].as_slice()), (at_most, &[5][..]));
        assert!(found[0].iter().all(|id| *id < 40_000), "{found:?}");
    }
    bench.commit(&crowd[..20_000], &[]);
    bench.check(IndexSpace::Match, &[hash(1)]);
}

#[test]
fn what_was_removed_does_not_count_among_those_that_are_asked_for() {
    let mut bench = Bench::new();
    let crowd: Vec<IndexEntry> = (0..30).map(|id| entry_of(1, id)).collect();
    bench.commit(&[], &crowd);
    // The newest twenty-four go, once in memory and once in a run.
    bench.commit(&crowd[6..], &[]);
    for in_memory in [true, false] {
        let find =
            |at_most| bench.index.find(IndexSpace::Match, &[hash(1)], at_most, || read_tables(&bench.database.begin_read()?));
        assert_eq!(find(33).unwrap()[0], [0, 1, 2, 3, 4, 5], "in memory: {in_memory}");
        // Of what hardly anything is left, nobody looks on for ever.
        assert!(find(1).unwrap()[0].len() <= 1);
        let others: Vec<IndexEntry> = (2..LEVEL_0_ENTRIES_MAX as u64 + 2).map(|n| entry_of(n, n)).collect();
        bench.commit(&[], &others);
        assert_eq!(bench.index.figures().level_0_entries, 0);
    }
}

#[test]
fn a_merge_goes_on_where_it_was_after_a_restart() {
    let mut bench = Bench::new();
    for round in 0..merge::FAN_IN as u64 {
        // Each fills a segment and more, without the pace that appending sets.
        let add: Vec<IndexEntry> = (0..9_000).map(|n| entry_of(round * 9_000 + n, n)).collect();
        bench.commit(&[], &add);
    }
    let mut steps = 0;
    loop {
        bench.reopen();
        let more = bench.tend();
        bench.check_all();
        steps += 1;
        if !more {
            break;
        }
    }
    assert!(steps > 2, "{steps} steps");
    bench.check(IndexSpace::Match, &[hash(1), hash(45_001), hash(89_997)]);
}

#[test]
fn a_reader_whose_view_was_merged_away_looks_again() {
    let mut bench = Bench::new();
    for round in 0..9 {
        let add: Vec<IndexEntry> = (0..9_000).map(|n| entry_of(round * 9_000 + n, n)).collect();
        bench.commit(&[], &add);
    }
    let bench = std::cell::RefCell::new(bench);
    // Between looking at the shape and opening the transaction, everything is merged and swept.
    let mut first = true;
    let keys = [hash(1), hash(40_001)];
    let index = std::mem::take(&mut bench.borrow_mut().index);
    let database = &bench.borrow().database;
    let found = index.find(IndexSpace::Match, &keys, usize::MAX, || {
        if std::mem::take(&mut first) {
            let add: Vec<IndexEntry> = (0..9_000).map(|n| entry_of(900_000 + n, n)).collect();
            let mut more = true;
            let mut appended = false;
            while more {
                let transaction = database.begin_write().unwrap();
                let mut edit = index.edit();
                if !appended {
                    index.append(&mut edit, &transaction, &[], &add)?;
                    appended = true;
                } else {
                    more = index.tend(&mut edit, &transaction)?;
                }
                index.save(&edit, &transaction)?;
                transaction.commit().unwrap();
                index.install(edit);
            }
        }
        read_tables(&database.begin_read()?)
    });
    assert_eq!(found.unwrap(), [vec![1], vec![40_001 % 9_000]]);
    assert!(!first);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn the_index_is_a_set(commits in prop::collection::vec(
        (prop::collection::vec((0_u64..40, 0_u64..4), 0..12), prop::collection::vec((0_u64..40, 0_u64..4), 0..12), any::<bool>(), 0_u8..4), 1..12,
    )) {
        let mut bench = Bench::new();
        let mut filler = 1_000;
        for (remove, add, large, then) in commits {
            let mut add: Vec<IndexEntry> = add.into_iter().map(|(n, id)| entry_of(n, id)).collect();
            if large {
                add.extend((filler..filler + DIRECT_ENTRIES_MIN as u64).map(|n| entry_of(n, n)));
                filler += DIRECT_ENTRIES_MIN as u64;
            }
            let remove: Vec<IndexEntry> = remove.into_iter().map(|(n, id)| entry_of(n, id)).collect();
            bench.commit(&remove, &add);
            match then {
                0 => { bench.tend(); }
                1 => bench.reopen(),
                _ => {}
            }
            for space in [IndexSpace::Remote, IndexSpace::Match, IndexSpace::Waiting, IndexSpace::Referrer] {
                bench.check(space, &(0..40).map(hash).collect::<Vec<_>>());
            }
        }
        bench.check_all();
    }
}
