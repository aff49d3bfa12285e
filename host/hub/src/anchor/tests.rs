use nave_core::model::AuditEntry;
use nave_store::{Batch, Memory};

use super::*;

struct Bed {
    folder: tempfile::TempDir,
    store: Memory,
    anchors: Anchors,
}

impl Bed {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let master = MasterKey::load_or_create_in(&folder.path().join("data")).unwrap();
        let anchors = Anchors::new(folder.path().join("anchor.log"), "hub1".into(), &master).unwrap();
        Self { folder, store: Memory::new(), anchors }
    }

    fn line(&self, subject: &str) {
        let entry = AuditEntry {
            at: Time(1),
            actor: "ann".into(),
            action: "secret.set".into(),
            subject: subject.into(),
            detail: String::new(),
        };
        self.store.commit(Batch { at: Time(1), audit: vec![entry], ..Batch::default() }).unwrap();
    }

    fn look(&self) -> Vec<&'static str> {
        self.anchors.look(&self.store, true).unwrap().iter().map(Finding::code).collect()
    }

    fn file(&self) -> String {
        std::fs::read_to_string(self.anchors.path()).unwrap()
    }

    fn verify(&self) -> Vec<&'static str> {
        self.anchors.verify(&self.store, None).unwrap().findings.iter().map(Finding::code).collect()
    }
}

