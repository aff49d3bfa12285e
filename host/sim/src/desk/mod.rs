//! `desk`: answers as Zendesk's Support API does: tickets with their comments, users, organizations.
//!
//! This file owns the state and the routes; the rest of the folder owns one subject each. Promises that a refused request changes
//! nothing, and that what is not known (path, method, parameter, field) is refused. Must not know sockets or files.

mod fields;
mod jobs;
mod read;
mod refusal;
mod render;
mod seed;
mod spoilt;
mod table;
mod told;
mod unasked;
mod write;

use crate::{
    answers::{Answer, Answers, Known},
    auth::Auth,
    faults::Switch,
    limits::{DESK_IDEMPOTENCY_KEY_CHARS_MAX, DESK_REQUESTS_MINUTE_MAX},
    rng::mix,
    simulated::{Amendment, Ask, Checkpoint, Event, Fields, No, Notice, Page, SchemaChange, Simulated},
    wire::{Call, Reply},
};
use fields::Kind;
use refusal::Refusal;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::collections::VecDeque;
use table::{Row, Table};
use write::Plan;

/// Whoever the credential belongs to.
pub(crate) const ME: u64 = 900_000_001;

/// The user of basic authentication.
pub(crate) const USER: &str = "admin@desk.example/token";

/// The whole desk.
#[derive(Debug)]
pub(crate) struct Desk {
    seed: u64,
    tables: [Table; 3],
    answers: Answers,
    jobs: VecDeque<jobs::Job>,
    /// Requests so far, for the ids of jobs.
    requests: u64,
    /// The minute that counts for the rate headers, and requests in it.
    minute: (i64, u64),
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Kept {
    Row { of: String, row: Box<Row> },
    Answer { answer: Answer },
}

impl Desk {
    /// An empty desk: nobody but the one whose credential it is.
    pub(crate) fn new(seed: u64) -> Self {
        let mut desk = Self {
            seed,
            tables: Default::default(),
            answers: Answers::default(),
            jobs: VecDeque::new(),
            requests: 0,
            minute: (0, 0),
        };
        seed::me(&mut desk);
        desk
    }

    /// A desk with people, organizations and tickets in it.
    pub(crate) fn seeded(seed: u64, records: usize) -> Self {
        let mut desk = Self::new(seed);
        seed::fill(&mut desk, records);
        desk
    }

    pub(crate) fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    /// The id after the last one of this kind: tickets are numbered, the others have gaps.
    pub(crate) fn next_id(&self, kind: Kind) -> u64 {
        match (kind, self.table(kind).last_id()) {
            (Kind::Tickets, last) => last.unwrap_or(0) + 1,
            (_, Some(last)) => last + 1 + mix(self.seed ^ last) % 9,
            (_, None) => 360_000_000_000 + mix(self.seed ^ kind as u64) % 90_000_000,
        }
    }

    /// Makes changes and says what to remember.
    fn commit(&mut self, changes: Vec<(Kind, Row)>) -> Vec<Value> {
        let mut entries = Vec::with_capacity(changes.len());
        for (kind, row) in changes {
            entries.push(json!({"of": kind.plural(), "row": row}));
            self.tables[kind as usize].put(row);
        }
        entries
    }

    fn carry_out(&mut self, plan: Plan, entries: &mut Vec<Value>) -> u64 {
        entries.extend(self.commit(plan.changes));
        plan.id
    }

    fn delete(&mut self, kind: Kind, id: u64, now: i64) -> Result<Vec<Value>, Refusal> {
        if id == ME {
            return Err(Refusal::Plain(403, "Forbidden", "You cannot delete yourself".to_owned()));
        }
        let row = self.table(kind).live(id).ok_or_else(Refusal::not_found)?;
        let row = write::deleted(row, now);
        Ok(self.commit(vec![(kind, row)]))
    }

