//! Writing: on condition that nothing changed since it was read, and read back, because a success may be a refusal in words.

use nave_sdk::body;
use nave_sdk::host;
use nave_sdk::http::Answer;
use nave_sdk::names;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Delivery, Failure, LogLevel, Operation, Outcome, Rejection, SourceRecord, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api;
use crate::body::text_of;
use crate::kind::Kind;
use crate::limits::SUBJECT_CHARS_MAX;
use crate::pages;

/// Makes the differences one by one.
pub(crate) fn write(kind: Kind, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    if kind == Kind::Transactions {
        return Err(Failure::rejected("read-only", "transactions are read only"));
    }
    write::one_by_one(deliveries, |delivery| match &delivery.operation {
        WriteOperation::Create => create(kind, delivery),
        WriteOperation::Update(id) => update(kind, delivery, id),
        WriteOperation::Delete(id) => delete(kind, id),
        WriteOperation::Merge(_) => Ok(write::rejected("other", "Request Tracker merges in its own pages only")),
    })
}

fn create(kind: Kind, delivery: &Delivery) -> Result<Outcome, Stop> {
    let desired = body::object(&delivery.desired)?;
    let mut fields = spelled(&desired, &desired);
    fields.retain(|_, value| !matches!(value, Value::String(text) if text.is_empty()) && *value != json!([]));
    match kind {
        Kind::Users => {
            if !fields.contains_key("Name") {
                // As Request Tracker calls whoever writes to it for the first time.
                if let Some(email) = fields.get("EmailAddress").cloned() {
                    fields.insert("Name".to_owned(), email);
                }
            }
            fields.insert("Privileged".to_owned(), json!(0));
        }
        _ => {
            if !fields.contains_key("Queue") {
                fields.insert("Queue".to_owned(), json!(queue()?));
            }
        }
    }
    if let Some(refusal) = cut(&fields) {
        return Ok(refusal);
    }
    let answer = api::request("POST", format!("/{}", kind.singular())).json(&fields).send().map_err(write::lost)?;
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    let record = match kind {
        // The answer calls a new user by its name; the id is a number.
        Kind::Users => {
            let name = fields.get("Name").and_then(Value::as_str).map_or_else(|| answer.text("id"), str::to_owned);
            pages::find(kind, "Name", &[name]).ok().and_then(|mut found| found.pop())
        }
        _ => pages::one(kind, &answer.text("id")).ok().flatten().map(|shown| shown.record),
    };
    let Some(record) = record.filter(|record| record.operation == Operation::Upsert) else {
        return Err(Stop::settled(Outcome::Unknown("it was made, and could not be read back".to_owned())));
    };
    fields.retain(|name, _| name != "Privileged");
    if let Some((path, _)) = unkept(&fields, &record).first() {
        // It is there: to refuse it would make a second one.
        host::log(LogLevel::Warn, &format!("Request Tracker made {} {} without its {path}", kind.singular(), record.remote_id));
    }
    Ok(write::written(record))
}

fn update(kind: Kind, delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let Some(current) = pages::one(kind, id)? else {
        return Ok(write::rejected("forbidden", format!("this token may not see {} {id}, or it is an agent's", kind.singular())));
    };
    if let Some(other) = not_as_read(delivery, &current.record) {
        return Ok(other);
    }
    let changed = body::object(&delivery.changed)?;
    let there = body::object(&current.record.body)?;
    let fields = spelled(&changed, &there);
    if fields.is_empty() {
        return Ok(write::written(current.record));
    }
    if let Some(refusal) = cut(&fields) {
        return Ok(refusal);
    }
    let mut request = api::request("PUT", api::path(kind, id)?);
    if let Some(etag) = &current.etag {
        request = request.header("If-Match", etag);
    }
    let answer = request.json(&fields).send().map_err(write::lost)?;
    if answer.status == 412 {
        return Ok(match pages::one(kind, id)? {
            Some(now) if now.record.operation == Operation::Upsert => Outcome::Conflict(now.record),
            _ => Outcome::Gone,
        });
    }
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    match pages::one(kind, id) {
        Ok(Some(now)) if now.record.operation == Operation::Upsert => Ok(kept(&answer, &fields, now.record)),
        Ok(Some(_)) => Ok(Outcome::Gone),
        // What it says it did cannot be checked now.
        Ok(None) | Err(_) => Err(Stop::settled(Outcome::Unknown("it was answered, and could not be read back".to_owned()))),
    }
}

