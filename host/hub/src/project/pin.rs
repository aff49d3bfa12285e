//! What a connection was granted, written down: methods and paths per endpoint, and where and how each secret is used.
//!
//! A file that leaves `allow`, `endpoints` or a detail of a credential's kind out grants what its plugin's manifest asks
//! for. That is pinned before another build takes the plugin's place, so that an update never brings a power with it.
//! Only what is left out is written; what a person wrote stays.

use std::path::Path;

use nave_core::manifest::{CredentialKind, Manifest};
use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value, value};

use super::connection::toml_value;
use super::{ProjectError, readable, write};
use crate::plugins::powers;

/// Pins every connection that uses this plugin to what this manifest asks for. Says which files changed.
pub(crate) fn pin_all(dir: &Path, manifest: &Manifest) -> Result<Vec<String>, ProjectError> {
    let mut changed = Vec::new();
    for (file, mut document) in of_plugin(dir, &manifest.name)? {
        if pin(&mut document, manifest) {
            write::whole(&dir.join(&file), document.to_string().as_bytes())?;
            changed.push(file);
        }
    }
    Ok(changed)
}

/// Connections whose file leaves something to the manifest: those cannot be pinned once that is gone.
pub(crate) fn unpinned(dir: &Path, plugin: &str) -> Result<Vec<String>, ProjectError> {
    let tables = |item: Option<&Item>| -> Vec<Item> {
        item.and_then(Item::as_table_like).map(|all| all.iter().map(|(_, one)| one.clone()).collect()).unwrap_or_default()
    };
    let open = |document: &DocumentMut| {
        let endpoints = tables(document.get("grants").and_then(|grants| grants.get("endpoints")));
        endpoints.iter().any(|grant| says_nothing(grant.get("allow")))
            || tables(document.get("credentials")).iter().any(|credential| credential.get("endpoints").is_none())
    };
    Ok(of_plugin(dir, plugin)?.into_iter().filter(|(_, document)| open(document)).map(|(file, _)| file).collect())
}

/// No `allow`, or an empty one: all that the manifest asks for.
fn says_nothing(allow: Option<&Item>) -> bool {
    allow.is_none_or(|allow| allow.as_array().is_some_and(Array::is_empty))
}

fn of_plugin(dir: &Path, plugin: &str) -> Result<Vec<(String, DocumentMut)>, ProjectError> {
    let mut found = Vec::new();
    for file in readable(dir).0.into_iter().filter(|file| file.path.starts_with("connections/")) {
        // A file that cannot be read is in force nowhere: the catalog's check says what is wrong with it.
        let Ok(document) = file.text.parse::<DocumentMut>() else { continue };
        if document.get("plugin").and_then(Item::as_str) == Some(plugin) {
            found.push((file.path, document));
        }
    }
    Ok(found)
}

/// Writes what is left out. Says whether anything was.
pub(super) fn pin(document: &mut DocumentMut, manifest: &Manifest) -> bool {
    let before = document.to_string();
    if let Some(endpoints) = document.get_mut("grants").and_then(|grants| grants.get_mut("endpoints"))
        && let Some(endpoints) = endpoints.as_table_like_mut()
    {
        for (name, grant) in endpoints.iter_mut() {
            if let Some(asked) = manifest.endpoints.get(name.get())
                && let Some(grant) = grant.as_table_like_mut()
                && says_nothing(grant.get("allow"))
            {
                let mut lines = Array::new();
                for line in &asked.allow {
                    let list = |words: &[String]| words.iter().map(String::as_str).collect::<Array>();
                    let mut table = InlineTable::new();
                    table.insert("methods", list(&line.methods).into());
                    table.insert("paths", list(&line.paths).into());
                    let mut line = Value::InlineTable(table);
                    line.decor_mut().set_prefix("\n    ");
                    lines.push_formatted(line);
                }
                lines.set_trailing("\n");
                lines.set_trailing_comma(true);
                grant.insert("allow", value(lines));
            }
        }
    }
    if let Some(credentials) = document.get_mut("credentials").and_then(Item::as_table_like_mut) {
        for (slot, credential) in credentials.iter_mut() {
            let (slot, Some(asked)) = (slot.get().to_owned(), manifest.credentials.get(slot.get())) else { continue };
            let word = credential.get("kind").and_then(Item::as_str).map(str::to_owned);
            let kind = match &word {
                Some(word) => asked.kinds.iter().find(|kind| powers::kind_word(kind) == word),
                None => asked.kinds.first(),
            };
            if let (Some(kind), Some(credential)) = (kind, credential.as_table_like_mut()) {
                pin_credential(credential, &slot, kind, manifest);
            }
        }
    }
    document.to_string() != before
}

