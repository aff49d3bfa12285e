//! The hook that git runs before every commit.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::ScanError;
use super::files::git;

/// By this line our own hook is known.
const MARK: &str = "# Written by nave: no secret gets into version control.";

/// What became of the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Hook {
    /// It is there now.
    Installed(PathBuf),
    /// It was there.
    Present(PathBuf),
    /// Somebody else's hook is there, and does not look.
    Others(PathBuf),
    /// The project is in no git work tree.
    NoWorkTree,
}

/// Puts the look before every commit of the work tree that a project is in. Another hook is left as it is.
///
/// # Errors
/// [`ScanError::Io`] where it cannot be written.
pub fn install(dir: &Path, nave: &Path) -> Result<Hook, ScanError> {
    let Ok(folder) = git(dir, &["rev-parse", "--path-format=absolute", "--git-path", "hooks"]) else {
        return Ok(Hook::NoWorkTree);
    };
    let folder = PathBuf::from(String::from_utf8_lossy(&folder).trim_end_matches('\n'));
    let path = folder.join("pre-commit");
    let io = |source| ScanError::Io { path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) if text.contains("scan --staged") => return Ok(Hook::Present(path)),
        Ok(_) => return Ok(Hook::Others(path)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        // Not text: somebody's program.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return Ok(Hook::Others(path)),
        Err(error) => return Err(io(error)),
    }
    let dir = std::path::absolute(dir).map_err(io)?;
    std::fs::create_dir_all(&folder).map_err(io)?;
    std::fs::write(&path, script(&dir, nave)).map_err(io)?;
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(io)?;
    Ok(Hook::Installed(path))
}

/// The `nave` of this installation where it is still there, else the one in the path. Without any, nothing is committed.
fn script(dir: &Path, nave: &Path) -> String {
    let (dir, nave) = (quoted(dir), quoted(nave));
    format!(
        "#!/bin/sh\n{MARK}\n# A line that is none after all: say nave:no-secret in it. Once without the look: git commit --no-verify\n\
         nave={nave}\n[ -x \"$nave\" ] || nave=$(command -v nave) || {{\n  echo 'nave is not there to look for secrets' >&2\n  exit 1\n}}\n\
         exec \"$nave\" --dir {dir} scan --staged\n"
    )
}

/// A word of the shell, whatever is in it, line ends too: nobody types this one.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_put_in_once_and_never_over_another() {
        let folder = tempfile::tempdir().unwrap();
        let nave = Path::new("/opt/na've/nave");
        assert_eq!(install(folder.path(), nave).unwrap(), Hook::NoWorkTree);
        let made = std::process::Command::new("git").args(["init", "--quiet"]).arg(folder.path()).status().unwrap();
        assert!(made.success());
        let inner = folder.path().join("hub");
        std::fs::create_dir(&inner).unwrap();
        let Hook::Installed(path) = install(&inner, nave).unwrap() else { panic!("not installed") };
        assert!(path.ends_with(".git/hooks/pre-commit"), "{}", path.display());
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(r"nave='/opt/na'\''ve/nave'") && text.contains("/hub' scan --staged"), "{text}");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o755);
        assert_eq!(install(&inner, nave).unwrap(), Hook::Present(path.clone()));
        std::fs::write(&path, "#!/bin/sh\nmake lint\n").unwrap();
        assert_eq!(install(&inner, nave).unwrap(), Hook::Others(path.clone()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "#!/bin/sh\nmake lint\n");
    }
}
