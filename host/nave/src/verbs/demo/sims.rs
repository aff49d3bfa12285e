//! The demo's systems: child processes of this program, `nave sim …`, that remember their state and their port.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use nave_hub::api::{ApiError, decode};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::output::say;

/// A system that does not say where it is within this time does not start.
const START_MAX: Duration = Duration::from_secs(30);

/// One simulated system.
pub(super) struct Sim {
    pub(super) base_url: String,
    pub(super) tenant: String,
    /// Its token, in a file that only its owner may read.
    pub(super) token_file: PathBuf,
    /// Ends when its standard input is closed: also when this process is killed.
    child: Child,
}

/// All of them.
pub(super) struct Sims {
    pub(super) crm: Sim,
    pub(super) books: Sim,
}

#[derive(Deserialize)]
struct Ready {
    base_url: String,
    token: String,
    credential: Credential,
}

#[derive(Deserialize)]
struct Credential {
    #[serde(default)]
    tenant_id: Option<String>,
}

impl Sims {
    /// Starts them, or starts them again: same state, same port.
    pub(super) async fn start(dir: &Path, seed: u64, records: usize) -> Result<Self, ApiError> {
        let data = dir.join("sims");
        std::fs::create_dir_all(&data).map_err(|error| ApiError::failed(format!("{}: {error}", data.display())))?;
        if !data.join("legacy/contacts.csv").is_file() {
            nave_sim::write_csv_drop(&data.join("legacy"), seed, records)
                .map_err(|error| ApiError::failed(format!("{}: {error}", data.display())))?;
        }
        let crm = Sim::start("crm", &data, seed, records).await?;
        let books = Sim::start("books", &data, seed, records).await?;
        Ok(Self { crm, books })
    }

    /// Ends them.
    pub(super) async fn stop(self) {
        for mut sim in [self.crm, self.books] {
            drop(sim.child.stdin.take());
            if tokio::time::timeout(Duration::from_secs(5), sim.child.wait()).await.is_err() {
                let _ = sim.child.kill().await;
            }
        }
    }
}

impl Sim {
    async fn start(name: &str, data: &Path, seed: u64, records: usize) -> Result<Self, ApiError> {
        let port_file = data.join(format!("{name}.port"));
        let port = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse::<u16>().ok()).unwrap_or(0);
        let failed = |why: String| {
            let help = if port == 0 {
                String::new()
            } else {
                format!("is another demo running? this one's {name} needs port {port} again")
            };
            ApiError::failed(format!("the simulated {name} did not start: {why}")).help(help)
        };
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut child = Command::new(program)
            .args(["sim", name, "--json", "--until-stdin-closes", "--port", &port.to_string()])
            .args(["--seed", &seed.to_string(), "--records", &records.to_string(), "--data"])
            .arg(data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            // Ctrl-C is for the demo, which ends its systems after the hub.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let output = child.stdout.take().ok_or_else(|| failed("it says nothing".to_owned()))?;
        let line = tokio::time::timeout(START_MAX, BufReader::new(output).lines().next_line())
            .await
            .map_err(|_| failed("it does not say where it listens".to_owned()))?
            .map_err(|error| failed(error.to_string()))?
            .ok_or_else(|| failed("it ended at once".to_owned()))?;
        let ready = said(&line).map_err(|refused| match refused {
            Refused::Itself(why) => ApiError::failed(format!("the simulated {name} did not start: {why}")).help(format!(
                "{} keeps the state of an earlier demo: start it as it was, or give another directory with --dir",
                data.display()
            )),
            Refused::Unclear(why) => failed(why),
        })?;
        let token_file = data.join(format!("{name}.token"));
        private(&token_file, &ready.token).map_err(|error| failed(error.to_string()))?;
        let port = ready.base_url.rsplit(':').next().unwrap_or_default();
        std::fs::write(&port_file, port).map_err(|error| failed(error.to_string()))?;
        say(format_args!("\nThe simulated {name} answers at {}", ready.base_url));
        Ok(Self { base_url: ready.base_url, tenant: ready.credential.tenant_id.unwrap_or_default(), token_file, child })
    }
}

/// Why a system's first line is not where it listens.
#[derive(Debug, PartialEq, Eq)]
enum Refused {
    /// It said why it does not start.
    Itself(String),
    /// It said something else.
    Unclear(String),
}

/// What a system said on its first line.
fn said(line: &str) -> Result<Ready, Refused> {
    #[derive(Deserialize)]
    struct No {
        error: ApiError,
    }
    if let Ok(no) = decode::<No>(line.as_bytes()) {
        return Err(Refused::Itself(no.error.message));
    }
    decode(line.as_bytes()).map_err(|error| Refused::Unclear(error.to_string()))
}

/// Writes a file that only its owner may read.
fn private(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_system_that_does_not_start_says_why() {
        let no = r#"{"error":{"code":"failed","message":"this is the state of `crm` with seed 7, not of `crm` with seed 9","exit":1}}"#;
        assert!(matches!(said(no), Err(Refused::Itself(why)) if why.contains("seed 7")));
        assert!(matches!(said("{}"), Err(Refused::Unclear(_))));
        let ready = said(r#"{"base_url":"http://127.0.0.1:1","token":"t","credential":{}}"#).unwrap();
        assert_eq!(ready.base_url, "http://127.0.0.1:1");
    }
}
