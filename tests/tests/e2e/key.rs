//! T125: the master key changed, and killed at every step of it: afterwards everything is as before, under the one key or the other,
//! and the next command ends what was begun.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use nave_tests::project::{Project, Ran, run};
use serde_json::Value;

/// Where a debug build ends itself while nothing has happened yet; the copy comes by many steps.
const BEFORE: [&str; 4] = ["key-made", "key-noted", "in-copy", "key-sealed"];
/// And where it has: the last is after the end.
const AFTER: [&str; 6] = ["key-changed", "key-anchored", "key-marked", "key-kept", "key-in-place", "key-finished"];
const SECRETS: [(&str, &str); 3] =
    [("crm", "quite an ordinary sentence"), ("books", "another one, of some length"), ("desk", "the third of the three")];

const CHANGE: [&str; 5] = ["key", "change", "--because", "a test", "--yes"];

/// A project with secrets, and with records that have a history.
struct Bed {
    project: Project,
    records: Vec<String>,
    before: Vec<Value>,
}

impl Bed {
    fn new() -> Self {
        let project = Project::init();
        let folder = project.dir().parent().expect("a folder").join("exports");
        fs::create_dir_all(&folder).expect("a folder");
        project.install("files");
        let drop = format!("drop={}", folder.display());
        project.ok(&["connection", "add", "files", "--name", "drop", "--folder", &drop, "--reason", "a test", "--yes"]);
        for (name, secret) in SECRETS {
            project.tell(&["secret", "set", name], secret);
        }
        for edit in 0..3 {
            let mut text = "Id,LastName,Email,Phone,MobilePhone\n".to_owned();
            (0..20).for_each(|id| {
                text.push_str(&format!("L{id:03},Lee {id} of {edit},p{id}@example.org,+49301{id:06},+491511{id:06}\n"));
            });
            fs::write(folder.join("contacts.csv"), &text).expect("the disk takes it");
            project.sync(&["--once"]);
        }
        let list = project.json(&["record", "list", "contact", "--limit", "100"]);
        let records: Vec<String> =
            list["records"].as_array().into_iter().flatten().filter_map(|one| Some(one["record"].as_str()?.to_owned())).collect();
        assert_eq!(records.len(), 20, "{list}");
        let mut bed = Self { project, records, before: Vec::new() };
        bed.before = bed.told(&[]);
        let said = format!("{:?}", bed.before);
        let versions = ["Lee 5 of 0", "Lee 5 of 1", "Lee 5 of 2"];
        assert!(versions.iter().all(|name| said.contains(name)), "the history is told: {}", said.len());
        bed
    }

    fn data(&self) -> PathBuf {
        self.project.data()
    }

