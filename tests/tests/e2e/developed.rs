//! `nave plugin dev`: a crate is built when it is saved, and what changed is told; what does not build leaves the build before.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use nave_tests::binary;
use serde_json::{Value, json};

/// A new connector, with what its system said once.
fn made(parent: &Path) -> std::path::PathBuf {
    let new = Command::new(binary::nave()).current_dir(parent).args(["plugin", "new", "dev-desk"]).output().expect("nave runs");
    assert!(new.status.success(), "{new:?}");
    let dir = parent.join("dev-desk");
    // The versions that the repository was tested with.
    fs::copy(binary::root().join("Cargo.lock"), dir.join("Cargo.lock")).expect("a lock file");
    let answer = |path: &str, people: Value| {
        let text = json!({ "people": people }).to_string();
        json!({ "endpoint": "api", "method": "GET", "path": path, "answer": { "response": { "status": 200, "headers": [], "body": { "text": text } } } })
    };
    let person = |id: &str, name: &str| json!({ "id": id, "name": name, "email": format!("{id}@masked.example"), "changed": "2026-11-01T00:00:00Z" });
    let both = json!([person("1", "Ada Example"), person("2", "Bo Example")]);
    let recording = json!({
        "format": "nave-recording/1", "connection": "desk", "plugin": "dev-desk", "digest": "00", "at": 1_795_485_600_000_u64,
        "settings": { "url": "https://desk.example" },
        "calls": [
            { "function": "check", "arguments": [] }, { "function": "discover", "arguments": [] },
            { "function": "read", "arguments": ["people", null, 5] },
            { "function": "read", "arguments": ["people", "{\"since\":\"2026-10-31T23:59:00Z\",\"after\":\"\",\"scan\":false,\"unnamed\":false,\"scanned_ms\":1795485600000}", 5] },
        ],
        "exchanges": [
            answer("/people?limit=1", json!([person("1", "Ada Example")])),
            answer("/people?since=&after=&limit=5", both.clone()),
            answer("/people?since=2026-10-31T23%3A59%3A00Z&after=&limit=5", both),
        ],
    });
    fs::create_dir_all(dir.join("recordings")).expect("a folder");
    fs::write(dir.join("recordings/desk.json"), recording.to_string()).expect("written");
    dir
}

fn nave(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(binary::nave());
    command.current_dir(dir).env("CARGO_TARGET_DIR", binary::target()).arg("--json").args(arguments).stdin(Stdio::null());
    command
}

/// What it says next.
#[track_caller]
fn next(lines: &mut BufReader<ChildStdout>) -> Value {
    let mut line = String::new();
    lines.read_line(&mut line).expect("a line");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("not JSON ({error}): {line:?}"))
}

fn interrupt(child: &Child) {
    let pid = i32::try_from(child.id()).expect("a process");
    let sent = Command::new("kill").args(["-INT", &pid.to_string()]).status().expect("kill runs");
    assert!(sent.success());
}

#[test]
fn what_is_saved_is_built_and_shown_and_what_does_not_build_is_said() {
    let folder = tempfile::tempdir().expect("a folder");
    let dir = made(folder.path());
    let source = dir.join("src/lib.rs");
    let text = fs::read_to_string(&source).expect("the source");

    // As it is made, it passes the suite that every plugin passes.
    let tested = nave(&dir, &["plugin", "test", "."]).output().expect("nave runs");
    let answer: Value = serde_json::from_slice(&tested.stdout).expect("JSON");
    assert_eq!((tested.status.code(), &answer["failed"]), (Some(0), &json!(0)), "{answer}");
    assert!(answer["passed"].as_u64().is_some_and(|count| count > 60), "{answer}");

    let mut child = nave(&dir, &["plugin", "dev", "."]).stdout(Stdio::piped()).spawn().expect("nave runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its output"));
    let first = next(&mut lines);
    let shows = first["shows"].to_string();
    assert_eq!((&first["event"], &first["changed"]), (&json!("built"), &Value::Null), "{first}");
    assert!(shows.contains("discover: people (4 fields)") && shows.contains("2 records, a complete scan"), "{first}");

    fs::write(&source, format!("{text}\nfn broken( {{")).expect("saved");
    let second = next(&mut lines);
    assert_eq!(second["event"], "not-built", "{second}");
    assert!(second["message"].as_str().is_some_and(|why| why.contains("error") && why.contains("src/lib.rs")), "{second}");

    let more = text.replacen(
        "Field::new(\"changed\"",
        "Field::new(\"phone\", \"Phone\", FieldType::Phone),\n            Field::new(\"changed\"",
        1,
    );
    assert_ne!(more, text);
    fs::write(&source, &more).expect("saved");
    let third = next(&mut lines);
    assert_eq!(third["event"], "built", "{third}");
    assert!(
        third["changed"].to_string().contains("people.fields.phone is new"),
        "the last build that worked is compared: {third}"
    );

    interrupt(&child);
    assert_eq!(child.wait().expect("it ends").code(), Some(0));

    fs::write(&source, format!("{text}\nfn broken( {{")).expect("saved");
    let once = nave(&dir, &["plugin", "dev", ".", "--once"]).output().expect("nave runs");
    assert_eq!(once.status.code(), Some(1), "{once:?}");
}

/// A build at work against a simulated system: what it reads comes from there.
#[test]
fn a_connector_is_shown_with_a_simulated_system() {
    let shown =
        nave(binary::root(), &["plugin", "dev", "plugins/hubspot", "--sim", "crm", "--once"]).output().expect("nave runs");
    let answer: Value = serde_json::from_slice(&shown.stdout).unwrap_or_else(|error| panic!("{error}: {shown:?}"));
    let shows = answer["shows"].to_string();
    assert_eq!(shown.status.code(), Some(0), "{answer}");
    assert!(shows.contains("check: account HubSpot") && shows.contains("read contacts: 5 records, more to come"), "{answer}");
}
