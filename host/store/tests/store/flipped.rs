//! Bits that flip in the store's file (T121): what is opened and read is what was written, or an error that names the store.

use std::fmt::Write as _;
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use nave_core::matching::key_hash;
use nave_core::model::{ContributionId, RecordId, ReviewId, Sequence};
use nave_store::{Batch, IndexSpace, KeyedRow, OpenError, Options, Redb, Store, StoreError};
use redb::StorageBackend;

use crate::conformance::store_key;
use crate::script::{batch, key};

const PAGES: u64 = 60;
/// Bits that are flipped in a closed store's file, one at a time.
const CLOSED_BITS: usize = 8_000;
/// Threads that share them.
const PARTS: usize = 4;
/// Bits that are flipped below an open store that keeps next to nothing in memory, one at a time.
const OPEN_BITS: usize = 2_000;

/// A file in memory.
#[derive(Clone, Debug, Default)]
struct Image(Arc<Mutex<Vec<u8>>>);

impl StorageBackend for Image {
    fn len(&self) -> Result<u64, std::io::Error> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), std::io::Error> {
        let image = self.0.lock().unwrap();
        let there = image.get(offset as usize..offset as usize + out.len());
        out.copy_from_slice(there.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::UnexpectedEof))?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> Result<(), std::io::Error> {
        self.0.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> Result<(), std::io::Error> {
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), std::io::Error> {
        self.0.lock().unwrap()[offset as usize..offset as usize + data.len()].copy_from_slice(data);
        Ok(())
    }
}

impl Image {
    fn flip(&self, bit: usize) {
        self.0.lock().unwrap()[bit / 8] ^= 1 << (bit % 8);
    }
}

/// The next number of a seed.
fn random(seed: &mut u64) -> usize {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*seed >> 20) as usize
}

/// Rows of every kind, some of them long, in commits of their own.
pub(crate) fn fill(store: &Redb) {
    for n in 1..=PAGES {
        let before = n - 1;
        let mut page: Batch = batch(&format!(
            "record={n}:1 contribution={n}:crm:r{n} change={n}::value{n} dirty=out:{n}:1 intent=out:{n}:key{n}:body \
             add=match:{n}:{n} add=referrer:{n}:{before} checkpoint=crm:contacts:{before}:{n} audit=page{n} input=page:crm:body{n}"
        ));
        // A page of its own, and more than one.
        let value = Some(format!("{n} ").repeat(n as usize * 40).into_bytes());
        page.rows.push(KeyedRow { space: "state".to_owned(), key: format!("key {n}"), value });
        store.commit(page).unwrap();
    }
}

fn options() -> Options {
    // Everything is read from the file.
    Options { cache_bytes: 0, ..Options::default() }
}

/// Everything that a store says, by row and by key.
pub(crate) fn all_of(store: &Redb) -> Result<String, StoreError> {
    const ALL: usize = 10_000;
    let mut said = String::new();
    let mut say = |rows: &dyn std::fmt::Debug| writeln!(said, "{rows:?}").unwrap();
    say(&store.heads()?);
    say(&store.counts()?);
    say(&store.objects()?);
    say(&store.records_after(RecordId(0), ALL)?);
    say(&store.contributions_after(ContributionId(0), ALL)?);
    say(&store.changes(Sequence(0), ALL)?);
    say(&store.dirty("out", RecordId(0), ALL)?);
    say(&store.intents("out")?);
    say(&store.reviews(false, ReviewId(0), ALL)?);
    say(&store.inputs(0, ALL)?);
    say(&store.audit_rows(0, ALL)?);
    say(&store.verify_audit()?);
    say(&store.rows("state")?);
    say(&store.checkpoint("crm", "contacts")?);
    for n in (1..=PAGES).step_by(4) {
        say(&store.records(&[RecordId(n)])?);
        say(&store.record_changes(RecordId(n), ALL)?);
        say(&store.resolve(&[key("crm", "contacts", &format!("r{n}"))])?);
        say(&store.row("state", &format!("key {n}"))?);
        for space in [IndexSpace::Match, IndexSpace::Referrer] {
            say(&store.candidates(space, &[n, key_hash(&["contact", "email", &n.to_string()])])?);
        }
    }
    Ok(said)
}

