//! The audit is as it was written, or that is noticed: a changed byte, data that were put back, a chain written anew. And it says who
//! was given data of a record.

use std::fs;
use std::path::Path;

use nave_tests::http;
use nave_tests::project::{Project, until};
use serde_json::{Value, json};

use super::contacts;

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type") {
            kind if kind.is_dir() => copy(&entry.path(), &target),
            kind if kind.is_file() => drop(fs::copy(entry.path(), target).expect("copied")),
            _ => {}
        }
    }
}

/// `nave audit verify`: whether it is sound, and code and first entry of each finding.
#[track_caller]
fn verify(project: &Project, more: &[&str]) -> (bool, Vec<(String, Value)>) {
    let ran = project.run(&[&["audit", "verify"], more].concat());
    let answer = ran.json();
    let sound = answer["sound"].as_bool().unwrap_or_else(|| panic!("{ran:?}"));
    assert_eq!(ran.code, Some(if sound { 0 } else { 1 }), "{ran:?}");
    let findings = answer["findings"].as_array().cloned().unwrap_or_default();
    (sound, findings.iter().map(|one| (one["code"].as_str().unwrap_or_default().to_owned(), one["entry"].clone())).collect())
}

/// Every line of the audit with these bytes gets others, by somebody who has the store's engine: the file is whole.
fn rewrite_line(project: &Project, from: &[u8], to: &[u8]) -> usize {
    const AUDIT: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("audit");
    let database = redb::Database::open(project.data().join("nave.redb")).expect("the store");
    let transaction = database.begin_write().expect("a transaction");
    let mut changed = 0;
    {
        use redb::ReadableTable as _;
        let mut table = transaction.open_table(AUDIT).expect("the audit");
        let rows = table.iter().expect("rows").map(|row| row.expect("a row"));
        let rows: Vec<(u64, Vec<u8>)> = rows.map(|(number, line)| (number.value(), line.value().to_vec())).collect();
        for (number, mut line) in rows {
            let Some(at) = memchr::memmem::find(&line, from) else { continue };
            line[at..at + to.len()].copy_from_slice(to);
            table.insert(number, line.as_slice()).expect("written");
            changed += 1;
        }
    }
    transaction.commit().expect("written");
    changed
}

/// A project with three entries that are told apart, and which number the second has.
fn three() -> (Project, u64) {
    let project = Project::init();
    for secret in ["first", "second-of-three", "third"] {
        project.tell(&["secret", "set", secret], "s3cret-s3cret");
    }
    let lines = project.json(&["audit", "list", "--limit", "100"])["entries"].as_array().cloned().expect("lines");
    let at = lines.iter().rev().position(|line| line["subject"] == "second-of-three").expect("its line") as u64 + 1;
    (project, at)
}

#[test]
fn what_a_command_did_is_not_taken_back_unseen() {
    let (project, _) = three();
    let kept = tempfile::tempdir().expect("a folder");
    copy(&project.data(), kept.path());
    project.tell(&["secret", "set", "fourth"], "s3cret-s3cret");
    fs::remove_dir_all(project.data()).expect("taken away");
    copy(kept.path(), &project.data());
    let (sound, findings) = verify(&project, &[]);
    assert!(!sound && findings.iter().any(|(code, _)| code == "audit.cut"), "{findings:?}");
}

/// A page of the audit as it lies in the file: where its rows' texts begin.
fn places(project: &Project, text: &str) -> Vec<usize> {
    let bytes = fs::read(project.data().join("nave.redb")).expect("the store");
    memchr::memmem::find_iter(&bytes, text.as_bytes()).collect()
}

/// Flips a bit of the store's file at each of these places.
fn flip(project: &Project, places: impl Iterator<Item = usize>) {
    let path = project.data().join("nave.redb");
    let mut bytes = fs::read(&path).expect("the store");
    places.for_each(|at| bytes[at] ^= 1);
    fs::write(&path, bytes).expect("written");
}

