//! `mail`: answers as Mailchimp's Marketing API 3.0 does: lists with their members, tags, merge fields; campaigns to read.
//!
//! This file owns the state and the routes; the rest of the folder owns one subject each. Promises that a refused request changes
//! nothing, and that what is not known (path, method, parameter, field) is refused. Must not know sockets or files.

mod columns;
mod lists;
mod md5;
mod member;
mod read;
mod refusal;
mod seed;
mod spoilt;
mod store;
mod told;
mod unasked;
mod write;

use crate::{
    auth::Auth,
    faults::Switch,
    rng::uuid,
    simulated::{Amendment, Ask, Checkpoint, Event, Fields, No, Notice, Page, SchemaChange, Simulated},
    wire::{Call, Reply},
};
use member::{Member, MergeField, stamp};
use read::PAGING;
use refusal::Refusal;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use store::Store;
use write::Mode;

/// All lists.
#[derive(Debug)]
pub(crate) struct Mail {
    seed: u64,
    store: Store,
    columns: Vec<MergeField>,
    /// The merge fields are not those of the start.
    altered: bool,
    /// Requests so far, for the ids of refusals.
    requests: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    Member(Box<Member>),
    Alter(SchemaChange),
    /// In place of all changes so far, where the file is written anew.
    Columns(Vec<MergeField>),
}

impl Mail {
    /// Lists with nobody in them.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed, store: Store::default(), columns: columns::at_start(), altered: false, requests: 0 }
    }

    /// Lists with people in them.
    pub(crate) fn seeded(seed: u64, records: usize) -> Self {
        let mut mail = Self::new(seed);
        seed::fill(&mut mail, records);
        mail
    }

    /// Makes a change and says what to remember.
    fn keep(&mut self, member: Member) -> Value {
        let entry = json!({"member": member});
        self.store.put(member);
        entry
    }

    fn route(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Result<Reply, Refusal> {
        if !auth.accepts_basic(call, now) {
            let detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter.";
            return Err(Refusal::new(401, "API Key Invalid", detail));
        }
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let ["3.0", rest @ ..] = segments.as_slice() else {
            return Err(Refusal::not_found());
        };
        if let ["lists", list, ..] = rest
            && lists::list(self, list).is_none()
        {
            return Err(Refusal::not_found());
        }
        let read = |body: Value| Ok(Reply::json(200, read::parts(call, body)));
        let few = |name: &str, all: Vec<Value>| read::paged(call, name, all);
        match (call.method.as_str(), rest) {
            ("GET", []) => known(call, &PAGING[2..]).and_then(|()| read(self.account())),
            ("GET", ["ping"]) => Ok(Reply::json(200, json!({"health_status": "Everything's Chimpy!"}))),
            ("GET", ["lists"]) => {
                known(call, &PAGING)?;
                let mut body = few("lists", lists::all(self))?;
                body.insert(
                    "constraints".to_owned(),
                    json!({"may_create": false, "max_instances": 2, "current_total_instances": 2}),
                );
                read(body.into())
            }
            ("GET", ["lists", list]) => {
                known(call, &PAGING[2..]).and_then(|()| read(lists::list(self, list).unwrap_or_default()))
            }
            ("POST", ["lists", list]) => write::many(self, call, list, now),
            ("GET", ["lists", list, "merge-fields"]) => {
                known(call, &PAGING)?;
                let mut body = few("merge_fields", columns::of_list(self, list))?;
                body.insert("list_id".to_owned(), (*list).into());
                read(body.into())
            }
            ("GET", ["lists", list, "members"]) => read(read::members(self, call, list)?),
            ("POST", ["lists", list, "members"]) => write::one(self, call, list, Mode::Add, now),
            ("GET", ["lists", list, "members", name]) => {
                known(call, &PAGING[2..])?;
                let member = self.store.named(list, name).ok_or_else(Refusal::not_found)?;
                read(member.render(&self.columns))
            }
            ("PUT", ["lists", list, "members", name]) => write::one(self, call, list, Mode::Upsert(name), now),
            ("PATCH", ["lists", list, "members", name]) => write::one(self, call, list, Mode::Change(name), now),
            ("DELETE", ["lists", list, "members", name]) => write::archive(self, call, list, name, now),
            ("POST", ["lists", list, "members", name, "actions", "delete-permanent"]) => {
                write::forget(self, call, list, name, now)
            }
            ("GET", ["lists", list, "members", name, "tags"]) => {
                known(call, &PAGING)?;
                let member = self.store.named(list, name).ok_or_else(Refusal::not_found)?;
                let tags = member.tags.iter().map(|tag| json!({"id": tag.id, "name": tag.name, "date_added": stamp(tag.added)}));
                read(few("tags", tags.collect())?.into())
            }
            ("POST", ["lists", list, "members", name, "tags"]) => write::tags(self, call, list, name, now),
            ("GET", ["campaigns"]) => {
                known(call, &[&PAGING[..], &["list_id", "status"]].concat())?;
                read(few("campaigns", lists::campaigns(call.param("list_id"), call.param("status")))?.into())
            }
            ("GET", ["campaigns", id]) => {
                known(call, &PAGING[2..]).and_then(|()| read(lists::campaign(id).ok_or_else(Refusal::not_found)?))
            }
            (
                _,
                [] | ["ping" | "campaigns" | "lists"] | ["campaigns" | "lists", _] | ["lists", _, "members" | "merge-fields"],
            )
            | (_, ["lists", _, "members", _] | ["lists", _, "members", _, "tags"]) => Err(Refusal::method()),
            _ => Err(Refusal::not_found()),
        }
    }

    fn account(&self) -> Value {
        let subscribers = self.store.all().filter(|member| member.status == "subscribed").count();
        json!({
            "account_id": &uuid(self.seed, "account", 0)[..8], "login_id": "1", "account_name": "Simulated Mail", "email": "admin@mail.example",
            "first_name": "Admin", "last_name": "", "username": "admin", "avatar_url": "", "role": "owner",
            "pricing_plan_type": "monthly", "account_timezone": "Europe/Berlin", "account_industry": "", "pro_enabled": false,
            "total_subscribers": subscribers, "_links": [],
        })
    }
}

