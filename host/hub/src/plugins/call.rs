//! One function of a plugin, called by hand; its answer as JSON.

use std::path::Path;
use std::sync::Arc;

use nave_core::catalog::StreamInfo;
use nave_core::manifest::PluginKind;
use nave_runtime::contract::{
    Capabilities, ChangeDetection, Column, Coverage, DeleteDetection, Delivery, LogLevel, Operation, Outcome, Page, SourceRecord,
    Stream, WriteMode, WriteOperation,
};
use nave_runtime::{Engine, HostCalls, Instance, InstanceLimits, NoHost, Plugin};
use serde_json::{Value as Json, json};

use super::{PluginsError, inspect_file};

/// Functions of a connector, as a person types them.
const FUNCTIONS: &str = "check, discover, read STREAM [CHECKPOINT] [LIMIT], get STREAM ID…, find STREAM PATH VALUE…, \
                         acknowledge STREAM CHECKPOINT, write STREAM DELIVERIES";

/// Calls a function of a file under no grants: it has settings, and neither network nor folders.
///
/// # Errors
/// [`PluginsError`] where it is not a plugin, the call makes no sense, or it gave no answer.
pub async fn call_file(file: &Path, settings: Json, function: &str, arguments: &[Json]) -> Result<Json, PluginsError> {
    let mut instance = instance_of(file, settings).await?;
    call_instance(&mut instance, function, arguments).await
}

/// What a connector's file says that it offers, with the default settings and no network; none where it needs more.
///
/// # Errors
/// [`PluginsError`] where it is not a plugin.
pub async fn streams_of(file: &Path, settings: Json) -> Result<Option<Vec<StreamInfo>>, PluginsError> {
    let mut instance = instance_of(file, settings).await?;
    let found = instance.discover().await.ok();
    Ok(found.map(|streams| streams.into_iter().map(crate::guest::stream).collect()))
}

async fn instance_of(file: &Path, settings: Json) -> Result<Instance, PluginsError> {
    let (bytes, ..) = inspect_file(file)?;
    let plugin = tokio::task::spawn_blocking(move || {
        let engine = Engine::new()?;
        Plugin::compile(&engine, &bytes, None)
    })
    .await
    .map_err(|error| PluginsError::Call(error.to_string()))??;
    let host: Arc<dyn HostCalls> = match plugin.manifest().kind {
        PluginKind::Transform => Arc::new(NoHost),
        PluginKind::Connector => Arc::new(SettingsOnly(settings.to_string())),
    };
    Instance::start(&plugin, host, InstanceLimits::default()).await.map_err(said)
}

/// Calls a function of an instance, under whatever grants it was made with.
///
/// # Errors
/// [`PluginsError`] where the call makes no sense, or gave no answer.
pub async fn call_instance(instance: &mut Instance, function: &str, arguments: &[Json]) -> Result<Json, PluginsError> {
    if instance.plugin().manifest().kind == PluginKind::Transform {
        return transform(instance, function, arguments).await;
    }
    let text = |at: usize, name: &str| match arguments.get(at) {
        Some(Json::String(text)) => Ok(text.clone()),
        Some(other) => Ok(other.to_string()),
        None => Err(usage(format!("{function} needs {name}"))),
    };
    let rest = |from: usize| (from..arguments.len()).map(|at| text(at, "a value")).collect::<Result<Vec<_>, _>>();
    Ok(match function {
        "check" => {
            let report = instance.check().await.map_err(said)?;
            json!({
                "account": report.account, "environment": report.environment, "scopes": report.scopes,
                "limits": report.limits.into_iter().map(|(name, value)| (name, Json::String(value))).collect::<serde_json::Map<_, _>>(),
            })
        }
        "discover" => Json::Array(instance.discover().await.map_err(said)?.iter().map(stream).collect()),
        "read" => {
            let checkpoint = arguments.get(1).filter(|found| !found.is_null()).map(|_| text(1, "a checkpoint")).transpose()?;
            let limit = match arguments.get(2) {
                None => 10,
                Some(_) => text(2, "a limit")?.parse().map_err(|_| usage("the limit is a whole number".to_owned()))?,
            };
            let name = text(0, "a stream")?;
            page(&instance.read(&name, checkpoint.as_ref().map(String::as_bytes), limit).await.map_err(said)?)
        }
        "get" => {
            let found = instance.get(&text(0, "a stream")?, rest(1)?).await.map_err(said)?;
            Json::Array(found.iter().map(record).collect())
        }
        "find" => {
            let found = instance.find(&text(0, "a stream")?, &text(1, "a path")?, rest(2)?).await.map_err(said)?;
            Json::Array(found.iter().map(record).collect())
        }
        "acknowledge" => {
            instance.acknowledge(&text(0, "a stream")?, text(1, "a checkpoint")?.as_bytes()).await.map_err(said)?;
            Json::Null
        }
        "write" => {
            let deliveries = arguments.get(1).ok_or_else(|| usage("write needs a list of deliveries".to_owned()))?;
            let outcomes = instance.write(&text(0, "a stream")?, deliveries_of(deliveries)?).await.map_err(said)?;
            Json::Array(outcomes.iter().map(outcome).collect())
        }
        _ => return Err(usage(format!("a connector has no function `{function}`; it has: {FUNCTIONS}"))),
    })
}

