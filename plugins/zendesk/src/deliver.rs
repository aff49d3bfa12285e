//! Writing: one request per delivery; the answer holds the object as it is now.

use nave_sdk::body;
use nave_sdk::http::{self, Answer};
use nave_sdk::names;
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Delivery, Failure, Operation, Outcome, SourceRecord, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api;
use crate::kind::Kind;
use crate::pages;

/// Makes the differences one by one.
pub(crate) fn write(kind: Kind, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    write::one_by_one(deliveries, |delivery| match &delivery.operation {
        WriteOperation::Create => create(kind, delivery),
        WriteOperation::Update(id) => update(kind, delivery, id),
        WriteOperation::Delete(id) => delete(kind, id),
        WriteOperation::Merge((from, into)) if kind == Kind::Users => merge(from, into),
        WriteOperation::Merge(_) => Ok(write::rejected("other", format!("Zendesk does not merge {} here", kind.plural()))),
    })
}

fn create(kind: Kind, delivery: &Delivery) -> Result<Outcome, Stop> {
    let desired = body::object(&delivery.desired)?;
    let mut fields = spelled(&desired, &desired);
    fields.retain(|_, value| !value.is_null());
    let mut request = api::request("POST", format!("/{}", kind.plural()));
    match kind {
        Kind::Users => {
            if !fields.contains_key("name") {
                // Zendesk takes nobody without a name, and calls people by their mailbox itself.
                if let Some(email) = fields.get("email").cloned() {
                    fields.insert("name".to_owned(), email);
                }
            }
            // Nobody asked for a mail to every person that the hub brings.
            fields.insert("skip_verify_email".to_owned(), json!(true));
        }
        Kind::Tickets => {
            if let Some(description) = fields.remove("description") {
                fields.insert("comment".to_owned(), json!({ "body": description }));
            }
            request = request.header("Idempotency-Key", &delivery.id);
        }
        Kind::Organizations => {}
    }
    let answer = request.json(&json!({ kind.singular(): fields })).send().map_err(write::lost)?;
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    read_back(kind, &answer).map(write::written)
}

fn update(kind: Kind, delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let changed = body::object(&delivery.changed)?;
    let mut fields = spelled(&changed, &body::object(&delivery.desired)?);
    if fields.is_empty() {
        // Even an empty change may run the account's triggers.
        return Ok(write::written_unread(id));
    }
    if kind == Kind::Tickets {
        if fields.contains_key("description") {
            let mut refusal = nave_sdk::types::Rejection::new("read-only", "a ticket's description is its first comment");
            refusal.field = Some("description".to_owned());
            return Ok(Outcome::Rejected(refusal));
        }
        if let Some(version) = &delivery.if_version {
            fields.insert("safe_update".to_owned(), json!(true));
            fields.insert("updated_stamp".to_owned(), json!(version));
        }
    }
    let path = format!("/{}/{}", kind.plural(), http::id(id)?);
    let answer = api::request("PUT", path).json(&json!({ kind.singular(): fields })).send().map_err(write::lost)?;
    if answer.status == 409 && kind == Kind::Tickets && String::from_utf8_lossy(&answer.body).contains("UpdateConflict") {
        return Ok(match pages::one(kind, id)? {
            Some(current) if current.operation == Operation::Upsert => Outcome::Conflict(current),
            Some(_) => Outcome::Gone,
            None => write::rejected("forbidden", api::words(&answer)),
        });
    }
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    let record = read_back(kind, &answer)?;
    match fields.get("email").and_then(Value::as_str).filter(|_| kind == Kind::Users) {
        Some(email) if mailbox(&record) != email.to_lowercase() => make_primary(id, email),
        _ => Ok(write::written(record)),
    }
}

