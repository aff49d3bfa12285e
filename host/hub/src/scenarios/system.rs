//! A system in memory: things by stream and id, as they are written; it does what a case wants once, or says no.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nave_core::catalog::{ChangeDetection, DeleteDetection, StreamInfo};
use nave_core::model::Time;
use nave_core::scenario::Target;
use nave_core::{Value, codec};
use nave_runtime::contract::{
    CheckReport, Coverage, Delivery, Operation, Outcome, Page, Rejection, SourceRecord, WriteOperation, Written,
};

use crate::spoke::{BoxFuture, Spoke, SpokeError};

/// A thing there.
#[derive(Clone, Debug, Default)]
pub(super) struct Thing {
    pub(super) body: Value,
    pub(super) modified: i64,
    /// Bytes instead of the body, where it cannot be read.
    pub(super) raw: Option<Vec<u8>>,
}

#[derive(Default)]
struct State {
    things: BTreeMap<String, BTreeMap<String, Thing>>,
    gone: BTreeMap<String, BTreeMap<String, i64>>,
    clock: i64,
    next: u64,
    faults: VecDeque<Target>,
    writes: usize,
    shouts: bool,
    read_fails: bool,
    reads_again: bool,
}

/// A handle to it.
#[derive(Clone)]
pub(super) struct System {
    streams: Arc<Vec<StreamInfo>>,
    state: Arc<Mutex<State>>,
}

/// Times of things begin here: 2026-11-24T00:00:00Z, as the scene's clock.
pub(super) const BEGIN_MS: i64 = 1_795_478_400_000;

impl System {
    pub(super) fn new(streams: Vec<StreamInfo>) -> Self {
        let state = State { clock: BEGIN_MS, next: 100, ..State::default() };
        Self { streams: Arc::new(streams), state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody makes or changes a thing.
    pub(super) fn put(&self, stream: &str, id: &str, thing: Thing) {
        let mut state = self.state();
        state.clock += 1_000;
        let modified = state.clock;
        state.things.entry(stream.to_owned()).or_default().insert(id.to_owned(), Thing { modified, ..thing });
    }

    /// Somebody deletes it.
    pub(super) fn delete(&self, stream: &str, id: &str) {
        let mut state = self.state();
        state.clock += 1_000;
        let at = state.clock;
        if state.things.entry(stream.to_owned()).or_default().remove(id).is_some() {
            state.gone.entry(stream.to_owned()).or_default().insert(id.to_owned(), at);
        }
    }

    pub(super) fn get(&self, stream: &str, id: &str) -> Option<Thing> {
        self.state().things.get(stream)?.get(id).cloned()
    }

    /// How many things there are.
    pub(super) fn count(&self, stream: &str) -> usize {
        self.state().things.get(stream).map_or(0, BTreeMap::len)
    }

    /// The next write ends so.
    pub(super) fn fault(&self, fault: Target) {
        let mut state = self.state();
        match fault {
            Target::Shouts => state.shouts = true,
            other => state.faults.push_back(other),
        }
    }

    pub(super) fn fail_one_read(&self) {
        self.state().read_fails = true;
    }

    pub(super) fn read_again(&self) {
        self.state().reads_again = true;
    }

    /// Writes so far.
    pub(super) fn writes(&self) -> usize {
        self.state().writes
    }

    fn record(id: &str, thing: &Thing) -> SourceRecord {
        SourceRecord {
            remote_id: id.to_owned(),
            version: None,
            modified_at: Some(Time(thing.modified).to_string()),
            field_times: Vec::new(),
            coverage: Coverage::Complete,
            operation: Operation::Upsert,
            body: thing.raw.clone().unwrap_or_else(|| codec::encode(&thing.body)),
        }
    }

    fn deleted(id: &str) -> SourceRecord {
        SourceRecord { operation: Operation::Delete, body: Vec::new(), ..Self::record(id, &Thing::default()) }
    }

    fn has(&self, stream: &str) -> Result<(), SpokeError> {
        match self.streams.iter().any(|known| known.name == stream) {
            true => Ok(()),
            false => Err(SpokeError::Rejected(format!("there is no stream `{stream}`"))),
        }
    }

    fn apply(state: &mut State, stream: &str, delivery: &Delivery) -> Outcome {
        state.clock += 1_000;
        state.writes += 1;
        let modified = state.clock;
        let changed = codec::decode(&delivery.changed).unwrap_or_default();
        let written = |id: &str, body: Vec<u8>| {
            Outcome::Written(Written { remote_id: id.to_owned(), version: None, modified_at: None, body })
        };
        let shouts = state.shouts;
        let next = state.next;
        let things = state.things.entry(stream.to_owned()).or_default();
        let id = match &delivery.operation {
            WriteOperation::Create => {
                state.next += 1;
                format!("new-{next}")
            }
            WriteOperation::Update(id) if things.contains_key(id) => id.clone(),
            WriteOperation::Update(_) => return Outcome::Gone,
            WriteOperation::Delete(id) => {
                let gone = things.remove(id).is_some();
                if gone {
                    state.gone.entry(stream.to_owned()).or_default().insert(id.clone(), modified);
                }
                return if gone { written(id, Vec::new()) } else { Outcome::Gone };
            }
            WriteOperation::Merge(from, into) => {
                things.remove(from);
                return written(into, Vec::new());
            }
        };
        let thing = things.entry(id.clone()).or_default();
        if let Value::Object(fields) = changed {
            for (name, value) in fields {
                let value = match value {
                    Value::Text(text) if shouts => Value::text(text.to_uppercase()),
                    other => other,
                };
                merge(&mut thing.body, &name, value);
            }
        }
        thing.modified = modified;
        written(&id, codec::encode(&thing.body))
    }
}

/// What is said of a part of an object leaves its other parts.
fn merge(into: &mut Value, name: &str, value: Value) {
    match (into.at(name).cloned(), value) {
        (Some(mut there @ Value::Object(_)), Value::Object(fields)) => {
            for (name, value) in fields {
                merge(&mut there, &name, value);
            }
            into.put(name, there);
        }
        (_, value) => into.put(name, value),
    }
}

fn rejected(class: &str, message: &str) -> Outcome {
    Outcome::Rejected(Rejection { class: class.to_owned(), field: None, message: message.to_owned() })
}

impl Spoke for System {
    fn discover(&self) -> BoxFuture<'_, Result<Vec<StreamInfo>, SpokeError>> {
        let streams = self.streams.as_ref().clone();
        Box::pin(async move { Ok(streams) })
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport, SpokeError>> {
        let report = CheckReport { account: "scenarios".into(), environment: String::new(), scopes: vec![], limits: vec![] };
        Box::pin(async move { Ok(report) })
    }

    fn read(&self, stream: String, checkpoint: Option<Vec<u8>>, _limit: u32) -> BoxFuture<'_, Result<Page, SpokeError>> {
        Box::pin(async move {
            self.has(&stream)?;
            let mut state = self.state();
            if std::mem::take(&mut state.read_fails) {
                return Err(SpokeError::Unavailable("down for maintenance".into()));
            }
            let since = checkpoint.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<i64>().ok()).unwrap_or(0);
            let since = if std::mem::take(&mut state.reads_again) { 0 } else { since };
            let things = state.things.get(&stream).into_iter().flatten().filter(|(_, thing)| thing.modified > since);
            let mut records: Vec<SourceRecord> = things.map(|(id, thing)| Self::record(id, thing)).collect();
            let gone = state.gone.get(&stream).into_iter().flatten().filter(|(_, at)| **at > since);
            records.extend(gone.map(|(id, _)| Self::deleted(id)));
            let next = state.clock.to_string().into_bytes();
            Ok(Page { records, next, more: false, complete_scan: since == 0, total: None })
        })
    }