    fn route(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Result<Reply, Refusal> {
        if !auth.accepts_basic(call, now) {
            return Err(Refusal::Plain(401, "Couldn't authenticate you", String::new()));
        }
        let path = path(call);
        let segments: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["api", "v2", rest @ ..] = segments.as_slice() else {
            return Err(Refusal::no_path());
        };
        let method = call.method.as_str();
        match (method, rest) {
            ("GET", ["incremental", kind @ ("tickets" | "users"), "cursor"]) => read::export(self, call, of(kind)?, now),
            ("GET", ["incremental", "organizations"]) => read::export_by_time(self, call, Kind::Organizations, now),
            ("GET", ["job_statuses", id]) => jobs::show(self, call, id),
            ("GET", ["ticket_fields"]) => Ok(seed::ticket_fields(call)),
            ("GET", [kind @ ("user_fields" | "organization_fields")]) => {
                Ok(Reply::json(200, json!({*kind: [], "next_page": null, "previous_page": null, "count": 0})))
            }
            ("GET", ["users", "me"]) => self.show(call, Kind::Users, ME),
            (_, ["tickets" | "users" | "organizations", ..]) => self.route_objects(call, rest, now),
            (method, ["incremental", ..] | ["job_statuses", _] | ["ticket_fields" | "user_fields" | "organization_fields"])
                if method != "GET" =>
            {
                Err(Refusal::method(method))
            }
            _ => Err(Refusal::no_path()),
        }
    }

    fn route_objects(&mut self, call: &Call, rest: &[&str], now: i64) -> Result<Reply, Refusal> {
        let kind = of(rest[0])?;
        match (call.method.as_str(), &rest[1..]) {
            ("GET", []) => read::list(self, call, kind),
            ("POST", []) if kind == Kind::Tickets => self.once(call, |desk| desk.create(call, kind, now)),
            ("POST", []) => self.create(call, kind, now),
            ("GET", ["show_many"]) => read::several(self, call, kind),
            ("GET", ["search"]) if kind != Kind::Tickets => read::search(self, call, kind),
            ("POST", ["create_many"]) => jobs::create(self, call, kind, false, now),
            ("POST", ["create_or_update_many"]) if kind == Kind::Users => jobs::create(self, call, kind, true, now),
            ("PUT", ["update_many"]) => jobs::update(self, call, kind, now),
            ("DELETE", ["destroy_many"]) => jobs::destroy(self, call, kind, now),
            ("POST", ["create_or_update"]) if kind == Kind::Users => self.upsert(call, now),
            (method, [id]) => {
                let id = id.parse().map_err(|_| Refusal::no_path())?;
                match method {
                    "GET" => self.show(call, kind, id),
                    "PUT" => self.update(call, kind, id, now),
                    "DELETE" => self.destroy(call, kind, id, now),
                    _ => Err(Refusal::method(method)),
                }
            }
            ("GET", [id, "comments"]) if kind == Kind::Tickets => {
                read::comments(self, call, id.parse().map_err(|_| Refusal::no_path())?)
            }
            ("PUT", [id, "merge"]) if kind == Kind::Users => {
                known(call, &[])?;
                let into: Fields = inner(call, "user")?;
                let winner = into.get("id").and_then(Value::as_u64).ok_or_else(Refusal::not_found)?;
                let entries = unasked::join(self, kind, winner, id.parse().map_err(|_| Refusal::no_path())?, now)?;
                Ok(self.shown(call, kind, winner, 200).with_entries(entries))
            }
            (method, []) => Err(Refusal::method(method)),
            _ => Err(Refusal::no_path()),
        }
    }

    /// Runs a write under its idempotency key, if it has one.
    fn once(&mut self, call: &Call, write: impl FnOnce(&mut Self) -> Result<Reply, Refusal>) -> Result<Reply, Refusal> {
        let Some(key) = call.header("idempotency-key").filter(|key| !key.is_empty()).map(str::to_owned) else {
            return write(self);
        };
        if key.chars().count() > DESK_IDEMPOTENCY_KEY_CHARS_MAX {
            let sentence = format!("The key has more than {DESK_IDEMPOTENCY_KEY_CHARS_MAX} characters");
            return Err(Refusal::Plain(400, "IdempotentRequestError", sentence));
        }
        let (mut reply, lookup) = match self.answers.known(&key, call) {
            Known::Same(reply) => (reply, "hit"),
            Known::Other => {
                let sentence = "Request parameters mismatch for the given idempotency key".to_owned();
                return Err(Refusal::Plain(400, "IdempotentRequestError", sentence));
            }
            // A refusal is not kept: the request may be sent again when it is mended.
            Known::Nothing => {
                let mut reply = write(self)?;
                let answer = Answer::new(&key, call, &reply);
                reply.entries.push(json!({"answer": answer}));
                self.answers.remember(answer);
                (reply, "miss")
            }
        };
        reply.headers.push(("x-idempotency-lookup", lookup.to_owned()));
        Ok(reply)
    }

    fn shown(&self, call: &Call, kind: Kind, id: u64, status: u16) -> Reply {
        let row = self.table(kind).get(id).map(|row| render::object(kind, row, &base(call)));
        Reply::json(status, json!({kind.singular(): row}))
    }

    fn show(&self, call: &Call, kind: Kind, id: u64) -> Result<Reply, Refusal> {
        known(call, &[])?;
        // A deleted user is still shown, as not active.
        let there = self.table(kind).get(id).is_some_and(|row| !row.gone || kind == Kind::Users);
        if there { Ok(self.shown(call, kind, id, 200)) } else { Err(Refusal::not_found()) }
    }

    fn create(&mut self, call: &Call, kind: Kind, now: i64) -> Result<Reply, Refusal> {
        known(call, &[])?;
        let plan = write::plan(self, kind, None, &inner(call, kind.singular())?, now)?;
        Ok(self.answered(call, kind, plan))
    }

    fn update(&mut self, call: &Call, kind: Kind, id: u64, now: i64) -> Result<Reply, Refusal> {
        known(call, &[])?;
        let old = self.table(kind).live(id).ok_or_else(Refusal::not_found)?;
        let plan = write::plan(self, kind, Some(old), &inner(call, kind.singular())?, now)?;
        Ok(self.answered(call, kind, plan))
    }

    fn upsert(&mut self, call: &Call, now: i64) -> Result<Reply, Refusal> {
        known(call, &[])?;
        let given = inner(call, "user")?;
        let plan = write::plan(self, Kind::Users, write::named(self, &given), &given, now)?;
        Ok(self.answered(call, Kind::Users, plan))
    }

    fn answered(&mut self, call: &Call, kind: Kind, plan: Plan) -> Reply {
        let (status, mut entries) = (if plan.new { 201 } else { 200 }, Vec::new());
        let id = self.carry_out(plan, &mut entries);
        let mut reply = self.shown(call, kind, id, status).with_entries(entries);
        if status == 201 {
            reply.headers.push(("location", format!("{}/api/v2/{}/{id}.json", base(call), kind.plural())));
        }
        reply
    }

    fn destroy(&mut self, call: &Call, kind: Kind, id: u64, now: i64) -> Result<Reply, Refusal> {
        known(call, &[])?;
        let entries = self.delete(kind, id, now)?;
        let reply = if kind == Kind::Users { self.shown(call, kind, id, 200) } else { Reply::empty(204) };
        Ok(reply.with_entries(entries))
    }
}

/// The path's parts, without the form that may stand at its end.
fn path(call: &Call) -> Vec<String> {
    let mut path = call.segments.clone();
    if let Some(last) = path.last_mut()
        && let Some(plain) = last.strip_suffix(".json")
    {
        *last = plain.to_owned();
    }
    path
}

fn of(plural: &str) -> Result<Kind, Refusal> {
    Kind::from_plural(plural).ok_or_else(Refusal::no_path)
}

/// Where the client reached the system, for links.
fn base(call: &Call) -> String {
    format!("http://{}", call.header("host").unwrap_or("desk.invalid"))
}

/// 400 where a parameter is not among those known.
fn known(call: &Call, names: &[&str]) -> Result<(), Refusal> {
    match call.unknown_param(names) {
        Some(name) => Err(Refusal::Title(400, "Invalid parameter", format!("There is no parameter {name} here"))),
        None => Ok(()),
    }
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    if !call.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json")) {
        let sentence = "The content type must be application/json".to_owned();
        return Err(Refusal::Plain(415, "UnsupportedMediaType", sentence));
    }
    serde_json::from_slice(&call.body)
        .map_err(|error| Refusal::Title(400, "Unprocessable body", format!("The body is not what is expected: {error}")))
}

/// The object under the one name that a body holds.
fn inner(call: &Call, name: &str) -> Result<Fields, Refusal> {
    let mut body: Fields = body(call)?;
    let inner = body.remove(name);
    if let Some(odd) = body.keys().next() {
        return Err(Refusal::attribute(odd, "There is no such attribute."));
    }
    match inner {
        Some(Value::Object(fields)) => Ok(fields),
        _ => Err(Refusal::Plain(400, "ParameterMissing", format!("Parameter {name} is required"))),
    }
}

impl Simulated for Desk {
    fn handle(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Reply {
        self.requests += 1;
        let minute = now.div_euclid(60_000);
        self.minute = if self.minute.0 == minute { (minute, self.minute.1 + 1) } else { (minute, 1) };
        let mut reply = self.route(auth, call, now).unwrap_or_else(Refusal::reply);
        let remaining = DESK_REQUESTS_MINUTE_MAX.saturating_sub(self.minute.1);
        reply.headers.push(("x-rate-limit", DESK_REQUESTS_MINUTE_MAX.to_string()));
        reply.headers.push(("x-rate-limit-remaining", remaining.to_string()));
        reply.headers.push(("ratelimit-reset", (60 - now.rem_euclid(60_000) / 1_000).to_string()));
        reply
    }

    fn is_write(&self, call: &Call) -> bool {
        call.method != http::Method::GET
    }

    fn dump(&self) -> Value {
        let kinds = Kind::ALL.into_iter().map(|kind| {
            let rows = self.table(kind).all().filter(|row| row.id != ME).map(|row| {
                let mut object = render::object(kind, row, "");
                object["deleted"] = row.gone.into();
                if kind == Kind::Tickets {
                    object["comments"] = row.comments.iter().map(render::comment).collect();
                }
                object
            });
            (kind.plural().to_owned(), rows.collect::<Vec<Value>>().into())
        });
        Value::Object(kinds.collect())
    }

    fn snapshot(&self, emit: &mut dyn FnMut(Value)) {
        for kind in Kind::ALL {
            self.table(kind).all().for_each(|row| emit(json!({"of": kind.plural(), "row": row})));
        }
        self.answers.all().for_each(|answer| emit(json!({"answer": answer})));
    }

    fn replay(&mut self, entry: Value) -> Result<(), String> {
        match serde_json::from_value(entry).map_err(|error| error.to_string())? {
            Kept::Row { of, row } => {
                let kind = Kind::from_plural(&of).ok_or_else(|| format!("there are no {of} here"))?;
                self.tables[kind as usize].put(*row);
            }
            Kept::Answer { answer } => self.answers.remember(answer),
        }
        Ok(())
    }

    fn last_modified(&self) -> i64 {
        self.tables.iter().map(Table::last_modified).max().unwrap_or(0)
    }

    fn population(&self) -> usize {
        self.tables.iter().map(Table::len).sum::<usize>() + self.answers.len()
    }

    fn empty(&self) -> Box<dyn Simulated> {
        Box::new(Self::new(self.seed))
    }

    fn refuse(&self, no: &No) -> Reply {
        spoilt::refuse(no)
    }

    fn lacks(&self, switch: Switch) -> Option<&'static str> {
        spoilt::lacks(switch)
    }