/// What became of one flipped bit.
#[derive(Debug, Default)]
struct Tally {
    same: usize,
    refused: usize,
}

impl Tally {
    fn add(&mut self, bit: usize, expected: &str, found: std::thread::Result<Result<String, String>>) {
        match found {
            Ok(Ok(said)) => {
                let differs = expected.lines().zip(said.lines()).find(|(expected, found)| expected != found);
                assert!(said == expected, "bit {bit} of byte {} gives something else: {differs:?}", bit / 8);
                self.same += 1;
            }
            Ok(Err(error)) => {
                assert!(error.contains("nave restore"), "bit {bit}: the error says nothing of a backup: {error}");
                self.refused += 1;
            }
            Err(_) => panic!("bit {bit} of byte {} ends in a panic", bit / 8),
        }
    }
}

fn closed_image() -> (Vec<u8>, String) {
    let image = Image::default();
    let store = Redb::open_backend(image.clone(), &store_key(), options()).unwrap();
    fill(&store);
    let expected = all_of(&store).unwrap();
    drop(store);
    let bytes = image.0.lock().unwrap().clone();
    (bytes, expected)
}

#[test]
fn t121_no_bit_of_a_closed_store_gives_another_row() {
    let (bytes, expected) = closed_image();
    let part = &|mut seed: u64| {
        let mut tally = Tally::default();
        for _ in 0..CLOSED_BITS / PARTS {
            // The first block is the header of the engine, which has a test of its own below.
            let bit = 4096 * 8 + random(&mut seed) % ((bytes.len() - 4096) * 8);
            let image = Image(Arc::new(Mutex::new(bytes.clone())));
            image.flip(bit);
            let found = catch_unwind(AssertUnwindSafe(|| {
                let store = Redb::open_backend(image, &store_key(), options()).map_err(|error| error.to_string())?;
                all_of(&store).map_err(|error| error.to_string())
            }));
            tally.add(bit, &expected, found);
        }
        // Of the others, most were in pages that are free.
        assert!(tally.refused > CLOSED_BITS / PARTS / 10, "{tally:?}");
    };
    std::thread::scope(|scope| {
        (0..PARTS).for_each(|seed| drop(scope.spawn(move || part(seed as u64))));
    });
}

#[test]
fn t121_no_bit_below_an_open_store_gives_another_row() {
    let (bytes, expected) = closed_image();
    let (mut seed, mut tally) = (122, Tally::default());
    for _ in 0..OPEN_BITS {
        let bit = random(&mut seed) % (bytes.len() * 8);
        let image = Image(Arc::new(Mutex::new(bytes.clone())));
        let store = Redb::open_backend(image.clone(), &store_key(), options()).unwrap();
        assert!(store.check_file().unwrap().damaged.is_empty());
        let length = image.0.lock().unwrap().len() * 8;
        let bit = bit % length;
        image.flip(bit);
        let walked = store.check_file().unwrap();
        let found = catch_unwind(AssertUnwindSafe(|| all_of(&store).map_err(|error| error.to_string())));
        let refused = matches!(found, Ok(Err(_)));
        tally.add(bit, &expected, found);
        if refused {
            assert_eq!(walked.damaged, [(bit / 8 / 4096 * 4096) as u64], "bit {bit}: a walk over the file names the block");
            // Nothing is answered any more, and nothing is taken.
            assert!(matches!(store.heads(), Err(StoreError::Damaged(_))), "bit {bit}");
            assert!(store.commit(Batch::default()).is_err(), "bit {bit}");
        }
    }
    assert!(tally.refused > OPEN_BITS / 10, "{tally:?}");
}

/// A closed store in a folder, with the checksums beside it.
fn closed_file(path: &Path) -> String {
    let store = Redb::open(path, &store_key(), options()).unwrap();
    fill(&store);
    all_of(&store).unwrap()
}

#[track_caller]
fn flip_in_file(path: &Path, bit: usize) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, (bit / 8) as u64).unwrap();
    file.write_all_at(&[byte[0] ^ 1 << (bit % 8)], (bit / 8) as u64).unwrap();
}

