//! A connection's plugin asked what a recording is made of: only what reads, under the connection's own grants.

use std::collections::BTreeSet;
use std::sync::Arc;

use nave_core::catalog::Catalog;
use nave_core::limits::PAGE_RECORDS;
use nave_runtime::{HostCalls, Instance, InstanceLimits};
use serde_json::{Value as Json, json};

use super::{GuestSpoke, Guests, Host, failed};
use crate::plugins::call_instance;
use crate::plugins::record::{Answered, Call, FORMAT, Recorder, Recording, redact};
use crate::spoke::SpokeError;
use crate::workers::off_the_workers;

/// Pages that are recorded of the beginning of each stream; after its end it is read once more, so that what is nothing new is
/// recorded too.
const PAGES_MAX: usize = 3;
/// Pages, of as many records as a run asks for, in which the end of a longer stream is looked for. Only the last is recorded.
const FAR_PAGES_MAX: usize = 200;
/// Records that are fetched again by their ids.
const GETS_MAX: usize = 3;

impl Guests {
    /// Records what a connection's plugin and its system say to each other, masked.
    pub(crate) async fn record(&self, connection: &str, records: u32) -> Result<Recorded, SpokeError> {
        let guest = self.guest(connection)?;
        let catalog = self.catalog();
        let settings =
            catalog.connections.get(connection).cloned().ok_or_else(|| {
                SpokeError::Misconfigured(format!("there is no connection `{connection}`; `nave connection list`"))
            })?;
        if !settings.grants.folders.is_empty() {
            let why = match settings.grants.endpoints.is_empty() {
                true => {
                    "nothing has to be recorded of folders: an upgrade of the plugin runs both builds over the files that lie there"
                }
                false => "folders are not recorded, and without its files what it says to a system is half of what it does",
            };
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
        let (mut seen, mut open) = (Vec::new(), Vec::new());
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
            let mut reading = Reading { guest: &guest, host: &host, recorder: &recorder, stream: &stream, calls: &mut calls };
            let mut records_of_it = Vec::new();
            let (next, mut ended) = reading.from(Json::Null, records, PAGES_MAX, &mut records_of_it).await;
            if ended == End::Further {
                let last = reading.last(&mut records_of_it).await;
                ended = last.1;
                if ended == End::Reached {
                    reading.from(last.0, PAGE_RECORDS, 1, &mut records_of_it).await;
                }
            } else if ended == End::Reached {
                reading.from(next, records, 1, &mut records_of_it).await;
            }
            if ended == End::Further {
                open.push(stream.clone());
            }
            // The last page is read twice; nothing is asked for twice.
            let mut ids = Vec::<String>::new();
            for id in records_of_it.iter().filter_map(|record| record["remote-id"].as_str()) {
                if !ids.iter().any(|known| known == id) {
                    ids.push(id.to_owned());
                }
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
        let answered = Answered { discovered: &discovered, streams: &seen };
        let masked = off_the_workers(|| redact(&mut exchanges, &mut calls, &mut shown, &answered))
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
        Ok(Recorded { recording, masked, open })
    }
}

/// What was recorded.
pub(crate) struct Recorded {
    /// As it is kept.
    pub(crate) recording: Recording,
    /// Different values that were masked.
    pub(crate) masked: usize,
    /// Streams whose end was not reached: how what is new is read there is not in it.
    pub(crate) open: Vec<String>,
}

/// How far a stream was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// There is more.
    Further,
    /// There was no more.
    Reached,
    /// It could not be read, which is recorded as that.
    Failed,
}

/// One stream that is read for a recording.
struct Reading<'a> {
    guest: &'a GuestSpoke,
    host: &'a Host,
    recorder: &'a Arc<Recorder>,
    stream: &'a str,
    calls: &'a mut Vec<Call>,
}

impl Reading<'_> {
    /// Reads some pages, and records them; the checkpoint that it came to.
    async fn from(&mut self, mut checkpoint: Json, records: u32, pages: usize, found: &mut Vec<Json>) -> (Json, End) {
        for _ in 0..pages {
            let one = call("read", vec![json!(self.stream), checkpoint.clone(), json!(records)]);
            let answer = self.page(&one).await;
            self.calls.push(one);
            let Some(mut answer) = answer else { return (checkpoint, End::Failed) };
            found.extend(answer["records"].as_array_mut().map(std::mem::take).unwrap_or_default());
            checkpoint = answer["next"].take();
            if answer["more"] != true {
                return (checkpoint, End::Reached);
            }
        }
        (checkpoint, End::Further)
    }

    /// Looks for the last page, and records that one alone. The pages before it have their own size: a checkpoint may go by it.
    async fn last(&mut self, found: &mut Vec<Json>) -> (Json, End) {
        let mut checkpoint = Json::Null;
        for _ in 0..FAR_PAGES_MAX {
            let one = call("read", vec![json!(self.stream), checkpoint.clone(), json!(PAGE_RECORDS)]);
            let heard = self.recorder.heard();
            let answer = self.page(&one).await;
            let Some(mut answer) = answer else {
                self.calls.push(one);
                return (checkpoint, End::Failed);
            };
            let next = answer["next"].take();
            if answer["more"] != true {
                self.calls.push(one);
                found.extend(answer["records"].as_array_mut().map(std::mem::take).unwrap_or_default());
                return (next, End::Reached);
            }
            self.recorder.forget_after(heard);
            if next == checkpoint {
                break;
            }
            checkpoint = next;
        }
        (checkpoint, End::Further)
    }

    async fn page(&self, one: &Call) -> Option<Json> {
        let started = Instance::start(&self.guest.plugin, self.recorder.clone(), InstanceLimits::default()).await;
        self.host.begin_call(Some(self.stream));
        call_instance(&mut started.ok()?, &one.function, &one.arguments).await.ok()
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
