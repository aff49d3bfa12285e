//! From a crate to a plugin: `cargo build` for wasm, then the manifest embedded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nave_core::limits::CONFIG_FILE_BYTES_MAX;
use nave_core::manifest::Manifest;
use serde_json::Value as Json;

use super::{PluginsError, digest, powers};
use crate::project::{ProjectError, write_whole};

const TARGET: &str = "wasm32-wasip2";
const PROFILE: &str = "plugin";

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Folder for the `.wasm`; default: `plugins` in cargo's target folder.
    pub out: Option<PathBuf>,
    /// No line of cargo's is shown unless it fails.
    pub quiet: bool,
}

/// What was built.
#[derive(Clone, Debug)]
pub struct Built {
    /// The plugin.
    pub file: PathBuf,
    /// Bytes.
    pub size: u64,
    /// SHA-256, hexadecimal.
    pub digest: String,
    /// As embedded.
    pub manifest: Manifest,
    /// One sentence per power that it asks for.
    pub powers: Vec<String>,
}

/// Builds the crate in `dir`. Its `manifest.json` and `mappings/*.toml` are embedded.
///
/// # Errors
/// [`PluginsError`] where a tool is missing, cargo fails, or the result is not a plugin.
pub fn build(dir: &Path, options: &BuildOptions) -> Result<Built, PluginsError> {
    let manifest = read_manifest(dir)?;
    ensure_target(dir)?;
    let workspace = workspace(dir)?;
    let target = workspace.target.join("wasm");
    let core = cargo_build(dir, &target, &workspace, options.quiet)?;
    let bytes = fs::read(&core).map_err(ProjectError::io(&core))?;
    let plugin = nave_runtime::embed_manifest(&bytes, &manifest)?;
    let inspection = nave_runtime::inspect(&plugin)?;
    let file = options.out.clone().unwrap_or_else(|| workspace.target.join("plugins")).join(format!("{}.wasm", manifest.name));
    write_whole(&file, &plugin)?;
    Ok(Built {
        file,
        size: plugin.len() as u64,
        digest: digest(&plugin),
        powers: powers::asked(&inspection.manifest),
        manifest: inspection.manifest,
    })
}

/// `manifest.json`, with the texts of `mappings/*.toml` put in.
fn read_manifest(dir: &Path) -> Result<Manifest, PluginsError> {
    let file = dir.join("manifest.json");
    if !file.is_file() {
        return Err(PluginsError::Crate {
            file,
            message: "a plugin says there what it asks for".to_owned(),
            help: "`nave plugin new NAME` makes a crate with one".to_owned(),
        });
    }
    let text = fs::read(&file).map_err(ProjectError::io(&file))?;
    let mut manifest: Manifest = serde_json::from_slice(&text).map_err(|error| PluginsError::Crate {
        file: file.clone(),
        message: error.to_string(),
        help: "correct the key; sdk/README.md lists them".to_owned(),
    })?;
    let folder = dir.join("mappings");
    if folder.is_dir() {
        for entry in fs::read_dir(&folder).map_err(ProjectError::io(&folder))? {
            let path = entry.map_err(ProjectError::io(&folder))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if !name.ends_with(".toml") || name.starts_with('.') {
                continue;
            }
            let size = fs::metadata(&path).map_err(ProjectError::io(&path))?.len();
            if size > CONFIG_FILE_BYTES_MAX {
                return Err(ProjectError::TooLarge { path, size, max: CONFIG_FILE_BYTES_MAX }.into());
            }
            let text = fs::read_to_string(&path).map_err(ProjectError::io(&path))?;
            manifest.mappings.insert(name, text);
        }
    }
    Ok(manifest)
}

struct Workspace {
    root: PathBuf,
    target: PathBuf,
    has_profile: bool,
}

fn workspace(dir: &Path) -> Result<Workspace, PluginsError> {
    let output =
        run(cargo(dir).args(["metadata", "--no-deps", "--format-version", "1"]).stderr(Stdio::piped()), "cargo metadata")?;
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
    if let Ok(folder) = run(&mut rustc, "rustc --print target-libdir")
        && Path::new(String::from_utf8_lossy(&folder).trim()).is_dir()
    {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    rustup.current_dir(dir).args(["target", "add", TARGET]).stderr(Stdio::piped());
    run(&mut rustup, "rustup target add").map(|_| ()).map_err(|error| PluginsError::Tool {
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
    let output = run(&mut build, "cargo build")?;
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

/// Runs a tool; its standard output. A failure shows what was caught of its standard error.
fn run(command: &mut Command, what: &str) -> Result<Vec<u8>, PluginsError> {
    let tool = |why: String, help: &str| PluginsError::Tool { what: what.to_owned(), why, help: help.to_owned() };
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|error| tool(error.to_string(), "install Rust from https://rustup.rs"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = if said.trim().is_empty() { output.status.to_string() } else { said.trim().to_owned() };
    Err(tool(why, "mend what it says and run it again"))
}
