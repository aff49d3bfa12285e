//! A scripted system: objects by id, patched and searched as told, with switches for faults.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use nave_core::catalog::{Capabilities, ChangeDetection, FieldInfo, StreamInfo};
use nave_core::{Value, codec};
use nave_hub::spoke::{BoxFuture, Spoke, SpokeError};
use nave_runtime::contract::{
    CheckReport, Coverage, Delivery, Operation, Outcome, Page, Rejection, SourceRecord, WriteOperation, Written,
};

/// What goes wrong with the next write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Done over there, then the answer is lost.
    LostAnswer,
    /// Done over there, then nothing ever comes back: as if the hub died waiting.
    Hang,
    /// Lost on the way: not done, and no answer.
    LostRequest,
    /// Refused for good.
    Refuse,
    /// Down: nothing was sent.
    Down,
    /// Asked to come back later: not done.
    Wait,
    /// Gone just before it is written.
    Vanish,
    /// Somebody else was faster: not done, and what is there is shown.
    Conflict,
    /// Answered as if it were done, and not done.
    Unwritten,
    /// Says that it is written, and keeps what it has.
    Keep,
    /// None: this one goes well, the next one may not.
    Nothing,
}

/// A thing over there.
#[derive(Clone, Debug, Default)]
pub(crate) struct Thing {
    pub(crate) body: Value,
    pub(crate) modified: i64,
    pub(crate) merged_into: Option<String>,
    /// When each field was changed, in a system that tells.
    times: BTreeMap<String, i64>,
}

impl Thing {
    /// Notes which fields are not as they were.
    fn note_times(&mut self, before: &Value) {
        let Value::Object(fields) = &self.body else { return };
        let changed = fields.iter().filter(|(name, value)| before.at(name) != Some(*value));
        self.times.extend(changed.map(|(name, _)| (name.to_string(), self.modified)).collect::<Vec<_>>());
    }
}

/// State of a system; survives the hub.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) things: BTreeMap<String, BTreeMap<String, Thing>>,
    pub(crate) next: u64,
    pub(crate) clock: i64,
    pub(crate) faults: Vec<Fault>,
    /// Every write that was made: operation and id.
    pub(crate) writes: Vec<String>,
    /// Times each delivery id was seen with other bytes than before: a broken I6.
    pub(crate) keys: BTreeMap<String, Vec<u8>>,
    pub(crate) broken_keys: usize,
    pub(crate) acknowledged: Vec<Vec<u8>>,
    /// Like a queue: what was acknowledged is not shown again.
    pub(crate) forgets: bool,
    /// It tells when each field was changed.
    pub(crate) tells_times: bool,
    /// How much of its account's budget of calls is used up.
    pub(crate) used_percent: Option<u64>,
    forgotten: i64,
    /// The search index lags behind: nothing is found by a value.
    pub(crate) search_lags: bool,
    /// Its lists show these things as they are here, whatever became of them; asked for by its id, each is as it is.
    pub(crate) lagging: BTreeMap<String, Thing>,
    /// It answers the same page, and that there is more, for ever.
    pub(crate) stuck: bool,
    /// Its checkpoints go round in a circle, each page saying that there is more.
    pub(crate) circling: bool,
    /// So many pages without a thing come first, each with a mark of its own.
    pub(crate) empties: usize,
    /// Ids that cannot be asked for: a call that names one is refused whole.
    pub(crate) unaskable: BTreeSet<String>,
    /// The next reads show everything, whatever the checkpoint says.
    pub(crate) scans: bool,
    /// Things per page; 0 is all of them.
    pub(crate) page: usize,
    /// Passes that begin now read everything, whatever has changed.
    pub(crate) everything: bool,
    /// Pages that can still be had before it is down; none is all of them.
    pub(crate) pages_left: Option<usize>,
    /// It cannot be asked for single things that are gone: says nothing of them.
    pub(crate) silent: bool,
    /// Ids that were asked for.
    pub(crate) asked: Vec<String>,
    /// A row without an id, as it is spelled.
    pub(crate) raw: Option<Vec<u8>>,
    /// It shows everything and does not call that complete: something in it could not be read.
    pub(crate) unsure: bool,
    /// Columns that it has; none is all.
    pub(crate) columns: Option<Vec<String>>,
    /// Ids that no read names, only `get`.
    pub(crate) unlisted: BTreeSet<String>,
    /// It tells of what was deleted, by id and time, in the order of ids like the rest.
    pub(crate) tells: bool,
    deleted: BTreeMap<String, Thing>,
    /// It answers nothing but this.
    pub(crate) down: Option<SpokeError>,
    /// It answers nothing but this when something is to be written.
    pub(crate) unwritable: Option<SpokeError>,
    /// After so many writes more it answers nothing but this.
    pub(crate) down_after: Option<(usize, SpokeError)>,
    /// Its clock is so far ahead, and its answers say so.
    pub(crate) skew_ms: Option<i64>,
    /// It does not say either what it has.
    pub(crate) dumb: bool,
    /// Calls that it got.
    pub(crate) calls: usize,
    /// What a new thing holds where nothing is said of it: path → value.
    pub(crate) defaults: BTreeMap<String, String>,
    /// What a thing holds after every write, whatever was written: id and path → value.
    pub(crate) insists: BTreeMap<(String, String), String>,
    /// Streams that cannot be read.
    pub(crate) unreadable: BTreeSet<String>,
    /// Paths that no two things of a stream may hold the same of: a write that would is refused.
    pub(crate) unique: BTreeSet<String>,
    /// Further paths that it says its things have.
    pub(crate) lists: BTreeSet<String>,
    /// It does not say of which path that was.
    pub(crate) unnamed: bool,
    /// Ids of what it refused to write for that.
    pub(crate) taken: Vec<String>,
}

