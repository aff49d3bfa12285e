//! Connections asked, and the configuration read again. What the directory alone can tell, it tells ([`crate::project`]).

use std::collections::BTreeSet;
use std::time::Duration;

use nave_core::catalog::{OTHER_ADDRESS, StreamInfo};
use nave_core::model::Cause;
use nave_runtime::contract::CheckReport;
use nave_store::KeyedRow;
use tokio::task::block_in_place;

use super::{audit, count, held, may, unknown};
use crate::api::{Answer, ApiError, CheckAnswer, Finding, MatrixLine, Request, StreamsAnswer, exit};
use crate::engine::{Engine, EngineError};
use crate::hub::Hub;
use crate::project;
use crate::spoke::SpokeError;

/// Requests that need the project's directory and nothing else.
pub(super) fn from_directory(hub: &Hub, request: &Request) -> Result<Answer, ApiError> {
    block_in_place(|| project::answer(&hub.dir, request))
        .unwrap_or_else(|| Err(ApiError::failed("this request needs more than the project's directory; please report it")))
}

/// Longest wait for a system that is asked for its streams while others wait for the answer.
const STREAMS_WITHIN: Duration = Duration::from_secs(10);
/// Rows: connection → names of the headers about rates that its system's answers had.
const RATES: &str = "rates";

/// What systems can do, with the headers about rates that were heard. Of a connection whose streams were not saved yet its plugin tells
/// them at once: asked as the connection is, or where its system does not answer, without it.
pub(super) async fn matrix(hub: &Hub, request: &Request) -> Result<Answer, ApiError> {
    let mut answer = from_directory(hub, request)?;
    if let Answer::Matrix(found) = &mut answer {
        let catalog = hub.engine.catalog();
        for name in std::mem::take(&mut found.unknown) {
            let connection = catalog.connections.get(&name);
            let (Some(connection), Some(streams)) = (connection, streams_now(hub, &name).await) else {
                found.unknown.push(name);
                continue;
            };
            let manifest = block_in_place(|| hub.guests.manifest(&connection.plugin)).ok();
            let webhook_scheme = manifest.is_some_and(|manifest| manifest.webhook.is_some());
            found.streams.extend(streams.into_iter().map(|stream| MatrixLine {
                connection: name.clone(),
                plugin: connection.plugin.clone(),
                stream: stream.name,
                webhook_scheme,
                rate_headers: Vec::new(),
                capabilities: stream.capabilities,
            }));
        }
        found.streams.sort_by(|a, b| (&a.connection, &a.stream).cmp(&(&b.connection, &b.stream)));
        for line in &mut found.streams {
            line.rate_headers = block_in_place(|| rates(hub, &line.connection))?.into_iter().collect();
        }
    }
    Ok(answer)
}

/// The streams of a connection, by its system, or as its plugin says without a network.
async fn streams_now(hub: &Hub, name: &str) -> Option<Vec<StreamInfo>> {
    if let Ok(spoke) = hub.engine.spoke(name)
        && let Ok(Ok(streams)) = tokio::time::timeout(STREAMS_WITHIN, spoke.discover()).await
    {
        return Some(streams);
    }
    let catalog = hub.engine.catalog();
    let connection = catalog.connections.get(name)?;
    let file = project::place(&hub.dir).ok()?.plugin(&catalog.plugins.get(&connection.plugin)?.digest);
    crate::plugins::streams_of(&file, connection.settings.clone()).await.ok().flatten()
}

/// Names of the headers about rates that were ever heard of a connection's system.
fn rates(hub: &Hub, name: &str) -> Result<BTreeSet<String>, ApiError> {
    let kept = hub.store.row(RATES, name)?.unwrap_or_default();
    let kept = String::from_utf8_lossy(&kept).lines().map(str::to_owned).collect::<BTreeSet<String>>();
    Ok(kept.into_iter().chain(hub.engine.talk(name).rates().keys().cloned()).collect())
}

/// Keeps the names of headers about rates that were heard, for the matrix of a hub that has heard nothing yet.
pub(super) async fn remember_rates(hub: &Hub, name: &str) -> Result<(), ApiError> {
    let known = block_in_place(|| rates(hub, name))?;
    let text = known.into_iter().collect::<Vec<_>>().join("\n").into_bytes();
    if text.is_empty() || block_in_place(|| hub.store.row(RATES, name))?.as_ref() == Some(&text) {
        return Ok(());
    }
    hub.engine
        .write(Cause::default(), |draft| {
            draft.batch.rows.push(KeyedRow { space: RATES.into(), key: name.to_owned(), value: Some(text.clone()) });
            Ok(())
        })
        .await?;
    Ok(())
}

