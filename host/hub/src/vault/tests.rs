//! Attacks on the vault: section J of the attack list.

use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use nave_store::Memory;

use super::*;

const CANARY: &[u8] = b"c4nary-S3cret/+value==";

fn key(dir: &tempfile::TempDir) -> MasterKey {
    MasterKey::load_or_create_in(dir.path()).unwrap()
}

struct Bench {
    _dir: tempfile::TempDir,
    key: MasterKey,
    store: Arc<Memory>,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { key: key(&dir), _dir: dir, store: Arc::new(Memory::new()) }
    }

    fn vault(&self) -> Vault {
        Vault::with_key(&self.key, "dev", self.store.clone()).unwrap()
    }

    fn row(&self, name: &str) -> Vec<u8> {
        self.store.row(SPACE, name).unwrap().unwrap()
    }

    fn put(&self, space: &str, name: &str, bytes: &[u8]) {
        commit(&*self.store, vec![keyed(space, name, Some(bytes.to_vec()))]).unwrap();
    }
}

#[test]
fn a_secret_comes_back_and_is_listed_without_its_value() {
    let bench = Bench::new();
    let vault = bench.vault();
    assert_eq!(vault.set("crm-prod", &SecretBytes::new(CANARY)).unwrap(), Stored { version: 1, same_as: vec![] });
    assert_eq!(bench.vault().reveal("crm-prod").unwrap().expose(), CANARY);
    assert!(vault.list().unwrap()[0].last_used.is_some(), "a use outlives the process that made it");
    vault.reveal("crm-prod").unwrap();
    assert_eq!(vault.set("crm-prod", &SecretBytes::new("new one")).unwrap().version, 2);
    assert_eq!(vault.reveal("crm-prod").unwrap().expose(), b"new one");
    let list = vault.list().unwrap();
    assert_eq!((list.len(), list[0].name.as_str(), list[0].version), (1, "crm-prod", 2));
    assert!(list[0].last_used.is_some_and(|used| used >= list[0].created));
    assert!(!format!("{list:?} {vault:?} {:?}", SecretBytes::new(CANARY)).contains("c4nary"));
    vault.remove("crm-prod").unwrap();
    assert!(matches!(vault.reveal("crm-prod"), Err(VaultError::Missing(_))));
    assert!(matches!(vault.remove("crm-prod"), Err(VaultError::Missing(_))));
    assert!(vault.list().unwrap().is_empty());
}

#[test]
fn the_same_secret_under_two_names_is_said() {
    let bench = Bench::new();
    let vault = bench.vault();
    vault.set("a", &SecretBytes::new(CANARY)).unwrap();
    vault.set("b", &SecretBytes::new("other")).unwrap();
    assert_eq!(vault.set("c", &SecretBytes::new(CANARY)).unwrap().same_as, ["a"]);
    assert_eq!(vault.set("a", &SecretBytes::new(CANARY)).unwrap().same_as, ["c"], "itself does not count");
}

#[test]
fn names_and_sizes_are_bounded() {
    let bench = Bench::new();
    let vault = bench.vault();
    for name in ["", "A", "a b", "a/b", "../x", "ä", &"a".repeat(65)] {
        assert!(matches!(vault.set(name, &SecretBytes::new("x")), Err(VaultError::BadName(_))), "{name}");
    }
    assert!(matches!(vault.set("a", &SecretBytes::new("")), Err(VaultError::BadSize(0))));
    assert!(matches!(vault.set("a", &SecretBytes::new(vec![0; SECRET_BYTES_MAX + 1])), Err(VaultError::BadSize(_))));
    vault.set("a", &SecretBytes::new(vec![0; SECRET_BYTES_MAX])).unwrap();
    assert_eq!(vault.reveal("a").unwrap().len(), SECRET_BYTES_MAX);
}

