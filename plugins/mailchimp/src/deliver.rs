//! Writing members: one request per delivery; the answer is the member as it is now.

use nave_sdk::body;
use nave_sdk::http::{self, Answer};
use nave_sdk::serde_json::{Map, Value, json};
use nave_sdk::types::{Delivery, Failure, Outcome, WriteOperation};
use nave_sdk::write::{self, Stop};

use crate::api::{self, Settings};
use crate::members;

/// Makes the differences one by one.
pub(crate) fn write(settings: &Settings, deliveries: &[Delivery]) -> Result<Vec<Outcome>, Failure> {
    write::one_by_one(deliveries, |delivery| match &delivery.operation {
        WriteOperation::Create => create(settings, delivery),
        WriteOperation::Update(id) => update(settings, delivery, id),
        WriteOperation::Delete(id) => delete(settings, id),
        WriteOperation::Merge(_) => Ok(write::rejected("other", "Mailchimp does not merge members: a mailbox is a member")),
    })
}

/// A mailbox is a member, so that it cannot be made twice; one that was archived comes back.
fn create(settings: &Settings, delivery: &Delivery) -> Result<Outcome, Stop> {
    let mut fields = spelled(&body::object(&delivery.desired)?);
    fields.retain(|_, value| !value.is_null() && *value != "");
    if let Some(Value::Object(merge)) = fields.get_mut("merge_fields") {
        merge.retain(|_, value| value != "");
    }
    fields.entry("status").or_insert_with(|| json!(settings.status_of_new));
    let request = api::request("POST", settings.members(None)).query("skip_merge_validation", "true");
    answered(request.json(&fields).send().map_err(write::lost)?)
}

fn update(settings: &Settings, delivery: &Delivery, id: &str) -> Result<Outcome, Stop> {
    let fields = spelled(&body::object(&delivery.changed)?);
    if fields.is_empty() {
        // Even an empty change would move the time of the last one.
        return Ok(write::written_unread(id));
    }
    let request = api::request("PATCH", settings.members(Some(http::id(id)?))).query("skip_merge_validation", "true");
    answered(request.json(&fields).send().map_err(write::lost)?)
}

/// Archives: only that can be taken back.
fn delete(settings: &Settings, id: &str) -> Result<Outcome, Stop> {
    let answer = api::request("DELETE", settings.members(Some(http::id(id)?))).send().map_err(write::lost)?;
    match answer.status {
        // Archived already.
        405 => Ok(Outcome::Gone),
        _ if answer.is_success() => Ok(write::written_unread(id)),
        _ => Err(api::refused(&answer)),
    }
}

fn answered(answer: Answer) -> Result<Outcome, Stop> {
    if !answer.is_success() {
        return Err(api::refused(&answer));
    }
    match members::shown(&answer) {
        Ok(record) if record.body.is_empty() => Ok(Outcome::Gone),
        Ok(record) => Ok(write::written(record)),
        Err(_) => Err(Stop::settled(Outcome::Unknown("the answer to the write is not a member".to_owned()))),
    }
}

/// What changed as Mailchimp wants it: "" clears a text, null is no value.
fn spelled(changed: &Map<String, Value>) -> Map<String, Value> {
    let cleared = |value: &Value| if value.is_null() { json!("") } else { value.clone() };
    let mut fields = Map::new();
    for (name, value) in changed {
        let value = match (name.as_str(), value) {
            ("merge_fields", Value::Object(merge)) => {
                Value::Object(merge.iter().map(|(tag, value)| (tag.clone(), cleared(value))).collect())
            }
            ("language", value) => cleared(value),
            (_, value) => value.clone(),
        };
        fields.insert(name.clone(), value);
    }
    fields
}