impl State {
    fn called(&mut self) -> Result<(), SpokeError> {
        self.calls += 1;
        self.down.clone().map_or(Ok(()), Err)
    }
}

/// A handle to a system.
#[derive(Clone)]
pub(crate) struct System {
    pub(crate) name: String,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) capabilities: Capabilities,
    pub(crate) streams: Vec<String>,
    /// Paths that this system spells its own way when they are written: upper case.
    pub(crate) shouting: BTreeSet<String>,
}

impl System {
    pub(crate) fn new(name: &str, streams: &[&str]) -> Self {
        let state = State {
            things: streams.iter().map(|stream| ((*stream).to_owned(), BTreeMap::new())).collect(),
            next: 1,
            clock: 1_000,
            ..State::default()
        };
        Self {
            name: name.to_owned(),
            state: Arc::new(Mutex::new(state)),
            capabilities: Capabilities {
                changes: ChangeDetection::Incremental,
                batch_max: 10,
                deletable: true,
                mergeable: true,
                searchable: vec!["marker".into(), "email".into()],
                ..Capabilities::default()
            },
            streams: streams.iter().map(|stream| (*stream).to_owned()).collect(),
            shouting: BTreeSet::new(),
        }
    }

    /// A person makes a thing over there.
    pub(crate) fn create(&self, stream: &str, json: &str) -> String {
        let id = {
            let mut state = self.state.lock().unwrap();
            state.next += 1;
            format!("{}{}", &self.name[..1], state.next - 1)
        };
        self.create_as(stream, &id, json);
        id
    }

    /// The same under an id of that person's choice.
    pub(crate) fn create_as(&self, stream: &str, id: &str, json: &str) {
        let mut state = self.state.lock().unwrap();
        state.clock += 1_000;
        let modified = state.clock;
        let mut body = codec::decode(json.as_bytes()).unwrap();
        number_elements(&mut body, &mut state.next);
        let mut thing = Thing { body, modified, ..Thing::default() };
        if state.tells_times {
            thing.note_times(&Value::Null);
        }
        state.things.get_mut(stream).unwrap().insert(id.to_owned(), thing);
    }

    /// A person edits a thing over there.
    pub(crate) fn edit(&self, stream: &str, id: &str, change: impl FnOnce(&mut Value)) {
        let mut state = self.state.lock().unwrap();
        state.clock += 1_000;
        let (modified, mut next, tells_times) = (state.clock, state.next, state.tells_times);
        let thing = state.things.get_mut(stream).unwrap().get_mut(id).unwrap();
        let before = thing.body.clone();
        change(&mut thing.body);
        number_elements(&mut thing.body, &mut next);
        thing.modified = modified;
        if tells_times {
            thing.note_times(&before);
        }
        state.next = next;
    }

    /// A person writes a text into a field over there.
    pub(crate) fn put(&self, stream: &str, id: &str, path: &str, text: &str) {
        self.edit(stream, id, |body| body.put(path, Value::text(text)));
    }