/// Line 121.
#[test]
fn a_row_with_any_bit_flipped_does_not_open() {
    let bench = Bench::new();
    let vault = bench.vault();
    vault.set("a", &SecretBytes::new(CANARY)).unwrap();
    let row = bench.row("a");
    for bit in 0..row.len() * 8 {
        let mut bad = row.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        bench.put(SPACE, "a", &bad);
        assert!(matches!(vault.reveal("a"), Err(VaultError::Damaged(_))), "bit {bit}");
    }
    for length in 0..row.len() {
        bench.put(SPACE, "a", &row[..length]);
        assert!(matches!(vault.reveal("a"), Err(VaultError::Damaged(_))), "{length} bytes");
    }
    bench.put(SPACE, "a", &row);
    assert_eq!(vault.reveal("a").unwrap().expose(), CANARY);
}

/// Line 121: moved to another row, another environment, or back to another version.
#[test]
fn a_row_opens_in_its_own_place_only() {
    let bench = Bench::new();
    let vault = bench.vault();
    vault.set("a", &SecretBytes::new(CANARY)).unwrap();
    vault.set("b", &SecretBytes::new("of b")).unwrap();
    let (a, b) = (bench.row("a"), bench.row("b"));
    bench.put(SPACE, "a", &b);
    bench.put(SPACE, "b", &a);
    assert!(matches!(vault.reveal("a"), Err(VaultError::Damaged(_))));
    assert!(matches!(vault.reveal("b"), Err(VaultError::Damaged(_))));

    let mut mixed = a[..HEAD_AND_KEY].to_vec();
    mixed.extend_from_slice(&b[HEAD_AND_KEY..]);
    bench.put(SPACE, "a", &mixed);
    assert!(matches!(vault.reveal("a"), Err(VaultError::Damaged(_))), "one row's key, another's secret");

    let production = Memory::new();
    let other = Vault::with_key(&bench.key, "production", Arc::new(production)).unwrap();
    commit(&*other.store, vec![keyed(SPACE, "a", Some(a.clone()))]).unwrap();
    assert!(matches!(other.reveal("a"), Err(VaultError::Damaged(_))), "another environment");

    let mut older = a;
    older[1] = 7;
    bench.put(SPACE, "a", &older);
    assert!(matches!(vault.reveal("a"), Err(VaultError::Damaged(_))), "another version");
}

/// Format, version, time; nonce, data key, tag.
const HEAD_AND_KEY: usize = 13 + 12 + 32 + 16;

/// Lines 124 and 128.
#[test]
fn another_master_key_opens_nothing() {
    let bench = Bench::new();
    bench.vault().set("a", &SecretBytes::new(CANARY)).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    assert!(matches!(Vault::with_key(&key(&elsewhere), "dev", bench.store.clone()), Err(VaultError::WrongKey)));
    assert!(
        matches!(Vault::with_key(&bench.key, "production", bench.store.clone()), Err(VaultError::OtherEnvironment(owner)) if owner == "dev")
    );
    commit(&*bench.store, vec![keyed(CHECK.0, CHECK.1, None)]).unwrap();
    assert!(
        matches!(Vault::with_key(&key(&elsewhere), "dev", bench.store.clone()), Err(VaultError::WrongKey)),
        "check taken out"
    );
}

/// Line 128: the canary search, which finds a leak that is planted.
#[test]
fn nothing_stored_holds_the_secret_in_any_spelling() {
    let bench = Bench::new();
    let vault = bench.vault();
    vault.set("a", &SecretBytes::new(CANARY)).unwrap();
    vault.reveal("a").unwrap();
    vault.list().unwrap();
    let leaks = |store: &Memory| {
        let spellings = [
            CANARY.to_vec(),
            base64::engine::general_purpose::STANDARD_NO_PAD.encode(CANARY).into_bytes(),
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(CANARY).into_bytes(),
            percent_encoding::percent_encode(CANARY, percent_encoding::NON_ALPHANUMERIC).to_string().into_bytes(),
        ];
        [SPACE, USED_SPACE, "hub"].iter().flat_map(|space| store.rows(space).unwrap()).any(|(name, bytes)| {
            spellings
                .iter()
                .any(|needle| [name.as_bytes(), &bytes].iter().any(|hay| hay.windows(needle.len()).any(|w| w == needle)))
        })
    };
    assert!(!leaks(&bench.store));
    bench.put("hub", "planted", b"x c4nary%2DS3cret%2F%2Bvalue%3D%3D y");
    assert!(leaks(&bench.store));
}

