//! Whatever changes what is trusted leaves an audit line that says who did it, whichever way it ran.

use nave_tests::http;
use nave_tests::project::Project;
use serde_json::{Value, json};

/// Lines of the audit, oldest first: actor, action, subject.
fn lines(project: &Project) -> Vec<String> {
    let answer = project.json(&["audit", "--limit", "200"]);
    let word = |line: &Value, key: &str| line[key].as_str().unwrap_or_default().to_owned();
    let all = answer["entries"].as_array().cloned().unwrap_or_default();
    let spelled = |line: &Value| format!("{} {} {}", word(line, "actor"), word(line, "action"), word(line, "subject"));
    all.iter().rev().map(spelled).collect()
}

/// What a step added to the audit.
#[track_caller]
fn check(project: &Project, step: impl FnOnce(), expected: &[&str]) {
    let before = lines(project).len();
    step();
    let added: Vec<String> = lines(project).split_off(before);
    assert_eq!(added, named(expected));
}

/// With the user that this test runs as in place of USER: whatever the environment calls them (mallory, in every test).
fn named(lines: &[&str]) -> Vec<String> {
    let id = std::process::Command::new("id").arg("-un").output().expect("`id` runs");
    let user = String::from_utf8_lossy(&id.stdout).trim().to_owned();
    lines.iter().map(|line| line.replace("USER", &user)).collect()
}

#[test]
fn every_change_of_trust_is_noted_with_who_made_it() {
    let project = Project::init();
    let file = |name: &str| nave_tests::binary::plugin(name).display().to_string();
    // Before there is a store nobody can note it: what is there is noted when one is made.
    project.ok(&["plugin", "install", &file("files")]);
    assert!(!project.data().join("nave.redb").exists(), "a plugin is put in without making a store");
    assert_eq!(lines(&project), ["hub plugin.found files"]);

    let add = ["connection", "add", "files", "--name", "drop", "--folder", "drop=inbox", "--reason", "a test", "--yes"];
    check(&project, || drop(project.ok(&add)), &["local:USER connection.added drop"]);
    let again = || drop(project.ok(&["plugin", "install", &file("files"), "--rollback"]));
    check(&project, again, &["local:USER plugin.installed files"]);
    let install = || drop(project.ok(&["plugin", "install", &file("phone-e164")]));
    check(&project, install, &["local:USER plugin.installed phone-e164"]);
    let remove = || drop(project.ok(&["plugin", "remove", "phone-e164"]));
    check(&project, remove, &["local:USER plugin.removed phone-e164"]);
    check(&project, || drop(project.tell(&["secret", "set", "crm"], "s3cret")), &["local:USER secret.set crm"]);
    check(&project, || drop(project.ok(&["secret", "remove", "crm"])), &["local:USER secret.removed crm"]);
    // A configuration with errors keeps no hub open, and still is mended under the eyes of the audit.
    project.write("mappings/bad.toml", "connection = 7\n");
    project.ok(&["plugin", "install", &file("phone-e164")]);
    let add = ["connection", "add", "files", "--name", "second", "--folder", "drop=second", "--reason", "a test", "--yes"];
    project.ok(&add);
    std::fs::remove_file(project.dir().join("mappings/bad.toml")).expect("it goes");
    let all = lines(&project);
    assert_eq!(
        all[all.len() - 2..],
        named(&["local:USER plugin.installed phone-e164", "local:USER connection.added second"]),
        "{all:?}"
    );

    let serving = project.serve();
    let bearer = format!("Bearer {}", serving.token.clone().expect("the first token"));
    let ask = |method: &str, path: &str, body: Option<&Value>| {
        let answer = http::request(serving.addr, method, path, &[("authorization", &bearer)], body).expect("an answer");
        assert_eq!(answer.status, 200, "{method} {path}: {}", answer.text);
    };
    let set = json!({ "value": "s3cret", "by": "local:somebody" });
    check(&project, || ask("PUT", "/v1/secrets/web", Some(&set)), &["admin secret.set web"]);
    check(&project, || ask("DELETE", "/v1/secrets/web", None), &["admin secret.removed web"]);
    check(&project, || ask("DELETE", "/v1/plugins/phone-e164", None), &["admin plugin.removed phone-e164"]);
    check(&project, || drop(project.tell(&["secret", "set", "cli"], "s3cret")), &["local:USER secret.set cli"]);
    check(&project, install, &["local:USER plugin.installed phone-e164"]);
    serving.stop();
}
