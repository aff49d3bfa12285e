//! Reads a manifest strictly: known keys only, no key twice, names that cannot be mistaken for others, text that
//! cannot hide anything. Knows nothing of WebAssembly.

use std::{collections::HashSet, fmt};

use nave_core::{
    limits::MANIFEST_SIZE_BYTES_MAX,
    manifest::{ASKED_HEADERS, Allow, CredentialKind, Manifest, OAUTH_PARAMETERS, PluginKind},
};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::{error::PluginError, log_line::is_unsafe};

/// Longest name of a plugin, endpoint, credential slot, folder, setting or function.
const NAME_BYTES_MAX: usize = 64;

fn bad(message: impl fmt::Display) -> PluginError {
    PluginError::new("plugin.bad-manifest", format!("the manifest is not valid: {message}"))
}

/// Parses and checks the bytes of the section `nave:manifest`. What only a new file has to keep to is asked by [`check_powers`]: one that
/// is installed goes on. All errors have the code `plugin.bad-manifest`.
pub fn parse_manifest(bytes: &[u8]) -> Result<Manifest, PluginError> {
    if bytes.len() > MANIFEST_SIZE_BYTES_MAX {
        return Err(bad(format_args!("{} bytes, at most {MANIFEST_SIZE_BYTES_MAX} are allowed", bytes.len())));
    }
    let text = std::str::from_utf8(bytes).map_err(|_| bad("it is not UTF-8"))?;
    if !unicode_normalization::is_nfc(text) {
        return Err(bad("its text is not in Unicode normal form NFC"));
    }
    serde_json::from_str::<Strict>(text).map_err(bad)?;
    let manifest: Manifest = serde_json::from_str(text).map_err(bad)?;
    check(&manifest)?;
    Ok(manifest)
}

fn check(manifest: &Manifest) -> Result<(), PluginError> {
    name("the plugin", &manifest.name, "-")?;
    let version: Vec<_> = manifest.version.splitn(3, '.').collect();
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if version.len() != 3 || !number(version[0]) || !number(version[1]) || !version[2].starts_with(|c: char| c.is_ascii_digit()) {
        return Err(bad(format_args!("version `{}` is not like 1.2.3", manifest.version)));
    }
    if manifest.title.trim().is_empty() {
        return Err(bad("`title` is empty"));
    }
    for setting in manifest.settings.keys() {
        name("a setting", setting, "-_")?;
    }
    for slot in manifest.credentials.keys() {
        name("a credential slot", slot, "-")?;
    }
    for folder in manifest.folders.keys() {
        name("a folder", folder, "-")?;
    }
    for (endpoint, request) in &manifest.endpoints {
        name("an endpoint", endpoint, "-")?;
        if !(request.base.starts_with("https://") || request.base.starts_with("http://") || request.base.starts_with('{')) {
            return Err(bad(format_args!("endpoint `{endpoint}`: base `{}` is no http address", request.base)));
        }
        let kinds = || manifest.credentials.values().flat_map(|slot| &slot.kinds);
        // Only the hub calls an endpoint that is there for signing in.
        if request.allow.is_empty() && !kinds().any(|kind| kind.named_endpoints().contains(&endpoint.as_str())) {
            return Err(bad(format_args!("endpoint `{endpoint}` allows nothing; list methods and paths, or leave it out")));
        }
        request.allow.iter().try_for_each(|line| allowed(endpoint, line))?;
        if let Some(header) = request.headers.iter().find(|name| !ASKED_HEADERS.contains(&name.to_ascii_lowercase().as_str())) {
            return Err(bad(format_args!(
                "endpoint `{endpoint}`: `{header}` under `headers`; only Origin and Referer are asked for, the others need no line or are the hub's"
            )));
        }
        if let Some(slot) = &request.credential
            && !manifest.credentials.contains_key(slot)
        {
            return Err(bad(format_args!("endpoint `{endpoint}` names credential `{slot}`, which is not under `credentials`")));
        }
    }
    for (slot, credential) in &manifest.credentials {
        if credential.kinds.is_empty() {
            return Err(bad(format_args!("credential `{slot}` has no kinds")));
        }
        for kind in &credential.kinds {
            if let Some(endpoint) = kind.named_endpoints().into_iter().find(|name| !manifest.endpoints.contains_key(*name)) {
                return Err(bad(format_args!(
                    "credential `{slot}` logs in at endpoint `{endpoint}`, which is not under `endpoints`"
                )));
            }
            token(slot, kind)?;
            oauth(slot, kind)?;
            element(slot, kind)?;
            if let CredentialKind::Hmac { over, time, id_header, .. } = kind {
                nave_core::signing::check(over, time.is_some(), id_header.is_some())
                    .map_err(|why| bad(format_args!("credential `{slot}`: {why}")))?;
            }
        }
        for scope in &credential.scopes {
            if scope.name.is_empty() || scope.name.contains(|c: char| c.is_whitespace() || c.is_control()) {
                return Err(bad(format_args!("credential `{slot}`: `{}` is no scope", scope.name)));
            }
            if scope.reason.trim().is_empty() {
                return Err(bad(format_args!("credential `{slot}`: scope `{}` has no `reason`", scope.name)));
            }
        }
    }
    if let Some(webhook) = &manifest.webhook {
        webhook.signature.check().map_err(|why| bad(format_args!("webhook: {why}")))?;
        if manifest.kind == PluginKind::Transform {
            return Err(bad("a transform is told nothing by a system; take `webhook` out"));
        }
    }
    functions(manifest)?;
    for file in manifest.mappings.keys() {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '{' | '}');
        if !file.ends_with(".toml") || file.starts_with('.') || file.contains("..") || !file.chars().all(plain) {
            return Err(bad(format_args!("mapping `{file}` is not a plain file name ending in .toml")));
        }
    }
    Ok(())
}

