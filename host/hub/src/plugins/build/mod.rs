//! From a crate to a plugin: a component made by its language's own tool, then the manifest embedded.

mod javascript;
mod python;
mod rust;
mod tools;
mod world;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nave_core::manifest::Manifest;

use super::{Language, PluginsError, digest, powers, signature};
use crate::project::{self, ProjectError, write_whole};

/// How to build.
#[derive(Clone, Debug, Default)]
pub struct BuildOptions {
    /// Folder for the `.wasm`; default: `plugins` in the target folder (cargo's for Rust, else the crate's own).
    pub out: Option<PathBuf>,
    /// No line of the tools is shown unless they fail.
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
    /// A signature of another build lay beside it, and was taken away.
    pub was_signed: bool,
    /// As embedded.
    pub manifest: Manifest,
    /// One sentence per power that it asks for.
    pub powers: Vec<String>,
}

/// A component without its manifest, and where plugins of this crate lie.
struct Component {
    bytes: Vec<u8>,
    plugins: PathBuf,
}

/// Builds the crate in `dir`. Its `manifest.json` and `mappings/*.toml` are embedded.
///
/// # Errors
/// [`PluginsError`] where a tool is missing or fails, or the result is not a plugin.
pub fn build(dir: &Path, options: &BuildOptions) -> Result<Built, PluginsError> {
    let manifest = read_manifest(dir)?;
    let component = match Language::of(dir)? {
        Language::Rust => rust::component(dir, options.quiet)?,
        Language::JavaScript => javascript::component(dir, &manifest, options.quiet)?,
        Language::Python => python::component(dir, &manifest, options.quiet)?,
    };
    let file = dir.join("manifest.json");
    let plugin = nave_runtime::embed_manifest(&component.bytes, &manifest).map_err(PluginsError::made_of(&file))?;
    let inspection = nave_runtime::inspect(&plugin)?;
    let file = options.out.clone().unwrap_or(component.plugins).join(format!("{}.wasm", manifest.name));
    write_whole(&file, &plugin)?;
    let digest = digest(&plugin);
    Ok(Built {
        was_signed: signature::remove_stale(&file, &digest)?,
        file,
        size: plugin.len() as u64,
        digest,
        powers: powers::asked(&inspection.manifest),
        manifest: inspection.manifest,
    })
}

/// `manifest.json`, with the texts of `mappings/*.toml` put in.
fn read_manifest(dir: &Path) -> Result<Manifest, PluginsError> {
    if !dir.is_dir() {
        return Err(PluginsError::Usage {
            message: format!("there is no folder {}", dir.display()),
            help: "name the folder of a plugin's crate; `nave plugin new NAME` makes one".to_owned(),
        });
    }
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
            manifest.mappings.insert(name, project::text(&path)?);
        }
    }
    Ok(manifest)
}

/// Runs a tool; its standard output. A failure shows what was caught of its standard error; `missing` is what to type where it
/// cannot be started.
fn run(command: &mut Command, what: &str, missing: &str) -> Result<Vec<u8>, PluginsError> {
    let tool = |why: String, help: &str| PluginsError::Tool { what: what.to_owned(), why, help: help.to_owned() };
    let output = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .map_err(|error| tool(error.to_string(), missing))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let why = if said.trim().is_empty() { output.status.to_string() } else { said.trim().to_owned() };
    Err(tool(why, "mend what it says and run it again"))
}
