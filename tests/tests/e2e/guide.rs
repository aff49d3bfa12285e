//! The author's guide, sdk/README.md: its commands are run as they stand there, in each language; and what came of it behaves the
//! same in all of them.
//!
//! Rust is one of the tests of the workspace. JavaScript and Python need tools from elsewhere: `tests/guests/run.sh` names them in
//! `NAVE_LANGUAGES`, and without that their test says that it was skipped.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nave_tests::binary;
use nave_tests::http;
use nave_tests::project::{REQUIRED, Ran, run};
use serde_json::{Value, json};

use crate::people::People;

#[test]
fn the_guide_works_in_rust() {
    let people = People::start();
    people.keep(json!({"id": "1", "name": "Ada Lovelace", "email": "ada@example.com", "changed": "2026-01-02T03:04:01Z"}));
    people.keep(json!({"id": "2", "name": "Grace Hopper", "email": "grace@example.com", "changed": "2026-01-02T03:04:02Z"}));
    check("rust", &format!("http://{}", people.addr));
}

#[test]
fn the_guide_works_in_other_languages() {
    let Some(languages) = std::env::var_os("NAVE_LANGUAGES") else {
        println!("skipped: the_guide_works_in_other_languages (NAVE_LANGUAGES names none; tests/guests/run.sh does)");
        return;
    };
    for language in languages.to_string_lossy().split_whitespace() {
        // The system that a reader practises on.
        let practice = Practice::start();
        check(language, &practice.url);
    }
}

/// `sdk/practice.py`, ended when dropped.
struct Practice {
    child: Child,
    url: String,
}

impl Practice {
    fn start() -> Self {
        let mut python = Command::new("python3");
        python.arg(binary::root().join("sdk/practice.py")).arg("0").stdout(Stdio::piped());
        let mut child = python.spawn().expect("python3 runs");
        let mut url = String::new();
        BufReader::new(child.stdout.take().expect("its output")).read_line(&mut url).expect("it says where it listens");
        Self { child, url: url.trim().to_owned() }
    }
}

