//! Where a secret is kept when it is not in the hub's own vault: what a reference may say. Decides; fetches nothing.

use serde::{Deserialize, Serialize};

/// Characters of a file's path.
const FILE_CHARS_MAX: usize = 4_096;
/// Characters of a path within a vault.
const PATH_CHARS_MAX: usize = 512;
/// Characters of a field's name, or of a template of fields.
const FIELD_CHARS_MAX: usize = 128;
/// Characters of a version's label.
const STAGE_CHARS_MAX: usize = 128;
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
        /// What it is called there: the path of its API without `/v1/` (`kv/data/crm`), or a name.
        path: String,
        /// Field of what is there, or a template of its fields: `{username}:{password}`. Empty: nobody named one.
        field: String,
        /// Which version, by its label, where the vault has such: `AWSPREVIOUS`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stage: Option<String>,
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
            Self::Vault { vault, path, field, stage } => {
                if !is_name(vault) {
                    return Err(format!("`{}` is no name of a vault; [vaults.NAME] in nave.toml", shown(vault)));
                }
                named(path)?;
                if field.chars().count() > FIELD_CHARS_MAX || field.chars().any(char::is_control) {
                    return Err(format!("`{}` is no field of a secret", shown(field)));
                }
                template(field)?;
                let label = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'/' | b'+' | b'=');
                match stage {
                    Some(stage) if stage.is_empty() || stage.len() > STAGE_CHARS_MAX || !stage.bytes().all(label) => {
                        Err(format!("`{}` is no label of a version, as AWSCURRENT and AWSPREVIOUS are", shown(stage)))
                    }
                    _ => Ok(()),
                }
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
            Self::Vault { vault, path, field, stage } => {
                write!(f, "{path} in the vault {vault}")?;
                if !field.is_empty() {
                    write!(f, ", field {field}")?;
                }
                stage.as_ref().map_or(Ok(()), |stage| write!(f, ", version {stage}"))
            }
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

/// A piece of a secret that is put together from the fields of one answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// As it stands.
    Text(String),
    /// The value of this field.
    Field(String),
}

/// What of an answer the secret is made of: one field, or a template of fields in braces, `{username}:{password}`. One answer gives
/// them all, so they belong together.
///
/// # Errors
/// A brace that is not closed or names nothing, and what to write.
pub fn template(field: &str) -> Result<Vec<Piece>, String> {
    if !field.contains(['{', '}']) {
        return Ok(vec![Piece::Field(field.to_owned())]);
    }
    let broken = || Err(format!("`{}` is no template of fields; write --field '{{username}}:{{password}}'", shown(field)));
    let (mut pieces, mut rest) = (Vec::new(), field);
    while let Some((text, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else { return broken() };
        if name.is_empty() || name.contains('{') || text.contains('}') {
            return broken();
        }
        if !text.is_empty() {
            pieces.push(Piece::Text(text.to_owned()));
        }
        pieces.push(Piece::Field(name.to_owned()));
        rest = after;
    }
    if rest.contains('}') || pieces.is_empty() {
        return broken();
    }
    if !rest.is_empty() {
        pieces.push(Piece::Text(rest.to_owned()));
    }
    Ok(pieces)
}

/// What a secret may be called in any vault: in characters that no part of an address is made of. Each kind has rules of its own beside.
fn named(path: &str) -> Result<(), String> {
    let good =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b'~' | b'@' | b':' | b'+' | b'=' | b'/' | b'!');
    if path.is_empty() || path.len() > PATH_CHARS_MAX || !path.bytes().all(good) {
        return Err(format!("`{}` is no path in a vault: its parts have letters, digits and - _ . ~ @ : + = !", shown(path)));
    }
    Ok(())
}

/// Whether it is a secret of Secrets Manager: a name, or the whole ARN.
///
/// # Errors
/// Why not, and what to write.
pub fn check_aws(path: &str) -> Result<(), String> {
    named(path)?;
    if path.contains(['~', ':']) && !path.starts_with("arn:") {
        return Err(format!("`{}` is no secret of AWS: write its name, as in prod/crm, or its ARN", shown(path)));
    }
    Ok(())
}

/// Whether it is a path of HashiCorp Vault's API below `/v1/`: names with `/` between.
///
/// # Errors
/// Why not, and what to write.
pub fn check_hashicorp(path: &str) -> Result<(), String> {
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
        SecretReference::Vault { vault: "corp".into(), path: path.into(), field: FIELD.into(), stage: None }
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
            assert_eq!(check_hashicorp(path), Ok(()));
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
            let found = check_hashicorp(path).expect_err(path);
            assert!(found.contains(expected), "{path}: {found}");
        }
        for (path, expected) in
            [("", "parts have"), ("kv/data/c rm", "parts have"), ("kv?x", "parts have"), ("kv\\data\r\n", "parts have")]
        {
            check(&vault(path), expected);
        }
        for (path, good) in [
            ("prod/crm", true),
            ("/prod/crm", true),
            ("crm", true),
            ("rds!db-1", true),
            ("arn:aws:secretsmanager:eu-central-1:123456789012:secret:prod/crm-a1B2c3", true),
            ("aws:secretsmanager", false),
            ("a~b", false),
            ("", false),
        ] {
            assert_eq!(check_aws(path).is_ok(), good, "{path}");
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
        let of = |vault: &str, field: &str, stage: Option<&str>| SecretReference::Vault {
            vault: vault.into(),
            path: "kv/data/x".into(),
            field: field.into(),
            stage: stage.map(str::to_owned),
        };
        check(&of("corp", "f", Some("AWSPREVIOUS")), "");
        check(&of("corp", "", None), "");
        check(&of("corp", "{username}:{password}", None), "");
        check(&of("Corp", "f", None), "no name of a vault");
        check(&of("corp", "a\nb", None), "no field");
        check(&of("corp", "{username", None), "no template of fields");
        check(&of("corp", "f", Some("a b")), "no label of a version");
        check(&of("corp", "f", Some("")), "no label of a version");
    }

    #[test]
    fn a_field_may_be_made_of_several() {
        let text = |text: &str| Piece::Text(text.to_owned());
        let field = |name: &str| Piece::Field(name.to_owned());
        for (written, expected) in [
            ("token", Some(vec![field("token")])),
            ("", Some(vec![field("")])),
            ("{username}:{password}", Some(vec![field("username"), text(":"), field("password")])),
            ("a{x}{y}b", Some(vec![text("a"), field("x"), field("y"), text("b")])),
            ("{}", None),
            ("{a", None),
            ("a}", None),
            ("{a}}", None),
            ("{{a}}", None),
            ("}{a}", None),
        ] {
            assert_eq!(template(written).ok(), expected, "{written}");
        }
    }

    /// What an earlier version wrote is read as it was meant.
    #[test]
    fn a_reference_of_before_has_no_version() {
        let before = r#"{"kind":"vault","vault":"corp","path":"kv/data/crm","field":"value"}"#;
        let read: SecretReference = serde_json::from_str(before).expect("one");
        assert_eq!(read, vault("kv/data/crm"));
        assert_eq!(serde_json::to_string(&read).expect("text"), before);
    }
}