/// One row through a transform's function.
async fn transform(instance: &mut Instance, function: &str, arguments: &[Json]) -> Result<Json, PluginsError> {
    let functions = &instance.plugin().manifest().functions;
    let Some(declared) = functions.iter().find(|declared| declared.name == function) else {
        let names: Vec<&str> = functions.iter().map(|declared| declared.name.as_str()).collect();
        return Err(usage(format!("the plugin has no function `{function}`; it has: {}", names.join(", "))));
    };
    if declared.inputs.len() != arguments.len() {
        return Err(usage(format!("{function} takes {} arguments, not {}", declared.inputs.len(), arguments.len())));
    }
    let mut columns = Vec::new();
    for (kind, argument) in declared.inputs.iter().zip(arguments) {
        columns.push(column(kind, argument).ok_or_else(|| usage(format!("{argument} is not of type {kind}")))?);
    }
    let batch = instance.transform(function, columns).await.map_err(said)?;
    if let Some(error) = batch.errors.first() {
        return Err(PluginsError::Call(error.message.clone()));
    }
    Ok(batch.columns.first().map_or(Json::Null, |column| match column {
        _ if !column.is_valid(0) => Json::Null,
        Column::Text { .. } => column.text_at(0).map_or(Json::Null, Json::from),
        Column::Integer { values, .. } => values.first().copied().map_or(Json::Null, Json::from),
        Column::Boolean { values, .. } => values.first().map_or(Json::Null, |flag| Json::Bool(*flag != 0)),
    }))
}

