//! A connection's plugin asked what a recording is made of: only what reads, under the connection's own grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use nave_core::catalog::Catalog;
use nave_runtime::{HostCalls, Instance, InstanceLimits};
use serde_json::{Value as Json, json};

use super::{Guests, Host, failed};
use crate::plugins::call_instance;
use crate::plugins::record::{Answered, Call, FORMAT, Recorder, Recording, redact};
use crate::spoke::SpokeError;

/// Pages that are read of each stream; after its end it is read once more, so that what is nothing new is recorded too.
const PAGES_MAX: usize = 3;
/// Records that are fetched again by their ids.
const GETS_MAX: usize = 3;

impl Guests {
    /// Records what a connection's plugin and its system say to each other, masked; how many values were.
    pub(crate) async fn record(&self, connection: &str, records: u32) -> Result<(Recording, usize), SpokeError> {
        let guest = self.guest(connection)?;
        let catalog = self.catalog();
        let settings =
            catalog.connections.get(connection).cloned().ok_or_else(|| {
                SpokeError::Misconfigured(format!("there is no connection `{connection}`; `nave connection list`"))
            })?;
        if !settings.grants.folders.is_empty() {
            let why = "folders are not recorded: a connection that reads files is compared by its files";
            return Err(SpokeError::Misconfigured(why.to_owned()));
        }
        let data = self.dir.join(&catalog.hub.data);
        let host = Arc::new(Host::new(
            &self.dir,
            &data,
            guest.plugin.manifest(),
            &settings,
            &self.egress,
            self.secrets.clone(),
            &self.store,
            self.clock.clone(),
        )?);
        let recorder = Arc::new(Recorder::new(host.clone()));
        let at = recorder.now_ms();
        let mut calls = vec![call("check", vec![]), call("discover", vec![])];
        let mut seen = Vec::new();
        let mut discovered = Json::Null;
        for one in &calls {
            let mut instance =
                Instance::start(&guest.plugin, recorder.clone(), InstanceLimits::default()).await.map_err(failed)?;
            host.begin_call(None);
            let answer = call_instance(&mut instance, &one.function, &one.arguments).await;
            let answer = answer.map_err(|error| SpokeError::Unavailable(format!("{}: {error}", one.function)))?;
            if one.function == "discover" {
                discovered = answer;
            }
        }
        for stream in streams(&catalog, connection, &discovered) {
            let (mut checkpoint, mut ids, mut ended) = (Json::Null, Vec::<String>::new(), false);
            let mut records_of_it = Vec::new();
            for _ in 0..PAGES_MAX {
                let one = call("read", vec![json!(stream), checkpoint.clone(), json!(records)]);
                let mut instance =
                    Instance::start(&guest.plugin, recorder.clone(), InstanceLimits::default()).await.map_err(failed)?;
                host.begin_call(Some(&stream));
                let answer = call_instance(&mut instance, &one.function, &one.arguments).await;
                calls.push(one);
                // What cannot be read is recorded as that.
                let Ok(answer) = answer else { break };
                let found = answer["records"].as_array().cloned().unwrap_or_default();
                // The last page is read twice; nothing is asked for twice.
                for id in found.iter().filter_map(|record| record["remote-id"].as_str()) {
                    if !ids.iter().any(|known| known == id) {
                        ids.push(id.to_owned());
                    }
                }
                records_of_it.extend(found);
                checkpoint = answer["next"].clone();
                if ended {
                    break;
                }
                ended = answer["more"] != true;
            }
            ids.truncate(GETS_MAX);
            if ids.is_empty() {
                seen.push(records_of_it);
                continue;
            }
            let one = call("get", std::iter::once(json!(stream)).chain(ids.iter().map(|id| json!(id))).collect());
            let mut instance =
                Instance::start(&guest.plugin, recorder.clone(), InstanceLimits::default()).await.map_err(failed)?;
            host.begin_call(Some(&stream));
            if let Ok(Json::Array(found)) = call_instance(&mut instance, &one.function, &one.arguments).await {
                records_of_it.extend(found);
            }
            seen.push(records_of_it);
            calls.push(one);
        }
        let mut exchanges = recorder.take();
        let mut shown = settings.settings.clone();
        let masked = redact(&mut exchanges, &mut calls, &mut shown, &Answered { discovered: &discovered, streams: &seen })
            .map_err(|error| SpokeError::Unavailable(error.to_string()))?;
        let recording = Recording {
            format: FORMAT.to_owned(),
            connection: connection.to_owned(),
            plugin: guest.plugin.manifest().name.clone(),
            digest: guest.digest.clone(),
            at,
            settings: shown,
            calls,
            exchanges,
            files: Vec::new(),
        };
        Ok((recording, masked))
    }
}

fn call(function: &str, arguments: Vec<Json>) -> Call {
    Call { function: function.to_owned(), arguments }
}

/// Streams that mappings name, and where there are none all that can be read.
fn streams(catalog: &Catalog, connection: &str, discovered: &Json) -> BTreeSet<String> {
    let offered = discovered.as_array().into_iter().flatten().filter(|stream| stream["capabilities"]["readable"] == true);
    let offered: BTreeSet<String> = offered.filter_map(|stream| stream["name"].as_str().map(str::to_owned)).collect();
    let mapped = catalog.mappings.values().filter(|mapping| mapping.connection == connection);
    let mapped: BTreeSet<String> =
        mapped.map(|mapping| mapping.stream.to_string()).filter(|name| offered.contains(name)).collect();
    if mapped.is_empty() { offered } else { mapped }
}