/// What a file that is built or installed says of the powers that it asks for: why, and of an endpoint which host. An installed one may
/// be of before this was asked, and goes on.
///
/// # Errors
/// `plugin.bad-manifest`.
pub fn check_powers(manifest: &Manifest) -> Result<(), PluginError> {
    for (folder, request) in &manifest.folders {
        reasoned(&format!("folder `{folder}`"), &request.reason)?;
    }
    for (endpoint, request) in &manifest.endpoints {
        base(manifest, endpoint, &request.base)?;
        reasoned(&format!("endpoint `{endpoint}`"), &request.reason)?;
    }
    for (slot, credential) in &manifest.credentials {
        reasoned(&format!("credential `{slot}`"), &credential.reason)?;
    }
    Ok(())
}

/// A power that is asked for is explained to whoever grants it.
fn reasoned(what: &str, reason: &str) -> Result<(), PluginError> {
    match reason.trim().is_empty() {
        true => Err(bad(format_args!("{what}: `reason` is empty; it tells whoever grants it what it is for"))),
        false => Ok(()),
    }
}

/// An address is one host's, or is made of settings that there are.
fn base(manifest: &Manifest, endpoint: &str, base: &str) -> Result<(), PluginError> {
    let mut rest = base;
    while let Some((_, from)) = rest.split_once('{') {
        let (inner, after) = from.split_once('}').unwrap_or((from, ""));
        match inner.strip_prefix("settings.") {
            Some(setting) if manifest.settings.contains_key(setting) => rest = after,
            Some(setting) => {
                return Err(bad(format_args!(
                    "endpoint `{endpoint}`: base `{base}` names setting `{setting}`, which is not under `settings`"
                )));
            }
            None => {
                return Err(bad(format_args!(
                    "endpoint `{endpoint}`: base `{base}` has `{{{inner}}}`; only {{settings.NAME}} is filled in"
                )));
            }
        }
    }
    if base.contains('*') {
        return Err(bad(format_args!(
            "endpoint `{endpoint}`: base `{base}` is not one host; write the host, or {{settings.NAME}} where the operator gives it"
        )));
    }
    Ok(())
}

