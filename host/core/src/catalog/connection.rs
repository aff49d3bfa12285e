//! `connections/*.toml`: a configured use of a connector, checked against what its manifest asks for.

use std::collections::BTreeMap;
use std::ops::Range;

use super::entity::did_you_mean;
use super::reader::{At, File, Table, json};
use super::secrets::looks_like_secret;
use super::{Connection, Credential, Hub, LockedPlugin, PluginInfo, System};
use super::{address, budget, calendar, webhook};
use crate::grant::{EndpointGrant, FolderGrant, Grants, path_under};
use crate::manifest::{Allow, CredentialKind, CredentialSlot, FolderAccess, Manifest, PluginKind, SettingType};

/// What a connection is checked against.
pub(super) struct Known<'k> {
    pub(super) hub: &'k Hub,
    pub(super) systems: &'k BTreeMap<String, System>,
    pub(super) plugins: &'k BTreeMap<String, PluginInfo>,
    /// What `nave.lock` pins, also where its file is not there.
    pub(super) locked: &'k BTreeMap<String, LockedPlugin>,
}

pub(super) fn read(file: &File<'_>, mut table: Table<'_>, known: &Known<'_>) -> Option<Connection> {
    let name = file.stem().to_owned();
    if name == "steward" {
        file.error(
            0..0,
            "reserved-name",
            "`steward` is the name under which people's values stand",
            Some("give the file another name".to_owned()),
        );
    }
    let plugin = table.needed("plugin", "the plugin's name in nave.lock: plugin = \"hubspot\"");
    let manifest = plugin.as_ref().and_then(|plugin| manifest(file, plugin, known));
    let system = table.text("system");
    if let Some(system) = &system
        && !known.systems.contains_key(&system.value)
    {
        let help =
            did_you_mean(&system.value, known.systems.keys()).or_else(|| Some(format!("add [{}] to systems.toml", system.value)));
        file.error(system.span.clone(), "unknown-system", format!("systems.toml has no `{}`", system.value), help);
    }
    let environment = table.text("environment");
    if let Some(environment) = &environment
        && environment.value != known.hub.environment
    {
        file.error(
            environment.span.clone(),
            "wrong-environment",
            format!("this connection is for `{}`, and this data folder holds `{}`", environment.value, known.hub.environment),
            Some("a data folder holds exactly one environment; promotion copies configuration, never data".to_owned()),
        );
    }
    let shared_host = table.plain("shared-host");
    let (settings, given) = settings(&mut table, manifest);
    let credentials = credentials(&mut table, manifest);
    let grants = table.table("grants").map(|table| grants(table, manifest)).unwrap_or_default();
    if let Some(manifest) = manifest {
        address::compare(file, manifest, &settings, &given, &grants);
        let kinds = || credentials.values().map(|credential| &credential.kind);
        let missing = |endpoint: &str| !grants.endpoints.contains_key(endpoint) && manifest.calls(endpoint, kinds());
        for (endpoint, asked) in manifest.endpoints.iter().filter(|(endpoint, _)| missing(endpoint)) {
            file.warning(
                0..0,
                "not-granted",
                format!("the plugin asks to reach `{endpoint}` ({}), and is not granted it", asked.reason),
                Some(format!("add [grants.endpoints.{endpoint}] with base = \"{}\"", asked.base)),
            );
        }
    }
    let webhook = table.table("webhook").and_then(|table| webhook::read(table, manifest));
    let account = table.plain("account").unwrap_or_else(|| account(&name, &credentials));
    let budget = table.table("budget").map(budget::read).unwrap_or_default();
    let calendar = calendar::read(&mut table);
    let requests_per_second = table.number("requests-per-second").and_then(|number| {
        let rate = u32::try_from(number.value).ok().filter(|rate| *rate > 0);
        if rate.is_none() {
            file.error(number.span, "wrong-type", "`requests-per-second` is at least 1", None);
        }
        rate
    });
    table.finish();
    Some(Connection {
        system: system.map_or_else(|| name.clone(), |system| system.value),
        name,
        plugin: plugin?.value,
        environment: known.hub.environment.clone(),
        shared_host,
        settings,
        credentials,
        grants,
        requests_per_second,
        account,
        budget,
        calendar,
        webhook,
    })
}

