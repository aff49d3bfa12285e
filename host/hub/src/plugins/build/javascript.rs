//! A component from JavaScript: the crate's esbuild makes one file of it, its componentize-js a component.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nave_core::manifest::Manifest;

use super::{Component, run, tools, world};
use crate::plugins::PluginsError;
use crate::project::{ProjectError, write_whole};

/// The script that does it, with the crate's own tools.
const SCRIPT: &str = include_str!("../../../../../sdk/javascript/build.mjs");
/// Where a connector begins.
const ENTRY: &str = "src/plugin.js";
const MISSING: &str = "install Node.js 20 or newer, with npm, and run it again";

/// Builds the crate in `dir`.
pub(super) fn component(dir: &Path, manifest: &Manifest, quiet: bool) -> Result<Component, PluginsError> {
    let dir = dir.canonicalize().map_err(ProjectError::io(dir))?;
    let entry = dir.join(ENTRY);
    if !entry.is_file() {
        return Err(PluginsError::Crate {
            file: entry,
            message: "a connector in JavaScript begins there".to_owned(),
            help: "`nave plugin new NAME --lang javascript` makes a crate with one".to_owned(),
        });
    }
    tools::at_least(Path::new("node"), (20, 0), MISSING)?;
    let (package, lock) = (dir.join("package.json"), dir.join("package-lock.json"));
    let locked = lock.is_file();
    let pins: &[&Path] = if locked { &[&package, &lock] } else { &[&package] };
    tools::ensure(&dir.join("node_modules"), pins, quiet, || {
        let mut npm = Command::new("npm");
        // What is installed is made of files alone: no script of a package is run on the way.
        npm.current_dir(&dir).args([if locked { "ci" } else { "install" }, "--ignore-scripts", "--no-fund", "--no-audit"]);
        npm.stderr(if quiet { Stdio::piped() } else { Stdio::inherit() });
        run(&mut npm, "npm", MISSING).map(|_| ())
    })?;
    let folder = dir.join("target/plugin-build");
    let (wit, script, out) = (world::write(&folder, manifest)?, folder.join("build.mjs"), folder.join("component.wasm"));
    write_whole(&script, SCRIPT.as_bytes())?;
    let mut node = Command::new("node");
    node.current_dir(&dir).arg(&script).arg(ENTRY).arg(&wit).arg(world::WORLD).arg(&out).args(world::imports(manifest));
    node.stderr(if quiet { Stdio::piped() } else { Stdio::inherit() });
    run(&mut node, "componentize-js", MISSING)?;
    let bytes = fs::read(&out).map_err(ProjectError::io(&out))?;
    Ok(Component { bytes, plugins: dir.join("target/plugins") })
}