/// Where the token of a log-in is.
fn token(slot: &str, kind: &CredentialKind) -> Result<(), PluginError> {
    let CredentialKind::Login { token, header, .. } = kind else { return Ok(()) };
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    match kind.cookie() {
        Some(cookie) if cookie.is_empty() || !cookie.chars().all(plain) => {
            Err(bad(format_args!("credential `{slot}`: `{cookie}` is no name of a cookie")))
        }
        Some(_) if header.is_some() => {
            Err(bad(format_args!("credential `{slot}`: a cookie goes back as a cookie; leave `header` out")))
        }
        None if !token.starts_with('/') => {
            Err(bad(format_args!("credential `{slot}`: `token` is `/a/json/pointer` or `cookie:NAME`, not `{token}`")))
        }
        _ => Ok(()),
    }
}

/// The element that carries a secret is named from the root, below it.
fn element(slot: &str, kind: &CredentialKind) -> Result<(), PluginError> {
    let CredentialKind::Body { element, refused } = kind else { return Ok(()) };
    let plain = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
    };
    let names: Vec<&str> = element.strip_prefix('/').unwrap_or_default().split('/').collect();
    if names.len() < 2 || !names.iter().all(|name| plain(name)) {
        return Err(bad(format_args!(
            "credential `{slot}`: `element` is the names of elements from the root, without prefixes, such as /Envelope/Body/login/password, not `{element}`"
        )));
    }
    match refused {
        Some(said) if said.trim().is_empty() => {
            Err(bad(format_args!("credential `{slot}`: `refused` is what a refusal says; leave it out where the status tells")))
        }
        _ => Ok(()),
    }
}

/// A sign-in by OAuth 2 has a way for a person to agree, and leaves the standard's own parameters to the hub.
fn oauth(slot: &str, kind: &CredentialKind) -> Result<(), PluginError> {
    let CredentialKind::Oauth2 { token, authorization, device, parameters, issuer, .. } = kind else { return Ok(()) };
    if authorization.is_none() && device.is_none() {
        return Err(bad(format_args!(
            "credential `{slot}`: `oauth2` needs `authorization` or `device`, so that somebody can agree"
        )));
    }
    for place in [Some(token), authorization.as_ref(), device.as_ref()].into_iter().flatten() {
        if !place.path.starts_with('/') {
            return Err(bad(format_args!("credential `{slot}`: path `{}` does not begin with /", place.path)));
        }
    }
    if let Some(own) = parameters.keys().find(|name| OAUTH_PARAMETERS.contains(&name.as_str())) {
        return Err(bad(format_args!("credential `{slot}`: the hub sets the parameter `{own}` itself")));
    }
    match issuer {
        Some(issuer) if !issuer.starts_with("https://") && !issuer.starts_with("http://") => {
            Err(bad(format_args!("credential `{slot}`: issuer `{issuer}` is no address")))
        }
        _ => Ok(()),
    }
}

fn functions(manifest: &Manifest) -> Result<(), PluginError> {
    let transform = manifest.kind == PluginKind::Transform;
    if transform == manifest.functions.is_empty() {
        return Err(bad(if transform { "a transform declares no functions" } else { "a connector declares functions" }));
    }
    if transform && !(manifest.endpoints.is_empty() && manifest.credentials.is_empty() && manifest.folders.is_empty()) {
        return Err(bad("a transform is pure: it may ask for no endpoints, credentials or folders"));
    }
    let mut seen = HashSet::new();
    for function in &manifest.functions {
        name("a function", &function.name, "-_")?;
        if !seen.insert(&function.name) {
            return Err(bad(format_args!("two functions are called `{}`", function.name)));
        }
        for kind in function.inputs.iter().chain([&function.output]) {
            if !matches!(kind.as_str(), "text" | "integer" | "boolean") {
                return Err(bad(format_args!("function `{}`: type `{kind}` is not text, integer or boolean", function.name)));
            }
        }
    }
    Ok(())
}

fn name(what: &str, name: &str, also: &str) -> Result<(), PluginError> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || also.contains(c);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(fits) {
        return Err(bad(format_args!("{what} is called {name:?}; a name has 1 to {NAME_BYTES_MAX} of a-z, 0-9 and {also}")));
    }
    Ok(())
}

