//! `[vaults]` of `nave.toml`: vaults of others that secrets may be kept in. Holds addresses and names, never a credential.

use std::collections::BTreeMap;

use super::Reach;
use super::alerts::{is_url, reach};
use super::reader::Table;
use crate::limits::{REFERENCE_HOLD_MS, REFERENCE_HOLD_MS_MAX};
use crate::secret_reference::{SecretReference, check_aws, check_hashicorp, is_name};

/// Where AppRole is mounted unless somebody says otherwise.
const APP_ROLE: &str = "approle";

/// A vault of somebody else's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalVault {
    /// What it speaks.
    pub kind: VaultKind,
    /// Scheme, host and port; a path where it is served below one.
    pub address: String,
    /// Secret that it signs in with; in the hub's own vault, or in a file.
    pub secret: String,
    /// What may be reached for it.
    pub reach: Reach,
    /// How long a value is held that has no lease, milliseconds.
    pub hold_ms: u64,
}

/// What a vault speaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultKind {
    /// The API of HashiCorp Vault, as OpenBao does. The secret is a token, or `role-id:secret-id`.
    HashiCorp {
        /// How the hub signs in.
        sign_in: VaultSignIn,
        /// Namespace, sent as `X-Vault-Namespace`.
        namespace: Option<String>,
    },
    /// AWS Secrets Manager: each request is signed. The secret is `access-key-id:secret-access-key`, or that with `:session-token`.
    Aws {
        /// Region: it is part of what is signed, and of the address where that is left out.
        region: String,
    },
}

impl VaultKind {
    /// In one word, as `nave secret list` has it.
    pub fn word(&self) -> &'static str {
        match self {
            Self::HashiCorp { .. } => "hashicorp",
            Self::Aws { .. } => "aws",
        }
    }
}

/// How the hub signs in at a vault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VaultSignIn {
    /// A token, sent as it is.
    Token,
    /// AppRole, at this mount: its role id and secret id are changed for a token.
    AppRole {
        /// Without `auth/`.
        mount: String,
    },
}

impl ExternalVault {
    /// Whether its secret is changed for a token first, which may end before its time.
    pub fn signs_in(&self) -> bool {
        matches!(self.kind, VaultKind::HashiCorp { sign_in: VaultSignIn::AppRole { .. }, .. })
    }

    /// Whether a secret may be called so there.
    ///
    /// # Errors
    /// Why not, and what to write.
    pub fn check(&self, reference: &SecretReference) -> Result<(), String> {
        let SecretReference::Vault { path, stage, .. } = reference else { return Ok(()) };
        match &self.kind {
            VaultKind::HashiCorp { .. } if stage.is_some() => {
                Err("a version has a label in a vault of the kind \"aws\" alone; leave --stage out".to_owned())
            }
            VaultKind::HashiCorp { .. } => check_hashicorp(path),
            VaultKind::Aws { .. } => check_aws(path),
        }
    }
}

