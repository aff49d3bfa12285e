//! `nave.toml`, `systems.toml`, `nave.lock` and `lookups/*.toml`.

use std::collections::BTreeMap;

use toml::de::DeValue;

use super::reader::{File, Table, json};
use super::{HeldPlugin, Hub, LockedPlugin, Numbers, System};
use crate::manifest::Function;
use crate::mapping;
use crate::network::Network;
use crate::value::Value;

/// Default address of the dashboard and the API.
const LISTEN: &str = "127.0.0.1:6283";

/// Name of the environment in which nothing is tried out.
pub const PRODUCTION: &str = "production";

/// Whether an environment is the one that people work in: `production`, or `prod` for short.
pub fn is_production(environment: &str) -> bool {
    matches!(environment, PRODUCTION | "prod")
}
/// Default file of the audit's anchors.
pub const ANCHOR: &str = "audit-anchor.log";

const DAY_MS: u64 = 86_400_000;
/// A quarter: the age at which a secret is to be rotated where nobody said another.
const CREDENTIAL_AGE_MS: u64 = 90 * DAY_MS;

/// Two systems are compared no more often than this: it goes through everything that is known of them.
const RECONCILE_MS_MIN: u64 = 60_000;

impl Default for Hub {
    fn default() -> Self {
        Self {
            listen: LISTEN.to_owned(),
            hosts: Vec::new(),
            allow_from: Vec::new(),
            public_url: None,
            data: "data".to_owned(),
            audit_anchor: ANCHOR.to_owned(),
            environment: "dev".to_owned(),
            credential_age_ms: CREDENTIAL_AGE_MS,
            proxy: None,
            ca_file: None,
            region: None,
            ownership_required: false,
            unsigned_plugins: true,
            processes: BTreeMap::new(),
            alerts: super::Alerts::default(),
            reconcile: super::Reconcile::default(),
            vaults: BTreeMap::new(),
        }
    }
}

pub(super) fn hub(mut table: Table<'_>) -> Hub {
    let default = Hub::default();
    let listen = table.text("listen");
    if let Some(listen) = &listen
        && listen.value.parse::<std::net::SocketAddr>().is_err()
    {
        table.file.error(
            listen.span.clone(),
            "bad-address",
            format!("`{}` is no address with a port", listen.value),
            Some(format!("write \"{LISTEN}\"")),
        );
    }
    let hosts = table.texts("hosts");
    for host in hosts.iter().filter(|host| !is_host(&host.value)) {
        table.file.error(
            host.span.clone(),
            "bad-host",
            format!("`{}` is no name of a machine", host.value),
            Some("write the name alone, without https:// and port: hosts = [\"hub.example.com\"]".to_owned()),
        );
    }
    let public_url = table.text("public-url");
    if let Some(url) = &public_url
        && !is_origin(&url.value)
    {
        table.file.error(
            url.span.clone(),
            "bad-address",
            format!("`{}` is no address of a hub", url.value),
            Some("write scheme and name alone: public-url = \"https://hub.example.com\"".to_owned()),
        );
    }
    let region = table.text("region");
    if let Some(region) = &region
        && mapping::normalise(&super::FieldType::Country, Value::text(&region.value)) != Ok(Value::text(&region.value))
    {
        table.file.error(
            region.span.clone(),
            "bad-region",
            format!("`{}` is no alpha-2 code of a country", region.value),
            Some("write \"DE\"".to_owned()),
        );
    }
    let processes = table.table("processes").map(|processes| {
        let found = processes.entries().map(|(name, value)| {
            let label = value.get_ref().as_str().map(str::to_owned);
            if label.is_none() {
                processes.file.error(
                    value.span(),
                    "wrong-type",
                    format!("`{}` must be a text", name.value),
                    Some("write sales = \"From lead to order\"".to_owned()),
                );
            }
            (name.value.to_owned(), label.unwrap_or_default())
        });
        found.collect()
    });
    let environment = table.plain("environment").unwrap_or(default.environment);
    let unsigned = table.table("plugins").and_then(|mut plugins| {
        let word = plugins.word("unsigned", &[("allow", "allow"), ("refuse", "refuse")]);
        plugins.finish();
        word
    });
    let hub = Hub {
        listen: listen.map_or(default.listen, |listen| listen.value),
        hosts: hosts.into_iter().map(|host| host.value.to_ascii_lowercase()).collect(),
        allow_from: networks(&mut table),
        public_url: public_url.map(|url| url.value),
        data: table.plain("data").unwrap_or(default.data),
        unsigned_plugins: allows_unsigned(Some(&environment), unsigned.map(|word| word.value)),
        environment,
        credential_age_ms: table.duration("credential-age").map_or(default.credential_age_ms, |age| age.max(DAY_MS)),
        audit_anchor: table.plain("audit-anchor").unwrap_or(default.audit_anchor),
        proxy: table.plain("proxy"),
        ca_file: table.plain("ca-file"),
        region: region.map(|region| region.value),
        ownership_required: table.word("ownership", &[("required", true), ("advised", false)]).is_some_and(|word| word.value),
        processes: processes.unwrap_or_default(),
        alerts: table.table("alerts").map(super::alerts::alerts).unwrap_or_default(),
        reconcile: table.table("reconcile").map(reconcile).unwrap_or_default(),
        vaults: table.table("vaults").map(|vaults| super::vaults::vaults(&vaults)).unwrap_or_default(),
    };
    table.finish();
    hub
}