fn pin_credential(credential: &mut dyn TableLike, slot: &str, kind: &CredentialKind, manifest: &Manifest) {
    if let Ok(serde_json::Value::Object(details)) = serde_json::to_value(kind) {
        for (key, detail) in &details {
            if let (None, Some(detail)) = (credential.get(key), toml_value(detail)) {
                credential.insert(key, value(detail));
            }
        }
    }
    if credential.get("endpoints").is_none() {
        // The endpoint of a log-in is the one that the file names, if it names one.
        let login: Vec<String> = match kind {
            CredentialKind::OauthClientCredentials { .. } | CredentialKind::Login { .. } => {
                credential.get("endpoint").and_then(Item::as_str).map(str::to_owned).into_iter().collect()
            }
            CredentialKind::Oauth2 { .. } => {
                let of = |step: &str| credential.get(step)?.get("endpoint")?.as_str().map(str::to_owned);
                ["token", "device"].into_iter().filter_map(of).collect()
            }
            _ => Vec::new(),
        };
        let on =
            manifest.endpoints.iter().filter(|(name, asked)| asked.credential.as_deref() == Some(slot) || login.contains(name));
        credential.insert("endpoints", value(on.map(|(name, _)| name.as_str()).collect::<Array>()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(allow: &str, credential: &str, kind: &str) -> Manifest {
        let text = format!(
            r#"{{ "name": "desk", "version": "1.0.0", "serial": 1, "title": "", "description": "", "kind": "connector",
              "endpoints": {{ "api": {{ "base": "https://a.example", "allow": {allow}, "credential": "{credential}", "reason": "" }},
                              "login": {{ "base": "https://b.example", "allow": [{{ "methods": ["POST"], "paths": ["/"] }}], "reason": "" }} }},
              "credentials": {{ "{credential}": {{ "kinds": [{kind}], "reason": "" }} }} }}"#
        );
        serde_json::from_str(&text).unwrap()
    }

    /// A file, the manifest's `allow`, kind of credential, and lines that must be in the file then.
    #[track_caller]
    fn check(file: &str, kind: &str, expected: &[&str]) {
        let asked = manifest(r#"[{ "methods": ["GET", "POST"], "paths": ["/v1"] }]"#, "key", kind);
        let mut document: DocumentMut = file.parse().unwrap();
        let changed = pin(&mut document, &asked);
        let text = document.to_string();
        assert_eq!(changed, text != file);
        for line in expected {
            assert!(text.contains(line), "`{line}` is not in:\n{text}");
        }
        assert!(!pin(&mut document, &asked), "twice is once");
        assert!(
            !pin(&mut document, &manifest(r#"[{ "methods": ["DELETE"], "paths": ["/"] }]"#, "key", kind)),
            "it stays:\n{text}"
        );
    }

    #[test]
    fn what_is_left_out_is_written_down() {
        const BEARER: &str = r#"{ "kind": "bearer" }"#;
        let login = r#"{ "kind": "login", "endpoint": "login", "path": "/token", "body": "{}", "token": "/t" }"#;
        let api = "[grants.endpoints.api]\nbase = \"https://a.example\" # ours\n";
        let line = "{ methods = [\"GET\", \"POST\"], paths = [\"/v1\"] }";
        check(api, BEARER, &[line, "# ours"]);
        check(&format!("{api}allow = []\n"), BEARER, &[line]);
        check(&format!("{api}allow = [{{ methods = [\"GET\"], paths = [\"/\"] }}]\n"), BEARER, &["paths = [\"/\"] }]\n"]);
        check(&format!("{api}[[grants.endpoints.api.allow]]\nmethods = [\"GET\"]\npaths = [\"/\"]\n"), BEARER, &[]);
        check("[credentials.key]\nsecret = \"x\"\n", BEARER, &["kind = \"bearer\"", "endpoints = [\"api\"]"]);
        check("[credentials.key]\nsecret = \"x\"\nendpoints = []\n", BEARER, &["endpoints = []"]);
        check("[credentials.key]\nsecret = \"x\"\n", login, &["path = \"/token\"", "endpoints = [\"api\", \"login\"]"]);
        check("[credentials.other]\nsecret = \"x\"\n", BEARER, &[]);
        check("plugin = \"desk\"\n", BEARER, &[]);
    }
}
