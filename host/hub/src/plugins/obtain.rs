//! A plugin from wherever its source says, installed with what the store remembers.

use std::path::Path;
use std::sync::Arc;

use nave_store::{KeyedRow, Store};

use super::fetch::Fetcher;
use super::upgrade::{self, Upgraded};
use super::{InstallOptions, Offer, install_offer, is_address, manifest_of, serials};
use crate::api::{Answer, ApiError, FetchReach, InstalledAnswer, exit};
use crate::egress::{AuditNote, AuditSink, Egress, EgressConfig, Ledger, Mark};
use crate::ledger::StoreLedger;
use crate::project;
use crate::secrets::{SecretBytes, SecretError, SecretSource};
use crate::vault::Vault;
use crate::workers::off_the_workers;

/// What an installation may use of a hub.
pub(crate) struct Parts {
    /// Remembers serials; none where the project has no store yet.
    pub(crate) store: Option<Arc<dyn Store>>,
    /// Secrets.
    pub(crate) vault: Option<Arc<Vault>>,
    /// The way out of an open hub; none: one is made from `nave.toml`.
    pub(crate) egress: Option<Egress>,
    /// Compiles a file: what does not compile within its bounds is not put in.
    pub(crate) compile: Compile,
}

/// Compiles a plugin's bytes.
pub(crate) type Compile = Arc<dyn Fn(&[u8]) -> Result<(), ApiError> + Send + Sync>;

/// What an installation came to.
pub(crate) enum Obtained {
    /// It is in force; with more audit lines.
    Installed(Box<InstalledAnswer>, Vec<Line>),
    /// Another build runs, something works through it, and this one differs: it waits for somebody to agree.
    Held(Box<Upgraded>),
}

impl Obtained {
    /// The answer, more audit lines, rows for the store.
    pub(crate) fn parts(self) -> (Answer, Vec<Line>, Vec<KeyedRow>) {
        match self {
            Self::Installed(answer, lines) => {
                let row = serials::row(&answer.plugin.name, answer.plugin.serial);
                (Answer::Installed(*answer), lines, vec![row])
            }
            Self::Held(held) => (Answer::Upgrade(Box::new(held.answer)), held.lines, held.rows),
        }
    }
}

/// Gets the file and the signature of a source.
///
/// # Errors
/// [`ApiError`] where it cannot be had.
pub(crate) async fn offer(dir: &Path, source: &str, reach: &FetchReach, parts: &Parts) -> Result<(Offer, Vec<Line>), ApiError> {
    if !is_address(source) {
        return Ok((Offer::file(Path::new(source))?, Vec::new()));
    }
    let mut lines = Vec::new();
    let secrets: Arc<dyn SecretSource> = match (&reach.secret, &parts.vault) {
        (None, _) => Arc::new(NoSecrets),
        (Some(name), None) => return Err(ApiError::usage(format!("this project keeps no secrets yet, so none `{name}`"))),
        (Some(name), Some(vault)) => {
            // Naming it beside an address gives it for that address.
            let origins: std::collections::BTreeSet<String> = Fetcher::origins(source, reach)?.into_iter().collect();
            let listed = origins.iter().cloned().collect::<Vec<_>>().join(", ");
            let way = project::way_of(dir);
            let all = origins.iter().chain(&way).cloned().collect();
            vault.bind(name, &all, None).map_err(|error| ApiError::failed(error.to_string()))?;
            lines.push(("secret.given", name.clone(), format!("to {listed}, to fetch a plugin")));
            vault.clone()
        }
    };
    let egress = match &parts.egress {
        Some(egress) => egress.clone(),
        None => made(dir)?,
    };
    let (ledger, audit): (Arc<dyn Ledger>, Arc<dyn AuditSink>) = match &parts.store {
        Some(store) => (Arc::new(StoreLedger::new(store.clone())), Arc::new(crate::audit::StoreAudit::new(store.clone()))),
        None => (Arc::new(Nobody), Arc::new(Nobody)),
    };
    let offer = Fetcher { egress, secrets, ledger, audit }.fetch(source, reach).await?;
    Ok((offer, lines))
}

/// Audit lines: action, subject, detail.
pub(crate) type Line = (&'static str, String, String);

/// Gets a plugin and installs it. A build over one that something works through is compared with it first, and held where it differs.
///
/// # Errors
/// [`ApiError`] where it cannot be had, is not trusted, or is older than what was installed.
pub(crate) async fn obtain(
    dir: &Path,
    source: &str,
    reach: &FetchReach,
    options: InstallOptions,
    parts: &Parts,
) -> Result<Obtained, ApiError> {
    let (offer, lines) = offer(dir, source, reach, parts).await?;
    if let Some(mut held) = upgrade::instead(dir, &offer, options, parts).await? {
        held.lines.extend(lines);
        return Ok(Obtained::Held(Box::new(held)));
    }
    let highest = match &parts.store {
        Some(store) => serials::highest(store.as_ref(), &manifest_of(&offer.bytes)?.name)?,
        None => None,
    };
    off_the_workers(|| (parts.compile)(&offer.bytes))?;
    let answer = install_offer(dir, &offer, InstallOptions { highest: options.highest.max(highest), ..options })?;
    Ok(Obtained::Installed(Box::new(answer), lines))
}

/// The way out as `nave.toml` says, also where the rest of the project is not in order.
pub(crate) fn made(dir: &Path) -> Result<Egress, ApiError> {
    let unavailable = |what: String| ApiError::new("unavailable", exit::UNAVAILABLE, format!("the network settings: {what}"));
    let (proxy, ca_file) = project::network(dir);
    let extra_ca_pem = ca_file
        .map(|file| std::fs::read(dir.join(&file)).map_err(|error| unavailable(format!("{file}: {error}"))))
        .transpose()?;
    Egress::new(EgressConfig { proxy, extra_ca_pem, ..EgressConfig::default() }).map_err(|error| unavailable(error.to_string()))
}

/// Where there is no store: nothing is counted, and refusals are only in the log.
struct Nobody;

impl Ledger for Nobody {
    fn mark(&self, _: &str) -> Mark {
        Mark::default()
    }

    fn put(&self, _: &str, _: Mark) -> Result<(), String> {
        Ok(())
    }
}

impl AuditSink for Nobody {
    fn note(&self, note: AuditNote) {
        tracing::warn!(action = note.action, subject = note.subject, detail = note.detail, "refused");
    }
}

/// Where none was named.
struct NoSecrets;

impl SecretSource for NoSecrets {
    fn may_go(&self, name: &str, _: &std::collections::BTreeSet<String>) -> Result<(), SecretError> {
        Err(SecretError::Missing(name.to_owned()))
    }

    fn secret(
        &self,
        name: &str,
        _: &std::collections::BTreeSet<String>,
        _: &nave_core::grant::Grant,
    ) -> Result<SecretBytes, SecretError> {
        Err(SecretError::Missing(name.to_owned()))
    }
}
