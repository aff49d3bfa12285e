//! The hub that is measured: a project in a temporary folder, set up by the commands that anybody can type, and `nave serve` as a
//! process of its own, so that its CPU time is nobody else's.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nave_hub::api::{ApiError, decode};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::side::Side;
use super::systems;
use crate::verbs::shipped;

/// The hub ends what is under way within this time, or is ended.
const STOP_MAX: Duration = Duration::from_secs(30);
/// What every system signs its calls with.
pub(super) const SECRET: &str = "whsec-of-a-measurement";
/// Ticks of a process's CPU time in a second, as Linux shows them to programs, on every machine that it runs on.
const TICKS: f64 = 100.0;

/// A project.
pub(super) struct Bed {
    folder: TempDir,
}

/// A hub that serves.
pub(super) struct Serving {
    child: Child,
    /// `http://127.0.0.1:6283`.
    pub(super) url: String,
}

fn failed(what: &Path, error: impl std::fmt::Display) -> ApiError {
    ApiError::failed(format!("{}: {error}", what.display()))
}

impl Bed {
    /// Installs the plugins and connects the systems. Nothing is read yet.
    pub(super) async fn make(sides: &[Side], freshness: &str, webhooks: bool) -> Result<Self, ApiError> {
        let folder = tempfile::Builder::new().prefix("nave-bench-").tempdir();
        let bed = Self { folder: folder.map_err(|error| failed(&std::env::temp_dir(), error))? };
        let dir = bed.dir();
        bed.run(&["init", &dir.display().to_string()]).await?;
        let secret = bed.folder.path().join("secret");
        let given = secret.display().to_string();
        for side in sides {
            let spoken = side.spoken;
            let file = shipped::plugin(spoken.plugin).await?;
            bed.run(&["plugin", "install", &file.display().to_string()]).await?;
            bed.write_private(&secret, &side.secret())?;
            let tenant = side.running.credential.tenant_id.clone().unwrap_or_default();
            let settings = (spoken.settings)(&side.running.base_url(), &tenant);
            let mut words = vec!["connection", "add", spoken.plugin, "--name", spoken.name, "--secret-from", &given, "--yes"];
            settings.iter().for_each(|setting| words.extend(["--set", setting]));
            words.extend(["--grant-network", "127.0.0.1/32", "--insecure", "--because", "a simulated system on this machine"]);
            bed.run(&words).await?;
        }
        // The starter mappings are of more streams and fields than are measured.
        let mappings = dir.join("mappings");
        for entry in std::fs::read_dir(&mappings).map_err(|error| failed(&mappings, error))?.flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "toml") {
                std::fs::remove_file(entry.path()).map_err(|error| failed(&entry.path(), error))?;
            }
        }
        bed.write("entities/contact.toml", &systems::entity())?;
        for side in sides {
            let name = side.spoken.name;
            bed.write(&format!("mappings/{name}.toml"), &side.spoken.mapping(freshness))?;
            if webhooks {
                bed.write_private(&secret, SECRET)?;
                bed.run(&["secret", "set", &format!("{name}-hooks"), "--from-file", &given]).await?;
                let file = dir.join(format!("connections/{name}.toml"));
                let text = std::fs::read_to_string(&file).map_err(|error| failed(&file, error))?;
                bed.write(&format!("connections/{name}.toml"), &format!("{text}\n[webhook]\nsecret = \"{name}-hooks\"\n"))?;
            }
        }
        std::fs::remove_file(&secret).map_err(|error| failed(&secret, error))?;
        bed.run(&["mapping", "lint"]).await?;
        Ok(bed)
    }

    fn dir(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    fn write(&self, path: &str, text: &str) -> Result<(), ApiError> {
        let file = self.dir().join(path);
        std::fs::write(&file, text).map_err(|error| failed(&file, error))
    }

    fn write_private(&self, file: &Path, text: &str) -> Result<(), ApiError> {
        use std::io::Write as _;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(file).and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| failed(file, error))
    }

    fn command(&self, words: &[&str]) -> Result<Command, ApiError> {
        let program = std::env::current_exe().map_err(|error| ApiError::failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.arg("--dir").arg(self.dir()).arg("--json").args(words).stdin(Stdio::null()).kill_on_drop(true).process_group(0);
        Ok(command)
    }

    /// Runs a command to its end. That a person is needed is no failure.
    pub(super) async fn run(&self, words: &[&str]) -> Result<(), ApiError> {
        let said = |why: String| ApiError::failed(format!("`nave {}` did not succeed: {why}", words.join(" ")));
        let output = self.command(words)?.output().await.map_err(|error| said(error.to_string()))?;
        match output.status.code() {
            Some(0 | 4) => Ok(()),
            _ => Err(said(format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))),
        }
    }

    /// Has it serve.
    pub(super) async fn serve(&self) -> Result<Serving, ApiError> {
        #[derive(Deserialize)]
        struct Ready {
            address: String,
        }
        let failed = |why: String| ApiError::failed(format!("`nave serve` did not start: {why}"));
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0"])?;
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().map_err(|error| failed(error.to_string()))?;
        let output = child.stdout.take().ok_or_else(|| failed("it says nothing".to_owned()))?;
        let line = BufReader::new(output).lines().next_line().await.map_err(|error| failed(error.to_string()))?;
        let line = line.ok_or_else(|| failed("it ended at once".to_owned()))?;
        let ready: Ready = decode(line.as_bytes()).map_err(|error| failed(format!("{error}: {line}")))?;
        Ok(Serving { child, url: ready.address })
    }
}

impl Serving {
    /// CPU time that it has used, all threads, in seconds. None where the system does not say.
    pub(super) fn cpu_seconds(&self) -> Option<f64> {
        ticks(&std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()?)).ok()?).map(|ticks| ticks as f64 / TICKS)
    }

    /// Ends it.
    pub(super) async fn stop(mut self) {
        let pid = self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        if tokio::time::timeout(STOP_MAX, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
    }
}

/// Of user and system time, fields 14 and 15; the name in field 2 may hold anything, also blanks and brackets.
fn ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_time_is_read_past_any_name() {
        let stat = "77 (na) ve (x) S 1 77 77 0 -1 4194560 9 0 0 0 31 11 0 0 20 0 1 0 5 6 7";
        assert_eq!(ticks(stat), Some(42));
        assert_eq!(ticks(""), None);
    }
}