/// 400 where a parameter is not among those known.
fn known(call: &Call, names: &[&str]) -> Result<(), Refusal> {
    match call.unknown_param(names) {
        Some(name) => Err(Refusal::field(name, "There is no such parameter")),
        None => Ok(()),
    }
}

fn body<T: DeserializeOwned>(call: &Call) -> Result<T, Refusal> {
    serde_json::from_slice(&call.body).map_err(|error| {
        Refusal::new(400, "JSON Parse Error", format!("We encountered an unspecified JSON parsing error: {error}"))
    })
}

impl Simulated for Mail {
    fn handle(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Reply {
        self.requests += 1;
        self.route(auth, call, now).unwrap_or_else(|refusal| refusal.reply(&uuid(self.seed, "instance", self.requests)))
    }

    fn is_write(&self, call: &Call) -> bool {
        call.method != http::Method::GET
    }

    fn dump(&self) -> Value {
        let members = self.store.all().map(|member| {
            let mut shown = member.render(&self.columns);
            shown["forgotten"] = member.forgotten.into();
            shown
        });
        json!({"members": members.collect::<Vec<Value>>(), "merge_fields": self.columns})
    }

    fn snapshot(&self, emit: &mut dyn FnMut(Value)) {
        if self.altered {
            emit(json!({"columns": self.columns}));
        }
        self.store.all().for_each(|member| emit(json!({"member": member})));
    }

    fn replay(&mut self, entry: Value) -> Result<(), String> {
        match serde_json::from_value(entry).map_err(|error| error.to_string())? {
            Kept::Member(member) => self.store.put(*member),
            Kept::Alter(change) => {
                columns::alter(self, &change)?;
                self.altered = true;
            }
            Kept::Columns(columns) => (self.columns, self.altered) = (columns, true),
        }
        Ok(())
    }

    fn last_modified(&self) -> i64 {
        self.store.last_modified()
    }

    fn population(&self) -> usize {
        self.store.len()
    }

    fn empty(&self) -> Box<dyn Simulated> {
        Box::new(Self::new(self.seed))
    }

    fn refuse(&self, no: &No) -> Reply {
        spoilt::refuse(self, no)
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
        let mut partial = Reply::json(reply.status, write::failed(&reply, failed));
        partial.changed = reply.changed;
        partial
    }

    fn searched(&self, call: &Call) -> Vec<String> {
        spoilt::searched(call)
    }

    fn by_updated(&self, call: &Call) -> Option<String> {
        spoilt::by_updated(call)
    }

    fn strip(&self, _call: &Call, body: &mut Value, field: &str) {
        spoilt::strip(body, field);
    }

    fn page(&self, call: &Call, body: &Value) -> Option<Page> {
        spoilt::page(call, body)
    }

    fn checkpoint(&self, _call: &Call) -> Option<Checkpoint> {
        None
    }

    fn kinds(&self) -> Vec<String> {
        vec!["members".to_owned()]
    }

    fn has_field(&self, field: &str) -> bool {
        self.columns.iter().any(|column| column.tag == field) || spoilt::FIELDS.contains(&field)
    }

    fn live(&self, kind: &str) -> Vec<String> {
        unasked::live(self, kind)
    }

    fn about(&self, entry: &Value) -> Option<(String, String)> {
        unasked::about(entry)
    }

    fn spend(&mut self, entry: &Value) {
        self.store.spent = self.store.spent.max(entry["member"]["serial"].as_u64().unwrap_or(0));
    }

    fn amend(&mut self, _kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value> {
        unasked::amend(self, id, amendment, now)
    }

    fn merge(&mut self, _kind: &str, _winner: &str, _loser: &str, _now: i64) -> Result<Vec<Value>, String> {
        Err("Mailchimp does not merge members: a mailbox is a member".to_owned())
    }

    fn alter(&mut self, change: &SchemaChange) -> Result<Vec<Value>, String> {
        columns::alter(self, change)?;
        self.altered = true;
        Ok(vec![json!({"alter": change})])
    }

    fn watch(&mut self, on: bool) {
        told::watch(self, on);
    }

    fn events(&mut self) -> Vec<Event> {
        told::events(self)
    }

    fn notice(&self, event: &Event, _nth: u64) -> Notice {
        told::notice(self, event)
    }

    /// Mailchimp does not sign: its users put a secret into the address.
    fn sign(&self, _secret: &str, _url: &str, _body: &str, _now: i64) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}
