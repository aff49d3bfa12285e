//! `connection`: added, listed, checked, discovered.

mod authorize;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use nave_core::manifest::{CredentialKind, Manifest, SettingType};
use nave_hub::api::{ApiError, Request, SecretLine, SecretText, exit};
use nave_hub::project::{self, NewConnection, PlannedConnection};
use nave_hub::{direct, plugins};
use serde_json::json;

use super::Outcome;
use crate::context::{Context, want};
use crate::output::{self, Rows, clean, say};
use crate::{call, prompt};

/// Connected systems
#[derive(Debug, Subcommand)]
pub(crate) enum Connection {
    Add(Box<Add>),
    /// All connections
    List,
    /// Does it work, and whose account is it?
    Check {
        /// Connection
        name: String,
    },
    /// Let a secret go to a host that it was not given for: what is held is shown, then asked
    #[command(
        after_help = "A secret goes only to the hosts that it was given for. Where a connection's file names another, or\n\
      nave.toml another proxy or ca-file, the connection is held: nothing is sent until somebody has approved.\n\n\
      Examples:\n  nave connection approve\n  nave connection approve crm --reason 'it moved to another host' --yes"
    )]
    Approve {
        /// Connection [default: all that are held]
        name: Option<String>,
        /// Approve what is shown without asking
        #[arg(long, short)]
        yes: bool,
        /// Why: for the audit and the register of access
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
    },
    Authorize(authorize::Authorize),
    /// What the system offers: streams, fields, what can be done with them
    Discover(Discover),
}

/// What a system offers: streams, fields with labels, types and picklists, and what can be done with them
#[derive(Debug, Args)]
pub(crate) struct Discover {
    /// Connection
    name: String,
    /// Save it in streams/NAME.json, so that mappings are checked against it, and under today's date for `nave schema diff`
    #[arg(long)]
    save: bool,
}

/// Connect a system: writes connections/NAME.toml and the plugin's starter mappings
#[derive(Debug, Args)]
#[command(after_help = "On a terminal it asks for what is missing.\n\n\
  Examples:\n  nave connection add hubspot --name crm\n  \
  nave connection add files --name drop --folder drop=exports --reason 'what the old system exports' --yes\n  \
  nave connection add tryton --set url=https://erp.example.com/company --secret-from key.txt --grant-network 10.1.0.0/16")]
pub(crate) struct Add {
    /// An installed plugin
    plugin: String,
    /// Name of the connection [default: the plugin's]
    #[arg(long)]
    name: Option<String>,
    /// A setting
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = pair)]
    settings: Vec<(String, String)>,
    /// A folder that the plugin may use, relative to the project's directory
    #[arg(long = "folder", value_name = "NAME=PATH", value_parser = pair)]
    folders: Vec<(String, String)>,
    /// Put the secret into the vault from a file (`-`: standard input)
    #[arg(long, value_name = "FILE")]
    secret_from: Option<PathBuf>,
    /// Name of the secret that a credential uses, if it is not the connection's name
    #[arg(long = "secret", value_name = "CREDENTIAL=SECRET", value_parser = pair)]
    secrets: Vec<(String, String)>,
    /// How a credential is applied, where the plugin knows several ways
    #[arg(long = "credential-kind", value_name = "CREDENTIAL=KIND", value_parser = pair)]
    kinds: Vec<(String, String)>,
    /// A private or loopback network that it may reach
    #[arg(long = "grant-network", value_name = "CIDR")]
    networks: Vec<String>,
    /// Allow http://, where everybody on the way reads along
    #[arg(long)]
    insecure: bool,
    /// Only read over there, whatever the secret can do
    #[arg(long)]
    read_only: bool,
    /// Why it may do what is unusual: goes into the connection's file
    #[arg(long)]
    because: Option<String>,
    /// Why it is granted: for the audit and the register of access [default: what --because says]
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Grant what is shown without asking
    #[arg(long, short)]
    yes: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).ok_or_else(|| "write NAME=VALUE".to_owned())
}

