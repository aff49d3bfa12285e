//! A new connection: its file, its starter mappings, its line in the inventory.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use nave_core::manifest::{ClientAuthentication, CredentialKind, Manifest, PluginKind, Setting, SettingType};
use nave_core::reason::is_blank;
use serde_json::Value as Json;
use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, Value, value};

pub(crate) use self::fitting::fit_starters;
use self::networks::Placed;
use super::{ProjectError, pin, read, refuse_own, write};
use crate::plugins::powers;

/// What a person said about it.
#[derive(Clone, Debug, Default)]
pub struct NewConnection {
    /// Name; `[a-z0-9-]{1,64}`.
    pub name: String,
    /// Settings as text; read by the manifest's types.
    pub settings: BTreeMap<String, String>,
    /// Folder name → path; relative to the project's directory.
    pub folders: BTreeMap<String, String>,
    /// Private or loopback networks (CIDR) that its endpoints may resolve to.
    pub networks: Vec<String>,
    /// Allows `http://`.
    pub insecure: bool,
    /// Only reads over there.
    pub read_only: bool,
    /// Why it may do what is unusual.
    pub because: Option<String>,
    /// Credential slot → name of the secret; default: the connection's name.
    pub secrets: BTreeMap<String, String>,
    /// Credential slot → word of the way that it is applied; default: the manifest's first.
    pub kinds: BTreeMap<String, String>,
    /// Environment; must be the hub's.
    pub environment: String,
}

/// What would be written, to be shown before it is.
#[derive(Clone, Debug, Default)]
pub struct PlannedConnection {
    /// Name.
    pub name: String,
    /// Its plugin.
    pub plugin: String,
    /// One sentence per power that it would be granted.
    pub powers: Vec<String>,
    /// Secrets that it names: slot, secret, where a person finds it.
    pub secrets: Vec<(String, String, String)>,
    /// Secret → origins (scheme, host, port) that it would be sent to.
    pub destinations: BTreeMap<String, BTreeSet<String>>,
    /// File → text. Files that exist are left as they are.
    pub files: Vec<(PathBuf, String)>,
    /// Things to look at.
    pub warnings: Vec<String>,
}

/// Works out a connection's files from its plugin's manifest.
///
/// # Errors
/// [`ProjectError::Invalid`] with everything that is missing or wrong, one per line; [`ProjectError::Exists`].
pub fn plan_connection(dir: &Path, plugin: &Manifest, new: &NewConnection) -> Result<PlannedConnection, ProjectError> {
    if plugin.kind == PluginKind::Transform {
        return Err(ProjectError::Invalid(format!(
            "`{}` is a transform: mappings use its functions as soon as it is installed, it needs no connection",
            plugin.name
        )));
    }
    check_name(&new.name)?;
    let file = Path::new("connections").join(format!("{}.toml", new.name));
    if dir.join(&file).exists() {
        return Err(ProjectError::Exists(format!(
            "there is a connection `{}` already ({}); give another name with --name",
            new.name,
            file.display()
        )));
    }
    let mut wrong = Vec::new();
    let settings = settings(plugin, &new.settings, &mut wrong);
    let mut document = DocumentMut::new();
    document.decor_mut().set_prefix(format!("# {}, through the plugin `{}`.\n", plugin.title, plugin.name));
    document["plugin"] = value(&plugin.name);
    document["system"] = value(&new.name);
    document["environment"] = value(&new.environment);
    if !settings.is_empty() {
        let mut table = Table::new();
        for (name, setting) in &settings {
            if let Some(setting) = toml_value(setting) {
                table.insert(name, Item::Value(setting));
            }
        }
        document["settings"] = Item::Table(table);
    }
    let mut planned = PlannedConnection { name: new.name.clone(), plugin: plugin.name.clone(), ..PlannedConnection::default() };
    credentials(plugin, new, &mut document, &mut planned, &mut wrong);
    grants(plugin, new, &settings, &mut document, &mut wrong);
    pin::pin(&mut document, plugin);
    own_folders(dir, new, &mut wrong);
    if !wrong.is_empty() {
        return Err(ProjectError::Invalid(wrong.join("\n")));
    }
    planned.powers = powers::granted_in(&document.to_string(), plugin);
    planned.destinations = powers::destinations_in(&document.to_string(), plugin);
    planned.files.push((file, document.to_string()));
    for (stream, text) in &plugin.mappings {
        let stem = stream.strip_suffix(".toml").unwrap_or(stream);
        check_name(stem)?;
        let file = Path::new("mappings").join(format!("{}-{stem}.toml", new.name));
        if dir.join(&file).exists() {
            planned.warnings.push(format!("{} exists and stays as it is", file.display()));
        } else {
            let text = purpose::known_processes(dir, &text.replace("{connection}", &new.name))?;
            planned.files.push((file, if new.read_only { reading::reading_only(&text)? } else { text }));
        }
    }
    Ok(planned)
}