#[test]
fn two_versions_share_no_key_and_no_nonce() {
    let bench = Bench::new();
    let vault = bench.vault();
    vault.set("a", &SecretBytes::new(CANARY)).unwrap();
    let first = bench.row("a");
    vault.set("a", &SecretBytes::new(CANARY)).unwrap();
    let second = bench.row("a");
    assert_eq!(first.len(), second.len());
    for at in (13..first.len() - 8).step_by(8) {
        assert_ne!(first[at..at + 8], second[at..at + 8], "bytes {at}");
    }
}

#[test]
fn the_master_key_is_made_once_and_kept_private() {
    let dir = tempfile::tempdir().unwrap();
    let inner = dir.path().join("data");
    let first = MasterKey::load_or_create_in(&inner).unwrap();
    let path = inner.join(MASTER_KEY_FILE);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(&inner).unwrap().permissions().mode() & 0o777, 0o700);
    assert_eq!(std::fs::read_dir(&inner).unwrap().count(), 1, "nothing else is left there");
    let second = MasterKey::load_or_create_in(&inner).unwrap();
    let purposes = [Purpose::Vault, Purpose::Store, Purpose::CompileCache, Purpose::Audit];
    for (at, purpose) in purposes.iter().enumerate() {
        assert_eq!(first.derive(*purpose), second.derive(*purpose));
        for other in &purposes[at + 1..] {
            assert_ne!(first.derive(*purpose), first.derive(*other));
        }
    }
    let elsewhere = MasterKey::load_or_create_in(dir.path()).unwrap();
    assert_ne!(first.derive(Purpose::Store), elsewhere.derive(Purpose::Store));
    assert_eq!(format!("{first:?}"), "MasterKey(…)");
}

/// Line 124: a key that others could have read or swapped is not used, and none is made in its place.
#[test]
fn an_unsafe_master_key_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(MASTER_KEY_FILE);
    MasterKey::load_or_create_in(dir.path()).unwrap();
    for mode in [0o640, 0o604, 0o620, 0o660, 0o602, 0o777] {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(MasterKey::load_or_create_in(dir.path()), Err(MasterKeyError::Unsafe { .. })), "{mode:o}");
    }
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o400)).unwrap();
    MasterKey::load_or_create_in(dir.path()).unwrap();

    let real = dir.path().join("real");
    std::fs::rename(&path, &real).unwrap();
    std::os::unix::fs::symlink(&real, &path).unwrap();
    assert!(matches!(MasterKey::load_or_create_in(dir.path()), Err(MasterKeyError::Unsafe { .. })), "a link");
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(dir.path().join("nowhere"), &path).unwrap();
    assert!(matches!(MasterKey::load_or_create_in(dir.path()), Err(MasterKeyError::Unsafe { .. })), "a dangling link");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    assert!(MasterKey::load_or_create_in(dir.path()).is_err(), "a folder");
    std::fs::remove_dir(&path).unwrap();

    for text in [&b""[..], b"00", &[b'0'; 63], &[b'0'; 66], &[b'g'; 64], &[0xff; 64]] {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(MasterKey::load_or_create_in(dir.path()), Err(MasterKeyError::Malformed { .. })), "{text:?}");
    }
}

/// Two starts at once on an empty folder agree.
#[test]
fn a_race_for_the_first_key_has_one_winner() {
    let dir = tempfile::tempdir().unwrap();
    let keys: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| key(&dir).derive(Purpose::Vault))).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
}

/// Line 127.
#[test]
fn the_process_keeps_its_memory_to_itself() {
    harden_process().unwrap();
    assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
    let limit = rustix::process::getrlimit(rustix::process::Resource::Core);
    assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
}

fn origins(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|origin| (*origin).to_owned()).collect()
}

