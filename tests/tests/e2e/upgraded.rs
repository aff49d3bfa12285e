//! Another build of a plugin: what it does otherwise is found by playing recorded traffic through both, and held until somebody agrees.
//! Lines 56 and 57 of the attack list.

use nave_sim::SimConfig;
use nave_tests::binary;
use nave_tests::project::{Project, Ran};
use nave_tests::systems::{Crm, System as _};
use serde_json::{Value, json};

use super::contacts::connect_crm;
use super::signed::code;
use super::update::with_manifest;

struct Bench {
    project: Project,
    crm: Crm,
}

/// A build of a plugin with another literal of the same length in its code, and a higher serial.
fn built(project: &Project, plugin: &str, serial: u64, literal: (&str, &str), change: impl FnOnce(&mut Value)) -> String {
    let mut bytes = std::fs::read(binary::plugin(plugin)).expect("the plugin");
    let (from, to) = (literal.0.as_bytes(), literal.1.as_bytes());
    assert_eq!(from.len(), to.len());
    let places: Vec<usize> = (0..bytes.len() - from.len()).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!places.is_empty(), "{literal:?} is not in the plugin");
    for at in places {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    let bytes = with_manifest(&bytes, |manifest| {
        manifest["serial"] = json!(serial);
        manifest["version"] = json!(format!("0.{serial}.0"));
        change(manifest);
    });
    let file = project.dir().parent().expect("a folder").join(format!("{plugin}-{serial}.wasm"));
    std::fs::write(&file, bytes).expect("written");
    file.display().to_string()
}

impl Bench {
    fn new() -> Self {
        Self::with(6)
    }

    fn with(records: usize) -> Self {
        let bench = Self { project: Project::init(), crm: Crm::start("crm", SimConfig { records, ..SimConfig::new(11) }) };
        bench.project.install("hubspot");
        connect_crm(&bench.project, &bench.crm);
        bench
    }

    fn build(&self, serial: u64, literal: (&str, &str), change: impl FnOnce(&mut Value)) -> String {
        built(&self.project, "hubspot", serial, literal, change)
    }

    fn upgrade(&self, arguments: &[&str]) -> Ran {
        self.project.run(&[&["plugin", "upgrade"][..], arguments].concat())
    }

    fn plugin(&self) -> Value {
        self.project.json(&["plugin", "list"])["plugins"][0].clone()
    }
}

/// Only what is sent when something is written.
const WRITES: (&str, &str) = ("objectWriteTraceId", "objectWriteTraceIx");
const NOTHING: (&str, &str) = ("objectWriteTraceId", "objectWriteTraceId");

fn count(answer: &Value, of: &str) -> usize {
    answer[of].as_array().map_or(0, Vec::len)
}

