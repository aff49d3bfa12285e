//! `[vaults]` of `nave.toml`: vaults of others that secrets may be kept in. Holds addresses and names, never a credential.

use std::collections::BTreeMap;

use super::Reach;
use super::alerts::{is_url, reach};
use super::reader::Table;
use crate::limits::{REFERENCE_HOLD_MS, REFERENCE_HOLD_MS_MAX};
use crate::secret_reference::is_name;

/// Where AppRole is mounted unless somebody says otherwise.
const APP_ROLE: &str = "approle";

/// A vault that speaks the API of HashiCorp Vault, as OpenBao does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalVault {
    /// Scheme, host and port; a path where it is served below one.
    pub address: String,
    /// How the hub signs in.
    pub sign_in: VaultSignIn,
    /// Secret that it signs in with: a token, or `role-id:secret-id`. In the hub's own vault, or in a file.
    pub secret: String,
    /// Namespace, sent as `X-Vault-Namespace`.
    pub namespace: Option<String>,
    /// What may be reached for it.
    pub reach: Reach,
    /// How long a value is held that has no lease, milliseconds.
    pub hold_ms: u64,
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
        matches!(self.sign_in, VaultSignIn::AppRole { .. })
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

fn vault(mut table: Table<'_>) -> Option<ExternalVault> {
    // Both speak the same API; the word says which words people look for.
    let kinds = [("hashicorp", ()), ("openbao", ())];
    if !table.has("kind") {
        let help = Some("write kind = \"hashicorp\" or \"openbao\"".to_owned());
        table.file.error(table.span.clone(), "missing-key", "`kind` is missing", help);
    }
    let kind = table.word("kind", &kinds);
    let reach = reach(&mut table);
    let address = table.needed("address", "write address = \"https://vault.example.com:8200\"");
    let address = address.filter(|address| is_url(&table, address.span.clone(), &address.value, &reach));
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
    let hold_ms = table.duration("hold").unwrap_or(REFERENCE_HOLD_MS);
    if !(1..=REFERENCE_HOLD_MS_MAX).contains(&hold_ms) {
        let help = Some("write hold = \"5m\"; at most 1h, so that a changed secret is seen".to_owned());
        table.file.error(table.key_span("hold"), "bad-duration", "`hold` is too long or nothing at all", help);
    }
    let sign_in = match word {
        Word::Token => VaultSignIn::Token,
        Word::AppRole => VaultSignIn::AppRole { mount: mount.map_or(APP_ROLE.to_owned(), |mount| mount.value) },
    };
    table.finish();
    kind?;
    let address = address?.value.trim_end_matches('/').to_owned();
    let namespace = namespace.map(|namespace| namespace.value);
    Some(ExternalVault { address, sign_in, secret: secret?.value, namespace, reach, hold_ms })
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
            address: "https://vault.example.com:8200".into(),
            sign_in: VaultSignIn::Token,
            secret: "corp".into(),
            namespace: None,
            reach: Reach::default(),
            hold_ms: REFERENCE_HOLD_MS,
        };
        assert_eq!(found, expected);
        let more = "sign-in = \"app-role\"\nmount = \"team/approle\"\nnamespace = \"team-a/\"\nnetworks = [\"10.0.0.0/8\"]\nhold = \"30s\"";
        let found = read(&format!("{WELL}{more}")).unwrap().remove("corp").unwrap();
        assert_eq!(found.sign_in, VaultSignIn::AppRole { mount: "team/approle".into() });
        assert_eq!((found.namespace.as_deref(), found.hold_ms), (Some("team-a/"), 30_000));
        assert_eq!(found.reach.networks, ["10.0.0.0/8"]);
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
        check(&format!("{WELL}token = \"hvs.CAESIJlU02LQZq\""), "looks like a secret");
        let text = "[vaults.Corp]\nkind = \"hashicorp\"\naddress = \"https://v\"\nsecret = \"x\"".to_owned();
        let found = checked(&[SourceFile { path: "nave.toml".into(), text }], &BTreeMap::new()).unwrap_err();
        assert!(found[0].message.contains("no name for a vault"), "{found:?}");
    }
}