/// T121, T123, S7.11: a byte that is another one on the disk: the store is refused, and the audit says in which entry that is.
#[test]
fn a_byte_that_changed_on_the_disk_is_named_by_its_entry() {
    let (project, at) = three();
    let path = project.data().join("nave.redb");
    let whole = fs::read(&path).expect("the store");
    let begins = "{\"at\":";
    let lines: Vec<usize> = places(&project, begins);
    // Every copy of the line that is in the file: the engine keeps older ones of a page.
    let second: Vec<usize> = places(&project, "\"subject\":\"second-of-three\"")
        .iter()
        .map(|place| *lines.iter().rev().find(|begins| *begins < place).expect("its begin"))
        .collect();
    assert!(!second.is_empty());
    let check = |what: &str, change: &dyn Fn(&Project), code: &str, entry: u64, says: &str| {
        change(&project);
        let ran = project.run(&["audit", "verify"]);
        let answer = ran.json();
        assert_eq!((ran.code, &answer["sound"]), (Some(1), &json!(false)), "{what}: {ran:?}");
        assert!(
            answer["damaged"].as_str().is_some_and(|why| why.contains("nave.redb") && why.contains("nave restore")),
            "{what}: {ran:?}"
        );
        let first = &answer["findings"][0];
        assert_eq!(
            (&first["code"], &first["entry"], &first["good"]),
            (&json!(code), &json!(entry), &json!(entry - 1)),
            "{what}: {ran:?}"
        );
        let now = first["says"].as_str().unwrap_or_default();
        assert!(now.contains(says), "{what}: {now}");
        assert!(first["good_says"].as_str().is_some_and(|good| good.contains("secret.set first")), "{what}: {ran:?}");
        fs::write(&path, &whole).expect("put back");
    };
    let text = |by: usize| {
        let second = second.clone();
        move |project: &Project| flip(project, second.iter().map(|begins| begins + by))
    };
    // In what it says; in what holds it together; before it, where its digest lies.
    check("the actor", &text(35), "audit.altered", at, "second-of-three");
    check("a brace", &text(0), "audit.altered", at, "second-of-three");
    let digest = |by: usize| {
        let second = second.clone();
        move |project: &Project| flip(project, second.iter().map(|begins| begins - 1 - by))
    };
    check("its digest", &digest(1), "audit.altered", at, "second-of-three");
    check("its digest's first byte", &digest(32), "audit.altered", at, "second-of-three");
    check("the format's version", &digest(0), "audit.altered", at, "second-of-three");
    assert_eq!(verify(&project, &[]), (true, vec![]), "as it was");
    // Where no entry lies, each is told to be as it was written, and the file not to be.
    let sealed: Vec<usize> = places(&project, "key check");
    assert!(!sealed.is_empty());
    flip(&project, sealed.into_iter());
    let answer = project.run(&["audit", "verify"]).json();
    assert!(answer["findings"].as_array().is_some_and(Vec::is_empty) && answer["damaged"].is_string(), "{answer}");
}

/// T123, S7.11: change a byte of a line past the engine's checksums, and it fails at that entry; take one out, let two change places,
/// cut off the end, and it fails there.
#[test]
fn a_changed_entry_is_named() {
    /// Numbers of entries, and what is stored of each.
    type Entries = Vec<(u64, Vec<u8>)>;
    const AUDIT: redb::TableDefinition<'_, u64, &[u8]> = redb::TableDefinition::new("audit");
    let (project, at) = three();
    let path = project.data().join("nave.redb");
    let files = ["nave.redb", "nave.redb.sums"].map(|name| project.data().join(name));
    let whole = files.clone().map(|file| fs::read(file).ok());
    let noted = project.read("audit-anchor.log");
    let check = |what: &str, change: &dyn Fn(&mut Entries), expected: &[(&str, u64)]| {
        {
            use redb::ReadableTable as _;
            let database = redb::Database::open(&path).expect("the store");
            let transaction = database.begin_write().expect("a transaction");
            {
                let mut table = transaction.open_table(AUDIT).expect("the audit");
                let rows = table.iter().expect("rows").map(|row| row.expect("a row"));
                let before: Vec<(u64, Vec<u8>)> = rows.map(|(number, line)| (number.value(), line.value().to_vec())).collect();
                let mut after = before.clone();
                change(&mut after);
                before.iter().for_each(|(number, _)| drop(table.remove(number).expect("taken out")));
                after.iter().for_each(|(number, line)| drop(table.insert(number, line.as_slice()).expect("put in")));
            }
            transaction.commit().expect("written");
        }
        let (sound, found) = verify(&project, &[]);
        let found: Vec<(&str, u64)> =
            found.iter().map(|(code, entry)| (code.as_str(), entry.as_u64().unwrap_or_default())).collect();
        assert_eq!((sound, found.as_slice()), (expected.is_empty(), expected), "{what}");
        for (file, bytes) in files.iter().zip(&whole) {
            match bytes {
                Some(bytes) => fs::write(file, bytes).expect("put back"),
                None => drop(fs::remove_file(file)),
            }
        }
        fs::write(project.dir().join("audit-anchor.log"), &noted).expect("put back");
    };
    let altered = "audit.altered";
    let row = at as usize - 1;
    check("nothing", &|_| {}, &[]);
    check("a byte of its digest", &|rows| rows[row].1[7] ^= 1, &[(altered, at)]);
    check("a byte of what it says", &|rows| rows[row].1[60] ^= 1, &[(altered, at)]);
    check("its last byte", &|rows| *rows[row].1.last_mut().expect("a byte") ^= 1, &[(altered, at)]);
    check("the digest of the last", &|rows| rows.last_mut().expect("one").1[7] ^= 1, &[(altered, at + 1)]);
    check("what the last says", &|rows| rows.last_mut().expect("one").1[60] ^= 1, &[(altered, at + 1)]);
    check("taken out", &|rows| drop(rows.remove(row)), &[("audit.misplaced", at)]);
    check("the last taken out", &|rows| drop(rows.pop()), &[("audit.cut", at + 1)]);
    check("changed places", &|rows| (rows[row].0, rows[row + 1].0) = (at + 1, at), &[(altered, at), (altered, at + 1)]);
    check("one put in behind", &|rows| rows.push((at + 2, rows[row].1.clone())), &[(altered, at + 2), ("audit.head", at + 2)]);
}