/// Writes what was planned, the connection's own file last: a hub that looks in between finds nothing half done.
/// Answers the files, and says where the inventory lacked the system.
///
/// # Errors
/// [`ProjectError`] where a file cannot be written.
pub fn write_connection(dir: &Path, planned: &PlannedConnection) -> Result<(Vec<PathBuf>, Vec<String>), ProjectError> {
    let mut warnings = planned.warnings.clone();
    let mut written = Vec::new();
    if add_system(dir, &planned.name)? {
        warnings.push(format!("`{}` was not in the inventory: fill in its owner and contact in systems.toml", planned.name));
        written.push(PathBuf::from("systems.toml"));
    }
    for (file, text) in planned.files.iter().rev() {
        write::whole(&dir.join(file), text.as_bytes())?;
        written.push(file.clone());
    }
    Ok((written, warnings))
}

fn check_name(name: &str) -> Result<(), ProjectError> {
    let fits = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !name.starts_with('-');
    if !fits {
        return Err(ProjectError::Invalid(format!("`{name}` is not a name: use a-z, 0-9 and -, at most 64 of them")));
    }
    if matches!(name, "steward" | "hub") {
        return Err(ProjectError::Invalid(format!("`{name}` is the hub's own word; give another name with --name")));
    }
    Ok(())
}

fn settings(plugin: &Manifest, given: &BTreeMap<String, String>, wrong: &mut Vec<String>) -> BTreeMap<String, Json> {
    let mut settings = BTreeMap::new();
    for name in given.keys().filter(|name| !plugin.settings.contains_key(*name)) {
        let known: Vec<&str> = plugin.settings.keys().map(String::as_str).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        wrong.push(format!("`{}` has no setting `{name}`; it has: {known}", plugin.name));
    }
    for (name, setting) in &plugin.settings {
        match given.get(name) {
            Some(text) => match setting_value(setting, text) {
                Ok(found) => {
                    settings.insert(name.clone(), found);
                }
                Err(why) => wrong.push(format!("setting `{name}`: {why}")),
            },
            None => match &setting.default {
                Some(default) => {
                    settings.insert(name.clone(), default.clone());
                }
                None if setting.required => {
                    wrong.push(format!("setting `{name}` is required ({}); give it with --set {name}=…", setting.label));
                }
                None => {}
            },
        }
    }
    settings
}

/// A setting from text, by its type.
pub(crate) fn setting_value(setting: &Setting, text: &str) -> Result<Json, String> {
    let found = match setting.kind {
        SettingType::Text => Json::String(text.to_owned()),
        SettingType::Url => match url::Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() => {
                Json::String(text.trim_end_matches('/').to_owned())
            }
            _ => return Err(format!("`{text}` is not an address; write https://host/path")),
        },
        SettingType::Integer => Json::from(text.parse::<i64>().map_err(|_| format!("`{text}` is not a whole number"))?),
        SettingType::Boolean => match text {
            "true" | "yes" => Json::Bool(true),
            "false" | "no" => Json::Bool(false),
            _ => return Err(format!("`{text}` is neither true nor false")),
        },
        SettingType::Json => serde_json::from_str(text).map_err(|error| format!("it is not JSON: {error}"))?,
    };
    if let (Some(pattern), Json::String(text)) = (&setting.pattern, &found) {
        let whole =
            regex::Regex::new(&format!("^(?:{pattern})$")).map_err(|_| "the plugin's pattern is not understood".to_owned())?;
        if !whole.is_match(text) {
            return Err(format!("`{text}` does not fit {pattern}"));
        }
    }
    Ok(found)
}

fn credentials(
    plugin: &Manifest,
    new: &NewConnection,
    document: &mut DocumentMut,
    planned: &mut PlannedConnection,
    wrong: &mut Vec<String>,
) {
    for slot in new.secrets.keys().chain(new.kinds.keys()).filter(|slot| !plugin.credentials.contains_key(*slot)) {
        wrong.push(format!("`{}` has no credential `{slot}`", plugin.name));
    }
    let mut slots = Table::new();
    slots.set_implicit(true);
    for (slot, asked) in &plugin.credentials {
        let wanted = new.kinds.get(slot);
        let kind = match wanted {
            Some(word) => asked.kinds.iter().find(|kind| powers::kind_word(kind) == *word),
            None => asked.kinds.first(),
        };
        let Some(kind) = kind else {
            let words: Vec<&str> = asked.kinds.iter().map(powers::kind_word).collect();
            wrong.push(format!("credential `{slot}` can be: {}", words.join(", ")));
            continue;
        };
        let secret = new
            .secrets
            .get(slot)
            .cloned()
            .unwrap_or_else(|| if plugin.credentials.len() == 1 { new.name.clone() } else { format!("{}-{slot}", new.name) });
        let mut table = Table::new();
        table.decor_mut().set_prefix(format!("\n# {}. {}\n", sentence(&asked.reason), shape_of(kind)));
        table["secret"] = value(&secret);
        table["kind"] = value(powers::kind_word(kind));
        slots.insert(slot, Item::Table(table));
        planned.secrets.push((slot.clone(), secret, format!("{} {}", asked.help, shape_of(kind)).trim().to_owned()));
    }
    if !slots.is_empty() {
        document["credentials"] = Item::Table(slots);
    }
}

