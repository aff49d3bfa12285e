//! A secret belongs to one environment: production's is refused elsewhere, and the other way round.
//!
//! A vault cannot be opened from outside while its hub runs. Each data folder therefore holds marks of its vault's secrets, keyed
//! by its master key: whoever may read that key can tell whether a secret is among them, and nobody else learns anything.

use std::collections::BTreeSet;
use std::path::Path;

use super::super::read;
use super::{Environment, all, at};
use crate::api::{ApiError, exit};
use crate::vault::{Marker, MasterKey, Vault, VaultError};

/// File of the marks in a data folder.
const MARKS: &str = "secret-marks";

/// Writes down the marks of a vault's secrets, for the project's other environments.
///
/// # Errors
/// [`VaultError`] where the vault cannot be read. A disk that takes no marks keeps no secret from being stored: it is logged.
pub(crate) fn mark(dir: &Path, data: &Path, vault: &Vault) -> Result<(), VaultError> {
    let text: String = vault.marks()?.into_iter().map(|mark| mark + "\n").collect();
    let path = data.join(MARKS);
    if std::fs::read_to_string(&path).is_ok_and(|known| known == text) || (text.is_empty() && !path.exists()) {
        return Ok(());
    }
    if let Err(error) = super::super::write::whole(&path, text.as_bytes()) {
        tracing::warn!(%error, dir = %dir.display(), "other environments will not know that these secrets are taken");
    }
    Ok(())
}

/// Adds the marks that this vault makes to those that are there: while its master key is being changed, whoever compares by the
/// one or by the other finds them.
///
/// # Errors
/// As [`mark`], and [`ProjectError`] of the disk.
pub(crate) fn mark_too(data: &Path, vault: &Vault) -> Result<(), ApiError> {
    let path = data.join(MARKS);
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let mut marks: BTreeSet<String> = known.lines().map(str::to_owned).collect();
    marks.extend(vault.marks().map_err(|error| ApiError::failed(error.to_string()))?);
    if marks.is_empty() {
        return Ok(());
    }
    let text: String = marks.into_iter().map(|mark| mark + "\n").collect();
    Ok(super::super::write::whole(&path, text.as_bytes())?)
}

/// Refuses a secret that is one of another environment's, where either of them is production.
///
/// # Errors
/// [`ApiError`] `other-environments-secret`.
pub(crate) fn refuse_others(dir: &Path, name: &str, secret: &[u8]) -> Result<(), ApiError> {
    refuse(dir, name, secret, |here, other| other.production || here.production, "; nothing was stored")
}

/// Refuses a value that is a secret of production, in another environment.
///
/// # Errors
/// As [`refuse_others`].
pub(crate) fn refuse_productions(dir: &Path, name: &str, secret: &[u8]) -> Result<(), ApiError> {
    refuse(dir, name, secret, |here, other| other.production && !here.production, "")
}

fn refuse(
    dir: &Path,
    name: &str,
    secret: &[u8],
    apart: impl Fn(&Environment, &Environment) -> bool,
    so: &str,
) -> Result<(), ApiError> {
    let here = at(std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()));
    let others = all(dir).unwrap_or_default().into_iter().filter(|other| other.name != here.name);
    for other in others.filter(|other| apart(&here, other)) {
        let Ok(place) = read::place(&other.dir) else { continue };
        let Ok(marks) = std::fs::read_to_string(place.data.join(MARKS)) else { continue };
        let Ok(key) = MasterKey::load_existing(&place.data) else {
            tracing::warn!(environment = other.name, "its master key cannot be read here, so its secrets were not compared");
            continue;
        };
        let mark = Marker::new(&key).mark(secret);
        if marks.lines().any(|known| known == mark) {
            let help = format!(
                "`{name}` needs a credential of its own here: make one at the system, for a sandbox or a test account where it has them"
            );
            return Err(ApiError::new(
                "other-environments-secret",
                exit::FAILED,
                format!("this is a secret of {}, and {} may not use it{so}", other.name, here.name),
            )
            .help(help));
        }
    }

    Ok(())
}