#[test]
fn a_head_that_moved_is_noted_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let bed = Bed::new();
    assert!(bed.look().is_empty());
    assert_eq!(bed.file().lines().count(), 1, "also an empty audit");
    assert!(bed.look().is_empty());
    assert_eq!(bed.file().lines().count(), 1, "the head did not move");
    bed.line("one");
    assert!(bed.anchors.look(&bed.store, false).unwrap().is_empty());
    assert_eq!(bed.file().lines().count(), 1, "not so soon");
    assert!(bed.look().is_empty());
    assert_eq!(bed.file().lines().count(), 2);
    assert_eq!(std::fs::metadata(bed.anchors.path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(bed.verify().is_empty());
}

/// T122: the data as they were last week, beside anchors of today.
#[test]
fn data_that_were_put_back_are_noticed_until_a_person_has_said_so() {
    let mut bed = Bed::new();
    bed.line("one");
    bed.look();
    bed.line("two");
    bed.look();
    let today = bed.file();
    bed.store = Memory::new();
    bed.line("one");
    assert_eq!(bed.look(), ["audit.cut"]);
    assert_eq!(bed.file(), today, "nothing is noted over it");
    assert_eq!(kept(&bed.store).unwrap().unwrap().findings[0].0, "audit.cut");
    // It does not go away by going on.
    bed.line("another");
    bed.line("and more");
    assert_eq!(bed.look(), ["audit.rewritten"]);
    assert_eq!(bed.verify(), ["audit.rewritten"]);
    bed.anchors.accept(&bed.store, "the disk broke, and a snapshot was all we had").unwrap();
    assert!(bed.look().is_empty() && bed.verify().is_empty());
    assert_eq!(kept(&bed.store).unwrap(), None);
    bed.line("next");
    assert!(bed.look().is_empty());
    // A backup that is brought back in the ordinary way needs nobody's word.
    bed.store = Memory::new();
    bed.line("one");
    bed.anchors.restored(&bed.store).unwrap();
    assert!(bed.look().is_empty() && bed.verify().is_empty());
}

/// Lines can be taken out of the file, not put in.
#[test]
fn only_what_this_hub_signed_counts() {
    let bed = Bed::new();
    bed.line("one");
    bed.look();
    let good = bed.file();
    let anchor: Anchor = serde_json::from_str(good.lines().next().unwrap()).unwrap();
    let put = |anchor: &Anchor| {
        let line = serde_json::to_string(anchor).unwrap();
        std::fs::write(bed.anchors.path(), format!("{good}{line}\n")).unwrap();
    };
    for forged in [
        Anchor { lines: 0, ..anchor.clone() },
        Anchor { kind: Kind::Accepted, ..anchor.clone() },
        Anchor { head: "00".repeat(32), ..anchor.clone() },
        Anchor { at: "2020-01-01T00:00:00Z".into(), ..anchor.clone() },
        Anchor { reason: "fine".into(), ..anchor.clone() },
        Anchor { signature: "00".repeat(64), ..anchor.clone() },
        Anchor { signature: "zz".into(), ..anchor.clone() },
    ] {
        put(&forged);
        assert_eq!(bed.look(), ["audit.anchor-unsigned"], "{forged:?}");
    }
    // Another hub's, signed by another key and by its own.
    let master = MasterKey::load_or_create_in(&bed.folder.path().join("other")).unwrap();
    let other = Anchors::new(bed.anchors.path().to_owned(), "hub1".into(), &master).unwrap();
    put(&other.sign(Kind::Accepted, bed.store.audit_head().unwrap(), ""));
    assert_eq!(bed.look(), ["audit.anchor-unsigned"]);
    put(&Anchor { hub: "hub2".into(), ..anchor });
    assert_eq!(bed.look(), ["audit.anchor-foreign"]);
    // Text that is none, and a last line that was being written.
    std::fs::write(bed.anchors.path(), format!("{good}nonsense\n")).unwrap();
    assert!(bed.look().is_empty());
    std::fs::write(bed.anchors.path(), format!("{good}{{\"at\":")).unwrap();
    assert!(bed.look().is_empty());
    bed.line("two");
    assert!(bed.look().is_empty());
    assert_eq!(bed.file().lines().count(), 3, "the half line stays, the next one is whole");
}

#[test]
fn a_file_that_is_gone_is_missed() {
    let bed = Bed::new();
    bed.line("one");
    bed.look();
    let good = bed.file();
    std::fs::remove_file(bed.anchors.path()).unwrap();
    assert_eq!(bed.look(), ["audit.anchor-missing"]);
    assert!(!bed.anchors.path().exists());
    std::fs::write(bed.anchors.path(), "").unwrap();
    assert_eq!(bed.look(), ["audit.anchor-missing"]);
    // A copy from elsewhere is as good.
    std::fs::write(bed.anchors.path(), &good).unwrap();
    assert!(bed.look().is_empty());
    assert_eq!(kept(&bed.store).unwrap(), None, "it is back");
    let verified = bed.anchors.verify(&bed.store, Some(&good)).unwrap();
    assert!(verified.findings.is_empty(), "{verified:?}");
    assert_eq!((verified.anchors, verified.head.lines), (1, 1));
}

/// The next key of a bed's hub, and its anchors.
fn next(bed: &Bed, name: &str) -> Anchors {
    let master = MasterKey::load_or_create_in(&bed.folder.path().join(name)).unwrap();
    Anchors::new(bed.anchors.path().to_owned(), "hub1".into(), &master).unwrap()
}

/// T125: the new key vouches for what the old one has signed, and for nothing that it signs from then on.
#[test]
fn t125_a_new_key_takes_over_and_the_old_one_signs_nothing_more() {
    let mut bed = Bed::new();
    bed.line("one");
    bed.look();
    bed.line("two");
    let handed = bed.anchors.hand_over(&bed.store).unwrap();
    let elsewhere = bed.file();
    let (old, new) = (next(&bed, "data"), next(&bed, "next"));
    new.take_over(&bed.store, &handed).unwrap();
    let after = bed.file();
    new.take_over(&bed.store, &handed).unwrap();
    assert_eq!(bed.file(), after, "once is enough");
    bed.anchors = new;
    assert!(bed.look().is_empty() && bed.verify().is_empty());
    bed.line("three");
    assert!(bed.look().is_empty() && bed.verify().is_empty());
    let good = bed.file();

    // A copy from before the change proves as much as it did, and is compared.
    let verified = bed.anchors.verify(&bed.store, Some(&elsewhere)).unwrap();
    assert_eq!((verified.findings, verified.anchors), (vec![], 1));
    let store = std::mem::replace(&mut bed.store, Memory::new());
    bed.line("another");
    bed.line("chain");
    assert_eq!(bed.verify(), ["audit.rewritten"]);
    assert_eq!(bed.anchors.verify(&bed.store, Some(&elsewhere)).unwrap().findings.len(), 1, "by the old copy as well");
    bed.store = store;

    // Whoever stole the old key signs nothing that counts, wherever the line is put.
    let forged = |kind| serde_json::to_string(&old.sign(kind, bed.store.audit_head().unwrap(), "")).unwrap() + "\n";
    let check = |text: String, expected: &[&str]| {
        std::fs::write(bed.anchors.path(), text).unwrap();
        assert_eq!(bed.verify(), expected);
    };
    check(format!("{good}{}", forged(Kind::Noted)), &["audit.anchor-unsigned"]);
    check(format!("{good}{}", forged(Kind::Restored)), &["audit.anchor-unsigned"]);
    // In front it says nothing more than what is known.
    check(format!("{}{good}", forged(Kind::Accepted)), &[]);
    // Without the line that vouches for it the old key is nobody's.
    check(elsewhere.clone(), &["audit.anchor-unsigned"]);
    // A line that vouches for another key is none where the old key signed it.
    let mut vouching =
        Anchor { before: next(&bed, "third").public_key(), ..old.sign(Kind::KeyChanged, bed.store.audit_head().unwrap(), "") };
    old.seal(&mut vouching);
    check(format!("{good}{}\n", serde_json::to_string(&vouching).unwrap()), &["audit.anchor-unsigned"]);
    let stripped = good.lines().map(|line| {
        let mut anchor: Anchor = serde_json::from_str(line).unwrap();
        anchor.before = String::new();
        serde_json::to_string(&anchor).unwrap() + "\n"
    });
    check(stripped.collect(), &["audit.anchor-unsigned", "audit.anchor-unsigned"]);
}

/// T125: what a person had accepted stays accepted, by the new key's word alone.
#[test]
fn t125_what_was_accepted_is_said_again_by_the_new_key() {
    let mut bed = Bed::new();
    bed.line("one");
    bed.look();
    let good = bed.file();
    std::fs::write(bed.anchors.path(), format!("{good}{}", good.replace("\"lines\":1", "\"lines\":9"))).unwrap();
    assert_eq!(bed.verify(), ["audit.anchor-unsigned"]);
    assert!(bed.anchors.hand_over(&bed.store).is_err(), "the new key would vouch for it");
    bed.anchors.accept(&bed.store, "known").unwrap();
    let handed = bed.anchors.hand_over(&bed.store).unwrap();
    let mut master = String::from("data");
    for name in ["next", "after"] {
        let handed = bed.anchors.hand_over(&bed.store).unwrap();
        bed.anchors = next(&bed, name);
        bed.line(name);
        bed.anchors.take_over(&bed.store, &handed).unwrap();
        let verified = bed.anchors.verify(&bed.store, None).unwrap();
        assert!(verified.findings.is_empty() && verified.known.len() == 1, "{verified:?}");
        assert_eq!(verified.accepted.map(|accepted| (accepted.reason, accepted.lines)), Some(("known".to_owned(), 1)));
        master = name.to_owned();
    }
    assert_eq!((master.as_str(), handed.accepted.is_some()), ("after", true));
}