#[test]
fn a_secret_is_revealed_for_what_it_was_given_for_and_nothing_else() {
    let bench = Bench::new();
    let vault = bench.vault();
    let to = |all: &[&str]| vault.own("crm", &origins(all)).map(|_| ());
    assert_eq!(to(&["https://a.example"]), Err(SecretError::Missing("crm".into())));
    vault.set("crm", &SecretBytes::new(CANARY)).unwrap();
    let held = |to: &str, given: &[&str]| {
        let given_for = given.iter().map(|origin| (*origin).to_owned()).collect();
        Err(SecretError::Held { name: "crm".into(), to: vec![to.to_owned()], given_for, lapsed: None })
    };
    assert_eq!(to(&["https://a.example"]), held("https://a.example", &[]), "nobody has said where");
    vault.bind("crm", &origins(&["https://a.example"]), None).unwrap();
    assert_eq!(to(&["https://a.example"]), Ok(()));
    assert_eq!(to(&["https://a.example", "https://b.example"]), held("https://b.example", &["https://a.example"]));
    vault.bind("crm", &origins(&["https://b.example"]), None).unwrap();
    assert_eq!(to(&["https://a.example", "https://b.example"]), Ok(()), "given for another too");
    vault.set("crm", &SecretBytes::new("a new version")).unwrap();
    assert_eq!(to(&["https://b.example"]), Ok(()), "a new version goes where the one before went");
    assert_eq!(to(&["http://b.example"]), held("http://b.example", &["https://a.example", "https://b.example"]));
    vault.bind("crm", &origins(&["https://c.example"]), Some(&origins(&["https://b.example", "https://c.example"]))).unwrap();
    let forgotten = to(&["https://a.example"]);
    let Err(SecretError::Held { given_for, lapsed: Some(lapsed), .. }) = &forgotten else {
        panic!("a host that nobody uses any more is forgotten: {forgotten:?}")
    };
    assert_eq!(*given_for, ["https://b.example", "https://c.example"]);
    assert_eq!(lapsed.origins, ["https://a.example"], "and it is known what it was");
    assert!(lapsed.given.starts_with("20") && lapsed.at >= lapsed.given, "{lapsed:?}");
    vault.bind("crm", &origins(&["https://a.example"]), None).unwrap();
    let Err(SecretError::Held { lapsed, .. }) = to(&["https://d.example"]) else { panic!("not given") };
    assert_eq!(lapsed, None, "what was given again is not told");
    vault.remove("crm").unwrap();
    assert_eq!(vault.bound("crm").unwrap(), None, "it goes with the secret");
}

/// Another secret's row, another environment's, a changed one, and a secret's own row are all worth nothing.
#[test]
fn what_a_secret_was_given_for_is_sealed_in_its_place() {
    let bench = Bench::new();
    let vault = bench.vault();
    for name in ["a", "b"] {
        vault.set(name, &SecretBytes::new(format!("https://{name}.example"))).unwrap();
        vault.bind(name, &origins(&[&format!("https://{name}.example")]), None).unwrap();
    }
    let row = |space: &str, name: &str| bench.store.row(space, name).unwrap().unwrap();
    let (bound, of_b, secret) = (row(bound::BOUND_SPACE, "a"), row(bound::BOUND_SPACE, "b"), row(SPACE, "a"));
    assert!(!bound.windows(9).any(|part| part == b"a.example"));
    for bad in [of_b, secret, bound[..bound.len() - 1].to_vec(), Vec::new()] {
        bench.put(bound::BOUND_SPACE, "a", &bad);
        assert!(matches!(vault.bound("a"), Err(VaultError::Damaged(_))));
        assert!(matches!(vault.own("a", &origins(&["https://a.example"])), Err(SecretError::Unreadable { .. })));
    }
    bench.put(SPACE, "a", &bound);
    assert!(matches!(vault.reveal("a"), Err(VaultError::Damaged(_))));
}

