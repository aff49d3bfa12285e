//! `crm`: answers as HubSpot's CRM v3 API does.
//!
//! This file owns the state and the routes; the rest of the folder owns one subject each. Promises that a refused request changes
//! nothing, and that what is not known (path, method, parameter, field, property) is refused. Must not know sockets or files.

mod alter;
mod associations;
mod batch;
mod filters;
mod merge;
mod object;
mod objects;
mod refusal;
pub(crate) mod schema;
mod search;
mod seed;
mod spoilt;
mod told;
mod unasked;
mod values;

use crate::{
    auth::{Auth, TokenRefusal},
    faults::Switch,
    rng::{mix, uuid},
    simulated::{Amendment, Ask, Checkpoint, Event, Fields, No, Notice, Page, SchemaChange, Simulated},
    time,
    wire::{Call, Reply},
};
use object::{Object, Table};
use refusal::Refusal;
use schema::ObjectSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

/// The whole CRM.
#[derive(Debug)]
pub(crate) struct Crm {
    seed: u64,
    tables: Vec<Table>,
    /// Requests so far, for their correlation ids.
    requests: u64,
}

/// One object as it is after a write, or what its kind looks like from now on: what the state file keeps.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    of: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    object: Option<Object>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alter: Option<SchemaChange>,
    /// In place of all changes so far, where the file is written anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    schema: Option<ObjectSchema>,
}

/// Objects a request wants to change, before it is certain that all of it is allowed.
type Changes = Vec<(usize, Object)>;

impl Crm {
    /// An empty CRM.
    pub(crate) fn new(seed: u64, schemas: Option<Vec<ObjectSchema>>) -> Result<Self, String> {
        let schemas = schemas.unwrap_or_else(|| vec![ObjectSchema::contacts(), ObjectSchema::companies()]);
        for (index, schema) in schemas.iter().enumerate() {
            schema.check()?;
            if schemas[..index].iter().any(|other| other.name == schema.name || other.type_id == schema.type_id) {
                return Err(format!("two schemas are called `{}` or have the type id {}", schema.name, schema.type_id));
            }
        }
        Ok(Self { seed, tables: schemas.into_iter().map(Table::new).collect(), requests: 0 })
    }

    /// A CRM with people and companies in it.
    pub(crate) fn seeded(seed: u64, records: usize, schemas: Option<Vec<ObjectSchema>>) -> Result<Self, String> {
        let mut crm = Self::new(seed, schemas)?;
        seed::fill(&mut crm, records);
        Ok(crm)
    }

    /// The kind of object a path names, by plural, singular or type id.
    fn kind(&self, name: &str) -> Result<usize, Refusal> {
        self.tables
            .iter()
            .position(|table| [&table.schema.name, &table.schema.singular, &table.schema.type_id].contains(&&name.to_owned()))
            .ok_or_else(|| Refusal::invalid(format!("Unable to infer object type from: {name}")))
    }

    fn kind_named(&self, name: &str) -> Option<usize> {
        self.tables.iter().position(|table| table.schema.name == name)
    }

    /// The id after the last one of this kind. Gaps as the vendor has them, but always the same ones.
    fn next_id(&self, kind: usize, taken: Option<u64>) -> u64 {
        let last = self.tables[kind].last_id().max(taken);
        match last {
            Some(last) => last + 1 + mix(self.seed ^ last) % 9,
            None => 10_000_000 + mix(self.seed ^ (kind as u64 + 1)) % 80_000_000,
        }
    }

    /// Makes the changes and says what to remember.
    fn commit(&mut self, changes: Changes) -> Vec<Value> {
        let mut entries = Vec::with_capacity(changes.len());
        for (kind, object) in changes {
            entries.push(json!({"of": self.tables[kind].schema.name, "object": object}));
            self.tables[kind].put(object);
        }
        entries
    }

