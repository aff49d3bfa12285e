//! From `plugin new` to a connector and a transform at work, and what is said on the way where something is wrong. What the guide says
//! itself is in `guide.rs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use nave_tests::binary;
use nave_tests::project::{Project, Ran, run};
use serde_json::{Value, json};

use crate::people::People;

/// A command in a crate, building into the target folder that the tests share.
fn in_crate(dir: &Path, program: &Path, arguments: &[&str]) -> Ran {
    run(Command::new(program).current_dir(dir).env("CARGO_TARGET_DIR", binary::target()).args(arguments), None)
}

/// `plugin new`, its own tests, `plugin build`: the crate and the file that `build` names.
fn made(parent: &Path, name: &str, kind: &[&str]) -> (PathBuf, PathBuf) {
    let mut arguments = vec!["plugin", "new", name];
    arguments.extend(kind);
    let ran = in_crate(parent, binary::nave(), &arguments);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let dir = parent.join(name);
    // The versions that the repository was tested with.
    fs::copy(binary::root().join("Cargo.lock"), dir.join("Cargo.lock")).expect("a lock file");
    let ran = run(binary::cargo().current_dir(&dir).env("CARGO_TARGET_DIR", binary::target()).arg("test"), None);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let ran = in_crate(&dir, binary::nave(), &["--json", "plugin", "build", "."]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let file = PathBuf::from(ran.json()["file"].as_str().expect("a file"));
    assert!(file.ends_with(format!("plugins/{name}.wasm")), "the guide says where: {}", file.display());
    (dir, file)
}

#[test]
fn a_new_connector_and_a_new_transform_work() {
    let folder = tempfile::tempdir().expect("a folder");
    let (dir, file) = made(folder.path(), "people-crm", &[]);
    let file = file.display().to_string();
    let ran = in_crate(&dir, binary::nave(), &["--json", "plugin", "call", &file, "discover"]);
    assert_eq!((ran.code, &ran.json()[0]["name"]), (Some(0), &json!("people")), "{ran:?}");

    let people = People::start();
    people.put("a", 1, " Ada  Lovelace ");
    people.put("b", 2, "Bo Byte");
    let project = Project::init();
    fs::write(project.dir().join("token.txt"), "t0ken\n").expect("a secret");
    let url = format!("url=http://{}", people.addr);
    let token = project.dir().join("token.txt").display().to_string();
    let add = ["connection", "add", "people-crm", "--set", &url, "--insecure", "--grant-network", "127.0.0.1/32", "--because"];
    let add = [&add[..], &["a test server on this machine", "--secret-from", &token, "--yes"]].concat();
    project.ok(&["plugin", "install", &file]);

    // A mapping that is there already would make it two for one stream: nothing is written, and the project stays usable.
    let double = "connection = \"people-crm\"\nstream = \"people\"\nentity = \"contact\"\n";
    project.write("mappings/double.toml", double);
    let ran = project.run(&add);
    assert_ne!(ran.code, Some(0), "{ran:?}");
    assert!(ran.out.contains("nothing was written") && ran.out.contains("mapped-twice"), "{ran:?}");
    assert!(!project.dir().join("connections/people-crm.toml").exists(), "{ran:?}");
    fs::remove_file(project.dir().join("mappings/double.toml")).expect("it goes");

    project.ok(&add);
    assert_eq!(project.json(&["secret", "list"])["secrets"][0]["name"], "people-crm");
    project.ok(&["connection", "check", "people-crm"]);
    project.ok(&["connection", "discover", "people-crm", "--save"]);
    assert_eq!(project.json(&["mapping", "lint"])["findings"], json!([]));
    assert_eq!(project.run(&["sync"]).code, Some(4), "something waits for a person, as the guide says");
    project.ok(&["plan"]);
    assert_eq!(project.json(&["record", "list", "contact"])["records"].as_array().map(Vec::len), Some(2));

    transform(folder.path(), &project, &people);
    faulty(&dir);
    broken(&project);
}

/// A transform, called in a mapping as the guide shows it.
fn transform(folder: &Path, project: &Project, people: &People) {
    let (dir, file) = made(folder, "my-text", &["--kind", "transform"]);
    let file = file.display().to_string();
    let ran = in_crate(&dir, binary::nave(), &["--json", "plugin", "call", &file, "my_text", "  two   words "]);
    assert_eq!((ran.code, ran.json()), (Some(0), json!("two words")), "{ran:?}");
    project.ok(&["plugin", "install", &file]);
    let mapping = project.read("mappings/people-crm-people.toml");
    assert!(mapping.contains("in = \"trim\"\n"), "{mapping}");
    project.write(
        "mappings/people-crm-people.toml",
        &mapping.replacen("in = \"trim\"\n", "in = \"my_text(name)\"\nout = \"name\"\n", 1),
    );
    assert_eq!(project.json(&["mapping", "lint"])["findings"], json!([]));
    people.put("c", 3, "  Cy   Cobol ");
    project.sync(&[]);
    let found = project.json(&["record", "list", "contact", "Cobol"]);
    assert_eq!(found["records"][0]["title"], "Cy Cobol", "{found}");
    shouting(&dir, project);
}

/// X.10, S10.14: the next build of that transform, which declares the same and makes something else of what is stored.
fn shouting(dir: &Path, project: &Project) {
    for (path, from, to) in
        [("manifest.json", "\"serial\": 1", "\"serial\": 2"), ("src/lib.rs", ".join(\" \")", ".join(\" \").to_uppercase()")]
    {
        let text = fs::read_to_string(dir.join(path)).expect("a text");
        assert!(text.contains(from), "{path}: {text}");
        fs::write(dir.join(path), text.replacen(from, to, 1)).expect("written");
    }
    let ran = in_crate(dir, binary::nave(), &["--json", "plugin", "build", "."]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let file = ran.json()["file"].as_str().expect("a file").to_owned();
    let title = || project.json(&["record", "list", "contact", "Cobol"])["records"][0]["title"].clone();
    let said = |answer: &Value| {
        let line = answer["reads"][0].as_str().unwrap_or_default().to_owned();
        line.starts_with("people-crm-people: name: 3 of 3 records: ") && line.contains("\"Cy Cobol\" → \"CY COBOL\"")
    };
    let checked = project.run(&["plugin", "upgrade", &file, "--check"]);
    assert!(checked.code == Some(1) && said(&checked.json()), "{checked:?}");
    let held = project.run(&["plugin", "install", &file]);
    assert!(held.code == Some(4) && held.json()["state"] == "held" && said(&held.json()), "{held:?}");
    project.sync(&[]);
    assert_eq!(title(), "Cy Cobol", "the old build runs");
    assert!(project.json(&["plugin", "list"]).to_string().contains("\"flows\":[\"people-crm-people\"]"));

    let agreed = project.json(&["plugin", "upgrade", "my-text", "--approve"]);
    assert!(agreed["installed"]["notes"].to_string().contains("people-crm-people"), "{agreed}");
    let synced = project.run(&["sync"]);
    assert_eq!((synced.code, title()), (Some(4), json!("CY COBOL")), "what comes of it waits to be agreed to: {synced:?}");
    let plan = project.json(&["plan"]);
    assert_eq!((&plan["flows"][0]["updates"], &plan["flows"][0]["approved"]), (&json!(3), &json!(false)), "{plan}");
}

/// What a new crate's folder keeps out of version control: the author's private key; and what a build needs to be the same again: its
/// lock file stays in.
#[test]
fn a_new_crate_commits_its_lock_and_no_private_key() {
    for (lang, kind, lock) in [
        ("rust", "connector", Some("Cargo.lock")),
        ("rust", "transform", Some("Cargo.lock")),
        ("javascript", "connector", Some("package-lock.json")),
        ("python", "connector", None),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let arguments = ["plugin", "new", "desk", "--lang", lang, "--kind", kind];
        let ran = in_crate(folder.path(), binary::nave(), &arguments);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let dir = folder.path().join("desk");
        let git = |arguments: &[&str]| in_crate(&dir, Path::new("git"), arguments).code;
        assert_eq!(git(&["init", "--quiet"]), Some(0));
        assert_eq!(git(&["check-ignore", "--quiet", "author.pem"]), Some(0), "{lang} {kind}");
        if let Some(lock) = lock {
            assert_eq!(git(&["check-ignore", "--quiet", lock]), Some(1), "{lang} {kind}: {lock}");
        }
    }
}

/// A starter mapping that no project would take: there is no plugin then.
fn faulty(dir: &Path) {
    let file = dir.join("mappings/people.toml");
    let text = fs::read_to_string(&file).expect("a mapping");
    for (from, to, code) in [
        ("entity = \"contact\"", "entity = \"kontact\"", "unknown-entity"),
        ("stream = \"people\"", "stream = \"peopel\"", "unknown-stream"),
        ("remote = \"email\"", "remote = \"emial\"", "unknown-remote-field"),
        ("steward = \"ops\"", "steward = ", "syntax"),
    ] {
        fs::write(&file, text.replacen(from, to, 1)).expect("a mapping");
        let ran = in_crate(dir, binary::nave(), &["--json", "plugin", "build", "."]);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.out.contains(code) && ran.out.contains("mappings/people.toml"), "{ran:?}");
    }
}

/// The file of a plugin was exchanged: what does not need it works, and says what is wrong.
fn broken(project: &Project) {
    let lock = project.read("nave.lock");
    let pinned = lock
        .split("[plugins.\"people-crm\"]")
        .nth(1)
        .and_then(|rest| rest.split("digest = \"").nth(1))
        .and_then(|rest| rest.split('"').next());
    let file = project.dir().join("plugins").join(format!("{}.wasm", pinned.expect("a digest")));
    let good = fs::read(&file).expect("the plugin");
    for bad in [Some([good.as_slice(), b"x"].concat()), None] {
        match bad {
            Some(bytes) => fs::write(&file, bytes).expect("exchanged"),
            None => fs::remove_file(&file).expect("gone"),
        }
        let status = project.json(&["status"]);
        let said = status["broken"][0].as_str().unwrap_or_default();
        assert!(said.starts_with("people-crm cannot be read or written: plugin `people-crm`: "), "{status}");
        assert_eq!(project.json(&["secret", "list"])["secrets"][0]["name"], "people-crm");
        project.ok(&["record", "list", "contact"]);
        let ran = project.run(&["sync"]);
        assert!(!matches!(ran.code, Some(0)) && ran.out.contains("install it again"), "{ran:?}");
    }
    fs::write(&file, good).expect("mended");
    assert_eq!(project.json(&["status"])["broken"], json!([]));
    project.sync(&[]);
}