/// `[vaults.NAME]`.
pub(super) fn vaults(table: &Table<'_>) -> BTreeMap<String, ExternalVault> {
    let read = |(name, table): (super::reader::At<&str>, Table<'_>)| {
        if !is_name(name.value) {
            let help = Some("use 1 to 64 of a-z, 0-9, `-`, `_` and `.`".to_owned());
            table.file.error(name.span.clone(), "bad-name", format!("`{}` is no name for a vault", name.value), help);
        }
        Some((name.value.to_owned(), vault(table)?))
    };
    table.named_tables().into_iter().filter_map(read).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Word {
    Token,
    AppRole,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaks {
    HashiCorp,
    Aws,
}

fn vault(mut table: Table<'_>) -> Option<ExternalVault> {
    // The first two speak the same API; the word says which words people look for.
    let kinds = [("hashicorp", Speaks::HashiCorp), ("openbao", Speaks::HashiCorp), ("aws", Speaks::Aws)];
    if !table.has("kind") {
        let help = Some("write kind = \"hashicorp\", \"openbao\" or \"aws\"".to_owned());
        table.file.error(table.span.clone(), "missing-key", "`kind` is missing", help);
    }
    let kind = table.word("kind", &kinds).map(|kind| kind.value);
    let found = if kind == Some(Speaks::Aws) { aws(&mut table) } else { hashicorp(&mut table) };
    table.finish();
    kind?;
    found
}

/// How long a value is held that has no lease, milliseconds.
fn hold(table: &mut Table<'_>) -> u64 {
    let hold_ms = table.duration("hold").unwrap_or(REFERENCE_HOLD_MS);
    if !(1..=REFERENCE_HOLD_MS_MAX).contains(&hold_ms) {
        let help = Some("write hold = \"5m\"; at most 1h, so that a changed secret is seen".to_owned());
        table.file.error(table.key_span("hold"), "bad-duration", "`hold` is too long or nothing at all", help);
    }
    hold_ms
}

/// AWS Secrets Manager: a region, and where that is not asked at its public address, an endpoint.
fn aws(table: &mut Table<'_>) -> Option<ExternalVault> {
    let reach = reach(table);
    let region = table.needed("region", "write region = \"eu-central-1\"");
    let is_region = |text: &str| {
        (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let region = region.filter(|region| {
        let good = is_region(&region.value);
        if !good {
            let help = Some("write region = \"eu-central-1\"".to_owned());
            table.file.error(region.span.clone(), "bad-region", format!("`{}` is no region", region.value), help);
        }
        good
    });
    let endpoint = table.text("endpoint");
    let wrong = endpoint.as_ref().is_some_and(|endpoint| !is_url(table, endpoint.span.clone(), &endpoint.value, &reach));
    let secret = table.needed(
        "secret",
        "write secret = \"NAME\": `nave secret set NAME` takes access-key-id:secret-access-key, and :session-token where there is one",
    );
    let hold_ms = hold(table);
    let region = region?.value;
    let address = match endpoint {
        Some(_) if wrong => return None,
        Some(endpoint) => endpoint.value.trim_end_matches('/').to_owned(),
        // China's regions have a domain of their own.
        None if region.starts_with("cn-") => format!("https://secretsmanager.{region}.amazonaws.com.cn"),
        None => format!("https://secretsmanager.{region}.amazonaws.com"),
    };
    Some(ExternalVault { kind: VaultKind::Aws { region }, address, secret: secret?.value, reach, hold_ms })
}

fn hashicorp(table: &mut Table<'_>) -> Option<ExternalVault> {
    let reach = reach(table);
    let address = table.needed("address", "write address = \"https://vault.example.com:8200\"");
    let address = address.filter(|address| is_url(table, address.span.clone(), &address.value, &reach));
    let secret = table.needed("secret", "write secret = \"NAME\": the secret that the hub signs in with, `nave secret set NAME`");
    let word =
        table.word("sign-in", &[("token", Word::Token), ("app-role", Word::AppRole)]).map_or(Word::Token, |word| word.value);
    let mount = table.text("mount");
    if let Some(mount) = &mount
        && (word == Word::Token || !is_path(&mount.value))
    {
        let (message, help) = match word {
            Word::Token => ("`mount` is where AppRole signs in".to_owned(), "write sign-in = \"app-role\", or leave it out"),
            Word::AppRole => (format!("`{}` is no mount", mount.value), "write mount = \"approle\", without auth/"),
        };
        table.file.error(mount.span.clone(), "bad-mount", message, Some(help.to_owned()));
    }
    let namespace = table.text("namespace");
    if let Some(namespace) = namespace.as_ref().filter(|namespace| !is_path(namespace.value.trim_end_matches('/'))) {
        let help = Some("write namespace = \"team-a\"".to_owned());
        table.file.error(namespace.span.clone(), "bad-namespace", format!("`{}` is no namespace", namespace.value), help);
    }
    let hold_ms = hold(table);
    let sign_in = match word {
        Word::Token => VaultSignIn::Token,
        Word::AppRole => VaultSignIn::AppRole { mount: mount.map_or(APP_ROLE.to_owned(), |mount| mount.value) },
    };
    let address = address?.value.trim_end_matches('/').to_owned();
    let namespace = namespace.map(|namespace| namespace.value);
    Some(ExternalVault { kind: VaultKind::HashiCorp { sign_in, namespace }, address, secret: secret?.value, reach, hold_ms })
}

/// Names with `/` between.
fn is_path(text: &str) -> bool {
    let good = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')) && part != ".."
    };
    text.len() <= 256 && text.split('/').all(good)
}

#[cfg(test)]
mod tests {
    use super::super::{SourceFile, check as checked};
    use super::*;

    fn read(lines: &str) -> Result<BTreeMap<String, ExternalVault>, String> {
        let text = format!("[vaults.corp]\n{lines}");
        match checked(&[SourceFile { path: "nave.toml".into(), text }], &BTreeMap::new()) {
            Ok((catalog, _)) => Ok(catalog.hub.vaults),
            Err(found) => {
                let said = found.iter().map(|one| format!("{} {}", one.message, one.help.as_deref().unwrap_or_default()));
                Err(said.collect::<Vec<_>>().join("; "))
            }
        }
    }

    const WELL: &str = "kind = \"hashicorp\"\naddress = \"https://vault.example.com:8200/\"\nsecret = \"corp\"\n";

    #[test]
    fn a_vault_is_read_with_what_is_left_out() {
        let found = read(WELL).unwrap().remove("corp").unwrap();
        let expected = ExternalVault {
            kind: VaultKind::HashiCorp { sign_in: VaultSignIn::Token, namespace: None },
            address: "https://vault.example.com:8200".into(),
            secret: "corp".into(),
            reach: Reach::default(),
            hold_ms: REFERENCE_HOLD_MS,
        };
        assert_eq!(found, expected);
        let more = "sign-in = \"app-role\"\nmount = \"team/approle\"\nnamespace = \"team-a/\"\nnetworks = [\"10.0.0.0/8\"]\nhold = \"30s\"";
        let found = read(&format!("{WELL}{more}")).unwrap().remove("corp").unwrap();
        let sign_in = VaultSignIn::AppRole { mount: "team/approle".into() };
        assert_eq!(found.kind, VaultKind::HashiCorp { sign_in, namespace: Some("team-a/".into()) });
        assert_eq!(found.hold_ms, 30_000);
        assert_eq!(found.reach.networks, ["10.0.0.0/8"]);
    }

    #[test]
    fn a_region_says_where_secrets_manager_is_asked() {
        let aws =
            |lines: &str| read(&format!("kind = \"aws\"\nsecret = \"corp\"\n{lines}")).map(|mut all| all.remove("corp").unwrap());
        for (lines, address) in [
            ("region = \"eu-central-1\"", "https://secretsmanager.eu-central-1.amazonaws.com"),
            ("region = \"cn-north-1\"", "https://secretsmanager.cn-north-1.amazonaws.com.cn"),
            ("region = \"eu-central-1\"\nendpoint = \"https://vpce-1.example.com/\"", "https://vpce-1.example.com"),
        ] {
            let found = aws(lines).unwrap();
            assert_eq!((found.address.as_str(), found.hold_ms, found.signs_in()), (address, REFERENCE_HOLD_MS, false), "{lines}");
        }
        for (lines, expected) in [
            ("", "`region` is missing"),
            ("region = \"EU Central\"", "no region"),
            ("region = \"eu-central-1.evil.example/\"", "no region"),
            ("region = \"eu-central-1\"\nendpoint = \"http://x.example\"", "http:// sends everything readable"),
            ("region = \"eu-central-1\"\nmount = \"approle\"", "mount"),
            ("region = \"eu-central-1\"\nhold = \"2h\"", "at most 1h"),
        ] {
            let found = aws(lines).expect_err(lines);
            assert!(found.contains(expected), "{lines}: {found}");
        }
        let stage = SecretReference::Vault {
            vault: "corp".into(),
            path: "prod/crm".into(),
            field: "".into(),
            stage: Some("AWSPREVIOUS".into()),
        };
        assert_eq!(aws("region = \"eu-central-1\"").unwrap().check(&stage), Ok(()));
        assert!(read(WELL).unwrap()["corp"].check(&stage).unwrap_err().contains("leave --stage out"));
    }

    /// What is written, and a part of what is said about it.
    #[track_caller]
    fn check(lines: &str, expected: &str) {
        let found = read(lines).expect_err(lines);
        assert!(found.contains(expected), "{lines}: {found}");
    }

    #[test]
    fn what_is_wrong_is_said_with_what_to_write() {
        check("address = \"https://v\"\nsecret = \"x\"", "`kind` is missing write kind");
        check(&WELL.replace("hashicorp", "hashicorb"), "did you mean `hashicorp`?");
        check("kind = \"hashicorp\"\nsecret = \"x\"", "`address` is missing");
        check("kind = \"hashicorp\"\naddress = \"https://v\"", "`secret` is missing");
        check(&WELL.replace("https", "http"), "http:// sends everything readable");
        check(&format!("{WELL}insecure = true"), "`insecure` needs a reason");
        check(&WELL.replace("https://", "https://me:pw@"), "secret");
        check(&format!("{WELL}addres = \"x\""), "did you mean `address`?");
        check(&format!("{WELL}mount = \"approle\""), "where AppRole signs in");
        check(&format!("{WELL}sign-in = \"approle\""), "did you mean `app-role`?");
        check(&format!("{WELL}sign-in = \"app-role\"\nmount = \"../sys\""), "no mount");
        check(&format!("{WELL}namespace = \"a b\""), "no namespace");
        check(&format!("{WELL}hold = \"2h\""), "at most 1h");
        check(&format!("{WELL}token = \"hvs.CAESIJlU02LQZq\""), "looks like a secret"); // nave:no-secret
        let text = "[vaults.Corp]\nkind = \"hashicorp\"\naddress = \"https://v\"\nsecret = \"x\"".to_owned();
        let found = checked(&[SourceFile { path: "nave.toml".into(), text }], &BTreeMap::new()).unwrap_err();
        assert!(found[0].message.contains("no name for a vault"), "{found:?}");
    }
}
