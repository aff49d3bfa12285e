//! `nave plugin test`: what is right passes, and each thing that is wrong fails exactly the case that is meant for it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use nave_tests::binary;
use serde_json::{Value, json};

struct Tested {
    code: Option<i32>,
    answer: Value,
}

impl Tested {
    fn names(&self, verdict: &str) -> Vec<String> {
        let cases = self.answer["cases"].as_array().into_iter().flatten();
        let named = cases.filter(|case| case["verdict"] == verdict).filter_map(|case| case["name"].as_str());
        named.map(str::to_owned).collect()
    }
}

#[track_caller]
fn test(file: &Path, recordings: &Path, more: &[&str]) -> Tested {
    let output = Command::new(binary::nave())
        .args(["--json", "plugin", "test"])
        .arg(file)
        .arg("--recordings")
        .arg(recordings)
        .args(more)
        .stdin(Stdio::null())
        .output()
        .expect("nave runs");
    let answer = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("not JSON ({error}): {}", String::from_utf8_lossy(&output.stderr)));
    Tested { code: output.status.code(), answer }
}

fn faulty() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| binary::built_from(Path::new("tests/faulty"), "faulty"))
}

fn recordings_of(plugin: &str) -> PathBuf {
    binary::root().join(plugin).join("recordings")
}

/// What each fault fails, and nothing else.
#[test]
fn every_fault_fails_exactly_the_case_that_is_meant_for_it() {
    for (fault, case) in [
        ("one-kind", "errors/kinds"),
        ("big-integer", "values/big-integer"),
        ("emoji", "values/emoji"),
        ("paging", "hostile/endless-paging"),
        ("null", "values/null"),
        ("lost", "errors/lost-write"),
        ("no-id", "hostile/row-without-an-id"),
        ("memory", "quiet/no-memory"),
    ] {
        let tested = test(faulty(), &recordings_of("tests/faulty"), &["--set", &format!("fault={fault}")]);
        assert_eq!((tested.code, tested.names("failed")), (Some(1), vec![case.to_owned()]), "{fault}: {}", tested.answer);
        let failed = tested.answer["cases"].as_array().expect("cases").iter().find(|one| one["name"] == case).expect("the case");
        for part in ["expected", "happened", "change"] {
            assert!(failed[part].as_str().is_some_and(|text| !text.is_empty()), "{part}: {failed}");
        }
    }
    let tested = test(faulty(), &recordings_of("tests/faulty"), &[]);
    assert_eq!((tested.code, tested.names("failed")), (Some(0), vec![]), "{}", tested.answer);
    assert!(tested.names("passed").len() >= 65, "{}", tested.answer);
}

/// Also with values that nobody has looked at.
#[test]
fn every_shipped_plugin_passes() {
    for (plugin, recorded) in [
        ("hubspot", true),
        ("xero", true),
        ("zendesk", true),
        ("mailchimp", true),
        ("tryton", true),
        ("bottlecrm", true),
        ("request-tracker", true),
        ("sympa", true),
        ("files", true),
        ("phone-e164", false),
    ] {
        let (file, folder) = (binary::plugin(plugin), recordings_of(&format!("plugins/{plugin}")));
        for seed in ["7", "20261129"] {
            let tested = test(&file, &folder, &["--seed", seed]);
            assert_eq!((tested.code, tested.names("failed")), (Some(0), vec![]), "{plugin}: {}", tested.answer);
            if plugin == "files" {
                // It asks nobody, so nobody can fail: what is left is what it reads and writes.
                let passed = tested.names("passed");
                assert!(passed.iter().filter(|name| name.starts_with("values/")).count() >= 14, "{passed:?}");
            } else if recorded {
                let skipped = tested.names("skipped");
                assert!(skipped.iter().all(|name| name.starts_with("contract/")), "{plugin}: {skipped:?}");
            }
        }
        let offline = Command::new(binary::nave())
            .args(["--json", "plugin", "test", "--offline"])
            .arg(&file)
            .arg("--recordings")
            .arg(&folder)
            .stdin(Stdio::null())
            .output()
            .expect("nave runs");
        let expected = if recorded || plugin == "phone-e164" { 0 } else { 2 };
        let said = String::from_utf8_lossy(&offline.stdout).into_owned();
        assert_eq!(offline.status.code(), Some(expected), "{plugin}: {said}");
        assert!(expected == 0 || said.contains("nave plugin record"), "{said}");
    }
}

