//! S7.19: committing a key is blocked, by its looks and by being one of the vault's.

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use nave_tests::binary;
use nave_tests::project::Project;

/// Git in a folder, with nobody's settings but its own.
fn git(dir: &Path, arguments: &[&str]) -> Output {
    Command::new("git")
        .current_dir(dir)
        .args(["-c", "user.name=a test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .expect("git runs")
}

/// Stages everything and commits it; what was said, and whether it went through.
#[track_caller]
fn commit(dir: &Path, message: &str) -> (bool, String) {
    assert!(git(dir, &["add", "--all"]).status.success());
    let committed = git(dir, &["commit", "--message", message]);
    let said = format!("{}{}", String::from_utf8_lossy(&committed.stdout), String::from_utf8_lossy(&committed.stderr));
    (committed.status.success(), said)
}

/// Put together here, so that nobody's scanner takes this file for a leak.
fn key() -> String {
    ["gh", "p_", "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"].concat()
}

#[test]
fn a_key_is_not_committed() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = folder.path().join("hub");
    std::fs::create_dir(&dir).expect("a folder");
    assert!(git(&dir, &["init", "--quiet"]).status.success());
    let init = Command::new(binary::nave()).arg("init").arg(&dir).arg("--json").output().expect("nave runs");
    assert!(init.status.success() && String::from_utf8_lossy(&init.stdout).contains("\"commits_looked_at\":true"), "{init:?}");
    let (through, said) = commit(&dir, "what init wrote");
    assert!(through, "nothing that ships looks like a secret: {said}");

    std::fs::write(dir.join("notes.md"), format!("# Notes\n\nuse {} for now\n", key())).expect("written");
    let (through, said) = commit(&dir, "a key");
    assert!(!through && said.contains("notes.md:3:5: token of GitHub"), "{said}");
    assert!(!said.contains(&key()), "what was found is not shown: {said}");
    // What is staged counts, not what the file holds by now.
    std::fs::write(dir.join("notes.md"), "# Notes\n").expect("written");
    let still = git(&dir, &["commit", "--message", "as it was staged"]);
    assert!(!still.status.success(), "{still:?}");
    assert!(commit(&dir, "mended").0);
    let log = git(&dir, &["log", "--patch"]);
    assert!(!String::from_utf8_lossy(&log.stdout).contains(&key()));
    // A person has looked: it is none.
    std::fs::write(dir.join("notes.md"), format!("{} nave:no-secret\n", key())).expect("written");
    assert!(commit(&dir, "not a key").0);
}

#[test]
fn a_secret_of_the_vault_is_not_committed_in_any_spelling() {
    let project = Project::init();
    let dir = project.dir();
    // It became a work tree later.
    assert!(git(dir, &["init", "--quiet"]).status.success());
    let installed = project.json(&["scan", "--install"]);
    assert_eq!(installed["installed"], true, "{installed}");
    let secret = "quite an ordinary sentence";
    project.tell(&["secret", "set", "crm"], secret);
    let (through, said) = commit(dir, "what init wrote");
    assert!(through, "{said}");
    let base64 = base64::engine::general_purpose::STANDARD.encode(format!("user:{secret}"));
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    for spelled in [secret.to_owned(), base64, hex, secret.replace(' ', "%20")] {
        std::fs::write(dir.join("cassette.json"), format!("{{\n  \"sent\": \"{spelled}\"\n}}\n")).expect("written");
        let (through, said) = commit(dir, "a recorded exchange");
        assert!(!through && said.contains("cassette.json:2:") && said.contains("secret `crm` of the vault"), "{spelled}: {said}");
    }
    // Also where a hub serves and has the vault open, and of files that are not staged.
    let serving = project.serve();
    let found = project.run(&["scan"]);
    assert_eq!(found.code, Some(1), "{found:?}");
    assert_eq!(found.json()["found"][0]["what"], "secret `crm` of the vault", "{found:?}");
    assert!(!commit(dir, "while it serves").0);
    serving.stop();
    std::fs::write(dir.join("cassette.json"), "{}\n").expect("written");
    let clean = project.json(&["scan"]);
    assert_eq!(clean["found"], serde_json::json!([]), "{clean}");
    assert!(commit(dir, "redacted").0);
}

/// What stands escaped in a recording, in XML, in a file of Windows, and what a person made up.
#[test]
fn a_secret_is_seen_however_it_is_kept() {
    let project = Project::init();
    let letters = "zX8q1LmN0pQ7rS2tUvW3xYAb";
    let recording =
        |body: &str| serde_json::to_string_pretty(&serde_json::json!({ "body": { "text": body } })).expect("JSON").into_bytes();
    let slack = ["xox", "b-1234567890-", letters].concat();
    for (file, bytes, what) in [
        ("recordings/shop.json", recording(&format!(r#"{{"session_token":"{letters}"}}"#)), "value beside a secret's name"),
        (
            "recordings/soap.json",
            recording(&format!("<a><SessionToken>{letters}</SessionToken></a>")),
            "value beside a secret's name",
        ),
        ("notes.txt", slack.encode_utf16().flat_map(u16::to_le_bytes).collect(), "token of Slack"),
        (".env", ["DB_PASS", "WORD=S3cretPass99\n"].concat().into_bytes(), "password"),
    ] {
        let path = project.dir().join(file);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, bytes).expect("written");
        let found = project.run(&["scan", "--json"]);
        let all = found.json()["found"].clone();
        assert!(found.code == Some(1) && all[0]["path"] == file && all[0]["what"] == what, "{file}: {found:?}");
        assert!(!found.out.contains(letters) && !found.out.contains("S3cret"), "{found:?}");
        std::fs::remove_file(path).expect("it was there");
    }
    assert_eq!(project.json(&["scan"])["found"], serde_json::json!([]), "what ships is clean");
}

/// However far behind it stands; and what was not looked at is never said to be clean.
#[test]
fn large_files_are_looked_at_whole_or_it_is_said() {
    let project = Project::init();
    let dir = project.dir();
    assert!(git(dir, &["init", "--quiet"]).status.success());
    assert_eq!(project.json(&["scan", "--install"])["installed"], true);
    assert!(commit(dir, "what init wrote").0);
    let secret = "quite an ordinary sentence";
    project.tell(&["secret", "set", "crm"], secret);
    let filler = format!("{}\n", "x".repeat(1 << 20)).repeat(18);
    for (end, what) in [(secret.to_owned(), "secret `crm` of the vault"), (key(), "token of GitHub")] {
        std::fs::write(dir.join("large.txt"), format!("{filler}{end}\n")).expect("written");
        let found = project.run(&["scan", &dir.join("large.txt").display().to_string()]);
        let first = found.json()["found"][0].clone();
        assert!(found.code == Some(1) && first["what"] == what && first["line"] == 19, "{found:?}");
        let (through, said) = commit(dir, "a large file");
        assert!(!through && said.contains("large.txt:19:1: ") && said.contains(what), "{said}");
    }
    std::fs::write(dir.join("large.txt"), filler).expect("written");
    assert!(commit(dir, "nothing in it").0);

    // One byte more than is looked at; it takes no room on the disk.
    let elsewhere = tempfile::tempdir().expect("a folder");
    let huge = elsewhere.path().join("huge.img");
    std::fs::File::create(&huge).and_then(|file| file.set_len((256 << 20) + 1)).expect("made");
    let scan = |json: &[&str]| {
        Command::new(binary::nave())
            .current_dir(elsewhere.path())
            .args(["scan", "huge.img"])
            .args(json)
            .output()
            .expect("nave runs")
    };
    let said = scan(&[]);
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(text.contains("huge.img: not looked at whole: only its first 256 MiB were. Split it, or keep it out"), "{text}");
    assert!(text.contains("No secret in what was looked at of 1 file."), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&scan(&["--json"]).stdout).expect("JSON");
    assert_eq!((&json["found"], &json["not_whole"]), (&serde_json::json!([]), &serde_json::json!(["huge.img"])));
}

#[test]
fn the_master_key_is_not_committed() {
    let project = Project::init();
    let dir = project.dir();
    assert!(git(dir, &["init", "--quiet"]).status.success());
    assert_eq!(project.json(&["scan", "--install"])["installed"], true);
    project.tell(&["secret", "set", "crm"], "quite an ordinary sentence");
    assert!(commit(dir, "what init wrote").0);
    let digits = project.read("data/master.key");
    let pairs = digits.trim().as_bytes().chunks(2);
    let bytes: Vec<u8> =
        pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).expect("digits"), 16).expect("digits")).collect();
    let base64 = base64::engine::general_purpose::STANDARD.encode(&bytes);
    for spelled in [digits.clone(), base64, digits.to_uppercase()] {
        std::fs::write(dir.join("m.key"), &spelled).expect("written");
        let (through, said) = commit(dir, "a key");
        assert!(!through && said.contains("m.key:1:1: master key (master.key)"), "{said}");
        assert!(!said.contains(digits.trim()), "it is not shown");
    }
}
