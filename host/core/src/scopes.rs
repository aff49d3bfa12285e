//! What a credential is allowed over there, compared with what its plugin needs.

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

/// Scopes that were granted and that nothing here needs. None can be called so where nobody says what is needed.
pub fn excess(asked: &[String], granted: &[String]) -> Vec<String> {
    if asked.is_empty() {
        return Vec::new();
    }
    granted.iter().filter(|scope| !asked.contains(scope)).cloned().collect()
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

    #[test]
    fn too_much_and_too_little_are_found() {
        let list = |text: &str| split(text);
        assert_eq!(excess(&list("read"), &list("read write admin")), list("write admin"));
        assert_eq!(excess(&list("read write"), &list("read")), list(""));
        assert_eq!(excess(&[], &list("read")), list(""), "nobody says what is needed");
        assert_eq!(missing(&list("read write"), &list("read")), list("write"));
        assert_eq!(missing(&list("read"), &[]), list(""), "the system does not say");
    }
}