    fn acknowledge(&self, _stream: String, _checkpoint: Vec<u8>) -> BoxFuture<'_, Result<(), SpokeError>> {
        Box::pin(async { Ok(()) })
    }

    fn get(&self, stream: String, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async move {
            self.has(&stream)?;
            let state = self.state();
            let things = state.things.get(&stream);
            let one = |id: &String| match things.and_then(|things| things.get(id)) {
                Some(thing) => Self::record(id, thing),
                None => Self::deleted(id),
            };
            Ok(ids.iter().map(one).collect())
        })
    }

    fn write(&self, stream: String, deliveries: Vec<Delivery>) -> BoxFuture<'_, Result<Vec<Outcome>, SpokeError>> {
        Box::pin(async move {
            self.has(&stream)?;
            let mut state = self.state();
            let mut outcomes = Vec::new();
            for delivery in &deliveries {
                let fault = match state.faults.front() {
                    // Only an edit can be a conflict.
                    Some(Target::Conflict) if !matches!(delivery.operation, WriteOperation::Update(_)) => None,
                    _ => state.faults.pop_front(),
                };
                let first = outcomes.is_empty();
                outcomes.push(match fault {
                    // An error promises that nothing was sent.
                    Some(Target::Down) if first => return Err(SpokeError::Unavailable("down for maintenance".into())),
                    Some(Target::Unauthorized) if first => return Err(SpokeError::Unauthorized("the key is not known".into())),
                    Some(Target::Down | Target::Unauthorized | Target::Waits) => Outcome::RetryAfter(60_000),
                    Some(Target::Rejects) => rejected("format", "this value is not allowed"),
                    Some(Target::WantsMore) => rejected("required", "a field that must be there is missing"),
                    Some(Target::LostRequest) => Outcome::Unknown("no answer came".into()),
                    Some(Target::LostAnswer) => {
                        Self::apply(&mut state, &stream, delivery);
                        Outcome::Unknown("no answer came".into())
                    }
                    Some(Target::Conflict) => {
                        let WriteOperation::Update(id) = &delivery.operation else { continue };
                        match state.things.get(&stream).and_then(|things| things.get(id)) {
                            Some(thing) => Outcome::Conflict(Self::record(id, thing)),
                            None => Outcome::Gone,
                        }
                    }
                    Some(Target::Gone | Target::Shouts) | None => Self::apply(&mut state, &stream, delivery),
                });
            }
            Ok(outcomes)
        })
    }

    fn find(&self, stream: String, path: String, values: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async move {
            self.has(&stream)?;
            let state = self.state();
            let things = state.things.get(&stream).into_iter().flatten();
            let holds = |thing: &Thing| thing.body.at(&path).is_some_and(|value| values.contains(&value.display()));
            Ok(things.filter(|(_, thing)| holds(thing)).map(|(id, thing)| Self::record(id, thing)).collect())
        })
    }

    fn digest(&self) -> String {
        "scenarios".into()
    }
}

/// A stream as the mappings need it: what was saved of it, able to do everything that the engine may ask.
pub(super) fn able(mut stream: StreamInfo, searchable: impl IntoIterator<Item = String>) -> StreamInfo {
    let can = &mut stream.capabilities;
    can.readable = true;
    can.writable = true;
    can.deletable = true;
    can.changes = ChangeDetection::Incremental;
    can.deletes = DeleteDetection::Feed;
    can.batch_max = can.batch_max.max(1);
    // What is sent is put in, field by field.
    can.write_mode = nave_core::catalog::WriteMode::Patch;
    can.conditional_write = false;
    can.idempotency_key = false;
    can.searchable.extend(searchable);
    can.read_lag_ms = 0;
    stream
}