    fn ask(&self, call: &Call) -> Ask {
        spoilt::ask(call)
    }

    fn written(&self, call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields)) {
        spoilt::written(call, body, visit);
    }

    fn batch<'a>(&self, call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
        spoilt::batch(call, body)
    }

    fn partial(&mut self, _call: &Call, reply: Reply, failed: &[Value]) -> Reply {
        jobs::failed(self, &reply, failed.len());
        reply
    }

    fn searched(&self, call: &Call) -> Vec<String> {
        spoilt::searched(call)
    }

    fn strip(&self, _call: &Call, body: &mut Value, field: &str) {
        spoilt::strip(body, field);
    }

    fn page(&self, call: &Call, body: &Value) -> Option<Page> {
        spoilt::page(call, body)
    }

    fn checkpoint(&self, call: &Call) -> Option<Checkpoint> {
        spoilt::checkpoint(call)
    }

    fn kinds(&self) -> Vec<String> {
        // Tickets come first in the documents, people in what acts are about.
        ["users", "tickets", "organizations"].map(str::to_owned).to_vec()
    }

    fn has_field(&self, field: &str) -> bool {
        Kind::ALL.into_iter().any(|kind| kind.field(field).is_some())
    }

    fn live(&self, kind: &str) -> Vec<String> {
        unasked::live(self, kind)
    }

    fn about(&self, entry: &Value) -> Option<(String, String)> {
        unasked::about(entry)
    }

    fn spend(&mut self, entry: &Value) {
        let Some((kind, id)) = unasked::about(entry) else { return };
        if let Some(kind) = Kind::from_plural(&kind) {
            let table = &mut self.tables[kind as usize];
            table.spent = table.spent.max(id.parse().ok());
        }
    }

    fn amend(&mut self, kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
        unasked::amend(self, kind, id, amendment, now)
    }

    fn merge(&mut self, kind: &str, winner: &str, loser: &str, now: i64) -> Result<Vec<Value>, String> {
        unasked::merge(self, kind, winner, loser, now)
    }

    fn alter(&mut self, _change: &SchemaChange) -> Result<Vec<Value>, String> {
        Err("custom fields are not simulated here; the switch field-gone takes a field away".to_owned())
    }

    fn watch(&mut self, on: bool) {
        told::watch(self, on);
    }

    fn events(&mut self) -> Vec<Event> {
        told::events(self)
    }

    fn notice(&self, event: &Event, nth: u64) -> Notice {
        told::notice(self, event, nth)
    }

    fn sign(&self, secret: &str, url: &str, body: &str, now: i64) -> Vec<(&'static str, String)> {
        told::sign(secret, url, body, now)
    }
}
