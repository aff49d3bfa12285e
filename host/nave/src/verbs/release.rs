//! `release`: a folder (and an archive, where `tar` is at hand) with the binary, the plugins, a README, and of each the bill of
//! materials.

mod sbom;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use nave_hub::api::{ApiError, exit};
use serde_json::json;

use super::{Outcome, plugin};
use crate::context::Context;
use crate::output;

/// Make a release archive: binary, plugins, README, bills of materials. Run from a checkout
#[derive(Debug, Args)]
#[command(
    after_help = "Beside the binary and each plugin lies its bill of materials (CycloneDX, NAME.cdx.json): every package that is\n\
  linked, with version, licence and checksum. A licence that deny.toml does not allow stops the release.\n\n\
  Example:\n  nave release --out target/release-archive"
)]
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
    let (here, wasm) = (sbom::Checkout::read(&verb.checkout, &sbom::host()?)?, sbom::Checkout::read(&verb.checkout, sbom::WASM)?);
    for dir in crates(&verb.checkout)? {
        let file = plugin::build(&dir, Some(std::path::absolute(&plugins).unwrap_or_else(|_| plugins.clone())), context).await?;
        bill(&wasm, &package(&dir)?, &file)?;
    }
    let binary = std::env::current_exe().map_err(|error| ApiError::failed(error.to_string()))?;
    let released = folder.join(if cfg!(windows) { "nave.exe" } else { "nave" });
    copy(&binary, &released)?;
    bill(&here, "nave", &released)?;
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

/// Writes the bill of materials beside a file.
fn bill(checkout: &sbom::Checkout, package: &str, file: &Path) -> Result<(), ApiError> {
    let bill = checkout.bill(package, &sbom::digest_of(file)?)?;
    let text = serde_json::to_string_pretty(&bill).map_err(|error| ApiError::failed(error.to_string()))?;
    let to = file.with_extension("cdx.json");
    std::fs::write(&to, text + "\n").map_err(|error| ApiError::failed(format!("{}: {error}", to.display())))
}

/// The package of a crate.
fn package(dir: &Path) -> Result<String, ApiError> {
    let file = dir.join("Cargo.toml");
    let wrong = |why: String| ApiError::failed(format!("{}: {why}", file.display()));
    let text = std::fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| wrong(error.message().to_owned()))?;
    let name = table.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
    name.map(str::to_owned).ok_or_else(|| wrong("it names no package".to_owned()))
}

fn make(folder: &Path) -> Result<(), ApiError> {
    std::fs::create_dir_all(folder).map_err(|error| ApiError::failed(format!("{}: {error}", folder.display())))
}

fn copy(from: &Path, to: &Path) -> Result<(), ApiError> {
    std::fs::copy(from, to)
        .map(|_| ())
        .map_err(|error| ApiError::failed(format!("{} → {}: {error}", from.display(), to.display())))
}