#[test]
fn a_build_that_would_write_otherwise_is_held_until_somebody_agrees() {
    let bench = Bench::new();
    let recorded = bench.project.json(&["plugin", "record", "crm", "--records", "5"]);
    assert!(recorded["exchanges"].as_u64().is_some_and(|count| count > 3), "{recorded}");
    let before = bench.plugin();
    let other = bench.build(2, WRITES, |_| ());

    let asked = bench.crm.sim().expect("a simulator").last_request();
    let checked = bench.upgrade(&[&other, "--check"]);
    assert_eq!(checked.code, Some(1), "{checked:?}");
    let answer = checked.json();
    assert!(count(&answer, "writes") > 0 && answer["writes"].to_string().contains("objectWriteTraceIx"), "{answer}");
    assert_eq!((count(&answer, "reads"), count(&answer, "schema"), count(&answer, "powers_added")), (0, 0, 0), "{answer}");
    assert_eq!((&answer["state"], count(&answer, "compared")), (&json!("checked"), 1), "{answer}");
    assert_eq!(bench.crm.sim().expect("a simulator").last_request(), asked, "nothing is sent to anybody");
    assert_eq!(bench.plugin(), before);

    let held = bench.upgrade(&[&other]);
    assert_eq!((held.code, &held.json()["state"]), (Some(4), &json!("held")), "{held:?}");
    let waiting = bench.plugin();
    assert_eq!((&waiting["digest"], &waiting["held"]), (&before["digest"], &json!("0.2.0")), "{waiting}");
    bench.project.ok(&["plugin", "call", "crm", "check"]);
    assert_eq!(bench.project.run(&["plugin", "upgrade", "hubspot", "--check"]).json()["to"]["version"], "0.2.0");
    assert!(bench.project.run(&["doctor"]).out.contains("0.2.0"));

    assert_eq!(bench.upgrade(&["hubspot", "--decline"]).json()["state"], "declined");
    assert_eq!(bench.plugin(), before);
    assert_eq!(code(&bench.upgrade(&["hubspot", "--decline"])), "not-found");
    bench.project.ok(&["plugin", "call", "crm", "check"]);

    bench.upgrade(&[&other]);
    let agreed = bench.upgrade(&["hubspot", "--approve"]);
    assert_eq!((agreed.code, &agreed.json()["state"]), (Some(0), &json!("in-force")), "{agreed:?}");
    let after = bench.plugin();
    assert_eq!((&after["digest"], &after["held"]), (&answer["to"]["digest"], &Value::Null), "{after}");
    bench.project.ok(&["plugin", "call", "crm", "check"]);
    let audit = bench.project.json(&["audit", "--limit", "50"]).to_string();
    for line in ["plugin.held", "plugin.declined", "plugin.upgraded", "plugin.recorded"] {
        assert!(audit.contains(line), "{line}: {audit}");
    }
    assert_eq!(code(&bench.upgrade(&[&binary::plugin("hubspot").display().to_string(), "--approve"])), "plugin.rollback");
}