pub(crate) async fn run(verb: Connection, context: &Context) -> Outcome {
    match verb {
        Connection::Add(verb) => add(*verb, context).await,
        Connection::List => list(context).await,
        Connection::Check { name } => check(name, context).await,
        Connection::Authorize(verb) => authorize::run(verb, context).await,
        Connection::Approve { name, yes, reason } => approve(name, yes, reason, context).await,
        Connection::Discover(verb) => discover(verb, context).await,
    }
}

/// The manifest of an installed plugin, found without checking the rest of the project: it may have errors.
fn manifest(dir: &Path, name: &str) -> Result<Manifest, ApiError> {
    let place = project::place(dir)?;
    let locks = project::read_lock(dir)?;
    let Some(locked) = locks.get(name) else {
        let known: Vec<&str> = locks.keys().map(String::as_str).collect();
        let help = if known.is_empty() {
            "install one first: `nave plugin install FILE.wasm`".to_owned()
        } else {
            format!("installed are: {}; `nave plugin install FILE.wasm` adds one", known.join(", "))
        };
        return Err(ApiError::not_found(format!("no plugin `{name}` is installed")).help(help));
    };
    let (_, manifest, digest) = plugins::inspect_file(&place.plugin(&locked.digest))?;
    if digest != locked.digest {
        return Err(ApiError::failed(format!("the file of `{name}` is not the one that nave.lock pins")).help("install it again"));
    }
    Ok(manifest)
}

async fn add(verb: Add, context: &Context) -> Outcome {
    let manifest = manifest(context.dir(), &verb.plugin)?;
    let environment = environment(context.dir());
    let mut new = NewConnection {
        name: verb.name.clone().unwrap_or_else(|| verb.plugin.clone()),
        settings: verb.settings.iter().cloned().collect(),
        folders: verb.folders.iter().cloned().collect(),
        networks: verb.networks.clone(),
        insecure: verb.insecure,
        read_only: verb.read_only,
        because: verb.because.clone(),
        secrets: verb.secrets.iter().cloned().collect(),
        kinds: verb.kinds.iter().cloned().collect(),
        environment,
    };
    let person = prompt::possible() && !verb.yes && !context.json;
    if person {
        ask(&manifest, &mut new)?;
    }
    let planned = project::plan_connection(context.dir(), &manifest, &new)?;
    if !context.json {
        say(format_args!("Connection `{}` ({}):", planned.name, clean(&manifest.title)));
        planned.powers.iter().for_each(|power| say(format_args!("  {}", clean(power))));
    }
    if !verb.yes && (!person || !prompt::yes("Grant this?")?) {
        return Err(
            ApiError::person("nothing was written: nobody granted what the connection needs").help("add --yes to grant it")
        );
    }
    let reason = why(verb.reason.as_deref().or(verb.because.as_deref()), person, "written")?;
    let trial = project::try_connection(context.dir(), &planned)?;
    let (values, mut secrets_missing) = secrets(&verb, &planned, person)?;
    let known = match trial.before {
        true => want!(context.call(Request::SecretList).await?, Secrets).secrets,
        false => Vec::new(),
    };
    secrets_missing.retain(|name| known.iter().all(|secret| secret.name != *name));
    if !values.is_empty() && !trial.after {
        return Err(ApiError::failed("nothing was written: the project has errors, so no hub can open it and keep the secret")
            .help("`nave mapping lint` lists them; mend them, then add the connection"));
    }
    // A secret that was given is in the vault before anything is written, wherever a hub can be had by then.
    if trial.before {
        keep(&values, context).await?;
    }
    let (written, warnings) = project::write_connection(context.dir(), &planned)?;
    let mut warnings = warnings;
    warnings.extend(shared(&planned, &values, &known));
    warnings.extend(added(&planned, trial.after, &reason, context).await?);
    if !trial.before {
        keep(&values, context).await?;
    }
    if context.json {
        output::json(
            &json!({ "connection": planned.name, "written": written, "warnings": warnings, "powers": planned.powers, "secrets_missing": secrets_missing }),
        );
        return Ok(exit::OK);
    }
    written.iter().for_each(|file| say(format_args!("  wrote {}", file.display())));
    warnings.iter().for_each(|warning| say(format_args!("  note: {}", clean(warning))));
    secrets_missing.iter().for_each(|secret| say(format_args!("  still needed: `nave secret set {secret}`")));
    let ways = ways(&manifest, &new);
    if !ways.is_empty() {
        say(format_args!(
            "\nNext: {}: a person agrees over there.",
            ways.iter().map(|way| format!("`nave connection authorize {}{way}`", planned.name)).collect::<Vec<_>>().join(" or ")
        ));
    }
    let first = if ways.is_empty() { "\nNext" } else { "Then" };
    say(format_args!(
        "{first}: `nave connection check {0}`, then `nave connection discover {0} --save` and `nave plan`.",
        planned.name
    ));
    Ok(exit::OK)
}