    fn route(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Result<Reply, Refusal> {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let method = call.method.as_str();
        if let ["oauth", "v1" | "2026-03", "token"] = segments.as_slice() {
            return if method == "POST" { token(auth, call, now) } else { Err(Refusal::method(method)) };
        }
        if let ["oauth", "authorize"] = segments.as_slice() {
            let next = auth.agree(call, now).ok_or_else(|| {
                Refusal::new(400, "BAD_CLIENT_ID", "missing or unknown client_id, redirect_uri or response_type")
            })?;
            return Ok(Reply { headers: vec![("location", next)], ..Reply::empty(302) });
        }
        if !auth.accepts(call, now) {
            return Err(Refusal::new(
                401,
                "INVALID_AUTHENTICATION",
                "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
            ));
        }
        match segments.as_slice() {
            ["crm", "v4", "objects", from, id, "associations", rest @ ..]
            | ["crm", "objects", "2026-03", from, id, "associations", rest @ ..] => {
                associations::route(self, call, (from, id), rest, now)
            }
            ["crm", "v3", "objects", kind, rest @ ..] | ["crm", "objects", "2026-03", kind, rest @ ..] => {
                let kind = self.kind(kind)?;
                self.route_objects(call, kind, rest, now)
            }
            ["crm", "v3", "properties", kind, rest @ ..] if rest.len() < 2 => {
                let table = &self.tables[self.kind(kind)?];
                known_params(call, &["archived"])?;
                if method != "GET" {
                    return Err(Refusal::method(method));
                }
                match rest {
                    [name] => table.schema.property(name).map(|p| Reply::json(200, p.describe())).ok_or_else(Refusal::not_found),
                    _ => {
                        let all: Vec<Value> = table.schema.properties.iter().map(schema::Property::describe).collect();
                        Ok(Reply::json(200, json!({"results": all})))
                    }
                }
            }
            ["account-info", "v3", "details"] => {
                known_params(call, &[])?;
                if method != "GET" {
                    return Err(Refusal::method(method));
                }
                Ok(Reply::json(200, self.account()))
            }
            _ => Err(Refusal::new(404, "OBJECT_NOT_FOUND", format!("No path {} is known here", call.path))),
        }
    }

    fn route_objects(&mut self, call: &Call, kind: usize, rest: &[&str], now: i64) -> Result<Reply, Refusal> {
        match (call.method.as_str(), rest) {
            ("GET", []) => objects::list(self, call, kind),
            ("POST", []) => objects::create(self, call, kind, now),
            ("POST", ["search"]) => objects::search(self, call, kind),
            ("POST", ["merge"]) => merge::merge(self, call, kind, now),
            ("POST", ["batch", verb @ ("read" | "create" | "update" | "upsert" | "archive")]) => {
                batch::route(self, call, kind, verb, now)
            }
            (method, ["search" | "merge"] | ["batch", "read" | "create" | "update" | "upsert" | "archive"]) => {
                Err(Refusal::method(method))
            }
            ("GET", [id]) => objects::get(self, call, kind, id),
            ("PATCH", [id]) => objects::update(self, call, kind, id, now),
            ("DELETE", [id]) => objects::archive(self, call, kind, id, now),
            (method, [] | [_]) => Err(Refusal::method(method)),
            _ => Err(Refusal::new(404, "OBJECT_NOT_FOUND", format!("No path {} is known here", call.path))),
        }
    }

    fn account(&self) -> Value {
        json!({
            "portalId": 10_000_000 + mix(self.seed) % 80_000_000, "accountType": "STANDARD", "timeZone": "Europe/Berlin", "companyCurrency": "EUR",
            "additionalCurrencies": [], "utcOffset": "+01:00", "utcOffsetMilliseconds": 3_600_000, "uiDomain": "app.crm.invalid", "dataHostingLocation": "simulated",
        })
    }
}

fn token(auth: &mut Auth, call: &Call, now: i64) -> Result<Reply, Refusal> {
    known_params(call, &[])?;
    let issued = auth.issue(call, now).map_err(|refusal| match refusal {
        TokenRefusal::InvalidClient => {
            Refusal::new(401, "INVALID_AUTHENTICATION", "missing or invalid client id or client secret")
        }
        TokenRefusal::InvalidGrant => Refusal::new(400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token"),
        TokenRefusal::UnsupportedGrantType => Refusal::new(400, "BAD_GRANT_TYPE", "missing or unknown grant_type"),
    })?;
    let mut body = Map::new();
    body.insert("access_token".into(), issued.access_token.into());
    body.insert("expires_in".into(), issued.seconds.into());
    body.insert("token_type".into(), "bearer".into());
    let usage = if issued.refresh_token.is_some() { "access_token" } else { "client_credentials" };
    body.insert("token_use".into(), usage.into());
    if let Some(refresh) = issued.refresh_token {
        body.insert("refresh_token".into(), refresh.into());
    }
    Ok(Reply::json(200, Value::Object(body)))
}

/// 400 where a parameter is not among those known.
fn known_params(call: &Call, known: &[&str]) -> Result<(), Refusal> {
    match call.unknown_param(known) {
        Some(name) => Err(Refusal::invalid(format!("Unknown query parameter \"{name}\""))),
        None => Ok(()),
    }
}

/// The body as JSON of this form; unknown fields are refused.
fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    let is_json = call.header("content-type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
    if !is_json {
        return Err(Refusal::new(415, "UNSUPPORTED_MEDIA_TYPE", "The request body must be application/json"));
    }
    serde_json::from_slice(&call.body).map_err(|error| Refusal::invalid(format!("Invalid input JSON: {error}")))
}

/// The bounds of a batch, as the answer shows them.
fn batch_answer(results: Vec<Value>, errors: Vec<Value>, now: i64, status: u16) -> Reply {
    let at = time::iso(now);
    let mut body = json!({"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at});
    if errors.is_empty() {
        return Reply::json(status, body);
    }
    body["numErrors"] = errors.len().into();
    body["errors"] = errors.into();
    Reply::json(207, body)
}

impl Simulated for Crm {
    fn handle(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Reply {
        self.requests += 1;
        match self.route(auth, call, now) {
            Ok(reply) => reply,
            Err(refusal) => refusal.reply(&uuid(self.seed, "correlation", self.requests)),
        }
    }

    fn is_write(&self, call: &Call) -> bool {
        let last = call.segments.last().map(String::as_str);
        call.method != http::Method::GET && !matches!(last, Some("search" | "read" | "token"))
    }

    fn dump(&self) -> Value {
        let kinds = self.tables.iter().map(|table| {
            let all = table.all().map(|object| {
                let properties: Map<String, Value> = table
                    .schema
                    .properties
                    .iter()
                    .filter_map(|p| Some((p.name.clone(), object.value(&table.schema, &p.name)?.into())))
                    .collect();
                let associations: Map<String, Value> = object
                    .links
                    .iter()
                    .map(|(to, ids)| (to.clone(), ids.iter().map(u64::to_string).collect::<Vec<_>>().into()))
                    .collect();
                json!({
                    "id": object.id.to_string(), "properties": properties, "archived": object.archived_at.is_some(),
                    "merged_into": object.merged_into.map(|id| id.to_string()), "associations": associations,
                })
            });
            (table.schema.name.clone(), Value::Array(all.collect()))
        });
        Value::Object(kinds.collect())
    }

    fn snapshot(&self, emit: &mut dyn FnMut(Value)) {
        for table in &self.tables {
            if table.altered {
                emit(json!({"of": table.schema.name, "schema": table.schema}));
            }
            for object in table.all() {
                emit(json!({"of": table.schema.name, "object": object}));
            }
        }
    }

    fn replay(&mut self, entry: Value) -> Result<(), String> {
        let kept: Kept = serde_json::from_value(entry).map_err(|error| error.to_string())?;
        let kind = self.kind_named(&kept.of).ok_or_else(|| format!("there is no object `{}` in the schema", kept.of))?;
        if let Some(schema) = kept.schema {
            self.tables[kind] = Table::new(schema);
            self.tables[kind].altered = true;
        }
        if let Some(change) = kept.alter {
            alter::apply(&mut self.tables[kind], &change)?;
        }
        if let Some(object) = kept.object {
            self.tables[kind].put(object);
        }
        Ok(())
    }

    fn last_modified(&self) -> i64 {
        self.tables.iter().map(Table::last_modified).max().unwrap_or(0)
    }

    fn population(&self) -> usize {
        self.tables.iter().map(Table::len).sum()
    }

    fn empty(&self) -> Box<dyn Simulated> {
        Box::new(Self {
            seed: self.seed,
            tables: self.tables.iter().map(|table| Table::new(table.schema.clone())).collect(),
            requests: 0,
        })
    }

    fn refuse(&self, no: &No) -> Reply {
        spoilt::refuse(self, no)
    }

    fn lacks(&self, switch: Switch) -> Option<&'static str> {
        spoilt::lacks(switch)
    }

    fn ask(&self, call: &Call) -> Ask {
        spoilt::ask(self, call)
    }

    fn written(&self, call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields)) {
        spoilt::written(call, body, visit);
    }

    fn batch<'a>(&self, call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>> {
        spoilt::batch(call, body)
    }

    fn partial(&mut self, call: &Call, reply: Reply, failed: &[Value]) -> Reply {
        spoilt::partial(self, call, reply, failed)
    }

    fn searched(&self, call: &Call) -> Vec<String> {
        spoilt::searched(call)
    }

    fn by_updated(&self, call: &Call) -> Option<String> {
        spoilt::by_updated(self, call)
    }

    fn strip(&self, call: &Call, body: &mut Value, field: &str) {
        spoilt::strip(call, body, field);
    }

    fn page(&self, call: &Call, body: &Value) -> Option<Page> {
        spoilt::page(self, call, body)
    }

    fn checkpoint(&self, call: &Call) -> Option<Checkpoint> {
        spoilt::checkpoint(call)
    }

    fn kinds(&self) -> Vec<String> {
        self.tables.iter().map(|table| table.schema.name.clone()).collect()
    }

    fn has_field(&self, field: &str) -> bool {
        self.tables.iter().any(|table| table.schema.property(field).is_some())
    }

    fn live(&self, kind: &str) -> Vec<String> {
        unasked::live(self, kind)
    }

    fn about(&self, entry: &Value) -> Option<(String, String)> {
        unasked::about(entry)
    }

    fn spend(&mut self, entry: &Value) {
        let Some((kind, id)) = unasked::about(entry) else { return };
        if let Some(kind) = self.kind_named(&kind) {
            self.tables[kind].spent = self.tables[kind].spent.max(id.parse().ok());
        }
    }

    fn amend(&mut self, kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
        unasked::amend(self, kind, id, amendment, now)
    }

    fn merge(&mut self, kind: &str, winner: &str, loser: &str, now: i64) -> Result<Vec<Value>, String> {
        unasked::merge(self, kind, winner, loser, now)
    }

    fn alter(&mut self, change: &SchemaChange) -> Result<Vec<Value>, String> {
        alter::alter(self, change)
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