/// T123: a person who knows says so, and it is told apart from then on.
#[test]
fn a_changed_entry_that_a_person_knows_of_is_told_apart() {
    let (project, at) = three();
    let lines = project.json(&["audit", "list", "--limit", "100"])["entries"].as_array().cloned().expect("lines");
    assert_eq!(verify(&project, &[]), (true, vec![]));
    assert!(
        rewrite_line(
            &project,
            b"\"secret.set\",\"subject\":\"second-of-three\"",
            b"\"secret.set\",\"subject\":\"second-of-thrEE\""
        ) > 0
    );
    assert_eq!(verify(&project, &[]), (false, vec![("audit.altered".to_owned(), json!(at))]));
    // A person who knows says so, and it is told apart from then on.
    assert_eq!(project.run(&["audit", "accept", "--reason", " "]).code, Some(2));
    project.ok(&["audit", "accept", "--reason", "a test of the disk"]);
    assert_eq!(verify(&project, &[]), (true, vec![]));
    let known = project.run(&["audit", "verify"]).json();
    assert_eq!((&known["known"][0]["entry"], &known["accepted"]), (&json!(at), &json!("a test of the disk")));
    assert_eq!(project.run(&["audit", "accept", "--reason", "again"]).code, Some(2), "there is nothing to accept");
    // Its text and digests are in the export, and the signed head is its last line.
    let export = project.ok(&["audit", "export"]).lines();
    assert_eq!(export.len(), lines.len() + 2, "every line, that of the acceptance, and the head");
    assert!(
        export[at as usize - 1]["text"].as_str().is_some_and(|text| text.contains("second-of-thrEE")),
        "{}",
        export[at as usize - 1]
    );
    let head = export.last().expect("a head");
    assert_eq!((&head["lines"], &head["head"]), (&json!(lines.len() + 1), &export[lines.len()]["digest"]));
    assert!(head["signature"].as_str().is_some_and(|text| text.len() == 128), "{head}");
}