    /// A person deletes a thing over there.
    pub(crate) fn delete(&self, stream: &str, id: &str) {
        let mut state = self.state.lock().unwrap();
        state.clock += 1_000;
        let modified = state.clock;
        state.things.get_mut(stream).unwrap().remove(id);
        if state.tells {
            state.deleted.insert(id.to_owned(), Thing { modified, ..Thing::default() });
        }
    }

    /// A person merges two things over there.
    pub(crate) fn merge(&self, stream: &str, loser: &str, winner: &str) {
        let mut state = self.state.lock().unwrap();
        state.clock += 1_000;
        let modified = state.clock;
        let things = state.things.get_mut(stream).unwrap();
        let thing = things.get_mut(loser).unwrap();
        thing.merged_into = Some(winner.to_owned());
        thing.modified = modified;
        things.get_mut(winner).unwrap().modified = modified;
    }

    pub(crate) fn fault(&self, fault: Fault) {
        self.state.lock().unwrap().faults.push(fault);
    }

    /// One field of a thing, as text; "gone" or "merged into …" where it is not there.
    pub(crate) fn at(&self, stream: &str, id: &str, path: &str) -> String {
        let state = self.state.lock().unwrap();
        match state.things[stream].get(id) {
            None => "gone".into(),
            Some(Thing { merged_into: Some(winner), .. }) => format!("merged into {winner}"),
            Some(thing) => thing.body.at(path).map(Value::display).unwrap_or_default(),
        }
    }

    /// Everything that is there, as text: id and body, ids left out.
    pub(crate) fn dump(&self, stream: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let mut all: Vec<String> = state.things[stream]
            .values()
            .filter(|thing| thing.merged_into.is_none())
            .map(|thing| String::from_utf8(codec::encode(&without_ids(&thing.body))).unwrap())
            .collect();
        all.sort();
        all
    }

    pub(crate) fn writes(&self) -> usize {
        self.state.lock().unwrap().writes.len()
    }

    pub(crate) fn only_id(&self, stream: &str) -> String {
        let state = self.state.lock().unwrap();
        let ids: Vec<&String> = state.things[stream].keys().collect();
        assert_eq!(ids.len(), 1, "{ids:?}");
        ids[0].clone()
    }

    fn record(id: &str, thing: &Thing) -> SourceRecord {
        SourceRecord {
            remote_id: id.to_owned(),
            version: None,
            modified_at: Some(nave_core::model::Time(thing.modified).to_string()),
            field_times: thing.times.iter().map(|(path, at)| (path.clone(), nave_core::model::Time(*at).to_string())).collect(),
            coverage: Coverage::Complete,
            operation: match &thing.merged_into {
                Some(winner) => Operation::MergedInto(winner.clone()),
                None => Operation::Upsert,
            },
            body: codec::encode(&thing.body),
        }
    }