/// The inventory, with what systems said of the end of their APIs.
pub(super) fn systems(hub: &Hub, request: &Request) -> Result<Answer, ApiError> {
    let mut answer = from_directory(hub, request)?;
    if let Answer::Systems(found) = &mut answer {
        for system in &mut found.systems {
            for connection in &system.connections {
                if let Some(said) = block_in_place(|| hub.engine.sunset(connection))? {
                    system.sunset = Some(said.said());
                }
            }
        }
    }
    Ok(answer)
}

/// What the directory tells, and which connections are held.
pub(super) fn lint(hub: &Hub, request: &Request) -> Result<Answer, ApiError> {
    let mut answer = from_directory(hub, request)?;
    if let (Answer::Lint(lint), Request::MappingLint { mapping: None }) = (&mut answer, request) {
        let pasted = block_in_place(|| super::pasted::findings(hub))?;
        if !pasted.is_empty() {
            return Err(ApiError::configuration(&pasted));
        }
        lint.findings.extend(block_in_place(|| held::findings(hub)).iter().map(Finding::from));
    }
    Ok(answer)
}

fn known(engine: &Engine, name: &str) -> Result<(), ApiError> {
    let catalog = engine.catalog();
    if catalog.connections.contains_key(name) { Ok(()) } else { Err(unknown("connection", name, catalog.connections.keys())) }
}

/// Does it work, and whose account is it?
pub(super) async fn check(hub: &Hub, name: &str) -> Result<CheckAnswer, ApiError> {
    known(&hub.engine, name)?;
    let mut warnings = block_in_place(|| addresses(hub, name));
    let asked = ask(&hub.engine, name).await;
    // Also from an answer that was no good one: that is where they stand first of all.
    remember_rates(hub, name).await?;
    let report = asked.map_err(|error| {
        let error = broken(name, error);
        // Perhaps that is why.
        ApiError { message: std::iter::once(&error.message).chain(&warnings).cloned().collect::<Vec<_>>().join("; "), ..error }
    })?;
    may::remember(hub, name, &report.scopes).await?;
    let catalog = hub.engine.catalog();
    let found = match catalog.connections.get(name) {
        Some(connection) => block_in_place(|| may::of(hub, &catalog, connection))?,
        None => Vec::new(),
    };
    let mut scopes = report.scopes;
    scopes.extend(found.iter().filter_map(|one| one.granted.clone()).flatten());
    let mut seen = BTreeSet::new();
    scopes.retain(|scope| seen.insert(scope.clone()));
    warnings.extend(found.iter().filter_map(|one| Some(format!("`{}`: {}; {}", one.slot, one.too_much()?, one.advice()))));
    Ok(CheckAnswer {
        connection: name.to_owned(),
        account: report.account,
        environment: report.environment,
        scopes,
        limits: report.limits,
        skew_ms: hub.guests.egress().talk(name).skew_ms(),
        warnings,
    })
}

/// Where the connection's file names two addresses for one endpoint: which one counts.
fn addresses(hub: &Hub, name: &str) -> Vec<String> {
    let Ok(project) = project::load(&hub.dir) else { return Vec::new() };
    let path = format!("connections/{name}.toml");
    let found = project.warnings.into_iter().filter(|found| found.code == OTHER_ADDRESS && found.path == path);
    found.map(|found| format!("{path}:{}: {}", found.line, found.message)).collect()
}

/// Asks a connection whether it works.
pub(super) async fn ask(engine: &Engine, name: &str) -> Result<CheckReport, SpokeError> {
    let spoke = match engine.spoke(name) {
        Ok(spoke) => spoke,
        Err(EngineError::Spoke(_, error)) => return Err(error),
        Err(error) => return Err(SpokeError::Misconfigured(error.to_string())),
    };
    spoke.check().await
}

/// A connection's failure, with what to type by kind.
pub(super) fn broken(name: &str, error: SpokeError) -> ApiError {
    let message = format!("{name}: {error}");
    match error {
        SpokeError::Unauthorized(_) => ApiError::new("unauthorized-there", exit::FAILED, message)
            .help(format!("`nave connection list` names its secret; `nave secret set NAME` stores a new one for {name}")),
        SpokeError::Misconfigured(why) if why.contains("net.needs-reauth") => {
            ApiError::new("needs-reauth", exit::PERSON, message).help(format!("`nave connection authorize {name}`"))
        }
        SpokeError::Misconfigured(why) => {
            let help = secret_help(&why).or_else(|| plugin_help(&why));
            let help = help.unwrap_or_else(|| format!("correct connections/{name}.toml"));
            ApiError::new("misconfigured", exit::CONFIGURATION, message).help(help)
        }
        SpokeError::Held(_) => ApiError::new("secret-held", exit::PERSON, message)
            .help(format!("`nave connection approve {name}` shows where it would go, and asks")),
        SpokeError::RetryAfter(_) => ApiError::failed(message).help("wait that long, then try again"),
        SpokeError::Unavailable(why) if why.contains(crate::egress::AWAY) => {
            ApiError::new("secret-unreachable", exit::FAILED, message)
                .help("`nave secret list` shows where it is kept; `nave doctor` fetches each")
        }
        SpokeError::Unavailable(_) => ApiError::failed(message)
            .help(format!("is the address in connections/{name}.toml right, and can it be reached from here?")),
        SpokeError::Guest(_) => {
            ApiError::failed(message).help("the log has more: NAVE_LOG=info; a newer version of the plugin may help")
        }
        SpokeError::Rejected(_) | SpokeError::CheckpointExpired => ApiError::failed(message).help(format!(
            "is `base` in connections/{name}.toml the address of its interface, and the secret one that may use it? Then `nave connection check {name}` again"
        )),
    }
}

