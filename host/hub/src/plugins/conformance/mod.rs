//! `nave plugin test`: one suite that every plugin passes, whatever it speaks to. No network is opened: a host in this process gives
//! the answers, from recordings or made up.
//!
//! What is right is decided in `nave_core::conformance`; here the calls are made and what came of them is put into its words.

mod bench;
mod contract;
mod errors;
mod hostile;
mod offline;
mod quiet;
mod sample;
mod stage;
mod transforms;
mod tree;
mod values;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use nave_core::conformance::report::Case;
use nave_core::manifest::{Manifest, PluginKind, SettingType};
use nave_runtime::{Engine, Plugin};
use serde_json::{Map, Value as Json, json};

use super::record::{self, Answer, Recording};
use super::{PluginsError, inspect_file};
use bench::{Bench, NOBODYS_HOST};
use stage::Script;

/// What makes a recording.
const RECORD: &str =
    "`nave plugin record CONNECTION` in a project makes recordings/CONNECTION.json; `--recordings DIR` names the folder";

/// How to test.
#[derive(Clone, Debug, Default)]
pub struct TestOptions {
    /// Only what plays recordings; a plugin without any fails.
    pub offline: bool,
    /// Settings, over those of the recordings.
    pub settings: Map<String, Json>,
    /// Folder of recordings.
    pub recordings: Option<PathBuf>,
    /// Everything that looks random follows from it.
    pub seed: u64,
}

/// What the suite came to.
#[derive(Clone, Debug)]
pub struct Tested {
    /// As embedded.
    pub manifest: Manifest,
    /// Recordings that were played, by file.
    pub recordings: Vec<String>,
    /// All cases, in their order.
    pub cases: Vec<Case>,
}

/// Runs the suite over a file.
///
/// # Errors
/// [`PluginsError`] where it is not a plugin, a recording cannot be read, or one is asked for and none is there.
pub async fn test(file: &Path, options: &TestOptions) -> Result<Tested, PluginsError> {
    let (bytes, manifest, _) = inspect_file(file)?;
    let found = recordings(file, options.recordings.as_deref(), &manifest.name)?;
    if options.offline && found.is_empty() && manifest.kind == PluginKind::Connector {
        return Err(PluginsError::Usage {
            message: format!("no recording of `{}` is there to be played", manifest.name),
            help: format!("make one: {RECORD}"),
        });
    }
    let plugin = tokio::task::spawn_blocking(move || {
        let engine = Engine::new()?;
        Plugin::compile(&engine, &bytes, None)
    })
    .await
    .map_err(|error| PluginsError::Call(error.to_string()))??;
    let mut bench = Bench {
        plugin,
        settings: settings(&manifest, &options.settings),
        recordings: found.iter().map(|(_, recording)| Arc::new(recording.clone())).collect(),
        streams: Vec::new(),
        subjects: Vec::new(),
        seed: options.seed,
    };
    let texts: Vec<(String, String)> = found.iter().flat_map(|(file, recording)| texts(file, recording)).collect();
    let names = found.into_iter().map(|(file, _)| file).collect();
    let cases = match manifest.kind {
        PluginKind::Transform => transforms::run(&bench).await,
        PluginKind::Connector => connector(&mut bench, &texts, options.offline).await,
    };
    Ok(Tested { manifest, recordings: names, cases })
}