    fn apply(&self, state: &mut State, stream: &str, delivery: &Delivery) -> Outcome {
        let bytes = [delivery.changed.clone(), delivery.desired.clone()].concat();
        match state.keys.get(&delivery.id) {
            Some(known) if *known != bytes => state.broken_keys += 1,
            Some(_) => {}
            None => drop(state.keys.insert(delivery.id.clone(), bytes)),
        }
        state.clock += 1_000;
        let modified = state.clock;
        let mut changed = codec::decode(&delivery.changed).unwrap();
        assert!(matches!(changed, Value::Object(_)), "the contract says a JSON object, for a delete too");
        number_elements(&mut changed, &mut state.next);
        for path in &self.shouting {
            if let Some(Value::Text(text)) = changed.at(path).cloned() {
                changed.put(path, Value::text(text.to_uppercase()));
            }
        }
        let id = match &delivery.operation {
            WriteOperation::Create => {
                let id = format!("{}{}", &self.name[..1], state.next);
                state.next += 1;
                id
            }
            WriteOperation::Update(id) | WriteOperation::Delete(id) => id.clone(),
            WriteOperation::Merge(from, _) => from.clone(),
        };
        if let Some(path) = taken_by_another(state, stream, &id, &changed) {
            state.taken.push(id);
            let field = (!state.unnamed).then(|| path.clone());
            return Outcome::Rejected(Rejection { class: "duplicate".into(), field, message: "somebody has it".into() });
        }
        state.writes.push(format!("{:?} {id}", delivery.operation));
        let things = state.things.get_mut(stream).unwrap();
        match &delivery.operation {
            WriteOperation::Delete(_) if !things.contains_key(&id) => return Outcome::Gone,
            WriteOperation::Delete(_) => {
                things.remove(&id);
                return Outcome::Written(Written { remote_id: id, version: None, modified_at: None, body: Vec::new() });
            }
            WriteOperation::Merge(from, into) => {
                // As systems do: the second keeps what it holds, and takes what it lacks from the first.
                let loser = things[from].body.clone();
                things.get_mut(from).unwrap().merged_into = Some(into.clone());
                things.get_mut(from).unwrap().modified = modified;
                let winner = things.get_mut(into).unwrap();
                if let Value::Object(fields) = loser {
                    for (name, value) in fields {
                        if winner.body.at(&name).is_none_or(Value::is_empty) {
                            winner.body.put(&name, value);
                        }
                    }
                }
                winner.modified = modified;
                return Outcome::Written(Written { remote_id: into.clone(), version: None, modified_at: None, body: Vec::new() });
            }
            WriteOperation::Update(_) if !things.contains_key(&id) => return Outcome::Gone,
            _ => {}
        }
        let thing = things.entry(id.clone()).or_default();
        let before = thing.body.clone();
        if let Value::Object(fields) = changed {
            for (name, value) in fields {
                thing.body.put(&name, value);
            }
        }
        let unsaid = |(path, _): &(&String, &String)| before.is_empty() && thing.body.at(path).is_none();
        let defaults: Vec<_> = state.defaults.iter().filter(unsaid).map(|(path, value)| (path.clone(), value.clone())).collect();
        let insists =
            state.insists.iter().filter(|((of, _), _)| *of == id).map(|((_, path), value)| (path.clone(), value.clone()));
        for (path, value) in defaults.into_iter().chain(insists) {
            thing.body.put(&path, Value::text(value));
        }
        thing.modified = modified;
        if state.tells_times {
            thing.note_times(&before);
        }
        Outcome::Written(Written { remote_id: id, version: None, modified_at: None, body: codec::encode(&thing.body) })
    }
}

/// A path of which another thing holds what is to be written.
fn taken_by_another(state: &State, stream: &str, id: &str, changed: &Value) -> Option<String> {
    let holds = |path: &str, value: &Value| {
        state.things[stream]
            .iter()
            .any(|(other, thing)| other != id && thing.merged_into.is_none() && thing.body.at(path) == Some(value))
    };
    state.unique.iter().find(|path| changed.at(path).is_some_and(|value| !value.is_empty() && holds(path, value))).cloned()
}

/// List elements that are objects get ids, as a system with child objects gives them.
fn number_elements(body: &mut Value, next: &mut u64) {
    let Value::Object(fields) = body else { return };
    for value in fields.values_mut() {
        let Value::List(elements) = value else { continue };
        for element in elements {
            if let Value::Object(map) = element
                && !map.contains_key("id")
            {
                map.insert("id", Value::Number(next.to_string().into()));
                *next += 1;
            }
        }
    }
}

fn without_ids(body: &Value) -> Value {
    match body {
        Value::Object(map) => Value::Object(
            map.iter()
                .filter(|(name, _)| *name != "id" && *name != "marker")
                .map(|(name, value)| (name.clone(), without_ids(value)))
                .collect(),
        ),
        Value::List(list) => {
            let mut list: Vec<Value> = list.iter().map(without_ids).collect();
            list.sort();
            Value::List(list)
        }
        other => other.clone(),
    }
}

impl Spoke for System {
    fn skew_ms(&self) -> Option<i64> {
        self.state.lock().unwrap().skew_ms
    }