/// A subject that Request Tracker would cut, without a word.
fn cut(fields: &Map<String, Value>) -> Option<Outcome> {
    let subject = fields.get("Subject").and_then(Value::as_str)?;
    let count = subject.chars().count();
    (count > SUBJECT_CHARS_MAX as usize).then(|| {
        let said = format!("the subject has {count} characters; Request Tracker cuts it at {SUBJECT_CHARS_MAX}");
        Outcome::Rejected(Rejection::new("length", said).field("Subject"))
    })
}

/// Why a change is not to be made: it is gone, merged, or not what it was computed from.
fn not_as_read(delivery: &Delivery, current: &SourceRecord) -> Option<Outcome> {
    match &current.operation {
        Operation::Delete => Some(Outcome::Gone),
        Operation::MergedInto(winner) => Some(Outcome::MergedInto(winner.clone())),
        Operation::Upsert => {
            let other = delivery.if_version.is_some() && delivery.if_version != current.version;
            other.then(|| Outcome::Conflict(current.clone()))
        }
    }
}

/// Written, if all that was sent is there now; else refused, in the words that came with the success.
fn kept(answer: &Answer, sent: &Map<String, Value>, now: SourceRecord) -> Outcome {
    let lost = unkept(sent, &now);
    let Some((path, class)) = lost.first() else { return write::written(now) };
    let words: Vec<String> = answer.json().unwrap_or_default();
    let refusals: Vec<&str> = words.iter().map(String::as_str).filter(|said| !is_done(said)).collect();
    let mut rejection = match refusals.as_slice() {
        [] => Rejection::new(class, format!("Request Tracker did not keep {path}, and did not say why")),
        [said] => api::rejection(said),
        several => api::rejection(&several.join("; ")),
    };
    if rejection.field.is_none() || lost.len() == 1 {
        rejection.field = Some(path.clone());
    }
    Outcome::Rejected(rejection)
}

/// Words that tell of something done.
fn is_done(said: &str) -> bool {
    [" changed from ", "is no longer ", "already the current value"].iter().any(|words| said.contains(words))
        || said.starts_with("Added ")
        || said.starts_with("Owner changed")
}

/// Paths that were sent and do not hold what was sent, with the class of the refusal.
fn unkept(sent: &Map<String, Value>, now: &SourceRecord) -> Vec<(String, &'static str)> {
    let there = body::object(&now.body).unwrap_or_default();
    let plain = |value: &Value| text_of(value.get(0).unwrap_or(value)).as_str().unwrap_or_default().to_owned();
    // Spaces and spelling may be the system's own.
    let letters = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect::<String>();
    let mut lost = Vec::new();
    for (path, value) in sent {
        let (want, have) = (plain(value), there.get(path).map(plain).unwrap_or_default());
        if letters(&want) != letters(&have) {
            let class = if !have.is_empty() && want.starts_with(&have) { "length" } else { "read-only" };
            lost.push((path.clone(), class));
        }
    }
    lost
}

fn delete(kind: Kind, id: &str) -> Result<Outcome, Stop> {
    match pages::one(kind, id)? {
        Some(shown) if shown.record.operation == Operation::Upsert => {}
        Some(_) => return Ok(Outcome::Gone),
        None => return Ok(write::rejected("forbidden", format!("this token may not see {} {id}", kind.singular()))),
    }
    let answer = api::request("DELETE", api::path(kind, id)?).send().map_err(write::lost)?;
    if answer.is_success() { Ok(write::written_unread(id)) } else { Err(api::refused(&answer)) }
}

/// What changed as Request Tracker wants it: "" clears, requestors are a list, a person has one name.
fn spelled(changed: &Map<String, Value>, there: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in changed.iter().filter(|(name, _)| !matches!(name.as_str(), "first_name" | "last_name")) {
        let value = match (name.as_str(), value) {
            ("Requestor", Value::Null) => json!([]),
            ("Requestor", value) => json!([text_of(value)]),
            (_, Value::Null) => json!(""),
            (_, value) => value.clone(),
        };
        fields.insert(name.clone(), value);
    }
    if changed.contains_key("first_name") || changed.contains_key("last_name") {
        let part = |name: &str| changed.get(name).or_else(|| there.get(name)).unwrap_or(&Value::Null);
        let name = names::join(part("first_name"), part("last_name"));
        fields.insert("RealName".to_owned(), if name.is_null() { json!("") } else { name });
    }
    fields
}

/// The queue of new tickets that name none.
fn queue() -> Result<String, Failure> {
    let settings: Value = host::settings()?;
    Ok(settings["queue"].as_str().filter(|queue| !queue.is_empty()).unwrap_or("General").to_owned())
}
