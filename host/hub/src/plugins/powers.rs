//! What a plugin asks for and what a connection was granted, one sentence per power.

use nave_core::grant::Grants;
use nave_core::manifest::{Allow, CredentialKind, FolderAccess, Manifest, PluginKind};

/// Sentences for what the manifest asks.
pub fn asked(manifest: &Manifest) -> Vec<String> {
    let mut powers = Vec::new();
    for (name, endpoint) in &manifest.endpoints {
        let key = match &endpoint.credential {
            Some(slot) => format!("; the hub signs in with the credential `{slot}`, which the plugin never sees"),
            None => "; without any credential".to_owned(),
        };
        powers.push(format!(
            "It asks to reach {} {} (`{name}`: {}){key}.",
            reachable(&endpoint.base, manifest),
            endpoint.reason.trim_end_matches('.'),
            methods(&endpoint.allow)
        ));
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
pub fn granted(grants: &Grants, manifest: &Manifest) -> Vec<String> {
    let mut powers = Vec::new();
    for (name, grant) in &grants.endpoints {
        let asked = manifest.endpoints.get(name);
        let lines = match (grant.allow.is_empty(), asked) {
            (true, Some(asked)) => methods(&asked.allow),
            (true, None) => "nothing, since the plugin does not ask for it".to_owned(),
            (false, _) => methods(&grant.allow),
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

/// As [`granted`], from a connection's file as text.
pub(crate) fn granted_in(connection: &str, manifest: &Manifest) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Part {
        #[serde(default)]
        grants: Grants,
    }
    toml::from_str::<Part>(connection).map(|part| granted(&part.grants, manifest)).unwrap_or_default()
}

/// The word of a way to apply a credential, as configuration spells it.
pub fn kind_word(kind: &CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Bearer { .. } => "bearer",
        CredentialKind::Basic {} => "basic",
        CredentialKind::Header { .. } => "header",
        CredentialKind::Query { .. } => "query",
        CredentialKind::OauthClientCredentials { .. } => "oauth-client-credentials",
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