    fn discover(&self) -> BoxFuture<'_, Result<Vec<StreamInfo>, SpokeError>> {
        let state = self.state.lock().unwrap();
        let unique = |path: &String| FieldInfo { path: path.clone(), unique: true, ..FieldInfo::default() };
        let listed = |path: &String| FieldInfo { path: path.clone(), ..FieldInfo::default() };
        let stream = |name: &String| StreamInfo {
            name: name.clone(),
            capabilities: self.capabilities.clone(),
            fields: state.unique.iter().map(unique).chain(state.lists.iter().map(listed)).collect(),
            ..StreamInfo::default()
        };
        let streams = self.streams.iter().map(stream).collect();
        let answer = state.down.clone().filter(|_| state.dumb).map_or(Ok(streams), Err);
        drop(state);
        Box::pin(async move { answer })
    }

    fn check(&self) -> BoxFuture<'_, Result<CheckReport, SpokeError>> {
        let report = CheckReport { account: self.name.clone(), environment: String::new(), scopes: vec![], limits: vec![] };
        Box::pin(async move { Ok(report) })
    }

    fn read(&self, stream: String, checkpoint: Option<Vec<u8>>, _limit: u32) -> BoxFuture<'_, Result<Page, SpokeError>> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap();
            state.called()?;
            if state.unreadable.contains(&stream) {
                return Err(SpokeError::Unavailable("down".into()));
            }
            match &mut state.pages_left {
                Some(0) => return Err(SpokeError::Unavailable("down".into())),
                Some(left) => *left -= 1,
                None => {}
            }
            let full = self.capabilities.changes == ChangeDetection::FullScan || state.scans;
            // `since`, or `since/last id/begun` within a pass: what changes meanwhile is for the next one.
            let asked_with = checkpoint.clone();
            let checkpoint = checkpoint.map(|bytes| String::from_utf8(bytes).unwrap()).unwrap_or_else(|| "0".into());
            let mut parts = checkpoint.split('/');
            let (since, after) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
            let begun: i64 = parts.next().map_or(state.clock, |begun| begun.parse().unwrap());
            let begins_whole = after.is_empty() && (full || state.everything);
            let since: i64 = if begins_whole { 0 } else { since.parse().unwrap() };
            let since = since.max(state.forgotten);
            if state.empties > 0 {
                state.empties -= 1;
                let next = format!("{since}/{after}/{begun}/{}", state.empties).into_bytes();
                return Ok(Page { records: Vec::new(), next, more: true, complete_scan: false, total: None });
            }
            let shown = |id: &String| (after.is_empty() || id.as_str() > after) && !state.unlisted.contains(id);
            let mut found: Vec<(&String, &Thing)> =
                state.things[&stream].iter().filter(|(id, thing)| thing.modified > since && shown(id)).collect();
            let more = state.page > 0 && found.len() > state.page;
            if more {
                found.truncate(state.page);
            }
            let next = match found.last() {
                Some((id, _)) if more => format!("{since}/{id}/{begun}"),
                _ => begun.to_string(),
            };
            let columns = state.columns.clone();
            let records = found.into_iter().map(|(id, thing)| Self::record(id, state.lagging.get(id).unwrap_or(thing)));
            let records = records.map(|record| match &columns {
                Some(columns) => SourceRecord { coverage: Coverage::Only(columns.clone()), ..record },
                None => record,
            });
            let mut records: Vec<SourceRecord> = records.collect();
            let deleted =
                state.deleted.iter().filter(|(id, thing)| thing.modified > since && !state.things[&stream].contains_key(*id));
            records.extend(deleted.map(|(id, thing)| SourceRecord {
                operation: Operation::Delete,
                body: vec![],
                ..Self::record(id, thing)
            }));
            records.extend(state.raw.clone().map(|body| SourceRecord { body, ..Self::record("p.csv@9", &Thing::default()) }));
            if let Some(stuck) = asked_with.clone().filter(|_| state.stuck) {
                return Ok(Page { records, next: stuck, more: true, complete_scan: false, total: None });
            }
            if let Some(asked_with) = asked_with.filter(|_| state.circling) {
                let asked_with = String::from_utf8(asked_with).unwrap();
                let next = if asked_with.contains('/') { since.to_string() } else { format!("{since}//{begun}") };
                return Ok(Page { records, next: next.into_bytes(), more: true, complete_scan: false, total: None });
            }
            let more = more || state.stuck || state.circling;
            Ok(Page { records, next: next.into_bytes(), more, complete_scan: since == 0 && !more && !state.unsure, total: None })
        })
    }

    fn acknowledge(&self, _stream: String, checkpoint: Vec<u8>) -> BoxFuture<'_, Result<(), SpokeError>> {
        let mut state = self.state.lock().unwrap();
        if state.forgets
            && let Some(until) = String::from_utf8(checkpoint.clone()).ok().and_then(|text| text.parse().ok())
        {
            state.forgotten = state.forgotten.max(until);
        }
        state.acknowledged.push(checkpoint);
        drop(state);
        Box::pin(async { Ok(()) })
    }

    fn get(&self, stream: String, ids: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap();
            state.called()?;
            state.asked.extend(ids.iter().cloned());
            let things = &state.things[&stream];
            if let Some(id) = ids.iter().find(|id| state.unaskable.contains(*id)) {
                return Err(SpokeError::Rejected(format!("net.bad-path: /people/{id}")));
            }
            Ok(ids
                .iter()
                .filter(|id| !state.silent || things.contains_key(*id))
                .map(|id| match things.get(id) {
                    Some(thing) => Self::record(id, thing),
                    None => SourceRecord { operation: Operation::Delete, body: vec![], ..Self::record(id, &Thing::default()) },
                })
                .collect())
        })
    }

    fn write(&self, stream: String, deliveries: Vec<Delivery>) -> BoxFuture<'_, Result<Vec<Outcome>, SpokeError>> {
        Box::pin(async move {
            let mut outcomes = Vec::new();
            let mut hang = false;
            {
                let mut state = self.state.lock().unwrap();
                state.called()?;
                if let Some(error) = state.unwritable.clone() {
                    return Err(error);
                }
                for delivery in &deliveries {
                    let fault = (!state.faults.is_empty()).then(|| state.faults.remove(0));
                    match fault {
                        // An error promises that nothing was sent.
                        Some(Fault::Down) if outcomes.is_empty() => return Err(SpokeError::Unavailable("down".into())),
                        Some(Fault::Down) => outcomes.push(Outcome::RetryAfter(60_000)),
                        Some(Fault::Conflict) => {
                            let WriteOperation::Update(id) = &delivery.operation else { panic!("{delivery:?}") };
                            outcomes.push(Outcome::Conflict(Self::record(id, &state.things[&stream][id])));
                        }
                        Some(Fault::Keep) => {
                            let WriteOperation::Update(id) = &delivery.operation else { panic!("{delivery:?}") };
                            state.writes.push(format!("{:?} {id}, kept", delivery.operation));
                            let body = codec::encode(&state.things[&stream][id].body);
                            let written = Written { remote_id: id.clone(), version: None, modified_at: None, body };
                            outcomes.push(Outcome::Written(written));
                        }
                        Some(Fault::Wait) => outcomes.push(Outcome::RetryAfter(60_000)),
                        Some(Fault::LostRequest) => outcomes.push(Outcome::Unknown("no answer".into())),
                        Some(Fault::Refuse) => outcomes.push(Outcome::Rejected(Rejection {
                            class: "format".into(),
                            field: None,
                            message: "no, thank you".into(),
                        })),
                        other => {
                            if let (Some(Fault::Vanish), WriteOperation::Update(id) | WriteOperation::Delete(id)) =
                                (other, &delivery.operation)
                            {
                                state.things.get_mut(&stream).unwrap().remove(id);
                            }
                            let things = (other == Some(Fault::Unwritten)).then(|| state.things.clone());
                            let outcome = self.apply(&mut state, &stream, delivery);
                            if let Some(things) = things {
                                state.things = things;
                            }
                            hang |= other == Some(Fault::Hang);
                            outcomes.push(match other {
                                Some(Fault::LostAnswer) => Outcome::Unknown("no answer".into()),
                                _ => outcome,
                            });
                        }
                    }
                }
            }
            if hang {
                std::future::pending::<()>().await;
            }
            let mut state = self.state.lock().unwrap();
            if let Some((left, error)) = state.down_after.take() {
                match left.saturating_sub(deliveries.len()) {
                    0 => state.down = Some(error),
                    left => state.down_after = Some((left, error)),
                }
            }
            Ok(outcomes)
        })
    }

    fn find(&self, stream: String, path: String, values: Vec<String>) -> BoxFuture<'_, Result<Vec<SourceRecord>, SpokeError>> {
        Box::pin(async move {
            let mut state = self.state.lock().unwrap();
            state.called()?;
            Ok(state.things[&stream]
                .iter()
                .filter(|(_, thing)| {
                    !state.search_lags && thing.body.at(&path).is_some_and(|value| values.contains(&value.display()))
                })
                .map(|(id, thing)| Self::record(id, thing))
                .collect())
        })
    }

    fn digest(&self) -> String {
        "scripted".into()
    }
}