/// The successor of a secret waits beside it, is inherited or disowned once, and goes with it.
#[test]
fn a_successor_takes_its_place_or_is_gone() {
    let bench = Bench::new();
    let vault = bench.vault();
    let bytes = |text: &str| SecretBytes::new(text);
    assert!(matches!(vault.succeed("crm", &bytes("new")), Err(VaultError::Missing(_))), "of nothing");
    vault.set("crm", &bytes("old")).unwrap();
    assert!(matches!(vault.succeed("crm", &bytes("")), Err(VaultError::BadSize(0))));
    vault.succeed("crm", &bytes("new")).unwrap();
    assert!(matches!(bench.vault().rotation("crm").unwrap(), Some(Rotation::Waiting { .. })));
    assert_eq!((vault.reveal("crm").unwrap().expose(), vault.successor("crm").unwrap()), (&b"old"[..], Some(bytes("new"))));
    // Only the one that waits is decided about, and only once.
    assert!(!vault.inherit("crm", &bytes("other")).unwrap() && !vault.disown("crm", &bytes("other"), "no").unwrap());
    assert!(vault.inherit("crm", &bytes("new")).unwrap() && !vault.inherit("crm", &bytes("new")).unwrap());
    assert_eq!((vault.reveal("crm").unwrap().expose(), vault.list().unwrap()[0].version), (&b"new"[..], 2));
    vault.succeed("crm", &bytes("wrong")).unwrap();
    assert!(vault.disown("crm", &bytes("wrong"), "it said 401").unwrap());
    assert!(matches!(vault.rotation("crm").unwrap(), Some(Rotation::Refused { why, .. }) if why == "it said 401"));
    assert_eq!((vault.reveal("crm").unwrap().expose(), vault.successor("crm").unwrap()), (&b"new"[..], None));
    // Whoever sets it anew closes what was said of a successor; whoever removes it removes all.
    vault.set("crm", &bytes("third")).unwrap();
    assert_eq!(vault.rotation("crm").unwrap(), None);
    vault.succeed("crm", &bytes("fourth")).unwrap();
    vault.remove("crm").unwrap();
    assert_eq!((vault.rotation("crm").unwrap(), vault.successor("crm").unwrap()), (None, None));
}

/// What was granted and what waits open in their own place, in this environment, and nowhere else.
#[test]
fn what_is_kept_beside_secrets_opens_in_its_place_only() {
    let bench = Bench::new();
    let vault = bench.vault();
    let tokens = SecretBytes::new("t0kens-of-theirs");
    vault.keep("crm/token", Some(&tokens)).unwrap();
    assert_eq!(vault.kept("crm/token").unwrap(), Some(tokens.clone()));
    assert_eq!(vault.kept("crm/other").unwrap(), None);
    vault.set("crm", &SecretBytes::new("old")).unwrap();
    vault.succeed("crm", &SecretBytes::new("t0kens-of-theirs")).unwrap();
    let row = |space: &str, name: &str| bench.store.row(space, name).unwrap().unwrap();
    let (kept, next) = (row("authorization", "crm/token"), row("secret-next", "crm"));
    for bytes in [&kept, &next] {
        assert!(!String::from_utf8_lossy(bytes).contains("t0kens"));
    }
    for (space, name, bytes) in [
        ("authorization", "books/token", &kept),
        ("authorization", "crm/token", &next),
        ("secret-next", "crm", &kept),
        ("secret", "crm", &kept),
        ("secret", "crm", &next),
    ] {
        bench.put(space, name, bytes);
    }
    assert!(vault.kept("books/token").is_err() && vault.kept("crm/token").is_err());
    assert!(vault.successor("crm").is_err() && vault.reveal("crm").is_err());
    bench.put("authorization", "crm/token", &kept);
    let mut changed = kept.clone();
    *changed.last_mut().unwrap() ^= 1;
    assert_eq!(vault.kept("crm/token").unwrap(), Some(tokens));
    bench.put("authorization", "crm/token", &changed);
    assert!(vault.kept("crm/token").is_err());
    assert_eq!(vault.authorization_places().unwrap(), ["books/token", "crm/token"]);
    vault.keep("crm/token", None).unwrap();
    assert_eq!(vault.kept("crm/token").unwrap(), None);
}