fn column(kind: &str, argument: &Json) -> Option<Column> {
    let valid = vec![u8::from(!argument.is_null())];
    let plain = match argument {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    Some(match (kind, argument) {
        ("text", Json::Null) => Column::text([None]),
        ("text", _) => Column::text([Some(plain.as_str())]),
        ("integer", Json::Null) => Column::Integer { valid, values: vec![0] },
        ("integer", _) => Column::Integer { valid, values: vec![plain.parse().ok()?] },
        ("boolean", Json::Null) => Column::Boolean { valid, values: vec![0] },
        ("boolean", _) => Column::Boolean { valid, values: vec![u8::from(plain.parse::<bool>().ok()?)] },
        _ => return None,
    })
}

fn usage(message: String) -> PluginsError {
    PluginsError::Usage { message, help: format!("functions of a connector: {FUNCTIONS}") }
}

fn said(error: nave_runtime::CallError) -> PluginsError {
    PluginsError::Call(error.to_string())
}

/// Bytes as JSON where they are that, else as text.
fn bytes(bytes: &[u8]) -> Json {
    serde_json::from_slice(bytes).unwrap_or_else(|_| Json::String(String::from_utf8_lossy(bytes).into_owned()))
}

fn record(record: &SourceRecord) -> Json {
    let operation = match &record.operation {
        Operation::Upsert => json!("upsert"),
        Operation::Delete => json!("delete"),
        Operation::MergedInto(winner) => json!({ "merged-into": winner }),
    };
    let coverage = match &record.coverage {
        Coverage::Complete => json!("complete"),
        Coverage::Only(paths) => json!({ "only": paths }),
    };
    json!({
        "remote-id": record.remote_id, "operation": operation, "version": record.version, "modified-at": record.modified_at,
        "coverage": coverage, "body": bytes(&record.body),
    })
}

fn page(page: &Page) -> Json {
    json!({
        "records": page.records.iter().map(record).collect::<Vec<_>>(),
        "next": String::from_utf8_lossy(&page.next), "more": page.more, "complete-scan": page.complete_scan,
    })
}

fn outcome(outcome: &Outcome) -> Json {
    match outcome {
        Outcome::Written(written) => json!({ "written": {
            "remote-id": written.remote_id, "version": written.version, "modified-at": written.modified_at, "body": bytes(&written.body),
        } }),
        Outcome::Conflict(current) => json!({ "conflict": record(current) }),
        Outcome::Gone => json!("gone"),
        Outcome::MergedInto(winner) => json!({ "merged-into": winner }),
        Outcome::RetryAfter(ms) => json!({ "retry-after": ms }),
        Outcome::Rejected(no) => json!({ "rejected": { "class": no.class, "field": no.field, "message": no.message } }),
        Outcome::Unknown(why) => json!({ "unknown": why }),
    }
}

fn deliveries_of(given: &Json) -> Result<Vec<Delivery>, PluginsError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case", deny_unknown_fields)]
    struct Given {
        id: String,
        operation: Word,
        #[serde(default)]
        if_version: Option<String>,
        changed: Json,
        #[serde(default)]
        desired: Option<Json>,
    }
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "kebab-case")]
    enum Word {
        Create,
        Update(String),
        Delete(String),
        Merge(String, String),
    }
    let given: Vec<Given> =
        serde_json::from_value(given.clone()).map_err(|error| usage(format!("the deliveries were not understood: {error}")))?;
    Ok(given
        .into_iter()
        .map(|given| Delivery {
            id: given.id,
            operation: match given.operation {
                Word::Create => WriteOperation::Create,
                Word::Update(id) => WriteOperation::Update(id),
                Word::Delete(id) => WriteOperation::Delete(id),
                Word::Merge(from, into) => WriteOperation::Merge(from, into),
            },
            if_version: given.if_version,
            desired: given.desired.unwrap_or_else(|| given.changed.clone()).to_string().into_bytes(),
            changed: given.changed.to_string().into_bytes(),
        })
        .collect())
}

fn stream(stream: &Stream) -> Json {
    let fields: Vec<Json> = stream
        .fields
        .iter()
        .map(|field| {
            json!({
                "path": field.path, "label": field.label, "type": format!("{:?}", field.kind).to_lowercase(),
                "required": field.required, "read-only": field.read_only, "unique": field.unique, "max-length": field.max_length,
                "values": field.values, "target": field.target, "custom": field.custom,
            })
        })
        .collect();
    json!({ "name": stream.name, "label": stream.label, "fields": fields, "capabilities": capabilities(&stream.capabilities) })
}

fn capabilities(can: &Capabilities) -> Json {
    let changes = match can.changes {
        ChangeDetection::Incremental => "incremental",
        ChangeDetection::FullScan => "full-scan",
    };
    let deletes = match can.deletes {
        DeleteDetection::Feed => "feed",
        DeleteDetection::Get => "get",
        DeleteDetection::FullScan => "full-scan",
        DeleteDetection::Never => "never",
    };
    let mode = match can.write_mode {
        WriteMode::Patch => "patch",
        WriteMode::Replace => "replace",
    };
    json!({
        "readable": can.readable, "writable": can.writable, "changes": changes, "deletes": deletes, "webhooks": can.webhooks,
        "upsert-by": can.upsert_by, "batch-max": can.batch_max, "idempotency-key": can.idempotency_key,
        "conditional-write": can.conditional_write, "write-mode": mode, "deletable": can.deletable, "mergeable": can.mergeable,
        "searchable": can.searchable, "read-lag-ms": can.read_lag_ms,
    })
}

/// A host that gives settings and the time, and nothing else.
struct SettingsOnly(String);

impl HostCalls for SettingsOnly {
    fn settings(&self) -> String {
        self.0.clone()
    }

    fn now_ms(&self) -> u64 {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn log(&self, level: LogLevel, message: &str) {
        // As heavy as the plugin says it is: its own mistakes are seen without asking for them.
        match level {
            LogLevel::Debug => tracing::debug!(target: "plugin", "{message}"),
            LogLevel::Info => tracing::info!(target: "plugin", "{message}"),
            LogLevel::Warn => tracing::warn!(target: "plugin", "{message}"),
            LogLevel::Error => tracing::error!(target: "plugin", "{message}"),
        }
    }
}