/// Whoever signs in with the same secret is the same account over there; without a secret, each connection is its own.
fn account(name: &str, credentials: &BTreeMap<String, Credential>) -> String {
    let secrets: std::collections::BTreeSet<&str> = credentials.values().map(|credential| credential.secret.as_str()).collect();
    if secrets.is_empty() { name.to_owned() } else { secrets.into_iter().collect::<Vec<_>>().join("+") }
}

fn manifest<'k>(file: &File<'_>, plugin: &At<String>, known: &Known<'k>) -> Option<&'k Manifest> {
    match known.plugins.get(&plugin.value) {
        Some(info) if info.manifest.kind == PluginKind::Connector => Some(&info.manifest),
        Some(_) => {
            file.error(
                plugin.span.clone(),
                "wrong-plugin",
                format!("`{}` is a transform, it connects to nothing", plugin.value),
                Some("call its functions in mappings".to_owned()),
            );
            None
        }
        // Everything that needs no plugin goes on without it: this connection cannot work, and says so when it is used.
        None if known.locked.contains_key(&plugin.value) => {
            file.warning(
                plugin.span.clone(),
                "missing-plugin",
                format!("the file of plugin `{}` is missing, or is not the one that nave.lock pins", plugin.value),
                Some("install it again: nave plugin install FILE.wasm".to_owned()),
            );
            None
        }
        None => {
            let help = did_you_mean(&plugin.value, known.plugins.keys())
                .unwrap_or_else(|| "install it: nave plugin install FILE.wasm".to_owned());
            file.error(plugin.span.clone(), "unknown-plugin", format!("no plugin `{}` is installed", plugin.value), Some(help));
            None
        }
    }
}

/// Settings with the plugin's own values where none is given, and where those that are given stand.
fn settings(table: &mut Table<'_>, manifest: Option<&Manifest>) -> (serde_json::Value, BTreeMap<String, Range<usize>>) {
    let mut out = serde_json::Map::new();
    let mut places = BTreeMap::new();
    let given = table.table("settings");
    let (file, span) = (table.file, given.as_ref().map_or(0..0, |given| given.span.clone()));
    for (key, value) in given.iter().flat_map(|given| given.entries()) {
        let value_json = json(value.get_ref());
        if let Some(manifest) = manifest {
            match manifest.settings.get(key.value) {
                None => {
                    let help = did_you_mean(key.value, manifest.settings.keys()).or_else(|| {
                        let all: Vec<&str> = manifest.settings.keys().map(String::as_str).collect();
                        Some(if all.is_empty() {
                            "the plugin has no settings".to_owned()
                        } else {
                            format!("it has {}", all.join(", "))
                        })
                    });
                    file.error(
                        key.span.clone(),
                        "unknown-setting",
                        format!("`{}` is no setting of `{}`", key.value, manifest.name),
                        help,
                    );
                }
                Some(setting) => {
                    let fits = match setting.kind {
                        SettingType::Text => value_json.is_string(),
                        SettingType::Url => value_json.as_str().is_some_and(|text| text.contains("://")),
                        SettingType::Integer => value_json.is_i64() || value_json.is_u64(),
                        SettingType::Boolean => value_json.is_boolean(),
                        SettingType::Json => true,
                    };
                    if !fits {
                        let wanted = match setting.kind {
                            SettingType::Text => "a text",
                            SettingType::Url => "an address like \"https://example.com\"",
                            SettingType::Integer => "a whole number",
                            SettingType::Boolean => "true or false",
                            SettingType::Json => "any value",
                        };
                        file.error(value.span(), "wrong-type", format!("setting `{}` must be {wanted}", key.value), None);
                    }
                }
            }
        }
        out.insert(key.value.to_owned(), value_json);
        places.insert(key.value.to_owned(), value.span());
    }
    for (name, setting) in manifest.iter().flat_map(|manifest| &manifest.settings) {
        if out.contains_key(name) {
            continue;
        }
        match &setting.default {
            Some(default) => {
                out.insert(name.clone(), default.clone());
            }
            None if setting.required => {
                let help = format!(
                    "under [settings]: {name} = …{}",
                    if setting.help.is_empty() { String::new() } else { format!("  # {}", setting.help) }
                );
                file.error(
                    span.clone(),
                    "missing-setting",
                    format!("setting `{name}` ({}) is missing", setting.label),
                    Some(help),
                );
            }
            None => {}
        }
    }
    (serde_json::Value::Object(out), places)
}

