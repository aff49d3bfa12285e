//! A component from Rust: `cargo build` for wasm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value as Json;

use super::{Component, run};
use crate::plugins::PluginsError;
use crate::project::ProjectError;

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "plugin";

/// What to type where cargo or rustc is not there.
const MISSING: &str = "install Rust from https://rustup.rs";

/// Builds the crate in `dir`.
pub(super) fn component(dir: &Path, quiet: bool) -> Result<Component, PluginsError> {
    ensure_target(dir)?;
    let workspace = workspace(dir)?;
    let target = workspace.target.join("wasm");
    let core = cargo_build(dir, &target, &workspace, quiet)?;
    let bytes = fs::read(&core).map_err(ProjectError::io(&core))?;
    Ok(Component { bytes, plugins: workspace.target.join("plugins") })
}

struct Workspace {
    root: PathBuf,
    target: PathBuf,
    has_profile: bool,
}

fn workspace(dir: &Path) -> Result<Workspace, PluginsError> {
    let output = run(
        cargo(dir).args(["metadata", "--no-deps", "--format-version", "1"]).stderr(Stdio::piped()),
        "cargo metadata",
        MISSING,
    )?;
    let metadata: Json = serde_json::from_slice(&output).unwrap_or_default();
    let path = |key: &str| metadata.get(key).and_then(Json::as_str).map(PathBuf::from);
    let root = path("workspace_root").unwrap_or_else(|| dir.to_owned());
    let target = path("target_directory").unwrap_or_else(|| root.join("target"));
    let has_profile = fs::read_to_string(root.join("Cargo.toml"))
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok())
        .is_some_and(|table| table.get("profile").and_then(|profiles| profiles.get(PROFILE)).is_some());
    Ok(Workspace { root, target, has_profile })
}

/// Adds the wasm target where it is missing.
fn ensure_target(dir: &Path) -> Result<(), PluginsError> {
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    rustc.current_dir(dir).args(["--print", "target-libdir", "--target", TARGET]).stderr(Stdio::piped());
    if let Ok(folder) = run(&mut rustc, "rustc --print target-libdir", MISSING)
        && Path::new(String::from_utf8_lossy(&folder).trim()).is_dir()
    {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(dir).args(["target", "add", TARGET]).stderr(Stdio::piped());
    run(&mut rustup, "rustup target add", MISSING).map(|_| ()).map_err(|error| PluginsError::Tool {
        what: format!("this toolchain cannot build for {TARGET}"),
        why: error.to_string(),
        help: format!("rustup target add {TARGET}"),
    })
}

/// Runs cargo and answers the `.wasm` of the crate's library.
fn cargo_build(dir: &Path, target: &Path, workspace: &Workspace, quiet: bool) -> Result<PathBuf, PluginsError> {
    let mut build = cargo(dir);
    build.env("CARGO_ENCODED_RUSTFLAGS", same_everywhere(&workspace.root).join("\u{1f}"));
    let has_profile = workspace.has_profile;
    build.args(["build", "--lib", "--target", TARGET, "--message-format", "json-render-diagnostics", "--target-dir"]).arg(target);
    build.args(["--profile", if has_profile { PROFILE } else { "release" }]);
    build.stderr(if quiet { Stdio::piped() } else { Stdio::inherit() });
    let output = run(&mut build, "cargo build", MISSING)?;
    let crate_manifest = dir.join("Cargo.toml").canonicalize().map_err(ProjectError::io(dir))?;
    let found =
        output.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice::<Json>(line).ok()).find_map(|message| {
            let of = message.get("manifest_path")?.as_str()?;
            if message.get("reason")?.as_str()? != "compiler-artifact" || Path::new(of).canonicalize().ok()? != crate_manifest {
                return None;
            }
            let files = message.get("filenames")?.as_array()?;
            files.iter().filter_map(Json::as_str).find(|name| name.ends_with(".wasm")).map(PathBuf::from)
        });
    found.ok_or_else(|| PluginsError::Crate {
        file: crate_manifest,
        message: "the build made no .wasm".to_owned(),
        help: "the crate needs `[lib]` with `crate-type = [\"cdylib\", \"rlib\"]`".to_owned(),
    })
}

/// Flags by which a crate becomes the same file in whatever folder, under whatever user it is built: names of source files stand in
/// it, and begin with where they lie.
fn same_everywhere(root: &Path) -> Vec<String> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")));
    let remap = |from: &Path, to: &str| format!("--remap-path-prefix={}={to}", from.display());
    let mut flags = vec![remap(root, "/plugin")];
    flags.extend(home.map(|home| remap(&home, "/cargo")));
    flags
}

fn cargo(dir: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(dir);
    // Flags and folders meant for the hub's own build are not the plugin's.
    for name in ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET"] {
        cargo.env_remove(name);
    }
    cargo
}
