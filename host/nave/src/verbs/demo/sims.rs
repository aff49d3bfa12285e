//! The demo's systems, which remember their state and their port.

use std::path::{Path, PathBuf};

use nave_hub::api::ApiError;

use crate::output::say;
use crate::verbs::simulated::Simulated;

/// One of them.
pub(super) struct Sim {
    pub(super) system: Simulated,
    /// Its token, in a file that only its owner may read.
    pub(super) token_file: PathBuf,
}

/// All of them.
pub(super) struct Sims {
    pub(super) crm: Sim,
    pub(super) books: Sim,
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
        for sim in [self.crm, self.books] {
            sim.system.stop().await;
        }
    }
}

impl Sim {
    async fn start(name: &str, data: &Path, seed: u64, records: usize) -> Result<Self, ApiError> {
        let failed =
            |error: std::io::Error| ApiError::failed(format!("the simulated {name}'s files in {}: {error}", data.display()));
        let port_file = data.join(format!("{name}.port"));
        let port = std::fs::read_to_string(&port_file).ok().and_then(|text| text.trim().parse::<u16>().ok()).unwrap_or(0);
        let system = Simulated::start(name, Some(data), port, seed, records).await?;
        let token_file = data.join(format!("{name}.token"));
        private(&token_file, &system.token).map_err(failed)?;
        let port = system.base_url.rsplit(':').next().unwrap_or_default();
        std::fs::write(&port_file, port).map_err(failed)?;
        say(format_args!("\nThe simulated {name} answers at {}", system.base_url));
        Ok(Self { system, token_file })
    }
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