fn credentials(table: &mut Table<'_>, manifest: Option<&Manifest>) -> BTreeMap<String, Credential> {
    let mut out = BTreeMap::new();
    let Some(all) = table.table("credentials") else {
        return out;
    };
    for (slot, inner) in all.named_tables() {
        let asked = manifest.map(|manifest| {
            let found = manifest.credentials.get(slot.value);
            if found.is_none() {
                all.file.error(
                    slot.span.clone(),
                    "unknown-credential",
                    format!("the plugin has no credential slot `{}`", slot.value),
                    did_you_mean(slot.value, manifest.credentials.keys()),
                );
            }
            found
        });
        if let Some(credential) = credential(inner, asked.flatten()) {
            out.insert(slot.value.to_owned(), credential);
        }
    }
    out
}

/// `secret = "name"`: the name alone, never the secret.
pub(super) fn secret_name(table: &mut Table<'_>) -> Option<At<String>> {
    let secret = table.needed("secret", "the name under which `nave secret set NAME` keeps it: secret = \"crm-key\"")?;
    let well_formed = (1..=64).contains(&secret.value.len())
        && secret.value.starts_with(|c: char| c.is_ascii_alphanumeric())
        && secret.value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    // What looks like a secret was noted by the scan of the whole file.
    if !well_formed && !looks_like_secret(&secret.value) {
        table.file.error(
            secret.span.clone(),
            "bad-name",
            "`secret` is the name of a secret: letters, digits, `-`, `_`, `.`",
            Some("set the value with `nave secret set NAME`".to_owned()),
        );
    }
    Some(secret)
}

fn credential(mut table: Table<'_>, slot: Option<&CredentialSlot>) -> Option<Credential> {
    let file = table.file;
    let secret = secret_name(&mut table);
    let endpoints = table.entries().any(|(key, _)| key.value == "endpoints").then(|| table.strings("endpoints"));
    let paths = table.texts("paths");
    for path in paths.iter().filter(|path| !path.value.starts_with('/') || !path_under("/", &path.value)) {
        file.error(
            path.span.clone(),
            "bad-path",
            format!("`{}` is no path", path.value),
            Some("write a prefix below the endpoint's base: paths = [\"/v1/contacts\"]".to_owned()),
        );
    }
    let paths: Vec<String> = paths.into_iter().map(|path| path.value).collect();
    let span = table.span.clone();
    let mut given: serde_json::Map<String, serde_json::Value> = table
        .entries()
        .filter(|(key, _)| !matches!(key.value, "secret" | "endpoints" | "paths"))
        .map(|(key, value)| (key.value.to_owned(), json(value.get_ref())))
        .collect();
    let kind_span = table.key_span("kind");
    let tag = given.get("kind").and_then(|kind| kind.as_str()).map(str::to_owned);
    // What the connection leaves out is taken from the manifest's own description of that kind.
    let offered: Vec<serde_json::Value> =
        slot.iter().flat_map(|slot| &slot.kinds).filter_map(|kind| serde_json::to_value(kind).ok()).collect();
    let base = match &tag {
        Some(tag) => offered.iter().find(|kind| kind["kind"] == **tag),
        None => offered.first(),
    };
    if let (Some(slot), Some(tag), None) = (slot, &tag, base) {
        let words: Vec<String> =
            offered.iter().filter_map(|kind| kind["kind"].as_str()).map(|kind| format!("`{kind}`")).collect();
        file.error(
            kind_span,
            "unknown-word",
            format!("this slot takes {}, not `{tag}`", words.join(" or ")),
            Some(slot.help.clone()).filter(|help| !help.is_empty()),
        );
        return None;
    }
    if let Some(serde_json::Value::Object(base)) = base {
        for (key, value) in base {
            given.entry(key.clone()).or_insert_with(|| value.clone());
        }
    }
    if !given.contains_key("kind") {
        // Without the slot's own description nobody can say how; that it is not known was noted then.
        if slot.is_some() {
            file.error(
                span,
                "missing-key",
                "`kind` is missing: how is the secret applied?",
                Some("write kind = \"bearer\", \"basic\", \"header\" or \"query\"".to_owned()),
            );
        }
        return None;
    }
    match serde_json::from_value::<CredentialKind>(serde_json::Value::Object(given)) {
        Ok(kind) => Some(Credential { secret: secret?.value, endpoints, paths, kind }),
        Err(error) => {
            file.error(span, "wrong-type", format!("this credential cannot be read: {error}"), None);
            None
        }
    }
}

