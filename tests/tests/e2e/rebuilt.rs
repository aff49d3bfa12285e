//! A plugin that we ship is the same file wherever it is built (X.13).

use std::path::Path;
use std::process::Command;

use nave_tests::binary;
use nave_tests::project::run;

/// What the smallest plugin is built from, as far as cargo wants to see it.
const PARTS: [&str; 9] =
    ["Cargo.toml", "Cargo.lock", "rust-toolchain.toml", "host", "plugins", "sdk", "wit", "tests/Cargo.toml", "tests/src"];

/// A copy of the repository in another folder, and another name for where cargo keeps what it fetched.
fn copy(to: &Path) {
    for part in PARTS {
        let target = to.join(part);
        std::fs::create_dir_all(target.parent().expect("a folder")).expect("a folder");
        let copied = Command::new("cp").arg("-r").arg(binary::root().join(part)).arg(&target).status().expect("cp runs");
        assert!(copied.success(), "{part}");
    }
    // Cargo wants every target of every member to be there, and looks into none that it does not build.
    for test in ["systems", "e2e"] {
        let folder = to.join("tests/tests").join(test);
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join("main.rs"), "").expect("written");
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