/// X.10: `install` over a build that something works through compares as `upgrade` does; what differs is held, and the table says so.
#[test]
fn an_installation_over_what_is_used_is_compared_too() {
    let bench = Bench::new();
    bench.project.ok(&["plugin", "record", "crm"]);
    let before = bench.plugin();
    let install = |file: &str| bench.project.run(&["plugin", "install", file]);
    let table = || {
        let mut command = std::process::Command::new(binary::nave());
        command.arg("--dir").arg(bench.project.dir()).args(["plugin", "list"]).env("COLUMNS", "200");
        String::from_utf8_lossy(&command.output().expect("it runs").stdout).into_owned()
    };
    let more = |manifest: &mut Value| {
        manifest["endpoints"]["more"] = json!({
            "base": "https://elsewhere.example", "allow": [{ "methods": ["GET"], "paths": ["/"] }], "reason": "to tell others" });
    };
    let other = bench.build(2, NOTHING, more);
    let held = install(&other);
    assert_eq!((held.code, &held.json()["state"]), (Some(4), &json!("held")), "{held:?}");
    assert!(held.json()["powers_added"].to_string().contains("elsewhere.example"), "{held:?}");
    let waiting = bench.plugin();
    assert_eq!((&waiting["digest"], &waiting["held"]), (&before["digest"], &json!("0.2.0")), "{waiting}");
    assert!(table().contains("0.2.0 is held"), "{}", table());
    assert_eq!(install(&other).code, Some(2), "it waits for a word, not for a second try");
    bench.upgrade(&["hubspot", "--decline"]);
    assert_eq!((bench.plugin(), table().contains("is held")), (before, false));
    // What declares a setting more is held; what does the same goes in at once, and so does one that nothing works through.
    let setting = |manifest: &mut Value| manifest["settings"]["more"] = json!({ "label": "More", "default": "" });
    let setting = bench.build(3, NOTHING, setting);
    let held = install(&setting).json();
    assert!(held["state"] == "held" && held["schema"].to_string().contains("setting `more` is new"), "{held}");
    bench.upgrade(&["hubspot", "--decline"]);
    let checked = bench.upgrade(&[&setting, "--check"]);
    assert_eq!((checked.code, &checked.json()["waits"]), (Some(1), &json!(true)), "{checked:?}");
    let upgraded = bench.upgrade(&[&setting]);
    assert_eq!((upgraded.code, &upgraded.json()), (Some(4), &held), "an upgrade to it waits as an installation does");
    let same = install(&bench.build(4, NOTHING, |_| ()));
    assert_eq!((same.code, &bench.plugin()["version"]), (Some(0), &json!("0.4.0")), "{same:?}");
    assert_eq!(bench.plugin()["held"], Value::Null);
    // The very same again is no question; another one is, where nothing shows what it would do.
    let recording = bench.project.read("recordings/crm.json");
    std::fs::remove_file(bench.project.dir().join("recordings/crm.json")).expect("gone");
    let again = bench.project.dir().parent().expect("a folder").join("hubspot-4.wasm").display().to_string();
    assert_eq!(install(&again).code, Some(0), "the same file again");
    let other = bench.build(5, NOTHING, |_| ());
    let unseen = install(&other);
    assert_eq!((unseen.code, count(&unseen.json(), "not_compared")), (Some(4), 1), "{unseen:?}");
    assert_eq!((&bench.plugin()["version"], &bench.plugin()["held"]), (&json!("0.4.0"), &json!("0.5.0")));
    bench.upgrade(&["hubspot", "--decline"]);
    assert_eq!(bench.upgrade(&[&other]).json(), unseen.json(), "as an upgrade says it");
    bench.upgrade(&["hubspot", "--decline"]);
    bench.project.write("recordings/crm.json", &recording);
    // Neither is one where a connection's file does not even say which plugin it uses.
    let connection = bench.project.read("connections/crm.toml");
    for (broken, why) in [(&b"\n= 1\n"[..], "crm.toml: it cannot be read"), (b"# M\xfcller\n", "is not UTF-8 from byte")] {
        let file = bench.project.dir().join("connections/crm.toml");
        std::fs::write(&file, [connection.as_bytes(), broken].concat()).expect("written");
        let unclear = install(&other);
        assert_eq!(unclear.code, Some(4), "{unclear:?}");
        let said = unclear.json()["not_compared"].to_string();
        assert!(said.contains("connections/crm.toml") && said.contains(why), "{unclear:?}");
        bench.upgrade(&["hubspot", "--decline"]);
        // Nothing that is there works through it: what else is broken keeps nobody from installing.
        std::fs::remove_file(&file).expect("gone");
        std::fs::write(bench.project.dir().join("mappings/other.toml"), broken).expect("written");
        let listed = bench.project.run(&["plugin", "list"]);
        assert_eq!(listed.code, Some(0), "{listed:?}");
        std::fs::remove_file(bench.project.dir().join("mappings/other.toml")).expect("gone");
        bench.project.write("connections/crm.toml", &connection);
    }
    std::fs::remove_file(bench.project.dir().join("connections/crm.toml")).expect("gone");
    let unused = install(&bench.build(6, NOTHING, more));
    assert_eq!((unused.code, &bench.plugin()["version"]), (Some(0), &json!("0.6.0")), "{unused:?}");
}