fn allowed(endpoint: &str, line: &Allow) -> Result<(), PluginError> {
    if line.methods.is_empty() || line.paths.is_empty() {
        return Err(bad(format_args!("endpoint `{endpoint}`: a line of `allow` needs methods and paths")));
    }
    for method in &line.methods {
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-') {
            return Err(bad(format_args!("endpoint `{endpoint}`: `{method}` is not a method in upper case")));
        }
    }
    if let Some(method) = line.methods.iter().find(|method| line.reads && matches!(method.as_str(), "PUT" | "PATCH" | "DELETE")) {
        return Err(bad(format_args!("endpoint `{endpoint}`: `reads` is said of {method}, which never only reads")));
    }
    for path in &line.paths {
        if !path.starts_with('/')
            || path.contains(['?', '#', '\\', '%'])
            || path.split('/').any(|part| matches!(part, "." | ".."))
        {
            return Err(bad(format_args!("endpoint `{endpoint}`: `{path}` is not a plain path that begins with /")));
        }
    }
    Ok(())
}

/// JSON in which no object has a key twice and no text has control or direction characters.
struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strict)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Strict, E> {
        match text.chars().find(|c| is_unsafe(*c) && !matches!(c, '\n' | '\t')) {
            Some(c) => Err(E::custom(format_args!("a text holds the hidden character {}", c.escape_unicode()))),
            None => Ok(Strict),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Strict, A::Error> {
        while list.next_element::<Strict>()?.is_some() {}
        Ok(Strict)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strict, A::Error> {
        let mut keys = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            Strict.visit_str::<A::Error>(&key)?;
            map.next_value::<Strict>()?;
            if !keys.insert(key.clone()) {
                return Err(serde::de::Error::custom(format_args!("key `{key}` twice")));
            }
        }
        Ok(Strict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"name":"acme","version":"1.0.0","serial":1,"title":"Acme","description":"d","kind":"connector",
        "endpoints":{"api":{"base":"https://api.example.com","allow":[{"methods":["GET"],"paths":["/v1"]}],"credential":"key","reason":"r"}},
        "credentials":{"key":{"kinds":[{"kind":"bearer"}],"reason":"r"}},
        "mappings":{"{connection}-contacts.toml":"a = 1\n"}}"#;

    /// The good manifest with one text replaced must fail, saying this.
    #[track_caller]
    fn check(from: &str, to: &str, says: &str) {
        assert!(GOOD.contains(from), "{from} is not in the good manifest");
        let error = parse_manifest(GOOD.replacen(from, to, 1).as_bytes()).expect_err(to);
        assert_eq!(error.code, "plugin.bad-manifest");
        assert!(error.message.contains(says), "{}", error.message);
    }

    #[test]
    fn strict() {
        assert_eq!(parse_manifest(GOOD.as_bytes()).expect("good").name, "acme");
        for (from, to, says) in [
            ("acme", "Acme", "a-z"),
            ("acme", "аcme", "a-z"),
            ("acme", "", "a-z"),
            ("1.0.0", "one", "1.2.3"),
            ("\"serial\":1", "\"serial\":-1", "invalid value"),
            ("\"d\"", "\"abc\u{202e}\"", "hidden character"),
            ("\"d\"", "\"abc\\u202e\"", "hidden character"),
            ("\"d\"", "\"e\u{301}\"", "NFC"),
            ("\"serial\":1", "\"serial\":1,\"more\":1", "unknown field"),
            ("\"serial\":1", "\"serial\":1,\"serial\":2", "twice"),
            ("\"api\":{", "\"api\":{\"base\":\"https://evil.example\"},\"api\":{", "key `api` twice"),
            ("{\"name\"", "[\"name\"", "expected"),
            ("https://", "ftp://", "no http address"),
            ("\"GET\"", "\"get\"", "upper case"),
            ("\"GET\"", "", "needs methods"),
            ("[\"GET\"]", "[\"POST\",\"DELETE\"],\"reads\":true", "never only reads"),
            ("/v1", "/v1/../x", "plain path"),
            ("/v1", "v1", "begins with /"),
            ("\"credential\":\"key\"", "\"credential\":\"other\"", "not under `credentials`"),
            ("{\"kind\":\"bearer\"}", "", "no kinds"),
            ("{\"kind\":\"bearer\"}", "{\"kind\":\"body\",\"element\":\"Password\"}", "names of elements from the root"),
            ("{\"kind\":\"bearer\"}", "{\"kind\":\"body\",\"element\":\"/Envelope/soap:Body/p\"}", "without prefixes"),
            ("{\"kind\":\"bearer\"}", "{\"kind\":\"body\",\"element\":\"/a/b\",\"refused\":\" \"}", "what a refusal says"),
            ("\"reason\"", "\"headers\":[\"Cookie\"],\"reason\"", "only Origin and Referer"),
            ("\"reason\"", "\"headers\":[\"Origin\",\"Host\"],\"reason\"", "only Origin and Referer"),
            (
                "{\"kind\":\"bearer\"}",
                "{\"kind\":\"login\",\"endpoint\":\"api\",\"path\":\"/\",\"body\":\"\",\"token\":\"cookie:a;b\"}",
                "no name of a cookie",
            ),
            (
                "{\"kind\":\"bearer\"}",
                "{\"kind\":\"login\",\"endpoint\":\"api\",\"path\":\"/\",\"body\":\"\",\"token\":\"cookie:a\",\"header\":\"X: y\"}",
                "leave `header` out",
            ),
            (
                "{\"kind\":\"bearer\"}",
                "{\"kind\":\"login\",\"endpoint\":\"api\",\"path\":\"/\",\"body\":\"\",\"token\":\"token\"}",
                "json/pointer",
            ),
            (
                "{\"kind\":\"bearer\"}",
                "{\"kind\":\"login\",\"endpoint\":\"x\",\"path\":\"/\",\"body\":\"\",\"token\":\"\"}",
                "not under `endpoints`",
            ),
            ("{connection}-contacts.toml", "../x.toml", "plain file name"),
            ("\"kind\":\"connector\"", "\"kind\":\"transform\"", "declares no functions"),
            (
                "\"kind\":\"connector\"",
                "\"kind\":\"connector\",\"functions\":[{\"name\":\"f\",\"inputs\":[],\"output\":\"text\",\"explain\":\"\"}]",
                "a connector declares functions",
            ),
        ] {
            check(from, to, says);
        }
    }

    /// Refused where a file is new; one that is installed is read all the same.
    #[test]
    fn what_only_a_new_file_keeps_to() {
        check_powers(&parse_manifest(GOOD.as_bytes()).expect("good")).expect("good");
        for (from, to, says) in [
            ("https://api.example.com", "https://{settings.nope}", "names setting `nope`"),
            ("https://api.example.com", "{settings.url", "names setting `url`"),
            ("https://api.example.com", "https://{host}", "only {settings.NAME}"),
            ("https://api.example.com", "https://*.example.com", "not one host"),
            (
                "\"credential\":\"key\",\"reason\":\"r\"",
                "\"credential\":\"key\",\"reason\":\" \"",
                "endpoint `api`: `reason` is empty",
            ),
            ("\"bearer\"}],\"reason\":\"r\"", "\"bearer\"}],\"reason\":\"\"", "credential `key`: `reason` is empty"),
        ] {
            assert!(GOOD.contains(from), "{from} is not in the good manifest");
            let manifest = parse_manifest(GOOD.replacen(from, to, 1).as_bytes()).expect(to);
            let error = check_powers(&manifest).expect_err(to);
            assert_eq!(error.code, "plugin.bad-manifest");
            assert!(error.message.contains(says), "{}", error.message);
        }
    }

    #[test]
    fn size_and_depth() {
        let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
        let large = format!("{{\"name\":\"{}\"}}", "a".repeat(MANIFEST_SIZE_BYTES_MAX));
        for (text, says) in [(deep, "recursion"), (large, "at most"), (GOOD[..100].to_owned(), "EOF")] {
            let error = parse_manifest(text.as_bytes()).expect_err("refused");
            assert!(error.message.contains(says), "{}", error.message);
        }
        assert!(parse_manifest(b"{\"name\":\"\xff\"}").expect_err("refused").message.contains("UTF-8"));
    }
}
