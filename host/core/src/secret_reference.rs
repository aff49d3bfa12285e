//! Where a secret is kept when it is not in the hub's own vault: what a reference may say. Decides; fetches nothing.

use serde::{Deserialize, Serialize};

/// Characters of a file's path.
const FILE_CHARS_MAX: usize = 4_096;
/// Characters of a path within a vault.
const PATH_CHARS_MAX: usize = 512;
/// Characters of a field's name.
const FIELD_CHARS_MAX: usize = 128;
/// The field that is read where nobody names one.
pub const FIELD: &str = "value";

/// Where the value of a secret is fetched when it is needed. Holds no part of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum SecretReference {
    /// A file outside of the project: a mounted secret, or what an agent writes.
    File {
        /// Absolute.
        path: String,
    },
    /// A vault that `[vaults]` of nave.toml describes.
    Vault {
        /// Its name there.
        vault: String,
        /// Path of its API, without `/v1/`: `kv/data/crm`.
        path: String,
        /// Field of what is there.
        field: String,
    },
}

impl SecretReference {
    /// Whether it can be one.
    ///
    /// # Errors
    /// Why not, and what to write.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::File { path } => file(path),
            Self::Vault { vault, path, field } => {
                if !is_name(vault) {
                    return Err(format!("`{}` is no name of a vault; [vaults.NAME] in nave.toml", shown(vault)));
                }
                within(path)?;
                if field.is_empty() || field.chars().count() > FIELD_CHARS_MAX || field.chars().any(char::is_control) {
                    return Err(format!("`{}` is no field of a secret", shown(field)));
                }
                Ok(())
            }
        }
    }

    /// The vault that it is in; none for a file.
    pub fn vault(&self) -> Option<&str> {
        match self {
            Self::File { .. } => None,
            Self::Vault { vault, .. } => Some(vault),
        }
    }
}

impl std::fmt::Display for SecretReference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File { path } => write!(f, "the file {path}"),
            Self::Vault { vault, path, field } => write!(f, "{path} in the vault {vault}, field {field}"),
        }
    }
}

/// Whether a text can name a vault: as secrets are named.
pub fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
}

/// One line of a text that is no good.
fn shown(text: &str) -> String {
    text.escape_debug().take(80).collect()
}

fn file(path: &str) -> Result<(), String> {
    if path.chars().count() > FILE_CHARS_MAX || path.chars().any(char::is_control) {
        return Err(format!("`{}` is no path of a file", shown(path)));
    }
    if !path.starts_with('/') {
        return Err(format!("`{}` must be an absolute path: the hub may be started anywhere", shown(path)));
    }
    if path.ends_with('/') || path.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(format!("`{}` must name a file, without `.` and `..`", shown(path)));
    }
    Ok(())
}

/// A path below `/v1/`: names with `/` between, in characters that no part of an address is made of.
fn within(path: &str) -> Result<(), String> {
    let refuse = |why: &str| Err(format!("`{}` is no path in a vault: {why}", shown(path)));
    if path.starts_with('/') || path.ends_with('/') || path.starts_with("v1/") {
        return refuse("write it without /v1/ and without a slash at the ends, as in kv/data/crm");
    }
    if path.len() > PATH_CHARS_MAX || !path.contains('/') {
        return refuse("it has the engine's mount and a name, as in kv/data/crm");
    }
    let good = |part: &str| {
        !part.is_empty()
            && !matches!(part, "." | "..")
            && part
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'@' | b':' | b'+' | b'='))
    };
    if !path.split('/').all(good) {
        return refuse("its parts have letters, digits and - _ . ~ @ : + =");
    }
    // What the hub asks for is a secret, never how the vault is run or who may what in it.
    if ["sys", "auth", "identity"].contains(&path.split('/').next().unwrap_or_default()) {
        return refuse("sys, auth and identity are about the vault itself and hold no secrets of systems");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(path: &str) -> SecretReference {
        SecretReference::Vault { vault: "corp".into(), path: path.into(), field: FIELD.into() }
    }

    fn file(path: &str) -> SecretReference {
        SecretReference::File { path: path.into() }
    }

    /// The reference, and a part of why it is none; empty where it is one.
    #[track_caller]
    fn check(reference: &SecretReference, expected: &str) {
        let found = reference.check().err().unwrap_or_default();
        assert!(if expected.is_empty() { found.is_empty() } else { found.contains(expected) }, "{reference:?}: {found}");
    }

    #[test]
    fn a_reference_names_one_place_and_nothing_else() {
        for path in ["kv/data/crm", "secret/crm", "database/creds/crm-ro", "team/kv/data/a.b_c~d@e:f+g=h"] {
            check(&vault(path), "");
        }
        for (path, expected) in [
            ("", "mount"),
            ("kv", "mount"),
            ("/kv/data/crm", "without /v1/"),
            ("kv/data/crm/", "without /v1/"),
            ("v1/kv/data/crm", "without /v1/"),
            ("kv/../sys/seal", "parts have"),
            ("kv/./crm", "parts have"),
            ("kv//crm", "parts have"),
            ("kv/data/crm?version=1", "parts have"),
            ("kv/data/crm#x", "parts have"),
            ("kv/data/%2e%2e", "parts have"),
            ("kv/data/c rm", "parts have"),
            ("kv/data/crm\r\nX-A: b", "parts have"),
            ("kv/data\\crm", "parts have"),
            ("sys/raw/core", "about the vault itself"),
            ("auth/token/create", "about the vault itself"),
            ("identity/oidc/token/x", "about the vault itself"),
        ] {
            check(&vault(path), expected);
        }
        for (path, expected) in [
            ("/run/secrets/crm", ""),
            ("run/secrets/crm", "absolute"),
            ("", "absolute"),
            ("/run/secrets/", "must name a file"),
            ("/run/../etc/shadow", "without `.` and `..`"),
            ("/run/./crm", "without `.` and `..`"),
            ("/run/secrets/a\nb", "no path of a file"),
        ] {
            check(&file(path), expected);
        }
        check(
            &SecretReference::Vault { vault: "Corp".into(), path: "kv/data/x".into(), field: "f".into() },
            "no name of a vault",
        );
        check(&SecretReference::Vault { vault: "corp".into(), path: "kv/data/x".into(), field: String::new() }, "no field");
        check(&SecretReference::Vault { vault: "corp".into(), path: "kv/data/x".into(), field: "a\nb".into() }, "no field");
    }
}
