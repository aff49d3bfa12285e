//! `release`: a folder (and an archive, where `tar` is at hand) with the binary, the plugins and a README.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use nave_hub::api::{ApiError, exit};
use serde_json::json;

use super::{Outcome, plugin};
use crate::context::Context;
use crate::output;

/// Make a release archive: binary, plugins, README. Run from a checkout
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  nave release --out target/release-archive")]
pub(crate) struct Release {
    /// Folder for the archive
    #[arg(long, default_value = "target/release-archive")]
    out: PathBuf,
    /// The checkout
    #[arg(long, default_value = ".")]
    checkout: PathBuf,
}

pub(crate) async fn run(verb: &Release, context: &Context) -> Outcome {
    let name = format!("nave-{}-{}-{}", env!("CARGO_PKG_VERSION"), std::env::consts::OS, std::env::consts::ARCH);
    let folder = verb.out.join(&name);
    let plugins = folder.join("plugins");
    make(&plugins)?;
    for dir in crates(&verb.checkout)? {
        plugin::build(&dir, Some(std::path::absolute(&plugins).unwrap_or_else(|_| plugins.clone())), context).await?;
    }
    let binary = std::env::current_exe().map_err(|error| ApiError::failed(error.to_string()))?;
    copy(&binary, &folder.join(if cfg!(windows) { "nave.exe" } else { "nave" }))?;
    for file in ["README.md", "LICENSE", "CHANGELOG.md"] {
        let from = verb.checkout.join(file);
        if from.is_file() {
            copy(&from, &folder.join(file))?;
        }
    }
    let archive = verb.out.join(format!("{name}.tar.gz"));
    let packed = Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(&verb.out).arg(&name).stdin(Stdio::null()).status();
    let made = if packed.is_ok_and(|status| status.success()) { &archive } else { &folder };
    if context.json {
        output::json_line(&json!({ "release": made.display().to_string() }));
    } else {
        output::say(format_args!("\nRelease: {}", made.display()));
    }
    Ok(exit::OK)
}

/// Crates under `plugins/` that have a manifest.
pub(crate) fn crates(checkout: &Path) -> Result<Vec<PathBuf>, ApiError> {
    let folder = checkout.join("plugins");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| ApiError::usage(format!("{}: {error}", folder.display())).help("name the checkout with --checkout"))?;
    let mut found: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.join("manifest.json").is_file()).collect();
    found.sort();
    Ok(found)
}

fn make(folder: &Path) -> Result<(), ApiError> {
    std::fs::create_dir_all(folder).map_err(|error| ApiError::failed(format!("{}: {error}", folder.display())))
}

fn copy(from: &Path, to: &Path) -> Result<(), ApiError> {
    std::fs::copy(from, to)
        .map(|_| ())
        .map_err(|error| ApiError::failed(format!("{} → {}: {error}", from.display(), to.display())))
}