/// X.10: the same for a transform that a mapping calls.
#[test]
fn an_installation_over_a_transform_that_is_called_is_compared_too() {
    let bench = Bench::new();
    bench.project.install("phone-e164");
    let shipped = std::fs::read(binary::plugin("phone-e164")).expect("the plugin");
    let build = |serial: u64, change: &dyn Fn(&mut Value)| {
        let bytes = with_manifest(&shipped, |manifest| {
            manifest["serial"] = json!(serial);
            change(manifest);
        });
        let file = bench.project.dir().parent().expect("a folder").join(format!("phone-{serial}.wasm"));
        std::fs::write(&file, bytes).expect("written");
        file.display().to_string()
    };
    let install = |file: String| bench.project.run(&["plugin", "install", &file]);
    let more_inputs = |manifest: &mut Value| {
        manifest["functions"][0]["explain"] = json!("something else");
        let inputs = manifest["functions"][0]["inputs"].as_array_mut().expect("inputs");
        inputs.push(json!("text"));
    };
    let unused = install(build(2, &|_| ()));
    assert_eq!(unused.code, Some(0), "{unused:?}");
    let calls = "connection = \"crm\"\nstream = \"contacts\"\nentity = \"contact\"\nsteward = \"ops\"\n[flow.in]\n\
         [[field]]\nremote = \"properties.phone\"\ncanonical = \"phone\"\ndirection = \"in\"\n\
         in = \"phone_e164(properties.phone, properties.country)\"\n";
    bench.project.write("mappings/crm-phones.toml", calls);
    let lint = bench.project.run(&["mapping", "lint"]);
    assert_eq!(lint.code, Some(0), "{lint:?}");
    // Nothing is stored of the flow that calls it: nobody has seen what another build makes of it.
    let unseen = build(3, &|_| ());
    let checked = bench.project.run(&["plugin", "upgrade", &unseen, "--check"]);
    assert_eq!(
        (checked.code, &checked.json()["changed"], &checked.json()["waits"]),
        (Some(4), &json!(false), &json!(true)),
        "{checked:?}"
    );
    let held = install(unseen);
    assert_eq!((held.code, count(&held.json(), "not_compared")), (Some(4), 1), "{held:?}");
    assert_eq!(bench.upgrade(&["phone-e164", "--decline"]).code, Some(0));
    bench.project.run(&["sync"]);
    let held = install(build(3, &more_inputs));
    assert_eq!((held.code, &held.json()["state"]), (Some(4), &json!("held")), "{held:?}");
    assert!(held.json()["schema"].to_string().contains("function `phone_e164` takes"), "{held:?}");
    assert_eq!(install(build(4, &|_| ())).code, Some(0), "the same goes in at once");
    // A file that is broken, be it another one or the one with the call, does not hide it.
    for (path, broken, known) in [
        ("mappings/other.toml", b"entity = [".to_vec(), None),
        ("mappings/other.toml", b"# M\xfcller".to_vec(), None),
        ("systems.toml", b"= 1".to_vec(), Some(bench.project.read("systems.toml"))),
        ("systems.toml", b"# M\xfcller".to_vec(), Some(bench.project.read("systems.toml"))),
        ("mappings/crm-phones.toml", format!("{calls}[nonsense]\na = 1\n").into_bytes(), Some(calls.to_owned())),
        ("mappings/crm-phones.toml", format!("{calls}= 1\n").into_bytes(), Some(calls.to_owned())),
        ("mappings/crm-phones.toml", [calls.as_bytes(), b"# M\xfcller"].concat(), Some(calls.to_owned())),
    ] {
        std::fs::write(bench.project.dir().join(path), &broken).expect("written");
        let held = install(build(5, &more_inputs));
        assert_eq!((held.code, &held.json()["state"]), (Some(4), &json!("held")), "{path}: {held:?}");
        assert_eq!(bench.upgrade(&["phone-e164", "--decline"]).code, Some(0), "{path}");
        match known {
            Some(text) => bench.project.write(path, &text),
            None => std::fs::remove_file(bench.project.dir().join(path)).expect("gone"),
        }
    }
    bench.project.write("mappings/crm-phones.toml", &calls.replace("phone_e164(properties.phone, properties.country)", "trim"));
    bench.project.write("mappings/other.toml", "entity = [");
    std::fs::write(bench.project.dir().join("mappings/third.toml"), b"# M\xfcller").expect("written");
    assert_eq!(install(build(5, &more_inputs)).code, Some(0), "nothing calls it, and the broken files do not either");
}

#[test]
fn a_build_that_does_the_same_goes_in_force_at_once() {
    let bench = Bench::new();
    bench.project.ok(&["plugin", "record", "crm"]);
    let same = bench.build(3, NOTHING, |_| ());
    let checked = bench.upgrade(&[&same, "--check"]);
    assert_eq!((checked.code, &checked.json()["changed"]), (Some(0), &json!(false)), "{checked:?}");
    assert_eq!(bench.upgrade(&[&same]).json()["state"], "in-force");
    assert_eq!(bench.upgrade(&[&same]).json()["state"], "same");
    assert_eq!(bench.plugin()["serial"], 3);
}

