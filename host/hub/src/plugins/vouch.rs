//! Whether a project accepts a plugin's file: by its signature, `trust.toml`, and what `nave.toml` says of unsigned ones.
//!
//! Asked at the installation, and again each time a plugin is loaded: a key that was revoked since then stops what it signed.

use std::path::Path;

use jiff::Timestamp;
use nave_core::trust::{Distrust, Trust};
use nave_runtime::Inspection;

use super::{PluginsError, signature};
use crate::project;

/// Name of the file with the keys that a project trusts.
pub const TRUST_FILE: &str = "trust.toml";

/// What a project goes by.
#[derive(Clone, Debug)]
pub struct Judge {
    trust: Result<Trust, String>,
    /// What nobody vouches for is accepted.
    unsigned: bool,
}

/// Who vouches for a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Vouched {
    /// A key of `trust.toml`.
    By {
        /// Public key.
        key: String,
        /// Who has it, where `trust.toml` says so.
        owner: String,
    },
    /// Nobody, which this project allows; why not.
    Nobody(Distrust),
}

impl Vouched {
    /// The trusted key.
    pub fn key(&self) -> Option<&str> {
        match self {
            Self::By { key, .. } => Some(key),
            Self::Nobody(_) => None,
        }
    }
}

impl Judge {
    /// As the project's directory says now. A `nave.toml` that cannot be read allows nothing.
    pub fn of(dir: &Path) -> Self {
        Self::with(dir, project::allows_unsigned(dir))
    }

    /// With the keys of a directory, accepting what nobody vouches for or not.
    pub fn with(dir: &Path, unsigned: bool) -> Self {
        let file = dir.join(TRUST_FILE);
        let trust = match file.is_file() {
            true => project::text(&file).map_err(|error| error.to_string()).and_then(|text| Trust::parse(&text)),
            false => Ok(Trust::default()),
        };
        Self { trust, unsigned }
    }

    /// The keys.
    ///
    /// # Errors
    /// [`PluginsError::Usage`] where `trust.toml` is not as it must be.
    pub fn trust(&self) -> Result<&Trust, PluginsError> {
        self.trust.as_ref().map_err(|why| PluginsError::Usage {
            message: format!("{TRUST_FILE}: {why}"),
            help: "correct the file, or let `nave plugin trust add KEY --name NAME` write it".to_owned(),
        })
    }

    /// Who vouches for a file that is about to be installed.
    ///
    /// # Errors
    /// [`PluginsError::Distrust`] with its code.
    pub fn judge(&self, file: &Inspection, signature: Option<&str>, now: Timestamp) -> Result<Vouched, PluginsError> {
        let trust = self.trust()?;
        let verdict = match signature {
            None => {
                Err(Distrust::new("plugin.unsigned", format!("{} {} is not signed", file.manifest.name, file.manifest.version)))
            }
            Some(text) => {
                let signed = signature::check(text, file)?;
                trust
                    .judge(&signed.key, &signed.statement, now)
                    .map(|known| Vouched::By { key: known.key.clone(), owner: known.owner.clone() })
            }
        };
        match verdict {
            Ok(vouched) => Ok(vouched),
            Err(unknown) if self.unsigned && unknown.is_only_unknown() => Ok(Vouched::Nobody(unknown)),
            Err(no) => Err(no.into()),
        }
    }

    /// As [`Judge::judge`] for a file where it was installed, with the signature beside it: what ran out since then is said in the log, and goes on running.
    ///
    /// # Errors
    /// As [`Judge::judge`].
    pub fn still(&self, installed: &Path, file: &Inspection, now: Timestamp) -> Result<Vouched, PluginsError> {
        let signature = signature::read_beside(installed)?;
        match self.judge(file, signature.as_deref(), now) {
            Err(PluginsError::Distrust(old)) if matches!(old.code, "plugin.expired-key" | "plugin.expired-statement") => {
                tracing::warn!(code = old.code, "{}", old.message);
                Ok(Vouched::Nobody(old))
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugins::signature::{SigningKey, write_beside};

    /// T55: an author who signs for thirty days and never again, or a registry that goes on giving what was good then. On another day
    /// than the one it was signed on, what is offered is refused, and what is installed is spoken of and goes on.
    #[test]
    fn what_ran_out_is_refused_where_it_is_offered() {
        let dir = tempfile::tempdir().unwrap();
        let key = SigningKey::create(&dir.path().join("key.pem")).unwrap();
        let trusted = |rest: &str| {
            std::fs::write(dir.path().join(TRUST_FILE), format!("[[key]]\nkey = \"{}\"\nnames = [\"*\"]\n{rest}", key.public()))
                .unwrap();
            Judge::with(dir.path(), false)
        };
        let bytes = nave_hostile::plugin(&nave_hostile::connector_component("", &[]), nave_hostile::CONNECTOR);
        let file = dir.path().join("test.wasm");
        std::fs::write(&file, &bytes).unwrap();
        let day = |text: &str| text.parse::<Timestamp>().unwrap();
        let signed = day("2026-11-01T12:00:00Z");
        write_beside(&file, &key.sign(&bytes, signed, 30).unwrap()).unwrap();
        let (found, text) = (nave_runtime::inspect(&bytes).unwrap(), signature::read_beside(&file).unwrap());
        for (rest, now, offered, installed) in [
            ("", "2026-11-01T12:00:00Z", "ok", "ok"),
            ("", "2026-11-30T12:00:00Z", "ok", "ok"),
            ("", "2026-12-02T12:00:00Z", "plugin.expired-statement", "ok: plugin.expired-statement"),
            ("", "2036-11-01T12:00:00Z", "plugin.expired-statement", "ok: plugin.expired-statement"),
            ("until = \"2026-11-10\"", "2026-11-09T12:00:00Z", "ok", "ok"),
            ("until = \"2026-11-10\"", "2026-11-12T12:00:00Z", "plugin.expired-key", "ok: plugin.expired-key"),
            ("revoked = \"2026-11-10\"", "2026-11-12T12:00:00Z", "plugin.revoked-key", "plugin.revoked-key"),
        ] {
            let said = |verdict: Result<Vouched, PluginsError>| match verdict {
                Ok(Vouched::By { .. }) => "ok".to_owned(),
                Ok(Vouched::Nobody(why)) => format!("ok: {}", why.code),
                Err(error) => crate::api::ApiError::from(error).code,
            };
            let judge = trusted(rest);
            assert_eq!(said(judge.judge(&found, text.as_deref(), day(now))), offered, "{rest} at {now}");
            assert_eq!(said(judge.still(&file, &found, day(now))), installed, "{rest} at {now}, installed");
        }
    }
}