async fn connector(bench: &mut Bench, texts: &[(String, String)], offline: bool) -> Vec<Case> {
    let recorded = bench.recordings.first().cloned();
    let stage = bench.stage(recorded.as_deref(), Script::Recorded);
    let streams = match bench.start(&stage).await {
        Ok(mut instance) => instance.discover().await.ok(),
        Err(_) => None,
    };
    let known = streams.is_some();
    bench.streams = streams.into_iter().flatten().map(crate::guest::stream).collect();
    bench.subjects = sample::subjects(bench).await;
    let no_sample = if bench.recordings.is_empty() {
        ("there are no answers of its system to begin with", RECORD)
    } else {
        ("no recording has a value that comes out in a record as it stands in an answer", RECORD)
    };
    let mut cases = Vec::new();
    if !offline {
        cases.extend(contract::run(bench, known).await);
        cases.extend(values::run(bench, no_sample).await);
        cases.extend(hostile::run(bench, no_sample).await);
        cases.extend(errors::run(bench).await);
        cases.extend(quiet::run(bench, no_sample).await);
    }
    cases.extend(offline::run(bench, texts, no_sample).await);
    cases
}

/// Settings in TOML: a table of them, or a connection's file with one under `settings`.
///
/// # Errors
/// What is wrong with the text.
pub fn settings_of(text: &str) -> Result<Map<String, Json>, String> {
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    let table = match table.get("settings") {
        Some(toml::Value::Table(inner)) => inner,
        _ => &table,
    };
    match serde_json::to_value(table).map_err(|error| error.to_string())? {
        Json::Object(all) => Ok(all),
        _ => Ok(Map::new()),
    }
}

/// Settings that a connection must give, made up where nobody gave them, and those that somebody gave.
fn settings(manifest: &Manifest, given: &Map<String, Json>) -> Json {
    let mut all = Map::new();
    for (name, setting) in &manifest.settings {
        let made_up = || match setting.kind {
            SettingType::Url => json!(NOBODYS_HOST),
            SettingType::Text => json!("conformance"),
            SettingType::Integer => json!(1),
            SettingType::Boolean => json!(false),
            SettingType::Json => json!({}),
        };
        match &setting.default {
            Some(default) => _ = all.insert(name.clone(), default.clone()),
            None if setting.required => _ = all.insert(name.clone(), made_up()),
            None => {}
        }
    }
    for (name, value) in given {
        let is_text =
            manifest.settings.get(name).is_some_and(|setting| matches!(setting.kind, SettingType::Text | SettingType::Url));
        let value = if is_text && !value.is_string() { json!(value.to_string()) } else { value.clone() };
        all.insert(name.clone(), value);
    }
    Json::Object(all)
}

/// Recordings of a plugin: in the folder that is named, else in `recordings` beside the file.
fn recordings(file: &Path, named: Option<&Path>, plugin: &str) -> Result<Vec<(String, Recording)>, PluginsError> {
    let beside = file.parent().unwrap_or(Path::new(".")).join("recordings");
    let folder = named.unwrap_or(&beside);
    let mut found = Vec::new();
    for name in record::names(folder)? {
        if let Some(recording) = record::read_file(&folder.join(format!("{name}.json")), &name)?
            && recording.plugin == plugin
        {
            found.push((format!("{name}.json"), recording));
        }
    }
    Ok(found)
}

/// Everything that stands in a recording, line by line: bodies in one line would be too long to be looked at.
fn texts(file: &str, recording: &Recording) -> Vec<(String, String)> {
    let spread = |bytes: &[u8]| match serde_json::from_slice::<Json>(bytes) {
        Ok(json) => serde_json::to_string_pretty(&json).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    let mut all = Vec::new();
    for (nth, one) in recording.exchanges.iter().enumerate() {
        let mut text = format!("{} {}\n", one.method, one.path);
        if let Some(body) = &one.body {
            text.push_str(&spread(&body.bytes()));
        }
        if let Answer::Response { headers, body, .. } = &one.answer {
            headers.iter().for_each(|(name, value)| text.push_str(&format!("\n{name}: {value}")));
            text.push('\n');
            text.push_str(&spread(&body.bytes()));
        }
        all.push((format!("{file} (exchange {})", nth + 1), text));
    }
    let rest = json!({ "settings": recording.settings, "calls": recording.calls });
    all.push((file.to_owned(), serde_json::to_string_pretty(&rest).unwrap_or_default()));
    all
}
