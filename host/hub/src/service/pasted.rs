//! Secrets of the vault in the configuration's files, whatever they look like: only the vault can tell.

use nave_core::catalog::{Diagnostic, Severity};
use nave_core::leak;

use crate::api::ApiError;
use crate::egress::SecretFinder;
use crate::hub::Hub;
use crate::project;

/// Finds what is in the vault now.
pub(super) fn finder(hub: &Hub) -> Result<SecretFinder, ApiError> {
    Ok(SecretFinder::new(hub.vault.to_look_for().map_err(super::operations::refused)?))
}

/// An error for each file with one of them. None of it is shown.
pub(super) fn findings(hub: &Hub) -> Result<Vec<Diagnostic>, ApiError> {
    let finder = finder(hub)?;
    let mut found = Vec::new();
    for file in project::sources(&hub.dir)? {
        for (number, line) in file.text.lines().enumerate().filter(|(_, line)| !line.contains(leak::ALLOWED)) {
            for (secret, at) in finder.find(line.as_bytes()) {
                found.push(Diagnostic {
                    path: file.path.clone(),
                    line: number + 1,
                    column: String::from_utf8_lossy(&line.as_bytes()[..at.min(line.len())]).chars().count() + 1,
                    span: (line.as_ptr() as usize - file.text.as_ptr() as usize + at, 0),
                    message: format!("here stands the value of the secret `{secret}`; it would end up in version control"),
                    help: Some(format!(
                        "write secret = \"{secret}\" where it is needed, and no value. If it was committed already, have it replaced. {}",
                        leak::way_out()
                    )),
                    severity: Severity::Error,
                    code: "secret-in-configuration",
                });
            }
        }
    }
    Ok(found)
}
