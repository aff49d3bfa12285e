//! A component from Python: the crate's componentize-py takes a picture of the interpreter with `plugin.py` loaded.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nave_core::manifest::Manifest;

use super::{Component, run, tools, world};
use crate::plugins::PluginsError;
use crate::project::ProjectError;

/// Where a connector begins.
const ENTRY: &str = "plugin";
const MISSING: &str = "install Python 3.10 or newer, with its module venv (the package python3-venv on Debian), and run it again";

/// Builds the crate in `dir`.
pub(super) fn component(dir: &Path, manifest: &Manifest, quiet: bool) -> Result<Component, PluginsError> {
    let dir = dir.canonicalize().map_err(ProjectError::io(dir))?;
    let (entry, pins) = (dir.join(format!("{ENTRY}.py")), dir.join("requirements.txt"));
    for file in [&entry, &pins] {
        if !file.is_file() {
            return Err(PluginsError::Crate {
                file: file.clone(),
                message: "a connector in Python has this file".to_owned(),
                help: "`nave plugin new NAME --lang python` makes a crate with one".to_owned(),
            });
        }
    }
    let python = PathBuf::from("python3");
    tools::at_least(&python, (3, 10), MISSING)?;
    let venv = dir.join(".venv");
    let shown = || if quiet { Stdio::piped() } else { Stdio::inherit() };
    tools::ensure(&venv, &[&pins], quiet, || {
        run(Command::new(&python).args(["-m", "venv"]).arg(&venv).stderr(Stdio::piped()), "python3 -m venv", MISSING)?;
        let mut pip = Command::new(venv.join("bin/python"));
        pip.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet", "-r"]).arg(&pins);
        run(pip.stderr(shown()), "pip install", MISSING).map(|_| ())
    })?;
    let folder = dir.join("target/plugin-build");
    let (wit, out) = (world::write(&folder, manifest)?, folder.join("component.wasm"));
    let mut tool = Command::new(venv.join("bin/componentize-py"));
    // Its packages are those of this folder alone, never those of the machine.
    tool.current_dir(&dir).env("VIRTUAL_ENV", &venv).env_remove("PYTHONPATH");
    tool.arg("--quiet").arg("--wit-path").arg(&wit).args(["--world", world::WORLD, "componentize"]);
    // The interpreter imports files and sockets, which no plugin is given. With this they are not there: using one is a trap.
    tool.arg("--stub-wasi").arg("--python-path").arg(&dir).arg("--output").arg(&out).arg(ENTRY);
    run(tool.stderr(shown()), "componentize-py", MISSING)?;
    let bytes = fs::read(&out).map_err(ProjectError::io(&out))?;
    Ok(Component { bytes, plugins: dir.join("target/plugins") })
}
