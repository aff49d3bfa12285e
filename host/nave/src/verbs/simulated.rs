//! Simulated systems as child processes of this program, `nave sim …`: what they cost is not this process's.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use nave_hub::api::{ApiError, decode};
use serde::Deserialize;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A system that does not say where it is within this time does not start.
const START_MAX: Duration = Duration::from_secs(30);
/// And one that does not end by itself within this time is ended.
const STOP_MAX: Duration = Duration::from_secs(5);

/// One simulated system.
pub(crate) struct Simulated {
    pub(crate) base_url: String,
    pub(crate) token: String,
    /// Empty where it has none.
    pub(crate) tenant: String,
    /// Ends when its standard input is closed: also when this process is killed.
    child: Child,
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

impl Simulated {
    /// Starts one at a port (0: any), with a folder that keeps its state, or in memory.
    pub(crate) async fn start(name: &str, data: Option<&Path>, port: u16, seed: u64, records: usize) -> Result<Self, ApiError> {
        let failed = |why: String| {
            let help = if port == 0 {
                String::new()
            } else {
                format!("is another demo running? this one's {name} needs port {port} again")
            };
            ApiError::failed(format!("the simulated {name} did not start: {why}")).help(help)
        };
        let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
        let mut command = Command::new(program);
        command.args(["sim", name, "--json", "--until-stdin-closes", "--port", &port.to_string()]).args([
            "--seed",
            &seed.to_string(),
            "--records",
            &records.to_string(),
        ]);
        if let Some(data) = data {
            command.arg("--data").arg(data);
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            // Ctrl-C is for whoever started it, who ends it afterwards.
            .process_group(0)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let output = child.stdout.take().ok_or_else(|| failed("it says nothing".to_owned()))?;
        let line = tokio::time::timeout(START_MAX, BufReader::new(output).lines().next_line())
            .await
            .map_err(|_| failed("it does not say where it listens".to_owned()))?
            .map_err(|error| failed(error.to_string()))?
            .ok_or_else(|| failed("it ended at once".to_owned()))?;
        let ready = said(&line).map_err(|refused| match (refused, data) {
            (Refused::Itself(why), Some(data)) => {
                ApiError::failed(format!("the simulated {name} did not start: {why}")).help(format!(
                    "{} keeps the state of an earlier demo: start it as it was, or give another directory with --dir",
                    data.display()
                ))
            }
            (Refused::Itself(why) | Refused::Unclear(why), _) => failed(why),
        })?;
        let tenant = ready.credential.tenant_id.unwrap_or_default();
        Ok(Self { base_url: ready.base_url, token: ready.token, tenant, child })
    }

    /// Ends it.
    pub(crate) async fn stop(mut self) {
        drop(self.child.stdin.take());
        if tokio::time::timeout(STOP_MAX, self.child.wait()).await.is_err() {
            let _ = self.child.kill().await;
        }
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
