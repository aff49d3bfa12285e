//! A plugin that we ship is the same file wherever it is built (X.13).

use std::path::Path;
use std::process::Command;

use nave_tests::binary;
use nave_tests::project::run;

/// A copy of the repository in another folder, without what was built in it and its history.
fn copy(to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(binary::root()).expect("the repository") {
        let entry = entry.expect("an entry");
        if entry.file_name() != "target" && entry.file_name() != ".git" {
            let copied = Command::new("cp").arg("-r").arg(entry.path()).arg(to).status().expect("cp runs");
            assert!(copied.success(), "{}", entry.path().display());
        }
    }
}

#[test]
fn a_shipped_plugin_is_the_same_file_wherever_it_is_built() {
    let shipped = binary::plugin("files");
    let folder = tempfile::tempdir().expect("a folder");
    let elsewhere = folder.path().join("some/where/else");
    copy(&elsewhere);
    let home = std::env::var("CARGO_HOME").unwrap_or_else(|_| format!("{}/.cargo", std::env::var("HOME").expect("a home")));
    let other_home = folder.path().join("cargo home of somebody else".replace(' ', "-"));
    std::fs::create_dir_all(&other_home).expect("a folder");
    for name in ["registry", "git", "bin"] {
        let from = Path::new(&home).join(name);
        if from.exists() {
            std::os::unix::fs::symlink(from, other_home.join(name)).expect("a link");
        }
    }
    let rebuild = |of: &Path| {
        let mut command = Command::new(binary::nave());
        command.args(["--json", "plugin", "verify"]).arg(&shipped).arg("--rebuild").arg(of.join("plugins/files"));
        command.env("CARGO_HOME", &other_home).env("CARGO_TARGET_DIR", folder.path().join("target"));
        run(&mut command, None)
    };
    let ran = rebuild(&elsewhere);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.json()["rebuilt"], true);
    let bytes = std::fs::read(&shipped).expect("the plugin");
    for place in [home.as_str(), &binary::root().display().to_string(), &folder.path().display().to_string()] {
        assert!(!bytes.windows(place.len()).any(|piece| piece == place.as_bytes()), "{place} stands in the file");
    }

    // Another source is another file.
    let source = elsewhere.join("plugins/files/manifest.json");
    let text = std::fs::read_to_string(&source).expect("read");
    std::fs::write(&source, text.replacen("\"serial\": ", "\"serial\": 1", 1)).expect("written");
    let ran = rebuild(&elsewhere);
    assert!(ran.code == Some(1) && ran.out.contains("plugin.other-build"), "{ran:?}");
}
