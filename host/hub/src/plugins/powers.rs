//! What a plugin asks for and what a connection was granted, one sentence per power.

use std::collections::{BTreeMap, BTreeSet};

use nave_core::catalog::Credential;
use nave_core::grant::{Grants, beyond, effective};
use nave_core::manifest::{Allow, CredentialKind, FolderAccess, Manifest, PluginKind};

/// Sentences for what the manifest asks.
pub fn asked(manifest: &Manifest) -> Vec<String> {
    let mut powers = Vec::new();
    for (name, endpoint) in &manifest.endpoints {
        let key = match &endpoint.credential {
            Some(slot) => format!("; the hub signs in with the credential `{slot}`, which the plugin never sees"),
            None => "; without any credential".to_owned(),
        };
        let says = match endpoint.headers.as_slice() {
            [] => String::new(),
            headers => format!("; it says itself where a request comes from ({})", headers.join(", ")),
        };
        powers.push(format!(
            "It asks to reach {} {} (`{name}`: {}){key}{says}.",
            reachable(&endpoint.base, manifest),
            endpoint.reason.trim_end_matches('.'),
            if endpoint.allow.is_empty() { "the hub alone, to sign in".to_owned() } else { methods(&endpoint.allow) }
        ));
    }
    for (slot, credential) in &manifest.credentials {
        powers.extend(credential.scopes.iter().map(|scope| {
            format!("With `{slot}` it asks to be allowed `{}` over there {}.", scope.name, scope.reason.trim_end_matches('.'))
        }));
    }
    for (name, folder) in &manifest.folders {
        powers.push(format!(
            "It asks to {} the folder that you name as `{name}` {}{}.",
            access_verb(folder.access),
            folder.reason.trim_end_matches('.'),
            if folder.optional { " (optional)" } else { "" }
        ));
    }
    if powers.is_empty() {
        powers.push(match manifest.kind {
            PluginKind::Connector => "It asks for nothing: no network, no folder.".to_owned(),
            PluginKind::Transform => {
                "It asks for nothing: it only computes, and sees only the fields that a mapping passes to it.".to_owned()
            }
        });
    }
    powers
}

/// A base address for people: a setting that is one whole is said in words, with its default.
fn reachable(base: &str, manifest: &Manifest) -> String {
    let setting = base.strip_prefix("{settings.").and_then(|rest| rest.split_once('}'));
    let Some((name, rest)) = setting else { return base.to_owned() };
    match manifest.settings.get(name).and_then(|setting| setting.default.as_ref()?.as_str()) {
        Some(default) => format!("{default}{rest}, or where the setting `{name}` says,"),
        None => format!("the address that the setting `{name}` names"),
    }
}

/// Sentences for what a connection was granted.
pub fn granted(grants: &Grants, credentials: &BTreeMap<String, Credential>, manifest: &Manifest) -> Vec<String> {
    let mut powers = Vec::new();
    let refused = |slot: &String, endpoint: &String| credentials.get(slot).is_some_and(|credential| !on(credential, endpoint));
    for (name, grant) in &grants.endpoints {
        let asked = manifest.endpoints.get(name);
        let lines = match (grant.allow.is_empty(), asked) {
            (_, Some(asked)) if asked.allow.is_empty() => "the hub alone, to sign in".to_owned(),
            (true, Some(asked)) => methods(&asked.allow),
            (false, Some(asked)) => methods(&effective(&asked.allow, &grant.allow)),
            (_, None) => "nothing, since the plugin does not ask for it".to_owned(),
        };
        let mut power = format!("It may reach {} ({lines})", grant.base);
        if grant.read_only {
            power.push_str(", reading only");
        }
        if grant.insecure {
            power.push_str(", without TLS");
        }
        if !grant.networks.is_empty() {
            power.push_str(&format!(", also inside {}", grant.networks.join(", ")));
        }
        match asked.and_then(|asked| asked.credential.as_ref()) {
            Some(slot) if refused(slot, name) => power.push_str(&format!("; the secret of `{slot}` is not granted here.")),
            Some(slot) => power.push_str(&format!("; the hub signs in with `{slot}`, which the plugin never sees.")),
            None => power.push('.'),
        }
        powers.push(power);
    }
    for (name, folder) in &grants.folders {
        powers.push(format!("It may {} the folder {} (`{name}`).", access_verb(folder.access), folder.path));
    }
    if powers.is_empty() {
        powers.push("It may reach nothing.".to_owned());
    }
    powers
}

/// Whether a secret may be used on an endpoint.
fn on(credential: &Credential, endpoint: &str) -> bool {
    credential.endpoints.as_ref().is_none_or(|granted| granted.iter().any(|granted| granted == endpoint))
}

