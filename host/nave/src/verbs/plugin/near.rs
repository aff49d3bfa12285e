//! What a plugin is let near, what it was refused, and what the systems behind plugins can do.

use std::path::Path;

use nave_core::manifest::{Manifest, PluginKind};
use nave_hub::api::{ApiError, MatrixLine, Request, exit};
use nave_hub::plugins;
use serde_json::{Map, Value as Json};

use crate::context::{Context, want};
use crate::output::{self, Rows, clean, mark, say};
use crate::verbs::Outcome;

pub(crate) async fn exposure(name: String, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::PluginExposure { name }).await?, Exposure);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    say(format_args!("{} {} from {}", answer.plugin, answer.version, clean(&answer.source)));
    say(format_args!("  signed by {}", answer.key.as_deref().unwrap_or("nobody")));
    for connection in &answer.connections {
        say(format_args!("\nConnection {}", connection.name));
        for host in &connection.hosts {
            let mut more = Vec::from_iter(host.read_only.then(|| "reading only".to_owned()));
            more.extend(host.insecure.then(|| "without TLS".to_owned()));
            more.extend((!host.networks.is_empty()).then(|| format!("also inside {}", host.networks.join(", "))));
            let more = if more.is_empty() { String::new() } else { format!(" ({})", more.join("; ")) };
            let calls = if host.calls.is_empty() { "the hub alone, to sign in".to_owned() } else { host.calls.join("; ") };
            say(format_args!("  reaches {}{more}: {}", clean(&host.base), clean(&calls)));
        }
        for secret in &connection.secrets {
            let kept = secret.kept.as_deref().map(|kept| format!(", kept in {}", clean(kept))).unwrap_or_default();
            let (name, applied, to) = (&secret.secret, &secret.applied, secret.to.join(", "));
            say(format_args!("  the hub signs in with {name} ({applied}) at {to}{kept}"));
        }
        connection.folders.iter().for_each(|folder| say(format_args!("  folder {}", clean(folder))));
        let mut rows = Rows::new(&["stream", "path there", "field", "read", "written", "mapping"]);
        for field in &connection.fields {
            rows.row([&field.stream, &field.remote, &field.field, mark(field.read), mark(field.written), &field.mapping]);
        }
        rows.print("No field is mapped through it.");
    }
    answer.functions.iter().for_each(|function| say(format_args!("  {}", clean(function))));
    if answer.connections.is_empty() && answer.functions.is_empty() {
        say("Nothing uses it: it is let near nothing.");
    }
    Ok(exit::OK)
}

pub(crate) async fn denied(name: String, context: &Context) -> Outcome {
    let answer = want!(context.call(Request::PluginDenied { name }).await?, Denied);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    for denial in &answer.denials {
        say(format_args!("{} {} {} ({} times)", denial.at, denial.code, clean(&denial.subject), denial.count));
        say(format_args!("  {}", clean(&denial.message)));
        say(format_args!("  {}", clean(&denial.fix)));
    }
    for view in &answer.not_granted {
        say(format_args!("Not granted to connection {}:", view.name));
        view.not_granted.iter().for_each(|power| say(format_args!("  {}", clean(power))));
    }
    if answer.denials.is_empty() && answer.not_granted.is_empty() {
        say("It was refused nothing.");
    }
    Ok(exit::OK)
}

/// What systems can do, side by side.
pub(crate) async fn systems(context: &Context) -> Outcome {
    let answer = want!(context.call(Request::SystemMatrix).await?, Matrix);
    if context.json {
        output::json(&answer);
        return Ok(exit::OK);
    }
    matrix(&answer.streams, "No stream is known yet: `nave connection discover NAME --save`.");
    for name in &answer.unknown {
        say(format_args!("{name}: its streams are not known; `nave connection discover {name} --save`"));
    }
    Ok(exit::OK)
}

/// A table of what streams can do.
pub(crate) fn matrix(streams: &[MatrixLine], none: &str) {
    let mut rows = Rows::new(&[
        "connection",
        "stream",
        "reads",
        "writes",
        "deletes",
        "webhooks",
        "upsert by",
        "batch",
        "idempotency",
        "conditional",
        "merges",
        "searches by",
        "rate headers",
    ]);
    for line in streams {
        let can = &line.capabilities;
        let word = |value: Result<Json, serde_json::Error>| {
            value.ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
        };
        let reads = if can.readable { word(serde_json::to_value(can.changes)) } else { "–".to_owned() };
        let writes = if can.writable { word(serde_json::to_value(can.write_mode)) } else { "–".to_owned() };
        rows.row([
            line.connection.clone(),
            line.stream.clone(),
            reads,
            writes,
            word(serde_json::to_value(can.deletes)),
            mark(can.webhooks && line.webhook_scheme).to_owned(),
            can.upsert_by.join(", "),
            can.batch_max.to_string(),
            mark(can.idempotency_key).to_owned(),
            mark(can.conditional_write).to_owned(),
            mark(can.mergeable).to_owned(),
            can.searchable.join(", "),
            line.rate_headers.join(", "),
        ]);
    }
    rows.print(none);
}

/// What the streams of a file can do: as it says without a network, else as a connection of this project saved it.
pub(crate) async fn capabilities(file: &Path, manifest: &Manifest, context: &Context) -> Result<Vec<MatrixLine>, ApiError> {
    if manifest.kind != PluginKind::Connector {
        return Ok(Vec::new());
    }
    let settings: Map<String, Json> =
        manifest.settings.iter().filter_map(|(name, setting)| Some((name.clone(), setting.default.clone()?))).collect();
    if let Some(streams) = plugins::streams_of(file, Json::Object(settings)).await? {
        return Ok(streams
            .into_iter()
            .map(|stream| MatrixLine {
                plugin: manifest.name.clone(),
                stream: stream.name,
                webhook_scheme: manifest.webhook.is_some(),
                capabilities: stream.capabilities,
                ..MatrixLine::default()
            })
            .collect());
    }
    // Outside of a project there is nothing saved.
    let Ok(answer) = context.call(Request::SystemMatrix).await else { return Ok(Vec::new()) };
    let mut streams = want!(answer, Matrix).streams;
    streams.retain(|line| line.plugin == manifest.name);
    Ok(streams)
}