/// A closed store's files, of which each try has a copy.
struct Closed {
    folder: tempfile::TempDir,
    store: Vec<u8>,
    sums: Vec<u8>,
    /// Everything that it says.
    expected: String,
}

impl Closed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let expected = closed_file(&folder.path().join("store.redb"));
        let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
        Self { store: read("store.redb"), sums: read("store.redb.sums"), folder, expected }
    }

    /// What is read of it where one bit of the store is another one.
    fn opened_with(&self, bit: usize) -> std::thread::Result<Result<String, String>> {
        let path = self.folder.path().join("store.redb");
        std::fs::write(&path, &self.store).unwrap();
        std::fs::write(self.folder.path().join("store.redb.sums"), &self.sums).unwrap();
        flip_in_file(&path, bit);
        catch_unwind(AssertUnwindSafe(|| {
            let store = Redb::open(&path, &store_key(), options()).map_err(|error| error.to_string())?;
            all_of(&store).map_err(|error| error.to_string())
        }))
    }
}

#[test]
fn t121_every_bit_of_the_header_is_watched() {
    let closed = Closed::new();
    let mut tally = Tally::default();
    // All flags, and a part of what the engine has checksums of.
    for bit in (0..64 * 8).chain((64 * 8..320 * 8).step_by(7)) {
        tally.add(bit, &closed.expected, closed.opened_with(bit));
    }
    assert!(tally.refused > 100, "{tally:?}");
}

#[test]
fn t121_a_store_that_was_closed_is_not_read_whole_and_still_gives_no_other_row() {
    let closed = Closed::new();
    let (mut seed, mut tally) = (123, Tally::default());
    for _ in 0..200 {
        let bit = random(&mut seed) % (closed.store.len() * 8);
        tally.add(bit, &closed.expected, closed.opened_with(bit));
    }
    assert!(tally.refused > 20, "{tally:?}");
}

#[test]
fn checksums_that_are_gone_altered_or_of_another_time_are_made_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (path, sums) = (folder.path().join("store.redb"), folder.path().join("store.redb.sums"));
    let expected = closed_file(&path);
    let old = std::fs::read(&sums).unwrap();
    let check = |what: &str| {
        let store = Redb::open(&path, &store_key(), options()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(all_of(&store).unwrap(), expected, "{what}");
        assert!(store.check_file().unwrap().damaged.is_empty(), "{what}");
    };
    check("as they are");
    let newer = std::fs::read(&sums).unwrap();
    std::fs::write(&sums, &old).unwrap();
    check("of the time before");
    std::fs::remove_file(&sums).unwrap();
    check("gone");
    for at in [0, 5, 30, 400, newer.len() / 2, newer.len() - 1] {
        let mut altered = newer.clone();
        altered[at] ^= 0x10;
        std::fs::write(&sums, altered).unwrap();
        check(&format!("altered at {at}"));
    }
    for length in [0, 3, 100, newer.len() - 1] {
        std::fs::write(&sums, &newer[..length]).unwrap();
        check(&format!("cut off at {length}"));
    }
    std::fs::remove_file(&sums).unwrap();
    std::fs::create_dir(&sums).unwrap();
    check("a folder");
}

#[test]
fn the_error_names_the_file_the_place_and_the_way_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store.redb");
    closed_file(&path);
    let length = std::fs::metadata(&path).unwrap().len() as usize;
    let refused = (1..length / 4096).find_map(|block| {
        flip_in_file(&path, (block * 4096 + 8) * 8);
        let refused = Redb::open(&path, &store_key(), options()).err();
        flip_in_file(&path, (block * 4096 + 8) * 8);
        refused.map(|refused| (block, refused))
    });
    let Some((block, refused @ OpenError::Damaged(..))) = refused else { panic!("{refused:?}") };
    let text = refused.to_string();
    for part in [format!("bytes {} to", block * 4096), path.display().to_string(), "nave restore FILE --replace".to_owned()] {
        assert!(text.contains(&part), "{part}: {text}");
    }
}