/// Sentences for what the manifest asks and the connection does not grant: each is refused, and says what would allow it.
pub fn not_granted(
    connection: &str,
    grants: &Grants,
    credentials: &BTreeMap<String, Credential>,
    manifest: &Manifest,
) -> Vec<String> {
    let file = format!("connections/{connection}.toml");
    let mut out = Vec::new();
    for (name, asked) in &manifest.endpoints {
        let Some(grant) = grants.endpoints.get(name) else {
            if !manifest.calls(name, credentials.values().map(|credential| &credential.kind)) {
                continue;
            }
            out.push(format!(
                "It asks to reach {} {}; [grants.endpoints.{name}] in {file} would allow it.",
                reachable(&asked.base, manifest),
                asked.reason.trim_end_matches('.')
            ));
            continue;
        };
        let lines = if grant.allow.is_empty() { Vec::new() } else { beyond(&asked.allow, &grant.allow) };
        for line in lines {
            out.push(format!(
                "It asks for {} on `{name}`; {{ methods = {:?}, paths = {:?} }} in `allow` under [grants.endpoints.{name}] in {file} would allow it.",
                methods(std::slice::from_ref(&line)),
                line.methods,
                line.paths
            ));
        }
        if let Some((slot, credential)) = asked.credential.as_ref().and_then(|slot| Some((slot, credentials.get(slot)?)))
            && !on(credential, name)
        {
            out.push(format!(
                "It asks to sign in on `{name}` with `{slot}`; {name:?} in `endpoints` under [credentials.{slot}] in {file} would allow it."
            ));
        }
    }
    for (name, asked) in &manifest.folders {
        let enough =
            grants.folders.get(name).is_some_and(|grant| grant.access == asked.access || grant.access == FolderAccess::ReadWrite);
        if !enough {
            out.push(format!(
                "It asks to {} the folder `{name}` {}; path and access = \"{}\" under [grants.folders.{name}] in {file} would allow it.",
                access_verb(asked.access),
                asked.reason.trim_end_matches('.'),
                access_word(asked.access)
            ));
        }
    }
    for (slot, credential) in credentials {
        let offered = manifest.credentials.get(slot).map(|asked| &asked.kinds);
        let same = |kind: &&CredentialKind| kind_word(kind) == kind_word(&credential.kind);
        if let Some(kind) = offered.and_then(|kinds| kinds.iter().find(same))
            && *kind != credential.kind
        {
            out.push(format!(
                "It asks for another way to sign in with `{slot}` ({}); {file} keeps the one that was granted, and [credentials.{slot}] says it.",
                kind_word(kind)
            ));
        }
    }
    out
}

/// As [`granted`], from a connection's file as text.
pub(crate) fn granted_in(connection: &str, manifest: &Manifest) -> Vec<String> {
    let (grants, credentials) = parts(connection);
    granted(&grants, &credentials, manifest)
}

/// As [`not_granted`], from a connection's file as text.
pub(crate) fn not_granted_in(name: &str, connection: &str, manifest: &Manifest) -> Vec<String> {
    let (grants, credentials) = parts(connection);
    not_granted(name, &grants, &credentials, manifest)
}

/// Secret → origins that the connection sends it to, from its file as text.
pub(crate) fn destinations_in(connection: &str, manifest: &Manifest) -> BTreeMap<String, BTreeSet<String>> {
    let (grants, credentials) = parts(connection);
    crate::egress::destinations(&manifest.endpoints, &grants, &credentials, &BTreeSet::new())
}

/// What can be read of a connection's file, whether or not the whole project is in order.
fn parts(connection: &str) -> (Grants, BTreeMap<String, Credential>) {
    let mut table = connection.parse::<toml::Table>().unwrap_or_default();
    let grants = table.remove("grants").and_then(|grants| grants.try_into().ok()).unwrap_or_default();
    let credentials = match table.remove("credentials") {
        Some(toml::Value::Table(all)) => all.into_iter().filter_map(|(slot, one)| Some((slot, one.try_into().ok()?))).collect(),
        _ => BTreeMap::new(),
    };
    (grants, credentials)
}

/// The word of a way to apply a credential, as configuration spells it.
pub fn kind_word(kind: &CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Bearer { .. } => "bearer",
        CredentialKind::Basic {} => "basic",
        CredentialKind::Header { .. } => "header",
        CredentialKind::Query { .. } => "query",
        CredentialKind::Body { .. } => "body",
        CredentialKind::Hmac { .. } => "hmac",
        CredentialKind::AwsV4 { .. } => "aws-v4",
        CredentialKind::OauthClientCredentials { .. } => "oauth-client-credentials",
        CredentialKind::Oauth2 { .. } => "oauth2",
        CredentialKind::Login { .. } => "login",
    }
}

/// The word of a folder's access, as configuration spells it.
pub fn access_word(access: FolderAccess) -> &'static str {
    match access {
        FolderAccess::Read => "read",
        FolderAccess::ReadWrite => "read-write",
    }
}

fn access_verb(access: FolderAccess) -> &'static str {
    match access {
        FolderAccess::Read => "read",
        FolderAccess::ReadWrite => "read and write",
    }
}

fn methods(allow: &[Allow]) -> String {
    let lines: Vec<String> = allow
        .iter()
        .map(|line| {
            let paths = if line.paths.iter().any(|path| path == "/") { "everything".to_owned() } else { line.paths.join(", ") };
            let reads = if line.reads { ", which only reads" } else { "" };
            format!("{} {paths}{reads}", line.methods.join(" "))
        })
        .collect();
    if lines.is_empty() { "nothing".to_owned() } else { lines.join("; ") }
}
