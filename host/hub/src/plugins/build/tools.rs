//! Tools that a crate pins itself, installed by name into a folder of the crate, once.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::run;
use crate::plugins::{PluginsError, digest};
use crate::project::{ProjectError, write_whole};

/// Runs `install` unless what stands in `pins` is what was installed into `folder` the last time.
pub(super) fn ensure(
    folder: &Path,
    pins: &[&Path],
    quiet: bool,
    install: impl FnOnce() -> Result<(), PluginsError>,
) -> Result<(), PluginsError> {
    let mut wanted = Vec::new();
    for pin in pins {
        wanted.extend(fs::read(pin).map_err(ProjectError::io(pin))?);
    }
    let (wanted, stamp) = (digest(&wanted), folder.join(".nave-installed"));
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    if !quiet {
        let pin = pins.last().and_then(|pin| pin.file_name()).unwrap_or_default().to_string_lossy();
        eprintln!("Installing what {pin} pins into {} (once; it may take minutes)", folder.display());
    }
    install()?;
    write_whole(&stamp, wanted.as_bytes())?;
    Ok(())
}

/// Whether a tool is there and new enough; its `--version` says `X.Y…`, perhaps after a word.
pub(super) fn at_least(program: &Path, major_minor: (u32, u32), help: &str) -> Result<(), PluginsError> {
    let name = program.display().to_string();
    let mut command = Command::new(program);
    let said = run(command.arg("--version").stderr(Stdio::piped()), &name, help)?;
    let said = String::from_utf8_lossy(&said).trim().to_owned();
    if version(&said).is_some_and(|found| found >= major_minor) {
        return Ok(());
    }
    let (major, minor) = major_minor;
    Err(PluginsError::Tool {
        what: name,
        why: format!("it is {said}, and {major}.{minor} or newer is needed"),
        help: help.to_owned(),
    })
}

/// `v20.1.0` and `Python 3.11.7` as numbers.
fn version(said: &str) -> Option<(u32, u32)> {
    let mut numbers = said.split(' ').next_back()?.trim_start_matches('v').split('.').map(str::parse::<u32>);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(said: &str, expected: Option<(u32, u32)>) {
        assert_eq!(version(said), expected, "{said}");
    }

    #[test]
    fn versions_are_read() {
        check("v20.20.2", Some((20, 20)));
        check("Python 3.11.7", Some((3, 11)));
        check("3.14.0rc1", Some((3, 14)));
        check("", None);
        check("something else", None);
    }

    #[test]
    fn what_is_not_there_or_too_old_says_what_to_type() {
        let no = at_least(Path::new("/no/such/tool"), (1, 0), "install it").expect_err("it is not there");
        assert!(matches!(no, PluginsError::Tool { help, .. } if help == "install it"));
        let no = at_least(Path::new("rustc"), (999, 0), "install it").expect_err("too old");
        assert!(no.to_string().contains("999.0 or newer"), "{no}");
    }

    #[test]
    fn tools_are_installed_once_per_pin() {
        let folder = tempfile::tempdir().expect("a folder");
        let (tools, pin) = (folder.path().join("tools"), folder.path().join("pin"));
        let installs = std::cell::Cell::new(0);
        for (text, expected) in [("1", 1), ("1", 1), ("2", 2)] {
            fs::write(&pin, text).expect("written");
            let install = || {
                installs.set(installs.get() + 1);
                Ok(())
            };
            ensure(&tools, &[&pin], true, install).expect("installed");
            assert_eq!(installs.get(), expected, "pin {text}");
        }
        fs::write(&pin, "3").expect("written");
        let failing = || Err(PluginsError::Call("no network".to_owned()));
        assert!(ensure(&tools, &[&pin], true, failing).is_err());
        assert!(ensure(&tools, &[&pin], true, failing).is_err(), "what failed is tried again");
    }
}
