//! What a simulated system must be able to do, and the words in which it is asked.
//!
//! The first half is serving and remembering. The second is what fault switches and acts need to know of a system to spoil its
//! answers in the vendor's own manner: which objects a request writes, how the vendor says no. Nothing here waits or knows a clock.

use crate::{
    auth::Auth,
    crm::schema::PropertyType,
    faults::{FaultRule, Switch},
    wire::{Call, Reply},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Fields of one object, in a request or in an answer.
pub(crate) type Fields = Map<String, Value>;

/// A simulated system.
pub(crate) trait Simulated: Send {
    /// Answers one request. `now` is later than every modification so far, unless the clock is wrong on purpose.
    fn handle(&mut self, auth: &mut Auth, call: &Call, now: i64) -> Reply;
    /// Whether the request is of a kind that writes.
    fn is_write(&self, call: &Call) -> bool;
    /// All objects, for the control interface.
    fn dump(&self) -> Value;
    /// The whole state as entries, for the state file.
    fn snapshot(&self, emit: &mut dyn FnMut(Value));
    /// Takes an entry back in.
    fn replay(&mut self, entry: Value) -> Result<(), String>;
    /// The latest modification, milliseconds.
    fn last_modified(&self) -> i64;
    /// How many entries a snapshot would have.
    fn population(&self) -> usize;
    /// A system of the same seed with nothing in it.
    fn empty(&self) -> Box<dyn Simulated>;

    /// Says no as the vendor does.
    fn refuse(&self, no: &No) -> Reply;
    /// Why a switch makes no sense here, where it makes none.
    fn lacks(&self, switch: Switch) -> Option<&'static str>;
    /// What a request is about.
    fn ask(&self, call: &Call) -> Ask;
    /// Shows the fields of every object, and of every part of one, that a request's body writes.
    fn written(&self, call: &Call, body: &mut Value, visit: &mut dyn FnMut(&mut Fields));
    /// The objects of a request that writes several at once.
    fn batch<'a>(&self, call: &Call, body: &'a mut Value) -> Option<&'a mut Vec<Value>>;
    /// The answer to a batch of which these inputs failed; `reply` is the answer to the others.
    fn partial(&mut self, call: &Call, reply: Reply, failed: &[Value]) -> Reply;
    /// Fields that a request filters or looks up by.
    fn searched(&self, call: &Call) -> Vec<String>;
    /// What of a request asks by the time of the last change: a field or a parameter. `None` where it does not.
    fn by_updated(&self, _call: &Call) -> Option<String> {
        None
    }
    /// Takes a field out of an answer, and out of the schema where the answer is one.
    fn strip(&self, call: &Call, body: &mut Value, field: &str);
    /// The objects of a listing's answer; `None` where the answer is none.
    fn page(&self, call: &Call, body: &Value) -> Option<Page>;
    /// Where a listing is to go on, as the request says.
    fn checkpoint(&self, call: &Call) -> Option<Checkpoint>;

    /// Kinds of objects that acts change; the first where none is named.
    fn kinds(&self) -> Vec<String>;
    /// Whether an object of any kind has this field.
    fn has_field(&self, field: &str) -> bool;
    /// Ids of the objects of a kind that are not gone.
    fn live(&self, kind: &str) -> Vec<String>;
    /// The object that an entry is about: kind and id.
    fn about(&self, entry: &Value) -> Option<(String, String)>;
    /// What an entry made was not kept; its id is not given out again.
    fn spend(&mut self, entry: &Value);
    /// Changes one object as the system itself would. Nothing where it is gone, lacks the field, or would not change.
    fn amend(&mut self, kind: &str, id: &str, amendment: Amendment<'_>, now: i64) -> Vec<Value>;
    /// Merges the second object into the first, as a person does there.
    fn merge(&mut self, kind: &str, winner: &str, loser: &str, now: i64) -> Result<Vec<Value>, String>;
    /// Changes what the objects of a kind look like.
    fn alter(&mut self, change: &SchemaChange) -> Result<Vec<Value>, String>;

    /// It answers nobody: what it has, it drops as files.
    fn is_files(&self) -> bool {
        false
    }
    /// Drops its files anew, as these switches have it. After every change, and when a switch is set or cleared; `now` is the
    /// files' time.
    fn export(&mut self, _faults: &[FaultRule], _now: i64) -> std::io::Result<()> {
        Ok(())
    }

    /// Whether changes are noted for webhooks.
    fn watch(&mut self, on: bool);
    /// What happened since it was last asked.
    fn events(&mut self) -> Vec<Event>;
    /// How the vendor tells it; `nth` is the number of the webhook.
    fn notice(&self, event: &Event, nth: u64) -> Notice;
    /// The headers by which a receiver knows that it is the vendor who tells it.
    fn sign(&self, secret: &str, url: &str, body: &str, now: i64) -> Vec<(&'static str, String)>;
}

/// Something that happened to an object, as a webhook tells it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    /// As in [`Simulated::kinds`].
    pub(crate) kind: String,
    pub(crate) id: String,
    pub(crate) what: Happened,
    /// Milliseconds.
    pub(crate) at: i64,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Happened {
    Made,
    /// The fields that have another value now.
    Changed(Vec<(String, Value)>),
    Deleted,
    MergedInto(String),
}

/// A webhook's body.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    pub(crate) content_type: &'static str,
    pub(crate) body: String,
}

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// The token endpoint.
    Token,
    /// A listing or a search.
    List,
    /// One or several objects by id.
    Get,
    /// A write.
    Write,
    /// Accounts, schemas.
    Other,
}