/// Whether plugins that nobody vouches for are accepted: as `[plugins] unsigned` says; without it everywhere but in production.
pub fn allows_unsigned(environment: Option<&str>, word: Option<&str>) -> bool {
    match word {
        Some(word) => word == "allow",
        None => !environment.is_some_and(is_production),
    }
}

/// `allow-from = ["10.0.0.0/8"]`: who may call.
pub(super) fn networks(table: &mut Table<'_>) -> Vec<Network> {
    let span = table.has("allow-from").then(|| table.key_span("allow-from"));
    let texts = table.texts("allow-from");
    let read = |text: &super::reader::At<String>| {
        let network = Network::parse(&text.value);
        if network.is_none() {
            table.file.error(
                text.span.clone(),
                "bad-network",
                format!("`{}` is no network", text.value),
                Some("write allow-from = [\"203.0.113.0/24\"]".to_owned()),
            );
        }
        network
    };
    let networks = texts.iter().filter_map(read).collect();
    if let Some(span) = span
        && texts.is_empty()
    {
        table.file.error(
            span,
            "bad-network",
            "`allow-from` names no network".to_owned(),
            Some("write allow-from = [\"203.0.113.0/24\"], or leave `allow-from` out: then everybody may call".to_owned()),
        );
    }
    networks
}

/// `[reconcile]`.
fn reconcile(mut table: Table<'_>) -> super::Reconcile {
    let default = super::Reconcile::default();
    let found = super::Reconcile {
        every_ms: table.duration("every").map_or(default.every_ms, |every| every.max(RECONCILE_MS_MIN)),
        alert_percent: table.number("alert-above-percent").map_or(default.alert_percent, |percent| percent.value),
    };
    table.finish();
    found
}

/// `https://hub.example.com:8443`, without path.
fn is_origin(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| match rest.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => is_host(host) && port.parse::<u16>().is_ok(),
        _ => is_host(rest),
    })
}

/// Whether a text is a host name or an address, and nothing more.
pub fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    bare.is_some_and(|text| text.parse::<std::net::Ipv6Addr>().is_ok()) || (text.len() <= 253 && text.split('.').all(label))
}

pub(super) fn systems(table: &Table<'_>) -> BTreeMap<String, System> {
    let read = |mut table: Table<'_>| {
        let system = System {
            kind: table.plain("kind").unwrap_or_default(),
            owner: table.plain("owner").unwrap_or_default(),
            vendor_contact: table.plain("vendor-contact").unwrap_or_default(),
            docs: table.plain("docs").unwrap_or_default(),
            docs_checked: table.plain("docs-checked").unwrap_or_default(),
            notes: table.plain("notes").unwrap_or_default(),
            attachments: attachments(&mut table),
        };
        table.finish();
        system
    };
    table.named_tables().into_iter().map(|(name, table)| (name.value.to_owned(), read(table))).collect()
}

/// Names of files within the project.
fn attachments(table: &mut Table<'_>) -> Vec<String> {
    let inside = |path: &str| !path.starts_with('/') && !path.split(['/', '\\']).any(|part| part == "..");
    let all = table.texts("attachments");
    for outside in all.iter().filter(|one| !inside(&one.value)) {
        let help = Some("put it into the project, where version control keeps it: attachments = [\"docs/crm.png\"]".to_owned());
        table.file.error(outside.span.clone(), "bad-path", format!("`{}` lies outside of the project", outside.value), help);
    }
    all.into_iter().map(|one| one.value).collect()
}

/// `[plugins.<name>]` and `[numbers]`.
pub(super) fn lock(mut table: Table<'_>) -> (BTreeMap<String, LockedPlugin>, Numbers) {
    let mut found = BTreeMap::new();
    for (name, mut plugin) in table.table("plugins").map(|plugins| plugins.named_tables()).unwrap_or_default() {
        let help = "let `nave plugin install FILE.wasm` write this file";
        let locked = LockedPlugin {
            source: plugin.needed("source", help).map(|text| text.value).unwrap_or_default(),
            digest: plugin.needed("digest", help).map(|text| text.value).unwrap_or_default(),
            serial: plugin.number("serial").map_or(0, |number| number.value),
            version: plugin.plain("version").unwrap_or_default(),
            key: plugin.plain("key"),
            functions: plugin.tables("functions").into_iter().map(function).collect(),
            held: plugin.table("held").map(|held| held_plugin(held, help)),
        };
        plugin.finish();
        found.insert(name.value.to_owned(), locked);
    }
    let numbers = table.table("numbers").map(|inner| numbers(&inner)).unwrap_or_default();
    table.finish();
    (found, numbers)
}

