//! An update of a plugin brings no power with it, neither where the connection says what was granted nor where it left
//! that to the manifest.

use nave_sim::SimConfig;
use nave_tests::binary;
use nave_tests::project::Project;
use nave_tests::systems::{Crm, System as _};
use serde_json::{Value, json};

use super::contacts::connect_crm;

const SECTION: &[u8] = b"nave:manifest";

fn leb(mut number: usize, out: &mut Vec<u8>) {
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        out.push(if number == 0 { low } else { low | 0x80 });
        if number == 0 {
            return;
        }
    }
}

fn read_leb(bytes: &[u8], at: &mut usize) -> usize {
    let (mut number, mut shift) = (0, 0);
    loop {
        let byte = bytes[*at];
        *at += 1;
        number |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return number;
        }
    }
}

/// The same component with another manifest.
pub(crate) fn with_manifest(component: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let (mut out, mut manifest, mut at) = (component[..8].to_vec(), Value::Null, 8);
    while at < component.len() {
        let (start, kind) = (at, component[at]);
        at += 1;
        let end = read_leb(component, &mut at) + at;
        let mut inner = at;
        at = end;
        if kind == 0 {
            let name = read_leb(component, &mut inner);
            if &component[inner..inner + name] == SECTION {
                manifest = serde_json::from_slice(&component[inner + name..end]).expect("the manifest is JSON");
                continue;
            }
        }
        out.extend(&component[start..end]);
    }
    change(&mut manifest);
    embedded(out, &manifest)
}

/// A component that has no manifest yet, with this one.
pub(crate) fn embedded(mut out: Vec<u8>, manifest: &Value) -> Vec<u8> {
    let mut section = Vec::new();
    leb(SECTION.len(), &mut section);
    section.extend(SECTION);
    section.extend(manifest.to_string().bytes());
    out.push(0);
    leb(section.len(), &mut out);
    out.extend(section);
    out
}

/// A first build that asks for less, a connection, then the shipped build; `change` edits the connection's file between.
#[track_caller]
fn check(change: impl Fn(&str) -> String) {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 3, ..SimConfig::new(5) });
    let shipped = std::fs::read(binary::plugin("hubspot")).expect("the plugin");
    let less = with_manifest(&shipped, |manifest| {
        manifest["endpoints"]["api"]["allow"] = json!([{ "methods": ["GET"], "paths": ["/crm/v3/properties"] }]);
    });
    let file = |name: &str| project.dir().parent().expect("a folder").join(name).display().to_string();
    std::fs::write(file("less.wasm"), less).expect("written");
    project.ok(&["plugin", "install", &file("less.wasm")]);
    connect_crm(&project, &crm);
    let text = change(&project.read("connections/crm.toml"));
    project.write("connections/crm.toml", &text);
    let before = project.run(&["plugin", "call", "crm", "check"]);
    assert!(before.err.contains("net.not-requested") || before.out.contains("net.not-requested"), "{before:?}");

    let plugin = binary::plugin("hubspot").display().to_string();
    let held = project.run(&["plugin", "install", &plugin]);
    assert_eq!((held.code, &held.json()["state"]), (Some(4), &json!("held")), "what asks for more waits: {held:?}");
    let installed = project.json(&["plugin", "upgrade", "hubspot", "--approve"])["installed"].clone();
    let refused = installed["not_granted"].to_string();
    assert!(refused.contains("/account-info/v3/details") && refused.contains("connections/crm.toml"), "{installed}");
    assert!(installed["notes"].to_string().contains("the serial 1 of the installed one and other bytes"), "{installed}");
    let after = project.run(&["plugin", "call", "crm", "check"]);
    assert_ne!(after.code, Some(0), "a new power must be refused: {after:?}");
    assert!(format!("{after:?}").contains("net.method-denied"), "{after:?}");
    assert!(format!("{after:?}").contains("to `allow` under [grants.endpoints.api]"), "{after:?}");
    let grants = project.json(&["plugin", "grants", "crm"]);
    assert!(grants["connections"][0]["powers"].to_string().contains("(GET /crm/v3/properties)"), "{grants}");
    assert!(grants["connections"][0]["not_granted"].to_string().contains("/account-info/v3/details"), "{grants}");
    // What it had before still works.
    project.ok(&["plugin", "call", "crm", "discover"]);
}

#[test]
fn where_the_connection_says_what_was_granted() {
    check(str::to_owned);
}

#[test]
fn where_the_connection_left_it_to_the_manifest() {
    check(|text| {
        let start = text.find("allow = [").expect("what was granted");
        let end = start + text[start..].find("\n]\n").expect("the end of the list") + 3;
        format!("{}{}", &text[..start], &text[end..])
    });
}

/// An older build needs a word, and a build that was altered where it lies is not loaded.
#[test]
fn an_older_or_altered_build_is_not_run_by_itself() {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 3, ..SimConfig::new(5) });
    let shipped = binary::plugin("hubspot").display().to_string();
    let newer = project.dir().parent().expect("a folder").join("newer.wasm").display().to_string();
    let bytes = std::fs::read(&shipped).expect("the plugin");
    std::fs::write(&newer, with_manifest(&bytes, |manifest| manifest["serial"] = json!(7))).expect("written");
    project.ok(&["plugin", "install", &newer]);
    connect_crm(&project, &crm);
    let pinned = || project.json(&["plugin", "list"])["plugins"][0]["serial"].clone();
    let refused = project.run(&["plugin", "install", &shipped]);
    assert!(refused.code == Some(2) && format!("{refused:?}").contains("plugin.rollback"), "{refused:?}");
    assert_eq!(pinned(), 7);
    project.ok(&["plugin", "call", "crm", "check"]);
    project.ok(&["plugin", "record", "crm"]);
    project.ok(&["plugin", "install", &shipped, "--rollback"]);
    assert_eq!(pinned(), 1);
    project.ok(&["plugin", "call", "crm", "check"]);

    let files = std::fs::read_dir(project.dir().join("plugins")).expect("the folder").flatten();
    let file = files.map(|entry| entry.path()).find(|path| path.extension().is_some_and(|kind| kind == "wasm")).expect("it");
    let good = std::fs::read(&file).expect("the build");
    let asked = crm.sim().expect("a simulator").last_request();
    for at in [0, 9, good.len() / 2, good.len() - 1] {
        let mut altered = good.clone();
        altered[at] ^= 1;
        std::fs::write(&file, altered).expect("written");
        for command in [&["plugin", "call", "crm", "check"][..], &["connection", "check", "crm"], &["doctor"]] {
            let ran = project.run(command);
            assert!(ran.code != Some(0) && format!("{ran:?}").contains("nave.lock pins"), "{at}: {ran:?}");
        }
    }
    assert_eq!(crm.sim().expect("a simulator").last_request(), asked, "nothing was run");
    std::fs::write(&file, good).expect("written");
    project.ok(&["plugin", "call", "crm", "check"]);
}