fn shape_of(kind: &CredentialKind) -> &'static str {
    match kind {
        CredentialKind::Basic {} | CredentialKind::Login { .. } => "The secret is user:password.",
        CredentialKind::OauthClientCredentials { .. } => "The secret is client-id:client-secret.",
        CredentialKind::Hmac { id_header: Some(_), .. } => "The secret is id:key.",
        CredentialKind::AwsV4 { .. } => "The secret is access-key-id:secret-access-key.",
        CredentialKind::Body { .. } => "The secret is the password alone.",
        CredentialKind::Hmac { .. } => "The secret is the key that requests are signed with.",
        CredentialKind::Oauth2 { client: ClientAuthentication::None, .. } => {
            "The secret is client-id: with the colon; then `nave connection authorize NAME` asks the system."
        }
        CredentialKind::Oauth2 { .. } => {
            "The secret is client-id:client-secret; then `nave connection authorize NAME` asks the system."
        }
        CredentialKind::Bearer { .. } | CredentialKind::Header { .. } | CredentialKind::Query { .. } => {
            "The secret is the token or key."
        }
    }
}

fn grants(
    plugin: &Manifest,
    new: &NewConnection,
    settings: &BTreeMap<String, Json>,
    document: &mut DocumentMut,
    wrong: &mut Vec<String>,
) {
    if new.because.as_deref().is_some_and(is_blank) {
        wrong.push("--because says nothing: say why, for whoever reads it later: --because 'it runs on this machine'".to_owned());
    }
    let because = new.because.clone().unwrap_or_else(|| "said when the connection was added".to_owned());
    let mut endpoints = Table::new();
    endpoints.set_implicit(true);
    let mut placed = Vec::new();
    let chosen = plugin.credentials.iter().filter_map(|(slot, asked)| match new.kinds.get(slot) {
        Some(word) => asked.kinds.iter().find(|kind| powers::kind_word(kind) == *word),
        None => asked.kinds.first(),
    });
    let chosen: Vec<&CredentialKind> = chosen.collect();
    let called = plugin.endpoints.iter().filter(|(name, _)| plugin.calls(name, chosen.iter().copied()));
    let called: Vec<_> = called.collect();
    for (name, asked) in called.iter().copied() {
        match concrete(&asked.base, settings) {
            Ok(base) => {
                let given = was_given(&asked.base, &base, plugin, settings, new);
                placed.push(Placed { endpoint: name.clone(), base, given });
            }
            Err(why) => wrong.push(format!("endpoint `{name}`: {why}")),
        }
    }
    // Where an address is missing, that is the mistake.
    let placed_all = placed.len() == called.len();
    let networks = networks::share(&new.networks, if placed_all { &placed } else { &[] }, wrong);
    for Placed { endpoint: name, base, .. } in &placed {
        let asked = &plugin.endpoints[name];
        let networks = networks.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut table = Table::new();
        table.decor_mut().set_prefix(format!("\n# {}.\n", sentence(&asked.reason)));
        table["base"] = value(base);
        if base.starts_with("http://") && !new.insecure {
            wrong.push(format!(
                "endpoint `{name}` would be {base}: without TLS everybody on the way reads along; --insecure allows it"
            ));
        }
        if !networks.is_empty() {
            table["networks"] = value(networks.iter().map(String::as_str).collect::<Array>());
        }
        if base.starts_with("http://") {
            table["insecure"] = value(true);
        }
        if new.read_only {
            table["read-only"] = value(true);
        }
        if base.starts_with("http://") || !networks.is_empty() {
            table["because"] = value(&because);
        }
        endpoints.insert(name, Item::Table(table));
    }
    let mut folders = Table::new();
    folders.set_implicit(true);
    for name in new.folders.keys().filter(|name| !plugin.folders.contains_key(*name)) {
        wrong.push(format!("`{}` asks for no folder `{name}`", plugin.name));
    }
    for (name, asked) in &plugin.folders {
        match new.folders.get(name) {
            Some(path) => {
                let mut table = Table::new();
                table.decor_mut().set_prefix(format!("\n# {}.\n", sentence(&asked.reason)));
                table["path"] = value(path);
                table["access"] = value(powers::access_word(asked.access));
                folders.insert(name, Item::Table(table));
            }
            None if asked.optional => {}
            None => wrong.push(format!("folder `{name}` is needed {}; give it with --folder {name}=PATH", asked.reason)),
        }
    }
    let mut grants = Table::new();
    grants.set_implicit(true);
    for (key, table) in [("endpoints", endpoints), ("folders", folders)] {
        if !table.is_empty() {
            grants.insert(key, Item::Table(table));
        }
    }
    if !grants.is_empty() {
        document["grants"] = Item::Table(grants);
    }
}