/// Options of `connection authorize` by which a person can agree, where a credential is of a kind that people agree to (OAuth 2).
fn ways(manifest: &Manifest, new: &NewConnection) -> Vec<&'static str> {
    let mut ways = Vec::new();
    for (slot, asked) in &manifest.credentials {
        let word = new.kinds.get(slot).map(String::as_str);
        let agreed = |kind: &&CredentialKind| matches!(kind, CredentialKind::Oauth2 { .. });
        let kind = match word {
            Some("oauth2") => asked.kinds.iter().find(agreed),
            Some(_) => None,
            None => asked.kinds.first().filter(agreed),
        };
        if let Some(CredentialKind::Oauth2 { authorization, device, .. }) = kind {
            ways.extend(authorization.iter().map(|_| ""));
            ways.extend(device.iter().map(|_| " --device"));
        }
    }
    ways
}

/// What becomes of secrets that others use already.
fn shared(planned: &PlannedConnection, values: &Secrets, known: &[SecretLine]) -> Vec<String> {
    let mut said = Vec::new();
    for (name, origins) in &planned.destinations {
        let Some(secret) = known.iter().find(|secret| secret.name == *name) else { continue };
        if !secret.connections.is_empty() && values.iter().any(|(given, _)| given == name) {
            said.push(format!("the secret `{name}` was replaced; it is that of {} too", secret.connections.join(", ")));
        }
        let more: Vec<&str> = origins.iter().filter(|origin| !secret.given_for.contains(origin)).map(String::as_str).collect();
        if !more.is_empty() && !secret.given_for.is_empty() {
            let (more, before) = (more.join(", "), secret.given_for.join(", "));
            said.push(format!("the secret `{name}`, which was given for {before}, may go to {more} as well now"));
        }
    }
    said
}

/// Tells the hub of a connection that a person has just granted: its secrets may go where that was shown. Where no hub can
/// be had, that is left to be approved, and said.
async fn added(planned: &PlannedConnection, fits: bool, reason: &str, context: &Context) -> Result<Option<String>, ApiError> {
    let (name, secrets) = (planned.name.clone(), planned.destinations.clone());
    let later = |why: &str| {
        let hint = format!("{why}, so no secret was given for its hosts yet: `nave connection approve {}`", planned.name);
        (!planned.destinations.is_empty()).then_some(hint)
    };
    if !fits {
        let by = context.asked(Request::Reload).by;
        let detail = format!("{}: {reason}", planned.plugin);
        direct::connection_added(context.dir(), &by, &planned.name, &detail).await?;
        call::reload(context).await?;
        return Ok(later("the project has errors"));
    }
    match context.call(Request::ConnectionApprove { name, secrets, added: true, reason: Some(reason.to_owned()) }).await {
        Ok(_) => Ok(None),
        Err(error) => Ok(later(&error.message)),
    }
}