fn grants(mut table: Table<'_>, manifest: Option<&Manifest>) -> Grants {
    let file = table.file;
    let mut out = Grants::default();
    for (name, inner) in table.table("endpoints").map(|all| all.named_tables()).unwrap_or_default() {
        if let Some(manifest) = manifest
            && !manifest.endpoints.contains_key(name.value)
        {
            file.error(
                name.span.clone(),
                "unknown-endpoint",
                format!("the plugin asks for no endpoint `{}`", name.value),
                did_you_mean(name.value, manifest.endpoints.keys()),
            );
        }
        if let Some(grant) = endpoint(inner) {
            out.endpoints.insert(name.value.to_owned(), grant);
        }
    }
    for (name, mut inner) in table.table("folders").map(|all| all.named_tables()).unwrap_or_default() {
        if let Some(manifest) = manifest
            && !manifest.folders.contains_key(name.value)
        {
            file.error(
                name.span.clone(),
                "unknown-folder",
                format!("the plugin asks for no folder `{}`", name.value),
                did_you_mean(name.value, manifest.folders.keys()),
            );
        }
        let path = inner.needed("path", "a folder, relative to this project: path = \"inbox\"");
        let access = inner.word("access", &[("read", FolderAccess::Read), ("read-write", FolderAccess::ReadWrite)]);
        if let (Some(access), Some(asked)) = (&access, manifest.and_then(|manifest| manifest.folders.get(name.value)))
            && access.value == FolderAccess::ReadWrite
            && asked.access == FolderAccess::Read
        {
            file.error(
                access.span.clone(),
                "more-than-asked",
                "the plugin asks for reading only",
                Some("write access = \"read\"".to_owned()),
            );
        }
        inner.finish();
        if let Some(path) = path {
            out.folders.insert(
                name.value.to_owned(),
                FolderGrant { path: path.value, access: access.map_or(FolderAccess::Read, |access| access.value) },
            );
        }
    }
    table.finish();
    out
}

fn endpoint(mut table: Table<'_>) -> Option<EndpointGrant> {
    let file = table.file;
    let base = table.needed("base", "the address it may reach: base = \"https://api.example.com\"");
    let insecure = table.flag("insecure").unwrap_or(false);
    let because = table.text("because");
    if let Some(base) = &base {
        let host = base.value.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or("")).unwrap_or("");
        if !(base.value.starts_with("https://") || base.value.starts_with("http://"))
            || host.is_empty()
            || base.value.contains(['{', '*', ' '])
        {
            file.error(
                base.span.clone(),
                "bad-address",
                format!("`{}` is no concrete address", base.value),
                Some("write base = \"https://api.example.com\"".to_owned()),
            );
        } else if base.value.starts_with("http://") && !insecure {
            file.error(
                base.span.clone(),
                "insecure",
                "http:// sends everything, secrets too, unencrypted",
                Some("write https://, or insecure = true with `because`".to_owned()),
            );
        }
    }
    if insecure && because.is_none() {
        file.error(
            table.key_span("insecure"),
            "missing-because",
            "`insecure` needs `because`",
            Some("say why this is acceptable: because = \"…\"".to_owned()),
        );
    }
    let mut allow = Vec::new();
    for mut line in table.tables("allow") {
        allow.push(Allow { methods: line.strings("methods"), paths: line.strings("paths"), reads: false });
        line.finish();
    }
    let networks = table.strings("networks");
    let read_only = table.flag("read-only").unwrap_or(false);
    table.finish();
    Some(EndpointGrant { base: base?.value, allow, networks, insecure, read_only, because: because.map(|because| because.value) })
}