impl Drop for Practice {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Does what the guide says for one language, with a system at this address, and tries what came of it.
fn check(language: &str, url: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    let hub = followed(language, url, folder.path());
    behaves(language, &hub, url);
}

/// One line of the guide.
#[derive(Debug)]
struct Step {
    command: String,
    /// Exit code that the guide promises; 0 where it says nothing.
    code: i32,
}

/// The lines of the blocks marked `sh` that are for this language, or for all.
fn steps(guide: &str, language: &str) -> Vec<Step> {
    let (mut steps, mut ours) = (Vec::new(), None);
    for line in guide.lines() {
        match (ours, line.strip_prefix("```")) {
            (Some(_), Some(_)) => ours = None,
            (None, Some(mark)) => {
                let mut words = mark.split(' ');
                let shell = words.next() == Some("sh");
                let languages: Vec<&str> = words.collect();
                ours = Some(shell && (languages.is_empty() || languages.contains(&language)));
            }
            (Some(true), None) if !line.trim().is_empty() => {
                let (command, comment) = line.split_once("  #").unwrap_or((line, ""));
                let code = comment.split("exit code ").nth(1).map_or(0, |rest| {
                    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                    digits.parse().expect("an exit code")
                });
                steps.push(Step { command: command.trim_end().to_owned(), code });
            }
            _ => {}
        }
    }
    assert!(ours.is_none(), "a block of the guide does not end");
    steps
}

/// Follows the guide; answers the project's directory.
fn followed(language: &str, url: &str, folder: &Path) -> PathBuf {
    let guide = fs::read_to_string(binary::root().join("sdk/README.md")).expect("the guide");
    let steps = steps(&guide, language);
    let bin = binary::nave().parent().expect("a folder").display().to_string();
    let path = format!("{bin}:{}", std::env::var("PATH").unwrap_or_default());
    let mut dir = folder.to_owned();
    let mut said = Vec::new();
    for Step { command, code } in &steps {
        println!("{language}: {command}");
        if let Some(to) = command.strip_prefix("cd ") {
            dir = dir.join(to).canonicalize().unwrap_or_else(|error| panic!("{command}: {error}"));
            if to == "my-crm" && language == "rust" {
                // As the other tests build: the versions of the repository, and what they have built already.
                fs::copy(binary::root().join("Cargo.lock"), dir.join("Cargo.lock")).expect("a lock file");
                symlink(binary::target(), dir.join("target")).expect("a link");
            }
            continue;
        }
        let mut shell = Command::new("bash");
        shell.args(["-c", &command.replace("http://127.0.0.1:8080", url)]).current_dir(&dir).env("PATH", &path);
        let ran = run(shell.env_remove("CARGO_TARGET_DIR"), None);
        assert_eq!(ran.code, Some(*code), "{language}: {command}\n{ran:?}");
        said.push((command.as_str(), ran));
    }
    let out = |begin: &str| -> &Ran {
        let found = said.iter().find(|(command, _)| command.starts_with(begin));
        &found.unwrap_or_else(|| panic!("the guide has no `{begin}`")).1
    };
    assert!(out("nave plugin install").out.contains("signed by"), "{:?}", out("nave plugin install"));
    let listed = &out("nave record list").out;
    assert!(listed.contains("Ada Lovelace") && listed.contains("Grace Hopper"), "{listed}");
    dir
}

/// A call of the plugin, and what it answers.
type Row<'a> = (&'a [&'a str], Value);

fn record(id: &str, name: &str, second: u32) -> Value {
    let changed = format!("2026-01-02T03:04:{second:02}Z");
    let body = json!({"id": id, "name": name, "email": format!("{id}@x.test"), "changed": changed});
    json!({"remote-id": id, "operation": "upsert", "version": null, "modified-at": changed, "coverage": "complete", "body": body})
}

/// The same questions to the connector of each language, through the hub, and the same answers.
fn behaves(language: &str, hub: &Path, url: &str) {
    let people = People::moody();
    let toml = fs::read_to_string(hub.join("nave.toml")).expect("nave.toml");
    assert!(toml.contains(REQUIRED), "{toml}");
    // Who decides what is not what this is about.
    fs::write(hub.join("nave.toml"), toml.replace(REQUIRED, "ownership = \"advised\"")).expect("nave.toml");
    let nave = |arguments: &[&str]| {
        let mut command = Command::new(binary::nave());
        run(command.arg("--json").args(arguments).current_dir(hub), None)
    };
    let set = format!("url=http://{}", people.addr);
    let add = ["connection", "add", "my-crm", "--name", "other", "--set", &set, "--insecure", "--grant-network", "127.0.0.1/32"];
    let added = nave(&[&add[..], &["--because", "a test", "--secret-from", "token.txt", "--yes"]].concat());
    assert_eq!(added.code, Some(0), "{added:?}");

    let ask = |call: &[&str]| nave(&[&["plugin", "call", "other"], call].concat());
    let failed = |message: &str| json!({ "error": message });
    let rows: &[Row] = &[
        (&["check"], json!({"account": "the account that the credential opens", "environment": "", "scopes": [], "limits": {}})),
        (&["get", "people", "1", "9 ü"], json!([record("1", "Ada", 1), gone("9 ü")])),
        (&["get", "people", "9/../1"], failed("net.bad-path")),
        (&["find", "people", "email", "2@x.test", "none@x.test"], json!([record("2", "Bo", 2)])),
        (&["read", "others"], failed("there is no stream called others; `nave connection discover` lists them")),
        (&["read", "people", "not a checkpoint"], failed("checkpoint")),
    ];
    people.put("1", 1, "Ada");
    people.put("2", 2, "Bo");
    for (call, expected) in rows {
        let ran = ask(call);
        let found = match expected.get("error").and_then(Value::as_str) {
            Some(message) => {
                let said =
                    serde_json::from_str::<Value>(&ran.err).or_else(|_| serde_json::from_str(&ran.out)).unwrap_or_default();
                let said = said["error"]["message"].as_str().unwrap_or_default().to_owned();
                if ran.code != Some(0) && said.contains(message) { expected.clone() } else { json!(said) }
            }
            None => ran.json(),
        };
        assert_eq!(&found, expected, "{language}: {call:?}: {ran:?}");
    }
    pages(language, &people, &ask);
    writes(language, hub, url, &people);
}

fn gone(id: &str) -> Value {
    json!({"remote-id": id, "operation": "delete", "version": null, "modified-at": null, "coverage": "complete", "body": ""})
}

/// Page by page, again from a checkpoint, then what changed; and a row without an id hides no other.
fn pages(language: &str, people: &People, ask: &dyn Fn(&[&str]) -> Ran) {
    let read = |from: Option<&str>, limit: &str| {
        let page = ask(&["read", "people", from.unwrap_or("null"), limit]).json();
        let ids: Vec<String> = page["records"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|one| one["remote-id"].as_str().unwrap_or("?").to_owned())
            .collect();
        let next = page["next"].as_str().unwrap_or_default().to_owned();
        (ids.join(" "), page["more"] == true, page["complete-scan"] == true, next)
    };
    let expect = |found: &(String, bool, bool, String), ids: &str, more: bool, complete: bool| {
        assert_eq!((found.0.as_str(), found.1, found.2), (ids, more, complete), "{language}: {found:?}");
    };
    let first = read(None, "1");
    expect(&first, "1", true, false);
    let second = read(Some(&first.3), "1");
    expect(&second, "2", true, false);
    expect(&read(Some(&first.3), "1"), "2", true, false);
    let third = read(Some(&second.3), "1");
    expect(&third, "", false, true);
    // All of it was read just now: the next pass is about what changed, beginning a minute before the newest.
    people.keep(json!({"id": "3", "name": "Old", "changed": "2026-01-02T03:03:00Z"}));
    people.keep(json!({"id": "4", "name": "New", "changed": "2026-01-02T03:05:00Z"}));
    expect(&read(Some(&third.3), "9"), "1 2 4", false, false);
    people.keep(json!({"name": "Nobody", "changed": "2026-01-02T03:04:09Z", "number": 12345678901234567890_u64}));
    expect(&read(None, "9"), "3 1 2  4", false, false);
    people.clear();
}

/// What happens in one system is written to the other, each time once, also where the answer is lost; a refusal is shown as it was said.
fn writes(language: &str, hub: &Path, url: &str, other: &People) {
    let nave = |arguments: &[&str]| {
        let mut command = Command::new(binary::nave());
        let ran = run(command.arg("--json").args(arguments).current_dir(hub), None);
        assert!(matches!(ran.code, Some(0 | 4)), "{language}: nave {arguments:?}: {ran:?}");
        ran
    };
    let addr = url.strip_prefix("http://").and_then(|addr| addr.parse().ok()).expect("an address");
    let happens = |method: &str, path: &str, name: &str, email: &str| {
        let person = json!({ "name": name, "email": email });
        let answer =
            http::request(addr, method, path, &[("authorization", "Bearer practice")], Some(&person)).expect("an answer");
        assert!(answer.status < 300, "{answer:?}");
    };
    // Delivery ids differ from run to run; every create has one.
    let heard = || -> Vec<String> {
        let mut heard: Vec<String> = other.heard().iter().map(|line| unnumbered(line)).collect();
        heard.sort();
        heard
    };
    happens("POST", "/people", "Lost", "lost@example.com");
    nave(&["sync"]);
    nave(&["plan"]);
    nave(&["apply", "--reason", "a test"]);
    (0..2).for_each(|_| drop(nave(&["sync", "--retry"])));
    let expected = [
        r#"POST /people KEY {"email":"ada@example.com","name":"Ada Lovelace"}"#,
        r#"POST /people KEY {"email":"grace@example.com","name":"Grace Hopper"}"#,
        r#"POST /people KEY {"email":"lost@example.com","name":"Lost"}"#,
    ];
    assert_eq!(heard(), expected, "{language}");

    let place = other.place("ada@example.com");
    happens("PUT", "/people/1", "Ada King", "ada@example.com");
    nave(&["sync"]);
    assert_eq!(heard(), [format!(r#"PUT {place}  {{"email":"ada@example.com","name":"Ada King"}}"#)], "{language}");

    let place = other.place("grace@example.com");
    happens("PUT", "/people/2", "Taken", "grace@example.com");
    nave(&["sync"]);
    assert_eq!(heard(), [format!(r#"PUT {place}  {{"email":"grace@example.com","name":"Taken"}}"#)], "{language}");
    let refused = nave(&["dlq", "list"]).json().to_string();
    assert!(refused.contains("HTTP 409: there is one") && refused.contains("duplicate"), "{language}: {refused}");
}

/// A request as it was heard, with `KEY` for the delivery that it names.
fn unnumbered(line: &str) -> String {
    let mut words: Vec<&str> = line.splitn(4, ' ').collect();
    if let Some(key) = words.get_mut(2).filter(|key| !key.is_empty()) {
        *key = "KEY";
    }
    words.join(" ")
}
