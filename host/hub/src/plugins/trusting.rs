//! `trust.toml` edited: a key added, revoked, taken out. What a person wrote around it stays as it is.

use std::path::Path;

use jiff::civil::Date;
use nave_core::reason::is_blank;
use nave_core::trust::{Trust, TrustedKey, check_key, check_pattern, short_key};
use serde::{Deserialize, Serialize};
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};

use super::{Judge, PluginsError, TRUST_FILE};
use crate::project::{self, place};

const HEADER: &str = "# Whose plugins this project accepts: keys, and the names of plugins that each may sign.\n";

/// A change of `trust.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TrustChange {
    /// Trusts a key for some names, beside those that it has.
    Add(TrustedKey),
    /// Nothing that it ever signed is accepted any more.
    Revoke {
        /// Public key.
        key: String,
        /// Why.
        because: String,
    },
    /// It is not known any more.
    Remove {
        /// Public key.
        key: String,
    },
}

impl TrustChange {
    /// The key that it is about.
    pub fn key(&self) -> &str {
        match self {
            Self::Add(key) => &key.key,
            Self::Revoke { key, .. } | Self::Remove { key } => key,
        }
    }

    /// Action and detail of its line in the audit.
    pub fn told(&self) -> (&'static str, String) {
        match self {
            Self::Add(key) => ("trust.added", format!("for {}{}", key.names.join(", "), spaced(&key.because))),
            Self::Revoke { because, .. } => ("trust.revoked", because.clone()),
            Self::Remove { .. } => ("trust.removed", String::new()),
        }
    }
}

fn spaced(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!(": {text}") }
}

/// Changes `trust.toml`; answers a sentence.
///
/// # Errors
/// [`PluginsError`] where the key is none, is not there, or the file is not as it must be.
pub fn change(dir: &Path, change: &TrustChange, today: Date) -> Result<String, PluginsError> {
    place(dir)?;
    let usage = |message: String| PluginsError::Usage {
        message,
        help: "`nave plugin trust list` shows the keys; a key is what `nave plugin key show FILE` prints".to_owned(),
    };
    check_key(change.key()).map_err(usage)?;
    // What is wrong with it is said before anything is written.
    let before = Judge::of(dir).trust()?.clone();
    let file = dir.join(TRUST_FILE);
    // A comment that stands alone would go behind what is added.
    let (header, text) = if file.is_file() { ("", project::text(&file)?) } else { (HEADER, String::new()) };
    let mut document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| usage(error.to_string()))?;
    let short = short_key(change.key());
    if !matches!(change, TrustChange::Add(_)) && !before.keys.iter().any(|known| known.key == change.key()) {
        return Err(usage(format!("{short} is not in {TRUST_FILE}")));
    }
    let tables = document.entry("key").or_insert(Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(tables) = tables.as_array_of_tables_mut() else {
        return Err(usage(format!("`key` in {TRUST_FILE} is written in one line; write it as [[key]]")));
    };
    let mine = |table: &Table| table.get("key").and_then(Item::as_str) == Some(change.key());
    let said = match change {
        TrustChange::Add(key) => {
            key.names.iter().try_for_each(|name| check_pattern(name)).map_err(usage)?;
            if before.keys.iter().any(|known| known.key == key.key && known.revoked.is_some()) {
                return Err(usage(format!(
                    "{short} was revoked; a key that was revoked does not come back: have another one made"
                )));
            }
            let mut table = Table::new();
            table.insert("key", value(&key.key));
            table.insert("names", value(key.names.iter().collect::<Array>()));
            for (name, text) in [("owner", &key.owner), ("because", &key.because)] {
                if !is_blank(text) {
                    table.insert(name, value(text));
                }
            }
            for (name, day) in [("from", key.from), ("until", key.until)] {
                if let Some(day) = day {
                    table.insert(name, value(day.to_string()));
                }
            }
            tables.push(table);
            format!("{short} may sign {}", key.names.join(", "))
        }
        TrustChange::Revoke { key, because } if is_blank(because) => {
            return Err(usage(format!(
                "a key is revoked for a reason, and none was given; say it: `nave plugin trust revoke {key} --because 'laptop stolen'`"
            )));
        }
        TrustChange::Revoke { because, .. } => {
            for table in tables.iter_mut().filter(|table| mine(table)) {
                table.insert("revoked", value(today.to_string()));
                if !because.is_empty() {
                    table.insert("because", value(because));
                }
            }
            format!("{short} is revoked: nothing that it ever signed is installed or run any more")
        }
        TrustChange::Remove { .. } => {
            tables.retain(|table| !mine(table));
            format!("{short} is not trusted any more")
        }
    };
    let text = format!("{header}{document}");
    Trust::parse(&text).map_err(usage)?;
    project::write_whole(&file, text.as_bytes())?;
    Ok(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "ed25519:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    const TWO: &str = "ed25519:BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn add(key: &str, names: &[&str]) -> TrustChange {
        TrustChange::Add(TrustedKey {
            key: key.into(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            owner: "Acme".into(),
            from: None,
            until: Some("2027-12-31".parse().unwrap()),
            revoked: None,
            because: String::new(),
        })
    }

    #[test]
    fn a_key_is_added_revoked_and_taken_out_and_comments_stay() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("nave.toml"), "").unwrap();
        let file = dir.path().join(TRUST_FILE);
        let today: Date = "2026-11-29".parse().unwrap();
        let done = |what: &TrustChange| change(dir.path(), what, today).map_err(|error| error.to_string());
        let keys = || Judge::of(dir.path()).trust().unwrap().keys.clone();
        done(&add(ONE, &["acme-*"])).unwrap();
        std::fs::write(&file, std::fs::read_to_string(&file).unwrap() + "# asked them by telephone\n").unwrap();
        done(&add(TWO, &["books"])).unwrap();
        assert_eq!(keys().iter().map(|key| (key.key.as_str(), key.names.len())).collect::<Vec<_>>(), [(ONE, 1), (TWO, 1)]);
        done(&TrustChange::Revoke { key: ONE.into(), because: "laptop stolen".into() }).unwrap();
        assert_eq!((keys()[0].revoked, keys()[0].because.as_str()), (Some(today), "laptop stolen"));
        assert!(done(&add(ONE, &["x"])).unwrap_err().contains("does not come back"));
        done(&TrustChange::Remove { key: TWO.into() }).unwrap();
        assert_eq!(keys().len(), 1);
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with(HEADER) && text.contains("2027-12-31"), "{text}");
        assert!(done(&TrustChange::Remove { key: TWO.into() }).unwrap_err().contains("is not in trust.toml"));
        assert!(done(&add("ed25519:x", &["x"])).unwrap_err().contains("is no public key"));
        assert!(done(&add(TWO, &["a b"])).unwrap_err().contains("names no plugins"));
    }
}