/// What a request is about.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) what: What,
    /// The kind of objects, as in [`Simulated::kinds`].
    pub(crate) object: Option<String>,
}

/// A refusal, before the vendor puts it into words.
#[derive(Clone, Debug)]
pub(crate) enum No {
    RateLimited,
    /// 500, 502, 503 or 504.
    Failing(u16),
    /// 503 for everything.
    Down,
    BadToken,
    /// The kind of objects that may not be touched.
    Forbidden(Option<String>),
    /// A field that does not exist.
    UnknownField(String),
    /// A field that may not be set.
    ReadOnly(String),
    /// A field that cannot be searched by.
    Unsearchable(String),
    /// A checkpoint that is too old.
    Expired,
}

/// The objects of a listing's answer.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) kind: String,
    pub(crate) ids: Vec<String>,
    /// The token of the next page; empty where pages are counted. `None` where there is no next one.
    pub(crate) next: Option<String>,
    /// The order is not that of changes: only an object that goes lets the others move up.
    pub(crate) by_id: bool,
}

/// Where a listing is to go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Checkpoint {
    /// A token that the system made.
    Token(String),
    /// A time, milliseconds.
    Since(i64),
}

/// What happens to one object.
#[derive(Clone, Copy)]
pub(crate) enum Amendment<'a> {
    /// A field gets what the function makes of its value.
    Set(&'a str, &'a dyn Fn(&str) -> String),
    /// Nothing but the modification time moves.
    Touch,
    /// It is deleted, or archived where the system cannot delete.
    Delete,
}

/// A change of what the objects of a kind look like.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SchemaChange {
    pub(crate) change: SchemaVerb,
    /// The kind of objects; the first where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) object: Option<String>,
    pub(crate) field: String,
    /// The new name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) to: Option<String>,
    /// The type, for `add` and `retype`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<PropertyType>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SchemaVerb {
    Add,
    Remove,
    Rename,
    Retype,
}

/// A system with the same things in it. Costs as much as writing and reading its state file.
pub(crate) fn copy(system: &dyn Simulated) -> Box<dyn Simulated> {
    let mut twin = system.empty();
    let mut entries = Vec::new();
    system.snapshot(&mut |entry| entries.push(entry));
    for entry in entries {
        if let Err(why) = twin.replay(entry) {
            tracing::error!(why, "a system does not understand its own state");
        }
    }
    twin
}
