//! What a credential is allowed over there, compared with what its plugin needs.

use crate::catalog::{Catalog, Connection};
use crate::grant::Grants;
use crate::manifest::{CredentialKind, Manifest};

/// The scopes that a connection asks for with a credential slot: those that the credential names itself, or those that the
/// manifest lists, without the ones that write where the connection only reads. Empty where nobody says.
pub fn asked(manifest: &Manifest, grants: &Grants, slot: &str, kind: &CredentialKind) -> Vec<String> {
    if let CredentialKind::Oauth2 { scopes, .. } | CredentialKind::OauthClientCredentials { scopes, .. } = kind
        && !scopes.trim().is_empty()
    {
        return split(scopes);
    }
    let reads = reads_only(manifest, grants, slot);
    let listed = manifest.credentials.get(slot).map(|slot| slot.scopes.as_slice()).unwrap_or_default();
    listed.iter().filter(|scope| !(reads && scope.writes)).map(|scope| scope.name.clone()).collect()
}

/// Whether everything that is called with this slot is granted for reading only.
pub fn reads_only(manifest: &Manifest, grants: &Grants, slot: &str) -> bool {
    let mut used = manifest
        .endpoints
        .iter()
        .filter(|(_, asked)| asked.credential.as_deref() == Some(slot))
        .filter_map(|(name, _)| grants.endpoints.get(name))
        .peekable();
    used.peek().is_some() && used.all(|grant| grant.read_only)
}

/// Whether nothing is written with this slot: its grants are for reading only, or there are flows and none of them goes out.
pub fn only_reads(catalog: &Catalog, manifest: &Manifest, connection: &Connection, slot: &str) -> bool {
    let mut flows = catalog.mappings.values().filter(|flow| flow.connection == connection.name).peekable();
    reads_only(manifest, &connection.grants, slot) || (flows.peek().is_some() && flows.all(|flow| flow.flow_out.is_none()))
}

/// Of the scopes that a system says it granted, those that nothing here needs: what the credential does not name, or where it names
/// none the manifest; and where nothing is written what writes, as the manifest says or, where it says nothing of it, by its name.
pub fn beyond(manifest: &Manifest, slot: &str, kind: &CredentialKind, reads: bool, granted: &[String]) -> Vec<String> {
    let listed = manifest.credentials.get(slot).map(|slot| slot.scopes.as_slice()).unwrap_or_default();
    let own = match kind {
        CredentialKind::Oauth2 { scopes, .. } | CredentialKind::OauthClientCredentials { scopes, .. } => split(scopes),
        _ => Vec::new(),
    };
    let writes = |scope: &str| match listed.iter().find(|one| one.name == scope) {
        Some(one) => one.writes,
        None => writes_by_name(scope),
    };
    let needed = |scope: &String| match own.is_empty() {
        false => own.contains(scope),
        true => listed.is_empty() || listed.iter().any(|one| one.name == *scope),
    };
    granted.iter().filter(|scope| !needed(scope) || (reads && writes(scope))).cloned().collect()
}

/// Whether a scope that nobody describes writes, by the words that vendors use: `contacts.write`, `repo:admin`.
fn writes_by_name(scope: &str) -> bool {
    let words = ["write", "readwrite", "admin", "manage", "delete", "full", "modify"];
    scope.to_ascii_lowercase().split(|c: char| !c.is_ascii_alphanumeric()).any(|word| words.contains(&word))
}

/// Blank-separated scopes, each once, in order.
pub fn split(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        if !all.iter().any(|known| known == word) {
            all.push(word.to_owned());
        }
    }
    all
}

/// Scopes that are needed and were not granted. None where the system does not say what it granted.
pub fn missing(asked: &[String], granted: &[String]) -> Vec<String> {
    if granted.is_empty() {
        return Vec::new();
    }
    asked.iter().filter(|scope| !granted.contains(scope)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest() -> Manifest {
        let text = r#"{ "name": "desk", "version": "1.0.0", "serial": 1, "title": "", "description": "", "kind": "connector",
          "endpoints": {
            "api": { "base": "https://a.example", "allow": [], "credential": "key", "reason": "" },
            "files": { "base": "https://f.example", "allow": [], "credential": "key", "reason": "" },
            "open": { "base": "https://o.example", "allow": [], "reason": "" } },
          "credentials": { "key": { "kinds": [{ "kind": "bearer" }], "reason": "", "scopes": [
            { "name": "read", "reason": "to read" }, { "name": "write", "reason": "to write", "writes": true } ] } } }"#;
        serde_json::from_str(text).unwrap()
    }

    /// Granted endpoints, `-` before those that only read; the credential's own scopes; what is asked for.
    #[track_caller]
    fn check(endpoints: &[&str], own: &str, expected: &str) {
        let grant = |name: &&str| {
            let text = format!(r#"{{ "base": "https://x.example", "read-only": {} }}"#, name.starts_with('-'));
            (name.trim_start_matches('-').to_owned(), serde_json::from_str(&text).unwrap())
        };
        let grants = Grants { endpoints: endpoints.iter().map(grant).collect(), ..Grants::default() };
        let kind = CredentialKind::OauthClientCredentials { endpoint: "api".into(), path: "/t".into(), scopes: own.into() };
        assert_eq!(asked(&manifest(), &grants, "key", &kind).join(" "), expected, "{endpoints:?}");
    }

    #[test]
    fn a_connection_that_only_reads_asks_for_no_scope_that_writes() {
        check(&["api"], "", "read write");
        check(&["-api"], "", "read");
        check(&["-api", "files"], "", "read write");
        check(&["-api", "-files", "open"], "", "read");
        check(&[], "", "read write");
        check(&["-api"], "a  b a", "a b");
    }

    /// Scopes of the credential's own; whether nothing is written; what was granted; what of it is too much.
    #[track_caller]
    fn check_beyond(manifest: &Manifest, own: &str, reads: bool, granted: &str, expected: &str) {
        let kind = CredentialKind::OauthClientCredentials { endpoint: "api".into(), path: "/t".into(), scopes: own.into() };
        let found = beyond(manifest, "key", &kind, reads, &split(granted)).join(" ");
        assert_eq!(found, expected, "{own:?} {reads} {granted:?}");
    }

    #[test]
    fn what_writes_is_too_much_where_nothing_is_written() {
        let listed = manifest();
        check_beyond(&listed, "", false, "read write", "");
        check_beyond(&listed, "", true, "read write", "write");
        check_beyond(&listed, "", true, "read", "");
        check_beyond(&listed, "", false, "read write admin", "admin");
        check_beyond(&listed, "read other", false, "read other write", "write");
        check_beyond(&listed, "write", true, "write", "write");
        // Nobody says what is needed: then by its name, and only where nothing is written.
        let mut silent = manifest();
        silent.credentials.get_mut("key").unwrap().scopes.clear();
        check_beyond(&silent, "", true, "contacts.read contacts.write crm:ADMIN rewrite", "contacts.write crm:ADMIN");
        check_beyond(&silent, "", false, "contacts.write anything", "");
        check_beyond(&silent, "contacts.write", true, "contacts.write", "contacts.write");
        check_beyond(&silent, "", true, "", "");
    }

    #[test]
    fn too_little_is_found() {
        let list = |text: &str| split(text);
        assert_eq!(missing(&list("read write"), &list("read")), list("write"));
        assert_eq!(missing(&list("read"), &[]), list(""), "the system does not say");
    }
}