/// What a recording may not hold, and what a build may not ask that was never recorded.
#[test]
fn a_recording_is_played_to_the_letter_and_holds_no_secret() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(recordings_of("tests/faulty").join("people.json")).expect("a recording");
    let good: Value = serde_json::from_str(&text).expect("JSON");
    let keep = |recording: &Value| std::fs::write(folder.path().join("people.json"), recording.to_string()).expect("written");

    keep(&good);
    let tested = test(faulty(), folder.path(), &["--offline"]);
    assert_eq!((tested.code, tested.names("passed")), (Some(0), vec!["offline/replay".into(), "offline/secrets".into()]));

    let key = format!("ghp_{}", "a1B2c3D4".repeat(5));
    let mut leaks = good.clone();
    leaks["exchanges"][3]["answer"]["response"]["body"]["text"] = json!(format!("{{\"id\":1,\"name\":\"{key}\"}}"));
    keep(&leaks);
    let tested = test(faulty(), folder.path(), &["--offline"]);
    assert_eq!((tested.code, tested.names("failed")), (Some(1), vec!["offline/secrets".to_owned()]));
    assert!(!tested.answer.to_string().contains(&key), "what is found is not shown");

    let mut other = good.clone();
    other["exchanges"][2]["path"] = json!("/people?after=c2&limit=3");
    keep(&other);
    let tested = test(faulty(), folder.path(), &["--offline"]);
    assert_eq!((tested.code, tested.names("failed")), (Some(1), vec!["offline/replay".to_owned()]));
}

/// A crate is built first, and its recordings are its own.
#[test]
fn a_crate_is_tested_as_it_is() {
    let output = Command::new(binary::nave())
        .current_dir(binary::root())
        .args(["--json", "plugin", "test", "tests/faulty"])
        .env("CARGO_TARGET_DIR", binary::target())
        .stdin(Stdio::null())
        .output()
        .expect("nave runs");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!((output.status.code(), &answer["recordings"]), (Some(0), &json!(["people.json"])), "{answer}");
}

/// S6.20: what the suite fails is not signed, and the cases are named; the same with that mended is.
#[test]
fn what_the_suite_fails_is_not_signed() {
    let folder = tempfile::tempdir().expect("a folder");
    let name = |file: &str| folder.path().join(file).display().to_string();
    std::fs::copy(faulty(), folder.path().join("faulty.wasm")).expect("copied");
    let nave = |arguments: &[&str]| {
        let mut command = Command::new(binary::nave());
        nave_tests::project::run(command.arg("--json").args(arguments).stdin(Stdio::null()), None)
    };
    let recordings = recordings_of("tests/faulty").display().to_string();
    assert_eq!(nave(&["plugin", "key", "new", &name("author.pem")]).code, Some(0));
    let pack = |fault: &str| {
        let (file, key, set) = (name("faulty.wasm"), name("author.pem"), format!("fault={fault}"));
        nave(&["plugin", "pack", &file, "--sign", &key, "--recordings", &recordings, "--set", &set])
    };
    let refused = pack("one-kind");
    let error = refused.json()["error"].clone();
    assert_eq!((refused.code, &error["code"]), (Some(1), &json!("plugin.fails")), "{refused:?}");
    let message = error["message"].as_str().expect("a message");
    assert!(message.contains("errors/kinds") && !message.contains("values/"), "{message}");
    assert!(!folder.path().join("faulty.wasm.sig").exists(), "nothing was signed");
    let signed = pack("none");
    assert_eq!(signed.code, Some(0), "{signed:?}");
    assert!(signed.json()["passed"].as_u64().is_some_and(|passed| passed >= 65), "{signed:?}");
    assert!(folder.path().join("faulty.wasm.sig").is_file());
}
