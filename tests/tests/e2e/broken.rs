//! A project whose files have errors: power is taken away all the same, and what is wrong is said; nothing runs (S7.13).

use nave_sim::SimConfig;
use nave_tests::project::Project;
use nave_tests::systems::Crm;
use serde_json::json;

use super::contacts::connect_crm;

fn world() -> (Project, Crm) {
    let project = Project::init();
    let crm = Crm::start("crm", SimConfig { records: 2, ..SimConfig::new(5) });
    project.install("hubspot");
    connect_crm(&project, &crm);
    project.ok(&["connection", "check", "crm"]);
    (project, crm)
}

/// One file as it would be broken; whether the plugin is known without it.
#[track_caller]
fn check(project: &Project, path: &str, broken: &[u8], known: bool) {
    let file = project.dir().join(path);
    let before = std::fs::read(&file).ok();
    let name = format!("who-{}", path.replace(['/', '.'], "-"));
    project.ok(&["token", "reset", &name, "--because", "a test"]);
    project.tell(&["secret", "set", "spare"], "n0body-needs-it");
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(&file, broken).expect("written");

    let refused = project.run(&["sync", "--once"]);
    assert_eq!(refused.code, Some(3), "{path}: nothing runs: {refused:?}");
    let list = project.json(&["access", "list"]);
    let has = |what: &str, name: &str| {
        let all = list["access"].as_array().expect("lines");
        all.iter().any(|line| line["what"] == what && line["name"] == name)
    };
    assert!(has("token", &name) && has("secret", "spare"), "{path}: {list}");
    assert!(list["missing"].to_string().contains(path), "{path}: the register says what it cannot tell: {list}");
    let done = project.run(&["access", "review", "--done", "--reason", "all needed"]);
    assert!(done.code == Some(3) && done.out.contains(path), "{path}: nobody has seen all of it: {done:?}");
    let doctor = project.run(&["doctor"]);
    let first = doctor.json()["checks"][0].clone();
    assert_eq!(
        (doctor.code, &first["name"], &first["ok"]),
        (Some(1), &json!("configuration"), &json!(false)),
        "{path}: {doctor:?}"
    );
    assert!(first["detail"].as_str().is_some_and(|text| text.contains(path)), "{path}: {first}");
    let others: Vec<String> =
        doctor.json()["checks"].as_array().expect("checks").iter().map(|one| one["name"].to_string()).collect();
    assert!(
        others.iter().any(|one| one.contains("secrets")) && others.iter().any(|one| one.contains("store")),
        "{path}: {others:?}"
    );
    if known {
        project.ok(&["plugin", "explain-deny", "hubspot"]);
    }
    project.ok(&["token", "reset", &name, "--because", "it was shown to somebody"]);
    project.ok(&["access", "revoke", "token", &name, "--reason", "left"]);
    project.ok(&["access", "revoke", "secret", "spare", "--reason", "left"]);

    match before {
        Some(bytes) => std::fs::write(&file, bytes).expect("written"),
        None => std::fs::remove_file(&file).expect("gone"),
    }
    let list = project.json(&["access", "list"]);
    let lines = list["access"].as_array().expect("lines");
    assert!(!lines.iter().any(|line| line["name"] == name.as_str()), "{path}: who was taken the token has no access: {list}");
    assert!(list["reviewed-at"].is_null(), "{path}: {list}");
    assert!(list["missing"].is_null() && !list.to_string().contains("spare"), "{path}: {list}");
    project.ok(&["connection", "check", "crm"]);
}

#[test]
fn power_is_taken_away_from_a_project_that_is_broken() {
    let (project, _crm) = world();
    let connection = project.read("connections/crm.toml");
    check(&project, "mappings/crm-contacts.toml", b"entity = [", true);
    check(&project, "entities/thing.toml", b"\xff\xfe", true);
    check(&project, "connections/crm.toml", format!("{connection}\n[nonsense]\na = 1\n").as_bytes(), true);
    check(&project, "systems.toml", b"= 1", true);
    check(&project, "nave.toml", b"environment = ", true);
    check(&project, "nave.lock", b"[[[", false);
}

/// A file that is broken while a hub serves; whether the connection's own file can be written all the same.
#[track_caller]
fn taken_away(path: &str, broken: impl FnOnce(&Project) -> Vec<u8>, written: bool) {
    let (project, _crm) = world();
    let serving = project.serve();
    let file = project.dir().join(path);
    std::fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    std::fs::write(&file, broken(&project)).expect("written");
    project.ok(&["connection", "check", "crm"]);
    let done = project.run(&["access", "revoke", "grant", "crm/endpoint api", "--reason", "left"]);
    let refused = project.run(&["connection", "check", "crm"]);
    assert!(
        refused.code != Some(0) && format!("{refused:?}").contains("net.denied"),
        "{path}: it is out of force: {done:?} {refused:?}"
    );
    let audit = project.json(&["audit", "--limit", "5"]).to_string();
    assert!(audit.contains("access.revoked") && audit.contains("grant crm/endpoint api"), "{path}: {audit}");
    serving.stop();
    if written {
        assert!(done.code == Some(0) && done.out.contains("nave mapping lint"), "{path}: {done:?}");
        assert!(!project.read("connections/crm.toml").contains("[grants.endpoints.api]"), "{path}");
    } else {
        let by_hand = "[grants.endpoints.api] out of connections/crm.toml";
        assert!(done.code == Some(1) && done.out.contains(by_hand), "{path}: what to do by hand: {done:?}");
        // Where no hub serves the same is said.
        let alone = project.run(&["access", "revoke", "grant", "crm/endpoint api", "--reason", "left"]);
        assert!(alone.code == Some(1) && alone.out.contains(by_hand), "{path}: {alone:?}");
    }
}

/// The hub that serves goes on with what was in force, without what was taken away.
#[test]
fn a_grant_is_taken_away_while_the_files_are_broken() {
    taken_away("mappings/crm-contacts.toml", |_| b"entity = [".to_vec(), true);
    taken_away("entities/thing.toml", |_| b"\xff\xfe".to_vec(), true);
    taken_away("nave.lock", |_| b"[[[".to_vec(), true);
    taken_away("connections/crm.toml", |project| format!("{}\n= 1\n", project.read("connections/crm.toml")).into(), false);
    taken_away("connections/crm.toml", |_| b"\xff\xfe".to_vec(), false);
}