fn held_plugin(mut table: Table<'_>, help: &str) -> HeldPlugin {
    let held = HeldPlugin {
        source: table.needed("source", help).map(|text| text.value).unwrap_or_default(),
        digest: table.needed("digest", help).map(|text| text.value).unwrap_or_default(),
        serial: table.number("serial").map_or(0, |number| number.value),
        version: table.plain("version").unwrap_or_default(),
    };
    table.finish();
    held
}

fn numbers(table: &Table<'_>) -> Numbers {
    let help = "let `nave apply` write this file; where two people's changes met, give one of them the next free number";
    let all = table.entries().map(|(name, value)| (name.value.to_owned(), json(value.get_ref()))).collect();
    let numbers: Numbers = match serde_json::from_value(serde_json::Value::Object(all)) {
        Ok(numbers) => numbers,
        Err(error) => {
            table.file.error(table.span.clone(), "bad-numbers", format!("[numbers]: {error}"), Some(help.to_owned()));
            return Numbers::default();
        }
    };
    for twice in numbers.twice() {
        table.file.error(table.span.clone(), "number-twice", twice, Some(help.to_owned()));
    }
    numbers
}

/// The text of `nave.lock`, everything in the order of names.
pub fn lock_text(plugins: &BTreeMap<String, LockedPlugin>, numbers: &Numbers) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut out = "# Written by nave. Every plugin that is installed here, pinned by its digest.\n".to_owned();
    for (name, plugin) in plugins {
        out.push_str(&format!(
            "\n[plugins.{}]\nsource = {}\ndigest = {}\nserial = {}\nversion = {}\n",
            text(name),
            text(&plugin.source),
            text(&plugin.digest),
            plugin.serial,
            text(&plugin.version)
        ));
        if let Some(key) = &plugin.key {
            out.push_str(&format!("key = {}\n", text(key)));
        }
        let list = |words: &[String]| words.iter().map(|word| text(word)).collect::<Vec<_>>().join(", ");
        let lines = plugin.functions.iter().map(|function| {
            format!(
                "    {{ name = {}, inputs = [{}], output = {}, explain = {} }},\n",
                text(&function.name),
                list(&function.inputs),
                text(&function.output),
                text(&function.explain)
            )
        });
        if !plugin.functions.is_empty() {
            out.push_str(&format!("functions = [\n{}]\n", lines.collect::<String>()));
        }
        if let Some(held) = &plugin.held {
            out.push_str(&format!(
                "\n[plugins.{}.held]\nsource = {}\ndigest = {}\nserial = {}\nversion = {}\n",
                text(name),
                text(&held.source),
                text(&held.digest),
                held.serial,
                text(&held.version)
            ));
        }
    }
    let mut section = |title: String, names: &super::numbers::Names| {
        if names.is_empty() {
            return;
        }
        out.push_str(&format!("\n[numbers.{title}]\n"));
        for (name, numbered) in names {
            let kind = numbered.kind.as_ref().map(|kind| format!(", type = {}", text(kind))).unwrap_or_default();
            let removed = if numbered.removed { ", removed = true" } else { "" };
            out.push_str(&format!("{} = {{ number = {}{kind}{removed} }}\n", text(name), numbered.number));
        }
    };
    section("entities".to_owned(), &numbers.entities);
    for (entity, names) in &numbers.fields {
        section(format!("fields.{}", text(entity)), names);
    }
    for (connection, names) in &numbers.streams {
        section(format!("streams.{}", text(connection)), names);
    }
    out
}

fn function(mut table: Table<'_>) -> Function {
    let text = |table: &mut Table<'_>, key: &'static str| table.plain(key).unwrap_or_default();
    let function = Function {
        name: text(&mut table, "name"),
        inputs: table.strings("inputs"),
        output: text(&mut table, "output"),
        explain: text(&mut table, "explain"),
    };
    table.finish();
    function
}

/// `"remote" = "canonical"`, a line each.
pub(super) fn lookup(file: &File<'_>, table: &Table<'_>) -> mapping::Table {
    let lines = table.entries().filter_map(|(key, value)| match value.get_ref() {
        DeValue::Table(_) | DeValue::Array(_) | DeValue::Datetime(_) => {
            file.error(value.span(), "wrong-type", format!("`{}` must be a text, a number, or true or false", key.value), None);
            None
        }
        plain => Some((key.value.to_owned(), Value::from_json(&json(plain)))),
    });
    mapping::Table::new(file.stem(), lines.collect::<Vec<_>>())
}