/// Why something is granted, as it was given or is typed now. Nothing is granted without.
fn why(given: Option<&str>, ask: bool, done: &str) -> Result<String, ApiError> {
    let given = match given {
        None if ask => prompt::line("Why is it granted? (for the audit and the register of access)", None)?,
        given => given.unwrap_or_default().to_owned(),
    };
    match given.trim() {
        "" => Err(ApiError::person(format!("nothing was {done}: nobody said why it is granted"))
            .help("add --reason TEXT: the audit keeps it, and `nave access list` shows it")),
        reason => Ok(reason.to_owned()),
    }
}

async fn approve(name: Option<String>, yes: bool, reason: Option<String>, context: &Context) -> Outcome {
    let held = want!(context.call(Request::ConnectionHeld { name }).await?, Held).held;
    if held.is_empty() {
        if context.json {
            output::json(&json!({ "held": [], "approved": false }));
        } else {
            say("Nothing is held: every secret goes where it was given for.");
        }
        return Ok(exit::OK);
    }
    if !context.json {
        held.iter().for_each(|held| say(format_args!("{}: {}", clean(&held.connection), clean(&held.to_string()))));
    }
    let person = prompt::possible() && !context.json;
    if !yes && (!person || !prompt::yes("Let them go there?")?) {
        let lines: Vec<String> = held.iter().map(|held| format!("{}: {held}", held.connection)).collect();
        return Err(ApiError::person(format!("nothing was approved; {}", lines.join("; ")))
            .help("add --yes to approve it, or correct the file that says otherwise: the connection's, or nave.toml"));
    }
    let reason = Some(why(reason.as_deref(), person && !yes, "approved")?);
    let mut secrets: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for held in &held {
        secrets.entry(held.connection.clone()).or_default().entry(held.secret.clone()).or_default().extend(held.to.clone());
    }
    for (name, secrets) in secrets {
        let done =
            want!(context.call(Request::ConnectionApprove { name, secrets, added: false, reason: reason.clone() }).await?, Done);
        if !context.json {
            say(clean(&done.message));
        }
    }
    if context.json {
        output::json(&json!({ "held": held, "approved": true }));
    }
    Ok(exit::OK)
}

/// Names with what is to be kept under them.
type Secrets = Vec<(String, SecretText)>;

/// The secrets that were given, by name, and the names of those that are still missing.
fn secrets(verb: &Add, planned: &PlannedConnection, person: bool) -> Result<(Secrets, Vec<String>), ApiError> {
    let (mut values, mut missing) = (Vec::new(), Vec::new());
    for (at, (slot, name, help)) in planned.secrets.iter().enumerate() {
        // A file holds one secret: the first credential's.
        let from = verb.secret_from.as_deref().filter(|_| at == 0);
        // A secret that was named is one that the vault holds already.
        let named = verb.secrets.iter().any(|(named, _)| named == slot);
        if from.is_none() && (named || !person) {
            if !named {
                missing.push(name.clone());
            }
            continue;
        }
        if from.is_none() {
            say(format_args!("\n{}", clean(help)));
        }
        values.push((name.clone(), prompt::secret(&format!("Secret `{name}`"), from)?));
    }
    Ok((values, missing))
}

/// Puts secrets into the vault.
async fn keep(values: &[(String, SecretText)], context: &Context) -> Result<(), ApiError> {
    for (name, value) in values {
        context.call(Request::SecretSet { name: name.clone(), value: value.clone(), give_later: true }).await?;
    }
    Ok(())
}

/// The environment that `nave.toml` names; the catalog's check says what is wrong with it.
fn environment(dir: &Path) -> String {
    project::environment(dir).unwrap_or_else(|| "dev".to_owned())
}