    fn ran(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ran {
        let mut command = self.project.command(arguments);
        command.envs(environment.iter().copied());
        run(&mut command, None)
    }

    #[track_caller]
    fn ok(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Value {
        let ran = self.ran(arguments, environment);
        assert!(matches!(ran.code, Some(0 | 4)), "nave {}: {ran:?}", arguments.join(" "));
        ran.json()
    }

    /// What each record is and was.
    fn told(&self, environment: &[(&str, &str)]) -> Vec<Value> {
        let shown = |record: &String| {
            ["show", "history"].map(|verb| {
                let mut told = self.ok(&["record", verb, record], environment);
                // When it was looked at is no matter.
                told.as_object_mut().map(|told| told.remove("now"));
                told
            })
        };
        self.records.iter().step_by(5).flat_map(shown).collect()
    }

    /// Which secrets of the vault are those that were put there: no command shows one, and `scan` knows them where they stand.
    fn secrets(&self, environment: &[(&str, &str)]) -> BTreeSet<String> {
        let folder = self.project.dir().parent().expect("a folder").join("looked-at");
        fs::create_dir_all(&folder).expect("a folder");
        for (name, secret) in SECRETS {
            fs::write(folder.join(name), secret).expect("written");
        }
        let ran = self.ran(&["scan", &folder.display().to_string()], environment);
        let known = |(name, _): &(&str, &str)| ran.out.contains(&format!("secret `{name}` of the vault"));
        SECRETS.iter().filter(|secret| known(secret)).map(|(name, _)| (*name).to_owned()).collect()
    }

    /// Everything is as it was before anybody touched the key.
    #[track_caller]
    fn check(&self, when: &str, environment: &[(&str, &str)]) {
        let all: BTreeSet<String> = SECRETS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(self.secrets(environment), all, "{when}");
        assert!(self.told(environment) == self.before, "{when}: records or their history are others");
        assert_eq!(self.ok(&["audit", "verify"], environment)["sound"], true, "{when}");
        assert_eq!(self.ok(&["store", "check"], environment)["sound"], true, "{when}");
    }

    fn fingerprint(&self) -> String {
        self.ok(&["key", "show"], &[])["fingerprint"].as_str().expect("a fingerprint").to_owned()
    }

    /// Changes the key and is killed there. Says whether it came that far.
    #[track_caller]
    fn killed(&self, arguments: &[&str], at: &str, environment: &[(&str, &str)]) -> bool {
        let mut command = self.project.command(arguments);
        let output =
            command.envs(environment.iter().copied()).env("NAVE_KILL_AT", at).stdin(Stdio::null()).output().expect("nave runs");
        let ended = output.status.code();
        assert!(matches!(ended, None | Some(0)), "{at}: {ended:?} {}", String::from_utf8_lossy(&output.stderr));
        ended.is_none()
    }

    /// Files of the data folder that are only there while the key is changed.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.data()).expect("a folder").flatten();
        let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.filter(|name| name.contains(".next") || name.contains("restored")).collect()
    }
}

#[test]
fn t125_killed_before_it_has_happened_the_key_is_the_one_before() {
    let bed = Bed::new();
    for phase in BEFORE {
        let old = bed.fingerprint();
        for step in 1.. {
            let there = bed.killed(&CHANGE, &format!("{phase}:{step}"), &[]);
            if phase != "in-copy" {
                assert!(there, "{phase} was not reached");
            } else if !there {
                // More steps than tables with rows are not to be had; that one went through, and the next phase begins anew.
                assert!(step > 12, "the copy ended after {step} steps");
                break;
            } else if step % 5 != 1 {
                // As they are left for the next to clear away.
                continue;
            }
            let key = bed.data().join("master.key.next");
            assert!(key.exists() && !bed.left().is_empty(), "{phase}:{step}");
            bed.check(&format!("killed at {phase}:{step}"), &[]);
            assert_eq!((bed.fingerprint(), bed.left()), (old.clone(), vec![]), "{phase}:{step}");
            if phase != "in-copy" {
                break;
            }
        }
    }
    let before = bed.fingerprint();
    let changed = bed.ok(&CHANGE, &[]);
    assert_eq!((&changed["changed"], changed["before"].as_str()), (&Value::Bool(true), Some(before.as_str())));
    assert_eq!(changed["after"].as_str(), Some(bed.fingerprint().as_str()));
    bed.check("changed", &[]);
}

#[test]
fn t125_killed_after_it_has_happened_the_next_command_ends_it() {
    let bed = Bed::new();
    for phase in AFTER {
        let old = bed.fingerprint();
        let key = fs::read(bed.data().join("master.key")).expect("a key");
        assert!(bed.killed(&CHANGE, &format!("{phase}:1"), &[]), "{phase} was not reached");
        // Who ends it is killed as well, wherever that can be.
        for again in AFTER {
            bed.killed(&["status"], &format!("{again}:1"), &[]);
        }
        bed.check(&format!("killed at {phase}"), &[]);
        assert!(bed.fingerprint() != old && bed.left().is_empty(), "{phase}: {:?}", bed.left());
        // The key of before is kept, and opens nothing.
        let kept = bed.ok(&["key", "show"], &[]);
        assert_eq!(kept["kept"][0]["fingerprint"].as_str(), Some(old.as_str()), "{phase}: {kept}");
        let thief = bed.project.dir().parent().expect("a folder").join("stolen.key");
        fs::write(&thief, key).expect("written");
        fs::set_permissions(&thief, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("mine");
        let refused = bed.ran(&["status"], &[("NAVE_MASTER_KEY_FILE", &thief.display().to_string())]);
        assert!(refused.code == Some(5) && refused.out.contains("another master key"), "{phase}: {refused:?}");
    }
    let lines = bed.ok(&["audit", "list", "--limit", "200"], &[]);
    let of = |action: &str| lines["entries"].as_array().into_iter().flatten().filter(|line| line["action"] == action).count();
    assert_eq!(of("key.changed"), AFTER.len(), "each of them once: {lines}");
}

#[test]
fn t125_a_key_outside_of_the_data_folder_is_changed_and_what_to_set_is_said() {
    let bed = Bed::new();
    let folder = bed.project.dir().parent().expect("a folder").to_owned();
    let path = |name: &str| folder.join(name).display().to_string();
    fs::rename(bed.data().join("master.key"), folder.join("first.key")).expect("moved");
    const NAMED: &str = "NAVE_MASTER_KEY_FILE";
    let refused = bed.ran(&CHANGE, &[(NAMED, &path("first.key"))]);
    assert!(refused.code == Some(2) && refused.out.contains("--to FILE"), "{refused:?}");
    let to = |name: &str| [&CHANGE[..], &["--to", name]].concat().into_iter().map(str::to_owned).collect::<Vec<_>>();
    let mut before = "first.key".to_owned();
    for phase in BEFORE.into_iter().chain(AFTER) {
        let next = format!("{phase}.key");
        let arguments = to(&path(&next));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        // What is done to a key in the data folder is not done to one elsewhere.
        let reached = bed.killed(&arguments, &format!("{phase}:1"), &[(NAMED, &path(&before))]);
        assert_eq!(reached, phase != "key-kept", "{phase}");
        let happened = AFTER.contains(&phase);
        let (good, bad) = if happened { (&next, &before) } else { (&before, &next) };
        let refused = bed.ran(&["status"], &[(NAMED, &path(bad))]);
        assert!(refused.code == Some(5), "{phase}: {refused:?}");
        if happened {
            assert!(refused.out.contains(&path(good)) && refused.out.contains(NAMED), "{phase}: {refused:?}");
        }
        bed.check(&format!("killed at {phase}"), &[(NAMED, &path(good))]);
        assert!(bed.left().is_empty(), "{phase}: {:?}", bed.left());
        if !happened {
            // Again: the key that was made is the one that is taken.
            let made = fs::read(folder.join(&next)).expect("it was made");
            assert_eq!(bed.ok(&arguments, &[(NAMED, &path(&before))])["changed"], true, "{phase}");
            assert_eq!(fs::read(folder.join(&next)).expect("it is there"), made);
            bed.check(&format!("changed after {phase}"), &[(NAMED, &path(&next))]);
        }
        before = next;
    }
    assert!(!Path::new(&bed.data().join("master.key")).exists(), "none is made in the data folder");
}

#[test]
fn a_key_is_changed_by_who_agrees_and_not_while_a_hub_serves() {
    let bed = Bed::new();
    let old = bed.fingerprint();
    let planned = bed.ok(&["key", "change", "--because", "a test", "--plan"], &[]);
    assert_eq!((planned["changed"].as_bool(), planned["held"]["secrets"].as_u64()), (Some(false), Some(3)), "{planned}");
    assert_eq!(planned["records"].as_u64(), Some(20), "{planned}");
    let unsaid = bed.ran(&["key", "change", "--because", "a test"], &[]);
    assert!(unsaid.code == Some(4) && unsaid.out.contains("--plan"), "{unsaid:?}");
    assert_eq!(bed.ran(&["key", "change", "--because", " ", "--yes"], &[]).code, Some(2));
    assert_eq!(bed.ran(&["key", "change", "--yes"], &[]).code, Some(2), "without a reason");
    let serving = bed.project.serve();
    let refused = bed.ran(&CHANGE, &[]);
    assert!(refused.code == Some(5) && refused.out.contains("stop `nave serve`"), "{refused:?}");
    assert_eq!(bed.fingerprint(), old, "which key it is can be asked of a hub that serves, too");
    serving.stop();
    bed.ok(&CHANGE, &[]);
    // A hub goes on with it; a backup of before comes back.
    bed.project.serve().stop();
    bed.check("served", &[]);
    assert_ne!(bed.fingerprint(), old);
}

#[test]
fn t125_a_backup_of_before_comes_back_under_the_key_in_place() {
    let bed = Bed::new();
    let folder = bed.project.dir().parent().expect("a folder").to_owned();
    let backup = folder.join("before.nave").display().to_string();
    bed.ok(&["backup", &backup], &[]);
    bed.ok(&CHANGE, &[]);
    bed.project.tell(&["secret", "set", "crm"], "one that the backup does not hold");
    let now = bed.fingerprint();
    let restored = bed.ok(&["restore", &backup, "--replace"], &[]);
    assert!(restored["message"].as_str().is_some_and(|said| said.contains("sealed anew")), "{restored}");
    bed.check("restored", &[]);
    assert_eq!(bed.fingerprint(), now);
    // The key of before went to a safe.
    let kept = bed.ok(&["key", "show"], &[])["kept"][0]["file"].as_str().expect("a file").to_owned();
    let safe = folder.join("safe.key").display().to_string();
    fs::rename(kept, &safe).expect("moved");
    let refused = bed.ran(&["restore", &backup, "--replace"], &[]);
    assert!(refused.code == Some(1) && refused.out.contains("--key-file"), "{refused:?}");
    bed.ok(&["restore", &backup, "--replace", "--key-file", &safe], &[]);
    bed.check("restored from the safe", &[]);
    assert_eq!(bed.fingerprint(), now);
}
