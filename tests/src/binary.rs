//! Finds or builds what is tested: the `nave` binary and the plugins, once per run.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock};

use serde_json::Value;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository")
}

/// The target folder that this very test was built into.
pub fn target() -> PathBuf {
    let exe = std::env::current_exe().expect("a test has a file");
    // <target>/<profile>/deps/<test>
    exe.ancestors().nth(3).expect("a test lies in <target>/<profile>/deps").to_owned()
}

/// cargo, without what the cargo that runs this test says of the package it tests: build scripts that ask for such a variable (ring's
/// does) would run again within a test, and again after it, with everything that depends on them.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")) {
            cargo.env_remove(name);
        }
    }
    cargo
}

/// The hub, built in the same profile as the test. `NAVE_BIN` names one that is there already.
pub fn nave() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(given) = std::env::var_os("NAVE_BIN") {
            return given.into();
        }
        let mut cargo = cargo();
        // The workspace's features are those that `cargo test --workspace` has just built with.
        cargo
            .current_dir(root())
            .args(["build", "--workspace", "--bin", "nave", "--message-format=json-render-diagnostics", "--target-dir"])
            .arg(target());
        if !cfg!(debug_assertions) {
            cargo.arg("--release");
        }
        let output = cargo.stdin(Stdio::null()).stderr(Stdio::inherit()).output().expect("cargo runs");
        assert!(output.status.success(), "`cargo build --workspace --bin nave` failed");
        let artifact = |line: &str| -> Option<PathBuf> {
            let message: Value = serde_json::from_str(line).ok()?;
            (message["reason"] == "compiler-artifact" && message["target"]["name"] == "nave").then_some(())?;
            message["executable"].as_str().map(PathBuf::from)
        };
        String::from_utf8_lossy(&output.stdout).lines().find_map(artifact).expect("cargo names the binary that it built")
    })
}

/// A shipped plugin, built by `nave plugin build`. `NAVE_PLUGINS` names a folder of built ones.
pub fn plugin(name: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    if let Some(folder) = std::env::var_os("NAVE_PLUGINS") {
        return Path::new(&folder).join(format!("{name}.wasm"));
    }
    let mut built = BUILT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(file) = built.get(name) {
        return file.clone();
    }
    let file = built_from(&Path::new("plugins").join(name), name);
    built.insert(name.to_owned(), file.clone());
    file
}

/// Any crate of the repository that is a plugin, built by `nave plugin build`.
pub fn built_from(dir: &Path, name: &str) -> PathBuf {
    let output = Command::new(nave())
        .current_dir(root())
        .args(["plugin", "build"])
        .arg(dir)
        .env("CARGO_TARGET_DIR", target())
        .stdin(Stdio::null())
        .output()
        .expect("nave runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "`nave plugin build {}` failed:\n{said}", dir.display());
    let file = target().join("plugins").join(format!("{name}.wasm"));
    assert!(file.is_file(), "`nave plugin build {}` made no {}:\n{said}", dir.display(), file.display());
    file
}