/// What to type where the plugin's file is missing or was exchanged: the connection's file is right.
fn plugin_help(why: &str) -> Option<String> {
    let plugin = why.strip_prefix("plugin `").and_then(|rest| rest.split_once('`')).map(|(plugin, _)| plugin)?;
    Some(format!("`nave plugin install FILE.wasm` with the file of `{plugin}` that nave.lock pins"))
}

/// What to type where a secret is missing or cannot be opened: the connection's file is right.
fn secret_help(why: &str) -> Option<String> {
    let (_, why) = why.split_once("net.secret-missing")?;
    let secret = why.split_once("nave secret set ").and_then(|(_, rest)| rest.split_once('`')).map(|(secret, _)| secret);
    Some(match secret {
        Some(secret) => format!("`nave secret set {secret}` stores it"),
        None => "`nave doctor` looks at the data folder and its key; `nave secret set NAME` stores the secret anew".to_owned(),
    })
}

/// What a connection offers, saved on request so that mappings are checked against it.
pub(super) async fn discover(hub: &Hub, name: &str, save: bool, by: &str) -> Result<StreamsAnswer, ApiError> {
    known(&hub.engine, name)?;
    let spoke = hub.engine.spoke(name)?;
    let streams = spoke.discover().await.map_err(|error| broken(name, error))?;
    let (mut saved, mut notes) = (None, Vec::new());
    if save {
        let before = block_in_place(|| project::load_streams(&hub.dir, name)).ok().flatten().unwrap_or_default();
        let file = block_in_place(|| project::save_streams(&hub.dir, name, &streams))?;
        let today = crate::clock::now().to_string();
        block_in_place(|| project::keep_snapshot(&hub.dir, name, &streams, &today))?;
        let file = file.display().to_string();
        audit(&hub.engine, by, "connection.discovered", name, &format!("saved in {file}")).await?;
        saved = Some(file);
        notes = block_in_place(|| project::fit_starters(&hub.dir, name, &before))?;
        for note in &notes {
            audit(&hub.engine, by, "mapping.fitted", name, note).await?;
        }
    }
    Ok(StreamsAnswer { connection: name.to_owned(), streams, saved, notes })
}

/// Reads the configuration again and puts it in force.
pub(super) async fn reload(hub: &Hub, by: &str) -> Result<Answer, ApiError> {
    let warnings = super::reloaded(hub).await?;
    super::held::lapse(hub).await?;
    let digest = hub.engine.catalog().digest.clone();
    audit(&hub.engine, by, "configuration.reloaded", &digest, "").await?;
    let found = match warnings.len() {
        0 => String::new(),
        n => format!(", with {}; `nave mapping lint` shows them", count(n, "warning", "warnings")),
    };
    Ok(Answer::done(format!("The configuration was read again{found}."), warnings.len() as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(error: &str, expected: &str) {
        let help = broken("crm", SpokeError::Misconfigured(error.to_owned())).help.unwrap_or_default();
        assert!(help.contains(expected), "{help}");
    }

    #[test]
    fn what_is_misconfigured_says_what_to_type() {
        check("the account is another one", "correct connections/crm.toml");
        check("plugin `hubspot`: /p/x.wasm is not the file that nave.lock pins", "`nave plugin install FILE.wasm`");
        let gone = broken("crm", SpokeError::Rejected("HTTP 404".to_owned())).help.unwrap_or_default();
        assert!(gone.contains("connections/crm.toml") && gone.contains("`nave connection check crm`"), "{gone}");
        let missing = crate::secrets::SecretError::Missing("crm-key".to_owned());
        check(&format!("net.secret-missing: {missing}"), "`nave secret set crm-key`");
        check("net.secret-missing: the secret `crm-key` cannot be opened: it was changed", "`nave doctor`");
    }
}