/// Folders that would be refused at every run.
fn own_folders(dir: &Path, new: &NewConnection, wrong: &mut Vec<String>) {
    let data = read::place(dir).map_or_else(|_| dir.join("data"), |place| place.data);
    for (name, path) in &new.folders {
        if let Err(why) = refuse_own(dir, &data, &dir.join(path)) {
            wrong.push(format!("folder `{name}` ({path}) {why}; give another one with --folder {name}=PATH"));
        }
    }
}

/// Whether a person said where an endpoint is: one of the settings in its address was given, and is not the plugin's own; or is, and is no
/// name that leads wherever its owner likes.
fn was_given(base: &str, at: &str, plugin: &Manifest, settings: &BTreeMap<String, Json>, new: &NewConnection) -> bool {
    let url = url::Url::parse(at).ok();
    let number = url.as_ref().and_then(url::Url::host).is_some_and(|host| !matches!(host, url::Host::Domain(_)));
    new.settings.keys().any(|name| {
        let own = plugin.settings.get(name).is_none_or(|setting| settings.get(name) == setting.default.as_ref());
        base.contains(&format!("{{settings.{name}}}")) && (number || !own)
    })
}

/// A base address with its settings put in.
fn concrete(base: &str, settings: &BTreeMap<String, Json>) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = base;
    while let Some(start) = rest.find('{') {
        out.push_str(&rest[..start]);
        let end = rest[start..].find('}').map(|at| start + at).ok_or("the manifest's base address has an open brace")?;
        let hole = &rest[start + 1..end];
        let name = hole.strip_prefix("settings.").ok_or_else(|| format!("`{{{hole}}}` cannot be filled in yet"))?;
        match settings.get(name) {
            Some(Json::String(text)) if !text.is_empty() => out.push_str(text),
            Some(Json::Number(number)) => out.push_str(&number.to_string()),
            _ => return Err(format!("its address needs the setting `{name}`; give it with --set {name}=…")),
        }
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    match url::Url::parse(&out) {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host().is_some() && url.username().is_empty() => Ok(out),
        _ => Err(format!("`{out}` is not an address")),
    }
}

fn sentence(text: &str) -> String {
    let one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let one_line = one_line.trim_end_matches('.');
    let mut letters = one_line.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// JSON as TOML; none for null, which TOML does not have.
pub(super) fn toml_value(json: &Json) -> Option<Value> {
    Some(match json {
        Json::Null => return None,
        Json::Bool(flag) => (*flag).into(),
        Json::Number(number) => match number.as_i64() {
            Some(whole) => whole.into(),
            None => number.as_f64()?.into(),
        },
        Json::String(text) => text.as_str().into(),
        Json::Array(list) => Value::Array(list.iter().filter_map(toml_value).collect()),
        Json::Object(map) => Value::InlineTable(
            map.iter().filter_map(|(name, json)| Some((name.as_str(), toml_value(json)?))).collect::<InlineTable>(),
        ),
    })
}

/// Adds a system to the inventory where it is missing. Says whether it did.
fn add_system(dir: &Path, name: &str) -> Result<bool, ProjectError> {
    let path = dir.join("systems.toml");
    let text = if path.is_file() { read::text(&path)? } else { String::new() };
    match with_system(&text, name).map_err(|message| ProjectError::Malformed { path: path.clone(), message })? {
        Some(text) => write::whole(&path, text.as_bytes()).map(|()| true),
        None => Ok(false),
    }
}

/// The inventory's text with this system; none where it has it already.
pub(super) fn with_system(text: &str, name: &str) -> Result<Option<String>, String> {
    let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| error.message().to_owned())?;
    if document.contains_key(name) {
        return Ok(None);
    }
    // At the end of the file a table is always its own: comments stay where they are.
    let gap = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    Ok(Some(format!("{text}{gap}\n[{name}]\nkind = \"\"\nowner = \"\"\nvendor-contact = \"\"\n")))
}

mod fitting;
mod networks;
mod purpose;
mod reading;
#[cfg(test)]
mod tests;