#[test]
fn a_build_that_asks_for_another_host_is_held_and_the_old_one_runs() {
    let bench = Bench::new();
    bench.project.ok(&["plugin", "record", "crm"]);
    let more = bench.build(4, NOTHING, |manifest| {
        manifest["endpoints"]["spare"] = json!({
            "base": "https://spare.example.com", "allow": [{ "methods": ["GET"], "paths": ["/"] }], "reason": "to look there too",
        });
    });
    let held = bench.upgrade(&[&more]);
    assert_eq!(held.code, Some(4), "{held:?}");
    assert!(held.json()["powers_added"].to_string().contains("https://spare.example.com"), "{held:?}");
    let around = bench.project.run(&["plugin", "install", &more]);
    assert!(around.code == Some(2) && around.out.contains("nave plugin upgrade hubspot --approve"), "{around:?}");
    assert_eq!(bench.plugin()["serial"], 1);
    let agreed = bench.upgrade(&["hubspot", "--approve"]).json();
    assert_eq!(bench.plugin()["serial"], 4);
    assert!(agreed["installed"]["not_granted"].to_string().contains("[grants.endpoints.spare]"), "{agreed}");
    // Another scope of the same key is more, too.
    let scope = bench.build(5, NOTHING, |manifest| {
        let slot = manifest["credentials"].as_object_mut().expect("slots").values_mut().next().expect("one");
        slot["kinds"].as_array_mut().expect("kinds").push(json!({ "kind": "header", "name": "x-admin" }));
    });
    let held = bench.upgrade(&[&scope]);
    assert_eq!(held.code, Some(4), "{held:?}");
    // One that asks for less is no reason to wait.
    bench.upgrade(&["hubspot", "--decline"]);
    let less = bench.build(6, NOTHING, |_| ());
    assert_eq!(bench.upgrade(&[&less]).json()["state"], "in-force");
}

/// What a new build has to say of its powers stops no hub in which an older one is installed.
#[test]
fn a_build_of_before_that_says_no_reasons_goes_on_and_no_other_is_installed() {
    let bench = Bench::new();
    bench.project.ok(&["plugin", "record", "crm"]);
    let silent = |manifest: &mut Value| {
        let endpoints = manifest["endpoints"].as_object_mut().expect("endpoints");
        endpoints.values_mut().for_each(|endpoint| endpoint["reason"] = json!(""));
    };
    // As an earlier version installed it.
    let file = bench.build(2, NOTHING, silent);
    let (old, lock) = (bench.plugin()["digest"].as_str().expect("a digest").to_owned(), bench.project.dir().join("nave.lock"));
    let digest = bench.project.json(&["plugin", "inspect", &file])["digest"].as_str().expect("a digest").to_owned();
    std::fs::copy(&file, bench.project.dir().join("plugins").join(format!("{digest}.wasm"))).expect("copied");
    let text = std::fs::read_to_string(&lock).expect("the lock");
    assert!(text.contains(&old), "{text}");
    std::fs::write(&lock, text.replace(&old, &digest)).expect("written");
    let planned = bench.project.ok(&["plan"]);
    assert!(planned.json()["warnings"].to_string().contains("unclear-powers"), "{planned:?}");

    let other = bench.build(3, NOTHING, silent);
    for command in ["install", "upgrade"] {
        let refused = bench.project.run(&["plugin", command, &other]);
        assert!(refused.code != Some(0) && refused.out.contains("`reason` is empty"), "{refused:?}");
    }
    assert_eq!(bench.plugin()["digest"], json!(digest));
    let better = bench.upgrade(&[&bench.build(4, NOTHING, |_| ()), "--check"]);
    assert_eq!(better.json()["not_compared"], json!([]), "{better:?}");
}

/// What nobody looked at is not taken to be the same.
#[test]
fn a_build_whose_behaviour_was_not_compared_is_held() {
    let bench = Bench::new();
    let same = bench.build(2, NOTHING, |_| ());
    let checked = bench.upgrade(&[&same, "--check"]);
    assert_eq!((checked.code, &checked.json()["state"]), (Some(4), &json!("checked")), "as it would be held: {checked:?}");
    let held = bench.upgrade(&[&same]);
    assert_eq!((held.code, count(&held.json(), "not_compared")), (Some(4), 1), "{held:?}");
    assert_eq!(bench.plugin()["serial"], 1);
}