/// A second mailbox is only added by an update: it becomes the user's by being made the primary identity.
fn make_primary(id: &str, email: &str) -> Result<Outcome, Stop> {
    let identities = format!("/users/{}/identities", http::id(id)?);
    let listed = after_write(api::get(identities.clone()).send())?;
    let all = listed.json::<Value>().unwrap_or_default();
    let own = all["identities"].as_array().into_iter().flatten().find(|identity| {
        identity["type"] == "email" && identity["value"].as_str().is_some_and(|value| value.eq_ignore_ascii_case(email))
    });
    let Some(own) = own.map(|identity| identity["id"].to_string()) else {
        return Err(Stop::settled(write::rejected("other", "Zendesk took the mailbox and did not keep it")));
    };
    let own = http::segment(own.trim_matches('"'));
    let made = after_write(api::request("PUT", format!("{identities}/{own}/make_primary")).json(&json!({})).send())?;
    drop(made);
    match pages::one(Kind::Users, id) {
        Ok(Some(record)) if record.operation == Operation::Upsert => Ok(write::written(record)),
        Ok(Some(_)) => Ok(Outcome::Gone),
        // It is written; the host asks later.
        Ok(None) | Err(_) => Ok(write::written_unread(id)),
    }
}

/// An answer to a further request of a write that has begun: a failure leaves it unknown what became of the whole.
fn after_write(answer: Result<Answer, http::Error>) -> Result<Answer, Stop> {
    match answer {
        Ok(answer) if answer.is_success() => Ok(answer),
        Ok(answer) if matches!(answer.status, 400 | 403 | 422) => Err(Stop::settled(Outcome::Rejected(api::rejection(&answer)))),
        Ok(answer) => Err(Stop::settled(Outcome::Unknown(api::words(&answer)))),
        Err(error) => Err(Stop::settled(Outcome::Unknown(format!("{:?}", Failure::from(error))))),
    }
}

fn delete(kind: Kind, id: &str) -> Result<Outcome, Stop> {
    let path = format!("/{}/{}", kind.plural(), http::id(id)?);
    let answer = api::request("DELETE", path).send().map_err(write::lost)?;
    if answer.is_success() { Ok(write::written_unread(id)) } else { Err(api::refused(&answer)) }
}

fn merge(from: &str, into: &str) -> Result<Outcome, Stop> {
    let winner = number(&json!(into));
    let path = format!("/users/{}/merge", http::id(from)?);
    let answer = api::request("PUT", path).json(&json!({ "user": { "id": winner } })).send().map_err(write::lost)?;
    if answer.is_success() { Ok(write::written_unread(into)) } else { Err(api::refused(&answer)) }
}

fn read_back(kind: Kind, answer: &Answer) -> Result<SourceRecord, Stop> {
    pages::shown(kind, answer)
        .map_err(|_| Stop::settled(Outcome::Unknown(format!("the answer to the write has no {}", kind.singular()))))
}

fn mailbox(record: &SourceRecord) -> String {
    let body = body::object(&record.body).unwrap_or_default();
    body.get("email").and_then(Value::as_str).unwrap_or_default().to_lowercase()
}

/// What changed as Zendesk wants it: one name, ids as numbers.
fn spelled(changed: &Map<String, Value>, desired: &Map<String, Value>) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in changed.iter().filter(|(name, _)| !matches!(name.as_str(), "first_name" | "last_name")) {
        let value = if name.ends_with("_id") && name != "external_id" { number(value) } else { value.clone() };
        fields.insert(name.clone(), value);
    }
    if changed.contains_key("first_name") || changed.contains_key("last_name") {
        let part = |name: &str| changed.get(name).or_else(|| desired.get(name)).unwrap_or(&Value::Null);
        let name = names::join(part("first_name"), part("last_name"));
        if !name.is_null() {
            fields.insert("name".to_owned(), name);
        }
    }
    fields
}

/// An id as the number that it is there.
fn number(value: &Value) -> Value {
    value.as_str().and_then(|text| text.parse::<u64>().ok()).map_or_else(|| value.clone(), Value::from)
}