fn ask(manifest: &Manifest, new: &mut NewConnection) -> Result<(), ApiError> {
    for (name, setting) in &manifest.settings {
        if new.settings.contains_key(name)
            || (!setting.required && setting.default.is_some())
            || setting.kind == SettingType::Json
        {
            continue;
        }
        if !setting.help.is_empty() {
            eprintln!("{}", clean(&setting.help));
        }
        let given = prompt::line(&clean(&setting.label), None)?;
        if !given.is_empty() {
            new.settings.insert(name.clone(), given);
        }
    }
    let mut folders = BTreeMap::new();
    for (name, folder) in manifest.folders.iter().filter(|(name, _)| !new.folders.contains_key(*name)) {
        let optional = if folder.optional { ", may stay empty" } else { "" };
        let given = prompt::line(&format!("Folder `{name}` {}{optional}", clean(&folder.reason)), None)?;
        if !given.is_empty() {
            folders.insert(name.clone(), given);
        }
    }
    new.folders.extend(folders);
    Ok(())
}

async fn list(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::ConnectionList).await?, Connections);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let mut rows = Rows::new(&["connection", "plugin", "system", "reaches", "secrets", "flows"]);
    for connection in &answer.connections {
        rows.row([
            connection.name.clone(),
            connection.plugin.clone(),
            connection.system.clone(),
            connection.reaches.join(", "),
            connection.secrets.join(", "),
            connection.flows.join(", "),
        ]);
    }
    rows.print("No connections yet: `nave connection add PLUGIN`.");
    Ok(exit::OK)
}

async fn check(name: String, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::ConnectionCheck { name }).await?, Check);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    let environment = if answer.environment.is_empty() { String::new() } else { format!(" ({})", clean(&answer.environment)) };
    say(format_args!("{} works: {}{environment}", answer.connection, clean(&answer.account)));
    if !answer.scopes.is_empty() {
        say(format_args!("  may: {}", clean(&answer.scopes.join(", "))));
    }
    for (name, value) in &answer.limits {
        say(format_args!("  {}: {}", clean(name), clean(value)));
    }
    // A `Date` is exact to a second.
    if let Some(skew) = answer.skew_ms.filter(|skew| skew.abs() >= 2_000) {
        let way = if skew > 0 { "ahead of" } else { "behind" };
        say(format_args!("  its clock is {} s {way} this machine's", skew.abs() / 1_000));
    }
    answer.warnings.iter().for_each(|warning| say(format_args!("  note: {}", clean(warning))));
    Ok(exit::OK)
}

pub(crate) async fn discover(verb: Discover, context: &Context) -> Outcome {
    let Discover { name, save } = verb;
    let answer = want!(context.call(Request::ConnectionDiscover { name, save }).await?, Streams);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    if answer.streams.is_empty() {
        say("It offers no stream yet.");
    }
    for stream in &answer.streams {
        let can = &stream.capabilities;
        let words = [
            (can.readable, "read"),
            (can.writable, "write"),
            (can.deletable, "delete"),
            (can.mergeable, "merge"),
            (can.conditional_write, "conditional write"),
        ];
        let words: Vec<&str> = words.iter().filter(|(can, _)| *can).map(|(_, word)| *word).collect();
        say(format_args!("\n{} ({}): {}", clean(&stream.name), clean(&stream.label), words.join(", ")));
        if can.writable && !can.conditional_write {
            say("  no conditional write: last writer may win");
        }
        let mut rows = Rows::new(&["field", "", "type", "notes"]);
        for field in &stream.fields {
            let notes = [
                (field.required, "required"),
                (field.read_only, "read-only"),
                (field.unique, "unique"),
                (field.custom, "custom"),
            ];
            let notes: Vec<&str> = notes.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
            let kind =
                serde_json::to_value(field.kind).ok().and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default();
            rows.row([&field.path, &field.label, &kind, &notes.join(", ")]);
        }
        rows.print("  no fields");
    }
    if let Some(file) = &answer.saved {
        say(format_args!("\nSaved in {}", clean(file)));
    }
    answer.notes.iter().for_each(|note| say(clean(note)));
    Ok(exit::OK)
}
