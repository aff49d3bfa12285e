//! `nave init`: a directory that is ready for its first connection.

use std::fs;
use std::path::{Path, PathBuf};

use super::{ProjectError, write};

const NAVE_TOML: &str = r#"# Nave: the hub that keeps your systems in agreement.
# Everything in this directory except data/ belongs under version control. Secrets are only named here; they live in
# the vault (`nave secret set NAME`).

# Address of the dashboard and the API. Anything but a loopback address is your decision: put TLS in front of it.
listen = "127.0.0.1:6283"
# Names under which it may be asked, besides addresses:
# hosts = ["hub.example.com"]

# Folder of the store and the vault, relative to this directory.
data = "data"

# The audit's head is noted there, signed, so that a change to what it says is noticed. Better on another disk or machine:
# audit-anchor = "/var/log/nave/audit-anchor.log"

# The one environment of that data folder. Connections name theirs; another one's are refused.
environment = "{environment}"

# Plugins that nobody vouches for (`nave plugin trust list`) are refused where the environment is "production", and accepted
# elsewhere. Either can be said:
# plugins.unsigned = "refuse"

# Nothing moves while nobody has decided whose word counts for a field that several systems write:
# `survivorship` with `steward` and `because` in entities/*.toml; `nave policy init crm-centric` writes such files.
# "advised" only warns.
ownership = "required"

# Business processes, each as people call it. A flow names the one that needs it: process = "sales".
processes.sales = "From lead to order"
processes.invoicing = "From order to payment"
processes.support = "From question to answer"
processes.marketing = "From list to campaign"

# Region assumed where a phone number or a date does not say (ISO 3166-1 alpha-2).
# region = "DE"

# Company proxy, and certificate authorities of your own, for outgoing calls. Secrets that were
# given before one of them changes are held until `nave connection approve`.
# proxy = "http://proxy.example.com:3128"
# ca-file = "company-ca.pem"
"#;

const SYSTEMS_TOML: &str = r#"# The inventory: every business system you have, connected or not. One table per system:
#
# [crm]
# kind = "crm"
# owner = "sales-ops"
# vendor-contact = "support@example.com"
# docs = "https://example.com/api"
# docs-checked = "2025-01-31"
# notes = "EU data centre"
"#;

const GITIGNORE: &str = "# the store, the vault's keys and the cache: never under version control\n/data/\n/audit-anchor.log\n";

const FOLDERS: [(&str, &str); 5] = [
    (
        "entities",
        "Canonical entities of your own, or changes to those that ship: fields, survivorship, match rules, stewards.\n\
         Who wins a field: `survivorship` is { owner = \"crm\" }, { priority = [\"crm\", \"books\"] }, \"newest\", \"longest\", \"non-empty\",\n\
         \"three-way\" (whoever changed it since it was agreed on; where several did otherwise, its steward) or \"manual\".\n\
         `nave schema list` shows what there is.\n",
    ),
    ("lookups", "Tables for `lookup(name)` in mappings: `\"what the system says\" = \"what we say\"`, a line each.\n"),
    ("connections", "One file per connected system. `nave connection add PLUGIN` writes one.\n"),
    (
        "mappings",
        "One file per stream and entity: which field there is which field here, in which direction, and why.\n\
         `nave mapping explain NAME` says one in plain English; `nave mapping lint` checks them all.\n",
    ),
    ("plugins", "Installed plugins, named by their digest and pinned in nave.lock. `nave plugin install FILE.wasm` adds one.\n"),
];

/// Makes a project for one environment. Answers the files that were written. An existing file is never changed.
///
/// # Errors
/// [`ProjectError::NotEmpty`] where the directory holds anything but version control's own files, unless `force_safe`.
pub fn init(dir: &Path, force_safe: bool, environment: &str) -> Result<Vec<PathBuf>, ProjectError> {
    if dir.exists() && !force_safe {
        for entry in fs::read_dir(dir).map_err(ProjectError::io(dir))? {
            let name = entry.map_err(ProjectError::io(dir))?.file_name();
            if !matches!(name.to_str(), Some(".git" | ".gitignore" | "README.md" | "LICENSE")) {
                return Err(ProjectError::NotEmpty(dir.to_owned()));
            }
        }
    }
    let nave_toml = NAVE_TOML.replace("{environment}", environment);
    let mut files: Vec<(PathBuf, &str)> = vec![
        (PathBuf::from("nave.toml"), &nave_toml),
        (PathBuf::from("systems.toml"), SYSTEMS_TOML),
        (PathBuf::from(".gitignore"), GITIGNORE),
    ];
    files.extend(FOLDERS.map(|(folder, text)| (Path::new(folder).join("README.md"), text)));
    let mut written = Vec::new();
    for (name, text) in files {
        if write::if_missing(&dir.join(&name), text.as_bytes())? {
            written.push(name);
        }
    }
    ignore_data(dir)?;
    Ok(written)
}

/// A `.gitignore` that was there before must leave the data folder out too: it holds keys.
fn ignore_data(dir: &Path) -> Result<(), ProjectError> {
    let path = dir.join(".gitignore");
    let text = super::read::text(&path)?;
    if text.lines().any(|line| matches!(line.trim(), "data/" | "/data/" | "data" | "/data")) {
        return Ok(());
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    write::whole(&path, format!("{text}{gap}{GITIGNORE}").as_bytes())
}

/// Has version control leave something out, unless it does so already.
pub(super) fn ignore(dir: &Path, pattern: &str, why: &str) -> Result<(), ProjectError> {
    let path = dir.join(".gitignore");
    let text = if path.is_file() { super::read::text(&path)? } else { String::new() };
    if text.lines().any(|line| line.trim() == pattern) {
        return Ok(());
    }
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    write::whole(&path, format!("{text}{gap}{why}\n{pattern}\n").as_bytes())
}