/// T122: the whole data folder put back to an older state, and what the hub says of it.
#[test]
fn data_that_were_put_back_are_noticed() {
    let project = Project::init();
    project.tell(&["secret", "set", "first"], "s3cret-s3cret");
    project.serve().stop();
    let last_week = project.dir().parent().expect("a folder").join("last-week");
    copy(&project.data(), &last_week);
    project.tell(&["secret", "set", "second"], "s3cret-s3cret");
    // What ends notes where it ended.
    project.serve().stop();
    let kept = project.read("audit-anchor.log");
    assert!(kept.lines().count() >= 2, "{kept}");
    fs::remove_dir_all(project.data()).expect("it goes");
    copy(&last_week, &project.data());

    let (sound, found) = verify(&project, &[]);
    assert!(!sound && found[0].0 == "audit.cut", "{found:?}");
    // It is told to whoever looks, by a hub that works on, and nothing is noted over what was.
    let serving = project.serve();
    let bearer =
        format!("Bearer {}", project.json(&["token", "reset", "web", "--because", "a test"])["token"].as_str().expect("a token"));
    until("the alert", || {
        let answer = http::request(serving.addr, "GET", "/v1/alerts", &[("authorization", &bearer)], None).expect("an answer");
        answer.text.contains("audit-altered").then_some(())
    });
    serving.stop();
    assert_eq!(project.read("audit-anchor.log"), kept);
    // As many lines again do not hide it; neither does a file of anchors that is gone, while there is a copy.
    for number in 0..10 {
        project.tell(&["secret", "set", &format!("more-{number}")], "s3cret-s3cret");
    }
    assert_eq!(verify(&project, &[]).1[0].0, "audit.rewritten");
    let elsewhere = project.dir().parent().expect("a folder").join("elsewhere.log");
    fs::rename(project.dir().join("audit-anchor.log"), &elsewhere).expect("moved");
    assert_eq!(verify(&project, &[]).1[0].0, "audit.anchor-missing");
    assert_eq!(verify(&project, &["--anchor", &elsewhere.display().to_string()]).1[0].0, "audit.rewritten");
}

/// A backup that is brought back is no alarm.
#[test]
fn a_restored_backup_is_sound() {
    let project = Project::init();
    project.tell(&["secret", "set", "first"], "s3cret-s3cret");
    let backup = project.dir().parent().expect("a folder").join("backup.nave").display().to_string();
    project.ok(&["backup", &backup]);
    for number in 0..5 {
        project.tell(&["secret", "set", &format!("more-{number}")], "s3cret-s3cret");
    }
    project.serve().stop();
    project.ok(&["restore", &backup, "--replace"]);
    assert_eq!(verify(&project, &[]), (true, vec![]));
    project.serve().stop();
    assert_eq!(verify(&project, &[]), (true, vec![]));
}

/// S7.11: which systems read and were sent a record, with which plugin and secret and what for, and who looked at it.
#[test]
fn who_was_given_a_record_can_be_told() {
    let mut world = contacts::world(11);
    world.act();
    world.sync();
    let project = &world.project;
    let record =
        project.json(&["record", "list", "contact", "--limit", "1"])["records"][0]["record"].as_str().expect("one").to_owned();
    project.ok(&["record", "show", &record]);
    let answer = project.json(&["audit", "who-read", &record]);
    let accesses = answer["accesses"].as_array().cloned().expect("accesses");
    let of = |what: &str| accesses.iter().filter(|one| one["what"] == what).cloned().collect::<Vec<_>>();
    let (read, sent, shown) = (of("read-from"), of("sent-to"), of("shown-to"));
    assert!(!read.is_empty() && !sent.is_empty(), "{answer}");
    for one in read.iter().chain(&sent) {
        let plugin = one["plugins"][0].as_str().unwrap_or_default();
        let (name, digest) = plugin.split_once(' ').unwrap_or_default();
        assert!(["hubspot", "xero"].contains(&name) && digest.len() == 64, "{one}");
        assert!(one["fields"].as_array().is_some_and(|fields| !fields.is_empty()), "{one}");
        assert!(one["run"].as_u64().is_some() && one["credentials"][0].is_string(), "{one}");
    }
    assert!(read.iter().all(|one| one["fields"].as_array().is_some_and(|fields| fields.contains(&json!("email")))), "{answer}");
    let user = project.json(&["audit", "list", "--limit", "1"])["entries"][0]["actor"].clone();
    assert!(user.as_str().is_some_and(|user| user.starts_with("local:")), "{user}");
    assert!(shown.iter().any(|one| one["who"] == user && one["purpose"] == "record"), "{answer}");
    assert!(shown.iter().any(|one| one["who"] == user && one["purpose"] == "list of records"), "{answer}");
    // No value is in any of it.
    let all = project.ok(&["audit", "export"]).out;
    let email = project.json(&["record", "show", &record])["fields"]
        .as_array()
        .and_then(|fields| fields.iter().find(|field| field["field"] == "email").cloned())
        .expect("an address");
    assert!(!all.contains(email["value"].as_str().expect("text")), "the audit names fields, not values");
    assert_eq!(verify(project, &[]), (true, vec![]));
}