/// S9.11: of a stream of many pages the end is recorded too, and how what is new is read from there on.
#[test]
fn what_comes_after_the_beginning_of_a_long_stream_is_compared_too() {
    let bench = Bench::with(40);
    let recorded = bench.project.json(&["plugin", "record", "crm", "--records", "5"]);
    assert!(recorded["open"].is_null(), "its end was reached: {recorded}");
    // Only the searches by which what has changed is read.
    let other = bench.build(2, ("ASCENDING", "ASCENDINX"), |_| ());
    let checked = bench.upgrade(&[&other, "--check"]);
    assert!(checked.code == Some(1) && checked.json()["reads"].to_string().contains("read contacts"), "{checked:?}");
    // A recording that ends with the beginning, as they were once, says nothing of the rest.
    let mut recording: Value = serde_json::from_str(&bench.project.read("recordings/crm.json")).expect("JSON");
    let calls = recording["calls"].as_array_mut().expect("calls");
    let of_contacts = |call: &Value| call["function"] == "read" && call["arguments"][0] == "contacts";
    let mut seen = 0;
    calls.retain(|call| {
        seen += usize::from(of_contacts(call));
        call["function"] != "read" || of_contacts(call) && seen <= 3
    });
    assert!(seen > 4, "three pages, the last, and once more");
    bench.project.write("recordings/crm.json", &recording.to_string());
    let checked = bench.upgrade(&[&other, "--check"]);
    let answer = checked.json();
    assert_eq!((checked.code, &answer["changed"], &answer["waits"]), (Some(4), &json!(false), &json!(true)), "{checked:?}");
    assert!(answer["not_compared"].to_string().contains("the end of `contacts` is not recorded"), "{answer}");
}

/// S9.11: what reads folders is compared by the files that lie there.
#[test]
fn a_build_that_reads_files_is_compared_by_its_files() {
    let project = Project::init();
    project.install("files");
    let inbox = project.dir().join("inbox");
    std::fs::create_dir_all(&inbox).expect("a folder");
    project.ok(&["connection", "add", "files", "--name", "drop", "--folder", "drop=inbox", "--reason", "a test", "--yes"]);
    let build = |serial: u64, literal: (&str, &str)| built(&project, "files", serial, literal, |_| ());
    // What a column without a name is called.
    let (same, other) = (("column_", "column_"), ("column_", "colamn_"));
    let check = |file: &str| project.run(&["plugin", "upgrade", file, "--check"]);
    let empty = check(&build(2, same));
    assert!(
        empty.code == Some(4) && empty.json()["not_compared"].to_string().contains("no file lies in its folders"),
        "{empty:?}"
    );
    std::fs::write(inbox.join("contacts.csv"), "Email,,Name\nada@example.org,x,Ada\n").expect("a file");
    let checked = check(&build(3, other));
    assert!(checked.code == Some(1) && checked.json()["reads"].to_string().contains("colamn_2"), "{checked:?}");
    assert!(checked.json()["compared"].to_string().contains("drop: 1 of 1 files"), "{checked:?}");
    let same = project.run(&["plugin", "install", &build(4, same)]);
    assert_eq!(same.code, Some(0), "{same:?}");
    assert_eq!(std::fs::read_dir(&inbox).expect("a folder").count(), 1, "nothing is written there");
    // There is nothing to record, and no dead end that says to.
    let record = project.run(&["plugin", "record", "drop"]);
    assert!(record.out.contains("nothing has to be recorded of folders"), "{record:?}");
}

#[test]
fn a_recording_has_neither_a_secret_nor_a_person_in_it() {
    let bench = Bench::new();
    bench.project.ok(&["plugin", "record", "crm"]);
    let text = bench.project.read("recordings/crm.json");
    let token = &bench.crm.sim().expect("a simulator").running.credential.token;
    assert!(!text.contains(token.as_str()));
    let page = bench.project.json(&["plugin", "call", "crm", "read", "contacts"]);
    let people = page["records"].as_array().expect("records");
    assert!(people.len() >= 5, "{page}");
    for person in people {
        for name in ["email", "firstname", "lastname"] {
            let value = person["body"]["properties"][name].as_str().unwrap_or_default();
            assert!(
                value.is_empty() || !text.contains(&format!("\"{value}\"")) && !text.contains(&format!("\\\"{value}\\\"")),
                "{name} {value}"
            );
        }
        assert!(text.contains(person["remote-id"].as_str().expect("an id")), "ids stay");
    }
    assert!(text.contains("@masked.example"));
}
